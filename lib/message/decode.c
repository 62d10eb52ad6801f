/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* msgpack to typed values: validated as a whole, then one walk twice: without a place, to measure
 * and to check kinds and ranges, and with the place that it measured.
 *
 * Invariants
 *   I1  the input has passed osri_validate(), so osri_next() never stands in the middle of a value.
 *   I2  both walks see the same bytes and take the same room, so the second one can fail only by
 *       memory (bins).
 *   I3  the envelope that is filled is valid for osri_envelope_free() at every moment: it starts
 *       zeroed, and a list is entered in the struct before its elements are filled.
 * Bounds: recursion follows the type's nesting, not the input's; a value takes at most
 * OSR_MESSAGE_BYTES_MAX. */
#include "lib/message/codec.h"

#include <stdbool.h>
#include <string.h>

#include "lib/core/assert.h"
#include "lib/message/unpack.h"

#define LIST_ALIGN 8

typedef struct decoder {
    osri_reader reader;
    uint8_t *place; /* NULL: only measure */
    uint64_t used;
    uint64_t bin_bytes;
} decoder;

static osr_err take_struct(decoder *d, const osr_type *type, void *to);
static osr_err take_union(decoder *d, const osr_type *type, void *to);

/* Room behind what is used; *ret is NULL when measuring. */
static osr_err take_room(decoder *d, uint64_t size, uint64_t align, void **ret)
{
    uint64_t start = (d->used + align - 1) & ~(align - 1);
    if (size > OSR_MESSAGE_BYTES_MAX || start + size > OSR_MESSAGE_BYTES_MAX) {
        return OSR_EINVAL;
    }
    d->used = start + size;
    *ret = d->place == NULL ? NULL : d->place + start;
    return OSR_OK;
}

static osr_err take_signed(decoder *d, unsigned bytes, void *to)
{
    osri_item it = osri_next(&d->reader);
    int64_t value;
    memcpy(&value, &it.number, sizeof(value));
    int64_t max = INT64_MAX >> (64 - 8 * bytes);
    bool fits = it.kind == OSRI_ITEM_UNSIGNED   ? it.number <= (uint64_t)max
                : it.kind == OSRI_ITEM_NEGATIVE ? value >= -max - 1
                                                : false;
    if (!fits) {
        return OSR_EPROTO;
    }
    if (to != NULL) {
        switch (bytes) {
        case 1:
            *(int8_t *)to = (int8_t)value;
            break;
        case 2:
            *(int16_t *)to = (int16_t)value;
            break;
        case 4:
            *(int32_t *)to = (int32_t)value;
            break;
        default:
            *(int64_t *)to = value;
        }
    }
    return OSR_OK;
}

static osr_err take_unsigned(decoder *d, unsigned bytes, void *to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_UNSIGNED || it.number > UINT64_MAX >> (64 - 8 * bytes)) {
        return OSR_EPROTO;
    }
    if (to != NULL) {
        switch (bytes) {
        case 1:
            *(uint8_t *)to = (uint8_t)it.number;
            break;
        case 2:
            *(uint16_t *)to = (uint16_t)it.number;
            break;
        case 4:
            *(uint32_t *)to = (uint32_t)it.number;
            break;
        default:
            *(uint64_t *)to = it.number;
        }
    }
    return OSR_OK;
}

static osr_err take_bool(decoder *d, bool *to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_BOOL) {
        return OSR_EPROTO;
    }
    if (to != NULL) {
        *to = it.number != 0;
    }
    return OSR_OK;
}

static osr_err take_f64(decoder *d, double *to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_FLOAT) {
        return OSR_EPROTO;
    }
    if (to != NULL) {
        *to = it.real;
    }
    return OSR_OK;
}

static osr_err take_str(decoder *d, osr_str *to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_STR) {
        return OSR_EPROTO;
    }
    void *room;
    osr_err err = take_room(d, it.number + 1, 1, &room);
    if (err == OSR_OK && room != NULL) {
        memcpy(room, it.data, it.number); /* the NUL is there: the block was zeroed */
        *to = (osr_str){room, (uint32_t)it.number};
    }
    return err;
}

static osr_err take_bin(decoder *d, osr_bin **to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_BIN) {
        return OSR_EPROTO;
    }
    d->bin_bytes += it.number;
    return to == NULL || it.number == 0 ? OSR_OK : osr_bin_new(it.data, it.number, to);
}

static uint64_t ext_number(const uint8_t *data)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | data[i];
    }
    return number;
}

