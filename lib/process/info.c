/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/info.h"

#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/bound.h"
#include "lib/process/info_lists.h"
#include "lib/process/leader.h"
#include "lib/process/node.h"

/* What tools learn of a process: by snapshot, from outside and without its help; by signal, from
 * itself. */

static void copy_text(char *ret, size_t bytes, const char *text)
{
    (void)snprintf(ret, bytes, "%s", text == NULL ? "" : text);
}

static void fill_locked(osr_self *process, osr_snapshot *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->pid = osri_process_pid(process);
    ret->parent = process->parent;
    ret->state = (osr_run_state)atomic_load_explicit(&process->state, memory_order_relaxed);
    ret->queued = atomic_load_explicit(&process->queued, memory_order_relaxed);
    ret->handled = atomic_load_explicit(&process->handled, memory_order_relaxed);
    ret->trap_exit = atomic_load_explicit(&process->traps, memory_order_relaxed);
    ret->since_ns = atomic_load_explicit(&process->since_ns, memory_order_relaxed);
    const osr_type *handling = atomic_load_explicit(&process->handling, memory_order_relaxed);
    copy_text(ret->handling, sizeof(ret->handling), handling == NULL ? NULL : handling->name);
    copy_text(ret->label, sizeof(ret->label), process->label);
    copy_text(ret->body, sizeof(ret->body), osri_process_body_name(process));
    copy_text(ret->name, sizeof(ret->name), process->name);
}

/* False: nobody lives in the slot, or another than the one whose number it is (0: whoever has this
 * generation). The locks keep the name and what is constant in a process's life where they are. */
static bool fill(osr_self *process, uint64_t number, uint32_t generation, osr_snapshot *ret)
{
    osr_node *node = process->node;
    osri_mutex_lock(&node->registry_mutex);
    osri_mutex_lock(&node->table.mutex);
    atomic_store_explicit(&node->table.looking, true, memory_order_seq_cst);
    /* seq_cst: see S4 in table.c; acquire: pairs with release in osri_spawn_run(): what was set at
     * spawn */
    uint64_t here = atomic_load_explicit(&process->number, memory_order_seq_cst);
    bool is_it = here != 0 && (number != 0 ? here == number
                                           : osri_process_pid(process).generation == generation);
    if (is_it) {
        fill_locked(process, ret);
    }
    atomic_store_explicit(&node->table.looking, false, memory_order_release);
    osri_mutex_unlock(&node->table.mutex);
    osri_mutex_unlock(&node->registry_mutex);
    return is_it;
}

typedef struct visitor {
    osr_visit *visit;
    void *context;
} visitor;

static void visit_slot(void *context, osr_self *process, uint64_t number)
{
    visitor *v = context;
    osr_snapshot snapshot;
    if (fill(process, number, 0, &snapshot)) {
        v->visit(v->context, &snapshot);
    }
}

osr_err osr_processes(osr_node *node, osr_visit *visit, void *context)
{
    visitor v = {visit, context};
    return osri_table_visit(node, visit_slot, &v) ? OSR_OK : OSR_ENOMEM;
}

osr_err osr_snapshot_of(osr_node *node, osr_pid pid, osr_snapshot *ret_snapshot)
{
    osr_self *process = pid.node == node->id ? osri_table_at(node, pid.slot) : NULL;
    osr_snapshot snapshot;
    if (process == NULL || !fill(process, 0, pid.generation, &snapshot)) {
        return OSR_ENOPROC;
    }
    *ret_snapshot = snapshot;
    return OSR_OK;
}

/* ---- by signal ------------------------------------------------------------------------- */

#define WEIGHED_MAX 10000 /* messages */
#define VALUE_BYTES 512

