/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/barrier.h"
#include "lib/scheduler/run_queue.h"

/* The run queue, with processes that are nothing but queued. */

#define PROCESSES 40

static osr_self *processes;
static osri_run_queue queue;
static osri_next_user user;

static void set_up(void)
{
    processes = aligned_alloc(alignof(osr_self), PROCESSES * sizeof(osr_self));
    ck_assert_ptr_nonnull(processes);
    memset(processes, 0, PROCESSES * sizeof(osr_self));
    osri_run_queue_init(&queue);
    osri_run_queue_open_next(&queue, &user);
}

static void tear_down(void)
{
    free(processes);
}

static osr_self *of(int i, osr_priority priority)
{
    processes[i].priority = (uint8_t)priority;
    return &processes[i];
}

static long pop(void)
{
    bool inherits;
    osr_self *process = osri_run_queue_pop(&queue, &user, &inherits);
    return process == NULL ? -1 : process - processes;
}

/* Processes come out in the order in which they went in, and the count says when there are none. */
START_TEST(the_list_is_first_in_first_out)
{
    ck_assert(!osri_run_queue_any(&queue));
    for (int i = 0; i < 3; i++) {
        osri_run_queue_push(&queue, of(i, OSR_PRIORITY_NORMAL));
    }
    for (int i = 0; i < 3; i++) {
        ck_assert(osri_run_queue_any(&queue));
        ck_assert_int_eq(pop(), i);
    }
    ck_assert(!osri_run_queue_any(&queue));
    ck_assert_int_eq(pop(), -1);
}
END_TEST

/* The one made ready last runs first and inherits; the one it displaces goes to the end of the
 * list. */
START_TEST(next_runs_before_the_list)
{
    bool inherits;
    osri_run_queue_push(&queue, of(0, OSR_PRIORITY_NORMAL));
    osri_run_queue_push_next(&queue, &user, of(1, OSR_PRIORITY_NORMAL));
    osri_run_queue_push_next(&queue, &user, of(2, OSR_PRIORITY_NORMAL));
    ck_assert_ptr_eq(osri_run_queue_pop(&queue, &user, &inherits), &processes[2]);
    ck_assert(inherits);
    ck_assert_ptr_eq(osri_run_queue_pop(&queue, &user, &inherits), &processes[0]);
    ck_assert(!inherits);
    ck_assert_int_eq(pop(), 1);
}
END_TEST

/* A thief finds what lies in `next` only once it has been shared. */
START_TEST(a_thief_finds_next_once_it_is_shared)
{
    osri_run_queue_push_next(&queue, &user, of(0, OSR_PRIORITY_NORMAL));
    osri_run_queue_push(&queue, of(1, OSR_PRIORITY_NORMAL));
    ck_assert_ptr_eq(osri_run_queue_pop_listed(&queue), &processes[1]);
    ck_assert_ptr_null(osri_run_queue_pop_listed(&queue));
    ck_assert(osri_run_queue_any(&queue));
    ck_assert_ptr_eq(osri_run_queue_close_next(&queue), &user);
    osri_run_queue_share_next(&queue);
    ck_assert_ptr_eq(osri_run_queue_pop_listed(&queue), &processes[0]);
    ck_assert(!osri_run_queue_any(&queue));
}
END_TEST

/* While `next` is closed, and by who is not its user, processes go to the list instead. */
START_TEST(only_its_user_touches_next)
{
    osri_next_user other = {false};
    osri_run_queue_push_next(&queue, &user, of(0, OSR_PRIORITY_NORMAL));
    osri_run_queue_push_next(&queue, &other, of(1, OSR_PRIORITY_NORMAL));
    ck_assert_ptr_null(osri_run_queue_take_next(&queue, &other));
    ck_assert_ptr_eq(osri_run_queue_pop_listed(&queue), &processes[1]);

    ck_assert_ptr_eq(osri_run_queue_close_next(&queue), &user);
    osri_run_queue_push_next(&queue, &user, of(2, OSR_PRIORITY_NORMAL));
    ck_assert_ptr_null(osri_run_queue_take_next(&queue, &user));
    ck_assert_ptr_eq(osri_run_queue_pop_listed(&queue), &processes[2]);

    osri_run_queue_open_next(&queue, &other);
    ck_assert_ptr_eq(osri_run_queue_take_next(&queue, &other), &processes[0]);
    ck_assert(!osri_run_queue_any(&queue));
}
END_TEST

