/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/info.h"
#include "lib/process/node.h"

/* What tools learn of a process: by snapshot, from outside and without its help; by signal, from itself. */

static void copy_text(char *ret, size_t bytes, const char *text)
{
    (void)snprintf(ret, bytes, "%s", text == NULL ? "" : text);
}

static void fill(osr_node *node, osr_self *process, osri_snapshot *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->pid = osri_process_pid(process);
    ret->parent = process->parent;
    ret->state = (osri_run_state)atomic_load_explicit(&process->state, memory_order_relaxed);
    ret->queued = atomic_load_explicit(&process->queued, memory_order_relaxed);
    ret->handled = atomic_load_explicit(&process->handled, memory_order_relaxed);
    ret->trap_exit = atomic_load_explicit(&process->traps, memory_order_relaxed);
    ret->since_ns = atomic_load_explicit(&process->since_ns, memory_order_relaxed);
    const osr_type *handling = atomic_load_explicit(&process->handling, memory_order_relaxed);
    copy_text(ret->handling, sizeof(ret->handling), handling == NULL ? NULL : handling->name);
    copy_text(ret->label, sizeof(ret->label), process->label);
    const osri_body_ops *ops = process->ops;
    const osr_entry *entry = process->entry;
    copy_text(ret->body, sizeof(ret->body),
              ops != NULL ? ops->name : (entry != NULL ? entry->name : NULL));
    osri_mutex_lock(&node->registry_mutex);
    copy_text(ret->name, sizeof(ret->name), process->name);
    osri_mutex_unlock(&node->registry_mutex);
}

typedef struct visitor {
    osr_node *node;
    void (*visit)(void *context, const osri_snapshot *snapshot);
    void *context;
} visitor;

static void visit_slot(void *context, osr_self *process)
{
    visitor *v = context;
    osr_pid before = osri_process_pid(process);
    osri_snapshot snapshot;
    fill(v->node, process, &snapshot);
    osr_pid after = osri_process_pid(process);
    /* a slot that changed hands, or has nobody, meanwhile is passed over */
    if (osr_pid_equal(before, after) && process->number != 0) {
        v->visit(v->context, &snapshot);
    }
}

void osri_node_snapshot(osr_node *node, void (*visit)(void *context, const osri_snapshot *snapshot),
                        void *context)
{
    visitor v = {node, visit, context};
    osri_table_visit(node, visit_slot, &v);
}

osr_err osri_process_snapshot(osr_node *node, osr_pid pid, osri_snapshot *ret_snapshot)
{
    osr_self *process = pid.node == node->id ? osri_table_at(node, pid.slot) : NULL;
    if (process == NULL || !osr_pid_equal(osri_process_pid(process), pid) || process->number == 0) {
        return OSR_ENOPROC;
    }
    osri_snapshot snapshot;
    fill(node, process, &snapshot);
    if (!osr_pid_equal(osri_process_pid(process), pid)) {
        return OSR_ENOPROC;
    }
    *ret_snapshot = snapshot;
    return OSR_OK;
}

/* ---- by signal ------------------------------------------------------------------------- */

#define LISTED_MAX 64

typedef struct pid_list {
    osr_pid pids[LISTED_MAX];
    uint32_t count;
} pid_list;

static void collect(const osri_map *map, pid_list *ret_list, bool is_value_monitor)
{
    size_t cursor = 0;
    osri_map_entry at;
    ret_list->count = 0;
    while (ret_list->count < LISTED_MAX && osri_map_next(map, &cursor, &at)) {
        if (is_value_monitor) {
            ret_list->pids[ret_list->count++] = ((const osri_monitor_entry *)at.value)->pid;
        } else {
            memcpy(&ret_list->pids[ret_list->count++], at.key, sizeof(osr_pid));
        }
    }
}

static void describe(osr_self *process, osri_process_info *ret, pid_list lists[3], char *state,
                     size_t state_bytes)
{
    lists[0].count = lists[1].count = lists[2].count = 0;
    if (process->relations != NULL) {
        collect(&process->relations->links, &lists[0], false);
        collect(&process->relations->monitors, &lists[1], true);
        collect(&process->relations->watchers, &lists[2], false);
    }
    ret->links.at = lists[0].pids;
    ret->links.count = lists[0].count;
    ret->monitors.at = lists[1].pids;
    ret->monitors.count = lists[1].count;
    ret->watchers.at = lists[2].pids;
    ret->watchers.count = lists[2].count;
    state[0] = '\0';
    if (process->ops != NULL && process->ops->print != NULL && process->started) {
        process->ops->print(process->state_block, state, state_bytes);
    }
    ret->state = osr_str_of(state);
}

void osri_info_answer(osr_self *process, osri_envelope *signal)
{
    if (process->exiting || process->ending) {
        osri_signal_refuse(process->node, osri_process_pid(process), OSR_REASON_NOPROC, &signal);
        return;
    }
    pid_list lists[3];
    char state[512];
    osri_process_info info = {0};
    describe(process, &info, lists, state, sizeof(state));
    osri_envelope *reply;
    if (osri_signal_new(OSRI_SIGNAL_REPLY, osri_process_pid(process), signal->ref,
                        &osri_process_info_osr_type, &info, &reply) == OSR_OK) {
        osri_route route = {.pid = signal->from};
        (void)osri_signal_send(process->node, &route, &reply);
    }
    osri_envelope_free(&signal);
}

osr_err osri_process_ask_info(osr_self *self, osr_pid pid, uint32_t timeout_ms,
                              const osri_process_info **ret_info)
{
    osri_route route = {.pid = pid};
    osri_envelope *answer = NULL;
    osr_err err = osri_request_kind(self, OSRI_SIGNAL_INFO, &route, NULL, NULL,
                                    osri_reference_next(self->node),
                                    osri_deadline(self, timeout_ms), &answer);
    if (err != OSR_OK) {
        return err;
    }
    osri_envelope_free(&self->held);
    self->held = answer;
    if (answer->kind != OSRI_SIGNAL_REPLY) {
        const osr_reason *reason = osri_envelope_body(answer);
        return reason->code == OSR_REASON_NOCONNECTION ? OSR_ENOCONNECTION : OSR_ENOPROC;
    }
    *ret_info = osri_envelope_body(answer);
    return OSR_OK;
}
