/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_DIRECTORY_H
#define OSR_DIST_NET_DIRECTORY_H

#include "lib/core/list.h"
#include "lib/core/map.h"
#include "lib/core/mutex.h"
#include "lib/process/signal.h"

/* What a node knows of other nodes: the numbers in pids and the names that they stand for, and who
 * is connected. Threads: any. */

#define OSRI_DIRECTORY_KNOWN_MAX 4096  /* nodes that are not connected */
#define OSRI_DIRECTORY_NAMES_MAX 65536 /* different names ever */
#define OSRI_DIRECTORY_HEARD_MAX 32768 /* ... from which on only those that connect are added */

typedef struct osri_directory {
    osri_mutex mutex; /* OSRI_RANK_ROUTER */
    osri_map names;   /* name -> char *, kept to the end; guarded_by: mutex */
    osri_map known;   /* node id -> known; guarded_by: mutex */
    osri_list recent; /* those not connected, least recently used first; guarded_by: mutex */
    size_t recent_count;
    osri_list up; /* those connected, in the order of coming up; guarded_by: mutex */
    size_t up_count;
} osri_directory;

void osri_directory_init(osri_directory *directory, uint64_t seed);
void osri_directory_fini(osri_directory *directory);

/* Remembers what a number stands for, and since when; the caller has checked it. Errors:
 * OSR_ENOMEM; OSR_ELIMIT too many names. */
OSR_MUST_CHECK osr_err osri_directory_learn(osri_directory *directory, uint64_t node,
                                            const char *name, uint64_t creation, uint64_t now_ns);

/* The name, or NULL; it lives as long as the directory. ret_creation may be NULL. */
const char *osri_directory_find(osri_directory *directory, uint64_t node, uint64_t *ret_creation);

/* Since when the number has been known, without interruption; UINT64_MAX: it is not. */
uint64_t osri_directory_since(osri_directory *directory, uint64_t node);

/* A peer is connected; it is learned too. Errors: as osri_directory_learn. */
OSR_MUST_CHECK osr_err osri_directory_up(osri_directory *directory, const osri_peer *peer,
                                         uint64_t now_ns);
void osri_directory_down(osri_directory *directory, uint64_t node);

bool osri_directory_is_up(osri_directory *directory, uint64_t node);
bool osri_directory_is_up_name(osri_directory *directory, const char *name);
size_t osri_directory_peers(osri_directory *directory, osri_peer *ret_peers, size_t max);

#endif
