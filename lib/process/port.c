/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/port.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"
#include "lib/scheduler/scheduler.h"

/* Ports: a process whose body hands every message on to foreign threads.
 *
 * Invariants, under the mutex
 *   P1  the fd is readable exactly where the queue is not empty or the process has ended.
 *   P2  a waiter is in the list while its thread waits; who wakes it does so under the mutex, so
 *       its parker lives.
 *   P3  the handle and the process each hold a reference: the last one frees. `ended` is set by the
 *       process, last; the node is not touched once it is seen.
 * The mutex is never held while a signal is sent. */

#define QUEUE_MAX_DEFAULT 10000

typedef struct waiter {
    struct waiter *next;
    osr_parker *parker;
    uint64_t number;       /* of the request it waits for the answer to; 0: it receives */
    osri_envelope *answer; /* yours */
} waiter;

struct osr_port {
    osr_node *node;
    const osr_env *env;
    osr_pid pid; /* constant once open */
    int fd;
    uint32_t queue_max;
    _Atomic(uint64_t) numbered; /* messages sent */
    osri_envelope *current;     /* owner: who receives; lent to it */

    osri_mutex mutex;            /* OSRI_RANK_PORT */
    osri_envelope *first, *last; /* guarded_by: mutex; received by nobody yet */
    uint32_t queued;             /* guarded_by: mutex */
    uint64_t dropped;            /* guarded_by: mutex */
    waiter *waiters;             /* guarded_by: mutex */
    uint32_t references;         /* guarded_by: mutex */
    bool ended;                  /* guarded_by: mutex */
};

static void free_queue(osr_port *port)
{
    while (port->first != NULL) {
        osri_envelope *next = port->first->next;
        osri_envelope_free(&port->first);
        port->first = next;
    }
    port->last = NULL;
    port->queued = 0;
}

static void port_unref(osr_port *port)
{
    osri_mutex_lock(&port->mutex);
    bool is_last = --port->references == 0;
    osri_mutex_unlock(&port->mutex);
    if (is_last) {
        free_queue(port);
        osri_envelope_free(&port->current);
        (void)close(port->fd);
        osri_mutex_fini(&port->mutex);
        osri_heap_free(port, sizeof(*port));
    }
}

static void fd_set_readable(const osr_port *port)
{
    uint64_t one = 1;
    (void)!write(port->fd, &one, sizeof(one)); /* cannot fail: it never overflows */
}

static void fd_set_quiet(const osr_port *port)
{
    uint64_t value;
    (void)!read(port->fd, &value, sizeof(value));
}

static void wake_locked(const osr_port *port, const waiter *who)
{
    port->env->unpark(port->env->context, who->parker);
}

/* ---- the process's side ------------------------------------------------------------------- */

static osr_err port_start(osr_self *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return OSR_OK;
}

static bool queue_put(osr_port *port, osri_envelope *envelope)
{
    osri_mutex_lock(&port->mutex);
    bool has_room = port->queued < port->queue_max;
    if (has_room) {
        envelope->next = NULL;
        if (port->last != NULL) {
            port->last->next = envelope;
        } else {
            port->first = envelope;
            fd_set_readable(port);
        }
        port->last = envelope;
        port->queued += 1;
        for (const waiter *who = port->waiters; who != NULL; who = who->next) {
            if (who->number == 0) {
                wake_locked(port, who);
            }
        }
    } else {
        port->dropped += 1;
    }
    osri_mutex_unlock(&port->mutex);
    return has_room;
}

/* It was counted as received when the process took it. On a worker: its own counters. */
static void count_dropped(const osr_self *self)
{
    osr_node *node = self->node;
    osri_counters *counters = &osri_worker_of(node)->counters;
    _Atomic(uint64_t) *received = &counters->value[OSRI_COUNT_RECEIVED];
    atomic_store_explicit(received, atomic_load_explicit(received, memory_order_relaxed) - 1,
                          memory_order_relaxed);
    osri_message_dropped(node, osri_process_pid(self), OSR_DROP_NEW, self->current);
}

