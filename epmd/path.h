/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_PATH_H
#define OSR_EPMD_PATH_H

#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* Where a mapper and those who talk to it on the same machine meet.
 * Threads: any. */

#define OSRI_EPMD_PATH_BYTES 108 /* of a local socket, with its NUL */

/* $OSIER_RUNTIME_DIR, else $XDG_RUNTIME_DIR/osier, else /tmp/osier-UID.
 * Errors: OSR_EINVAL too long for a socket in it. */
OSR_MUST_CHECK osr_err osri_epmd_runtime_directory(char ret_path[OSRI_EPMD_PATH_BYTES],
                                                   char *ret_text, size_t text_bytes);

/* "DIRECTORY/epmd-PORT.SUFFIX"; suffix "sock", "lock" or "log". */
OSR_MUST_CHECK osr_err osri_epmd_path(uint16_t port, const char *suffix,
                                      char ret_path[OSRI_EPMD_PATH_BYTES], char *ret_text,
                                      size_t text_bytes);

/* The port to use: `port` unless 0, else $OSIER_EPMD_PORT, else OSRI_EPMD_PORT.
 * Errors: OSR_EINVAL the variable is not a port. */
OSR_MUST_CHECK osr_err osri_epmd_port(uint16_t port, uint16_t *ret_port, char *ret_text,
                                      size_t text_bytes);

/* Writes a line for people into text (may be NULL with 0 bytes) and returns err. */
osr_err osri_epmd_fail(osr_err err, char *text, size_t text_bytes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
