/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/node_fixture.h"
#include "tests/unit/behaviour/worker.h"

/* The supervisor's semantics on one real node: with two scheduler threads, and stepped. */

/* The worker of a number: WORKER(1, options…), with more of its argument in WORKER_WITH(1, (…),
 * options…). */
#define WORKER(...) WORKER_(__VA_ARGS__, )
#define WORKER_(number_, ...)                                                                      \
    OSRI_CHILD(worker, OSR_ARGUMENT(worker, .number = (number_)), .id = "w" #number_, __VA_ARGS__)
#define WORKER_WITH(...) WORKER_WITH_(__VA_ARGS__, )
#define WORKER_WITH_(number_, more, ...)                                                           \
    OSRI_CHILD(worker, OSR_ARGUMENT(worker, .number = (number_), OPEN more), .id = "w" #number_,   \
               __VA_ARGS__)
#define OPEN(...) __VA_ARGS__

OSR_SUPERVISOR(three, .intensity = 3,
               .children = OSR_CHILDREN(WORKER(1, .name = "one"), WORKER_WITH(2, (.trap = true)),
                                        WORKER_WITH(3, (.trap = true))));
OSR_SUPERVISOR(trapping, .children = OSR_CHILDREN(WORKER_WITH(1, (.trap = true)),
                                                  WORKER_WITH(2, (.trap = true)),
                                                  WORKER_WITH(3, (.trap = true))));
OSR_SUPERVISOR(many, .intensity = 1000);
OSR_SUPERVISOR(fragile, .intensity = OSR_NO_RESTARTS, .children = OSR_CHILDREN(WORKER(1)));
OSR_SUPERVISOR(patient, .intensity = 1, .period_ms = 40, .children = OSR_CHILDREN(WORKER(1)));
OSR_SUPERVISOR(broken, .children = OSR_CHILDREN(WORKER_WITH(1, (.trap = true)),
                                                WORKER_WITH(2, (.trap = true)),
                                                WORKER_WITH(3, (.fails_from = 1)), WORKER(4)));
OSR_SUPERVISOR(failing, .intensity = 5,
               .children = OSR_CHILDREN(WORKER_WITH(1, (.fails_from = 2))));
OSR_SUPERVISOR(all, .strategy = OSR_ONE_FOR_ALL, .intensity = 3,
               .children = OSR_CHILDREN(WORKER_WITH(1, (.trap = true)),
                                        WORKER_WITH(2, (.trap = true)),
                                        WORKER_WITH(3, (.trap = true), .restart = OSR_TEMPORARY)));
OSR_SUPERVISOR(rest, .strategy = OSR_REST_FOR_ONE, .intensity = 3,
               .children = OSR_CHILDREN(WORKER_WITH(1, (.trap = true)),
                                        WORKER_WITH(2, (.trap = true)),
                                        WORKER_WITH(3, (.trap = true))));
OSR_SUPERVISOR(slow, .children = OSR_CHILDREN(WORKER_WITH(1, (.trap = true, .terminate_ms = 60000),
                                                          .shutdown_ms = 30)));
OSR_SUPERVISOR(brutal, .children = OSR_CHILDREN(WORKER_WITH(1, (.trap = true),
                                                            .shutdown_ms = OSR_BRUTAL_KILL)));
OSR_SUPERVISOR(endless, .children = OSR_CHILDREN(WORKER_WITH(1, (.trap = true, .terminate_ms = 150),
                                                             .shutdown_ms = OSR_FOREVER)));
OSR_SUPERVISOR(inner, .intensity = 1, .children = OSR_CHILDREN(WORKER(1), WORKER(2)));
OSR_SUPERVISOR(outer, .intensity = 2, .children = OSR_CHILDREN(OSR_CHILD(inner), WORKER(3)));
OSR_SUPERVISOR(twice, .children = OSR_CHILDREN(WORKER(1), WORKER(1)));
OSR_SUPERVISOR(simple, .strategy = OSR_SIMPLE_ONE_FOR_ONE);
OSR_SUPERVISOR(leased, .children = OSR_CHILDREN(WORKER(1, .on_noconnection = OSR_LEASE(3000))));
OSR_SUPERVISOR(isolated, .children = OSR_CHILDREN(WORKER(1, .isolation = OSR_OS_PROCESS)));
OSR_SUPERVISOR(sluggish, .children = OSR_CHILDREN(WORKER(1), WORKER_WITH(2, (.init_ms = 300))));
OSR_SUPERVISOR(counted, .children = OSR_CHILDREN(WORKER(1, .count = 3, .name = "unit")));

static osr_pid begin(osr_self *self, const osr_server *supervisor)
{
    osr_pid pid = OSR_PID_NONE;
    osr_err err = osr_server_start(self, supervisor, NULL, OSR_SPAWN(.link = true), SOON, &pid);
    OSR_CHECK(self, err == OSR_OK);
    return pid;
}

static osr_err end(osr_self *self, osr_pid supervisor)
{
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    return osr_server_stop(self, osr_to(supervisor), &reason, SOON);
}

static osr_child_state state_of(osr_self *self, osr_pid supervisor, const char *id)
{
    const osr_children *children;
    OSR_CHECK(self,
              osr_supervisor_which_children(self, osr_to(supervisor), SOON, &children) == OSR_OK);
    int state = -1;
    for (uint32_t i = 0; i < children->children.count; ++i) {
        if (strcmp(children->children.at[i].id.at, id) == 0) {
            state = (int)children->children.at[i].state;
        }
    }
    osr_free(self, (void *)(uintptr_t)children);
    return (osr_child_state)state;
}

#define NOT_THERE ((osr_child_state)-1)

/* ---- start and end --------------------------------------------------------------------- */

static osr_err children_start_in_order_and_end_in_reverse(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &trapping_osr_server);
    for (uint32_t i = 1; i <= 3; ++i) {
        (void)expect(self, STARTED, i);
    }
    OSR_CHECK(self,
              state_of(self, pid, "w3") == OSR_CHILD_RUNNING); /* all, before start returned */
    OSR_CHECK(self, end(self, pid) == OSR_OK);
    (void)expect(self, TERMINATED, 3);
    (void)expect(self, TERMINATED, 2);
    (void)expect(self, TERMINATED, 1);
    return OSR_OK;
}

