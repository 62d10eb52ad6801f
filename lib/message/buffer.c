/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* A growable buffer. Invariant: size <= capacity <= OSRI_BUFFER_BYTES_MAX. It doubles, so n bytes
 * appended one by one are copied at most 2n times. */
#include "lib/message/buffer.h"

#include <string.h>

#include "lib/core/heap.h"

#define FIRST_BYTES 256

osr_err osri_buffer_reserve(osri_buffer *buffer, size_t more)
{
    if (more <= buffer->capacity - buffer->size) {
        return OSR_OK;
    }
    if (more > OSRI_BUFFER_BYTES_MAX - buffer->size) {
        return OSR_ELIMIT;
    }
    size_t capacity = buffer->capacity == 0 ? FIRST_BYTES : buffer->capacity;
    while (capacity < buffer->size + more) {
        capacity *= 2;
    }
    if (capacity > OSRI_BUFFER_BYTES_MAX) {
        capacity = OSRI_BUFFER_BYTES_MAX;
    }
    uint8_t *at = osri_heap_realloc(buffer->at, buffer->capacity, capacity);
    if (at == NULL) {
        return OSR_ENOMEM;
    }
    buffer->at = at;
    buffer->capacity = capacity;
    return OSR_OK;
}

osr_err osri_buffer_append(osri_buffer *buffer, const void *bytes, size_t size)
{
    osr_err err = osri_buffer_reserve(buffer, size);
    if (err == OSR_OK && size > 0) {
        memcpy(buffer->at + buffer->size, bytes, size);
        buffer->size += size;
    }
    return err;
}

void osri_buffer_fini(osri_buffer *buffer)
{
    osri_heap_free(buffer->at, buffer->capacity);
    *buffer = (osri_buffer){0};
}
