/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "node/osier/arguments.h"
#include "node/osier/commands.h"
#include "node/osier/show.h"
#include "node/osier/target.h"
#include "node/shell/protocol.h"
#include "node/shell/text.h"

/* osier exec: one command of the shell, for scripts. */

#define TEXT_BYTES 256
#define ANSWER_MS 20000
#define STOP_MS 1000

static const char usage[] =
    "usage: osier exec [FLAG]... NODE COMMAND...\n"
    "Runs a command of the shell in a node: osier exec counter ps. NODE is NAME or NAME@HOST.\n"
    "osier exec NODE help lists the commands.\n" OSRI_ARGUMENTS_HELP;

static void join_words(osri_text *line, char *const *words, int count)
{
    for (int i = 0; i < count; i++) {
        osri_text_add_bytes(line, words[i], strlen(words[i]));
        osri_text_add_bytes(line, " ", i + 1 < count);
    }
}

static int ask(const osri_arguments *arguments, const char *target, const char *line)
{
    osr_node *node = NULL;
    int status = osri_target_check(arguments, "exec", target);
    if (status == OSR_STATUS_OK) {
        status = osri_arguments_client(arguments, "exec", osri_show_output, NULL, &node);
    }
    if (status != OSR_STATUS_OK) {
        return status;
    }
    osri_ask *question = NULL;
    osri_ask_result result = {.err = osri_ask_start(node, target, line, ANSWER_MS, -1, &question)};
    if (result.err == OSR_OK) {
        osri_ask_wait(question, &result);
    }
    status = osri_show(&result, "osier exec", target, ANSWER_MS);
    osri_ask_free(&question);
    osr_node_stop(node, STOP_MS);
    osr_node_free(&node);
    return status;
}

int osri_osier_exec(int argc, char **argv)
{
    osri_arguments arguments;
    char text[TEXT_BYTES] = "it wants a node and a command";
    char target[OSRI_NAME_BYTES];
    if (!osri_arguments_parse(argc, argv, &arguments, text, sizeof(text))) {
        return osri_arguments_refuse("exec", text, usage);
    }
    if (arguments.help) {
        (void)fputs(usage, stdout);
        return OSR_STATUS_OK;
    }
    if (arguments.rest_count < 2) {
        return osri_arguments_refuse("exec", text, usage);
    }
    if (!osri_target_name(arguments.rest[0], target)) {
        (void)snprintf(text, sizeof(text), "\"%.128s\" is no name of a node", arguments.rest[0]);
        return osri_arguments_refuse("exec", text, usage);
    }
    osri_text line;
    osri_text_init(&line, OSRI_SHELL_LINE_BYTES_MAX);
    join_words(&line, arguments.rest + 1, arguments.rest_count - 1);
    int status = line.cut ? osri_arguments_refuse("exec", "the command is too long", usage)
                          : ask(&arguments, target, osri_text_get(&line));
    osri_text_fini(&line);
    return status;
}
