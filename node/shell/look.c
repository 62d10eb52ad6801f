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
#include "osier/nodes.h"

/* Commands that look: ps, info, nodes, links, version. */

#define INFO_MS 500

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

static void print_labels(osri_text *out, const osr_node_info *info)
{
    osri_text_add(out, "%s", info->labels.count == 0 ? ", labels -" : ", labels ");
    for (uint32_t i = 0; i < info->labels.count; i++) {
        osri_text_add(out, "%s", i == 0 ? "" : ",");
        osri_text_add_safe(out, info->labels.at[i].at, info->labels.at[i].size);
    }
}

static void print_node(osri_text *out, const osr_node_info *info, bool is_this)
{
    osri_text_add_safe(out, info->name.at, info->name.size);
    if (is_this) {
        osri_text_add(out, " OS process %ld, this node", (long)getpid());
    } else if (info->connected) {
        osri_text_add(out, " OS process %" PRIu64, info->os_pid);
    } else {
        osri_text_add(out, " not connected, at ");
        osri_text_add_safe(out, info->endpoint.at, info->endpoint.size);
    }
    if (!is_this || info->labels.count > 0) {
        print_labels(out, info);
    }
    osri_text_add(out, "%s%s\n", info->draining ? ", draining" : "",
                  info->hidden ? ", hidden" : "");
}

void osri_command_nodes(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)arguments;
    (void)count;
    const osr_node_list *list;
    if (osr_nodes(context->self, OSR_NODES_KNOWN, &list) != OSR_OK) {
        complain_no_memory(context);
        return;
    }
    for (uint32_t i = 0; i < list->nodes.count; i++) {
        print_node(&context->out, &list->nodes.at[i], i == 0);
    }
    osr_free(context->self, (void *)(uintptr_t)list);
}

static void print_link(void *context, const osr_link_status *link)
{
    osri_format_link(context, link);
}

void osri_command_links(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)arguments;
    (void)count;
    if (osr_node_links(osr_self_node(context->self), print_link, &context->out) != OSR_OK) {
        complain_no_memory(context);
    } else if (osri_text_get(&context->out)[0] == '\0') {
        osri_text_add(&context->out, "this node has not been connected to any other\n");
    }
}

void osri_command_version(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)arguments;
    (void)count;
    osri_text_add(&context->out, "%s: osier %s, command protocol %d\n",
                  osr_self_node_name(context->self), osri_version(), OSRI_SHELL_VERSION);
}
