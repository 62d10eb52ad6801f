/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"

/* The members of the cluster as the distribution tells of them: kept for who subscribes late and
 * for who asks, told to subscribers under the same lock, so that nobody misses one.
 *
 * Invariant: kept are this node, and those that are connected or joined; so their number is bounded
 * by the distribution's table. */

/* What KNOWN has and the other kinds have not. */
#define ONLY_KNOWN ((uint32_t)OSR_NODES_KNOWN & ~(uint32_t)(OSR_NODES_CONNECTED | OSR_NODES_THIS))

typedef struct osri_member_kept {
    osri_member_view view; /* texts are in `text` */
    size_t bytes;
    char text[];
} osri_member_kept;

static char *put_text(char **at, const char *text)
{
    size_t bytes = strlen(text) + 1;
    char *place = *at;
    memcpy(place, text, bytes);
    *at += bytes;
    return place;
}

static osri_member_kept *kept_new(const osri_member_view *view)
{
    size_t bytes = sizeof(osri_member_kept) + strlen(view->name) + strlen(view->endpoint) +
                   strlen(view->labels) + 3;
    osri_member_kept *kept = osri_heap_alloc(bytes);
    if (kept != NULL) {
        char *at = kept->text;
        kept->view = *view;
        kept->bytes = bytes;
        kept->view.name = put_text(&at, view->name);
        kept->view.endpoint = put_text(&at, view->endpoint);
        kept->view.labels = put_text(&at, view->labels);
    }
    return kept;
}

static void kept_free(osri_member_kept *kept)
{
    if (kept != NULL) {
        osri_heap_free(kept, kept->bytes);
    }
}

/* ---- subscribers ------------------------------------------------------------------------ */

static osri_envelope *message_of(const osri_member_view *view)
{
    osr_str labels[OSRI_LABELS_SPLIT_MAX];
    osr_member message = {.name = osr_str_of(view->name),
                          .node = osri_node_id(view->name, view->creation),
                          .creation = view->creation,
                          .state = (uint32_t)view->state,
                          .connected = view->connected,
                          .draining = view->draining,
                          .endpoint = osr_str_of(view->endpoint)};
    osri_envelope *signal = NULL;
    message.labels.at = labels;
    message.labels.count = osri_labels_split(view->labels, labels);
    osr_err err =
        osri_signal_new(OSRI_SIGNAL_NODE, OSR_PID_NONE, 0, &osr_member_osr_type, &message, &signal);
    return err == OSR_OK ? signal : NULL;
}

static void tell_all_locked(osr_node *node, const osri_member_view *view)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(&node->subscribers, &cursor, &at)) {
        if (((uintptr_t)at.value & OSRI_SUBSCRIBED_MEMBERS) != 0) {
            osr_pid pid;
            memcpy(&pid, at.key, sizeof(pid));
            osri_subscriber_tell(node, pid, message_of(view));
        }
    }
}

void osri_node_member(osr_node *node, const osri_member_view *view)
{
    size_t name = strlen(view->name);
    bool there = view->connected || view->state == OSR_MEMBER_JOINED;
    osri_member_kept *kept = there ? kept_new(view) : NULL;
    void *old = NULL;

    osri_mutex_lock(&node->registry_mutex);
    if (kept == NULL) {
        old = osri_map_remove(&node->members, view->name, name);
    } else if (osri_map_put(&node->members, view->name, name, kept, &old) != OSR_OK) {
        old = kept;
        kept = NULL;
    }
    tell_all_locked(node, view);
    osri_mutex_unlock(&node->registry_mutex);
    if (there && kept == NULL) {
        osri_log_write(&node->log, OSR_LOG_ERROR, "out of memory: member %s is not known",
                       view->name);
    }
    kept_free(old);
}

static osr_err subscribe_locked(osr_self *self)
{
    osr_node *node = self->node;
    osr_err err = osri_subscribe_locked(self, 0, OSRI_SUBSCRIBED_MEMBERS);
    size_t cursor = 0;
    osri_map_entry at;
    while (err == OSR_OK && osri_map_next(&node->members, &cursor, &at)) {
        const osri_member_kept *kept = at.value;
        osri_subscriber_tell(node, osri_process_pid(self), message_of(&kept->view));
    }
    return err;
}

osr_err osr_monitor_members(osr_self *self, bool on)
{
    osri_mutex_lock(&self->node->registry_mutex);
    osr_err err =
        on ? subscribe_locked(self) : osri_subscribe_locked(self, OSRI_SUBSCRIBED_MEMBERS, 0);
    osri_mutex_unlock(&self->node->registry_mutex);
    return err;
}

/* ---- lists ------------------------------------------------------------------------------ */

/* Nodes while they are gathered; texts are lent as long as the lock is held. */
typedef struct gathering {
    osr_node_info *nodes;
    osr_str (*labels)[OSRI_LABELS_SPLIT_MAX];
    uint32_t count;
} gathering;

static osr_node_info *gather(gathering *all, const char *name, const char *labels)
{
    osr_node_info *info = &all->nodes[all->count];
    memset(info, 0, sizeof(*info));
    info->name = osr_str_of(name);
    info->labels.at = all->labels[all->count];
    info->labels.count = osri_labels_split(labels, all->labels[all->count]);
    all->count++;
    return info;
}

static void gather_member(gathering *all, const osri_member_view *view)
{
    osr_node_info *info = gather(all, view->name, view->labels);
    info->node = osri_node_id(view->name, view->creation);
    info->creation = view->creation;
    info->endpoint = osr_str_of(view->endpoint);
    info->connected = view->connected;
    info->draining = view->draining;
}

