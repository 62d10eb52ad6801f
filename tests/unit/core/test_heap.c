/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/heap.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Exactly the n-th allocation fails, those before and after succeed. */
START_TEST(only_the_nth_allocation_fails)
{
    void *first;
    void *third;

    osri_heap_fail_after(2, false);
    first = osri_heap_alloc(10);
    ck_assert_ptr_nonnull(first);
    ck_assert_ptr_null(osri_heap_zalloc(10));
    third = osri_heap_alloc(10);
    ck_assert_ptr_nonnull(third);
    osri_heap_free(first, 10);
    osri_heap_free(third, 10);
}
END_TEST

/* With every_later all allocations from the n-th fail until failing is turned off. */
START_TEST(every_later_allocation_fails_until_turned_off)
{
    void *block = osri_heap_alloc(10);

    osri_heap_fail_after(1, true);
    for (int i = 0; i < 3; i++) {
        ck_assert_ptr_null(osri_heap_alloc(10));
        ck_assert_ptr_null(osri_heap_strdup("x"));
        ck_assert_ptr_null(osri_heap_realloc(block, 10, 20));
    }
    osri_heap_fail_after(0, false);
    block = osri_heap_realloc(block, 10, 20);
    ck_assert_ptr_nonnull(block);
    osri_heap_free(block, 20);
}
END_TEST

/* A failed realloc leaves the block and the counters as they were. */
START_TEST(failed_realloc_keeps_the_block)
{
    char *text = osri_heap_strdup("willow");
    uint64_t bytes = osri_heap_live_bytes();

    osri_heap_fail_after(1, false);
    ck_assert_ptr_null(osri_heap_realloc(text, 7, 700));
    ck_assert_str_eq(text, "willow");
    ck_assert_uint_eq(osri_heap_live_bytes(), bytes);
    osri_heap_strfree(text);
}
END_TEST

/* The counters say what is out, and come back to where they were. */
START_TEST(counters_follow_each_block)
{
    uint64_t blocks = osri_heap_live_blocks();
    uint64_t bytes = osri_heap_live_bytes();
    void *block = osri_heap_realloc(NULL, 0, 100);
    char *text = osri_heap_strdup("rod");

    ck_assert_uint_eq(osri_heap_live_blocks(), blocks + 2);
    ck_assert_uint_eq(osri_heap_live_bytes(), bytes + 104);
    block = osri_heap_realloc(block, 100, 40);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks + 2);
    ck_assert_uint_eq(osri_heap_live_bytes(), bytes + 44);
    osri_heap_free(block, 40);
    osri_heap_strfree(text);
    osri_heap_free(NULL, 5);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
    ck_assert_uint_eq(osri_heap_live_bytes(), bytes);
}
END_TEST

/* zalloc gives zeros also where a block was used before. */
START_TEST(zalloc_gives_zeros)
{
    static const char zeros[256];
    void *block = osri_heap_alloc(sizeof(zeros));

    memset(block, 0xff, sizeof(zeros));
    osri_heap_free(block, sizeof(zeros));
    block = osri_heap_zalloc(sizeof(zeros));
    ck_assert_mem_eq(block, zeros, sizeof(zeros));
    osri_heap_free(block, sizeof(zeros));
}
END_TEST

#define THREADS 4
#define BLOCKS 2000

static void *allocate_blocks(void *argument)
{
    void **blocks = argument;

    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = osri_heap_alloc(24);
    }
    return NULL;
}

static void *free_blocks(void *argument)
{
    void **blocks = argument;

    for (int i = 0; i < BLOCKS; i++) {
        osri_heap_free(blocks[i], 24);
    }
    return NULL;
}

static void run_threads(void *(*run)(void *argument), void *blocks[THREADS][BLOCKS])
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, run, blocks[i]), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
}

/* Blocks that one thread takes and another gives back leave nothing, whichever threads have
 * ended. */
START_TEST(counters_add_up_across_threads)
{
    static void *blocks[THREADS][BLOCKS];
    uint64_t live = osri_heap_live_blocks();
    uint64_t bytes = osri_heap_live_bytes();

    run_threads(allocate_blocks, blocks);
    ck_assert_uint_eq(osri_heap_live_blocks(), live + THREADS * BLOCKS);
    ck_assert_uint_eq(osri_heap_live_bytes(), bytes + THREADS * BLOCKS * 24);
    run_threads(free_blocks, blocks);
    ck_assert_uint_eq(osri_heap_live_blocks(), live);
    ck_assert_uint_eq(osri_heap_live_bytes(), bytes);
}
END_TEST

static pthread_key_t late_key;

static void free_late(void *block)
{
    static _Thread_local int rounds;

    if (rounds++ < 2) { /* comes again in the next round, after the other destructors */
        pthread_setspecific(late_key, block);
        return;
    }
    osri_heap_free(block, 33);
}

static void *allocate_late(void *argument)
{
    pthread_setspecific(late_key, osri_heap_alloc(33));
    return argument;
}

/* A block that goes back while its thread is ending is counted too. */
START_TEST(counters_follow_frees_at_thread_exit)
{
    uint64_t live = osri_heap_live_blocks();
    pthread_t thread;

    ck_assert_int_eq(pthread_key_create(&late_key, free_late), 0);
    ck_assert_int_eq(pthread_create(&thread, NULL, allocate_late, NULL), 0);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(osri_heap_live_blocks(), live);
}
END_TEST

/* A block that begins at a multiple is one like all others: counted, given back, made to fail. */
START_TEST(aligned_blocks_are_like_others)
{
    uint64_t blocks = osri_heap_live_blocks();
    uint64_t bytes = osri_heap_live_bytes();
    void *block = osri_heap_alloc_aligned(128, 1280);
    ck_assert_ptr_nonnull(block);
    ck_assert_uint_eq((uintptr_t)block % 128, 0);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks + 1);
    ck_assert_uint_eq(osri_heap_live_bytes(), bytes + 1280);
    osri_heap_free(block, 1280);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
    osri_heap_fail_after(1, false);
    ck_assert_ptr_null(osri_heap_alloc_aligned(128, 1280));
    ck_assert(osri_heap_has_failed());
    osri_heap_fail_after(0, false);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("heap");
    TCase *tests = tcase_create("heap");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, only_the_nth_allocation_fails);
    tcase_add_test(tests, every_later_allocation_fails_until_turned_off);
    tcase_add_test(tests, failed_realloc_keeps_the_block);
    tcase_add_test(tests, counters_follow_each_block);
    tcase_add_test(tests, zalloc_gives_zeros);
    tcase_add_test(tests, aligned_blocks_are_like_others);
    tcase_add_test(tests, counters_add_up_across_threads);
    tcase_add_test(tests, counters_follow_frees_at_thread_exit);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
