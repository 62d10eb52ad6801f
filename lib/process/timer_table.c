/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/timer_table.h"

#include "lib/core/heap.h"

/* Invariants
 *   T1  a number is MARK | uses << INDEX_BITS | index: it names a record, and is used once for it,
 *       so what an old reference names is never found again. MARK keeps it apart from the other
 *       references of a node. A record whose uses are used up is never given out again.
 *   T2  pages never move and are never unmapped while the node lives: a number may be looked up by
 *       any thread at any time.
 *   T3  a free record is not live: who looks one up takes its wheel's lock, then compares. */

#define INDEX_BITS 24
#define INDEX_MASK ((UINT64_C(1) << INDEX_BITS) - 1)
#define MARK (UINT64_C(1) << 63)
#define ONE_USE (UINT64_C(1) << INDEX_BITS)

static_assert((UINT64_C(1) << INDEX_BITS) == (uint64_t)OSRI_TIMER_PAGE * OSRI_TIMER_PAGES_MAX,
              "every record has an index");

osr_err osri_timer_table_init(osri_timer_table *table, uint32_t timers_max)
{
    uint64_t pages = ((uint64_t)timers_max + OSRI_TIMER_PAGE - 1) / OSRI_TIMER_PAGE;
    *table = (osri_timer_table){.pages_max = pages == 0 || pages > OSRI_TIMER_PAGES_MAX
                                                 ? OSRI_TIMER_PAGES_MAX
                                                 : (uint32_t)pages};
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

/* A page for the wheel, whose records are touched only when they are used. */
static osr_err add_page(osri_timer_table *table, osri_wheel *wheel)
{
    osri_mutex_lock(&table->mutex);
    osr_err err = OSR_ELIMIT;
    if (table->page_count < table->pages_max) {
        osri_user_timer *page = osri_heap_zalloc(OSRI_TIMER_PAGE * sizeof(*page));
        err = page == NULL ? OSR_ENOMEM : OSR_OK;
        for (uint32_t i = 0; page != NULL && i < OSRI_TIMER_PAGE; i++) {
            page[i].signal.ref = table->page_count * OSRI_TIMER_PAGE + i;
            page[i].timer.wheel = wheel; /* before anybody can find it */
        }
        if (err == OSR_OK) {
            wheel->stock.fresh = page;
            wheel->stock.fresh_count = OSRI_TIMER_PAGE;
            /* release: pairs with acquire in osri_timer_table_find */
            atomic_store_explicit(&table->pages[table->page_count], page, memory_order_release);
            table->page_count += 1;
        }
    }
    osri_mutex_unlock(&table->mutex);
    return err;
}

osr_err osri_timer_take_locked(osri_timer_table *table, osri_wheel *wheel,
                               osri_user_timer **ret_timer)
{
    osri_timer_stock *stock = &wheel->stock;
    osri_user_timer *timer = stock->free;
    if (timer != NULL) {
        stock->free = timer->next;
    } else {
        osr_err err = stock->fresh_count == 0 ? add_page(table, wheel) : OSR_OK;
        if (err != OSR_OK) {
            return err;
        }
        timer = stock->fresh++;
        stock->fresh_count -= 1;
    }
    timer->signal.ref = (timer->signal.ref + ONE_USE) | MARK;
    *ret_timer = timer;
    return OSR_OK;
}

void osri_timer_give_locked(osri_user_timer *timer)
{
    if ((timer->signal.ref | INDEX_MASK) == UINT64_MAX) {
        return; /* T1 */
    }
    osri_timer_stock *stock = &timer->timer.wheel->stock;
    timer->next = stock->free;
    stock->free = timer;
}

osri_user_timer *osri_timer_table_find(osri_timer_table *table, uint64_t number)
{
    uint32_t index = (uint32_t)(number & INDEX_MASK);
    if ((number & MARK) == 0 || index / OSRI_TIMER_PAGE >= table->pages_max) {
        return NULL;
    }
    /* acquire: pairs with release in add_page */
    osri_user_timer *page =
        atomic_load_explicit(&table->pages[index / OSRI_TIMER_PAGE], memory_order_acquire);
    return page == NULL ? NULL : &page[index % OSRI_TIMER_PAGE];
}
