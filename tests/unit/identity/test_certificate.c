/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/certificate.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

static uint8_t authority_public[32];
static uint8_t authority_secret[64];

static void setup(void)
{
    static const uint8_t seed[32] = {7};

    ck_assert_int_ge(sodium_init(), 0);
    crypto_sign_seed_keypair(authority_public, authority_secret, seed);
}

static osri_certificate sample(void)
{
    osri_certificate c = {
        .cluster = "dev",
        .name = "a@h1",
        .serial = 41,
        .not_before = 1000,
        .not_after = UINT64_C(5000000000),
        .roles = OSRI_ROLE_JOIN | OSRI_ROLE_SPAWN,
        .spawn_count = 2,
        .spawn = {"db_writer", "an entry whose name is longer than 31 bytes"},
    };

    memset(c.key, 0xab, sizeof(c.key));
    return c;
}

static osri_signed_certificate sign(const osri_certificate *c)
{
    osri_signed_certificate made;

    ck_assert_int_eq(osri_certificate_sign(c, authority_secret, &made), OSR_OK);
    return made;
}

/* Signs bytes as they are, so that only the decoder can refuse them. */
static osr_err open_body(const uint8_t *body, size_t bytes)
{
    osri_signed_certificate forged = {.body_bytes = (uint32_t)bytes};
    uint8_t data[13 + OSRI_CERTIFICATE_BYTES_MAX] = "osier-cert-1";
    osri_certificate c;

    memcpy(forged.body, body, bytes);
    memcpy(data + 13, body, bytes);
    crypto_sign_detached(forged.signature, NULL, data, 13 + bytes, authority_secret);
    return osri_certificate_open(&forged, authority_public, &c);
}

/* Every field that was signed comes back as it was. */
START_TEST(open_gives_back_what_was_signed)
{
    osri_certificate c = sample(), opened;
    osri_signed_certificate s = sign(&c);

    ck_assert_int_eq(osri_certificate_open(&s, authority_public, &opened), OSR_OK);
    ck_assert_str_eq(opened.cluster, "dev");
    ck_assert_str_eq(opened.name, "a@h1");
    ck_assert_mem_eq(opened.key, c.key, sizeof(c.key));
    ck_assert_uint_eq(opened.serial, 41);
    ck_assert_uint_eq(opened.not_before, 1000);
    ck_assert_uint_eq(opened.not_after, UINT64_C(5000000000));
    ck_assert_uint_eq(opened.roles, c.roles);
    ck_assert_uint_eq(opened.spawn_count, 2);
    ck_assert_str_eq(opened.spawn[0], c.spawn[0]);
    ck_assert_str_eq(opened.spawn[1], c.spawn[1]);
}
END_TEST

/* The encoding is fixed: other programs and later versions have to produce these very bytes. */
START_TEST(body_has_its_golden_bytes)
{
    static const uint8_t golden_head[] = {0x99, 0x01, 0xa3, 'd', 'e',  'v', 0xa4,
                                          'a',  '@',  'h',  '1', 0xc4, 32};
    static const uint8_t golden_tail[] = {41, 0xcd, 0x03, 0xe8, 0xcf, 0,    0,   0,
                                          1,  0x2a, 0x05, 0xf2, 0x00, 0x03, 0x90};
    osri_certificate c = sample();
    c.spawn_count = 0;
    osri_signed_certificate s = sign(&c);

    ck_assert_uint_eq(s.body_bytes, sizeof(golden_head) + 32 + sizeof(golden_tail));
    ck_assert_mem_eq(s.body, golden_head, sizeof(golden_head));
    ck_assert_mem_eq(s.body + sizeof(golden_head) + 32, golden_tail, sizeof(golden_tail));
}
END_TEST

