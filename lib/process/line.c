/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/bound.h"
#include "lib/process/node.h"

/* Messages of processes to other nodes, of which only so much waits: the sender waits in line until
 * the link takes more, or ends (DESIGN.md D11).
 *
 * Invariants
 *   I1  a process is in at most one line, and in none when it goes on: it leaves before anything
 *       else, also when it has been told to exit. What is on its stack is not looked at afterwards.
 *   I2  while it is in line it sends nothing else; so the order of its messages is kept.
 * For room in a mailbox elsewhere it waits ROOM_MS, as long as for one here whose process does not
 * say otherwise.
 * Other signals, and senders that cannot wait, go by osri_signal_send(). */

#define ROOM_MS 5000

void osri_sender_wake(osri_sender *sender, osri_sender_state state)
{
    /* release: pairs with the acquire in osri_sender_state_of */
    atomic_store_explicit(&sender->state, (uint32_t)state, memory_order_release);
    osri_process_wake(sender->process);
}

/* Until it is admitted or refused. */
static osr_err wait_in_line(osr_self *self, osri_sender *sender, uint64_t deadline_ns)
{
    OSRI_TRACED(self->node,
                osri_event_on_demand(self->node, OSR_EVENT_BLOCK, osri_process_pid(self), 0));
    self->stack->activation.sending = sender;
    osr_err err = osri_process_wait(self, OSRI_WAIT_LINE, deadline_ns);
    self->stack->activation.sending = NULL;
    return err == OSR_ETIMEDOUT && osri_sender_state_of(sender) != OSRI_SENDER_WAITS ? OSR_OK : err;
}

static osr_err send_when_admitted(osr_self *self, const osri_route *route, osri_envelope **signal,
                                  osri_sender *sender, uint64_t deadline_ns)
{
    const osri_remote_ops *remote = self->node->remote;
    void *context = self->node->remote_context;
    bool is_for_room = sender->is_for_room;
    uint64_t room_due_ns = is_for_room ? osri_deadline(self, ROOM_MS) : UINT64_MAX;
    osr_err err = wait_in_line(self, sender, room_due_ns < deadline_ns ? room_due_ns : deadline_ns);
    if (err == OSR_OK && osri_sender_state_of(sender) == OSRI_SENDER_ADMITTED) {
        remote->send_admitted(context, route, signal, sender);
        return OSR_OK;
    }
    remote->leave_line(context, sender);
    if (err == OSR_ETIMEDOUT && is_for_room) { /* as where it lives: room.c */
        osri_count(self->node, OSRI_COUNT_SENT);
        osri_message_dropped(self->node, route->pid, OSR_DROP_WAITED, *signal);
    }
    if (err == OSR_OK) {
        osri_signal_return(self->node, route->pid, OSR_REASON_NOCONNECTION, signal);
    }
    return err;
}

/* To a process of this node whose mailbox is bounded, or NULL. */
static inline osr_self *bounded_receiver(osr_node *node, const osri_route *route,
                                         const osri_envelope *signal, osr_pid *ret_to)
{
    *ret_to = route->name == NULL ? route->pid : osri_node_whereis(node, route->name);
    osr_self *process = ret_to->node == node->id ? osri_table_at(node, ret_to->slot) : NULL;
    /* relaxed: as in send_here(), receive.c */
    return process != NULL &&
                   atomic_load_explicit(&process->open_generation, memory_order_relaxed) !=
                       ret_to->generation &&
                   osri_bound_is_on(process, ret_to->generation) && osri_bound_is_for(signal)
               ? process
               : NULL;
}

static osr_err send_here(osr_self *self, const osri_route *route, osri_envelope **signal,
                         uint64_t deadline_ns)
{
    osr_node *node = self->node;
    osr_pid to;
    if (route->name == NULL && osr_pid_is_none(route->pid)) {
        return osri_signal_send(node, route, signal);
    }
    osr_self *process = bounded_receiver(node, route, *signal, &to);
    if (process == NULL) {
        osr_err err = osri_signal_deliver(node, to, NULL, signal);
        return route->name != NULL && route->node == NULL && osr_pid_is_none(to) ? OSR_ENOPROC
                                                                                 : err;
    }
    osri_count(node, OSRI_COUNT_SENT);
    OSRI_TRACED(node, osri_event_sent(node, to, *signal));
    return osri_bound_send(self, process, to, signal, deadline_ns);
}

osr_err osri_signal_send_waiting(osr_self *self, const osri_route *route, osri_envelope **signal,
                                 uint64_t deadline_ns)
{
    osr_node *node = self->node;
    if (osri_route_is_here(node, route)) {
        return send_here(self, route, signal, deadline_ns);
    }
    if (node->remote == NULL) {
        return osri_signal_send(node, route, signal);
    }
    osri_sender sender = {.process = self};
    osr_err err = OSR_OK;
    OSRI_TRACED(node, osri_event_sent(node, route->pid, *signal));
    if (!node->remote->try_send(node->remote_context, route, signal, &sender)) {
        err = send_when_admitted(self, route, signal, &sender, deadline_ns);
    }
    if (err == OSR_OK) {
        osri_count(node, OSRI_COUNT_FORWARDED);
    }
    return err;
}

osr_err osri_signal_send_trying(osr_self *self, const osri_route *route, osri_envelope **signal)
{
    osr_node *node = self->node;
    if (osri_route_is_here(node, route)) {
        osr_pid to;
        osr_self *process = bounded_receiver(node, route, *signal, &to);
        if (process != NULL) {
            return osri_bound_try(process, to, signal);
        }
        return route->name != NULL && route->node == NULL && osr_pid_is_none(to)
                   ? OSR_ENOPROC
                   : osri_signal_send(node, route, signal);
    }
    if (node->remote == NULL) {
        return osri_signal_send(node, route, signal);
    }
    OSRI_TRACED(node, osri_event_sent(node, route->pid, *signal));
    if (!node->remote->try_send(node->remote_context, route, signal, NULL)) {
        return OSR_EBUSY;
    }
    osri_count(node, OSRI_COUNT_FORWARDED);
    return OSR_OK;
}
