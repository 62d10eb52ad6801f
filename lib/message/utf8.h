/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_UTF8_H
#define OSR_MESSAGE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/* The bytes (1 to 4) of the well-formed UTF-8 character at `at`, or 0: cut off, overlong, a
 * surrogate, above U+10FFFF, or no UTF-8 at all. `left` is how many bytes there are, at least 1. */
static inline size_t osri_utf8_length(const uint8_t *at, size_t left)
{
    size_t length = at[0] < 0x80   ? 1
                    : at[0] < 0xc2 ? 0
                    : at[0] < 0xe0 ? 2
                    : at[0] < 0xf0 ? 3
                    : at[0] < 0xf5 ? 4
                                   : 0;
    if (length == 0 || length > left) {
        return 0;
    }
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    if ((at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xed && at[1] > 0x9f) ||
        (at[0] == 0xf0 && at[1] < 0x90) || (at[0] == 0xf4 && at[1] > 0x8f)) {
        return 0;
    }
    return length;
}

#endif
