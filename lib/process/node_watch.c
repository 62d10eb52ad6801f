/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"

/* Monitors of single nodes.
 *
 * Invariants
 *   I1  a watch is in the node's list and in the chain of its process, or it is freed.
 *   I2  it is there before the node is asked to connect: so whatever comes of that finds it.
 *   I3  it fires once: whoever fires it takes it out, under the lock. */

typedef struct osri_node_watch {
    osri_list_link link;
    struct osri_node_watch *next; /* of the same process, the one made before */
    osr_pid pid;
    uint64_t number;
    size_t bytes;
    char name[];
} osri_node_watch;

#define WATCH_OF(link_) OSRI_LIST_ENTRY(link_, osri_node_watch, link)

static osri_node_watch *watch_new(osr_self *self, const char *name)
{
    size_t bytes = sizeof(osri_node_watch) + strlen(name) + 1;
    osri_node_watch *watch = osri_heap_zalloc(bytes);
    if (watch != NULL) {
        watch->pid = osri_process_pid(self);
        watch->number = osri_reference_next(self->node);
        watch->bytes = bytes;
        memcpy(watch->name, name, strlen(name) + 1);
    }
    return watch;
}

static osr_err watch_add_locked(osr_self *self, osri_node_watch *watch)
{
    osr_node *node = self->node;
    osri_map *watchers = &node->node_watchers;
    watch->next = osri_map_get(watchers, &watch->pid, sizeof(watch->pid));
    osr_err err = osri_map_put(watchers, &watch->pid, sizeof(watch->pid), watch, NULL);
    if (err == OSR_OK) {
        osri_list_push_back(&node->node_watches, &watch->link);
        self->subscribed = true;
    }
    return err;
}

/* Out of everything, and freed. */
static void watch_end_locked(osr_node *node, osri_node_watch *watch)
{
    osri_map *watchers = &node->node_watchers;
    osri_node_watch *first = osri_map_get(watchers, &watch->pid, sizeof(watch->pid));
    if (first != watch) {
        osri_node_watch *before = first;
        while (before->next != watch) {
            before = before->next;
        }
        before->next = watch->next;
    } else if (watch->next == NULL) {
        (void)osri_map_remove(watchers, &watch->pid, sizeof(watch->pid));
    } else {
        /* it is there already: nothing is allocated */
        (void)!osri_map_put(watchers, &watch->pid, sizeof(watch->pid), watch->next, NULL);
    }
    osri_list_remove(&watch->link);
    osri_heap_free(watch, watch->bytes);
}

osr_err osr_monitor_node(osr_self *self, const char *name, osr_ref *ret_monitor)
{
    osr_node *node = self->node;
    if (node->remote == NULL) {
        return OSR_ENOTSUP;
    }
    osri_node_watch *watch = watch_new(self, name);
    if (watch == NULL) {
        return OSR_ENOMEM;
    }
    osr_ref monitor = {node->id, watch->number};
    osri_mutex_lock(&node->registry_mutex);
    osr_err err = watch_add_locked(self, watch);
    osri_mutex_unlock(&node->registry_mutex);
    if (err != OSR_OK) {
        osri_heap_free(watch, watch->bytes);
        return err;
    }
    err = node->remote->connect(node->remote_context, name, false);
    if (err != OSR_OK) {
        (void)osr_demonitor_node(self, monitor);
        return err;
    }
    *ret_monitor = monitor;
    return OSR_OK;
}

bool osr_demonitor_node(osr_self *self, osr_ref monitor)
{
    osr_node *node = self->node;
    osr_pid pid = osri_process_pid(self);
    osri_mutex_lock(&node->registry_mutex);
    osri_node_watch *watch = osri_map_get(&node->node_watchers, &pid, sizeof(pid));
    while (watch != NULL && (watch->number != monitor.number || monitor.node != node->id)) {
        watch = watch->next;
    }
    if (watch != NULL) {
        watch_end_locked(node, watch);
    }
    osri_mutex_unlock(&node->registry_mutex);
    return watch != NULL;
}

static void fire_locked(osr_node *node, osri_node_watch *watch, uint64_t id, const char *reason)
{
    osr_nodedown message = {.name = osr_str_of(watch->name),
                            .node = id,
                            .reason = osr_str_of(reason),
                            .monitor = {node->id, watch->number}};
    osri_envelope *signal = NULL;
    osr_err err = osri_signal_new_sure(node, OSRI_SIGNAL_NODE, OSR_PID_NONE, 0,
                                       &osr_nodedown_osr_type, &message, &signal);
    osri_subscriber_tell(node, watch->pid, err == OSR_OK ? signal : NULL);
    watch_end_locked(node, watch);
}

void osri_node_watches_fire_locked(osr_node *node, const char *name, uint64_t id,
                                   const char *reason)
{
    osri_list_link *link = osri_list_first(&node->node_watches);
    while (link != NULL) {
        osri_node_watch *watch = WATCH_OF(link);
        link = osri_list_next(&node->node_watches, link);
        if (strcmp(watch->name, name) == 0) {
            fire_locked(node, watch, id, reason);
        }
    }
}

void osri_node_unreachable(osr_node *node, const char *name, const char *reason)
{
    osri_mutex_lock(&node->registry_mutex);
    osri_node_watches_fire_locked(node, name, 0, reason);
    osri_mutex_unlock(&node->registry_mutex);
}

void osri_node_watches_end_locked(osr_node *node, osr_pid pid)
{
    osri_node_watch *watch = osri_map_remove(&node->node_watchers, &pid, sizeof(pid));
    while (watch != NULL) {
        osri_node_watch *next = watch->next;
        osri_list_remove(&watch->link);
        osri_heap_free(watch, watch->bytes);
        watch = next;
    }
}

void osri_node_watches_end_all(osr_node *node)
{
    osri_list_link *link;
    while ((link = osri_list_pop_front(&node->node_watches)) != NULL) {
        osri_heap_free(WATCH_OF(link), WATCH_OF(link)->bytes);
    }
    osri_map_fini(&node->node_watchers);
}
