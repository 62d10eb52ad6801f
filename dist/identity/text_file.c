/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

/* Making and reading "key: value" files.
 *
 * Invariants
 *   I1  a file appears under its name whole or not at all: it is written and synced under another
 *       name first, then linked (never over an existing one) or renamed there;
 *   I2  a key that stands twice is an error: which of the two is meant nobody could say. */

#define PATH_BYTES 4096
#define BASE64 sodium_base64_VARIANT_ORIGINAL

static void append(osri_text_file *file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void append(osri_text_file *file, const char *format, ...)
{
    va_list arguments;
    size_t room = sizeof(file->data) - file->bytes;

    va_start(arguments, format);
    int length = vsnprintf(file->data + file->bytes, room, format, arguments);
    va_end(arguments);
    if (length < 0 || (size_t)length >= room) {
        file->failed = true;
        return;
    }
    file->bytes += (size_t)length;
}

void osri_text_file_begin(osri_text_file *file, const char *header)
{
    file->bytes = 0;
    file->failed = false;
    append(file, "%s\n", header);
}

void osri_text_file_add(osri_text_file *file, const char *key, const char *value)
{
    file->failed = file->failed || strpbrk(value, "\r\n") != NULL;
    append(file, "%s: %s\n", key, value);
}

void osri_text_file_add_number(osri_text_file *file, const char *key, uint64_t value)
{
    append(file, "%s: %" PRIu64 "\n", key, value);
}

void osri_text_file_add_bin(osri_text_file *file, const char *key, const uint8_t *data,
                            size_t bytes)
{
    size_t encoded = sodium_base64_encoded_len(bytes, BASE64); /* with its NUL */

    append(file, "%s: ", key);
    if (file->failed || encoded + 1 > sizeof(file->data) - file->bytes) {
        file->failed = true;
        return;
    }
    sodium_bin2base64(file->data + file->bytes, encoded, data, bytes, BASE64);
    file->bytes += encoded - 1;
    append(file, "\n");
}

static osr_err fail(osr_err err, char *text, size_t bytes, const char *path, const char *what)
{
    if (text != NULL && bytes > 0) {
        (void)snprintf(text, bytes, "%s: %s", path, what);
    }
    return err;
}

static bool write_whole(int descriptor, const char *data, size_t bytes)
{
    while (bytes > 0) {
        ssize_t done = write(descriptor, data, bytes);
        if (done < 0 && errno != EINTR) {
            return false;
        }
        data += done > 0 ? done : 0;
        bytes -= done > 0 ? (size_t)done : 0;
    }
    return fsync(descriptor) == 0;
}

osr_err osri_text_file_write(const osri_text_file *file, const char *path, mode_t mode,
                             bool replace, char *ret_text, size_t text_bytes)
{
    char fresh[PATH_BYTES];
    int length = snprintf(fresh, sizeof(fresh), "%s.%08x%08x", path, randombytes_random(),
                          randombytes_random());

    if (file->failed || length < 0 || (size_t)length >= sizeof(fresh)) {
        return fail(OSR_EINVAL, ret_text, text_bytes, path,
                    file->failed ? "too much for one file" : "the path is too long");
    }
    int descriptor = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (descriptor < 0) {
        return fail(OSR_EIO, ret_text, text_bytes, path, strerror(errno));
    }
    /* fchmod: whatever the umask is */
    bool good = fchmod(descriptor, mode) == 0 && write_whole(descriptor, file->data, file->bytes);
    good = close(descriptor) == 0 && good;
    good = good && (replace ? rename(fresh, path) : link(fresh, path)) == 0;
    int why = good ? 0 : errno;
    if (!good || !replace) {
        (void)unlink(fresh);
    }
    if (why == EEXIST) {
        return fail(OSR_ETAKEN, ret_text, text_bytes, path,
                    "exists; move it away or name another file");
    }
    return good ? OSR_OK : fail(OSR_EIO, ret_text, text_bytes, path, strerror(why));
}

bool osri_text_begins(const char *data, const char *header)
{
    size_t bytes = strlen(header);

    return strncmp(data, header, bytes) == 0 && (data[bytes] == '\n' || data[bytes] == '\r');
}

/* The one value of a key, without spaces around it; NULL: none, or two. */
static const char *find(const char *data, const char *key, size_t *ret_bytes)
{
    const char *found = NULL;
    size_t key_bytes = strlen(key);

    while (*data != '\0') {
        size_t line = strcspn(data, "\n");
        if (line > key_bytes && memcmp(data, key, key_bytes) == 0 && data[key_bytes] == ':') {
            if (found != NULL) {
                return NULL;
            }
            found = data + key_bytes + 1;
            *ret_bytes = line - key_bytes - 1;
        }
        data += line + (data[line] == '\n');
    }
    while (found != NULL && *ret_bytes > 0 && *found == ' ') {
        found++;
        *ret_bytes -= 1;
    }
    while (found != NULL && *ret_bytes > 0 && strchr(" \r", found[*ret_bytes - 1]) != NULL) {
        *ret_bytes -= 1;
    }
    return found;
}

osr_err osri_text_value(const char *data, const char *key, char *ret_value, size_t bytes)
{
    size_t length = 0;
    const char *value = find(data, key, &length);

    if (value == NULL || length >= bytes) {
        return OSR_EPROTO;
    }
    memcpy(ret_value, value, length);
    ret_value[length] = '\0';
    return OSR_OK;
}

osr_err osri_text_value_number(const char *data, const char *key, uint64_t *ret_value)
{
    char text[32];
    char *end;

    if (osri_text_value(data, key, text, sizeof(text)) != OSR_OK || text[0] < '0' ||
        text[0] > '9') {
        return OSR_EPROTO;
    }
    errno = 0;
    unsigned long long value = strtoull(text, &end, 10);
    if (errno != 0 || *end != '\0') {
        return OSR_EPROTO;
    }
    *ret_value = value;
    return OSR_OK;
}

osr_err osri_text_value_bin(const char *data, const char *key, uint8_t *ret_value, size_t bytes_max,
                            size_t *ret_bytes)
{
    size_t length = 0;
    const char *value = find(data, key, &length);

    if (value == NULL || sodium_base642bin(ret_value, bytes_max, value, length, NULL, ret_bytes,
                                           NULL, BASE64) != 0) {
        return OSR_EPROTO;
    }
    return OSR_OK;
}

osr_err osri_text_value_bin_exact(const char *data, const char *key, uint8_t *ret_value,
                                  size_t bytes)
{
    size_t got = 0;
    osr_err err = osri_text_value_bin(data, key, ret_value, bytes, &got);

    return err == OSR_OK && got != bytes ? OSR_EPROTO : err;
}
