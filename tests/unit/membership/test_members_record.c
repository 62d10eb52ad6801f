/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/membership/member.h"

/* Members on the wire: the bytes of dist/membership/PROTOCOL.md, and what is not one. */

static uint8_t key[OSRI_KEY_BYTES];
static osri_members_writer record;
static char taken[1024];
static unsigned taken_count;

static osri_member sample(void)
{
    memset(key, 2, sizeof(key));
    return (osri_member){.name = "b@h2",
                         .creation = 7,
                         .version = 3,
                         .state = OSRI_MEMBER_JOINED,
                         .draining = true,
                         .endpoint = "tcp://h2:9100",
                         .labels = "w\n",
                         .key = key};
}

static void take(void *context, const osri_member *member)
{
    (void)context;
    taken_count++;
    (void)snprintf(taken, sizeof(taken), "%s %llu %llu %d %s %d %d %s", member->name,
                   (unsigned long long)member->creation, (unsigned long long)member->version,
                   (int)member->state, member->endpoint, member->key[31], member->draining,
                   member->labels);
}

static size_t write_sample(const osri_member *member, uint8_t *ret_bytes)
{
    size_t size;

    osri_members_begin(&record);
    ck_assert(osri_members_add(&record, member));
    memcpy(ret_bytes, osri_members_end(&record, &size), sizeof(record.bytes) - 5);
    return size;
}

/* The example of the protocol. */
START_TEST(golden_bytes)
{
    static const uint8_t golden[] = {
        0x92, 0x42, 0x91, 0x98, 0xa4, 'b', '@', 'h', '2', 0x07, 0x03, 0x01, 0xad, 't',  'c',  'p',
        ':',  '/',  '/',  'h',  '2',  ':', '9', '1', '0', '0',  0xc4, 0x20, 2,    2,    2,    2,
        2,    2,    2,    2,    2,    2,   2,   2,   2,   2,    2,    2,    2,    2,    2,    2,
        2,    2,    2,    2,    2,    2,   2,   2,   2,   2,    2,    2,    0x01, 0x91, 0xa1, 'w'};
    osri_member member = sample();
    const uint8_t *bytes;
    size_t size;

    osri_members_begin(&record);
    ck_assert(osri_members_add(&record, &member));
    bytes = osri_members_end(&record, &size);
    ck_assert_uint_eq(size, sizeof(golden));
    ck_assert_mem_eq(bytes, golden, sizeof(golden));
    ck_assert(osri_members_is_record(bytes, size));
    ck_assert_int_eq(osri_members_read(bytes, size, take, NULL), OSR_OK);
    ck_assert_str_eq(taken, "b@h2 7 3 1 tcp://h2:9100 2 1 w\n");
}
END_TEST

/* Each prefix of a record, and a record with a byte more, is none. */
START_TEST(a_cut_or_longer_record_is_refused)
{
    static uint8_t bytes[sizeof(record.bytes)];
    osri_member member = sample();
    size_t size = write_sample(&member, bytes);

    for (size_t i = 0; i < size; i++) {
        ck_assert_int_eq(osri_members_read(bytes, i, take, NULL), OSR_EPROTO);
    }
    bytes[size] = 0;
    ck_assert_int_eq(osri_members_read(bytes, size + 1, take, NULL), OSR_EPROTO);
}
END_TEST

/* Nobody is taken who has no good name, no version, or a state that is none. */
START_TEST(a_senseless_member_is_refused)
{
    static uint8_t bytes[sizeof(record.bytes)];
    osri_member wrong[4] = {sample(), sample(), sample(), sample()};

    wrong[0].name = "b";
    wrong[1].version = 0;
    wrong[2].state = (osri_member_state)0;
    wrong[3].state = (osri_member_state)4;
    for (int i = 0; i < 4; i++) {
        size_t size = write_sample(&wrong[i], bytes);
        taken_count = 0;
        ck_assert_int_eq(osri_members_read(bytes, size, take, NULL), OSR_EPROTO);
        ck_assert_uint_eq(taken_count, 0);
    }
}
END_TEST

/* A record takes as many as fit, and one more than the count's short form can say. */
START_TEST(a_record_is_filled_and_read_back)
{
    osri_member member = sample();
    const uint8_t *bytes;
    size_t size;
    unsigned count = 0;

    osri_members_begin(&record);
    while (osri_members_add(&record, &member)) {
        count++;
    }
    ck_assert_uint_gt(count, 100);
    bytes = osri_members_end(&record, &size);
    ck_assert_uint_le(size, OSRI_MEMBERS_RECORD_BYTES);
    taken_count = 0;
    ck_assert_int_eq(osri_members_read(bytes, size, take, NULL), OSR_OK);
    ck_assert_uint_eq(taken_count, count);
}
END_TEST

/* Sixteen labels of the greatest length fit; what is one longer is not written. */
START_TEST(labels_have_a_bound)
{
    char labels[OSRI_MEMBER_LABELS_BYTES + 2];
    osri_member member = sample();

    memset(labels, 'l', sizeof(labels));
    for (int i = 1; i <= OSRI_MEMBER_LABELS_MAX; i++) {
        labels[i * OSRI_MEMBER_LABEL_BYTES - 1] = '\n';
    }
    labels[OSRI_MEMBER_LABELS_BYTES - 1] = '\0';
    member.labels = labels;
    osri_members_begin(&record);
    ck_assert(osri_members_add(&record, &member));
    member.labels = "without its end";
    ck_assert(!osri_members_add(&record, &member));
    ck_assert_uint_eq(record.count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("members_record");
    TCase *tests = tcase_create("members_record");
    tcase_add_test(tests, golden_bytes);
    tcase_add_test(tests, a_cut_or_longer_record_is_refused);
    tcase_add_test(tests, a_senseless_member_is_refused);
    tcase_add_test(tests, a_record_is_filled_and_read_back);
    tcase_add_test(tests, labels_have_a_bound);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
