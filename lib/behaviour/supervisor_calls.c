/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/behaviour/supervisor.h"
#include "lib/message/codec.h"
#include "lib/process/node.h"

/* What others ask a supervisor, on its side. A start or an end that takes time is answered when it
 * is done; the supervisor serves others meanwhile. */

static void answer_now(osr_self *self, const osr_message *message, osr_err err, osr_pid pid)
{
    osr_caller caller = osr_caller_of(message);
    osri_child_answer(self, &caller, err, pid);
}

static void wait_for(osr_self *self, const osr_message *message, osr_caller *ret_waiter)
{
    *ret_waiter = osr_caller_of(message);
    (void)osri_request_defer(self);
}

/* ---- looking --------------------------------------------------------------------------- */

static osr_child_info info_of(const osri_child *child)
{
    osr_child_info info = {.id = osr_str_of(child->id),
                           .server = osr_str_of(child->entry),
                           .state = (uint32_t)child->state,
                           .pid = child->pid,
                           .supervisor = child->supervisor,
                           .place = osr_str_of(child->place),
                           .restart = (uint32_t)child->restart};
    if (!osr_pid_is_none(child->pid) || child->spawning) {
        info.node = osr_str_of(child->node);
    }
    return info;
}

static void which_children(osr_self *self, const osri_supervisor *s, const osr_message *message)
{
    osr_child_info *infos = osr_alloc(self, (s->child_count + 1) * sizeof(*infos));
    if (infos == NULL) {
        return; /* unanswered: the runtime tells the caller */
    }
    for (size_t i = 0; i < s->child_count; ++i) {
        infos[i] = info_of(s->children[i]);
    }
    osr_children reply = {.supervisor = osr_str_of(s->spec->name)};
    reply.children.at = infos;
    reply.children.count = (uint32_t)s->child_count;
    (void)osr_reply_to(self, osr_caller_of(message), &osr_children_osr_type, &reply);
    osr_free(self, infos);
}

static void count_children(osr_self *self, const osri_supervisor *s, const osr_message *message)
{
    osr_child_counts counts = {.specs = (uint32_t)s->child_count};
    for (size_t i = 0; i < s->child_count; ++i) {
        counts.active += !osr_pid_is_none(s->children[i]->pid);
        counts.supervisors += s->children[i]->supervisor;
        counts.workers += !s->children[i]->supervisor;
    }
    (void)osr_reply_to(self, osr_caller_of(message), &osr_child_counts_osr_type, &counts);
}

/* ---- adding ---------------------------------------------------------------------------- */

static void free_arguments(void *state)
{
    osri_supervisor *s = state;
    for (size_t i = 0; i < s->child_count; ++i) {
        osri_envelope_free(&s->children[i]->owned_argument);
    }
}

/* Arguments of added children are ours until the child is removed, or the supervisor ends in any
 * way. */
static osr_err take_argument(osr_self *self, osri_supervisor *s, const osri_start_child *request,
                             osri_envelope **ret_argument)
{
    *ret_argument = NULL;
    if (osr_bin_size(request->argument) == 0) {
        return OSR_OK;
    }
    if (!s->frees_arguments) {
        osr_err err = osr_defer(self, free_arguments, s);
        if (err != OSR_OK) {
            return err;
        }
        s->frees_arguments = true;
    }
    return osri_decode_message(osri_node_types(osr_self_node(self)),
                               osr_bin_data(request->argument), osr_bin_size(request->argument),
                               ret_argument);
}

/* A server's description travels by address within a node, by name between nodes. */
static const osr_server *server_of(osr_self *self, const osr_message *message,
                                   const osri_start_child *request)
{
    bool of_this_node = message->from.node == osr_self_pid(self).node;
    return of_this_node ? (const osr_server *)(uintptr_t)request->server : NULL;
}

static osr_child spec_of(osr_self *self, const osr_message *message,
                         const osri_start_child *request, const osri_envelope *argument)
{
    osr_child spec = {.size = sizeof(spec),
                      .server = server_of(self, message, request),
                      .name = request->name.at,
                      .label = request->label.at,
                      .place = request->place.at,
                      .on_noconnection = request->on_noconnection,
                      .restart = (osr_restart)request->restart,
                      .shutdown_ms = request->shutdown_ms,
                      .isolation = (osr_isolation)request->isolation,
                      .id = request->id.at,
                      .entry = request->entry.at,
                      .supervisor = request->supervisor};
    if (argument != NULL) {
        spec.argument = osri_envelope_body(argument);
        spec.argument_type = argument->type;
    }
    return spec;
}

