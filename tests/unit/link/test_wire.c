/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/wire.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Data frames in bytes. */

/* The header is what dist/PROTOCOL.md says, byte by byte. */
START_TEST(a_header_has_these_bytes)
{
    static const uint8_t golden[OSRI_WIRE_HEADER_BYTES] = {
        1, 2, 3, 4, 5, 6, 7, 8, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 0, 1, 0, 3, 2, 1, 0, 0};
    osri_wire_header header = {.tag = UINT64_C(0x0102030405060708),
                               .seq = 0x102,
                               .acknowledged = 0x10003,
                               .kind = OSRI_WIRE_GOODBYE,
                               .flags = OSRI_WIRE_ACK_NOW};
    osri_wire_header read;
    uint8_t bytes[OSRI_WIRE_HEADER_BYTES];

    osri_wire_header_write(bytes, &header);
    ck_assert_mem_eq(bytes, golden, sizeof(golden));
    ck_assert_int_eq(osri_wire_header_read(bytes, sizeof(bytes), &read), OSR_OK);
    ck_assert_uint_eq(read.tag, header.tag);
    ck_assert_uint_eq(read.seq, header.seq);
    ck_assert_uint_eq(read.acknowledged, header.acknowledged);
    ck_assert_uint_eq(read.kind, header.kind);
    ck_assert_uint_eq(read.flags, header.flags);
    ck_assert_int_eq(osri_wire_header_read(bytes, sizeof(bytes) - 1, &read), OSR_EPROTO);
}
END_TEST

static osri_wire_part read_back(const uint8_t *bytes, size_t bytes_count)
{
    const uint8_t *cursor = bytes;
    osri_wire_part part;

    ck_assert_int_eq(osri_wire_part_read(&cursor, bytes + bytes_count, &part), OSR_OK);
    ck_assert_ptr_eq(cursor, bytes + bytes_count);
    return part;
}

/* Heads of a whole record, of a first and of a last fragment, byte by byte. */
START_TEST(heads_have_these_bytes)
{
    static const uint8_t whole[] = {0, 0, 0, 2, 'h', 'i'};
    static const uint8_t first[] = {0xc0, 0, 0, 1, 0, 0, 0, 9, 0, 1, 0, 0, 'x'};
    static const uint8_t last[] = {0xa0, 0, 0, 1, 0, 0, 0, 9, 'y'};
    osri_wire_part part = {.bytes_count = 2};
    uint8_t bytes[OSRI_WIRE_HEAD_BYTES_MAX];

    ck_assert_uint_eq(osri_wire_head_write(bytes, &part), 4);
    ck_assert_mem_eq(bytes, whole, 4);
    ck_assert_mem_eq(read_back(whole, sizeof(whole)).bytes, "hi", 2);
    part = (osri_wire_part){
        .fragment = true, .first = true, .stream = 9, .total = 65536, .bytes_count = 1};
    ck_assert_uint_eq(osri_wire_head_write(bytes, &part), 12);
    ck_assert_mem_eq(bytes, first, 12);
    ck_assert_uint_eq(read_back(first, sizeof(first)).total, 65536);
    part = (osri_wire_part){.fragment = true, .last = true, .stream = 9, .bytes_count = 1};
    ck_assert_uint_eq(osri_wire_head_write(bytes, &part), 8);
    ck_assert_mem_eq(bytes, last, 8);
    ck_assert(read_back(last, sizeof(last)).last);
}
END_TEST

/* Every shorter piece of a legal part is refused, and nothing behind its end is read. */
START_TEST(truncated_parts_are_refused)
{
    static const uint8_t first[] = {0xc0, 0, 0, 1, 0, 0, 0, 9, 0, 1, 0, 0, 'x'};
    osri_wire_part part;

    for (size_t length = 0; length < sizeof(first); length++) {
        uint8_t *copy = malloc(length + 1); /* a heap block, so that a sanitizer sees its end */
        const uint8_t *cursor = copy;

        memcpy(copy, first, length);
        ck_assert_int_eq(osri_wire_part_read(&cursor, copy + length, &part), OSR_EPROTO);
        ck_assert_ptr_eq(cursor, copy);
        free(copy);
    }
}
END_TEST

/* FIRST or LAST without FRAGMENT, an empty part, and a length beyond the frame are refused. */
START_TEST(illegal_heads_are_refused)
{
    static const uint8_t illegal[][6] = {{0x40, 0, 0, 1, 'x'},
                                         {0x20, 0, 0, 1, 'x'},
                                         {0, 0, 0, 0, 'x'},
                                         {0, 0, 0, 3, 'x', 'y'},
                                         {0x1f, 0xff, 0xff, 0xff, 'x'}};

    for (size_t i = 0; i < sizeof(illegal) / sizeof(illegal[0]); i++) {
        const uint8_t *cursor = illegal[i];
        osri_wire_part part;

        ck_assert_int_eq(osri_wire_part_read(&cursor, illegal[i] + 6, &part), OSR_EPROTO);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *tests = tcase_create("wire");
    SRunner *runner;
    int failed;

    tcase_add_test(tests, a_header_has_these_bytes);
    tcase_add_test(tests, heads_have_these_bytes);
    tcase_add_test(tests, truncated_parts_are_refused);
    tcase_add_test(tests, illegal_heads_are_refused);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
