/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/behaviour/supervisor.h"
#include "osier/log.h"

/* One child of a supervisor: its description, made complete, and its start and end.
 *
 * Invariants
 *   H1  pid and monitor belong to the process that runs or ends; both are forgotten by
 *       osri_child_gone().
 *   H2  a spawn is linked and monitored by the request that makes it, here and on other nodes. */

#define DEFAULT_SHUTDOWN_MS 5000

/* ---- descriptions ---------------------------------------------------------------------- */

static osr_err refuse(osr_self *self, const osri_supervisor *s, const char *id, osr_err err,
                      const char *why)
{
    osr_log_self(self, OSR_LOG_ERROR, "supervisor %s: the child %s is refused: %s", s->spec->name,
                 id, why);
    return err;
}

static bool put_text(char *ret_text, size_t bytes, const char *text, uint32_t index)
{
    if (text == NULL || text[0] == '\0') {
        ret_text[0] = '\0';
        return true;
    }
    int length = index == 0 ? snprintf(ret_text, bytes, "%s", text)
                            : snprintf(ret_text, bytes, "%s-%" PRIu32, text, index);
    return length >= 0 && (size_t)length < bytes;
}

static const char *first_of(const char *a, const char *b)
{
    return a != NULL && a[0] != '\0' ? a : b;
}

/* The texts, each of which must fit. */
static bool describe_texts(osri_child *child, const osr_child *spec, uint32_t index)
{
    const char *server = spec->server != NULL ? spec->server->name : "";
    const char *entry = first_of(spec->entry, server);
    const char *id = first_of(spec->id, first_of(spec->name, entry));
    bool fits = put_text(child->entry, sizeof(child->entry), entry, 0) &&
                put_text(child->id, sizeof(child->id), id, index) &&
                put_text(child->name, sizeof(child->name), spec->name, index) &&
                put_text(child->place, sizeof(child->place), spec->place, 0);
    if (!fits || child->entry[0] == '\0') {
        return false;
    }
    return first_of(spec->label, NULL) == NULL
               ? put_text(child->label, sizeof(child->label), child->id, 0)
               : put_text(child->label, sizeof(child->label), spec->label, index);
}

static void describe_rest(osri_child *child, const osr_child *spec)
{
    child->server = spec->server;
    child->argument = spec->argument;
    child->argument_type = spec->argument_type;
    if (child->argument_type == NULL && spec->server != NULL) {
        child->argument_type = spec->server->argument;
    }
    child->supervisor =
        spec->server != NULL ? spec->server->ops == &osri_supervisor_ops : spec->supervisor;
    child->on_noconnection = spec->on_noconnection;
    child->restart = spec->restart;
    child->shutdown_ms = spec->shutdown_ms;
    if (spec->shutdown_ms == 0) {
        child->shutdown_ms = child->supervisor ? OSR_FOREVER : DEFAULT_SHUTDOWN_MS;
    }
}

static osr_err check(osr_self *self, const osri_supervisor *s, const osri_child *child,
                     const osr_child *spec)
{
    if (spec->isolation != OSR_NO_ISOLATION) {
        return refuse(self, s, child->id, OSR_ENOTSUP,
                      "isolation in an OS process is not available");
    }
    if (child->on_noconnection > OSR_ELSEWHERE) {
        return refuse(self, s, child->id, OSR_ENOTSUP,
                      "leases are not available: use OSR_WAIT or OSR_ELSEWHERE");
    }
    if (child->restart > OSR_TEMPORARY || strcmp(child->place, "label:") == 0) {
        return refuse(self, s, child->id, OSR_EINVAL, "its restart or place makes no sense");
    }
    if (child->argument != NULL && child->argument_type == NULL) {
        return refuse(self, s, child->id, OSR_EINVAL, "its server takes no argument");
    }
    if (osri_child_by_id(s, child->id) != NULL) {
        return refuse(self, s, child->id, OSR_ETAKEN, "its id is taken: set .id or .count");
    }
    return OSR_OK;
}

static osr_err make_room(osr_self *self, osri_supervisor *s)
{
    if (s->child_count < s->child_room) {
        return OSR_OK;
    }
    if (s->child_count >= OSRI_CHILD_COUNT_MAX) {
        return OSR_ELIMIT;
    }
    size_t room = s->child_room == 0 ? 8 : s->child_room * 2;
    osri_child **children = osr_alloc(self, room * sizeof(osri_child *));
    if (children == NULL) {
        return OSR_ENOMEM;
    }
    if (s->child_count != 0) {
        memcpy(children, s->children, s->child_count * sizeof(osri_child *));
    }
    osr_free(self, s->children);
    s->children = children;
    s->child_room = room;
    return OSR_OK;
}

static osr_err describe(osr_self *self, osri_supervisor *s, const osr_child *spec, uint32_t index,
                        osri_child *child)
{
    memset(child, 0, sizeof(*child));
    if (!describe_texts(child, spec, index)) {
        return refuse(self, s, child->id, OSR_EINVAL,
                      "a text of it is too long, or it has no server");
    }
    describe_rest(child, spec);
    osr_err err = check(self, s, child, spec);
    if (err == OSR_OK && child->place[0] != '\0') {
        err = osri_place_subscribe(self, s);
    }
    return err == OSR_OK ? make_room(self, s) : err;
}