/* One flipped bit anywhere, in body or signature, and the certificate is not believed. */
START_TEST(any_flipped_bit_is_refused)
{
    osri_certificate c = sample(), opened;
    osri_signed_certificate s = sign(&c);

    for (size_t bit = 0; bit < s.body_bytes * 8; bit++) {
        s.body[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_int_eq(osri_certificate_open(&s, authority_public, &opened), OSR_EPERM);
        s.body[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    s.signature[0] ^= 1;
    ck_assert_int_eq(osri_certificate_open(&s, authority_public, &opened), OSR_EPERM);
}
END_TEST

/* Another authority's signature is worth nothing. */
START_TEST(another_authority_is_refused)
{
    osri_certificate c = sample(), opened;
    osri_signed_certificate s = sign(&c);
    uint8_t other_public[32], other_secret[64];

    crypto_sign_keypair(other_public, other_secret);
    ck_assert_int_eq(osri_certificate_open(&s, other_public, &opened), OSR_EPERM);
}
END_TEST

/* A signed body with bytes behind it, or cut anywhere, is malformed. */
START_TEST(trailing_and_missing_bytes_are_refused)
{
    osri_certificate c = sample();
    osri_signed_certificate s = sign(&c);

    ck_assert_int_eq(open_body(s.body, s.body_bytes), OSR_OK);
    s.body[s.body_bytes] = 0;
    ck_assert_int_eq(open_body(s.body, s.body_bytes + 1), OSR_EPROTO);
    for (uint32_t bytes = 0; bytes < s.body_bytes; bytes++) {
        ck_assert_int_eq(open_body(s.body, bytes), OSR_EPROTO);
    }
}
END_TEST

/* A number in more bytes than it needs would give one certificate two forms: refused though well
 * signed. */
START_TEST(long_forms_are_refused)
{
    osri_certificate c = sample();
    osri_signed_certificate s = sign(&c);
    uint8_t body[OSRI_CERTIFICATE_BYTES_MAX];

    body[0] = s.body[0];
    body[1] = 0xcc; /* the version as uint8 */
    memcpy(body + 2, s.body + 1, s.body_bytes - 1);
    ck_assert_int_eq(open_body(body, s.body_bytes + 1), OSR_EPROTO);
    memcpy(body, "\xdc\x00\x09", 3); /* the array as array16 */
    memcpy(body + 3, s.body + 1, s.body_bytes - 1);
    ck_assert_int_eq(open_body(body, s.body_bytes + 2), OSR_EPROTO);
    memcpy(body, s.body, 2);
    memcpy(body + 2, "\xd9\x03", 2); /* the cluster as str8 */
    memcpy(body + 4, s.body + 3, s.body_bytes - 3);
    ck_assert_int_eq(open_body(body, s.body_bytes + 1), OSR_EPROTO);
}
END_TEST

/* A NUL within a name must not let two programs read two names. */
START_TEST(nul_in_name_is_refused)
{
    osri_certificate c = sample();
    osri_signed_certificate s = sign(&c);

    s.body[8] = 0; /* "a\0h1" */
    ck_assert_int_eq(open_body(s.body, s.body_bytes), OSR_EPROTO);
}
END_TEST

/* What is not a name, not a role or not a period cannot be signed at all. */
START_TEST(illegal_fields_cannot_be_signed)
{
    osri_signed_certificate s;
    osri_certificate c = sample();

    strcpy(c.name, "a@h1@h2");
    ck_assert_int_eq(osri_certificate_sign(&c, authority_secret, &s), OSR_EINVAL);
    c = sample();
    c.cluster[0] = '\0';
    ck_assert_int_eq(osri_certificate_sign(&c, authority_secret, &s), OSR_EINVAL);
    c = sample();
    c.roles = 256;
    ck_assert_int_eq(osri_certificate_sign(&c, authority_secret, &s), OSR_EINVAL);
    c = sample();
    c.not_after = c.not_before - 1;
    ck_assert_int_eq(osri_certificate_sign(&c, authority_secret, &s), OSR_EINVAL);
    c = sample();
    c.spawn_count = OSRI_SPAWN_NAMES_MAX + 1;
    ck_assert_int_eq(osri_certificate_sign(&c, authority_secret, &s), OSR_EINVAL);
}
END_TEST

/* The longest names of all fit into OSRI_CERTIFICATE_BYTES_MAX or are refused, never cut. */
START_TEST(too_many_long_names_are_refused)
{
    osri_certificate c = sample(), opened;
    osri_signed_certificate s;

    c.spawn_count = OSRI_SPAWN_NAMES_MAX;
    for (int i = 0; i < OSRI_SPAWN_NAMES_MAX; i++) {
        memset(c.spawn[i], 'x', OSRI_SPAWN_NAME_BYTES - 1);
        c.spawn[i][OSRI_SPAWN_NAME_BYTES - 1] = '\0';
    }
    ck_assert_int_eq(osri_certificate_sign(&c, authority_secret, &s), OSR_EINVAL);
    c.spawn_count = 12;
    s = sign(&c);
    ck_assert_int_eq(osri_certificate_open(&s, authority_public, &opened), OSR_OK);
    ck_assert_str_eq(opened.spawn[11], c.spawn[11]);
}
END_TEST

/* A length field beyond the buffer is an error, not a read past its end. */
START_TEST(body_bytes_beyond_buffer_are_refused)
{
    osri_certificate c = sample(), opened;
    osri_signed_certificate s = sign(&c);

    s.body_bytes = OSRI_CERTIFICATE_BYTES_MAX + 1;
    ck_assert_int_eq(osri_certificate_open(&s, authority_public, &opened), OSR_EPROTO);
    ck_assert_int_eq(osri_certificate_decode(&s, &opened), OSR_EPROTO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("certificate");
    TCase *cases = tcase_create("certificate");

    tcase_add_unchecked_fixture(cases, setup, NULL);
    tcase_add_test(cases, open_gives_back_what_was_signed);
    tcase_add_test(cases, body_has_its_golden_bytes);
    tcase_add_test(cases, any_flipped_bit_is_refused);
    tcase_add_test(cases, another_authority_is_refused);
    tcase_add_test(cases, trailing_and_missing_bytes_are_refused);
    tcase_add_test(cases, long_forms_are_refused);
    tcase_add_test(cases, nul_in_name_is_refused);
    tcase_add_test(cases, illegal_fields_cannot_be_signed);
    tcase_add_test(cases, too_many_long_names_are_refused);
    tcase_add_test(cases, body_bytes_beyond_buffer_are_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
