/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_NODE_H
#define OSR_NODE_H

#include "osier/env.h"
#include "osier/log.h"
#include "osier/process.h"

/* A node as a value (DESIGN.md D1): process table, schedulers, names, timers. One OS process may
 * hold any number of them.
 *
 * Nothing here is a suspension point; what waits says so, and keeps its thread meanwhile: it is for
 * threads outside the node, which have no suspension points. Threads: any, also the node's own
 * processes, unless it says otherwise. */

OSR_BEGIN_DECLS

typedef struct osr_node osr_node;

/* Takes what the node's group leader (osier/output.h) has to write; lent for the call. One call at
 * a time, on a helper thread (osr_blocking(); of a stepped node, on the thread that steps it), so
 * it may block. Errors: any; who prints is told. */
typedef osr_err osr_output(void *context, const char *text, size_t bytes);

typedef struct osr_node_options {
    size_t size;            /* set by OSR_NODE() */
    const char *name;       /* "store@host": letters, digits, '_', '-' and '.', one '@' with
                               something on both sides, at most 128; NULL = "nonode@nohost" */
    uint64_t creation;      /* 0 = 64 random bits */
    uint32_t schedulers;    /* 0 = one a core the process may use */
    uint32_t processes_max; /* 0 = 1,048,576; at most 2^27; above it osr_spawn() gives OSR_ELIMIT */
    uint32_t names_max;     /* registered at once; 0 = 1,048,576 */
    uint32_t
        relations_max; /* links, and likewise monitors and aliases, of one process; 0 = 1,048,576 */
    uint32_t timers_max;     /* live at once; rounded up to 1,024s; 0 = 16,777,216 */
    uint32_t watches_max;    /* fds watched at once; 0 = 65,536 */
    const osr_env *env;      /* NULL = the real one; must outlive the node */
    osr_log_level log_level; /* what it writes to standard error */
    const char *flight;      /* file for the flight record after a fault, where osr_catch_faults()
                                was called (osier/trace.h; osr_main() does); copied;
                                NULL = standard error, its newest events */
    osr_output *output;      /* NULL = standard output */
    void *output_context;
    uint32_t blocking_max; /* threads for osr_blocking(), which see; 0 = 16 */
} osr_node_options;

#define OSR_NODE(...) (&(const osr_node_options){.size = sizeof(osr_node_options), __VA_ARGS__})

/* Makes a node; nothing runs yet. options NULL = all defaults.
 * Ownership: free with osr_node_free().
 * Errors: OSR_ENOMEM; OSR_EINVAL a bad name, or a processes_max above what may be; OSR_ETYPE two
 *   declarations of a message type contradict each other (the log names both places). */
OSR_API OSR_MUST_CHECK osr_err osr_node_new(const osr_node_options *options, osr_node **ret_node);

/* Starts the scheduler threads. After an error, but OSR_EINVAL, it may be tried again.
 * Threads: one at a time, outside the node.
 * Errors: OSR_ENOMEM; OSR_ELIMIT the system allows no further thread; OSR_ENOTSUP an env without
 *   threads; OSR_EINVAL it has been started or stopped before. */
OSR_API OSR_MUST_CHECK osr_err osr_node_start(osr_node *node);

/* Runs one scheduler turn without any thread, for simulators and embedders. Returns whether
 * anything was done; ret_next_due: when (ns, env's clock) there will be something to do unless a
 * signal comes from outside, UINT64_MAX for never. Threads: one at a time; not on a started
 * node. */
OSR_API bool osr_node_step(osr_node *node, uint64_t *ret_next_due_ns);

/* Ends every process with shutdown (then kill, after timeout_ms), waits for them, and stops the
 * threads. Threads: one, once, outside the node. A node that never started is drained by
 * stepping. */
OSR_API void osr_node_stop(osr_node *node, uint32_t timeout_ms);

/* Frees a stopped (or never started) node and sets the pointer to NULL.
 * The memory of a node that stopped with a handler that does not return stays.
 * Threads: one, outside the node, once nobody uses it any more. */
OSR_API void osr_node_free(osr_node **node);

/* The node's name, its id (a pid's first part) and its creation, the number of this incarnation.
 * The name lives as long as the node. */
OSR_API const char *osr_node_name(const osr_node *node);
OSR_API uint64_t osr_node_id(const osr_node *node);
OSR_API uint64_t osr_node_creation(const osr_node *node);

/* Starts a process from outside the node; its parent is none. .link, .monitor and .node
 * are refused (OSR_EINVAL). Argument, options and errors: as osr_spawn(), which see, but for those
 * of another node. */
OSR_API OSR_MUST_CHECK osr_err osr_node_spawn(osr_node *node, const osr_entry *entry,
                                              const void *argument,
                                              const osr_spawn_options *options, osr_pid *ret_pid);

/* Sends a copy from outside the node, and does not wait: where a bounded mailbox would let the
 * sender wait, its .otherwise counts. Errors: as NAME_send(), without OSR_ETIMEDOUT. */
