/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/behaviour/supervisor.h"
#include "lib/message/codec.h"

/* What others ask a supervisor, on their side. */

const char *osr_child_state_name(uint32_t state)
{
    static const char *const names[] = {"stopped",    "starting", "running",
                                        "restarting", "waiting",  "stopping"};
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

osr_err osr_supervisor_which_children(osr_self *self, osr_dest to, uint32_t timeout_ms,
                                      const osr_children **ret_children)
{
    osr_which_children request = {0};
    return osr_which_children_request(self, to, &request, timeout_ms, ret_children);
}

osr_err osr_supervisor_count_children(osr_self *self, osr_dest to, uint32_t timeout_ms,
                                      osr_child_counts *ret_counts)
{
    osr_count_children request = {0};
    return osr_count_children_call(self, to, &request, ret_counts, timeout_ms);
}

static osr_err encode_argument(const osr_child *child, osr_bin **ret_argument)
{
    *ret_argument = NULL;
    const osr_type *type = child->argument_type;
    if (type == NULL && child->server != NULL) {
        type = child->server->argument;
    }
    if (child->argument == NULL) {
        return OSR_OK;
    }
    if (type == NULL) {
        return OSR_EINVAL;
    }
    osri_buffer buffer = {0};
    osr_err err = osri_encode_message(type, child->argument, &buffer);
    if (err == OSR_OK) {
        err = osr_bin_new(buffer.at, buffer.size, ret_argument);
    }
    osri_buffer_fini(&buffer);
    return err;
}

static osri_start_child request_of(const osr_child *child, osr_bin *argument)
{
    const char *server = child->server == NULL ? NULL : child->server->name;
    osri_start_child request = {
        .id = osr_str_of(child->id),
        .entry = osr_str_of(child->entry != NULL ? child->entry : server),
        .argument = argument,
        .name = osr_str_of(child->name),
        .label = osr_str_of(child->label),
        .place = osr_str_of(child->place),
        .on_noconnection = child->on_noconnection,
        .restart = (uint32_t)child->restart,
        .shutdown_ms = child->shutdown_ms,
        .supervisor =
            child->server != NULL ? child->server->ops == &osri_supervisor_ops : child->supervisor,
        .server = (uint64_t)(uintptr_t)child->server,
        .isolation = (uint32_t)child->isolation,
    };
    return request;
}

osr_err osr_supervisor_start_child(osr_self *self, osr_dest to, const osr_child *given,
                                   uint32_t timeout_ms, osr_pid *ret_pid)
{
    osr_child child = {.size = 0};
    memcpy(&child, given, given->size < sizeof(child) ? given->size : sizeof(child));
    if (child.count > 1 || (child.server == NULL && child.entry == NULL)) {
        return OSR_EINVAL;
    }
    osr_bin *argument;
    osr_err err = encode_argument(&child, &argument);
    if (err != OSR_OK) {
        return err;
    }
    osri_start_child request = request_of(&child, argument);
    osri_child_result result;
    err = osri_start_child_call(self, to, &request, &result, timeout_ms);
    osr_bin_unref(&argument);
    if (err != OSR_OK) {
        return err;
    }
    if (ret_pid != NULL) {
        *ret_pid = result.pid;
    }
    return (osr_err)result.error;
}

static osr_err change(osr_self *self, osr_dest to, osri_child_change what, const char *id,
                      uint32_t timeout_ms, osr_pid *ret_pid)
{
    osri_change_child request = {.change = (uint32_t)what, .id = osr_str_of(id)};
    osri_child_result result;
    osr_err err = osri_change_child_call(self, to, &request, &result, timeout_ms);
    if (err == OSR_OK) {
        err = (osr_err)result.error;
    }
    if (err == OSR_OK && ret_pid != NULL) {
        *ret_pid = result.pid;
    }
    return err;
}

osr_err osr_supervisor_terminate_child(osr_self *self, osr_dest to, const char *id,
                                       uint32_t timeout_ms)
{
    return change(self, to, OSRI_CHILD_TERMINATE, id, timeout_ms, NULL);
}

osr_err osr_supervisor_restart_child(osr_self *self, osr_dest to, const char *id,
                                     uint32_t timeout_ms, osr_pid *ret_pid)
{
    return change(self, to, OSRI_CHILD_RESTART, id, timeout_ms, ret_pid);
}

osr_err osr_supervisor_delete_child(osr_self *self, osr_dest to, const char *id,
                                    uint32_t timeout_ms)
{
    return change(self, to, OSRI_CHILD_DELETE, id, timeout_ms, NULL);
}
