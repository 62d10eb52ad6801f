/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_LANE_H
#define OSR_DIST_NET_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/list.h"
#include "lib/core/map.h"
#include "lib/core/mutex.h"
#include "lib/process/signal.h"

/* The way to one node, as all threads of ours see it: how much waits for it, and the processes that
 * wait in line until less does (DESIGN.md D11). One for each name that something was sent to; it
 * lives as long as the net, so that whoever has found it may keep it. */

#define OSRI_LANE_BUSY_BYTES (1024 * 1024) /* more waits: senders wait, ... */
#define OSRI_LANE_FREE_BYTES (256 * 1024)  /* ... until less does */
#define OSRI_LANE_LARGE_BYTES (256 * 1024) /* messages above this only wait for their like: */
#define OSRI_LANE_LARGE_BUSY_BYTES (4 * 1024 * 1024)
#define OSRI_LANE_LARGE_FREE_BYTES (1024 * 1024)
#define OSRI_LANE_BYTES_MAX (64 * 1024 * 1024)    /* for senders that cannot wait; node connected */
#define OSRI_LANE_DIALING_BYTES_MAX (1024 * 1024) /* ... and not connected */
#define OSRI_LANE_FULL_MAX 4096 /* bounded mailboxes there; of further ones nobody hears */
#define OSRI_LANES_MAX 16384    /* further nodes have none: nobody waits */
#define OSRI_LANE_APART 64      /* a cache line: the heap aligns to less */
#define OSRI_LANES_CACHED 256   /* a power of two */

/* What the owner has counted of the way, and others read. */
typedef enum osri_lane_value {
    OSRI_LANE_BYTES_SENT, /* this and the next ones: of the session */
    OSRI_LANE_BYTES_RECEIVED,
    OSRI_LANE_FRAMES_SENT,
    OSRI_LANE_FRAMES_RECEIVED,
    OSRI_LANE_MESSAGES_SENT,
    OSRI_LANE_MESSAGES_RECEIVED,
    OSRI_LANE_SIGNALS_SENT,
    OSRI_LANE_SIGNALS_RECEIVED,
    OSRI_LANE_FRAGMENTS_SENT,
    OSRI_LANE_FRAGMENTS_RECEIVED,
    OSRI_LANE_ROUND_TRIP_NS,
    OSRI_LANE_IN_FLIGHT,
    OSRI_LANE_WINDOW,
    OSRI_LANE_SESSION_VALUES,
    OSRI_LANE_LOST = OSRI_LANE_SESSION_VALUES, /* this and the next ones: of all sessions */
    OSRI_LANE_TOO_LARGE,
    OSRI_LANE_UNTYPED,
    OSRI_LANE_VALUES,
} osri_lane_value;

/* What waits of small messages, or of large ones, and who waits to send one: so a small one has
 * never to wait for large ones, with whose fragments it takes turns on the link. */
typedef struct osri_track {
    /* writers: any thread */
    _Atomic(uint64_t) given; /* bytes of messages given and not yet routed */
    atomic_bool busy;        /* written under the lane's mutex, and read before it is taken */

    uint8_t apart[OSRI_LANE_APART];

    _Atomic(uint64_t) linked;        /* bytes in the queue of the link; writer: owner */
    uint64_t routed;                 /* bytes to be taken off `given`; owner */
    uint64_t busy_bytes, free_bytes; /* constant */
    osri_list line; /* osri_sender, first come first; guarded_by: the lane's mutex */
} osri_track;

typedef struct osri_lane {
    osri_track small, large;

    /* writers: any thread */
    _Atomic(uint64_t) refused; /* messages: too much waited, and the sender could not */

    /* writer: owner; readers: any thread */
    _Atomic(uint64_t) node; /* its incarnation that was connected last; 0: none */
    atomic_bool connected;
    uint64_t ended; /* owner: of the sessions that have ended, which one this lane's last was */
    _Atomic(uint64_t) values[OSRI_LANE_VALUES];

    /* owner */
    osri_list_link in_touched; /* osri_lanes.touched */
    uint64_t refused_told;
    uint64_t told_ns;

    osri_mutex mutex;             /* OSRI_RANK_SESSION */
    osri_map full;                /* process -> bounded mailbox there; guarded_by: mutex */
    _Atomic(uint32_t) full_count; /* of them; written under mutex */
    _Atomic(uint32_t) waiting;    /* senders in line; written under mutex */

    char name[]; /* constant */
} osri_lane;

typedef struct osri_lanes {
    osri_mutex mutex;                              /* OSRI_RANK_ROUTER */
    osri_map by_name;                              /* name -> osri_lane; guarded_by: mutex */
    osri_list touched;                             /* owner: to be settled */
    _Atomic(osri_lane *) named[OSRI_LANES_CACHED]; /* found lately: by the hash of the name, ... */
    _Atomic(osri_lane *) numbered[OSRI_LANES_CACHED]; /* ... and by node id */
} osri_lanes;

