/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sched.h>
#include <string.h>

#include "lib/behaviour/behaviour.h"
#include "lib/core/heap.h"
#include "lib/process/process.h"
#include "osier/info.h"

/* Starting a behaviour and waiting for its init; stopping one and waiting for its end.
 *
 * The starter monitors the process from before it runs. Its osr_started says that init succeeded,
 * its osr_down that it did not; exactly one of the two comes, and after the second nothing else
 * does. */

#define END_MS 10000 /* for a process that was told to end */
#define LOOK_MS 1000 /* between looks whether the helper still lives */

typedef struct awaited {
    osr_pid pid;
    osr_ref monitor;
} awaited;

static bool is_down(const awaited *what, const osr_message *message)
{
    const osr_down *down = OSR_AS(osr_down, message);
    return down != NULL && osr_ref_equal(down->monitor, what->monitor);
}

static bool is_started(void *context, const osr_message *message)
{
    const awaited *what = context;
    return OSR_AS(osr_started, message) != NULL && osr_pid_equal(message->from, what->pid);
}

static bool is_started_or_down(void *context, const osr_message *message)
{
    return is_started(context, message) || is_down(context, message);
}

static bool is_down_of(void *context, const osr_message *message)
{
    return is_down(context, message);
}

/* Receives beside the message in work, which stays lent. */
static osr_err receive_aside(osr_self *self, osr_match *match, awaited *what, uint32_t timeout_ms,
                             osr_reason_code *ret_down, osr_err *ret_error)
{
    osri_envelope *in_work = self->current;
    self->current = NULL;
    osr_message message;
    osr_err err = osr_receive_where(self, match, what, timeout_ms, &message);
    if (err == OSR_OK && is_down(what, &message)) {
        const osr_reason *reason = &OSR_AS(osr_down, &message)->reason;
        *ret_down = (osr_reason_code)reason->code;
        *ret_error = (osr_err)reason->error;
        err = OSR_ECLOSED;
    }
    osri_envelope_free(&self->current);
    self->current = in_work;
    return err;
}

static osr_err error_of(osr_reason_code code, osr_err error)
{
    switch (code) {
    case OSR_REASON_ERROR:
        return error == OSR_OK ? OSR_EFAILED : error;
    case OSR_REASON_NOPROC:
        return OSR_ENOPROC;
    case OSR_REASON_NOCONNECTION:
        return OSR_ENOCONNECTION;
    default:
        return OSR_EFAILED;
    }
}

/* Ends a start that takes too long, so that nothing of it arrives later. */
static void give_up(osr_self *self, awaited *what)
{
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    osr_reason_code code;
    osr_err error;
    (void)osr_unlink(self, what->pid);
    (void)osr_send_exit(self, what->pid, &kill);
    (void)receive_aside(self, is_down_of, what, OSR_FOREVER, &code, &error);
    (void)receive_aside(self, is_started, what, 0, &code, &error);
}

static osr_err await_started(osr_self *self, awaited *what, bool keep_monitor, uint32_t timeout_ms)
{
    osr_reason_code code = OSR_REASON_NORMAL;
    osr_err error = OSR_OK;
    osr_err err = receive_aside(self, is_started_or_down, what, timeout_ms, &code, &error);
    if (err == OSR_ECLOSED) {
        return error_of(code, error);
    }
    if (err == OSR_ETIMEDOUT) {
        give_up(self, what);
    }
    if (err == OSR_OK && !keep_monitor) {
        (void)osr_demonitor(self, what->monitor, true);
    }
    return err;
}

osr_err osri_behaviour_start(osr_self *self, const osri_spawn *spawn, uint32_t timeout_ms,
                             osr_pid *ret_pid)
{
    osr_spawn_options options = {.size = sizeof(options)};
    if (spawn->options != NULL) {
        size_t bytes = spawn->options->size;
        memcpy(&options, spawn->options, bytes < sizeof(options) ? bytes : sizeof(options));
    }
    if (options.node != NULL) {
        return OSR_EINVAL;
    }
    awaited what;
    bool keep_monitor = options.monitor;
    osr_ref *ret_monitor = options.ret_monitor;
    options.size = sizeof(options);
    options.monitor = true;
    options.ret_monitor = &what.monitor;
    osri_spawn monitored = *spawn;
    monitored.options = &options;
    osr_err err = osri_spawn_body(osr_self_node(self), self, &monitored, &what.pid);
    if (err != OSR_OK) {
        return err;
    }
    err = await_started(self, &what, keep_monitor, timeout_ms);
    if (err != OSR_OK) {
        return err;
    }
    if (ret_monitor != NULL) {
        *ret_monitor = what.monitor;
    }
    if (ret_pid != NULL) {
        *ret_pid = what.pid;
    }
    return OSR_OK;
}

