/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/scheduler/run_queue.h"

#include <string.h>

/* See run_queue.h for the invariants. */

static void count_add(osri_run_queue *queue, uint32_t change)
{
    uint32_t count = atomic_load_explicit(&queue->count, memory_order_relaxed);
    /* seq_cst: with the sleeper's mark in threads.c — a sleeper sees the process or we see the mark */
    atomic_store_explicit(&queue->count, count + change, memory_order_seq_cst);
}

static void append_locked(osri_run_queue *queue, osr_self *process)
{
    process->queue_next = NULL;
    if (queue->last != NULL) {
        queue->last->queue_next = process;
    } else {
        queue->first = process;
    }
    queue->last = process;
}

void osri_run_queue_init(osri_run_queue *queue)
{
    memset(queue, 0, sizeof(*queue));
    atomic_flag_clear(&queue->lock.taken);
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
    if (queue->next != NULL) {
        append_locked(queue, queue->next);
    }
    queue->next = process;
    count_add(queue, 1);
    osri_spinlock_unlock(&queue->lock);
}

static osr_self *take_first_locked(osri_run_queue *queue)
{
    osr_self *process = queue->first;
    if (process != NULL) {
        queue->first = process->queue_next;
        if (queue->first == NULL) {
            queue->last = NULL;
        }
        process->queue_next = NULL;
    }
    return process;
}

osr_self *osri_run_queue_pop(osri_run_queue *queue, bool *ret_inherits)
{
    if (!osri_run_queue_any(queue)) {
        return NULL;
    }
    osri_spinlock_lock(&queue->lock);
    osr_self *process = queue->next;
    *ret_inherits = process != NULL;
    queue->next = NULL;
    if (process == NULL) {
        process = take_first_locked(queue);
    }
    if (process != NULL) {
        count_add(queue, UINT32_MAX);
    }
    osri_spinlock_unlock(&queue->lock);
    return process;
}

static osr_self *take_unpinned_locked(osri_run_queue *queue)
{
    osr_self *previous = NULL;
    for (osr_self *process = queue->first; process != NULL; process = process->queue_next) {
        if (!process->pinned) {
            if (previous == NULL) {
                return take_first_locked(queue);
            }
            previous->queue_next = process->queue_next;
            if (queue->last == process) {
                queue->last = previous;
            }
            process->queue_next = NULL;
            return process;
        }
        previous = process;
    }
    return NULL;
}

osr_self *osri_run_queue_steal(osri_run_queue *queue)
{
    if (!osri_run_queue_any(queue)) {
        return NULL;
    }
    osri_spinlock_lock(&queue->lock);
    osr_self *process = take_unpinned_locked(queue);
    if (process == NULL && queue->next != NULL && !queue->next->pinned) {
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
