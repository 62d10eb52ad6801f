/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/groups/table.h"

#include <string.h>

#include "lib/core/heap.h"

/* The table of groups.
 *
 * Invariants
 *   T1  a membership is in the list of its group and in that of its owner; an owner is in the map
 *       and in the list of its node while it has memberships or monitors.
 *   T2  a group is in its scope while it has members or monitors, a scope while it has groups or
 *       monitors. */

void osri_group_table_init(osri_group_table *table, uint64_t seed)
{
    osri_map_init(&table->scopes, seed);
    osri_map_init(&table->owners, seed);
    osri_list_init(&table->here.owners);
}

bool osri_group_name_is_good(osr_str name)
{
    return name.size > 0 && name.size <= OSRI_GROUP_NAME_BYTES_MAX &&
           memchr(name.at, '\0', name.size) == NULL;
}

/* ---- scopes and groups ------------------------------------------------------------------- */

static char *copy_of(osr_str text)
{
    char *copy = osri_heap_alloc((size_t)text.size + 1);

    if (copy != NULL) {
        memcpy(copy, text.at, text.size);
        copy[text.size] = '\0';
    }
    return copy;
}

osri_group_scope *osri_group_scope_find(const osri_group_table *table, osr_str scope)
{
    return osri_map_get(&table->scopes, scope.at, scope.size);
}

osri_group *osri_group_find(const osri_group_table *table, osr_str scope, osr_str group)
{
    const osri_group_scope *at = osri_group_scope_find(table, scope);

    return at == NULL ? NULL : osri_map_get(&at->groups, group.at, group.size);
}

static void scope_free(osri_group_scope *scope)
{
    osri_map_fini(&scope->groups);
    osri_heap_strfree(scope->name);
    osri_heap_free(scope, sizeof(*scope));
}

static osri_group_scope *scope_get(osri_group_table *table, osr_str name)
{
    osri_group_scope *scope = osri_group_scope_find(table, name);

    if (scope != NULL) {
        return scope;
    }
    scope = osri_heap_zalloc(sizeof(*scope));
    if (scope == NULL) {
        return NULL;
    }
    scope->name = copy_of(name);
    osri_map_init(&scope->groups, table->scopes.seed);
    osri_list_init(&scope->monitors);
    if (scope->name == NULL ||
        osri_map_put(&table->scopes, name.at, name.size, scope, NULL) != OSR_OK) {
        scope_free(scope);
        return NULL;
    }
    return scope;
}

static void scope_trim(osri_group_table *table, osri_group_scope *scope)
{
    if (osri_map_count(&scope->groups) == 0 && osri_list_is_empty(&scope->monitors)) {
        (void)osri_map_remove(&table->scopes, scope->name, strlen(scope->name));
        scope_free(scope);
    }
}

static osri_group *group_new(osri_group_scope *scope, osr_str name)
{
    osri_group *group = osri_heap_zalloc(sizeof(*group));

    if (group == NULL) {
        return NULL;
    }
    group->scope = scope;
    group->name = copy_of(name);
    osri_list_init(&group->members);
    osri_list_init(&group->monitors);
    if (group->name == NULL ||
        osri_map_put(&scope->groups, name.at, name.size, group, NULL) != OSR_OK) {
        osri_heap_strfree(group->name);
        osri_heap_free(group, sizeof(*group));
        return NULL;
    }
    return group;
}

static osri_group *group_get(osri_group_table *table, osr_str scope_name, osr_str name)
{
    osri_group_scope *scope = scope_get(table, scope_name);
    osri_group *group;

    if (scope == NULL) {
        return NULL;
    }
    group = osri_map_get(&scope->groups, name.at, name.size);
    group = group != NULL ? group : group_new(scope, name);
    if (group == NULL) {
        scope_trim(table, scope);
    }
    return group;
}

static void group_trim(osri_group_table *table, osri_group *group)
{
    osri_group_scope *scope = group->scope;

    if (osri_list_is_empty(&group->members) && osri_list_is_empty(&group->monitors)) {
        (void)osri_map_remove(&scope->groups, group->name, strlen(group->name));
        osri_heap_strfree(group->name);
        osri_heap_free(group, sizeof(*group));
        scope_trim(table, scope);
    }
}

/* ---- owners ------------------------------------------------------------------------------ */

osri_group_owner *osri_group_owner_find(const osri_group_table *table, osr_pid pid)
{
    return osri_map_get(&table->owners, &pid, sizeof(pid));
}

static osri_group_owner *owner_get(osri_group_table *table, osri_group_node *node, osr_pid pid)
{
    osri_group_owner *owner = osri_group_owner_find(table, pid);

    if (owner != NULL) {
        return owner;
    }
    owner = osri_heap_zalloc(sizeof(*owner));
    if (owner == NULL || osri_map_put(&table->owners, &pid, sizeof(pid), owner, NULL) != OSR_OK) {
        osri_heap_free(owner, sizeof(*owner));
        return NULL;
    }
    owner->pid = pid;
    owner->node = node;
    osri_list_init(&owner->memberships);
    osri_list_init(&owner->monitors);
    osri_list_push_back(&node->owners, &owner->in_node);
    return owner;
}

