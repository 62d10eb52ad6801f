/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/audit.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* The audit file: what stands in it, and what happens when it cannot be written. */

static char directory[64], path[128];
static osr_env env;
static osri_log log_of_node;
static osri_audit audit;
static unsigned errors;
static char last_error[512];

static uint64_t wall_ms(void *context)
{
    (void)context;
    return UINT64_C(1795810200123); /* 2026-11-27T20:10:00.123Z */
}

static void keep_error(void *context, osr_log_level level, const char *line, size_t bytes)
{
    (void)context, (void)bytes;
    errors += level == OSR_LOG_ERROR;
    (void)snprintf(last_error, sizeof(last_error), "%s", line);
}

static osr_err open_audit(void)
{
    char why[512] = "";
    osr_err err = osri_audit_init(&audit, &env, &log_of_node, path, why, sizeof(why));
    (void)snprintf(last_error, sizeof(last_error), "%s", why);
    return err;
}

static void set_up(void)
{
    strcpy(directory, "/tmp/osier-audit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(path, sizeof(path), "%s/audit.log", directory);
    env = *osr_env_real();
    env.wall_ms = wall_ms;
    osri_log_init(&log_of_node, "a@h", OSR_LOG_INFO, keep_error, NULL);
    errors = 0;
    ck_assert_int_eq(open_audit(), OSR_OK);
}

static void tear_down(void)
{
    char other[160];
    osri_audit_fini(&audit);
    (void)snprintf(other, sizeof(other), "%s.1", path);
    (void)unlink(other);
    (void)unlink(path);
    (void)rmdir(directory);
}

static osr_err write_line(const char *text, const char *note)
{
    const osri_audit_record record = {.what = "shell",
                                      .became = note == NULL ? "allowed" : "refused",
                                      .peer = "you@alpha",
                                      .serial = 41,
                                      .text = text,
                                      .note = note};
    return osri_audit_write(&audit, &record);
}

static const char *content_of(const char *name)
{
    static char text[65536];
    FILE *file = fopen(name, "r");
    ck_assert_ptr_nonnull(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

/* One line a record, appended to what stands there; nothing that was asked for ends a line. */
START_TEST(records_are_lines)
{
    struct stat status;
    ck_assert_int_eq(write_line("kill <0.1>", NULL), OSR_OK);
    osri_audit_fini(&audit);
    ck_assert_int_eq(open_audit(), OSR_OK);
    ck_assert_int_eq(write_line("kill\n2026 fake \x1b[2J", "no role"), OSR_OK);
    ck_assert_str_eq(content_of(path),
                     "2026-11-27T20:10:00.123Z shell allowed \"you@alpha\" 41 kill <0.1>\n"
                     "2026-11-27T20:10:00.123Z shell refused \"you@alpha\" 41 "
                     "kill\\n2026 fake \\x1b[2J: no role\n");
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
}
END_TEST

/* A file that others can read, that is a link or no file at all is refused, with what to do. */
START_TEST(file_open_to_others_is_refused)
{
    osri_audit_fini(&audit);
    ck_assert_int_eq(chmod(path, 0640), 0);
    ck_assert_int_eq(open_audit(), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(last_error, "open to others (mode 0640); chmod 600 it"));
    osri_audit_fini(&audit);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("/dev/full", path), 0);
    ck_assert_int_eq(open_audit(), OSR_EIO);
    ck_assert_ptr_nonnull(strstr(last_error, "a symbolic link"));
}
END_TEST

/* A disk that is full is told of, and nothing is lost of what comes once there is room again: not
 * even its first line, where the last one was torn. */
START_TEST(full_disk_is_an_error_until_there_is_room)
{
    struct rlimit limit;
    ck_assert_int_eq(write_line("first", NULL), OSR_OK);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = 90; /* the second line is cut */
    (void)signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_int_eq(write_line("second", NULL), OSR_EIO);
    ck_assert_int_eq(write_line("third", NULL), OSR_EIO);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    ck_assert_uint_eq(errors, 2);
    ck_assert_ptr_nonnull(strstr(last_error, "what changes anything is refused"));
    ck_assert_int_eq(write_line("fourth", NULL), OSR_OK);
    ck_assert_ptr_nonnull(strstr(
        content_of(path), "\n2026-11-27T20:10:00.123Z shell allowed \"you@alpha\" 41 fourth\n"));
}
END_TEST

/* Who moves the file away, to keep it elsewhere, finds a new one in its place; with a directory
 * that is gone it is an error. */
START_TEST(file_that_was_moved_is_begun_anew)
{
    char other[160];
    (void)snprintf(other, sizeof(other), "%s.1", path);
    ck_assert_int_eq(write_line("first", NULL), OSR_OK);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(write_line("second", NULL), OSR_OK);
    ck_assert_ptr_nonnull(strstr(content_of(path), "second"));
    ck_assert_ptr_null(strstr(content_of(other), "second"));
    ck_assert_int_eq(unlink(other), 0);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(directory), 0);
    ck_assert_int_eq(write_line("third", NULL), OSR_EIO);
    ck_assert_int_eq(mkdir(directory, 0700), 0);
    ck_assert_int_eq(write_line("fourth", NULL), OSR_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("audit");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, records_are_lines);
    tcase_add_test(all, file_open_to_others_is_refused);
    tcase_add_test(all, full_disk_is_an_error_until_there_is_room);
    tcase_add_test(all, file_that_was_moved_is_begun_anew);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
