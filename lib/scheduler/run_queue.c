/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/scheduler/run_queue.h"

#include <sched.h>
#include <string.h>

#include "lib/core/barrier.h"

/* See run_queue.h for the invariants. */

static void count_add(osri_run_queue *queue, uint32_t change)
{
    uint32_t count = atomic_load_explicit(&queue->count, memory_order_relaxed);
    /* seq_cst: with the sleeper's mark in threads.c — a sleeper sees the process or we see the
     * mark */
    atomic_store_explicit(&queue->count, count + change, memory_order_seq_cst);
}

static void high_add(osri_run_queue *queue, uint32_t change)
{
    /* relaxed: a hint; who misses it takes `next` once more before it */
    uint32_t high = atomic_load_explicit(&queue->high, memory_order_relaxed);
    atomic_store_explicit(&queue->high, high + change, memory_order_relaxed);
}

static void append_locked(osri_run_queue *queue, osr_self *process)
{
    osri_run_list *list = &queue->lists[process->priority];
    process->queue_next = NULL;
    if (list->last != NULL) {
        list->last->queue_next = process;
    } else {
        list->first = process;
    }
    list->last = process;
    if (process->priority == OSR_PRIORITY_HIGH) {
        high_add(queue, 1);
    }
}

void osri_run_queue_init(osri_run_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    atomic_flag_clear(&queue->lock.taken);
    queue->until_below = queue->until_low = queue->until_listed = OSRI_PRIORITY_SHARE;
}

void osri_run_queue_push(osri_run_queue *queue, osr_self *process)
{
    osri_spinlock_lock(&queue->lock);
    append_locked(queue, process);
    count_add(queue, 1);
    osri_spinlock_unlock(&queue->lock);
}

/* ---- next ------------------------------------------------------------------------------ */

/* Whether it is the user's to touch, until leave(). */
static inline bool enter(osri_run_queue *queue, osri_next_user *user)
{
    atomic_store_explicit(&user->inside, true, memory_order_relaxed);
    osri_barrier_light(); /* pairs with the heavy one in osri_run_queue_close_next */
    /* acquire: pairs with release in osri_run_queue_open_next */
    if (atomic_load_explicit(&queue->next_user, memory_order_acquire) == user) {
        return true;
    }
    atomic_store_explicit(&user->inside, false, memory_order_relaxed);
    return false;
}

static inline void leave(osri_next_user *user)
{
    /* release: pairs with acquire in osri_run_queue_close_next */
    atomic_store_explicit(&user->inside, false, memory_order_release);
}

/* Puts it there, and returns what was there, or NULL; the process itself where it is not ours. */
static inline osr_self *put_next(osri_run_queue *queue, osri_next_user *user, osr_self *process)
{
    if (!enter(queue, user)) {
        return process;
    }
    osr_self *before = atomic_load_explicit(&queue->next, memory_order_relaxed);
    /* release: for osri_run_queue_share_next */
    atomic_store_explicit(&queue->next, process, memory_order_release);
    leave(user);
    return before;
}

void osri_run_queue_push_next(osri_run_queue *queue, osri_next_user *user, osr_self *process)
{
    osr_self *listed =
        process->priority == OSR_PRIORITY_LOW ? process : put_next(queue, user, process);
    if (listed != NULL) {
        osri_run_queue_push(queue, listed);
    }
}

void osri_run_queue_push_new(osri_run_queue *queue, osri_next_user *user, osr_self *process)
{
    if (process->priority != OSR_PRIORITY_NORMAL ||
        atomic_load_explicit(&queue->count, memory_order_relaxed) < OSRI_FRESH_MIN) {
        osri_run_queue_push_next(queue, user, process);
        return;
    }
    osr_self *before = put_next(queue, user, process);
    if (before == NULL) {
        return;
    }
    osri_spinlock_lock(&queue->lock);
    if (before->priority == OSR_PRIORITY_NORMAL) {
        before->queue_next = queue->fresh;
        queue->fresh = before;
    } else {
        append_locked(queue, before);
    }
    count_add(queue, 1);
    osri_spinlock_unlock(&queue->lock);
}

osr_self *osri_run_queue_take_next(osri_run_queue *queue, osri_next_user *user)
{
    if (atomic_load_explicit(&queue->next, memory_order_relaxed) == NULL ||
        atomic_load_explicit(&queue->high, memory_order_relaxed) != 0 || !enter(queue, user)) {
        return NULL;
    }
    osr_self *process = atomic_load_explicit(&queue->next, memory_order_relaxed);
    atomic_store_explicit(&queue->next, NULL, memory_order_relaxed);
    leave(user);
    return process;
}

