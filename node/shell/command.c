/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/log.h"
#include "osier/info.h"
#include "osier/main.h"

/* The table of commands, and how a line is taken apart. */

#define WORD_BYTES 72

static void help(osri_command_context *context, char *const *arguments, unsigned count);

static const osri_command commands[] = {
    {"ps", "ps [tree]",
     "the processes of this node; as a tree: with those of the nodes it is connected to", 0, 1,
     false, osri_command_ps},
    {"info", "info PID|NAME", "one process: links, monitors and the value of its state", 1, 1,
     false, osri_command_info},
    {"call", "call PID|NAME REQUEST{FIELD: VALUE, ...}", "sends a request and prints the reply", 2,
     2, true, osri_command_call},
    {"send", "send PID|NAME MESSAGE{FIELD: VALUE, ...}", "sends a message", 2, 2, true,
     osri_command_send},
    {"run", "run ENTRY [ARGUMENT{FIELD: VALUE, ...}]",
     "runs an exported function or entry, shows what it prints, and its reply", 1, 2, true,
     osri_command_run_entry},
    {"spawn", "spawn ENTRY [ARGUMENT{FIELD: VALUE, ...}]",
     "starts an exported entry; what it prints appears here as long as this shell is there", 1, 2,
     true, osri_command_spawn},
    {"exit", "exit PID|NAME REASON",
     "sends an exit signal: shutdown, normal, kill, or a reason of your own words", 2, 2, true,
     osri_command_exit},
    {"kill", "kill PID|NAME", "ends a process, which cannot prevent it", 1, 1, true,
     osri_command_kill},
    {"drain", "drain [on|off]", "places nothing new on this node by its labels, or does again", 0,
     1, true, osri_command_drain},
    {"nodes", "nodes", "this node, those it is connected to, and other members of the cluster", 0,
     0, false, osri_command_nodes},
    {"links", "links", "what passed, waits and was dropped on the way to other nodes", 0, 0, false,
     osri_command_links},
    {"version", "version", "what runs here", 0, 0, false, osri_command_version},
    {"help", "help [COMMAND]", "this list, or one command", 0, 1, false, help},
};

#define COMMAND_COUNT (sizeof(commands) / sizeof(commands[0]))

const osri_command *osri_command_at(size_t index)
{
    return index < COMMAND_COUNT ? &commands[index] : NULL;
}

const osri_command *osri_command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/* ---- what was meant -------------------------------------------------------------------- */

static size_t least(size_t a, size_t b, size_t c)
{
    size_t least = a < b ? a : b;
    return least < c ? least : c;
}

/* Letters to insert, remove or change to make one word the other. Words are shorter than
 * WORD_BYTES. */
static size_t distance(const char *a, const char *b)
{
    size_t above[WORD_BYTES];
    size_t width = strlen(b);
    for (size_t x = 0; x <= width; x++) {
        above[x] = x;
    }
    for (size_t y = 1; a[y - 1] != '\0'; y++) {
        size_t diagonal = above[0];
        above[0] = y;
        for (size_t x = 1; x <= width; x++) {
            size_t same = diagonal + (a[y - 1] != b[x - 1]);
            diagonal = above[x];
            above[x] = least(same, above[x] + 1, above[x - 1] + 1);
        }
    }
    return above[width];
}

const char *osri_command_like(const char *word)
{
    const char *best = NULL;
    size_t best_distance = 3; /* of two letters at most, and fewer than the word has */
    size_t length = strlen(word);
    if (length >= WORD_BYTES) {
        return NULL;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        size_t d = distance(word, commands[i].name);
        if (d < best_distance && d < length) {
            best = commands[i].name;
            best_distance = d;
        }
    }
    return best;
}

/* ---- a line ---------------------------------------------------------------------------- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char *skip_blanks(char *at)
{
    while (is_blank(*at)) {
        at++;
    }
    return at;
}

static void trim_end(char *text)
{
    size_t bytes = strlen(text);
    while (bytes > 0 && is_blank(text[bytes - 1])) {
        text[--bytes] = '\0';
    }
}

/* Ends the word that begins here; returns what follows it. */
static char *end_word(char *at)
{
    while (*at != '\0' && !is_blank(*at)) {
        at++;
    }
    if (*at != '\0') {
        *at++ = '\0';
    }
    return skip_blanks(at);
}

