/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/behaviour/supervisor.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/trace/event.h"
#include "osier/log.h"

/* The supervisor: what follows from each thing that happens to a child.
 *
 * Invariants
 *   V1  a child's end is learned from its monitor alone. It is linked as well, so that it goes when
 *       the supervisor is killed; that it unlinks itself changes nothing here.
 *   V2  a child is linked and monitored from the moment it exists until its osr_down: there is no
 *       orphan.
 *   V3  children are in order of start; STARTING and STOPPING have at most one child under way.
 *   V4  the end of a child whose node is lost is never counted as a restart.
 * Progress: no callback waits; whatever is under way ends with a message to us. */

#define DEFAULT_PERIOD_MS 5000
#define INTENSITY_MAX 1000000

static void end_all(osr_self *self, osri_supervisor *s, const osr_reason *reason)
{
    if (s->phase == OSRI_SUPERVISOR_STOPPING && s->ending) {
        return;
    }
    s->phase = OSRI_SUPERVISOR_STOPPING;
    s->floor = 0;
    s->ending = true;
    s->end_code = reason->code;
    s->end_error = reason->error;
    (void)snprintf(s->end_text, sizeof(s->end_text), "%.*s", (int)reason->text.size,
                   reason->text.size == 0 ? "" : reason->text.at);
    osri_supervisor_advance(self, s);
}

/* Ends the children from index on and starts them again. */
static void restart_from(osr_self *self, osri_supervisor *s, size_t index)
{
    if (s->phase == OSRI_SUPERVISOR_UP || index < s->floor) {
        s->floor = index;
    }
    s->phase = OSRI_SUPERVISOR_STOPPING;
    osri_supervisor_advance(self, s);
}

/* ---- phases ---------------------------------------------------------------------------- */

static void answer_ready(osr_self *self, osri_supervisor *s)
{
    if (s->ready && s->asks_ready.ref != 0) {
        osri_ready_now ready = {0};
        osri_behaviour_answer(self, s->asks_ready, &osri_ready_now_osr_type, &ready);
        s->asks_ready.ref = 0;
    }
}

static void all_started(osr_self *self, osri_supervisor *s)
{
    s->phase = OSRI_SUPERVISOR_UP;
    s->floor = 0;
    if (s->ready) {
        return;
    }
    osr_err err = osri_behaviour_started(self);
    if (err != OSR_OK) {
        osr_reason reason = osr_reason_error(err);
        end_all(self, s, &reason);
        return;
    }
    s->ready = true;
    answer_ready(self, s);
}

static void advance_start(osr_self *self, osri_supervisor *s)
{
    for (size_t i = s->floor; i < s->child_count && s->phase == OSRI_SUPERVISOR_STARTING; ++i) {
        osri_child *child = s->children[i];
        if (child->state == OSR_CHILD_STOPPED && !child->held) {
            osri_child_start(self, s, child); /* may fail, and end the phase */
        }
        if (s->phase != OSRI_SUPERVISOR_STARTING || child->state == OSR_CHILD_STARTING ||
            child->state == OSR_CHILD_RESTARTING) {
            return;
        }
    }
    if (s->phase == OSRI_SUPERVISOR_STARTING) {
        all_started(self, s);
    }
}

static void end_now(osr_self *self, osri_supervisor *s)
{
    osr_reason reason = {.code = s->end_code, .error = s->end_error};
    reason.text = osr_str_of(s->end_text);
    if (!s->ready) {
        osri_behaviour_refused(self);
    }
    osri_process_stop(self, &reason);
}

/* Stops the last child that is not stopped; true when there is none any more. */
static bool stop_last(osr_self *self, osri_supervisor *s)
{
    for (size_t i = s->child_count; i > s->floor; --i) {
        osri_child *child = s->children[i - 1];
        switch (child->state) {
        case OSR_CHILD_STOPPED:
            break;
        case OSR_CHILD_WAITING:
        case OSR_CHILD_RESTARTING:
            child->state = OSR_CHILD_STOPPED;
            break;
        case OSR_CHILD_STARTING:
        case OSR_CHILD_RUNNING:
            osri_child_stop(self, child);
            return false;
        case OSR_CHILD_STOPPING:
            return false;
        }
    }
    return true;
}

/* A group that starts again does so without its temporary members. */
static void drop_temporary(osr_self *self, osri_supervisor *s)
{
    for (size_t i = s->child_count; i > s->floor; --i) {
        s->children[i - 1]->held = false;
        if (s->children[i - 1]->restart == OSR_TEMPORARY) {
            osri_child_remove(self, s, s->children[i - 1]);
        }
    }
}

