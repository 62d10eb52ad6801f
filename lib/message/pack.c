/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* msgpack, written. Invariant: each value takes the shortest of its forms (as msgpack-c does; a
 * fuzz target holds the two together), so equal values give equal bytes. */
#include "lib/message/pack.h"

#include <string.h>

#include "lib/message/validator.h"

/* head, then the low `bytes` bytes of the number, big-endian. */
static osr_err put(osri_buffer *buffer, uint8_t head, uint64_t number, unsigned bytes)
{
    osr_err err = osri_buffer_reserve(buffer, 1 + bytes);
    if (err != OSR_OK) {
        return err;
    }
    uint8_t *at = buffer->at + buffer->size;
    *at++ = head;
    for (unsigned i = bytes; i-- > 0;) {
        *at++ = (uint8_t)(number >> (8 * i));
    }
    buffer->size += 1 + bytes;
    return OSR_OK;
}

osr_err osri_pack_bool(osri_buffer *buffer, bool value)
{
    return put(buffer, value ? 0xc3 : 0xc2, 0, 0);
}

osr_err osri_pack_unsigned(osri_buffer *buffer, uint64_t value)
{
    if (value <= 0x7f) {
        return put(buffer, (uint8_t)value, 0, 0);
    }
    if (value <= UINT8_MAX) {
        return put(buffer, 0xcc, value, 1);
    }
    if (value <= UINT16_MAX) {
        return put(buffer, 0xcd, value, 2);
    }
    return value <= UINT32_MAX ? put(buffer, 0xce, value, 4) : put(buffer, 0xcf, value, 8);
}

osr_err osri_pack_signed(osri_buffer *buffer, int64_t value)
{
    if (value >= 0) {
        return osri_pack_unsigned(buffer, (uint64_t)value);
    }
    if (value >= -32) {
        return put(buffer, (uint8_t)value, 0, 0);
    }
    if (value >= INT8_MIN) {
        return put(buffer, 0xd0, (uint64_t)value, 1);
    }
    if (value >= INT16_MIN) {
        return put(buffer, 0xd1, (uint64_t)value, 2);
    }
    return value >= INT32_MIN ? put(buffer, 0xd2, (uint64_t)value, 4)
                              : put(buffer, 0xd3, (uint64_t)value, 8);
}

osr_err osri_pack_f64(osri_buffer *buffer, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return put(buffer, 0xcb, bits, 8);
}

static osr_err put_sized(osri_buffer *buffer, uint8_t head_of_16, uint64_t size)
{
    return size <= UINT16_MAX ? put(buffer, head_of_16, size, 2)
                              : put(buffer, (uint8_t)(head_of_16 + 1), size, 4);
}

osr_err osri_pack_str(osri_buffer *buffer, const char *text, uint32_t size)
{
    osr_err err = size <= 31          ? put(buffer, (uint8_t)(0xa0 | size), 0, 0)
                  : size <= UINT8_MAX ? put(buffer, 0xd9, size, 1)
                                      : put_sized(buffer, 0xda, size);
    return err != OSR_OK ? err : osri_buffer_append(buffer, text, size);
}

osr_err osri_pack_bin(osri_buffer *buffer, const uint8_t *data, uint32_t size)
{
    osr_err err = size <= UINT8_MAX ? put(buffer, 0xc4, size, 1) : put_sized(buffer, 0xc5, size);
    return err != OSR_OK ? err : osri_buffer_append(buffer, data, size);
}

static osr_err put_ext(osri_buffer *buffer, uint8_t type, uint64_t first, uint64_t second)
{
    osr_err err = osri_buffer_reserve(buffer, 2 + OSRI_EXT_BYTES);
    if (err != OSR_OK) {
        return err;
    }
    uint8_t *at = buffer->at + buffer->size;
    *at++ = 0xd8;
    *at++ = type;
    for (unsigned i = 8; i-- > 0;) {
        at[7 - i] = (uint8_t)(first >> (8 * i));
        at[15 - i] = (uint8_t)(second >> (8 * i));
    }
    buffer->size += 2 + OSRI_EXT_BYTES;
    return OSR_OK;
}

osr_err osri_pack_pid(osri_buffer *buffer, osr_pid pid)
{
    return put_ext(buffer, OSRI_EXT_PID, pid.node, (uint64_t)pid.slot << 32 | pid.generation);
}

osr_err osri_pack_ref(osri_buffer *buffer, osr_ref ref)
{
    return put_ext(buffer, OSRI_EXT_REF, ref.node, ref.number);
}

osr_err osri_pack_array(osri_buffer *buffer, uint32_t count)
{
    return count <= 15 ? put(buffer, (uint8_t)(0x90 | count), 0, 0)
                       : put_sized(buffer, 0xdc, count);
}

osr_err osri_pack_map(osri_buffer *buffer, uint32_t count)
{
    return count <= 15 ? put(buffer, (uint8_t)(0x80 | count), 0, 0)
                       : put_sized(buffer, 0xde, count);
}
