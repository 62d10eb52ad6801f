/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/reload.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dist/identity/files.h"
#include "dist/identity/text_file.h"

/* A node in development mode, on a calendar of the test's: its certificate is for 30 days. What is
 * read from an authority's files: tests/integration/keys_production.sh. */

#define DAY_S UINT64_C(86400)

static char directory[64];
static char secret_path[128];
static uint64_t wall_s;
static uint64_t clock_ns;
static osr_env env;
static osri_log log_of_node;
static osri_identity identity;
static osri_renewal renewal;
static osri_reload reload;

static uint64_t wall_ms(void *context)
{
    (void)context;
    return wall_s * 1000;
}

static uint64_t now_ns(void *context)
{
    (void)context;
    return clock_ns;
}

static void write_secret(uint8_t first)
{
    uint8_t secret[OSRI_SECRET_BYTES] = {first, 1, 2, 3};
    osri_text_file file;
    char text[256];
    osri_text_file_begin(&file, "# osier-secret-1");
    osri_text_file_add_bin(&file, "secret", secret, sizeof(secret));
    ck_assert_int_eq(osri_text_file_write(&file, secret_path, 0600, true, text, sizeof(text)),
                     OSR_OK);
}

static void set_up(void)
{
    uint8_t secret[OSRI_SECRET_BYTES];
    char text[256];
    strcpy(directory, "/tmp/osier-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    (void)snprintf(secret_path, sizeof(secret_path), "%s/cluster.secret", directory);
    write_secret(7);
    wall_s = 1800000000;
    clock_ns = 1;
    env = *osr_env_real();
    env.wall_ms = wall_ms;
    env.now_ns = now_ns;
    osri_log_init(&log_of_node, "a@host", OSR_LOG_ERROR, NULL, NULL);
    ck_assert_int_eq(osri_secret_load(secret_path, secret, text, sizeof(text)), OSR_OK);
    osri_identity_request request = {
        .secret = secret, .name = "a@host", .now_s = wall_s, .creation = 42};
    ck_assert_int_eq(osri_identity_development(&request, &identity), OSR_OK);
    osri_renewal_init(&renewal);
    identity.renewal = &renewal;
    osri_reload_options options = {.env = &env,
                                   .log = &log_of_node,
                                   .identity = &identity,
                                   .renewal = &renewal,
                                   .secret = secret_path};
    ck_assert_int_eq(osri_reload_init(&reload, &options), OSR_OK);
}

static void tear_down(void)
{
    osri_reload_fini(&reload);
    osri_renewal_fini(&renewal);
    osri_identity_wipe(&identity);
    (void)unlink(secret_path);
    (void)rmdir(directory);
}

static void look_after_days(uint64_t days)
{
    wall_s += days * DAY_S;
    clock_ns += days * DAY_S * UINT64_C(1000000000);
    osri_reload_look(&reload, NULL);
}

static osri_identity_fault judge(void)
{
    osri_certificate certificate;
    char text[256];
    return osri_identity_check(&identity, osri_identity_shown(&identity), identity.certificate.key,
                               wall_s, OSRI_ROLE_JOIN | OSRI_ROLE_SPAWN, &certificate, text,
                               sizeof(text));
}

/* A node that runs for months is one that its peers take all the time. */
START_TEST(a_node_renews_its_certificate_before_it_ends)
{
    look_after_days(0);
    ck_assert_ptr_eq(osri_identity_shown(&identity), &identity.certificate_signed);
    for (int day = 0; day < 200; day++) {
        look_after_days(1);
        ck_assert_int_eq(judge(), OSRI_IDENTITY_GOOD);
    }
    ck_assert_ptr_ne(osri_identity_shown(&identity), &identity.certificate_signed);
}
END_TEST

/* Without looking it would end: what the test above relies on. */
START_TEST(a_certificate_that_is_not_renewed_ends)
{
    wall_s += 31 * DAY_S;
    ck_assert_int_eq(judge(), OSRI_IDENTITY_VALIDITY);
}
END_TEST

/* With another secret the node would have another key; with none, no certificate. It keeps what it
 * has. */
START_TEST(another_secret_or_none_changes_nothing)
{
    write_secret(8);
    look_after_days(25);
    ck_assert_ptr_eq(osri_identity_shown(&identity), &identity.certificate_signed);
    (void)unlink(secret_path);
    look_after_days(1);
    ck_assert_ptr_eq(osri_identity_shown(&identity), &identity.certificate_signed);
    ck_assert_int_ne(access(secret_path, F_OK), 0);
    write_secret(7);
    look_after_days(1);
    ck_assert_ptr_ne(osri_identity_shown(&identity), &identity.certificate_signed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reload");
    TCase *tests = tcase_create("reload");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_node_renews_its_certificate_before_it_ends);
    tcase_add_test(tests, a_certificate_that_is_not_renewed_ends);
    tcase_add_test(tests, another_secret_or_none_changes_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
