/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_REVIVE_H
#define OSR_DIST_NET_REVIVE_H

#include <stdbool.h>
#include <stdint.h>

/* When a node starts the port mapper of its machine again: one that died under it, not one that
 * somebody stopped. Pure. */
typedef struct osri_revive {
    uint64_t due_ms; /* 0: the mapper is there, or was stopped */
    uint32_t wait_ms;
} osri_revive;

/* Whether to start it now. is_dead: it is gone, and nobody stopped it. Nodes that lost it at the
 * same moment try at different ones (random), so that mostly one does it. */
bool osri_revive_turn(osri_revive *revive, bool is_dead, uint64_t now_ms, uint32_t random);

/* When to ask again; UINT64_MAX: when something changes. */
uint64_t osri_revive_due(const osri_revive *revive);

#endif
