/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/message/codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/message/reference.h"
#include "tests/unit/message/samples.h"
#include "tests/unit/message/support.h"
#include "tests/unit/message/values.h"

#define ROUNDS 400

static const osr_type *const types[] = {&everything_osr_type,    &lists_osr_type, &person_osr_type,
                                        &counter_value_osr_type, &ping_osr_type,  &options_osr_type,
                                        &unions_osr_type,        &maybe_osr_type};
#define TYPES (sizeof(types) / sizeof(types[0]))

OSR_MESSAGE(one_bool, 0x0401, (1, bool, v));
OSR_MESSAGE(one_i64, 0x0402, (1, i64, v));
OSR_MESSAGE(one_u64, 0x0403, (1, u64, v));
OSR_MESSAGE(one_f64, 0x0404, (1, f64, v));
OSR_MESSAGE(one_str, 0x0405, (1, str, v));
OSR_MESSAGE(one_bin, 0x0406, (1, bin, v));
OSR_MESSAGE(one_pid, 0x0407, (1, pid, v));
OSR_MESSAGE(one_ref, 0x0408, (1, ref, v));
OSR_MESSAGE(one_point, 0x0409, (1, of(point), v));
OSR_MESSAGE(one_list, 0x040a, (1, list(i8), v));
OSR_MESSAGE(many_u64, 0x040b, (1, list(u64), v));
OSR_MESSAGE(far_tags, 0x040c, (127, u8, a), (128, u8, b), (65536, u8, c), (4294967295, u8, d));

OSR_MESSAGE(one_option, 0x040d, (1, opt(i64), limit));
OSR_MESSAGE(one_union, 0x040e, (1, of(choice), v));
OSR_UNION(older_choice, (1, of(point), point));
OSR_MESSAGE(older_union, 0x040f, (1, of(older_choice), v), (2, i8, after));
OSR_MESSAGE(newer_union, 0x0410, (1, of(choice), v), (2, i8, after));

static void expect_bytes(const osr_type *type, const void *value, const char *bytes, size_t size)
{
    osri_buffer buffer = {0};
    ck_err(osri_encode(type, value, &buffer), OSR_OK);
    ck_assert_uint_eq(buffer.size, size);
    ck_assert_mem_eq(buffer.at, bytes, size);
    osri_envelope *envelope;
    ck_err(osri_decode(type, buffer.at, buffer.size, &envelope), OSR_OK);
    ck_assert(value_equal(type, value, osri_envelope_body(envelope)));
    osri_envelope_free(&envelope);
    osri_buffer_fini(&buffer);
}

