/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_REVOKED_FILE_H
#define OSR_DIST_NET_REVOKED_FILE_H

#include <stdint.h>
#include <sys/stat.h>

#include "dist/net/net.h"

/* The file with the list of revoked certificates of a node that runs: looked at every few seconds,
 * read when it has been replaced. A file that cannot be read, or is not signed by our authority,
 * changes nothing and is named in the log, once. Threads: one at a time. */

#define OSRI_REVOKED_LOOK_MS 5000

typedef struct osri_revoked_file {
    char *path;      /* NULL: none is watched */
    char *authority; /* authority.pub */
    struct stat seen;
    uint64_t look_ns;
} osri_revoked_file;

/* path NULL: nothing is watched. Both are copied. What is there now counts as seen. End it with
 * osri_revoked_file_fini(), also after an error. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_revoked_file_init(osri_revoked_file *file, const char *path,
                                              const char *authority);
void osri_revoked_file_fini(osri_revoked_file *file);

/* If it is time: gives the net a list that is new. */
void osri_revoked_file_look(osri_revoked_file *file, osri_net *net, const osri_log *log,
                            uint64_t now_ns);

#endif
