/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* The workers are children of the coordinator's supervisor on other nodes: one for each node with
 * WORKER_LABEL, "worker-1" on the first by name. When its node is lost the supervisor starts it again on another
 * node with that label; when the node comes back, it moves home. */

#define START_MS 5000

extern const osr_child worker_child; /* worker.c is not needed here: its exported name is enough */

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
    }
}
