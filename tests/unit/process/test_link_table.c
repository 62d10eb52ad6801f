/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/link_table.h"

/* The links of a process, held against a plain list. */

#define PIDS (3 * OSRI_LINKS_FEW)
#define STEPS 20000

static osri_links *links;
static osr_pid model[PIDS];
static uint32_t model_count;
static uint64_t blocks_before;

static void set_up(void)
{
    links = NULL;
    model_count = 0;
    blocks_before = osri_heap_live_blocks();
}

static void tear_down(void)
{
    osri_links_free(&links);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

static osr_pid pid_of(uint32_t i)
{
    return (osr_pid){.node = 7, .slot = i, .generation = 1 + i % 3};
}

static void add(osr_pid pid)
{
    osri_link_entry *entry;
    ck_assert_int_eq(osri_links_add(&links, pid, &entry), OSR_OK);
    ck_assert(osr_pid_equal(entry->pid, pid));
    ck_assert(!entry->active && entry->number == 0 && entry->unlink_id == 0);
    entry->active = true;
    entry->number = pid.slot + 1000;
    model[model_count++] = pid;
}

static void drop(uint32_t i)
{
    osri_links_remove(&links, model[i]);
    memmove(&model[i], &model[i + 1], (model_count - i - 1) * sizeof(model[0]));
    model_count -= 1;
}

static uint32_t place_of(osr_pid pid)
{
    uint32_t i = 0;
    while (i < model_count && !osr_pid_equal(model[i], pid)) {
        i++;
    }
    return i;
}

static void check_same(void)
{
    size_t cursor = 0;
    ck_assert_uint_eq(osri_links_count(links), model_count);
    for (uint32_t i = 0; i < model_count; i++) {
        const osri_link_entry *entry = osri_links_next(links, &cursor);
        ck_assert_ptr_nonnull(entry);
        ck_assert(osr_pid_equal(entry->pid, model[i]));
        ck_assert(entry->active);
        ck_assert_uint_eq(entry->number, model[i].slot + 1000);
        ck_assert_ptr_eq(osri_links_find(links, model[i]), entry);
    }
    ck_assert_ptr_null(osri_links_next(links, &cursor));
}

/* Whatever is added and removed, few links or many, all are found and come in the order in which
 * they were made. */
START_TEST(links_are_found_and_come_in_order)
{
    unsigned seed = 20261127;
    printf("seed %u\n", seed);
    for (int step = 0; step < STEPS; step++) {
        osr_pid pid = pid_of((uint32_t)rand_r(&seed) % PIDS);
        uint32_t place = place_of(pid);
        ck_assert_int_eq(osri_links_find(links, pid) != NULL, place < model_count);
        /* at times they grow, at times they all go */
        bool shall_be_there = (uint32_t)rand_r(&seed) % 100 < (step / 500 % 2 == 0 ? 80u : 20u);
        if (place == model_count && shall_be_there) {
            add(pid);
        } else if (place < model_count && !shall_be_there) {
            drop(place);
        }
        check_same();
    }
}
END_TEST

/* Without a link there is no table. */
START_TEST(the_last_one_takes_the_table_with_it)
{
    add(pid_of(0));
    ck_assert_ptr_nonnull(links);
    drop(0);
    ck_assert_ptr_null(links);
    ck_assert_uint_eq(osri_links_count(links), 0);
    ck_assert_ptr_null(osri_links_find(links, pid_of(0)));
}
END_TEST

/* Out of memory at any allocation leaves the links as they were. */
START_TEST(no_memory_changes_nothing)
{
    for (uint32_t i = 0; i < PIDS; i++) {
        for (uint64_t nth = 1;; nth++) {
            osri_link_entry *entry;
            osri_heap_fail_after(nth, false);
            osr_err err = osri_links_add(&links, pid_of(i), &entry);
            bool failed = osri_heap_has_failed();
            osri_heap_fail_after(0, false);
            ck_assert_int_eq(err, failed ? OSR_ENOMEM : OSR_OK);
            if (!failed) {
                osri_links_remove(&links, pid_of(i));
                break;
            }
            check_same();
        }
        add(pid_of(i));
        check_same();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_table");
    TCase *tests = tcase_create("link_table");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, links_are_found_and_come_in_order);
    tcase_add_test(tests, the_last_one_takes_the_table_with_it);
    tcase_add_test(tests, no_memory_changes_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
