/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_STATE_H
#define OSR_DIST_NET_STATE_H

#include "dist/link/link.h"
#include "dist/membership/table.h"
#include "dist/net/command.h"
#include "dist/net/delay.h"
#include "dist/net/directory.h"
#include "dist/net/doubts.h"
#include "dist/net/gates.h"
#include "dist/net/introductions.h"
#include "dist/net/lane.h"
#include "dist/net/net.h"
#include "dist/net/record.h"
#include "dist/net/relations.h"
#include "lib/core/list.h"
#include "lib/core/map.h"
#include "lib/process/service.h"

/* What the files of this folder share. Everything but the queue, the directory and the atomics
 * belongs to the thread that has the role. */

#define OSRI_NET_DEPTH 3 /* steps of links within each other: a link that comes up ends another */
#define OSRI_NET_NEAR 64 /* sessions that are found without a look into a table */
#define OSRI_NS_PER_MS_NET UINT64_C(1000000)

typedef struct osri_party osri_party;

/* One connection, from dial or accept to its end. */
typedef struct osri_session {
    osri_list_link in_all; /* osri_net.sessions, in the order of their making */
    osri_net *net;
    osri_conn conn; /* 0: the transport has ended it */
    osri_link *link;
    osri_lane *lane; /* once up; NULL: none */
    osri_introductions introductions;
    osri_relations_table relations;
    osri_delay delay;     /* of requests of the peer */
    osri_map full_told;   /* processes here whose mailboxes the peer has to wait for: room.c */
    osri_peer peer;       /* once up */
    uint32_t spawn_count; /* of its certificate: the entries it may start; 0 = all */
    char spawn[OSRI_SPAWN_NAMES_MAX][65];

    char name[OSRI_NAME_BYTES]; /* dialer: whom we want; acceptor: what it claimed, once that was
                                   granted */
    uint8_t key[OSRI_KEY_BYTES];
    uint64_t creation;
    uint64_t began_ns; /* before it, or us, said anything */
    uint64_t number;   /* the same on both sides */
    uint64_t serial;   /* once up: of the peer's certificate */
    char address[64];
    bool dialed;
    bool rejected; /* dialed: the other side, or we, ended it for a key */
    bool up;
    osri_list_link in_dirty; /* osri_net.dirty, or none: records were given to the link */
    bool blocked;            /* the transport took no more */
    bool dead;               /* to be reaped */
    const char *failure;    /* static; what was wrong with what the peer sent: it ends; else NULL */
    osri_down failure_down; /* what it is told then */
    osri_gate gate;         /* of what the peer does wrong and survives */
    uint64_t retry_ns;      /* blocked: when to try again */
    uint32_t tick_ms;       /* our T, as the peer was told it last */
    uint64_t tick_due_ns;   /* when that holds here; UINT64_MAX: it does */
    bool is_member;         /* neither side is hidden: members, and services, talk across it */
    uint64_t members_told;  /* the last change of the table that it has been told */
    osri_members_writer *contested; /* what it is to be told of itself; NULL: nothing */
} osri_session;

typedef enum osri_party_state {
    OSRI_PARTY_IDLE = 0,
    OSRI_PARTY_RESOLVING,
    OSRI_PARTY_DIALING,
    OSRI_PARTY_WAITING, /* our dial was refused because the peer's own is under way */
} osri_party_state;

/* A node by name: as long as it is connected, wanted, or something waits for it. */
struct osri_party {
    char name[OSRI_NAME_BYTES];
    osri_party_state state;
    osri_session *up;
    osri_session *dialing;
    osri_lane *lane;            /* NULL: none */
    osri_command *first, *last; /* what waits for it to come up */
    uint64_t deadline_ns;       /* of the attempt */
    uint64_t redial_ns;         /* UINT64_MAX: not planned */
    uint32_t backoff_ms;
    uint32_t wants;   /* how many want it to be connected */
    bool tries_table; /* the attempt has not yet used what the table of members says */
    bool by_table;    /* it does so now: if that fails, the resolver is asked */
    bool was_lost;    /* visible, and no longer connected: with auto-connect once it matters */
};

struct osri_net {
    osr_node *node;
    osri_net_options options;
    const osr_env *env;
    const osri_log *log;
    const osri_types *types;
    osri_transport *transport;
    char **joins;

    osri_command_queue queue;
    osri_directory directory;
    osri_lanes lanes;
    osri_doubts doubts;
    atomic_bool has_owner; /* passes everything below from owner to owner: attend.c */
    atomic_bool roused;    /* who rests has something else to do */
    osr_parker
        *stand_by; /* where the own thread waits while it has no role; NULL: nobody attends */
    atomic_bool has_left;
    _Atomic(uint64_t) ends; /* sessions that have ended; writer: owner */

