/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Random typed values: a walk over the descriptor with a small generator (splitmix64). */
#include "tests/unit/message/values.h"

#include <stdlib.h>
#include <string.h>

#include "lib/message/body.h"

#define LIST_MAX 5

typedef struct value_block {
    struct value_block *next;
    osr_bin *bin;
    uint64_t bytes[];
} value_block;

static void make_struct(value_maker *maker, const osr_type *type, uint8_t *to);
static void make_union(value_maker *maker, const osr_type *type, uint8_t *to);

uint64_t value_random(value_maker *maker)
{
    maker->seed += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = maker->seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static value_block *take_block(value_maker *maker, size_t bytes)
{
    value_block *block = calloc(1, sizeof(*block) + bytes + 1);
    if (block == NULL) {
        abort();
    }
    block->next = maker->blocks;
    maker->blocks = block;
    return block;
}

/* Of few bits as often as of many, and often next to a power of two. */
static uint64_t any_number(value_maker *maker)
{
    uint64_t number = value_random(maker) >> value_random(maker) % 64;
    switch (value_random(maker) % 4) {
    case 0:
        return (UINT64_C(1) << value_random(maker) % 64) - 1 + value_random(maker) % 3;
    case 1:
        return ~number;
    default:
        return number;
    }
}

static size_t any_size(value_maker *maker)
{
    static const size_t sizes[] = {0, 1, 5, 31, 32, 255, 256, 300};
    return value_random(maker) % 50 == 0 ? 65530 + value_random(maker) % 10
                                         : sizes[value_random(maker) % 8];
}

static void *any_bytes(value_maker *maker, size_t size)
{
    uint8_t *bytes = (uint8_t *)take_block(maker, size)->bytes;
    bool is_text = value_random(maker) % 2 == 0;
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)(is_text ? ' ' + value_random(maker) % 95 : value_random(maker));
    }
    return bytes;
}

static osr_bin *any_bin(value_maker *maker)
{
    size_t size = any_size(maker);
    value_block *block = take_block(maker, 0);
    if (value_random(maker) % 4 != 0 &&
        osr_bin_new(any_bytes(maker, size), size, &block->bin) != OSR_OK) {
        abort();
    }
    return block->bin;
}

static void make_value(value_maker *maker, const osr_field *field, unsigned kind, void *to)
{
    uint64_t number = any_number(maker);
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        *(bool *)to = (number & 1) != 0;
        break;
    case OSR_KIND_STR: {
        size_t size = any_size(maker);
        *(osr_str *)to = (osr_str){any_bytes(maker, size), (uint32_t)size};
        break;
    }
    case OSR_KIND_BIN:
        *(osr_bin **)to = any_bin(maker);
        break;
    case OSR_KIND_PID:
        *(osr_pid *)to =
            (osr_pid){number, (uint32_t)any_number(maker), (uint32_t)any_number(maker)};
        break;
    case OSR_KIND_REF:
        *(osr_ref *)to = (osr_ref){number, any_number(maker)};
        break;
    case OSR_KIND_STRUCT:
        make_struct(maker, field->nested, to);
        break;
    case OSR_KIND_UNION:
        make_union(maker, field->nested, to);
        break;
    default: /* numbers: any bits will do */
        memcpy(to, &number, field->element_size);
    }
}

static void make_list(value_maker *maker, const osr_field *field, void *member)
{
    uint32_t count = (uint32_t)(value_random(maker) % 20 == 0 ? value_random(maker) % 40
                                                              : value_random(maker) % LIST_MAX);
    uint8_t *at = (uint8_t *)take_block(maker, (size_t)count * field->element_size)->bytes;
    for (uint32_t i = 0; i < count; i++) {
        make_value(maker, field, osri_element_kind(field), at + (size_t)i * field->element_size);
    }
    osri_list_store(member, (osri_any_list){at, count});
}

