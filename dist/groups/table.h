/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_GROUPS_TABLE_H
#define OSR_DIST_GROUPS_TABLE_H

#include "lib/core/list.h"
#include "lib/core/map.h"
#include "lib/core/mutex.h"
#include "lib/process/service.h"
#include "osier/group.h"

/* The table of a node's process groups: who is a member of what, and who wants to hear of it. All
 * of it is guarded by the service's mutex; all iterates in the order of making. */

#define OSRI_GROUP_NAME_BYTES_MAX 255
#define OSRI_GROUP_MEMBERSHIPS_MAX 1048576 /* of one node's processes */

typedef struct osri_group osri_group;
typedef struct osri_group_owner osri_group_owner;
typedef struct osri_group_scope osri_group_scope;

/* A connected node, and this one. */
typedef struct osri_group_node {
    osri_peer peer;   /* of this node: all zero */
    osri_list owners; /* its processes */
    size_t membership_count;
} osri_group_node;

/* A process that is a member or a monitor. */
struct osri_group_owner {
    osri_list_link in_node;
    osri_group_node *node;
    osr_pid pid;
    osri_list memberships;
    osri_list monitors; /* only of processes of this node */
};

typedef struct osri_group_membership {
    osri_list_link in_owner;
    osri_list_link in_group;
    osri_group *group;
    osri_group_owner *owner;
} osri_group_membership;

typedef struct osri_group_monitor {
    osri_list_link in_owner;
    osri_list_link in_watched; /* the group's list, or the scope's */
    osri_group_scope *scope;
    osri_group *group; /* NULL: all of the scope */
    osri_group_owner *owner;
    uint64_t number;
} osri_group_monitor;

/* There while it has members or monitors. */
struct osri_group {
    osri_group_scope *scope;
    char *name;
    osri_list members;
    osri_list monitors;
    size_t member_count;
};

struct osri_group_scope {
    char *name;
    osri_map groups; /* name -> osri_group */
    osri_list monitors;
};

typedef struct osri_group_table {
    osri_map scopes; /* name -> osri_group_scope */
    osri_map owners; /* osr_pid -> osri_group_owner */
    osri_group_node here;
} osri_group_table;

void osri_group_table_init(osri_group_table *table, uint64_t seed);
void osri_group_table_fini(osri_group_table *table);

/* Whether a text may name a scope or group. */
bool osri_group_name_is_good(osr_str name);

/* NULL: there is none. */
osri_group_scope *osri_group_scope_find(const osri_group_table *table, osr_str scope);
osri_group *osri_group_find(const osri_group_table *table, osr_str scope, osr_str group);
osri_group_owner *osri_group_owner_find(const osri_group_table *table, osr_pid pid);

/* One membership more. Errors: OSR_ENOMEM; OSR_ELIMIT the node has OSRI_GROUP_MEMBERSHIPS_MAX. */
OSR_MUST_CHECK osr_err osri_group_add(osri_group_table *table, osri_group_node *node, osr_str scope,
                                      osr_str group, osr_pid pid,
                                      osri_group_membership **ret_membership);

/* A membership of this process in the group, or NULL. */
osri_group_membership *osri_group_membership_find(const osri_group_table *table,
                                                  const osri_group *group, osr_pid pid);

/* Removes it; what is then empty goes with it, so group and owner may be gone. */
void osri_group_remove(osri_group_table *table, osri_group_membership *membership);

/* group.size 0: of the whole scope. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_group_watch(osri_group_table *table, osr_str scope, osr_str group,
                                        osr_pid pid, uint64_t number,
                                        osri_group_monitor **ret_monitor);
void osri_group_unwatch(osri_group_table *table, osri_group_monitor *monitor);

#endif
