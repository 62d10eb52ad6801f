/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/boot/flags.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/boot/status.h"

static osri_flags flags;
static char text[256];

/* Parses the words after the name of the program, separated by blanks. */
static osr_err parse(const char *line)
{
    static char words[512];
    char *argv[40] = {words};
    int argc = 1;
    (void)snprintf(words, sizeof(words), "counter %s", line);
    for (char *at = strchr(words, ' '); at != NULL && at[1] != '\0'; at = strchr(at + 1, ' ')) {
        *at = '\0';
        argv[argc++] = at + 1;
    }
    text[0] = '\0';
    return osri_flags_parse(argc, argv, "counter", "localhost", &flags, text, sizeof(text));
}

/* Without flags a node is called after its program, and the rest is left to the defaults. */
START_TEST(no_flags_are_all_defaults)
{
    ck_assert_int_eq(parse(""), OSR_OK);
    ck_assert_str_eq(flags.name, "counter@localhost");
    ck_assert_ptr_null(flags.listen);
    ck_assert_ptr_null(flags.secret);
    ck_assert_int_eq(flags.ready_fd, -1);
    ck_assert_uint_eq(flags.join_count + flags.label_count + flags.schedulers, 0);
    ck_assert(!flags.hidden && !flags.no_mapper && !flags.help && !flags.version);
}
END_TEST

/* Each flag sets what it says, as two words or as one with =. */
START_TEST(each_flag_is_heard)
{
    ck_assert_int_eq(
        parse("--name store --listen=tcp://127.0.0.1:9 --cluster c --secret f --tick 500 "
              "--schedulers 3 --mapper-port=4 --mapper-idle-exit 5 --ready-fd 6"),
        OSR_OK);
    ck_assert_str_eq(flags.name, "store@localhost");
    ck_assert_str_eq(flags.listen, "tcp://127.0.0.1:9");
    ck_assert_str_eq(flags.cluster, "c");
    ck_assert_str_eq(flags.secret, "f");
    ck_assert_uint_eq(flags.tick_ms, 500);
    ck_assert_uint_eq(flags.schedulers, 3);
    ck_assert_uint_eq(flags.mapper_port, 4);
    ck_assert_uint_eq(flags.mapper_idle_exit_s, 5);
    ck_assert_int_eq(flags.ready_fd, 6);
    ck_assert_int_eq(parse("--hidden --no-mapper --help --version --log debug --flight=r"), OSR_OK);
    ck_assert(flags.hidden && flags.no_mapper && flags.help && flags.version);
    ck_assert_int_eq(flags.log_level, OSR_LOG_DEBUG);
    ck_assert_str_eq(flags.flight, "r");
}
END_TEST

/* A whole name keeps its host; a bare one gets the host given. */
START_TEST(a_name_gets_a_host)
{
    ck_assert_int_eq(parse("--name store@h2"), OSR_OK);
    ck_assert_str_eq(flags.name, "store@h2");
    ck_assert_int_eq(parse("--name store"), OSR_OK);
    ck_assert_str_eq(flags.name, "store@localhost");
}
END_TEST

/* --join and --label add up, in order, to 16 each. */
START_TEST(lists_add_up_to_a_bound)
{
    char line[400] = "";
    ck_assert_int_eq(parse("--join a@h --label x --join b@h --label y"), OSR_OK);
    ck_assert_uint_eq(flags.join_count, 2);
    ck_assert_str_eq(flags.joins[1], "b@h");
    ck_assert_uint_eq(flags.label_count, 2);
    ck_assert_str_eq(flags.labels[0], "x");
    for (int i = 0; i < 16; i++) {
        (void)strcat(line, "--label x ");
    }
    ck_assert_int_eq(parse(line), OSR_OK);
    (void)strcat(line, "--label x ");
    ck_assert_int_eq(parse(line), OSR_EINVAL);
}
END_TEST

/* What is wrong is refused with a line that names the flag and what it wants. */
START_TEST(what_is_wrong_is_named)
{
    static const char *const wrong[][2] = {
        {"--frob", "--help lists"},         {"counter", "--help lists"},
        {"--name", "--name wants"},         {"--name @h", "--name wants"},
        {"--listen 127.0.0.1:9", "tcp://"}, {"--join b@", "store@host"},
        {"--schedulers 257", "0 to 256"},   {"--schedulers x", "0 to 256"},
        {"--schedulers -1", "0 to 256"},    {"--tick 99", "100 to 3600000"},
        {"--mapper-port 0", "a port"},      {"--mapper-port 65536", "a port"},
        {"--log loud", "notice"},           {"--hidden=yes", "no value"},
        {"--name=", "--name wants"},        {"--name a@b@c", "store@host, not \"a@b@c\""},
        {"--name a/b", "letters, digits"},  {"--name a@", "--name wants"},
    };
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        ck_assert_msg(parse(wrong[i][0]) == OSR_EINVAL, "%s is taken", wrong[i][0]);
        ck_assert_msg(strstr(text, wrong[i][1]) != NULL, "%s: %s", wrong[i][0], text);
    }
}
END_TEST

/* Every flag that is understood stands in the help. */
START_TEST(the_help_names_each_flag)
{
    static const char *const names[] = {"--name",        "--listen",
                                        "--join",        "--label",
                                        "--hidden",      "--cluster",
                                        "--secret",      "--no-mapper",
                                        "--schedulers",  "--tick",
                                        "--ready-fd",    "--log",
                                        "--mapper-port", "--mapper-idle-exit",
                                        "--help",        "--version",
                                        "--flight"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        ck_assert_msg(strstr(osri_flags_help(), names[i]) != NULL, "%s", names[i]);
    }
}
END_TEST

/* Trouble with key files is told from a place that cannot be reached. */
START_TEST(a_status_says_what_kind_of_trouble)
{
    ck_assert_int_eq(osri_status_of_dist(OSR_EPERM, NULL), OSR_STATUS_CONFIG);
    ck_assert_int_eq(osri_status_of_dist(OSR_EPROTO, NULL), OSR_STATUS_CONFIG);
    ck_assert_int_eq(osri_status_of_dist(OSR_ENOTFOUND, "/nonexistent/secret"), OSR_STATUS_CONFIG);
    ck_assert_int_eq(osri_status_of_dist(OSR_ENOTFOUND, NULL), OSR_STATUS_UNAVAILABLE);
    ck_assert_int_eq(osri_status_of_dist(OSR_ETAKEN, NULL), OSR_STATUS_UNAVAILABLE);
    ck_assert_int_eq(osri_status_of_dist(OSR_EADDRESS, NULL), OSR_STATUS_UNAVAILABLE);
    ck_assert_int_eq(osri_status_of_dist(OSR_EINVAL, NULL), OSR_STATUS_USAGE);
    ck_assert_int_eq(osri_status_of_dist(OSR_OK, NULL), OSR_STATUS_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flags");
    TCase *tests = tcase_create("flags");
    tcase_add_test(tests, no_flags_are_all_defaults);
    tcase_add_test(tests, each_flag_is_heard);
    tcase_add_test(tests, a_name_gets_a_host);
    tcase_add_test(tests, lists_add_up_to_a_bound);
    tcase_add_test(tests, what_is_wrong_is_named);
    tcase_add_test(tests, the_help_names_each_flag);
    tcase_add_test(tests, a_status_says_what_kind_of_trouble);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
