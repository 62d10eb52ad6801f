/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_MUTEX_H
#define OSR_CORE_MUTEX_H

#include <pthread.h>
#include <stdbool.h>

/* A mutex with a rank. A thread may take a mutex only if its rank is higher than those of all it
 * holds; debug builds check that and abort, naming both places. Never hold one across a fiber
 * switch. */

/* The order of all locks, outermost first. The gaps are for what is to come. */
typedef enum osri_rank {
    OSRI_RANK_BOOT = 10,         /* program start and stop */
    OSRI_RANK_NODE = 20,         /* node start, stop, thread set */
    OSRI_RANK_NET = 30,          /* ownership of the sockets of a node */
    OSRI_RANK_ROUTER = 40,       /* table of sessions and members */
    OSRI_RANK_SESSION = 50,      /* one link to a peer */
    OSRI_RANK_SERVICE = 55,      /* groups, cluster-wide names */
    OSRI_RANK_REGISTRY = 60,     /* names */
    OSRI_RANK_TYPES = 70,        /* message types of a node */
    OSRI_RANK_TABLE = 80,        /* process table: slots */
    OSRI_RANK_PROCESS = 90,      /* one process */
    OSRI_RANK_PORT = 100,        /* one port of a foreign thread */
    OSRI_RANK_TIMERS = 110,      /* timer wheel */
    OSRI_RANK_TIMER_TABLE = 115, /* records of timers */
    OSRI_RANK_WATCH = 120,       /* watched fds */
    OSRI_RANK_BLOCKING = 130,    /* pool of helper threads */
    OSRI_RANK_SCHEDULER = 140,   /* run queue */
    OSRI_RANK_STACK_POOL = 150,  /* free stacks */
    OSRI_RANK_TRACE = 160,
    OSRI_RANK_LEAF = 200 /* nothing is taken under it */
} osri_rank;

#ifdef __clang__
#define OSRI_TSA(x) __attribute__((x))
#else
#define OSRI_TSA(x)
#endif

#define OSR_REQUIRES(...) OSRI_TSA(requires_capability(__VA_ARGS__))
#define OSR_EXCLUDES(...) OSRI_TSA(locks_excluded(__VA_ARGS__))
#define OSR_ACQUIRES(...) OSRI_TSA(acquire_capability(__VA_ARGS__))
#define OSR_RELEASES(...) OSRI_TSA(release_capability(__VA_ARGS__))
#define OSR_TRY_ACQUIRES(...) OSRI_TSA(try_acquire_capability(__VA_ARGS__))
#define OSR_NO_THREAD_SAFETY OSRI_TSA(no_thread_safety_analysis)

typedef struct OSRI_TSA(capability("mutex")) osri_mutex {
    pthread_mutex_t mutex;
    osri_rank rank;
} osri_mutex;

/* clang-format off */
#define OSRI_MUTEX_INIT(its_rank) {.mutex = PTHREAD_MUTEX_INITIALIZER, .rank = (its_rank)}
/* clang-format on */

void osri_mutex_init(osri_mutex *mutex, osri_rank rank);

/* Nobody holds it. */
void osri_mutex_fini(osri_mutex *mutex);

#define osri_mutex_lock(mutex) osri_mutex_lock_at((mutex), __FILE__, __LINE__)
#define osri_mutex_try_lock(mutex) osri_mutex_try_lock_at((mutex), __FILE__, __LINE__)

void osri_mutex_lock_at(osri_mutex *mutex, const char *file, int line) OSR_ACQUIRES(mutex);

/* Takes the mutex if it is free; its rank is not checked, since nobody waits. */
bool osri_mutex_try_lock_at(osri_mutex *mutex, const char *file, int line)
    OSR_TRY_ACQUIRES(true, mutex);

void osri_mutex_unlock(osri_mutex *mutex) OSR_RELEASES(mutex);

/* Aborts in debug builds, naming the place, if the calling thread holds a mutex; for before a
 * switch. */
void osri_mutex_check_none_held(void);

#endif
