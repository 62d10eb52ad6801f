/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_COLLECT_H
#define OSR_SHELL_COLLECT_H

#include "osier/info.h"
#include "lib/process/signal.h"
#include "osier/node.h"

/* What the shell looks at: the processes and peers of a node, at one moment. Threads: any. */

/* In creation order, at most OSRI_SHELL_ROWS_MAX. Fields are private but for reading. */
typedef struct osri_collection {
    osr_snapshot *at;
    size_t count, room;
    uint64_t total; /* how many there are */
    bool no_memory;
} osri_collection;

/* Ownership: free with osri_collection_fini(). Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_collect_processes(osr_node *node, osri_collection *ret_collection);
void osri_collection_fini(osri_collection *collection);

/* The nodes now connected. Ownership: free with osri_peers_free(). Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_collect_peers(osr_node *node, osri_peer **ret_peers, size_t *ret_count);
void osri_peers_free(osri_peer **peers, size_t count);

/* One of them. Errors: OSR_ENOTFOUND; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_peer_of(osr_node *node, uint64_t node_id, osri_peer *ret_peer);

#endif
