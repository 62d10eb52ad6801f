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

/* Beside the workers' own: sums wrap, and only they are looked at. */
void osri_uncount(osr_node *node, osri_counter counter)
{
    atomic_fetch_sub_explicit(&node->outside.value[counter], 1, memory_order_relaxed);
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
    const uint64_t *dropped = &total[OSRI_COUNT_DROPPED];
    ret_counters->dropped_noproc = dropped[OSR_DROP_NOPROC];
    ret_counters->dropped_noconnection = dropped[OSR_DROP_NOCONNECTION];
    ret_counters->dropped_ended = dropped[OSR_DROP_ENDED];
    ret_counters->dropped_late = dropped[OSR_DROP_LATE];
    ret_counters->dropped_flushed = dropped[OSR_DROP_FLUSHED];
    ret_counters->dropped_expired = dropped[OSR_DROP_EXPIRED];
    ret_counters->dropped_new = dropped[OSR_DROP_NEW];
    ret_counters->dropped_rejected = dropped[OSR_DROP_REJECTED];
    ret_counters->dropped_old = dropped[OSR_DROP_OLD];
    ret_counters->dropped_overflow = dropped[OSR_DROP_OVERFLOW];
    ret_counters->dropped_waited = dropped[OSR_DROP_WAITED];
    ret_counters->dropped_full = 0;
    for (int i = OSR_DROP_NEW; i <= OSR_DROP_WAITED; i++) {
        ret_counters->dropped_full += dropped[i];
    }
    ret_counters->messages_dropped = 0;
    for (int i = 0; i < OSRI_DROPS; i++) {
        ret_counters->messages_dropped += dropped[i];
    }
    ret_counters->messages_forwarded = total[OSRI_COUNT_FORWARDED];
}
