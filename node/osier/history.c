/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/history.h"

#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/heap.h"

#define FILE_BYTES_MAX (1024 * 1024)

bool osri_history_path(char *ret_path, size_t bytes)
{
    const char *osier = getenv("OSIER_HOME");
    const char *home = getenv("HOME");
    int length = -1;
    if (osier != NULL && osier[0] != '\0') {
        length = snprintf(ret_path, bytes, "%s/history", osier);
    } else if (home != NULL && home[0] != '\0') {
        length = snprintf(ret_path, bytes, "%s/.osier/history", home);
    }
    return length > 0 && (size_t)length < bytes;
}

/* Ours, and nobody else's to read; else -1. */
static int open_own(const char *path, int flags)
{
    int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
    struct stat status;
    if (fd >= 0 &&
        (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
         ((status.st_mode & 077) != 0 && fchmod(fd, 0600) != 0))) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static bool write_all(int fd, const char *from, size_t bytes)
{
    while (bytes > 0) {
        ssize_t written = write(fd, from, bytes);
        if (written <= 0) {
            return false;
        }
        from += written;
        bytes -= (size_t)written;
    }
    return true;
}

/* The last bytes of the file, at most capacity - 1, terminated, beginning with a line; how many. */
static size_t read_end(int fd, char *ret_text, size_t capacity)
{
    off_t size = lseek(fd, 0, SEEK_END);
    off_t from = size > (off_t)capacity - 1 ? size - (off_t)capacity + 1 : 0;
    size_t bytes = 0;
    ssize_t got = 1;
    while (got > 0 && bytes < capacity - 1) {
        got = pread(fd, ret_text + bytes, capacity - 1 - bytes, from + (off_t)bytes);
        bytes += got > 0 ? (size_t)got : 0;
    }
    ret_text[bytes] = '\0';
    char *first = from > 0 ? strchr(ret_text, '\n') : NULL;
    if (first != NULL) {
        bytes -= (size_t)(first + 1 - ret_text);
        memmove(ret_text, first + 1, bytes + 1);
    }
    return bytes;
}

/* Where the last `lines` lines begin; ret_count: how many there are in all. */
static char *last_lines(char *text, size_t bytes, size_t lines, size_t *ret_count)
{
    char *from = text;
    *ret_count = 0;
    for (size_t i = bytes; i > 0; i--) {
        if (text[i - 1] == '\n') {
            from = *ret_count == lines ? text + i : from;
            *ret_count += 1;
        }
    }
    return from;
}

static void rewrite(const char *path, const char *text, size_t bytes)
{
    char fresh[PATH_MAX];
    int length = snprintf(fresh, sizeof(fresh), "%s.%ld", path, (long)getpid());
    int fd = length > 0 && (size_t)length < sizeof(fresh)
                 ? open_own(fresh, O_WRONLY | O_CREAT | O_EXCL)
                 : -1;
    if (fd < 0) {
        return;
    }
    bool whole = write_all(fd, text, bytes);
    if (close(fd) != 0 || !whole || rename(fresh, path) != 0) {
        (void)unlink(fresh);
    }
}

static void visit_lines(char *text, void (*visit)(void *context, const char *line), void *context)
{
    for (char *end = strchr(text, '\n'); end != NULL; end = strchr(text, '\n')) {
        *end = '\0';
        visit(context, text);
        *end = '\n';
        text = end + 1;
    }
}

void osri_history_load(const char *path, void (*visit)(void *context, const char *line),
                       void *context)
{
    int fd = open_own(path, O_RDONLY);
    char *text = fd < 0 ? NULL : osri_heap_alloc(FILE_BYTES_MAX);
    if (text != NULL) {
        size_t count;
        size_t bytes = read_end(fd, text, FILE_BYTES_MAX);
        char *from = last_lines(text, bytes, OSRI_HISTORY_LINES_MAX, &count);
        if (count > 2 * OSRI_HISTORY_LINES_MAX || bytes > FILE_BYTES_MAX / 2) {
            rewrite(path, from, bytes - (size_t)(from - text));
        }
        visit_lines(from, visit, context);
    }
    osri_heap_free(text, FILE_BYTES_MAX);
    if (fd >= 0) {
        (void)close(fd);
    }
}

void osri_history_add(const char *path, const char *line)
{
    size_t bytes = strlen(line);
    char *text = osri_heap_alloc(bytes + 2);
    int fd = text == NULL ? -1 : open_own(path, O_WRONLY | O_CREAT | O_APPEND);
    if (fd >= 0) {
        memcpy(text, line, bytes);
        memcpy(text + bytes, "\n", 2);
        (void)write_all(fd, text, bytes + 1);
        (void)close(fd);
    }
    osri_heap_free(text, bytes + 2);
}
