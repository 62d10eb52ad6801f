/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/rpc.h"

#include <string.h>

#include "lib/core/assert.h"
#include "lib/message/codec.h"
#include "lib/process/leader.h"
#include "lib/process/request.h"
#include "lib/process/spawn.h"

/* Calls of exported functions, from both sides.
 *
 * Invariants
 *   C1  a caller hears of each call exactly once: the reply, a refusal, or the down of the process
 *       that was made for it, which owes the answer from before it runs.
 *   C2  a function begins only before its call's deadline, on the clock of its node. */

#define WITHDRAW_MS 100

/* ---- the side that serves ---------------------------------------------------------------- */

typedef struct rpc_state {
    uint64_t deadline_ns;
    osr_caller caller;
} rpc_state;

static bool is_over(const osr_node *node, uint64_t deadline_ns)
{
    return deadline_ns != 0 && osri_node_now(node) >= deadline_ns;
}

static osr_err rpc_start(osr_self *self, void *memory, const void *argument)
{
    const rpc_state *state = memory;
    const osr_entry *entry = osri_process_configuration(self);
    osr_reason normal = osr_reason_of(OSR_REASON_NORMAL);
    osri_rpc_refused late = {.error = OSR_ETIMEDOUT};
    osr_err err;

    if (is_over(self->node, state->deadline_ns)) {
        (void)osr_reply_to(self, state->caller, &osri_rpc_refused_osr_type, &late);
        osri_process_stop(self, &normal);
        return OSR_OK;
    }
    err = entry->run(self, argument);
    if (err == OSR_OK) {
        osri_process_stop(self, &normal);
    }
    return err;
}

static osr_err rpc_message(osr_self *self, void *memory, const osr_message *message)
{
    (void)self;
    (void)memory;
    (void)message;
    return OSR_OK;
}

static const osri_body_ops rpc_ops = {
    .name = "rpc",
    .state_bytes = sizeof(rpc_state),
    .start = rpc_start,
    .message = rpc_message,
};

osr_err osri_rpc_answer(osr_self *self, const osr_type *type, const void *reply)
{
    const rpc_state *state;

    if (self->ops != &rpc_ops) {
        return OSR_OK; /* it was spawned */
    }
    state = self->state_block;
    return osr_reply_to(self, state->caller, type, reply);
}

static osr_err decode_request(const osr_entry *entry, const osri_rpc_call *call,
                              osri_envelope **ret_argument)
{
    *ret_argument = NULL;
    if ((entry->argument == NULL) != (call->type_id == 0)) {
        return OSR_ETYPE;
    }
    if (entry->argument == NULL) {
        return OSR_OK;
    }
    if (entry->argument->id != call->type_id ||
        strlen(entry->argument->name) != call->type_name.size ||
        memcmp(entry->argument->name, call->type_name.at, call->type_name.size) != 0) {
        return OSR_ETYPE;
    }
    osr_err err = osri_decode(entry->argument, osr_bin_data(call->request),
                              osr_bin_size(call->request), ret_argument);
    return err == OSR_ENOMEM ? err : (err == OSR_OK ? OSR_OK : OSR_ETYPE);
}

osr_err osri_rpc_prepare(osr_node *node, const osri_envelope *signal, osr_self **ret_process)
{
    const osri_rpc_call *call = osri_envelope_body(signal);
    const osr_entry *entry = osri_map_get(&node->entries, call->function.at, call->function.size);
    osr_spawn_options options = {.size = sizeof(options)};
    osri_plan plan = {.ops = &rpc_ops,
                      .configuration = entry,
                      .options = &options,
                      .parent = signal->from,
                      .leader = call->leader};
    osr_self *process = NULL;
    osr_err err;

    if (entry == NULL || entry->run == NULL) {
        return OSR_ENOTFOUND;
    }
    if (is_over(node, signal->deadline_ns)) {
        return OSR_ETIMEDOUT;
    }
    options.label = entry->name;
    err = decode_request(entry, call, &plan.argument);
    if (err == OSR_OK) {
        err = osri_spawn_prepare(node, &plan, &process);
    }
    if (err != OSR_OK) {
        return err;
    }
    rpc_state *state = process->state_block;
    state->deadline_ns = signal->deadline_ns;
    state->caller = (osr_caller){signal->from, signal->ref};
    err = osri_request_keep(process, signal->from, signal->ref);
    if (err != OSR_OK) {
        osri_spawn_undo(process);
        return err;
    }
    *ret_process = process;
    return OSR_OK;
}

void osri_rpc_refuse(osr_node *node, const osri_envelope *call, osr_err why)
{
    osri_rpc_refused refused = {.error = (int32_t)why};
    osri_route route = {.pid = call->from};
    osri_envelope *signal;

    if (osri_signal_new_sure(node, OSRI_SIGNAL_REPLY, OSR_PID_NONE, call->ref,
                             &osri_rpc_refused_osr_type, &refused, &signal) == OSR_OK) {
        (void)osri_signal_send(node, &route, &signal);
    }
}