const char *osr_run_state_name(uint32_t state)
{
    static const char *const names[] = {"idle",    "waiting", "ready",
                                        "running", "exiting", "suspended"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

const char *osr_blocked_on_name(uint32_t blocked_on)
{
    static const char *const names[] = {"nothing", "message",       "types", "call",   "requests",
                                        "time",    "blocking code", "link",  "mailbox"};
    return blocked_on < sizeof(names) / sizeof(names[0]) ? names[blocked_on] : "unknown";
}

static void fill_work(osr_self *process, osr_process_work *ret)
{
    size_t weighed;
    uint64_t bytes = osri_mailbox_weigh(&process->mailbox, WEIGHED_MAX, &weighed);
    ret->handled = atomic_load_explicit(&process->handled, memory_order_relaxed);
    ret->queued = atomic_load_explicit(&process->queued, memory_order_relaxed);
    ret->reductions = ret->handled + process->messages_numbered;
    ret->queued_bytes =
        weighed < WEIGHED_MAX ? bytes : (uint64_t)((double)bytes / WEIGHED_MAX * ret->queued);
    ret->dropped_new = osri_bound_dropped(process, OSR_DROP_NEW);
    ret->dropped_rejected = osri_bound_dropped(process, OSR_DROP_REJECTED);
    ret->dropped_old = osri_bound_dropped(process, OSR_DROP_OLD);
    ret->dropped_overflow = osri_bound_dropped(process, OSR_DROP_OVERFLOW);
    ret->dropped_waited = osri_bound_dropped(process, OSR_DROP_WAITED);
    ret->stack_bytes = process->stack == NULL ? 0 : process->stack->bytes;
    ret->memory_bytes = sizeof(*process) + osri_process_state_bytes(process) +
                        process->owned_bytes + ret->stack_bytes + ret->queued_bytes +
                        (process->relations == NULL ? 0 : sizeof(*process->relations));
}

static osr_blocked_on blocked_on(osri_wait wait)
{
    switch (wait) {
    case OSRI_WAIT_MESSAGE:
        return OSR_BLOCKED_MESSAGE;
    case OSRI_WAIT_TYPES:
        return OSR_BLOCKED_TYPES;
    case OSRI_WAIT_REPLY:
        return OSR_BLOCKED_CALL;
    case OSRI_WAIT_REPLIES:
        return OSR_BLOCKED_REQUESTS;
    case OSRI_WAIT_TIME:
        return OSR_BLOCKED_TIME;
    case OSRI_WAIT_BLOCKING:
        return OSR_BLOCKED_CODE;
    case OSRI_WAIT_LINE:
        return OSR_BLOCKED_LINK;
    default:
        return OSR_BLOCKED_NOT;
    }
}

static osr_str text_of(const char *text)
{
    return osr_str_of(text == NULL ? "" : text);
}

/* What it waits for: lies on its stack, which nobody else runs on now. */
static void fill_wait(const osr_self *process, osr_process_info *ret)
{
    const osri_activation *activation = &process->stack->activation;
    ret->blocked_on = (uint32_t)blocked_on(osri_suspension_wait(process));
    if (ret->blocked_on == OSR_BLOCKED_LINK && !osr_pid_is_none(activation->sending->receiver)) {
        ret->blocked_on = OSR_BLOCKED_MAILBOX;
        ret->waits_for = activation->sending->receiver;
    } else if (ret->blocked_on == OSR_BLOCKED_CALL) {
        const osri_route *asked = activation->asked;
        ret->waits_for = asked->pid;
        ret->waits_text = text_of(asked->name != NULL ? asked->name : asked->node);
    } else if (ret->blocked_on == OSR_BLOCKED_TYPES) {
        ret->waits_text = text_of(activation->wanted_types[0]->name);
    }
}

/* The signal has woken it, so its state is that of who runs; parked_ns: since when it was parked,
 * 0: it was not. */
static void fill_state(osr_self *process, uint64_t parked_ns, osr_process_info *ret)
{
    uint64_t since_ns = atomic_load_explicit(&process->since_ns, memory_order_relaxed);
    uint64_t now_ns = osri_node_now(process->node);
    bool is_suspended = process->stack == NULL || process->stack->activation.wait != OSRI_WAIT_NONE;
    ret->state = atomic_load_explicit(&process->state, memory_order_relaxed);
    if (parked_ns == 0 && ret->state == OSR_PROCESS_RUNNING && is_suspended) {
        parked_ns = now_ns; /* it has come to this point just now */
    }
    if (parked_ns != 0) {
        ret->state = process->stack == NULL ? OSR_PROCESS_IDLE : OSR_PROCESS_WAITING;
        since_ns = parked_ns;
    }
    if (process->suspended) {
        ret->state = OSR_PROCESS_SUSPENDED;
    }
    ret->for_ns = now_ns > since_ns ? now_ns - since_ns : 0;
    if (process->stack != NULL) {
        fill_wait(process, ret);
    }
}

/* In a callback the state is in flux. */
static void print_value(const osr_self *process, char ret_text[VALUE_BYTES])
{
    bool is_idle = process->started && process->stack == NULL;
    ret_text[0] = '\0';
    if (is_idle && process->ops != NULL && process->ops->print != NULL) {
        process->ops->print(process->state_block, ret_text, VALUE_BYTES);
    }
}

static void reply(osr_self *process, const osri_envelope *signal, const osr_type *type,
                  const void *body)
{
    osri_envelope *made;
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_REPLY, osri_process_pid(process),
                             signal->ref, type, body, &made) == OSR_OK) {
        osri_route route = {.pid = signal->from};
        (void)osri_signal_send(process->node, &route, &made);
    }
}

