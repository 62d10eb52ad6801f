/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_FILES_H
#define OSR_DIST_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "osier/err.h"

/* The files that a node's identity is made from, and the checks that each has to pass before it
 * is believed.
 *
 * A file is text: "# osier-KIND-1" in its first line, then "key: value" lines; binary values in
 * base64. On an error ret_text says in one line which file, what is wrong and what to type next;
 * the caller puts its own name in front ("osier: ") and exits with 78.
 * Threads: any. */

#define OSRI_FILE_BYTES_MAX 65536
#define OSRI_SECRET_BYTES 32

/* The cluster's secret of development mode. path NULL: $OSIER_HOME/cluster.secret, else
 * ~/.osier/cluster.secret; then the directory (0700) and the file (0600, 32 random bytes) are
 * made on first use: when several do so at once, all get the same secret. A path that is given
 * must exist. Wipe ret_secret with sodium_memzero().
 * Errors: OSR_EPERM the file or its directory is open to others, or not ours; OSR_ENOTFOUND;
 * OSR_EPROTO not a secret file; OSR_EIO the system refused; OSR_EINVAL no home directory, or a
 * path too long. */
OSR_MUST_CHECK osr_err osri_secret_load(const char *path, uint8_t ret_secret[OSRI_SECRET_BYTES],
                                        char *ret_text, size_t text_bytes);

/* The path that osri_secret_load(NULL, …) uses. */
OSR_MUST_CHECK osr_err osri_secret_path(char *ret_path, size_t bytes, char *ret_text,
                                        size_t text_bytes);

/* A directory must be one, belong to us or root, and have none of `mode_forbidden`; it is made
 * (0700) where it is missing. Symbolic links are not followed. */
OSR_MUST_CHECK osr_err osri_directory_prepare(const char *path, mode_t mode_forbidden,
                                              char *ret_text, size_t text_bytes);

/* Reads a whole file that is regular, ours or root's, has none of the bits of mode_forbidden (077
 * for a secret, 022 for what is public) and is smaller than `bytes`; terminated with a NUL.
 * Symbolic links are not followed. */
OSR_MUST_CHECK osr_err osri_file_read(const char *path, mode_t mode_forbidden, char *ret_data,
                                      size_t bytes, char *ret_text, size_t text_bytes);

#endif
