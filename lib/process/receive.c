/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/assert.h"
#include "lib/process/bound.h"
#include "lib/process/node.h"
#include "lib/scheduler/scheduler.h"

/* Sending and receiving, as a running process does them; and answering. Requests: request.c. */

const void *osri_message_as(const osr_message *message, uint32_t type_id)
{
    return message->type != NULL && message->type->id == type_id ? message->body : NULL;
}

#define SPENT_MAX 1000000

/* Not taken: nobody lives there, or who does has bounded its mailbox. */
static __attribute__((noinline)) osr_err send_otherwise(osr_self *self, osr_pid to,
                                                        osri_envelope *signal)
{
    osr_self *process = osri_table_at(self->node, to.slot);
    if (process != NULL && osri_bound_is_on(process, to.generation)) {
        if (osri_bound_is_for(signal)) {
            return osri_bound_send(self, process, to, &signal, UINT64_MAX);
        }
        if (osri_process_push_by(self, process, signal)) {
            return OSR_OK;
        }
    }
    osri_signal_refuse(self->node, to, OSR_REASON_NOPROC, &signal);
    return OSR_OK;
}

/* To a process of this node, by pid: what most sends are. */
static osr_err send_here(osr_self *self, osr_pid to, osri_envelope *signal)
{
    signal->to_slot = to.slot;
    signal->to_generation = to.generation;
    osri_counters_add(&osri_worker_of_running(self)->counters, OSRI_COUNT_SENT);
    OSRI_TRACED(self->node, osri_event_sent(self->node, to, signal));
    osr_self *process = osri_table_at(self->node, to.slot);
    if (process == NULL ||
        atomic_load_explicit(&process->open_generation, memory_order_relaxed) != to.generation ||
        !osri_process_push_by(self, process, signal)) {
        return send_otherwise(self, to, signal);
    }
    return OSR_OK;
}

/* From here on nobody owes this caller an answer. */
static void settle(osr_self *self, osr_pid pid, uint64_t ref)
{
    osri_activation *activation = &self->stack->activation;
    if (activation->request_open && activation->request.ref == ref &&
        osr_pid_equal(activation->request.pid, pid)) {
        activation->request_open = false;
    } else {
        osri_request_drop(self, pid, ref);
    }
}

static void sign(osr_self *self, osri_envelope *signal)
{
    signal->kind = OSRI_SIGNAL_MESSAGE;
    signal->from = osri_process_pid(self);
    signal->counter = ++self->messages_numbered;
}

static osri_route route_to(osr_dest to, osri_envelope *signal)
{
    osri_route route = {.pid = to.pid, .name = to.name, .node = to.node};
    if (to.alias != 0) {
        signal->kind = OSRI_SIGNAL_REPLY;
        signal->ref = to.alias;
        route.name = NULL;
    }
    return route;
}

static bool is_answer(osr_dest to)
{
    return to.alias != 0 && (to.alias & OSRI_ALIAS_BIT) == 0;
}

/* Takes the message, also on OSR_EEXIT, which the caller passes on by osri_process_leave(). */
static osr_err send_envelope(osr_self *self, osr_dest to, osri_envelope *signal)
{
    sign(self, signal);
    if (to.name == NULL && to.pid.node == self->node->id) {
        return send_here(self, to.pid, signal);
    }
    osri_route route = route_to(to, signal);
    if (is_answer(to)) {
        settle(self, to.pid, to.alias);
    }
    osr_err err = osri_signal_send_waiting(self, &route, &signal, UINT64_MAX);
    osri_envelope_free(&signal); /* it has been told to exit: its sends go nowhere */
    return err;
}

osr_err osri_send_envelope(osr_self *self, osr_dest to, osri_envelope *message)
{
    return send_envelope(self, to, message);
}

static void spend_budget(osr_self *self, int32_t messages)
{
    osri_activation *activation = &self->stack->activation;
    activation->budget -= messages;
    if (activation->budget <= 0) {
        (void)osri_process_suspend(self, OSRI_WAIT_TURN, UINT64_MAX);
    }
}