osri_spawn osri_spawn_of(const osr_server *server, const void *argument,
                         const osr_spawn_options *options)
{
    osri_spawn spawn = {.ops = server->ops,
                        .configuration = server->configuration,
                        .argument_type = argument == NULL ? NULL : server->argument,
                        .argument = argument,
                        .options = options};
    return spawn;
}

osr_err osr_server_start(osr_self *self, const osr_server *server, const void *argument,
                         const osr_spawn_options *options, uint32_t timeout_ms, osr_pid *ret_pid)
{
    if (argument != NULL && server->argument == NULL) {
        return OSR_EINVAL;
    }
    osri_spawn spawn = osri_spawn_of(server, argument, options);
    return osri_behaviour_start(self, &spawn, timeout_ms, ret_pid);
}

/* ---- from outside the node ------------------------------------------------------------- */

/* A start on behalf of a thread that waits. Owned by that thread, unless it gave up on a stepped
 * node (orphaned): then by the helper. The process has no parent, so it is asked whether it is
 * ready. */
typedef struct outside_start {
    const osri_spawn *spawn;
    uint32_t timeout_ms;
    osr_err err;
    osr_pid pid; /* none: not even spawned */
    bool done;
    bool orphaned;
} outside_start;

OSR_MESSAGE(osri_outside_start, 0x19, (1, u64, address));

static osr_err start_without_parent(osr_self *self, outside_start *start)
{
    osr_err err = osri_spawn_body(osr_self_node(self), NULL, start->spawn, &start->pid);
    if (err != OSR_OK) {
        return err;
    }
    osr_message reply;
    osr_reason reason = osr_reason_of(OSR_REASON_NORMAL);
    osri_ready request = {0};
    err = osri_request(self, osr_to(start->pid), &osri_ready_osr_type, &request, start->timeout_ms,
                       &reply, &reason);
    if (err == OSR_ETIMEDOUT) {
        osr_reason kill = osr_reason_of(OSR_REASON_KILL);
        (void)osr_send_exit(self, start->pid, &kill);
    }
    return err == OSR_EFAILED ? error_of((osr_reason_code)reason.code, (osr_err)reason.error) : err;
}

OSR_ENTRY(starter, osri_outside_start)
{
    outside_start *start = (outside_start *)(uintptr_t)argument->address;
    start->err = start_without_parent(self, start);
    start->done = true;
    if (start->orphaned) {
        osri_heap_free(start, sizeof(*start));
    }
    return OSR_OK;
}

/* Waits until the helper has ended, or, where this thread drives the node, until nothing is left to
 * do. Without memory there may be no way to wait, nor word of its end: so it is looked for, too. */
static osr_err await_helper(osr_node *node, osr_pid helper, outside_start *start)
{
    osr_snapshot snapshot;
    osr_err err = osr_node_wait(node, helper, LOOK_MS, NULL);
    while (err != OSR_OK && err != OSR_ENOTSUP &&
           osr_snapshot_of(node, helper, &snapshot) != OSR_ENOPROC) {
        (void)sched_yield();
        err = osr_node_wait(node, helper, LOOK_MS, NULL);
    }
    if (err != OSR_ENOTSUP) {
        return OSR_OK;
    }
    uint64_t due_ns = 0;
    while (!start->done && (osr_node_step(node, &due_ns) || due_ns != UINT64_MAX)) {
    }
    start->orphaned = !start->done;
    return start->done ? OSR_OK : OSR_ETIMEDOUT;
}

/* The process that could not be started is gone when this returns. One that ended before it could
 * be asked left its reason with the node. */
static osr_err error_of_start(osr_node *node, const outside_start *start)
{
    osr_ended ended;
    if (start->err == OSR_OK || osr_pid_is_none(start->pid) ||
        osr_node_wait(node, start->pid, END_MS, &ended) != OSR_OK) {
        return start->err;
    }
    return start->err == OSR_ENOPROC ? error_of((osr_reason_code)ended.code, (osr_err)ended.error)
                                     : start->err;
}

