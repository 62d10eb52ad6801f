/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/core/log.h"
#include "node/osier/arguments.h"
#include "node/osier/ask.h"
#include "node/osier/commands.h"
#include "node/osier/members_lines.h"
#include "node/osier/show.h"
#include "node/osier/target.h"

/* osier nodes: what the mapper of this machine knows, and who of them answers; then the members of
 * the cluster that only those who answered know. They are asked a batch at a time, all of it at
 * once, for what their own command `nodes` prints. With a contact that needs no mapper, it alone is
 * asked. */

#define TEXT_BYTES 512
#define BATCH 32
#define ANSWER_MS 3000
#define STOP_MS 1000
#define LINKS_MS 20000
#define LABELS_BYTES 200

static const char usage[] =
    "usage: osier nodes [FLAG]... [NODE]\n"
    "Lists the nodes of this machine: name, endpoint, OS process, labels, and whether each answers "
    "and\n"
    "is draining; then the other members of the cluster that these know.\n"
    "With a NODE (NAME or NAME@HOST): its links to others, and what passed, waits and was "
    "dropped.\n"
    "  --check              exit with 0 only if there are nodes and all "
    "answer\n" OSRI_ARGUMENTS_HELP;

static void join_labels(const osri_epmd_record *record, char ret_text[LABELS_BYTES])
{
    size_t used = 0;
    ret_text[0] = '-';
    ret_text[1] = '\0';
    for (uint32_t i = 0; i < record->label_count; i++) {
        char safe[OSRI_EPMD_LABEL_BYTES * 4];
        size_t length = osri_log_escape(safe, sizeof(safe), record->labels[i]);
        if (used + length + 2 > LABELS_BYTES) {
            break;
        }
        used +=
            (size_t)snprintf(ret_text + used, LABELS_BYTES - used, "%s%s", i > 0 ? "," : "", safe);
    }
}

static void print_row(const osri_epmd_record *record, int width, const char *answer)
{
    char name[OSRI_NAME_BYTES * 4];
    char endpoint[OSRI_EPMD_ENDPOINT_BYTES * 4];
    char labels[LABELS_BYTES];
    (void)osri_log_escape(name, sizeof(name), record->name);
    (void)osri_log_escape(endpoint, sizeof(endpoint), record->endpoint);
    join_labels(record, labels);
    (void)printf("%-*s %-24s %8" PRIu32 " %-16s %s\n", width, name, endpoint, record->os_pid,
                 labels, answer);
}

static const char *describe(const osri_ask_result *result)
{
    switch (result->err) {
    case OSR_OK:
        return osri_members_line_has(result->text, "draining") ? "yes, draining" : "yes";
    case OSR_ETIMEDOUT:
        return "no: timed out";
    case OSR_ENOCONNECTION:
        return "no: no connection";
    case OSR_ENOPROC:
        return "connects, has no shell service";
    default:
        return osr_err_text(result->err);
    }
}