static void owner_trim(osri_group_table *table, osri_group_owner *owner)
{
    if (osri_list_is_empty(&owner->memberships) && osri_list_is_empty(&owner->monitors)) {
        (void)osri_map_remove(&table->owners, &owner->pid, sizeof(owner->pid));
        osri_list_remove(&owner->in_node);
        osri_heap_free(owner, sizeof(*owner));
    }
}

/* ---- memberships ------------------------------------------------------------------------- */

osr_err osri_group_add(osri_group_table *table, osri_group_node *node, osr_str scope, osr_str name,
                       osr_pid pid, osri_group_membership **ret_membership)
{
    osri_group_membership *membership;
    osri_group *group;
    osri_group_owner *owner;

    if (node->membership_count >= OSRI_GROUP_MEMBERSHIPS_MAX) {
        return OSR_ELIMIT;
    }
    membership = osri_heap_zalloc(sizeof(*membership));
    group = membership == NULL ? NULL : group_get(table, scope, name);
    owner = group == NULL ? NULL : owner_get(table, node, pid);
    if (owner == NULL) {
        if (group != NULL) {
            group_trim(table, group);
        }
        osri_heap_free(membership, sizeof(*membership));
        return OSR_ENOMEM;
    }
    membership->group = group;
    membership->owner = owner;
    osri_list_push_back(&group->members, &membership->in_group);
    osri_list_push_back(&owner->memberships, &membership->in_owner);
    group->member_count++;
    node->membership_count++;
    *ret_membership = membership;
    return OSR_OK;
}

osri_group_membership *osri_group_membership_find(const osri_group_table *table,
                                                  const osri_group *group, osr_pid pid)
{
    const osri_group_owner *owner = group == NULL ? NULL : osri_group_owner_find(table, pid);

    if (owner == NULL) {
        return NULL;
    }
    for (osri_list_link *l = osri_list_first(&owner->memberships); l != NULL;
         l = osri_list_next(&owner->memberships, l)) {
        osri_group_membership *membership = OSRI_LIST_ENTRY(l, osri_group_membership, in_owner);
        if (membership->group == group) {
            return membership;
        }
    }
    return NULL;
}

void osri_group_remove(osri_group_table *table, osri_group_membership *membership)
{
    osri_group *group = membership->group;
    osri_group_owner *owner = membership->owner;

    osri_list_remove(&membership->in_group);
    osri_list_remove(&membership->in_owner);
    osri_heap_free(membership, sizeof(*membership));
    group->member_count--;
    owner->node->membership_count--;
    group_trim(table, group);
    owner_trim(table, owner);
}

/* ---- monitors ---------------------------------------------------------------------------- */

static void watched_trim(osri_group_table *table, osri_group_scope *scope, osri_group *group)
{
    if (group != NULL) {
        group_trim(table, group);
    } else {
        scope_trim(table, scope);
    }
}

osr_err osri_group_watch(osri_group_table *table, osr_str scope_name, osr_str group_name,
                         osr_pid pid, uint64_t number, osri_group_monitor **ret_monitor)
{
    osri_group_monitor *monitor = osri_heap_zalloc(sizeof(*monitor));
    osri_group *group = NULL;
    osri_group_scope *scope = NULL;

    if (monitor != NULL && group_name.size > 0) {
        group = group_get(table, scope_name, group_name);
        scope = group == NULL ? NULL : group->scope;
    } else if (monitor != NULL) {
        scope = scope_get(table, scope_name);
    }
    if (scope == NULL) {
        osri_heap_free(monitor, sizeof(*monitor));
        return OSR_ENOMEM;
    }
    monitor->owner = owner_get(table, &table->here, pid);
    if (monitor->owner == NULL) {
        watched_trim(table, scope, group);
        osri_heap_free(monitor, sizeof(*monitor));
        return OSR_ENOMEM;
    }
    monitor->scope = scope;
    monitor->group = group;
    monitor->number = number;
    osri_list_push_back(group != NULL ? &group->monitors : &scope->monitors, &monitor->in_watched);
    osri_list_push_back(&monitor->owner->monitors, &monitor->in_owner);
    *ret_monitor = monitor;
    return OSR_OK;
}

void osri_group_unwatch(osri_group_table *table, osri_group_monitor *monitor)
{
    osri_group_owner *owner = monitor->owner;
    osri_group_scope *scope = monitor->scope;
    osri_group *group = monitor->group;

    osri_list_remove(&monitor->in_watched);
    osri_list_remove(&monitor->in_owner);
    osri_heap_free(monitor, sizeof(*monitor));
    watched_trim(table, scope, group);
    owner_trim(table, owner);
}

/* ---- the end ----------------------------------------------------------------------------- */

static void owner_end(osri_group_table *table, osr_pid pid)
{
    osri_group_owner *owner;

    while ((owner = osri_group_owner_find(table, pid)) != NULL) {
        osri_list_link *membership = osri_list_first(&owner->memberships);
        if (membership != NULL) {
            osri_group_remove(table, OSRI_LIST_ENTRY(membership, osri_group_membership, in_owner));
        } else {
            osri_group_unwatch(table, OSRI_LIST_ENTRY(osri_list_first(&owner->monitors),
                                                      osri_group_monitor, in_owner));
        }
    }
}

void osri_group_table_fini(osri_group_table *table)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&table->owners, &cursor, &at)) {
        osr_pid pid;
        memcpy(&pid, at.key, sizeof(pid));
        owner_end(table, pid);
    }
    osri_map_fini(&table->owners);
    osri_map_fini(&table->scopes);
}
