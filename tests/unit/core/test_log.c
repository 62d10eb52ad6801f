/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/log.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "tests/unit/core/child.h"

typedef struct captured {
    char line[OSR_LOG_LINE_BYTES_MAX + 1];
    size_t bytes;
    osr_log_level level;
    int count;
} captured;

static captured got;
static osri_log log_under_test;

static void capture(void *context, osr_log_level level, const char *line, size_t bytes)
{
    captured *to = context;

    ck_assert_uint_le(bytes, OSR_LOG_LINE_BYTES_MAX);
    memcpy(to->line, line, bytes + 1);
    to->bytes = bytes;
    to->level = level;
    to->count++;
}

static void set_up(void)
{
    memset(&got, 0, sizeof(got));
    osri_log_init(&log_under_test, "store@host", OSR_LOG_DEFAULT, capture, &got);
}

/* A record is one line that names the program, the node and the level. */
START_TEST(line_names_node_and_level)
{
    osri_log_write(&log_under_test, OSR_LOG_WARNING, "%d of %s", 3, "them");
    ck_assert_str_eq(got.line, "osier: node store@host: warning: 3 of them\n");
    ck_assert_uint_eq(got.bytes, strlen(got.line));
    ck_assert_int_eq(got.level, OSR_LOG_WARNING);
    log_under_test.node = NULL;
    osri_log_write(&log_under_test, OSR_LOG_ERROR, "x");
    ck_assert_str_eq(got.line, "osier: error: x\n");
}
END_TEST

/* The default level passes notices and what is worse, not what is finer. */
START_TEST(level_filters)
{
    osri_log_write(&log_under_test, OSR_LOG_NOTICE, "in");
    ck_assert_int_eq(got.count, 1);
    osri_log_write(&log_under_test, OSR_LOG_INFO, "out");
    ck_assert_int_eq(got.count, 1);
    log_under_test.level = OSR_LOG_DEBUG;
    osri_log_write(&log_under_test, OSR_LOG_DEBUG, "in");
    ck_assert_int_eq(got.count, 2);
}
END_TEST

/* No control character of a text reaches the terminal, in the node's name neither; other UTF-8
 * does. */
START_TEST(control_characters_are_escaped)
{
    log_under_test.node = "a\nb";
    osri_log_write(&log_under_test, OSR_LOG_ERROR, "%s", "1\n2\t3\x1b[2J\x7f\xc2\x9b\xc3\xa9");
    ck_assert_str_eq(got.line,
                     "osier: node a\\nb: error: 1\\n2\\t3\\x1b[2J\\x7f\\xc2\\x9b\xc3\xa9\n");
}
END_TEST

/* A text that is too long is cut, marked, and still ends its line. */
START_TEST(long_text_is_cut)
{
    static char text[5000];

    memset(text, 'w', sizeof(text) - 1);
    osri_log_write(&log_under_test, OSR_LOG_ERROR, "%s", text);
    ck_assert_uint_eq(got.bytes, OSR_LOG_LINE_BYTES_MAX);
    ck_assert_str_eq(got.line + got.bytes - 5, "w...\n");
}
END_TEST

/* An escape sequence is not cut in its middle. */
START_TEST(cut_keeps_escapes_whole)
{
    char out[16];

    ck_assert_uint_eq(osri_log_escape(out, sizeof(out), "12345678901\x1b"), 15);
    ck_assert_str_eq(out, "12345678901\\x1b");
    ck_assert_uint_eq(osri_log_escape(out, sizeof(out), "123456789012\x1b"), 15);
    ck_assert_str_eq(out, "123456789012...");
    ck_assert_uint_eq(osri_log_escape(out, 8, "1234567"), 7);
    ck_assert_str_eq(out, "1234567");
    ck_assert_uint_eq(osri_log_escape(out, 1, "1"), 0);
    ck_assert_uint_eq(osri_log_escape(out, 3, "123"), 2);
    ck_assert_str_eq(out, "..");
}
END_TEST

/* Logging works when there is no memory. */
START_TEST(nothing_is_allocated)
{
    osri_heap_fail_after(1, true);
    osri_log_write(&log_under_test, OSR_LOG_ERROR, "out of memory");
    ck_assert_int_eq(got.count, 1);
}
END_TEST

static void write_without_log(void)
{
    osri_log_write(NULL, OSR_LOG_ERROR, "early");
    osri_log_write(NULL, OSR_LOG_INFO, "not wanted");
}

/* Without a log the line goes to standard error. */
START_TEST(no_log_means_standard_error)
{
    child_end end;

    child_run(write_without_log, &end);
    child_assert_line(&end, "osier: error: early");
}
END_TEST

/* Each level has its name, any other number one too. */
START_TEST(levels_have_names)
{
    ck_assert_str_eq(osr_log_level_name(OSR_LOG_DEFAULT), "notice");
    ck_assert_str_eq(osr_log_level_name(OSR_LOG_DEBUG), "debug");
    ck_assert_str_eq(osr_log_level_name((osr_log_level)99), "unknown");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tests = tcase_create("log");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, line_names_node_and_level);
    tcase_add_test(tests, level_filters);
    tcase_add_test(tests, control_characters_are_escaped);
    tcase_add_test(tests, long_text_is_cut);
    tcase_add_test(tests, cut_keeps_escapes_whole);
    tcase_add_test(tests, nothing_is_allocated);
    tcase_add_test(tests, no_log_means_standard_error);
    tcase_add_test(tests, levels_have_names);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