static osr_err take_pid(decoder *d, osr_pid *to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_EXT || it.number != OSRI_EXT_PID) {
        return OSR_EPROTO;
    }
    if (to != NULL) {
        uint64_t second = ext_number(it.data + 8);
        *to = (osr_pid){ext_number(it.data), (uint32_t)(second >> 32), (uint32_t)second};
    }
    return OSR_OK;
}

static osr_err take_ref(decoder *d, osr_ref *to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_EXT || it.number != OSRI_EXT_REF) {
        return OSR_EPROTO;
    }
    if (to != NULL) {
        *to = (osr_ref){ext_number(it.data), ext_number(it.data + 8)};
    }
    return OSR_OK;
}

static osr_err take_value(decoder *d, const osr_field *field, unsigned kind, void *to)
{
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        return take_bool(d, to);
    case OSR_KIND_I8:
    case OSR_KIND_I16:
    case OSR_KIND_I32:
    case OSR_KIND_I64:
        return take_signed(d, field->element_size, to);
    case OSR_KIND_U8:
    case OSR_KIND_U16:
    case OSR_KIND_U32:
    case OSR_KIND_U64:
        return take_unsigned(d, field->element_size, to);
    case OSR_KIND_F64:
        return take_f64(d, to);
    case OSR_KIND_STR:
        return take_str(d, to);
    case OSR_KIND_BIN:
        return take_bin(d, to);
    case OSR_KIND_PID:
        return take_pid(d, to);
    case OSR_KIND_REF:
        return take_ref(d, to);
    case OSR_KIND_STRUCT:
        return take_struct(d, field->nested, to);
    case OSR_KIND_UNION:
        return take_union(d, field->nested, to);
    default:
        return OSR_EPROTO;
    }
}

static osr_err take_list(decoder *d, const osr_field *field, void *to)
{
    osri_item it = osri_next(&d->reader);
    if (it.kind != OSRI_ITEM_ARRAY) {
        return OSR_EPROTO;
    }
    if (it.number == 0) {
        return OSR_OK;
    }
    void *room;
    osr_err err = take_room(d, it.number * field->element_size, LIST_ALIGN, &room);
    if (err == OSR_OK && room != NULL) {
        osri_list_store(to, (osri_any_list){room, (uint32_t)it.number});
    }
    for (uint64_t i = 0; i < it.number && err == OSR_OK; i++) {
        void *element = room == NULL ? NULL : (uint8_t *)room + i * field->element_size;
        err = take_value(d, field, osri_element_kind(field), element);
    }
    return err;
}

/* Texts that do not come are empty C strings all the same. */
static void default_texts(const osr_type *type, void *to)
{
    for (uint32_t i = 0; (type->flags & OSR_TYPE_PLAIN) == 0 && i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        uint8_t *member = (uint8_t *)to + field->offset;
        if (field->kind == OSR_KIND_STR) {
            *(osr_str *)(void *)member = osr_str_of("");
        } else if (field->kind == OSR_KIND_STRUCT) {
            default_texts(field->nested, member);
        }
    }
}

/* The place of a tag, or field_count. Looked for from where it is when fields come in our order. */
static uint32_t find_tag(const osr_type *type, uint64_t tag, uint32_t likely)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        uint32_t place = (likely + i) % type->field_count;
        if (type->fields[place].tag == tag) {
            return place;
        }
    }
    return type->field_count;
}

static osr_err take_field(decoder *d, const osr_type *type, uint32_t place, void *to)
{
    if (place == type->field_count) {
        osri_skip(&d->reader);
        return OSR_OK;
    }
    const osr_field *field = &type->fields[place];
    uint8_t *member = to == NULL ? NULL : (uint8_t *)to + field->offset;
    if ((field->kind & OSR_KIND_LIST) != 0) {
        return take_list(d, field, member);
    }
    if (member != NULL && (field->kind & OSR_KIND_OPTIONAL) != 0) {
        *(bool *)member = true;
    }
    return take_value(d, field, osri_element_kind(field),
                      member == NULL ? NULL : member + field->value_at);
}

