/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Values of any type, read part by part: of a struct in memory by its descriptor, of the payload of
 * an osr_dynamic from its msgpack.
 *
 * Invariants
 *   I1  a value with neither type nor field that is a list or struct stands in msgpack that has
 *       passed osri_validate(): [at, end) begins with its first part.
 *   I2  a struct has its descriptor in `type` and `at` its first byte; a list its field, and `at`
 *       its first element. */
#include "osier/dynamic.h"

#include <string.h>

#include "lib/message/body.h"
#include "lib/message/unpack.h"
#include "lib/message/validator.h"

const osr_field *osr_type_field(const osr_type *type, const char *name)
{
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (strcmp(type->fields[i].name, name) == 0) {
            return &type->fields[i];
        }
    }
    return NULL;
}

/* ---- in memory -------------------------------------------------------------------------- */

static bool is_there(const osr_type *type, const osr_field *field, const void *value)
{
    return (type->flags & OSR_TYPE_UNION) != 0
               ? osri_union_load(value).which == field->tag
               : !osri_is_unset(field, (const uint8_t *)value + field->offset);
}

static osr_value struct_value(const osr_type *type, const void *at)
{
    osr_value value = {.kind = OSR_VALUE_STRUCT, .type = type, .at = at};
    for (uint32_t i = 0; i < type->field_count; i++) {
        value.count += is_there(type, &type->fields[i], at) ? 1 : 0;
    }
    return value;
}

static osr_value whole_value(uint64_t number)
{
    return (osr_value){.kind = OSR_VALUE_WHOLE, .whole = number};
}

static osr_value signed_value(int64_t number)
{
    return number < 0 ? (osr_value){.kind = OSR_VALUE_NEGATIVE, .negative = number}
                      : whole_value((uint64_t)number);
}

static osr_value bytes_value(const uint8_t *at, size_t size)
{
    osr_value value = {.kind = OSR_VALUE_BYTES};
    value.bytes.at = at;
    value.bytes.size = size;
    return value;
}

static osr_value load(const osr_field *field, const void *at)
{
    switch ((osr_kind)osri_element_kind(field)) {
    case OSR_KIND_BOOL:
        return (osr_value){.kind = OSR_VALUE_BOOL, .truth = *(const bool *)at};
    case OSR_KIND_I8:
        return signed_value(*(const int8_t *)at);
    case OSR_KIND_I16:
        return signed_value(*(const int16_t *)at);
    case OSR_KIND_I32:
        return signed_value(*(const int32_t *)at);
    case OSR_KIND_I64:
        return signed_value(*(const int64_t *)at);
    case OSR_KIND_U8:
        return whole_value(*(const uint8_t *)at);
    case OSR_KIND_U16:
        return whole_value(*(const uint16_t *)at);
    case OSR_KIND_U32:
        return whole_value(*(const uint32_t *)at);
    case OSR_KIND_U64:
        return whole_value(*(const uint64_t *)at);
    case OSR_KIND_F64:
        return (osr_value){.kind = OSR_VALUE_REAL, .real = *(const double *)at};
    case OSR_KIND_STR:
        return (osr_value){.kind = OSR_VALUE_TEXT, .text = *(const osr_str *)at};
    case OSR_KIND_BIN:
        return bytes_value(osr_bin_data(*(osr_bin *const *)at),
                           osr_bin_size(*(osr_bin *const *)at));
    case OSR_KIND_PID:
        return (osr_value){.kind = OSR_VALUE_PID, .pid = *(const osr_pid *)at};
    case OSR_KIND_REF:
        return (osr_value){.kind = OSR_VALUE_REF, .ref = *(const osr_ref *)at};
    case OSR_KIND_STRUCT:
    case OSR_KIND_UNION:
        return struct_value(field->nested, at);
    default:
        return (osr_value){.kind = OSR_VALUE_NIL};
    }
}

static osr_value load_field(const osr_field *field, const void *whole)
{
    const uint8_t *member = (const uint8_t *)whole + field->offset;
    if ((field->kind & OSR_KIND_LIST) == 0) {
        return load(field, member + field->value_at);
    }
    osri_any_list list = osri_list_load(member);
    return (osr_value){.kind = OSR_VALUE_LIST, .count = list.count, .field = field, .at = list.at};
}

/* ---- in msgpack ------------------------------------------------------------------------- */

static uint64_t ext_number(const uint8_t *data)
{
    uint64_t number = 0;
    for (int i = 0; i < 8; i++) {
        number = number << 8 | data[i];
    }
    return number;
}