static osr_err add_child(osr_self *self, osri_supervisor *s, const osr_message *message,
                         osri_child **ret_child)
{
    const osri_start_child *request = message->body;
    osri_envelope *argument;
    osr_err err = take_argument(self, s, request, &argument);
    if (err != OSR_OK) {
        return err;
    }
    osr_child spec = spec_of(self, message, request, argument);
    if (spec.server != NULL && argument != NULL &&
        (spec.server->argument == NULL || spec.server->argument->id != argument->type->id)) {
        osri_envelope_free(&argument);
        return OSR_ETYPE;
    }
    err = osri_child_add(self, s, &spec, 0, ret_child);
    if (err != OSR_OK) {
        osri_envelope_free(&argument);
        return err;
    }
    (*ret_child)->owned_argument = argument;
    return OSR_OK;
}

static const char *id_wanted(const osri_start_child *request)
{
    if (request->id.size != 0) {
        return request->id.at;
    }
    return request->name.size != 0 ? request->name.at : request->entry.at;
}

static void start_child(osr_self *self, osri_supervisor *s, const osr_message *message)
{
    const osri_start_child *request = message->body;
    const char *id = id_wanted(request);
    osri_child *child = id == NULL ? NULL : osri_child_by_id(s, id);
    if (child != NULL) {
        answer_now(self, message, OSR_ETAKEN, child->pid);
        return;
    }
    osr_err err = add_child(self, s, message, &child);
    if (err != OSR_OK) {
        answer_now(self, message, err, OSR_PID_NONE);
        return;
    }
    child->fresh = true;
    wait_for(self, message, &child->starter);
    osri_child_start(self, s, child);
}

/* ---- changing -------------------------------------------------------------------------- */

static void terminate_child(osr_self *self, osri_supervisor *s, osri_child *child,
                            const osr_message *message)
{
    child->held = true;
    switch (child->state) {
    case OSR_CHILD_STARTING:
    case OSR_CHILD_RUNNING:
        wait_for(self, message, &child->stopper);
        osri_child_stop(self, child);
        return;
    case OSR_CHILD_STOPPING:
        if (child->stopper.ref != 0) {
            answer_now(self, message, OSR_EBUSY, OSR_PID_NONE);
        } else {
            wait_for(self, message, &child->stopper);
        }
        return;
    case OSR_CHILD_STOPPED:
    case OSR_CHILD_RESTARTING:
    case OSR_CHILD_WAITING:
        child->state = OSR_CHILD_STOPPED;
        if (child->restart == OSR_TEMPORARY) {
            osri_child_remove(self, s, child);
        }
        answer_now(self, message, OSR_OK, OSR_PID_NONE);
        osri_supervisor_advance(self, s);
        return;
    }
}

static void change_child(osr_self *self, osri_supervisor *s, const osr_message *message)
{
    const osri_change_child *request = message->body;
    osri_child *child = request->id.size == 0 ? NULL : osri_child_by_id(s, request->id.at);
    if (child == NULL) {
        answer_now(self, message, OSR_ENOTFOUND, OSR_PID_NONE);
    } else if (request->change == OSRI_CHILD_TERMINATE) {
        terminate_child(self, s, child, message);
    } else if (child->state != OSR_CHILD_STOPPED) {
        answer_now(self, message, OSR_EBUSY, child->pid);
    } else if (request->change == OSRI_CHILD_RESTART) {
        child->held = false;
        child->lost = false;
        wait_for(self, message, &child->starter);
        osri_child_start(self, s, child);
    } else {
        osri_child_remove(self, s, child);
        answer_now(self, message, OSR_OK, OSR_PID_NONE);
    }
}

bool osri_supervisor_request(osr_self *self, osri_supervisor *s, const osr_message *message)
{
    if (message->ref == 0) {
        return false;
    }
    bool ending = s->phase == OSRI_SUPERVISOR_STOPPING && s->ending;
    if (OSR_AS(osr_which_children, message) != NULL) {
        which_children(self, s, message);
    } else if (OSR_AS(osr_count_children, message) != NULL) {
        count_children(self, s, message);
    } else if (OSR_AS(osri_start_child, message) != NULL && !ending) {
        start_child(self, s, message);
    } else if (OSR_AS(osri_change_child, message) != NULL && !ending) {
        change_child(self, s, message);
    } else {
        return ending;
    }
    return true;
}
