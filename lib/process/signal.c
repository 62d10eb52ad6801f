/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/signal.h"

#include <sched.h>
#include <string.h>

#include "lib/core/assert.h"
#include "lib/process/bound.h"
#include "lib/process/node.h"
#include "lib/process/rpc.h"

/* Making signals, sending them, and what becomes of those that cannot arrive. */

osr_err osri_signal_new(osri_signal_kind kind, osr_pid from, uint64_t ref, const osr_type *type,
                        const void *body, osri_envelope **ret_signal)
{
    osri_envelope *signal;
    osr_err err = osri_envelope_new(type, body, &signal);
    if (err != OSR_OK) {
        return err;
    }
    signal->kind = (uint8_t)kind;
    signal->from = from;
    signal->ref = ref;
    *ret_signal = signal;
    return OSR_OK;
}

#define SURE_TRIES 8

osr_err osri_signal_new_sure(osr_node *node, osri_signal_kind kind, osr_pid from, uint64_t ref,
                             const osr_type *type, const void *body, osri_envelope **ret_signal)
{
    osr_err err = OSR_ENOMEM;
    for (int i = 0; i < SURE_TRIES && err == OSR_ENOMEM; i++) {
        if (i > 0) {
            (void)sched_yield(); /* others may be about to free some */
        }
        err = osri_signal_new(kind, from, ref, type, body, ret_signal);
    }
    if (err != OSR_OK) {
        osri_log_write(&node->log, OSR_LOG_ERROR, "%s: a signal of kind %d is lost",
                       osr_err_text(err), (int)kind);
    }
    return err;
}

static bool is_message(const osri_envelope *signal)
{
    return signal->kind == OSRI_SIGNAL_MESSAGE || signal->kind == OSRI_SIGNAL_REPLY;
}

static void answer(osr_node *node, osri_signal_kind kind, osr_pid from, osr_pid to, uint64_t ref,
                   const osr_type *type, const void *body)
{
    osri_envelope *signal;
    if (osri_signal_new_sure(node, kind, from, ref, type, body, &signal) == OSR_OK) {
        osri_route route = {.pid = to};
        (void)osri_signal_send(node, &route, &signal);
    }
}

/* A process that starts because of a request whose sender is gone must not stay. */
static void refuse_spawn_reply(osr_node *node, const osri_envelope *signal)
{
    const osri_spawn_result *result = osri_envelope_body(signal);
    if (result->error == OSR_OK) {
        osr_reason reason = osr_reason_of(OSR_REASON_KILL);
        answer(node, OSRI_SIGNAL_EXIT, OSR_PID_NONE, result->pid, 0, &osr_reason_osr_type, &reason);
    }
}

void osri_signal_refuse(osr_node *node, osr_pid to, osr_reason_code code, osri_envelope **signal_)
{
    osri_envelope *signal = *signal_;
    *signal_ = NULL;
    osr_reason reason = osr_reason_of(code);
    osri_spawn_result failed = {.error = code == OSR_REASON_NOCONNECTION ? OSR_ENOCONNECTION
                                                                         : OSR_ENOPROC};
    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_LINK:
        answer(node, OSRI_SIGNAL_LINK_EXIT, to, signal->from, signal->ref, &osr_reason_osr_type,
               &reason);
        break;
    case OSRI_SIGNAL_UNLINK:
        answer(node, OSRI_SIGNAL_UNLINK_ACK, to, signal->from, signal->ref, NULL, NULL);
        break;
    case OSRI_SIGNAL_MONITOR:
    case OSRI_SIGNAL_INFO:
    case OSRI_SIGNAL_SUSPEND:
        answer(node, OSRI_SIGNAL_DOWN, to, signal->from, signal->ref, &osr_reason_osr_type,
               &reason);
        break;
    case OSRI_SIGNAL_SPAWN:
        answer(node, OSRI_SIGNAL_SPAWN_REPLY, to, signal->from, signal->ref,
               &osri_spawn_result_osr_type, &failed);
        break;
    case OSRI_SIGNAL_SPAWN_REPLY:
        refuse_spawn_reply(node, signal);
        break;
    case OSRI_SIGNAL_MESSAGE:
        osri_message_dropped(
            node, to, code == OSR_REASON_NOCONNECTION ? OSR_DROP_NOCONNECTION : OSR_DROP_NOPROC,
            signal);
        if (signal->ref != 0) {
            answer(node, OSRI_SIGNAL_DOWN, to, signal->from, signal->ref, &osr_reason_osr_type,
                   &reason);
        }
        break;
    case OSRI_SIGNAL_REPLY:
        osri_message_dropped(node, to, OSR_DROP_LATE, signal);
        break;
    case OSRI_SIGNAL_NODE:
        osri_message_dropped(node, to, OSR_DROP_NOPROC, signal);
        break;
    case OSRI_SIGNAL_TIMEOUT:
        osri_timer_refused(signal);
        return;
    default:
        break;
    }
    osri_envelope_free(&signal);
}

