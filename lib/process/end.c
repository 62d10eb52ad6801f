/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"
#include "lib/process/backtrace.h"
#include "lib/process/bound.h"
#include "lib/process/node.h"

/* How a process runs on a lent stack, and how it ends. The order at the end is a promise (DESIGN.md
 * §3, 7): what it owned and its name are gone before anyone can learn of its death. */

/* Messages, links and monitors that a process gets rid of in one turn of its end: half a
 * millisecond or so. */
#define END_STEPS 2048

static void current_drop(osr_self *self)
{
    osri_envelope_free(&self->current);
    osri_process_handling(self, NULL);
}

/* ---- on the process's own stack -------------------------------------------------------- */

static void fail_with(osr_self *self, osr_err err)
{
    if (err != OSR_OK) {
        osr_reason reason = osr_reason_error(err);
        osri_process_set_reason(self, &reason);
    }
}

static void run_raw(osr_self *self)
{
    self->started = true;
    const void *argument = self->argument == NULL ? NULL : osri_envelope_body(self->argument);
    osr_err err = self->entry->run(self, argument);
    if (!(err == OSR_EEXIT && self->exiting)) {
        fail_with(self, err);
    }
    self->ending = true;
}

static void start_body(osr_self *self)
{
    self->started = true;
    const void *argument = self->argument == NULL ? NULL : osri_envelope_body(self->argument);
    osr_err err = self->ops->start(self, self->state_block, argument);
    osri_envelope_free(&self->argument);
    if (err != OSR_OK && !self->exiting) {
        fail_with(self, err);
        self->ending = true;
    }
}

/* A handler returned without having answered or deferred: the caller need not wait for nothing.
 * When the process is about to end, the caller hears why at its end. */
static void answer_forgotten(osr_self *self)
{
    osri_activation *activation = &self->stack->activation;
    if (!activation->request_open) {
        return;
    }
    bool ends = self->ending || self->exiting;
    osr_caller caller = activation->request;
    if (!ends || osri_request_keep(self, caller.pid, caller.ref) != OSR_OK) {
        osr_reason reason = osr_reason_error(OSR_EFAILED);
        osri_request_refuse(self, caller.pid, caller.ref, &reason);
    }
    activation->request_open = false;
}

static void handle(osr_self *self, osri_envelope *envelope)
{
    osr_message message;
    osri_activation *activation = &self->stack->activation;
    bool is_request = envelope->kind == OSRI_SIGNAL_MESSAGE && envelope->ref != 0;
    if (is_request && osri_message_is_late(self->node, envelope)) {
        osri_process_drop_late(self, envelope);
        return;
    }
    osri_message_of(envelope, &message);
    osri_process_message_taken(self, envelope);
    activation->request = (osr_caller){envelope->from, envelope->ref};
    activation->request_open = is_request;
    if (self->idle != NULL) {
        self->idle->after_ms = 0;
    }
    osr_err err = self->ops->message(self, self->state_block, &message);
    if (err != OSR_OK && !self->exiting) {
        fail_with(self, err);
        self->ending = true;
    }
    answer_forgotten(self);
    if (!self->ending) { /* else it stays until the end: a crash names the message in work */
        current_drop(self);
    }
}

static void idle(osr_self *self)
{
    self->idle->due_ns = UINT64_MAX;
    self->idle->after_ms = 0;
    osr_err err = self->ops->idle(self, self->state_block);
    if (err != OSR_OK && !self->exiting) {
        fail_with(self, err);
        self->ending = true;
    }
}

static bool goes_on(const osr_self *self)
{
    return !self->ending && !self->exiting;
}

static void look_at_idle(osr_self *self)
{
    osri_idle *at = self->idle;
    if (goes_on(self) && at->due_ns != UINT64_MAX && osri_mailbox_is_empty(&self->mailbox) &&
        osri_node_now(self->node) >= at->due_ns) {
        idle(self);
    }
    if (at->after_ms != 0) {
        at->due_ns = osri_deadline(self, at->after_ms);
        at->after_ms = 0;
    }
}

static void run_body(osr_self *self)
{
    if (!self->started) {
        start_body(self);
    }
    while (goes_on(self) && self->stack->activation.budget > 0) {
        osri_envelope *message = osri_mailbox_take(&self->mailbox);
        if (message == NULL) {
            break;
        }
        handle(self, message);
    }
    if (self->idle != NULL) {
        look_at_idle(self);
    }
    osri_mailbox_rewind(&self->mailbox);
}

