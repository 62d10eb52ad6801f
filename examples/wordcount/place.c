/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* The workers are children of the coordinator's supervisor on other nodes: one for each node
 * with WORKER_LABEL, "worker-1" on the first by name. When its node is lost the supervisor
 * starts it again on another node with that label; when the node comes back, it moves home. */

#define START_MS 5000

static bool has_label(const osr_nodeup *up)
{
    for (uint32_t i = 0; i < up->labels.count; i++) {
        if (strcmp(up->labels.at[i].at, WORKER_LABEL) == 0) {
            return true;
        }
    }
    return false;
}

static job_node *find_node(job *state, const char *name)
{
    for (uint32_t i = 0; i < state->node_count; i++) {
        if (strcmp(state->nodes[i].name, name) == 0) {
            return &state->nodes[i];
        }
    }
    return NULL;
}

void job_node_up(job *state, const osr_nodeup *up)
{
    job_node *node = find_node(state, up->name.at);
    if (node == NULL && has_label(up) && state->node_count < PLAN_WORKERS_MAX) {
        node = &state->nodes[state->node_count++];
        *node = (job_node){0};
        (void)snprintf(node->name, sizeof(node->name), "%s", up->name.at);
    }
    if (node != NULL) {
        node->up = true;
    }
}

void job_node_down(job *state, const osr_nodedown *down)
{
    job_node *node = find_node(state, down->name.at);
    if (node != NULL) {
        node->up = false;
        node->placed = false;
    }
}

/* ---- starting ---------------------------------------------------------------------------- */

static int by_number_then_name(const void *a, const void *b)
{
    const job_node *x = a;
    const job_node *y = b;
    if ((x->number == 0) != (y->number == 0)) {
        return x->number == 0 ? 1 : -1;
    }
    return x->number != 0 ? (x->number > y->number) - (x->number < y->number)
                          : strcmp(x->name, y->name);
}

static void place(osr_self *self, const job_node *node)
{
    osr_dest supervisor = osr_to(osr_self_parent(self));
    char id[sizeof(((job_worker *)NULL)->id)];
    (void)snprintf(id, sizeof(id), "worker-%u", node->number);
    const osr_child child =
        OSR_CHILD_NAMED("wordcount_worker", .id = id, .place = node->name,
                        .on_noconnection = OSR_ELSEWHERE, .argument_type = &worker_options_osr_type,
                        .argument = &(worker_options){.id = osr_str_of(id)});
    osr_pid pid;
    osr_err err = osr_supervisor_start_child(self, supervisor, &child, START_MS, &pid);
    if (err == OSR_ETAKEN) { /* it runs elsewhere: move it home */
        err = osr_supervisor_terminate_child(self, supervisor, id, START_MS);
        if (err == OSR_OK) {
            err = osr_supervisor_restart_child(self, supervisor, id, START_MS, &pid);
        }
    }
    if (err != OSR_OK) {
        osr_log_self(self, OSR_LOG_WARNING, "%s is not started on %s: %s", id, node->name,
                     osr_err_text(err));
    }
}

void job_place(osr_self *self, job *state, bool now)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < state->node_count; i++) {
        up += state->nodes[i].up;
    }
    if (up < state->expected && state->numbered == 0 && !now) {
        return;
    }
    qsort(state->nodes, state->node_count, sizeof(state->nodes[0]), by_number_then_name);
    for (uint32_t i = 0; i < state->node_count; i++) {
        job_node *node = &state->nodes[i];
        if (node->up && !node->placed) {
            node->number = node->number == 0 ? ++state->numbered : node->number;
            node->placed = true;
            place(self, node);
        }
    }
}
