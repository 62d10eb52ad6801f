/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"
#include "lib/process/node.h"
#include "lib/process/request.h"

/* Requests, from the side that asks. Answers (a reply, or a down with the request's number) never
 * come through the mailbox: that of the request waited for goes to `answer`, those of requests
 * begun earlier wait in their entry; all others are late and dropped.
 *
 * Invariants
 *   R1  a request is over, and its number forgotten, once its answer was handed out, it was
 *       abandoned, or a call gave it up; the other side is told to forget it in the latter two
 *       cases.
 *   R2  `replies_came` is set whenever an entry gets its answer, so that who waits for any of some
 *       looks again. */

/* Waits for the answer to the request `awaited`; *ret_answer is then yours. */
static osr_err await(osr_self *self, uint64_t deadline_ns, osri_envelope **ret_answer)
{
    osri_activation *activation = &self->stack->activation;
    osr_err err = OSR_OK;
    while (activation->answer == NULL && err == OSR_OK) {
        osri_process_drain(self);
        if (activation->answer == NULL) {
            err = osri_process_suspend(self, OSRI_WAIT_REPLY, deadline_ns);
        }
    }
    activation->awaited = 0;
    osri_envelope *answer = activation->answer;
    activation->answer = NULL;
    if (answer == NULL) {
        return err == OSR_OK ? OSR_EEXIT : err;
    }
    if (answer->kind == OSRI_SIGNAL_REPLY) {
        osri_count(self->node, OSRI_COUNT_RECEIVED);
    }
    if (self->exiting) {
        osri_envelope_free(&answer);
        return OSR_EEXIT;
    }
    *ret_answer = answer;
    return OSR_OK;
}

static void forget_request(osr_self *self, const osri_route *route, uint64_t number)
{
    osri_envelope *signal;
    if (osri_signal_new_sure(self->node, OSRI_SIGNAL_DEMONITOR, osri_process_pid(self), number,
                             NULL, NULL, &signal) == OSR_OK) {
        (void)osri_signal_send(self->node, route, &signal);
    }
}

static osr_err error_of_down(const osr_reason *reason)
{
    switch (reason->code) {
    case OSR_REASON_NOPROC:
        return OSR_ENOPROC;
    case OSR_REASON_NOCONNECTION:
        return OSR_ENOCONNECTION;
    default:
        return OSR_EFAILED;
    }
}

/* The answers of requests live in their own place, so that the message in work stays valid during a
 * call. */
static void hold_answer(osr_self *self, osri_envelope *answer)
{
    osri_envelope_free(&self->stack->activation.held);
    self->stack->activation.held = answer;
}

/* An answer as the caller sees it, lent until the next one. */
static osr_err answer_of(osr_self *self, osri_envelope *answer, osr_message *ret_reply,
                         osr_reason *ret_reason)
{
    hold_answer(self, answer);
    if (answer->kind == OSRI_SIGNAL_DOWN) {
        const osr_reason *reason = osri_envelope_body(answer);
        if (ret_reason != NULL) {
            *ret_reason = *reason;
        }
        return error_of_down(reason);
    }
    osri_message_of(answer, ret_reply);
    return OSR_OK;
}

osr_err osri_request_resolve(osr_self *self, osr_dest to, osri_route *ret_route)
{
    ret_route->pid = to.pid;
    ret_route->name = to.name;
    ret_route->node = to.node;
    if (to.name != NULL && (to.node == NULL || strcmp(to.node, self->node->name) == 0)) {
        ret_route->pid = osri_node_whereis(self->node, to.name);
        ret_route->name = NULL;
        ret_route->node = NULL;
        if (osr_pid_is_none(ret_route->pid)) {
            return OSR_ENOPROC;
        }
    } else if (to.name == NULL && osr_pid_is_none(to.pid)) {
        return OSR_ENOPROC;
    }
    return osr_pid_equal(ret_route->pid, osri_process_pid(self)) ? OSR_ESELF : OSR_OK;
}

osr_err osri_request_kind(osr_self *self, osri_signal_kind kind, const osri_route *route,
                          const osr_type *type, const void *body, uint64_t number,
                          uint64_t deadline_ns, osri_envelope **ret_answer)
{
    osri_envelope *signal;
    osr_err err = osri_signal_new(kind, osri_process_pid(self), number, type, body, &signal);
    if (err != OSR_OK) {
        return err;
    }
    signal->counter = ++self->messages_numbered;
    signal->deadline_ns = deadline_ns;
    self->stack->activation.awaited = number; /* before the answer can come */
    self->stack->activation.asked = route;
    if (kind == OSRI_SIGNAL_MESSAGE) {
        err = osri_signal_send_waiting(self, route, &signal, deadline_ns);
    } else {
        (void)osri_signal_send(self->node, route, &signal);
    }
    if (err == OSR_ETIMEDOUT || err == OSR_EEXIT) { /* it has not been sent */
        self->stack->activation.awaited = 0;
        osri_envelope_free(&signal);
        return err == OSR_EEXIT ? osri_process_leave(self) : err;
    }
    err = await(self, deadline_ns, ret_answer);
    /* Whoever answers a spawn too late is told to end it: there is nothing to take back. */
    if ((err == OSR_ETIMEDOUT || err == OSR_EEXIT) && kind != OSRI_SIGNAL_SPAWN) {
        forget_request(self, route, number);
    }
    return err;
}

