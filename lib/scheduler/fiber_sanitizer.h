/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_FIBER_SANITIZER_H
#define OSR_SCHEDULER_FIBER_SANITIZER_H

/* What AddressSanitizer, ThreadSanitizer and valgrind have to know of fibers. Where a tool is not
 * compiled in, its functions are empty. */

#include <stddef.h>

#include "lib/scheduler/fiber.h"

#ifdef __has_feature
#define OSRI_HAS_FEATURE(x) __has_feature(x)
#else
#define OSRI_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || OSRI_HAS_FEATURE(address_sanitizer)
#define OSRI_WITH_ASAN 1
#define OSRI_NO_SANITIZE __attribute__((no_sanitize_address))
#elif defined(__SANITIZE_THREAD__) || OSRI_HAS_FEATURE(thread_sanitizer)
#define OSRI_WITH_TSAN 1
#define OSRI_NO_SANITIZE __attribute__((no_sanitize("thread")))
#else
#define OSRI_NO_SANITIZE
#endif

/* OSRI_NO_SANITIZE marks code that runs while the tool's idea of the current stack is not the
 * machine's. The helpers are always part of their caller: ThreadSanitizer would count a call that
 * begins on one stack and ends on another. */
#define OSRI_SANITIZER_HELPER OSRI_NO_SANITIZE static inline __attribute__((always_inline))

#ifdef OSRI_WITH_ASAN

#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>

static inline void osri_asan_unpoison(const void *low, size_t bytes)
{
    __asan_unpoison_memory_region(low, bytes);
}

/* Before the switch. A fiber that is done gives its fake stack up. */
OSRI_SANITIZER_HELPER void osri_asan_leave(osri_fiber *from, const osri_fiber *to)
{
    __sanitizer_start_switch_fiber(from->is_done ? NULL : &from->asan_fake_stack, to->stack_low,
                                   to->stack_bytes);
}

/* After it, on the stack of `here`: a thread's own stack is known once it has been left. */
OSRI_SANITIZER_HELPER void osri_asan_arrive(osri_fiber *here)
{
    const void *low;
    size_t bytes;

    __sanitizer_finish_switch_fiber(here->asan_fake_stack, &low, &bytes);
    here->asan_fake_stack = NULL;
    if (here->resumer->is_thread) {
        here->resumer->stack_low = low;
        here->resumer->stack_bytes = bytes;
    }
}

#else

static inline void osri_asan_unpoison(const void *low, size_t bytes)
{
    (void)low;
    (void)bytes;
}

OSRI_SANITIZER_HELPER void osri_asan_leave(osri_fiber *from, const osri_fiber *to)
{
    (void)from;
    (void)to;
}

OSRI_SANITIZER_HELPER void osri_asan_arrive(osri_fiber *here)
{
    (void)here;
}

#endif

#ifdef OSRI_WITH_TSAN

#include <sanitizer/tsan_interface.h>

static inline void osri_tsan_thread(osri_fiber *fiber)
{
    fiber->tsan_fiber = __tsan_get_current_fiber();
}

static inline void osri_tsan_create(osri_fiber *fiber)
{
    fiber->tsan_fiber = __tsan_create_fiber(0);
}

static inline void osri_tsan_destroy(osri_fiber *fiber)
{
    __tsan_destroy_fiber(fiber->tsan_fiber);
}

/* The switch itself orders what both did: they ran on one thread, one after the other. */
OSRI_SANITIZER_HELPER void osri_tsan_switch(const osri_fiber *to)
{
    __tsan_switch_to_fiber(to->tsan_fiber, 0);
}

#else

static inline void osri_tsan_thread(osri_fiber *fiber)
{
    (void)fiber;
}

static inline void osri_tsan_create(osri_fiber *fiber)
{
    (void)fiber;
}

static inline void osri_tsan_destroy(osri_fiber *fiber)
{
    (void)fiber;
}

OSRI_SANITIZER_HELPER void osri_tsan_switch(const osri_fiber *to)
{
    (void)to;
}

#endif

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#define OSRI_HAS_VALGRIND 1
#endif
#endif

#ifdef OSRI_HAS_VALGRIND

#include <valgrind/valgrind.h>

static inline void osri_valgrind_register(osri_fiber *fiber)
{
    const char *low = fiber->stack_low;

    fiber->valgrind_id = VALGRIND_STACK_REGISTER(low, low + fiber->stack_bytes - 1);
}

static inline void osri_valgrind_deregister(const osri_fiber *fiber)
{
    VALGRIND_STACK_DEREGISTER(fiber->valgrind_id);
}

#else

static inline void osri_valgrind_register(osri_fiber *fiber)
{
    (void)fiber;
}

static inline void osri_valgrind_deregister(const osri_fiber *fiber)
{
    (void)fiber;
}

#endif

#endif
