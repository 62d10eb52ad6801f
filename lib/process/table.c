/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"

/* The process table: pages of slots that stay mapped while the node lives.
 *
 * Invariants
 *   S1  a slot that is free has a closed inbox; who pushes there is refused.
 *   S2  a generation is used once a slot; slots are reused oldest first; one whose generations are
 * used up is never given out again, so a pid never means two processes (DESIGN.md D13). Readers
 * take no lock: page pointers are published with release and never change. */

osr_err osri_table_init(osr_node *node, uint32_t processes_max)
{
    osri_table *table = &node->table;
    osri_mutex_init(&table->mutex, OSRI_RANK_TABLE);
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
        free(page);
    }
    osri_heap_free(table->pages, table->page_count * sizeof(*table->pages));
    table->pages = NULL;
    osri_mutex_fini(&table->mutex);
}

osr_self *osri_table_at(osr_node *node, uint32_t slot)
{
    uint32_t page = slot / OSRI_PAGE_SLOTS;
    if (page >= node->table.page_count) {
        return NULL;
    }
    /* acquire: pairs with release in page_add_locked */
    osr_self *slots = atomic_load_explicit(&node->table.pages[page], memory_order_acquire);
    return slots == NULL ? NULL : &slots[slot % OSRI_PAGE_SLOTS];
}

/* Pages hold cache lines, which the heap's alignment does not give. */
static osr_self *page_add_locked(osr_node *node, uint32_t page)
{
    osr_self *slots = aligned_alloc(alignof(osr_self), OSRI_PAGE_SLOTS * sizeof(osr_self));
    if (slots == NULL) {
        return NULL;
    }
    memset(slots, 0, OSRI_PAGE_SLOTS * sizeof(osr_self));
    for (uint32_t i = 0; i < OSRI_PAGE_SLOTS; i++) {
        slots[i].node = node;
        slots[i].slot = page * OSRI_PAGE_SLOTS + i;
        atomic_init(&slots[i].generation, 1);
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
    if (slot % OSRI_PAGE_SLOTS == 0 && page_add_locked(node, slot / OSRI_PAGE_SLOTS) == NULL) {
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

static osr_err take_locked(osr_node *node, osr_self **ret_process)
{
    osri_table *table = &node->table;
    if (table->closed) {
        return OSR_ESTOPPED;
    }
    osr_self *process = free_take_locked(table);
    if (process == NULL && table->slots_used == table->slots_max) {
        return OSR_ELIMIT;
    }
    process = process != NULL ? process : unused_take_locked(node);
    if (process == NULL) {
        return OSR_ENOMEM;
    }
    table->alive += 1;
    process->birth = ++table->spawned;
    *ret_process = process;
    return OSR_OK;
}

osr_err osri_table_take(osr_node *node, osr_self **ret_process)
{
    osri_mutex_lock(&node->table.mutex);
    osr_err err = take_locked(node, ret_process);
    osri_mutex_unlock(&node->table.mutex);
    return err;
}

void osri_table_close(osr_node *node)
{
    osri_mutex_lock(&node->table.mutex);
    node->table.closed = true;
    osri_mutex_unlock(&node->table.mutex);
}

void osri_table_give(osr_self *process)
{
    osri_table *table = &process->node->table;
    osri_mutex_lock(&table->mutex);
    table->alive -= 1;
    atomic_store_explicit(&process->number, 0, memory_order_relaxed); /* readers hold the lock */
    process->queue_next = NULL;
    uint32_t generation = atomic_load_explicit(&process->generation, memory_order_relaxed);
    if (generation != UINT32_MAX) {
        /* relaxed: a reader of the old value is refused by the closed inbox */
        atomic_store_explicit(&process->generation, generation + 1, memory_order_relaxed);
        if (table->free_last != NULL) {
            table->free_last->queue_next = process;
        } else {
            table->free_first = process;
        }
        table->free_last = process;
    }
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
    size_t bytes = (table->alive + 1) * 2 * sizeof(uint64_t);
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