void osri_supervisor_advance(osr_self *self, osri_supervisor *s)
{
    if (s->phase == OSRI_SUPERVISOR_STARTING) {
        advance_start(self, s);
    } else if (s->phase == OSRI_SUPERVISOR_STOPPING && stop_last(self, s)) {
        if (s->ending) {
            end_now(self, s);
            return;
        }
        drop_temporary(self, s);
        s->phase = OSRI_SUPERVISOR_STARTING;
        advance_start(self, s);
    }
}

void osri_supervisor_settled(osr_self *self, osri_supervisor *s, osri_child *child)
{
    child->fresh = false;
    osri_child_answer(self, &child->starter, OSR_OK, child->pid);
    osri_supervisor_advance(self, s);
}

/* ---- restarts -------------------------------------------------------------------------- */

/* Counts a restart; false when that is one too many within the period. */
static bool count_restart(osr_self *self, osri_supervisor *s)
{
    uint64_t now = osr_now(self);
    uint64_t size = (uint64_t)s->intensity + 1;
    s->restarts[s->restart_count % size] = now;
    s->restart_count += 1;
    if (s->restart_count < size) {
        return true;
    }
    uint64_t oldest = s->restarts[s->restart_count % size];
    return now - oldest > s->period_ns;
}

static void too_many_restarts(osr_self *self, osri_supervisor *s)
{
    osr_log_self(self, OSR_LOG_ERROR,
                 "supervisor %s: more than %" PRIu32 " restarts in %" PRIu64
                 " ms; ends with its children",
                 s->spec->name, s->intensity, s->period_ns / UINT64_C(1000000));
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    reason.text = osr_str_of("reached_max_restart_intensity");
    end_all(self, s, &reason);
}

/* Starts the child again, with those that the strategy says. */
static void start_again(osr_self *self, osri_supervisor *s, osri_child *child)
{
    osri_event_named(osr_self_node(self), OSR_EVENT_RESTART, osr_self_pid(self), child->id, 0);
    switch (s->spec->strategy) {
    case OSR_ONE_FOR_ALL:
        restart_from(self, s, 0);
        break;
    case OSR_REST_FOR_ONE:
        restart_from(self, s, osri_child_index(s, child));
        break;
    default:
        osri_child_start(self, s, child);
        break;
    }
}

/* The attempt after a failed one comes after what waits in the mailbox, so that calls
 * are served. */
static void try_later(osr_self *self, osri_child *child)
{
    child->state = OSR_CHILD_RESTARTING;
    osri_retry_child retry = {.number = child->number};
    (void)osri_retry_child_send(self, osr_to(osr_self_pid(self)), &retry);
}

/* Who had asked for this start is told; the child stays stopped, or was never there. */
static void start_refused(osr_self *self, osri_supervisor *s, osri_child *child, osr_err err)
{
    osr_caller starter = child->starter;
    child->starter.ref = 0;
    if (child->fresh) {
        osri_child_remove(self, s, child);
    }
    osri_child_answer(self, &starter, err, OSR_PID_NONE);
}

void osri_supervisor_start_failed(osr_self *self, osri_supervisor *s, osri_child *child,
                                  osr_err err, osr_log_level level, const char *why)
{
    osri_child_gone(self, child);
    osr_log_self(self, level, "supervisor %s: %s%s%s cannot be started: %s", s->spec->name,
                 child->id, child->node[0] == '\0' ? "" : " on ", child->node, why);
    if (child->starter.ref != 0) {
        start_refused(self, s, child, err);
        osri_supervisor_advance(self, s);
    } else if (s->phase == OSRI_SUPERVISOR_STOPPING) {
        osri_supervisor_advance(self, s);
    } else if (!s->ready) {
        char text[sizeof(s->end_text)];
        (void)snprintf(text, sizeof(text), "failed_to_start_child %.60s: %.80s", child->id, why);
        osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
        reason.text = osr_str_of(text);
        end_all(self, s, &reason);
    } else if (!count_restart(self, s)) {
        too_many_restarts(self, s);
    } else {
        try_later(self, child);
    }
}

static void retry(osr_self *self, osri_supervisor *s, uint64_t number)
{
    for (size_t i = 0; i < s->child_count; ++i) {
        osri_child *child = s->children[i];
        if (child->number == number && child->state == OSR_CHILD_RESTARTING) {
            child->state = OSR_CHILD_STOPPED;
            if (s->phase == OSRI_SUPERVISOR_STARTING) {
                osri_supervisor_advance(self, s);
            } else {
                start_again(self, s, child);
            }
            return;
        }
    }
}

