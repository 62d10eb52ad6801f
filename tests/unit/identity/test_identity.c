/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/identity.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#define NOW UINT64_C(1800000000)
#define DAY UINT64_C(86400)

static const uint8_t secret[32] = "the secret of a cluster";

static osri_identity make(const uint8_t *of, const char *cluster, const char *name, uint32_t roles)
{
    osri_identity_request request = {.secret = of,
                                     .cluster = cluster,
                                     .name = name,
                                     .roles = roles,
                                     .now_s = NOW,
                                     .creation = 99};
    osri_identity identity;

    ck_assert_int_eq(osri_identity_development(&request, &identity), OSR_OK);
    return identity;
}

static char text[256];

static osri_identity_fault check_by(const osri_identity *self, const osri_identity *other,
                                    const uint8_t *key, uint64_t now_s)
{
    osri_certificate c;

    memset(text, 0, sizeof(text));
    return osri_identity_check(self, &other->certificate_signed, key, now_s, OSRI_ROLE_JOIN, &c,
                               text, sizeof(text));
}

/* Two nodes that share nothing but the secret believe each other. */
START_TEST(members_of_one_secret_believe_each_other)
{
    osri_identity a = make(secret, NULL, "a@h1", 0), b = make(secret, NULL, "b@h2", 0);

    ck_assert_int_eq(check_by(&a, &b, b.certificate.key, NOW), OSRI_IDENTITY_GOOD);
    ck_assert_int_eq(check_by(&b, &a, a.certificate.key, NOW), OSRI_IDENTITY_GOOD);
    ck_assert_mem_ne(a.certificate.key, b.certificate.key, 32);
    ck_assert_uint_eq(a.creation, 99);
}
END_TEST

/* A node can be dialed by its name alone, and its secret key belongs to that public key. */
START_TEST(key_follows_from_secret_and_name)
{
    osri_identity a = make(secret, NULL, "a@h1", 0);
    uint8_t key[32], computed[32];

    osri_identity_node_key_public(secret, "a@h1", key);
    ck_assert_mem_eq(key, a.certificate.key, 32);
    crypto_scalarmult_base(computed, a.key_secret);
    ck_assert_mem_eq(computed, key, 32);
    osri_identity_node_key_public(secret, "a@h2", key);
    ck_assert_mem_ne(key, a.certificate.key, 32);
}
END_TEST

/* Every member knows the key of the mappers, which holds the secret half of it. */
START_TEST(members_know_the_mappers_key)
{
    osri_identity a = make(secret, NULL, "a@h1", 0), mapper;
    uint8_t computed[32];

    ck_assert_int_eq(osri_identity_mapper(secret, NULL, &mapper), OSR_OK);
    ck_assert_mem_eq(mapper.certificate.key, a.mapper_public, 32);
    crypto_scalarmult_base(computed, mapper.key_secret);
    ck_assert_mem_eq(computed, a.mapper_public, 32);
    ck_assert_int_eq(check_by(&mapper, &a, a.certificate.key, NOW), OSRI_IDENTITY_GOOD);
}
END_TEST

/* A good certificate shown over somebody else's connection is called what it is. */
START_TEST(certificate_of_another_key_is_impersonation)
{
    osri_identity a = make(secret, NULL, "a@h1", 0), b = make(secret, NULL, "b@h2", 0);

    ck_assert_int_eq(check_by(&a, &b, a.certificate.key, NOW), OSRI_IDENTITY_KEY);
    ck_assert_str_eq(text, "certificate for \"b@h2\" does not match the connection's key; possible "
                           "impersonation");
}
END_TEST

/* The secret of another cluster gives another authority. */
START_TEST(another_secret_is_another_authority)
{
    static const uint8_t other_secret[32] = "another one";
    osri_identity a = make(secret, NULL, "a@h1", 0), b = make(other_secret, NULL, "b@h2", 0);

    ck_assert_int_eq(check_by(&a, &b, b.certificate.key, NOW), OSRI_IDENTITY_AUTHORITY);
    ck_assert_ptr_nonnull(strstr(text, "signed by another authority"));
    ck_assert_ptr_nonnull(strstr(text, "cluster.secret"));
}
END_TEST

/* Same secret, other cluster: both names are in the line. */
START_TEST(another_cluster_is_named)
{
    osri_identity a = make(secret, "prod", "a@h1", 0), b = make(secret, "staging", "b@h2", 0);

    ck_assert_int_eq(check_by(&a, &b, b.certificate.key, NOW), OSRI_IDENTITY_CLUSTER);
    ck_assert_str_eq(text, "\"b@h2\" belongs to cluster \"staging\", we are \"prod\"");
}
END_TEST

