/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/leader.h"

#include <stdio.h>

#include "lib/core/assert.h"
#include "lib/process/request.h"

/* Group leaders, from the side that prints: osier/output.h. */

#define SHORT_BYTES 512

osr_pid osri_leader_abroad(osr_self *process)
{
    osr_pid own = osri_leader_here(process);
    return osr_pid_is_none(own) ? osri_node_whereis(process->node, OSR_OUTPUT_NAME) : own;
}

osr_pid osr_group_leader(osr_self *self)
{
    return osri_leader_abroad(self);
}

osr_err osri_leader_set(osr_self *process, osr_pid leader)
{
    if (process->relations == NULL && osr_pid_is_none(leader)) {
        return OSR_OK;
    }
    osri_relations *relations = osri_process_relations(process);
    if (relations == NULL) {
        return OSR_ENOMEM;
    }
    relations->leader = leader;
    return OSR_OK;
}

void osri_leader_signal(osr_self *process, osri_envelope *signal)
{
    const osri_leader *body = osri_envelope_body(signal);
    if (osri_leader_set(process, body->pid) != OSR_OK) {
        osri_log_write(&process->node->log, OSR_LOG_ERROR,
                       "out of memory: a process keeps its group leader");
    }
    osri_envelope_free(&signal);
}

osr_err osr_set_group_leader(osr_self *self, osr_pid process, osr_pid leader)
{
    osr_node *node = self->node;
    if (self->exiting) {
        return OSR_EEXIT;
    }
    if (osr_pid_equal(process, osri_process_pid(self))) {
        return osri_leader_set(self, leader);
    }
    if (process.node == node->id) {
        const osr_self *other = osri_table_at(node, process.slot);
        if (other == NULL || !osri_process_lives(other, process.generation)) {
            return OSR_ENOPROC;
        }
    }
    osri_leader body = {.pid = leader};
    osri_envelope *signal;
    osr_err err = osri_signal_new(OSRI_SIGNAL_LEADER, osri_process_pid(self), 0,
                                  &osri_leader_osr_type, &body, &signal);
    if (err != OSR_OK) {
        return err;
    }
    osri_route route = {.pid = process};
    return osri_signal_send(node, &route, &signal);
}

/* ---- printing ---------------------------------------------------------------------------- */

/* What the leader has answered. Takes it. */
static osr_err read_answer(osri_envelope *answer)
{
    osr_err err = OSR_ETERMINATED;
    bool is_done = answer->kind == OSRI_SIGNAL_REPLY && answer->type != NULL &&
                   answer->type->id == osr_io_done_osr_type.id;
    if (is_done) {
        err = (osr_err)((const osr_io_done *)osri_envelope_body(answer))->error;
    }
    osri_envelope_free(&answer);
    return err;
}

/* By a request of its own kind, so that the last answer, which is lent, stays where it is. */
osr_err osr_put(osr_self *self, osr_dest to, const char *text, size_t bytes)
{
    OSRI_ASSERT_SELF(self);
    osri_route route;
    osri_envelope *answer = NULL;
    if (self->exiting) {
        return osri_process_leave(self);
    }
    if (bytes > OSR_MESSAGE_BYTES_MAX) {
        return OSR_EINVAL;
    }
    osr_err err = osri_request_resolve(self, to, &route);
    if (err != OSR_OK) {
        return err == OSR_ENOPROC ? OSR_ETERMINATED : err;
    }
    osr_io_put request = {.text = {text, (uint32_t)bytes}};
    err = osri_request_kind(self, OSRI_SIGNAL_MESSAGE, &route, &osr_io_put_osr_type, &request,
                            osri_reference_next(self->node), UINT64_MAX, &answer);
    return err != OSR_OK ? err : read_answer(answer);
}

static osr_err put_to_leader(osr_self *self, const char *text, size_t bytes)
{
    return osr_put(self, osr_to(osr_group_leader(self)), text, bytes);
}

static osr_err print_long(osr_self *self, const char *format, va_list arguments, size_t bytes)
{
    char *text = osr_alloc(self, bytes + 1); /* its, should it never come back here */
    if (text == NULL) {
        return OSR_ENOMEM;
    }
    (void)vsnprintf(text, bytes + 1, format, arguments);
    osr_err err = put_to_leader(self, text, bytes);
    osr_free(self, text);
    return err;
}

osr_err osr_vprintf(osr_self *self, const char *format, va_list arguments)
{
    char text[SHORT_BYTES];
    va_list again;
    va_copy(again, arguments);
    int bytes = vsnprintf(text, sizeof(text), format, arguments);
    osr_err err = OSR_EINVAL;
    if (bytes >= 0 && (size_t)bytes < sizeof(text)) {
        err = put_to_leader(self, text, (size_t)bytes);
    } else if (bytes >= 0 && (size_t)bytes <= OSR_MESSAGE_BYTES_MAX) {
        err = print_long(self, format, again, (size_t)bytes);
    }
    va_end(again);
    return err;
}

osr_err osr_printf(osr_self *self, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    osr_err err = osr_vprintf(self, format, arguments);
    va_end(arguments);
    return err;
}
