/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_ENV_H
#define OSR_ENV_H

/* The environment of a node: everything that is not deterministic. A node reads clocks, random
 * bytes and the state of its threads only here, so that a simulator can replay a run from one
 * seed. */

#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

OSR_BEGIN_DECLS

/* A place where one thread sleeps; each environment defines its own. */
typedef struct osr_parker osr_parker;

#define OSR_PARK_FOREVER UINT64_MAX

/* Each function gets `context` as its first argument. All may be called from any thread unless it
 * says otherwise; none is a suspension point; none may be called from a signal handler. */
typedef struct osr_env {
    void *context;

    /* Nanoseconds on a clock that never goes back and stands still while the machine is
     * suspended. */
    uint64_t (*now_ns)(void *context);

    /* The same, but it counts on while the machine is suspended; for leases. */
    uint64_t (*boot_ns)(void *context);

    /* Real time, milliseconds since 1970-01-01 UTC; it may jump. */
    uint64_t (*wall_ms)(void *context);

    /* Fills ret_bytes with `bytes` bytes fit for keys. It does not fail: without randomness the
     * real environment ends the program. */
    void (*random)(void *context, void *ret_bytes, size_t bytes);

    /* Starts a thread that calls run(argument) and ends when it returns. `name` is copied and cut
     * to 15 bytes. The thread takes no asynchronous signals: these stay with the program's own
     * threads.
     * Ownership: on OSR_OK *ret_thread must be given to thread_join, once.
     * Errors:    OSR_ENOMEM; OSR_ELIMIT the system allows no further thread. */
    osr_err (*thread_start)(void *context, const char *name, void (*run)(void *argument),
                            void *argument, void **ret_thread);

    /* Waits until run has returned, and frees the thread. Not from the thread itself. */
    void (*thread_join)(void *context, void *thread);

    /* Makes a parker without a token. Free it with parker_free. Errors: OSR_ENOMEM. */
    osr_err (*parker_new)(void *context, osr_parker **ret_parker);

    /* Nobody may be in park or unpark on it. NULL is accepted. */
    void (*parker_free)(void *context, osr_parker *parker);

    /* Takes the parker's token; without one it sleeps until there is one, or timeout_ns have passed
     * (0 only looks, OSR_PARK_FOREVER has no limit). It may return early without a reason: the
     * caller checks again. What the caller of unpark wrote before is visible after the token was
     * taken. Threads: one at a time on a parker. */
    void (*park)(void *context, osr_parker *parker, uint64_t timeout_ns);

    /* Gives the parker its token (there is at most one) and wakes its sleeper. No system call when
     * nobody sleeps. */
    void (*unpark)(void *context, osr_parker *parker);
} osr_env;

/* The real world: the system's clocks, getrandom, POSIX threads. Static, never freed. Threads:
 * any. Not a suspension point. */
OSR_API const osr_env *osr_env_real(void);

OSR_END_DECLS
#endif
