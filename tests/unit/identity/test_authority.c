/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/authority.h"

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <sodium.h>

#include "dist/identity/files.h"
#include "dist/identity/node_files.h"

#define NOW_S UINT64_C(1800000000)

static char base[64];
static char text[512];
static osri_authority authority;

static int remove_entry(const char *name, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    return remove(name);
}

static void setup(void)
{
    strcpy(base, "/tmp/osier-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(base));
    ck_assert_int_eq(osri_authority_new("prod", &authority, text, sizeof(text)), OSR_OK);
}

static void teardown(void)
{
    nftw(base, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static const char *in_base(const char *name)
{
    static char paths[8][160];
    static unsigned next;
    char *path = paths[next++ % 8];

    snprintf(path, sizeof(paths[0]), "%s/%s", base, name);
    return path;
}

/* The authority's public file, and a node "a@h" with key and certificate, in the directory. */
static void make_node(uint32_t roles, uint64_t not_before, uint64_t not_after, uint64_t serial)
{
    osri_node_request request;
    osri_signed_certificate made;
    osri_certificate c = {.cluster = "prod",
                          .serial = serial,
                          .not_before = not_before,
                          .not_after = not_after,
                          .roles = roles};

    ck_assert_int_eq(
        osri_authority_save_public(&authority, in_base("authority.pub"), text, sizeof(text)),
        OSR_OK);
    ck_assert_int_eq(
        osri_node_key_new("a@h", in_base("node.key"), in_base("node.req"), text, sizeof(text)),
        OSR_OK);
    ck_assert_int_eq(osri_node_request_load(in_base("node.req"), &request, text, sizeof(text)),
                     OSR_OK);
    memcpy(c.name, request.name, sizeof(c.name));
    memcpy(c.key, request.key, sizeof(c.key));
    ck_assert_int_eq(osri_certificate_sign(&c, authority.secret_key, &made), OSR_OK);
    ck_assert_int_eq(osri_certificate_save(&made, in_base("node.cert"), text, sizeof(text)),
                     OSR_OK);
}

static osr_err load_node(const char *name, uint64_t now_s, const char *revoked)
{
    static osri_revocations list;
    osri_identity identity;
    char paths[3][160];

    snprintf(paths[0], sizeof(paths[0]), "%s", in_base("authority.pub"));
    snprintf(paths[1], sizeof(paths[1]), "%s", in_base("node.key"));
    snprintf(paths[2], sizeof(paths[2]), "%s", in_base("node.cert"));
    const osri_production_files files = {
        .authority = paths[0], .key = paths[1], .certificate = paths[2], .revoked = revoked};
    return osri_identity_production(&files, name, OSRI_ROLE_JOIN, now_s, &list, &identity, text,
                                    sizeof(text));
}

/* The sealed key comes back with the passphrase, and only with it. */
START_TEST(sealed_authority_opens_with_its_passphrase_only)
{
    osri_authority again;
    struct stat status;
    const char *path = in_base("authority.key");

    ck_assert_int_eq(osri_authority_save(&authority, path, "correct horse", text, sizeof(text)),
                     OSR_OK);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 0600);
    ck_assert_int_eq(osri_authority_load(path, "battery", &again, text, sizeof(text)), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "passphrase is wrong"));
    ck_assert_int_eq(osri_authority_load(path, "correct horse", &again, text, sizeof(text)),
                     OSR_OK);
    ck_assert_mem_eq(&again, &authority, sizeof(again));
}
END_TEST

/* The secret is not in the sealed file, neither raw nor in base64. */
START_TEST(sealed_file_does_not_hold_the_secret)
{
    char data[2048], encoded[128];
    const char *path = in_base("authority.key");

    ck_assert_int_eq(osri_authority_save(&authority, path, "correct horse", text, sizeof(text)),
                     OSR_OK);
    ck_assert_int_eq(osri_file_read(path, 077, data, sizeof(data), text, sizeof(text)), OSR_OK);
    sodium_bin2base64(encoded, sizeof(encoded), authority.secret_key, 30,
                      sodium_base64_VARIANT_ORIGINAL); /* 30 bytes: the seed's, without padding */
    ck_assert_ptr_null(strstr(data, encoded));
}
END_TEST

/* Keys are made once: a second command must not destroy the first one's. */
START_TEST(existing_keys_are_not_overwritten)
{
    const char *path = in_base("authority.key");

    ck_assert_int_eq(osri_authority_save(&authority, path, "correct horse", text, sizeof(text)),
                     OSR_OK);
    ck_assert_int_eq(osri_authority_save(&authority, path, "correct horse", text, sizeof(text)),
                     OSR_ETAKEN);
    ck_assert_ptr_nonnull(strstr(text, "exists"));
    make_node(OSRI_ROLE_JOIN, NOW_S, NOW_S + 1000, 1);
    ck_assert_int_eq(
        osri_node_key_new("a@h", in_base("node.key"), in_base("node.req"), text, sizeof(text)),
        OSR_ETAKEN);
}
END_TEST

/* A node starts with files that belong together, and says what does not. */
START_TEST(production_identity_is_judged_as_peers_judge_it)
{
    make_node(OSRI_ROLE_JOIN, NOW_S, NOW_S + 1000, 7);
    ck_assert_int_eq(load_node("a@h", NOW_S + 10, NULL), OSR_OK);
    ck_assert_int_eq(load_node("b@h", NOW_S + 10, NULL), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "names \"a@h\" but the node is \"b@h\""));
    ck_assert_int_eq(load_node("a@h", NOW_S + 1000 + OSRI_CERTIFICATE_SKEW_S + 1, NULL), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "expired"));
}
END_TEST

