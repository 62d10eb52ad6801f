/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Directories are walked with names relative to open directories, so that a path may be of any
 * length and a link that appears meanwhile is not followed. */

#define FILES_MAX ((size_t)16 * 1024 * 1024)
#define DEPTH_MAX 256 /* an open directory a level */

const char *const scan_default_paths[] = {"/usr/share/common-licenses", "/usr/share/doc"};
const size_t scan_default_count = sizeof(scan_default_paths) / sizeof(scan_default_paths[0]);

static bool refuse(char *ret_text, size_t bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(char *ret_text, size_t bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(ret_text, bytes, format, arguments);
    va_end(arguments);
    return false;
}

static char *join(const char *directory, const char *name)
{
    size_t length = strlen(directory);
    const char *slash = length > 0 && directory[length - 1] == '/' ? "" : "/";
    char *path = malloc(length + strlen(name) + 2);
    if (path != NULL) {
        (void)sprintf(path, "%s%s%s", directory, slash, name);
    }
    return path;
}

/* Takes the path over, also when it fails. */
static bool add_file(scan *files, char *path, uint64_t bytes, int error)
{
    if (path != NULL && files->count == files->room && files->room < FILES_MAX) {
        size_t room = files->room == 0 ? 256 : files->room * 2;
        scan_file *more = realloc(files->files, room * sizeof(*more));
        if (more != NULL) {
            files->files = more;
            files->room = room;
        }
    }
    if (path == NULL || files->count == files->room) {
        free(path);
        return false;
    }
    files->files[files->count++] =
        (scan_file){path, error == 0 ? bytes : 0, error == 0 ? NULL : strerrordesc_np(error)};
    files->unreadable += error != 0;
    files->bytes += error == 0 ? bytes : 0;
    return true;
}

/* ---- directories ------------------------------------------------------------------------- */

typedef struct names {
    char **at;
    size_t count, room;
} names;

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_free(names *list)
{
    for (size_t i = 0; i < list->count; i++) {
        free(list->at[i]);
    }
    free(list->at);
}

static bool names_add(names *list, const char *name)
{
    if (list->count == list->room) {
        size_t room = list->room == 0 ? 64 : list->room * 2;
        char **more = realloc(list->at, room * sizeof(*more));
        if (more == NULL) {
            return false;
        }
        list->at = more;
        list->room = room;
    }
    list->at[list->count] = strdup(name);
    return list->at[list->count] != NULL && ++list->count != 0;
}

static bool names_read(names *list, DIR *directory)
{
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;) {
        bool self_or_parent = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
        if (!self_or_parent && !names_add(list, entry->d_name)) {
            return false;
        }
    }
    if (list->count > 1) {
        qsort(list->at, list->count, sizeof(*list->at), by_bytes);
    }
    return true;
}

static bool walk(scan *files, int fd, const char *path, int depth);

/* One name of a directory. What is neither a directory nor a regular file is passed over. */
static bool visit(scan *files, int parent, const char *directory, const char *name, int depth)
{
    struct stat status;
    if (fstatat(parent, name, &status, AT_SYMLINK_NOFOLLOW) != 0) {
        return errno == ENOENT || add_file(files, join(directory, name), 0, errno);
    }
    if (S_ISREG(status.st_mode)) {
        return add_file(files, join(directory, name), (uint64_t)status.st_size, 0);
    }
    if (!S_ISDIR(status.st_mode)) {
        return true;
    }
    int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    int fd = depth < DEPTH_MAX ? openat(parent, name, flags) : -1;
    int error = depth < DEPTH_MAX ? errno : ELOOP;
    char *path = join(directory, name);
    if (fd < 0 || path == NULL) {
        return add_file(files, path, 0, error);
    }
    bool walked = walk(files, fd, path, depth + 1);
    free(path);
    return walked;
}

/* Takes fd over. */
static bool walk(scan *files, int fd, const char *path, int depth)
{
    names list = {0};
    DIR *directory = fdopendir(fd);
    bool fine = directory != NULL && names_read(&list, directory);
    for (size_t i = 0; i < list.count && fine; i++) {
        fine = visit(files, fd, path, list.at[i], depth);
    }
    names_free(&list);
    (void)(directory != NULL ? closedir(directory) : close(fd));
    return fine;
}

/* ---- what a person named ----------------------------------------------------------------- */

static bool add_directory(scan *files, const char *path, char *ret_text, size_t text_bytes)
{
    size_t before = files->count;
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return refuse(ret_text, text_bytes, "%s: %s; name a directory that you may read", path,
                      strerrordesc_np(errno));
    }
    if (!walk(files, fd, path, 0)) {
        return refuse(ret_text, text_bytes, "%s: too many files for this machine's memory", path);
    }
    if (files->count == before) {
        return refuse(
            ret_text, text_bytes,
            "%s: there is no regular file in this directory; name one that has some, or none "
            "for the default",
            path);
    }
    return true;
}

bool scan_add(scan *files, const char *path, char *ret_text, size_t text_bytes)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        return refuse(ret_text, text_bytes, "%s: %s; name a file or a directory that exists", path,
                      strerrordesc_np(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        return add_directory(files, path, ret_text, text_bytes);
    }
    if (!S_ISREG(status.st_mode)) {
        return refuse(ret_text, text_bytes,
                      "%s: neither a regular file nor a directory; copy it to a file and name that",
                      path);
    }
    if (!add_file(files, strdup(path), (uint64_t)status.st_size, 0)) {
        return refuse(ret_text, text_bytes, "%s: too many files", path);
    }
    return true;
}

void scan_fini(scan *files)
{
    for (size_t i = 0; i < files->count; i++) {
        free(files->files[i].path);
    }
    free(files->files);
    *files = (scan){0};
}

uint64_t scan_chunk_bytes(uint64_t total)
{
    uint64_t bytes = total / 64;
    if (bytes > SCAN_CHUNK_BYTES_MAX) {
        return SCAN_CHUNK_BYTES_MAX;
    }
    return bytes == 0 ? 1 : bytes;
}
