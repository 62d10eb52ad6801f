/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/support/node_fixture.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/behaviour/worker.h"

/* supervisor_SUITE:permanent_*, transient_*, temporary_*, one_for_one, one_for_all, rest_for_one:
 * which children a supervisor starts again, of all strategies, restart types and reasons. */

#define THREE(type)                                                                                \
    OSR_CHILDREN(                                                                                  \
        OSR_CHILD(worker, OSR_ARGUMENT(worker, .number = 1, .trap = true), .id = "w1"),            \
        OSR_CHILD(worker, OSR_ARGUMENT(worker, .number = 2), .id = "w2", .restart = (type)),       \
        OSR_CHILD(worker, OSR_ARGUMENT(worker, .number = 3, .trap = true), .id = "w3"))
#define TREE(name_, strategy_, type)                                                               \
    OSR_SUPERVISOR(name_, .strategy = (strategy_), .intensity = 10, .children = THREE(type))

TREE(one_permanent, OSR_ONE_FOR_ONE, OSR_PERMANENT);
TREE(one_transient, OSR_ONE_FOR_ONE, OSR_TRANSIENT);
TREE(one_temporary, OSR_ONE_FOR_ONE, OSR_TEMPORARY);
TREE(all_permanent, OSR_ONE_FOR_ALL, OSR_PERMANENT);
TREE(all_transient, OSR_ONE_FOR_ALL, OSR_TRANSIENT);
TREE(all_temporary, OSR_ONE_FOR_ALL, OSR_TEMPORARY);
TREE(rest_permanent, OSR_REST_FOR_ONE, OSR_PERMANENT);
TREE(rest_transient, OSR_REST_FOR_ONE, OSR_TRANSIENT);
TREE(rest_temporary, OSR_REST_FOR_ONE, OSR_TEMPORARY);

static const osr_server *const trees[3][3] = {
    {&one_permanent_osr_server, &one_transient_osr_server, &one_temporary_osr_server},
    {&all_permanent_osr_server, &all_transient_osr_server, &all_temporary_osr_server},
    {&rest_permanent_osr_server, &rest_transient_osr_server, &rest_temporary_osr_server}};

#define REASONS 5 /* normal, shutdown, error, crash, kill */

static void end_it(osr_self *self, osr_pid pid, int reason)
{
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    if (reason == REASONS - 1) {
        OSR_CHECK(self, osr_send_exit(self, pid, &kill) == OSR_OK);
    } else {
        worker_end_it(self, pid, (worker_end)(END_NORMAL + reason));
    }
}

/* Takes events until the worker of this number has started; its process. Ends are passed over. */
static osr_pid next_start(osr_self *self, uint32_t number)
{
    static const osr_type *const events[] = {&worker_event_osr_type};
    for (;;) {
        osr_message message;
        OSR_CHECK(self, osr_receive_of(self, events, 1, SOON, &message) == OSR_OK);
        const worker_event *event = OSR_AS(worker_event, &message);
        if (event->word == STARTED) {
            OSR_CHECK(self, event->number == number);
            return event->pid;
        }
    }
}

static void one_of_the_matrix(osr_self *self, int strategy, int type, int reason)
{
    osr_pid supervisor;
    osr_pid first[3];
    osr_child_counts counts;
    OSR_CHECK(self, osr_server_start(self, trees[strategy][type], NULL, OSR_SPAWN(.link = true),
                                     SOON, &supervisor) == OSR_OK);
    for (uint32_t i = 0; i < 3; i++) {
        first[i] = next_start(self, i + 1);
    }
    osr_ref monitor = watch(self, first[1]);
    end_it(self, first[1], reason);
    (void)end_of(self, monitor);
    bool restarts = type == OSR_PERMANENT || (type == OSR_TRANSIENT && reason >= 2);
    bool again[3] = {restarts && strategy == OSR_ONE_FOR_ALL, restarts,
                     restarts && strategy != OSR_ONE_FOR_ONE};
    for (uint32_t i = 0; i < 3; i++) {
        if (again[i]) {
            OSR_CHECK(self, !osr_pid_equal(next_start(self, i + 1), first[i]));
        } else {
            OSR_CHECK(self, osr_is_alive(self, first[i]) == (i != 1));
        }
    }
    OSR_CHECK(self,
              osr_supervisor_count_children(self, osr_to(supervisor), SOON, &counts) == OSR_OK);
    OSR_CHECK(self, counts.active == (restarts ? 3 : 2));
    OSR_CHECK(self, counts.specs == (type == OSR_TEMPORARY ? 2 : 3));
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, osr_server_stop(self, osr_to(supervisor), &shutdown, SOON) == OSR_OK);
    osr_message message;
    while (osr_receive(self, 0, &message) == OSR_OK) {
        const worker_event *event = OSR_AS(worker_event, &message);
        OSR_CHECK(self, event == NULL || event->word != STARTED);
    }
}

