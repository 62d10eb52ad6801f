/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/process.h"

#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"
#include "lib/process/alias.h"
#include "lib/process/bound.h"
#include "lib/process/leader.h"
#include "lib/process/node.h"
#include "lib/scheduler/scheduler.h"

/* The inbox, and the turn of a process: what wakes it, what it waits for, when it gives itself up.
 */

static void sent_arrived(osr_self *process, osri_envelope *message);
static void refuse_stranger(osr_self *process, osri_envelope *signal);
static bool is_stranger(const osr_self *process, const osri_envelope *signal);

/* A message for an idle process: nothing is in its inbox that would have to come before it, and it
 * is ours now, so the message goes where the owner reads. Looked at only now, whose it is: another
 * one may have come to live here since it was sent. */
static void put_directly(osr_self *process, osri_envelope *message)
{
    if (is_stranger(process, message)) {
        refuse_stranger(process, message);
    } else {
        sent_arrived(process, message);
    }
}

/* Pushes, and says in *ret_is_ours whether the process was idle, so that the pusher has to queue
 * it. False: refused. */
static inline bool push(osr_self *process, osri_envelope *signal, bool may_be_direct,
                        bool *ret_is_ours)
{
    osri_envelope *head = atomic_load_explicit(&process->inbox, memory_order_relaxed);
    for (;;) {
        if (head == OSRI_INBOX_CLOSED) {
            return false;
        }
        bool direct =
            may_be_direct && head == OSRI_INBOX_IDLE && signal->kind == OSRI_SIGNAL_MESSAGE;
        if (head != NULL && head != OSRI_INBOX_IDLE && signal->kind == OSRI_SIGNAL_MESSAGE) {
            osri_trail_leave(&process->trail, signal);
        }
        signal->next = head == OSRI_INBOX_IDLE ? NULL : head;
        /* release: the signal, for the owner's acquire in take_inbox; acquire: an idle process
         * becomes ours with all its owner wrote before the release in osri_process_park */
        if (atomic_compare_exchange_weak_explicit(&process->inbox, &head, direct ? NULL : signal,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
            if (direct) {
                put_directly(process, signal);
            }
            *ret_is_ours = head == OSRI_INBOX_IDLE;
            return true;
        }
    }
}

/* What was sent before goes before. */
void osri_process_flush(const osr_node *node)
{
    osri_worker *worker = osri_worker_of(node);
    if (worker != NULL && !osri_chain_is_empty(&worker->chain)) {
        osri_chain_flush(&worker->chain);
    }
}

bool osri_process_push(osr_self *process, osri_envelope *signal)
{
    bool is_ours;
    osri_process_flush(process->node);
    if (!push(process, signal, true, &is_ours)) {
        return false;
    }
    if (is_ours) {
        osri_process_ready(process);
    }
    return true;
}

bool osri_process_push_queued(osr_self *process, osri_envelope *message)
{
    bool is_ours;
    if (!push(process, message, false, &is_ours)) {
        return false;
    }
    if (is_ours) {
        osri_process_ready(process);
    }
    return true;
}

bool osri_process_push_info(osr_self *process, osri_envelope *signal)
{
    bool is_ours;
    osri_process_flush(process->node);
    if (!push(process, signal, true, &is_ours)) {
        return false;
    }
    if (is_ours) { /* so nobody looks at the signal yet */
        signal->enqueued_ns = atomic_load_explicit(&process->since_ns, memory_order_relaxed);
        osri_process_ready(process);
    }
    return true;
}

void osri_process_push_chain(osr_self *process, osri_envelope *newest, osri_envelope *oldest)
{
    osri_envelope *head = atomic_load_explicit(&process->inbox, memory_order_relaxed);
    for (;;) {
        if (head == OSRI_INBOX_CLOSED) {
            oldest->next = NULL; /* it may have been hung before another's */
            osri_process_refuse(process, newest);
            return;
        }
        oldest->next = head == OSRI_INBOX_IDLE ? NULL : head;
        osri_trail_leave(&process->trail, newest);
        /* as in push() */
        if (atomic_compare_exchange_weak_explicit(&process->inbox, &head, newest,
                                                  memory_order_acq_rel, memory_order_relaxed)) {
            break;
        }
    }
    if (head == OSRI_INBOX_IDLE) {
        osri_process_ready(process);
    }
}

void osri_process_unchain(const osr_self *self)
{
    osri_chain *chain = &osri_worker_of_running(self)->chain;
    if (!osri_chain_is_empty(chain)) {
        osri_chain_flush(chain);
    }
    chain->to = NULL;
}

/* A message that it sends later goes by way of another thread, which cannot push what is chained
 * here before it. */
static bool sends_later(const osr_self *self)
{
    return self->relations != NULL && self->relations->timers != NULL;
}

bool osri_process_push_by(const osr_self *self, osr_self *process, osri_envelope *signal)
{
    osri_worker *worker = osri_worker_of_running(self);
    osri_chain *chain = &worker->chain;
    if (chain->to == process && osri_chain_append(chain, signal)) {
        return true;
    }
    if (!osri_chain_is_empty(chain)) {
        osri_chain_flush(chain);
    }
    bool is_ours;
    if (!push(process, signal, true, &is_ours)) {
        return false;
    }
    chain->to = is_ours || process == self || sends_later(self) ? NULL : process;
    if (is_ours) {
        osri_process_ready_by(self, process);
    }
    return true;
}

void osri_process_wake(osr_self *process)
{
    /* acq_rel: what we wrote before, for the owner's exchange in osri_process_drain */
    if (!atomic_exchange_explicit(&process->wake.queued, true, memory_order_acq_rel)) {
        process->wake.kind = OSRI_SIGNAL_WAKE;
        (void)osri_process_push(process, (osri_envelope *)(void *)&process->wake);
    }
}

bool osri_process_park(osr_self *process)
{
    osri_envelope *empty = NULL;
    /* release: pairs with acquire in osri_process_push by whoever finds it idle */
    return atomic_compare_exchange_strong_explicit(&process->inbox, &empty, OSRI_INBOX_IDLE,
                                                   memory_order_release, memory_order_relaxed);
}

/* What has been pushed, oldest first. */
static osri_envelope *take_inbox(osr_self *process)
{
    if (atomic_load_explicit(&process->inbox, memory_order_relaxed) == NULL) {
        return NULL;
    }
    /* acquire: pairs with release in osri_process_push */
    osri_envelope *newest = atomic_exchange_explicit(&process->inbox, NULL, memory_order_acquire);
    return osri_trail_turn_round(newest);
}

static void alarm_seen(osri_alarm *alarm)
{
    if (atomic_exchange_explicit(&alarm->spent, false, memory_order_relaxed)) {
        alarm->armed_ns = UINT64_MAX;
    }
}

static void wake_seen(osr_self *process)
{
    /* acq_rel: from here on a new wake is pushed again, and what the waker wrote is visible */
    (void)atomic_exchange_explicit(&process->wake.queued, false, memory_order_acq_rel);
    if (process->idle != NULL) {
        alarm_seen(&process->idle->alarm);
    }
    if (process->stack == NULL) {
        return;
    }
    osri_activation *activation = &process->stack->activation;
    alarm_seen(&activation->alarm);
    if (activation->wait != OSRI_WAIT_NONE && activation->deadline_ns != UINT64_MAX &&
        osri_node_tick(process->node) >= activation->deadline_ns) {
        activation->timed_out = true;
    }
}

static void add_queued(osr_self *process, int64_t change)
{
    uint64_t queued = atomic_load_explicit(&process->queued, memory_order_relaxed);
    atomic_store_explicit(&process->queued, queued + (uint64_t)change, memory_order_relaxed);
}

/* What somebody wants to know of a message that comes. */
static void look_at_growth(osr_self *process)
{
    uint8_t flags = osri_mailbox_flags_of(process);
    if (process->idle != NULL) {
        process->idle->due_ns = UINT64_MAX;
    }
    if ((flags & OSRI_MAILBOX_MARKS) != 0) {
        osri_marks_grown(process, atomic_load_explicit(&process->queued, memory_order_relaxed));
    }
}

void osri_process_put_in(osr_self *process, osri_envelope *message, bool is_first)
{
    add_queued(process, 1);
    if (is_first) {
        osri_mailbox_insert_priority(&process->mailbox, message);
    } else {
        osri_mailbox_append(&process->mailbox, message);
    }
    if (osri_mailbox_flags_of(process) != 0) {
        look_at_growth(process);
    }
}

/* A message of the runtime's own, for which there always is room. */
static void message_arrived(osr_self *process, osri_envelope *message)
{
    osri_process_put_in(process, message, false);
}

/* A message that somebody sent. */
static void sent_arrived(osr_self *process, osri_envelope *message)
{
    if (osri_mailbox_flags_of(process) != 0) {
        osri_bound_arrived(process, message, false);
        return;
    }
    add_queued(process, 1);
    osri_mailbox_append(&process->mailbox, message);
}

void osri_process_drop_late(osr_self *process, osri_envelope *request)
{
    process->stack->activation.budget -= 1; /* many of them have turns like everybody */
    osri_process_message_gone(process, request);
    osri_message_dropped(process->node, osri_process_pid(process), OSR_DROP_EXPIRED, request);
    osri_envelope_free(&request);
}

void osri_process_tell(osr_self *process, const osr_type *type, const void *body)
{
    osri_envelope *message;
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_MESSAGE, OSR_PID_NONE, 0, type, body,
                             &message) != OSR_OK) {
        osr_reason reason = osr_reason_error(OSR_ENOMEM);
        osri_process_set_reason(process, &reason);
        process->exiting = true;
        process->untrapped = true;
        return;
    }
    osri_count(process->node, OSRI_COUNT_SENT);
    message_arrived(process, message);
}

