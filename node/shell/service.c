/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/service.h"

#include <stdio.h>
#include <string.h>

#include "dist/net/net.h"
#include "lib/core/heap.h"
#include "lib/process/process.h"
#include "node/shell/collect.h"
#include "node/shell/command.h"
#include "node/shell/protocol.h"
#include "node/shell/rows.h"
#include "osier/main.h"
#include "osier/supervisor.h"

/* The shell service.
 *
 * Invariants
 *   I1  a handler of the service never waits: what may wait is done by the process of the command.
 *   I2  each command is answered once: by its process, or, when that ends without, by the service,
 *   which watches it.
 * Bound: COMMANDS_MAX commands at a time. */

#define COMMANDS_MAX 64
#define COMMAND_STACK_BYTES (256 * 1024)
#define START_MS 5000
#define LINE_LOGGED_MAX 400
#define COMPLAINT_BYTES 256

typedef struct running_command {
    osr_ref monitor;
    osr_caller caller;
} running_command;

typedef struct osri_shell_service {
    running_command running[COMMANDS_MAX];
    uint32_t count;
    char complaint[COMPLAINT_BYTES]; /* what the reply under way points to */
    osri_collection processes;       /* likewise */
    osri_shell_row *rows;
} osri_shell_service;

/* Of a message that was received: a NUL follows it. */
static const char *text_of(osr_str text)
{
    return text.at == NULL ? "" : text.at;
}

/* ---- who asks -------------------------------------------------------------------------- */

typedef struct asker {
    char name[160];
    uint64_t serial; /* 0: a process of this node */
    uint32_t roles;  /* that its certificate and the policy of this node give it */
    bool spawns_listed;
    bool of_peer;
} asker;

static uint32_t roles_of(const osr_node *node, const osri_peer *peer)
{
    static const uint32_t shell[] = {OSRI_ROLE_SHELL_READ, OSRI_ROLE_SHELL_WRITE};
    uint32_t roles = peer->roles;
    for (size_t i = 0; i < sizeof(shell) / sizeof(shell[0]); i++) {
        if (!osri_policy_allows(osri_net_policy_of(node), shell[i], peer->name, NULL)) {
            roles &= ~shell[i];
        }
    }
    return roles;
}

static asker asker_of(osr_self *self, osr_pid pid)
{
    osr_node *node = osr_self_node(self);
    asker a = {.roles = 0};
    char text[OSR_PID_TEXT_BYTES];
    osri_peer peer;
    osr_pid_print(pid, text);
    if (pid.node == osr_node_id(node)) {
        a.roles = OSRI_ROLES_ALL;
        (void)snprintf(a.name, sizeof(a.name), "%s of this node", text);
    } else if (osri_peer_of(node, pid.node, &peer) == OSR_OK) {
        a.roles = roles_of(node, &peer);
        a.serial = peer.serial;
        a.spawns_listed = peer.spawns_listed;
        a.of_peer = true;
        (void)snprintf(a.name, sizeof(a.name), "%s", peer.name);
    } else {
        (void)snprintf(a.name, sizeof(a.name), "%s, which is gone", text);
    }
    return a;
}

/* In the log, and in the audit file: false, that could not be written. */
static bool audit(osr_self *self, const asker *a, const char *line, const char *refusal)
{
    osr_node *node = osr_self_node(self);
    const osri_audit_record record = {.what = "shell",
                                      .became = refusal == NULL ? "allowed" : "refused",
                                      .peer = a->name,
                                      .serial = a->serial,
                                      .text = line,
                                      .note = refusal};
    osri_log_write(osri_node_log(node), refusal == NULL ? OSR_LOG_NOTICE : OSR_LOG_WARNING,
                   "shell: %s: %.*s%s%s", a->name, LINE_LOGGED_MAX, line,
                   refusal == NULL ? "" : ": refused: ", refusal == NULL ? "" : refusal);
    return osri_audit_write(osri_net_audit_of(node), &record) == OSR_OK;
}

