/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/command.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "osier/main.h"

static char line[1024];
static osri_command_line parsed;
static osri_text complaint;

static void set_up(void)
{
    osri_text_init(&complaint, 4096);
}

static void tear_down(void)
{
    osri_text_fini(&complaint);
}

static bool parse(const char *text)
{
    osri_text_fini(&complaint);
    (void)snprintf(line, sizeof(line), "%s", text);
    return osri_command_parse(line, &parsed, &complaint);
}

/* The last argument is the rest of the line, blanks and all. */
START_TEST(the_rest_of_the_line_is_one_argument)
{
    ck_assert(parse("  call  counter   counter_add{by: 5, who: \"a b\"}  \n"));
    ck_assert_str_eq(parsed.command->name, "call");
    ck_assert_uint_eq(parsed.count, 2);
    ck_assert_str_eq(parsed.arguments[0], "counter");
    ck_assert_str_eq(parsed.arguments[1], "counter_add{by: 5, who: \"a b\"}");
    ck_assert(parse("exit <0000000000000001.2.3> out of order"));
    ck_assert_str_eq(parsed.arguments[0], "<0000000000000001.2.3>");
    ck_assert_str_eq(parsed.arguments[1], "out of order");
}
END_TEST

/* A line without words is no command and no error. */
START_TEST(an_empty_line_is_nothing)
{
    ck_assert(parse("  \t \r\n"));
    ck_assert_ptr_null(parsed.command);
    ck_assert_uint_eq(complaint.bytes, 0);
}
END_TEST

/* Arguments that are optional may be left out; those that are not are asked for, with the usage. */
START_TEST(missing_and_superfluous_arguments_are_named)
{
    ck_assert(parse("ps"));
    ck_assert_uint_eq(parsed.count, 0);
    ck_assert(parse("ps tree"));
    ck_assert_uint_eq(parsed.count, 1);
    ck_assert(!parse("call counter"));
    ck_assert_ptr_nonnull(strstr(osri_text_get(&complaint), "call PID|NAME"));
    ck_assert(!parse("kill"));
    ck_assert(!parse("nodes all"));
    ck_assert_ptr_nonnull(strstr(osri_text_get(&complaint), "type: nodes"));
}
END_TEST

/* An unknown command is answered with the one that is most like it, or with help alone. */
START_TEST(an_unknown_command_gets_a_suggestion)
{
    ck_assert(!parse("inof counter"));
    ck_assert_ptr_nonnull(strstr(osri_text_get(&complaint), "did you mean info?"));
    ck_assert_str_eq(osri_command_like("nod"), "nodes");
    ck_assert_str_eq(osri_command_like("helpp"), "help");
    ck_assert_ptr_null(osri_command_like("frobnicate"));
    ck_assert_ptr_null(osri_command_like("x"));
    ck_assert(!parse("frobnicate"));
    ck_assert_ptr_null(strstr(osri_text_get(&complaint), "did you mean"));
    ck_assert_ptr_nonnull(strstr(osri_text_get(&complaint), "help"));
}
END_TEST

/* A word with escapes in it comes back harmless. */
START_TEST(an_unknown_command_is_quoted_safely)
{
    ck_assert(!parse("\033[2J"));
    ck_assert_ptr_null(strchr(osri_text_get(&complaint), '\033'));
    ck_assert_ptr_nonnull(strstr(osri_text_get(&complaint), "\\x1b[2J"));
}
END_TEST

/* Exactly call, send, run, spawn, exit, kill and drain need the right to write. */
START_TEST(commands_that_change_something_are_marked)
{
    for (size_t i = 0; osri_command_at(i) != NULL; i++) {
        const char *name = osri_command_at(i)->name;
        bool changes = strcmp(name, "call") == 0 || strcmp(name, "send") == 0 ||
                       strcmp(name, "exit") == 0 || strcmp(name, "kill") == 0 ||
                       strcmp(name, "drain") == 0 || strcmp(name, "run") == 0 ||
                       strcmp(name, "spawn") == 0;
        ck_assert_msg(osri_command_at(i)->writes == changes, "%s", name);
    }
}
END_TEST