void osri_lanes_init(osri_lanes *lanes, uint64_t seed);
void osri_lanes_fini(osri_lanes *lanes);

/* The lane to a node by name, made if there is none; NULL: out of memory, not a name of a
 * node, or OSRI_LANES_MAX. Threads: any. */
osri_lane *osri_lane_to(osri_lanes *lanes, const char *name);

/* The lane to this incarnation of a node if it was found lately, else NULL. Threads: any. */
osri_lane *osri_lane_cached(const osri_lanes *lanes, uint64_t node);
void osri_lane_cache(osri_lanes *lanes, uint64_t node, osri_lane *lane);

/* Counts a message as given if not too much waits, and there is credit for the mailbox of its
 * receiver (a process as in records; 0: by name) if its node keeps us to that: *ret_credited,
 * the receiver, or 0. False: it was not, and the sender, if not NULL, is in line; its lane, bytes
 * and credit have been set. Threads: any. */
bool osri_lane_enter(osri_lane *lane, uint64_t receiver, uint64_t bytes, osri_sender *sender,
                     uint64_t *ret_credited);

/* A message for which credit was used was not sent after all; 0: none was. Threads: any. */
void osri_lane_credit_back(osri_lane *lane, uint64_t receiver);

/* Counts a message as given whose sender cannot wait. False: too much waits, it is dropped.
 * Threads: any. */
bool osri_lane_squeeze(osri_lane *lane, uint64_t bytes);

/* Takes a sender out of line; true: it had been admitted. It is not woken afterwards. Threads: any.
 */
bool osri_lane_leave(osri_lane *lane, osri_sender *sender);

/* What was counted as given was not. Threads: any. */
void osri_lane_take_back(osri_lane *lane, uint64_t bytes);

/* A message that was given has been routed, or dropped; noted by osri_lanes_settle(). Owner. */
void osri_lane_routed(osri_lanes *lanes, osri_lane *lane, uint64_t bytes);

/* A session with this incarnation has begun; or the one that there was has ended. Owner. */
void osri_lane_up(osri_lane *lane, uint64_t node);
void osri_lane_down(osri_lanes *lanes, osri_lane *lane);

/* The link has so much in its queue now, and so much of that in large records. Owner. */
void osri_lane_linked(osri_lanes *lanes, osri_lane *lane, uint64_t bytes, uint64_t large_bytes);

/* The mailbox of a process there is full, who sends to it is to wait; or has room for so many
 * messages from now on, 0: is not bounded any more. Owner. */
void osri_lane_mailbox_full(osri_lane *lane, uint64_t receiver);
void osri_lane_mailbox_room(osri_lane *lane, uint64_t receiver, uint64_t messages);

/* Lets those go on for whom there is room, on all lanes on which something has changed. Owner. */
void osri_lanes_settle(osri_lanes *lanes);

/* Owner; NULL is no lane: nothing is noted. */
static inline void osri_lane_set(osri_lane *lane, osri_lane_value value, uint64_t to)
{
    if (lane != NULL) {
        atomic_store_explicit(&lane->values[value], to, memory_order_relaxed);
    }
}

static inline void osri_lane_add(osri_lane *lane, osri_lane_value value, uint64_t more)
{
    if (lane != NULL) {
        osri_lane_set(lane, value,
                      atomic_load_explicit(&lane->values[value], memory_order_relaxed) + more);
    }
}

/* All lanes as they are now, in the order of their making, in at most max places; returns how many
 * there are. Threads: any. */
size_t osri_lanes_status(osri_lanes *lanes, osr_link_status *ret_links, size_t max);

/* A session, or an attempt, has ended: what is in line is refused. Owner. */
void osri_lane_end(osri_lane *lane);
void osri_lanes_end_all(osri_lanes *lanes);

/* Messages that osri_lane_squeeze() has refused since this last said so; 0 also where it has said
 * so within a second. Owner. */
uint64_t osri_lane_refused(osri_lane *lane, uint64_t now_ns);

/* All that were refused, on all lanes. Threads: any. */
uint64_t osri_lanes_refused(osri_lanes *lanes);

static inline uint64_t osri_track_queued(const osri_track *track)
{
    return atomic_load_explicit(&track->given, memory_order_relaxed) +
           atomic_load_explicit(&track->linked, memory_order_relaxed);
}

/* Bytes that wait for the node here. Threads: any. */
static inline uint64_t osri_lane_queued(const osri_lane *lane)
{
    return osri_track_queued(&lane->small) + osri_track_queued(&lane->large);
}

#endif
