/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/revive.h"

#include <check.h>
#include <stdlib.h>

/* When a dead port mapper is started again. */

/* One that is there is left alone, for ever. */
START_TEST(a_living_mapper_is_left_alone)
{
    osri_revive revive = {.due_ms = 0};

    for (uint64_t now = 1; now < 100000; now += 1000) {
        ck_assert(!osri_revive_turn(&revive, false, now, 7));
        ck_assert_uint_eq(osri_revive_due(&revive), UINT64_MAX);
    }
}
END_TEST

/* A dead one is started once the moment that chance has chosen has come; then again, ever more
 * rarely, as long as it stays dead. */
START_TEST(a_dead_one_is_started_and_again)
{
    osri_revive revive = {.due_ms = 0};
    uint64_t due, wait, before = 0;

    ck_assert(!osri_revive_turn(&revive, true, 5000, 799));
    due = osri_revive_due(&revive);
    ck_assert_uint_eq(due, 5000 + 200 + 799);
    ck_assert(!osri_revive_turn(&revive, true, due - 1, 0));
    for (int i = 0; i < 10; i++) {
        ck_assert(osri_revive_turn(&revive, true, due, 0));
        ck_assert(!osri_revive_turn(&revive, true, due, 0));
        wait = osri_revive_due(&revive) - due;
        ck_assert_uint_ge(wait, before);
        ck_assert_uint_le(wait, 30000);
        before = wait;
        due += wait;
    }
    ck_assert_uint_eq(before, 30000);
}
END_TEST

/* One that came back and dies again has all its chances anew. */
START_TEST(a_return_begins_anew)
{
    osri_revive revive = {.due_ms = 0};

    (void)osri_revive_turn(&revive, true, 1000, 0);
    ck_assert(osri_revive_turn(&revive, true, 1200, 0));
    ck_assert(!osri_revive_turn(&revive, false, 1300, 0));
    ck_assert_uint_eq(osri_revive_due(&revive), UINT64_MAX);
    ck_assert(!osri_revive_turn(&revive, true, 1400, 100));
    ck_assert_uint_eq(osri_revive_due(&revive), 1700);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("revive");
    TCase *tests = tcase_create("revive");
    tcase_add_test(tests, a_living_mapper_is_left_alone);
    tcase_add_test(tests, a_dead_one_is_started_and_again);
    tcase_add_test(tests, a_return_begins_anew);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
