/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/files.h"

#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "dist/identity/text_file.h"

/* Files of keys, and the shared secret.
 *
 * Invariants
 *   I1  nothing is believed before fstat() of the opened descriptor: what is checked is what is
 *       read;
 *   I2  the secret appears under its name whole or not at all: it is written to a file of its own
 *       and linked there, and whoever finds the name taken reads what the winner wrote;
 *   I3  secret bytes do not stay in our buffers. */

#define PATH_BYTES 4096
#define SECRET_HEADER "# osier-secret-1"
#define SECRET_KEY "secret"

static osr_err fail(osr_err err, char *text, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static osr_err fail(osr_err err, char *text, size_t bytes, const char *format, ...)
{
    va_list arguments;

    if (text != NULL && bytes > 0) {
        va_start(arguments, format);
        vsnprintf(text, bytes, format, arguments);
        va_end(arguments);
    }
    return err;
}

static bool is_ours(const struct stat *status)
{
    return status->st_uid == geteuid() || status->st_uid == 0;
}

static osr_err check_directory(const char *path, const struct stat *status, mode_t forbidden,
                               char *text, size_t bytes)
{
    unsigned mode = status->st_mode & 07777;

    if (!S_ISDIR(status->st_mode)) {
        return fail(OSR_EPERM, text, bytes, "%s: not a directory", path);
    }
    if (!is_ours(status)) {
        return fail(OSR_EPERM, text, bytes,
                    "%s: belongs to another user (uid %u); name another directory", path,
                    (unsigned)status->st_uid);
    }
    if ((mode & forbidden) != 0) {
        return fail(OSR_EPERM, text, bytes, "%s: directory is %s by others (mode %04o); chmod 700",
                    path, (mode & forbidden & 022) != 0 ? "writable" : "accessible", mode);
    }
    return OSR_OK;
}

osr_err osri_directory_prepare(const char *path, mode_t mode_forbidden, char *ret_text,
                               size_t text_bytes)
{
    struct stat status;

    if (mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail(OSR_EIO, ret_text, text_bytes, "%s: cannot make this directory: %s", path,
                    strerror(errno));
    }
    if (lstat(path, &status) != 0) {
        return fail(OSR_EIO, ret_text, text_bytes, "%s: %s", path, strerror(errno));
    }
    return check_directory(path, &status, mode_forbidden, ret_text, text_bytes);
}

static osr_err check_file(const char *path, const struct stat *status, mode_t forbidden,
                          size_t room, char *text, size_t bytes)
{
    unsigned mode = status->st_mode & 07777;

    if (!S_ISREG(status->st_mode)) {
        return fail(OSR_EPERM, text, bytes, "%s: not a regular file", path);
    }
    if (!is_ours(status)) {
        return fail(OSR_EPERM, text, bytes, "%s: belongs to another user (uid %u); chown it", path,
                    (unsigned)status->st_uid);
    }
    if ((mode & forbidden & 022) == (mode & forbidden) && (mode & forbidden) != 0) {
        return fail(OSR_EPERM, text, bytes, "%s: writable by others (mode %04o); chmod %o it", path,
                    mode, (unsigned)(0666 & ~forbidden));
    }
    if ((mode & forbidden) != 0) {
        return fail(
            OSR_EPERM, text, bytes,
            "%s: readable by others (mode %04o); chmod 600 it, and change it if it may have been "
            "read",
            path, mode);
    }
    if (status->st_size < 0 || (size_t)status->st_size >= room) {
        return fail(OSR_EPROTO, text, bytes, "%s: too large (%lld bytes)", path,
                    (long long)status->st_size);
    }
    return OSR_OK;
}

static bool read_whole(int descriptor, char *ret_data, size_t bytes)
{
    size_t used = 0;

    while (used < bytes) {
        ssize_t got = read(descriptor, ret_data + used, bytes - used);
        if (got == 0) {
            ret_data[used] = '\0';
            return true;
        }
        if (got < 0 && errno != EINTR) {
            return false;
        }
        used += got > 0 ? (size_t)got : 0;
    }
    return false;
}

osr_err osri_file_read(const char *path, mode_t mode_forbidden, char *ret_data, size_t bytes,
                       char *ret_text, size_t text_bytes)
{
    struct stat status;
    /* O_NONBLOCK: a FIFO in the file's place must not hold us up */
    int descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (descriptor < 0) {
        osr_err err = errno == ENOENT ? OSR_ENOTFOUND : errno == ELOOP ? OSR_EPERM : OSR_EIO;
        return fail(err, ret_text, text_bytes, "%s: %s", path,
                    errno == ELOOP ? "is a symbolic link; name the file itself" : strerror(errno));
    }
    osr_err err = OSR_OK;
    if (fstat(descriptor, &status) != 0) {
        err = fail(OSR_EIO, ret_text, text_bytes, "%s: %s", path, strerror(errno));
    } else {
        err = check_file(path, &status, mode_forbidden, bytes, ret_text, text_bytes);
    }
    if (err == OSR_OK && !read_whole(descriptor, ret_data, bytes)) {
        err = fail(OSR_EIO, ret_text, text_bytes, "%s: cannot be read", path);
    }
    close(descriptor);
    return err;
}

static osr_err home_directory(char *ret_path, size_t bytes, char *text, size_t text_bytes)
{
    const char *own = getenv("OSIER_HOME");
    const char *home = getenv("HOME");
    struct passwd entry, *found = NULL;
    char buffer[1024];

    if (home == NULL || home[0] == '\0') {
        home = getpwuid_r(geteuid(), &entry, buffer, sizeof(buffer), &found) == 0 && found != NULL
                   ? found->pw_dir
                   : NULL;
    }
    bool has_own = own != NULL && own[0] != '\0';
    if (!has_own && home == NULL) {
        return fail(OSR_EINVAL, text, text_bytes,
                    "no home directory; set OSIER_HOME to a directory");
    }
    int length = has_own ? snprintf(ret_path, bytes, "%s", own)
                         : snprintf(ret_path, bytes, "%s/.osier", home);
    if (length < 0 || (size_t)length >= bytes) {
        return fail(OSR_EINVAL, text, text_bytes, "the path of the home directory is too long");
    }
    return OSR_OK;
}

osr_err osri_secret_path(char *ret_path, size_t bytes, char *ret_text, size_t text_bytes)
{
    char home[PATH_BYTES];
    osr_err err = home_directory(home, sizeof(home), ret_text, text_bytes);

    if (err != OSR_OK) {
        return err;
    }
    int length = snprintf(ret_path, bytes, "%s/cluster.secret", home);
    if (length < 0 || (size_t)length >= bytes) {
        return fail(OSR_EINVAL, ret_text, text_bytes, "%s: the path is too long", home);
    }
    return OSR_OK;
}

/* Makes the secret unless it exists by now. */
static osr_err create_secret(const char *path, char *text, size_t text_bytes)
{
    uint8_t secret[OSRI_SECRET_BYTES];
    osri_text_file file;

    randombytes_buf(secret, sizeof(secret));
    osri_text_file_begin(&file, SECRET_HEADER);
    osri_text_file_add_bin(&file, SECRET_KEY, secret, sizeof(secret));
    osr_err err = osri_text_file_write(&file, path, 0600, false, text, text_bytes);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(file.data, file.bytes);
    return err == OSR_ETAKEN ? OSR_OK : err;
}

static osr_err read_secret(const char *path, uint8_t ret_secret[OSRI_SECRET_BYTES], char *text,
                           size_t text_bytes)
{
    char data[1024];
    osr_err err = osri_file_read(path, 077, data, sizeof(data), text, text_bytes);

    if (err == OSR_OK &&
        (!osri_text_begins(data, SECRET_HEADER) ||
         osri_text_value_bin_exact(data, SECRET_KEY, ret_secret, OSRI_SECRET_BYTES) != OSR_OK)) {
        err = fail(OSR_EPROTO, text, text_bytes,
                   "%s: not a secret file (it begins with \"" SECRET_HEADER "\", then \"" SECRET_KEY
                   ": \" and 32 bytes in base64); move it away to have a new one made",
                   path);
    }
    sodium_memzero(data, sizeof(data));
    return err;
}

static osr_err load_default(uint8_t ret_secret[OSRI_SECRET_BYTES], char *text, size_t text_bytes)
{
    char home[PATH_BYTES], path[PATH_BYTES];
    osr_err err = home_directory(home, sizeof(home), text, text_bytes);

    if (err == OSR_OK) {
        err = osri_directory_prepare(home, 022, text, text_bytes);
    }
    if (err == OSR_OK) {
        err = osri_secret_path(path, sizeof(path), text, text_bytes);
    }
    if (err == OSR_OK) {
        err = read_secret(path, ret_secret, text, text_bytes);
    }
    if (err == OSR_ENOTFOUND) {
        err = create_secret(path, text, text_bytes);
        if (err == OSR_OK) {
            err = read_secret(path, ret_secret, text, text_bytes);
        }
    }
    return err;
}

osr_err osri_secret_load(const char *path, uint8_t ret_secret[OSRI_SECRET_BYTES], char *ret_text,
                         size_t text_bytes)
{
    uint8_t secret[OSRI_SECRET_BYTES];

    if (sodium_init() < 0) {
        return fail(OSR_EIO, ret_text, text_bytes, "libsodium cannot be initialised");
    }
    osr_err err = path == NULL ? load_default(secret, ret_text, text_bytes)
                               : read_secret(path, secret, ret_text, text_bytes);
    if (err == OSR_ENOTFOUND) {
        err = fail(err, ret_text, text_bytes,
                   "%s: no such file; copy cluster.secret of another node of the cluster there",
                   path);
    }
    if (err == OSR_OK) {
        memcpy(ret_secret, secret, sizeof(secret));
    }
    sodium_memzero(secret, sizeof(secret));
    return err;
}
