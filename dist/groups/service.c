/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "dist/groups/groups.h"
#include "lib/core/heap.h"
#include "lib/process/node.h"

/* The groups service: what happens to processes and nodes, and what peers say (PROTOCOL.md).
 *
 * Invariants
 *   G1  a change, the messages to monitors and those to peers are made under one hold of the
 *       mutex: all of them happen in one order.
 *   G2  memberships of a node's processes are in the table only between its peer_up and
 *       peer_down. */

#define PIDS_A_MESSAGE 256
#define PIDS_A_MESSAGE_MAX 1024

OSR_MESSAGE(osri_groups_join, 0x62, (1, str, scope), (2, str, group), (3, list(pid), pids));
OSR_MESSAGE(osri_groups_leave, 0x63, (1, str, scope), (2, str, group), (3, list(pid), pids));

/* ---- monitors ---------------------------------------------------------------------------- */

static void tell(const osri_groups *groups, const osri_group_monitor *monitor,
                 const osri_group *group, const osr_pid *pids, size_t count, bool joined)
{
    osr_node *node = groups->base.node;
    osr_group_joined message = {.monitor = {node->id, monitor->number},
                                .scope = osr_str_of(group->scope->name),
                                .group = osr_str_of(group->name),
                                .pids = {pids, (uint32_t)count}};
    osr_group_left left = {.monitor = message.monitor,
                           .scope = message.scope,
                           .group = message.group,
                           .pids = {pids, (uint32_t)count}};
    osri_envelope *signal;

    if (osri_signal_new_sure(node, OSRI_SIGNAL_NODE, OSR_PID_NONE, 0,
                             joined ? &osr_group_joined_osr_type : &osr_group_left_osr_type,
                             joined ? (const void *)&message : (const void *)&left,
                             &signal) == OSR_OK) {
        osri_count(node, OSRI_COUNT_SENT);
        osri_signal_deliver(node, monitor->owner->pid, NULL, &signal);
    }
}

static void tell_each(const osri_groups *groups, const osri_list *monitors, const osri_group *group,
                      const osr_pid *pids, size_t count, bool joined)
{
    for (osri_list_link *l = osri_list_first(monitors); l != NULL;
         l = osri_list_next(monitors, l)) {
        tell(groups, OSRI_LIST_ENTRY(l, osri_group_monitor, in_watched), group, pids, count,
             joined);
    }
}

static void tell_monitors(const osri_groups *groups, const osri_group *group, const osr_pid *pids,
                          size_t count, bool joined)
{
    tell_each(groups, &group->monitors, group, pids, count, joined);
    tell_each(groups, &group->scope->monitors, group, pids, count, joined);
}

static void tell_group(const osri_groups *groups, const osri_group_monitor *monitor,
                       const osri_group *group)
{
    osr_pid pids[PIDS_A_MESSAGE];
    size_t count = 0;

    for (osri_list_link *l = osri_list_first(&group->members); l != NULL;
         l = osri_list_next(&group->members, l)) {
        pids[count++] = OSRI_LIST_ENTRY(l, osri_group_membership, in_group)->owner->pid;
        if (count == PIDS_A_MESSAGE) {
            tell(groups, monitor, group, pids, count, true);
            count = 0;
        }
    }
    if (count > 0) {
        tell(groups, monitor, group, pids, count, true);
    }
}

void osri_groups_tell_present_locked(osri_groups *groups, const osri_group_monitor *monitor)
{
    size_t cursor = 0;
    osri_map_entry at;

    if (monitor->group != NULL) {
        tell_group(groups, monitor, monitor->group);
        return;
    }
    while (osri_map_next(&monitor->scope->groups, &cursor, &at)) {
        tell_group(groups, monitor, at.value);
    }
}

/* ---- to peers ---------------------------------------------------------------------------- */

static void send_change(osri_groups *groups, const osri_peer *peer, const osri_group *group,
                        const osr_pid *pids, size_t count, bool joined)
{
    osri_groups_join join = {.scope = osr_str_of(group->scope->name),
                             .group = osr_str_of(group->name),
                             .pids = {pids, (uint32_t)count}};
    osri_groups_leave leave = {
        .scope = join.scope, .group = join.group, .pids = {pids, (uint32_t)count}};

    if (joined) {
        osri_service_send(&groups->base, peer, &osri_groups_join_osr_type, &join);
    } else {
        osri_service_send(&groups->base, peer, &osri_groups_leave_osr_type, &leave);
    }
}

