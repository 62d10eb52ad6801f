/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SUPERVISOR_H
#define OSR_SUPERVISOR_H

#include "osier/server.h"

/* A supervisor starts its children in order, restarts those that end, and ends them in reverse
 * order when it ends itself (Erlang's supervisor). A child may live on another node.
 *
 *     OSR_SUPERVISOR(pool, .intensity = 3,
 *                    .children = OSR_CHILDREN(
 *                        OSR_CHILD(store, .name = "store"),
 *                        OSR_CHILD(worker, .count = 3, .place = "label:worker",
 *                                  .on_noconnection = OSR_ELSEWHERE)));
 *
 * It is a behaviour as any other: pool_start(self, NULL, options, &pid) starts it, OSR_CHILD(pool)
 * makes it the child of another supervisor, OSR_EXPORT_SERVER(pool) lets other nodes start it.
 *
 * A supervisor ends with shutdown, after its children, when there have been more than `intensity`
 * restarts within `period_ms`; when its parent tells it to; when a child cannot be started while it
 * starts. */

OSR_BEGIN_DECLS

typedef enum osr_strategy {
    OSR_ONE_FOR_ONE = 0,    /* a child that ends is started again */
    OSR_ONE_FOR_ALL,        /* all others are ended first, and all started again */
    OSR_REST_FOR_ONE,       /* the same for those that were started after it */
    OSR_SIMPLE_ONE_FOR_ONE, /* refused (OSR_ENOTSUP): osr_supervisor_start_child() adds children to
                               any */
} osr_strategy;

typedef enum osr_restart {
    OSR_PERMANENT = 0, /* always started again */
    OSR_TRANSIENT,     /* unless it ended with normal or shutdown */
    OSR_TEMPORARY,     /* never; forgotten when it ends */
} osr_restart;

/* What becomes of a child whose node is lost. It is not a crash and is never counted as a restart.
 * A child without a fitting node is `waiting` and starts when there is one; children that wait for
 * a label start 200 ms after the first one came, so that they are spread over those that came with
 * it. */

/* Started again on the same node when that is back. */
#define OSR_WAIT UINT64_C(0)

/* On another node with its label; for a fixed place: on one that shares a label with it. */
#define OSR_ELSEWHERE UINT64_C(1)

/* Refused: OSR_ENOTSUP. */
#define OSR_LEASE(ms) (UINT64_C(2) | ((uint64_t)(ms) << 8))

/* For .shutdown_ms: ended by kill at once. OSR_FOREVER waits without limit. */
#define OSR_BRUTAL_KILL (UINT32_MAX - 1)

/* For .intensity: not a single restart. */
#define OSR_NO_RESTARTS UINT32_MAX

typedef enum osr_isolation {
    OSR_NO_ISOLATION = 0,
    OSR_OS_PROCESS, /* refused: OSR_ENOTSUP */
} osr_isolation;

/* One child, or `count` alike. Zero is the default of each option. Texts and argument are lent for
 * the supervisor's life where the description is constant, and copied by
 * osr_supervisor_start_child(). */
typedef struct osr_child {
    size_t size;              /* set by OSR_CHILD() */
    const osr_server *server; /* NULL: only its exported name, .entry, is known here */
    const void *argument;     /* of the server's argument type: see OSR_ARGUMENT() */
    const char *name;         /* registered under this name; with .count as "NAME-1", … */
    const char *label;        /* default: the id */
    /* "" or NULL: here. "store@host": there, and that node is kept connected. "label:worker": of
     * the other members of the cluster with that label, or with a value for it (worker=fast), the
     * one that has fewest children of this supervisor, and is not draining (osr_drain()). */
    const char *place;
    uint64_t on_noconnection; /* OSR_WAIT, OSR_ELSEWHERE, OSR_LEASE(ms) */
    osr_restart restart;
    uint32_t shutdown_ms; /* to end by itself, then kill; 0: 5,000, for supervisors OSR_FOREVER */
    uint32_t count;       /* 0: one */
    osr_isolation isolation;
    const char *id;    /* unique in the supervisor; default: the name, else the server's name; with
                          .count "ID-1", … */
    const char *entry; /* default: the server's name */
    const osr_type *argument_type; /* default: the server's */
    bool supervisor;               /* with .entry alone: it is one */
} osr_child;

