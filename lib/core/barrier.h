/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_BARRIER_H
#define OSR_CORE_BARRIER_H

#include <stdatomic.h>
#include <stdbool.h>

/* A barrier of which one side pays for both: where one thread does a thing all the time and another
 * looks at it seldom. With A on the frequent side and B on the seldom one,
 *     A: write x; light; read y        B: write y; heavy; read x
 * at least one of the two reads what the other wrote. Light costs nothing where the system has
 * membarrier(2), which interrupts the processors that run threads of this OS process; elsewhere
 * both are full fences. Threads: any. */

extern bool osri_barrier_is_expedited; /* written before any thread of ours is started */

/* To be called before the first of the two below; again is free. */
void osri_barrier_init(void);

static inline void osri_barrier_light(void)
{
    if (osri_barrier_is_expedited) {
        atomic_signal_fence(memory_order_seq_cst);
    } else {
        atomic_thread_fence(memory_order_seq_cst);
    }
}

void osri_barrier_heavy(void);

#endif
