/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* A second codec, slow and simple, on msgpack-c: what both agree on is right. */
#include "tests/unit/message/reference.h"

#include <string.h>

#include "lib/message/body.h"
#include "lib/message/validator.h"

static bool fits_value(const osr_field *field, unsigned kind, const msgpack_object *object);
static bool equal_value(const osr_field *field, unsigned kind, const void *value,
                        const msgpack_object *object);

/* A number of the kind's own width, widened; only one of the two is written. */
static bool load_whole(unsigned kind, const void *from, int64_t *ret_signed, uint64_t *ret_unsigned)
{
    switch ((osr_kind)kind) {
    case OSR_KIND_I8:
        *ret_signed = *(const int8_t *)from;
        return true;
    case OSR_KIND_I16:
        *ret_signed = *(const int16_t *)from;
        return true;
    case OSR_KIND_I32:
        *ret_signed = *(const int32_t *)from;
        return true;
    case OSR_KIND_I64:
        *ret_signed = *(const int64_t *)from;
        return true;
    case OSR_KIND_U8:
        *ret_unsigned = *(const uint8_t *)from;
        return false;
    case OSR_KIND_U16:
        *ret_unsigned = *(const uint16_t *)from;
        return false;
    case OSR_KIND_U32:
        *ret_unsigned = *(const uint32_t *)from;
        return false;
    default:
        *ret_unsigned = *(const uint64_t *)from;
        return false;
    }
}

static void store_big_endian(uint8_t *to, uint64_t number, unsigned bytes)
{
    for (unsigned i = 0; i < bytes; i++) {
        to[i] = (uint8_t)(number >> (8 * (bytes - 1 - i)));
    }
}

static void ext_bytes(unsigned kind, const void *value, uint8_t ret[OSRI_EXT_BYTES])
{
    const osr_pid *pid = value;
    const osr_ref *ref = value;
    if (kind == OSR_KIND_PID) {
        store_big_endian(ret, pid->node, 8);
        store_big_endian(ret + 8, pid->slot, 4);
        store_big_endian(ret + 12, pid->generation, 4);
    } else {
        store_big_endian(ret, ref->node, 8);
        store_big_endian(ret + 8, ref->number, 8);
    }
}

static int8_t ext_type(unsigned kind)
{
    return kind == OSR_KIND_PID ? OSRI_EXT_PID : OSRI_EXT_REF;
}

static void pack_whole(unsigned kind, const void *value, msgpack_packer *packer)
{
    int64_t as_signed;
    uint64_t as_unsigned;
    if (load_whole(kind, value, &as_signed, &as_unsigned)) {
        msgpack_pack_int64(packer, as_signed);
    } else {
        msgpack_pack_uint64(packer, as_unsigned);
    }
}

/* What would go into the map: of a struct what is set, of a union what is chosen. */
static bool travels(const osr_type *type, const osr_field *field, const void *value)
{
    if ((type->flags & OSR_TYPE_UNION) != 0) {
        return *(const uint32_t *)value == field->tag;
    }
    const void *member = (const uint8_t *)value + field->offset;
    return (field->kind & OSR_KIND_OPTIONAL) == 0 || *(const bool *)member;
}

static void pack_value(const osr_field *field, unsigned kind, const void *value,
                       msgpack_packer *packer)
{
    const osr_str *str = value;
    osr_bin *const *bin = value;
    uint8_t ext[OSRI_EXT_BYTES];
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        if (*(const bool *)value) {
            msgpack_pack_true(packer);
        } else {
            msgpack_pack_false(packer);
        }
        break;
    case OSR_KIND_F64:
        msgpack_pack_double(packer, *(const double *)value);
        break;
    case OSR_KIND_STR:
        msgpack_pack_str(packer, str->size);
        msgpack_pack_str_body(packer, str->at, str->size);
        break;
    case OSR_KIND_BIN:
        msgpack_pack_bin(packer, osr_bin_size(*bin));
        msgpack_pack_bin_body(packer, osr_bin_data(*bin), osr_bin_size(*bin));
        break;
    case OSR_KIND_PID:
    case OSR_KIND_REF:
        ext_bytes(kind, value, ext);
        msgpack_pack_ext(packer, sizeof(ext), ext_type(kind));
        msgpack_pack_ext_body(packer, ext, sizeof(ext));
        break;
    case OSR_KIND_STRUCT:
    case OSR_KIND_UNION:
        reference_pack(field->nested, value, packer);
        break;
    default:
        pack_whole(kind, value, packer);
    }
}

