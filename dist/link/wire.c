/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/wire.h"

/* Data frames: big-endian, no alignment assumed, nothing read past the end that is given. */

#define HEAD_FRAGMENT UINT32_C(0x80000000)
#define HEAD_FIRST UINT32_C(0x40000000)
#define HEAD_LAST UINT32_C(0x20000000)
#define HEAD_LENGTH UINT32_C(0x1fffffff)

static void put_u32(uint8_t *bytes, uint32_t value)
{
    bytes[0] = (uint8_t)(value >> 24);
    bytes[1] = (uint8_t)(value >> 16);
    bytes[2] = (uint8_t)(value >> 8);
    bytes[3] = (uint8_t)value;
}

static void put_u64(uint8_t *bytes, uint64_t value)
{
    put_u32(bytes, (uint32_t)(value >> 32));
    put_u32(bytes + 4, (uint32_t)value);
}

static uint32_t get_u32(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

uint64_t osri_wire_u64(const uint8_t bytes[8])
{
    return (uint64_t)get_u32(bytes) << 32 | get_u32(bytes + 4);
}

void osri_wire_header_write(uint8_t ret_bytes[OSRI_WIRE_HEADER_BYTES],
                            const osri_wire_header *header)
{
    put_u64(ret_bytes, header->tag);
    put_u64(ret_bytes + 8, header->seq);
    put_u64(ret_bytes + 16, header->acknowledged);
    ret_bytes[24] = header->kind;
    ret_bytes[25] = header->flags;
    ret_bytes[26] = 0;
    ret_bytes[27] = 0;
}

osr_err osri_wire_header_read(const uint8_t *bytes, size_t bytes_count,
                              osri_wire_header *ret_header)
{
    if (bytes_count < OSRI_WIRE_HEADER_BYTES) {
        return OSR_EPROTO;
    }
    ret_header->tag = osri_wire_u64(bytes);
    ret_header->seq = osri_wire_u64(bytes + 8);
    ret_header->acknowledged = osri_wire_u64(bytes + 16);
    ret_header->kind = bytes[24];
    ret_header->flags = bytes[25];
    return OSR_OK;
}

size_t osri_wire_head_write(uint8_t *ret_bytes, const osri_wire_part *part)
{
    uint32_t head = part->bytes_count;

    if (!part->fragment) {
        put_u32(ret_bytes, head);
        return 4;
    }
    head |= HEAD_FRAGMENT | (part->first ? HEAD_FIRST : 0) | (part->last ? HEAD_LAST : 0);
    put_u32(ret_bytes, head);
    put_u32(ret_bytes + 4, part->stream);
    if (!part->first) {
        return 8;
    }
    put_u32(ret_bytes + 8, part->total);
    return 12;
}

osr_err osri_wire_part_read(const uint8_t **cursor, const uint8_t *end, osri_wire_part *ret_part)
{
    const uint8_t *bytes = *cursor;
    size_t left = (size_t)(end - bytes);
    osri_wire_part part = {0};
    uint32_t head;
    size_t head_bytes = 4;

    if (left < 4) {
        return OSR_EPROTO;
    }
    head = get_u32(bytes);
    part.fragment = (head & HEAD_FRAGMENT) != 0;
    part.first = (head & HEAD_FIRST) != 0;
    part.last = (head & HEAD_LAST) != 0;
    part.bytes_count = head & HEAD_LENGTH;
    if (part.fragment) {
        head_bytes += part.first ? 8 : 4;
    } else if (part.first || part.last) {
        return OSR_EPROTO;
    }
    if (part.bytes_count == 0 || left < head_bytes || left - head_bytes < part.bytes_count) {
        return OSR_EPROTO;
    }
    part.stream = part.fragment ? get_u32(bytes + 4) : 0;
    part.total = part.fragment && part.first ? get_u32(bytes + 8) : 0;
    part.bytes = bytes + head_bytes;
    *cursor = part.bytes + part.bytes_count;
    *ret_part = part;
    return OSR_OK;
}