/* ---- the end of a child ---------------------------------------------------------------- */

/* Its node is lost: it starts again, there or elsewhere, now or when that is possible. */
static void child_lost(osr_self *self, osri_supervisor *s, osri_child *child, bool ran)
{
    osri_place_failed(self, s, child->node);
    child->lost = child->home[0] != '\0';
    char wanted[OSRI_CHILD_TEXT_MAX + 32];
    const char *node = osri_place_choose(self, s, child);
    osri_place_wanted(child, wanted, sizeof(wanted));
    const char *where = node == NULL ? wanted : node[0] == '\0' ? "this node" : node;
    osr_log_self(self, OSR_LOG_NOTICE, "supervisor %s: %s %s node %s (noconnection); %s %s",
                 s->spec->name, child->id, child->lost ? "lost with" : "not started on",
                 child->node, node == NULL ? "waiting for" : "restarting on", where);
    if (ran) {
        start_again(self, s, child);
    } else {
        osri_child_start(self, s, child);
        osri_supervisor_advance(self, s);
    }
}

static bool is_restarted(const osri_child *child, const osr_reason *reason)
{
    switch (child->restart) {
    case OSR_PERMANENT:
        return true;
    case OSR_TRANSIENT:
        return !osr_reason_is_orderly(reason);
    case OSR_TEMPORARY:
    default:
        return false;
    }
}

static void child_ended(osr_self *self, osri_supervisor *s, osri_child *child,
                        const osr_reason *reason)
{
    char why[192];
    osr_reason_print(reason, why, sizeof(why));
    if (!is_restarted(child, reason)) {
        osr_log_self(self, osr_reason_is_orderly(reason) ? OSR_LOG_INFO : OSR_LOG_NOTICE,
                     "supervisor %s: %s ended (%s); not restarted", s->spec->name, child->id, why);
        if (child->restart == OSR_TEMPORARY) {
            osri_child_remove(self, s, child);
        }
        osri_supervisor_advance(self, s);
        return;
    }
    osr_log_self(self, OSR_LOG_NOTICE, "supervisor %s: %s ended (%s); restarting", s->spec->name,
                 child->id, why);
    if (s->phase == OSRI_SUPERVISOR_STOPPING && s->ending) {
        osri_supervisor_advance(self, s);
    } else if (!count_restart(self, s)) {
        too_many_restarts(self, s);
    } else {
        start_again(self, s, child);
    }
}

/* We ended it. */
static void child_stopped(osr_self *self, osri_supervisor *s, osri_child *child,
                          const osr_reason *reason)
{
    bool expected = reason->code == OSR_REASON_SHUTDOWN ||
                    reason->code == OSR_REASON_NOCONNECTION ||
                    (reason->code == OSR_REASON_NORMAL && child->restart != OSR_PERMANENT) ||
                    (reason->code == OSR_REASON_KILLED && child->shutdown_ms == OSR_BRUTAL_KILL);
    if (!expected) {
        char why[192];
        osr_reason_print(reason, why, sizeof(why));
        osr_log_self(self, OSR_LOG_WARNING, "supervisor %s: %s did not end by shutdown but: %s",
                     s->spec->name, child->id, why);
    }
    osr_caller stopper = child->stopper;
    child->stopper.ref = 0;
    osri_child_answer(self, &child->starter, OSR_EFAILED, OSR_PID_NONE);
    if (child->restart == OSR_TEMPORARY || child->fresh) {
        osri_child_remove(self, s, child);
    }
    osri_child_answer(self, &stopper, OSR_OK, OSR_PID_NONE);
    osri_supervisor_advance(self, s);
}

static bool is_node_lost(osr_self *self, const osri_child *child, const osr_reason *reason)
{
    return reason->code == OSR_REASON_NOCONNECTION && child->node[0] != '\0' &&
           child->pid.node != osr_self_pid(self).node;
}

static osr_err error_of_start(const osr_reason *reason)
{
    return reason->code == OSR_REASON_ERROR && reason->error != OSR_OK ? (osr_err)reason->error
                                                                       : OSR_EFAILED;
}

static void lost_for_good(osr_self *self, osri_supervisor *s, osri_child *child)
{
    osr_log_self(self, OSR_LOG_NOTICE,
                 "supervisor %s: %s lost with node %s (noconnection); not restarted", s->spec->name,
                 child->id, child->node);
    osri_place_failed(self, s, child->node);
    osri_child_remove(self, s, child);
    osri_supervisor_advance(self, s);
}

