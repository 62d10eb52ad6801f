/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/scheduler/run_queue.h"

#include <string.h>

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

void osri_run_queue_push_next(osri_run_queue *queue, osr_self *process)
{
    if (process->priority == OSR_PRIORITY_LOW) {
        osri_run_queue_push(queue, process);
        return;
    }
    /* seq_cst: release for who takes it; and with the sleeper's mark, as in count_add */
    osr_self *before = atomic_exchange_explicit(&queue->next, process, memory_order_seq_cst);
    if (before != NULL) {
        osri_run_queue_push(queue, before);
    }
}

void osri_run_queue_push_new(osri_run_queue *queue, osr_self *process)
{
    if (process->priority != OSR_PRIORITY_NORMAL ||
        atomic_load_explicit(&queue->count, memory_order_relaxed) < OSRI_FRESH_MIN) {
        osri_run_queue_push_next(queue, process);
        return;
    }
    /* seq_cst: as in osri_run_queue_push_next */
    osr_self *before = atomic_exchange_explicit(&queue->next, process, memory_order_seq_cst);
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

osr_self *osri_run_queue_take_next(osri_run_queue *queue)
{
    if (atomic_load_explicit(&queue->next, memory_order_relaxed) == NULL ||
        atomic_load_explicit(&queue->high, memory_order_relaxed) != 0) {
        return NULL;
    }
    /* acquire: pairs with the exchange in osri_run_queue_push_next */
    return atomic_exchange_explicit(&queue->next, NULL, memory_order_acquire);
}

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

osr_self *osri_run_queue_pop(osri_run_queue *queue, bool *ret_inherits)
{
    osr_self *process = osri_run_queue_take_next(queue);
    *ret_inherits = process != NULL;
    if (process != NULL || !osri_run_queue_any(queue)) {
        return process;
    }
    osri_spinlock_lock(&queue->lock);
    process = take_locked(queue);
    if (process != NULL) {
        count_add(queue, UINT32_MAX);
    }
    osri_spinlock_unlock(&queue->lock);
    if (process == NULL) { /* high came and went meanwhile */
        process = osri_run_queue_take_next(queue);
        *ret_inherits = process != NULL;
    }
    return process;
}

osr_self *osri_run_queue_steal(osri_run_queue *queue, bool and_next)
{
    osr_self *process = NULL;
    if (osri_run_queue_any_listed(queue)) {
        osri_spinlock_lock(&queue->lock);
        process = take_locked(queue);
        if (process != NULL) {
            count_add(queue, UINT32_MAX);
        }
        osri_spinlock_unlock(&queue->lock);
    }
    if (process == NULL && and_next) {
        /* acquire: pairs with the exchange in osri_run_queue_push_next */
        process = atomic_exchange_explicit(&queue->next, NULL, memory_order_acquire);
    }
    return process;
}

bool osri_run_queue_any(const osri_run_queue *queue)
{
    return osri_run_queue_any_listed(queue) ||
           atomic_load_explicit(&queue->next, memory_order_seq_cst) != NULL;
}