/* Each alternative, or none; what is not in force is full of rubbish. */
static void make_union(value_maker *maker, const osr_type *type, uint8_t *to)
{
    uint64_t place = value_random(maker) % (type->field_count + 1);
    memset(to, 0xa5, type->size);
    osri_any_union chosen = {.which = 0};
    if (place < type->field_count) {
        const osr_field *field = &type->fields[place];
        chosen.which = field->tag;
        memcpy(to, &chosen, sizeof(chosen));
        make_value(maker, field, field->kind, to + field->offset);
    } else {
        memcpy(to, &chosen, sizeof(chosen));
    }
}

/* The value of an optional member that is not set is rubbish. */
static void make_optional(value_maker *maker, const osr_field *field, uint8_t *member)
{
    memset(member + field->value_at, 0xa5, field->element_size);
    *(bool *)member = value_random(maker) % 2 == 0;
    if (*(bool *)member) {
        memset(member + field->value_at, 0, field->element_size);
        make_value(maker, field, osri_element_kind(field), member + field->value_at);
    }
}

static void make_struct(value_maker *maker, const osr_type *type, uint8_t *to)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        if ((field->kind & OSR_KIND_LIST) != 0) {
            make_list(maker, field, to + field->offset);
        } else if ((field->kind & OSR_KIND_OPTIONAL) != 0) {
            make_optional(maker, field, to + field->offset);
        } else {
            make_value(maker, field, field->kind, to + field->offset);
        }
    }
}

void *value_make(value_maker *maker, const osr_type *type)
{
    uint8_t *value = (uint8_t *)take_block(maker, type->size)->bytes;
    make_struct(maker, type, value);
    return value;
}

void value_maker_free(value_maker *maker)
{
    while (maker->blocks != NULL) {
        value_block *block = maker->blocks;
        maker->blocks = block->next;
        osr_bin_unref(&block->bin);
        free(block);
    }
}

static bool equal_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool equal_value(const osr_field *field, unsigned kind, const void *a, const void *b)
{
    const osr_str *a_str = a;
    const osr_str *b_str = b;
    const osr_bin *const *a_bin = a;
    const osr_bin *const *b_bin = b;
    switch ((osr_kind)kind) {
    case OSR_KIND_STR:
        return equal_bytes(a_str->at, a_str->size, b_str->at, b_str->size);
    case OSR_KIND_BIN:
        return equal_bytes(osr_bin_data(*a_bin), osr_bin_size(*a_bin), osr_bin_data(*b_bin),
                           osr_bin_size(*b_bin));
    case OSR_KIND_STRUCT:
    case OSR_KIND_UNION:
        return value_equal(field->nested, a, b);
    default:
        return memcmp(a, b, field->element_size) == 0;
    }
}

static bool equal_list(const osr_field *field, const void *a, const void *b)
{
    osri_any_list a_list = osri_list_load(a);
    osri_any_list b_list = osri_list_load(b);
    bool is_equal = a_list.count == b_list.count;
    for (uint32_t i = 0; is_equal && i < a_list.count; i++) {
        size_t offset = (size_t)i * field->element_size;
        is_equal = equal_value(field, osri_element_kind(field), (const uint8_t *)a_list.at + offset,
                               (const uint8_t *)b_list.at + offset);
    }
    return is_equal;
}

static bool equal_field(const osr_field *field, const void *a, const void *b)
{
    const uint8_t *a_member = (const uint8_t *)a + field->offset;
    const uint8_t *b_member = (const uint8_t *)b + field->offset;
    if ((field->kind & OSR_KIND_LIST) != 0) {
        return equal_list(field, a_member, b_member);
    }
    if (osri_is_unset(field, a_member) || osri_is_unset(field, b_member)) {
        return osri_is_unset(field, a_member) == osri_is_unset(field, b_member);
    }
    return equal_value(field, osri_element_kind(field), a_member + field->value_at,
                       b_member + field->value_at);
}

bool value_equal(const osr_type *type, const void *a, const void *b)
{
    bool is_equal = true;
    if ((type->flags & OSR_TYPE_UNION) != 0) {
        const osr_field *choice = osri_union_choice(type, a);
        return osri_union_load(a).which == osri_union_load(b).which &&
               (choice == NULL || equal_field(choice, a, b));
    }
    for (uint32_t i = 0; is_equal && i < type->field_count; i++) {
        is_equal = equal_field(&type->fields[i], a, b);
    }
    return is_equal;
}