static osr_value ext_value(const osri_item *item)
{
    uint64_t first = ext_number(item->data);
    uint64_t second = ext_number(item->data + 8);
    if (item->number == OSRI_EXT_PID) {
        return (osr_value){.kind = OSR_VALUE_PID,
                           .pid = {first, (uint32_t)(second >> 32), (uint32_t)second}};
    }
    return (osr_value){.kind = OSR_VALUE_REF, .ref = {first, second}};
}

/* The next value; the reader then stands behind it, in a container before its first part. */
static osr_value read_item(osri_reader *reader)
{
    osri_item item = osri_next(reader);
    int64_t number;
    memcpy(&number, &item.number, sizeof(number));
    switch (item.kind) {
    case OSRI_ITEM_BOOL:
        return (osr_value){.kind = OSR_VALUE_BOOL, .truth = item.number != 0};
    case OSRI_ITEM_UNSIGNED:
        return whole_value(item.number);
    case OSRI_ITEM_NEGATIVE:
        return signed_value(number);
    case OSRI_ITEM_FLOAT:
        return (osr_value){.kind = OSR_VALUE_REAL, .real = item.real};
    case OSRI_ITEM_STR:
        return (osr_value){.kind = OSR_VALUE_TEXT,
                           .text = {(const char *)item.data, (uint32_t)item.number}};
    case OSRI_ITEM_BIN:
        return bytes_value(item.data, (size_t)item.number);
    case OSRI_ITEM_EXT:
        return ext_value(&item);
    case OSRI_ITEM_ARRAY:
    case OSRI_ITEM_MAP:
        return (osr_value){.kind = item.kind == OSRI_ITEM_MAP ? OSR_VALUE_STRUCT : OSR_VALUE_LIST,
                           .count = (uint32_t)item.number,
                           .at = reader->at,
                           .end = reader->end};
    case OSRI_ITEM_NIL:
    default:
        return (osr_value){.kind = OSR_VALUE_NIL};
    }
}

static osr_err value_of_dynamic(const osr_dynamic *dynamic, osr_value *ret_value)
{
    const uint8_t *data = osr_bin_data(dynamic->payload);
    size_t size = osr_bin_size(dynamic->payload);
    if (size == 0 || osri_validate(data, size) != OSR_OK) {
        return OSR_EPROTO;
    }
    osri_reader reader = {data, data + size};
    osr_value value = read_item(&reader);
    if (value.kind != OSR_VALUE_STRUCT) {
        return OSR_EPROTO;
    }
    *ret_value = value;
    return OSR_OK;
}

/* The part that the reader stands before; of a container the reader then stands in it. */
static osr_err read_part(osri_reader *reader, bool has_key, uint32_t *ret_tag, osr_value *ret_value)
{
    uint32_t tag = 0;
    if (has_key) {
        osri_item key = osri_next(reader);
        if (key.kind != OSRI_ITEM_UNSIGNED || key.number > UINT32_MAX) {
            return OSR_EINVAL;
        }
        tag = (uint32_t)key.number;
    }
    *ret_value = read_item(reader);
    if (ret_tag != NULL) {
        *ret_tag = tag;
    }
    return OSR_OK;
}

static void skip_part(osri_reader *reader, bool has_key)
{
    osri_skip(reader);
    if (has_key) {
        osri_skip(reader);
    }
}

static osr_err packed_at(const osr_value *whole, uint32_t index, uint32_t *ret_tag,
                         osr_value *ret_value)
{
    bool has_keys = whole->kind == OSR_VALUE_STRUCT;
    osri_reader reader = {whole->at, whole->end};
    for (uint32_t i = 0; i < index; i++) {
        skip_part(&reader, has_keys);
    }
    return read_part(&reader, has_keys, ret_tag, ret_value);
}

static osr_err packed_next(osr_value *rest, uint32_t *ret_tag, osr_value *ret_value)
{
    bool has_keys = rest->kind == OSR_VALUE_STRUCT;
    osri_reader part = {rest->at, rest->end};
    osri_reader behind = part;
    osr_err err = read_part(&part, has_keys, ret_tag, ret_value);
    if (err == OSR_OK) {
        skip_part(&behind, has_keys);
        rest->at = behind.at;
        rest->count--;
    }
    return err;
}

