/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "dist/net/state.h"
#include "lib/core/heap.h"

/* The operations that the node is handed, and what else any thread asks of the distribution: each
 * leaves a command for the owner (net.c, I1), or reads what is made for any thread. */

static void wake_owner(osri_net *net)
{
    net->transport->ops->wake(net->transport);
}

/* Takes the command. False: closed, nothing was done. */
static bool push(osri_net *net, osri_command *command)
{
    bool wake = false;

    if (!osri_command_push(&net->queue, &command, &wake)) {
        osri_command_free(command);
        return false;
    }
    if (wake) {
        wake_owner(net);
    }
    return true;
}

/* The lane that a signal takes; NULL: to a node that we do not know, or that cannot be counted. */
static osri_lane *lane_of(osri_net *net, const osri_route *route)
{
    osri_lane *lane;
    const char *name;

    if (route->node != NULL) {
        return osri_lane_to(&net->lanes, route->node);
    }
    lane = osri_lane_cached(&net->lanes, route->pid.node);
    if (lane != NULL) {
        return lane;
    }
    name = osri_directory_find(&net->directory, route->pid.node, NULL);
    lane = name == NULL ? NULL : osri_lane_to(&net->lanes, name);
    if (lane != NULL) {
        osri_lane_cache(&net->lanes, route->pid.node, lane);
    }
    return lane;
}

/* What is lacking in a session is worse than its end. */
static void doubt(void *context, const osri_peer *peer)
{
    osri_net *net = context;

    osri_doubt(&net->doubts, peer->session);
    wake_owner(net);
}

/* Gives the signal to the owner, for which `given` bytes are counted on the lane. */
static void give(osri_net *net, const osri_route *route, osri_envelope **signal, osri_lane *lane,
                 uint64_t given, uint64_t credited)
{
    osri_command *command = osri_command_new(OSRI_COMMAND_SIGNAL, route->name, route->node);
    bool wake = false;

    if (command != NULL) {
        command->pid = route->pid;
        command->signal = *signal;
        command->lane = lane;
        command->given = given;
        command->credited = credited;
        /* relaxed: who has heard of an end, by a message, sees it */
        command->ends = atomic_load_explicit(&net->ends, memory_order_relaxed);
        if (osri_command_push(&net->queue, &command, &wake)) {
            *signal = NULL;
            if (wake) {
                wake_owner(net);
            }
            return;
        }
        command->signal = NULL;
        osri_command_free(command);
    } else if (route->node == NULL && osri_pid_is_node(route->pid)) { /* of a service */
        osri_doubt(&net->doubts, (*signal)->ref);
        wake_owner(net);
    }
    if (lane != NULL) {
        osri_lane_take_back(lane, given);
    }
    osri_signal_return(net->node, route->pid, OSR_REASON_NOCONNECTION, signal);
}

static void send_signal(void *context, const osri_route *route, osri_envelope **signal)
{
    osri_net *net = context;
    bool message = (*signal)->kind == OSRI_SIGNAL_MESSAGE || (*signal)->kind == OSRI_SIGNAL_REPLY;
    bool counts = message && !osri_pid_is_node(route->pid); /* services never wait */
    osri_lane *lane = counts ? lane_of(net, route) : NULL;
    uint64_t bytes = lane == NULL ? 0 : osri_envelope_bytes(*signal);

    if (lane != NULL && !osri_lane_squeeze(lane, bytes)) {
        osri_signal_return(net->node, route->pid, OSR_REASON_NOCONNECTION, signal);
        return;
    }
    give(net, route, signal, lane, bytes, 0);
}

static bool try_send(void *context, const osri_route *route, osri_envelope **signal,
                     osri_sender *sender)
{
    osri_net *net = context;
    osri_lane *lane = lane_of(net, route);
    uint64_t bytes = lane == NULL ? 0 : osri_envelope_bytes(*signal);
    /* by pid, to its present incarnation: of others nothing is known */
    bool is_known = lane != NULL && route->node == NULL &&
                    route->pid.node == atomic_load_explicit(&lane->node, memory_order_relaxed);
    uint64_t receiver = is_known ? osri_record_process(route->pid) : 0;

    uint64_t credited = 0;

    if (lane != NULL && !osri_lane_enter(lane, receiver, bytes, sender, &credited)) {
        return false;
    }
    give(net, route, signal, lane, bytes, credited);
    return true;
}

static void tell_of_mailbox(osri_net *net, osri_command_kind kind, osr_pid receiver, uint64_t from)
{
    osri_command *command = osri_command_new(kind, NULL, NULL);

    if (command != NULL) { /* else they wait some seconds in vain, or not at all */
        command->pid = receiver;
        command->from = from;
        (void)push(net, command);
    }
}

static void mailbox_full(void *context, osr_pid receiver, uint64_t from)
{
    tell_of_mailbox(context, OSRI_COMMAND_FULL, receiver, from);
}

static void mailbox_room(void *context, osr_pid receiver)
{
    tell_of_mailbox(context, OSRI_COMMAND_ROOM, receiver, 0);
}

static size_t links(void *context, osr_link_status *ret_links, size_t max)
{
    return osri_lanes_status(&((osri_net *)context)->lanes, ret_links, max);
}

static void send_admitted(void *context, const osri_route *route, osri_envelope **signal,
                          osri_sender *sender)
{
    osri_lane_leave(sender->lane, sender);
    give(context, route, signal, sender->lane, sender->bytes, sender->credited);
}

