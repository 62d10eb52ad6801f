/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/info_lists.h"

#include <string.h>

static void fill_links(const osri_links *links, osri_info_lists *lists, osr_process_relations *ret)
{
    size_t cursor = 0;
    const osri_link_entry *entry;
    while ((entry = osri_links_next(links, &cursor)) != NULL) {
        if (entry->active && ret->link_count++ < OSRI_LISTED_MAX) {
            lists->links[ret->links.count++] = entry->pid;
        }
    }
    ret->links.at = lists->links;
}

static void fill_monitors(const osri_map *monitors, osri_info_lists *lists,
                          osr_process_relations *ret)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(monitors, &cursor, &at)) {
        const osri_monitor_entry *entry = at.value;
        if (!osr_pid_is_none(entry->pid)) {
            if (ret->monitor_count++ < OSRI_LISTED_MAX) {
                lists->monitors[ret->monitors.count++] = entry->pid;
            }
        } else if (ret->name_count++ < OSRI_LISTED_MAX) {
            lists->names[ret->names.count++] =
                (osr_process_name){osr_str_of(entry->name == NULL ? "" : entry->name),
                                   osr_str_of(entry->node == NULL ? "" : entry->node)};
        }
    }
    ret->monitors.at = lists->monitors;
    ret->names.at = lists->names;
}

static void fill_watchers(const osri_map *watchers, osri_info_lists *lists,
                          osr_process_relations *ret)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(watchers, &cursor, &at)) {
        if (ret->watcher_count++ < OSRI_LISTED_MAX) {
            memcpy(&lists->watchers[ret->watchers.count++], at.key, sizeof(osr_pid));
        }
    }
    ret->watchers.at = lists->watchers;
}

static void fill_suspending(const osr_self *process, osri_info_lists *lists,
                            osr_process_relations *ret)
{
    const osri_map *of = osri_suspensions_of(process);
    size_t cursor = 0;
    osri_map_entry at;
    while (of != NULL && osri_map_next(of, &cursor, &at)) {
        if (ret->suspending_count++ < OSRI_LISTED_MAX) {
            osr_suspending *one = &lists->suspending[ret->suspending.count++];
            memcpy(&one->pid, at.key, sizeof(one->pid));
            one->times = (uint32_t)(uintptr_t)at.value;
        }
    }
    ret->suspending.at = lists->suspending;
}

typedef struct oldest_list {
    osri_info_lists *lists;
    uint32_t count;
} oldest_list;

static bool add_oldest(void *context, const osri_envelope *envelope)
{
    oldest_list *list = context;
    char *text = list->lists->texts[list->count];
    size_t bytes =
        osr_print(envelope->type, osri_envelope_body(envelope), text, OSRI_OLDEST_TEXT_BYTES);
    list->lists->oldest[list->count++] = (osr_waiting_message){
        osr_str_of(envelope->type->name), envelope->from, {text, (uint32_t)bytes}};
    return list->count < OSRI_OLDEST_MAX;
}

static void fill_oldest(const osr_self *process, osri_info_lists *lists, osr_process_work *ret)
{
    oldest_list list = {lists, 0};
    osri_mailbox_look(&process->mailbox, add_oldest, &list);
    ret->oldest.at = lists->oldest;
    ret->oldest.count = list.count;
}

void osri_info_lists_fill(osri_info_lists *lists, const osr_self *process,
                          osr_process_relations *ret_relations, osr_process_work *ret_work)
{
    const osri_relations *relations = process->relations;
    fill_links(process->links, lists, ret_relations);
    if (relations != NULL) {
        fill_monitors(&relations->monitors, lists, ret_relations);
        fill_watchers(&relations->watchers, lists, ret_relations);
        fill_suspending(process, lists, ret_relations);
        ret_relations->group_leader = relations->leader;
    }
    fill_oldest(process, lists, ret_work);
}
