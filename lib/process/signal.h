/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_SIGNAL_H
#define OSR_PROCESS_SIGNAL_H

#include <stdatomic.h>

#include "lib/core/list.h"
#include "lib/core/log.h"
#include "lib/message/envelope.h"
#include "lib/message/types.h"
#include "osier/node.h"
#include "osier/nodes.h"
#include "osier/process.h"

/* Signals: everything that passes between processes, in one queue a receiver (DESIGN.md D7). A
 * signal is an envelope; its kind says what the receiver does with it, and its body is typed like
 * any message's, so that the distribution encodes all of them alike. The numbers travel: append,
 * never reuse. */
typedef enum osri_signal_kind {
    OSRI_SIGNAL_MESSAGE =
        1, /* body: the user's. ref != 0: a request, whose sender waits for REPLY or DOWN */
    OSRI_SIGNAL_REPLY = 2,     /* body: the user's. ref: the request's, or an alias's */
    OSRI_SIGNAL_EXIT = 3,      /* osr_send_exit(). body: osr_reason */
    OSRI_SIGNAL_LINK = 4,      /* ref: the link's number, by its sender. No body */
    OSRI_SIGNAL_LINK_EXIT = 5, /* the linked process ended. body: osr_reason. ref: 0, or the one
                                  LINK that it ends, or OSRI_LINK_BY_PEER */
    OSRI_SIGNAL_UNLINK = 6,    /* ref: unlink id */
    OSRI_SIGNAL_UNLINK_ACK = 7,
    OSRI_SIGNAL_MONITOR = 8,      /* ref: the monitor. body: osri_monitored, how it was addressed */
    OSRI_SIGNAL_DEMONITOR = 9,    /* ref: a monitor, or a request that nobody waits for any more */
    OSRI_SIGNAL_DOWN = 10,        /* ref: a monitor or an unanswered request. body: osr_reason */
    OSRI_SIGNAL_SPAWN = 11,       /* to a node. ref: answer to. body: osri_spawn_request */
    OSRI_SIGNAL_SPAWN_REPLY = 12, /* from: the new process. ref. body: osri_spawn_result */
    OSRI_SIGNAL_INFO = 13,        /* osr_info(). ref: answer to; answered by REPLY or DOWN */
    OSRI_SIGNAL_TIMEOUT = 14, /* a timer of the process. ref: the timer. Never leaves the node */
    OSRI_SIGNAL_NODE = 15, /* a message of the runtime's own (nodeup, nodedown, fd_ready), which a
                                 bound does not keep out. Never leaves the node */
    OSRI_SIGNAL_WAKE = 16, /* an osr_blocking() is done. Never leaves the node */
    OSRI_SIGNAL_SUSPEND = 17, /* ref: answer to, once it is held. Never leaves the node */
    OSRI_SIGNAL_RESUME = 18,  /* ref: how often. Never leaves the node */
    OSRI_SIGNAL_LEADER = 19,  /* osr_set_group_leader(). body: osri_leader */
} osri_signal_kind;

/* The number of a link that only the other side has made. */
#define OSRI_LINK_BY_PEER UINT64_MAX

/* Set in the number of every alias, and of no request or monitor: so an alias may have the number
 * of a monitor, and a REPLY to it is known from its reference. */
#define OSRI_ALIAS_BIT (UINT64_C(1) << 63)

/* Set beside it in the reference of a message that its sender wants to overtake others: what comes
 * of that is the alias's to say. */
#define OSRI_ALIAS_PRIORITY_BIT (UINT64_C(1) << 62)

/* Where a signal goes. By pid; or by name on a node (pid none); or to a node itself (both none). */
typedef struct osri_route {
    osr_pid pid;
    const char *name; /* NULL: by pid, or to the node */
    const char *node; /* name of the node; NULL: by pid.node */
} osri_route;

OSR_STRUCT(osri_monitored, (1, str, name), (2, str, node)); /* "" when monitored by pid */
OSR_STRUCT(osri_spawn_mailbox, (1, u64, messages_max), (2, u64, bytes_max), (3, u32, policy),
           (4, u32, otherwise), (5, pid, overflow), (6, u32, wait_ms), (7, u64, mark_high),
           (8, u64, mark_low));
