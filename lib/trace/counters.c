/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/trace/counters.h"

#include "lib/scheduler/scheduler.h"

void osri_count(osr_node *node, osri_counter counter)
{
    osri_worker *worker = osri_worker_of(node);
    if (worker != NULL) {
        osri_counters_add(&worker->counters, counter);
    } else {
        atomic_fetch_add_explicit(&node->outside.value[counter], 1, memory_order_relaxed);
    }
}

void osr_node_count(osr_node *node, osr_node_counters *ret_counters)
{
    uint64_t total[OSRI_COUNTERS];
    for (int i = 0; i < OSRI_COUNTERS; i++) {
        total[i] = atomic_load_explicit(&node->outside.value[i], memory_order_relaxed);
        total[i] += atomic_load_explicit(&node->stepper->counters.value[i], memory_order_relaxed);
        osri_threads_count(node, (osri_counter)i, &total[i]);
    }
    ret_counters->spawned = total[OSRI_COUNT_SPAWNED];
    ret_counters->processes = total[OSRI_COUNT_SPAWNED] - total[OSRI_COUNT_ENDED];
    ret_counters->messages_sent = total[OSRI_COUNT_SENT];
    ret_counters->messages_received = total[OSRI_COUNT_RECEIVED];
    ret_counters->dropped_noproc = total[OSRI_COUNT_DROPPED_NOPROC];
    ret_counters->dropped_noconnection = total[OSRI_COUNT_DROPPED_NOCONNECTION];
    ret_counters->dropped_ended = total[OSRI_COUNT_DROPPED_ENDED];
    ret_counters->dropped_late = total[OSRI_COUNT_DROPPED_LATE];
    ret_counters->dropped_flushed = total[OSRI_COUNT_DROPPED_FLUSHED];
    ret_counters->dropped_full = total[OSRI_COUNT_DROPPED_FULL];
    ret_counters->dropped_expired = total[OSRI_COUNT_DROPPED_EXPIRED];
    ret_counters->messages_dropped =
        total[OSRI_COUNT_DROPPED_NOPROC] + total[OSRI_COUNT_DROPPED_NOCONNECTION] +
        total[OSRI_COUNT_DROPPED_ENDED] + total[OSRI_COUNT_DROPPED_LATE] +
        total[OSRI_COUNT_DROPPED_FLUSHED] + total[OSRI_COUNT_DROPPED_FULL] +
        total[OSRI_COUNT_DROPPED_EXPIRED];
    ret_counters->messages_forwarded = total[OSRI_COUNT_FORWARDED];
}
