/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node/demo/cluster.h"

/* A process is known by its pid and its start: one of another start is a stranger. */
START_TEST(pid_that_was_given_away_is_not_ours)
{
    osri_demo_process own = {getpid(), osri_demo_start_time(getpid())};
    osri_demo_process former = {getpid(), own.start_time - 1};
    ck_assert_uint_gt(own.start_time, 0);
    ck_assert(osri_demo_is_running(&own));
    ck_assert(!osri_demo_is_running(&former));
    ck_assert(!osri_demo_is_running(&(osri_demo_process){0, 0}));
}
END_TEST

/* A process that has ended does not run, even while its parent has not asked for its status. */
START_TEST(remains_of_a_process_do_not_run)
{
    siginfo_t info;
    pid_t pid = fork();
    if (pid == 0) {
        (void)pause();
        _exit(0);
    }
    osri_demo_process child = {pid, osri_demo_start_time(pid)};
    ck_assert(osri_demo_is_running(&child));
    ck_assert_int_eq(kill(pid, SIGKILL), 0);
    ck_assert_int_eq(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    ck_assert_uint_eq(osri_demo_start_time(pid), 0);
    ck_assert(!osri_demo_is_running(&child));
}
END_TEST

/* The status of a child comes back as a shell gives it; a stop is told apart from it. */
START_TEST(waiting_ends_with_the_status_or_a_stop)
{
    int ends[2];
    ck_assert_int_eq(pipe(ends), 0);
    osri_demo_process child = {fork(), 0};
    if (child.pid == 0) {
        _exit(3);
    }
    ck_assert_int_eq(osri_demo_wait(&child, ends[0]), 3);
    child.pid = fork();
    if (child.pid == 0) {
        (void)pause();
        _exit(0);
    }
    ck_assert_int_eq(write(ends[1], "x", 1), 1);
    ck_assert_int_eq(osri_demo_wait(&child, ends[0]), -1);
    ck_assert_int_eq(kill(child.pid, SIGKILL), 0);
    ck_assert_int_eq(osri_demo_wait(&child, -1), 128 + SIGKILL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("demo process");
    TCase *tests = tcase_create("process");
    SRunner *runner = srunner_create(suite);

    tcase_add_test(tests, pid_that_was_given_away_is_not_ours);
    tcase_add_test(tests, remains_of_a_process_do_not_run);
    tcase_add_test(tests, waiting_ends_with_the_status_or_a_stop);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
