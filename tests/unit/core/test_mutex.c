/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/mutex.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "tests/unit/core/child.h"

static osri_mutex outer = OSRI_MUTEX_INIT(OSRI_RANK_REGISTRY);
static osri_mutex inner = OSRI_MUTEX_INIT(OSRI_RANK_PROCESS);

OSR_NO_THREAD_SAFETY static void invert(void)
{
    osri_mutex_lock(&inner);
    osri_mutex_lock(&outer);
}

static osri_mutex sibling = OSRI_MUTEX_INIT(OSRI_RANK_PROCESS);

OSR_NO_THREAD_SAFETY static void take_siblings(void)
{
    osri_mutex_lock(&inner);
    osri_mutex_lock(&sibling);
}

OSR_NO_THREAD_SAFETY static void hold_across(void)
{
    osri_mutex_lock(&inner);
    osri_mutex_check_none_held();
}

#ifndef NDEBUG

/* Taking a lower rank under a higher one ends the program and names both places. */
START_TEST(inversion_aborts_and_names_both_places)
{
    child_end end;

    child_run(invert, &end);
    ck_assert_int_eq(end.signal, SIGABRT);
    child_assert_line(&end, "osier: lock order: rank 60 taken at *test_mutex.c:* while rank 90 "
                            "is held since *test_mutex.c:*");
}
END_TEST

/* Two of one rank have no order among them, so they are not taken together either. */
START_TEST(two_of_one_rank_abort)
{
    child_end end;

    child_run(take_siblings, &end);
    ck_assert_int_eq(end.signal, SIGABRT);
    child_assert_line(&end, "osier: lock order: rank 90 taken at * while rank 90 is held since *");
}
END_TEST

/* A mutex that is held where a fiber would switch is found out. */
START_TEST(holding_across_a_switch_aborts)
{
    child_end end;

    child_run(hold_across, &end);
    ck_assert_int_eq(end.signal, SIGABRT);
    child_assert_line(&end, "osier: lock order: rank 90 is held since *test_mutex.c:* across a "
                            "switch");
}
END_TEST

#endif

/* Going up in rank is allowed, in whatever order the locks are given back. */
START_TEST(ascending_ranks_are_fine)
{
    for (int i = 0; i < 3; i++) {
        osri_mutex_lock(&outer);
        osri_mutex_lock(&inner);
        osri_mutex_unlock(&outer);
        osri_mutex_unlock(&inner);
        osri_mutex_check_none_held();
    }
}
END_TEST

static void *try_outer(void *argument)
{
    bool *got = argument;

    if (osri_mutex_try_lock(&outer)) {
        *got = true;
        osri_mutex_unlock(&outer);
    }
    return NULL;
}

static bool other_thread_gets_it(void)
{
    bool got = false;
    pthread_t thread;

    ck_assert_int_eq(pthread_create(&thread, NULL, try_outer, &got), 0);
    pthread_join(thread, NULL);
    return got;
}

/* While one thread holds the mutex, another does not get it; afterwards it does. */
START_TEST(holder_excludes_others)
{
    osri_mutex_lock(&outer);
    ck_assert(!other_thread_gets_it());
    osri_mutex_unlock(&outer);
    ck_assert(other_thread_gets_it());
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mutex");
    TCase *tests = tcase_create("mutex");
    SRunner *runner = srunner_create(suite);
    int failed;

#ifndef NDEBUG
    tcase_add_test(tests, inversion_aborts_and_names_both_places);
    tcase_add_test(tests, two_of_one_rank_abort);
    tcase_add_test(tests, holding_across_a_switch_aborts);
#else
    (void)invert;
    (void)take_siblings;
    (void)hold_across;
#endif
    tcase_add_test(tests, ascending_ranks_are_fine);
    tcase_add_test(tests, holder_excludes_others);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
