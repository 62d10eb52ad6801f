/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/registry.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "epmd/admission.h"
#include "lib/core/heap.h"

static osri_registry *registry;

static void setup(void)
{
    ck_assert_int_eq(osri_registry_new(3, 1, &registry), OSR_OK);
}

static void teardown(void)
{
    osri_registry_free(&registry);
    ck_assert_ptr_null(registry);
    ck_assert_uint_eq(osri_heap_live_blocks(), 0);
}

static osr_err add(const char *name, uint64_t lease)
{
    osri_epmd_record record = {.creation = lease};

    snprintf(record.name, sizeof(record.name), "%s", name);
    return osri_registry_add(registry, &record, lease, NULL);
}

/* A name belongs to its lease; everybody else is refused and changes nothing. */
START_TEST(duplicate_name_is_refused)
{
    ck_assert_int_eq(add("a@h", 1), OSR_OK);
    ck_assert_int_eq(add("a@h", 2), OSR_ETAKEN);
    ck_assert_int_eq(add("a@h", 1), OSR_ETAKEN);
    ck_assert_uint_eq(osri_registry_find(registry, "a@h")->creation, 1);
    ck_assert_uint_eq(osri_registry_lease(registry, "a@h"), 1);
    ck_assert_uint_eq(osri_registry_count(registry), 1);
}
END_TEST

/* The end of a lease frees its name for the next; somebody else's lease does not. */
START_TEST(name_goes_with_its_lease)
{
    ck_assert_int_eq(add("a@h", 1), OSR_OK);
    osri_registry_remove(registry, "a@h", 2);
    ck_assert_ptr_nonnull(osri_registry_find(registry, "a@h"));
    osri_registry_remove(registry, "a@h", 1);
    ck_assert_ptr_null(osri_registry_find(registry, "a@h"));
    ck_assert_uint_eq(osri_registry_lease(registry, "a@h"), 0);
    ck_assert_int_eq(add("a@h", 2), OSR_OK);
}
END_TEST

/* A list is in the order of registration, and who comes again comes last. */
START_TEST(list_is_in_order_of_registration)
{
    static const char *const expected[] = {"c@h", "b@h", "a@h"};
    uint64_t last = 0;
    size_t cursor = 0;

    ck_assert_int_eq(add("a@h", 1), OSR_OK);
    ck_assert_int_eq(add("c@h", 2), OSR_OK);
    ck_assert_int_eq(add("b@h", 3), OSR_OK);
    osri_registry_remove(registry, "a@h", 1);
    ck_assert_int_eq(add("a@h", 4), OSR_OK);
    for (int i = 0; i < 3; i++) {
        const osri_epmd_record *record = osri_registry_next(registry, &cursor);
        ck_assert_str_eq(record->name, expected[i]);
        ck_assert_uint_gt(record->registered, last);
        last = record->registered;
    }
    ck_assert_ptr_null(osri_registry_next(registry, &cursor));
}
END_TEST

/* The limit refuses one more, and only one more. */
START_TEST(limit_of_names_holds)
{
    ck_assert_int_eq(add("a@h", 1), OSR_OK);
    ck_assert_int_eq(add("b@h", 2), OSR_OK);
    ck_assert_int_eq(add("c@h", 3), OSR_OK);
    ck_assert_int_eq(add("d@h", 4), OSR_ELIMIT);
    ck_assert_int_eq(add("a@h", 4), OSR_ETAKEN);
    osri_registry_remove(registry, "b@h", 2);
    ck_assert_int_eq(add("d@h", 4), OSR_OK);
}
END_TEST

