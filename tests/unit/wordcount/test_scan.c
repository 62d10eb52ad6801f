/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "examples/wordcount/scan.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];
static char text[1024];
static scan files;

static const char *below(const char *name)
{
    static char path[4][256];
    static unsigned next;
    char *at = path[next++ % 4];
    (void)snprintf(at, 256, "%s/%s", top, name);
    return at;
}

static void write_file(const char *name, const char *content)
{
    FILE *out = fopen(below(name), "w");
    ck_assert_ptr_nonnull(out);
    (void)fputs(content, out);
    ck_assert_int_eq(fclose(out), 0);
}

static void set_up(void)
{
    (void)snprintf(top, sizeof(top), "/tmp/osier-scan-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(top));
    text[0] = '\0';
}

static void tear_down(void)
{
    char command[128];
    scan_fini(&files);
    (void)snprintf(command, sizeof(command), "rm -rf '%s'", top);
    ck_assert_int_eq(system(command), 0);
}

static void has_file(size_t index, const char *name, uint64_t bytes)
{
    ck_assert_uint_lt(index, files.count);
    ck_assert_str_eq(files.files[index].path, below(name));
    ck_assert_uint_eq(files.files[index].bytes, bytes);
}

/* Regular files at any depth, in byte order; links, pipes and the like are passed over. */
START_TEST(directories_are_read_recursively)
{
    ck_assert_int_eq(mkdir(below("b"), 0700), 0);
    ck_assert_int_eq(mkdir(below("b/deep"), 0700), 0);
    write_file("c", "12345");
    write_file("a", "");
    write_file("b/deep/x", "123");
    ck_assert_int_eq(symlink(below("c"), below("link")), 0);
    ck_assert_int_eq(symlink(top, below("b/loop")), 0);
    ck_assert_int_eq(mkfifo(below("pipe"), 0600), 0);
    ck_assert_msg(scan_add(&files, top, text, sizeof(text)), "%s", text);
    ck_assert_uint_eq(files.count, 3);
    has_file(0, "a", 0);
    has_file(1, "b/deep/x", 3);
    has_file(2, "c", 5);
    ck_assert_uint_eq(files.bytes, 8);
    ck_assert_uint_eq(files.unreadable, 0);
}
END_TEST

/* A link that is named itself is followed, to a file or to a directory. */
START_TEST(named_links_are_followed)
{
    ck_assert_int_eq(mkdir(below("d"), 0700), 0);
    write_file("d/x", "1");
    ck_assert_int_eq(symlink("d", below("to_d")), 0);
    ck_assert_int_eq(symlink("d/x", below("to_x")), 0);
    ck_assert(scan_add(&files, below("to_d"), text, sizeof(text)));
    ck_assert(scan_add(&files, below("to_x"), text, sizeof(text)));
    ck_assert_uint_eq(files.count, 2);
    has_file(0, "to_d/x", 1);
    has_file(1, "to_x", 1);
}
END_TEST

/* What cannot be counted is refused in a line that names it. */
START_TEST(useless_paths_are_refused_by_name)
{
    ck_assert_int_eq(mkdir(below("empty"), 0700), 0);
    ck_assert_int_eq(mkfifo(below("pipe"), 0600), 0);
    ck_assert(!scan_add(&files, below("missing"), text, sizeof(text)));
    ck_assert_ptr_nonnull(strstr(text, "missing: No such file"));
    ck_assert(!scan_add(&files, below("empty"), text, sizeof(text)));
    ck_assert_ptr_nonnull(strstr(text, "empty: there is no regular file"));
    ck_assert(!scan_add(&files, below("pipe"), text, sizeof(text)));
    ck_assert_ptr_nonnull(strstr(text, "pipe: neither a regular file nor a directory"));
    ck_assert_uint_eq(files.count, 0);
}
END_TEST

/* A directory nested deeper than can be walked is named, and the rest is still found. */
START_TEST(too_deep_directories_are_named)
{
    write_file("a", "1");
    int at = open(top, O_RDONLY | O_DIRECTORY);
    for (int depth = 0; depth < 300; depth++) {
        ck_assert_int_eq(mkdirat(at, "d", 0700), 0);
        int next = openat(at, "d", O_RDONLY | O_DIRECTORY);
        (void)close(at);
        at = next;
    }
    (void)close(at);
    ck_assert(scan_add(&files, top, text, sizeof(text)));
    ck_assert_uint_eq(files.count, 2);
    ck_assert_uint_eq(files.unreadable, 1);
    ck_assert_ptr_nonnull(files.files[1].problem);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wordcount scan");
    TCase *tests = tcase_create("scan");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, directories_are_read_recursively);
    tcase_add_test(tests, named_links_are_followed);
    tcase_add_test(tests, useless_paths_are_refused_by_name);
    tcase_add_test(tests, too_deep_directories_are_named);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
