/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/env.h"

#include <check.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"

#define ROUNDS 20000
#define MS UINT64_C(1000000)

static const osr_env *env;
static uint64_t blocks_before;

static void set_up(void)
{
    blocks_before = osri_heap_live_blocks();
    env = osr_env_real();
}

static void tear_down(void)
{
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

static osr_parker *new_parker(void)
{
    osr_parker *parker = NULL;

    ck_assert_int_eq(env->parker_new(env->context, &parker), OSR_OK);
    return parker;
}

/* The clocks go forward; real time is after 2020 and before 2100. */
START_TEST(clocks_go_forward)
{
    uint64_t now = env->now_ns(env->context);
    uint64_t boot = env->boot_ns(env->context);

    ck_assert_uint_ge(boot + 1000 * MS, now); /* boot time counts suspension too */
    while (env->now_ns(env->context) == now || env->boot_ns(env->context) == boot) {
    }
    ck_assert_uint_gt(env->now_ns(env->context), now);
    ck_assert_uint_gt(env->boot_ns(env->context), boot);
    ck_assert_uint_gt(env->wall_ms(env->context), UINT64_C(1577836800000));
    ck_assert_uint_lt(env->wall_ms(env->context), UINT64_C(4102444800000));
}
END_TEST

/* Random bytes fill all that was asked for, and differ. */
START_TEST(random_bytes_differ)
{
    unsigned char first[1000] = {0};
    unsigned char second[1000] = {0};
    static const unsigned char zeros[16];

    env->random(env->context, first, sizeof(first));
    env->random(env->context, second, sizeof(second) - 1);
    ck_assert_mem_ne(first, second, 16);
    ck_assert_mem_ne(first + sizeof(first) - 16, zeros, 16);
    ck_assert_uint_eq(second[sizeof(second) - 1], 0);
}
END_TEST

/* A token given before park is not lost: park returns at once, and has taken it. */
START_TEST(unpark_before_park_is_not_lost)
{
    osr_parker *parker = new_parker();
    uint64_t begin;

    env->unpark(env->context, parker);
    env->unpark(env->context, parker);
    env->park(env->context, parker, OSR_PARK_FOREVER);
    begin = env->now_ns(env->context);
    env->park(env->context, parker, 20 * MS); /* no second token: this one waits */
    ck_assert_uint_ge(env->now_ns(env->context) - begin, 10 * MS);
    env->parker_free(env->context, parker);
    env->parker_free(env->context, NULL);
}
END_TEST

/* A look with timeout 0 does not wait, and takes the token if there is one. */
START_TEST(park_zero_only_looks)
{
    osr_parker *parker = new_parker();
    uint64_t begin;

    env->park(env->context, parker, 0);
    env->unpark(env->context, parker);
    env->park(env->context, parker, 0);
    begin = env->now_ns(env->context);
    env->park(env->context, parker, 20 * MS);
    ck_assert_uint_ge(env->now_ns(env->context) - begin, 10 * MS);
    env->parker_free(env->context, parker);
}
END_TEST

typedef struct game {
    osr_parker *parkers[2];
    int ball; /* plain: whose turn it is orders it */
    _Atomic int turn;
} game;

static void play(game *table, int me)
{
    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_load_explicit(&table->turn, memory_order_acquire) != me) {
            env->park(env->context, table->parkers[me], OSR_PARK_FOREVER);
        }
        table->ball++;
        atomic_store_explicit(&table->turn, 1 - me, memory_order_release);
        env->unpark(env->context, table->parkers[1 - me]);
    }
}

static void play_second(void *argument)
{
    play(argument, 1);
}

/* Two threads hand a turn to and fro many times: no wake-up gets lost. */
START_TEST(ping_pong_loses_no_wake_up)
{
    game table = {.parkers = {new_parker(), new_parker()}};
    void *thread = NULL;

    ck_assert_int_eq(env->thread_start(env->context, "second", play_second, &table, &thread),
                     OSR_OK);
    play(&table, 0);
    env->thread_join(env->context, thread);
    ck_assert_int_eq(table.ball, 2 * ROUNDS);
    env->parker_free(env->context, table.parkers[0]);
    env->parker_free(env->context, table.parkers[1]);
}
END_TEST

typedef struct seen_thread {
    char name[32];
    sigset_t mask;
} seen_thread;

static void look_around(void *argument)
{
    seen_thread *seen = argument;

    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_SETMASK, NULL, &seen->mask);
}

/* A thread has its name, cut to 15 bytes, and takes only the signals that its own faults raise. */
START_TEST(thread_has_name_and_mask)
{
    seen_thread seen;
    sigset_t mine;
    void *thread = NULL;

    memset(&seen, 0, sizeof(seen));
    ck_assert_int_eq(
        env->thread_start(env->context, "0123456789abcdefgh", look_around, &seen, &thread), OSR_OK);
    env->thread_join(env->context, thread);
    ck_assert_str_eq(seen.name, "0123456789abcde");
    ck_assert(sigismember(&seen.mask, SIGTERM) && sigismember(&seen.mask, SIGINT) &&
              sigismember(&seen.mask, SIGCHLD));
    ck_assert(!sigismember(&seen.mask, SIGSEGV) && !sigismember(&seen.mask, SIGBUS) &&
              !sigismember(&seen.mask, SIGFPE) && !sigismember(&seen.mask, SIGILL) &&
              !sigismember(&seen.mask, SIGABRT));
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    ck_assert(!sigismember(&mine, SIGTERM)); /* the starter's mask is as before */
}
END_TEST

/* Without memory nothing is started or made, and the caller learns it. */
START_TEST(no_memory_is_reported)
{
    void *thread = NULL;
    osr_parker *parker = NULL;

    osri_heap_fail_after(1, true);
    ck_assert_int_eq(env->thread_start(env->context, "x", look_around, NULL, &thread), OSR_ENOMEM);
    ck_assert_int_eq(env->parker_new(env->context, &parker), OSR_ENOMEM);
    ck_assert_ptr_null(thread);
    ck_assert_ptr_null(parker);
    osri_heap_fail_after(0, false);
}
END_TEST

/* Each error has its name and text, and so has a number that is none. */
START_TEST(errors_have_names_and_texts)
{
#define X(name, value, text)                                                                       \
    ck_assert_str_eq(osr_err_name(OSR_##name), #name);                                             \
    ck_assert_str_eq(osr_err_text(OSR_##name), text);                                              \
    ck_assert_int_eq(OSR_##name, value);
    OSR_ERR_MAP(X)
#undef X
    ck_assert_str_eq(osr_err_name((osr_err)-1), "unknown");
    ck_assert_str_eq(osr_err_text((osr_err)99999), "unknown error");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("env");
    TCase *tests = tcase_create("env");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, clocks_go_forward);
    tcase_add_test(tests, random_bytes_differ);
    tcase_add_test(tests, unpark_before_park_is_not_lost);
    tcase_add_test(tests, park_zero_only_looks);
    tcase_add_test(tests, ping_pong_loses_no_wake_up);
    tcase_add_test(tests, thread_has_name_and_mask);
    tcase_add_test(tests, no_memory_is_reported);
    tcase_add_test(tests, errors_have_names_and_texts);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
