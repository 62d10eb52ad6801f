/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/files.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#define RACERS 8

static char base[64];  /* a directory of the test case's own */
static char home[128]; /* OSIER_HOME of one test; not made yet */
static char path[256]; /* the secret's in it */
static char text[512];
static uint8_t secret[OSRI_SECRET_BYTES];

static int remove_entry(const char *name, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(name);
}

static void make_base(void)
{
    strcpy(base, "/tmp/osier-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
}

static void remove_base(void)
{
    nftw(base, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static void setup(void)
{
    static int number;

    snprintf(home, sizeof(home), "%s/%d-%d", base, (int)getpid(), number++);
    snprintf(path, sizeof(path), "%s/cluster.secret", home);
    setenv("OSIER_HOME", home, 1);
    memset(text, 0, sizeof(text));
}

static void write_file(const char *content, mode_t mode)
{
    mkdir(home, 0700);
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    fputs(content, file);
    fclose(file);
    ck_assert_int_eq(chmod(path, mode), 0);
}

/* First use makes directory and file, for us alone; the next use reads the same secret. */
START_TEST(first_use_makes_the_secret)
{
    uint8_t again[OSRI_SECRET_BYTES];
    struct stat status;

    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_OK);
    ck_assert_int_eq(stat(home, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0700);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_uint_eq(status.st_nlink, 1);
    ck_assert(!sodium_is_zero(secret, sizeof(secret)));
    ck_assert_int_eq(osri_secret_load(NULL, again, text, sizeof(text)), OSR_OK);
    ck_assert_mem_eq(again, secret, sizeof(secret));
    ck_assert_int_eq(osri_secret_load(path, again, text, sizeof(text)), OSR_OK);
    ck_assert_mem_eq(again, secret, sizeof(secret));
}
END_TEST

/* Nodes that start at once on a fresh machine all end up with one secret, and no left-over files.
 */
START_TEST(racing_starts_agree_on_one_secret)
{
    uint8_t first[OSRI_SECRET_BYTES];
    int start[2], results[2];

    ck_assert_int_eq(pipe(start), 0);
    ck_assert_int_eq(pipe(results), 0);
    for (int i = 0; i < RACERS; i++) {
        if (fork() == 0) {
            char go;
            close(start[1]);
            ssize_t ignored = read(start[0], &go, 1); /* returns for all of them at once */
            osr_err err = osri_secret_load(NULL, secret, text, sizeof(text));
            ignored = err == OSR_OK ? write(results[1], secret, sizeof(secret)) : 0;
            _exit(ignored == (ssize_t)sizeof(secret) ? 0 : 1);
        }
    }
    close(start[0]);
    close(start[1]);
    close(results[1]);
    ck_assert_int_eq(read(results[0], first, sizeof(first)), sizeof(first));
    for (int i = 1; i < RACERS; i++) {
        ck_assert_int_eq(read(results[0], secret, sizeof(secret)), sizeof(secret));
        ck_assert_mem_eq(secret, first, sizeof(first));
    }
    for (int i = 0; i < RACERS; i++) {
        int status = 1;
        ck_assert_int_gt(wait(&status), 0);
        ck_assert_int_eq(status, 0);
    }
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(home), 0); /* nothing else was in it */
}
END_TEST

/* A secret that others can read is refused, with the line that says what to do. */
START_TEST(readable_secret_is_refused)
{
    char expected[512];

    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_OK);
    ck_assert_int_eq(chmod(path, 0644), 0);
    snprintf(
        expected, sizeof(expected),
        "%s: readable by others (mode 0644); chmod 600 it, and change it if it may have been read",
        path);
    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_EPERM);
    ck_assert_str_eq(text, expected);
    ck_assert_int_eq(osri_secret_load(path, secret, text, sizeof(text)), OSR_EPERM);
    ck_assert_str_eq(text, expected);
}
END_TEST

