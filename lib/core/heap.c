/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Memory: small blocks from slabs, the rest from malloc, with counts of what is out and a switch
 * that makes allocations fail.
 *
 * Invariants
 *   I1  a shard's counters are written by the thread that holds it (a load and a store, no locked
 *       instruction); a sum over all shards, modulo 2^64, is what is out.
 *   I2  shards are never freed; a thread's end gives its shard to the next thread with its counts.
 *   I3  a thread that has no shard (out of memory, or already past its thread-exit destructor)
 *       counts in `shared` with locked additions.
 * Cost: a few adds in a thread-local cache line, and one relaxed load for the failure switch. */
#include "lib/core/heap.h"

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/slab.h"

typedef struct shard {
    alignas(64) _Atomic uint64_t blocks;
    _Atomic uint64_t bytes;
    struct shard *next; /* constant once linked */
    bool is_held;       /* guarded_by: shards_mutex */
} shard;

static shard shared;
static _Atomic(shard *) shards = &shared;
static pthread_mutex_t shards_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t shards_once = PTHREAD_ONCE_INIT;
static pthread_key_t shards_key;

static _Thread_local shard *my_shard;
static _Thread_local bool is_past; /* no shard any more */

static _Atomic bool is_failing; /* relaxed: a test sets it before it starts what shall fail */
static pthread_mutex_t failing_mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t failing_in;   /* guarded_by: failing_mutex */
static bool failing_for_good; /* guarded_by: failing_mutex */
static bool has_failed;       /* guarded_by: failing_mutex */

static void give_shard_back(void *held)
{
    shard *mine = held;

    my_shard = NULL;
    is_past = true;
    pthread_mutex_lock(&shards_mutex);
    mine->is_held = false;
    pthread_mutex_unlock(&shards_mutex);
}

static void make_key(void)
{
    if (pthread_key_create(&shards_key, give_shard_back) != 0) {
        abort(); /* the first allocation of a program with no key left: nothing can work */
    }
}

static shard *find_shard_locked(void)
{
    shard *found = atomic_load_explicit(&shards, memory_order_relaxed);

    while (found != NULL && (found->is_held || found == &shared)) {
        found = found->next;
    }
    if (found == NULL) {
        found = aligned_alloc(alignof(shard), sizeof(shard));
        if (found != NULL) {
            memset(found, 0, sizeof(*found));
            found->next = atomic_load_explicit(&shards, memory_order_relaxed);
            /* release: pairs with the acquire in sum_blocks and sum_bytes */
            atomic_store_explicit(&shards, found, memory_order_release);
        }
    }
    return found;
}

static void hold_shard(void)
{
    shard *found;

    pthread_once(&shards_once, make_key);
    pthread_mutex_lock(&shards_mutex);
    found = find_shard_locked();
    if (found != NULL && pthread_setspecific(shards_key, found) == 0) {
        found->is_held = true;
        my_shard = found;
    }
    pthread_mutex_unlock(&shards_mutex);
    is_past = my_shard == NULL;
}

static void add(_Atomic uint64_t *counter, uint64_t value)
{
    /* relaxed: only the holder writes, and a reader needs no order */
    atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + value,
                          memory_order_relaxed);
}

static void count_without_shard(uint64_t blocks, uint64_t bytes)
{
    if (!is_past) {
        hold_shard();
    }
    if (my_shard != NULL) {
        add(&my_shard->blocks, blocks);
        add(&my_shard->bytes, bytes);
        return;
    }
    atomic_fetch_add_explicit(&shared.blocks, blocks, memory_order_relaxed);
    atomic_fetch_add_explicit(&shared.bytes, bytes, memory_order_relaxed);
}

static inline void count(uint64_t blocks, uint64_t bytes)
{
    shard *mine = my_shard;

    if (mine == NULL) {
        count_without_shard(blocks, bytes);
        return;
    }
    add(&mine->blocks, blocks);
    add(&mine->bytes, bytes);
}

static bool fails_now(void)
{
    bool fails = false;

    pthread_mutex_lock(&failing_mutex);
    if (failing_in > 0 && --failing_in == 0) {
        fails = true;
        has_failed = true;
        failing_in = failing_for_good ? 1 : 0;
        atomic_store_explicit(&is_failing, failing_for_good, memory_order_relaxed);
    }
    pthread_mutex_unlock(&failing_mutex);
    return fails;
}

