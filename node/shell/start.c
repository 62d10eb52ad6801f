/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/command.h"

#include "dist/net/net.h"
#include "node/shell/leader.h"
#include "osier/dynamic.h"
#include "osier/main.h"
#include "osier/rpc.h"

/* Commands that start something exported: run, spawn. What it prints appears where the command was
 * typed (leader.h). */

#define RUN_MS 15000 /* less than clients wait */

/* Whether it may, and what it prints has a place. */
static bool may_start(osri_command_context *context, const char *entry)
{
    osri_policy *policy = osri_net_policy_of(osr_self_node(context->self));
    if (!context->may_start) {
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "not permitted: your certificate has no role spawn, or names the "
                              "entries that it may start, which is for programs");
        return false;
    }
    if (context->peer != NULL &&
        !osri_policy_allows(policy, OSRI_ROLE_SPAWN, context->peer, entry)) {
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "not permitted: no rule of this node's policy lets you start \"%s\"",
                              entry);
        return false;
    }
    osr_err err =
        osr_pid_is_none(context->leader) ? OSR_OK : osri_shell_lead(context->self, context->leader);
    if (err != OSR_OK) {
        osri_command_complain(context, OSR_STATUS_FAILED, "there is no place for its output: %s",
                              osr_err_text(err));
    }
    return err == OSR_OK;
}

static bool parse_argument(osri_command_context *context, char *const *arguments, unsigned count,
                           osr_any **ret_argument)
{
    *ret_argument = NULL;
    return count < 2 || osri_command_message(context, arguments[1], ret_argument);
}

static const osr_type *type_of(const osr_any *any)
{
    return any == NULL ? NULL : osr_any_type(any);
}

static const void *body_of(const osr_any *any)
{
    return any == NULL ? NULL : osr_any_body(any);
}

static void complain(osri_command_context *context, const char *entry, osr_err err,
                     const osr_reason *reason)
{
    char why[256] = "";
    switch (err) {
    case OSR_ENOTFOUND:
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "nothing called \"%.64s\" is exported here (OSR_EXPORT)", entry);
        break;
    case OSR_ETYPE:
    case OSR_EINVAL:
        osri_command_complain(context, OSR_STATUS_USAGE,
                              "%.64s takes another argument, or none; an argument is typed like "
                              "name{field: 5}",
                              entry);
        break;
    case OSR_ETIMEDOUT:
        osri_command_complain(context, OSR_STATUS_FAILED,
                              "%.64s has not ended within %d s; it goes on, and what it prints is "
                              "lost; type: spawn %.64s ...",
                              entry, RUN_MS / 1000, entry);
        break;
    case OSR_EFAILED:
        osr_reason_print(reason, why, sizeof(why));
        osri_command_complain(context, OSR_STATUS_FAILED, "%.64s has failed: %s", entry, why);
        break;
    default:
        osri_command_complain(context, OSR_STATUS_FAILED, "%.64s is not started: %s", entry,
                              osr_err_text(err));
        break;
    }
}

static void call_function(osri_command_context *context, const char *entry, const osr_any *argument)
{
    osr_message reply = {0};
    osr_rpc_failure failure = {0};
    osr_err err = osr_rpc(context->self, NULL, entry, type_of(argument), body_of(argument), RUN_MS,
                          &reply, &failure);
    if (err != OSR_OK) {
        complain(context, entry, err, &failure.reason);
    } else if (reply.type != NULL) {
        osri_command_print(context, &reply);
    }
}

void osri_command_run_entry(osri_command_context *context, char *const *arguments, unsigned count)
{
    osr_any *argument;
    if (may_start(context, arguments[0]) && parse_argument(context, arguments, count, &argument)) {
        call_function(context, arguments[0], argument);
        osr_any_free(&argument);
    }
}

static void start(osri_command_context *context, const char *entry, const osr_any *argument)
{
    osr_pid pid;
    char text[OSR_PID_TEXT_BYTES];
    osr_err err =
        osr_spawn_named(context->self, entry, type_of(argument), body_of(argument), NULL, &pid);
    if (err != OSR_OK) {
        complain(context, entry, err, NULL);
        return;
    }
    osr_pid_print(pid, text);
    osri_text_add(&context->out, "%s\n", text);
}

void osri_command_spawn(osri_command_context *context, char *const *arguments, unsigned count)
{
    osr_any *argument;
    if (may_start(context, arguments[0]) && parse_argument(context, arguments, count, &argument)) {
        start(context, arguments[0], argument);
        osr_any_free(&argument);
    }
}
