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
 *       Likewise one of OSRI_PRIORITY_SHARE of normal priority comes from the list, not from the
 *       fresh.
 *   Q4  `next` is touched by its user only, the worker that holds the scheduler, with no exchange
 *       and no lock: two processes that wake each other stay on one core. Who wants to change that
 *       closes it first and waits until its user is out of it (osri_run_queue_close_next).
 * Threads: any; where a user is asked for, its own. */
#define OSRI_PRIORITIES 3
#define OSRI_PRIORITY_SHARE 8

typedef struct osri_run_list {
    osr_self *first, *last;
} osri_run_list;

/* Who may touch a `next`; one a worker. */
typedef struct osri_next_user {
    atomic_bool inside; /* writer: its thread; it touches one now */
} osri_next_user;

typedef struct osri_run_queue {
    osri_spinlock lock;
    osri_run_list lists[OSRI_PRIORITIES]; /* by osr_priority; guarded_by: lock */
    _Atomic(osr_self *) next;             /* writer: next_user's thread; who has closed it */
    _Atomic(osri_next_user *) next_user;  /* NULL: closed, or none */
    _Atomic(uint32_t) high;               /* in the list of high; written under lock */
    osr_self *fresh;       /* guarded_by: lock; new processes, newest first, through queue_next */
    uint32_t until_listed; /* guarded_by: lock; fresh ones that may come before one from the list */
    uint32_t
        until_below; /* guarded_by: lock; processes that may come from high before one from below */
    uint32_t until_low;      /* guarded_by: lock */
    _Atomic(uint32_t) count; /* in the lists; written under lock; read without, as a hint */
} osri_run_queue;

void osri_run_queue_init(osri_run_queue *queue);

/* At the end of its priority's list. */
void osri_run_queue_push(osri_run_queue *queue, osr_self *process);

/* A new process, as osri_run_queue_push_next(); but once OSRI_FRESH_MIN wait, what has to make room
 * in `next` goes before them instead of behind: a tree of spawns is then walked depth first, on
 * stacks that are warm, instead of all of it being alive at once (DESIGN.md D2). */
#define OSRI_FRESH_MIN 32
void osri_run_queue_push_new(osri_run_queue *queue, osri_next_user *user, osr_self *process);

/* Into `next`; what was there goes to the end of its list. By another than its user: to the end of
 * its list. */
void osri_run_queue_push_next(osri_run_queue *queue, osri_next_user *user, osr_self *process);

/* The next process, or NULL. ret_inherits: it came from `next`. */
osr_self *osri_run_queue_pop(osri_run_queue *queue, osri_next_user *user, bool *ret_inherits);

/* The same of the lists only: for a thief, and for queues that nobody is the user of. */
osr_self *osri_run_queue_pop_listed(osri_run_queue *queue);

/* What is in `next`, if it is its turn; else NULL. Costs a load while there is nothing. */
osr_self *osri_run_queue_take_next(osri_run_queue *queue, osri_next_user *user);

/* Takes `next` from its user, which is returned (NULL: there is none) and is not inside when this
 * returns. Threads: one at a time. */
osri_next_user *osri_run_queue_close_next(osri_run_queue *queue);

/* Gives it to one: back, or to another. */
void osri_run_queue_open_next(osri_run_queue *queue, osri_next_user *user);

/* While it is closed: puts what is there at the end of its list, where thieves find it. */
void osri_run_queue_share_next(osri_run_queue *queue);

/* Whether there may be something in the lists: what a thief may always take. */
static inline bool osri_run_queue_any_listed(const osri_run_queue *queue)
{
    return atomic_load_explicit(&queue->count, memory_order_seq_cst) != 0;
}

/* Whether there may be something; exact for what was pushed before by this thread. */
bool osri_run_queue_any(const osri_run_queue *queue);

#endif
