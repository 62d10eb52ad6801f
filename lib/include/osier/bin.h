/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_BIN_H
#define OSR_BIN_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "osier/err.h"

/* Bytes and text as they stand in messages. Nothing here is a suspension point. */

OSR_BEGIN_DECLS

#define OSR_BIN_BYTES_MAX (UINT32_C(16) * 1024 * 1024)

/* A counted buffer, immutable once shared: a message that carries one is sent without copying it.
 * NULL is the empty one, everywhere. */
typedef struct osr_bin osr_bin;

/* A copy of data, with one reference, yours: give it back with osr_bin_unref(). Sending a message
 * does not take it.
 * Threads: any. Errors: OSR_ENOMEM; OSR_EINVAL over OSR_BIN_BYTES_MAX. */
OSR_API OSR_MUST_CHECK osr_err osr_bin_new(const void *data, size_t size, osr_bin **ret_bin);

/* The same, to be filled: *ret_data is `size` zeroed bytes, to be written only until the bin is
 * shared (first sent, or referenced by somebody else). Threads: any. Errors: as above. */
OSR_API OSR_MUST_CHECK osr_err osr_bin_alloc(size_t size, osr_bin **ret_bin, uint8_t **ret_data);

/* One more reference; returns bin. Threads: any. */
OSR_API osr_bin *osr_bin_ref(osr_bin *bin);

/* Gives a reference back and sets the pointer to NULL; the last one frees. Threads: any. */
OSR_API void osr_bin_unref(osr_bin **bin);

/* The bytes, lent as long as a reference is held, and how many; NULL and 0 for the empty one.
 * Threads: any. */
OSR_API const uint8_t *osr_bin_data(const osr_bin *bin);
OSR_API size_t osr_bin_size(const osr_bin *bin);

/* Text that somebody else owns. In a received message a NUL follows the last byte (and is not part
 * of size), so that `at` is a C string there; in a message to be sent none is needed. */
typedef struct osr_str {
    const char *at;
    uint32_t size;
} osr_str;

/* A C string as osr_str; NULL is the empty one. The text is lent, not copied. Threads: any. */
static inline osr_str osr_str_of(const char *text)
{
    osr_str str = {text, text == NULL ? 0 : (uint32_t)strlen(text)};
    return str;
}

OSR_END_DECLS
#endif
