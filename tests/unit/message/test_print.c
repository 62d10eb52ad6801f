/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/message/print.h"

#include <locale.h>
#include <math.h>
#include <string.h>

#include "lib/message/utf8.h"
#include "tests/unit/message/samples.h"
#include "tests/unit/message/support.h"
#include "tests/unit/message/values.h"

OSR_MESSAGE(real, 0x0601, (1, f64, v));
OSR_MESSAGE(text, 0x0602, (1, str, v));

static char printed[4096];

static const char *print(const osr_type *type, const void *value)
{
    size_t size = osr_print(type, value, printed, sizeof(printed));
    ck_assert_uint_eq(size, strlen(printed));
    return printed;
}

static const char *print_text(const char *bytes, size_t size)
{
    return print(&text_osr_type, &(text){{bytes, (uint32_t)size}});
}

/* Values print as a person would type them. */
START_TEST(values_print_readably)
{
    static const int16_t numbers[] = {-1, 2};
    static const point points[] = {{1, 2}, {3, 4}};
    lists value = {0};
    ck_assert_str_eq(print(&counter_value_osr_type, &(counter_value){-5}),
                     "counter_value{value: -5}");
    ck_assert_str_eq(print(&ping_osr_type, &(ping){0}), "ping{}");
    value.i16s.at = numbers;
    value.i16s.count = 2;
    value.points.at = points;
    value.points.count = 2;
    ck_assert_ptr_nonnull(strstr(print(&lists_osr_type, &value), "i8s: [], i16s: [-1, 2], i32s"));
    ck_assert_ptr_nonnull(strstr(printed, "points: [{x: 1, y: 2}, {x: 3, y: 4}]}"));
    ck_assert_str_eq(print(NULL, NULL), "-");
}
END_TEST

/* Every kind in one message. */
START_TEST(every_kind_prints)
{
    everything value = {.yes = true,
                        .i8v = INT8_MIN,
                        .i16v = INT16_MIN,
                        .i32v = INT32_MIN,
                        .i64v = INT64_MIN,
                        .u8v = UINT8_MAX,
                        .u16v = UINT16_MAX,
                        .u32v = UINT32_MAX,
                        .u64v = UINT64_MAX,
                        .f64v = 2.5,
                        .text = {"hi", 2},
                        .who = {1, 2, 3},
                        .which = {4, 5}};
    ck_err(osr_bin_new("\x00\xff", 2, &value.data), OSR_OK);
    ck_assert_str_eq(
        print(&everything_osr_type, &value),
        "everything{yes: true, i8v: -128, i16v: -32768, i32v: -2147483648, i64v: "
        "-9223372036854775808, u8v: 255, u16v: 65535, u32v: 4294967295, u64v: "
        "18446744073709551615, f64v: 2.5, text: \"hi\", data: x\"00ff\", who: "
        "<0000000000000001.2.3>, which: #Ref<0000000000000004.5>, one: {name: \"\", photo: x\"\", "
        "nicknames: [], at: {x: 0, y: 0}}, many: []}");
    osr_bin_unref(&value.data);
}
END_TEST

/* Nothing in a text can move a terminal's cursor or pretend to end the text. */
START_TEST(texts_are_escaped)
{
    ck_assert_str_eq(print_text("a\n\t\r\"\\b", 7), "text{v: \"a\\n\\t\\r\\\"\\\\b\"}");
    ck_assert_str_eq(print_text("\x00\x1b[2J\x7f", 6), "text{v: \"\\x00\\x1b[2J\\x7f\"}");
    ck_assert_str_eq(print_text("\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xb1", 9),
                     "text{v: \"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8c\xb1\"}");
    ck_assert_str_eq(print_text("\xc2\x9b", 2), "text{v: \"\\xc2\\x9b\"}");
    ck_assert_str_eq(print_text("\xc2\xa0", 2), "text{v: \"\xc2\xa0\"}");
}
END_TEST

/* Bytes that are no UTF-8 are escaped one by one: cut off, overlong, surrogates, too large. */
START_TEST(broken_utf8_is_escaped)
{
    ck_assert_str_eq(print_text("\xc3", 1), "text{v: \"\\xc3\"}");
    ck_assert_str_eq(print_text("\xe2\x82", 2), "text{v: \"\\xe2\\x82\"}");
    ck_assert_str_eq(print_text("\x80x", 2), "text{v: \"\\x80x\"}");
    ck_assert_str_eq(print_text("\xc0\xaf", 2), "text{v: \"\\xc0\\xaf\"}");
    ck_assert_str_eq(print_text("\xe0\x80\xaf", 3), "text{v: \"\\xe0\\x80\\xaf\"}");
    ck_assert_str_eq(print_text("\xed\xa0\x80", 3), "text{v: \"\\xed\\xa0\\x80\"}");
    ck_assert_str_eq(print_text("\xf4\x90\x80\x80", 4), "text{v: \"\\xf4\\x90\\x80\\x80\"}");
    ck_assert_str_eq(print_text("\xf0\x80\x80\x80", 4), "text{v: \"\\xf0\\x80\\x80\\x80\"}");
}
END_TEST

/* Floats print short, always as floats. */
START_TEST(floats_print_short)
{
    static const struct {
        double number;
        const char *printed;
    } cases[] = {{0, "real{v: 0.0}"},
                 {-0.0, "real{v: -0.0}"},
                 {1, "real{v: 1.0}"},
                 {0.1, "real{v: 0.1}"},
                 {1.0 / 3, "real{v: 0.3333333333333333}"},
                 {1e300, "real{v: 1e+300}"},
                 {NAN, "real{v: nan}"},
                 {INFINITY, "real{v: inf}"},
                 {-INFINITY, "real{v: -inf}"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_str_eq(print(&real_osr_type, &(real){cases[i].number}), cases[i].printed);
    }
}
END_TEST

/* In whatever room: terminated, whole characters, a beginning of the full text, the cut marked. */
START_TEST(cut_texts_are_whole_and_marked)
{
    static const char bytes[] = "\xe2\x82\xac\x01\xc3\xa9z";
    text value = {{bytes, sizeof(bytes) - 1}};
    char full[64];
    size_t full_size = osr_print(&text_osr_type, &value, full, sizeof(full));
    for (size_t capacity = 0; capacity <= full_size; capacity++) {
        char *room = malloc(capacity + 1);
        size_t size = osr_print(&text_osr_type, &value, room, capacity);
        ck_assert_uint_lt(size, capacity == 0 ? 1 : capacity);
        if (capacity >= 4) {
            ck_assert_str_eq(room + size - 3, "\xe2\x80\xa6");
            ck_assert_mem_eq(room, full, size - 3);
        }
        for (size_t at = 0; at < size;) {
            size_t length = osri_utf8_length((const uint8_t *)room + at, size - at);
            ck_assert_uint_gt(length, 0);
            at += length;
        }
        free(room);
    }
    char exact[64];
    ck_assert_uint_eq(osr_print(&text_osr_type, &value, exact, full_size + 1), full_size);
    ck_assert_str_eq(exact, full);
}
END_TEST

RUN_TESTS("print", values_print_readably, every_kind_prints, texts_are_escaped,
          broken_utf8_is_escaped, floats_print_short, cut_texts_are_whole_and_marked);
