/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_FORMAT_H
#define OSR_SHELL_FORMAT_H

#include "osier/info.h"
#include "node/shell/text.h"
#include "osier/node.h"

/* What the shell's commands print, from what has been collected. Pure: no clock, no node. */

#define OSRI_DURATION_TEXT_BYTES 48

/* "0ms", "950ms", "12s", "5m30s", "3h5m", "4d7h"; always terminated. */
void osri_format_duration(uint64_t ns, char ret_text[OSRI_DURATION_TEXT_BYTES]);

/* A table with a heading, one line a process, in the order given. */
void osri_format_processes(osri_text *text, const osr_snapshot *processes, size_t count,
                           uint64_t now_ns);

/* One process in full, as it says itself. */
void osri_format_info(osri_text *text, const osr_process_info *info);

/* The same of one that did not answer, which is said. */
void osri_format_silent(osri_text *text, const osr_snapshot *process, uint64_t now_ns);

/* The way to another node, in six lines. */
void osri_format_link(osri_text *text, const osr_link_status *link);

/* A process of the tree, and the node it runs on: index into the names. */
typedef struct osri_tree_process {
    osr_snapshot snapshot;
    uint32_t node;
} osri_tree_process;

/* Every process once: below its parent, wherever that runs, or, when that is not among them, below
 * its node. Processes of one parent keep the order given.
 * Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_format_tree(osri_text *text, const char *const *nodes,
                                        uint32_t node_count, const osri_tree_process *processes,
                                        size_t count);

#endif
