/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/process/timer_wheel.h"

#define TIMERS 400
#define MS OSRI_TICK_NS

typedef struct probe {
    osri_timer timer; /* first */
    uint64_t due_ns;
    uint64_t fired_ns;
    bool live;
} probe;

static probe probes[TIMERS];
static osri_wheel wheel;
static uint64_t now_ns;
static uint64_t seed;
static size_t order[TIMERS];
static size_t order_count;

static uint64_t next_random(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return seed;
}

static void fired(osri_timer *timer)
{
    probe *p = (probe *)timer;
    if (!p->live) {
        ck_abort_msg("a timer fired that is not live");
    }
    p->live = false;
    p->fired_ns = now_ns;
    if (order_count < TIMERS) {
        order[order_count++] = (size_t)(p - probes);
    }
}

static void set_up(void)
{
    now_ns = 123456789;
    order_count = 0;
    osri_wheel_init(&wheel, now_ns);
    for (size_t i = 0; i < TIMERS; i++) {
        probes[i] = (probe){.timer = {.fire = fired}};
    }
}

static void tear_down(void)
{
    osri_wheel_fini(&wheel);
}

static void start(probe *p, uint64_t delay_ns)
{
    p->due_ns = now_ns + delay_ns;
    p->live = true;
    (void)osri_timer_start(&wheel, &p->timer, p->due_ns);
}

/* Due by a delay of any size, small ones most often. */
static uint64_t random_delay(void)
{
    return next_random() % (UINT64_C(1) << (next_random() % 42));
}

/* No live timer may be overdue by a tick, none may have fired early, and next_due is never late. */
static void check_all(void)
{
    uint64_t earliest = UINT64_MAX;
    for (size_t i = 0; i < TIMERS; i++) {
        probe *p = &probes[i];
        bool in_time =
            p->live ? p->due_ns + MS > now_ns : p->fired_ns == 0 || p->fired_ns >= p->due_ns;
        if (!in_time) { /* a check macro for each of millions would take a minute */
            ck_abort_msg("timer %zu due at %llu is %s at %llu", i, (unsigned long long)p->due_ns,
                         p->live ? "live" : "fired", (unsigned long long)now_ns);
        }
        if (p->live && p->due_ns < earliest) {
            earliest = p->due_ns;
        }
    }
    if (earliest == UINT64_MAX ? wheel.live != 0 : osri_wheel_next_due(&wheel) > earliest + MS) {
        ck_abort_msg("the next due time is later than a timer's");
    }
}

static void random_run(uint64_t from)
{
    seed = from;
    for (int step = 0; step < 4000; step++) {
        probe *p = &probes[next_random() % TIMERS];
        if (!p->live) {
            p->fired_ns = 0;
            start(p, random_delay());
        } else if (next_random() % 4 == 0) {
            ck_assert(osri_timer_cancel(&p->timer));
            p->live = false;
            p->fired_ns = 0;
        }
        if (next_random() % 3 == 0) {
            now_ns += random_delay();
            (void)osri_wheel_advance(&wheel, now_ns);
            check_all();
        }
    }
}

/* Against a plain list: never early, never later than the tick after, cancelled ones never. */
START_TEST(any_mix_of_starts_cancels_and_jumps_fires_each_timer_once_in_time)
{
    uint64_t first = (uint64_t)time(NULL) * 2654435761u + 1;
    for (uint64_t i = 0; i < 20; i++) {
        uint64_t from = first + i * 7919;
        printf("seed %llu\n", (unsigned long long)from);
        random_run(from);
        tear_down();
        set_up();
    }
}
END_TEST

/* Timers of one tick fire in the order in which they were started, whatever level they came from.
 */
START_TEST(timers_of_one_tick_fire_in_order_of_start)
{
    uint64_t due = now_ns + 5000 * MS;
    for (size_t i = 0; i < 10; i++) {
        start(&probes[i], due - now_ns);
        now_ns += 499 * MS;
        (void)osri_wheel_advance(&wheel, now_ns);
    }
    now_ns = due + MS;
    ck_assert_uint_eq(osri_wheel_advance(&wheel, now_ns), 10);
    for (size_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(order[i], i);
    }
}
END_TEST

/* A cancelled timer can be started again, and cancelling a fired one says so. */
START_TEST(cancel_tells_whether_it_was_in_time)
{
    ck_assert(!osri_timer_cancel(&probes[0].timer));
    start(&probes[0], 3 * MS);
    ck_assert(osri_timer_cancel(&probes[0].timer));
    ck_assert(!osri_timer_cancel(&probes[0].timer));
    start(&probes[0], 3 * MS);
    now_ns += 4 * MS;
    ck_assert_uint_eq(osri_wheel_advance(&wheel, now_ns), 1);
    ck_assert(!osri_timer_cancel(&probes[0].timer));
    ck_assert_uint_eq(osri_wheel_next_due(&wheel), UINT64_MAX);
}
END_TEST

/* Farther away than the wheel is large: comes round again instead of firing early. */
START_TEST(a_timer_beyond_the_wheel_waits_its_time)
{
    uint64_t three_years = UINT64_C(3) * 365 * 86400 * 1000 * MS;
    start(&probes[0], three_years);
    for (int i = 0; i < 1000; i++) {
        now_ns += three_years / 1001;
        (void)osri_wheel_advance(&wheel, now_ns);
        ck_assert(probes[0].live);
    }
    now_ns = probes[0].due_ns + MS;
    ck_assert_uint_eq(osri_wheel_advance(&wheel, now_ns), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timer_wheel");
    TCase *tcase = tcase_create("wheel");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, any_mix_of_starts_cancels_and_jumps_fires_each_timer_once_in_time);
    tcase_add_test(tcase, timers_of_one_tick_fire_in_order_of_start);
    tcase_add_test(tcase, cancel_tells_whether_it_was_in_time);
    tcase_add_test(tcase, a_timer_beyond_the_wheel_waits_its_time);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
