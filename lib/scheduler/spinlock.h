/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_SPINLOCK_H
#define OSR_SCHEDULER_SPINLOCK_H

#include <sched.h>
#include <stdatomic.h>

/* A lock for sections of a few instructions without a call in them. After a short spin it yields,
 * so that a holder that lost its core gets it back. */
typedef struct osri_spinlock {
    atomic_flag taken;
} osri_spinlock;

#define OSRI_SPINS 64

static inline void osri_spinlock_lock(osri_spinlock *lock)
{
    int spins = 0;
    /* acquire: pairs with release in osri_spinlock_unlock */
    while (atomic_flag_test_and_set_explicit(&lock->taken, memory_order_acquire)) {
        if (++spins >= OSRI_SPINS) {
            spins = 0;
            (void)sched_yield();
        }
    }
}

static inline void osri_spinlock_unlock(osri_spinlock *lock)
{
    /* release: pairs with acquire in osri_spinlock_lock */
    atomic_flag_clear_explicit(&lock->taken, memory_order_release);
}

#endif
