/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_COMMAND_H
#define OSR_SHELL_COMMAND_H

#include "node/shell/text.h"
#include "osier/dynamic.h"
#include "osier/process.h"

/* The shell's commands: one line in, text out. They run in a process of their own in the node that
 * is asked (service.h), with deadlines, and act on processes of that node only. */

#define OSRI_COMMAND_ARGUMENTS_MAX 2

typedef struct osri_command_context {
    osr_self *self;
    bool may_write;   /* the asker has role SHELL_WRITE */
    bool may_start;   /* ... and may start whatever is exported: role SPAWN */
    const char *peer; /* the asker's node, for its policy; NULL: a process of this node asks */
    osr_pid leader;   /* the asker's group leader; none: what is started prints to the node's */
    int status;       /* osr_status */
    osri_text out;
    osri_text complaint;
} osri_command_context;

typedef struct osri_command {
    const char *name;
    const char *usage; /* with the arguments */
    const char *summary;
    unsigned arguments_min, arguments_max;
    bool writes;
    void (*run)(osri_command_context *context, char *const *arguments, unsigned count);
} osri_command;

/* NULL: there is none of that name; index counts from 0. */
const osri_command *osri_command_find(const char *name);
const osri_command *osri_command_at(size_t index);

/* A line taken apart. The last argument a command takes is the rest of the line. */
typedef struct osri_command_line {
    const osri_command *command; /* NULL: an empty line */
    char *arguments[OSRI_COMMAND_ARGUMENTS_MAX];
    unsigned count;
} osri_command_line;

/* Takes line apart, in place. False: ret_complaint says what is wrong and what to type. Pure. */
bool osri_command_parse(char *line, osri_command_line *ret_parsed, osri_text *complaint);

/* The name most like `word`, or NULL where none is. Pure. */
const char *osri_command_like(const char *word);

/* Runs a line, which is taken apart in place. Suspension point. */
void osri_command_run(osri_command_context *context, char *line);

/* A line of complaint, and the status. */
void osri_command_complain(osri_command_context *context, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The process that a person means by "<…>" or a registered name; false: the complaint has been
 * made. */
bool osri_command_process(osri_command_context *context, const char *word, osr_pid *ret_pid);

/* A message that a person types, to be freed; false: the complaint has been made. */
bool osri_command_message(osri_command_context *context, const char *text, osr_any **ret_message);

/* Prints a message. */
void osri_command_print(osri_command_context *context, const osr_message *message);

/* ---- look.c ---- */
void osri_command_ps(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_info(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_nodes(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_links(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_version(osri_command_context *context, char *const *arguments, unsigned count);

/* ---- gather.c ---- */
void osri_command_tree(osri_command_context *context);

/* ---- act.c ---- */
void osri_command_call(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_send(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_exit(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_kill(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_drain(osri_command_context *context, char *const *arguments, unsigned count);

/* ---- start.c ---- */
void osri_command_run_entry(osri_command_context *context, char *const *arguments, unsigned count);
void osri_command_spawn(osri_command_context *context, char *const *arguments, unsigned count);

#endif
