/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "lib/process/node.h"

/* The small questions a process asks: who am I, what time is it. */

osr_pid osr_self_pid(const osr_self *self)
{
    return osri_process_pid(self);
}

osr_pid osr_self_parent(const osr_self *self)
{
    return self->parent;
}

osr_node *osr_self_node(const osr_self *self)
{
    return self->node;
}

const char *osr_self_node_name(const osr_self *self)
{
    return self->node->name;
}

const char *osr_node_name_of(const osr_self *self, osr_pid pid)
{
    const osr_node *node = self->node;
    if (pid.node == node->id) {
        return node->name;
    }
    return node->remote == NULL ? NULL : node->remote->name_of(node->remote_context, pid.node);
}

uint64_t osr_now(const osr_self *self)
{
    return osri_node_now(self->node);
}

uint64_t osr_wall_ms(const osr_self *self)
{
    return self->node->env->wall_ms(self->node->env->context);
}

void osr_random(osr_self *self, void *ret_bytes, size_t bytes)
{
    self->node->env->random(self->node->env->context, ret_bytes, bytes);
}

osr_err osr_connect(osr_self *self, const char *node)
{
    const osri_remote_ops *remote = self->node->remote;
    return remote == NULL ? OSR_ENOTSUP : remote->connect(self->node->remote_context, node, true);
}

osr_err osr_disconnect(osr_self *self, const char *node)
{
    const osri_remote_ops *remote = self->node->remote;
    return remote == NULL ? OSR_ENOTSUP : remote->disconnect(self->node->remote_context, node);
}

osr_err osr_drain(osr_self *self, bool on)
{
    const osri_remote_ops *remote = self->node->remote;
    return remote == NULL ? OSR_ENOTSUP : remote->drain(self->node->remote_context, on);
}

osr_err osr_set_tick(osr_self *self, uint32_t tick_ms)
{
    const osri_remote_ops *remote = self->node->remote;
    return remote == NULL ? OSR_ENOTSUP : remote->set_tick(self->node->remote_context, tick_ms);
}

void osr_log_self(osr_self *self, int level, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    osr_pid about = osri_process_pid(self);
    osr_event event = {.kind = OSR_EVENT_LOG,
                       .code = (uint8_t)level,
                       .slot = about.slot,
                       .generation = about.generation};
    memcpy(event.with.name, text, strnlen(text, sizeof(event.with.name)));
    osri_event(self->node, &event);
    char pid[OSR_PID_TEXT_BYTES];
    osr_pid_print(osri_process_pid(self), pid);
    osri_log_write(&self->node->log, (osr_log_level)level, "%s%s%s: %s", osri_process_label(self),
                   self->label != NULL ? " " : "", pid, text);
}

static const char *const reason_names[] = {"normal", "shutdown",     "kill",      "killed",
                                           "noproc", "noconnection", "error",     "crash",
                                           "signal", "exit status",  "abandoned", "custom"};

void osr_reason_print(const osr_reason *reason, char *ret_text, size_t bytes)
{
    char detail[256] = "";
    if (reason->code == OSR_REASON_ERROR) {
        (void)snprintf(detail, sizeof(detail), ": %s", osr_err_text((osr_err)reason->error));
    } else if (reason->code == OSR_REASON_OS_SIGNAL || reason->code == OSR_REASON_OS_EXIT) {
        (void)snprintf(detail, sizeof(detail), " %d", (int)reason->os_status);
    }
    const char *name = reason->code < sizeof(reason_names) / sizeof(reason_names[0])
                           ? reason_names[reason->code]
                           : "unknown reason";
    if (reason->code == OSR_REASON_CUSTOM && reason->text.size != 0) {
        (void)snprintf(ret_text, bytes, "%.*s", (int)reason->text.size, reason->text.at);
    } else {
        (void)snprintf(ret_text, bytes, "%s%s%s%.*s", name, detail,
                       reason->text.size != 0 ? ": " : "", (int)reason->text.size,
                       reason->text.size != 0 ? reason->text.at : "");
    }
}