static osr_err failed_start_rolls_back(osr_self *self)
{
    observe(self);
    osr_pid pid;
    OSR_CHECK(self, broken_start(self, NULL, OSR_SPAWN(.link = true, .name = "broken"), &pid) ==
                        OSR_EFAILED);
    (void)expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    (void)expect(self, FAILED, 3);
    (void)expect(self, TERMINATED, 2);
    (void)expect(self, TERMINATED, 1);
    OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "broken")));
    osr_message message;
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    return OSR_OK;
}

static osr_err impossible_descriptions_are_refused(osr_self *self)
{
    osr_pid pid;
    observe(self);
    OSR_CHECK(self, twice_start(self, NULL, NULL, &pid) == OSR_ETAKEN);
    OSR_CHECK(self, simple_start(self, NULL, NULL, &pid) == OSR_ENOTSUP);
    OSR_CHECK(self, leased_start(self, NULL, NULL, &pid) == OSR_ENOTSUP);
    OSR_CHECK(self, isolated_start(self, NULL, NULL, &pid) == OSR_ENOTSUP);
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

static osr_err child_that_does_not_end_is_killed(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &slow_osr_server);
    osr_ref child = watch(self, expect(self, STARTED, 1));
    uint64_t before = osr_now(self);
    OSR_CHECK(self, end(self, pid) == OSR_OK);
    OSR_CHECK(self, osr_now(self) - before >= UINT64_C(30) * 1000000);
    (void)end_of(self, child);
    OSR_CHECK(self, osr_now(self) - before < UINT64_C(10000) * 1000000);
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

static osr_err brutal_kill_gives_no_time(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &brutal_osr_server);
    osr_ref child = watch(self, expect(self, STARTED, 1));
    OSR_CHECK(self, end(self, pid) == OSR_OK);
    OSR_CHECK(self, end_of(self, child) == OSR_REASON_KILLED);
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

static osr_err infinite_shutdown_waits(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &endless_osr_server);
    (void)expect(self, STARTED, 1);
    OSR_CHECK(self, end(self, pid) == OSR_OK);
    (void)expect(self, TERMINATED, 1);
    return OSR_OK;
}

