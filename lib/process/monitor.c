/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/alias.h"
#include "lib/process/node.h"

/* Monitors: the watcher keeps what it watches by number, the watched one keeps its watchers; and
 * the requests of others that a process has taken to answer later, which are monitors until they
 * are answered. */

typedef struct watcher_key {
    osr_pid pid;
    uint64_t number;
} watcher_key;

static void monitor_entry_free(osri_monitor_entry *entry)
{
    if (entry != NULL) {
        osri_heap_strfree(entry->name);
        osri_heap_strfree(entry->node);
        osri_heap_free(entry, sizeof(*entry));
    }
}

static osri_monitor_entry *monitor_entry_new(osr_pid pid, const char *name, const char *node)
{
    osri_monitor_entry *entry = osri_heap_zalloc(sizeof(*entry));
    if (entry == NULL) {
        return NULL;
    }
    entry->pid = pid;
    entry->name = name == NULL ? NULL : osri_heap_strdup(name);
    entry->node = node == NULL ? NULL : osri_heap_strdup(node);
    if ((name != NULL && entry->name == NULL) || (node != NULL && entry->node == NULL)) {
        monitor_entry_free(entry);
        return NULL;
    }
    return entry;
}

osr_err osri_monitor_add(osr_self *process, osr_pid pid, const char *name, const char *node,
                         uint64_t tag, uint64_t number)
{
    osri_relations *relations = osri_process_relations(process);
    if (relations != NULL && osri_map_count(&relations->monitors) >= process->node->relations_max) {
        return OSR_ELIMIT;
    }
    osri_monitor_entry *entry = monitor_entry_new(pid, name, node);
    if (relations == NULL || entry == NULL ||
        osri_map_put_u64(&relations->monitors, number, entry, NULL) != OSR_OK) {
        monitor_entry_free(entry);
        return OSR_ENOMEM;
    }
    entry->tag = tag;
    return OSR_OK;
}

static osr_err add_key(osri_map *map, osr_pid pid, uint64_t number, void *value)
{
    watcher_key key = {pid, number};
    return osri_map_put(map, &key, sizeof(key), value, NULL);
}

osr_err osri_watcher_add(osr_self *process, osr_pid watcher, uint64_t number)
{
    osri_relations *relations = osri_process_relations(process);
    return relations == NULL ? OSR_ENOMEM : add_key(&relations->watchers, watcher, number, process);
}

osr_err osri_request_keep(osr_self *process, osr_pid caller, uint64_t number)
{
    osri_relations *relations = osri_process_relations(process);
    return relations == NULL ? OSR_ENOMEM : add_key(&relations->requests, caller, number, process);
}

void osri_request_drop(osr_self *process, osr_pid caller, uint64_t number)
{
    if (process->relations != NULL) {
        watcher_key key = {caller, number};
        (void)osri_map_remove(&process->relations->requests, &key, sizeof(key));
    }
}

static void monitor_asked(osr_self *process, osri_envelope *signal)
{
    if (osri_watcher_add(process, signal->from, signal->ref) != OSR_OK) {
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &signal);
        return;
    }
    osri_envelope_free(&signal);
}

static void demonitor_asked(osr_self *process, osri_envelope *signal)
{
    if (process->relations != NULL) {
        watcher_key key = {signal->from, signal->ref};
        (void)osri_map_remove(&process->relations->watchers, &key, sizeof(key));
        (void)osri_map_remove(&process->relations->requests, &key, sizeof(key));
    }
    osri_envelope_free(&signal);
}

static void tell_down(osr_self *process, const osri_monitor_entry *entry, uint64_t number,
                      osr_pid pid, const osr_reason *reason)
{
    osr_down message = {.reason = *reason, .tag = entry->tag};
    message.monitor.node = process->node->id;
    message.monitor.number = number;
    message.pid = osr_pid_is_none(entry->pid) ? pid : entry->pid;
    if (entry->name != NULL) {
        message.name = osr_str_of(entry->name);
        message.node = osr_str_of(entry->node != NULL ? entry->node : process->node->name);
    }
    osri_process_tell(process, &osr_down_osr_type, &message);
}

static void down_arrived(osr_self *process, osri_envelope *signal)
{
    osri_monitor_entry *entry =
        process->relations == NULL
            ? NULL
            : osri_map_remove_u64(&process->relations->monitors, signal->ref);
    if (entry != NULL) {
        osri_alias_monitor_ended(process, signal->ref);
        tell_down(process, entry, signal->ref, signal->from, osri_envelope_body(signal));
        monitor_entry_free(entry);
    }
    osri_envelope_free(&signal);
}

void osri_monitor_signal(osr_self *process, osri_envelope *signal)
{
    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_MONITOR:
        monitor_asked(process, signal);
        break;
    case OSRI_SIGNAL_DEMONITOR:
        demonitor_asked(process, signal);
        break;
    default:
        down_arrived(process, signal);
        break;
    }
}

void osri_request_refuse(osr_self *process, osr_pid caller, uint64_t number,
                         const osr_reason *reason)
{
    osri_envelope *signal;
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_DOWN, osri_process_pid(process), number,
                             &osr_reason_osr_type, reason, &signal) == OSR_OK) {
        osri_route route = {.pid = caller};
        (void)osri_signal_send(process->node, &route, &signal);
    }
}