static void refuse(osr_self *process, const osri_envelope *signal, osr_err err)
{
    osr_reason reason = osr_reason_error(err);
    osri_request_refuse(process, signal->from, signal->ref, &reason);
}

static void describe(osr_self *process, const osri_envelope *signal)
{
    osri_info_lists *lists = osri_heap_zalloc(sizeof(*lists));
    if (lists == NULL) {
        refuse(process, signal, OSR_ENOMEM);
        return;
    }
    char value[VALUE_BYTES];
    char name[OSRI_NAME_BYTES_MAX + 1];
    const osr_type *handling = atomic_load_explicit(&process->handling, memory_order_relaxed);
    osri_name_copy(process, name);
    print_value(process, value);
    osr_process_info info = {.pid = osri_process_pid(process),
                             .parent = process->parent,
                             .name = osr_str_of(name),
                             .label = text_of(process->label),
                             .body = text_of(osri_process_body_name(process)),
                             .handling = text_of(handling == NULL ? NULL : handling->name),
                             .waits_text = osr_str_of(""),
                             .priority = process->priority,
                             .value = osr_str_of(value)};
    info.traps = atomic_load_explicit(&process->traps, memory_order_relaxed);
    fill_state(process, signal->enqueued_ns, &info);
    fill_work(process, &info.work);
    osri_info_lists_fill(lists, process, &info.relations, &info.work);
    reply(process, signal, &osr_process_info_osr_type, &info);
    osri_heap_free(lists, sizeof(*lists));
}

/* To the outside it is gone; but nobody is to learn of that before what it owns is, and its name.
 * */
static void refuse_at_end(osr_self *process, osri_envelope *signal)
{
    osri_relations *relations = osri_process_relations(process);
    if (relations == NULL) {
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &signal);
        return;
    }
    signal->next = relations->asking;
    relations->asking = signal;
}

void osri_info_end_all(osr_self *process)
{
    osri_relations *relations = process->relations;
    while (relations != NULL && relations->asking != NULL) {
        osri_envelope *signal = relations->asking;
        relations->asking = signal->next;
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &signal);
    }
}

void osri_info_answer(osr_self *process, osri_envelope *signal)
{
    if (process->exiting || process->ending) {
        refuse_at_end(process, signal);
        return;
    }
    if (signal->type == &osri_alive_osr_type) {
        reply(process, signal, NULL, NULL);
    } else {
        describe(process, signal);
    }
    osri_envelope_free(&signal);
}

static osr_err error_of(const osr_reason *reason)
{
    if (reason->code == OSR_REASON_ERROR &&
        (reason->error == OSR_ENOMEM || reason->error == OSR_EPERM)) {
        return (osr_err)reason->error;
    }
    return reason->code == OSR_REASON_NOCONNECTION ? OSR_ENOCONNECTION : OSR_ENOPROC;
}

osr_err osr_info(osr_self *self, osr_pid pid, uint32_t timeout_ms,
                 const osr_process_info **ret_info)
{
    if (self->exiting) {
        return osri_process_leave(self);
    }
    osri_route route = {.pid = pid};
    osri_envelope *answer = NULL;
    osr_err err = osr_pid_is_none(pid)
                      ? OSR_ENOPROC
                      : osri_request_kind(self, OSRI_SIGNAL_INFO, &route, NULL, NULL,
                                          osri_reference_next(self->node),
                                          osri_deadline(self, timeout_ms), &answer);
    if (err != OSR_OK) {
        return err;
    }
    osri_envelope_free(&self->stack->activation.held);
    self->stack->activation.held = answer;
    if (answer->kind != OSRI_SIGNAL_REPLY) {
        return error_of(osri_envelope_body(answer));
    }
    if (answer->type == NULL || answer->type->id != osr_process_info_osr_type.id) {
        return OSR_EPROTO; /* anybody may answer anything */
    }
    *ret_info = osri_envelope_body(answer);
    return OSR_OK;
}
