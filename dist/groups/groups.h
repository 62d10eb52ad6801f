/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_GROUPS_GROUPS_H
#define OSR_DIST_GROUPS_GROUPS_H

#include "dist/groups/table.h"

/* The groups service of a node. */

typedef struct osri_groups {
    osri_service base;
    osri_mutex mutex;       /* OSRI_RANK_SERVICE */
    osri_group_table table; /* guarded_by: mutex */
    osri_map peers;         /* node id -> osri_group_node; guarded_by: mutex */
} osri_groups;

extern const osri_service_ops osri_groups_ops;

/* A process of this node joined, or is about to leave: monitors and connected nodes hear of it. */
void osri_groups_changed_locked(osri_groups *groups, const osri_group_membership *membership,
                                bool joined);

/* Sends a process what its new monitor begins with. */
void osri_groups_tell_present_locked(osri_groups *groups, const osri_group_monitor *monitor);

#endif
