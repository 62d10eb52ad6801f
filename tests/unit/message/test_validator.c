/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/message/validator.h"

#include <stdbool.h>
#include <string.h>

#include "lib/message/unpack.h"
#include "tests/unit/message/support.h"

/* On a block of its own of exactly this size, so that a sanitizer sees any byte read beyond. */
static osr_err validate(const void *bytes, size_t size)
{
    uint8_t *copy = malloc(size + 1);
    uint8_t *end = copy + 1 + size;
    memcpy(end - size, bytes, size);
    osr_err err = osri_validate(end - size, size);
    free(copy);
    return err;
}

#define BYTES(text) text, sizeof(text) - 1

typedef struct sample {
    const char *bytes;
    size_t size;
} sample;

/* One value of each form that is allowed. */
static const sample valid[] = {
    {BYTES("\x00")},
    {BYTES("\x7f")},
    {BYTES("\xe0")},
    {BYTES("\xff")},
    {BYTES("\xc0")},
    {BYTES("\xc2")},
    {BYTES("\xc3")},
    {BYTES("\xa0")},
    {BYTES("\xa3"
           "abc")},
    {BYTES("\xc4\x02"
           "ab")},
    {BYTES("\xc5\x00\x02"
           "ab")},
    {BYTES("\xc6\x00\x00\x00\x02"
           "ab")},
    {BYTES("\xca\x00\x00\x00\x00")},
    {BYTES("\xcb\x00\x00\x00\x00\x00\x00\x00\x00")},
    {BYTES("\xcc\xff")},
    {BYTES("\xcd\xff\xff")},
    {BYTES("\xce\xff\xff\xff\xff")},
    {BYTES("\xcf\xff\xff\xff\xff\xff\xff\xff\xff")},
    {BYTES("\xd0\xff")},
    {BYTES("\xd1\xff\xff")},
    {BYTES("\xd2\xff\xff\xff\xff")},
    {BYTES("\xd3\xff\xff\xff\xff\xff\xff\xff\xff")},
    {BYTES("\xd8\x01"
           "0123456789abcdef")},
    {BYTES("\xd8\x02"
           "0123456789abcdef")},
    {BYTES("\xd9\x02"
           "ab")},
    {BYTES("\xda\x00\x02"
           "ab")},
    {BYTES("\xdb\x00\x00\x00\x02"
           "ab")},
    {BYTES("\x90")},
    {BYTES("\x92\x01\xc0")},
    {BYTES("\xdc\x00\x02\x01\x02")},
    {BYTES("\xdd\x00\x00\x00\x02\x01\x02")},
    {BYTES("\x80")},
    {BYTES("\x82\x01\x02\x03\x90")},
    {BYTES("\xde\x00\x01\x01\x02")},
    {BYTES("\xdf\x00\x00\x00\x01\x01\x02")},
    {BYTES("\x93\x91\x01\x81\x02\x92\x03\x04\x05")},
};
#define VALID (sizeof(valid) / sizeof(valid[0]))

/* Every form of msgpack that we use is let through. */
START_TEST(every_allowed_form_is_valid)
{
    for (size_t i = 0; i < VALID; i++) {
        ck_assert_msg(validate(valid[i].bytes, valid[i].size) == OSR_OK, "sample %zu", i);
    }
}
END_TEST

/* A value that is cut off anywhere is refused, without a look behind its end. */
START_TEST(every_truncation_is_refused)
{
    for (size_t i = 0; i < VALID; i++) {
        for (size_t size = 0; size < valid[i].size; size++) {
            ck_assert_msg(validate(valid[i].bytes, size) == OSR_EPROTO, "sample %zu at %zu", i,
                          size);
        }
    }
}
END_TEST

/* A byte behind the value is refused; as a prefix the value is found with its length. */
START_TEST(trailing_bytes_are_refused)
{
    uint8_t bytes[64] = {0};
    for (size_t i = 0; i < VALID; i++) {
        memcpy(bytes, valid[i].bytes, valid[i].size);
        ck_err(validate(bytes, valid[i].size + 1), OSR_EPROTO);
        size_t used = 0;
        ck_err(osri_validate_prefix(bytes, sizeof(bytes), &used), OSR_OK);
        ck_assert_uint_eq(used, valid[i].size);
    }
}
END_TEST

