/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Typed values to msgpack: one walk over the descriptor.
 *
 * Invariants
 *   I1  what is written passes osri_validate(): values, depth and bytes are counted on the way.
 *   I2  on error nothing is left in the buffer. */
#include "lib/message/codec.h"

#include <stdbool.h>

#include "lib/message/body.h"
#include "lib/message/pack.h"

typedef struct encoder {
    osri_buffer *buffer;
    size_t start;
    uint32_t objects;
    uint32_t depth;
} encoder;

static osr_err put_struct(encoder *e, const osr_type *type, const void *value);
static osr_err put_union(encoder *e, const osr_type *type, const void *value);

/* Before each value or key. */
static osr_err count_objects(encoder *e, uint32_t more)
{
    if (more > OSRI_OBJECTS_MAX - e->objects) {
        return OSR_EINVAL;
    }
    e->objects += more;
    return e->buffer->size - e->start > OSR_MESSAGE_BYTES_MAX ? OSR_EINVAL : OSR_OK;
}

static osr_err put_str(encoder *e, const osr_str *str)
{
    if (str->size > OSR_MESSAGE_BYTES_MAX || (str->at == NULL && str->size > 0)) {
        return OSR_EINVAL;
    }
    return osri_pack_str(e->buffer, str->at, str->size);
}

static osr_err put_bin(encoder *e, const osr_bin *bin)
{
    return osri_pack_bin(e->buffer, osr_bin_data(bin), (uint32_t)osr_bin_size(bin));
}

static osr_err put_value(encoder *e, const osr_field *field, unsigned kind, const void *value)
{
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        return osri_pack_bool(e->buffer, *(const bool *)value);
    case OSR_KIND_I8:
        return osri_pack_signed(e->buffer, *(const int8_t *)value);
    case OSR_KIND_I16:
        return osri_pack_signed(e->buffer, *(const int16_t *)value);
    case OSR_KIND_I32:
        return osri_pack_signed(e->buffer, *(const int32_t *)value);
    case OSR_KIND_I64:
        return osri_pack_signed(e->buffer, *(const int64_t *)value);
    case OSR_KIND_U8:
        return osri_pack_unsigned(e->buffer, *(const uint8_t *)value);
    case OSR_KIND_U16:
        return osri_pack_unsigned(e->buffer, *(const uint16_t *)value);
    case OSR_KIND_U32:
        return osri_pack_unsigned(e->buffer, *(const uint32_t *)value);
    case OSR_KIND_U64:
        return osri_pack_unsigned(e->buffer, *(const uint64_t *)value);
    case OSR_KIND_F64:
        return osri_pack_f64(e->buffer, *(const double *)value);
    case OSR_KIND_STR:
        return put_str(e, value);
    case OSR_KIND_BIN:
        return put_bin(e, *(osr_bin *const *)value);
    case OSR_KIND_PID:
        return osri_pack_pid(e->buffer, *(const osr_pid *)value);
    case OSR_KIND_REF:
        return osri_pack_ref(e->buffer, *(const osr_ref *)value);
    case OSR_KIND_STRUCT:
        return put_struct(e, field->nested, value);
    case OSR_KIND_UNION:
        return put_union(e, field->nested, value);
    default:
        return OSR_EINVAL;
    }
}

static osr_err put_list(encoder *e, const osr_field *field, const void *member)
{
    osri_any_list list = osri_list_load(member);
    if ((list.at == NULL && list.count > 0) || e->depth == OSRI_DEPTH_MAX) {
        return OSR_EINVAL;
    }
    osr_err err = count_objects(e, list.count);
    if (err == OSR_OK) {
        err = osri_pack_array(e->buffer, list.count);
    }
    e->depth++;
    for (uint32_t i = 0; i < list.count && err == OSR_OK; i++) {
        const uint8_t *element = (const uint8_t *)list.at + (size_t)i * field->element_size;
        err = put_value(e, field, osri_element_kind(field), element);
        if (err == OSR_OK) {
            err = count_objects(e, 0);
        }
    }
    e->depth--;
    return err;
}