static inline bool is_made_to_fail(void)
{
    return atomic_load_explicit(&is_failing, memory_order_relaxed) && fails_now();
}

static inline void *take(size_t bytes)
{
    return bytes <= OSRI_SLAB_BYTES_MAX ? osri_slab_alloc(bytes) : malloc(bytes);
}

static inline void give(void *block, size_t bytes)
{
    if (bytes <= OSRI_SLAB_BYTES_MAX) {
        osri_slab_free(block, bytes);
    } else {
        free(block);
    }
}

void *osri_heap_alloc(size_t bytes)
{
    void *block = is_made_to_fail() ? NULL : take(bytes);

    if (block != NULL) {
        count(1, bytes);
    }
    return block;
}

void *osri_heap_zalloc(size_t bytes)
{
    void *block;

    if (is_made_to_fail()) {
        return NULL;
    }
    if (bytes > OSRI_SLAB_BYTES_MAX) {
        block = calloc(1, bytes);
    } else if ((block = osri_slab_alloc(bytes)) != NULL) {
        memset(block, 0, bytes);
    }
    if (block != NULL) {
        count(1, bytes);
    }
    return block;
}

void *osri_heap_alloc_aligned(size_t alignment, size_t bytes)
{
    OSR_ASSERT(bytes > OSRI_SLAB_BYTES_MAX); /* osri_heap_free() tells them apart by that */
    void *block = is_made_to_fail() ? NULL : aligned_alloc(alignment, bytes);

    if (block != NULL) {
        count(1, bytes);
    }
    return block;
}

void *osri_heap_realloc(void *block, size_t old_bytes, size_t new_bytes)
{
    void *moved;

    if (is_made_to_fail()) {
        return NULL;
    }
    if (block != NULL && old_bytes > OSRI_SLAB_BYTES_MAX && new_bytes > OSRI_SLAB_BYTES_MAX) {
        moved = realloc(block, new_bytes);
    } else {
        moved = take(new_bytes);
        if (moved != NULL && block != NULL) {
            memcpy(moved, block, old_bytes < new_bytes ? old_bytes : new_bytes);
            give(block, old_bytes);
        }
    }
    if (moved != NULL) {
        count(block == NULL ? 1 : 0, (uint64_t)new_bytes - (uint64_t)old_bytes);
    }
    return moved;
}

void osri_heap_free(void *block, size_t bytes)
{
    if (block != NULL) {
        count(UINT64_MAX, -(uint64_t)bytes);
        give(block, bytes);
    }
}

char *osri_heap_strdup(const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *copy = osri_heap_alloc(bytes);

    if (copy != NULL) {
        memcpy(copy, text, bytes);
    }
    return copy;
}

void osri_heap_strfree(char *text)
{
    if (text != NULL) {
        osri_heap_free(text, strlen(text) + 1);
    }
}

void osri_heap_fail_after(uint64_t nth, bool every_later)
{
    pthread_mutex_lock(&failing_mutex);
    failing_in = nth;
    failing_for_good = every_later;
    has_failed = false;
    atomic_store_explicit(&is_failing, nth > 0, memory_order_relaxed);
    pthread_mutex_unlock(&failing_mutex);
}

bool osri_heap_has_failed(void)
{
    pthread_mutex_lock(&failing_mutex);
    bool has = has_failed;
    pthread_mutex_unlock(&failing_mutex);
    return has;
}

uint64_t osri_heap_live_blocks(void)
{
    uint64_t sum = 0;

    /* acquire: pairs with the release in find_shard_locked */
    for (shard *s = atomic_load_explicit(&shards, memory_order_acquire); s != NULL; s = s->next) {
        sum += atomic_load_explicit(&s->blocks, memory_order_relaxed);
    }
    return sum;
}

uint64_t osri_heap_live_bytes(void)
{
    uint64_t sum = 0;

    /* acquire: pairs with the release in find_shard_locked */
    for (shard *s = atomic_load_explicit(&shards, memory_order_acquire); s != NULL; s = s->next) {
        sum += atomic_load_explicit(&s->bytes, memory_order_relaxed);
    }
    return sum;
}