OSR_STRUCT(osri_spawn_origin, (1, bool, supervised), /* asked for by a supervisor */
           (2, pid, leader)); /* group leader; none: that of the node it starts on */
OSR_STRUCT(osri_spawn_request, (1, str, entry), (2, u32, argument_type), (3, bin, argument),
           (4, bool, link), (5, bool, monitor), (6, str, name), (7, str, label),
           (8, u32, stack_bytes), (9, u32, exit_ms), (10, u32, priority), (11, bool, pinned),
           (12, u64, monitor_ref), (13, u32, memory_max), (14, u32, mailbox_max),
           (15, opt(of(osri_spawn_mailbox)), mailbox), (16, of(osri_spawn_origin), origin));
OSR_STRUCT(osri_spawn_result, (1, i32, error), (2, pid, pid));
OSR_STRUCT(osri_leader, (1, pid, pid));   /* none: that of the node */
OSR_STRUCT(osri_alive, (1, bool, asked)); /* of an INFO that asks no more; never leaves the node */

/* Whether it leads to this node, as far as one can see without looking a name up. */
bool osri_route_is_here(const osr_node *node, const osri_route *route);

/* Makes a signal. body may be NULL (type then too). from: the sender's pid, or OSR_PID_NONE for the
 * node. */
OSR_MUST_CHECK osr_err osri_signal_new(osri_signal_kind kind, osr_pid from, uint64_t ref,
                                       const osr_type *type, const void *body,
                                       osri_envelope **ret_signal);

/* The same for a signal that somebody waits for and that must not be lost: asks for the memory some
 * times, then gives up with a line in the log and OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_signal_new_sure(osr_node *node, osri_signal_kind kind, osr_pid from,
                                            uint64_t ref, const osr_type *type, const void *body,
                                            osri_envelope **ret_signal);

/* Sends it, here or across the network; takes *signal whatever becomes of it and nulls it. Threads:
 * any. Errors: OSR_ENOPROC only for an unregistered bare name of this node; OSR_EFULL a message
 * that was rejected. */
osr_err osri_signal_send(osr_node *node, const osri_route *route, osri_envelope **signal);

/* Delivers a signal that is for this node, by pid or by name (pid none); for one that nobody can
 * receive, does what osri_signal_refuse() says with noproc. Takes it. Threads: any. Errors:
 * OSR_EFULL a message that was rejected. */
osr_err osri_signal_deliver(osr_node *node, osr_pid to, const char *name, osri_envelope **signal);

/* By registered name, or OSR_PID_NONE; the node's group leader is made if there is none. Threads:
 * any. */
osr_pid osri_node_whereis(osr_node *node, const char *name);

/* The same, and nothing is made. Threads: any. */
osr_pid osri_node_registered(osr_node *node, const char *name);

/* Ends a signal that cannot arrive: whoever waits for something hears it — a LINK is answered by
 * LINK_EXIT, MONITOR, INFO and a request by DOWN, SPAWN by SPAWN_REPLY, UNLINK by UNLINK_ACK, all
 * with code — others are dropped and counted. `to` is the process it was meant for (its pid as far
 * as known). Takes it. Threads: any. */
void osri_signal_refuse(osr_node *node, osr_pid to, osr_reason_code code, osri_envelope **signal);

/* The same for a signal that had been handed to the distribution (messages_forwarded), which could
 * not send it: a message among them now counts as sent, and dropped. */
void osri_signal_return(osr_node *node, osr_pid to, osr_reason_code code, osri_envelope **signal);

/* ---- what the distribution hands the node (the only way out of lib) --------------------- */

typedef struct osri_peer {
    char name[129];
    uint64_t node;
    uint64_t creation;
    uint64_t os_pid;
    uint64_t connection; /* a number that this connection has on both sides, and no other */
    bool hidden;
    uint32_t roles;     /* role bits of its certificate (DESIGN.md D12) */
    uint64_t serial;    /* of its certificate */
    bool spawns_listed; /* role spawn is for the entries only that its certificate names */
    char labels[256];   /* each followed by a newline */
    uint64_t session;   /* a number that this connection has, and no other */
} osri_peer;

typedef enum osri_sender_state {
    OSRI_SENDER_WAITS = 0,
    OSRI_SENDER_ADMITTED, /* its message may be sent now */
    OSRI_SENDER_REFUSED,  /* the connection has ended, or could not be made */
} osri_sender_state;

