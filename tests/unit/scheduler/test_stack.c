/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/scheduler/stack.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "lib/core/once.h"
#include "tests/unit/core/child.h"

#define KIB 1024u
#define MANY 40000

static osri_stack_pool pool;
static osri_stack_cache cache;

static void open_pool(osri_stack_options options)
{
    osri_stack_pool_init(&pool, &options);
    osri_stack_cache_init(&cache, &pool);
}

static void close_pool(void)
{
    osri_stack_cache_fini(&cache);
    osri_stack_pool_fini(&pool);
    ck_assert_uint_eq(osri_heap_live_blocks(), 0);
}

static osri_stack *take(size_t bytes)
{
    osri_stack *stack = NULL;

    ck_assert_int_eq(osri_stack_take(&cache, bytes, &stack), OSR_OK);
    return stack;
}

static bool is_resident(const void *address)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    unsigned char seen = 0;

    ck_assert_int_eq(mincore((void *)((uintptr_t)address & ~(page - 1)), page, &seen), 0);
    return (seen & 1) != 0;
}

static char *top_of(const osri_stack *stack)
{
    return (char *)stack->low + stack->bytes - 1;
}

/* A request gets the next class, all of which can be written; more than the largest is refused. */
START_TEST(sizes_are_rounded_up_to_classes)
{
    static const size_t requests[][2] = {
        {1, 16 * KIB}, {16 * KIB, 16 * KIB},   {16 * KIB + 1, 32 * KIB},
        {0, 64 * KIB}, {100 * KIB, 128 * KIB}, {8192 * KIB, 8192 * KIB}};
    osri_stack *stack = NULL;

    open_pool((osri_stack_options){0});
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        stack = take(requests[i][0]);
        ck_assert_uint_eq(stack->bytes, requests[i][1]);
        memset(stack->low, 0xff, stack->bytes);
        ck_assert(osri_stack_is_intact(stack));
        osri_stack_give(&cache, &stack);
    }
    ck_assert_int_eq(osri_stack_take(&cache, 8192 * KIB + 1, &stack), OSR_ELIMIT);
    close_pool();
}
END_TEST

/* The stack that was given back last is lent first. */
START_TEST(last_given_is_first_taken)
{
    osri_stack *stacks[3];
    osri_stack *order[3];

    open_pool((osri_stack_options){0});
    for (int i = 0; i < 3; i++) {
        stacks[i] = take(0);
        order[i] = stacks[i];
    }
    for (int i = 0; i < 3; i++) {
        osri_stack_give(&cache, &stacks[i]);
    }
    for (int i = 2; i >= 0; i--) {
        ck_assert_ptr_eq(take(0), order[i]);
    }
    for (int i = 0; i < 3; i++) {
        osri_stack_give(&cache, &order[i]);
    }
    close_pool();
}
END_TEST

/* No two stacks that are lent at the same time overlap, guards included. */
START_TEST(lent_stacks_are_apart)
{
    enum { COUNT = 200 };
    osri_stack *stacks[COUNT];

    open_pool((osri_stack_options){0});
    for (int i = 0; i < COUNT; i++) {
        stacks[i] = take(16 * KIB);
        memset(stacks[i]->low, i, stacks[i]->bytes);
    }
    for (int i = 0; i < COUNT; i++) {
        for (size_t at = 0; at < stacks[i]->bytes; at++) {
            ck_assert_uint_eq(((unsigned char *)stacks[i]->low)[at], (unsigned char)i);
        }
        osri_stack_give(&cache, &stacks[i]);
    }
    close_pool();
}
END_TEST

/* 40,000 stacks with mprotect: a part has guards, the rest canaries, and all can be used. When they
 * come back, no more of them keep memory than the limits say. */
