/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Stacks in slabs. A slab is one mapping of n times (guard, stack), reserved only: what is not
 * touched costs no memory. The osri_stack structs lie on the heap beside it, where an overrun does
 * not reach them.
 *
 * Invariants
 *   I1  a stack is lent, in one cache, or in one list of its pool.
 *   I2  a guard once made stays until the slab is unmapped: MADV_DONTNEED does not remove it.
 *   I3  the canary is the CANARY_BYTES below `low`; it is zero, as the kernel maps it, so that
 *       checking a stack that never came near reads the shared zero page and costs no memory. Calls
 *       write return addresses, which are not zero.
 *   I4  a stack in `cold` has no memory and no live fiber; in `cool` it has its top page, where a
 *       fiber that is done keeps its loop (fiber.c); in `warm` all that its users touched.
 * Cost: take and give are a few instructions in the scheduler's cache; the pool's mutex is taken
 * once for half a cache of stacks. */
#include "lib/scheduler/stack.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"
#include "lib/core/once.h"
#include "lib/scheduler/fiber_sanitizer.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* Linux 6.13 */
#define MADV_GUARD_REMOVE 103
#endif

#define GUARD_BYTES_MIN (16u << 10) /* a frame of up to this size cannot step over it */
#define CANARY_BYTES 256u
#define WARM_DEFAULT 64
#define COOL_DEFAULT 1024
#define SLAB_STACKS_FIRST 8
#define SLAB_STACKS_DEFAULT 512
#define SLAB_BYTES_MAX (64u << 20)
#define CACHE_BYTES_MAX (1u << 20) /* of address space, a class */
#define CACHE_STACKS_MAX 16

struct osri_stack_slab {
    osri_stack_slab *next;
    void *mapping;
    size_t mapping_bytes;
    size_t guards_reserved;
    size_t stacks;
    osri_stack stack[];
};

static size_t class_bytes(unsigned size_class)
{
    return (size_t)OSRI_STACK_BYTES_MIN << size_class;
}