osri_next_user *osri_run_queue_close_next(osri_run_queue *queue)
{
    osri_next_user *user = atomic_load_explicit(&queue->next_user, memory_order_relaxed);
    if (user == NULL) {
        return NULL;
    }
    atomic_store_explicit(&queue->next_user, NULL, memory_order_relaxed);
    osri_barrier_heavy(); /* from here on it is seen inside, or sees that it may not enter */
    while (atomic_load_explicit(&user->inside, memory_order_acquire)) {
        (void)sched_yield();
    }
    return user;
}

void osri_run_queue_open_next(osri_run_queue *queue, osri_next_user *user)
{
    /* release: pairs with acquire in enter() */
    atomic_store_explicit(&queue->next_user, user, memory_order_release);
}

void osri_run_queue_share_next(osri_run_queue *queue)
{
    /* acquire: pairs with release in put_next */
    osr_self *process = atomic_load_explicit(&queue->next, memory_order_acquire);
    if (process != NULL) {
        atomic_store_explicit(&queue->next, NULL, memory_order_relaxed);
        osri_run_queue_push(queue, process);
    }
}

/* ---- the lists ------------------------------------------------------------------------- */

static osr_self *take_first_locked(osri_run_queue *queue, osr_priority priority)
{
    osri_run_list *list = &queue->lists[priority];
    osr_self *process = list->first;
    if (process != NULL) {
        list->first = process->queue_next;
        if (list->first == NULL) {
            list->last = NULL;
        }
        process->queue_next = NULL;
        if (priority == OSR_PRIORITY_HIGH) {
            high_add(queue, UINT32_MAX);
        }
    }
    return process;
}

static osr_self *take_normal_locked(osri_run_queue *queue)
{
    osr_self *process = queue->fresh;
    if (process != NULL && queue->until_listed > 0) {
        queue->until_listed -= 1;
        queue->fresh = process->queue_next;
        process->queue_next = NULL;
        return process;
    }
    queue->until_listed = OSRI_PRIORITY_SHARE;
    process = take_first_locked(queue, OSR_PRIORITY_NORMAL);
    if (process == NULL && queue->fresh != NULL) {
        process = queue->fresh;
        queue->fresh = process->queue_next;
        process->queue_next = NULL;
    }
    return process;
}

static osr_self *take_below_high_locked(osri_run_queue *queue)
{
    osr_self *process = NULL;
    if (queue->until_low == 0) {
        queue->until_low = OSRI_PRIORITY_SHARE;
        process = take_first_locked(queue, OSR_PRIORITY_LOW);
    }
    if (process == NULL) {
        process = take_normal_locked(queue);
        queue->until_low -= process != NULL && queue->until_low > 0;
    }
    return process != NULL ? process : take_first_locked(queue, OSR_PRIORITY_LOW);
}

static osr_self *take_locked(osri_run_queue *queue)
{
    osr_self *process = NULL;
    if (queue->until_below == 0) {
        queue->until_below = OSRI_PRIORITY_SHARE;
        process = take_below_high_locked(queue);
    }
    if (process == NULL) {
        process = take_first_locked(queue, OSR_PRIORITY_HIGH);
        queue->until_below -= process != NULL && queue->until_below > 0;
    }
    return process != NULL ? process : take_below_high_locked(queue);
}

osr_self *osri_run_queue_pop_listed(osri_run_queue *queue)
{
    if (!osri_run_queue_any_listed(queue)) {
        return NULL;
    }
    osri_spinlock_lock(&queue->lock);
    osr_self *process = take_locked(queue);
    if (process != NULL) {
        count_add(queue, UINT32_MAX);
    }
    osri_spinlock_unlock(&queue->lock);
    return process;
}

osr_self *osri_run_queue_pop(osri_run_queue *queue, osri_next_user *user, bool *ret_inherits)
{
    osr_self *process = osri_run_queue_take_next(queue, user);
    *ret_inherits = process != NULL;
    if (process == NULL) {
        process = osri_run_queue_pop_listed(queue);
    }
    if (process == NULL) { /* high came and went meanwhile */
        process = osri_run_queue_take_next(queue, user);
        *ret_inherits = process != NULL;
    }
    return process;
}

bool osri_run_queue_any(const osri_run_queue *queue)
{
    return osri_run_queue_any_listed(queue) ||
           atomic_load_explicit(&queue->next, memory_order_seq_cst) != NULL;
}
