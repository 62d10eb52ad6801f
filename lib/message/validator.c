/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* The validator: a loop over values with a stack of how many each open container still wants.
 *
 * Invariants
 *   I1  nothing is read at or behind `end`.
 *   I2  every step consumes at least one byte, so the loop is linear in the input.
 *   I3  a container is entered only if the bytes that are left could hold its values.
 * Bounds: OSRI_DEPTH_MAX open containers, OSRI_OBJECTS_MAX values. */
#include "lib/message/validator.h"

#include <stdbool.h>

typedef struct scan {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t objects;
    uint32_t depth;
    uint64_t wanted[OSRI_DEPTH_MAX]; /* of the open containers, outermost first */
} scan;

static uint64_t left(const scan *s)
{
    return (uint64_t)(s->end - s->at);
}

static bool skip(scan *s, uint64_t bytes)
{
    if (bytes > left(s)) {
        return false;
    }
    s->at += bytes;
    return true;
}

static bool take_number(scan *s, unsigned bytes, uint64_t *ret)
{
    if (bytes > left(s)) {
        return false;
    }
    uint64_t number = 0;
    for (unsigned i = 0; i < bytes; i++) {
        number = number << 8 | s->at[i];
    }
    s->at += bytes;
    *ret = number;
    return true;
}

/* A container of `count` values. */
static bool enter(scan *s, uint64_t count)
{
    if (count > left(s) || s->depth == OSRI_DEPTH_MAX) {
        return false;
    }
    if (count > 0) {
        s->wanted[s->depth++] = count;
    }
    return true;
}

/* A length of so many bytes, then that many bytes. */
static bool skip_sized(scan *s, unsigned length_bytes)
{
    uint64_t size;
    return take_number(s, length_bytes, &size) && skip(s, size);
}

static bool enter_sized(scan *s, unsigned length_bytes, unsigned values_each)
{
    uint64_t count;
    return take_number(s, length_bytes, &count) && enter(s, count * values_each);
}

static bool skip_fixext16(scan *s)
{
    uint64_t type;
    return take_number(s, 1, &type) && (type == OSRI_EXT_PID || type == OSRI_EXT_REF) &&
           skip(s, OSRI_EXT_BYTES);
}

/* The rest of a value that starts with `head`, 0xc0 to 0xdf. */
static bool take_typed(scan *s, uint8_t head)
{
    switch (head) {
    case 0xc0: /* nil */
    case 0xc2: /* false */
    case 0xc3: /* true */
        return true;
    case 0xc4: /* bin 8, 16, 32 */
    case 0xd9: /* str 8, 16, 32 */
        return skip_sized(s, 1);
    case 0xc5:
    case 0xda:
        return skip_sized(s, 2);
    case 0xc6:
    case 0xdb:
        return skip_sized(s, 4);
    case 0xcc: /* unsigned and signed of 1, 2, 4, 8 bytes; floats of 4 and 8 */
    case 0xd0:
        return skip(s, 1);
    case 0xcd:
    case 0xd1:
        return skip(s, 2);
    case 0xca:
    case 0xce:
    case 0xd2:
        return skip(s, 4);
    case 0xcb:
    case 0xcf:
    case 0xd3:
        return skip(s, 8);
    case 0xd8:
        return skip_fixext16(s);
    case 0xdc: /* array 16, 32 */
        return enter_sized(s, 2, 1);
    case 0xdd:
        return enter_sized(s, 4, 1);
    case 0xde: /* map 16, 32 */
        return enter_sized(s, 2, 2);
    case 0xdf:
        return enter_sized(s, 4, 2);
    default: /* 0xc1, and extensions of other sizes */
        return false;
    }
}

static bool take_value(scan *s)
{
    if (left(s) == 0 || s->objects == OSRI_OBJECTS_MAX) {
        return false;
    }
    s->objects++;
    uint8_t head = *s->at++;
    if (head <= 0x7f || head >= 0xe0) {
        return true;
    }
    if (head <= 0x8f) {
        return enter(s, (uint64_t)(head & 0x0f) * 2);
    }
    if (head <= 0x9f) {
        return enter(s, head & 0x0f);
    }
    if (head <= 0xbf) {
        return skip(s, head & 0x1f);
    }
    return take_typed(s, head);
}

/* Leaves the containers that have all they wanted; false when that was the outermost. */
static bool has_more(scan *s)
{
    while (s->depth > 0 && s->wanted[s->depth - 1] == 0) {
        s->depth--;
    }
    return s->depth > 0;
}

osr_err osri_validate_prefix(const uint8_t *bytes, size_t size, size_t *ret_used)
{
    if (size == 0) {
        return OSR_EPROTO;
    }
    scan s = {.at = bytes, .end = bytes + size};
    bool ok = take_value(&s);
    while (ok && has_more(&s)) {
        s.wanted[s.depth - 1]--;
        ok = take_value(&s);
    }
    if (!ok) {
        return OSR_EPROTO;
    }
    *ret_used = (size_t)(s.at - bytes);
    return OSR_OK;
}

osr_err osri_validate(const uint8_t *bytes, size_t size)
{
    size_t used;
    osr_err err = osri_validate_prefix(bytes, size, &used);
    return err == OSR_OK && used != size ? OSR_EPROTO : err;
}