START_TEST(more_stacks_than_the_system_has_mappings)
{
    static osri_stack *stacks[MANY];
    static char *tops[MANY];
    size_t by_guard[OSRI_GUARD_CANARY + 1] = {0};
    size_t resident = 0;

    open_pool((osri_stack_options){.guard = OSRI_GUARD_PROTECT, .warm_max = 10, .cool_max = 100});
    for (int i = 0; i < MANY; i++) {
        stacks[i] = take(16 * KIB);
        tops[i] = top_of(stacks[i]);
        *tops[i] = 'w';
        by_guard[stacks[i]->guard]++;
        osri_stack_check(stacks[i]);
    }
    ck_assert_uint_gt(by_guard[OSRI_GUARD_PROTECT], 1000);
    ck_assert_uint_gt(by_guard[OSRI_GUARD_CANARY], 1000);
    ck_assert_uint_eq(by_guard[OSRI_GUARD_PROTECT] + by_guard[OSRI_GUARD_CANARY], MANY);
    for (int i = 0; i < MANY; i++) {
        osri_stack_give(&cache, &stacks[i]);
    }
    for (int i = 0; i < MANY; i++) {
        resident += is_resident(tops[i]);
    }
    ck_assert_uint_le(resident, 10 + 100 + 16);
    close_pool();
}
END_TEST

static void do_nothing(void *argument)
{
    (void)argument;
}

/* Beyond the warm ones a stack keeps its top page only, and the fiber there still works. */
START_TEST(trimmed_stacks_keep_working)
{
    enum { COUNT = 64 };
    osri_stack *stacks[COUNT];
    osri_fiber home;
    size_t resident = 0;

    open_pool((osri_stack_options){.warm_max = 1, .cool_max = 20});
    osri_fiber_thread(&home);
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < COUNT; i++) {
            stacks[i] = take(64 * KIB);
            memset((char *)stacks[i]->low, 1, 32 * KIB);
            osri_fiber_switch(&home, osri_stack_start(stacks[i], do_nothing, NULL));
            ck_assert(osri_fiber_is_done(&stacks[i]->fiber));
        }
        for (int i = 0; i < COUNT; i++) {
            osri_stack *given = stacks[i];

            osri_stack_give(&cache, &given);
        }
    }
    for (int i = 0; i < COUNT; i++) {
        resident += is_resident(stacks[i]->low);
    }
    ck_assert_uint_le(resident, 1 + 16); /* a warm one and those in the cache */
    osri_fiber_fini(&home);
    close_pool();
}
END_TEST

/* Without memory for a slab take fails, and works when there is memory again. */
START_TEST(no_memory_is_reported)
{
    osri_stack *stack = NULL;

    open_pool((osri_stack_options){0});
    osri_heap_fail_after(1, false);
    ck_assert_int_eq(osri_stack_take(&cache, 0, &stack), OSR_ENOMEM);
    ck_assert_ptr_null(stack);
    stack = take(0);
    osri_stack_give(&cache, &stack);
    close_pool();
}
END_TEST

static void *take_and_give(void *argument)
{
    enum { HELD = 40 };
    osri_stack_cache mine;
    osri_stack *held[HELD] = {0};
    unsigned seed = *(unsigned *)argument;

    osri_stack_cache_init(&mine, &pool);
    for (int i = 0; i < 20000; i++) {
        unsigned at = (seed = seed * 1103515245u + 12345u) >> 16 & 31;

        if (held[at] != NULL) {
            ck_assert_ptr_eq(*(void **)(void *)held[at]->low, (void *)&held[at]);
            osri_stack_give(&mine, &held[at]);
        } else {
            ck_assert_int_eq(osri_stack_take(&mine, 16 * KIB, &held[at]), OSR_OK);
            *(void **)(void *)held[at]->low = (void *)&held[at];
        }
    }
    for (int i = 0; i < HELD; i++) {
        if (held[i] != NULL) {
            osri_stack_give(&mine, &held[i]);
        }
    }
    osri_stack_cache_fini(&mine);
    return NULL;
}

/* Four threads with a cache each share a pool: nobody gets a stack that another one holds. */
START_TEST(threads_share_a_pool)
{
    pthread_t threads[4];
    unsigned seeds[4] = {1, 2, 3, 4};

    open_pool((osri_stack_options){.warm_max = 4, .cool_max = 8});
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, take_and_give, &seeds[i]), 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    close_pool();
}
END_TEST

/* Recursion until the frame's address is below `limit`: of the machine's frame, since a sanitizer
 * may place the variables elsewhere. */
