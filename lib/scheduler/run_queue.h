/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_RUN_QUEUE_H
#define OSR_SCHEDULER_RUN_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/process/process.h"
#include "lib/scheduler/spinlock.h"

/* Processes that are ready to run: a first-in first-out list a priority and one place, `next`, for
 * the process that was made ready last, which runs before the list so that a message is handled
 * while it is warm.
 *
 * Invariants
 *   Q1  a process is in at most one run queue, once; being in it is being owned by it.
 *   Q2  the process in `next` inherits the budget of the one that made it ready, so two processes
 *       that wake each other cannot keep the lists waiting. One of high priority in its list goes
 *       before
 *       it, one of low priority is never put there.
 *   Q3 high goes before normal before low; but of OSRI_PRIORITY_SHARE processes that come from the
 *   lists one
 *       is taken from the lists below high, and of as many of these one from low: nobody starves.
 * Threads: any; thieves take from the lists first, then from `next`. */
#define OSRI_PRIORITIES 3
#define OSRI_PRIORITY_SHARE 8

typedef struct osri_run_list {
    osr_self *first, *last;
} osri_run_list;

typedef struct osri_run_queue {
    osri_spinlock lock;
    osri_run_list lists[OSRI_PRIORITIES]; /* by osr_priority; guarded_by: lock */
    osr_self *next;                       /* guarded_by: lock */
    uint32_t
        until_below; /* guarded_by: lock; processes that may come from high before one from below */
    uint32_t until_low;      /* guarded_by: lock */
    _Atomic(uint32_t) count; /* written under lock; read without, as a hint */
} osri_run_queue;

void osri_run_queue_init(osri_run_queue *queue);

/* At the end of its priority's list. */
void osri_run_queue_push(osri_run_queue *queue, osr_self *process);

/* Into `next`; what was there goes to the end of its list. */
void osri_run_queue_push_next(osri_run_queue *queue, osr_self *process);

/* The next process, or NULL. ret_inherits: it came from `next`. */
osr_self *osri_run_queue_pop(osri_run_queue *queue, bool *ret_inherits);

/* For a thief: the first of the lists, else `next`, or NULL. */
osr_self *osri_run_queue_steal(osri_run_queue *queue);

/* Whether there may be something; exact for what was pushed before by this thread. */
bool osri_run_queue_any(const osri_run_queue *queue);

#endif