static osr_err exit_with(osr_self *self, osr_pid pid, osr_reason_code code)
{
    osr_reason reason = osr_reason_of(code);
    return osr_send_exit(self, pid, &reason);
}

/* The parent's exit signal ends it, after its children. */
static osr_err parents_exit_ends_the_supervisor(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &trapping_osr_server);
    osr_ref monitor = watch(self, pid);
    for (uint32_t i = 1; i <= 3; ++i) {
        (void)expect(self, STARTED, i);
    }
    OSR_CHECK(self, exit_with(self, pid, OSR_REASON_SHUTDOWN) == OSR_OK);
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    for (uint32_t i = 3; i >= 1; --i) {
        (void)expect(self, TERMINATED, i);
    }
    return OSR_OK;
}

static osr_err children_that_die_during_shutdown_do_no_harm(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &trapping_osr_server);
    osr_ref monitor = watch(self, pid);
    osr_pid one = expect(self, STARTED, 1);
    osr_pid two = expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    OSR_CHECK(self, exit_with(self, pid, OSR_REASON_SHUTDOWN) == OSR_OK);
    worker_end_it(self, one, END_ERROR);
    worker_end_it(self, two, END_NORMAL);
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

static osr_err killed_supervisor_leaves_no_orphan(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &outer_osr_server);
    osr_ref monitors[3];
    for (uint32_t i = 1; i <= 3; ++i) {
        monitors[i - 1] = watch(self, expect(self, STARTED, i));
    }
    OSR_CHECK(self, exit_with(self, pid, OSR_REASON_KILL) == OSR_OK);
    for (int i = 0; i < 3; ++i) {
        (void)end_of(self, monitors[i]);
    }
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

/* ---- restarts -------------------------------------------------------------------------- */

typedef struct matrix_row {
    osr_restart restart;
    worker_end end;
    bool restarted;
    osr_child_state after;
} matrix_row;

static const matrix_row matrix[] = {
    {OSR_PERMANENT, END_NORMAL, true, OSR_CHILD_RUNNING},
    {OSR_PERMANENT, END_SHUTDOWN, true, OSR_CHILD_RUNNING},
    {OSR_PERMANENT, END_ERROR, true, OSR_CHILD_RUNNING},
    {OSR_PERMANENT, END_CRASH, true, OSR_CHILD_RUNNING},
    {OSR_TRANSIENT, END_NORMAL, false, OSR_CHILD_STOPPED},
    {OSR_TRANSIENT, END_SHUTDOWN, false, OSR_CHILD_STOPPED},
    {OSR_TRANSIENT, END_ERROR, true, OSR_CHILD_RUNNING},
    {OSR_TRANSIENT, END_CRASH, true, OSR_CHILD_RUNNING},
    {OSR_TEMPORARY, END_NORMAL, false, NOT_THERE},
    {OSR_TEMPORARY, END_SHUTDOWN, false, NOT_THERE},
    {OSR_TEMPORARY, END_ERROR, false, NOT_THERE},
    {OSR_TEMPORARY, END_CRASH, false, NOT_THERE},
};

