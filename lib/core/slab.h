/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_SLAB_H
#define OSR_CORE_SLAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Small blocks: envelopes, argument blocks, records of relations. What makes them worth an
 * allocator of their own is that messages are made on one thread and freed on another: each thread
 * has free lists of its own, and whole batches pass from one that frees to one that allocates. Used
 * by osri_heap_*(), which counts; not to be called otherwise.
 *
 * Memory stays with the OS process once it was needed; from the 32nd MiB on in huge pages where the
 * system gives them on request. In builds with a sanitizer every block is
 * malloc()'s, so that each access is judged. Threads: any. */

#define OSRI_SLAB_BYTES_MAX 256
#define OSRI_SLAB_CLASS_BYTES 16
#define OSRI_SLAB_CLASSES (OSRI_SLAB_BYTES_MAX / OSRI_SLAB_CLASS_BYTES)
#define OSRI_SLAB_BATCH 128

/* A block of 97 to 112 bytes, as an envelope with the body of a pid is, takes 128, two cache lines:
 * of the smaller ones half would lie in three. */
#define OSRI_SLAB_CLASS_SKIPPED 6

/* A free block. Fields are private to slab.c and the two functions below. */
typedef struct osri_slab_block {
    struct osri_slab_block *next;       /* in a list or batch */
    struct osri_slab_block *next_batch; /* of the first block of a batch in the depot */
} osri_slab_block;

typedef struct osri_slab_list {
    osri_slab_block *first;
    uint32_t count;
} osri_slab_list;

typedef struct osri_slab_lists {
    osri_slab_list hot[OSRI_SLAB_CLASSES];
    osri_slab_block *spare[OSRI_SLAB_CLASSES]; /* OSRI_SLAB_BATCH blocks, or NULL */
} osri_slab_lists;

extern _Thread_local osri_slab_lists osri_slab_mine;

/* The list of the class is empty, or full. */
bool osri_slab_refill(size_t class);
void osri_slab_make_room(size_t class);

static inline size_t osri_slab_class(size_t bytes)
{
    size_t class = bytes == 0 ? 0 : (bytes - 1) / OSRI_SLAB_CLASS_BYTES;
    return class == OSRI_SLAB_CLASS_SKIPPED ? class + 1 : class;
}

#ifdef OSRI_SLAB_SANITIZED

void *osri_slab_alloc(size_t bytes);
void osri_slab_free(void *block, size_t bytes);

#else

/* bytes at most OSRI_SLAB_BYTES_MAX; aligned for any type. NULL: out of memory. */
static inline void *osri_slab_alloc(size_t bytes)
{
    size_t class = osri_slab_class(bytes);
    osri_slab_list *hot = &osri_slab_mine.hot[class];
    if (hot->first == NULL && !osri_slab_refill(class)) {
        return NULL;
    }
    osri_slab_block *taken = hot->first;
    hot->first = taken->next;
    hot->count -= 1;
    return taken;
}

/* A block of osri_slab_alloc() with the same number of bytes. */
static inline void osri_slab_free(void *freed, size_t bytes)
{
    size_t class = osri_slab_class(bytes);
    osri_slab_list *hot = &osri_slab_mine.hot[class];
    osri_slab_block *given = freed;
    if (hot->count >= OSRI_SLAB_BATCH || hot->first == NULL) {
        osri_slab_make_room(class);
    }
    given->next = hot->first;
    hot->first = given;
    hot->count += 1;
}

#endif

#endif