/* Two threads that make the queue theirs in turn, as workers do when one is stuck, and a third that
 * gives it from one to the other: each process is there once all the time. */
#define ROUNDS 2000

static osri_next_user users[2];
static atomic_bool over;
static atomic_int inside[PROCESSES];

static void *use_next(void *argument)
{
    osri_next_user *me = argument;
    while (!atomic_load(&over)) {
        osr_self *process = osri_run_queue_take_next(&queue, me);
        if (process == NULL) {
            process = osri_run_queue_pop_listed(&queue);
        }
        if (process != NULL) {
            ck_assert_int_eq(atomic_fetch_add(&inside[process - processes], 1), 0);
            (void)atomic_fetch_sub(&inside[process - processes], 1);
            osri_run_queue_push_next(&queue, me, process);
        }
    }
    return NULL;
}

START_TEST(a_queue_that_changes_hands_loses_and_doubles_nothing)
{
    pthread_t threads[2];
    for (int i = 0; i < PROCESSES; i++) {
        osri_run_queue_push(&queue, of(i, OSR_PRIORITY_NORMAL));
    }
    osri_barrier_init();
    osri_run_queue_open_next(&queue, &users[0]);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, use_next, &users[i]), 0);
    }
    for (int i = 0; i < ROUNDS; i++) {
        (void)osri_run_queue_close_next(&queue);
        if (i % 3 == 0) {
            osri_run_queue_share_next(&queue);
        }
        osri_run_queue_open_next(&queue, &users[i % 2]);
    }
    atomic_store(&over, true);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    bool seen[PROCESSES] = {false};
    (void)osri_run_queue_close_next(&queue);
    osri_run_queue_share_next(&queue);
    for (int i = 0; i < PROCESSES; i++) {
        osr_self *process = osri_run_queue_pop_listed(&queue);
        ck_assert_ptr_nonnull(process);
        ck_assert(!seen[process - processes]);
        seen[process - processes] = true;
    }
    ck_assert(!osri_run_queue_any(&queue));
}
END_TEST

/* High goes before normal before low, also before `next`; low is never put there. */
START_TEST(high_goes_before_normal_before_low)
{
    osri_run_queue_push_next(&queue, &user, of(0, OSR_PRIORITY_LOW));
    osri_run_queue_push(&queue, of(1, OSR_PRIORITY_NORMAL));
    osri_run_queue_push_next(&queue, &user, of(2, OSR_PRIORITY_NORMAL));
    osri_run_queue_push(&queue, of(3, OSR_PRIORITY_HIGH));
    ck_assert_int_eq(pop(), 3);
    ck_assert_int_eq(pop(), 2);
    ck_assert_int_eq(pop(), 1);
    ck_assert_int_eq(pop(), 0);
}
END_TEST

/* However much high there is, normal and low get their share. */
START_TEST(nobody_starves_behind_high)
{
    int turns = 0;
    int normal = 0;
    int low = 0;
    osri_run_queue_push(&queue, of(0, OSR_PRIORITY_HIGH));
    osri_run_queue_push(&queue, of(1, OSR_PRIORITY_NORMAL));
    osri_run_queue_push(&queue, of(2, OSR_PRIORITY_LOW));
    for (; turns < 10 * OSRI_PRIORITY_SHARE * OSRI_PRIORITY_SHARE; turns++) {
        long i = pop();
        normal += i == 1;
        low += i == 2;
        osri_run_queue_push(&queue, &processes[i]);
    }
    ck_assert_int_ge(normal, turns / (2 * OSRI_PRIORITY_SHARE));
    ck_assert_int_ge(low, turns / (2 * OSRI_PRIORITY_SHARE * OSRI_PRIORITY_SHARE));
    ck_assert_int_gt(turns - normal - low, 7 * normal);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("run_queue");
    TCase *tests = tcase_create("run_queue");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_list_is_first_in_first_out);
    tcase_add_test(tests, next_runs_before_the_list);
    tcase_add_test(tests, a_thief_finds_next_once_it_is_shared);
    tcase_add_test(tests, only_its_user_touches_next);
    tcase_add_test(tests, a_queue_that_changes_hands_loses_and_doubles_nothing);
    tcase_add_test(tests, high_goes_before_normal_before_low);
    tcase_add_test(tests, nobody_starves_behind_high);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