osr_err osri_send_done(osr_self *self, osr_err err, size_t messages)
{
    if (err == OSR_EEXIT) {
        return osri_process_leave(self);
    }
    spend_budget(self, messages > SPENT_MAX ? SPENT_MAX : (int32_t)messages);
    return err;
}

osr_err osri_send(osr_self *self, osr_dest to, const osr_type *type, const void *message)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting) {
        return OSR_OK; /* its sends go nowhere (DESIGN.md D5) */
    }
    osri_envelope *signal;
    osr_err err = osri_envelope_new(type, message, &signal);
    if (err == OSR_OK) {
        err = osri_send_done(self, send_envelope(self, to, signal), 1);
    }
    return err;
}

osr_err osri_try_envelope(osr_self *self, osr_dest to, osri_envelope **message)
{
    self->stack->activation.budget -= 1; /* who tries in a loop has turns like everybody */
    sign(self, *message);
    osri_route route = route_to(to, *message);
    osr_err err = osri_signal_send_trying(self, &route, message);
    if (err == OSR_OK && is_answer(to)) {
        settle(self, to.pid, to.alias);
    }
    return err;
}

osr_err osri_try_send(osr_self *self, osr_dest to, const osr_type *type, const void *message)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting) {
        return OSR_OK; /* as osri_send() */
    }
    osri_envelope *signal;
    osr_err err = osri_envelope_new(type, message, &signal);
    if (err == OSR_OK) {
        err = osri_try_envelope(self, to, &signal);
        osri_envelope_free(&signal); /* NULL but on an error */
    }
    return err;
}

osr_err osr_reply_to(osr_self *self, osr_caller caller, const osr_type *type, const void *reply)
{
    if (self->exiting) {
        return OSR_OK; /* its sends go nowhere: the caller hears of its end */
    }
    osri_envelope *signal;
    osr_err err = osri_signal_new(OSRI_SIGNAL_REPLY, osri_process_pid(self), caller.ref, type,
                                  reply, &signal);
    if (err != OSR_OK) {
        return err; /* the request is still unanswered */
    }
    settle(self, caller.pid, caller.ref);
    signal->counter = ++self->messages_numbered;
    osri_route route = {.pid = caller.pid};
    return osri_signal_send(self->node, &route, &signal);
}

/* A raw process that has taken a request owes an answer until it gives it or ends. */
static void owe_answer(osr_self *self, const osri_envelope *request)
{
    if (osri_request_keep(self, request->from, request->ref) != OSR_OK) {
        osr_reason reason = osr_reason_error(OSR_ENOMEM);
        osri_request_refuse(self, request->from, request->ref, &reason);
    }
}

/* False: it came too late. */
static bool take(osr_self *self, osri_envelope *message, osr_message *ret_message)
{
    bool is_request = message->ref != 0 && message->kind == OSRI_SIGNAL_MESSAGE;
    if (is_request && osri_message_is_late(self->node, message)) {
        osri_process_drop_late(self, message);
        return false;
    }
    osri_process_message_taken(self, message);
    if (is_request) {
        owe_answer(self, message);
    }
    osri_message_of(message, ret_message);
    return true;
}

typedef struct wanted {
    const osr_type *const *types;
    size_t count;
    osr_match *match;
    void *context;
} wanted;

static osri_envelope *find(osr_self *self, const wanted *what)
{
    if (what->match != NULL) {
        return osri_mailbox_take_where(&self->mailbox, what->match, what->context);
    }
    if (what->count != 0) {
        return osri_mailbox_take_of(&self->mailbox, what->types, what->count);
    }
    return osri_mailbox_take(&self->mailbox);
}