static void check_row(osr_self *self, osr_pid supervisor, const matrix_row *row)
{
    osr_pid pid;
    OSR_CHECK(self,
              osr_supervisor_start_child(self, osr_to(supervisor),
                                         OSR_CHILD_OF(worker, OSR_ARGUMENT(worker, .number = 5),
                                                      .id = "w", .restart = row->restart),
                                         SOON, &pid) == OSR_OK);
    OSR_CHECK(self, osr_pid_equal(expect(self, STARTED, 5), pid));
    osr_ref monitor = watch(self, pid);
    worker_end_it(self, pid, row->end);
    (void)end_of(self, monitor);
    (void)expect(self, TERMINATED, 5);
    if (row->restarted) {
        OSR_CHECK(self, !osr_pid_equal(expect(self, STARTED, 5), pid));
    }
    /* our osr_down came after the supervisor's, so it has seen the end */
    osr_child_state state = state_of(self, supervisor, "w");
    OSR_CHECK(self, state == row->after || (row->restarted && state == OSR_CHILD_STARTING));
    OSR_CHECK(self, is_quiet(self));
    if (row->after != NOT_THERE) {
        OSR_CHECK(self,
                  osr_supervisor_terminate_child(self, osr_to(supervisor), "w", SOON) == OSR_OK);
        OSR_CHECK(self, osr_supervisor_delete_child(self, osr_to(supervisor), "w", SOON) == OSR_OK);
    }
    (void)is_quiet(self);
}

static osr_err restart_depends_on_type_and_reason(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    for (size_t i = 0; i < sizeof(matrix) / sizeof(matrix[0]); ++i) {
        check_row(self, pid, &matrix[i]);
    }
    return end(self, pid);
}

static osr_err killed_child_is_restarted_alone(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &three_osr_server);
    osr_pid one = expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "one"), one));
    OSR_CHECK(self, exit_with(self, one, OSR_REASON_KILL) == OSR_OK);
    osr_pid again = expect(self, STARTED, 1);
    OSR_CHECK(self, !osr_pid_equal(again, one));
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "one"), again)); /* the name is its again */
    OSR_CHECK(self, is_quiet(self));
    return end(self, pid);
}

static osr_err unlinked_child_is_still_supervised(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &three_osr_server);
    osr_pid one = expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    worker_end_it(self, one, END_UNLINKED);
    (void)expect(self, TERMINATED, 1);
    (void)expect(self, STARTED, 1);
    return end(self, pid);
}

static osr_err too_many_restarts_end_all_in_reverse(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &three_osr_server);
    osr_ref monitor = watch(self, pid);
    osr_pid one = expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    for (int i = 0; i < 3; ++i) {
        worker_end_it(self, one, END_ERROR);
        (void)expect(self, TERMINATED, 1);
        one = expect(self, STARTED, 1);
    }
    worker_end_it(self, one, END_ERROR);
    (void)expect(self, TERMINATED, 1);
    (void)expect(self, TERMINATED, 3);
    (void)expect(self, TERMINATED, 2);
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

static osr_err no_restarts_means_none(osr_self *self)
{
    observe(self);
    osr_ref monitor = watch(self, begin(self, &fragile_osr_server));
    worker_end_it(self, expect(self, STARTED, 1), END_ERROR);
    (void)expect(self, TERMINATED, 1);
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

/* Restarts that are further apart than the period do not add up. */
static osr_err old_restarts_are_forgotten(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &patient_osr_server);
    for (int i = 0; i < 5; ++i) {
        worker_end_it(self, expect(self, STARTED, 1), END_ERROR);
        (void)expect(self, TERMINATED, 1);
        OSR_CHECK(self, osr_sleep(self, 60) == OSR_OK);
    }
    (void)expect(self, STARTED, 1);
    return end(self, pid);
}

