/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/node.h"
#include "lib/scheduler/scheduler.h"

/* The timers of a process. A record is, at each moment, one of: live on a wheel; fired, its signal
 * in the inbox of its process; free. Only its process starts and cancels it. */

#define TIMER_MS_MAX (UINT64_C(1) << 43) /* 278 years: its ns still fit */

static osri_timer_cache *cache_of(osr_node *node)
{
    osri_worker *worker = osri_worker_of(node);
    return worker == NULL ? NULL : &worker->timers;
}

/* Under the wheel's lock. */
static void user_timer_fired(osri_timer *timer)
{
    osri_user_timer *user = OSRI_LIST_ENTRY(timer, osri_user_timer, timer);
    osr_self *process = atomic_load_explicit(&user->process, memory_order_relaxed);
    /* it is not refused: a process takes its timers back before it closes its inbox */
    (void)osri_process_push(process, &user->signal);
}

static void hang(osri_relations *relations, osri_user_timer *user)
{
    user->previous = NULL;
    user->next = relations->timers;
    if (user->next != NULL) {
        user->next->previous = user;
    }
    relations->timers = user;
}

static void unhang(osri_relations *relations, osri_user_timer *user)
{
    if (user->previous != NULL) {
        user->previous->next = user->next;
    } else {
        relations->timers = user->next;
    }
    if (user->next != NULL) {
        user->next->previous = user->previous;
    }
}

static void give(osr_node *node, osri_user_timer *user)
{
    osri_timer_table_give(&node->timers, cache_of(node), user);
}

osr_err osr_timer_start_at(osr_self *self, uint64_t at_ns, osr_ref *ret_timer)
{
    osr_node *node = self->node;
    osri_relations *relations = osri_process_relations(self);
    osri_user_timer *user;
    if (relations == NULL) {
        return OSR_ENOMEM;
    }
    osr_err err = osri_timer_table_take(&node->timers, cache_of(node), &user);
    if (err != OSR_OK) {
        return err;
    }
    osr_pid pid = osri_process_pid(self);
    uint64_t number = atomic_load_explicit(&user->number, memory_order_relaxed);
    user->signal = (osri_envelope){.kind = OSRI_SIGNAL_TIMEOUT,
                                   .to_slot = pid.slot,
                                   .to_generation = pid.generation,
                                   .from = pid,
                                   .ref = number};
    atomic_store_explicit(&user->process, self, memory_order_relaxed);
    user->timer = (osri_timer){.fire = user_timer_fired};
    hang(relations, user);
    osri_node_timer(node, &user->timer, at_ns);
    *ret_timer = (osr_ref){node->id, number};
    return OSR_OK;
}

osr_err osr_timer_start(osr_self *self, uint64_t ms, osr_ref *ret_timer)
{
    ms = ms > TIMER_MS_MAX ? TIMER_MS_MAX : ms;
    return osr_timer_start_at(self, osri_node_now(self->node) + ms * OSRI_TICK_NS, ret_timer);
}

/* Ours, and as far as anybody knows not fired; or NULL. */
static osri_user_timer *find(osr_self *self, osr_ref timer)
{
    osri_user_timer *user = timer.node != self->node->id
                                ? NULL
                                : osri_timer_table_find(&self->node->timers, timer.number);
    return user != NULL && atomic_load_explicit(&user->process, memory_order_relaxed) == self
               ? user
               : NULL;
}

static uint64_t ms_until(const osr_self *self, uint64_t due_ns)
{
    uint64_t now = osri_node_now(self->node);
    return due_ns <= now ? 0 : (due_ns - now + OSRI_TICK_NS - 1) / OSRI_TICK_NS;
}

bool osr_timer_cancel(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms)
{
    osri_user_timer *user = find(self, timer);
    if (user == NULL || !osri_timer_cancel(&user->timer)) {
        return false; /* it has fired: its message has come or will come */
    }
    if (ret_remaining_ms != NULL) {
        *ret_remaining_ms = ms_until(self, user->timer.due_ns);
    }
    unhang(self->relations, user);
    give(self->node, user);
    return true;
}

bool osr_timer_read(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms)
{
    osri_user_timer *user = find(self, timer);
    if (user == NULL || !osri_timer_is_live(&user->timer)) {
        return false;
    }
    *ret_remaining_ms = ms_until(self, user->timer.due_ns);
    return true;
}

void osri_timer_fired(osr_self *process, osri_envelope *signal)
{
    osri_user_timer *user = (osri_user_timer *)(void *)signal;
    osr_timeout message = {.timer = {process->node->id, signal->ref}};
    unhang(process->relations, user);
    give(process->node, user);
    osri_process_tell(process, &osr_timeout_osr_type, &message);
}

void osri_timer_refused(osr_node *node, osri_envelope *signal)
{
    give(node, (osri_user_timer *)(void *)signal);
}

void osri_timers_end_all(osr_self *process)
{
    osri_relations *relations = process->relations;
    while (relations != NULL && relations->timers != NULL) {
        osri_user_timer *user = relations->timers;
        relations->timers = user->next;
        /* one that has fired comes back when the inbox is closed */
        if (osri_timer_cancel(&user->timer)) {
            give(process->node, user);
        }
    }
}