static osr_err put_field(encoder *e, const osr_field *field, const uint8_t *member)
{
    osr_err err = osri_pack_unsigned(e->buffer, field->tag);
    if (err == OSR_OK) {
        err = (field->kind & OSR_KIND_LIST) != 0
                  ? put_list(e, field, member)
                  : put_value(e, field, osri_element_kind(field), member + field->value_at);
    }
    return err == OSR_OK ? count_objects(e, 0) : err;
}

/* A map of one pair; of none when nothing is chosen. */
static osr_err put_union(encoder *e, const osr_type *type, const void *value)
{
    const osr_field *choice = osri_union_choice(type, value);
    bool is_wrong = choice == NULL && osri_union_load(value).which != 0;
    if (is_wrong || e->depth == OSRI_DEPTH_MAX) {
        return OSR_EINVAL;
    }
    osr_err err = count_objects(e, choice == NULL ? 0 : 2);
    if (err == OSR_OK) {
        err = osri_pack_map(e->buffer, choice == NULL ? 0 : 1);
    }
    e->depth++;
    if (err == OSR_OK && choice != NULL) {
        err = put_field(e, choice, (const uint8_t *)value + choice->offset);
    }
    e->depth--;
    return err;
}

static uint32_t fields_that_travel(const osr_type *type, const void *value)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        count += osri_is_unset(field, (const uint8_t *)value + field->offset) ? 0 : 1;
    }
    return count;
}

/* The map itself has been counted by whoever it stands in. */
static osr_err put_struct(encoder *e, const osr_type *type, const void *value)
{
    if (e->depth == OSRI_DEPTH_MAX) {
        return OSR_EINVAL;
    }
    uint32_t count = fields_that_travel(type, value);
    osr_err err = count_objects(e, count * 2);
    if (err == OSR_OK) {
        err = osri_pack_map(e->buffer, count);
    }
    e->depth++;
    for (uint32_t i = 0; i < type->field_count && err == OSR_OK; i++) {
        const osr_field *field = &type->fields[i];
        const uint8_t *member = (const uint8_t *)value + field->offset;
        err = osri_is_unset(field, member) ? OSR_OK : put_field(e, field, member);
    }
    e->depth--;
    return err;
}

osr_err osri_encode(const osr_type *type, const void *value, osri_buffer *buffer)
{
    encoder e = {.buffer = buffer, .start = buffer->size, .objects = 1};
    osr_err err = put_struct(&e, type, value);
    if (err != OSR_OK) {
        buffer->size = e.start;
    }
    return err;
}

/* A payload is whatever somebody put there, so it is checked as a whole. */
static osr_err put_dynamic(encoder *e, const osr_dynamic *dynamic)
{
    const uint8_t *data = osr_bin_data(dynamic->payload);
    size_t size = osr_bin_size(dynamic->payload);
    bool is_map = size > 0 && ((data[0] & 0xf0) == 0x80 || data[0] == 0xde || data[0] == 0xdf);
    if (!is_map || dynamic->type_id == 0 || dynamic->type_id == OSR_DYNAMIC_ID) {
        return OSR_EINVAL;
    }
    osr_err err = osri_pack_unsigned(e->buffer, dynamic->type_id);
    if (err == OSR_OK) {
        err = osri_buffer_append(e->buffer, data, size);
    }
    if (err == OSR_OK &&
        (e->buffer->size - e->start > OSR_MESSAGE_BYTES_MAX ||
         osri_validate(e->buffer->at + e->start, e->buffer->size - e->start) != OSR_OK)) {
        err = OSR_EINVAL;
    }
    return err;
}

osr_err osri_encode_message(const osr_type *type, const void *value, osri_buffer *buffer)
{
    encoder e = {.buffer = buffer, .start = buffer->size, .objects = 3, .depth = 1};
    if (type->id == 0) {
        return OSR_EINVAL;
    }
    osr_err err = osri_pack_array(buffer, 2);
    if (err == OSR_OK && type->id == OSR_DYNAMIC_ID) {
        err = put_dynamic(&e, value);
    } else if (err == OSR_OK) {
        err = osri_pack_unsigned(buffer, type->id);
        err = err == OSR_OK ? put_struct(&e, type, value) : err;
    }
    if (err != OSR_OK) {
        buffer->size = e.start;
    }
    return err;
}
