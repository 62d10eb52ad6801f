/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/groups/groups.h"

#include <string.h>

#include "lib/process/node.h"

/* What processes ask of groups. */

#define SCOPE_DEFAULT "default"

static osri_groups *groups_of(const osr_self *self)
{
    osri_service *service = NULL;

    return osri_service_get(self->node, &osri_groups_ops, &service) == OSR_OK
               ? (osri_groups *)service
               : NULL;
}

/* Checks both names. group NULL: only the scope. */
static bool read_names(const char *scope, const char *group, osr_str *ret_scope, osr_str *ret_group)
{
    *ret_scope = osr_str_of(scope == NULL ? SCOPE_DEFAULT : scope);
    *ret_group = osr_str_of(group == NULL ? "" : group);
    return osri_group_name_is_good(*ret_scope) &&
           (group == NULL || osri_group_name_is_good(*ret_group));
}

static osr_err join_locked(osri_groups *groups, osr_str scope, osr_str group, osr_pid pid)
{
    osri_group_membership *membership;
    osr_err err =
        osri_group_add(&groups->table, &groups->table.here, scope, group, pid, &membership);

    if (err != OSR_OK) {
        return err;
    }
    if (!osri_service_watch(groups->base.node, pid)) {
        osri_group_remove(&groups->table, membership);
        return OSR_ENOPROC;
    }
    osri_groups_changed_locked(groups, membership, true);
    return OSR_OK;
}

osr_err osr_group_join(osr_self *self, const char *scope, const char *group, osr_pid pid)
{
    osri_groups *groups = groups_of(self);
    osr_str scope_name, group_name;

    if (group == NULL || !read_names(scope, group, &scope_name, &group_name) ||
        pid.node != self->node->id) {
        return OSR_EINVAL;
    }
    if (groups == NULL) {
        return OSR_ENOMEM;
    }
    osri_mutex_lock(&groups->mutex);
    osr_err err = join_locked(groups, scope_name, group_name, pid);
    osri_mutex_unlock(&groups->mutex);
    return err;
}

osr_err osr_group_leave(osr_self *self, const char *scope, const char *group, osr_pid pid)
{
    osri_groups *groups = groups_of(self);
    osr_str scope_name, group_name;

    if (group == NULL || !read_names(scope, group, &scope_name, &group_name) ||
        pid.node != self->node->id) {
        return OSR_EINVAL;
    }
    if (groups == NULL) {
        return OSR_ENOTFOUND; /* there is no memory for groups: nobody is in one */
    }
    osri_mutex_lock(&groups->mutex);
    osri_group_membership *membership = osri_group_membership_find(
        &groups->table, osri_group_find(&groups->table, scope_name, group_name), pid);
    if (membership != NULL) {
        osri_groups_changed_locked(groups, membership, false);
        osri_group_remove(&groups->table, membership);
    }
    osri_mutex_unlock(&groups->mutex);
    return membership == NULL ? OSR_ENOTFOUND : OSR_OK;
}

/* ---- asking ------------------------------------------------------------------------------ */

/* Writes at most max members; returns how many there are. */
static size_t copy_members_locked(const osri_groups *groups, const osri_group *group, bool local,
                                  osr_pid *ret_pids, size_t max)
{
    size_t count = 0;

    if (group == NULL) {
        return 0;
    }
    for (osri_list_link *l = osri_list_first(&group->members); l != NULL;
         l = osri_list_next(&group->members, l)) {
        const osri_group_owner *owner = OSRI_LIST_ENTRY(l, osri_group_membership, in_group)->owner;
        if (local && owner->node != &groups->table.here) {
            continue;
        }
        if (count < max) {
            ret_pids[count] = owner->pid;
        }
        count++;
    }
    return count;
}

/* The block is had outside the lock, since a process over its memory limit ends there; so it may
 * turn out too small. */
static osr_err members(osr_self *self, const char *scope, const char *name, bool local,
                       osr_pid **ret_pids, size_t *ret_count)
{
    osri_groups *groups = groups_of(self);
    osr_str scope_name, group_name;
    osr_pid *pids = NULL;
    size_t room = 0;
    size_t count;

    if (name == NULL || !read_names(scope, name, &scope_name, &group_name)) {
        return OSR_EINVAL;
    }
    if (groups == NULL) {
        return OSR_ENOMEM;
    }
    for (;;) {
        osri_mutex_lock(&groups->mutex);
        count = copy_members_locked(groups, osri_group_find(&groups->table, scope_name, group_name),
                                    local, pids, room);
        osri_mutex_unlock(&groups->mutex);
        if (count <= room) {
            break;
        }
        osr_free(self, pids);
        room = count + count / 4;
        pids = osr_alloc(self, room * sizeof(*pids));
        if (pids == NULL) {
            return OSR_ENOMEM;
        }
    }
    if (count == 0) {
        osr_free(self, pids);
        pids = NULL;
    }
    *ret_pids = pids;
    *ret_count = count;
    return OSR_OK;
}

osr_err osr_group_members(osr_self *self, const char *scope, const char *group, osr_pid **ret_pids,
                          size_t *ret_count)
{
    return members(self, scope, group, false, ret_pids, ret_count);
}