void osri_process_clean(osr_self *self)
{
    bool was_clean = self->clean; /* one that calls osr_exit() in a clean-up comes here again */
    self->clean = true;
    if (!was_clean && self->ops != NULL && self->ops->stop != NULL && self->started &&
        self->ending && !self->untrapped) {
        self->ops->stop(self, self->state_block, osri_process_reason(self));
    }
    while (osri_process_has_defers(self)) {
        osri_defer *last = self->relations->defers;
        osri_defer defer = *last;
        self->relations->defers = defer.next;
        osri_heap_free(last, sizeof(defer));
        defer.clean(defer.argument); /* last: it may not return */
    }
}

void osri_process_main(void *argument)
{
    osr_self *self = argument;
    osri_process_arrive(self);
    if (self->exiting && self->ops == NULL) {
        self->ending = true;
    } else if (self->ops == NULL) {
        run_raw(self);
    } else if (!self->exiting) {
        run_body(self);
    }
    if (self->ending || self->exiting) {
        osri_process_clean(self);
    }
    self->stack->activation.resumer = NULL;
}

void osri_process_stop(osr_self *self, const osr_reason *reason)
{
    OSRI_ASSERT_SELF(self);
    osri_process_set_reason(self, reason);
    self->ending = true;
}

const void *osri_process_configuration(const osr_self *self)
{
    return self->configuration;
}

osr_caller osri_process_caller(const osr_self *self)
{
    return self->stack->activation.request;
}

void *osri_process_state(osr_self *self)
{
    return self->state_block;
}

static osri_idle *idle_new(osr_self *self)
{
    osri_idle *idle = osri_heap_zalloc(sizeof(*idle));
    if (idle != NULL) {
        osri_alarm_init(&idle->alarm, self);
        atomic_fetch_or_explicit(&self->mailbox_flags, OSRI_MAILBOX_IDLE, memory_order_relaxed);
        idle->due_ns = UINT64_MAX;
    }
    return idle;
}

void osri_process_idle_ms(osr_self *self, uint32_t idle_ms)
{
    if (self->idle == NULL && idle_ms != 0) {
        self->idle = idle_new(self);
    }
    if (self->idle != NULL) {
        self->idle->after_ms = idle_ms;
    } else if (idle_ms != 0) {
        osr_reason reason = osr_reason_error(OSR_ENOMEM);
        osri_process_stop(self, &reason);
    }
}

osr_err osri_request_defer(osr_self *self)
{
    osri_activation *activation = &self->stack->activation;
    if (!activation->request_open) {
        return OSR_OK;
    }
    osr_err err = osri_request_keep(self, activation->request.pid, activation->request.ref);
    if (err == OSR_OK) {
        activation->request_open = false;
    }
    return err;
}

osr_err osr_fail(osr_self *self, const osr_reason *reason)
{
    osri_process_set_reason(self, reason);
    return OSR_EEXIT;
}

static __attribute__((noreturn)) void leave_frames(osr_self *self)
{
    OSRI_ASSERT_SELF(self);
    self->ending = true;
    answer_forgotten(self);
    osri_process_clean(self);
    self->abandons = true;
    osri_fiber *resumer = self->stack->activation.resumer;
    self->stack->activation.resumer = NULL;
    osri_fiber_switch(&self->stack->fiber, resumer);
    __builtin_unreachable();
}

void osr_exit(osr_self *self, const osr_reason *reason)
{
    osr_reason full = *reason;
    osr_bin *frames = NULL;
    if (full.code == OSR_REASON_CRASH && full.payload == NULL) {
        full.payload = frames = osri_backtrace(self);
    }
    osri_process_set_reason(self, &full);
    osr_bin_unref(&frames);
    leave_frames(self);
}

static __attribute__((noreturn)) void abandon(osr_self *self)
{
    char pid[OSR_PID_TEXT_BYTES];
    osr_pid_print(osri_process_pid(self), pid);
    osri_log_write(&self->node->log, OSR_LOG_WARNING,
                   "process %s%s%s has not returned %u ms after it was told to exit: abandoned",
                   pid, self->label != NULL ? " " : "", osri_process_label(self),
                   (unsigned)self->exit_ms);
    osri_event_pair(self->node, OSR_EVENT_ABANDONED, osri_process_pid(self), OSR_PID_NONE, 0);
    osri_process_drop_reason(self);
    osr_reason reason = osr_reason_of(OSR_REASON_ABANDONED);
    osri_process_set_reason(self, &reason);
    leave_frames(self);
}

