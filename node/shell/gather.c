/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <inttypes.h>
#include <string.h>

#include "lib/core/heap.h"
#include "node/shell/collect.h"
#include "node/shell/command.h"
#include "node/shell/format.h"
#include "node/shell/protocol.h"
#include "node/shell/rows.h"
#include "osier/main.h"

/* ps tree: the shell services of the visible peers are asked at the same time, each by a helper
 * process, so that one that does not answer costs its deadline once and hides none of the others.
 *
 * Helpers are linked to the command's process and answer it exactly once, or end with it. */

#define PEERS_ASKED_MAX 64
#define TREE_ROWS_MAX 100000
#define ANSWER_MS 2000
#define HELPER_STACK_BYTES (128 * 1024)

typedef struct gathering {
    osr_self *self;
    osri_peer *peers;
    size_t peer_count;
    const char *nodes[PEERS_ASKED_MAX + 1]; /* index 0: this one */
    uint64_t ids[PEERS_ASKED_MAX + 1];
    uint32_t node_count;
    uint32_t not_asked;
    uint64_t left_out; /* processes */
    osri_tree_process *rows;
    size_t count, room;
    osri_text remarks;
    bool no_memory;
} gathering;

static bool add(gathering *g, const osr_snapshot *snapshot, uint32_t node)
{
    if (g->count == TREE_ROWS_MAX) {
        g->left_out += 1;
        return true;
    }
    if (g->count == g->room) {
        size_t room = g->room == 0 ? 256 : g->room * 2;
        osri_tree_process *rows =
            osri_heap_realloc(g->rows, g->room * sizeof(*rows), room * sizeof(*rows));
        if (rows == NULL) {
            g->no_memory = true;
            return false;
        }
        g->rows = rows;
        g->room = room;
    }
    g->rows[g->count++] = (osri_tree_process){.snapshot = *snapshot, .node = node};
    return true;
}

static void add_own(gathering *g)
{
    osri_collection processes;
    if (osri_collect_processes(osr_self_node(g->self), &processes) != OSR_OK) {
        g->no_memory = true;
        return;
    }
    for (size_t i = 0; i < processes.count && add(g, &processes.at[i], 0); i++) {
    }
    g->left_out += processes.total - processes.count;
    osri_collection_fini(&processes);
}

/* ---- helpers --------------------------------------------------------------------------- */

OSR_ENTRY(osri_shell_helper, osri_shell_question)
{
    osri_shell_list request = {.version = OSRI_SHELL_VERSION};
    osri_shell_answer answer = {.node = argument->node};
    const osri_shell_rows *rows = NULL;
    osr_err err = osri_shell_list_request(self, osr_name(OSRI_SHELL_NAME, argument->node.at),
                                          &request, argument->timeout_ms, &rows);
    if (err == OSR_OK && rows->status != OSR_STATUS_OK) {
        err = OSR_EPERM;
    }
    answer.error = (int32_t)err;
    if (err == OSR_OK) {
        answer.total = rows->total;
        answer.rows.at = rows->rows.at;
        answer.rows.count = rows->rows.count;
    }
    return osri_shell_answer_send(self, osr_to(argument->asker), &answer);
}

static osr_err ask(gathering *g, const char *node)
{
    osri_shell_question question = {
        .asker = osr_self_pid(g->self), .node = osr_str_of(node), .timeout_ms = ANSWER_MS};
    osr_pid helper;
    return osri_shell_helper_spawn(
        g->self, &question,
        OSR_SPAWN(.link = true, .label = "ps tree", .stack_bytes = HELPER_STACK_BYTES), &helper);
}

static uint32_t ask_all(gathering *g)
{
    uint32_t asked = 0;
    for (size_t i = 0; i < g->peer_count; i++) {
        if (g->peers[i].hidden) {
            continue;
        }
        if (g->node_count > PEERS_ASKED_MAX || ask(g, g->peers[i].name) != OSR_OK) {
            g->not_asked += 1;
            continue;
        }
        g->nodes[g->node_count] = g->peers[i].name;
        g->ids[g->node_count++] = g->peers[i].node;
        asked += 1;
    }
    return asked;
}

