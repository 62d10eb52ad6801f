/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_TIMER_TABLE_H
#define OSR_PROCESS_TIMER_TABLE_H

#include <stdatomic.h>

#include "lib/core/mutex.h"
#include "lib/message/envelope.h"
#include "lib/process/timer_wheel.h"
#include "osier/process.h"

/* The timers that processes have started: records in pages that stay mapped while the node lives,
 * found by the number of their reference, so that a start and a cancel search nothing and allocate
 * nothing. A record holds the signal of its own expiry, which therefore cannot fail. */

#define OSRI_TIMER_PAGE 1024
#define OSRI_TIMER_PAGES_MAX 16384 /* 16 million timers a node */

typedef struct osri_user_timer {
    osri_envelope signal; /* first: what is pushed when it fires; its ref is the reference */
    osri_timer timer;
    struct osri_user_timer *next, *previous; /* owner: of the process's, or free */
    _Atomic(osr_self *) process;
    _Atomic(uint64_t) number; /* of the reference; 0: free */
    uint32_t index;
    uint32_t uses; /* of this record; never 0 in a number */
} osri_user_timer;

typedef struct osri_timer_table {
    osri_mutex mutex;                  /* OSRI_RANK_TIMER_TABLE */
    _Atomic(osri_user_timer *) *pages; /* release on store: pairs with acquire in _find */
    uint32_t page_count;               /* guarded_by: mutex; in use */
    uint32_t pages_max;
    osri_user_timer *free; /* guarded_by: mutex; through next */
} osri_timer_table;

/* Free records in the hands of one worker. Owner: its thread. */
typedef struct osri_timer_cache {
    osri_user_timer *free; /* through next */
    uint32_t count;
} osri_timer_cache;

/* timers_max: 0 means as many as there can be. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_timer_table_init(osri_timer_table *table, uint32_t timers_max);
void osri_timer_table_fini(osri_timer_table *table);

/* A free record with a new number. cache NULL: the thread is no worker.
 * Errors: OSR_ELIMIT; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_timer_table_take(osri_timer_table *table, osri_timer_cache *cache,
                                             osri_user_timer **ret_timer);
void osri_timer_table_give(osri_timer_table *table, osri_timer_cache *cache,
                           osri_user_timer *timer);

/* Gives back what the worker had. */
void osri_timer_cache_fini(osri_timer_table *table, osri_timer_cache *cache);

/* The record that has this number now, or NULL. Threads: any. */
osri_user_timer *osri_timer_table_find(osri_timer_table *table, uint64_t number);

#endif