static void child_down(osr_self *self, osri_supervisor *s, osri_child *child,
                       const osr_reason *reason)
{
    osr_child_state before = child->state;
    bool node_lost = is_node_lost(self, child, reason);
    osri_child_gone(self, child);
    if (before == OSR_CHILD_STOPPING) {
        child_stopped(self, s, child, reason);
    } else if (node_lost && s->phase == OSRI_SUPERVISOR_STOPPING) {
        osri_place_failed(self, s, child->node);
        osri_supervisor_advance(self, s);
    } else if (node_lost && child->restart == OSR_TEMPORARY && before == OSR_CHILD_RUNNING) {
        lost_for_good(self, s, child);
    } else if (node_lost) {
        child_lost(self, s, child, before == OSR_CHILD_RUNNING);
    } else if (before == OSR_CHILD_STARTING) {
        char why[192];
        bool was_killed = reason->code == OSR_REASON_KILLED; /* somebody wanted it so */
        osr_reason_print(reason, why, sizeof(why));
        osri_supervisor_start_failed(self, s, child, error_of_start(reason),
                                     was_killed ? OSR_LOG_NOTICE : OSR_LOG_ERROR, why);
    } else {
        child_ended(self, s, child, reason);
    }
}

/* ---- messages -------------------------------------------------------------------------- */

static osri_child *find_by_monitor(const osri_supervisor *s, osr_ref monitor)
{
    for (size_t i = 0; i < s->child_count; ++i) {
        osri_child *child = s->children[i];
        if ((child->spawning || !osr_pid_is_none(child->pid)) &&
            osr_ref_equal(child->monitor, monitor)) {
            return child;
        }
    }
    return NULL;
}

static void started_arrived(osr_self *self, osri_supervisor *s, osr_pid from)
{
    for (size_t i = 0; i < s->child_count; ++i) {
        osri_child *child = s->children[i];
        if (child->state == OSR_CHILD_STARTING && osr_pid_equal(child->pid, from)) {
            child->state = OSR_CHILD_RUNNING;
            child->lost = false;
            (void)snprintf(child->home, sizeof(child->home), "%s", child->node);
            osri_supervisor_settled(self, s, child);
            return;
        }
    }
}

static void spawn_failed(osr_self *self, osri_supervisor *s, osri_child *child, osr_err err)
{
    osr_reason none = osr_reason_of(OSR_REASON_SHUTDOWN);
    if (child->state == OSR_CHILD_STOPPING) {
        osri_child_gone(self, child);
        child_stopped(self, s, child, &none);
    } else if (err == OSR_ENOCONNECTION && child->node[0] != '\0') {
        osri_child_gone(self, child);
        child_lost(self, s, child, false);
    } else {
        osri_supervisor_start_failed(self, s, child, err, OSR_LOG_ERROR, osr_err_text(err));
    }
}

static void spawn_answered(osr_self *self, osri_supervisor *s, const osr_spawn_reply *reply)
{
    for (size_t i = 0; i < s->child_count; ++i) {
        osri_child *child = s->children[i];
        if (!child->spawning || !osr_ref_equal(child->request, reply->request)) {
            continue;
        }
        child->spawning = false;
        if (reply->error != OSR_OK) {
            spawn_failed(self, s, child, (osr_err)reply->error);
            return;
        }
        child->pid = reply->pid;
        if (child->stop_wanted) {
            osri_child_stop(self, child);
        }
        return;
    }
}

/* The child has had its time to end by itself. */
static void timer_fired(osr_self *self, osri_supervisor *s, osr_ref timer)
{
    if (s->polling && osr_ref_equal(s->poll, timer)) {
        s->polling = false;
        osri_place_poll(self, s);
        return;
    }
    if (s->spreading && osr_ref_equal(s->spread, timer)) {
        s->spreading = false;
        osri_place_spread(self, s);
        return;
    }
    for (size_t i = 0; i < s->child_count; ++i) {
        osri_child *child = s->children[i];
        if (child->timed && osr_ref_equal(child->timer, timer)) {
            child->timed = false;
            osr_reason kill = osr_reason_of(OSR_REASON_KILL);
            (void)osr_send_exit(self, child->pid, &kill);
            return;
        }
    }
}