osr_err osri_request(osr_self *self, osr_dest to, const osr_type *type, const void *request,
                     uint32_t timeout_ms, osr_message *ret_reply, osr_reason *ret_reason)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting) {
        return osri_process_leave(self);
    }
    osri_route route;
    osr_err err = osri_request_resolve(self, to, &route);
    if (err != OSR_OK) {
        return err;
    }
    osri_envelope *answer = NULL;
    err = osri_request_kind(self, OSRI_SIGNAL_MESSAGE, &route, type, request,
                            osri_reference_next(self->node), osri_deadline(self, timeout_ms),
                            &answer);
    if (err != OSR_OK) {
        return err;
    }
    return answer_of(self, answer, ret_reply, ret_reason);
}

/* ---- begun now, awaited later ------------------------------------------------------------ */

static void entry_free(osri_request_entry *entry)
{
    if (entry != NULL) {
        osri_envelope_free(&entry->answer);
        osri_heap_strfree(entry->name);
        osri_heap_strfree(entry->node);
        osri_heap_free(entry, sizeof(*entry));
    }
}

static osri_request_entry *entry_new(const osri_route *route)
{
    osri_request_entry *entry = osri_heap_zalloc(sizeof(*entry));
    if (entry == NULL) {
        return NULL;
    }
    entry->pid = route->pid;
    entry->name = route->name == NULL ? NULL : osri_heap_strdup(route->name);
    entry->node = route->node == NULL ? NULL : osri_heap_strdup(route->node);
    if ((route->name != NULL && entry->name == NULL) ||
        (route->node != NULL && entry->node == NULL)) {
        entry_free(entry);
        return NULL;
    }
    return entry;
}

static osri_request_entry *entry_of(const osr_self *self, uint64_t number)
{
    return self->relations == NULL ? NULL : osri_map_get_u64(&self->relations->begun, number);
}

bool osri_request_answered(osr_self *process, osri_envelope *answer)
{
    osri_request_entry *entry = entry_of(process, answer->ref);
    if (entry == NULL || entry->answer != NULL) {
        return false;
    }
    entry->answer = answer;
    process->replies_came = true;
    return true;
}

osr_err osri_request_begin(osr_self *self, osr_dest to, const osr_type *type, const void *request,
                           osr_ref *ret_request)
{
    return osri_request_begin_until(self, to, type, request, 0, ret_request);
}

uint32_t osri_left_ms(const osr_self *self, uint64_t deadline_ns)
{
    uint64_t now_ns = osri_node_now(self->node);

    if (deadline_ns == UINT64_MAX) {
        return OSR_FOREVER;
    }
    return deadline_ns <= now_ns ? 0 : (uint32_t)((deadline_ns - now_ns + 999999) / 1000000);
}

osr_err osri_request_begin_until(osr_self *self, osr_dest to, const osr_type *type,
                                 const void *request, uint64_t deadline_ns, osr_ref *ret_request)
{
    OSRI_ASSERT_SELF(self);
    osri_route route;
    osr_err err = self->exiting ? OSR_EEXIT : osri_request_resolve(self, to, &route);
    if (err != OSR_OK) {
        return err;
    }
    return osri_request_begin_to(self, &route, type, request, deadline_ns, ret_request);
}

osr_err osri_request_begin_to(osr_self *self, const osri_route *route, const osr_type *type,
                              const void *request, uint64_t deadline_ns, osr_ref *ret_request)
{
    osri_envelope *signal;
    uint64_t number = osri_reference_next(self->node);
    osri_relations *relations = osri_process_relations(self);
    osri_request_entry *entry = entry_new(route);
    if (relations == NULL || entry == NULL ||
        osri_map_put_u64(&relations->begun, number, entry, NULL) != OSR_OK) {
        entry_free(entry);
        return OSR_ENOMEM;
    }
    osr_err err = osri_signal_new(OSRI_SIGNAL_MESSAGE, osri_process_pid(self), number, type,
                                  request, &signal);
    if (err != OSR_OK) {
        entry_free(osri_map_remove_u64(&relations->begun, number));
        return err;
    }
    signal->counter = ++self->messages_numbered;
    signal->deadline_ns = deadline_ns;
    (void)osri_signal_send(self->node, route, &signal);
    *ret_request = (osr_ref){self->node->id, number};
    return OSR_OK;
}

