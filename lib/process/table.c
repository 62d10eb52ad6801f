/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/bound.h"
#include "lib/process/node.h"
#include "lib/scheduler/scheduler.h"

/* The process table: pages of slots that stay mapped while the node lives.
 *
 * Invariants
 *   S1  a slot that is free has a closed inbox; who pushes there is refused.
 *   S2  a generation is used once a slot; slots are reused oldest first, give or take the batches
 *       in which workers take and give them; one whose generations are used up is never given out
 *       again, so a pid never means two processes (DESIGN.md D13).
 *   S3  taken - given, over all caches, is the number of processes: a take is counted before it
 *       looks whether the table is closed, so who closes it and then counts misses none.
 *   S4  whoever reads what is constant in a process's life holds the mutex and has set `looking`;
 *       an end clears `number` first and then, if somebody is looking, waits for the mutex (both
 *       seq_cst: one of the two sees the other).
 * Readers of pages take no lock: page pointers are published with release and never change. */

_Static_assert(sizeof(osr_self) == 320, "what an idle process costs (process.h)");

#define PAGE_BYTES (OSRI_PAGE_SLOTS * sizeof(osr_self))
#define BATCH 64
#define PROCESSES_MAX (UINT32_C(1) << 27)
#define BATCHED_MIN 65536 /* a smaller table is not to be kept from its last slots by caches */

osr_err osri_table_init(osr_node *node, uint32_t processes_max)
{
    osri_table *table = &node->table;
    osri_mutex_init(&table->mutex, OSRI_RANK_TABLE);
    if (processes_max > PROCESSES_MAX) {
        return OSR_EINVAL;
    }
    table->slots_max = processes_max;
    table->page_count = (processes_max + OSRI_PAGE_SLOTS - 1) / OSRI_PAGE_SLOTS;
    table->pages = osri_heap_zalloc(table->page_count * sizeof(*table->pages));
    return table->pages == NULL ? OSR_ENOMEM : OSR_OK;
}

void osri_table_fini(osr_node *node)
{
    osri_table *table = &node->table;
    for (uint32_t i = 0; table->pages != NULL && i < table->page_count; i++) {
        osr_self *page = atomic_load_explicit(&table->pages[i], memory_order_relaxed);
        for (uint32_t slot = 0; page != NULL && slot < OSRI_PAGE_SLOTS; slot++) {
            osri_limits_free(&page[slot]);
        }
        osri_heap_free(page, PAGE_BYTES);
    }
    osri_heap_free(table->pages, table->page_count * sizeof(*table->pages));
    table->pages = NULL;
    osri_mutex_fini(&table->mutex);
}

/* Pages hold cache lines, which the heap's alignment does not give. */
static osr_self *page_add_locked(osr_node *node, uint32_t page)
{
    osr_self *slots = osri_heap_alloc_aligned(alignof(osr_self), PAGE_BYTES);
    if (slots == NULL) {
        return NULL;
    }
    memset(slots, 0, PAGE_BYTES);
    for (uint32_t i = 0; i < OSRI_PAGE_SLOTS; i++) {
        slots[i].node = node;
        slots[i].slot = page * OSRI_PAGE_SLOTS + i;
        atomic_init(&slots[i].generation, 1);
        atomic_init(&slots[i].mailbox_flags, node->table.marks ? OSRI_MAILBOX_MARKS : 0);
        atomic_init(&slots[i].inbox, OSRI_INBOX_CLOSED);
    }
    /* release: pairs with acquire in osri_table_at */
    atomic_store_explicit(&node->table.pages[page], slots, memory_order_release);
    return slots;
}

static osr_self *unused_take_locked(osr_node *node)
{
    osri_table *table = &node->table;
    uint32_t slot = table->slots_used;
    if (slot == table->slots_max ||
        (slot % OSRI_PAGE_SLOTS == 0 && page_add_locked(node, slot / OSRI_PAGE_SLOTS) == NULL)) {
        return NULL;
    }
    table->slots_used += 1;
    return osri_table_at(node, slot);
}

static osr_self *free_take_locked(osri_table *table)
{
    osr_self *process = table->free_first;
    if (process != NULL) {
        table->free_first = process->queue_next;
        if (table->free_first == NULL) {
            table->free_last = NULL;
        }
        process->queue_next = NULL;
    }
    return process;
}

