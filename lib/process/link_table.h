/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_LINK_TABLE_H
#define OSR_PROCESS_LINK_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"
#include "osier/pid.h"

/* The links of a process, in the order in which they were made. Most linked processes have one, so
 * the first few are a vector that is searched, one block in all; more than OSRI_LINKS_FEW are a
 * map. Threads: one at a time. */

#define OSRI_LINKS_FEW 16

/* A link, on one side of it. */
typedef struct osri_link_entry {
    osr_pid pid;
    bool active;
    uint64_t number;    /* of our last LINK; OSRI_LINK_BY_PEER: none of ours */
    uint64_t unlink_id; /* of an unlink that is not yet acknowledged; 0 = none */
} osri_link_entry;

/* Fields are private. NULL stands for no link at all. */
typedef struct osri_links osri_links;

size_t osri_links_count(const osri_links *links);

/* The entry, lent until the next add or remove; or NULL. */
osri_link_entry *osri_links_find(osri_links *links, osr_pid pid);

/* A new entry for a pid that has none, all else zero, lent as above. Errors: OSR_ENOMEM, with the
 * links as they were. */
OSR_MUST_CHECK osr_err osri_links_add(osri_links **links, osr_pid pid, osri_link_entry **ret_entry);

/* Removes the pid's entry, which there is. */
void osri_links_remove(osri_links **links, osr_pid pid);

/* The next entry in order; *cursor starts at 0. NULL at the end. Nothing may change meanwhile. */
const osri_link_entry *osri_links_next(const osri_links *links, size_t *cursor);

/* The next entry of links that are ended piece by piece: it remembers where it was. Nothing is
 * added or removed any more. */
const osri_link_entry *osri_links_end_next(osri_links *links);

void osri_links_free(osri_links **links);

#endif
