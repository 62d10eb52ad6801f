/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/delay.h"

#include <check.h>
#include <stdlib.h>

/* How long records were under way, by clocks that have nothing in common. */

#define SENDER UINT32_C(4294966000) /* its clock begins near its end */
#define HERE UINT64_C(5000000)

static osri_delay delay;

/* Sent so many ms after the beginning, and so much later than the fastest that can be. */
static uint32_t comes(uint32_t sent, uint32_t late)
{
    return osri_delay_of(&delay, HERE + sent + late, SENDER + sent);
}

/* What is slower than the fastest before it was under way longer by that, also where the sender's
 * clock begins anew. */
START_TEST(the_fastest_is_the_measure)
{
    ck_assert_uint_eq(comes(0, 3), 0);
    ck_assert_uint_eq(comes(10, 5), 2);
    ck_assert_uint_eq(comes(20, 0), 0);
    ck_assert_uint_eq(comes(2000, 900), 900);
    ck_assert_uint_eq(comes(2950, 0), 0);
}
END_TEST

/* The fastest is remembered for a window and the next one, no longer. */
START_TEST(the_measure_grows_old)
{
    ck_assert_uint_eq(comes(0, 0), 0);
    ck_assert_uint_eq(comes(OSRI_DELAY_WINDOW_MS + 100, 500), 500);
    ck_assert_uint_eq(comes(2 * OSRI_DELAY_WINDOW_MS + 700, 500), 0);
    ck_assert_uint_eq(comes(6 * OSRI_DELAY_WINDOW_MS, 5000), 0); /* nothing to compare with */
}
END_TEST

/* More than a session can be silent is a clock that was set. */
START_TEST(what_cannot_be_is_not_believed)
{
    ck_assert_uint_eq(comes(0, 0), 0);
    ck_assert_uint_eq(comes(100, OSRI_DELAY_MS_MAX + 1), 0);
    ck_assert_uint_eq(comes(200, OSRI_DELAY_MS_MAX + 8), 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("delay");
    TCase *tests = tcase_create("delay");
    tcase_add_test(tests, the_fastest_is_the_measure);
    tcase_add_test(tests, the_measure_grows_old);
    tcase_add_test(tests, what_cannot_be_is_not_believed);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
