/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MESSAGE_SUPPORT_H
#define OSR_TESTS_MESSAGE_SUPPORT_H

#include <check.h>
#include <stdlib.h>

#include "lib/core/heap.h"
#include "osier/err.h"

#define ck_err(expression, expected)                                                               \
    do {                                                                                           \
        osr_err ck_got_ = (expression);                                                            \
        ck_assert_msg(ck_got_ == (expected), "%s: %s, expected %s", #expression,                   \
                      osr_err_name(ck_got_), osr_err_name(expected));                              \
    } while (0)

/* A fixture that finds what a test leaves allocated. */
static uint64_t blocks_before;

static void remember_blocks(void)
{
    blocks_before = osri_heap_live_blocks();
}

static void expect_no_blocks(void)
{
    osri_heap_fail_after(0, false);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

/* Runs one suite of one case whose tests leave nothing allocated. */
static int run_tests(const char *name, const TTest *const *tests, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, remember_blocks, expect_no_blocks);
    for (size_t i = 0; i < count; i++) {
        tcase_add_test(tcase, tests[i]);
    }
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#define RUN_TESTS(name, ...)                                                                       \
    int main(void)                                                                                 \
    {                                                                                              \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        return run_tests(name, tests, sizeof(tests) / sizeof(tests[0]));                           \
    }                                                                                              \
    struct osr_self

#endif
