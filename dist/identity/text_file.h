/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_TEXT_FILE_H
#define OSR_DIST_TEXT_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "dist/identity/files.h"

/* The form that all files of keys have: "# osier-KIND-1" in the first line, then "key: value"
 * lines, each key once; binary values in base64. Reading goes through osri_file_read(), which
 * checks who can touch the file.
 * Threads: any. */

/* A file that is being made. Wipe one that held a secret with sodium_memzero(). */
typedef struct osri_text_file {
    char data[OSRI_FILE_BYTES_MAX];
    size_t bytes;
    bool failed; /* something did not fit */
} osri_text_file;

void osri_text_file_begin(osri_text_file *file, const char *header);
void osri_text_file_add(osri_text_file *file, const char *key, const char *value);
void osri_text_file_add_number(osri_text_file *file, const char *key, uint64_t value);
void osri_text_file_add_bin(osri_text_file *file, const char *key, const uint8_t *data,
                            size_t bytes);

/* Writes it under a name of its own and then in one step to `path`, with exactly this mode: whole
 * or not at all. replace false: an existing file is left alone.
 * Errors: OSR_ETAKEN there is one; OSR_EIO; OSR_EINVAL it did not fit, or the path is too long.
 *   ret_text says which file and what to do. */
OSR_MUST_CHECK osr_err osri_text_file_write(const osri_text_file *file, const char *path,
                                            mode_t mode, bool replace, char *ret_text,
                                            size_t text_bytes);

/* Whether the text of a file begins with this header's line. */
bool osri_text_begins(const char *data, const char *header);

/* The value of a key; "key: value" stands exactly once.
 * Errors: OSR_EPROTO no such key, twice, too long, or (binary) not base64. */
OSR_MUST_CHECK osr_err osri_text_value(const char *data, const char *key, char *ret_value,
                                       size_t bytes);
OSR_MUST_CHECK osr_err osri_text_value_number(const char *data, const char *key,
                                              uint64_t *ret_value);
OSR_MUST_CHECK osr_err osri_text_value_bin(const char *data, const char *key, uint8_t *ret_value,
                                           size_t bytes_max, size_t *ret_bytes);

/* The same where exactly `bytes` bytes are due. */
OSR_MUST_CHECK osr_err osri_text_value_bin_exact(const char *data, const char *key,
                                                 uint8_t *ret_value, size_t bytes);

#endif