/* Says to some of those who are in the map why it has ended. True: it was all. */
static bool end_watchers(osr_self *process, osri_map *map, uint32_t *steps)
{
    osri_map_entry at;
    while (*steps > 0) {
        if (!osri_map_next(map, &process->relations->ended, &at)) {
            osri_map_fini(map);
            process->relations->ended = 0;
            return true;
        }
        watcher_key key;
        memcpy(&key, at.key, sizeof(key));
        osri_request_refuse(process, key.pid, key.number, osri_process_reason(process));
        *steps -= 1;
    }
    return false;
}

/* By pid where it is known, else by name. */
static osri_route route_of(osr_pid pid, const char *name, const char *node)
{
    osri_route route = {.pid = pid};
    if (osr_pid_is_none(pid)) {
        route.name = name;
        route.node = node;
    }
    return route;
}

static void send_demonitor(osr_self *process, const osri_monitor_entry *entry, uint64_t number)
{
    osri_envelope *signal;
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_DEMONITOR, osri_process_pid(process),
                             number, NULL, NULL, &signal) == OSR_OK) {
        osri_route route = route_of(entry->pid, entry->name, entry->node);
        (void)osri_signal_send(process->node, &route, &signal);
    }
}

static bool end_monitors(osr_self *process, osri_map *map, uint32_t *steps)
{
    osri_map_entry at;
    while (*steps > 0) {
        if (!osri_map_next(map, &process->relations->ended, &at)) {
            osri_map_fini(map);
            process->relations->ended = 0;
            return true;
        }
        uint64_t number;
        memcpy(&number, at.key, sizeof(number));
        send_demonitor(process, at.value, number);
        monitor_entry_free(at.value);
        *steps -= 1;
    }
    return false;
}

bool osri_monitor_end_some(osr_self *process, uint32_t *steps)
{
    osri_relations *relations = process->relations;
    return relations == NULL || (end_monitors(process, &relations->monitors, steps) &&
                                 end_watchers(process, &relations->watchers, steps) &&
                                 end_watchers(process, &relations->requests, steps));
}

osr_err osr_monitor(osr_self *self, osr_dest to, osr_ref *ret_monitor)
{
    return osr_monitor_tagged(self, to, 0, ret_monitor);
}

osr_err osr_monitor_tagged(osr_self *self, osr_dest to, uint64_t tag, osr_ref *ret_monitor)
{
    if (osr_pid_is_none(to.pid) && to.name == NULL) {
        return OSR_EINVAL;
    }
    if (to.name != NULL && (to.node == NULL || strcmp(to.node, self->node->name) == 0)) {
        to.pid = osri_node_whereis(self->node, to.name); /* whoever has the name now */
    }
    uint64_t number = osri_reference_next(self->node);
    osr_err err = osri_monitor_add(self, to.pid, to.name, to.node, tag, number);
    if (err != OSR_OK) {
        return err;
    }
    osri_monitored how = {.name = osr_str_of(to.name == NULL ? "" : to.name),
                          .node = osr_str_of(to.node == NULL ? "" : to.node)};
    osri_envelope *signal;
    err = osri_signal_new(OSRI_SIGNAL_MONITOR, osri_process_pid(self), number,
                          &osri_monitored_osr_type, &how, &signal);
    if (err != OSR_OK) {
        monitor_entry_free(osri_map_remove_u64(&self->relations->monitors, number));
        return err;
    }
    ret_monitor->node = self->node->id;
    ret_monitor->number = number;
    osri_event_pair(self->node, OSR_EVENT_MONITOR, osri_process_pid(self), to.pid, number);
    if (osr_pid_equal(to.pid, osri_process_pid(self))) {
        osri_envelope_free(&signal); /* never fires */
        return OSR_OK;
    }
    osri_route route = route_of(to.pid, to.name, to.node);
    (void)osri_signal_send(self->node, &route, &signal); /* an unknown name answers with noproc */
    return OSR_OK;
}

static bool is_down_of(void *context, const osr_message *message)
{
    const osr_down *down = OSR_AS(osr_down, message);
    return down != NULL && down->monitor.number == *(const uint64_t *)context;
}

static void flush_down(osr_self *self, uint64_t number)
{
    osri_mailbox_rewind(&self->mailbox);
    osri_envelope *down = osri_mailbox_take_where(&self->mailbox, is_down_of, &number);
    if (down != NULL) {
        osri_process_message_gone(self, down);
        osri_message_dropped(self->node, osri_process_pid(self), OSR_DROP_FLUSHED, down);
        osri_envelope_free(&down);
    }
    osri_mailbox_rewind(&self->mailbox);
}

bool osr_demonitor(osr_self *self, osr_ref monitor, bool flush)
{
    osri_monitor_entry *entry =
        self->relations == NULL || monitor.node != self->node->id
            ? NULL
            : osri_map_remove_u64(&self->relations->monitors, monitor.number);
    if (entry != NULL) {
        osri_event_pair(self->node, OSR_EVENT_DEMONITOR, osri_process_pid(self), entry->pid,
                        monitor.number);
        osri_alias_monitor_ended(self, monitor.number);
        send_demonitor(self, entry, monitor.number);
        monitor_entry_free(entry);
    } else if (flush) {
        flush_down(self, monitor.number);
    }
    return entry != NULL;
}