/* A request that is dropped, or whose caller cannot be kept, is refused when this returns. */
static osr_err port_message(osr_self *self, void *state, const osr_message *message)
{
    (void)state;
    osr_port *port = (osr_port *)(uintptr_t)osri_process_configuration(self);
    osri_activation *activation = &self->stack->activation;
    osr_caller caller = activation->request;
    bool is_request = activation->request_open;
    osri_envelope *envelope = self->current;
    (void)message;
    if (osri_request_defer(self) != OSR_OK) {
        count_dropped(self);
        return OSR_OK;
    }
    self->current = NULL; /* handed on; before anybody can receive and free it */
    if (!queue_put(port, envelope)) {
        self->current = envelope;
        activation->request_open = is_request;
        if (is_request) {
            osri_request_drop(self, caller.pid, caller.ref);
        }
        count_dropped(self);
    }
    return OSR_OK;
}

/* A REPLY or DOWN that nobody on the process's stack waits for. Whether it has been taken. */
static bool port_answer(osr_self *self, osri_envelope *answer)
{
    osr_port *port = (osr_port *)(uintptr_t)osri_process_configuration(self);
    bool is_reply = answer->kind == OSRI_SIGNAL_REPLY;
    bool taken = false;
    osri_mutex_lock(&port->mutex);
    for (waiter *who = port->waiters; who != NULL && !taken; who = who->next) {
        if (who->number == answer->ref && who->number != 0 && who->answer == NULL) {
            who->answer = answer;
            wake_locked(port, who);
            taken = true;
        }
    }
    osri_mutex_unlock(&port->mutex);
    if (taken && is_reply) {
        osri_count(self->node, OSRI_COUNT_RECEIVED);
    }
    return taken;
}

static void port_ended(const void *configuration)
{
    osr_port *port = (osr_port *)(uintptr_t)configuration;
    osri_mutex_lock(&port->mutex);
    port->ended = true;
    fd_set_readable(port);
    for (const waiter *who = port->waiters; who != NULL; who = who->next) {
        wake_locked(port, who);
    }
    osri_mutex_unlock(&port->mutex);
    port_unref(port);
}

static const osri_body_ops port_ops = {
    .name = "port",
    .start = port_start,
    .message = port_message,
    .answer = port_answer,
    .ended = port_ended,
};

/* ---- open and close ----------------------------------------------------------------------- */

static osr_err port_new(osr_node *node, const osr_port_options *options, osr_port **ret_port)
{
    osr_port *port = osri_heap_zalloc(sizeof(*port));
    if (port == NULL) {
        return OSR_ENOMEM;
    }
    port->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (port->fd < 0) {
        osr_err err = errno == ENOMEM ? OSR_ENOMEM : OSR_ELIMIT;
        osri_heap_free(port, sizeof(*port));
        return err;
    }
    osri_mutex_init(&port->mutex, OSRI_RANK_PORT);
    port->node = node;
    port->env = node->env;
    port->queue_max = options->queue_max != 0 ? options->queue_max : QUEUE_MAX_DEFAULT;
    port->references = 1;
    *ret_port = port;
    return OSR_OK;
}

osr_err osr_port_open(osr_node *node, const osr_port_options *options, osr_port **ret_port)
{
    static const osr_port_options defaults = {.size = sizeof(osr_port_options)};
    osr_port *port;
    options = options == NULL ? &defaults : options;
    osr_err err = port_new(node, options, &port);
    if (err != OSR_OK) {
        return err;
    }
    osr_spawn_options spawn_options = {
        .size = sizeof(spawn_options), .name = options->name, .label = options->label};
    osri_spawn spawn = {.ops = &port_ops, .configuration = port, .options = &spawn_options};
    osr_pid pid;
    port->references += 1; /* the process's, which may run at once */
    err = osri_spawn_body(node, NULL, &spawn, &pid);
    if (err != OSR_OK) {
        port->references -= 1;
        port_unref(port);
        return err;
    }
    port->pid = pid;
    *ret_port = port;
    return OSR_OK;
}

static bool has_ended(osr_port *port)
{
    osri_mutex_lock(&port->mutex);
    bool ended = port->ended;
    osri_mutex_unlock(&port->mutex);
    return ended;
}