void osri_process_message_taken(osr_self *process, osri_envelope *message)
{
    process->current = message;
    process->stack->activation.budget -= 1;
    osri_process_message_gone(process, message);
    uint64_t handled = atomic_load_explicit(&process->handled, memory_order_relaxed);
    atomic_store_explicit(&process->handled, handled + 1, memory_order_relaxed);
    osri_counters_add(&osri_worker_of_running(process)->counters, OSRI_COUNT_RECEIVED);
    osri_process_handling(process, message->type);
    OSRI_TRACED(process->node,
                osri_event_received(process->node, osri_process_pid(process), message));
}

/* A port's requests are its threads': they, not its process, wait. */
static bool is_taken_by_body(osr_self *process, osri_envelope *answer)
{
    return process->ops != NULL && process->ops->answer != NULL &&
           process->ops->answer(process, answer);
}

/* From here on a plain message. */
static void through_alias(osr_self *process, osri_envelope *message, bool is_first)
{
    message->kind = OSRI_SIGNAL_MESSAGE;
    message->ref = 0;
    if (!is_first) {
        sent_arrived(process, message);
    } else {
        osri_bound_arrived(process, message, true);
    }
}

static void forget_if_counted(osr_self *process, osri_envelope *signal)
{
    if (osri_bound_is_counted(signal)) {
        osri_bound_forget(process, signal);
    }
}

