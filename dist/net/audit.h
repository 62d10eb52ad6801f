/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_AUDIT_H
#define OSR_DIST_NET_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "dist/net/gate.h"
#include "lib/core/log.h"
#include "lib/core/mutex.h"
#include "osier/env.h"

/* The audit file: one line about each command of a shell, and each start and call that a peer asks
 * for, written before it is done; a second one says how a command ended.
 *
 *     2026-11-27T20:10:00.123Z shell allowed "you@alpha" 41 kill <0.12.1>
 *     2026-11-27T20:10:00.124Z shell done "you@alpha" 41 status 0, 812 us: kill <0.12.1>
 *     2026-11-27T20:10:02.010Z spawn refused "a@h1" 42 db_writer: no role
 *
 * Time, what was asked, what became of it, the peer and its certificate's serial, and the line or
 * the entry, its control characters escaped. The file is only appended to, mode 0600, and made
 * where it is missing, also after it was moved away while the node runs.
 *
 * Who may do something that changes anything asks first whether it could be written down: if not,
 * it is not done. */

#define OSRI_AUDIT_TEXT_MAX 400 /* of a line that is asked for; the rest is cut */

typedef struct osri_audit {
    const osr_env *env;
    const osri_log *log;
    osri_mutex mutex; /* OSRI_RANK_LEAF */
    char *path;
    int fd;             /* guarded_by: mutex; -1: none */
    uint64_t device;    /* guarded_by: mutex; of fd */
    uint64_t inode;     /* guarded_by: mutex; of fd */
    bool torn;          /* guarded_by: mutex; the last line was not written to its end */
    osri_gate failures; /* guarded_by: mutex; lines about them */
} osri_audit;

typedef struct osri_audit_record {
    const char *what;   /* "shell", "spawn", … */
    const char *became; /* "allowed", "refused", "done" */
    const char *peer;
    uint64_t serial;  /* 0: a process of this node */
    const char *text; /* what was asked for */
    const char *note; /* NULL: nothing more to say */
} osri_audit_record;

/* Opens the file. End it with osri_audit_fini(), also after an error. env and log are lent.
 * Errors: OSR_EPERM open to others, not ours, or not a regular file; OSR_EIO the system refused;
 *   OSR_ENOMEM. ret_text says in one line what is wrong and what to type next. */
OSR_MUST_CHECK osr_err osri_audit_init(osri_audit *audit, const osr_env *env, const osri_log *log,
                                       const char *path, char *ret_text, size_t text_bytes);
void osri_audit_fini(osri_audit *audit);

/* Writes a line by one call, and says in the node's log where that failed. audit NULL: no file is
 * kept, OSR_OK. Blocks as long as the file system does. Threads: any.
 * Errors: OSR_EIO it is not in the file. */
osr_err osri_audit_write(osri_audit *audit, const osri_audit_record *record);

#endif