osr_err osri_process_leave(osr_self *self)
{
    uint64_t now = osri_node_now(self->node);
    if (self->stack->activation.exit_due_ns == 0) {
        self->stack->activation.exit_due_ns = now + self->exit_ms * OSRI_TICK_NS;
    }
    self->stack->activation.exit_told += 1;
    if (now >= self->stack->activation.exit_due_ns ||
        self->stack->activation.exit_told >= OSRI_EXIT_TOLD_MAX) {
        abandon(self);
    }
    return OSR_EEXIT;
}

void osri_check_failed(osr_self *self, const char *condition, const char *file, int line)
{
    char text[256];
    (void)snprintf(text, sizeof(text), "check failed: %s (%s:%d)", condition, file, line);
    osr_reason reason = osr_reason_crash(text);
    osr_exit(self, &reason);
}

osr_err osr_send_exit(osr_self *self, osr_pid pid, const osr_reason *reason)
{
    if (self->exiting) {
        return OSR_OK;
    }
    osri_envelope *signal;
    osr_err err = osri_signal_new(OSRI_SIGNAL_EXIT, osri_process_pid(self), 0, &osr_reason_osr_type,
                                  reason, &signal);
    if (err != OSR_OK) {
        return err;
    }
    osri_route route = {.pid = pid};
    return osri_signal_send(self->node, &route, &signal);
}

bool osr_trap_exit(osr_self *self, bool on)
{
    /* relaxed: the owner reads it when it receives an exit signal; others only look */
    return atomic_exchange_explicit(&self->traps, on, memory_order_relaxed);
}

/* ---- on the scheduler's stack ---------------------------------------------------------- */

static void count_out(osr_self *process, osri_envelope *signal)
{
    if (osri_bound_is_counted(signal)) {
        osri_bound_forget(process, signal);
    }
}

void osri_process_refuse(osr_self *process, osri_envelope *newest)
{
    osr_pid self = osri_process_pid(process);
    osri_envelope *signal = osri_trail_turn_round(newest);
    while (signal != NULL) {
        osri_envelope *next = signal->next;
        if (signal != (osri_envelope *)(void *)&process->wake) {
            osr_pid to = self;
            to.generation = signal->to_generation;
            count_out(process, signal);
            osri_signal_refuse(process->node, to, OSR_REASON_NOPROC, &signal);
        }
        signal = next;
    }
}

void osri_process_close(osr_self *process)
{
    /* seq_cst: acquire pairs with release in osri_process_push; release: who sees it closed sees
     * the name gone; and see osri_name_release() */
    osri_envelope *newest =
        atomic_exchange_explicit(&process->inbox, OSRI_INBOX_CLOSED, memory_order_seq_cst);
    osri_name_release(process->node, process); /* one that it was given since */
    osri_services_release(process);
    if (osri_mailbox_flags_of(process) != 0) {
        osri_bound_close(process);
    }
    if (newest != OSRI_INBOX_CLOSED) { /* it never opened */
        osri_process_refuse(process, newest);
    }
}

/* Messages it never took. Requests among them hear its reason, not that it was never there. True:
 * none is left. */
static bool drop_mailbox(osr_self *process, uint32_t *steps)
{
    while (*steps > 0) {
        osri_envelope *message = osri_mailbox_take(&process->mailbox);
        if (message == NULL) {
            return true;
        }
        if (message->ref != 0 && message->kind == OSRI_SIGNAL_MESSAGE) {
            osri_request_refuse(process, message->from, message->ref, osri_process_reason(process));
        }
        count_out(process, message);
        osri_message_dropped(process->node, osri_process_pid(process), OSR_DROP_ENDED, message);
        osri_envelope_free(&message);
        *steps -= 1;
    }
    return false;
}

static void free_spawns(osri_map *spawns)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(spawns, &cursor, &at)) {
        osri_heap_free(at.value, sizeof(osri_spawn_entry));
    }
    osri_map_fini(spawns);
}

static void relations_free(osr_self *process)
{
    osri_relations *relations = process->relations;
    if (relations == NULL) {
        return;
    }
    osri_map_fini(&relations->monitors);
    osri_map_fini(&relations->watchers);
    osri_map_fini(&relations->requests);
    osri_map_fini(&relations->aliases);
    osri_map_fini(&relations->begun);
    osri_map_fini(&relations->kept);
    free_spawns(&relations->spawns);
    osri_heap_free(relations, sizeof(*relations));
    process->relations = NULL;
}