/* How a command has ended. */
static void audit_end(osr_self *self, const char *peer, uint64_t serial, const char *line,
                      const char *how)
{
    const osri_audit_record record = {.what = "shell",
                                      .became = "done",
                                      .peer = peer,
                                      .serial = serial,
                                      .text = line,
                                      .note = how};
    (void)osri_audit_write(osri_net_audit_of(osr_self_node(self)), &record);
}

/* ---- the process of one command -------------------------------------------------------- */

/* Everything that hangs on the process, given back however it ends. */
typedef struct command_memory {
    osri_command_context context;
    char *line; /* is cut into words where it stands */
    size_t line_bytes;
} command_memory;

static void command_forget(void *argument)
{
    command_memory *memory = argument;
    osri_text_fini(&memory->context.out);
    osri_text_fini(&memory->context.complaint);
    osri_heap_free(memory->line, memory->line_bytes);
    osri_heap_free(memory, sizeof(*memory));
}

static osr_err command_prepare(osr_self *self, const osri_shell_task *task,
                               command_memory **ret_memory)
{
    command_memory *memory = osri_heap_zalloc(sizeof(*memory));
    if (memory == NULL) {
        return OSR_ENOMEM;
    }
    memory->context.self = self;
    memory->context.may_write = task->may_write;
    memory->context.peer = task->of_peer ? text_of(task->asker) : NULL;
    memory->context.may_start = task->may_start;
    memory->context.leader = task->leader;
    osri_text_init(&memory->context.out, OSRI_SHELL_OUTPUT_BYTES_MAX);
    osri_text_init(&memory->context.complaint, OSRI_SHELL_LINE_BYTES_MAX);
    osr_err err = osr_defer(self, command_forget, memory);
    if (err != OSR_OK) {
        command_forget(memory);
        return err;
    }
    memory->line = osri_heap_strdup(text_of(task->line));
    memory->line_bytes = memory->line == NULL ? 0 : strlen(memory->line) + 1;
    *ret_memory = memory;
    return memory->line == NULL ? OSR_ENOMEM : OSR_OK;
}

OSR_ENTRY(osri_shell_runner, osri_shell_task)
{
    command_memory *memory;
    osr_err err = command_prepare(self, argument, &memory);
    if (err != OSR_OK) {
        return err;
    }
    osri_command_context *c = &memory->context;
    uint64_t begun_ns = osr_now(self);
    osri_command_run(c, memory->line);
    char how[64];
    (void)snprintf(how, sizeof(how), "status %d, %llu us", c->status,
                   (unsigned long long)((osr_now(self) - begun_ns) / 1000));
    audit_end(self, text_of(argument->asker), argument->serial, text_of(argument->line), how);
    if (c->out.cut) {
        osri_command_complain(c, OSR_STATUS_FAILED,
                              "the output is longer than %d bytes: the rest is left out",
                              OSRI_SHELL_OUTPUT_BYTES_MAX);
    }
    osr_shell_output output = {
        .version = OSRI_SHELL_VERSION,
        .status = c->status,
        .text = {osri_text_get(&c->out), (uint32_t)c->out.bytes},
        .complaint = {osri_text_get(&c->complaint), (uint32_t)c->complaint.bytes}};
    osr_caller caller = {argument->caller, argument->ref};
    return osr_reply_to(self, caller, &osr_shell_output_osr_type, &output);
}

/* ---- the service ----------------------------------------------------------------------- */

static osr_next refuse(osri_shell_service *state, osr_shell_output *reply, int status)
{
    reply->version = OSRI_SHELL_VERSION;
    reply->status = status;
    reply->complaint = osr_str_of(state->complaint);
    return OSR_REPLY;
}

static bool changes_anything(const char *line)
{
    char word[32];
    size_t blanks = strspn(line, " \t");
    size_t bytes = strcspn(line + blanks, " \t");
    (void)snprintf(word, sizeof(word), "%.*s", (int)(bytes < sizeof(word) ? bytes : 0),
                   line + blanks);
    const osri_command *command = osri_command_find(word);
    return command != NULL && command->writes;
}