/* OSR_CHILD(server, options…): an osr_child as initialiser, for OSR_CHILDREN() and OSR_APP(). */
#define OSR_CHILD(...) OSRI_CHILD(__VA_ARGS__, )
#define OSRI_CHILD(server_, ...)                                                                   \
    {                                                                                              \
        .size = sizeof(osr_child), .server = &server_##_osr_server, __VA_ARGS__                    \
    }

/* A child known by its exported name alone: OSR_CHILD_NAMED("worker", options…). */
#define OSR_CHILD_NAMED(...) OSRI_CHILD_NAMED(__VA_ARGS__, )
#define OSRI_CHILD_NAMED(entry_, ...)                                                              \
    {                                                                                              \
        .size = sizeof(osr_child), .entry = (entry_), __VA_ARGS__                                  \
    }

/* A child's address: osr_supervisor_start_child(self, to, OSR_CHILD_OF(worker, .id = "w9"), …). */
#define OSR_CHILD_OF(...) (&(const osr_child)OSR_CHILD(__VA_ARGS__))

/* The option .argument, of the type that the server's init takes:
 * OSR_CHILD(worker, OSR_ARGUMENT(worker, .chunk = 65536)). */
#define OSR_ARGUMENT(server_, ...)                                                                 \
    .argument = &(const server_##_osr_argument)                                                    \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

/* The children, for the option .children. */
#define OSR_CHILDREN(...) ((const osr_child[]){__VA_ARGS__, {.size = 0}})

typedef struct osr_supervisor {
    size_t size; /* set by OSR_SUPERVISOR() */
    const char *name;
    osr_strategy strategy;
    uint32_t intensity;        /* restarts within the period; 0: 1; none: OSR_NO_RESTARTS */
    uint32_t period_ms;        /* 0: 5,000 */
    const osr_child *children; /* ends with one of size 0; NULL: none */
} osr_supervisor;

extern OSR_API const struct osri_body_ops osri_supervisor_ops;

/* Declares a supervisor, at file scope: OSR_SUPERVISOR(name, options…). Makes
 *     osr_err NAME_start(self, NULL, const osr_spawn_options *options, osr_pid *ret_pid)
 * as OSR_SERVER() does. It is started when its children have started, or wait for a node. */
#define OSR_SUPERVISOR(...) OSRI_SUPERVISOR(__VA_ARGS__, )
#define OSRI_SUPERVISOR(name_, ...)                                                                \
    static const osr_supervisor name_##_osr_supervisor = {                                         \
        .size = sizeof(osr_supervisor), .name = #name_, __VA_ARGS__};                              \
    static const osr_server name_##_osr_server = {&osri_supervisor_ops,                            \
                                                  &name_##_osr_supervisor,                         \
                                                  sizeof(osr_server),                              \
                                                  #name_,                                          \
                                                  0,                                               \
                                                  NULL,                                            \
                                                  NULL,                                            \
                                                  NULL};                                           \
    typedef struct osri_no_argument name_##_osr_argument;                                          \
    OSRI_UNUSED static inline osr_err name_##_start(                                               \
        osr_self *self, const name_##_osr_argument *argument, const osr_spawn_options *options,    \
        osr_pid *ret_pid)                                                                          \
    {                                                                                              \
        return osr_server_start(self, &name_##_osr_server, argument, options, OSR_FOREVER,         \
                                ret_pid);                                                          \
    }                                                                                              \
    OSRI_SERVER_ENTRY(name_, NULL)