static void complain_unknown(const char *word, osri_text *complaint)
{
    char safe[WORD_BYTES];
    const char *meant = osri_command_like(word);
    (void)osri_log_escape(safe, sizeof(safe), word);
    osri_text_add(complaint, "there is no command \"%s\"; ", safe);
    if (meant != NULL) {
        osri_text_add(complaint, "did you mean %s? help lists them all\n", meant);
    } else {
        osri_text_add(complaint, "help lists them all\n");
    }
}

static bool take_arguments(char *rest, osri_command_line *parsed)
{
    unsigned max = parsed->command->arguments_max;
    while (*rest != '\0' && parsed->count < max) {
        parsed->arguments[parsed->count++] = rest;
        rest = parsed->count == max ? rest + strlen(rest) : end_word(rest);
    }
    return *rest == '\0' && parsed->count >= parsed->command->arguments_min;
}

bool osri_command_parse(char *line, osri_command_line *ret_parsed, osri_text *complaint)
{
    memset(ret_parsed, 0, sizeof(*ret_parsed));
    trim_end(line);
    char *word = skip_blanks(line);
    if (*word == '\0') {
        return true;
    }
    char *rest = end_word(word);
    ret_parsed->command = osri_command_find(word);
    if (ret_parsed->command == NULL) {
        complain_unknown(word, complaint);
        return false;
    }
    if (!take_arguments(rest, ret_parsed)) {
        osri_text_add(complaint, "%s wants %s; type: %s\n", word,
                      *rest == '\0' ? "more than that" : "something else",
                      ret_parsed->command->usage);
        return false;
    }
    return true;
}

void osri_command_complain(osri_command_context *context, int status, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    osri_text_add_safe(&context->complaint, text, strlen(text));
    osri_text_add(&context->complaint, "\n");
    context->status = status;
}

void osri_command_run(osri_command_context *context, char *line)
{
    osri_command_line parsed;
    if (!osri_command_parse(line, &parsed, &context->complaint)) {
        context->status = OSR_STATUS_USAGE;
        return;
    }
    if (parsed.command == NULL) {
        return;
    }
    if (parsed.command->writes && !context->may_write) {
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "%s is not permitted: your certificate has no role shell-write",
                              parsed.command->name);
        return;
    }
    parsed.command->run(context, parsed.arguments, parsed.count);
}

/* ---- which process --------------------------------------------------------------------- */

static bool find_by_pid(osri_command_context *context, const char *word, osr_pid *ret_pid)
{
    osr_node *node = osr_self_node(context->self);
    if (osr_pid_parse(word, ret_pid) != OSR_OK) {
        osri_command_complain(
            context, OSR_STATUS_USAGE,
            "\"%.64s\" is not a pid; they look like <3f9a12bc00112233.17.2>, and ps "
            "lists them",
            word);
        return false;
    }
    if (ret_pid->node != osr_node_id(node)) {
        const char *name = osr_node_name_of(context->self, *ret_pid);
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "%s is a process of another node; type: osier shell %s", word,
                              name == NULL ? "NODE (nodes lists them)" : name);
        return false;
    }
    osr_snapshot snapshot;
    if (osr_snapshot_of(node, *ret_pid, &snapshot) != OSR_OK) {
        osri_command_complain(context, OSR_STATUS_FAILED, "there is no process %s any more", word);
        return false;
    }
    return true;
}

bool osri_command_process(osri_command_context *context, const char *word, osr_pid *ret_pid)
{
    if (word[0] == '<') {
        return find_by_pid(context, word, ret_pid);
    }
    *ret_pid = osr_whereis(context->self, word);
    if (osr_pid_is_none(*ret_pid)) {
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "no process of this node is called \"%.64s\"; ps lists their names",
                              word);
        return false;
    }
    return true;
}

/* ---- help ------------------------------------------------------------------------------ */

static void help_one(osri_command_context *context, const char *word)
{
    const osri_command *command = osri_command_find(word);
    if (command == NULL) {
        complain_unknown(word, &context->complaint);
        context->status = OSR_STATUS_USAGE;
        return;
    }
    osri_text_add(&context->out, "%s\n  %s%s\n", command->usage, command->summary,
                  command->writes ? "\n  needs role shell-write" : "");
}

static void help(osri_command_context *context, char *const *arguments, unsigned count)
{
    if (count == 1) {
        help_one(context, arguments[0]);
        return;
    }
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        osri_text_add(&context->out, "%-42s %s\n", commands[i].usage, commands[i].summary);
    }
    osri_text_add(
        &context->out,
        "A message is typed as the node prints it: counter_add{by: 5}. A pid is pasted as it "
        "is shown.\n");
}
