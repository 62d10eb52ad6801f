/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* The table of types: an array sorted by id, and a map from name.
 *
 * Invariants
 *   I1  both hold the same types; ids and names are unique, ids not 0.
 *   I2  every type in it can be encoded: no tag twice, nested at most OSRI_NESTING_MAX deep.
 * Order: by id, so that what iterates does not depend on addresses or on the linker. */
#include "lib/message/types.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"

#define FIRST_CAPACITY 64

static const osr_field dynamic_fields[] = {
    {1, OSR_KIND_U32, 0, sizeof(uint32_t), offsetof(osr_dynamic, type_id), "type_id", NULL},
    {2, OSR_KIND_BIN, 0, sizeof(osr_bin *), offsetof(osr_dynamic, payload), "payload", NULL},
};

const osr_type osr_dynamic_osr_type = {
    .id = OSR_DYNAMIC_ID,
    .field_count = 2,
    .flags = OSR_TYPE_BINS,
    .size = sizeof(osr_dynamic),
    .name = "osr_dynamic",
    .fields = dynamic_fields,
    .file = __FILE__,
    .line = __LINE__,
};

/* FNV-1a, 64 bits: the numbers travel, so it is fixed. Of a byte sequence of each field: tag (4
 * bytes) and kind (2), big-endian, and for a struct its own shape (8). */
#define SHAPE_START UINT64_C(0xcbf29ce484222325)
#define SHAPE_FACTOR UINT64_C(0x100000001b3)

static uint64_t shape_add(uint64_t shape, uint64_t number, unsigned bytes)
{
    while (bytes-- > 0) {
        shape = (shape ^ (number >> (8 * bytes) & 0xff)) * SHAPE_FACTOR;
    }
    return shape;
}

uint64_t osr_type_shape(const osr_type *type)
{
    uint64_t shape = SHAPE_START;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        shape = shape_add(shape, field->tag, 4);
        shape = shape_add(shape, field->kind, 2);
        if (field->nested != NULL) {
            shape = shape_add(shape, osr_type_shape(field->nested), 8);
        }
    }
    return shape;
}

osr_err osri_types_init(osri_types *types)
{
    *types = (osri_types){0};
    osri_map_init(&types->by_name, 0);
    osr_err err = osri_types_add(types, &osr_dynamic_osr_type, NULL);
    if (err != OSR_OK) {
        osri_types_fini(types);
    }
    return err;
}

void osri_types_fini(osri_types *types)
{
    osri_map_fini(&types->by_name);
    osri_heap_free(types->sorted, types->capacity * sizeof(types->sorted[0]));
    *types = (osri_types){0};
}

/* The place of the first type whose id is not below this one. */
static uint32_t place_of(const osri_types *types, uint32_t id)
{
    uint32_t low = 0;
    uint32_t high = types->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (types->sorted[middle]->id < id) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const osr_type *osri_types_by_id(const osri_types *types, uint32_t id)
{
    uint32_t place = place_of(types, id);
    return place < types->count && types->sorted[place]->id == id ? types->sorted[place] : NULL;
}

const osr_type *osri_types_by_name(const osri_types *types, const char *name)
{
    return osri_map_get(&types->by_name, name, strlen(name));
}

size_t osri_types_count(const osri_types *types)
{
    return types->count;
}

const osr_type *osri_types_at(const osri_types *types, size_t index)
{
    return types->sorted[index];
}

static unsigned nesting_of(const osr_type *type)
{
    unsigned deepest = 0;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        unsigned depth = (field->kind & OSR_KIND_LIST) != 0 ? 1 : 0;
        depth += field->nested == NULL ? 0 : nesting_of(field->nested);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

/* The field whose tag another one before it has, in the type or a nested one; else NULL. */
static const osr_field *repeated_tag(const osr_type *type)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        for (uint32_t j = 0; j < i; j++) {
            if (type->fields[j].tag == field->tag) {
                return field;
            }
        }
        const osr_field *below = field->nested == NULL ? NULL : repeated_tag(field->nested);
        if (below != NULL) {
            return below;
        }
    }
    return NULL;
}

