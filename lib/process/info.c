/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/info.h"
#include "lib/process/node.h"

/* What tools learn of a process: by snapshot, from outside and without its help; by signal, from
 * itself. */

static void copy_text(char *ret, size_t bytes, const char *text)
{
    (void)snprintf(ret, bytes, "%s", text == NULL ? "" : text);
}

static void fill_locked(osr_self *process, osri_snapshot *ret)
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
    copy_text(ret->body, sizeof(ret->body), osri_process_body_name(process));
    copy_text(ret->name, sizeof(ret->name), process->name);
}

/* False: nobody lives in the slot, or another than the one whose number it is (0: whoever has this
 * generation). The locks keep the name and what is constant in a process's life where they are. */
static bool fill(osr_self *process, uint64_t number, uint32_t generation, osri_snapshot *ret)
{
    osr_node *node = process->node;
    osri_mutex_lock(&node->registry_mutex);
    osri_mutex_lock(&node->table.mutex);
    atomic_store_explicit(&node->table.looking, true, memory_order_seq_cst);
    /* seq_cst: see S4 in table.c; acquire: pairs with release in osri_spawn_run(): what was set at
     * spawn */
    uint64_t here = atomic_load_explicit(&process->number, memory_order_seq_cst);
    bool is_it = here != 0 && (number != 0 ? here == number
                                           : osri_process_pid(process).generation == generation);
    if (is_it) {
        fill_locked(process, ret);
    }
    atomic_store_explicit(&node->table.looking, false, memory_order_release);
    osri_mutex_unlock(&node->table.mutex);
    osri_mutex_unlock(&node->registry_mutex);
    return is_it;
}

typedef struct visitor {
    void (*visit)(void *context, const osri_snapshot *snapshot);
    void *context;
} visitor;

static void visit_slot(void *context, osr_self *process, uint64_t number)
{
    visitor *v = context;
    osri_snapshot snapshot;
    if (fill(process, number, 0, &snapshot)) {
        v->visit(v->context, &snapshot);
    }
}

void osri_node_snapshot(osr_node *node, void (*visit)(void *context, const osri_snapshot *snapshot),
                        void *context)
{
    visitor v = {visit, context};
    (void)osri_table_visit(node, visit_slot, &v);
}

osr_err osri_process_snapshot(osr_node *node, osr_pid pid, osri_snapshot *ret_snapshot)
{
    osr_self *process = pid.node == node->id ? osri_table_at(node, pid.slot) : NULL;
    osri_snapshot snapshot;
    if (process == NULL || !fill(process, 0, pid.generation, &snapshot)) {
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

typedef enum collected { COLLECT_LINKS, COLLECT_MONITORS, COLLECT_WATCHERS } collected;

static void collect(const osri_map *map, collected what, pid_list *ret_list)
{
    size_t cursor = 0;
    osri_map_entry at;
    ret_list->count = 0;
    while (ret_list->count < LISTED_MAX && osri_map_next(map, &cursor, &at)) {
        if (what == COLLECT_LINKS && !((const osri_link_entry *)at.value)->active) {
            continue;
        }
        if (what == COLLECT_MONITORS) {
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
        collect(&process->relations->links, COLLECT_LINKS, &lists[0]);
        collect(&process->relations->monitors, COLLECT_MONITORS, &lists[1]);
        collect(&process->relations->watchers, COLLECT_WATCHERS, &lists[2]);
    }
    ret->links.at = lists[0].pids;
    ret->links.count = lists[0].count;
    ret->monitors.at = lists[1].pids;
    ret->monitors.count = lists[1].count;
    ret->watchers.at = lists[2].pids;
    ret->watchers.count = lists[2].count;
    state[0] = '\0';
    bool is_idle =
        process->started && process->stack == NULL; /* in a callback the state is in flux */
    if (is_idle && process->ops != NULL && process->ops->print != NULL) {
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
    if (osri_signal_new_sure(process->node, OSRI_SIGNAL_REPLY, osri_process_pid(process),
                             signal->ref, &osri_process_info_osr_type, &info, &reply) == OSR_OK) {
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
    osri_envelope_free(&self->stack->activation.held);
    self->stack->activation.held = answer;
    if (answer->kind != OSRI_SIGNAL_REPLY) {
        const osr_reason *reason = osri_envelope_body(answer);
        return reason->code == OSR_REASON_NOCONNECTION ? OSR_ENOCONNECTION : OSR_ENOPROC;
    }
    if (answer->type == NULL || answer->type->id != osri_process_info_osr_type.id) {
        return OSR_EPROTO; /* anybody may answer anything */
    }
    *ret_info = osri_envelope_body(answer);
    return OSR_OK;
}
