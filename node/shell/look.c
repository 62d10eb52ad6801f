/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/log.h"
#include "node/shell/collect.h"
#include "node/shell/command.h"
#include "node/shell/format.h"
#include "node/shell/protocol.h"
#include "node/shell/version.h"
#include "osier/main.h"

/* Commands that look: ps, info, nodes, version. */

#define INFO_MS 500
#define LABELS_BYTES 256

static void complain_no_memory(osri_command_context *context)
{
    osri_command_complain(context, OSR_STATUS_FAILED, "the node is out of memory");
}

static void list_processes(osri_command_context *context)
{
    osri_collection processes;
    if (osri_collect_processes(osr_self_node(context->self), &processes) != OSR_OK) {
        complain_no_memory(context);
        return;
    }
    osri_format_processes(&context->out, processes.at, processes.count, osr_now(context->self));
    if (processes.total > processes.count) {
        osri_text_add(&context->out, "and %" PRIu64 " more\n", processes.total - processes.count);
    }
    osri_collection_fini(&processes);
}

void osri_command_ps(osri_command_context *context, char *const *arguments, unsigned count)
{
    if (count == 0) {
        list_processes(context);
    } else if (strcmp(arguments[0], "tree") == 0) {
        osri_command_tree(context);
    } else {
        osri_command_complain(context, OSR_STATUS_USAGE,
                              "ps takes nothing but tree; type: ps, or: ps tree");
    }
}

void osri_command_info(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)count;
    osr_pid pid;
    if (!osri_command_process(context, arguments[0], &pid)) {
        return;
    }
    const osr_process_info *info = NULL;
    osr_err err = osr_info(context->self, pid, INFO_MS, &info);
    osr_snapshot snapshot;
    if (err == OSR_OK) {
        osri_format_info(&context->out, info);
    } else if (osr_snapshot_of(osr_self_node(context->self), pid, &snapshot) == OSR_OK) {
        osri_format_silent(&context->out, &snapshot, osr_now(context->self));
    } else {
        osri_command_complain(context, OSR_STATUS_FAILED, "it has just ended");
    }
}

/* ---- nodes ----------------------------------------------------------------------------- */

/* Lines to words with commas. */
static void print_labels(const char *lines, char ret_text[LABELS_BYTES])
{
    (void)osri_log_escape(ret_text, LABELS_BYTES, "-");
    size_t used = 0;
    for (; lines[used] != '\0' && used + 1 < LABELS_BYTES; used++) {
        ret_text[used] = lines[used] == '\n' ? ',' : lines[used];
    }
    if (used > 0) {
        ret_text[used - (ret_text[used - 1] == ',')] = '\0';
    }
}

void osri_command_nodes(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)arguments;
    (void)count;
    osri_peer *peers;
    size_t peer_count;
    if (osri_collect_peers(osr_self_node(context->self), &peers, &peer_count) != OSR_OK) {
        complain_no_memory(context);
        return;
    }
    osri_text_add(&context->out, "%s OS process %ld, this node\n",
                  osr_self_node_name(context->self), (long)getpid());
    for (size_t i = 0; i < peer_count; i++) {
        char labels[LABELS_BYTES];
        print_labels(peers[i].labels, labels);
        osri_text_add(&context->out, "%s OS process %" PRIu64 ", labels ", peers[i].name,
                      peers[i].os_pid);
        osri_text_add_safe(&context->out, labels, strlen(labels));
        osri_text_add(&context->out, "%s\n", peers[i].hidden ? ", hidden" : "");
    }
    osri_peers_free(&peers, peer_count);
}

void osri_command_version(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)arguments;
    (void)count;
    osri_text_add(&context->out, "%s: osier %s, command protocol %d\n",
                  osr_self_node_name(context->self), osri_version(), OSRI_SHELL_VERSION);
}
