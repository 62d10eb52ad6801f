/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/timer_table.h"

#include "lib/core/heap.h"

/* Invariants
 *   T1  a number is MARK | uses << INDEX_BITS | index: it names a record, and is used once for it,
 *       so what an old reference names is never found again. MARK keeps it apart from the other
 *       references of a node. A record whose uses are used up is never given out again.
 *   T2  pages never move and are never unmapped while the node lives: a number may be looked up by
 *       any thread at any time. */

#define INDEX_BITS 24
#define USES_MAX ((UINT32_C(1) << 31) - 1)
#define MARK (UINT64_C(1) << 63)
#define BATCH 64

static_assert((UINT64_C(1) << INDEX_BITS) == (uint64_t)OSRI_TIMER_PAGE * OSRI_TIMER_PAGES_MAX,
              "every record has an index");

osr_err osri_timer_table_init(osri_timer_table *table, uint32_t timers_max)
{
    uint32_t pages = (timers_max + OSRI_TIMER_PAGE - 1) / OSRI_TIMER_PAGE;
    *table = (osri_timer_table){
        .pages_max = pages == 0 || pages > OSRI_TIMER_PAGES_MAX ? OSRI_TIMER_PAGES_MAX : pages};
    osri_mutex_init(&table->mutex, OSRI_RANK_TIMER_TABLE);
    table->pages = osri_heap_zalloc(table->pages_max * sizeof(*table->pages));
    return table->pages == NULL ? OSR_ENOMEM : OSR_OK;
}

void osri_timer_table_fini(osri_timer_table *table)
{
    for (uint32_t i = 0; i < table->page_count; i++) {
        osri_heap_free(atomic_load_explicit(&table->pages[i], memory_order_relaxed),
                       OSRI_TIMER_PAGE * sizeof(osri_user_timer));
    }
    osri_heap_free(table->pages, table->pages_max * sizeof(*table->pages));
    osri_mutex_fini(&table->mutex);
}

static osr_err add_page_locked(osri_timer_table *table)
{
    if (table->page_count == table->pages_max) {
        return OSR_ELIMIT;
    }
    osri_user_timer *page = osri_heap_zalloc(OSRI_TIMER_PAGE * sizeof(*page));
    if (page == NULL) {
        return OSR_ENOMEM;
    }
    for (uint32_t i = OSRI_TIMER_PAGE; i > 0; i--) {
        osri_user_timer *timer = &page[i - 1];
        timer->index = table->page_count * OSRI_TIMER_PAGE + i - 1;
        timer->next = table->free;
        table->free = timer;
    }
    /* release: pairs with acquire in osri_timer_table_find */
    atomic_store_explicit(&table->pages[table->page_count], page, memory_order_release);
    table->page_count += 1;
    return OSR_OK;
}

static osri_user_timer *pop(osri_user_timer **first)
{
    osri_user_timer *timer = *first;
    if (timer != NULL) {
        *first = timer->next;
    }
    return timer;
}

/* Up to a batch for a cache; the last one taken is handed back. */
static osr_err take_batch(osri_timer_table *table, osri_timer_cache *cache,
                          osri_user_timer **ret_timer)
{
    osri_mutex_lock(&table->mutex);
    osr_err err = table->free == NULL ? add_page_locked(table) : OSR_OK;
    osri_user_timer *timer = pop(&table->free);
    for (uint32_t i = 1; cache != NULL && i < BATCH && table->free != NULL; i++) {
        osri_user_timer *more = pop(&table->free);
        more->next = cache->free;
        cache->free = more;
        cache->count += 1;
    }
    osri_mutex_unlock(&table->mutex);
    if (timer != NULL) {
        *ret_timer = timer;
        return OSR_OK;
    }
    return err;
}

osr_err osri_timer_table_take(osri_timer_table *table, osri_timer_cache *cache,
                              osri_user_timer **ret_timer)
{
    osri_user_timer *timer = cache == NULL ? NULL : pop(&cache->free);
    if (timer != NULL) {
        cache->count -= 1;
    } else {
        osr_err err = take_batch(table, cache, &timer);
        if (err != OSR_OK) {
            return err;
        }
    }
    timer->uses += 1;
    uint64_t number = MARK | (uint64_t)timer->uses << INDEX_BITS | timer->index;
    atomic_store_explicit(&timer->number, number, memory_order_relaxed);
    *ret_timer = timer;
    return OSR_OK;
}

void osri_timer_table_give(osri_timer_table *table, osri_timer_cache *cache, osri_user_timer *timer)
{
    atomic_store_explicit(&timer->number, 0, memory_order_relaxed);
    if (timer->uses == USES_MAX) {
        return; /* T1 */
    }
    if (cache != NULL && cache->count < 4 * BATCH) {
        timer->next = cache->free;
        cache->free = timer;
        cache->count += 1;
        return;
    }
    osri_mutex_lock(&table->mutex);
    timer->next = table->free;
    table->free = timer;
    for (uint32_t i = 0; cache != NULL && i < 2 * BATCH; i++) {
        osri_user_timer *more = pop(&cache->free);
        more->next = table->free;
        table->free = more;
        cache->count -= 1;
    }
    osri_mutex_unlock(&table->mutex);
}

void osri_timer_cache_fini(osri_timer_table *table, osri_timer_cache *cache)
{
    osri_mutex_lock(&table->mutex);
    for (osri_user_timer *timer; (timer = pop(&cache->free)) != NULL;) {
        timer->next = table->free;
        table->free = timer;
    }
    cache->count = 0;
    osri_mutex_unlock(&table->mutex);
}

osri_user_timer *osri_timer_table_find(osri_timer_table *table, uint64_t number)
{
    uint32_t index = (uint32_t)(number & ((UINT64_C(1) << INDEX_BITS) - 1));
    if ((number & MARK) == 0 || index / OSRI_TIMER_PAGE >= table->pages_max) {
        return NULL;
    }
    /* acquire: pairs with release in add_page_locked */
    osri_user_timer *page =
        atomic_load_explicit(&table->pages[index / OSRI_TIMER_PAGE], memory_order_acquire);
    osri_user_timer *timer = page == NULL ? NULL : &page[index % OSRI_TIMER_PAGE];
    return timer != NULL && atomic_load_explicit(&timer->number, memory_order_relaxed) == number
               ? timer
               : NULL;
}
