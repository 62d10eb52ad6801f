/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_FIBER_H
#define OSR_SCHEDULER_FIBER_H

#include <stdbool.h>
#include <stddef.h>

/* A fiber is a context that can be switched to: a thread's own stack, or a function on a lent
 * stack.
 *
 * A suspended fiber may be resumed by another thread, but only after the switch that suspended it
 * has returned on the other side: hand it over from the stack you switched to, never before you
 * switch. The address of a thread-local variable (errno too) must not be kept across a switch. */

struct osri_stack;

/* Fields are private. The owner is the thread that runs or resumes the fiber. */
typedef struct osri_fiber {
    void *context;              /* where to go on, while suspended */
    struct osri_fiber *resumer; /* who switched here last */
    struct osri_fiber *home;    /* who goes on when run returns */
    void (*run)(void *argument);
    void *argument;
    const void *stack_low; /* the thread's own: learnt by AddressSanitizer's first switch */
    size_t stack_bytes;
    void *asan_fake_stack;
    void *tsan_fiber;
    unsigned valgrind_id;
    bool is_live; /* init without fini */
    bool is_thread;
    bool is_done;
} osri_fiber;

/* The calling thread's own stack, to switch away from and back to. Its fiber is used by this thread
 * only, and ends with osri_fiber_fini() there. */
void osri_fiber_thread(osri_fiber *fiber);

/* A fiber that will call run(argument) on the stack when first switched to. When run returns, the
 * fiber is done and whoever switched to it last goes on.
 * The stack is lent until osri_fiber_fini(). */
void osri_fiber_init(osri_fiber *fiber, struct osri_stack *stack, void (*run)(void *argument),
                     void *argument);

/* Gives a fiber that is done a new function; cheaper than fini and init. */
void osri_fiber_reset(osri_fiber *fiber, void (*run)(void *argument), void *argument);

/* Ends a fiber that is suspended, never ran or is done: its frames are dropped, not unwound. The
 * stack is free afterwards. Not on a running fiber, except a thread's own. */
void osri_fiber_fini(osri_fiber *fiber);

/* Suspends `from`, which is running on this thread, and resumes `to`. Returns when somebody
 * switches to `from`, perhaps on another thread. Keeps callee-saved registers and the
 * floating-point control words (on x86-64 that of the x87 only with one of SSE that is not the
 * usual one: fesetround() and its like change both); the signal mask stays with the thread (with
 * ucontext, it goes with the fiber). */
void osri_fiber_switch(osri_fiber *from, osri_fiber *to);

/* The same, but when `to` is done, `home` goes on instead of `from`: for a fiber that steps aside
 * for another one without a detour over the thread's own. */
void osri_fiber_pass(osri_fiber *from, osri_fiber *to, osri_fiber *home);

/* True when run has returned. Ask after the switch to it came back. */
static inline bool osri_fiber_is_done(const osri_fiber *fiber)
{
    return fiber->is_done;
}

#endif
