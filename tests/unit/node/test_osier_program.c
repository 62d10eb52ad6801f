/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node/osier/arguments.h"
#include "node/osier/history.h"
#include "node/osier/target.h"

static char home[] = "/tmp/osier-history-XXXXXX";
static char path[256];
static osri_arguments arguments;
static char text[128];

static void set_up(void)
{
    ck_assert_ptr_nonnull(mkdtemp(home));
    ck_assert_int_eq(setenv("OSIER_HOME", home, 1), 0);
    ck_assert(osri_history_path(path, sizeof(path)));
}

static void tear_down(void)
{
    (void)unlink(path);
    (void)rmdir(home);
    memset(home + strlen(home) - 6, 'X', 6);
}

static bool parse(int argc, const char *const *words)
{
    static char copies[8][64];
    static char *argv[9];
    memset(argv, 0, sizeof(argv));
    for (int i = 0; i < argc; i++) {
        (void)snprintf(copies[i], sizeof(copies[i]), "%s", words[i]);
        argv[i] = copies[i];
    }
    return osri_arguments_parse(argc, argv, &arguments, text, sizeof(text));
}

/* Flags end at the first word that is none, so that a command's own words stay as they are. */
START_TEST(flags_end_at_the_first_word)
{
    static const char *const words[] = {"exec", "--secret", "f", "--mapper-port=9", "a", "--check"};
    ck_assert(parse(6, words));
    ck_assert_str_eq(arguments.secret, "f");
    ck_assert_uint_eq(arguments.mapper_port, 9);
    ck_assert_int_eq(arguments.rest_count, 2);
    ck_assert_str_eq(arguments.rest[1], "--check");
    ck_assert(!arguments.check);
}
END_TEST

/* Unknown flags, missing and bad values are refused, by name. */
START_TEST(wrong_flags_are_named)
{
    static const char *const unknown[] = {"nodes", "--frob"};
    static const char *const missing[] = {"nodes", "--secret"};
    static const char *const bad[] = {"nodes", "--mapper-port", "70000"};
    ck_assert(!parse(2, unknown));
    ck_assert_ptr_nonnull(strstr(text, "--frob"));
    ck_assert(!parse(2, missing));
    ck_assert_ptr_nonnull(strstr(text, "--secret"));
    ck_assert(!parse(3, bad));
    ck_assert_ptr_nonnull(strstr(text, "--mapper-port"));
}
END_TEST

/* A bare name is a node of this machine. */
START_TEST(a_bare_name_is_of_this_machine)
{
    char name[OSRI_NAME_BYTES];
    char longest[200];
    ck_assert(osri_target_name("store", name));
    ck_assert_str_eq(name, "store@localhost");
    ck_assert(osri_target_name("store@h2", name));
    ck_assert_str_eq(name, "store@h2");
    ck_assert(!osri_target_name("a b", name));
    ck_assert(!osri_target_name("", name));
    ck_assert(!osri_target_name("a@b@c", name));
    memset(longest, 'x', sizeof(longest));
    longest[sizeof(longest) - 1] = '\0';
    ck_assert(!osri_target_name(longest, name));
}
END_TEST

typedef struct lines {
    size_t count;
    char first[32], last[32];
} lines;

static void note(void *context, const char *line)
{
    lines *l = context;
    (void)snprintf(l->count++ == 0 ? l->first : l->last, sizeof(l->last), "%s", line);
}

/* What was typed comes back, from a file that nobody else may read. */
START_TEST(history_is_kept_privately)
{
    struct stat status;
    lines l = {0};
    osri_history_add(path, "ps");
    osri_history_add(path, "info counter");
    osri_history_load(path, note, &l);
    ck_assert_uint_eq(l.count, 2);
    ck_assert_str_eq(l.first, "ps");
    ck_assert_str_eq(l.last, "info counter");
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
}
END_TEST

/* One that others may read is closed to them before it is used; a symbolic link is not followed. */
START_TEST(an_open_history_is_closed)
{
    struct stat status;
    osri_history_add(path, "ps");
    ck_assert_int_eq(chmod(path, 0644), 0);
    osri_history_add(path, "ps tree");
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    lines l = {0};
    osri_history_add(path, "ps");
    osri_history_load(path, note, &l);
    ck_assert_uint_eq(l.count, 0);
}
END_TEST

/* It gives the last thousand lines, and is cut to them when it has grown to twice that. */
START_TEST(history_is_bounded)
{
    FILE *file = fopen(path, "w");
    struct stat before;
    struct stat after;
    lines l = {0};
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fchmod(fileno(file), 0600), 0);
    for (int i = 0; i < 2500; i++) {
        (void)fprintf(file, "line %d\n", i);
    }
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(stat(path, &before), 0);
    osri_history_load(path, note, &l);
    ck_assert_uint_eq(l.count, OSRI_HISTORY_LINES_MAX);
    ck_assert_str_eq(l.first, "line 1500");
    ck_assert_str_eq(l.last, "line 2499");
    ck_assert_int_eq(stat(path, &after), 0);
    ck_assert_int_eq(after.st_size, OSRI_HISTORY_LINES_MAX * 10);
    ck_assert_int_gt(before.st_size, after.st_size);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("osier_program");
    TCase *tests = tcase_create("osier_program");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, flags_end_at_the_first_word);
    tcase_add_test(tests, wrong_flags_are_named);
    tcase_add_test(tests, a_bare_name_is_of_this_machine);
    tcase_add_test(tests, history_is_kept_privately);
    tcase_add_test(tests, an_open_history_is_closed);
    tcase_add_test(tests, history_is_bounded);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