static void reply_arrived(osr_self *process, osri_envelope *reply)
{
    if (osri_process_awaits(process, reply->ref) && process->stack->activation.answer == NULL) {
        process->stack->activation.answer = reply;
        return;
    }
    osri_alias_taken taken = osri_alias_accepts(process, reply);
    if (taken != OSRI_ALIAS_OFF) {
        through_alias(process, reply, taken == OSRI_ALIAS_FIRST);
        return;
    }
    if (!osri_request_answered(process, reply) && !is_taken_by_body(process, reply)) {
        forget_if_counted(process, reply);
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &reply);
    }
}

void osri_process_exit_by(osr_self *process, osri_envelope *signal)
{
    /* one that has returned ends with the reason it returned with */
    bool has_ended = process->ending && process->stack == NULL;
    if (process->exiting || has_ended) {
        osri_envelope_free(&signal);
        return;
    }
    process->exiting = true;
    process->untrapped = true;
    if (process->reason == NULL) {
        process->reason = signal;
        return;
    }
    if (((const osr_reason *)osri_envelope_body(signal))->code == OSR_REASON_KILLED) {
        /* while it ends in its own way, whose frames may look at the reason: it stays in place */
        osri_process_set_killed(process);
    }
    osri_envelope_free(&signal);
}

static void exit_arrived(osr_self *process, osri_envelope *signal)
{
    const osr_reason *reason = osri_envelope_body(signal);
    if (reason->code == OSR_REASON_KILL) {
        /* nobody else sees the signal's body any more */
        ((osr_reason *)osri_envelope_body_to_fill(signal))->code = OSR_REASON_KILLED;
        osri_process_exit_by(process, signal);
        return;
    }
    osr_pid self = osri_process_pid(process);
    bool from_self = osr_pid_equal(signal->from, self);
    if (atomic_load_explicit(&process->traps, memory_order_relaxed)) {
        osr_exited message = {.from = signal->from, .reason = *reason};
        osri_process_tell(process, &osr_exited_osr_type, &message);
    } else if (reason->code != OSR_REASON_NORMAL || from_self) {
        osri_process_exit_by(process, signal);
        return;
    }
    osri_envelope_free(&signal);
}

