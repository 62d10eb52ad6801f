/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "epmd/record.h"

/* Paths and the port, from the environment. A mapper and its clients compute them in the same way,
 * so that they meet; containers and tests on one machine stay apart by OSIER_RUNTIME_DIR. */

#define PATH_SLACK_BYTES 16 /* for "/epmd-65535.sock" */

osr_err osri_epmd_fail(osr_err err, char *text, size_t text_bytes, const char *format, ...)
{
    va_list arguments;

    if (text != NULL && text_bytes > 0) {
        va_start(arguments, format);
        vsnprintf(text, text_bytes, format, arguments);
        va_end(arguments);
    }
    return err;
}

static const char *variable(const char *name)
{
    const char *value = getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

osr_err osri_epmd_runtime_directory(char ret_path[OSRI_EPMD_PATH_BYTES], char *ret_text,
                                    size_t text_bytes)
{
    const char *own = variable("OSIER_RUNTIME_DIR"), *session = variable("XDG_RUNTIME_DIR");
    size_t room = OSRI_EPMD_PATH_BYTES - PATH_SLACK_BYTES;
    int length;

    if (own != NULL) {
        length = snprintf(ret_path, room, "%s", own);
    } else if (session != NULL) {
        length = snprintf(ret_path, room, "%s/osier", session);
    } else {
        length = snprintf(ret_path, room, "/tmp/osier-%u", (unsigned)geteuid());
    }
    if (length < 0 || (size_t)length >= room) {
        return osri_epmd_fail(OSR_EINVAL, ret_text, text_bytes,
                              "%s: too long for a local socket; set OSIER_RUNTIME_DIR to a path of "
                              "less than %u characters",
                              own != NULL ? "OSIER_RUNTIME_DIR" : "XDG_RUNTIME_DIR",
                              (unsigned)room);
    }
    return OSR_OK;
}

osr_err osri_epmd_path(uint16_t port, const char *suffix, char ret_path[OSRI_EPMD_PATH_BYTES],
                       char *ret_text, size_t text_bytes)
{
    char directory[OSRI_EPMD_PATH_BYTES];
    osr_err err = osri_epmd_runtime_directory(directory, ret_text, text_bytes);

    if (err != OSR_OK) {
        return err;
    }
    int length = snprintf(ret_path, OSRI_EPMD_PATH_BYTES, "%s/epmd-%u.%s", directory,
                          (unsigned)port, suffix);
    return length < OSRI_EPMD_PATH_BYTES
               ? OSR_OK
               : osri_epmd_fail(OSR_EINVAL, ret_text, text_bytes, "%s: path too long", directory);
}

osr_err osri_epmd_port(uint16_t port, uint16_t *ret_port, char *ret_text, size_t text_bytes)
{
    const char *value = variable("OSIER_EPMD_PORT");
    char *end = NULL;

    if (port != 0 || value == NULL) {
        *ret_port = port != 0 ? port : OSRI_EPMD_PORT;
        return OSR_OK;
    }
    unsigned long number = strtoul(value, &end, 10);
    if (value[0] < '0' || value[0] > '9' || *end != '\0' || number == 0 || number > UINT16_MAX) {
        return osri_epmd_fail(OSR_EINVAL, ret_text, text_bytes,
                              "OSIER_EPMD_PORT=%s is not a port; give a number from 1 to 65535",
                              value);
    }
    *ret_port = (uint16_t)number;
    return OSR_OK;
}
