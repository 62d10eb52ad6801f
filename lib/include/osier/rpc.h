/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_RPC_H
#define OSR_RPC_H

#include "osier/process.h"

/* Calls of functions on another node (Erlang's erpc): a process is started there for the call, runs
 * the function, answers and ends. Nothing that serves calls one after the other is in the way.
 *
 *     OSR_REQUEST(disk_free_of, 0x0301, disk_space, (1, str, path));    // in a header both include
 *     OSR_REMOTE(disk_free, disk_free_of, disk_space);
 *
 *     OSR_FUNCTION(disk_free, disk_free_of, disk_space)            // self, request, reply (zeroed)
 *     {
 *         reply->bytes = …;
 *         return OSR_OK;
 *     }
 *     OSR_EXPORT(disk_free);
 *
 *     const disk_space *space;                                     // anywhere
 *     osr_rpc_failure failure;
 *     osr_err err =
 *         disk_free_rpc(self, "store@host", &(disk_free_of){path}, 1000, &space, &failure);
 *
 * What a call can end with, in Erlang's words:
 *     OSR_OK                                          it returned; the reply is here
 *     OSR_EFAILED, failure.reason: error, custom      it returned an error, or osr_fail()
 *     OSR_EFAILED, failure.reason: crash, killed, …   it crashed, or was ended by a signal
 *     OSR_ENOTFOUND                                   undef: no such function is exported there
 *     OSR_EPERM, OSR_ETYPE, OSR_ELIMIT, OSR_ENOMEM    the node did not start it
 *     OSR_ENOCONNECTION                               noconnection
 *     OSR_ETIMEDOUT                                   timeout
 * and failure.executed says of each whether the function may have been executed.
 *
 * The time is counted from the call's entry and travels, and what the network takes counts, as far
 * as nodes without a common clock can know it: what is not yet running when it is over is not run
 * any more. What runs goes on, and its answer is dropped. The caller needs role spawn, and
 * a certificate that names entries names functions alike. */

OSR_BEGIN_DECLS

/* Written on every error. */
typedef struct osr_rpc_failure {
    bool executed;     /* the function, or part of it, may have been executed; else it was not, and
                          will not be */
    osr_reason reason; /* OSR_EFAILED: how it ended; else bare. Its text and payload are lent until
                          the next answer is taken */
} osr_rpc_failure;

/* Calls a function, or any exported raw entry, by its name. node NULL: this one, by a process of
 * its own all the same. request: of request_type, copied; both NULL for an entry without argument.
 * ret_reply, which may be NULL: lent until the next answer is taken, osr_keep() takes it over; an
 * entry that is no function answers nothing, type and body are NULL. ret_failure may be NULL.
 * Suspension point. Errors: see above; OSR_EINVAL not a name of a function or node; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_rpc(osr_self *self, const char *node, const char *function,
                                       const osr_type *request_type, const void *request,
                                       uint32_t timeout_ms, osr_message *ret_reply,
                                       osr_rpc_failure *ret_failure);

/* The same in two steps: the call begins and goes on while the process does something else, or
 * begins more; osr_rpc_await() takes the answer, and after OSR_ETIMEDOUT the call is over.
 * osr_abandon() gives one up. timeout_ms: of the whole, counted from here. Not a suspension point.
 * Errors: OSR_ENOMEM; OSR_EINVAL; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_rpc_begin(osr_self *self, const char *node, const char *function,
                                             const osr_type *request_type, const void *request,
                                             uint32_t timeout_ms, osr_ref *ret_call);

/* Suspension point. Errors: as osr_rpc(); OSR_ENOTFOUND, not executed, also for what is no call. */
OSR_API OSR_MUST_CHECK osr_err osr_rpc_await(osr_self *self, osr_ref call, uint32_t timeout_ms,
                                             osr_message *ret_reply, osr_rpc_failure *ret_failure);

/* What osr_rpc_all() writes for each node. */
typedef struct osr_rpc_result {
    osr_err err;
    bool executed;        /* not with OSR_OK: as in osr_rpc_failure */
    uint32_t reason_code; /* OSR_EFAILED: of its reason, see osr_reason_code; else 0 */
    int32_t reason_error; /* ... and of that the error */
    const void *reply;    /* OSR_OK: of reply_type, osr_free(self, reply); else NULL */
} osr_rpc_result;

