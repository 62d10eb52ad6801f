/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/bound.h"

#include <string.h>

/* News of long mailboxes. While somebody asks for them every slot has OSRI_MAILBOX_MARKS, so that a
 * process pays for being watched only then; OSRI_MAILBOX_LONG is set between the high mark and the
 * low one. */

#define MARK_HIGH_DEFAULT 10000
#define MARK_LOW_DEFAULT 1000

static void tell_all(osr_self *process, bool is_long, uint64_t messages)
{
    osr_node *node = process->node;
    osr_mailbox_mark mark = {
        .pid = osri_process_pid(process), .is_long = is_long, .messages = messages};
    size_t cursor = 0;
    osri_map_entry at;
    osri_mutex_lock(&node->registry_mutex);
    while (osri_map_next(&node->subscribers, &cursor, &at)) {
        if (((uintptr_t)at.value & OSRI_SUBSCRIBED_MAILBOXES) != 0) {
            osr_pid pid;
            osri_envelope *signal;
            memcpy(&pid, at.key, sizeof(pid));
            osr_err err = osri_signal_new_sure(node, OSRI_SIGNAL_NODE, OSR_PID_NONE, 0,
                                               &osr_mailbox_mark_osr_type, &mark, &signal);
            osri_subscriber_tell(node, pid, err == OSR_OK ? signal : NULL);
        }
    }
    osri_mutex_unlock(&node->registry_mutex);
}

void osri_marks_grown(osr_self *process, uint64_t queued)
{
    const osri_limits *limits = osri_limits_of(process);
    uint64_t high = limits == NULL ? MARK_HIGH_DEFAULT : limits->mark_high;
    if (queued < high || (osri_mailbox_flags_of(process) & OSRI_MAILBOX_LONG) != 0) {
        return;
    }
    atomic_fetch_or_explicit(&process->mailbox_flags, OSRI_MAILBOX_LONG, memory_order_relaxed);
    tell_all(process, true, queued);
}

void osri_marks_shrunk(osr_self *process, uint64_t queued)
{
    const osri_limits *limits = osri_limits_of(process);
    uint64_t low = limits == NULL ? MARK_LOW_DEFAULT : limits->mark_low;
    if (queued > low || (osri_mailbox_flags_of(process) & OSRI_MAILBOX_LONG) == 0) {
        return;
    }
    atomic_fetch_and_explicit(&process->mailbox_flags, (uint8_t)~OSRI_MAILBOX_LONG,
                              memory_order_relaxed);
    tell_all(process, false, queued);
}

/* In all slots, also those where nobody lives yet. */
static void set_everywhere(osr_node *node, bool on)
{
    osri_table *table = &node->table;
    osri_mutex_lock(&table->mutex);
    table->marks = on;
    for (uint32_t slot = 0; slot / OSRI_PAGE_SLOTS < table->page_count; slot++) {
        osr_self *process = osri_table_at(node, slot);
        if (process == NULL) {
            break; /* pages are made in order */
        }
        /* relaxed: who sees it late counts from then on */
        if (on) {
            atomic_fetch_or_explicit(&process->mailbox_flags, OSRI_MAILBOX_MARKS,
                                     memory_order_relaxed);
        } else {
            atomic_fetch_and_explicit(&process->mailbox_flags, (uint8_t)~OSRI_MAILBOX_MARKS,
                                      memory_order_relaxed);
        }
    }
    osri_mutex_unlock(&table->mutex);
}

void osri_marks_watch_locked(osr_node *node, bool on)
{
    node->mark_watchers += on ? 1 : UINT32_MAX;
    if (node->mark_watchers == (on ? 1 : 0)) {
        set_everywhere(node, on);
    }
}

osr_err osr_monitor_mailboxes(osr_self *self, bool on)
{
    osr_node *node = self->node;
    osr_pid pid = osri_process_pid(self);
    osri_mutex_lock(&node->registry_mutex);
    uintptr_t bits = (uintptr_t)osri_map_get(&node->subscribers, &pid, sizeof(pid));
    bool was_on = (bits & OSRI_SUBSCRIBED_MAILBOXES) != 0;
    osr_err err = osri_subscribe_locked(self, on ? 0 : OSRI_SUBSCRIBED_MAILBOXES,
                                        on ? OSRI_SUBSCRIBED_MAILBOXES : 0);
    if (err == OSR_OK && on != was_on) {
        osri_marks_watch_locked(node, on);
    }
    osri_mutex_unlock(&node->registry_mutex);
    return err;
}