/* Not for us, but for one who lived here before. */
static bool is_stranger(const osr_self *process, const osri_envelope *signal)
{
    return signal->to_generation !=
           atomic_load_explicit(&process->generation, memory_order_relaxed);
}

static void refuse_stranger(osr_self *process, osri_envelope *signal)
{
    forget_if_counted(process, signal);
    osr_pid to = osri_process_pid(process);
    to.generation = signal->to_generation;
    osri_signal_refuse(process->node, to, OSR_REASON_NOPROC, &signal);
}

static void down_arrived(osr_self *process, osri_envelope *signal)
{
    if (osri_process_awaits(process, signal->ref)) {
        reply_arrived(process, signal);
    } else if (!osri_request_answered(process, signal) && !is_taken_by_body(process, signal)) {
        osri_monitor_signal(process, signal);
    }
}

static void signal_arrived(osr_self *process, osri_envelope *signal)
{
    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_MESSAGE:
        sent_arrived(process, signal);
        break;
    case OSRI_SIGNAL_NODE:
        message_arrived(process, signal);
        break;
    case OSRI_SIGNAL_REPLY:
        reply_arrived(process, signal);
        break;
    case OSRI_SIGNAL_EXIT:
        exit_arrived(process, signal);
        break;
    case OSRI_SIGNAL_LINK:
    case OSRI_SIGNAL_LINK_EXIT:
    case OSRI_SIGNAL_UNLINK:
    case OSRI_SIGNAL_UNLINK_ACK:
        osri_link_signal(process, signal);
        break;
    case OSRI_SIGNAL_MONITOR:
    case OSRI_SIGNAL_DEMONITOR:
        osri_monitor_signal(process, signal);
        break;
    case OSRI_SIGNAL_DOWN:
        down_arrived(process, signal);
        break;
    case OSRI_SIGNAL_SPAWN_REPLY:
        osri_spawn_answered(process, signal);
        break;
    case OSRI_SIGNAL_INFO:
        osri_info_answer(process, signal);
        break;
    case OSRI_SIGNAL_SUSPEND:
    case OSRI_SIGNAL_RESUME:
        osri_suspension_signal(process, signal);
        break;
    case OSRI_SIGNAL_LEADER:
        osri_leader_signal(process, signal);
        break;
    case OSRI_SIGNAL_TIMEOUT:
        osri_timer_fired(process, signal);
        break;
    case OSRI_SIGNAL_WAKE:
        if (process->stack != NULL) {
            process->stack->activation.blocking_done = true;
        }
        osri_envelope_free(&signal);
        break;
    case OSRI_SIGNAL_SPAWN:
    default:
        osri_envelope_free(&signal);
        break;
    }
}

void osri_process_drain(osr_self *process)
{
    for (osri_envelope *signal = take_inbox(process); signal != NULL;) {
        osri_envelope *next = signal->next;
        if (signal == (osri_envelope *)(void *)&process->wake) {
            wake_seen(process);
        } else if (is_stranger(process, signal)) {
            refuse_stranger(process, signal);
        } else {
            signal_arrived(process, signal);
        }
        signal = next;
    }
}

static void arm(osri_alarm *alarm, uint64_t due_ns)
{
    if (alarm->armed_ns <= due_ns) {
        return; /* fires before, and is armed anew then */
    }
    if (alarm->timer.wheel != NULL) {
        /* Its wake, if still to come, would be taken for the new one's. And that it has fired may
         * have been seen while it was still at it, if another woke us: the lock ends that. */
        osri_alarm_end(alarm);
    }
    alarm->armed_ns = due_ns;
    osri_node_timer(alarm->process->node, &alarm->timer, due_ns);
}