START_TEST(certificate_for_another_key_is_refused)
{
    make_node(OSRI_ROLE_JOIN, NOW_S, NOW_S + 1000, 7);
    ck_assert_int_eq(unlink(in_base("node.key")), 0);
    ck_assert_int_eq(
        osri_node_key_new("a@h", in_base("node.key"), in_base("other.req"), text, sizeof(text)),
        OSR_OK);
    ck_assert_int_eq(load_node("a@h", NOW_S, NULL), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "is for another key"));
}
END_TEST

START_TEST(certificate_of_another_authority_is_refused)
{
    make_node(OSRI_ROLE_JOIN, NOW_S, NOW_S + 1000, 7);
    ck_assert_int_eq(unlink(in_base("authority.pub")), 0);
    ck_assert_int_eq(osri_authority_new("prod", &authority, text, sizeof(text)), OSR_OK);
    ck_assert_int_eq(
        osri_authority_save_public(&authority, in_base("authority.pub"), text, sizeof(text)),
        OSR_OK);
    ck_assert_int_eq(load_node("a@h", NOW_S, NULL), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "another authority"));
}
END_TEST

/* A listed serial no longer counts; one that is not listed does. */
START_TEST(revoked_certificate_is_refused)
{
    osri_revocations list = {.cluster = "prod", .version = 1};

    make_node(OSRI_ROLE_JOIN, NOW_S, NOW_S + 1000, 7);
    ck_assert_int_eq(osri_revocations_add(&list, 6), OSR_OK);
    ck_assert_int_eq(osri_revocations_add(&list, 8), OSR_OK);
    ck_assert_int_eq(
        osri_revocations_save(&list, &authority, in_base("revoked.crl"), text, sizeof(text)),
        OSR_OK);
    ck_assert_int_eq(load_node("a@h", NOW_S, in_base("revoked.crl")), OSR_OK);
    ck_assert_int_eq(osri_revocations_add(&list, 7), OSR_OK);
    ck_assert_int_eq(
        osri_revocations_save(&list, &authority, in_base("revoked.crl"), text, sizeof(text)),
        OSR_OK);
    ck_assert_int_eq(load_node("a@h", NOW_S, in_base("revoked.crl")), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(text, "is revoked (serial 7)"));
}
END_TEST

/* A list is found by its authority's signature alone: one bit makes it another list. */
START_TEST(changed_revocation_list_is_refused)
{
    static uint8_t body[OSRI_REVOCATIONS_BYTES_MAX];
    static osri_revocations list, opened;
    uint8_t signature[OSRI_SIGNATURE_BYTES];
    size_t bytes = 0;

    strcpy(list.cluster, "prod");
    for (uint64_t i = 0; i < 100; i++) {
        ck_assert_int_eq(osri_revocations_add(&list, i * 37 % 101), OSR_OK);
    }
    ck_assert_int_eq(osri_revocations_sign(&list, &authority, body, &bytes, signature), OSR_OK);
    ck_assert_int_eq(osri_revocations_open(body, bytes, signature, &authority, &opened), OSR_OK);
    ck_assert_mem_eq(&opened, &list, sizeof(list));
    for (size_t i = 0; i < bytes; i++) {
        body[i] ^= 1;
        ck_assert_int_eq(osri_revocations_open(body, bytes, signature, &authority, &opened),
                         OSR_EPERM);
        body[i] ^= 1;
    }
}
END_TEST

/* The list is bounded, sorted, and holds each serial once. */
START_TEST(revocations_are_a_bounded_set)
{
    static osri_revocations list;

    for (uint64_t i = OSRI_REVOCATIONS_MAX; i > 0; i--) {
        ck_assert_int_eq(osri_revocations_add(&list, i * 2), OSR_OK);
        ck_assert_int_eq(osri_revocations_add(&list, i * 2), OSR_OK);
    }
    ck_assert_uint_eq(list.count, OSRI_REVOCATIONS_MAX);
    ck_assert_int_eq(osri_revocations_add(&list, 1), OSR_ELIMIT);
    for (uint64_t i = 1; i <= OSRI_REVOCATIONS_MAX; i++) {
        ck_assert(osri_revocations_has(&list, i * 2));
        ck_assert(!osri_revocations_has(&list, i * 2 + 1));
    }
}
END_TEST

START_TEST(roles_are_read_as_they_are_printed)
{
    char printed[128];
    uint32_t roles = 0;

    for (uint32_t wanted = 1; wanted <= OSRI_ROLES_ALL; wanted++) {
        osri_roles_print(wanted, printed, sizeof(printed));
        ck_assert_int_eq(osri_roles_parse(printed, &roles), OSR_OK);
        ck_assert_uint_eq(roles, wanted);
    }
    ck_assert_int_eq(osri_roles_parse("", &roles), OSR_EINVAL);
    ck_assert_int_eq(osri_roles_parse("join,", &roles), OSR_EINVAL);
    ck_assert_int_eq(osri_roles_parse("joint", &roles), OSR_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("authority");
    TCase *cases = tcase_create("authority");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, sealed_authority_opens_with_its_passphrase_only);
    tcase_add_test(cases, sealed_file_does_not_hold_the_secret);
    tcase_add_test(cases, existing_keys_are_not_overwritten);
    tcase_add_test(cases, production_identity_is_judged_as_peers_judge_it);
    tcase_add_test(cases, certificate_for_another_key_is_refused);
    tcase_add_test(cases, certificate_of_another_authority_is_refused);
    tcase_add_test(cases, revoked_certificate_is_refused);
    tcase_add_test(cases, changed_revocation_list_is_refused);
    tcase_add_test(cases, revocations_are_a_bounded_set);
    tcase_add_test(cases, roles_are_read_as_they_are_printed);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