void osri_rpc_here(osr_node *node, osri_envelope **call)
{
    osr_self *process;
    osr_err err = osri_rpc_prepare(node, *call, &process);

    if (err == OSR_OK) {
        osri_spawn_run(process);
    } else {
        osri_rpc_refuse(node, *call, err);
    }
    osri_envelope_free(call);
}

/* ---- the side that calls ----------------------------------------------------------------- */

static osr_err encode(const osr_type *type, const void *request, osr_bin **ret_bin)
{
    osri_buffer buffer = {0};
    osr_err err;

    *ret_bin = NULL;
    if (type == NULL) {
        return OSR_OK;
    }
    if (request == NULL) {
        return OSR_EINVAL;
    }
    err = osri_encode(type, request, &buffer);
    if (err == OSR_OK) {
        err = osr_bin_new(buffer.at, buffer.size, ret_bin);
    }
    osri_buffer_fini(&buffer);
    return err == OSR_ELIMIT ? OSR_EINVAL : err;
}

static osr_err begin(osr_self *self, const char *node, const char *function, const osr_type *type,
                     const void *request, uint64_t deadline_ns, osr_ref *ret_call)
{
    osri_rpc_call call = {.function = osr_str_of(function),
                          .type_id = type == NULL ? 0 : type->id,
                          .type_name = osr_str_of(type == NULL ? "" : type->name)};
    osri_route route = {.node = node};
    osr_err err;

    if (call.function.size == 0 || (node != NULL && node[0] == '\0')) {
        return OSR_EINVAL;
    }
    if (node == NULL || strcmp(node, self->node->name) == 0) {
        route = (osri_route){.pid = osri_pid_of_node(self->node->id)};
        call.leader = osri_leader_here(self);
    } else {
        call.leader = osri_leader_abroad(self);
    }
    err = encode(type, request, &call.request);
    if (err == OSR_OK) {
        err = osri_request_begin_to(self, &route, &osri_rpc_call_osr_type, &call, deadline_ns,
                                    ret_call);
    }
    osr_bin_unref(&call.request);
    return err;
}

osr_err osr_rpc_begin(osr_self *self, const char *node, const char *function,
                      const osr_type *request_type, const void *request, uint32_t timeout_ms,
                      osr_ref *ret_call)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting) {
        return OSR_EEXIT;
    }
    return begin(self, node, function, request_type, request, osri_deadline(self, timeout_ms),
                 ret_call);
}

/* What the down of a call means. A session that ended after the call had left it says so in
 * reason.error (dist/net/relations.c). */
static osr_err read_down(osr_err err, const osr_reason *reason, osr_message *ret_reply,
                         osr_rpc_failure *failure)
{
    failure->executed =
        err == OSR_EFAILED || (err == OSR_ENOCONNECTION && reason->error == (int32_t)OSR_ECLOSED);
    if (err == OSR_EFAILED) {
        failure->reason = *reason;
    }
    if (err == OSR_EFAILED && reason->code == OSR_REASON_NORMAL) {
        *ret_reply = (osr_message){0}; /* an entry that answers nothing has run to its end */
        return OSR_OK;
    }
    return err == OSR_ENOPROC ? OSR_ENOCONNECTION : err; /* an earlier incarnation's address */
}

/* Of a call whose time is over. The node knows, but for a turn of who serves the sockets. */
static bool may_have_run(osr_self *self, osr_ref call)
{
    osr_message reply = {0};
    osr_reason reason = osr_reason_of(OSR_REASON_NORMAL);
    osr_err err;
    if (self->exiting || !osri_request_withdraw(self, call)) {
        return true;
    }
    err = osr_await(self, call, WITHDRAW_MS, &reply, &reason);
    if (err == OSR_OK) {
        return OSR_AS(osri_rpc_refused, &reply) == NULL;
    }
    return err != OSR_ENOCONNECTION || reason.error == (int32_t)OSR_ECLOSED;
}