/* A few bytes that promise gigabytes, and everything that is not ours, is refused. */
START_TEST(hostile_bytes_are_refused)
{
    static const sample hostile[] = {
        {BYTES("\xdd\x05\x00\x00\x00")},
        {BYTES("\xdf\x05\x00\x00\x00")},
        {BYTES("\xdd\xff\xff\xff\xff\x00")},
        {BYTES("\xdf\xff\xff\xff\xff\x00")},
        {BYTES("\xdf\x80\x00\x00\x00\x00\x00")},
        {BYTES("\xdc\xff\xff")},
        {BYTES("\xde\x00\x02\x01\x02\x03")},
        {BYTES("\xc6\xff\xff\xff\xff\x00")},
        {BYTES("\xdb\xff\xff\xff\xff\x00")},
        {BYTES("\xc1")},
        {BYTES("\x91\xc1")},
        {BYTES("\xd4\x01\x00")},
        {BYTES("\xd5\x01\x00\x00")},
        {BYTES("\xd6\x01\x00\x00\x00\x00")},
        {BYTES("\xd7\x01\x00\x00\x00\x00\x00\x00\x00\x00")},
        {BYTES("\xd8\x00"
               "0123456789abcdef")},
        {BYTES("\xd8\x03"
               "0123456789abcdef")},
        {BYTES("\xd8\xff"
               "0123456789abcdef")},
        {BYTES("\xc7\x10\x01"
               "0123456789abcdef")},
        {BYTES("\xc8\x00\x10\x01"
               "0123456789abcdef")},
        {BYTES("\xc9\x00\x00\x00\x10\x01"
               "0123456789abcdef")},
        {BYTES("\x8f\x01\x02")},
        {BYTES("\x9f\x01")},
    };
    for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
        ck_assert_msg(validate(hostile[i].bytes, hostile[i].size) == OSR_EPROTO, "sample %zu", i);
    }
}
END_TEST

/* 32 containers within each other are allowed, 33 are not, even if the innermost is empty. */
START_TEST(depth_is_limited)
{
    uint8_t bytes[2 * OSRI_DEPTH_MAX + 4];
    memset(bytes, 0x91, sizeof(bytes));
    bytes[OSRI_DEPTH_MAX] = 0x01;
    ck_err(validate(bytes, OSRI_DEPTH_MAX + 1), OSR_OK);
    bytes[OSRI_DEPTH_MAX] = 0x90;
    ck_err(validate(bytes, OSRI_DEPTH_MAX + 1), OSR_EPROTO);
    bytes[OSRI_DEPTH_MAX] = 0x91;
    bytes[OSRI_DEPTH_MAX + 1] = 0x01;
    ck_err(validate(bytes, OSRI_DEPTH_MAX + 2), OSR_EPROTO);
    for (size_t i = 0; i <= OSRI_DEPTH_MAX; i++) {
        bytes[2 * i] = 0x81;
        bytes[2 * i + 1] = 0x01;
    }
    bytes[2 * OSRI_DEPTH_MAX] = 0xc0;
    ck_err(validate(bytes, 2 * OSRI_DEPTH_MAX + 1), OSR_OK);
    bytes[2 * OSRI_DEPTH_MAX] = 0x80;
    ck_err(validate(bytes, 2 * OSRI_DEPTH_MAX + 1), OSR_EPROTO);
}
END_TEST

/* Depth is that of open containers: closed ones do not count. */
START_TEST(siblings_do_not_add_depth)
{
    static const uint8_t one[] = {0x91, 0x91, 0x01};
    uint8_t bytes[3 + 300 * sizeof(one)] = {0xdc, 300 >> 8, 300 & 0xff};
    for (size_t i = 0; i < 300; i++) {
        memcpy(bytes + 3 + i * sizeof(one), one, sizeof(one));
    }
    ck_err(validate(bytes, sizeof(bytes)), OSR_OK);
}
END_TEST

/* At most 65,536 values, counting containers and keys. */
START_TEST(values_are_counted)
{
    static uint8_t bytes[5 + OSRI_OBJECTS_MAX] = {0xdd, 0, 0, 0xff, 0xff};
    ck_err(validate(bytes, 5 + 0xffff), OSR_OK);
    bytes[2] = 1;
    bytes[3] = 0;
    bytes[4] = 0;
    ck_err(validate(bytes, 5 + 0x10000), OSR_EPROTO);
    static uint8_t map[5 + OSRI_OBJECTS_MAX] = {0xdf, 0, 0, 0x7f, 0xff};
    ck_err(validate(map, 5 + 2 * 0x7fff), OSR_OK);
    map[3] = 0x80;
    map[4] = 0;
    ck_err(validate(map, 5 + 2 * 0x8000), OSR_EPROTO);
}
END_TEST

/* What the validator lets through the reader walks over exactly to its end. */
START_TEST(the_reader_agrees_on_lengths)
{
    for (size_t i = 0; i < VALID; i++) {
        const uint8_t *bytes = (const uint8_t *)valid[i].bytes;
        osri_reader reader = {bytes, bytes + valid[i].size};
        osri_skip(&reader);
        ck_assert_ptr_eq(reader.at, reader.end);
    }
}
END_TEST

RUN_TESTS("validator", every_allowed_form_is_valid, every_truncation_is_refused,
          trailing_bytes_are_refused, hostile_bytes_are_refused, depth_is_limited,
          siblings_do_not_add_depth, values_are_counted, the_reader_agrees_on_lengths);