/* The answer of an entry, as the caller sees it; the request is over. */
static osr_err hand_out(osr_self *self, uint64_t number, osr_message *ret_reply,
                        osr_reason *ret_reason)
{
    osri_request_entry *entry = osri_map_remove_u64(&self->relations->begun, number);
    osri_envelope *answer = entry->answer;
    entry->answer = NULL;
    entry_free(entry);
    if (answer->kind == OSRI_SIGNAL_REPLY) {
        osri_count(self->node, OSRI_COUNT_RECEIVED);
    }
    return answer_of(self, answer, ret_reply, ret_reason);
}

/* The first of them that has been answered, or count; OSR_ENOTFOUND one of them is no request. */
static osr_err look(const osr_self *self, const osr_ref *requests, size_t count, size_t *ret_index)
{
    for (size_t i = 0; i < count; i++) {
        osri_request_entry *entry =
            requests[i].node == self->node->id ? entry_of(self, requests[i].number) : NULL;
        if (entry == NULL) {
            return OSR_ENOTFOUND;
        }
        if (entry->answer != NULL) {
            *ret_index = i;
            return OSR_OK;
        }
    }
    *ret_index = count;
    return OSR_OK;
}

osr_err osr_await_any(osr_self *self, const osr_ref *requests, size_t count, uint32_t timeout_ms,
                      size_t *ret_index, osr_message *ret_reply, osr_reason *ret_reason)
{
    OSRI_ASSERT_SELF(self);
    uint64_t deadline_ns = timeout_ms == 0 ? 0 : osri_deadline(self, timeout_ms);
    size_t index = count;
    osr_err err = count == 0 ? OSR_EINVAL : OSR_OK;
    bool is_last = timeout_ms == 0;
    while (err == OSR_OK) {
        osri_process_drain(self);
        if (self->exiting) {
            return osri_process_leave(self);
        }
        err = look(self, requests, count, &index);
        if (err != OSR_OK || index < count) {
            break;
        }
        if (is_last) {
            self->stack->activation.budget -= 1; /* who polls in a loop has turns like everybody */
            return OSR_ETIMEDOUT;
        }
        self->replies_came = false;
        err = osri_process_suspend(self, OSRI_WAIT_REPLIES, deadline_ns);
        if (err == OSR_ETIMEDOUT) {
            is_last = true; /* what came with the timeout is still looked at */
            err = OSR_OK;
        }
    }
    if (err != OSR_OK) {
        return err;
    }
    *ret_index = index;
    return hand_out(self, requests[index].number, ret_reply, ret_reason);
}

osr_err osr_await(osr_self *self, osr_ref request, uint32_t timeout_ms, osr_message *ret_reply,
                  osr_reason *ret_reason)
{
    size_t index;
    return osr_await_any(self, &request, 1, timeout_ms, &index, ret_reply, ret_reason);
}

static void drop_entry(osr_self *self, osri_request_entry *entry, uint64_t number)
{
    if (entry->answer == NULL) {
        osri_route route = {.pid = entry->pid, .name = entry->name, .node = entry->node};
        forget_request(self, &route, number);
    } else if (entry->answer->kind == OSRI_SIGNAL_REPLY) {
        osri_message_dropped(self->node, osri_process_pid(self), OSR_DROP_LATE, entry->answer);
    }
    entry_free(entry);
}

bool osri_request_withdraw(osr_self *self, osr_ref request)
{
    osr_node *node = self->node;
    osri_request_entry *entry = request.node == node->id ? entry_of(self, request.number) : NULL;
    osri_route route;
    if (entry == NULL || entry->answer != NULL || node->remote == NULL ||
        node->remote->withdraw == NULL) {
        return false;
    }
    route = (osri_route){.pid = entry->pid, .name = entry->name, .node = entry->node};
    if (osri_route_is_here(node, &route)) {
        return false;
    }
    node->remote->withdraw(node->remote_context, &route, osri_process_pid(self), request.number);
    return true;
}

bool osr_abandon(osr_self *self, osr_ref request)
{
    osri_request_entry *entry = self->relations == NULL || request.node != self->node->id
                                    ? NULL
                                    : osri_map_remove_u64(&self->relations->begun, request.number);
    if (entry != NULL) {
        drop_entry(self, entry, request.number);
    }
    return entry != NULL;
}

void osri_requests_end_all(osr_self *process)
{
    size_t cursor = 0;
    osri_map_entry at;
    if (process->relations == NULL) {
        return;
    }
    while (osri_map_next(&process->relations->begun, &cursor, &at)) {
        uint64_t number;
        memcpy(&number, at.key, sizeof(number));
        drop_entry(process, at.value, number);
    }
    osri_map_fini(&process->relations->begun);
}
