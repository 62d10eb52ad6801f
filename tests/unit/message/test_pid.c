/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/pid.h"

#include <string.h>

#include "tests/unit/message/support.h"

/* A pid prints as node in hexadecimal, slot and generation in decimal. */
START_TEST(pid_prints_in_its_stable_form)
{
    char text[OSR_PID_TEXT_BYTES];
    osr_pid_print((osr_pid){UINT64_C(0x3f9a12bc00112233), 17, 2}, text);
    ck_assert_str_eq(text, "<3f9a12bc00112233.17.2>");
}
END_TEST

/* The longest pid and reference fill their text exactly. */
START_TEST(longest_texts_fit)
{
    char pid_text[OSR_PID_TEXT_BYTES];
    char ref_text[OSR_REF_TEXT_BYTES];
    osr_pid_print((osr_pid){UINT64_MAX, UINT32_MAX, UINT32_MAX}, pid_text);
    osr_ref_print((osr_ref){UINT64_MAX, UINT64_MAX}, ref_text);
    ck_assert_str_eq(pid_text, "<ffffffffffffffff.4294967295.4294967295>");
    ck_assert_str_eq(ref_text, "#Ref<ffffffffffffffff.18446744073709551615>");
    ck_assert_uint_eq(strlen(pid_text) + 1, OSR_PID_TEXT_BYTES);
    ck_assert_uint_eq(strlen(ref_text) + 1, OSR_REF_TEXT_BYTES);
}
END_TEST

/* What was printed is read back as the same value, up to the largest numbers. */
START_TEST(printed_values_are_read_back)
{
    static const osr_pid pids[] = {
        {0, 0, 0}, {1, 0, 0}, {0, 9, 10}, {UINT64_MAX, UINT32_MAX, UINT32_MAX}};
    for (size_t i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
        char text[OSR_PID_TEXT_BYTES];
        osr_pid pid = {7, 7, 7};
        osr_pid_print(pids[i], text);
        ck_err(osr_pid_parse(text, &pid), OSR_OK);
        ck_assert(osr_pid_equal(pid, pids[i]));
    }
    char text[OSR_REF_TEXT_BYTES];
    osr_ref ref = {0, 0};
    osr_ref_print((osr_ref){3, UINT64_MAX}, text);
    ck_err(osr_ref_parse(text, &ref), OSR_OK);
    ck_assert(osr_ref_equal(ref, (osr_ref){3, UINT64_MAX}));
}
END_TEST

/* Anything that print would not have written is refused, and nothing is written. */
START_TEST(other_texts_are_refused)
{
    static const char *const texts[] = {
        "",
        "<",
        "<3f9a12bc00112233.17.2",
        "<3f9a12bc00112233.17.2> ",
        " <3f9a12bc00112233.17.2>",
        "<3f9a12bc0011223.17.2>",
        "<3F9A12BC00112233.17.2>",
        "<3f9a12bc00112233.017.2>",
        "<3f9a12bc00112233.-1.2>",
        "<3f9a12bc00112233.4294967296.2>",
        "<3f9a12bc00112233.1.99999999999999999999>",
        "<3f9a12bc00112233.17>",
        "<3f9a12bc00112233..2>",
        "#Ref<3f9a12bc00112233.17>",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        osr_pid pid = {1, 2, 3};
        ck_err(osr_pid_parse(texts[i], &pid), OSR_EINVAL);
        ck_assert(osr_pid_equal(pid, (osr_pid){1, 2, 3}));
    }
    osr_ref ref = {1, 2};
    ck_err(osr_ref_parse("<3f9a12bc00112233.17>", &ref), OSR_EINVAL);
    ck_err(osr_ref_parse("#Ref<3f9a12bc00112233.18446744073709551616>", &ref), OSR_EINVAL);
    ck_err(osr_ref_parse("#Ref<3f9a12bc00112233.1>x", &ref), OSR_EINVAL);
    ck_assert(osr_ref_equal(ref, (osr_ref){1, 2}));
}
END_TEST

/* None is all zero and nothing else; two pids are equal only in all three parts. */
START_TEST(none_and_equality)
{
    ck_assert(osr_pid_is_none(OSR_PID_NONE));
    ck_assert(osr_ref_is_none(OSR_REF_NONE));
    static const osr_pid others[] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
    for (size_t i = 0; i < 3; i++) {
        ck_assert(!osr_pid_is_none(others[i]));
        ck_assert(!osr_pid_equal(others[i], OSR_PID_NONE));
    }
    ck_assert(!osr_ref_is_none((osr_ref){0, 1}));
    ck_assert(!osr_ref_is_none((osr_ref){1, 0}));
    ck_assert(!osr_ref_equal((osr_ref){1, 2}, (osr_ref){1, 3}));
    ck_assert(!osr_ref_equal((osr_ref){1, 2}, (osr_ref){2, 2}));
}
END_TEST

RUN_TESTS("pid", pid_prints_in_its_stable_form, longest_texts_fit, printed_values_are_read_back,
          other_texts_are_refused, none_and_equality);
