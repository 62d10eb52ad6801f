/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Building in place: rooms are handed out from the body's end of the block, one after the other;
 * when the message is given away one walk makes sure that its pointers lead there.
 *
 * Invariants
 *   I1  while it is built, a body can be freed at every moment, as far as its user has put only
 *       bins and rooms into it.
 *   I2  after osri_envelope_built() it has the invariants of a copy (body.c), or is empty where it
 *       had not.
 * Bounds: the room that was asked for at the start; a message does not grow. */
#include "lib/message/build.h"

#include <string.h>

#include "lib/core/assert.h"

#define LIST_ALIGN 8

osr_err osri_envelope_build(const osr_type *type, size_t room, osri_envelope **ret_envelope)
{
    if (room > OSR_MESSAGE_BYTES_MAX) {
        return OSR_EINVAL;
    }
    osri_envelope *envelope;
    osr_err err = osri_envelope_new_empty(type, type->size + room, &envelope);
    if (err != OSR_OK) {
        return err;
    }
    envelope->flags |= OSRI_ENVELOPE_BUILDING;
    envelope->counter = type->size;
    *ret_envelope = envelope;
    return OSR_OK;
}

osri_envelope *osri_envelope_of_built(void *body)
{
    osri_envelope *envelope = (osri_envelope *)body - 1;
    OSR_ASSERT((envelope->flags & OSRI_ENVELOPE_BUILDING) != 0);
    return envelope;
}

/* ---- rooms ----------------------------------------------------------------------------- */

static void *take_room(osri_envelope *envelope, uint64_t size, uint64_t align)
{
    uint64_t start = (envelope->counter + align - 1) & ~(align - 1);
    if (size > envelope->size || start > envelope->size - size) {
        return NULL;
    }
    envelope->counter = start + size;
    return (uint8_t *)osri_envelope_body_to_fill(envelope) + start;
}

osr_err osr_build_str(void *message, const char *text, size_t size, osr_str *ret_str)
{
    if (text == NULL && size > 0) {
        return OSR_EINVAL;
    }
    char *room = size > OSR_MESSAGE_BYTES_MAX
                     ? NULL
                     : take_room(osri_envelope_of_built(message), (uint64_t)size + 1, 1);
    if (room == NULL) {
        return OSR_ELIMIT;
    }
    if (size > 0) {
        memcpy(room, text, size);
    }
    room[size] = '\0';
    *ret_str = (osr_str){room, (uint32_t)size};
    return OSR_OK;
}

void *osri_build_list(void *message, size_t element_size, uint32_t count)
{
    uint64_t bytes = (uint64_t)element_size * count;
    return take_room(osri_envelope_of_built(message), bytes, LIST_ALIGN);
}

/* ---- the walk at the end ---------------------------------------------------------------- */

typedef struct check {
    const uint8_t *start; /* behind the struct */
    const uint8_t *end;
    uint64_t bin_bytes;
    osr_err err;
} check;

static void check_fields(check *c, const osr_type *type, void *value);

/* Whether `bytes` bytes from `at` lie in the rooms. */
static bool is_inside(const check *c, const void *at, uint64_t bytes)
{
    uintptr_t first = (uintptr_t)at;
    uintptr_t end = (uintptr_t)c->end;
    return first >= (uintptr_t)c->start && first <= end && bytes <= end - first;
}

static void check_str(check *c, osr_str *str)
{
    if (str->size == 0) {
        *str = osr_str_of(""); /* a C string, as in a copy */
    } else if (!is_inside(c, str->at, (uint64_t)str->size + 1) || str->at[str->size] != '\0') {
        *str = osr_str_of("");
        c->err = OSR_EINVAL;
    }
}

static void check_value(check *c, const osr_field *field, void *value)
{
    unsigned kind = osri_element_kind(field);
    if (kind == OSR_KIND_STR) {
        check_str(c, value);
    } else if (kind == OSR_KIND_BIN) {
        c->bin_bytes += osr_bin_size(*(osr_bin **)value);
    } else if (field->nested != NULL) {
        check_fields(c, field->nested, value);
    }
}

static void check_list(check *c, const osr_field *field, void *member)
{
    osri_any_list list = osri_list_load(member);
    bool is_sound =
        list.count == 0 || is_inside(c, list.at, (uint64_t)list.count * field->element_size);
    if (!is_sound || list.count == 0) {
        c->err = is_sound ? c->err : OSR_EINVAL;
        osri_list_store(member, (osri_any_list){NULL, 0});
        return;
    }
    uint8_t *element = (uint8_t *)(uintptr_t)list.at;
    for (uint32_t i = 0; i < list.count; i++) {
        check_value(c, field, element + (size_t)i * field->element_size);
    }
}

static void check_field(check *c, const osr_field *field, uint8_t *member)
{
    if ((field->kind & OSR_KIND_LIST) != 0) {
        check_list(c, field, member);
    } else if (!osri_is_unset(field, member)) {
        check_value(c, field, member + field->value_at);
    }
}

static void check_union(check *c, const osr_type *type, void *value)
{
    const osr_field *choice = osri_union_choice(type, value);
    if (choice != NULL) {
        check_field(c, choice, (uint8_t *)value + choice->offset);
    } else if (osri_union_load(value).which != 0) {
        memset(value, 0, type->size);
        c->err = OSR_EINVAL;
    }
}

static void check_fields(check *c, const osr_type *type, void *value)
{
    if ((type->flags & OSR_TYPE_UNION) != 0) {
        check_union(c, type, value);
        return;
    }
    if ((type->flags & OSR_TYPE_PLAIN) != 0) {
        return;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        check_field(c, &type->fields[i], (uint8_t *)value + type->fields[i].offset);
    }
}

osr_err osri_envelope_built(osri_envelope *envelope)
{
    uint8_t *body = osri_envelope_body_to_fill(envelope);
    check c = {.start = body + envelope->type->size, .end = body + envelope->size};
    check_fields(&c, envelope->type, body);
    envelope->flags &= (uint8_t)~OSRI_ENVELOPE_BUILDING;
    envelope->counter = 0;
    if (c.err == OSR_OK && envelope->size + c.bin_bytes > OSR_MESSAGE_BYTES_MAX) {
        c.err = OSR_EINVAL;
    }
    return c.err;
}