/* Without that right they are refused before anything is looked at. */
START_TEST(without_the_role_nothing_is_changed)
{
    osri_command_context context = {.may_write = false};
    char kill[] = "kill counter";
    osri_text_init(&context.out, 4096);
    osri_text_init(&context.complaint, 4096);
    osri_command_run(&context, kill);
    ck_assert_int_eq(context.status, OSR_STATUS_FAILED);
    ck_assert_ptr_nonnull(strstr(osri_text_get(&context.complaint), "not permitted"));
    ck_assert_uint_eq(context.out.bytes, 0);
    osri_text_fini(&context.out);
    osri_text_fini(&context.complaint);
}
END_TEST

/* help names every command, and help COMMAND its usage. */
START_TEST(help_names_each_command)
{
    osri_command_context context = {.may_write = false};
    char help[] = "help";
    char help_call[] = "help call";
    osri_text_init(&context.out, 65536);
    osri_text_init(&context.complaint, 4096);
    osri_command_run(&context, help);
    for (size_t i = 0; osri_command_at(i) != NULL; i++) {
        ck_assert_ptr_nonnull(strstr(osri_text_get(&context.out), osri_command_at(i)->usage));
    }
    osri_text_fini(&context.out);
    osri_command_run(&context, help_call);
    ck_assert_ptr_nonnull(strstr(osri_text_get(&context.out), "call PID|NAME"));
    ck_assert_int_eq(context.status, OSR_STATUS_OK);
    osri_text_fini(&context.out);
    osri_text_fini(&context.complaint);
}
END_TEST

/* A text stops at its bound and says that it was cut; what is in it stays whole. */
START_TEST(a_text_keeps_its_bound)
{
    osri_text text;
    osri_text_init(&text, 10);
    osri_text_add(&text, "%s", "12345678");
    osri_text_add(&text, "%s", "abc");
    ck_assert(text.cut);
    osri_text_add(&text, "9");
    ck_assert_str_eq(osri_text_get(&text), "12345678");
    osri_text_fini(&text);
    osri_text_init(&text, 2000);
    osri_text_add(&text, "%1000d", 5);
    ck_assert_uint_eq(text.bytes, 1000);
    ck_assert(!text.cut);
    osri_text_fini(&text);
}
END_TEST

/* Whatever a terminal would obey is shown instead; letters of all languages stay. */
START_TEST(a_safe_text_has_no_controls)
{
    static const char raw[] = "a\n\tb\033[1m\x07\x7f\xc2\x9b\x9b\xc3\xa9\xe2\x82\xac\0z";
    osri_text text;
    osri_text_init(&text, 1000);
    osri_text_add_safe(&text, raw, sizeof(raw) - 1);
    ck_assert_str_eq(osri_text_get(&text),
                     "a\n\tb\\x1b[1m\\x07\\x7f\\xc2\\x9b\\x9b\xc3\xa9\xe2\x82\xac\\x00z");
    osri_text_fini(&text);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shell_command");
    TCase *tests = tcase_create("shell_command");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, the_rest_of_the_line_is_one_argument);
    tcase_add_test(tests, an_empty_line_is_nothing);
    tcase_add_test(tests, missing_and_superfluous_arguments_are_named);
    tcase_add_test(tests, an_unknown_command_gets_a_suggestion);
    tcase_add_test(tests, an_unknown_command_is_quoted_safely);
    tcase_add_test(tests, commands_that_change_something_are_marked);
    tcase_add_test(tests, without_the_role_nothing_is_changed);
    tcase_add_test(tests, help_names_each_command);
    tcase_add_test(tests, a_text_keeps_its_bound);
    tcase_add_test(tests, a_safe_text_has_no_controls);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
