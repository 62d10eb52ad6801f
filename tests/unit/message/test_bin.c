/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/bin.h"

#include <pthread.h>
#include <string.h>

#include "tests/unit/message/support.h"

/* A bin holds a copy, not the caller's bytes. */
START_TEST(new_copies)
{
    char data[] = "abc";
    osr_bin *bin;
    ck_err(osr_bin_new(data, 3, &bin), OSR_OK);
    data[0] = 'X';
    ck_assert_uint_eq(osr_bin_size(bin), 3);
    ck_assert_mem_eq(osr_bin_data(bin), "abc", 3);
    osr_bin_unref(&bin);
    ck_assert_ptr_null(bin);
}
END_TEST

/* What is filled in place is what the readers see; until then it is zero. */
START_TEST(alloc_is_filled_in_place)
{
    osr_bin *bin;
    uint8_t *data;
    ck_err(osr_bin_alloc(4, &bin, &data), OSR_OK);
    ck_assert_mem_eq(data, "\0\0\0\0", 4);
    data[2] = 9;
    ck_assert_ptr_eq(osr_bin_data(bin), data);
    ck_assert_uint_eq(osr_bin_data(bin)[2], 9);
    osr_bin_unref(&bin);
}
END_TEST

/* It lives until the last reference is given back. */
START_TEST(last_reference_frees)
{
    osr_bin *bin;
    ck_err(osr_bin_new("abc", 3, &bin), OSR_OK);
    osr_bin *other = osr_bin_ref(bin);
    ck_assert_ptr_eq(other, bin);
    osr_bin_unref(&bin);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before + 1);
    ck_assert_mem_eq(osr_bin_data(other), "abc", 3);
    osr_bin_unref(&other);
}
END_TEST

/* NULL is the empty bin everywhere. */
START_TEST(null_is_empty)
{
    osr_bin *none = NULL;
    ck_assert_ptr_null(osr_bin_ref(none));
    ck_assert_uint_eq(osr_bin_size(none), 0);
    ck_assert_ptr_null(osr_bin_data(none));
    osr_bin_unref(&none);
    ck_assert_uint_eq(osr_str_of(NULL).size, 0);
    ck_assert_uint_eq(osr_str_of("four").size, 4);
}
END_TEST

/* Too large, without bytes, or without memory: refused, and nothing is left behind. */
START_TEST(bad_bins_are_refused)
{
    osr_bin *bin = NULL;
    uint8_t *data;
    ck_err(osr_bin_alloc((size_t)OSR_BIN_BYTES_MAX + 1, &bin, &data), OSR_EINVAL);
    ck_err(osr_bin_new("x", SIZE_MAX, &bin), OSR_EINVAL);
    ck_err(osr_bin_new(NULL, 1, &bin), OSR_EINVAL);
    osri_heap_fail_after(1, true);
    ck_err(osr_bin_new("x", 1, &bin), OSR_ENOMEM);
    ck_err(osr_bin_alloc(1, &bin, &data), OSR_ENOMEM);
    ck_assert_ptr_null(bin);
}
END_TEST

static void *count_up_and_down(void *bin)
{
    for (int i = 0; i < 20000; i++) {
        osr_bin *mine = osr_bin_ref(bin);
        osr_bin_unref(&mine);
    }
    osr_bin *given = bin;
    osr_bin_unref(&given);
    return NULL;
}

/* References may be taken and given back by many threads at once. */
START_TEST(threads_share_a_bin)
{
    pthread_t threads[3];
    osr_bin *bin;
    ck_err(osr_bin_new("abc", 3, &bin), OSR_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, count_up_and_down, osr_bin_ref(bin)), 0);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    }
    ck_assert_mem_eq(osr_bin_data(bin), "abc", 3);
    osr_bin_unref(&bin);
}
END_TEST

RUN_TESTS("bin", new_copies, alloc_is_filled_in_place, last_reference_frees, null_is_empty,
          bad_bins_are_refused, threads_share_a_bin);