/* Why the command is not even begun; false: it may be. */
static bool is_refused(osri_shell_service *state, const asker *a, const osr_shell_command *request,
                       int *ret_status)
{
    *ret_status = OSR_STATUS_FAILED;
    if ((a->roles & OSRI_ROLE_SHELL_READ) == 0) {
        (void)snprintf(state->complaint, COMPLAINT_BYTES,
                       "not permitted: %s has no role shell-read, by its certificate or the "
                       "policy of this node\n",
                       a->name);
    } else if ((a->roles & OSRI_ROLE_SHELL_WRITE) == 0 &&
               changes_anything(text_of(request->line))) {
        (void)snprintf(state->complaint, COMPLAINT_BYTES,
                       "not permitted: %s has no role shell-write, by its certificate or the "
                       "policy of this node\n",
                       a->name);
    } else if (request->version != OSRI_SHELL_VERSION) {
        *ret_status = OSR_STATUS_UNAVAILABLE;
        (void)snprintf(
            state->complaint, COMPLAINT_BYTES,
            "this node speaks version %d of the command protocol, not %u; use its own osier\n",
            OSRI_SHELL_VERSION, request->version);
    } else if (request->line.size > OSRI_SHELL_LINE_BYTES_MAX) {
        *ret_status = OSR_STATUS_USAGE;
        (void)snprintf(state->complaint, COMPLAINT_BYTES, "a command has at most %d bytes\n",
                       OSRI_SHELL_LINE_BYTES_MAX);
    } else if (state->count == COMMANDS_MAX) {
        *ret_status = OSR_STATUS_UNAVAILABLE;
        (void)snprintf(state->complaint, COMPLAINT_BYTES,
                       "%d commands are at work in this node already; try again\n", COMMANDS_MAX);
    } else {
        return false;
    }
    return true;
}

static osr_err begin(osr_self *self, osri_shell_service *state, const osr_shell_command *request,
                     const asker *a, bool may_write)
{
    osr_caller caller = osr_current_caller(self);
    osri_shell_task task = {.caller = caller.pid,
                            .ref = caller.ref,
                            .line = request->line,
                            .may_write = may_write,
                            .may_start = (a->roles & OSRI_ROLE_SPAWN) != 0 && !a->spawns_listed,
                            .leader = request->leader,
                            .of_peer = a->of_peer,
                            .asker = osr_str_of(a->name),
                            .serial = a->serial};
    osr_ref monitor;
    osr_pid runner;
    osr_err err = osri_shell_runner_spawn(self, &task,
                                          OSR_SPAWN(.label = "shell command", .monitor = true,
                                                    .ret_monitor = &monitor,
                                                    .stack_bytes = COMMAND_STACK_BYTES),
                                          &runner);
    if (err == OSR_OK) {
        state->running[state->count++] = (running_command){monitor, caller};
    }
    return err;
}

OSR_ON_CALL(osri_shell_service, osr_shell_command, osr_shell_output)
{
    asker a = asker_of(self, osr_current_caller(self).pid);
    const char *line = text_of(request->line);
    int status;
    if (is_refused(state, &a, request, &status)) {
        (void)audit(self, &a, line, state->complaint);
        return refuse(state, reply, status);
    }
    bool written = audit(self, &a, line, NULL);
    if (!written && changes_anything(line)) {
        (void)snprintf(state->complaint, COMPLAINT_BYTES,
                       "refused: the audit file of this node cannot be written, so nothing may be "
                       "changed; its log says why\n");
        return refuse(state, reply, OSR_STATUS_UNAVAILABLE);
    }
    osr_err err =
        begin(self, state, request, &a, written && (a.roles & OSRI_ROLE_SHELL_WRITE) != 0);
    if (err != OSR_OK) {
        (void)snprintf(state->complaint, COMPLAINT_BYTES, "the node cannot run the command: %s\n",
                       osr_err_text(err));
        return refuse(state, reply, OSR_STATUS_FAILED);
    }
    return OSR_NOREPLY;
}

