/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_JOURNAL_H
#define OSR_TESTS_SIM_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/pid.h"

/* What happened in a simulated cluster, in order: to its nodes and to its people. It says all that
 * the checker needs to know. */

#define JOURNAL_GROUPS 3
#define JOURNAL_NAMES 3
#define JOURNAL_HOSTS_MAX 8
#define JOURNAL_HOST_UNKNOWN JOURNAL_HOSTS_MAX

typedef enum event_kind {
    /* nodes and network */
    EVENT_STARTED = 1, /* x: node id, y: host, z: its T in ms */
    EVENT_GONE,        /* x: node id: crashed or stopped */
    EVENT_UP,          /* x: node id, y: session, z: the peer's host */
    EVENT_DOWNED,      /* the same, ended there; w: it said protocol_error */
    EVENT_CUT,         /* x: silence from that host, y: to this one */
    EVENT_HEALED,      /* x, y */
    EVENT_PAUSED,      /* x: host; y: until */
    EVENT_FORGED,      /* x: host that was sent what its peer never sent; y: the peer's host */
    EVENT_BOTH_DIALED, /* x, y: hosts that dialed each other, and nothing else happened; one of the
                          dials has had the time to succeed, neither was tried again */
    EVENT_DIALED,      /* x, y: hosts of which one dialed the other, or both, and nothing else
                          happened for long enough */
    EVENT_STRANGER,    /* x: host; y: 0 heard nothing or a refusal, and was cut off; else not */

    /* people */
    EVENT_BORN,      /* who; other: parent, linked with it if x */
    EVENT_ENDED,     /* who */
    EVENT_SYNCED,    /* who: from here on nodeups and messages are in its mailbox in order */
    EVENT_HEARD,     /* who; other: sender; x: number to the name, y: number to the pid (0: was sent
                        by name), z: session when it was sent (0: none), w: number to the pid in
                        that session */
    EVENT_TOLD,      /* who; other; x: messages to that pid so far, z: session of the last */
    EVENT_WAITED,    /* who sent; x: host, y: ns that it took, z: bytes that may be queued for it */
    EVENT_NODEUP,    /* who; x: host, y: session, z: node id */
    EVENT_NODEDOWN,  /* who; x: host */
    EVENT_MONITOR,   /* who; other: target (none: by name); x: reference, y: session, z: host */
    EVENT_DEMONITOR, /* who; x: reference; from here on it must not fire */
    EVENT_DOWN,      /* who; other; x: reference, y: reason code */
    EVENT_LINK,      /* who; other; y: session then */
    EVENT_UNLINK,    /* who; other */
    EVENT_EXITED,    /* who; other; y: reason code */
    EVENT_ANSWERED,  /* who; x: asked, y: answered */
    EVENT_SPAWNED,   /* who; x: host asked, y: error, z: session when it was asked */
    EVENT_SETTLED,   /* nobody has begun anything for so long that all has arrived */

    /* groups and cluster-wide names */
    EVENT_JOINED,    /* who; x: group */
    EVENT_LEFT,      /* who; x: group */
    EVENT_WATCHED,   /* who; x: group, y: monitor, the only one it has; 0: none any more */
    EVENT_CAME,      /* who; other; y: monitor that said so */
    EVENT_WENT,      /* the same */
    EVENT_SEEN,      /* who; other: a member as who's node has it; x: group */
    EVENT_SEEN_ALL,  /* who; x: group: those were all that its node has */
    EVENT_CLAIMS,    /* who begins to register; x: name */
    EVENT_CLAIMED,   /* who; x: name, y: error */
    EVENT_GAVE_BACK, /* who; x: name */
    EVENT_LOST,      /* who; other: winner; x: name */
    EVENT_OWNER,     /* who; other: who has it as who's node knows; x: name */
    EVENT_KINDS,
} event_kind;

/* What a person can see to be wrong by itself. */
#define WRONG_RECEIVER 1u /* HEARD: it was for another pid */
#define WRONG_NAME 2u     /* DOWN, EXITED: the dead one still had its name */
#define WRONG_TIMER 4u    /* DOWN, EXITED: its timer still ran */
#define WRONG_LOAD 8u     /* HEARD: it was not what had been sent */
#define WRONG_GROUP 16u  /* DOWN, EXITED: it was still in a group; NODEDOWN: one of its processes */
#define WRONG_GLOBAL 32u /* the same, of cluster-wide names */

typedef struct event {
    uint64_t now_ns;
    event_kind kind;
    uint32_t wrong;
    osr_pid who, other;
    uint64_t x, y, z, w;
} event;

typedef struct journal {
    event *events;
    size_t count, capacity;
    uint64_t hash; /* of the events, and of what journal_mix() was given */
} journal;

void journal_add(journal *book, event what);
void journal_mix(journal *book, const void *bytes, size_t count);
void journal_fini(journal *book);

/* Prints all events to standard error. */
void journal_print(const journal *book);

#endif