static osr_err failed_restarts_count(osr_self *self)
{
    observe(self);
    osr_ref monitor = watch(self, begin(self, &failing_osr_server));
    worker_end_it(self, expect(self, STARTED, 1), END_ERROR);
    (void)expect(self, TERMINATED, 1);
    for (int i = 0; i < 5; ++i) {
        (void)expect(self, FAILED, 1);
    }
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

static osr_err one_for_all_restarts_all(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &all_osr_server);
    (void)expect(self, STARTED, 1);
    osr_pid two = expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    worker_end_it(self, two, END_ERROR);
    (void)expect(self, TERMINATED, 2);
    (void)expect(self, TERMINATED, 3);
    (void)expect(self, TERMINATED, 1);
    (void)expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    OSR_CHECK(self, state_of(self, pid, "w3") == NOT_THERE); /* temporary: dropped */
    return end(self, pid);
}

static osr_err rest_for_one_keeps_the_earlier(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &rest_osr_server);
    osr_pid one = expect(self, STARTED, 1);
    osr_pid two = expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    worker_end_it(self, two, END_ERROR);
    (void)expect(self, TERMINATED, 2);
    (void)expect(self, TERMINATED, 3);
    (void)expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    OSR_CHECK(self, osr_is_alive(self, one));
    OSR_CHECK(self, is_quiet(self));
    return end(self, pid);
}

static osr_err supervisor_is_supervised(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &outer_osr_server);
    osr_pid one = expect(self, STARTED, 1);
    osr_pid two = expect(self, STARTED, 2);
    osr_pid three = expect(self, STARTED, 3);
    worker_end_it(self, one, END_ERROR);
    (void)expect(self, TERMINATED, 1);
    (void)expect(self, STARTED, 1);
    worker_end_it(self, two, END_ERROR); /* one too many for inner */
    (void)expect(self, TERMINATED, 2);
    (void)expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    OSR_CHECK(self, osr_is_alive(self, three));
    return end(self, pid);
}

/* ---- looking and changing -------------------------------------------------------------- */

static osr_err count_makes_numbered_children(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &counted_osr_server);
    OSR_CHECK(self, state_of(self, pid, "w1-1") == OSR_CHILD_RUNNING);
    OSR_CHECK(self, state_of(self, pid, "w1-3") == OSR_CHILD_RUNNING);
    OSR_CHECK(self, !osr_pid_is_none(osr_whereis(self, "unit-2")));
    osr_child_counts counts;
    OSR_CHECK(self, osr_supervisor_count_children(self, osr_to(pid), SOON, &counts) == OSR_OK);
    OSR_CHECK(self, counts.specs == 3 && counts.active == 3);
    OSR_CHECK(self, counts.workers == 3 && counts.supervisors == 0);
    return end(self, pid);
}

static const osr_child *spec(const char *id, uint32_t number, uint32_t fails_from)
{
    static worker_options options;
    static osr_child child;
    options = (worker_options){.number = number, .fails_from = fails_from};
    child = (osr_child){
        .size = sizeof(child), .server = &worker_osr_server, .argument = &options, .id = id};
    return &child;
}