static osr_err receive(osr_self *self, const wanted *what, uint32_t timeout_ms,
                       osr_message *ret_message)
{
    OSRI_ASSERT_SELF(self);
    osri_activation *activation = &self->stack->activation;
    osri_envelope_free(&self->current);
    osri_process_handling(self, NULL);
    osri_mailbox_rewind(&self->mailbox);
    uint64_t deadline_ns = 0;
    osr_err err = OSR_OK;
    if (activation->budget <= 0) {
        err = osri_process_suspend(self, OSRI_WAIT_TURN, UINT64_MAX);
    }
    while (err == OSR_OK && !self->exiting) {
        osri_envelope *message = find(self, what);
        if (message == NULL) {
            osri_process_drain(self);
            if (activation->budget <= 0) { /* it is to be suspended */
                err = osri_process_suspend(self, OSRI_WAIT_TURN, UINT64_MAX);
            }
            message = self->exiting ? NULL : find(self, what);
        }
        if (message != NULL && !take(self, message, ret_message)) {
            continue;
        }
        if (message != NULL) {
            osri_mailbox_rewind(&self->mailbox);
            return OSR_OK;
        }
        if (timeout_ms == 0) {
            activation->budget -= 1; /* who polls in a loop has turns like everybody */
            err = OSR_ETIMEDOUT;
            break;
        }
        if (deadline_ns == 0) {
            deadline_ns = osri_deadline(self, timeout_ms);
        }
        activation->wanted_types = what->types;
        activation->wanted_count = what->count;
        err = osri_process_suspend(self, what->count != 0 ? OSRI_WAIT_TYPES : OSRI_WAIT_MESSAGE,
                                   deadline_ns);
        if (err == OSR_ETIMEDOUT) {
            timeout_ms = 0; /* what came with the timeout is still looked at */
            err = OSR_OK;
        }
    }
    osri_mailbox_rewind(&self->mailbox);
    return self->exiting && err != OSR_EEXIT ? osri_process_leave(self) : err;
}

osr_err osr_receive(osr_self *self, uint32_t timeout_ms, osr_message *ret_message)
{
    wanted what = {0};
    return receive(self, &what, timeout_ms, ret_message);
}

osr_err osr_receive_of(osr_self *self, const osr_type *const *types, size_t count,
                       uint32_t timeout_ms, osr_message *ret_message)
{
    wanted what = {.types = types, .count = count};
    return count == 0 ? OSR_EINVAL : receive(self, &what, timeout_ms, ret_message);
}

osr_err osr_receive_where(osr_self *self, osr_match *match, void *context, uint32_t timeout_ms,
                          osr_message *ret_message)
{
    wanted what = {.match = match, .context = context};
    return match == NULL ? OSR_EINVAL : receive(self, &what, timeout_ms, ret_message);
}

bool osr_is_alive(osr_self *self, osr_pid pid)
{
    if (osr_pid_equal(pid, osri_process_pid(self))) {
        return !self->exiting;
    }
    if (pid.node != self->node->id) {
        return self->node->remote != NULL &&
               self->node->remote->is_connected(self->node->remote_context, pid.node);
    }
    osri_route route = {.pid = pid};
    osri_envelope *answer = NULL;
    osr_err err =
        osri_request_kind(self, OSRI_SIGNAL_INFO, &route, &osri_alive_osr_type, &(osri_alive){0},
                          osri_reference_next(self->node), UINT64_MAX, &answer);
    bool alive = err == OSR_OK && answer->kind == OSRI_SIGNAL_REPLY;
    osri_envelope_free(&answer);
    return alive;
}

osr_err osr_sleep(osr_self *self, uint32_t ms)
{
    if (ms == 0) {
        return osr_yield(self);
    }
    osr_err err = osri_process_suspend(self, OSRI_WAIT_TIME, osri_deadline(self, ms));
    return err == OSR_ETIMEDOUT ? OSR_OK : err;
}

osr_err osr_yield(osr_self *self)
{
    return osri_process_suspend(self, OSRI_WAIT_TURN, UINT64_MAX);
}

osr_err osr_blocking(osr_self *self, void (*run)(void *argument), void *argument)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting) {
        return osri_process_leave(self);
    }
    OSRI_TRACED(self->node,
                osri_event_on_demand(self->node, OSR_EVENT_BLOCK, osri_process_pid(self), 0));
    self->stack->activation.blocking_done = false;
    osr_err err = osri_blocking_run(self, run, argument);
    if (err != OSR_OK) {
        return err;
    }
    return osri_process_suspend(self, OSRI_WAIT_BLOCKING, UINT64_MAX);
}