static uint32_t batch_of(const osri_table *table)
{
    return table->slots_max >= BATCHED_MIN ? BATCH : 1;
}

/* At the end of the table's free ones. */
static void splice_locked(osri_table *table, osri_slot_cache *cache)
{
    if (cache->given_first == NULL) {
        return;
    }
    if (table->free_last != NULL) {
        table->free_last->queue_next = cache->given_first;
    } else {
        table->free_first = cache->given_first;
    }
    table->free_last = cache->given_last;
    cache->given_first = cache->given_last = NULL;
    cache->given_count = 0;
}

/* Fills an empty cache from the table. */
static osr_err fill_locked(osr_node *node, osri_slot_cache *cache)
{
    osri_table *table = &node->table;
    osr_self **place = &cache->ready;
    for (uint32_t i = 0; i < batch_of(table); i++) {
        osr_self *process = free_take_locked(table);
        if (process == NULL) {
            process = unused_take_locked(node);
        }
        if (process == NULL) {
            break;
        }
        *place = process;
        place = &process->queue_next;
    }
    *place = NULL;
    if (cache->ready == NULL) { /* our own last ones */
        splice_locked(table, cache);
        cache->ready = free_take_locked(table);
    }
    if (cache->ready != NULL) {
        return OSR_OK;
    }
    return table->slots_used == table->slots_max ? OSR_ELIMIT : OSR_ENOMEM;
}

static osr_self *pop(osri_slot_cache *cache)
{
    osr_self *process = cache->ready;
    cache->ready = process->queue_next;
    process->queue_next = NULL;
    return process;
}

static void count_up(_Atomic(uint64_t) *counter)
{
    /* one writer: the cache's holder. seq_cst: S3 */
    uint64_t value = atomic_load_explicit(counter, memory_order_relaxed);
    atomic_store_explicit(counter, value + 1, memory_order_seq_cst);
}

static osr_err take_from_locked(osr_node *node, osri_slot_cache *cache, osr_self **ret_process)
{
    osr_err err = cache->ready == NULL ? fill_locked(node, cache) : OSR_OK;
    if (err == OSR_OK) {
        *ret_process = pop(cache);
    }
    return err;
}

static osr_err take_from(osr_node *node, osri_slot_cache *cache, osr_self **ret_process)
{
    if (cache->ready != NULL) {
        *ret_process = pop(cache);
        return OSR_OK;
    }
    osri_mutex_lock(&node->table.mutex);
    osr_err err = take_from_locked(node, cache, ret_process);
    osri_mutex_unlock(&node->table.mutex);
    return err;
}

static osr_err take_outside(osr_node *node, osr_self **ret_process)
{
    osri_table *table = &node->table;
    osri_mutex_lock(&table->mutex);
    count_up(&table->outside.taken);
    osr_err err = atomic_load_explicit(&table->closed, memory_order_seq_cst)
                      ? OSR_ESTOPPED
                      : take_from_locked(node, &table->outside, ret_process);
    if (err != OSR_OK) {
        count_up(&table->outside.given);
    }
    osri_mutex_unlock(&table->mutex);
    return err;
}

osr_err osri_table_take(osr_node *node, osr_self **ret_process)
{
    osri_table *table = &node->table;
    osri_worker *worker = osri_worker_of(node);
    osr_err err;
    if (worker == NULL) {
        err = take_outside(node, ret_process);
    } else {
        count_up(&worker->slots.taken);
        err = atomic_load_explicit(&table->closed, memory_order_seq_cst)
                  ? OSR_ESTOPPED
                  : take_from(node, &worker->slots, ret_process);
        if (err != OSR_OK) {
            count_up(&worker->slots.given);
        }
    }
    return err;
}

void osri_table_close(osr_node *node)
{
    atomic_store_explicit(&node->table.closed, true, memory_order_seq_cst); /* S3 */
}

uint64_t osri_table_alive(osr_node *node)
{
    osri_table *table = &node->table;
    /* given first: what ends meanwhile counts as alive once too often, never too seldom */
    uint64_t given = atomic_load_explicit(&table->outside.given, memory_order_seq_cst) +
                     osri_workers_sum_slots(node, true);
    uint64_t taken = atomic_load_explicit(&table->outside.taken, memory_order_seq_cst) +
                     osri_workers_sum_slots(node, false);
    return taken - given;
}