static osr_err children_can_be_added_and_removed(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    osr_dest to = osr_to(pid);
    osr_pid first, other = OSR_PID_NONE;
    OSR_CHECK(self, osr_supervisor_start_child(self, to, spec("a", 1, 0), SOON, &first) == OSR_OK);
    OSR_CHECK(self,
              osr_supervisor_start_child(self, to, spec("a", 1, 0), SOON, &other) == OSR_ETAKEN);
    OSR_CHECK(self, osr_pid_equal(first, other));
    OSR_CHECK(self, osr_supervisor_delete_child(self, to, "a", SOON) == OSR_EBUSY);
    OSR_CHECK(self, osr_supervisor_restart_child(self, to, "a", SOON, &other) == OSR_EBUSY);
    OSR_CHECK(self, osr_supervisor_terminate_child(self, to, "a", SOON) == OSR_OK);
    OSR_CHECK(self, !osr_is_alive(self, first));
    OSR_CHECK(self,
              osr_supervisor_start_child(self, to, spec("a", 1, 0), SOON, &other) == OSR_ETAKEN);
    OSR_CHECK(self, osr_pid_is_none(other));
    OSR_CHECK(self, osr_supervisor_restart_child(self, to, "a", SOON, &other) == OSR_OK);
    OSR_CHECK(self, osr_is_alive(self, other));
    OSR_CHECK(self, osr_supervisor_terminate_child(self, to, "a", SOON) == OSR_OK);
    OSR_CHECK(self, osr_supervisor_terminate_child(self, to, "a", SOON) == OSR_OK);
    OSR_CHECK(self, osr_supervisor_delete_child(self, to, "a", SOON) == OSR_OK);
    OSR_CHECK(self, osr_supervisor_delete_child(self, to, "a", SOON) == OSR_ENOTFOUND);
    OSR_CHECK(self, osr_supervisor_terminate_child(self, to, "a", SOON) == OSR_ENOTFOUND);
    OSR_CHECK(self, osr_supervisor_restart_child(self, to, "a", SOON, &other) == OSR_ENOTFOUND);
    return end(self, pid);
}

/* What its init returned is the caller's; the supervisor forgets the child and counts no
 * restart. */
static osr_err child_that_cannot_be_added_is_forgotten(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    osr_pid child;
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(pid), spec("a", 1, 1), SOON, &child) ==
                        OSR_EADDRESS);
    OSR_CHECK(self, state_of(self, pid, "a") == NOT_THERE);
    (void)expect(self, FAILED, 1);
    OSR_CHECK(self, is_quiet(self));
    OSR_CHECK(self, osr_supervisor_start_child(
                        self, osr_to(pid),
                        &(const osr_child){.size = sizeof(osr_child), .entry = "no such entry"},
                        SOON, &child) == OSR_ENOTFOUND);
    OSR_CHECK(self, state_of(self, pid, "no such entry") == NOT_THERE);
    return end(self, pid);
}

/* A child whose restart by hand fails stays stopped. */
static osr_err failed_restart_by_hand_leaves_it_stopped(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    osr_pid child;
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(pid), spec("a", 1, 2), SOON, &child) ==
                        OSR_OK);
    OSR_CHECK(self, osr_supervisor_terminate_child(self, osr_to(pid), "a", SOON) == OSR_OK);
    OSR_CHECK(self,
              osr_supervisor_restart_child(self, osr_to(pid), "a", SOON, &child) == OSR_EADDRESS);
    OSR_CHECK(self, state_of(self, pid, "a") == OSR_CHILD_STOPPED);
    return end(self, pid);
}

/* By its exported name, on this node, with an argument. */
static osr_err child_can_be_named(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    worker_options options = {.number = 7};
    osr_child named = {.size = sizeof(named),
                       .entry = "worker",
                       .argument = &options,
                       .argument_type = &worker_options_osr_type};
    osr_pid child;
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(pid), &named, SOON, &child) == OSR_OK);
    OSR_CHECK(self, osr_pid_equal(expect(self, STARTED, 7), child));
    worker_end_it(self, child, END_ERROR);
    (void)expect(self, TERMINATED, 7);
    (void)expect(self, STARTED, 7);
    return end(self, pid);
}

static osr_err argument_of_another_type_is_refused(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    worker_order order = {.end = END_ERROR};
    osr_child wrong = {.size = sizeof(wrong),
                       .server = &worker_osr_server,
                       .argument = &order,
                       .argument_type = &worker_order_osr_type};
    osr_pid child;
    OSR_CHECK(self,
              osr_supervisor_start_child(self, osr_to(pid), &wrong, SOON, &child) == OSR_ETYPE);
    return end(self, pid);
}