/* A process that waits in line until less waits for a node, or until a mailbox has room. On its
 * stack. */
typedef struct osri_sender {
    osr_self *process;
    osri_list_link in_line; /* this and the next two: the distribution's; or room.c's */
    void *lane;
    uint64_t bytes;
    _Atomic(uint32_t) state; /* osri_sender_state */
    osr_pid receiver;        /* whose mailbox has no room; none: it waits for a node */
    osri_envelope *message;  /* for it */
    bool is_for_room;        /* it waits for room in a mailbox there */
    uint64_t credited;       /* the distribution's: whose credit it has been given; 0: nobody's */
} osri_sender;

typedef enum osri_rest {
    OSRI_REST_QUIET = 0, /* nothing has come */
    OSRI_REST_DONE,      /* something has, after a wait */
    OSRI_REST_BUSY,      /* the same without a wait */
    OSRI_REST_TAKEN,     /* another thread is at it for longer */
} osri_rest;

/* All any thread, none blocks but rest(). context is the distribution's own. */
typedef struct osri_remote_ops {
    /* Takes the signal, always. One that cannot be sent is refused (noconnection), now or later.
     * Signals of one sender to one receiver keep their order. */
    void (*send)(void *context, const osri_route *route, osri_envelope **signal);

    /* Something that a service was to say to the peer in this session cannot be said, for want of
     * memory: the session ends, if it has not. Threads: any. */
    void (*doubt)(void *context, const osri_peer *peer);

    /* As send(), for a message whose sender can wait or keep it. False: too much waits for that
     * node; the signal is left, and the sender, if not NULL, is in line: osri_sender_wake() will be
     * called for it, once. Admitted, it sends by send_admitted(); else it leaves the line. */
    bool (*try_send)(void *context, const osri_route *route, osri_envelope **signal,
                     osri_sender *sender);
    void (*send_admitted)(void *context, const osri_route *route, osri_envelope **signal,
                          osri_sender *sender);

    /* May be NULL. Nobody waits any more for the answer to the request that `from` sent with this
     * number, but for what became of it, which is answered by a DOWN of noconnection: one that has
     * not left is dropped, else its error is ECLOSED and the other side is told to forget it. */
    void (*withdraw)(void *context, const osri_route *route, osr_pid from, uint64_t ref);

    /* The sender is not in line any more, and is not woken, whatever its state was. */
    void (*leave_line)(void *context, osri_sender *sender);
    /* Dials it unless it is connected; a failure ends in osri_node_unreachable(). asked: somebody
     * asked for just this, so also where nodes do not connect by themselves. */
    osr_err (*connect)(void *context, const char *node, bool asked);
    osr_err (*disconnect)(void *context, const char *node);
    /* The name of a node that is or was known, or NULL; lives as long as the node. */
    const char *(*name_of)(void *context, uint64_t node_id);
    bool (*is_connected)(void *context, uint64_t node_id);
    /* Writes the nodes now connected, in the order in which they came up, to at most max places;
     * returns how many there are. */
    size_t (*peers)(void *context, osri_peer *ret_peers, size_t max);
    /* Keeps the node connected, redialing it, until as many wants were taken back. */
    osr_err (*want)(void *context, const char *node, bool wanted);
    osr_err (*drain)(void *context, bool draining);
    osr_err (*set_tick)(void *context, uint32_t tick_ms);
    /* Likewise all nodes that something was sent to, or that have connected. */
    size_t (*links)(void *context, osr_link_status *ret_links, size_t max);

    /* Both may be NULL. A message from a process of node `from` has filled the mailbox of a process
     * here whose senders are to wait (OSR_MAILBOX_SUSPEND), or found it full: what comes all the
     * same is handled as its .otherwise says. May be called again for the same mailbox and node.
     * Then, once, after the last such call: half of it is free again, or the process has ended.
     * Called while a signal is delivered, so by the distribution's owner itself, or by who makes
     * room: they must not wait for a lock under which signals are delivered. */
    void (*mailbox_full)(void *context, osr_pid receiver, uint64_t from);
    void (*mailbox_room)(void *context, osr_pid receiver);

    /* The next three: a worker of the node turns the distribution while it has nothing else to do
     * (lib/scheduler/attend.h). All NULL where it is not to; called between
     * osri_node_attend_begin() and _end() only. */

    /* Does what there is to do; where that has brought the node nothing, waits until something has
     * come or rouse() is called, at most timeout_ns. One worker at a time. */
    osri_rest (*rest)(void *context, uint64_t timeout_ns);
    /* The worker has something else to do: its rest, or the next one, does not wait. waits: it may
     * wait already, since another thread calls. */
    void (*rouse)(void *context, bool waits);
    /* What osri_node_is_attended() says has changed. While a worker attends it comes back to rest()
     * soon, so nobody need be woken for what is sent. */
    void (*attended)(void *context, bool attended);

    void (*close)(void *context); /* the node stops: say goodbye, free context */
} osri_remote_ops;