/* What the runtime and the children tell. False: nothing of theirs. */
static bool told(osr_self *self, osri_supervisor *s, const osr_message *message)
{
    if (OSR_AS(osr_down, message) != NULL) {
        const osr_down *down = message->body;
        osri_child *child = find_by_monitor(s, down->monitor);
        if (child != NULL) {
            child_down(self, s, child, &down->reason);
        }
    } else if (OSR_AS(osr_started, message) != NULL) {
        started_arrived(self, s, message->from);
    } else if (OSR_AS(osr_spawn_reply, message) != NULL) {
        spawn_answered(self, s, message->body);
    } else if (OSR_AS(osr_timeout, message) != NULL) {
        timer_fired(self, s, OSR_AS(osr_timeout, message)->timer);
    } else if (OSR_AS(osri_retry_child, message) != NULL) {
        retry(self, s, OSR_AS(osri_retry_child, message)->number);
    } else if (OSR_AS(osri_ready, message) != NULL) {
        s->asks_ready = osr_caller_of(message);
        (void)osri_request_defer(self);
        answer_ready(self, s);
    } else if (OSR_AS(osr_member, message) != NULL) {
        osri_place_changed(self, s, message->body);
    } else {
        return OSR_AS(osr_exited, message) !=
               NULL; /* a child's: its monitor says it as well (V1) */
    }
    return true;
}

static osr_err supervisor_message(osr_self *self, void *memory, const osr_message *message)
{
    osri_supervisor *s = memory;
    const osr_reason *end = osri_behaviour_told_to_stop(self, message);
    if (end != NULL) {
        end_all(self, s, end);
    } else if (!osri_supervisor_request(self, s, message) && !told(self, s, message)) {
        osr_log_self(self, OSR_LOG_WARNING, "supervisor %s: the message %s is dropped",
                     s->spec->name, message->type->name);
    }
    return OSR_OK;
}

/* ---- start ----------------------------------------------------------------------------- */

static osr_err set_up(osr_self *self, osri_supervisor *s)
{
    const osr_supervisor *spec = s->spec;
    if (spec->strategy > OSR_REST_FOR_ONE) {
        osr_log_self(self, OSR_LOG_ERROR,
                     "supervisor %s: there is no strategy simple_one_for_one; add children to a "
                     "one_for_one supervisor by osr_supervisor_start_child()",
                     spec->name);
        return OSR_ENOTSUP;
    }
    s->intensity = spec->intensity == 0 ? 1 : spec->intensity;
    if (spec->intensity == OSR_NO_RESTARTS) {
        s->intensity = 0;
    } else if (spec->intensity > INTENSITY_MAX) {
        return OSR_EINVAL;
    }
    s->period_ns = (spec->period_ms == 0 ? DEFAULT_PERIOD_MS : spec->period_ms) * UINT64_C(1000000);
    s->restarts = osr_alloc(self, ((size_t)s->intensity + 1) * sizeof(*s->restarts));
    if (s->restarts == NULL) {
        return OSR_ENOMEM;
    }
    memset(s->restarts, 0, ((size_t)s->intensity + 1) * sizeof(*s->restarts));
    osr_err err = OSR_OK;
    for (const osr_child *at = spec->children; at != NULL && at->size != 0 && err == OSR_OK; ++at) {
        err = osri_child_add_all(self, s, at);
    }
    return err;
}

static osr_err supervisor_start(osr_self *self, void *memory, const void *argument)
{
    (void)argument;
    osri_supervisor *s = memory;
    s->spec = osri_process_configuration(self);
    (void)osr_trap_exit(self, true);
    osr_err err = set_up(self, s);
    if (err != OSR_OK) {
        osri_behaviour_refused(self);
        return err;
    }
    s->phase = OSRI_SUPERVISOR_STARTING;
    osri_supervisor_advance(self, s);
    return OSR_OK;
}

static const char *phase_name(const osri_supervisor *s)
{
    switch (s->phase) {
    case OSRI_SUPERVISOR_STARTING:
        return "starting";
    case OSRI_SUPERVISOR_STOPPING:
        return s->ending ? "ending" : "restarting";
    case OSRI_SUPERVISOR_UP:
    default:
        return "up";
    }
}

static void supervisor_print(const void *memory, char *ret_text, size_t bytes)
{
    const osri_supervisor *s = memory;
    (void)snprintf(ret_text, bytes, "%s, %zu children, %" PRIu64 " restarts", phase_name(s),
                   s->child_count, s->restart_count);
}

const osri_body_ops osri_supervisor_ops = {
    .name = "supervisor",
    .state_bytes = sizeof(osri_supervisor),
    .start = supervisor_start,
    .message = supervisor_message,
    .print = supervisor_print,
};