#define EXPECT(type, bytes, ...)                                                                   \
    expect_bytes(&type##_osr_type, &(type){__VA_ARGS__}, bytes, sizeof(bytes) - 1)

/* Whole numbers take their shortest form, at each edge between two forms. */
START_TEST(golden_whole_numbers)
{
    EXPECT(one_u64, "\x81\x01\x00", 0);
    EXPECT(one_u64, "\x81\x01\x7f", 127);
    EXPECT(one_u64, "\x81\x01\xcc\x80", 128);
    EXPECT(one_u64, "\x81\x01\xcc\xff", 255);
    EXPECT(one_u64, "\x81\x01\xcd\x01\x00", 256);
    EXPECT(one_u64, "\x81\x01\xcd\xff\xff", 65535);
    EXPECT(one_u64, "\x81\x01\xce\x00\x01\x00\x00", 65536);
    EXPECT(one_u64, "\x81\x01\xce\xff\xff\xff\xff", UINT32_MAX);
    EXPECT(one_u64, "\x81\x01\xcf\x00\x00\x00\x01\x00\x00\x00\x00", UINT64_C(1) << 32);
    EXPECT(one_u64, "\x81\x01\xcf\xff\xff\xff\xff\xff\xff\xff\xff", UINT64_MAX);
    EXPECT(one_i64, "\x81\x01\xff", -1);
    EXPECT(one_i64, "\x81\x01\xe0", -32);
    EXPECT(one_i64, "\x81\x01\xd0\xdf", -33);
    EXPECT(one_i64, "\x81\x01\xd0\x80", -128);
    EXPECT(one_i64, "\x81\x01\xd1\xff\x7f", -129);
    EXPECT(one_i64, "\x81\x01\xd1\x80\x00", -32768);
    EXPECT(one_i64, "\x81\x01\xd2\xff\xff\x7f\xff", -32769);
    EXPECT(one_i64, "\x81\x01\xd2\x80\x00\x00\x00", INT32_MIN);
    EXPECT(one_i64, "\x81\x01\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", (int64_t)INT32_MIN - 1);
    EXPECT(one_i64, "\x81\x01\xd3\x80\x00\x00\x00\x00\x00\x00\x00", INT64_MIN);
    EXPECT(one_i64, "\x81\x01\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", INT64_MAX);
}
END_TEST

/* Every other kind, byte by byte. */
START_TEST(golden_other_kinds)
{
    osr_bin *bin;
    static const int8_t numbers[] = {-1, 0, 1};
    ck_err(osr_bin_new("\x00\xff", 2, &bin), OSR_OK);
    EXPECT(ping, "\x80", 0);
    EXPECT(one_bool, "\x81\x01\xc3", true);
    EXPECT(one_bool, "\x81\x01\xc2", false);
    EXPECT(one_f64, "\x81\x01\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00", 1.5);
    EXPECT(one_str, "\x81\x01\xa2hi", {"hi", 2});
    EXPECT(one_str, "\x81\x01\xa0", {NULL, 0});
    EXPECT(one_bin, "\x81\x01\xc4\x02\x00\xff", bin);
    EXPECT(one_bin, "\x81\x01\xc4\x00", NULL);
    EXPECT(one_pid,
           "\x81\x01\xd8\x01\x3f\x9a\x12\xbc\x00\x11\x22\x33\x00\x00\x00\x11\x00\x00\x00\x02",
           {UINT64_C(0x3f9a12bc00112233), 17, 2});
    EXPECT(one_ref,
           "\x81\x01\xd8\x02\x00\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x05",
           {1, 5});
    EXPECT(one_point, "\x81\x01\x82\x01\x03\x02\xfc", {3, -4});
    EXPECT(one_list, "\x81\x01\x93\xff\x00\x01", {numbers, 3});
    EXPECT(one_list, "\x81\x01\x90", {NULL, 0});
    EXPECT(far_tags, "\x84\x7f\x01\xcc\x80\x02\xce\x00\x01\x00\x00\x03\xce\xff\xff\xff\xff\x04", 1,
           2, 3, 4);
    osr_bin_unref(&bin);
}
END_TEST

/* An optional field travels like its value, or not at all; a union as a map of one pair. */
START_TEST(golden_optional_fields_and_unions)
{
    osr_bin *bin;
    ck_err(osr_bin_new("\x07", 1, &bin), OSR_OK);
    EXPECT(one_option, "\x80", {.is_set = false, .value = 7});
    EXPECT(one_option, "\x81\x01\xfb", OSR_SOME(-5));
    EXPECT(one_option, "\x81\x01\x00", OSR_SOME(0));
    EXPECT(one_union, "\x81\x01\x80", {.which = choice_is_none});
    EXPECT(one_union, "\x81\x01\x81\x01\x82\x01\x03\x02\xfc",
           {.which = choice_is_point, .point = {3, -4}});
    EXPECT(one_union, "\x81\x01\x81\x03\xa2hi", {.which = choice_is_text, .text = {"hi", 2}});
    EXPECT(one_union, "\x81\x01\x81\x04\xc4\x01\x07", {.which = choice_is_data, .data = bin});
    EXPECT(one_union, "\x81\x01\x81\xce\x00\x01\x11\x70\xcb\x3f\xf8\x00\x00\x00\x00\x00\x00",
           {.which = choice_is_real, .real = 1.5});
    osr_bin_unref(&bin);
}
END_TEST

/* An alternative that an older node does not know leaves none, says so, and is passed over. */
START_TEST(an_unknown_alternative_is_none_and_says_so)
{
    newer_union newer = {{.which = choice_is_text, .text = {"new", 3}}, 5};
    osri_buffer buffer = {0};
    osri_envelope *envelope;
    ck_err(osri_encode(&newer_union_osr_type, &newer, &buffer), OSR_OK);
    ck_err(osri_decode(&older_union_osr_type, buffer.at, buffer.size, &envelope), OSR_OK);
    const older_union *older = osri_envelope_body(envelope);
    ck_assert_uint_eq(older->v.which, older_choice_is_none);
    ck_assert(older->v.is_unknown);
    ck_assert_int_eq(older->after, 5);
    osri_envelope_free(&envelope);
    ck_err(osri_decode(&older_union_osr_type, (const uint8_t *)"\x80", 1, &envelope), OSR_OK);
    older = osri_envelope_body(envelope);
    ck_assert_uint_eq(older->v.which, older_choice_is_none);
    ck_assert(!older->v.is_unknown);
    osri_envelope_free(&envelope);
    osri_buffer_fini(&buffer);
}
END_TEST

/* A union holds one alternative at most, and only one that it has. */
START_TEST(a_union_has_one_alternative)
{
    static const char two[] = "\x81\x01\x82\x03\xa0\x05\x01";
    osri_envelope *envelope = NULL;
    ck_err(osri_decode(&one_union_osr_type, (const uint8_t *)two, sizeof(two) - 1, &envelope),
           OSR_EPROTO);
    one_union wrong = {{.which = 6}};
    osri_buffer buffer = {0};
    ck_err(osri_encode(&one_union_osr_type, &wrong, &buffer), OSR_EINVAL);
    ck_err(osri_envelope_new(&one_union_osr_type, &wrong, &envelope), OSR_EINVAL);
    ck_assert_ptr_null(envelope);
    osri_buffer_fini(&buffer);
}
END_TEST

static void expect_head(const void *at, size_t size, const char *head, size_t head_size)
{
    osri_buffer buffer = {0};
    one_str value = {{at, (uint32_t)size}};
    ck_err(osri_encode(&one_str_osr_type, &value, &buffer), OSR_OK);
    ck_assert_uint_eq(buffer.size, 2 + head_size + size);
    ck_assert_mem_eq(buffer.at + 2, head, head_size);
    osri_buffer_fini(&buffer);
}

/* Lengths of texts, bins and lists take their shortest form, at each edge. */
START_TEST(golden_lengths)
{
    static char zeros[70000];
    expect_head(zeros, 31, "\xbf", 1);
    expect_head(zeros, 32, "\xd9\x20", 2);
    expect_head(zeros, 255, "\xd9\xff", 2);
    expect_head(zeros, 256, "\xda\x01\x00", 3);
    expect_head(zeros, 65535, "\xda\xff\xff", 3);
    expect_head(zeros, 65536, "\xdb\x00\x01\x00\x00", 5);
    static const struct {
        size_t size;
        const char *head;
    } bins[] = {{255, "\x81\x01\xc4\xff"}, {256, "\x81\x01\xc5\x01"}, {65536, "\x81\x01\xc6\x00"}};
    static const struct {
        uint32_t count;
        const char *head;
    } counts[] = {{15, "\x81\x01\x9f\x00"}, {16, "\x81\x01\xdc\x00"}, {65533, "\x81\x01\xdc\xff"}};
    for (int i = 0; i < 3; i++) {
        osri_buffer buffer = {0};
        one_bin bin;
        ck_err(osr_bin_new(zeros, bins[i].size, &bin.v), OSR_OK);
        ck_err(osri_encode(&one_bin_osr_type, &bin, &buffer), OSR_OK);
        ck_assert_mem_eq(buffer.at, bins[i].head, 4);
        osr_bin_unref(&bin.v);
        buffer.size = 0;
        one_list list = {{(const int8_t *)zeros, counts[i].count}};
        ck_err(osri_encode(&one_list_osr_type, &list, &buffer), OSR_OK);
        ck_assert_mem_eq(buffer.at, counts[i].head, 4);
        osri_buffer_fini(&buffer);
    }
}
END_TEST

/* Random values of all types come back the same, and the bytes are those that msgpack-c makes. */
START_TEST(random_values_survive_the_round_trip)
{
    value_maker maker = {.seed = 20232};
    printf("seed %" PRIu64 "\n", maker.seed);
    for (int i = 0; i < ROUNDS; i++) {
        const osr_type *type = types[value_random(&maker) % TYPES];
        const void *value = value_make(&maker, type);
        osri_buffer buffer = {0};
        msgpack_sbuffer expected;
        msgpack_packer packer;
        msgpack_sbuffer_init(&expected);
        msgpack_packer_init(&packer, &expected, msgpack_sbuffer_write);
        reference_pack(type, value, &packer);
        ck_err(osri_encode(type, value, &buffer), OSR_OK);
        ck_assert_uint_eq(buffer.size, expected.size);
        ck_assert_mem_eq(buffer.at, expected.data, expected.size);
        osri_envelope *envelope;
        ck_err(osri_decode(type, buffer.at, buffer.size, &envelope), OSR_OK);
        ck_assert(value_equal(type, value, osri_envelope_body(envelope)));
        ck_assert_ptr_eq(envelope->type, type);
        osri_envelope_free(&envelope);
        msgpack_sbuffer_destroy(&expected);
        osri_buffer_fini(&buffer);
        value_maker_free(&maker);
    }
}
END_TEST

/* Encoding appends: what was in the buffer stays, also on error. */
START_TEST(encoding_appends)
{
    osri_buffer buffer = {0};
    one_str broken = {{NULL, 3}};
    ck_err(osri_buffer_append(&buffer, "ab", 2), OSR_OK);
    ck_err(osri_encode(&one_i64_osr_type, &(one_i64){1}, &buffer), OSR_OK);
    ck_err(osri_encode(&one_str_osr_type, &broken, &buffer), OSR_EINVAL);
    ck_err(osri_encode_message(&one_str_osr_type, &broken, &buffer), OSR_EINVAL);
    ck_assert_uint_eq(buffer.size, 5);
    ck_assert_mem_eq(buffer.at, "ab\x81\x01\x01", 5);
    osri_buffer_fini(&buffer);
}
END_TEST

/* What the other side would refuse is not sent: the limits of both are the same to the value. */
START_TEST(what_could_not_be_decoded_is_not_encoded)
{
    static uint64_t zeros[OSRI_OBJECTS_MAX];
    many_u64 list = {{zeros, OSRI_OBJECTS_MAX - 3}}; /* the map, its key and the list */
    osri_buffer buffer = {0};
    ck_err(osri_encode(&many_u64_osr_type, &list, &buffer), OSR_OK);
    ck_err(osri_validate(buffer.at, buffer.size), OSR_OK);
    buffer.size = 0;
    list.v.count++;
    ck_err(osri_encode(&many_u64_osr_type, &list, &buffer), OSR_EINVAL);
    list.v.count = OSRI_OBJECTS_MAX - 5; /* and the pair with its id */
    ck_err(osri_encode_message(&many_u64_osr_type, &list, &buffer), OSR_OK);
    ck_err(osri_validate(buffer.at, buffer.size), OSR_OK);
    list.v.count++;
    ck_err(osri_encode_message(&many_u64_osr_type, &list, &buffer), OSR_EINVAL);
    static char large[OSR_MESSAGE_BYTES_MAX];
    one_str text = {{large, sizeof(large)}};
    ck_err(osri_encode(&one_str_osr_type, &text, &buffer), OSR_EINVAL);
    text.v.size -= 7; /* map, tag, five bytes of length */
    buffer.size = 0;
    ck_err(osri_encode(&one_str_osr_type, &text, &buffer), OSR_OK);
    ck_assert_uint_eq(buffer.size, OSR_MESSAGE_BYTES_MAX);
    osri_buffer_fini(&buffer);
}
END_TEST

/* Whichever allocation fails on the way out or back, nothing is left behind. */
START_TEST(no_memory_leaves_nothing)
{
    value_maker maker = {.seed = 20233};
    const void *value = value_make(&maker, &everything_osr_type);
    uint64_t blocks = osri_heap_live_blocks();
    uint64_t failures = 0;
    for (osr_err err = OSR_ENOMEM; err != OSR_OK; failures++) {
        osri_buffer buffer = {0};
        osri_envelope *envelope = NULL;
        osri_heap_fail_after(failures + 1, false);
        err = osri_encode(&everything_osr_type, value, &buffer);
        if (err == OSR_OK) {
            err = osri_decode(&everything_osr_type, buffer.at, buffer.size, &envelope);
        }
        osri_heap_fail_after(0, false);
        ck_assert(err == OSR_OK || (err == OSR_ENOMEM && envelope == NULL));
        osri_envelope_free(&envelope);
        osri_buffer_fini(&buffer);
        ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
    }
    ck_assert_uint_gt(failures, 4);
    value_maker_free(&maker);
}
END_TEST

RUN_TESTS("codec", golden_whole_numbers, golden_other_kinds, golden_lengths,
          golden_optional_fields_and_unions, an_unknown_alternative_is_none_and_says_so,
          a_union_has_one_alternative, random_values_survive_the_round_trip, encoding_appends,
          what_could_not_be_decoded_is_not_encoded, no_memory_leaves_nothing);
