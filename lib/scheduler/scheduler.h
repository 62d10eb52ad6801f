/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_SCHEDULER_H
#define OSR_SCHEDULER_SCHEDULER_H

#include "lib/core/list.h"
#include "lib/process/chain.h"
#include "lib/process/node.h"

/* Scheduling (DESIGN.md D8). A *scheduler* is a run queue and a timer wheel; a *worker* is a thread
 * (or the caller of osr_node_step()) that holds a scheduler and takes turns with it. A worker that
 * is stuck in a handler loses its scheduler to another worker and finishes its turn without one.
 * Pinned processes belong to a worker, not to a scheduler: they stay with the thread, which runs
 * them without a scheduler too.
 *
 * What is written by whom
 *   scheduler->holder the worker that holds it, with OSRI_IN_TURN set while a process runs. The
 *   worker
 *                        sets and clears the mark; the watch thread replaces the whole word to take
 *                        the
 *                        scheduler away from a worker in its turn. Whoever wins the exchange has
 *                        it.
 *   queue.next           the worker that holds it, see run_queue.h
 *   queue, wheel under the lock inside it, so that a worker that lost the scheduler may still push.
 *   */

#define OSRI_TURN_MESSAGES 256 /* budget of a turn: messages received and sent */
#define OSRI_TURN_MESSAGES_MAX                                                                     \
    4096 /* the same of a process with as many waiting: many senders each
                                       have a turn for one of its */
#define OSRI_IN_TURN ((uintptr_t)1)

struct osri_scheduler {
    osr_node *node;
    uint32_t index;
    osri_run_queue queue;
    osri_wheel wheel;
    int32_t budget;             /* owner: holder, outside of turns */
    uint32_t turns_until_fair;  /* owner: holder */
    uint32_t turns_until_clock; /* owner: holder */
    uint32_t victim;            /* owner: holder; where to steal next */
    _Atomic(uintptr_t) holder;
    _Atomic(uint64_t) turns;     /* writer: holder; the watch thread sees a turn that lasts */
    _Atomic(osr_self *) running; /* writer: holder */
    atomic_bool sleeping; /* its worker sleeps or is about to: whoever clears it must unpark */
};

/* What the watch thread, its owner, knows of a turn. */
typedef struct osri_watched {
    uint64_t turns; /* where it was at its last look */
    uint32_t looks; /* in the same turn */
    bool is_named;
} osri_watched;

/* See attend.c. */
typedef struct osri_attending {
    uint32_t turns;     /* since it last rested */
    uint32_t busy;      /* rests in a row that did not wait */
    uint32_t pause;     /* sleeps to come elsewhere */
    bool brought;       /* something has come since it began */
    uint64_t rested_ns; /* when it last did */
} osri_attending;

struct osri_worker {
    osr_node *node;
    _Atomic(osri_scheduler *) scheduler; /* NULL: a spare, or it lost it; written by
                                            this thread, and for a spare by the watch thread */
    osri_fiber fiber;                    /* of the thread */
    osri_fault_context *fault;           /* of the thread */
    osr_self *running;                   /* owner: this thread; who has its stack */
    osr_self *aside; /* owner: this thread; has passed it on and is to be parked; else NULL */
    osr_parker *parker;
    void *thread;
    uint64_t turn_ns; /* owner: this thread; coarse time at which its turn began */
    osri_next_user next_user;
    osri_chain chain;
    osri_run_queue pinned;         /* processes whose home this is */
    _Atomic(osr_self *) alone;     /* writer: this thread; runs pinned here, without a scheduler */
    _Atomic(uint64_t) alone_turns; /* writer: this thread */
    osri_watched alone_watched;    /* owner: watch thread */
    bool was_pinned;               /* owner: this thread; the last turn was one of these */
    osri_stack_cache stacks;       /* owner: this thread */
    osri_stack *last_stack;   /* owner: this thread; for clean-ups of who gets no other; or NULL */
    osri_slot_cache slots;    /* owner: this thread */
    uint32_t poll_pause;      /* owner: this thread; sleeps to come without polling */
    uint32_t poll_penalty;    /* owner: this thread; grows while polling is in vain */
    atomic_bool rests;        /* writer: this thread; this and the next: attend.c */
    osri_attending attending; /* owner: this thread */
    osri_counters counters;   /* writer: this thread */
    osri_ring *ring;          /* writer: this thread; the recorder's; or NULL */
    uint64_t reference_next, reference_end; /* writer: this thread */
    struct osri_worker *next;               /* all workers of the node */
    bool is_spare; /* guarded_by: threads->mutex; waits for a scheduler and may be given one */
    bool
        promised; /* guarded_by: threads->mutex; the watch thread is about to give it one, or not */
};

