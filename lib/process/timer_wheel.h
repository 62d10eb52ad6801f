/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_TIMER_WHEEL_H
#define OSR_PROCESS_TIMER_WHEEL_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/core/mutex.h"

/* Timers: a hierarchical wheel of 6 levels of 64 places, one tick a millisecond, so that starting
 * and cancelling cost the same whether ten or a million are live, and the next due time is found by
 * looking at six words. A timer fires never early: its due time is rounded up to the next tick.
 *
 * Threads: any; each wheel has a lock, under which fire() runs. fire() must not start or cancel
 * timers of wheels, and must not block. Timers of one tick fire in the order in which they were
 * started. */

#define OSRI_WHEEL_LEVELS 6
#define OSRI_WHEEL_PLACES 64
#define OSRI_TICK_NS UINT64_C(1000000)

typedef struct osri_wheel osri_wheel;

typedef struct osri_timer {
    struct osri_timer *next, *previous; /* guarded_by: wheel->mutex */
    osri_wheel *wheel; /* the wheel it was started on; NULL before the first start */
    uint64_t due_ns;
    uint16_t place; /* level and place it hangs in; guarded_by: wheel->mutex */
    bool live;      /* guarded_by: wheel->mutex */
    void (*fire)(struct osri_timer *timer);
} osri_timer;

typedef struct osri_timer_list {
    osri_timer *first, *last;
} osri_timer_list;

/* Records of timers that processes start, of one wheel: timer_table.h. */
typedef struct osri_timer_stock {
    struct osri_user_timer *free;  /* used before, through next */
    struct osri_user_timer *fresh; /* the next one of the newest page */
    uint32_t fresh_count;
} osri_timer_stock;

struct osri_wheel {
    osri_mutex mutex;                     /* OSRI_RANK_TIMERS */
    uint64_t tick;                        /* every timer due at or before it has fired */
    uint64_t occupied[OSRI_WHEEL_LEVELS]; /* a bit a place that is not empty */
    osri_timer_list places[OSRI_WHEEL_LEVELS * OSRI_WHEEL_PLACES];
    _Atomic(uint64_t) next_due_ns; /* never later than the truth; read without the lock */
    uint64_t live;                 /* timers that have not fired */
    osri_timer_stock stock;        /* guarded_by: mutex */
    struct osri_later *expired;    /* guarded_by: mutex; newest first: to be sent after it */
};

void osri_wheel_init(osri_wheel *wheel, uint64_t now_ns);
void osri_wheel_fini(osri_wheel *wheel);

/* Starts a timer that is not live, to fire at due_ns (absolute). True where it is the next one due:
 * who sleeps until the next due time is to be woken. */
bool osri_timer_start(osri_wheel *wheel, osri_timer *timer, uint64_t due_ns);

/* Takes a timer back. True when it had not fired: it will not, and nothing refers to it. False: it
 * has fired, completely, or was never started. */
bool osri_timer_cancel(osri_timer *timer);

/* The same two for who holds wheel->mutex. */
bool osri_timer_start_locked(osri_wheel *wheel, osri_timer *timer, uint64_t due_ns);
bool osri_timer_cancel_locked(osri_timer *timer);

/* Fires what is due at now_ns, then sends the messages that were to be sent. Returns how many. */
uint64_t osri_wheel_advance(osri_wheel *wheel, uint64_t now_ns);

/* When the next timer may be due (never later than it is), UINT64_MAX for none. */
uint64_t osri_wheel_next_due(osri_wheel *wheel);

#endif