/* At most one pair; an alternative that is not known here is none. */
static osr_err take_union(decoder *d, const osr_type *type, void *to)
{
    osri_item map = osri_next(&d->reader);
    if (map.kind != OSRI_ITEM_MAP || map.number > 1) {
        return OSR_EPROTO;
    }
    if (map.number == 0) {
        return OSR_OK;
    }
    osri_item key = osri_next(&d->reader);
    if (key.kind != OSRI_ITEM_UNSIGNED) {
        return OSR_EPROTO;
    }
    uint32_t place = find_tag(type, key.number, 0);
    bool is_known = place != type->field_count;
    if (to != NULL) {
        osri_any_union chosen = {.which = is_known ? type->fields[place].tag : 0,
                                 .is_unknown = !is_known};
        memcpy(to, &chosen, sizeof(chosen));
    }
    return take_field(d, type, place, to);
}

static osr_err take_struct(decoder *d, const osr_type *type, void *to)
{
    osri_item map = osri_next(&d->reader);
    uint64_t seen = 0; /* by place: a type has at most 16 fields */
    if (map.kind != OSRI_ITEM_MAP) {
        return OSR_EPROTO;
    }
    if (to != NULL) {
        default_texts(type, to);
    }
    osr_err err = OSR_OK;
    for (uint64_t i = 0; i < map.number && err == OSR_OK; i++) {
        osri_item key = osri_next(&d->reader);
        uint32_t place = find_tag(type, key.number, (uint32_t)i);
        if (key.kind != OSRI_ITEM_UNSIGNED || (seen >> place & 1) != 0) {
            return OSR_EPROTO;
        }
        seen |= place == type->field_count ? 0 : UINT64_C(1) << place;
        err = take_field(d, type, place, to);
    }
    return err;
}

/* [at, end) has passed osri_validate(). */
static osr_err decode_valid(const osr_type *type, const uint8_t *at, const uint8_t *end,
                            osri_envelope **ret_envelope)
{
    decoder measure = {.reader = {at, end}, .used = type->size};
    osr_err err = take_struct(&measure, type, NULL);
    if (err == OSR_OK && measure.used + measure.bin_bytes > OSR_MESSAGE_BYTES_MAX) {
        err = OSR_EINVAL;
    }
    osri_envelope *envelope;
    if (err == OSR_OK) {
        err = osri_envelope_new_empty(type, measure.used, &envelope);
    }
    if (err != OSR_OK) {
        return err;
    }
    uint8_t *body = osri_envelope_body_to_fill(envelope);
    decoder fill = {.reader = {at, end}, .place = body, .used = type->size};
    err = take_struct(&fill, type, body);
    if (err != OSR_OK) {
        osri_envelope_free(&envelope);
        return err;
    }
    OSR_ASSERT(fill.used == measure.used && fill.reader.at == end);
    *ret_envelope = envelope;
    return OSR_OK;
}

osr_err osri_decode(const osr_type *type, const uint8_t *bytes, size_t size,
                    osri_envelope **ret_envelope)
{
    osr_err err = osri_validate(bytes, size);
    return err != OSR_OK ? err : decode_valid(type, bytes, bytes + size, ret_envelope);
}

static osr_err decode_unknown(uint32_t id, const uint8_t *at, const uint8_t *end,
                              osri_envelope **ret_envelope)
{
    osr_dynamic dynamic = {.type_id = id};
    osri_reader reader = {at, end};
    if (osri_next(&reader).kind != OSRI_ITEM_MAP) {
        return OSR_EPROTO;
    }
    osr_err err = osr_bin_new(at, (size_t)(end - at), &dynamic.payload);
    if (err == OSR_OK) {
        err = osri_envelope_new(&osr_dynamic_osr_type, &dynamic, ret_envelope);
    }
    osr_bin_unref(&dynamic.payload);
    return err;
}

osr_err osri_decode_message(const osri_types *types, const uint8_t *bytes, size_t size,
                            osri_envelope **ret_envelope)
{
    osr_err err = osri_validate(bytes, size);
    if (err != OSR_OK) {
        return err;
    }
    osri_reader reader = {bytes, bytes + size};
    osri_item pair = osri_next(&reader);
    if (pair.kind != OSRI_ITEM_ARRAY || pair.number != 2) {
        return OSR_EPROTO;
    }
    osri_item id = osri_next(&reader);
    if (id.kind != OSRI_ITEM_UNSIGNED || id.number == 0 || id.number > UINT32_MAX ||
        id.number == OSR_DYNAMIC_ID) {
        return OSR_EPROTO;
    }
    const osr_type *type = osri_types_by_id(types, (uint32_t)id.number);
    return type == NULL ? decode_unknown((uint32_t)id.number, reader.at, reader.end, ret_envelope)
                        : decode_valid(type, reader.at, reader.end, ret_envelope);
}