osr_err osr_group_local_members(osr_self *self, const char *scope, const char *group,
                                osr_pid **ret_pids, size_t *ret_count)
{
    return members(self, scope, group, true, ret_pids, ret_count);
}

/* The names, each with a NUL, one behind the other: counts them and what they take; writes them
 * where `bytes` is enough. */
static size_t copy_names_locked(const osri_group_scope *scope, char *ret_text, size_t bytes,
                                size_t *ret_bytes)
{
    size_t cursor = 0;
    size_t count = 0;
    osri_map_entry at;

    *ret_bytes = 0;
    while (scope != NULL && osri_map_next(&scope->groups, &cursor, &at)) {
        const osri_group *group = at.value;
        size_t size = strlen(group->name) + 1;
        if (group->member_count == 0) {
            continue;
        }
        if (*ret_bytes + size <= bytes) {
            memcpy(ret_text + *ret_bytes, group->name, size);
        }
        *ret_bytes += size;
        count++;
    }
    return count;
}

/* Texts stand behind the list of them. */
static void point_names(osr_str *groups, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        groups[i] = osr_str_of(text);
        text += groups[i].size + 1;
    }
}

osr_err osr_group_names(osr_self *self, const char *scope, osr_str **ret_groups, size_t *ret_count)
{
    osri_groups *groups = groups_of(self);
    osr_str scope_name, none;
    osr_str *block = NULL;
    size_t room = 0;       /* places in the list */
    size_t text_bytes = 0; /* behind it */
    size_t count, bytes;

    if (!read_names(scope, NULL, &scope_name, &none)) {
        return OSR_EINVAL;
    }
    if (groups == NULL) {
        return OSR_ENOMEM;
    }
    for (;;) {
        osri_mutex_lock(&groups->mutex);
        count = copy_names_locked(osri_group_scope_find(&groups->table, scope_name),
                                  (char *)(block + room), text_bytes, &bytes);
        osri_mutex_unlock(&groups->mutex);
        if (count <= room && bytes <= text_bytes) {
            break;
        }
        osr_free(self, block);
        room = count + count / 4;
        text_bytes = bytes + bytes / 4;
        block = osr_alloc(self, room * sizeof(*block) + text_bytes);
        if (block == NULL) {
            return OSR_ENOMEM;
        }
    }
    if (count == 0) {
        osr_free(self, block);
        block = NULL;
    } else {
        point_names(block, count, (const char *)(block + room));
    }
    *ret_groups = block;
    *ret_count = count;
    return OSR_OK;
}

/* ---- monitors ---------------------------------------------------------------------------- */

static osr_err watch(osr_self *self, const char *scope, const char *group, osr_ref *ret_monitor)
{
    osri_groups *groups = groups_of(self);
    osr_str scope_name, group_name;
    osr_pid pid = osri_process_pid(self);
    uint64_t number = osri_reference_next(self->node);
    osri_group_monitor *monitor;

    if (!read_names(scope, group, &scope_name, &group_name)) {
        return OSR_EINVAL;
    }
    if (groups == NULL) {
        return OSR_ENOMEM;
    }
    osri_mutex_lock(&groups->mutex);
    osr_err err = osri_group_watch(&groups->table, scope_name, group_name, pid, number, &monitor);
    if (err == OSR_OK) {
        (void)osri_service_watch(self->node, pid); /* it runs: it lives */
        osri_groups_tell_present_locked(groups, monitor);
    }
    osri_mutex_unlock(&groups->mutex);
    if (err == OSR_OK) {
        *ret_monitor = (osr_ref){self->node->id, number};
    }
    return err;
}

osr_err osr_group_monitor(osr_self *self, const char *scope, const char *group,
                          osr_ref *ret_monitor)
{
    return group == NULL ? OSR_EINVAL : watch(self, scope, group, ret_monitor);
}

osr_err osr_group_monitor_scope(osr_self *self, const char *scope, osr_ref *ret_monitor)
{
    return watch(self, scope, NULL, ret_monitor);
}

static osri_group_monitor *monitor_find_locked(const osri_groups *groups, osr_pid pid,
                                               uint64_t number)
{
    osri_group_owner *owner = osri_group_owner_find(&groups->table, pid);

    for (osri_list_link *l = owner == NULL ? NULL : osri_list_first(&owner->monitors); l != NULL;
         l = osri_list_next(&owner->monitors, l)) {
        osri_group_monitor *monitor = OSRI_LIST_ENTRY(l, osri_group_monitor, in_owner);
        if (monitor->number == number) {
            return monitor;
        }
    }
    return NULL;
}

bool osr_group_demonitor(osr_self *self, osr_ref ref)
{
    osri_groups *groups = groups_of(self);
    osri_group_monitor *monitor;

    if (groups == NULL || ref.node != self->node->id) {
        return false;
    }
    osri_mutex_lock(&groups->mutex);
    monitor = monitor_find_locked(groups, osri_process_pid(self), ref.number);
    if (monitor != NULL) {
        osri_group_unwatch(&groups->table, monitor);
    }
    osri_mutex_unlock(&groups->mutex);
    return monitor != NULL;
}