static void pack_list(const osr_field *field, const void *member, msgpack_packer *packer)
{
    osri_any_list list = osri_list_load(member);
    msgpack_pack_array(packer, list.count);
    for (uint32_t i = 0; i < list.count; i++) {
        pack_value(field, osri_element_kind(field),
                   (const uint8_t *)list.at + (size_t)i * field->element_size, packer);
    }
}

void reference_pack(const osr_type *type, const void *value, msgpack_packer *packer)
{
    size_t count = 0;
    for (uint32_t i = 0; i < type->field_count; i++) {
        count += travels(type, &type->fields[i], value) ? 1 : 0;
    }
    msgpack_pack_map(packer, count);
    for (uint32_t i = 0; i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        if (!travels(type, field, value)) {
            continue;
        }
        const uint8_t *member = (const uint8_t *)value + field->offset;
        msgpack_pack_uint32(packer, field->tag);
        if ((field->kind & OSR_KIND_LIST) != 0) {
            pack_list(field, member, packer);
        } else {
            pack_value(field, osri_element_kind(field), member + field->value_at, packer);
        }
    }
}

static bool fits_whole(unsigned kind, const msgpack_object *object)
{
    bool is_signed = kind >= OSR_KIND_I8 && kind <= OSR_KIND_I64;
    unsigned bits = 8U << (kind - (is_signed ? (unsigned)OSR_KIND_I8 : (unsigned)OSR_KIND_U8));
    uint64_t max = UINT64_MAX >> (64 - bits + (is_signed ? 1 : 0));
    if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER) {
        return is_signed && object->via.i64 >= -(int64_t)max - 1;
    }
    return object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= max;
}

static bool fits_value(const osr_field *field, unsigned kind, const msgpack_object *object)
{
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        return object->type == MSGPACK_OBJECT_BOOLEAN;
    case OSR_KIND_F64:
        return object->type == MSGPACK_OBJECT_FLOAT32 || object->type == MSGPACK_OBJECT_FLOAT64;
    case OSR_KIND_STR:
        return object->type == MSGPACK_OBJECT_STR;
    case OSR_KIND_BIN:
        return object->type == MSGPACK_OBJECT_BIN;
    case OSR_KIND_PID:
    case OSR_KIND_REF:
        return object->type == MSGPACK_OBJECT_EXT && object->via.ext.type == ext_type(kind) &&
               object->via.ext.size == OSRI_EXT_BYTES;
    case OSR_KIND_STRUCT:
    case OSR_KIND_UNION:
        return reference_fits(field->nested, object);
    default:
        return fits_whole(kind, object);
    }
}

static bool fits_field(const osr_field *field, const msgpack_object *object)
{
    if ((field->kind & OSR_KIND_LIST) == 0) {
        return fits_value(field, osri_element_kind(field), object);
    }
    bool fits = object->type == MSGPACK_OBJECT_ARRAY;
    for (uint32_t i = 0; fits && i < object->via.array.size; i++) {
        fits = fits_value(field, osri_element_kind(field), &object->via.array.ptr[i]);
    }
    return fits;
}

/* The value of a tag and how often it stands there. */
static const msgpack_object *find(const msgpack_object *map, uint32_t tag, unsigned *ret_count)
{
    const msgpack_object *found = NULL;
    *ret_count = 0;
    for (uint32_t i = 0; i < map->via.map.size; i++) {
        const msgpack_object_kv *pair = &map->via.map.ptr[i];
        if (pair->key.type == MSGPACK_OBJECT_POSITIVE_INTEGER && pair->key.via.u64 == tag) {
            found = &pair->val;
            (*ret_count)++;
        }
    }
    return found;
}

bool reference_fits(const osr_type *type, const msgpack_object *object)
{
    bool fits = object->type == MSGPACK_OBJECT_MAP &&
                ((type->flags & OSR_TYPE_UNION) == 0 || object->via.map.size <= 1);
    for (uint32_t i = 0; fits && i < object->via.map.size; i++) {
        fits = object->via.map.ptr[i].key.type == MSGPACK_OBJECT_POSITIVE_INTEGER;
    }
    for (uint32_t i = 0; fits && i < type->field_count; i++) {
        unsigned count;
        const msgpack_object *value = find(object, type->fields[i].tag, &count);
        fits = count <= 1 && (value == NULL || fits_field(&type->fields[i], value));
    }
    return fits;
}

static bool equal_bytes(const void *a, size_t a_size, const void *b, size_t b_size)
{
    return a_size == b_size && (a_size == 0 || memcmp(a, b, a_size) == 0);
}