static osr_err start_through(osr_node *node, outside_start *start)
{
    osri_outside_start argument = {.address = (uint64_t)(uintptr_t)start};
    osr_pid helper;
    osr_err err =
        osr_node_spawn(node, &starter_osr_entry, &argument, OSR_SPAWN(.label = "starter"), &helper);
    if (err == OSR_OK) {
        err = await_helper(node, helper, start);
    }
    return err == OSR_OK ? error_of_start(node, start) : err;
}

osr_err osri_behaviour_start_outside(osr_node *node, const osri_spawn *spawn, uint32_t timeout_ms,
                                     osr_pid *ret_pid)
{
    const osr_spawn_options *options = spawn->options;
    if (options != NULL && (options->link || options->monitor || options->node != NULL)) {
        return OSR_EINVAL;
    }
    outside_start *start = osri_heap_zalloc(sizeof(*start));
    if (start == NULL) {
        return OSR_ENOMEM;
    }
    start->spawn = spawn;
    start->timeout_ms = timeout_ms;
    start->err = OSR_ESTOPPED;
    osr_err err = start_through(node, start);
    if (err == OSR_OK && ret_pid != NULL) {
        *ret_pid = start->pid;
    }
    if (!start->orphaned) {
        osri_heap_free(start, sizeof(*start));
    }
    return err;
}

osr_err osr_node_start_server(osr_node *node, const osr_server *server, const void *argument,
                              const osr_spawn_options *options, uint32_t timeout_ms,
                              osr_pid *ret_pid)
{
    if (argument != NULL && server->argument == NULL) {
        return OSR_EINVAL;
    }
    osri_spawn spawn = osri_spawn_of(server, argument, options);
    return osri_behaviour_start_outside(node, &spawn, timeout_ms, ret_pid);
}

/* ---- the other side -------------------------------------------------------------------- */

osr_err osri_behaviour_started(osr_self *self)
{
    osr_pid parent = osr_self_parent(self);
    if (osr_pid_is_none(parent)) {
        return OSR_OK;
    }
    osr_started started = {0};
    return osr_started_send(self, osr_to(parent), &started);
}

void osri_behaviour_refused(osr_self *self)
{
    osr_pid parent = osr_self_parent(self);
    if (!osr_pid_is_none(parent)) {
        (void)osr_unlink(self, parent);
    }
}

void osri_behaviour_answer(osr_self *self, osr_caller caller, const osr_type *type,
                           const void *reply)
{
    osr_err err = osr_reply_to(self, caller, type, reply);
    if (err != OSR_OK) {
        osr_reason reason = osr_reason_error(err);
        osri_request_drop(self, caller.pid, caller.ref);
        osri_request_refuse(self, caller.pid, caller.ref, &reason);
    }
}

const osr_reason *osri_behaviour_told_to_stop(osr_self *self, const osr_message *message)
{
    const osri_stop *stop = OSR_AS(osri_stop, message);
    if (stop != NULL) {
        return &stop->reason;
    }
    const osr_exited *exited = OSR_AS(osr_exited, message);
    if (exited == NULL || !osr_pid_is_none(message->from)) { /* made by the runtime: from nobody */
        return NULL;
    }
    bool from_above =
        osr_pid_is_none(exited->from) || osr_pid_equal(exited->from, osr_self_parent(self));
    return from_above ? &exited->reason : NULL;
}

osr_err osr_server_stop(osr_self *self, osr_dest to, const osr_reason *reason, uint32_t timeout_ms)
{
    awaited what = {.pid = OSR_PID_NONE};
    osr_err err = osr_monitor(self, to, &what.monitor);
    if (err != OSR_OK) {
        return err;
    }
    osri_stop stop = {.reason = *reason};
    err = osri_stop_send(self, to, &stop);
    if (err != OSR_OK && err != OSR_ENOPROC) { /* of nobody the monitor tells */
        (void)osr_demonitor(self, what.monitor, true);
        return err;
    }
    osr_reason_code code = OSR_REASON_NORMAL;
    osr_err error = OSR_OK;
    err = receive_aside(self, is_down_of, &what, timeout_ms, &code, &error);
    if (err != OSR_ECLOSED) {
        (void)osr_demonitor(self, what.monitor, true);
        return err;
    }
    if ((uint32_t)code == reason->code && (int32_t)error == reason->error) {
        return OSR_OK;
    }
    return code == OSR_REASON_NOPROC || code == OSR_REASON_NOCONNECTION ? error_of(code, error)
                                                                        : OSR_EFAILED;
}
