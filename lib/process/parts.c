/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* The parts of a program: what OSR_SERVER, OSR_ENTRY, OSR_INTERFACE and OSR_SENDS left in the
 * linker section, sorted so that what iterates does not depend on the linker. */
#include "lib/process/parts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"

extern __attribute__((weak, visibility("hidden"))) const osr_part *const __start_osr_parts[];
extern __attribute__((weak, visibility("hidden"))) const osr_part *const __stop_osr_parts[];

extern __attribute__((weak, visibility("hidden"))) const osr_entry *const __start_osr_entries[];
extern __attribute__((weak, visibility("hidden"))) const osr_entry *const __stop_osr_entries[];

static int compare(const void *a_, const void *b_)
{
    const osr_part *a = *(const osr_part *const *)a_;
    const osr_part *b = *(const osr_part *const *)b_;
    int order = a->kind == b->kind ? strcmp(a->name, b->name) : (int)a->kind - (int)b->kind;
    order = order == 0 ? strcmp(a->file, b->file) : order;
    return order == 0 ? (a->line > b->line) - (a->line < b->line) : order;
}

/* Whether two interfaces accept the same: messages are compared by what travels. */
static bool are_alike(const osr_part *a, const osr_part *b)
{
    bool is_alike = a->count == b->count;
    for (uint32_t i = 0; is_alike && i < a->count; i++) {
        is_alike =
            a->types[i]->id == b->types[i]->id && strcmp(a->types[i]->name, b->types[i]->name) == 0;
    }
    return is_alike;
}

/* Sorted parts: leaves one of each interface. */
static osr_err merge_interfaces(osri_parts *parts, char *ret_text)
{
    size_t kept = 0;
    for (size_t i = 0; i < parts->count; i++) {
        const osr_part *part = parts->sorted[i];
        const osr_part *last = kept == 0 ? NULL : parts->sorted[kept - 1];
        bool is_again = last != NULL && part->kind == OSR_PART_INTERFACE &&
                        last->kind == OSR_PART_INTERFACE && strcmp(part->name, last->name) == 0;
        if (is_again && !are_alike(part, last)) {
            (void)snprintf(ret_text, OSRI_PARTS_TEXT_BYTES,
                           "interface %s accepts one thing at %s:%" PRIu32
                           " and another at %s:%" PRIu32 ": declare it once, in a header",
                           part->name, last->file, last->line, part->file, part->line);
            return OSR_ETYPE;
        }
        if (!is_again) {
            parts->sorted[kept++] = part;
        }
    }
    parts->count = kept;
    return OSR_OK;
}

osr_err osri_parts_collect(osri_parts *parts, const osr_part *const *first,
                           const osr_part *const *end, char ret_text[OSRI_PARTS_TEXT_BYTES])
{
    size_t count = (size_t)(end - first);
    *parts = (osri_parts){0};
    if (count == 0) {
        return OSR_OK;
    }
    parts->sorted = osri_heap_alloc(count * sizeof(first[0]));
    if (parts->sorted == NULL) {
        return OSR_ENOMEM;
    }
    memcpy(parts->sorted, first, count * sizeof(first[0]));
    parts->count = count;
    parts->capacity = count;
    qsort(parts->sorted, count, sizeof(parts->sorted[0]), compare);
    osr_err err = merge_interfaces(parts, ret_text);
    if (err != OSR_OK) {
        osri_parts_fini(parts);
    }
    return err;
}

osr_err osri_parts_init(osri_parts *parts, char ret_text[OSRI_PARTS_TEXT_BYTES])
{
    return osri_parts_collect(parts, __start_osr_parts, __stop_osr_parts, ret_text);
}

void osri_parts_fini(osri_parts *parts)
{
    osri_heap_free(parts->sorted, parts->capacity * sizeof(parts->sorted[0]));
    *parts = (osri_parts){0};
}

osr_err osri_entries_collect(osri_map *entries, const osr_entry *const *first,
                             const osr_entry *const *end, char ret_text[OSRI_PARTS_TEXT_BYTES])
{
    for (const osr_entry *const *at = first; at != end; at++) {
        const osr_entry *known = osri_map_get(entries, (*at)->name, strlen((*at)->name));
        if (known != NULL && known != *at) {
            (void)snprintf(ret_text, OSRI_PARTS_TEXT_BYTES,
                           "entry %s is exported by %s:%" PRIu32 " and by %s:%" PRIu32
                           ": give one of them another name",
                           known->name, known->file, known->line, (*at)->file, (*at)->line);
            return OSR_ETYPE;
        }
        osr_err err =
            osri_map_put(entries, (*at)->name, strlen((*at)->name), (void *)(uintptr_t)*at, NULL);
        if (err != OSR_OK) {
            return err;
        }
    }
    return OSR_OK;
}

osr_err osri_entries_init(osri_map *entries, char ret_text[OSRI_PARTS_TEXT_BYTES])
{
    return osri_entries_collect(entries, __start_osr_entries, __stop_osr_entries, ret_text);
}

size_t osr_node_types(const osr_node *node, const osr_type **ret_types, size_t max)
{
    size_t count = osri_types_count(&node->types);
    for (size_t i = 0; i < count && i < max; i++) {
        ret_types[i] = osri_types_at(&node->types, i);
    }
    return count;
}

size_t osr_node_parts(const osr_node *node, osr_part_kind kind, const osr_part **ret_parts,
                      size_t max)
{
    size_t found = 0;
    for (size_t i = 0; i < node->parts.count; i++) {
        if (node->parts.sorted[i]->kind == kind) {
            if (found < max) {
                ret_parts[found] = node->parts.sorted[i];
            }
            found++;
        }
    }
    return found;
}