static bool equal_whole(unsigned kind, const void *value, const msgpack_object *object)
{
    int64_t as_signed = 0;
    uint64_t as_unsigned = 0;
    if (load_whole(kind, value, &as_signed, &as_unsigned)) {
        return as_signed == object->via.i64;
    }
    return as_unsigned == object->via.u64;
}

static bool equal_value(const osr_field *field, unsigned kind, const void *value,
                        const msgpack_object *object)
{
    const osr_str *str = value;
    osr_bin *const *bin = value;
    uint8_t ext[OSRI_EXT_BYTES];
    switch ((osr_kind)kind) {
    case OSR_KIND_BOOL:
        return *(const bool *)value == object->via.boolean;
    case OSR_KIND_F64:
        return memcmp(value, &object->via.f64, sizeof(double)) == 0;
    case OSR_KIND_STR:
        return str->at != NULL && str->at[str->size] == '\0' &&
               equal_bytes(str->at, str->size, object->via.str.ptr, object->via.str.size);
    case OSR_KIND_BIN:
        return equal_bytes(osr_bin_data(*bin), osr_bin_size(*bin), object->via.bin.ptr,
                           object->via.bin.size);
    case OSR_KIND_PID:
    case OSR_KIND_REF:
        ext_bytes(kind, value, ext);
        return memcmp(ext, object->via.ext.ptr, sizeof(ext)) == 0;
    case OSR_KIND_STRUCT:
    case OSR_KIND_UNION:
        return reference_equal(field->nested, value, object);
    default:
        return equal_whole(kind, value, object);
    }
}

static bool equal_list(const osr_field *field, const void *member, const msgpack_object *object)
{
    osri_any_list list = osri_list_load(member);
    bool is_equal = list.count == object->via.array.size;
    for (uint32_t i = 0; is_equal && i < list.count; i++) {
        is_equal = equal_value(field, osri_element_kind(field),
                               (const uint8_t *)list.at + (size_t)i * field->element_size,
                               &object->via.array.ptr[i]);
    }
    return is_equal;
}

static bool is_default(const osr_field *field, const uint8_t *member)
{
    static const uint8_t zeros[16];
    if ((field->kind & OSR_KIND_LIST) != 0) {
        return osri_list_load(member).count == 0;
    }
    if ((field->kind & OSR_KIND_OPTIONAL) != 0) {
        return !*(const bool *)member;
    }
    if (field->kind == OSR_KIND_UNION) {
        return *(const uint32_t *)(const void *)member == 0;
    }
    if (field->kind == OSR_KIND_STR) {
        const osr_str *str = (const osr_str *)(const void *)member;
        return str->size == 0 && str->at != NULL && str->at[0] == '\0';
    }
    bool is_zero = true;
    for (uint32_t i = 0; field->nested != NULL && i < field->nested->field_count; i++) {
        const osr_field *inner = &field->nested->fields[i];
        is_zero = is_zero && is_default(inner, member + inner->offset);
    }
    return field->nested != NULL ? is_zero : memcmp(member, zeros, field->element_size) == 0;
}

static bool equal_union(const osr_type *type, const void *value, const msgpack_object *object)
{
    osri_any_union chosen = osri_union_load(value);
    bool has_unknown = object->via.map.size == 1;
    for (uint32_t i = 0; i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        unsigned count;
        const msgpack_object *part = find(object, field->tag, &count);
        if (part != NULL) {
            return chosen.which == field->tag && !chosen.is_unknown &&
                   equal_value(field, field->kind, (const uint8_t *)value + field->offset, part);
        }
    }
    return chosen.which == 0 && chosen.is_unknown == has_unknown;
}

bool reference_equal(const osr_type *type, const void *value, const msgpack_object *object)
{
    if ((type->flags & OSR_TYPE_UNION) != 0) {
        return equal_union(type, value, object);
    }
    bool is_equal = true;
    for (uint32_t i = 0; is_equal && i < type->field_count; i++) {
        const osr_field *field = &type->fields[i];
        const uint8_t *member = (const uint8_t *)value + field->offset;
        unsigned count;
        const msgpack_object *part = find(object, field->tag, &count);
        if (part == NULL) {
            is_equal = is_default(field, member);
        } else if ((field->kind & OSR_KIND_LIST) != 0) {
            is_equal = equal_list(field, member, part);
        } else {
            is_equal = !osri_is_unset(field, member) &&
                       equal_value(field, osri_element_kind(field), member + field->value_at, part);
        }
    }
    return is_equal;
}
