/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_STACK_H
#define OSR_SCHEDULER_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/mutex.h"
#include "lib/core/once.h"
#include "lib/process/activation.h"
#include "lib/scheduler/fiber.h"
#include "osier/err.h"

/* Stacks that are lent to processes, from a pool of the node through a small cache of each
 * scheduler. */

#define OSRI_STACK_BYTES_MIN (16u << 10)
#define OSRI_STACK_BYTES_MAX (8u << 20)
#define OSRI_STACK_BYTES_DEFAULT (64u << 10)
#define OSRI_STACK_CLASSES 10 /* powers of two, 16 KiB to 8 MiB */

/* What stops an overrun. */
typedef enum osri_guard {
    OSRI_GUARD_AUTO,    /* the best that is there: page, then protect, then canary */
    OSRI_GUARD_PAGE,    /* MADV_GUARD_INSTALL: faults, costs no mapping */
    OSRI_GUARD_PROTECT, /* mprotect: faults, costs two mappings */
    OSRI_GUARD_CANARY   /* seen by osri_stack_check() at the next switch */
} osri_guard;

/* A stack. `low` to `low + bytes` is usable; the guard lies below. */
typedef struct osri_stack {
    void *low;
    size_t bytes;
    size_t guard_bytes;
    osri_fiber fiber;           /* see osri_stack_start() */
    osri_activation activation; /* of the process it is lent to */
    struct osri_stack *next;    /* while free */
    uint8_t size_class;
    uint8_t guard; /* osri_guard, never AUTO */
} osri_stack;

/* Free stacks of one class. */
typedef struct osri_stack_list {
    osri_stack *first; /* taken last in, first out: what was used last is warm */
    size_t count;
} osri_stack_list;

typedef struct osri_stack_slab osri_stack_slab;

/* 0 everywhere is the default. */
typedef struct osri_stack_options {
    osri_guard guard; /* PAGE and PROTECT fall back where the system refuses */
    size_t warm_max;  /* free stacks a class that keep all their memory; default 64 */
    size_t cool_max;  /* further ones that keep their top page; default 1,024; the rest keep none */
    size_t slab_stacks_max; /* stacks that are mapped at once; default 512 */
} osri_stack_options;

/* Fields are private. */
typedef struct osri_stack_pool {
    osri_mutex mutex; /* OSRI_RANK_STACK_POOL */
    osri_stack_options options;
    osri_stack_list warm[OSRI_STACK_CLASSES]; /* guarded_by: mutex, as all that follows */
    osri_stack_list cool[OSRI_STACK_CLASSES];
    osri_stack_list cold[OSRI_STACK_CLASSES];
    osri_stack_slab *slabs;
    size_t next_slab_stacks[OSRI_STACK_CLASSES];
    size_t stacks; /* that exist */
} osri_stack_pool;

/* owner: one scheduler. */
typedef struct osri_stack_cache {
    osri_stack_pool *pool;
    osri_stack_list free[OSRI_STACK_CLASSES];
} osri_stack_cache;

/* Nothing is mapped yet. `options` may be NULL. */
void osri_stack_pool_init(osri_stack_pool *pool, const osri_stack_options *options);

/* Unmaps everything. All caches are finished and all stacks have been given back. */
void osri_stack_pool_fini(osri_stack_pool *pool);

void osri_stack_cache_init(osri_stack_cache *cache, osri_stack_pool *pool);

/* Gives the cached stacks to the pool. */
void osri_stack_cache_fini(osri_stack_cache *cache);

/* Lends a stack of at least `bytes` (0: the default), its contents unspecified. A request between
 * two classes gets the larger one.
 * Ownership: *ret_stack goes back with osri_stack_give(), to any cache of the same pool.
 * Errors:    OSR_ELIMIT more than OSRI_STACK_BYTES_MAX; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_stack_take(osri_stack_cache *cache, size_t bytes,
                                       osri_stack **ret_stack);

/* Takes the stack back and nulls the pointer. Its fiber is not running; what its frames held is
 * gone. */
void osri_stack_give(osri_stack_cache *cache, osri_stack **stack);

/* Readies the stack's own fiber for run(argument), reusing its set-up from an earlier lending. The
 * fiber stays with the stack: no osri_fiber_fini() for it. */
osri_fiber *osri_stack_start(osri_stack *stack, void (*run)(void *argument), void *argument);

/* False when the stack has a canary and has been overrun. */
bool osri_stack_is_intact(const osri_stack *stack);

/* Ends the program with one line if the stack has been overrun; call it after each switch away from
 * it, before anything else. */
static inline void osri_stack_check(const osri_stack *stack)
{
    if (stack->guard == OSRI_GUARD_CANARY && !osri_stack_is_intact(stack)) {
        osri_fault_stack_overflow(stack->bytes);
    }
}

#endif