void osri_groups_changed_locked(osri_groups *groups, const osri_group_membership *membership,
                                bool joined)
{
    size_t cursor = 0;
    osri_map_entry at;

    tell_monitors(groups, membership->group, &membership->owner->pid, 1, joined);
    while (osri_map_next(&groups->peers, &cursor, &at)) {
        const osri_group_node *node = at.value;
        send_change(groups, &node->peer, membership->group, &membership->owner->pid, 1, joined);
    }
}

/* What our processes are members of. */
static void send_group(osri_groups *groups, const osri_peer *peer, const osri_group *group)
{
    osr_pid pids[PIDS_A_MESSAGE];
    size_t count = 0;

    for (osri_list_link *l = osri_list_first(&group->members); l != NULL;
         l = osri_list_next(&group->members, l)) {
        const osri_group_owner *owner = OSRI_LIST_ENTRY(l, osri_group_membership, in_group)->owner;
        if (owner->node != &groups->table.here) {
            continue;
        }
        pids[count++] = owner->pid;
        if (count == PIDS_A_MESSAGE) {
            send_change(groups, peer, group, pids, count, true);
            count = 0;
        }
    }
    if (count > 0) {
        send_change(groups, peer, group, pids, count, true);
    }
}

static void send_all(osri_groups *groups, const osri_peer *peer)
{
    size_t scope_cursor = 0;
    osri_map_entry scope;

    while (osri_map_next(&groups->table.scopes, &scope_cursor, &scope)) {
        size_t cursor = 0;
        osri_map_entry at;
        while (osri_map_next(&((osri_group_scope *)scope.value)->groups, &cursor, &at)) {
            send_group(groups, peer, at.value);
        }
    }
}

/* ---- what happens ------------------------------------------------------------------------ */

static void process_ended(osri_service *service, osr_pid pid)
{
    osri_groups *groups = (osri_groups *)service;
    osri_group_owner *owner;

    osri_mutex_lock(&groups->mutex);
    while ((owner = osri_group_owner_find(&groups->table, pid)) != NULL) {
        osri_list_link *monitor = osri_list_first(&owner->monitors);
        if (monitor != NULL) {
            osri_group_unwatch(&groups->table,
                               OSRI_LIST_ENTRY(monitor, osri_group_monitor, in_owner));
            continue;
        }
        osri_group_membership *membership =
            OSRI_LIST_ENTRY(osri_list_first(&owner->memberships), osri_group_membership, in_owner);
        osri_groups_changed_locked(groups, membership, false);
        osri_group_remove(&groups->table, membership);
    }
    osri_mutex_unlock(&groups->mutex);
}

static void forget_member(osri_groups *groups, osri_group_membership *membership)
{
    tell_monitors(groups, membership->group, &membership->owner->pid, 1, false);
    osri_group_remove(&groups->table, membership);
}

static void forget_peer_locked(osri_groups *groups, osri_group_node *node)
{
    (void)osri_map_remove_u64(&groups->peers, node->peer.node);
    while (!osri_list_is_empty(&node->owners)) {
        osri_group_owner *owner =
            OSRI_LIST_ENTRY(osri_list_first(&node->owners), osri_group_owner, in_node);
        forget_member(groups, OSRI_LIST_ENTRY(osri_list_first(&owner->memberships),
                                              osri_group_membership, in_owner));
    }
    osri_heap_free(node, sizeof(*node));
}

static void peer_up(osri_service *service, const osri_peer *peer)
{
    osri_groups *groups = (osri_groups *)service;
    osri_group_node *node = osri_heap_zalloc(sizeof(*node));

    osri_mutex_lock(&groups->mutex);
    osri_group_node *old = osri_map_get_u64(&groups->peers, peer->node);
    if (old != NULL) {
        forget_peer_locked(groups, old);
    }
    if (node != NULL && osri_map_put_u64(&groups->peers, peer->node, node, NULL) == OSR_OK) {
        node->peer = *peer;
        osri_list_init(&node->owners);
        send_all(groups, peer);
    } else {
        osri_heap_free(node, sizeof(*node));
        osri_service_doubt(service, peer);
    }
    osri_mutex_unlock(&groups->mutex);
}

