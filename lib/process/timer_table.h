/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_TIMER_TABLE_H
#define OSR_PROCESS_TIMER_TABLE_H

#include <stdatomic.h>

#include "lib/core/mutex.h"
#include "lib/message/envelope.h"
#include "lib/process/timer_wheel.h"
#include "osier/node.h"

/* The timers that processes have started: records in pages that stay mapped while the node lives,
 * found by the number of their reference, so that a start and a cancel search nothing and allocate
 * nothing. A record holds the signal of its own expiry, which therefore cannot fail. Each belongs
 * to one wheel for ever: that wheel's lock guards it, whoever cancels it from wherever. */

#define OSRI_TIMER_PAGE 1024
#define OSRI_TIMER_PAGES_MAX 16384 /* 16 million timers a node */

/* What is pushed when a timer fires. Begins as an envelope does; there is no more of it. */
typedef struct osri_timer_signal {
    osri_envelope *next;
    uint8_t kind;  /* OSRI_SIGNAL_TIMEOUT */
    uint8_t quiet; /* the process is told nothing: cancelled by another, or a message was sent */
    uint16_t spare;
    uint32_t size;
    const osr_type *type;
    uint32_t to_slot;
    uint32_t to_generation;
    osr_pid from;
    uint64_t ref; /* the number of the reference */
} osri_timer_signal;

static_assert(offsetof(osri_timer_signal, to_slot) == offsetof(osri_envelope, to_slot), "prefix");
static_assert(offsetof(osri_timer_signal, ref) == offsetof(osri_envelope, ref), "prefix");

/* A message that is sent when a timer fires, outside the lock of its wheel. */
typedef struct osri_later {
    struct osri_later *next;
    osr_node *node;
    osri_envelope *message;
    osr_pid to;
    char *to_name, *to_node; /* NULL: by pid; this node */
} osri_later;

/* guarded_by: the mutex of timer.wheel, but what says owner; once fired all of it is the owner's */
typedef struct osri_user_timer {
    osri_timer_signal signal;                /* first */
    osri_timer timer;                        /* its wheel is constant */
    struct osri_user_timer *next, *previous; /* owner: of the process's; or free, through next */
    osri_later *later;                       /* NULL: an osr_timeout for the owner */
} osri_user_timer;

static_assert(sizeof(osri_user_timer) == 128, "a million of them are started in a benchmark");

typedef struct osri_timer_table {
    osri_mutex mutex;                  /* OSRI_RANK_TIMER_TABLE */
    _Atomic(osri_user_timer *) *pages; /* release on store: pairs with acquire in _find */
    uint32_t page_count;               /* guarded_by: mutex; in use */
    uint32_t pages_max;
} osri_timer_table;

/* timers_max: 0 means as many as there can be. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_timer_table_init(osri_timer_table *table, uint32_t timers_max);
void osri_timer_table_fini(osri_timer_table *table);

/* A free record of the wheel with a new number, and one that goes back. Holding wheel->mutex.
 * Errors: OSR_ELIMIT; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_timer_take_locked(osri_timer_table *table, osri_wheel *wheel,
                                              osri_user_timer **ret_timer);
void osri_timer_give_locked(osri_user_timer *timer);

/* The record that a number names, whether or not it is its number now; or NULL. Threads: any. */
osri_user_timer *osri_timer_table_find(osri_timer_table *table, uint64_t number);

/* Sends the messages of timers that have fired, newest first. Threads: any, no lock of a wheel or
 * above held. */
void osri_later_send_all(osri_later *newest);

#endif