/* Whichever allocation fails, the registry is as before and nothing leaks. */
START_TEST(each_failing_allocation_leaves_it_whole)
{
    for (uint64_t nth = 1;; nth++) {
        osri_heap_fail_after(nth, false);
        osr_err err = add("a@h", 1);
        osri_heap_fail_after(0, false);
        if (err == OSR_OK) {
            break;
        }
        ck_assert_int_eq(err, OSR_ENOMEM);
        ck_assert_ptr_null(osri_registry_find(registry, "a@h"));
        ck_assert_uint_lt(nth, 10);
    }
    ck_assert_uint_eq(osri_registry_count(registry), 1);
}
END_TEST

/* A burst is let through, then the rate holds, for each key by itself. */
START_TEST(bucket_lets_burst_and_rate_through)
{
    osri_buckets buckets;

    ck_assert_int_eq(osri_buckets_init(&buckets, 4, 10, 3), OSR_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert(osri_buckets_take(&buckets, "a", 1, 1000));
    }
    ck_assert(!osri_buckets_take(&buckets, "a", 1, 1000));
    ck_assert(osri_buckets_take(&buckets, "b", 1, 1000));
    ck_assert(!osri_buckets_take(&buckets, "a", 1, 1099));
    ck_assert(osri_buckets_take(&buckets, "a", 1, 1100)); /* 10 a second: one each 100 ms */
    ck_assert(!osri_buckets_take(&buckets, "a", 1, 1100));
    for (int i = 0; i < 3; i++) {
        ck_assert(osri_buckets_take(&buckets, "a", 1, UINT64_C(1) << 60)); /* no overflow */
    }
    ck_assert(!osri_buckets_take(&buckets, "a", 1, UINT64_C(1) << 60));
    osri_buckets_fini(&buckets);
}
END_TEST

/* A full table forgets who has rested longest, not who is asking now. */
START_TEST(full_bucket_table_forgets_the_oldest)
{
    osri_buckets buckets;

    ck_assert_int_eq(osri_buckets_init(&buckets, 2, 1, 1), OSR_OK);
    ck_assert(osri_buckets_take(&buckets, "a", 1, 1000));
    ck_assert(osri_buckets_take(&buckets, "b", 1, 1001));
    ck_assert(osri_buckets_take(&buckets, "c", 1, 1002)); /* in the row of a */
    ck_assert(!osri_buckets_take(&buckets, "b", 1, 1003));
    ck_assert(!osri_buckets_take(&buckets, "c", 1, 1003));
    ck_assert(osri_buckets_take(&buckets, "a", 1, 1004));
    osri_buckets_fini(&buckets);
}
END_TEST

/* A known key is known until its certificate expires. */
START_TEST(known_keys_expire_and_are_bounded)
{
    static const uint8_t a[32] = {1}, b[32] = {2}, c[32] = {3};
    osri_known_keys keys;

    ck_assert_int_eq(osri_known_keys_init(&keys, 2), OSR_OK);
    osri_known_keys_add(&keys, a, 100);
    ck_assert(osri_known_keys_has(&keys, a, 100));
    ck_assert(!osri_known_keys_has(&keys, a, 101));
    ck_assert(!osri_known_keys_has(&keys, b, 0));
    osri_known_keys_add(&keys, b, 100);
    osri_known_keys_add(&keys, b, 200);
    osri_known_keys_add(&keys, c, 100);
    ck_assert(!osri_known_keys_has(&keys, a, 0));
    ck_assert(osri_known_keys_has(&keys, b, 200));
    ck_assert(osri_known_keys_has(&keys, c, 100));
    osri_known_keys_fini(&keys);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry");
    TCase *cases = tcase_create("registry");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, duplicate_name_is_refused);
    tcase_add_test(cases, name_goes_with_its_lease);
    tcase_add_test(cases, list_is_in_order_of_registration);
    tcase_add_test(cases, limit_of_names_holds);
    tcase_add_test(cases, each_failing_allocation_leaves_it_whole);
    tcase_add_test(cases, bucket_lets_burst_and_rate_through);
    tcase_add_test(cases, full_bucket_table_forgets_the_oldest);
    tcase_add_test(cases, known_keys_expire_and_are_bounded);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