/* Clocks may differ by five minutes, at both ends of the period, and not by a second more. */
START_TEST(validity_allows_for_skew_only)
{
    osri_identity a = make(secret, NULL, "a@h1", 0);
    const uint8_t *key = a.certificate.key;
    uint64_t end = NOW + 30 * DAY;

    ck_assert_int_eq(check_by(&a, &a, key, NOW - 300), OSRI_IDENTITY_GOOD);
    ck_assert_int_eq(check_by(&a, &a, key, NOW - 301), OSRI_IDENTITY_VALIDITY);
    ck_assert_ptr_nonnull(strstr(text, "not valid yet"));
    ck_assert_int_eq(check_by(&a, &a, key, end + 300), OSRI_IDENTITY_GOOD);
    ck_assert_int_eq(check_by(&a, &a, key, end + 301), OSRI_IDENTITY_VALIDITY);
    ck_assert_int_eq(check_by(&a, &a, key, end + 3 * DAY), OSRI_IDENTITY_VALIDITY);
    ck_assert_str_eq(text, "certificate of \"a@h1\" expired 3 d ago (serial 1800000000)");
}
END_TEST

/* A certificate without JOIN is good for nothing that needs it. */
START_TEST(missing_role_is_named)
{
    osri_identity a = make(secret, NULL, "a@h1", 0),
                  b = make(secret, NULL, "b@h2", OSRI_ROLE_SPAWN);

    ck_assert_int_eq(check_by(&a, &b, b.certificate.key, NOW), OSRI_IDENTITY_ROLE);
    ck_assert_str_eq(text, "\"b@h2\" (serial 1800000000) may not join");
}
END_TEST

/* Garbage instead of a certificate is malformed, and nothing of it is printed. */
START_TEST(garbage_is_malformed)
{
    osri_identity a = make(secret, NULL, "a@h1", 0), b = a;

    memset(b.certificate_signed.body, 0xdd, sizeof(b.certificate_signed.body));
    ck_assert_int_eq(check_by(&a, &b, a.certificate.key, NOW), OSRI_IDENTITY_MALFORMED);
    ck_assert_str_eq(text, "the certificate is malformed");
}
END_TEST

/* Nothing of the keys stays behind. */
START_TEST(wipe_overwrites_everything)
{
    static const osri_identity zero;
    osri_identity a = make(secret, NULL, "a@h1", 0);

    osri_identity_wipe(&a);
    ck_assert_mem_eq(&a, &zero, sizeof(a));
    osri_identity_wipe(NULL);
}
END_TEST

/* What looks like a name, and what does not. */
START_TEST(node_names_are_checked)
{
    static const char *const good[] = {"a@b", "store-1@host.example", "A_b.c@127.0.0.1"};
    static const char *const bad[] = {"",      "a",     "@b",       "a@",        "a@b@c",
                                      "a b@c", "a@b\n", "a@h/../x", "\xc3\xa4@b"};
    char longest[200];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        ck_assert_int_eq(osri_node_name_check(good[i], strlen(good[i])), OSR_OK);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_msg(osri_node_name_check(bad[i], strlen(bad[i])) == OSR_EINVAL, "%s", bad[i]);
    }
    ck_assert_int_eq(osri_node_name_check("a\0b@c", 5), OSR_EINVAL);
    memset(longest, 'x', sizeof(longest));
    longest[1] = '@';
    ck_assert_int_eq(osri_node_name_check(longest, 128), OSR_OK);
    ck_assert_int_eq(osri_node_name_check(longest, 129), OSR_EINVAL);
    ck_assert_str_eq(osri_node_name_host("a@b"), "b");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("identity");
    TCase *cases = tcase_create("identity");

    tcase_add_test(cases, members_of_one_secret_believe_each_other);
    tcase_add_test(cases, key_follows_from_secret_and_name);
    tcase_add_test(cases, members_know_the_mappers_key);
    tcase_add_test(cases, certificate_of_another_key_is_impersonation);
    tcase_add_test(cases, another_secret_is_another_authority);
    tcase_add_test(cases, another_cluster_is_named);
    tcase_add_test(cases, validity_allows_for_skew_only);
    tcase_add_test(cases, missing_role_is_named);
    tcase_add_test(cases, garbage_is_malformed);
    tcase_add_test(cases, wipe_overwrites_everything);
    tcase_add_test(cases, node_names_are_checked);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