void osri_relations_free(osr_self *process)
{
    osri_links_free(&process->links);
    relations_free(process);
}

void osri_relations_trim(osr_self *process)
{
    osri_relations *relations = process->relations;
    if (osri_map_count(&relations->monitors) == 0 && osri_map_count(&relations->watchers) == 0 &&
        osri_map_count(&relations->requests) == 0 && osri_map_count(&relations->spawns) == 0 &&
        osri_map_count(&relations->begun) == 0 && osri_map_count(&relations->aliases) == 0 &&
        relations->timers == NULL && relations->fd_watches == NULL && relations->building == NULL &&
        relations->suspensions == NULL && relations->asking == NULL && relations->defers == NULL &&
        relations->blocks == NULL && osri_map_count(&relations->kept) == 0 && !process->pinned &&
        osr_pid_is_none(relations->leader)) {
        process->trims += 1;
        relations_free(process);
    }
}

static void log_crash(osr_self *process)
{
    const osr_reason *reason = osri_process_reason(process);
    if (process->untrapped ||
        (reason->code != OSR_REASON_ERROR && reason->code != OSR_REASON_CRASH)) {
        return;
    }
    char pid[OSR_PID_TEXT_BYTES];
    char text[256];
    osr_pid_print(osri_process_pid(process), pid);
    osr_reason_print(reason, text, sizeof(text));
    const osr_type *type = atomic_load_explicit(&process->handling, memory_order_relaxed);
    osri_log_write(&process->node->log, OSR_LOG_WARNING, "process %s %s%s%s%s%s%s ended: %s", pid,
                   osri_process_body_name(process), process->label != NULL ? " " : "",
                   osri_process_label(process), type == NULL ? "" : " (message ",
                   type == NULL ? "" : type->name, type == NULL ? "" : ")", text);
}

static void idle_end(osr_self *process)
{
    if (process->idle != NULL) {
        osri_alarm_end(&process->idle->alarm);
        osri_heap_free(process->idle, sizeof(*process->idle));
        process->idle = NULL;
    }
}

/* What it owned and its name go, before anybody can learn of its end. */
static void end_begin(osr_self *process)
{
    osr_node *node = process->node;
    osr_pid pid = osri_process_pid(process);
    OSR_ASSERT(process->stack == NULL);
    log_crash(process);
    osr_event event = {.kind = OSR_EVENT_EXIT,
                       .code = (uint8_t)osri_process_reason(process)->code,
                       .slot = pid.slot,
                       .generation = pid.generation,
                       .with.pid = process->parent,
                       .what = osri_process_body_name(process)};
    osri_event(node, &event);

    osri_process_set_state(process, OSR_PROCESS_EXITING);
    idle_end(process);
    osri_timers_end_all(process);
    osri_fd_watches_end_all(process);
    osri_requests_end_all(process);
    current_drop(process);
    osri_envelope_free(&process->argument);
    osri_memory_end_all(process);
    osri_heap_free(process->state_block, osri_process_state_bytes(process));
    process->state_block = NULL;
    if (process->subscribed) {
        osri_node_unsubscribe(node, pid);
    }
    osri_name_release(node, process);
    osri_services_release(process);

    osri_process_close(process);
    osri_suspensions_end_all(process);
    osri_info_end_all(process);
}

static void end_finish(osr_self *process)
{
    osr_node *node = process->node;
    osri_relations_free(process);
    if (process->ops != NULL && process->ops->ended != NULL) {
        process->ops->ended(process->configuration);
    }
    if (process->reports_end) {
        osri_node_ended(node, osri_process_pid(process), osri_process_reason(process));
    }
    osri_process_drop_reason(process);
    osri_count(node, OSRI_COUNT_ENDED);
    if (osr_pid_is_none(process->parent)) {
        atomic_fetch_sub_explicit(&node->roots, 1, memory_order_relaxed);
    }
    osri_table_give(process);
}

bool osri_process_end(osr_self *process)
{
    uint32_t steps = END_STEPS;
    if (!osri_process_is_ending(process)) {
        end_begin(process);
    }
    if (!drop_mailbox(process, &steps) || !osri_link_end_some(process, &steps) ||
        !osri_monitor_end_some(process, &steps)) {
        return false;
    }
    end_finish(process);
    return true;
}