static osr_err check_alone(const osr_type *type, char *ret_text)
{
    const osr_field *field = repeated_tag(type);
    if (type->id == 0) {
        (void)snprintf(ret_text, OSRI_TYPES_TEXT_BYTES,
                       "%s (%s:%" PRIu32 ") has id 0: give it a number of its own", type->name,
                       type->file, type->line);
    } else if (nesting_of(type) > OSRI_NESTING_MAX) {
        (void)snprintf(ret_text, OSRI_TYPES_TEXT_BYTES,
                       "%s (%s:%" PRIu32 ") nests structs and lists more than %d deep", type->name,
                       type->file, type->line, OSRI_NESTING_MAX);
    } else if (field != NULL) {
        (void)snprintf(ret_text, OSRI_TYPES_TEXT_BYTES,
                       "%s (%s:%" PRIu32 "): tag %" PRIu32 " stands twice, the second time for %s",
                       type->name, type->file, type->line, field->tag, field->name);
    } else {
        return OSR_OK;
    }
    return OSR_ETYPE;
}

static osr_err check_same_id(const osr_type *a, const osr_type *b, char *ret_text)
{
    if (strcmp(a->name, b->name) != 0) {
        (void)snprintf(ret_text, OSRI_TYPES_TEXT_BYTES,
                       "message id 0x%04" PRIx32 " is used by %s (%s:%" PRIu32
                       ") and by %s (%s:%" PRIu32 "): give one of them another id",
                       a->id, a->name, a->file, a->line, b->name, b->file, b->line);
        return OSR_ETYPE;
    }
    if (osr_type_shape(a) != osr_type_shape(b) || a->size != b->size) {
        (void)snprintf(ret_text, OSRI_TYPES_TEXT_BYTES,
                       "%s (0x%04" PRIx32 ") is declared with different fields at %s:%" PRIu32
                       " and at %s:%" PRIu32 ": declare it once, in a header",
                       a->name, a->id, a->file, a->line, b->file, b->line);
        return OSR_ETYPE;
    }
    return OSR_OK;
}

static osr_err check_same_name(const osr_type *a, const osr_type *b, char *ret_text)
{
    (void)snprintf(ret_text, OSRI_TYPES_TEXT_BYTES,
                   "%s is declared with id 0x%04" PRIx32 " at %s:%" PRIu32
                   " and with id 0x%04" PRIx32 " at %s:%" PRIu32 ": a message has one id",
                   a->name, a->id, a->file, a->line, b->id, b->file, b->line);
    return OSR_ETYPE;
}

static osr_err make_room(osri_types *types)
{
    if (types->count < types->capacity) {
        return OSR_OK;
    }
    if (types->count == OSRI_TYPES_MAX) {
        return OSR_ELIMIT;
    }
    uint32_t capacity = types->capacity == 0 ? FIRST_CAPACITY : types->capacity * 2;
    const osr_type **sorted = osri_heap_realloc(types->sorted, types->capacity * sizeof(sorted[0]),
                                                capacity * sizeof(sorted[0]));
    if (sorted == NULL) {
        return OSR_ENOMEM;
    }
    types->sorted = sorted;
    types->capacity = capacity;
    return OSR_OK;
}

static osr_err insert(osri_types *types, const osr_type *type)
{
    osr_err err = make_room(types);
    if (err == OSR_OK) {
        err = osri_map_put(&types->by_name, type->name, strlen(type->name), (void *)(uintptr_t)type,
                           NULL);
    }
    if (err != OSR_OK) {
        return err;
    }
    uint32_t place = place_of(types, type->id);
    memmove(&types->sorted[place + 1], &types->sorted[place],
            (types->count - place) * sizeof(types->sorted[0]));
    types->sorted[place] = type;
    types->count++;
    return OSR_OK;
}

osr_err osri_types_add(osri_types *types, const osr_type *type,
                       char ret_text[OSRI_TYPES_TEXT_BYTES])
{
    char unread[OSRI_TYPES_TEXT_BYTES];
    char *text = ret_text == NULL ? unread : ret_text;
    osr_err err = check_alone(type, text);
    if (err != OSR_OK) {
        return err;
    }
    const osr_type *known = osri_types_by_id(types, type->id);
    if (known != NULL) {
        return known == type ? OSR_OK : check_same_id(known, type, text);
    }
    known = osri_types_by_name(types, type->name);
    return known != NULL ? check_same_name(known, type, text) : insert(types, type);
}

osr_err osri_types_collect(osri_types *types, osri_type_section section,
                           char ret_text[OSRI_TYPES_TEXT_BYTES])
{
    osr_err err = OSR_OK;
    for (const osr_type *const *at = section.first; at < section.end && err == OSR_OK; at++) {
        err = osri_types_add(types, *at, ret_text);
    }
    return err;
}