void osr_port_close(osr_port **port_)
{
    osr_port *port = *port_;
    *port_ = NULL;
    if (port == NULL) {
        return;
    }
    if (!has_ended(port)) {
        osr_reason reason = osr_reason_of(OSR_REASON_NORMAL);
        osri_envelope *signal;
        if (osri_signal_new_sure(port->node, OSRI_SIGNAL_EXIT, port->pid, 0, &osr_reason_osr_type,
                                 &reason, &signal) == OSR_OK) {
            osri_route route = {.pid = port->pid};
            (void)osri_signal_send(port->node, &route, &signal);
        }
    }
    port_unref(port);
}

osr_pid osr_port_pid(const osr_port *port)
{
    return port->pid;
}

int osr_port_fd(const osr_port *port)
{
    return port->fd;
}

uint64_t osr_port_dropped(osr_port *port)
{
    osri_mutex_lock(&port->mutex);
    uint64_t dropped = port->dropped;
    osri_mutex_unlock(&port->mutex);
    return dropped;
}

/* ---- sending ------------------------------------------------------------------------------ */

static osr_err send_signal(osr_port *port, osri_signal_kind kind, const osri_route *route,
                           const osr_type *type, const void *body, uint64_t number,
                           uint64_t deadline_ns)
{
    osri_envelope *signal;
    if (has_ended(port)) {
        return OSR_ESTOPPED;
    }
    osr_err err = osri_signal_new(kind, port->pid, number, type, body, &signal);
    if (err != OSR_OK) {
        return err;
    }
    signal->deadline_ns = deadline_ns;
    signal->counter = 1 + atomic_fetch_add_explicit(&port->numbered, 1, memory_order_relaxed);
    return osri_signal_send(port->node, route, &signal);
}

static osri_route route_to(osr_dest to)
{
    return (osri_route){.pid = to.pid, .name = to.name, .node = to.node};
}

osr_err osr_port_send(osr_port *port, osr_dest to, const osr_type *type, const void *message)
{
    osri_route route = route_to(to);
    return send_signal(port, OSRI_SIGNAL_MESSAGE, &route, type, message, 0, 0);
}

/* The process is told, in the caller's name, that this request need not be answered any more. */
static void settle(osr_port *port, osr_caller caller)
{
    osri_envelope *signal;
    if (osri_signal_new_sure(port->node, OSRI_SIGNAL_DEMONITOR, caller.pid, caller.ref, NULL, NULL,
                             &signal) == OSR_OK) {
        osri_route self = {.pid = port->pid};
        (void)osri_signal_send(port->node, &self, &signal);
    }
}

