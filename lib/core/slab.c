/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/slab.h"

#include <assert.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

/* Invariants
 *   B1  a free block is in exactly one list: a thread's `hot` or `spare` of its class, or a batch
 *       of the depot.
 *   B2  `hot` holds at most BATCH blocks, `spare` none or BATCH: so a thread that allocates and
 *       frees in turn goes to the depot never, and else once every BATCH times.
 *   B3  a thread that ends gives what it has to the depot. */

#define CLASSES OSRI_SLAB_CLASSES
#define BATCH OSRI_SLAB_BATCH
#define CHUNK_BYTES (size_t)(64 * 1024)
#define LINE_BYTES (size_t)64

typedef osri_slab_block block;
typedef osri_slab_list list;

static_assert(sizeof(block) <= OSRI_SLAB_CLASS_BYTES, "a free block holds its links");

typedef struct depot_class {
    alignas(64) pthread_mutex_t mutex;
    block *batches;  /* guarded_by: mutex; of BATCH blocks, through next_batch */
    block *leftover; /* guarded_by: mutex; fewer, of threads that have ended */
} depot_class;

static depot_class depot[CLASSES];

#define REGION_BYTES ((size_t)2 << 20)
#define REGIONS_FROM ((size_t)32 << 20)

static struct {
    pthread_mutex_t mutex;
    char *at;     /* guarded_by: mutex; what is left of the newest region */
    size_t left;  /* guarded_by: mutex */
    size_t given; /* guarded_by: mutex; bytes, so far */
} region = {.mutex = PTHREAD_MUTEX_INITIALIZER};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;

#define mine osri_slab_mine
_Thread_local osri_slab_lists mine;
static _Thread_local bool is_known; /* its end will be told */
static _Thread_local bool is_past;  /* and has been: nothing is kept any more */

static void give_batch(size_t class, block *first)
{
    pthread_mutex_lock(&depot[class].mutex);
    first->next_batch = depot[class].batches;
    depot[class].batches = first;
    pthread_mutex_unlock(&depot[class].mutex);
}

static void give_leftover(size_t class, block *first)
{
    pthread_mutex_lock(&depot[class].mutex);
    while (first != NULL) {
        block *next = first->next;
        first->next = depot[class].leftover;
        depot[class].leftover = first;
        first = next;
    }
    pthread_mutex_unlock(&depot[class].mutex);
}

/* B3 */
static void end_thread(void *unused)
{
    (void)unused;
    is_past = true;
    for (size_t class = 0; class < CLASSES; class ++) {
        if (mine.spare[class] != NULL) {
            give_batch(class, mine.spare[class]);
            mine.spare[class] = NULL;
        }
        give_leftover(class, mine.hot[class].first);
        mine.hot[class] = (list){NULL, 0};
    }
}

static void make_depot(void)
{
    for (size_t class = 0; class < CLASSES; class ++) {
        pthread_mutex_init(&depot[class].mutex, NULL);
    }
    has_key = pthread_key_create(&key, end_thread) == 0;
}

/* Without a key what a thread has is lost with it, and nothing else. */
static void know_thread(void)
{
    pthread_once(&once, make_depot);
    if (has_key) {
        (void)pthread_setspecific(key, &mine);
    }
    is_known = true;
}

/* Memory for new blocks. Who has needed much is given huge pages from then on: a fault for each
 * 4 KiB, and its entry in the page table, cost more than what is done with the messages in it. */
static void *chunk_new(size_t bytes)
{
    char *chunk = NULL;
    pthread_mutex_lock(&region.mutex);
    region.given += bytes;
    if (region.given > REGIONS_FROM) {
        if (region.left < bytes) {
            region.at = aligned_alloc(REGION_BYTES, REGION_BYTES);
            region.left = region.at == NULL ? 0 : REGION_BYTES;
            if (region.at != NULL) {
                (void)madvise(region.at, REGION_BYTES, MADV_HUGEPAGE);
            }
        }
        if (region.left >= bytes) {
            chunk = region.at;
            region.at += bytes;
            region.left -= bytes;
        }
    }
    pthread_mutex_unlock(&region.mutex);
    return chunk != NULL ? chunk : aligned_alloc(LINE_BYTES, bytes);
}

/* New blocks of a class, at most BATCH. */
static block *carve(size_t class, uint32_t *ret_count)
{
    size_t bytes = (class + 1) * OSRI_SLAB_CLASS_BYTES;
    size_t count = CHUNK_BYTES / bytes;
    count = count > BATCH ? BATCH : count;
    char *chunk = chunk_new((count * bytes + LINE_BYTES - 1) / LINE_BYTES * LINE_BYTES);
    if (chunk == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        ((block *)(void *)(chunk + i * bytes))->next =
            i + 1 < count ? (block *)(void *)(chunk + (i + 1) * bytes) : NULL;
    }
    *ret_count = (uint32_t)count;
    return (block *)(void *)chunk;
}

static block *take_leftover(size_t class, uint32_t *ret_count)
{
    block *first = depot[class].leftover;
    block *last = first;
    *ret_count = first != NULL;
    while (last != NULL && last->next != NULL && *ret_count < BATCH) {
        last = last->next;
        *ret_count += 1;
    }
    if (last != NULL) {
        depot[class].leftover = last->next;
        last->next = NULL;
    }
    return first;
}

/* `hot` is empty. */
bool osri_slab_refill(size_t class)
{
    list *hot = &mine.hot[class];
    if (!is_known) {
        know_thread();
    }
    hot->count = BATCH;
    hot->first = mine.spare[class];
    if (hot->first != NULL) {
        mine.spare[class] = NULL;
        return true;
    }
    pthread_mutex_lock(&depot[class].mutex);
    hot->first = depot[class].batches;
    if (hot->first != NULL) {
        depot[class].batches = hot->first->next_batch;
    } else {
        hot->first = take_leftover(class, &hot->count);
    }
    pthread_mutex_unlock(&depot[class].mutex);
    if (hot->first == NULL) {
        hot->first = carve(class, &hot->count);
    }
    if (hot->first == NULL) {
        hot->count = 0;
        return false;
    }
    return true;
}

/* `hot` is full; or empty: then the thread may not be known yet. What a thread frees after its end
 * was told may be lost: at most two batches a class. */
void osri_slab_make_room(size_t class)
{
    list *hot = &mine.hot[class];
    if (!is_known) {
        know_thread();
    }
    if (hot->count < BATCH && !is_past) {
        return;
    }
    if (hot->count < BATCH) {
        give_leftover(class, hot->first);
    } else {
        if (mine.spare[class] != NULL) {
            give_batch(class, mine.spare[class]);
        }
        mine.spare[class] = hot->first;
    }
    *hot = (list){NULL, 0};
}