static void end(osr_self *self, osri_shell_service *state, uint32_t index, const osr_reason *reason)
{
    osr_caller caller = state->running[index].caller;
    state->running[index] = state->running[--state->count];
    if (reason->code == OSR_REASON_NORMAL) {
        osri_request_drop(self, caller.pid, caller.ref);
        return;
    }
    char why[COMPLAINT_BYTES];
    char text[COMPLAINT_BYTES + 64];
    osr_reason_print(reason, why, sizeof(why));
    asker a = asker_of(self, caller.pid);
    audit_end(self, a.name, a.serial, "a command has ended before it was done", why);
    (void)snprintf(text, sizeof(text), "the command has ended before it was done: %s\n", why);
    osr_shell_output output = {
        .version = OSRI_SHELL_VERSION, .status = OSR_STATUS_FAILED, .complaint = osr_str_of(text)};
    (void)osr_reply_to(self, caller, &osr_shell_output_osr_type, &output);
}

OSR_ON_INFO(osri_shell_service, osr_down)
{
    for (uint32_t i = 0; i < state->count; i++) {
        if (osr_ref_equal(state->running[i].monitor, message->monitor)) {
            end(self, state, i, &message->reason);
            break;
        }
    }
    return OSR_NOREPLY;
}

static void forget_rows(osri_shell_service *state)
{
    osri_heap_free(state->rows, state->processes.count * sizeof(*state->rows));
    state->rows = NULL;
    osri_collection_fini(&state->processes);
}

static osr_err make_rows(osr_self *self, osri_shell_service *state)
{
    forget_rows(state);
    osr_err err = osri_collect_processes(osr_self_node(self), &state->processes);
    if (err != OSR_OK) {
        return err;
    }
    state->rows = osri_heap_alloc(state->processes.count * sizeof(*state->rows));
    if (state->rows == NULL) {
        osri_collection_fini(&state->processes);
        return OSR_ENOMEM;
    }
    for (size_t i = 0; i < state->processes.count; i++) {
        state->rows[i] = osri_row_of(&state->processes.at[i]);
    }
    return OSR_OK;
}

OSR_ON_CALL(osri_shell_service, osri_shell_list, osri_shell_rows)
{
    asker a = asker_of(self, osr_current_caller(self).pid);
    bool permitted = (a.roles & OSRI_ROLE_SHELL_READ) != 0;
    (void)audit(self, &a, "(list for ps tree)", permitted ? NULL : "no role shell-read");
    reply->version = OSRI_SHELL_VERSION;
    reply->status =
        permitted && make_rows(self, state) == OSR_OK ? OSR_STATUS_OK : OSR_STATUS_FAILED;
    if (reply->status == OSR_STATUS_OK) {
        reply->total = state->processes.total;
        reply->rows.at = state->rows;
        reply->rows.count = (uint32_t)state->processes.count;
    }
    osr_continue(self);
    return OSR_REPLY;
}

/* The reply has been sent: what it pointed to is not needed any more. */
OSR_ON_CONTINUE(osri_shell_service)
{
    forget_rows(state);
    return OSR_NOREPLY;
}

OSR_ON_TERMINATE(osri_shell_service)
{
    forget_rows(state);
}

OSR_SERVER(osri_shell_service, OSR_CALL(osr_shell_command), OSR_CALL(osri_shell_list),
           OSR_INFO(osr_down), OSR_CONTINUE, OSR_TERMINATE);

OSR_SUPERVISOR(osri_system, .intensity = 10, .period_ms = 1000,
               .children = OSR_CHILDREN(OSR_CHILD(osri_shell_service, .name = OSRI_SHELL_NAME)));

osr_err osri_shell_start(osr_node *node)
{
    osr_pid pid;
    return osr_node_start_server(node, &osri_system_osr_server, NULL,
                                 OSR_SPAWN(.name = "osier.system", .label = "osier.system"),
                                 START_MS, &pid);
}