OSR_API osr_err osr_node_send(osr_node *node, osr_dest to, const osr_type *type,
                              const void *message);

/* Sends an exit signal from outside the node, as osr_send_exit(). The reason is copied. Errors: as
 * osr_send_exit(). */
OSR_API osr_err osr_node_exit(osr_node *node, osr_pid pid, const osr_reason *reason);

/* Cancels a timer of any process of this node, as osr_timer_cancel(). */
OSR_API bool osr_node_timer_cancel(osr_node *node, osr_ref timer, uint64_t *ret_remaining_ms);

/* Waits until a process that osr_node_spawn() or osr_node_start_server() started has ended; for
 * any other it waits in vain. Waits at most timeout_ms. Threads: any outside the node.
 * Errors: OSR_ETIMEDOUT; OSR_ENOTSUP on a node that is stepped. ret_reason: owned by the caller,
 * whose text is cut to fit; may be NULL. */
typedef struct osr_ended {
    uint32_t code;
    int32_t error;
    char text[256]; /* as osr_reason_print() writes it */
} osr_ended;
OSR_API OSR_MUST_CHECK osr_err osr_node_wait(osr_node *node, osr_pid pid, uint32_t timeout_ms,
                                             osr_ended *ret_ended);

/* The node that a process runs on; it outlives the process. */
OSR_API osr_node *osr_self_node(const osr_self *self);

/* Counters, all since the node was made; at quiescence sent = received + dropped + queued. */
typedef struct osr_node_counters {
    uint64_t processes; /* alive now */
    uint64_t spawned;
    uint64_t messages_sent; /* to processes here, from here and from other nodes; and those for
                               another node that were dropped here */
    uint64_t messages_received;
    uint64_t messages_dropped;   /* the sum of what follows, from noproc to expired */
    uint64_t messages_forwarded; /* handed to the distribution */
    /* Why messages were dropped, each for one reason. */
    uint64_t dropped_noproc;       /* nobody of that pid or name */
    uint64_t dropped_noconnection; /* for another node: no connection, or it takes no more */
    uint64_t dropped_ended;        /* in the mailbox of a process that ended */
    uint64_t dropped_late; /* replies that nobody waits for any more, or to an alias that is off */
    uint64_t dropped_flushed;  /* down messages, by osr_demonitor() */
    uint64_t dropped_full;     /* what a bound (osier/mailbox.h) had no room for: the sum of ... */
    uint64_t dropped_expired;  /* requests whose caller had given up before they were looked at */
    uint64_t dropped_new;      /* ... new ones, by OSR_MAILBOX_DROP_NEW, or at a full port; */
    uint64_t dropped_rejected; /* ... new ones whose sender was told, by OSR_MAILBOX_REJECT; */
    uint64_t dropped_old;      /* ... those that made room, by OSR_MAILBOX_DROP_OLD; */
    uint64_t dropped_overflow; /* ... OSR_MAILBOX_FORWARD, where the other had no room either; */
    uint64_t dropped_waited;   /* ... OSR_MAILBOX_SUSPEND, where waiting was in vain */
} osr_node_counters;
OSR_API void osr_node_count(osr_node *node, osr_node_counters *ret_counters);

/* The way to another node, as this one sees it. What passed is counted since the connection came
 * up; what was dropped, since this node was started; what waits is now. Fields are appended. */
typedef struct osr_link_status {
    const char *name; /* of the other node */
    uint64_t node;    /* its number in pids, when it was connected last; 0 = never */
    bool connected;

    uint64_t bytes_sent, bytes_received; /* of frames, before encryption */
    uint64_t frames_sent, frames_received;
    uint64_t messages_sent, messages_received; /* with requests and replies */
    uint64_t signals_sent, signals_received;   /* links, monitors, exits and the like */
    uint64_t fragments_sent, fragments_received;
    uint64_t round_trip_ns; /* from a frame to its acknowledgement, measured last; 0 = not yet */

    uint64_t queued_bytes;         /* wait here; above 1 MiB processes that send wait */
    uint64_t unacknowledged_bytes; /* on their way */
    uint64_t window_bytes;         /* so many may be */
    uint64_t senders_waiting;      /* processes */

    uint64_t dropped_full;      /* messages whose senders cannot wait, when too much waited */
    uint64_t dropped_lost;      /* messages and signals that waited when a connection ended */
    uint64_t dropped_too_large; /* messages that another node would not take */
    uint64_t dropped_type;      /* messages from there, of a type that means something else here */
} osr_link_status;

/* Visits the nodes that something was sent to, or that have connected, in the order in which that
 * began. *link, and what it points to, is lent for the call. None on a node without distribution.
 * Threads: any; visit() is called on this one, before it returns. Not a suspension point.
 * Errors: OSR_ENOMEM: nothing was visited. */
OSR_API OSR_MUST_CHECK osr_err osr_node_links(
    const osr_node *node, void (*visit)(void *context, const osr_link_status *link), void *context);

OSR_END_DECLS
#endif