/* The first 8 bytes, big-endian, of the 32-byte BLAKE2b of the name and creation as 8 bytes
 * big-endian (DESIGN.md D13). Never 0. */
uint64_t osri_node_id(const char *name, uint64_t creation);

/* What the distribution shares with the node; live as long as it. */
const osri_log *osri_node_log(const osr_node *node);
osri_types *osri_node_types(osr_node *node);
const osr_env *osri_node_env(const osr_node *node);

/* Before osr_node_start(); once. */
void osri_node_set_remote(osr_node *node, const osri_remote_ops *ops, void *context);

/* From now on a worker of the node attends to its distribution; after _end() none does. Threads:
 * any. */
void osri_node_attend_begin(osr_node *node);
void osri_node_attend_end(osr_node *node);
bool osri_node_is_attended(const osr_node *node);

/* NULL where the node has no distribution. */
const osri_remote_ops *osri_node_remote(const osr_node *node, void **ret_context);

/* What a sender in line waits for has come. Its process takes a lock that the caller holds before
 * it goes on. */
void osri_sender_wake(osri_sender *sender, osri_sender_state state);

static inline osri_sender_state osri_sender_state_of(const osri_sender *sender)
{
    /* acquire: pairs with the release in osri_sender_wake */
    return (osri_sender_state)atomic_load_explicit(&sender->state, memory_order_acquire);
}

/* Sends a message as osri_signal_send() does; where too much waits for its node the process waits
 * until less does, at most until deadline_ns; likewise for room in a mailbox here. Takes it; or, on
 * an error, may have taken it: then it is NULL, and counted. On its own stack.
 * Errors: OSR_ENOPROC and OSR_EFULL as osri_signal_send(); OSR_ETIMEDOUT; OSR_EEXIT:
 * osri_process_leave() is left to the caller, who has a frame to clean up. */
osr_err osri_signal_send_waiting(osr_self *self, const osri_route *route, osri_envelope **signal,
                                 uint64_t deadline_ns);

/* The same without waiting; on an error the signal is left, and nothing is counted. Errors:
 * OSR_ENOPROC; OSR_EBUSY too much waits for its node; OSR_EFULL there is no room in the mailbox. */
osr_err osri_signal_send_trying(osr_self *self, const osri_route *route, osri_envelope **signal);

/* The distribution tells the node: a peer is up, or gone (reason: "connection_closed", …).
 * Subscribers hear it after every signal the same thread delivered before. Threads: the
 * distribution's owner. */
void osri_node_peer_up(osr_node *node, const osri_peer *peer);
void osri_node_peer_down(osr_node *node, const osri_peer *peer, const char *reason);

/* An attempt to connect to a node has failed: monitors of it fire. Threads: as above. */
void osri_node_unreachable(osr_node *node, const char *name, const char *reason);

/* A member as it is now; texts are lent. */
typedef struct osri_member_view {
    const char *name;
    uint64_t creation;
    osr_member_state state;
    bool connected;
    bool draining;
    const char *endpoint;
    const char *labels; /* each followed by a newline */
} osri_member_view;

/* Something about a member has changed, or about this node itself: subscribers hear it. Threads: as
 * above. */
void osri_node_member(osr_node *node, const osri_member_view *member);

/* A SPAWN signal from another node, whose right to do so has been checked: starts the entry and
 * answers. Takes it. Threads: any. */
void osri_node_spawn_requested(osr_node *node, osri_envelope **signal);

#endif
