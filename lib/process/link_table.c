/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/link_table.h"

#include <string.h>

#include "lib/core/heap.h"
#include "lib/core/map.h"

/* Invariants
 *   T1  without `many` all entries are few[0 … count); with it they are its values, `size` is 0.
 *   T2  there is no table without an entry. */
struct osri_links {
    uint32_t count;
    uint32_t size;
    osri_map *many; /* osr_pid -> osri_link_entry, ours; or NULL */
    size_t cursor;  /* of osri_links_end_next() */
    osri_link_entry few[];
};

static size_t bytes_for(uint32_t size)
{
    return sizeof(osri_links) + size * sizeof(osri_link_entry);
}

size_t osri_links_count(const osri_links *links)
{
    return links == NULL ? 0 : links->count;
}

static uint32_t index_of(const osri_links *links, osr_pid pid)
{
    uint32_t i = 0;
    while (i < links->count && !osr_pid_equal(links->few[i].pid, pid)) {
        i++;
    }
    return i;
}

osri_link_entry *osri_links_find(osri_links *links, osr_pid pid)
{
    if (links == NULL) {
        return NULL;
    }
    if (links->many != NULL) {
        return osri_map_get(links->many, &pid, sizeof(pid));
    }
    uint32_t i = index_of(links, pid);
    return i == links->count ? NULL : &links->few[i];
}

static osri_link_entry *put_many(osri_map *many, const osri_link_entry *entry)
{
    osri_link_entry *copy = osri_heap_alloc(sizeof(*copy));
    if (copy == NULL) {
        return NULL;
    }
    *copy = *entry;
    if (osri_map_put(many, &copy->pid, sizeof(copy->pid), copy, NULL) != OSR_OK) {
        osri_heap_free(copy, sizeof(*copy));
        return NULL;
    }
    return copy;
}

static void many_free(osri_map *many)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(many, &cursor, &at)) {
        osri_heap_free(at.value, sizeof(osri_link_entry));
    }
    osri_map_fini(many);
    osri_heap_free(many, sizeof(*many));
}

/* From the vector to a map. */
static osr_err become_many(osri_links **links)
{
    osri_links *few = *links;
    osri_links *table = osri_heap_zalloc(bytes_for(0));
    osri_map *many = osri_heap_zalloc(sizeof(*many));
    bool fits = table != NULL && many != NULL;
    for (uint32_t i = 0; fits && i < few->count; i++) {
        fits = put_many(many, &few->few[i]) != NULL;
    }
    if (!fits) {
        osri_heap_free(table, bytes_for(0));
        if (many != NULL) {
            many_free(many);
        }
        return OSR_ENOMEM;
    }
    table->count = few->count;
    table->many = many;
    osri_heap_free(few, bytes_for(few->size));
    *links = table;
    return OSR_OK;
}

static osr_err grow(osri_links **links)
{
    osri_links *old = *links;
    uint32_t size = old == NULL ? 1 : old->size * 2;
    osri_links *table =
        osri_heap_realloc(old, old == NULL ? 0 : bytes_for(old->size), bytes_for(size));
    if (table == NULL) {
        return OSR_ENOMEM;
    }
    if (old == NULL) {
        table->count = 0;
        table->many = NULL;
        table->cursor = 0;
    }
    table->size = size;
    *links = table;
    return OSR_OK;
}

osr_err osri_links_add(osri_links **links, osr_pid pid, osri_link_entry **ret_entry)
{
    osr_err err = OSR_OK;
    if (*links == NULL || ((*links)->many == NULL && (*links)->count == (*links)->size)) {
        err = *links != NULL && (*links)->size == OSRI_LINKS_FEW ? become_many(links) : grow(links);
    }
    if (err != OSR_OK) {
        return err;
    }
    osri_links *table = *links;
    osri_link_entry entry = {.pid = pid};
    osri_link_entry *added =
        table->many == NULL ? &table->few[table->count] : put_many(table->many, &entry);
    if (added == NULL) {
        return OSR_ENOMEM;
    }
    *added = entry;
    table->count += 1;
    *ret_entry = added;
    return OSR_OK;
}

void osri_links_remove(osri_links **links, osr_pid pid)
{
    osri_links *table = *links;
    uint32_t left = table->count - 1;
    if (left == 0) {
        osri_links_free(links);
        return;
    }
    if (table->many != NULL) {
        osri_heap_free(osri_map_remove(table->many, &pid, sizeof(pid)), sizeof(osri_link_entry));
    } else {
        uint32_t i = index_of(table, pid);
        memmove(&table->few[i], &table->few[i + 1], (left - i) * sizeof(table->few[0]));
    }
    table->count = left;
}

const osri_link_entry *osri_links_next(const osri_links *links, size_t *cursor)
{
    osri_map_entry at;
    if (links == NULL) {
        return NULL;
    }
    if (links->many != NULL) {
        return osri_map_next(links->many, cursor, &at) ? at.value : NULL;
    }
    return *cursor < links->count ? &links->few[(*cursor)++] : NULL;
}

const osri_link_entry *osri_links_end_next(osri_links *links)
{
    return links == NULL ? NULL : osri_links_next(links, &links->cursor);
}

void osri_links_free(osri_links **links)
{
    osri_links *table = *links;
    if (table == NULL) {
        return;
    }
    if (table->many != NULL) {
        many_free(table->many);
    }
    osri_heap_free(table, bytes_for(table->size));
    *links = NULL;
}
