/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_PACK_H
#define OSR_DIST_PACK_H

#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* Small fixed-shape msgpack records: certificates and what is said to the port mapper. Written
 * by msgpack-c into a bounded buffer; read by a cursor that allocates nothing, takes only the
 * shortest form of each value and remembers its first failure, so that a decoder checks once, at
 * its end.
 * Threads: any. */

typedef struct osri_writer {
    msgpack_packer packer;
    uint8_t *data;
    size_t bytes;
    size_t bytes_max;
    bool failed; /* something did not fit */
} osri_writer;

/* data is lent until the last write. The writer must not be moved while it is used. */
void osri_writer_init(osri_writer *writer, uint8_t *data, size_t bytes_max);

void osri_write_array(osri_writer *writer, uint32_t count);
void osri_write_uint(osri_writer *writer, uint64_t value);
void osri_write_bool(osri_writer *writer, bool value);
void osri_write_text(osri_writer *writer, const char *text);
void osri_write_bin(osri_writer *writer, const uint8_t *data, size_t bytes);

typedef struct osri_reader {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
} osri_reader;

/* data is lent as long as the reader, and what it gave out, is used. */
void osri_reader_init(osri_reader *reader, const uint8_t *data, size_t bytes);

/* Each returns 0, false or "" once the reader has failed. */
uint32_t osri_read_array(osri_reader *reader, uint32_t count_max);
void osri_read_array_of(osri_reader *reader, uint32_t count);
uint64_t osri_read_uint(osri_reader *reader, uint64_t max);
bool osri_read_bool(osri_reader *reader);

/* Terminated text of less than `bytes`; a NUL or another control character within is a failure. */
void osri_read_text(osri_reader *reader, char *ret_text, size_t bytes);

/* At most bytes_max bytes, lent from the input. */
const uint8_t *osri_read_bin(osri_reader *reader, size_t bytes_max, size_t *ret_bytes);

/* Exactly `bytes` bytes, copied. */
void osri_read_bin_exact(osri_reader *reader, uint8_t *ret_data, size_t bytes);

/* Whether everything was read, and read well. */
bool osri_reader_is_done(const osri_reader *reader);

#endif
