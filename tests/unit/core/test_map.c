/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/map.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"

#define MANY 5000

static osri_map map;
static int values[MANY]; /* what entries point to */
static uint64_t blocks_before;

static void set_up(void)
{
    blocks_before = osri_heap_live_blocks();
    osri_map_init(&map, 42);
}

static void tear_down(void)
{
    osri_map_fini(&map);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

static void put_many(uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        ck_assert_int_eq(osri_map_put_u64(&map, i * 7919, &values[i], NULL), OSR_OK);
    }
}

/* Whatever the growth, iteration yields the entries in the order in which they were put. */
START_TEST(iteration_follows_insertion)
{
    osri_map_entry entry;
    size_t cursor = 0;
    size_t seen = 0;

    put_many(MANY);
    ck_assert_uint_eq(osri_map_count(&map), MANY);
    for (; osri_map_next(&map, &cursor, &entry); seen++) {
        ck_assert_ptr_eq(entry.value, &values[seen]);
    }
    ck_assert_uint_eq(seen, MANY);
    for (uint64_t i = 0; i < MANY; i++) {
        ck_assert_ptr_eq(osri_map_get_u64(&map, i * 7919), &values[i]);
        ck_assert_ptr_null(osri_map_get_u64(&map, i * 7919 + 1));
    }
}
END_TEST

/* Replacing a value keeps its place and yields the old one. */
START_TEST(replacing_keeps_the_place)
{
    osri_map_entry entry;
    size_t cursor = 0;
    void *old = &map;

    put_many(3);
    ck_assert_int_eq(osri_map_put_u64(&map, 0, &values[9], &old), OSR_OK);
    ck_assert_ptr_eq(old, &values[0]);
    ck_assert_int_eq(osri_map_put_u64(&map, 1, &values[8], &old), OSR_OK);
    ck_assert_ptr_null(old);
    ck_assert(osri_map_next(&map, &cursor, &entry));
    ck_assert_ptr_eq(entry.value, &values[9]);
    ck_assert_uint_eq(osri_map_count(&map), 4);
}
END_TEST

/* Any entry may be removed while iterating: those not seen yet still come, once, in order. */
START_TEST(removal_during_iteration)
{
    osri_map_entry entry;
    size_t cursor = 0;
    size_t seen = 0;

    put_many(100);
    for (; osri_map_next(&map, &cursor, &entry); seen++) {
        int *value = entry.value;
        uint64_t number = (uint64_t)(value - values);

        ck_assert_uint_eq(number, seen * 2);
        ck_assert_ptr_eq(osri_map_remove_u64(&map, number * 7919), value);
        ck_assert_ptr_eq(osri_map_remove_u64(&map, (number + 1) * 7919), value + 1);
    }
    ck_assert_uint_eq(seen, 50);
    ck_assert_uint_eq(osri_map_count(&map), 0);
}
END_TEST

/* What is removed is gone, the others stay reachable, and order survives the holes being closed. */
START_TEST(removed_keys_are_gone_and_may_come_back)
{
    osri_map_entry entry;
    size_t cursor = 0;

    put_many(64);
    for (uint64_t i = 0; i < 64; i += 2) {
        ck_assert_ptr_eq(osri_map_remove_u64(&map, i * 7919), &values[i]);
        ck_assert_ptr_null(osri_map_remove_u64(&map, i * 7919));
    }
    put_many(64); /* odd ones are in place, even ones come to the end */
    for (int i = 1; i < 64; i += 2) {
        ck_assert(osri_map_next(&map, &cursor, &entry));
        ck_assert_ptr_eq(entry.value, &values[i]);
    }
    for (int i = 0; i < 64; i += 2) {
        ck_assert(osri_map_next(&map, &cursor, &entry));
        ck_assert_ptr_eq(entry.value, &values[i]);
    }
    ck_assert(!osri_map_next(&map, &cursor, &entry));
}
END_TEST

/* A map through which keys pass keeps its size: the holes are used again. */
START_TEST(passing_keys_do_not_grow_the_map)
{
    for (uint64_t i = 0; i < 100000; i++) {
        ck_assert_int_eq(osri_map_put_u64(&map, i, &values[i % MANY], NULL), OSR_OK);
        if (i >= 4) {
            ck_assert_ptr_eq(osri_map_remove_u64(&map, i - 4), &values[(i - 4) % MANY]);
        }
    }
    ck_assert_uint_eq(osri_map_count(&map), 4);
    ck_assert_uint_le(osri_heap_live_bytes(), 4096);
}
END_TEST

/* Keys of each length are told apart by all their bytes, and copied. */
START_TEST(byte_string_keys_are_copied)
{
    char key[64];

    for (size_t length = 0; length < sizeof(key); length++) {
        memset(key, 'k', sizeof(key));
        ck_assert_int_eq(osri_map_put(&map, key, length, &values[length], NULL), OSR_OK);
        memset(key, '?', sizeof(key));
    }
    memset(key, 'k', sizeof(key));
    for (size_t length = 0; length < sizeof(key); length++) {
        ck_assert_ptr_eq(osri_map_get(&map, key, length), &values[length]);
    }
    key[62] = 'K';
    ck_assert_ptr_null(osri_map_get(&map, key, 63));
    ck_assert_ptr_eq(osri_map_get(&map, key, 62), &values[62]);
}
END_TEST

/* A key that is too long is refused. */
START_TEST(too_long_key_is_refused)
{
    static char key[OSRI_MAP_KEY_BYTES_MAX + 1];

    ck_assert_int_eq(osri_map_put(&map, key, sizeof(key), values, NULL), OSR_ELIMIT);
    ck_assert_int_eq(osri_map_put(&map, key, sizeof(key) - 1, values, NULL), OSR_OK);
}
END_TEST

/* Without memory put fails and the map is as it was, at each of its allocations. */
START_TEST(put_without_memory_changes_nothing)
{
    static const char key[] = "a key that does not fit into its slot";

    put_many(8); /* the next one grows the map: two arrays, then the key */
    for (uint64_t nth = 1; nth <= 3; nth++) {
        osri_heap_fail_after(nth, false);
        ck_assert_int_eq(osri_map_put(&map, key, sizeof(key), values, NULL), OSR_ENOMEM);
        osri_heap_fail_after(0, false);
        ck_assert_uint_eq(osri_map_count(&map), 8);
        ck_assert_ptr_null(osri_map_get(&map, key, sizeof(key)));
        for (uint64_t i = 0; i < 8; i++) {
            ck_assert_ptr_eq(osri_map_get_u64(&map, i * 7919), &values[i]);
        }
        if (nth == 2) { /* the third allocation is the key only if the arrays still have to grow */
            ck_assert_uint_eq(map.slots_used, 8);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("map");
    TCase *tests = tcase_create("map");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, iteration_follows_insertion);
    tcase_add_test(tests, replacing_keeps_the_place);
    tcase_add_test(tests, removal_during_iteration);
    tcase_add_test(tests, removed_keys_are_gone_and_may_come_back);
    tcase_add_test(tests, passing_keys_do_not_grow_the_map);
    tcase_add_test(tests, byte_string_keys_are_copied);
    tcase_add_test(tests, too_long_key_is_refused);
    tcase_add_test(tests, put_without_memory_changes_nothing);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
