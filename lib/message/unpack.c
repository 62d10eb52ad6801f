/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* msgpack, read. Precondition: the bytes have passed osri_validate(), so no value is cut off. */
#include "lib/message/unpack.h"

#include <stdbool.h>
#include <string.h>

#include "lib/core/assert.h"
#include "lib/message/validator.h"

static uint64_t take_number(osri_reader *r, unsigned bytes)
{
    OSR_ASSERT_DEBUG((size_t)(r->end - r->at) >= bytes);
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++) {
        number = number << 8 | *r->at++;
    }
    return number;
}

static osri_item sized(osri_reader *r, osri_item_kind kind, uint64_t size)
{
    OSR_ASSERT_DEBUG((uint64_t)(r->end - r->at) >= size);
    osri_item it = {.kind = kind, .number = size, .data = r->at};
    r->at += size;
    return it;
}

static osri_item container(osri_item_kind kind, uint64_t count)
{
    return (osri_item){.kind = kind, .number = count};
}

static osri_item whole(uint64_t number)
{
    return (osri_item){.kind = OSRI_ITEM_UNSIGNED, .number = number};
}

/* Of `bytes` bytes, sign-extended. A signed form may hold a number that is not negative. */
static osri_item signed_item(osri_reader *r, unsigned bytes)
{
    uint64_t number = take_number(r, bytes);
    uint64_t sign = UINT64_C(1) << (8 * bytes - 1);
    bool is_negative = (number & sign) != 0;
    return (osri_item){.kind = is_negative ? OSRI_ITEM_NEGATIVE : OSRI_ITEM_UNSIGNED,
                       .number = is_negative ? number | ~(sign | (sign - 1)) : number};
}

static osri_item float_item(osri_reader *r, unsigned bytes)
{
    osri_item it = {.kind = OSRI_ITEM_FLOAT};
    uint64_t bits = take_number(r, bytes);
    if (bytes == 4) {
        uint32_t half = (uint32_t)bits;
        float real;
        memcpy(&real, &half, sizeof(real));
        it.real = (double)real;
    } else {
        memcpy(&it.real, &bits, sizeof(it.real));
    }
    return it;
}

static osri_item ext_item(osri_reader *r)
{
    uint64_t type = take_number(r, 1);
    osri_item it = sized(r, OSRI_ITEM_EXT, OSRI_EXT_BYTES);
    it.number = type;
    return it;
}

/* The rest of a value that starts with `head`, 0xc0 to 0xdf. */
static osri_item next_typed(osri_reader *r, uint8_t head)
{
    switch (head) {
    case 0xc2:
    case 0xc3:
        return (osri_item){.kind = OSRI_ITEM_BOOL, .number = head & 1};
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return sized(r, OSRI_ITEM_BIN, take_number(r, 1U << (head - 0xc4)));
    case 0xca:
    case 0xcb:
        return float_item(r, 4U << (head - 0xca));
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return whole(take_number(r, 1U << (head - 0xcc)));
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return signed_item(r, 1U << (head - 0xd0));
    case 0xd8:
        return ext_item(r);
    case 0xd9:
    case 0xda:
    case 0xdb:
        return sized(r, OSRI_ITEM_STR, take_number(r, 1U << (head - 0xd9)));
    case 0xdc:
    case 0xdd:
        return container(OSRI_ITEM_ARRAY, take_number(r, 2U << (head - 0xdc)));
    case 0xde:
    case 0xdf:
        return container(OSRI_ITEM_MAP, take_number(r, 2U << (head - 0xde)));
    default:
        return (osri_item){.kind = OSRI_ITEM_NIL};
    }
}

osri_item osri_next(osri_reader *r)
{
    uint8_t head = (uint8_t)take_number(r, 1);
    if (head <= 0x7f) {
        return whole(head);
    }
    if (head >= 0xe0) {
        return (osri_item){.kind = OSRI_ITEM_NEGATIVE, .number = (uint64_t)(int64_t)(int8_t)head};
    }
    if (head <= 0x8f) {
        return container(OSRI_ITEM_MAP, head & 0x0f);
    }
    if (head <= 0x9f) {
        return container(OSRI_ITEM_ARRAY, head & 0x0f);
    }
    return head <= 0xbf ? sized(r, OSRI_ITEM_STR, head & 0x1f) : next_typed(r, head);
}

void osri_skip(osri_reader *r)
{
    for (uint64_t wanted = 1; wanted > 0; wanted--) {
        osri_item it = osri_next(r);
        if (it.kind == OSRI_ITEM_ARRAY || it.kind == OSRI_ITEM_MAP) {
            wanted += it.kind == OSRI_ITEM_MAP ? it.number * 2 : it.number;
        }
    }
}
