/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/body.h"
#include "lib/process/signal.h"
#include "osier/info.h"
#include "node/shell/command.h"
#include "osier/dynamic.h"
#include "osier/main.h"
#include "osier/nodes.h"

/* Commands that change something: call, send, exit, kill, drain. */

#define CALL_MS 5000
#define PRINT_BYTES (256 * 1024)
#define OWN_IDS_END 0x100 /* the types below are Osier's own */

/* ---- call and send --------------------------------------------------------------------- */

bool osri_command_message(osri_command_context *context, const char *text, osr_any **ret_message)
{
    char error[OSR_PARSE_TEXT_BYTES] = "";
    osr_err err = osr_parse(osr_self_node(context->self), text, ret_message, error);
    if (err != OSR_OK) {
        osri_command_complain(context, OSR_STATUS_USAGE,
                              "%s; a message is typed like name{field: 5, other: \"text\"}",
                              error[0] != '\0' ? error : osr_err_text(err));
    }
    return err == OSR_OK;
}

/* What the runtime sends, and what behaviours say to each other, must not come from a person. */
static bool may_be_sent(osri_command_context *context, const osr_type *type)
{
    bool is_public_request = type->reply != NULL && strncmp(type->name, "osri_", 5) != 0;
    if (type->id >= OWN_IDS_END || is_public_request) {
        return true;
    }
    osri_command_complain(context, OSR_STATUS_USAGE, "%s is only for the runtime to send",
                          type->name);
    return false;
}

static void complain_no_reply(osri_command_context *context, const char *word, osr_pid pid,
                              const osr_type *type, osr_err err)
{
    osr_snapshot snapshot;
    bool known = osr_snapshot_of(osr_self_node(context->self), pid, &snapshot) == OSR_OK;
    if (err == OSR_ETIMEDOUT && known && snapshot.handling[0] != '\0') {
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "%s has not answered within %d s: busy in the handler of %s", word,
                              CALL_MS / 1000, snapshot.handling);
    } else if (err == OSR_ETIMEDOUT) {
        osri_command_complain(context, OSR_STATUS_FAILED, "%s has not answered within %d s", word,
                              CALL_MS / 1000);
    } else if (err == OSR_EFAILED && known) {
        osri_command_complain(context, OSR_STATUS_FAILED, "%s does not handle the request %s", word,
                              type->name);
    } else {
        osri_command_complain(context, OSR_STATUS_FAILED, "%s has ended before it answered", word);
    }
}

void osri_command_print(osri_command_context *context, const osr_message *message)
{
    char *text = osri_heap_alloc(PRINT_BYTES);
    if (text == NULL) {
        osri_command_complain(context, OSR_STATUS_FAILED, "out of memory");
        return;
    }
    size_t bytes = osr_print(message->type, message->body, text, PRINT_BYTES);
    osri_text_add_bytes(&context->out, text, bytes);
    osri_text_add(&context->out, "\n");
    osri_heap_free(text, PRINT_BYTES);
}

static void call(osri_command_context *context, const char *word, osr_pid pid,
                 const osr_any *request)
{
    const osr_type *type = osr_any_type(request);
    if (type->reply == NULL) {
        osri_command_complain(context, OSR_STATUS_USAGE,
                              "%s is not a request, so nobody answers it; type: send %s %s{...}",
                              type->name, word, type->name);
        return;
    }
    osr_message reply;
    osr_err err = osri_request(context->self, osr_to(pid), type, osr_any_body(request), CALL_MS,
                               &reply, NULL);
    if (err == OSR_OK) {
        osri_command_print(context, &reply);
    } else {
        complain_no_reply(context, word, pid, type, err);
    }
}

void osri_command_call(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)count;
    osr_pid pid;
    osr_any *message = NULL;
    if (osri_command_process(context, arguments[0], &pid) &&
        osri_command_message(context, arguments[1], &message) &&
        may_be_sent(context, osr_any_type(message))) {
        call(context, arguments[0], pid, message);
    }
    osr_any_free(&message);
}

void osri_command_send(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)count;
    osr_pid pid;
    osr_any *message = NULL;
    if (osri_command_process(context, arguments[0], &pid) &&
        osri_command_message(context, arguments[1], &message) &&
        may_be_sent(context, osr_any_type(message))) {
        osr_err err = osr_any_send(context->self, osr_to(pid), &message);
        if (err != OSR_OK) {
            osri_command_complain(context, OSR_STATUS_FAILED, "not sent: %s", osr_err_text(err));
        }
    }
    osr_any_free(&message);
}

/* ---- exit and kill --------------------------------------------------------------------- */

static osr_reason reason_of(const char *text)
{
    if (strcmp(text, "normal") == 0) {
        return osr_reason_of(OSR_REASON_NORMAL);
    }
    if (strcmp(text, "shutdown") == 0) {
        return osr_reason_of(OSR_REASON_SHUTDOWN);
    }
    if (strcmp(text, "kill") == 0) {
        return osr_reason_of(OSR_REASON_KILL);
    }
    return osr_reason_custom(text);
}

static void send_exit(osri_command_context *context, const char *word, const char *text)
{
    osr_pid pid;
    if (!osri_command_process(context, word, &pid)) {
        return;
    }
    osr_reason reason = reason_of(text);
    osr_err err = osr_send_exit(context->self, pid, &reason);
    if (err != OSR_OK) {
        osri_command_complain(context, OSR_STATUS_FAILED, "not sent: %s", osr_err_text(err));
        return;
    }
    char printed[OSR_PID_TEXT_BYTES];
    osr_pid_print(pid, printed);
    osri_text_add(&context->out, "sent to %s\n", printed);
}

void osri_command_exit(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)count;
    send_exit(context, arguments[0], arguments[1]);
}

void osri_command_kill(osri_command_context *context, char *const *arguments, unsigned count)
{
    (void)count;
    send_exit(context, arguments[0], "kill");
}

/* ---- drain ----------------------------------------------------------------------------- */

void osri_command_drain(osri_command_context *context, char *const *arguments, unsigned count)
{
    bool off = count == 1 && strcmp(arguments[0], "off") == 0;
    if (count == 1 && !off && strcmp(arguments[0], "on") != 0) {
        osri_command_complain(context, OSR_STATUS_USAGE, "drain is on or off, not \"%.64s\"",
                              arguments[0]);
        return;
    }
    osr_err err = osr_drain(context->self, !off);
    if (err != OSR_OK) {
        osri_command_complain(context, OSR_STATUS_FAILED, "this node cannot drain: %s",
                              err == OSR_ENOTSUP ? "it is not one of a cluster"
                                                 : osr_err_text(err));
        return;
    }
    osri_text_add(&context->out, "%s\n",
                  off ? "new processes may be placed here by label again"
                      : "nothing new is placed here by label; what runs goes on");
}
