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
}

void osri_run_queue_init(osri_run_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    atomic_flag_clear(&queue->lock.taken);
    queue->until_below = queue->until_low = OSRI_PRIORITY_SHARE;
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
    osri_spinlock_lock(&queue->lock);
    if (process->priority == OSR_PRIORITY_LOW) {
        append_locked(queue, process);
    } else {
        if (queue->next != NULL) {
            append_locked(queue, queue->next);
        }
        queue->next = process;
    }
    count_add(queue, 1);
    osri_spinlock_unlock(&queue->lock);
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
        process = take_first_locked(queue, OSR_PRIORITY_NORMAL);
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
    *ret_inherits = false;
    if (!osri_run_queue_any(queue)) {
        return NULL;
    }
    osri_spinlock_lock(&queue->lock);
    osr_self *process = NULL;
    if (queue->next != NULL && queue->lists[OSR_PRIORITY_HIGH].first == NULL) {
        process = queue->next;
        queue->next = NULL;
        *ret_inherits = true;
    } else {
        process = take_locked(queue);
    }
    if (process != NULL) {
        count_add(queue, UINT32_MAX);
    }
    osri_spinlock_unlock(&queue->lock);
    return process;
}

osr_self *osri_run_queue_steal(osri_run_queue *queue)
{
    if (!osri_run_queue_any(queue)) {
        return NULL;
    }
    osri_spinlock_lock(&queue->lock);
    osr_self *process = take_locked(queue);
    if (process == NULL) {
        process = queue->next;
        queue->next = NULL;
    }
    if (process != NULL) {
        count_add(queue, UINT32_MAX);
    }
    osri_spinlock_unlock(&queue->lock);
    return process;
}

bool osri_run_queue_any(const osri_run_queue *queue)
{
    return atomic_load_explicit(&queue->count, memory_order_seq_cst) != 0;
}
