/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/bound.h"
#include "lib/process/node.h"

/* Who wants to hear of nodes that come and go, and the nodes that are there. A subscriber that
 * comes late is told of each node that is up, under the same lock under which the others are told:
 * nobody misses one. */

uint32_t osri_labels_split(const char *text, osr_str ret_labels[OSRI_LABELS_SPLIT_MAX])
{
    uint32_t count = 0;
    while (*text != '\0' && count < OSRI_LABELS_SPLIT_MAX) {
        size_t size = strcspn(text, "\n");
        if (size != 0) {
            ret_labels[count].at = text;
            ret_labels[count].size = (uint32_t)size;
            count += 1;
        }
        text += size + (text[size] != '\0');
    }
    return count;
}

static osr_err nodeup_new(const osri_peer *peer, osri_envelope **ret_signal)
{
    osr_str labels[OSRI_LABELS_SPLIT_MAX];
    osr_nodeup message = {.name = osr_str_of(peer->name),
                          .node = peer->node,
                          .creation = peer->creation,
                          .os_pid = peer->os_pid,
                          .hidden = peer->hidden,
                          .connection = peer->connection};
    message.labels.at = labels;
    message.labels.count = osri_labels_split(peer->labels, labels);
    return osri_signal_new(OSRI_SIGNAL_NODE, OSR_PID_NONE, 0, &osr_nodeup_osr_type, &message,
                           ret_signal);
}

static osr_err nodedown_new(const osri_peer *peer, const char *reason, osri_envelope **ret_signal)
{
    osr_nodedown message = {.name = osr_str_of(peer->name),
                            .node = peer->node,
                            .reason = osr_str_of(reason),
                            .hidden = peer->hidden,
                            .connection = peer->connection};
    return osri_signal_new(OSRI_SIGNAL_NODE, OSR_PID_NONE, 0, &osr_nodedown_osr_type, &message,
                           ret_signal);
}

void osri_subscriber_tell(osr_node *node, osr_pid pid, osri_envelope *signal)
{
    if (signal == NULL) {
        osri_log_write(&node->log, OSR_LOG_ERROR, "out of memory: news of a node is lost");
        return;
    }
    osri_count(node, OSRI_COUNT_SENT);
    signal->to_slot = pid.slot;
    signal->to_generation = pid.generation;
    osr_self *process = osri_table_at(node, pid.slot);
    if (!osri_process_push(process, signal)) {
        osri_message_dropped(node, pid, OSR_DROP_NOPROC, signal);
        osri_envelope_free(&signal);
    }
}

static void tell(osr_node *node, osr_pid pid, const osri_peer *peer, const char *down_reason)
{
    osri_envelope *signal;
    osr_err err =
        down_reason == NULL ? nodeup_new(peer, &signal) : nodedown_new(peer, down_reason, &signal);
    osri_subscriber_tell(node, pid, err == OSR_OK ? signal : NULL);
}

static void tell_all_locked(osr_node *node, const osri_peer *peer, const char *down_reason)
{
    unsigned wanted = peer->hidden ? OSRI_SUBSCRIBED_HIDDEN : OSRI_SUBSCRIBED_VISIBLE;
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(&node->subscribers, &cursor, &at)) {
        if (((uintptr_t)at.value & wanted) != 0) {
            osr_pid pid;
            memcpy(&pid, at.key, sizeof(pid));
            tell(node, pid, peer, down_reason);
        }
    }
}

void osri_node_peer_up(osr_node *node, const osri_peer *peer)
{
    osri_peer *copy = osri_heap_alloc(sizeof(*copy));
    osri_event_named(node, OSR_EVENT_NODE_UP, OSR_PID_NONE, peer->name, peer->node);
    if (copy == NULL) {
        osri_log_write(&node->log, OSR_LOG_ERROR, "out of memory: late subscribers miss %s",
                       peer->name);
    } else {
        *copy = *peer;
    }
    osri_mutex_lock(&node->registry_mutex);
    void *old = NULL;
    if (copy != NULL && osri_map_put_u64(&node->peers_up, peer->node, copy, &old) != OSR_OK) {
        old = copy;
    }
    tell_all_locked(node, peer, NULL);
    osri_mutex_unlock(&node->registry_mutex);
    osri_heap_free(old, sizeof(*copy));
}

