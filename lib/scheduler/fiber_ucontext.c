/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Contexts by ucontext, for machines without an assembly file. A suspended context is a ucontext_t
 * on its own stack: the first at the top, later ones in the frame that suspended. Each switch sets
 * the signal mask by a system call. */
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "lib/core/assert.h"
#include "lib/scheduler/fiber_context.h"

#define FIRST_STACK_BYTES                                                                          \
    (8u << 10) /* of the smallest stack there is, 16 KiB; only its end counts */

typedef struct first_context {
    ucontext_t machine;
    void (*entry)(void *argument);
    void *argument;
} first_context;

/* makecontext passes ints only. */
static void enter_context(unsigned high, unsigned low)
{
    const first_context *first = (const first_context *)(((uintptr_t)high << 16 << 16) | low);

    first->entry(first->argument);
}

void *osri_context_make(void *top, void (*entry)(void *argument), void *argument)
{
    uintptr_t at = ((uintptr_t)top - sizeof(first_context)) & ~(uintptr_t)63;
    first_context *first = (first_context *)at;
    int failure = getcontext(&first->machine);

    OSR_ASSERT(failure == 0);
    first->entry = entry;
    first->argument = argument;
    first->machine.uc_link = NULL;
    first->machine.uc_stack.ss_sp = (void *)(at - FIRST_STACK_BYTES);
    first->machine.uc_stack.ss_size = FIRST_STACK_BYTES;
    makecontext(&first->machine, (void (*)(void))enter_context, 2, (unsigned)(at >> 16 >> 16),
                (unsigned)at);
    return first;
}

void osri_context_jump(void **ret_from, void *to)
{
    ucontext_t here;
    int failure;

    memset(&here.uc_stack, 0, sizeof(here.uc_stack)); /* AddressSanitizer looks at it */
    *ret_from = &here;
    failure = swapcontext(&here, to);
    OSR_ASSERT(failure == 0);
}