/* ---- answers --------------------------------------------------------------------------- */

static void remark(gathering *g, const osri_shell_answer *answer)
{
    switch ((osr_err)answer->error) {
    case OSR_ETIMEDOUT:
        osri_text_add(&g->remarks, "%s has not answered within %d s\n", answer->node.at,
                      ANSWER_MS / 1000);
        break;
    case OSR_ENOPROC:
        osri_text_add(&g->remarks, "%s runs no shell service\n", answer->node.at);
        break;
    case OSR_EPERM:
        osri_text_add(&g->remarks, "%s does not show its processes to this node\n",
                      answer->node.at);
        break;
    default:
        osri_text_add(&g->remarks, "%s has not answered: %s\n", answer->node.at,
                      osr_err_text((osr_err)answer->error));
        break;
    }
}

/* A node speaks for its own processes only. */
static void add_answer(gathering *g, uint32_t node, const osri_shell_answer *answer)
{
    for (uint32_t i = 0; i < answer->rows.count; i++) {
        osr_snapshot snapshot;
        osri_row_read(&answer->rows.at[i], &snapshot);
        if (snapshot.pid.node == g->ids[node] && !add(g, &snapshot, node)) {
            return;
        }
    }
    g->left_out += answer->total > answer->rows.count ? answer->total - answer->rows.count : 0;
}

static void take_answer(gathering *g, const osri_shell_answer *answer)
{
    for (uint32_t node = 1; node < g->node_count; node++) {
        if (strcmp(g->nodes[node], answer->node.at) == 0) {
            if (answer->error == OSR_OK) {
                add_answer(g, node, answer);
            } else {
                remark(g, answer);
            }
        }
    }
}

static osr_err receive_answers(gathering *g, uint32_t asked)
{
    const osr_type *types[] = {&osri_shell_answer_osr_type};
    osr_err err = OSR_OK;
    while (asked > 0 && err == OSR_OK && !g->no_memory) {
        osr_message message;
        err = osr_receive_of(g->self, types, 1, ANSWER_MS + 1000, &message);
        if (err == OSR_OK) {
            take_answer(g, OSR_AS(osri_shell_answer, &message));
            asked -= 1;
        }
    }
    return err;
}

static void print_tree(gathering *g, osri_command_context *context)
{
    if (g->no_memory ||
        osri_format_tree(&context->out, g->nodes, g->node_count, g->rows, g->count) != OSR_OK) {
        osri_command_complain(context, OSR_STATUS_FAILED, "the node is out of memory");
        return;
    }
    if (g->left_out > 0) {
        osri_text_add(&context->out, "and %" PRIu64 " more processes\n", g->left_out);
    }
    if (g->not_asked > 0) {
        osri_text_add(&g->remarks, "%u more nodes were not asked\n", g->not_asked);
    }
    if (g->remarks.bytes > 0) {
        osri_text_add_bytes(&context->complaint, osri_text_get(&g->remarks), g->remarks.bytes);
        context->status = OSR_STATUS_FAILED;
    }
}

void osri_command_tree(osri_command_context *context)
{
    gathering g = {.self = context->self, .node_count = 1};
    g.nodes[0] = osr_self_node_name(context->self);
    osri_text_init(&g.remarks, OSRI_SHELL_LINE_BYTES_MAX);
    if (osri_collect_peers(osr_self_node(context->self), &g.peers, &g.peer_count) != OSR_OK) {
        g.no_memory = true;
    }
    uint32_t asked = ask_all(&g);
    add_own(&g);
    osr_err err = receive_answers(&g, asked);
    if (err != OSR_EEXIT) {
        print_tree(&g, context);
    }
    osri_heap_free(g.rows, g.room * sizeof(*g.rows));
    osri_peers_free(&g.peers, g.peer_count);
    osri_text_fini(&g.remarks);
}
