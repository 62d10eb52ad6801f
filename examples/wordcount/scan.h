/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WORDCOUNT_SCAN_H
#define OSR_WORDCOUNT_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Which files there are to count, and how they are cut into chunks. Everything here blocks. */

typedef struct scan_file {
    char *path;
    uint64_t bytes;
    const char
        *problem; /* why it could not be read or looked into; NULL: nothing is known against it */
} scan_file;

typedef struct scan {
    scan_file *files;
    size_t count, room;
    size_t unreadable; /* of these */
    uint64_t bytes;
} scan;

/* What is counted when nothing is named. */
extern const char *const scan_default_paths[];
extern const size_t scan_default_count;

/* Finds the files of a file or directory and adds them: regular files, directories to any depth,
 * symbolic links followed only where `path` itself is one. Those of a directory are in byte
 * order. A directory that cannot be looked into is added as a file with a problem. On false
 * ret_text says in one line what is wrong with `path`, and what to type instead. */
bool scan_add(scan *files, const char *path, char *ret_text, size_t text_bytes);

void scan_fini(scan *files);

#define SCAN_CHUNK_BYTES_MAX ((uint64_t)1024 * 1024)

/* How long a chunk is when so much is to be counted: 64 of them, but 1 byte at least and 1 MiB
 * at most. */
uint64_t scan_chunk_bytes(uint64_t total);

#endif