static void gather_peer(gathering *all, const osr_node *node, const osri_peer *peer)
{
    const osri_member_kept *kept = osri_map_get(&node->members, peer->name, strlen(peer->name));
    osr_node_info *info = gather(all, peer->name, peer->labels);
    info->node = peer->node;
    info->creation = peer->creation;
    info->connected = true;
    info->hidden = peer->hidden;
    info->os_pid = peer->os_pid;
    if (kept != NULL && !peer->hidden) {
        info->endpoint = osr_str_of(kept->view.endpoint);
        info->draining = kept->view.draining;
    }
}

static void gather_this(gathering *all, const osr_node *node)
{
    const osri_member_kept *kept = osri_map_get(&node->members, node->name, strlen(node->name));
    osr_node_info *info = gather(all, node->name, kept == NULL ? "" : kept->view.labels);
    info->node = node->id;
    info->creation = node->creation;
    if (kept != NULL) {
        info->endpoint = osr_str_of(kept->view.endpoint);
        info->draining = kept->view.draining;
    }
}

static void gather_all(gathering *all, const osr_node *node, uint32_t kinds)
{
    size_t cursor = 0;
    osri_map_entry at;
    if ((kinds & OSR_NODES_THIS) != 0) {
        gather_this(all, node);
    }
    while (osri_map_next(&node->peers_up, &cursor, &at)) {
        const osri_peer *peer = at.value;
        if ((kinds & (peer->hidden ? OSR_NODES_HIDDEN : OSR_NODES_VISIBLE)) != 0) {
            gather_peer(all, node, peer);
        }
    }
    cursor = 0;
    while ((kinds & ONLY_KNOWN) != 0 && osri_map_next(&node->members, &cursor, &at)) {
        const osri_member_kept *kept = at.value;
        if (!kept->view.connected && strcmp(kept->view.name, node->name) != 0) {
            gather_member(all, &kept->view);
        }
    }
}

/* The list in an envelope of its own. */
static osr_err list_locked(const osr_node *node, uint32_t kinds, osri_envelope **ret_list)
{
    size_t room = osri_map_count(&node->peers_up) + osri_map_count(&node->members) + 1;
    gathering all = {.nodes = osri_heap_alloc(room * sizeof(*all.nodes)),
                     .labels = osri_heap_alloc(room * sizeof(*all.labels))};
    osr_err err = OSR_ENOMEM;
    if (all.nodes != NULL && all.labels != NULL) {
        gather_all(&all, node, kinds);
        osr_node_list list = {.nodes = {all.nodes, all.count}};
        err = osri_envelope_new(&osr_node_list_osr_type, &list, ret_list);
    }
    osri_heap_free(all.nodes, room * sizeof(*all.nodes));
    osri_heap_free(all.labels, room * sizeof(*all.labels));
    return err;
}

osr_err osr_nodes(osr_self *self, uint32_t kinds, const osr_node_list **ret_list)
{
    osr_node *node = self->node;
    osri_envelope *list = NULL;
    osri_mutex_lock(&node->registry_mutex);
    osr_err err = list_locked(node, kinds, &list);
    osri_mutex_unlock(&node->registry_mutex);
    const void *body = NULL;
    if (err == OSR_OK) {
        err = osri_memory_keep(self, &list, &body);
    }
    if (err == OSR_OK) {
        *ret_list = body;
    }
    return err;
}

/* ---- one with a label ------------------------------------------------------------------- */

/* Whether it is the wanted one, or that with a value. */
static bool is_label(const char *label, size_t size, const char *wanted)
{
    size_t bytes = strlen(wanted);
    return size >= bytes && memcmp(label, wanted, bytes) == 0 &&
           (size == bytes || label[bytes] == '=');
}

static bool text_has_label(const char *labels, const char *wanted)
{
    while (*labels != '\0') {
        size_t size = strcspn(labels, "\n");
        if (is_label(labels, size, wanted)) {
            return true;
        }
        labels += size + (labels[size] != '\0');
    }
    return false;
}

/* How many may be chosen; *ret_member is the one of this index among them. */
static uint32_t candidates_locked(const osr_node *node, const char *label, uint32_t index,
                                  const osri_member_view **ret_member)
{
    uint32_t count = 0;
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(&node->members, &cursor, &at)) {
        const osri_member_kept *kept = at.value;
        if (!kept->view.draining && text_has_label(kept->view.labels, label) && count++ == index) {
            *ret_member = &kept->view;
        }
    }
    return count;
}

osr_err osr_choose_node(osr_self *self, const char *label, char ret_name[OSR_NODE_NAME_BYTES])
{
    osr_node *node = self->node;
    const osri_member_view *chosen = NULL;
    uint32_t random = 0;
    osr_random(self, &random, sizeof(random));
    osri_mutex_lock(&node->registry_mutex);
    uint32_t count = candidates_locked(node, label, 0, &chosen);
    if (count > 0) {
        (void)candidates_locked(node, label, random % count, &chosen);
        memcpy(ret_name, chosen->name, strlen(chosen->name) + 1);
    }
    osri_mutex_unlock(&node->registry_mutex);
    return chosen == NULL ? OSR_ENOTFOUND : OSR_OK;
}

bool osr_node_has_label(const osr_node_info *node, const char *wanted)
{
    for (uint32_t i = 0; i < node->labels.count; i++) {
        if (is_label(node->labels.at[i].at, node->labels.at[i].size, wanted)) {
            return true;
        }
    }
    return false;
}

void osri_members_end_all(osr_node *node)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(&node->members, &cursor, &at)) {
        kept_free(at.value);
    }
    osri_map_fini(&node->members);
}