/* Asks and prints a batch; returns how many answer. */
static uint32_t check_batch(osr_node *node, const osri_epmd_record *records, uint32_t count,
                            int width, osri_text *others)
{
    osri_ask *asks[BATCH] = {NULL};
    osri_ask_result results[BATCH] = {{.err = OSR_OK}};
    uint32_t answering = 0;
    for (uint32_t i = 0; i < count; i++) {
        results[i].err = osri_ask_start(node, records[i].name, "nodes", ANSWER_MS, -1, &asks[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        if (asks[i] != NULL) {
            osri_ask_wait(asks[i], &results[i]);
        }
        answering += results[i].err == OSR_OK || results[i].err == OSR_ENOPROC;
        print_row(&records[i], width, describe(&results[i]));
        if (results[i].err == OSR_OK) {
            osri_members_lines_add(others, results[i].text);
        }
        osri_ask_free(&asks[i]);
    }
    return answering;
}

static bool is_registered(const osri_epmd_record *records, uint32_t count, const char *line)
{
    size_t bytes = strcspn(line, " \n");
    for (uint32_t i = 0; i < count; i++) {
        if (strlen(records[i].name) == bytes && strncmp(records[i].name, line, bytes) == 0) {
            return true;
        }
    }
    return false;
}

/* Those of which others have told, and that are not registered here. */
static void print_others(const osri_epmd_record *records, uint32_t count, const char *lines)
{
    bool any = false;
    for (const char *at = lines; *at != '\0'; at += strcspn(at, "\n") + 1) {
        if (!is_registered(records, count, at)) {
            char line[TEXT_BYTES], safe[TEXT_BYTES];
            (void)snprintf(line, sizeof(line), "%.*s", (int)strcspn(at, "\n"), at);
            (void)osri_log_escape(safe, sizeof(safe), line);
            (void)printf("%s%s\n", any ? "" : "members elsewhere:\n", safe);
            any = true;
        }
    }
}

static int check_all(const osri_arguments *arguments, const osri_epmd_record *records,
                     uint32_t count)
{
    osr_node *node = NULL;
    int status = osri_arguments_client(arguments, "nodes", NULL, NULL, &node);
    if (status != OSR_STATUS_OK) {
        return status;
    }
    int width = (int)strlen("NODE");
    for (uint32_t i = 0; i < count; i++) {
        int length = (int)strlen(records[i].name);
        width = length > width ? length : width;
    }
    (void)printf("%-*s %-24s %8s %-16s %s\n", width, "NODE", "ENDPOINT", "PROCESS", "LABELS",
                 "ANSWERS");
    uint32_t answering = 0;
    osri_text others;
    osri_text_init(&others, OSR_MESSAGE_BYTES_MAX);
    for (uint32_t i = 0; i < count; i += BATCH) {
        uint32_t batch = count - i < BATCH ? count - i : BATCH;
        answering += check_batch(node, records + i, batch, width, &others);
    }
    print_others(records, count, osri_text_get(&others));
    osri_text_fini(&others);
    osr_node_stop(node, STOP_MS);
    osr_node_free(&node);
    return arguments->check && answering < count ? OSR_STATUS_FAILED : OSR_STATUS_OK;
}

/* Asks the contact what it knows. */
static int ask_contact(const osri_arguments *arguments)
{
    const char *name = arguments->contact.name;
    osr_node *node = NULL;
    int status = osri_arguments_client(arguments, "nodes", NULL, NULL, &node);
    if (status != OSR_STATUS_OK) {
        return status;
    }
    osri_ask *ask = NULL;
    osri_ask_result result = {.err = osri_ask_start(node, name, "nodes", ANSWER_MS, -1, &ask)};
    if (ask != NULL) {
        osri_ask_wait(ask, &result);
    }
    if (result.err == OSR_OK) {
        osri_text lines;
        osri_text_init(&lines, OSR_MESSAGE_BYTES_MAX);
        osri_members_lines_add(&lines, result.text);
        (void)fputs(osri_text_get(&lines), stdout);
        osri_text_fini(&lines);
        status = result.status;
    } else {
        char text[TEXT_BYTES];
        osri_ask_explain(result.err, name, ANSWER_MS, text, sizeof(text));
        (void)fprintf(stderr, "osier nodes: %s\n", text);
        status = OSR_STATUS_UNAVAILABLE;
    }
    osri_ask_free(&ask);
    osr_node_stop(node, STOP_MS);
    osr_node_free(&node);
    return status;
}

static int list(const osri_arguments *arguments)
{
    osri_epmd_options options = osri_arguments_mapper(arguments);
    osri_epmd_record *records = NULL;
    uint32_t count = 0;
    char text[TEXT_BYTES] = "";
    osr_err err = osri_epmd_list(&options, NULL, &records, &count, text, sizeof(text));
    if (err != OSR_OK) {
        (void)fprintf(stderr, "osier nodes: %s\n", text[0] != '\0' ? text : osr_err_text(err));
        return OSR_STATUS_UNAVAILABLE;
    }
    if (count == 0) {
        (void)puts("no node is registered on this machine; osier demo up starts some");
        osri_epmd_list_free(&records, count);
        return arguments->check ? OSR_STATUS_FAILED : OSR_STATUS_OK;
    }
    int status = check_all(arguments, records, count);
    osri_epmd_list_free(&records, count);
    return fflush(stdout) == 0 ? status : OSR_STATUS_FAILED;
}

/* Of one node, which it tells itself. */
static int links_of(const osri_arguments *arguments)
{
    char target[OSRI_NAME_BYTES];
    char text[TEXT_BYTES];
    osr_node *node = NULL;
    if (!osri_target_name(arguments->rest[0], target)) {
        (void)snprintf(text, sizeof(text), "\"%.128s\" is no name of a node", arguments->rest[0]);
        return osri_arguments_refuse("nodes", text, usage);
    }
    if (arguments->check) {
        return osri_arguments_refuse("nodes", "--check is for all nodes; leave NODE out", usage);
    }
    int status = osri_target_check(arguments, "nodes", target);
    if (status == OSR_STATUS_OK) {
        status = osri_arguments_client(arguments, "nodes", NULL, NULL, &node);
    }
    if (status != OSR_STATUS_OK) {
        return status;
    }
    osri_ask *ask = NULL;
    osri_ask_result result = {.err = osri_ask_start(node, target, "links", LINKS_MS, -1, &ask)};
    if (result.err == OSR_OK) {
        osri_ask_wait(ask, &result);
    }
    status = osri_show(&result, "osier nodes", target, LINKS_MS);
    osri_ask_free(&ask);
    osr_node_stop(node, STOP_MS);
    osr_node_free(&node);
    return status;
}

int osri_osier_nodes(int argc, char **argv)
{
    osri_arguments arguments;
    char text[TEXT_BYTES] = "";
    if (!osri_arguments_parse(argc, argv, &arguments, text, sizeof(text))) {
        return osri_arguments_refuse("nodes", text, usage);
    }
    if (arguments.help) {
        (void)fputs(usage, stdout);
        return OSR_STATUS_OK;
    }
    if (arguments.rest_count > 1) {
        return osri_arguments_refuse("nodes", "it takes one node at most", usage);
    }
    if (arguments.rest_count == 1) {
        return links_of(&arguments);
    }
    return arguments.contact.port != 0 ? ask_contact(&arguments) : list(&arguments);
}
