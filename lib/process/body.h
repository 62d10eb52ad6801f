/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_BODY_H
#define OSR_PROCESS_BODY_H

#include "lib/message/envelope.h"
#include "osier/node.h"
#include "osier/process.h"

/* What a behaviour gives the runtime instead of a body that runs to its end: callbacks between
 * which the process holds no stack (DESIGN.md D2). Each callback runs on a lent stack as the
 * process `self`, and may suspend; the stack is the process's until the callback returns.
 *
 * The process ends when a callback calls osri_process_stop() and returns, when start() or message()
 * returns an error other than OSR_OK, or on an exit signal that is not trapped. Then stop() is
 * called where stop_wanted says so, and everything owned is released. */
typedef struct osri_body_ops {
    const char *name; /* "gen_server": what tools show */
    /* Zeroed memory passed to each callback, freed with the process: may be 0. more_bytes, unless
     * NULL, says how much it is beyond that. */
    size_t state_bytes;
    size_t (*more_bytes)(const void *configuration);

    /* First. argument as given to osri_spawn_body(), a typed message body lent until start()
     * returns. */
    osr_err (*start)(osr_self *self, void *state, const void *argument);

    /* One message. The envelope is the runtime's and is freed after the call, unless
     * osri_keep_current(). */
    osr_err (*message)(osr_self *self, void *state, const osr_message *message);

    /* Last, with the reason the process ends with; NULL = none. Not called when killed. */
    void (*stop)(osr_self *self, void *state, const osr_reason *reason);

    /* The process's mailbox is empty and no message has arrived for idle_ms (see
     * osri_process_idle_ms). */
    osr_err (*idle)(osr_self *self, void *state);

    /* A REPLY or DOWN to a request that nobody on the process's stack waits for; NULL = none is
     * expected. Takes it, or returns false. While the inbox is drained: must not suspend. */
    bool (*answer)(osr_self *self, struct osri_envelope *answer);

    /* It has ended, however, and this is the last that its body hears; NULL = nothing. On the
     * scheduler's stack, after its inbox has been closed. */
    void (*ended)(const void *configuration);

    /* Prints the state for `info`; NULL = not printable. Runs on a scheduler between callbacks. */
    void (*print)(const void *state, char *ret_text, size_t bytes);
} osri_body_ops;

typedef struct osri_spawn {
    const osri_body_ops *ops;
    const void *
        /* constant, lent for the process's whole life; see osri_process_configuration() */
        configuration;
    const osr_type *argument_type; /* NULL = no argument */
    const void *argument;
    const osr_spawn_options *options; /* NULL = defaults; .node must be NULL */
    osr_pid parent;                   /* what osr_self_parent() says; NONE = the spawner */
} osri_spawn;

/* What an exported entry (osr_entry.body) starts instead of a function. */
typedef struct osri_exported_body {
    const osri_body_ops *ops;
    const void *configuration;
} osri_exported_body;

/* For supervisors: asks a node to start an exported entry (options->node; NULL = this node) without
 * waiting. Another node wants role supervise for it, and has role host itself. The
 * answer is an osr_spawn_reply message; link and monitor (options) are set atomically with the
 * spawn. A lost node answers OSR_ENOCONNECTION. options->ret_monitor receives the monitor's
 * reference at once. */
OSR_MUST_CHECK osr_err osri_spawn_request_async(osr_self *self, const char *entry,
                                                const osr_type *argument_type, const void *argument,
                                                const osr_spawn_options *options,
                                                osr_ref *ret_request);

/* Starts a process with a behaviour's body. self NULL: from outside the node (no link, no
 * monitor). */
OSR_MUST_CHECK osr_err osri_spawn_body(osr_node *node, osr_self *self, const osri_spawn *spawn,
                                       osr_pid *ret_pid);

/* Ends the running process with this reason (copied) as soon as the callback returns. */
void osri_process_stop(osr_self *self, const osr_reason *reason);

const void *osri_process_configuration(const osr_self *self);

/* Counts memory that the running process has beside osr_alloc() against its limit, and ends it with
 * the limit's reason where that is too much. */
void osri_memory_claim(osr_self *self, size_t bytes);

/* Whose request the running handler works at; ref 0: none's. */
osr_caller osri_process_caller(const osr_self *self);

/* The state memory of the running process. */
void *osri_process_state(osr_self *self);

/* When a handler leaves a request unanswered to answer later (OSR_NOREPLY): the runtime remembers
 * that its caller waits and tells it if the process ends. Without this or a reply, a request whose
 * handler returned is answered with a down (reason error, OSR_EFAILED). */
osr_err osri_request_defer(osr_self *self);

/* Calls idle() when nothing arrives for that long after the running callback returns; 0 = never.
 * Holds until the next message. */
void osri_process_idle_ms(osr_self *self, uint32_t idle_ms);

/* A request to `to` and the wait for its answer: the one round trip under every call (OSR_REQUEST's
 * NAME_call, supervisor and shell calls). On OSR_OK *ret_reply is the reply, lent until the next
 * suspension point of this process... of the same kind; osr_keep() takes it over.
 * Errors: OSR_ETIMEDOUT; OSR_ENOPROC; OSR_ENOCONNECTION; OSR_ESELF; OSR_EFAILED the server ended
 * while
 *   handling (ret_reason, when not NULL, gets why; its text is lent likewise); OSR_EEXIT. */
OSR_MUST_CHECK osr_err osri_request(osr_self *self, osr_dest to, const osr_type *type,
                                    const void *request, uint32_t timeout_ms,
                                    osr_message *ret_reply, osr_reason *ret_reason);

#endif