    osri_map conns;   /* osri_conn -> osri_session */
    osri_map parties; /* name -> osri_party */
    osri_list sessions;
    osri_list dirty; /* sessions to flush, in the order in which they had to be */
    osri_members members;
    osri_members_writer record; /* of members, while it is made */
    uint64_t members_due_ns;    /* when changes are to be told; UINT64_MAX: there are none */
    size_t lost_count;          /* parties with was_lost */
    size_t up_count;
    size_t setup_count; /* accepted, not up */
    size_t dead_count;
    osri_link_actions *actions[OSRI_NET_DEPTH];
    unsigned depth;
    osri_buffer scratch;
    osri_buffer introduction;
    osri_session *near[OSRI_NET_NEAR]; /* up, by node id */
    uint64_t now_ns;
    uint64_t woke_ns;      /* when the first event of the last look was there */
    uint64_t due_ns;       /* nothing is due before */
    osri_gate gate;        /* of sessions that ended by what the other side sent */
    osri_gates handshakes; /* of those that were refused */
    bool leaving;
    osri_net_counters counters;
};

/* The time as the turn knows it: read when it begins, after each event and each COMMANDS_A_LOOK
 * commands. */
static inline uint64_t osri_net_now(const osri_net *net)
{
    return net->now_ns;
}

static inline void osri_net_look_at_clock(osri_net *net)
{
    net->now_ns = net->env->now_ns(net->env->context);
}

/* The session with a node; NULL: it is not remembered. Every session that comes up or goes down
 * empties the memory. */
static inline osri_session *osri_net_near(const osri_net *net, uint64_t node)
{
    osri_session *session = net->near[node % OSRI_NET_NEAR];

    return session != NULL && session->peer.node == node ? session : NULL;
}

/* Something is to be done at that time. */
static inline void osri_net_due(osri_net *net, uint64_t due_ns)
{
    net->due_ns = due_ns < net->due_ns ? due_ns : net->due_ns;
}

/* How loud the log is about a refusal, on both sides (dist/net/DESIGN.md). */
osr_log_level osri_net_level_of(uint32_t refusal);
/* Says that a session goes down: before it is no longer up. */
void osri_session_tell_down(const osri_session *session, const osri_link_action *action,
                            const char *reason);

/* Writes a line if the gate lets it pass, with how many it held back. */
void osri_net_say(const osri_net *net, osri_gate *gate, osr_log_level level, const char *format,
                  ...) __attribute__((format(printf, 4, 5)));

/* ---- operations.c, net.c ---- */

extern const osri_remote_ops osri_net_operations;

/* What was asked, at most so many events, what is due; then sends what has come of it. Returns
 * whether there was anything. Threads: this and the next, the owner. */
bool osri_net_work(osri_net *net, int events_max);

/* Events only, waiting for the first. */
bool osri_net_take_events(osri_net *net, int events_max, uint64_t timeout_ns);

/* ---- attend.c ---- */

#define OSRI_NET_WAIT_NS UINT64_C(5000) /* what came sooner had been there already */

osr_err osri_net_attend_init(osri_net *net);
void osri_net_attend_fini(osri_net *net);

/* No worker attends any more, nor will. */
void osri_net_attend_end(osri_net *net);

/* Of osri_remote_ops. */
osri_rest osri_net_rest(void *context, uint64_t timeout_ns);
void osri_net_rouse(void *context, bool waits);
void osri_net_attended(void *context, bool attended);
/* The node stops; context: the net. */
void osri_net_close(void *context);

/* ---- session.c ---- */

/* Errors: OSR_ENOMEM, and those of dial(). */
osr_err osri_session_dial(osri_net *net, const char *name, const char *endpoint,
                          const uint8_t key[OSRI_KEY_BYTES], uint64_t deadline_ns,
                          osri_session **ret_session);
void osri_session_event(osri_net *net, const osri_transport_event *event);
/* Ends those whose peer's certificate is revoked. */
void osri_sessions_revoke(osri_net *net);
/* Sets the event's time. Errors: as osri_link_step(). The session may be down afterwards; it is
 * freed by osri_sessions_reap() alone. */
osr_err osri_session_step(osri_session *session, osri_link_event *event);
/* Records have been given to its link: the next flush sends them. */
void osri_session_touch(osri_session *session);
void osri_session_flush_all(osri_net *net);
void osri_session_close(osri_session *session, osri_down down, const char *text);
/* By what it sent: ends after this step. text is static. */
void osri_session_fail(osri_session *session, const char *text);
/* For want of memory: ends in this turn. What was to be said or heard in it would be missing. */
void osri_session_starve(osri_session *session);
/* Ends those that are in doubt. */
void osri_sessions_doubt(osri_net *net);
void osri_sessions_tick(osri_net *net, uint64_t now_ns);
void osri_sessions_reap(osri_net *net);
void osri_session_free(osri_session *session);

