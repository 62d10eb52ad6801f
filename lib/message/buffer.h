/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_BUFFER_H
#define OSR_MESSAGE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* Bytes that grow at the end. All zero is an empty one. Threads: one at a time. */

#define OSRI_BUFFER_BYTES_MAX (UINT32_C(64) * 1024 * 1024)

typedef struct osri_buffer {
    uint8_t *at;
    size_t size;
    size_t capacity;
} osri_buffer;

/* Makes room for `more` bytes behind the last one. On error the buffer is as it was.
 * Errors: OSR_ENOMEM; OSR_ELIMIT over OSRI_BUFFER_BYTES_MAX. */
OSR_MUST_CHECK osr_err osri_buffer_reserve(osri_buffer *buffer, size_t more);

/* Errors as above. bytes may be NULL when size is 0. */
OSR_MUST_CHECK osr_err osri_buffer_append(osri_buffer *buffer, const void *bytes, size_t size);

/* Frees the memory; the buffer is empty and can be used again. To keep it, set size to 0. */
void osri_buffer_fini(osri_buffer *buffer);

#endif