/* A directory in which others could exchange the file is refused as well. */
START_TEST(writable_directory_is_refused)
{
    char expected[512];

    ck_assert_int_eq(mkdir(home, 0700), 0);
    ck_assert_int_eq(chmod(home, 0775), 0);
    snprintf(expected, sizeof(expected),
             "%s: directory is writable by others (mode 0775); chmod 700", home);
    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_EPERM);
    ck_assert_str_eq(text, expected);
}
END_TEST

/* Links and things that are no files are not followed, not even to a good secret. */
START_TEST(symbolic_links_and_fifos_are_refused)
{
    char other[300];

    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_OK);
    snprintf(other, sizeof(other), "%s/other", home);
    ck_assert_int_eq(rename(path, other), 0);
    ck_assert_int_eq(symlink(other, path), 0);
    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "symbolic link"));
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "not a regular file"));
}
END_TEST

/* A secret that was named and is not there is not made: a typing error must not found a new
 * cluster. */
START_TEST(named_secret_must_exist)
{
    ck_assert_int_eq(osri_secret_load(path, secret, text, sizeof(text)), OSR_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(text, path));
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

/* Files that are something else, cut, doubled or too large are refused, and the secret stays
 * unwritten. */
START_TEST(malformed_secrets_are_refused)
{
    static const char *const bad[] = {
        "",
        "secret: QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n",
        "# osier-secret-1\n",
        "# osier-secret-2\nsecret: QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n",
        "# osier-secret-1\nsecret: QUJD\n",
        "# osier-secret-1\nsecret: not base64 at all, though long enough for it\n",
        ("# osier-secret-1\nsecret: QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n"
         "secret: QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=\n"),
    };
    static const uint8_t zero[OSRI_SECRET_BYTES];

    memset(secret, 0, sizeof(secret));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        write_file(bad[i], 0600);
        ck_assert_msg(osri_secret_load(NULL, secret, text, sizeof(text)) == OSR_EPROTO, "%zu", i);
        ck_assert_ptr_nonnull(strstr(text, "not a secret file"));
    }
    ck_assert_int_eq(truncate(path, 1 << 20), 0);
    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_EPROTO);
    ck_assert_ptr_nonnull(strstr(text, "too large"));
    ck_assert_mem_eq(secret, zero, sizeof(zero));
}
END_TEST

/* A file written by hand, without a last newline or with spaces, is read. */
START_TEST(handwritten_secret_is_read)
{
    write_file("# osier-secret-1\n# ours\nsecret:  QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWY=",
               0400);
    ck_assert_int_eq(osri_secret_load(NULL, secret, text, sizeof(text)), OSR_OK);
    ck_assert_mem_eq(secret, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdef", 32);
}
END_TEST

/* What is public may be read by others, and not written. */
START_TEST(public_files_must_not_be_writable)
{
    char data[64];

    write_file("x", 0644);
    ck_assert_int_eq(osri_file_read(path, 022, data, sizeof(data), text, sizeof(text)), OSR_OK);
    ck_assert_str_eq(data, "x");
    ck_assert_int_eq(chmod(path, 0664), 0);
    ck_assert_int_eq(osri_file_read(path, 022, data, sizeof(data), text, sizeof(text)), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "writable by others (mode 0664); chmod 644 it"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("secret");
    TCase *cases = tcase_create("secret");

    tcase_add_unchecked_fixture(cases, make_base, remove_base);
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, first_use_makes_the_secret);
    tcase_add_test(cases, racing_starts_agree_on_one_secret);
    tcase_add_test(cases, readable_secret_is_refused);
    tcase_add_test(cases, writable_directory_is_refused);
    tcase_add_test(cases, symbolic_links_and_fifos_are_refused);
    tcase_add_test(cases, named_secret_must_exist);
    tcase_add_test(cases, malformed_secrets_are_refused);
    tcase_add_test(cases, handwritten_secret_is_read);
    tcase_add_test(cases, public_files_must_not_be_writable);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
