/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Fibers: the part that is the same on all machines.
 *
 * A fiber's stack holds one endless loop (run_fiber): it calls `run`, marks the fiber as done and
 * switches to the resumer; a switch to a fiber that was reset starts the loop's next round. So a
 * stack that is lent again needs no new context, and no new fiber of ThreadSanitizer.
 *
 * Invariants
 *   I1  `context` is valid exactly while the fiber is suspended.
 *   I2  `resumer` is written by the switch to the fiber, on the resuming thread; so it always is
 *       the fiber that waits there.
 *   I3  between the tools' leave and arrive no instrumented code runs. */
#include "lib/scheduler/fiber.h"

#include "lib/core/assert.h"
#include "lib/scheduler/fiber_context.h"
#include "lib/scheduler/fiber_sanitizer.h"
#include "lib/scheduler/stack.h"

OSRI_NO_SANITIZE void osri_fiber_switch(osri_fiber *from, osri_fiber *to)
{
    osri_fiber_pass(from, to, from);
}

OSRI_NO_SANITIZE void osri_fiber_pass(osri_fiber *from, osri_fiber *to, osri_fiber *home)
{
    to->resumer = from;
    to->home = home;
    osri_asan_leave(from, to);
    osri_tsan_switch(to);
    osri_context_jump(&from->context, to->context);
    osri_asan_arrive(from);
}

OSRI_NO_SANITIZE static void run_fiber(void *argument)
{
    osri_fiber *self = argument;

    osri_asan_arrive(self);
    for (;;) {
        self->run(self->argument);
        self->is_done = true;
        osri_fiber_switch(self, self->home);
    }
}

void osri_fiber_thread(osri_fiber *fiber)
{
    *fiber = (osri_fiber){.is_live = true, .is_thread = true};
    osri_tsan_thread(fiber);
}

void osri_fiber_init(osri_fiber *fiber, osri_stack *stack, void (*run)(void *argument),
                     void *argument)
{
    *fiber = (osri_fiber){.run = run,
                          .argument = argument,
                          .stack_low = stack->low,
                          .stack_bytes = stack->bytes,
                          .is_live = true};
    osri_asan_unpoison(stack->low, stack->bytes);
    fiber->context = osri_context_make((char *)stack->low + stack->bytes, run_fiber, fiber);
    osri_tsan_create(fiber);
    osri_valgrind_register(fiber);
}

void osri_fiber_reset(osri_fiber *fiber, void (*run)(void *argument), void *argument)
{
    OSR_ASSERT_DEBUG(fiber->is_done);
    fiber->run = run;
    fiber->argument = argument;
    fiber->is_done = false;
}

void osri_fiber_fini(osri_fiber *fiber)
{
    if (!fiber->is_live) {
        return;
    }
    fiber->is_live = false;
    if (fiber->is_thread) {
        return;
    }
    osri_tsan_destroy(fiber);
    osri_valgrind_deregister(fiber);
    osri_asan_unpoison(fiber->stack_low, fiber->stack_bytes);
}