static void peer_down(osri_service *service, const osri_peer *peer)
{
    osri_groups *groups = (osri_groups *)service;

    osri_mutex_lock(&groups->mutex);
    osri_group_node *node = osri_map_get_u64(&groups->peers, peer->node);
    if (node != NULL && node->peer.session == peer->session) {
        forget_peer_locked(groups, node);
    }
    osri_mutex_unlock(&groups->mutex);
}

/* ---- what peers say ---------------------------------------------------------------------- */

static bool is_good(const osri_groups_join *said, uint64_t node)
{
    if (!osri_group_name_is_good(said->scope) || !osri_group_name_is_good(said->group) ||
        said->pids.count == 0 || said->pids.count > PIDS_A_MESSAGE_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < said->pids.count; i++) {
        if (said->pids.at[i].node != node || osri_pid_is_node(said->pids.at[i])) {
            return false;
        }
    }
    return true;
}

static osr_err they_joined(osri_groups *groups, osri_group_node *node, const osri_groups_join *said)
{
    osri_group_membership *membership = NULL;
    uint32_t added = 0;
    osr_err err = OSR_OK;

    while (err == OSR_OK && added < said->pids.count) {
        err = osri_group_add(&groups->table, node, said->scope, said->group, said->pids.at[added],
                             &membership);
        added += err == OSR_OK ? 1 : 0;
    }
    if (added > 0) {
        tell_monitors(groups, membership->group, said->pids.at, added, true);
    }
    return err;
}

static void they_left(osri_groups *groups, const osri_groups_leave *said)
{
    for (uint32_t i = 0; i < said->pids.count; i++) {
        const osri_group *group = osri_group_find(&groups->table, said->scope, said->group);
        osri_group_membership *membership =
            osri_group_membership_find(&groups->table, group, said->pids.at[i]);
        if (membership != NULL) {
            forget_member(groups, membership);
        }
    }
}

static osr_err message(osri_service *service, const osri_peer *peer, const osri_envelope *signal)
{
    osri_groups *groups = (osri_groups *)service;
    const osri_groups_join *said = osri_envelope_body(signal); /* both are alike */
    bool joined = signal->type->id == osri_groups_join_osr_type.id;
    osr_err err = OSR_OK;

    if (peer == NULL || (!joined && signal->type->id != osri_groups_leave_osr_type.id)) {
        return OSR_EPROTO;
    }
    if (!is_good(said, peer->node)) {
        return OSR_EPROTO;
    }
    osri_mutex_lock(&groups->mutex);
    osri_group_node *node = osri_map_get_u64(&groups->peers, peer->node);
    if (node != NULL && joined) {
        err = they_joined(groups, node, said);
    } else if (node != NULL) {
        they_left(groups, osri_envelope_body(signal));
    }
    osri_mutex_unlock(&groups->mutex);
    return err;
}

/* ---- made and freed ---------------------------------------------------------------------- */

static void free_groups(osri_service *service)
{
    osri_groups *groups = (osri_groups *)service;
    size_t cursor = 0;
    osri_map_entry at;

    osri_group_table_fini(&groups->table);
    while (osri_map_next(&groups->peers, &cursor, &at)) {
        osri_heap_free(at.value, sizeof(osri_group_node));
    }
    osri_map_fini(&groups->peers);
    osri_mutex_fini(&groups->mutex);
    osri_heap_free(groups, sizeof(*groups));
}

static osr_err make(osr_node *node, osri_service **ret_service)
{
    osri_groups *groups = osri_heap_zalloc(sizeof(*groups));
    const osr_env *env = osri_node_env(node);
    uint64_t seed;

    if (groups == NULL) {
        return OSR_ENOMEM;
    }
    env->random(env->context, &seed, sizeof(seed));
    osri_mutex_init(&groups->mutex, OSRI_RANK_SERVICE);
    osri_group_table_init(&groups->table, seed);
    osri_map_init(&groups->peers, seed);
    *ret_service = &groups->base;
    return OSR_OK;
}

const osri_service_ops osri_groups_ops = {
    .slot = OSRI_SERVICE_GROUPS,
    .type_first = 0x62,
    .type_last = 0x63,
    .make = make,
    .free = free_groups,
    .process_ended = process_ended,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .message = message,
};

_Static_assert(offsetof(osri_groups_join, pids) == offsetof(osri_groups_leave, pids) &&
                   sizeof(osri_groups_join) == sizeof(osri_groups_leave),
               "is_good() reads both as one");
