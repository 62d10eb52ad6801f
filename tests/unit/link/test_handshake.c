/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/handshake.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Handshake frames in bytes; dist/PROTOCOL.md shows the same ones. */

static const uint8_t golden_hello[] = {
    0xdc, 0x00, 0x11, 0x01, 0x01, 0x01, 0xa3, 0x64, 0x65, 0x76, 0xc4, 0x04, 0x43, 0x45, 0x52, 0x54,
    0xc4, 0x40, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0xcf, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0xa4, 0x62, 0x40, 0x68, 0x32,
    0xc4, 0x10, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e,
    0x4e, 0x4e, 0x00, 0xce, 0x00, 0x10, 0x00, 0x00, 0xce, 0x00, 0x01, 0x00, 0x00, 0xcd, 0x27, 0x10,
    0x03, 0x91, 0xa6, 0x77, 0x6f, 0x72, 0x6b, 0x65, 0x72, 0xcd, 0x12, 0x67, 0xc2,
};

static const uint8_t golden_welcome[] = {
    0x9f, 0x02, 0x01, 0xc4, 0x04, 0x43, 0x45, 0x52, 0x54, 0xc4, 0x40, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53, 0x53,
    0xcc, 0xc8, 0xc4, 0x10, 0x53, 0x45, 0x53, 0x53, 0x49, 0x4f, 0x4e, 0x54, 0x41, 0x47, 0x2d,
    0x61, 0x6e, 0x64, 0x2d, 0x38, 0xc4, 0x10, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e,
    0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x4e, 0x00, 0xce, 0x00, 0x10, 0x00, 0x00, 0xce,
    0x00, 0x01, 0x00, 0x00, 0xcd, 0x27, 0x10, 0x03, 0x90, 0xcd, 0x12, 0x68, 0xc3,
};

static const uint8_t golden_ready[] = {
    0x92, 0x03, 0xc4, 0x10, 0x53, 0x45, 0x53, 0x53, 0x49, 0x4f,
    0x4e, 0x54, 0x41, 0x47, 0x2d, 0x61, 0x6e, 0x64, 0x2d, 0x38,
};

static const uint8_t golden_refuse[] = {
    0x93, 0x04, 0x20, 0xab, 0x62, 0x6f, 0x74, 0x68, 0x20, 0x64, 0x69, 0x61, 0x6c, 0x65, 0x64,
};

static osri_handshake handshake_of(osri_handshake_kind kind)
{
    osri_handshake handshake = {.kind = kind,
                                .version_min = 1,
                                .version_max = 1,
                                .cluster = "dev",
                                .want_name = "b@h2",
                                .window_bytes = 1048576,
                                .frame_bytes_max = 65536,
                                .tick_ms = 10000,
                                .crl_version = 3,
                                .refusal = 32,
                                .text = "both dialed"};
    bool hello = kind == OSRI_HANDSHAKE_HELLO;

    memcpy(handshake.certificate.body, "CERT", 4);
    handshake.certificate.body_bytes = 4;
    memset(handshake.certificate.signature, 'S', OSRI_SIGNATURE_BYTES);
    memset(handshake.nonce, 'N', sizeof(handshake.nonce));
    memcpy(handshake.session, "SESSIONTAG-and-8", sizeof(handshake.session));
    handshake.creation = hello ? UINT64_C(0x0102030405060708) : 200;
    handshake.os_pid = hello ? 4711 : 4712;
    handshake.hidden = !hello;
    handshake.label_count = hello ? 1 : 0;
    memcpy(handshake.labels[0], "worker", 7);
    return handshake;
}

static const struct golden {
    osri_handshake_kind kind;
    const uint8_t *bytes;
    size_t bytes_count;
} goldens[] = {{OSRI_HANDSHAKE_HELLO, golden_hello, sizeof(golden_hello)},
               {OSRI_HANDSHAKE_WELCOME, golden_welcome, sizeof(golden_welcome)},
               {OSRI_HANDSHAKE_READY, golden_ready, sizeof(golden_ready)},
               {OSRI_HANDSHAKE_REFUSE, golden_refuse, sizeof(golden_refuse)}};

/* Each kind is encoded to these bytes. */
START_TEST(frames_have_these_bytes)
{
    osri_handshake handshake = handshake_of(goldens[_i].kind);
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];

    ck_assert_uint_eq(osri_handshake_encode(&handshake, bytes), goldens[_i].bytes_count);
    ck_assert_mem_eq(bytes, goldens[_i].bytes, goldens[_i].bytes_count);
}
END_TEST

/* And decoded from them: encoding what was decoded gives the same bytes. */
START_TEST(frames_survive_a_round_trip)
{
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];
    osri_handshake handshake;

    ck_assert_int_eq(
        osri_handshake_decode(goldens[_i].bytes, goldens[_i].bytes_count, 1, 1, &handshake),
        OSR_OK);
    ck_assert_int_eq(handshake.kind, goldens[_i].kind);
    ck_assert_uint_eq(osri_handshake_encode(&handshake, bytes), goldens[_i].bytes_count);
    ck_assert_mem_eq(bytes, goldens[_i].bytes, goldens[_i].bytes_count);
}
END_TEST

/* Bytes behind the last element are not part of a frame. */
START_TEST(trailing_bytes_are_refused)
{
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX] = {0};
    osri_handshake handshake;

    memcpy(bytes, goldens[_i].bytes, goldens[_i].bytes_count);
    ck_assert_int_eq(osri_handshake_decode(bytes, goldens[_i].bytes_count + 1, 1, 1, &handshake),
                     OSR_EPROTO);
}
END_TEST

/* Terms below the least that the protocol allows. */
START_TEST(terms_have_a_least)
{
    osri_handshake hello = handshake_of(OSRI_HANDSHAKE_HELLO);
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];
    osri_handshake read;

    hello.window_bytes = _i == 0 ? 65535 : 65536;
    hello.frame_bytes_max = _i == 1 ? 65535 : 65536;
    hello.tick_ms = _i == 2 ? 99 : 100;
    ck_assert_int_eq(
        osri_handshake_decode(bytes, osri_handshake_encode(&hello, bytes), 1, 1, &read),
        _i == 3 ? OSR_OK : OSR_EPROTO);
}
END_TEST

/* Without a common version only the versions are read, whatever follows. */
START_TEST(another_version_is_read_no_further)
{
    static const uint8_t later[] = {0x94, 1, 5, 6, 0xc0};
    osri_handshake read;

    ck_assert_int_eq(osri_handshake_decode(later, sizeof(later), 1, 4, &read), OSR_EVERSION);
    ck_assert_uint_eq(read.version_min, 5);
    ck_assert_uint_eq(read.version_max, 6);
    ck_assert_int_eq(osri_handshake_decode(later, sizeof(later), 1, 5, &read), OSR_EPROTO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handshake");
    TCase *tests = tcase_create("bytes");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tests, frames_have_these_bytes, 0, 4);
    tcase_add_loop_test(tests, frames_survive_a_round_trip, 0, 4);
    tcase_add_loop_test(tests, trailing_bytes_are_refused, 0, 4);
    tcase_add_loop_test(tests, terms_have_a_least, 0, 4);
    tcase_add_test(tests, another_version_is_read_no_further);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