static void leave_line(void *context, osri_sender *sender)
{
    (void)context;
    if (osri_lane_leave(sender->lane, sender)) {
        osri_lane_take_back(sender->lane, sender->bytes);
    }
    osri_lane_credit_back(sender->lane, sender->credited);
}

static void withdraw(void *context, const osri_route *route, osr_pid from, uint64_t ref)
{
    osri_net *net = context;
    osri_command *command = osri_command_new(OSRI_COMMAND_WITHDRAW, route->name, route->node);

    if (command != NULL &&
        osri_signal_new(OSRI_SIGNAL_DEMONITOR, from, ref, NULL, NULL, &command->signal) == OSR_OK) {
        command->pid = route->pid;
        command->ends = atomic_load_explicit(&net->ends, memory_order_relaxed);
        (void)push(net, command);
    } else {
        osri_command_free(command); /* who asked waits a little in vain */
    }
}

static osr_err ask(osri_net *net, osri_command_kind kind, const char *node, bool on)
{
    osri_command *command = osri_command_new(kind, NULL, node);

    if (command == NULL) {
        return OSR_ENOMEM;
    }
    command->on = on;
    return push(net, command) ? OSR_OK : OSR_ESTOPPED;
}

static osr_err ask_of(osri_net *net, osri_command_kind kind, const char *node, bool on)
{
    bool named = node != NULL && osri_node_name_check(node, strlen(node)) == OSR_OK;

    return named ? ask(net, kind, node, on) : OSR_EINVAL;
}

static osr_err connect_node(void *context, const char *node, bool asked)
{
    return ask_of(context, OSRI_COMMAND_CONNECT, node, asked);
}

osr_err osri_net_want(osri_net *net, const char *name, bool wanted)
{
    return ask_of(net, OSRI_COMMAND_WANT, name, wanted);
}

osr_err osri_net_revoke(osri_net *net, const osri_revocations *list)
{
    osri_command *command = osri_command_new(OSRI_COMMAND_REVOKE, NULL, NULL);

    if (net->options.revocations == NULL || command == NULL) {
        osri_command_free(command);
        return command == NULL ? OSR_ENOMEM : OSR_EINVAL;
    }
    command->revocations = osri_heap_alloc(sizeof(*list));
    if (command->revocations == NULL) {
        osri_command_free(command);
        return OSR_ENOMEM;
    }
    *command->revocations = *list;
    return push(net, command) ? OSR_OK : OSR_ESTOPPED;
}

static osr_err want_node(void *context, const char *node, bool wanted)
{
    return osri_net_want(context, node, wanted);
}

static osr_err drain(void *context, bool draining)
{
    return ask(context, OSRI_COMMAND_DRAIN, NULL, draining);
}

static osr_err disconnect_node(void *context, const char *node)
{
    osri_net *net = context;

    if (node == NULL || !osri_directory_is_up_name(&net->directory, node)) {
        return OSR_ENOTFOUND;
    }
    return ask_of(net, OSRI_COMMAND_DISCONNECT, node, true);
}

static const char *name_of(void *context, uint64_t node)
{
    return osri_directory_find(&((osri_net *)context)->directory, node, NULL);
}

static bool is_connected(void *context, uint64_t node)
{
    return osri_directory_is_up(&((osri_net *)context)->directory, node);
}

static size_t peers(void *context, osri_peer *ret_peers, size_t max)
{
    return osri_directory_peers(&((osri_net *)context)->directory, ret_peers, max);
}

void osri_net_resolved(osri_net *net, const char *name, osr_err err, const char *endpoint,
                       const uint8_t key[OSRI_KEY_BYTES], const char *text)
{
    osri_command *command = osri_command_new(OSRI_COMMAND_RESOLVED, text, name);

    if (command == NULL) {
        return; /* the attempt's deadline ends it */
    }
    command->err = err;
    if (err == OSR_OK) {
        (void)snprintf(command->endpoint, sizeof(command->endpoint), "%s", endpoint);
        memcpy(command->key, key, sizeof(command->key));
    }
    (void)push(net, command);
}

void osri_net_leave(osri_net *net)
{
    osri_command *command = osri_command_new(OSRI_COMMAND_LEAVE, NULL, NULL);

    if (command != NULL) {
        (void)push(net, command);
    }
}

static osr_err set_tick(void *context, uint32_t tick_ms)
{
    osri_command *command;

    if (!osri_net_ticks_are(tick_ms)) {
        return OSR_EINVAL;
    }
    command = osri_command_new(OSRI_COMMAND_TICK, NULL, NULL);
    if (command == NULL) {
        return OSR_ENOMEM;
    }
    command->number = tick_ms;
    return push(context, command) ? OSR_OK : OSR_ESTOPPED;
}

const osri_remote_ops osri_net_operations = {
    .send = send_signal,
    .doubt = doubt,
    .try_send = try_send,
    .send_admitted = send_admitted,
    .leave_line = leave_line,
    .withdraw = withdraw,
    .connect = connect_node,
    .disconnect = disconnect_node,
    .name_of = name_of,
    .is_connected = is_connected,
    .peers = peers,
    .want = want_node,
    .drain = drain,
    .set_tick = set_tick,
    .links = links,
    .mailbox_full = mailbox_full,
    .mailbox_room = mailbox_room,
    .rest = osri_net_rest,
    .rouse = osri_net_rouse,
    .attended = osri_net_attended,
    .close = osri_net_close,
};