/* ---- party.c ---- */

osri_party *osri_party_find(osri_net *net, const char *name);
osri_party *osri_party_get(osri_net *net, const char *name); /* NULL: out of memory */
/* The request that waits for the connection; NULL: none does, of this process with this number. */
osri_command *osri_party_take_request(osri_party *party, osr_pid from, uint64_t ref);
/* Takes the command: it leaves once the node is up, or is refused. */
void osri_party_wait(osri_party *party, osri_net *net, osri_command *command);
void osri_party_dial(osri_party *party, osri_net *net);
void osri_party_resolved(osri_net *net, const osri_command *answer);
/* False: out of memory. */
bool osri_party_up(osri_net *net, osri_session *session);
/* Whether a node of the same name came before the one that is up. Creations have no order; but what
 * had been known of before the peer last gave a sign of life that answers something of ours, its
 * handshake for one, cannot have come after it. */
bool osri_party_outlived(const osri_party *party, osri_net *net, uint64_t node);
/* Sends what waited for it. */
void osri_party_release(osri_net *net, const char *name);
void osri_party_down(osri_net *net, osri_session *session, const osri_link_action *action);
void osri_parties_tick(osri_net *net, uint64_t now_ns);
void osri_parties_refuse_all(osri_net *net);
void osri_party_free(osri_party *party);

/* Wanted by one more, or one less. */
void osri_party_want(osri_net *net, const char *name, bool wanted);
/* Whether a signal may have it dialed. party NULL: it was never met. */
bool osri_party_may_dial(const osri_net *net, const osri_party *party);

/* ---- members.c ---- */

/* Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_net_members_init(osri_net *net, uint64_t seed);
/* A session is up: executed with UP. False: out of memory. */
bool osri_net_members_up(osri_session *session);
/* The first thing that goes over a session. */
void osri_net_members_greet(osri_session *session);
void osri_net_members_down(osri_session *session, osri_down down);
/* Tells the node, after the nodeup. */
void osri_net_members_tell(osri_session *session);
void osri_net_members_tell_self(osri_net *net);
/* A record of them has come. */
void osri_net_members_record(osri_session *session, const uint8_t *bytes, size_t size);
/* An attempt to connect has failed. answered: somebody was there, or it was we who could not. */
void osri_net_members_failed(osri_net *net, const char *name, bool answered);
void osri_net_members_drain(osri_net *net, bool draining);
void osri_net_members_tick(osri_net *net, uint64_t now_ns);

/* ---- permit.c ---- */

/* Whether the peer may start this entry here, by a spawn or a call (role spawn), or for a
 * supervisor (role supervise); what is granted has been written down, what is refused told.
 * `what` it does, for people. */
bool osri_permit_start(osri_session *session, osr_str entry, uint32_t role, const char *what);
/* Whether it may ask our processes what they are and do (osr_info()), as by a shell. */
bool osri_permit_look(osri_session *session);

/* ---- room.c ---- */

#define OSRI_RECORD_FULL 68
#define OSRI_RECORD_ROOM 69

/* The mailbox of a process here is full, of which the node `from` is to know; or has room again. */
void osri_net_room_full(osri_net *net, osr_pid receiver, uint64_t from);
void osri_net_room_made(osri_net *net, osr_pid receiver);
/* A message of the peer is for the mailbox of this process. */
void osri_net_room_used(osri_session *session, uint64_t process);
bool osri_net_room_is_record(const uint8_t *bytes, size_t size);
void osri_net_room_record(osri_session *session, const uint8_t *bytes, size_t size);

/* ---- tick.c ---- */

#define OSRI_RECORD_TICK 67

/* Whether T may be this. Threads: any. */
bool osri_net_ticks_are(uint32_t tick_ms);
void osri_net_ticks_change(osri_net *net, uint32_t tick_ms);
/* A session has come up; its time passes; a record has come that should be of this kind. */
void osri_net_ticks_up(osri_session *session);
void osri_net_ticks_tick(osri_session *session, uint64_t now_ns);
void osri_net_ticks_record(osri_session *session, const uint8_t *bytes, size_t size);

/* ---- route.c ---- */

/* Sends a signal on its way, or refuses it. Takes the command. */
void osri_route_command(osri_net *net, osri_command *command);
/* A WITHDRAW: drops what waits here, or says that it has left. Takes the command. */
void osri_route_withdraw(osri_net *net, osri_command *command);
/* One record of a peer that is up. */
void osri_route_record(osri_session *session, const uint8_t *bytes, size_t size);
void osri_route_refuse(osri_net *net, osri_command *command, osr_reason_code code);
/* Frees it: what it carried has gone its way. */
void osri_route_done(osri_net *net, osri_command *command);

#endif
