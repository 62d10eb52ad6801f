/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/barrier.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/core/assert.h"

/* From linux/membarrier.h, which older systems do not have. */
#ifndef SYS_membarrier
#define SYS_membarrier (-1)
#endif
#define COMMAND_PRIVATE_EXPEDITED 8
#define COMMAND_REGISTER_PRIVATE_EXPEDITED 16

bool osri_barrier_is_expedited;

static long membarrier(int command)
{
    return syscall(SYS_membarrier, command, 0, 0);
}

static void learn(void)
{
    osri_barrier_is_expedited = membarrier(COMMAND_REGISTER_PRIVATE_EXPEDITED) == 0;
}

void osri_barrier_init(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, learn);
}

void osri_barrier_heavy(void)
{
    atomic_thread_fence(memory_order_seq_cst);
    if (osri_barrier_is_expedited) {
        OSR_ASSERT(membarrier(COMMAND_PRIVATE_EXPEDITED) == 0); /* else there is no order */
    }
}
