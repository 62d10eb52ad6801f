/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* The real environment: the system's clocks, getrandom, POSIX threads, and a parker on a futex.
 *
 * Parker. One word: EMPTY, TOKEN, or SLEEPING (its thread is in the system call or about to be).
 *   I1  unpark leaves TOKEN; whoever finds SLEEPING before it makes the waking system call.
 *   I2  the thread leaves park only after an exchange or a compare-and-swap that took the word away
 *       from TOKEN or SLEEPING, so a token is never lost between a look and a sleep. */
#include "osier/env.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "lib/core/once.h"

#define NS_PER_S UINT64_C(1000000000)
#define NAME_BYTES 16 /* the kernel's limit, terminator included */

enum { EMPTY, TOKEN, SLEEPING };

struct osr_parker {
    _Atomic uint32_t word;
};

typedef struct thread {
    pthread_t handle;
    void (*run)(void *argument);
    void *argument;
    char name[NAME_BYTES];
} thread;

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now); /* cannot fail: the clock is a constant that Linux has */
    return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return clock_ns(CLOCK_MONOTONIC);
}

static uint64_t boot_ns(void *context)
{
    (void)context;
    return clock_ns(CLOCK_BOOTTIME);
}

static uint64_t wall_ms(void *context)
{
    (void)context;
    return clock_ns(CLOCK_REALTIME) / 1000000;
}

static void fill_random(void *context, void *ret_bytes, size_t bytes)
{
    unsigned char *out = ret_bytes;

    (void)context;
    while (bytes > 0) {
        ssize_t got = getrandom(out, bytes, 0);

        if (got < 0 && errno != EINTR) {
            abort(); /* weak keys would be worse */
        }
        if (got > 0) {
            out += got;
            bytes -= (size_t)got;
        }
    }
}

static void *run_thread(void *argument)
{
    thread *self = argument;

    pthread_setname_np(pthread_self(), self->name);
    osri_fault_thread_begin();
    self->run(self->argument);
    osri_fault_thread_end();
    return NULL;
}

/* A thread inherits the mask of its maker: so it never runs with another one. */
static int create_masked(thread *made)
{
    static const int synchronous[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP};
    sigset_t mask;
    sigset_t old;
    int failure;

    sigfillset(&mask);
    for (size_t i = 0; i < sizeof(synchronous) / sizeof(synchronous[0]); i++) {
        sigdelset(&mask, synchronous[i]);
    }
    pthread_sigmask(SIG_SETMASK, &mask, &old);
    failure = pthread_create(&made->handle, NULL, run_thread, made);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return failure;
}

static osr_err thread_start(void *context, const char *name, void (*run)(void *argument),
                            void *argument, void **ret_thread)
{
    thread *made = osri_heap_zalloc(sizeof(*made));

    (void)context;
    if (made == NULL) {
        return OSR_ENOMEM;
    }
    made->run = run;
    made->argument = argument;
    strncpy(made->name, name, sizeof(made->name) - 1);
    if (create_masked(made) != 0) {
        osri_heap_free(made, sizeof(*made));
        return OSR_ELIMIT;
    }
    *ret_thread = made;
    return OSR_OK;
}

static void thread_join(void *context, void *joined)
{
    thread *self = joined;

    (void)context;
    pthread_join(self->handle, NULL);
    osri_heap_free(self, sizeof(*self));
}

static osr_err parker_new(void *context, osr_parker **ret_parker)
{
    osr_parker *parker = osri_heap_zalloc(sizeof(*parker));

    (void)context;
    if (parker == NULL) {
        return OSR_ENOMEM;
    }
    *ret_parker = parker;
    return OSR_OK;
}

static void parker_free(void *context, osr_parker *parker)
{
    (void)context;
    osri_heap_free(parker, sizeof(*parker));
}

static void sleep_on(osr_parker *parker, uint64_t timeout_ns)
{
    struct timespec limit = {.tv_sec = (time_t)(timeout_ns / NS_PER_S),
                             .tv_nsec = (long)(timeout_ns % NS_PER_S)};

    /* Its errors are: no longer SLEEPING, time over, a signal. All mean: look again. */
    syscall(SYS_futex, &parker->word, FUTEX_WAIT_PRIVATE, SLEEPING,
            timeout_ns == OSR_PARK_FOREVER ? NULL : &limit, NULL, 0);
}

static void park(void *context, osr_parker *parker, uint64_t timeout_ns)
{
    uint32_t seen = TOKEN;

    (void)context;
    /* acquire, here and in the exchange: pairs with the release in unpark */
    if (atomic_compare_exchange_strong_explicit(&parker->word, &seen, EMPTY, memory_order_acquire,
                                                memory_order_relaxed) ||
        timeout_ns == 0) {
        return;
    }
    seen = EMPTY;
    if (atomic_compare_exchange_strong_explicit(&parker->word, &seen, SLEEPING,
                                                memory_order_relaxed, memory_order_relaxed)) {
        sleep_on(parker, timeout_ns);
    }
    atomic_exchange_explicit(&parker->word, EMPTY, memory_order_acquire);
}

static void unpark(void *context, osr_parker *parker)
{
    (void)context;
    /* release: pairs with the acquires in park */
    if (atomic_exchange_explicit(&parker->word, TOKEN, memory_order_release) == SLEEPING) {
        syscall(SYS_futex, &parker->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    }
}

const osr_env *osr_env_real(void)
{
    static const osr_env real = {
        .now_ns = now_ns,
        .boot_ns = boot_ns,
        .wall_ms = wall_ms,
        .random = fill_random,
        .thread_start = thread_start,
        .thread_join = thread_join,
        .parker_new = parker_new,
        .parker_free = parker_free,
        .park = park,
        .unpark = unpark,
    };

    return &real;
}