osr_err osr_rpc_await(osr_self *self, osr_ref call, uint32_t timeout_ms, osr_message *ret_reply,
                      osr_rpc_failure *ret_failure)
{
    osr_message reply = {0};
    osr_reason reason = osr_reason_of(OSR_REASON_NORMAL);
    osr_rpc_failure failure = {.reason = reason};
    osr_err err = osr_await(self, call, timeout_ms, &reply, &reason);

    if (err == OSR_OK && OSR_AS(osri_rpc_refused, &reply) != NULL) {
        err = (osr_err)OSR_AS(osri_rpc_refused, &reply)->error;
        err = err == OSR_OK ? OSR_EPROTO : err;
    } else if (err == OSR_EFAILED || err == OSR_ENOCONNECTION || err == OSR_ENOPROC) {
        err = read_down(err, &reason, &reply, &failure);
    } else if (err == OSR_ETIMEDOUT || err == OSR_EEXIT) {
        failure.executed = err == OSR_EEXIT || may_have_run(self, call);
        (void)osr_abandon(self, call);
    }
    if (err == OSR_OK && ret_reply != NULL) {
        *ret_reply = reply;
    }
    if (err != OSR_OK && ret_failure != NULL) {
        *ret_failure = failure;
    }
    return err;
}

osr_err osr_rpc(osr_self *self, const char *node, const char *function,
                const osr_type *request_type, const void *request, uint32_t timeout_ms,
                osr_message *ret_reply, osr_rpc_failure *ret_failure)
{
    OSRI_ASSERT_SELF(self);
    uint64_t deadline_ns = osri_deadline(self, timeout_ms);
    osr_ref call;
    osr_err err = self->exiting
                      ? osri_process_leave(self)
                      : begin(self, node, function, request_type, request, deadline_ns, &call);

    if (err != OSR_OK) {
        if (ret_failure != NULL) {
            *ret_failure = (osr_rpc_failure){.reason = osr_reason_of(OSR_REASON_NORMAL)};
        }
        return err;
    }
    return osr_rpc_await(self, call, osri_left_ms(self, deadline_ns), ret_reply, ret_failure);
}

static osr_err keep_reply(osr_self *self, const osr_message *reply, const osr_type *type,
                          const void **ret_reply)
{
    if (reply->type == NULL || reply->type->id != type->id) {
        return OSR_ETYPE;
    }
    return osr_keep(self, reply, ret_reply);
}

osr_err osri_rpc_keep(osr_self *self, const char *node, const char *function,
                      const osr_type *request_type, const void *request, const osr_type *reply_type,
                      uint32_t timeout_ms, const void **ret_reply, osr_rpc_failure *ret_failure)
{
    osr_message reply = {0};
    osr_err err =
        osr_rpc(self, node, function, request_type, request, timeout_ms, &reply, ret_failure);

    if (err != OSR_OK) {
        return err;
    }
    err = keep_reply(self, &reply, reply_type, ret_reply);
    if (err != OSR_OK && ret_failure != NULL) {
        *ret_failure =
            (osr_rpc_failure){.executed = true, .reason = osr_reason_of(OSR_REASON_NORMAL)};
    }
    return err;
}

/* ---- on several nodes -------------------------------------------------------------------- */

static void await_one(osr_self *self, osr_ref call, const osr_type *reply_type,
                      uint64_t deadline_ns, osr_rpc_result *result)
{
    osr_message reply = {0};
    osr_rpc_failure failure;

    result->err = osr_rpc_await(self, call, osri_left_ms(self, deadline_ns), &reply, &failure);
    if (result->err == OSR_OK) {
        result->err = keep_reply(self, &reply, reply_type, &result->reply);
        result->executed = result->err != OSR_OK;
        return;
    }
    result->executed = failure.executed;
    if (result->err == OSR_EFAILED) {
        result->reason_code = failure.reason.code;
        result->reason_error = failure.reason.error;
    }
}

static void drop_results(osr_self *self, osr_rpc_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        osr_free(self, (void *)(uintptr_t)results[i].reply);
        results[i].reply = NULL;
    }
}

osr_err osr_rpc_all(osr_self *self, const char *const *nodes, size_t count, const char *function,
                    const osr_type *request_type, const void *request, const osr_type *reply_type,
                    uint32_t timeout_ms, osr_rpc_result *ret_results)
{
    OSRI_ASSERT_SELF(self);
    uint64_t deadline_ns = osri_deadline(self, timeout_ms);
    osr_ref *calls = count == 0 ? NULL : osr_alloc(self, count * sizeof(*calls));

    if (count > 0 && calls == NULL) {
        return OSR_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        ret_results[i] = (osr_rpc_result){0};
        calls[i] = OSR_REF_NONE;
        ret_results[i].err =
            begin(self, nodes[i], function, request_type, request, deadline_ns, &calls[i]);
    }
    for (size_t i = 0; i < count && !self->exiting; i++) {
        if (ret_results[i].err == OSR_OK) {
            await_one(self, calls[i], reply_type, deadline_ns, &ret_results[i]);
        }
    }
    for (size_t i = 0; i < count && self->exiting; i++) {
        (void)osr_abandon(self, calls[i]);
    }
    osr_free(self, calls);
    if (self->exiting) {
        drop_results(self, ret_results, count);
        return osri_process_leave(self);
    }
    return OSR_OK;
}