static osr_err packed_tagged(const osr_value *whole, uint32_t tag, osr_value *ret_value)
{
    osri_reader reader = {whole->at, whole->end};
    for (uint32_t i = 0; i < whole->count; i++) {
        osri_reader before = reader;
        osri_item key = osri_next(&reader);
        if (key.kind == OSRI_ITEM_UNSIGNED && key.number == tag) {
            *ret_value = read_item(&reader);
            return OSR_OK;
        }
        reader = before; /* a key may be a container */
        skip_part(&reader, true);
    }
    return OSR_ENOTFOUND;
}

/* ---- both ------------------------------------------------------------------------------- */

osr_err osr_value_of(const osr_type *type, const void *body, osr_value *ret_value)
{
    if (type->id == OSR_DYNAMIC_ID) {
        return value_of_dynamic(body, ret_value);
    }
    *ret_value = struct_value(type, body);
    return OSR_OK;
}

static osr_err take_there(const osr_value *whole, const osr_field *field, osr_value *ret_value)
{
    if (field == NULL || !is_there(whole->type, field, whole->at)) {
        return OSR_ENOTFOUND;
    }
    *ret_value = load_field(field, whole->at);
    return OSR_OK;
}

osr_err osr_value_tagged(const osr_value *whole, uint32_t tag, osr_value *ret_value)
{
    if (whole->kind != OSR_VALUE_STRUCT) {
        return OSR_EINVAL;
    }
    if (whole->type == NULL) {
        return packed_tagged(whole, tag, ret_value);
    }
    const osr_field *field = NULL;
    for (uint32_t i = 0; i < whole->type->field_count && field == NULL; i++) {
        field = whole->type->fields[i].tag == tag ? &whole->type->fields[i] : NULL;
    }
    return take_there(whole, field, ret_value);
}

osr_err osr_value_named(const osr_value *whole, const char *name, osr_value *ret_value)
{
    if (whole->kind != OSR_VALUE_STRUCT) {
        return OSR_EINVAL;
    }
    return whole->type == NULL ? OSR_ENOTSUP
                               : take_there(whole, osr_type_field(whole->type, name), ret_value);
}

static osr_err struct_at(const osr_value *whole, uint32_t index, uint32_t *ret_tag,
                         osr_value *ret_value)
{
    const osr_field *field = whole->type->fields;
    while (!is_there(whole->type, field, whole->at) || index-- > 0) {
        field++;
    }
    *ret_value = load_field(field, whole->at);
    if (ret_tag != NULL) {
        *ret_tag = field->tag;
    }
    return OSR_OK;
}

static bool has_parts(const osr_value *value)
{
    return value->kind == OSR_VALUE_STRUCT || value->kind == OSR_VALUE_LIST;
}

/* `field` of what is left of a struct is the next one to be looked at. */
static void struct_next(osr_value *rest, uint32_t *ret_tag, osr_value *ret_value)
{
    const osr_field *field = rest->field == NULL ? rest->type->fields : rest->field;
    while (!is_there(rest->type, field, rest->at)) {
        field++;
    }
    *ret_value = load_field(field, rest->at);
    if (ret_tag != NULL) {
        *ret_tag = field->tag;
    }
    rest->field = field + 1;
    rest->count--;
}

osr_err osr_value_next(osr_value *rest, uint32_t *ret_tag, osr_value *ret_value)
{
    if (!has_parts(rest) || rest->count == 0) {
        return has_parts(rest) ? OSR_ENOTFOUND : OSR_EINVAL;
    }
    if (rest->type != NULL) {
        struct_next(rest, ret_tag, ret_value);
        return OSR_OK;
    }
    if (rest->field == NULL) {
        return packed_next(rest, ret_tag, ret_value);
    }
    osr_err err = osr_value_at(rest, 0, ret_tag, ret_value);
    rest->at = (const uint8_t *)rest->at + rest->field->element_size;
    rest->count--;
    return err;
}

osr_err osr_value_at(const osr_value *whole, uint32_t index, uint32_t *ret_tag,
                     osr_value *ret_value)
{
    if (!has_parts(whole) || index >= whole->count) {
        return has_parts(whole) ? OSR_ENOTFOUND : OSR_EINVAL;
    }
    if (whole->type == NULL && whole->field == NULL) {
        return packed_at(whole, index, ret_tag, ret_value);
    }
    if (whole->kind == OSR_VALUE_STRUCT) {
        return struct_at(whole, index, ret_tag, ret_value);
    }
    *ret_value =
        load(whole->field, (const uint8_t *)whole->at + (size_t)index * whole->field->element_size);
    if (ret_tag != NULL) {
        *ret_tag = 0;
    }
    return OSR_OK;
}