static bool is_idle_due(osr_self *process)
{
    osri_idle *idle = process->idle;
    if (idle == NULL || idle->due_ns == UINT64_MAX || !osri_mailbox_is_empty(&process->mailbox)) {
        return false;
    }
    if (osri_node_now(process->node) >= idle->due_ns) {
        return true;
    }
    arm(&idle->alarm, idle->due_ns);
    return false;
}

static bool is_resumable(osr_self *process)
{
    osri_activation *activation = &process->stack->activation;
    switch (activation->wait) {
    case OSRI_WAIT_BLOCKING:
        return activation->blocking_done;
    case OSRI_WAIT_MESSAGE:
    case OSRI_WAIT_TYPES:
        if (osri_mailbox_seek(&process->mailbox, activation->wanted_types,
                              activation->wanted_count)) {
            return true;
        }
        break;
    case OSRI_WAIT_REPLY:
        if (activation->answer != NULL) {
            return true;
        }
        break;
    case OSRI_WAIT_REPLIES:
        if (process->replies_came) {
            return true;
        }
        break;
    case OSRI_WAIT_LINE:
        if (osri_sender_state_of(activation->sending) != OSRI_SENDER_WAITS) {
            return true;
        }
        break;
    case OSRI_WAIT_TURN:
    case OSRI_WAIT_NONE:
        return true;
    case OSRI_WAIT_TIME:
        break;
    case OSRI_WAIT_SUSPENDED: /* it is held */
        return false;
    }
    return process->exiting || activation->timed_out;
}

bool osri_process_has_come(osr_self *process)
{
    const osri_activation *activation = &process->stack->activation;
    if (activation->wait == OSRI_WAIT_REPLY) {
        return activation->answer != NULL;
    }
    return activation->wait == OSRI_WAIT_MESSAGE && osri_mailbox_has_unseen(&process->mailbox);
}

void osri_process_arm_deadline(osr_self *process)
{
    osri_activation *activation = &process->stack->activation;
    if (activation->deadline_ns != UINT64_MAX) {
        arm(&activation->alarm, activation->deadline_ns);
    }
}

bool osri_process_is_ready(osr_self *process)
{
    if (process->suspended && osri_suspension_keeps(process)) {
        return false;
    }
    if (process->stack != NULL) {
        if (is_resumable(process)) {
            return true;
        }
        osri_process_arm_deadline(process);
        return false;
    }
    if (process->exiting) {
        return !process->clean && osri_process_has_defers(process);
    }
    return !process->started || !osri_mailbox_is_empty(&process->mailbox) || is_idle_due(process);
}

uint64_t osri_deadline(const osr_self *self, uint32_t timeout_ms)
{
    if (timeout_ms == OSR_FOREVER) {
        return UINT64_MAX;
    }
    return osri_node_now(self->node) + (uint64_t)timeout_ms * OSRI_TICK_NS;
}

osr_err osri_process_wait(osr_self *self, osri_wait wait, uint64_t deadline_ns)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting && wait != OSRI_WAIT_BLOCKING) {
        return OSR_EEXIT;
    }
    osri_mutex_check_none_held();
    osri_activation *activation = &self->stack->activation;
    activation->wait = wait;
    activation->deadline_ns = deadline_ns;
    activation->timed_out = false;
    osri_process_step_aside(self);
    osri_process_arrive(self);
    activation->wait = OSRI_WAIT_NONE;
    if (self->exiting) {
        return OSR_EEXIT;
    }
    return activation->timed_out ? OSR_ETIMEDOUT : OSR_OK;
}

osr_err osri_process_suspend(osr_self *self, osri_wait wait, uint64_t deadline_ns)
{
    osr_err err = osri_process_wait(self, wait, deadline_ns);
    return err == OSR_EEXIT ? osri_process_leave(self) : err;
}

void osri_process_set_state(osr_self *process, osr_run_state state)
{
    atomic_store_explicit(&process->state, (uint8_t)state, memory_order_relaxed);
    atomic_store_explicit(&process->since_ns, osri_node_coarse(process->node),
                          memory_order_relaxed);
}