/* S4: nobody looks at it any more when this returns. */
static void hide(osri_table *table, osr_self *process)
{
    atomic_store_explicit(&process->number, 0, memory_order_seq_cst);
    if (atomic_load_explicit(&table->looking, memory_order_seq_cst)) {
        osri_mutex_lock(&table->mutex);
        osri_mutex_unlock(&table->mutex);
    }
}

static void hang(osri_slot_cache *cache, osr_self *process)
{
    process->queue_next = NULL;
    if (cache->given_last != NULL) {
        cache->given_last->queue_next = process;
    } else {
        cache->given_first = process;
    }
    cache->given_last = process;
    cache->given_count += 1;
}

/* Whether the slot may be used again. */
static bool renew(osr_self *process)
{
    uint32_t generation = atomic_load_explicit(&process->generation, memory_order_relaxed);
    if (generation == UINT32_MAX) {
        return false;
    }
    /* relaxed: a reader of the old value is refused by the closed inbox */
    atomic_store_explicit(&process->generation, generation + 1, memory_order_relaxed);
    return true;
}

void osri_table_give(osr_self *process)
{
    osr_node *node = process->node;
    osri_table *table = &node->table;
    osri_worker *worker = osri_worker_of(node);
    hide(table, process);
    osri_heap_strfree(process->label);
    process->label = NULL;
    bool is_reusable = renew(process);
    if (worker == NULL) {
        osri_mutex_lock(&table->mutex);
        if (is_reusable) {
            hang(&table->outside, process);
            splice_locked(table, &table->outside);
        }
        count_up(&table->outside.given);
        osri_mutex_unlock(&table->mutex);
        return;
    }
    if (is_reusable) {
        hang(&worker->slots, process);
    }
    if (worker->slots.given_count >= batch_of(table)) {
        osri_mutex_lock(&table->mutex);
        splice_locked(table, &worker->slots);
        osri_mutex_unlock(&table->mutex);
    }
    count_up(&worker->slots.given);
}

void osri_slot_cache_fini(osr_node *node, osri_slot_cache *cache)
{
    osri_table *table = &node->table;
    osri_mutex_lock(&table->mutex);
    while (cache->ready != NULL) {
        hang(cache, pop(cache));
    }
    splice_locked(table, cache);
    uint64_t taken = atomic_load_explicit(&cache->taken, memory_order_relaxed);
    uint64_t given = atomic_load_explicit(&cache->given, memory_order_relaxed);
    atomic_fetch_add_explicit(&table->outside.taken, taken, memory_order_seq_cst);
    atomic_fetch_add_explicit(&table->outside.given, given, memory_order_seq_cst);
    atomic_store_explicit(&cache->taken, 0, memory_order_relaxed);
    atomic_store_explicit(&cache->given, 0, memory_order_relaxed);
    osri_mutex_unlock(&table->mutex);
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = ((const uint64_t *)left)[0];
    uint64_t b = ((const uint64_t *)right)[0];
    return a < b ? -1 : a > b;
}

bool osri_table_visit(osr_node *node,
                      void (*visit)(void *context, osr_self *process, uint64_t number),
                      void *context)
{
    osri_table *table = &node->table;
    osri_mutex_lock(&table->mutex);
    size_t count = 0;
    size_t bytes = ((size_t)table->slots_used + 1) * 2 * sizeof(uint64_t);
    uint64_t *found = osri_heap_alloc(bytes);
    for (uint32_t slot = 0; found != NULL && slot < table->slots_used; slot++) {
        osr_self *process = osri_table_at(node, slot);
        /* relaxed: alone it means something here; who reads more asks again */
        uint64_t number = atomic_load_explicit(&process->number, memory_order_relaxed);
        if (number != 0) {
            found[2 * count] = number;
            found[2 * count + 1] = slot;
            count += 1;
        }
    }
    osri_mutex_unlock(&table->mutex);
    if (found == NULL) {
        return false;
    }
    qsort(found, count, 2 * sizeof(uint64_t), compare_numbers);
    for (size_t i = 0; i < count; i++) {
        visit(context, osri_table_at(node, (uint32_t)found[2 * i + 1]), found[2 * i]);
    }
    osri_heap_free(found, bytes);
    return true;
}
