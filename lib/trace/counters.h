/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TRACE_COUNTERS_H
#define OSR_TRACE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

#include "osier/trace.h"

/* What a node counts: each worker for itself, so that counting costs no exchange; whoever asks adds
 * up. When nothing is under way, sent = received + dropped + queued: the tests hold every node
 * against that. */

#define OSRI_DROPS ((int)OSR_DROP_WAITED + 1)

/* What is counted, each by whoever does it. */
typedef enum osri_counter {
    OSRI_COUNT_SENT,
    OSRI_COUNT_RECEIVED,
    OSRI_COUNT_FORWARDED,
    OSRI_COUNT_SPAWNED,
    OSRI_COUNT_ENDED,
    OSRI_COUNT_DROPPED, /* this and the next ones, by osr_drop: osri_message_dropped() */
    OSRI_COUNTERS = OSRI_COUNT_DROPPED + OSRI_DROPS,
} osri_counter;

typedef struct osri_counters {
    _Atomic(uint64_t) value[OSRI_COUNTERS];
} osri_counters;

/* Adds one to a worker's own, on its thread: one writer, so no exchange. */
static inline void osri_counters_add(osri_counters *counters, osri_counter counter)
{
    _Atomic(uint64_t) *value = &counters->value[counter];
    atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + 1,
                          memory_order_relaxed);
}

/* Adds one, cheaply on a worker's own thread. Threads: any. */
void osri_count(osr_node *node, osri_counter counter);

/* Takes one back. Threads: any. */
void osri_uncount(osr_node *node, osri_counter counter);

#endif