static osr_err supervisor_restart_matrix(osr_self *self)
{
    observe(self);
    for (int i = 0; i < 3 * 3 * REASONS; i++) {
        one_of_the_matrix(self, i / (3 * REASONS), i / REASONS % 3, i % REASONS);
    }
    return OSR_OK;
}

/* Every combination restarts whom it must, and nobody else. */
START_TEST(restart_matrix)
{
    node_fixture_run(supervisor_restart_matrix);
}
END_TEST

/* One of each way to end a child: in time, over time, at once, without limit. */
OSR_SUPERVISOR(
    shutdowns, .intensity = 10,
    .children = OSR_CHILDREN(
        OSR_CHILD(worker, OSR_ARGUMENT(worker, .number = 1, .trap = true), .id = "w1"),
        OSR_CHILD(worker, OSR_ARGUMENT(worker, .number = 2, .trap = true, .terminate_ms = 10000000),
                  .id = "w2", .shutdown_ms = 50),
        OSR_CHILD(worker, OSR_ARGUMENT(worker, .number = 3, .trap = true), .id = "w3",
                  .shutdown_ms = OSR_BRUTAL_KILL),
        OSR_CHILD(worker, OSR_ARGUMENT(worker, .number = 4, .trap = true, .terminate_ms = 60),
                  .id = "w4", .shutdown_ms = OSR_FOREVER)));

static osr_err supervisor_shutdown(osr_self *self)
{
    static const osr_reason_code ends[] = {OSR_REASON_SHUTDOWN, OSR_REASON_KILLED,
                                           OSR_REASON_KILLED, OSR_REASON_SHUTDOWN};
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    osr_pid supervisor;
    osr_ref monitors[4];
    observe(self);
    OSR_CHECK(self, osr_server_start(self, &shutdowns_osr_server, NULL, OSR_SPAWN(.link = true),
                                     SOON, &supervisor) == OSR_OK);
    for (uint32_t i = 0; i < 4; i++) {
        monitors[i] = watch(self, expect(self, STARTED, i + 1));
    }
    OSR_CHECK(self, osr_server_stop(self, osr_to(supervisor), &shutdown, SOON) == OSR_OK);
    (void)expect(self, TERMINATED, 4); /* the last one first, and it had its time */
    (void)expect(self, TERMINATED, 1); /* the two between had none, or not enough */
    OSR_CHECK(self, is_quiet(self));
    for (uint32_t i = 0; i < 4; i++) {
        OSR_CHECK(self, end_of(self, monitors[i]) == ends[i]);
    }
    return OSR_OK;
}

/* supervisor_SUITE:sup_stop_infinity, _timeout, _brutal_kill: in reverse order, each in its way. */
START_TEST(shutdown_matrix)
{
    node_fixture_run(supervisor_shutdown);
}
END_TEST

static void add(Suite *suite, const char *kind, SFun set_up)
{
    TCase *tests = tcase_create(kind);
    tcase_add_checked_fixture(tests, set_up, node_fixture_end);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, restart_matrix);
    tcase_add_test(tests, shutdown_matrix);
    suite_add_tcase(suite, tests);
}

int main(void)
{
    Suite *suite = suite_create("conform_supervision");
    add(suite, "threads", node_fixture_threaded);
    add(suite, "stepped", node_fixture_stepped);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