void osri_scheduler_init(osri_scheduler *scheduler, osr_node *node, uint32_t index);
void osri_scheduler_fini(osri_scheduler *scheduler);

void osri_worker_init(osri_worker *worker, osr_node *node, osri_scheduler *scheduler);
void osri_worker_fini(osri_worker *worker);

/* One turn: due timers, then one process. Returns whether there was something to do. Never
 * blocks. */
bool osri_scheduler_turn(osri_worker *worker);

/* One turn of a process that is pinned to this worker, which holds no scheduler. False: there is
 * none. */
bool osri_worker_turn_pinned(osri_worker *worker);

/* The worker holds the scheduler from now on: before anybody else sees either of them. */
void osri_worker_hold(osri_worker *worker, osri_scheduler *scheduler);

/* The scheduler that this thread holds, or the first: one whose wheel somebody watches, once
 * osri_threads_wake() has been called. */
osri_scheduler *osri_node_scheduler(osr_node *node);

/* Whether there may be something for this scheduler to do. */
bool osri_scheduler_has_work(const osri_scheduler *scheduler);

/* The worker that this thread is, or NULL. Never keep the answer across a suspension point. */
osri_worker *osri_worker_here(void);
void osri_worker_set_here(osri_worker *worker);

/* Wakes a scheduler that sleeps, if there is one, to take from another's queue. */
void osri_threads_wake_one(osr_node *node);

/* A worker without a scheduler begins to run a pinned process, or (NULL) has done so. */
void osri_threads_run_alone(osri_worker *worker, osr_self *process);

/* Ends the worker's sleep, or the next one that it would begin, wherever it sleeps. */
void osri_worker_unpark(osri_worker *worker);

/* Wakes this one, if it sleeps. */
void osri_threads_wake(osri_scheduler *scheduler);

/* This thread's worker, if it is one of this node's; else NULL. As above. */
static inline osri_worker *osri_worker_of(const osr_node *node)
{
    osri_worker *worker = osri_worker_here();
    return worker != NULL && worker->node == node ? worker : NULL;
}

/* The worker whose thread a running process is on. Never keep it across a suspension point. */
static inline osri_worker *osri_worker_of_running(const osr_self *self)
{
    return OSRI_LIST_ENTRY(self->stack->activation.resumer, osri_worker, fiber);
}

/* Adds what the workers have counted. */
void osri_threads_count(osr_node *node, osri_counter counter, uint64_t *total);

/* Whether a process that does not return keeps a thread of a node that has been stopped. */
bool osri_node_is_stuck(osr_node *node);

/* Ends the threads' work without waiting for them: for a node with a handler that does not
 * return. */
void osri_threads_let_go(osr_node *node);

/* For the fault handler: what is known of a running process, and its pid. Async-signal-safe. */
void osri_process_describe(const void *process, osri_fault_context *context);
void osri_process_print(const void *process, char *ret_text, size_t bytes);

/* The threads of a node. */
osr_err osri_threads_start(osr_node *node);
void osri_threads_stop(osr_node *node);

/* File descriptors that processes watch. The second ends the thread, if there is one; no process
 * is left. */
osr_err osri_fd_watches_new(osr_node *node, uint32_t watches_max);
void osri_fd_watches_free(osr_node *node);

/* Helper threads for code that blocks. */
osr_err osri_blocking_pool_new(osr_node *node, uint32_t helpers_max);
void osri_blocking_pool_free(osr_node *node);

#endif
