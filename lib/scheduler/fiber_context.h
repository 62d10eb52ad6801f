/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_FIBER_CONTEXT_H
#define OSR_SCHEDULER_FIBER_CONTEXT_H

#include <stddef.h>

/* The machine's part of a fiber: fiber_x86_64.S, fiber_aarch64.S or fiber_ucontext.c. A context is
 * an address on its stack, valid while it is suspended. */

/* A context that will call entry(argument), which never returns, on the stack that ends at
 * `top`. */
void *osri_context_make(void *top, void (*entry)(void *argument), void *argument);

/* Stores the running context in *ret_from and goes on with `to`. Returns when somebody jumps
 * back. */
void osri_context_jump(void **ret_from, void *to);

#endif