/* ---- looking and changing -------------------------------------------------------------- */

/* Each asks the supervisor `to`, here or on another node, and waits (suspension point). Errors of
 * all: those of a call, OSR_EFAILED when the supervisor ended. */

typedef enum osr_child_state {
    OSR_CHILD_STOPPED = 0,
    OSR_CHILD_STARTING, /* its init has not returned */
    OSR_CHILD_RUNNING,
    OSR_CHILD_RESTARTING, /* the last start failed */
    OSR_CHILD_WAITING,    /* no node for it */
    OSR_CHILD_STOPPING,
} osr_child_state;

OSR_STRUCT(osr_child_info, (1, str, id), (2, str, server), (3, u32, state), (4, pid, pid),
           (5, bool, supervisor), (6, str, place), (7, str, node), (8, u32, restart));

/* "stopped", "running", …; static. Threads: any. Not a suspension point. */
OSR_API const char *osr_child_state_name(uint32_t state);

/* The children in order of start. This pair is also what a tool may send itself. */
OSR_MESSAGE(osr_children, 0x11, (1, str, supervisor), (2, list(of(osr_child_info)), children));
OSR_REQUEST(osr_which_children, 0x12, osr_children);

OSR_MESSAGE(osr_child_counts, 0x13, (1, u32, specs), (2, u32, active), (3, u32, supervisors),
            (4, u32, workers));
OSR_REQUEST(osr_count_children, 0x14, osr_child_counts);

/* Suspension point. Ownership: the children are freed by osr_free(self, *ret_children), or with the
 * process. Errors: as above. */
OSR_API OSR_MUST_CHECK osr_err osr_supervisor_which_children(osr_self *self, osr_dest to,
                                                             uint32_t timeout_ms,
                                                             const osr_children **ret_children);

/* How many children there are, by kind. Suspension point. Errors: as osr_which_children_call(). */
OSR_API OSR_MUST_CHECK osr_err osr_supervisor_count_children(osr_self *self, osr_dest to,
                                                             uint32_t timeout_ms,
                                                             osr_child_counts *ret_counts);

/* Adds a child at the end and starts it; .count is refused. On a supervisor of another node the
 * server must be exported there. ret_pid: the child, or OSR_PID_NONE while it waits for a node.
 * Suspension point.
 * Errors: OSR_ETAKEN the id is in use: *ret_pid is the child, or none while it does not run;
 * OSR_EINVAL; OSR_ENOTSUP; OSR_ENOTFOUND no such entry there; what the child's init returned (it is
 * not kept). */
OSR_API OSR_MUST_CHECK osr_err osr_supervisor_start_child(osr_self *self, osr_dest to,
                                                          const osr_child *child,
                                                          uint32_t timeout_ms, osr_pid *ret_pid);

/* Ends a child as at shutdown and keeps its description (not a temporary one's). Suspension point.
 * Errors: OSR_ENOTFOUND; OSR_EBUSY somebody else has begun to end it. */
OSR_API OSR_MUST_CHECK osr_err osr_supervisor_terminate_child(osr_self *self, osr_dest to,
                                                              const char *id, uint32_t timeout_ms);

/* Starts a stopped child. Suspension point.
 * Errors: OSR_ENOTFOUND; OSR_EBUSY it is not stopped; what its init returned. */
OSR_API OSR_MUST_CHECK osr_err osr_supervisor_restart_child(osr_self *self, osr_dest to,
                                                            const char *id, uint32_t timeout_ms,
                                                            osr_pid *ret_pid);

/* Forgets a stopped child. Suspension point.
 * Errors: OSR_ENOTFOUND; OSR_EBUSY it is not stopped. */
OSR_API OSR_MUST_CHECK osr_err osr_supervisor_delete_child(osr_self *self, osr_dest to,
                                                           const char *id, uint32_t timeout_ms);

OSR_END_DECLS
#endif