void osri_node_peer_down(osr_node *node, const osri_peer *peer, const char *reason)
{
    osri_event_named(node, OSR_EVENT_NODE_DOWN, OSR_PID_NONE, peer->name, peer->node);
    osri_mutex_lock(&node->registry_mutex);
    osri_peer *known = osri_map_remove_u64(&node->peers_up, peer->node);
    tell_all_locked(node, peer, reason);
    osri_node_watches_fire_locked(node, peer->name, peer->node, reason);
    osri_mutex_unlock(&node->registry_mutex);
    osri_heap_free(known, sizeof(*known));
}

osr_err osri_subscribe_locked(osr_self *self, unsigned remove, unsigned add)
{
    osri_map *subscribers = &self->node->subscribers;
    osr_pid pid = osri_process_pid(self);
    uintptr_t bits = (uintptr_t)osri_map_get(subscribers, &pid, sizeof(pid));
    bits = (bits & ~(uintptr_t)remove) | add;
    if (bits == 0) {
        (void)osri_map_remove(subscribers, &pid, sizeof(pid));
        return OSR_OK;
    }
    osr_err err = osri_map_put(subscribers, &pid, sizeof(pid), (void *)bits, NULL);
    self->subscribed = self->subscribed || err == OSR_OK;
    return err;
}

static osr_err subscribe_to_nodes_locked(osr_self *self, bool hidden)
{
    osr_node *node = self->node;
    osr_pid pid = osri_process_pid(self);
    osr_err err =
        osri_subscribe_locked(self, OSRI_SUBSCRIBED_HIDDEN,
                              OSRI_SUBSCRIBED_VISIBLE | (hidden ? OSRI_SUBSCRIBED_HIDDEN : 0));
    size_t cursor = 0;
    osri_map_entry at;
    while (err == OSR_OK && osri_map_next(&node->peers_up, &cursor, &at)) {
        const osri_peer *peer = at.value;
        if (!peer->hidden || hidden) {
            tell(node, pid, peer, NULL);
        }
    }
    return err;
}

osr_err osr_monitor_nodes(osr_self *self, bool on, bool hidden)
{
    osr_node *node = self->node;
    osri_mutex_lock(&node->registry_mutex);
    osr_err err =
        on ? subscribe_to_nodes_locked(self, hidden)
           : osri_subscribe_locked(self, OSRI_SUBSCRIBED_VISIBLE | OSRI_SUBSCRIBED_HIDDEN, 0);
    osri_mutex_unlock(&node->registry_mutex);
    return err;
}

/* As many as there are; some may come in between. */
static osr_err copy_links(const osr_node *node, osr_link_status **ret_links, size_t *ret_count,
                          size_t *ret_room)
{
    size_t room = 0;
    size_t count = node->remote->links(node->remote_context, NULL, 0);
    osr_link_status *links = NULL;
    while (count > room) {
        osri_heap_free(links, room * sizeof(*links));
        room = count;
        links = osri_heap_alloc(room * sizeof(*links));
        if (links == NULL) {
            return OSR_ENOMEM;
        }
        count = node->remote->links(node->remote_context, links, room);
    }
    *ret_links = links;
    *ret_count = count;
    *ret_room = room;
    return OSR_OK;
}

osr_err osr_node_links(const osr_node *node,
                       void (*visit)(void *context, const osr_link_status *link), void *context)
{
    osr_link_status *links;
    size_t count;
    size_t room;
    if (node->remote == NULL) {
        return OSR_OK;
    }
    osr_err err = copy_links(node, &links, &count, &room);
    if (err != OSR_OK) {
        return err;
    }
    for (size_t i = 0; i < count; i++) {
        visit(context, &links[i]);
    }
    osri_heap_free(links, room * sizeof(*links));
    return OSR_OK;
}

void osri_node_unsubscribe(osr_node *node, osr_pid pid)
{
    osri_mutex_lock(&node->registry_mutex);
    uintptr_t bits = (uintptr_t)osri_map_remove(&node->subscribers, &pid, sizeof(pid));
    if ((bits & OSRI_SUBSCRIBED_MAILBOXES) != 0) {
        osri_marks_watch_locked(node, false);
    }
    osri_node_watches_end_locked(node, pid);
    osri_mutex_unlock(&node->registry_mutex);
}
