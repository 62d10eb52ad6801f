/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/list.h"

#include <check.h>
#include <stdlib.h>

typedef struct item {
    int number;
    osri_list_link link;
} item;

static osri_list list;
static item items[4];

static void set_up(void)
{
    osri_list_init(&list);
    for (int i = 0; i < 4; i++) {
        items[i] = (item){.number = i};
    }
}

static int number_of(osri_list_link *link)
{
    return OSRI_LIST_ENTRY(link, item, link)->number;
}

/* Links come out in the order in which they were put at either end. */
START_TEST(order_is_kept)
{
    int expected = 0;

    osri_list_push_back(&list, &items[2].link);
    osri_list_push_front(&list, &items[1].link);
    osri_list_push_back(&list, &items[3].link);
    osri_list_push_front(&list, &items[0].link);
    for (osri_list_link *l = osri_list_first(&list); l != NULL; l = osri_list_next(&list, l)) {
        ck_assert_int_eq(number_of(l), expected++);
    }
    ck_assert_int_eq(expected, 4);
    ck_assert_int_eq(number_of(osri_list_last(&list)), 3);
}
END_TEST

/* A removed link is in no list, removing it again does nothing, and its neighbours close up. */
START_TEST(removal_closes_the_gap)
{
    for (int i = 0; i < 3; i++) {
        osri_list_push_back(&list, &items[i].link);
    }
    osri_list_remove(&items[1].link);
    osri_list_remove(&items[1].link);
    ck_assert(!osri_list_link_is_listed(&items[1].link));
    ck_assert(osri_list_link_is_listed(&items[0].link));
    ck_assert_int_eq(number_of(osri_list_pop_back(&list)), 2);
    ck_assert_int_eq(number_of(osri_list_pop_front(&list)), 0);
    ck_assert(osri_list_is_empty(&list));
    ck_assert_ptr_null(osri_list_pop_front(&list));
    ck_assert_ptr_null(osri_list_pop_back(&list));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("list");
    TCase *tests = tcase_create("list");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, order_is_kept);
    tcase_add_test(tests, removal_closes_the_gap);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
