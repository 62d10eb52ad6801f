/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Mutexes with ranks. In debug builds each thread keeps the list of what it holds and where it took
 * it; a lock that does not go up in rank ends the program. Release builds keep no list. */
#include "lib/core/mutex.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/core/assert.h"

#ifndef NDEBUG

#define HELD_MAX 16

typedef struct held {
    const osri_mutex *mutex;
    const char *file;
    int line;
} held;

static _Thread_local held my_held[HELD_MAX];
static _Thread_local size_t my_held_count;

static void check_rank(const osri_mutex *mutex, const char *file, int line)
{
    for (size_t i = 0; i < my_held_count; i++) {
        const held *below = &my_held[i];

        if (below->mutex->rank >= mutex->rank) {
            fprintf(stderr,
                    "osier: lock order: rank %d taken at %s:%d while rank %d is held since %s:%d\n",
                    (int)mutex->rank, file, line, (int)below->mutex->rank, below->file,
                    below->line);
            abort();
        }
    }
}

static void note_locked(const osri_mutex *mutex, const char *file, int line)
{
    OSR_ASSERT(my_held_count < HELD_MAX);
    my_held[my_held_count++] = (held){.mutex = mutex, .file = file, .line = line};
}

static void note_unlocked(const osri_mutex *mutex)
{
    size_t i = my_held_count;

    while (i > 0 && my_held[i - 1].mutex != mutex) {
        i--;
    }
    OSR_ASSERT(i > 0); /* the thread holds what it unlocks */
    for (; i < my_held_count; i++) {
        my_held[i - 1] = my_held[i];
    }
    my_held_count--;
}

void osri_mutex_check_none_held(void)
{
    if (my_held_count > 0) {
        const held *last = &my_held[my_held_count - 1];

        fprintf(stderr, "osier: lock order: rank %d is held since %s:%d across a switch\n",
                (int)last->mutex->rank, last->file, last->line);
        abort();
    }
}

#else

static inline void check_rank(const osri_mutex *mutex, const char *file, int line)
{
    (void)mutex;
    (void)file;
    (void)line;
}

static inline void note_locked(const osri_mutex *mutex, const char *file, int line)
{
    check_rank(mutex, file, line);
}

static inline void note_unlocked(const osri_mutex *mutex)
{
    (void)mutex;
}

void osri_mutex_check_none_held(void)
{
}

#endif

void osri_mutex_init(osri_mutex *mutex, osri_rank rank)
{
    int failure = pthread_mutex_init(&mutex->mutex, NULL);

    OSR_ASSERT(failure == 0); /* with default attributes Linux has no error to report */
    mutex->rank = rank;
}

void osri_mutex_fini(osri_mutex *mutex)
{
    pthread_mutex_destroy(&mutex->mutex);
}

OSR_NO_THREAD_SAFETY void osri_mutex_lock_at(osri_mutex *mutex, const char *file, int line)
{
    check_rank(mutex, file, line);
    pthread_mutex_lock(&mutex->mutex);
    note_locked(mutex, file, line);
}

OSR_NO_THREAD_SAFETY bool osri_mutex_try_lock_at(osri_mutex *mutex, const char *file, int line)
{
    if (pthread_mutex_trylock(&mutex->mutex) != 0) {
        return false;
    }
    note_locked(mutex, file, line);
    return true;
}

OSR_NO_THREAD_SAFETY void osri_mutex_unlock(osri_mutex *mutex)
{
    note_unlocked(mutex);
    pthread_mutex_unlock(&mutex->mutex);
}