/* A child that takes long to start does not keep the supervisor from answering. */
static osr_err supervisor_answers_while_a_child_starts(osr_self *self)
{
    static osr_child slow_one;
    static const worker_options slow_options = {.number = 2, .init_ms = 300};
    slow_one = (osr_child){.size = sizeof(slow_one),
                           .server = &worker_osr_server,
                           .argument = &slow_options,
                           .id = "slow"};
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    osr_pid child;
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(pid), &slow_one, 10, &child) ==
                        OSR_ETIMEDOUT);
    OSR_CHECK(self, state_of(self, pid, "slow") == OSR_CHILD_STARTING);
    OSR_CHECK(self, is_quiet(self));
    (void)expect(self, STARTED, 2);
    return end(self, pid);
}

/* A child ended by hand while its supervisor still starts others is not started again with them. */
static osr_err ended_child_stays_ended_while_others_start(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    osr_pid child;
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(pid),
                                               OSR_CHILD_OF(sluggish, .name = "sluggish"), 50,
                                               &child) == OSR_ETIMEDOUT);
    (void)expect(self, STARTED, 1);
    osr_pid sluggish = osr_whereis(self, "sluggish");
    OSR_CHECK(self, state_of(self, sluggish, "w2") == OSR_CHILD_STARTING);
    OSR_CHECK(self, osr_supervisor_terminate_child(self, osr_to(sluggish), "w1", SOON) == OSR_OK);
    (void)expect(self, STARTED, 2);
    OSR_CHECK(self, state_of(self, sluggish, "w1") == OSR_CHILD_STOPPED);
    OSR_CHECK(self, is_quiet(self));
    return end(self, pid);
}

static osr_err strangers_do_not_disturb(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &three_osr_server);
    osr_started started = {0};
    osr_nodedown down = {0};
    osr_down forged = {0};
    (void)osr_started_send(self, osr_to(pid), &started);
    (void)osr_nodedown_send(self, osr_to(pid), &down);
    (void)osr_down_send(self, osr_to(pid), &forged);
    worker_end_it(self, pid, END_ERROR);
    OSR_CHECK(self, state_of(self, pid, "w1") == OSR_CHILD_RUNNING);
    (void)expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    (void)expect(self, STARTED, 3);
    OSR_CHECK(self, is_quiet(self));
    return end(self, pid);
}

/* ---- waiting for nodes ------------------------------------------------------------------ */

/* Without distribution there is no other node: the child waits, and nothing is counted as a
 * restart. */
static osr_err child_of_a_missing_node_waits(osr_self *self)
{
    static const worker_options options = {.number = 1};
    osr_child far = {.size = sizeof(far),
                     .server = &worker_osr_server,
                     .argument = &options,
                     .place = "far@away"};
    observe(self);
    osr_pid pid = begin(self, &many_osr_server);
    osr_pid child;
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(pid), &far, SOON, &child) == OSR_OK);
    OSR_CHECK(self, osr_pid_is_none(child));
    OSR_CHECK(self, state_of(self, pid, "worker") == OSR_CHILD_WAITING);
    OSR_CHECK(self, is_quiet(self));
    return end(self, pid);
}

/* ---- applications ---------------------------------------------------------------------- */

static osr_err shop_is_open(osr_self *self)
{
    osr_child_counts counts;
    osr_dest shop = osr_name("shop", NULL);
    OSR_CHECK(self, osr_supervisor_count_children(self, shop, SOON, &counts) == OSR_OK);
    OSR_CHECK(self, counts.active == 2 && counts.supervisors == 1 && counts.workers == 1);
    OSR_CHECK(self, state_of(self, osr_whereis(self, "shop"), "inner") == OSR_CHILD_RUNNING);
    return OSR_OK;
}