static size_t page_bytes(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static unsigned class_for(size_t bytes)
{
    unsigned size_class = 0;

    while (class_bytes(size_class) < bytes || class_bytes(size_class) < page_bytes()) {
        size_class++;
    }
    return size_class;
}

static size_t guard_bytes(void)
{
    return page_bytes() > GUARD_BYTES_MIN ? page_bytes() : GUARD_BYTES_MIN;
}

static size_t cache_max(unsigned size_class)
{
    size_t stacks = CACHE_BYTES_MAX / class_bytes(size_class);

    return stacks < 2 ? 2 : stacks > CACHE_STACKS_MAX ? CACHE_STACKS_MAX : stacks;
}

static void push(osri_stack_list *list, osri_stack *stack)
{
    stack->next = list->first;
    list->first = stack;
    list->count++;
}

static osri_stack *pop(osri_stack_list *list)
{
    osri_stack *stack = list->first;

    if (stack != NULL) {
        list->first = stack->next;
        list->count--;
    }
    return stack;
}

/* Guards. The lists of a slab are not published yet, so nothing here needs the mutex. */

static bool guard_by_page(const osri_stack_slab *slab)
{
    for (size_t i = 0; i < slab->stacks; i++) {
        const osri_stack *stack = &slab->stack[i];

        if (madvise((char *)stack->low - stack->guard_bytes, stack->guard_bytes,
                    MADV_GUARD_INSTALL) != 0) {
            madvise(slab->mapping, slab->mapping_bytes, MADV_GUARD_REMOVE);
            return false; /* an older kernel, or memory is locked */
        }
    }
    return true;
}

static bool guard_by_protect(osri_stack_slab *slab)
{
    if (!osri_guard_reserve(slab->stacks)) {
        return false;
    }
    slab->guards_reserved = slab->stacks;
    for (size_t i = 0; i < slab->stacks; i++) {
        const osri_stack *stack = &slab->stack[i];

        if (mprotect((char *)stack->low - stack->guard_bytes, stack->guard_bytes, PROT_NONE) != 0) {
            mprotect(slab->mapping, slab->mapping_bytes, PROT_READ | PROT_WRITE);
            osri_guard_release(slab->guards_reserved);
            slab->guards_reserved = 0;
            return false;
        }
    }
    return true;
}

static void guard_slab(osri_stack_slab *slab, osri_guard wanted)
{
    osri_guard got = OSRI_GUARD_CANARY;

    if (wanted <= OSRI_GUARD_PAGE && guard_by_page(slab)) {
        got = OSRI_GUARD_PAGE;
    } else if (wanted <= OSRI_GUARD_PROTECT && guard_by_protect(slab)) {
        got = OSRI_GUARD_PROTECT;
    }
    for (size_t i = 0; i < slab->stacks; i++) {
        slab->stack[i].guard = (uint8_t)got;
    }
}

static void *map_slab(size_t bytes)
{
    void *mapping = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

    if (mapping == MAP_FAILED) {
        return NULL;
    }
    madvise(mapping, bytes,
            MADV_NOHUGEPAGE); /* a kernel without huge pages refuses, and has none */
    return mapping;
}

static osri_stack_slab *new_slab(unsigned size_class, size_t stacks, osri_guard guard)
{
    size_t stride = class_bytes(size_class) + guard_bytes();
    osri_stack_slab *slab = osri_heap_zalloc(sizeof(*slab) + stacks * sizeof(slab->stack[0]));

    if (slab == NULL) {
        return NULL;
    }
    slab->stacks = stacks;
    slab->mapping_bytes = stacks * stride;
    slab->mapping = map_slab(slab->mapping_bytes);
    if (slab->mapping == NULL) {
        osri_heap_free(slab, sizeof(*slab) + stacks * sizeof(slab->stack[0]));
        return NULL;
    }
    for (size_t i = 0; i < stacks; i++) {
        slab->stack[i].low = (char *)slab->mapping + i * stride + guard_bytes();
        slab->stack[i].bytes = class_bytes(size_class);
        slab->stack[i].guard_bytes = guard_bytes();
        slab->stack[i].size_class = (uint8_t)size_class;
    }
    guard_slab(slab, guard);
    return slab;
}

static void free_slab(osri_stack_slab *slab)
{
    for (size_t i = 0; i < slab->stacks; i++) {
        osri_fiber_fini(&slab->stack[i].fiber);
    }
    osri_asan_unpoison(slab->mapping, slab->mapping_bytes);
    munmap(slab->mapping, slab->mapping_bytes);
    osri_guard_release(slab->guards_reserved);
    osri_heap_free(slab, sizeof(*slab) + slab->stacks * sizeof(slab->stack[0]));
}

/* The pool. */

static size_t next_slab_stacks_locked(osri_stack_pool *pool, unsigned size_class)
    OSR_REQUIRES(&pool->mutex);

static size_t next_slab_stacks_locked(osri_stack_pool *pool, unsigned size_class)
{
    size_t stacks = pool->next_slab_stacks[size_class];
    size_t max = SLAB_BYTES_MAX / class_bytes(size_class);

    max = pool->options.slab_stacks_max < max ? pool->options.slab_stacks_max : max;
    stacks = stacks == 0 ? SLAB_STACKS_FIRST : stacks * 2;
    pool->next_slab_stacks[size_class] = stacks < max ? stacks : max;
    return pool->next_slab_stacks[size_class];
}

static osr_err grow_locked(osri_stack_pool *pool, unsigned size_class) OSR_REQUIRES(&pool->mutex);

static osr_err grow_locked(osri_stack_pool *pool, unsigned size_class)
{
    size_t stacks = next_slab_stacks_locked(pool, size_class);
    osri_stack_slab *slab = new_slab(size_class, stacks, pool->options.guard);

    if (slab == NULL) {
        return OSR_ENOMEM;
    }
    slab->next = pool->slabs;
    pool->slabs = slab;
    pool->stacks += stacks;
    for (size_t i = stacks; i > 0; i--) {
        push(&pool->cold[size_class], &slab->stack[i - 1]);
    }
    return OSR_OK;
}

static osri_stack *take_free_locked(osri_stack_pool *pool, unsigned size_class)
    OSR_REQUIRES(&pool->mutex);

static osri_stack *take_free_locked(osri_stack_pool *pool, unsigned size_class)
{
    osri_stack *stack = pop(&pool->warm[size_class]);

    if (stack == NULL) {
        stack = pop(&pool->cool[size_class]);
    }
    return stack == NULL ? pop(&pool->cold[size_class]) : stack;
}

/* Fills half of the cache; with little memory one stack is enough. */
static osr_err refill(osri_stack_cache *cache, unsigned size_class)
{
    osri_stack_pool *pool = cache->pool;
    osri_stack_list *list = &cache->free[size_class];
    osr_err err = OSR_OK;

    osri_mutex_lock(&pool->mutex);
    while (err == OSR_OK && list->count < cache_max(size_class) / 2) {
        osri_stack *stack = take_free_locked(pool, size_class);

        if (stack != NULL) {
            push(list, stack);
        } else if (list->count > 0) {
            break;
        } else {
            err = grow_locked(pool, size_class);
        }
    }
    osri_mutex_unlock(&pool->mutex);
    return err;
}

static void drop_memory(osri_stack *stack, size_t kept_bytes)
{
    osri_asan_unpoison(stack->low, stack->bytes);
    madvise(stack->low, stack->bytes - kept_bytes, MADV_DONTNEED);
}

/* Decides by what the pool holds already how much memory the stack may keep. Other threads may come
 * between the look and the push: the limits are exceeded by what is on its way at most. */
static osri_stack_list *cool_down(osri_stack_pool *pool, osri_stack *stack)
{
    bool fits_warm;
    bool fits_cool;

    osri_mutex_lock(&pool->mutex);
    fits_warm = pool->warm[stack->size_class].count < pool->options.warm_max;
    fits_cool = pool->cool[stack->size_class].count < pool->options.cool_max;
    osri_mutex_unlock(&pool->mutex);
    if (fits_warm) {
        return &pool->warm[stack->size_class];
    }
    if (fits_cool) {
        drop_memory(stack, page_bytes());
        return &pool->cool[stack->size_class];
    }
    osri_fiber_fini(&stack->fiber);
    drop_memory(stack, 0);
    return &pool->cold[stack->size_class];
}

/* Gives the pool all but the `kept` stacks that were used last. */
static void flush(osri_stack_cache *cache, unsigned size_class, size_t kept)
{
    osri_stack_list *list = &cache->free[size_class];
    osri_stack_list given = *list;
    osri_stack *last = NULL;

    for (size_t i = 0; i < kept && given.first != NULL; i++) {
        last = pop(&given);
    }
    if (last != NULL) {
        last->next = NULL;
    } else {
        list->first = NULL;
    }
    list->count -= given.count;
    while (given.first != NULL) {
        osri_stack *stack = pop(&given);
        osri_stack_list *place = cool_down(cache->pool, stack);

        osri_mutex_lock(&cache->pool->mutex);
        push(place, stack);
        osri_mutex_unlock(&cache->pool->mutex);
    }
}

void osri_stack_pool_init(osri_stack_pool *pool, const osri_stack_options *options)
{
    memset(pool, 0, sizeof(*pool));
    osri_mutex_init(&pool->mutex, OSRI_RANK_STACK_POOL);
    if (options != NULL) {
        pool->options = *options;
    }
    if (pool->options.warm_max == 0) {
        pool->options.warm_max = WARM_DEFAULT;
    }
    if (pool->options.cool_max == 0) {
        pool->options.cool_max = COOL_DEFAULT;
    }
    if (pool->options.slab_stacks_max == 0) {
        pool->options.slab_stacks_max = SLAB_STACKS_DEFAULT;
    }
}

static size_t count_free(const osri_stack_pool *pool)
{
    size_t count = 0;

    for (unsigned i = 0; i < OSRI_STACK_CLASSES; i++) {
        count += pool->warm[i].count + pool->cool[i].count + pool->cold[i].count;
    }
    return count;
}

void osri_stack_pool_fini(osri_stack_pool *pool)
{
    OSR_ASSERT(count_free(pool) == pool->stacks); /* all stacks have been given back */
    while (pool->slabs != NULL) {
        osri_stack_slab *slab = pool->slabs;

        pool->slabs = slab->next;
        free_slab(slab);
    }
    osri_mutex_fini(&pool->mutex);
}

void osri_stack_cache_init(osri_stack_cache *cache, osri_stack_pool *pool)
{
    *cache = (osri_stack_cache){.pool = pool};
}

void osri_stack_cache_fini(osri_stack_cache *cache)
{
    for (unsigned i = 0; i < OSRI_STACK_CLASSES; i++) {
        flush(cache, i, 0);
    }
}

osr_err osri_stack_take(osri_stack_cache *cache, size_t bytes, osri_stack **ret_stack)
{
    size_t wanted = bytes == 0 ? OSRI_STACK_BYTES_DEFAULT : bytes;
    unsigned size_class;
    osr_err err = OSR_OK;

    if (wanted > OSRI_STACK_BYTES_MAX) {
        return OSR_ELIMIT;
    }
    size_class = class_for(wanted);
    if (cache->free[size_class].count == 0) {
        err = refill(cache, size_class);
    }
    if (err == OSR_OK) {
        *ret_stack = pop(&cache->free[size_class]);
    }
    return err;
}

void osri_stack_give(osri_stack_cache *cache, osri_stack **stack)
{
    osri_stack *given = *stack;
    unsigned size_class = given->size_class;

    *stack = NULL;
    osri_stack_check(given);
    if (cache->free[size_class].count >= cache_max(size_class)) {
        flush(cache, size_class, cache_max(size_class) / 2);
    }
    push(&cache->free[size_class], given);
}

osri_fiber *osri_stack_start(osri_stack *stack, void (*run)(void *argument), void *argument)
{
    osri_fiber *fiber = &stack->fiber;

    if (fiber->is_live && fiber->is_done) {
        osri_fiber_reset(fiber, run, argument);
        return fiber;
    }
    osri_fiber_fini(fiber); /* one that was abandoned in its middle */
    osri_fiber_init(fiber, stack, run, argument);
    return fiber;
}

bool osri_stack_is_intact(const osri_stack *stack)
{
    const char *zone = (const char *)stack->low - CANARY_BYTES;
    const uint64_t *canary = (const uint64_t *)(const void *)zone;
    uint64_t seen = 0;

    if (stack->guard != OSRI_GUARD_CANARY) {
        return true; /* an overrun would have faulted, as would a look at the guard */
    }
    for (size_t i = 0; i < CANARY_BYTES / sizeof(*canary); i++) {
        seen |= canary[i];
    }
    return seen == 0;
}