osr_err osri_child_add(osr_self *self, osri_supervisor *s, const osr_child *spec, uint32_t index,
                       osri_child **ret_child)
{
    osri_child *child = osr_alloc(self, sizeof(*child));
    if (child == NULL) {
        return OSR_ENOMEM;
    }
    osr_err err = describe(self, s, spec, index, child);
    if (err != OSR_OK) {
        osr_free(self, child);
        return err;
    }
    err = osri_place_want(self, s, child);
    if (err != OSR_OK) {
        osr_free(self, child);
        return err;
    }
    child->number = ++s->children_numbered;
    s->children[s->child_count++] = child;
    *ret_child = child;
    return OSR_OK;
}

osr_err osri_child_add_all(osr_self *self, osri_supervisor *s, const osr_child *given)
{
    osr_child spec = {.size = 0};
    memcpy(&spec, given, given->size < sizeof(spec) ? given->size : sizeof(spec));
    osri_child *child;
    if (spec.count <= 1) {
        return osri_child_add(self, s, &spec, 0, &child);
    }
    osr_err err = OSR_OK;
    for (uint32_t i = 1; i <= spec.count && err == OSR_OK; ++i) {
        err = osri_child_add(self, s, &spec, i, &child);
    }
    return err;
}

size_t osri_child_index(const osri_supervisor *s, const osri_child *child)
{
    size_t index = 0;
    while (index < s->child_count && s->children[index] != child) {
        ++index;
    }
    return index;
}

void osri_child_remove(osr_self *self, osri_supervisor *s, osri_child *child)
{
    size_t index = osri_child_index(s, child);
    s->child_count -= 1;
    memmove(&s->children[index], &s->children[index + 1],
            (s->child_count - index) * sizeof(osri_child *));
    osri_place_unwant(s, child);
    osri_envelope_free(&child->owned_argument);
    osr_free(self, child);
}

osri_child *osri_child_by_id(const osri_supervisor *s, const char *id)
{
    for (size_t i = 0; i < s->child_count; ++i) {
        if (strcmp(s->children[i]->id, id) == 0) {
            return s->children[i];
        }
    }
    return NULL;
}

/* ---- start and end --------------------------------------------------------------------- */

static osr_err spawn(osr_self *self, osri_child *child)
{
    const char *node = child->node[0] == '\0' ? NULL : child->node;
    const osr_spawn_options *options =
        OSR_SPAWN(.name = child->name[0] == '\0' ? NULL : child->name, .label = child->label,
                  .node = node, .link = true, .monitor = true, .ret_monitor = &child->monitor);
    if (node == NULL && child->server != NULL) {
        osri_spawn here = osri_spawn_of(child->server, child->argument, options);
        return osri_spawn_body(osr_self_node(self), self, &here, &child->pid);
    }
    const osr_type *type = child->argument == NULL ? NULL : child->argument_type;
    osr_err err = osri_spawn_request_async(self, child->entry, type, child->argument, options,
                                           &child->request);
    child->spawning = err == OSR_OK;
    return err;
}

void osri_child_start(osr_self *self, osri_supervisor *s, osri_child *child)
{
    const char *node = osri_place_choose(self, s, child);
    if (node == NULL) {
        child->state = OSR_CHILD_WAITING;
        child->fresh = false;
        osri_place_wait(self, s);
        osri_child_answer(self, &child->starter, OSR_OK, OSR_PID_NONE);
        return;
    }
    (void)snprintf(child->node, sizeof(child->node), "%s", node);
    child->state = OSR_CHILD_STARTING;
    osr_err err = spawn(self, child);
    if (err != OSR_OK) {
        osri_supervisor_start_failed(self, s, child, err, OSR_LOG_ERROR, osr_err_text(err));
    }
}

void osri_child_stop(osr_self *self, osri_child *child)
{
    child->state = OSR_CHILD_STOPPING;
    if (osr_pid_is_none(child->pid)) {
        child->stop_wanted = true;
        return;
    }
    bool kill = child->shutdown_ms == OSR_BRUTAL_KILL;
    if (!kill && child->shutdown_ms != OSR_FOREVER) {
        child->timed = osr_timer_start(self, child->shutdown_ms, &child->timer) == OSR_OK;
        kill = !child->timed;
    }
    osr_reason reason = osr_reason_of(kill ? OSR_REASON_KILL : OSR_REASON_SHUTDOWN);
    (void)osr_send_exit(self, child->pid, &reason);
}

void osri_child_gone(osr_self *self, osri_child *child)
{
    if (child->timed) {
        (void)osr_timer_cancel(self, child->timer, NULL);
    }
    child->timed = false;
    child->spawning = false;
    child->stop_wanted = false;
    child->pid = OSR_PID_NONE;
    child->monitor = OSR_REF_NONE;
    child->state = OSR_CHILD_STOPPED;
}

void osri_child_answer(osr_self *self, osr_caller *caller, osr_err err, osr_pid pid)
{
    if (caller->ref == 0) {
        return;
    }
    osri_child_result result = {.error = (int32_t)err, .pid = pid};
    osri_behaviour_answer(self, *caller, &osri_child_result_osr_type, &result);
    caller->ref = 0;
}