/* An application is a registered supervisor that goes when the node stops. */
START_TEST(application_starts_its_children)
{
    static const worker_options one = {.number = 1};
    osr_pid pid = OSR_PID_NONE;
    const osr_app *app = OSR_APP("shop", OSR_CHILD(worker, .argument = &one), OSR_CHILD(inner));
    ck_assert_int_eq(osr_node_start_app(node_fixture_node(), app, SOON, &pid), OSR_OK);
    ck_assert(!osr_pid_is_none(pid));
    ck_assert_int_eq(osr_node_start_app(node_fixture_node(), app, SOON, &pid), OSR_ETAKEN);
    node_fixture_run(shop_is_open);
    osr_node_stop(node_fixture_node(), 2000); /* here, while the application is in scope */
}
END_TEST

/* One that cannot start says so. */
START_TEST(application_with_a_broken_child_fails)
{
    static const worker_options bad = {.number = 1, .fails_from = 1};
    osr_pid pid = OSR_PID_NONE;
    const osr_app *app = OSR_APP_WITH(
        "shop", .intensity = 5, .children = OSR_CHILDREN(OSR_CHILD(worker, .argument = &bad)));
    ck_assert_int_eq(osr_node_start_app(node_fixture_node(), app, SOON, &pid), OSR_EFAILED);
    ck_assert(osr_pid_is_none(pid));
}
END_TEST

static const struct {
    const char *name;
    node_fixture_body *body;
} bodies[] = {
#define BODY(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    BODY(children_start_in_order_and_end_in_reverse),
    BODY(failed_start_rolls_back),
    BODY(impossible_descriptions_are_refused),
    BODY(child_that_does_not_end_is_killed),
    BODY(brutal_kill_gives_no_time),
    BODY(infinite_shutdown_waits),
    BODY(parents_exit_ends_the_supervisor),
    BODY(children_that_die_during_shutdown_do_no_harm),
    BODY(killed_supervisor_leaves_no_orphan),
    BODY(restart_depends_on_type_and_reason),
    BODY(killed_child_is_restarted_alone),
    BODY(unlinked_child_is_still_supervised),
    BODY(too_many_restarts_end_all_in_reverse),
    BODY(no_restarts_means_none),
    BODY(old_restarts_are_forgotten),
    BODY(failed_restarts_count),
    BODY(one_for_all_restarts_all),
    BODY(rest_for_one_keeps_the_earlier),
    BODY(supervisor_is_supervised),
    BODY(count_makes_numbered_children),
    BODY(children_can_be_added_and_removed),
    BODY(child_that_cannot_be_added_is_forgotten),
    BODY(failed_restart_by_hand_leaves_it_stopped),
    BODY(child_can_be_named),
    BODY(argument_of_another_type_is_refused),
    BODY(supervisor_answers_while_a_child_starts),
    BODY(ended_child_stays_ended_while_others_start),
    BODY(strangers_do_not_disturb),
    BODY(child_of_a_missing_node_waits),
#undef BODY
};

/* The body of this index behaves as its name says. */
START_TEST(body)
{
    node_fixture_run(bodies[_i].body);
}
END_TEST

static void add_cases(Suite *suite, const char *kind, SFun set_up)
{
    for (int i = 0; i < (int)(sizeof(bodies) / sizeof(bodies[0])); ++i) {
        char name[96];
        (void)snprintf(name, sizeof(name), "%s, %s", bodies[i].name, kind);
        TCase *one = tcase_create(name);
        tcase_add_checked_fixture(one, set_up, node_fixture_end);
        tcase_set_timeout(one, 60);
        tcase_add_loop_test(one, body, i, i + 1);
        suite_add_tcase(suite, one);
    }
    TCase *apps = tcase_create(kind);
    tcase_add_checked_fixture(apps, set_up, node_fixture_end);
    tcase_add_test(apps, application_starts_its_children);
    tcase_add_test(apps, application_with_a_broken_child_fails);
    suite_add_tcase(suite, apps);
}

int main(void)
{
    Suite *suite = suite_create("supervisor");
    add_cases(suite, "threads", node_fixture_threaded);
    add_cases(suite, "stepped", node_fixture_stepped);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