void osri_signal_return(osr_node *node, osr_pid to, osr_reason_code code, osri_envelope **signal)
{
    if (is_message(*signal)) {
        osri_count(node, OSRI_COUNT_SENT);
    }
    osri_signal_refuse(node, to, code, signal);
}

/* It has not been taken by who lives at `to`, if anybody does. */
static osr_err hand_over_otherwise(osr_node *node, osr_pid to, osri_envelope *signal,
                                   bool (*push)(osr_self *process, osri_envelope *signal))
{
    osr_self *process = to.node != node->id ? NULL : osri_table_at(node, to.slot);
    if (process != NULL && osri_bound_is_on(process, to.generation)) {
        if (osri_bound_is_for(signal)) {
            return osri_bound_put(process, to, &signal);
        }
        if (push(process, signal)) {
            return OSR_OK;
        }
    }
    if (signal->kind == OSRI_SIGNAL_MESSAGE && to.node == node->id && osri_pid_is_node(to)) {
        osri_count(node, OSRI_COUNT_RECEIVED);
        if (osri_is_rpc(signal)) {
            osri_rpc_here(node, &signal);
        } else {
            (void)osri_services_message(node, NULL, &signal);
        }
        return OSR_OK;
    }
    osri_signal_refuse(node, to, OSR_REASON_NOPROC, &signal);
    return OSR_OK;
}

static inline osr_err hand_over(osr_node *node, osr_pid to, osri_envelope *signal,
                                bool (*push)(osr_self *process, osri_envelope *signal))
{
    osr_self *process = osr_pid_is_none(to) ? NULL : osri_table_at(node, to.slot);
    signal->to_slot = to.slot;
    signal->to_generation = to.generation;
    if (to.node == node->id && process != NULL &&
        atomic_load_explicit(&process->open_generation, memory_order_relaxed) == to.generation &&
        push(process, signal)) {
        return OSR_OK;
    }
    return hand_over_otherwise(node, to, signal, push);
}

osr_err osri_signal_deliver(osr_node *node, osr_pid to, const char *name, osri_envelope **signal_)
{
    osri_envelope *signal = *signal_;
    *signal_ = NULL;
    if (name != NULL) {
        to = osri_node_whereis(node, name);
    }
    if (is_message(signal)) {
        osri_count(node, OSRI_COUNT_SENT);
        OSRI_TRACED(node, osri_event_sent(node, to, signal));
    } else if (signal->kind == OSRI_SIGNAL_INFO) {
        return hand_over(node, to, signal, osri_process_push_info);
    }
    return hand_over(node, to, signal, osri_process_push);
}

bool osri_route_is_here(const osr_node *node, const osri_route *route)
{
    if (route->node != NULL) {
        return strcmp(route->node, node->name) == 0;
    }
    return route->name != NULL || route->pid.node == node->id || osr_pid_is_none(route->pid);
}

/* Answers of the runtime to "nobody" (a signal from outside the node) need not go anywhere. */
static bool is_to_nobody(const osri_route *route)
{
    return osr_pid_is_none(route->pid) && route->name == NULL && route->node == NULL;
}

osr_err osri_signal_send(osr_node *node, const osri_route *route, osri_envelope **signal_)
{
    osri_envelope *signal = *signal_;
    *signal_ = NULL;
    if (is_to_nobody(route)) {
        osri_envelope_free(&signal);
        return OSR_OK;
    }
    if (!osri_route_is_here(node, route)) {
        if (node->remote == NULL) {
            osri_signal_return(node, route->pid, OSR_REASON_NOCONNECTION, &signal);
            return OSR_OK;
        }
        if (is_message(signal)) {
            osri_count(node, OSRI_COUNT_FORWARDED);
            OSRI_TRACED(node, osri_event_sent(node, route->pid, signal));
        }
        node->remote->send(node->remote_context, route, &signal);
        return OSR_OK;
    }
    if (signal->kind == OSRI_SIGNAL_SPAWN) {
        osri_node_spawn_requested(node, &signal);
        return OSR_OK;
    }
    osr_pid to = route->name == NULL ? route->pid : osri_node_whereis(node, route->name);
    bool is_bare = route->name != NULL && route->node == NULL;
    osr_err err = osri_signal_deliver(node, to, NULL, &signal);
    return is_bare && osr_pid_is_none(to) ? OSR_ENOPROC : err;
}

void osri_node_set_remote(osr_node *node, const osri_remote_ops *ops, void *context)
{
    node->remote = ops;
    node->remote_context = context;
}

const osri_remote_ops *osri_node_remote(const osr_node *node, void **ret_context)
{
    if (ret_context != NULL) {
        *ret_context = node->remote_context;
    }
    return node->remote;
}

const osri_log *osri_node_log(const osr_node *node)
{
    return &node->log;
}

osri_types *osri_node_types(osr_node *node)
{
    return &node->types;
}

const osr_env *osri_node_env(const osr_node *node)
{
    return node->env;
}
