/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_PROCESS_KIT_H
#define OSR_TESTS_PROCESS_KIT_H

#include <check.h>
#include <stdlib.h>

#include "tests/support/node_fixture.h"

/* What the tests of processes share: a message that says what to do, and short names for common
 * steps. */

OSR_MESSAGE(note, 0x7001, (1, i64, n), (2, pid, from));
OSR_MESSAGE(other_note, 0x7002, (1, i64, n));

#define CHECK_OK(self, call) OSR_CHECK(self, (call) == OSR_OK)

/* Runs each test of the case on a node with threads and on one that is stepped. */
#define ADD_BOTH(suite, tests)                                                                     \
    do {                                                                                           \
        TCase *threaded = tcase_create("threaded");                                                \
        TCase *stepped = tcase_create("stepped");                                                  \
        tcase_add_checked_fixture(threaded, node_fixture_threaded, node_fixture_end);              \
        tcase_add_checked_fixture(stepped, node_fixture_stepped, node_fixture_end);                \
        tests(threaded);                                                                           \
        tests(stepped);                                                                            \
        suite_add_tcase((suite), threaded);                                                        \
        suite_add_tcase((suite), stepped);                                                         \
    } while (0)

static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The reason of the exit or down message that comes next. */
static inline uint32_t next_exit(osr_self *self)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(osr_exited, &message) != NULL);
    return OSR_AS(osr_exited, &message)->reason.code;
}

static inline uint32_t next_down(osr_self *self)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(osr_down, &message) != NULL);
    return OSR_AS(osr_down, &message)->reason.code;
}

static inline void expect_silence(osr_self *self)
{
    osr_message message;
    OSR_CHECK(self, osr_receive(self, 20, &message) == OSR_ETIMEDOUT);
}

static inline void send_exit(osr_self *self, osr_pid pid, osr_reason_code code)
{
    osr_reason reason = osr_reason_of(code);
    CHECK_OK(self, osr_send_exit(self, pid, &reason));
}

static inline osr_pid watch(osr_self *self, osr_pid pid)
{
    osr_ref monitor;
    CHECK_OK(self, osr_monitor(self, osr_to(pid), &monitor));
    return pid;
}

#endif
