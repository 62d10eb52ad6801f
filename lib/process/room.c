/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/bound.h"

/* Senders that wait for room in a mailbox: bound.h, B3 to B5. They wait as those do who wait in
 * line for another node (line.c), in OSRI_WAIT_LINE. */

typedef enum verdict {
    ROOM,  /* counted in: push */
    WAITS, /* stands in line */
    GONE,  /* nobody lives there any more */
    CLOSES_CIRCLE,
    NO_MEMORY,
} verdict;

static osri_sender *sender_of(osri_list_link *link)
{
    return OSRI_LIST_ENTRY(link, osri_sender, in_line);
}

/* Whether `to` waits, perhaps by way of others, for room that `self` has to make. There is no
 * circle among those that wait, so this ends. */
static bool closes_circle_locked(osr_node *node, osr_pid self, osr_pid to)
{
    while (!osr_pid_equal(to, self)) {
        const osri_sender *sender = osri_map_get(&node->waiting_for_room, &to, sizeof(to));
        if (sender == NULL) {
            return false;
        }
        to = sender->receiver;
    }
    return true;
}

static void leave_locked(osr_node *node, osri_limits *limits, osri_sender *sender)
{
    osr_pid pid = osri_process_pid(sender->process);
    osri_list_remove(&sender->in_line);
    (void)osri_map_remove(&node->waiting_for_room, &pid, sizeof(pid));
    atomic_fetch_sub_explicit(&limits->waiting, 1, memory_order_seq_cst);
}

static bool is_gone(const osr_self *process, osr_pid to)
{
    /* relaxed: who closes it takes the lock that we hold afterwards */
    return atomic_load_explicit(&process->inbox, memory_order_relaxed) == OSRI_INBOX_CLOSED ||
           atomic_load_explicit(&process->generation, memory_order_relaxed) != to.generation;
}

static verdict enter_locked(osr_self *process, osri_limits *limits, osri_sender *sender)
{
    osr_node *node = process->node;
    osr_pid self = osri_process_pid(sender->process);
    if (is_gone(process, sender->receiver)) {
        return GONE;
    }
    /* seq_cst: B3 */
    bool is_next = atomic_fetch_add_explicit(&limits->waiting, 1, memory_order_seq_cst) == 0;
    verdict what = WAITS;
    if (is_next && osri_bound_count_in(limits, sender->message)) {
        what = ROOM;
    } else if (closes_circle_locked(node, self, sender->receiver)) {
        what = CLOSES_CIRCLE;
    } else if (osri_map_put(&node->waiting_for_room, &self, sizeof(self), sender, NULL) != OSR_OK) {
        what = NO_MEMORY;
    }
    if (what == WAITS) {
        osri_list_push_back(&limits->senders, &sender->in_line);
    } else {
        atomic_fetch_sub_explicit(&limits->waiting, 1, memory_order_seq_cst);
    }
    return what;
}

/* In line; what came of it is in the sender's state, and nobody looks at the sender any more. */
static osr_err wait_in_line(osr_self *self, osri_limits *limits, osri_sender *sender,
                            uint64_t deadline_ns)
{
    self->stack->activation.sending = sender;
    OSRI_TRACED(self->node,
                osri_event_on_demand(self->node, OSR_EVENT_BLOCK, osri_process_pid(self), 0));
    osr_err err = osri_process_wait(self, OSRI_WAIT_LINE, deadline_ns);
    self->stack->activation.sending = NULL;
    osri_mutex_lock(&self->node->room_mutex);
    if (osri_sender_state_of(sender) == OSRI_SENDER_WAITS) {
        leave_locked(self->node, limits, sender);
    }
    osri_mutex_unlock(&self->node->room_mutex);
    return err;
}

osr_err osri_room_wait(osr_self *self, osr_self *process, osr_pid to, osri_envelope *signal,
                       uint64_t deadline_ns)
{
    osr_node *node = self->node;
    osri_limits *limits = osri_limits_of(process);
    osri_sender sender = {.process = self, .receiver = to, .message = signal};
    osri_sender_state state = OSRI_SENDER_WAITS;
    osr_err err = OSR_OK;
    osri_process_flush(node);  /* under the lock nothing more is sent than what waited */
    signal->to_slot = to.slot; /* another one will push it */
    signal->to_generation = to.generation;
    osri_mutex_lock(&node->room_mutex);
    verdict what = enter_locked(process, limits, &sender);
    osri_mutex_unlock(&node->room_mutex);
    if (what == ROOM) {
        osri_bound_push(process, to, signal);
        return OSR_OK;
    }
    if (what == WAITS) {
        err = wait_in_line(self, limits, &sender, deadline_ns);
        state = osri_sender_state_of(&sender);
    }
    if (state == OSRI_SENDER_ADMITTED) {
        return err == OSR_EEXIT ? err : OSR_OK;
    }
    if (what == GONE || state == OSRI_SENDER_REFUSED) {
        osri_signal_refuse(node, to, OSR_REASON_NOPROC, &signal);
        return err == OSR_EEXIT ? err : OSR_OK;
    }
    bool is_request = signal->kind == OSRI_SIGNAL_MESSAGE && signal->ref != 0;
    osri_bound_drop(process, signal, OSR_DROP_WAITED, what != WAITS);
    if (what == WAITS) {
        return err;
    }
    return is_request ? OSR_OK : what == NO_MEMORY ? OSR_ENOMEM : OSR_EFULL;
}

void osri_room_made(osr_self *process, osri_limits *limits)
{
    osr_node *node = process->node;
    /* seq_cst: B3 */
    if (atomic_load_explicit(&limits->waiting, memory_order_seq_cst) == 0) {
        return;
    }
    osri_process_flush(node);
    osri_mutex_lock(&node->room_mutex);
    osri_list_link *first = osri_list_first(&limits->senders);
    while (first != NULL && osri_bound_count_in(limits, sender_of(first)->message)) {
        osri_sender *sender = sender_of(first);
        leave_locked(node, limits, sender);
        if (osri_process_push_queued(process, sender->message)) {
            osri_sender_wake(sender, OSRI_SENDER_ADMITTED);
        } else { /* it ends just now: nobody needs the room */
            osri_bound_count_out(limits, sender->message);
            osri_sender_wake(sender, OSRI_SENDER_REFUSED);
        }
        first = osri_list_first(&limits->senders);
    }
    osri_mutex_unlock(&node->room_mutex);
}

void osri_room_close(osr_self *process, osri_limits *limits)
{
    osr_node *node = process->node;
    osri_process_flush(node);
    osri_mutex_lock(&node->room_mutex);
    for (osri_list_link *first = osri_list_first(&limits->senders); first != NULL;
         first = osri_list_first(&limits->senders)) {
        osri_sender *sender = sender_of(first);
        leave_locked(node, limits, sender);
        osri_sender_wake(sender, OSRI_SENDER_REFUSED);
    }
    osri_mutex_unlock(&node->room_mutex);
}