static int dig(const char *limit, int depth)
{
    volatile char frame[128];

    frame[depth & 127] = (char)depth;
    if ((const char *)__builtin_frame_address(0) >= limit && depth < 1000000) {
        frame[0] = (char)dig(limit, depth + 1);
    }
    return frame[depth & 127] + 1;
}

static const char *dig_limit;

static void dig_deep(void *argument)
{
    (void)argument;
    dig(dig_limit, 0);
}

/* In a child: runs `dig` on a lent stack, down to `below` bytes under it. */
static void overrun(osri_guard guard, size_t below)
{
    osri_fault_context *here = osri_fault_context_here();
    osri_stack *stack = NULL;
    osri_fiber home;

    osri_fault_install();
    osri_fault_thread_begin();
    open_pool((osri_stack_options){.guard = guard});
    if (osri_stack_take(&cache, 32 * KIB, &stack) != OSR_OK) {
        _exit(1);
    }
    osri_fiber_thread(&home);
    here->node = "n@h";
    here->stack_low = stack->low;
    here->stack_bytes = stack->bytes;
    here->guard_bytes = stack->guard_bytes;
    dig_limit = (const char *)stack->low - below;
    osri_fiber_switch(&home, osri_stack_start(stack, dig_deep, NULL));
    osri_stack_check(stack);
}

static void overrun_page(void)
{
    overrun(OSRI_GUARD_PAGE, 4096);
}

static void overrun_protect(void)
{
    overrun(OSRI_GUARD_PROTECT, 4096);
}

static void overrun_canary(void)
{
    overrun(OSRI_GUARD_CANARY, 300);
}

/* An overrun into a guard ends the program at once, with a line that says stack overflow. */
START_TEST(overflow_into_the_guard_is_reported)
{
    child_end end;

    child_run(overrun_page, &end);
    ck_assert_int_eq(end.signal, SIGSEGV);
    child_assert_line(&end, "osier: node n@h: SIGSEGV at 0x*: stack overflow (stack of 32 KiB; "
                            "raise it with .stack_bytes)");
    child_run(overrun_protect, &end);
    ck_assert_int_eq(end.signal, SIGSEGV);
    child_assert_line(&end, "osier: node n@h: SIGSEGV at 0x*: stack overflow (stack of 32 KiB; "
                            "raise it with .stack_bytes)");
}
END_TEST

/* An overrun over a canary is seen at the switch. */
START_TEST(canary_catches_an_overrun)
{
    child_end end;

    child_run(overrun_canary, &end);
    ck_assert_int_eq(end.signal, SIGABRT);
    child_assert_line(&end, "osier: node n@h: stack overflow (stack of 32 KiB; raise it with "
                            ".stack_bytes)");
}
END_TEST

/* A stack that is used down to its last bytes is intact. */
START_TEST(full_use_is_no_overrun)
{
    osri_stack *stack;
    osri_fiber home;

    open_pool((osri_stack_options){.guard = OSRI_GUARD_CANARY});
    stack = take(32 * KIB);
    osri_fiber_thread(&home);
    dig_limit = (const char *)stack->low + 8 * KIB;
    osri_fiber_switch(&home, osri_stack_start(stack, dig_deep, NULL));
    memset(stack->low, 0xff, 4 * KIB);
    ck_assert(osri_stack_is_intact(stack));
    ((char *)stack->low)[-1] = 1;
    ck_assert(!osri_stack_is_intact(stack));
    ((char *)stack->low)[-1] = 0;
    osri_fiber_fini(&home);
    osri_stack_give(&cache, &stack);
    close_pool();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stack");
    TCase *tests = tcase_create("stack");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 90);
    tcase_add_test(tests, sizes_are_rounded_up_to_classes);
    tcase_add_test(tests, last_given_is_first_taken);
    tcase_add_test(tests, lent_stacks_are_apart);
    tcase_add_test(tests, more_stacks_than_the_system_has_mappings);
    tcase_add_test(tests, trimmed_stacks_keep_working);
    tcase_add_test(tests, no_memory_is_reported);
    tcase_add_test(tests, threads_share_a_pool);
    tcase_add_test(tests, overflow_into_the_guard_is_reported);
    tcase_add_test(tests, canary_catches_an_overrun);
    tcase_add_test(tests, full_use_is_no_overrun);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