/* Calls the function on several nodes at once (Erlang's erpc:multicall) and waits for all, each at
 * most timeout_ms from here. Result i is that of node i; one node's does not delay the others'. A
 * reply of another type is OSR_ETYPE. Suspension point.
 * Errors: OSR_EEXIT, OSR_ENOMEM, and then no result is there. */
OSR_API OSR_MUST_CHECK osr_err osr_rpc_all(osr_self *self, const char *const *nodes, size_t count,
                                           const char *function, const osr_type *request_type,
                                           const void *request, const osr_type *reply_type,
                                           uint32_t timeout_ms, osr_rpc_result *ret_results);

/* Declares osr_err FUNCTION_rpc(self, node, &request, timeout_ms, &reply, &failure): typed. The
 * reply is the caller's until osr_free(self, reply) or its end; failure may be NULL. File scope,
 * also in headers. */
#define OSR_REMOTE(function, request_type, reply_type)                                             \
    OSRI_UNUSED static inline osr_err function##_rpc(                                              \
        osr_self *self_, const char *node_, const request_type *request_, uint32_t timeout_ms_,    \
        const reply_type **ret_reply_, osr_rpc_failure *ret_failure_)                              \
    {                                                                                              \
        const void *reply_ = NULL;                                                                 \
        osr_err err_ = osri_rpc_keep(self_, node_, #function, &request_type##_osr_type, request_,  \
                                     &reply_type##_osr_type, timeout_ms_, &reply_, ret_failure_);  \
        if (err_ == OSR_OK) {                                                                      \
            *ret_reply_ = (const reply_type *)reply_;                                              \
        }                                                                                          \
        return err_;                                                                               \
    }                                                                                              \
    struct function##_osr_remote

/* Defines a function that can be called, once OSR_EXPORT(function) says so. Variables: self,
 * request (lent), reply (zeroed; what it points to is from osr_alloc(), or static). Returns
 * osr_err. It is an entry as well, that can be spawned, and then answers nobody. */
#define OSR_FUNCTION(function, request_type, reply_type)                                           \
    static osr_err function##_osr_body(osr_self *self, const request_type *request,                \
                                       reply_type *reply);                                         \
    static osr_err function##_osr_run(osr_self *self_, const void *request_)                       \
    {                                                                                              \
        reply_type reply_ = OSRI_RPC_ZERO;                                                         \
        osr_err err_ = function##_osr_body(self_, (const request_type *)request_, &reply_);        \
        return err_ != OSR_OK ? err_ : osri_rpc_answer(self_, &reply_type##_osr_type, &reply_);    \
    }                                                                                              \
    static const osr_entry function##_osr_entry = {                                                \
        #function, &request_type##_osr_type, function##_osr_run, __FILE__, __LINE__, NULL};        \
    OSRI_PART(function##_osr_part, OSR_PART_ENTRY, #function, &function##_osr_entry, NULL, 0,      \
              NULL, NULL);                                                                         \
    static osr_err function##_osr_body(OSRI_UNUSED osr_self *self,                                 \
                                       OSRI_UNUSED const request_type *request,                    \
                                       OSRI_UNUSED reply_type *reply)

#ifdef __cplusplus
#define OSRI_RPC_ZERO                                                                              \
    {                                                                                              \
    }
#else
#define OSRI_RPC_ZERO                                                                              \
    {                                                                                              \
        0                                                                                          \
    }
#endif

/* What stands behind FUNCTION_rpc(). Suspension point. Errors: as osr_rpc(). */
OSR_API OSR_MUST_CHECK osr_err osri_rpc_keep(osr_self *self, const char *node, const char *function,
                                             const osr_type *request_type, const void *request,
                                             const osr_type *reply_type, uint32_t timeout_ms,
                                             const void **ret_reply, osr_rpc_failure *ret_failure);

/* What stands behind OSR_FUNCTION(): answers the call that this process was started for, if it was.
 * Not a suspension point. Errors: as osr_reply_to(). */
OSR_API osr_err osri_rpc_answer(osr_self *self, const osr_type *type, const void *reply);

OSR_END_DECLS
#endif