osr_err osr_port_reply(osr_port *port, osr_caller caller, const osr_type *type, const void *reply)
{
    osri_route route = {.pid = caller.pid};
    osr_err err = send_signal(port, OSRI_SIGNAL_REPLY, &route, type, reply, caller.ref, 0);
    if (err == OSR_OK) {
        settle(port, caller);
    }
    return err;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static osr_err enter(osr_port *port, waiter *me, uint64_t number)
{
    *me = (waiter){.number = number};
    osr_err err = port->env->parker_new(port->env->context, &me->parker);
    if (err == OSR_OK) {
        osri_mutex_lock(&port->mutex);
        me->next = port->waiters;
        port->waiters = me;
        osri_mutex_unlock(&port->mutex);
    }
    return err;
}

static void leave(osr_port *port, waiter *me)
{
    osri_mutex_lock(&port->mutex);
    waiter **place = &port->waiters;
    while (*place != me) {
        place = &(*place)->next;
    }
    *place = me->next;
    osri_mutex_unlock(&port->mutex);
    port->env->parker_free(port->env->context, me->parker);
}

/* Whether it is over: its answer or a message has come, or the process has ended. */
static bool is_over(osr_port *port, const waiter *me)
{
    osri_mutex_lock(&port->mutex);
    bool over = port->ended || (me->number != 0 ? me->answer != NULL : port->first != NULL);
    osri_mutex_unlock(&port->mutex);
    return over;
}

static void wait_for(osr_port *port, const waiter *me, uint64_t deadline_ns)
{
    while (!is_over(port, me)) {
        uint64_t now = deadline_ns == UINT64_MAX ? 0 : port->env->now_ns(port->env->context);
        if (now >= deadline_ns) {
            return;
        }
        port->env->park(port->env->context, me->parker,
                        deadline_ns == UINT64_MAX ? OSR_PARK_FOREVER : deadline_ns - now);
    }
}

static uint64_t deadline_of(const osr_port *port, uint32_t timeout_ms)
{
    return timeout_ms == OSR_FOREVER
               ? UINT64_MAX
               : port->env->now_ns(port->env->context) + timeout_ms * OSRI_TICK_NS;
}

static osr_err error_of_down(const osr_reason *reason)
{
    return reason->code == OSR_REASON_NOPROC         ? OSR_ENOPROC
           : reason->code == OSR_REASON_NOCONNECTION ? OSR_ENOCONNECTION
                                                     : OSR_EFAILED;
}

static osr_err take_answer(osr_port *port, waiter *me, const osr_type *type, void *ret_reply)
{
    osri_envelope *answer = me->answer;
    if (answer == NULL) {
        return has_ended(port) ? OSR_ESTOPPED : OSR_ETIMEDOUT;
    }
    osr_err err = OSR_ETYPE;
    if (answer->kind != OSRI_SIGNAL_REPLY) {
        err = error_of_down(osri_envelope_body(answer));
    } else if (answer->type != NULL && answer->type->id == type->id) {
        memcpy(ret_reply, osri_envelope_body(answer), type->size);
        err = OSR_OK;
    }
    osri_envelope_free(&me->answer);
    return err;
}

osr_err osr_port_call(osr_port *port, osr_dest to, const osr_type *type, const void *request,
                      uint32_t timeout_ms, void *ret_reply)
{
    if (type->reply == NULL || (type->reply->flags & OSR_TYPE_PLAIN) == 0) {
        return OSR_EINVAL;
    }
    if (has_ended(port)) {
        return OSR_ESTOPPED;
    }
    if (port->node->threads == NULL) {
        return OSR_ENOTSUP;
    }
    waiter me;
    uint64_t deadline_ns = deadline_of(port, timeout_ms);
    uint64_t number = osri_reference_next(port->node);
    osr_err err = enter(port, &me, number);
    if (err != OSR_OK) {
        return err;
    }
    osri_route route = route_to(to);
    err = send_signal(port, OSRI_SIGNAL_MESSAGE, &route, type, request, number, deadline_ns);
    if (err == OSR_OK) {
        wait_for(port, &me, deadline_ns);
    }
    leave(port, &me);
    if (err != OSR_OK) {
        osri_envelope_free(&me.answer);
        return err;
    }
    err = take_answer(port, &me, type->reply, ret_reply);
    if (err == OSR_ETIMEDOUT) { /* whoever has it need not answer */
        (void)send_signal(port, OSRI_SIGNAL_DEMONITOR, &route, NULL, NULL, number, 0);
    }
    return err;
}

static osr_err queue_take(osr_port *port, osri_envelope **ret_envelope)
{
    osri_mutex_lock(&port->mutex);
    osri_envelope *envelope = port->first;
    osr_err err = OSR_OK;
    if (envelope == NULL) {
        err = port->ended ? OSR_ESTOPPED : OSR_ETIMEDOUT;
    } else {
        *ret_envelope = envelope;
        port->first = envelope->next;
        port->queued -= 1;
        if (port->first == NULL) {
            port->last = NULL;
            fd_set_quiet(port);
            if (port->ended) {
                fd_set_readable(port);
            }
        }
    }
    osri_mutex_unlock(&port->mutex);
    return err;
}

osr_err osr_port_receive(osr_port *port, uint32_t timeout_ms, osr_message *ret_message)
{
    osri_envelope_free(&port->current);
    osr_err err = queue_take(port, &port->current);
    if (err == OSR_ETIMEDOUT && timeout_ms != 0) {
        waiter me;
        if (port->node->threads == NULL) {
            return OSR_ENOTSUP;
        }
        err = enter(port, &me, 0);
        if (err != OSR_OK) {
            return err;
        }
        wait_for(port, &me, deadline_of(port, timeout_ms));
        leave(port, &me);
        err = queue_take(port, &port->current);
    }
    if (err == OSR_OK) {
        osri_message_of(port->current, ret_message);
    }
    return err;
}
