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

OSR_MESSAGE(two, 0x0501, (1, i8, a), (2, u16, b));
OSR_MESSAGE(kinds, 0x0502, (1, bool, yes), (2, f64, real), (3, str, text), (4, bin, data),
            (5, pid, who), (6, ref, which), (7, of(point), at), (8, list(u8), bytes));

OSR_STRUCT(large, (1, of(everything), a), (2, of(everything), b));
OSR_STRUCT(larger, (1, list(of(large)), all));

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

/* On a block of its own of exactly this size, so that a sanitizer sees any byte read beyond. */
static osr_err decode(const osr_type *type, const uint8_t *bytes, size_t size,
                      osri_envelope **ret_envelope)
{
    uint8_t *copy = malloc(size + 1);
    uint8_t *start = copy + 1;
    memcpy(start, bytes, size);
    osr_err err = osri_decode(type, start, size, ret_envelope);
    free(copy);
    return err;
}

static void expect_refused(const osr_type *type, const uint8_t *bytes, size_t size)
{
    osri_envelope *envelope = NULL;
    ck_err(decode(type, bytes, size, &envelope), OSR_EPROTO);
    ck_assert_ptr_null(envelope);
}

static void expect_two(const uint8_t *bytes, size_t size, int a, int b)
{
    osri_envelope *envelope;
    ck_err(decode(&two_osr_type, bytes, size, &envelope), OSR_OK);
    const two *value = osri_envelope_body(envelope);
    ck_assert_int_eq(value->a, a);
    ck_assert_int_eq(value->b, b);
    osri_envelope_free(&envelope);
}

/* Fields come in any order, unknown ones are skipped whole, missing ones are zero. */
START_TEST(old_and_new_nodes_understand_each_other)
{
    expect_two(BYTES("\x82\x01\xff\x02\x05"), -1, 5);
    expect_two(BYTES("\x82\x02\x05\x01\xff"), -1, 5);
    expect_two(BYTES("\x80"), 0, 0);
    expect_two(BYTES("\x81\x02\x05"), 0, 5);
    expect_two(BYTES("\x83\x09\x93\x01\x81\x02\xa1x\xc0\x02\x05\x01\xff"), -1, 5);
    expect_two(BYTES("\x83\x01\x07\xcf\xff\xff\xff\xff\xff\xff\xff\xff\x01\x02\x05"), 7, 5);
    expect_two(BYTES("\xdf\x00\x00\x00\x01\xcc\x01\xd3\xff\xff\xff\xff\xff\xff\xff\xff"), -1, 0);
}
END_TEST

/* A number that its field cannot hold is refused; the last that fits is not. */
START_TEST(numbers_out_of_range_are_refused)
{
    expect_two(BYTES("\x81\x01\x7f"), 127, 0);
    expect_two(BYTES("\x81\x01\xd1\xff\x80"), -128, 0);
    expect_two(BYTES("\x81\x02\xce\x00\x00\xff\xff"), 0, 65535);
    expect_two(BYTES("\x81\x02\xd0\x05"), 0, 5);
    expect_refused(&two_osr_type, BYTES("\x81\x01\xcc\x80"));
    expect_refused(&two_osr_type, BYTES("\x81\x01\xd1\xff\x7f"));
    expect_refused(&two_osr_type, BYTES("\x81\x02\xce\x00\x01\x00\x00"));
    expect_refused(&two_osr_type, BYTES("\x81\x02\xff"));
    expect_refused(&two_osr_type, BYTES("\x81\x02\xcf\xff\xff\xff\xff\xff\xff\xff\xff"));
}
END_TEST

/* A value of another kind is refused, for each kind of field; so are keys that are no tags. */
START_TEST(other_kinds_are_refused)
{
    static const char *const values[] = {
        "\xc0", /* nil */
        "\x05", /* number */
        "\xff", /* negative */
        "\xc3", /* bool */
        "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00",
        "\xa1x",                    /* str */
        "\xc4\x01x",                /* bin */
        "\xd8\x01xxxxxxxxxxxxxxxx", /* pid */
        "\xd8\x02xxxxxxxxxxxxxxxx", /* ref */
        "\x91\x05",                 /* array */
        "\x81\x01\x05",             /* map */
    };
    static const size_t sizes[] = {1, 1, 1, 1, 9, 2, 3, 18, 18, 2, 3};
    static const size_t fitting[] = {3, 4, 5, 6, 7, 8, 10, 9}; /* by tag - 1 */
    for (uint8_t tag = 1; tag <= 8; tag++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            uint8_t bytes[32] = {0x81, tag};
            memcpy(bytes + 2, values[i], sizes[i]);
            osri_envelope *envelope = NULL;
            ck_err(decode(&kinds_osr_type, bytes, 2 + sizes[i], &envelope),
                   fitting[tag - 1] == i ? OSR_OK : OSR_EPROTO);
            osri_envelope_free(&envelope);
        }
    }
    expect_refused(&two_osr_type, BYTES("\x81\xa1\x01\x05"));
    expect_refused(&two_osr_type, BYTES("\x81\xff\x05"));
    expect_refused(&two_osr_type, BYTES("\x05"));
    expect_refused(&two_osr_type, BYTES("\x92\x01\x05"));
    expect_refused(&kinds_osr_type, BYTES("\x81\x08\x92\x05\xc0"));
}
END_TEST

/* The same tag twice is refused; an unknown one may come as often as it likes. */
START_TEST(repeated_tags_are_refused)
{
    expect_refused(&two_osr_type, BYTES("\x82\x01\x05\x01\x05"));
    expect_two(BYTES("\x83\x09\x05\x09\x05\x01\x05"), 5, 0);
}
END_TEST

/* A float of 4 bytes is widened. */
START_TEST(short_floats_are_widened)
{
    osri_envelope *envelope;
    ck_err(decode(&kinds_osr_type, BYTES("\x81\x02\xca\x3f\xc0\x00\x00"), &envelope), OSR_OK);
    const kinds *value = osri_envelope_body(envelope);
    ck_assert(value->real == 1.5);
    ck_assert_str_eq(value->text.at, "");
    osri_envelope_free(&envelope);
}
END_TEST

/* Cut off anywhere, or with a byte more, a message is refused, without a look behind its end. */
START_TEST(every_truncation_is_refused)
{
    value_maker maker = {.seed = 20234};
    printf("seed %" PRIu64 "\n", maker.seed);
    for (int i = 0; i < 6; i++) {
        const osr_type *type = i % 2 == 0 ? &everything_osr_type : &lists_osr_type;
        osri_buffer buffer = {0};
        ck_err(osri_encode(type, value_make(&maker, type), &buffer), OSR_OK);
        size_t step = buffer.size > 3000 ? buffer.size / 997 : 1;
        for (size_t size = 0; size < buffer.size; size += step) {
            expect_refused(type, buffer.at, size);
        }
        ck_err(osri_buffer_append(&buffer, "\xc0", 1), OSR_OK);
        expect_refused(type, buffer.at, buffer.size);
        osri_buffer_fini(&buffer);
        value_maker_free(&maker);
    }
}
END_TEST

static void compare_with_reference(const osr_type *type, const uint8_t *bytes, size_t size)
{
    if (osri_validate(bytes, size) != OSR_OK) {
        expect_refused(type, bytes, size);
        return;
    }
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    ck_assert_int_eq(msgpack_unpack_next(&unpacked, (const char *)bytes, size, NULL),
                     MSGPACK_UNPACK_SUCCESS);
    osri_envelope *envelope = NULL;
    osr_err err = decode(type, bytes, size, &envelope);
    ck_err(err, reference_fits(type, &unpacked.data) ? OSR_OK : OSR_EPROTO);
    if (err == OSR_OK) {
        ck_assert(reference_equal(type, osri_envelope_body(envelope), &unpacked.data));
    }
    osri_envelope_free(&envelope);
    msgpack_unpacked_destroy(&unpacked);
}

/* Messages with a few bytes changed are taken, refused and understood as msgpack-c would. */
START_TEST(damaged_bytes_are_seen_as_msgpack_c_sees_them)
{
    value_maker maker = {.seed = 20235};
    printf("seed %" PRIu64 "\n", maker.seed);
    for (int i = 0; i < 3000; i++) {
        const osr_type *type = i % 2 == 0 ? &everything_osr_type : &lists_osr_type;
        osri_buffer buffer = {0};
        ck_err(osri_encode(type, value_make(&maker, type), &buffer), OSR_OK);
        for (uint64_t left = value_random(&maker) % 3; left > 0; left--) {
            size_t place = value_random(&maker) % buffer.size;
            buffer.at[place] = (uint8_t)value_random(&maker);
        }
        compare_with_reference(type, buffer.at, buffer.size);
        osri_buffer_fini(&buffer);
        value_maker_free(&maker);
    }
}
END_TEST

/* A few bytes that stand for many large structs are refused before memory is taken for them. */
START_TEST(small_bytes_do_not_become_large_values)
{
    static uint8_t bytes[7 + 65000];
    memcpy(bytes, "\x81\x01\xdd\x00\x00\xfd\xe8", 7);
    memset(bytes + 7, 0x80, 65000);
    osri_envelope *envelope = NULL;
    ck_err(decode(&larger_osr_type, bytes, sizeof(bytes), &envelope), OSR_EINVAL);
    ck_assert_ptr_null(envelope);
}
END_TEST

/* Bins count towards the size of a value here as they do where it is sent. */
START_TEST(bins_count_towards_the_size)
{
    static uint8_t bytes[7 + OSR_BIN_BYTES_MAX] = {0x81, 4, 0xc6, 1, 0, 0, 0};
    osri_envelope *envelope = NULL;
    ck_err(osri_decode(&kinds_osr_type, bytes, sizeof(bytes), &envelope), OSR_EINVAL);
    ck_assert_ptr_null(envelope);
    bytes[3] = 0;
    bytes[4] = 0xff;
    ck_err(osri_decode(&kinds_osr_type, bytes, 7 + 0xff0000, &envelope), OSR_OK);
    ck_assert_uint_eq(osr_bin_size(((const kinds *)osri_envelope_body(envelope))->data), 0xff0000);
    osri_envelope_free(&envelope);
}
END_TEST

static void start_types(osri_types *types)
{
    ck_err(osri_types_init(types), OSR_OK);
    ck_err(osri_types_add(types, &two_osr_type, NULL), OSR_OK);
}

/* A message is a pair of its type's id and its fields. */
START_TEST(a_message_names_its_type)
{
    osri_types types;
    osri_buffer buffer = {0};
    osri_envelope *envelope;
    start_types(&types);
    ck_err(osri_encode_message(&two_osr_type, &(two){-1, 5}, &buffer), OSR_OK);
    ck_assert_uint_eq(buffer.size, 9);
    ck_assert_mem_eq(buffer.at, "\x92\xcd\x05\x01\x82\x01\xff\x02\x05", 9);
    ck_err(osri_decode_message(&types, buffer.at, buffer.size, &envelope), OSR_OK);
    ck_assert_ptr_eq(envelope->type, &two_osr_type);
    ck_assert_int_eq(((const two *)osri_envelope_body(envelope))->a, -1);
    osri_envelope_free(&envelope);
    ck_err(osri_encode_message(&point_osr_type, &(point){1, 2}, &buffer), OSR_EINVAL);
    osri_buffer_fini(&buffer);
    osri_types_fini(&types);
}
END_TEST

/* A message that this node does not know passes through it byte for byte. */
START_TEST(an_unknown_message_passes_unchanged)
{
    static const uint8_t bytes[] = "\x92\xcd\x77\x77\x82\x01\xff\x05\x92\xa1x\xc0";
    size_t size = sizeof(bytes) - 1;
    osri_types types;
    osri_buffer buffer = {0};
    osri_envelope *envelope;
    start_types(&types);
    ck_err(osri_decode_message(&types, bytes, size, &envelope), OSR_OK);
    const osr_dynamic *dynamic = osri_envelope_body(envelope);
    ck_assert_uint_eq(envelope->type->id, OSR_DYNAMIC_ID);
    ck_assert_uint_eq(dynamic->type_id, 0x7777);
    ck_assert_uint_eq(osr_bin_size(dynamic->payload), size - 4);
    ck_err(osri_encode_message(envelope->type, dynamic, &buffer), OSR_OK);
    ck_assert_uint_eq(buffer.size, size);
    ck_assert_mem_eq(buffer.at, bytes, size);
    osri_envelope_free(&envelope);
    osri_buffer_fini(&buffer);
    osri_types_fini(&types);
}
END_TEST

/* Pairs that are none, and the ids that nobody may send, are refused. */
START_TEST(malformed_messages_are_refused)
{
    static const struct {
        const char *bytes;
        size_t size;
    } bad[] = {
        {"", 0},
        {"\x80", 1},
        {"\x91\x05", 2},
        {"\x93\xcd\x05\x01\x80\x80", 6},
        {"\x92\xcd\x05\x01", 4},
        {"\x92\xcd\x05\x01\x80\x80", 6},
        {"\x92\xcd\x05\x01\x90", 5},
        {"\x92\xcd\x77\x77\x90", 5},
        {"\x92\xff\x80", 3},
        {"\x92\xa1x\x80", 4},
        {"\x92\x00\x80", 3},
        {"\x92\x01\x80", 3},
        {"\x92\xcf\x00\x00\x00\x01\x00\x00\x05\x01\x80", 11},
    };
    osri_types types;
    start_types(&types);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        osri_envelope *envelope = NULL;
        ck_err(osri_decode_message(&types, (const uint8_t *)bad[i].bytes, bad[i].size, &envelope),
               OSR_EPROTO);
        ck_assert_ptr_null(envelope);
    }
    osri_types_fini(&types);
}
END_TEST

/* A dynamic message that somebody made up is sent only if it is a valid map. */
START_TEST(made_up_payloads_are_checked)
{
    static const struct {
        uint32_t id;
        const char *payload;
        osr_err err;
    } cases[] = {{0x7777, "\x81\x01\x05", OSR_OK},
                 {0x7777, "\x81\x01", OSR_EINVAL},
                 {0x7777, "\x05", OSR_EINVAL},
                 {0x7777, "\x81\x01\x05\x05", OSR_EINVAL},
                 {0x7777, "", OSR_EINVAL},
                 {0, "\x81\x01\x05", OSR_EINVAL},
                 {OSR_DYNAMIC_ID, "\x80", OSR_EINVAL}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        osri_buffer buffer = {0};
        osr_dynamic dynamic = {.type_id = cases[i].id};
        ck_err(osr_bin_new(cases[i].payload, strlen(cases[i].payload), &dynamic.payload), OSR_OK);
        ck_err(osri_encode_message(&osr_dynamic_osr_type, &dynamic, &buffer), cases[i].err);
        ck_assert(cases[i].err == OSR_OK || buffer.size == 0);
        osr_bin_unref(&dynamic.payload);
        osri_buffer_fini(&buffer);
    }
}
END_TEST

/* Without memory an unknown message leaves nothing behind. */
START_TEST(no_memory_for_an_unknown_message)
{
    osri_types types;
    start_types(&types);
    uint64_t blocks = osri_heap_live_blocks();
    for (uint64_t nth = 1; nth <= 2; nth++) {
        osri_envelope *envelope = NULL;
        osri_heap_fail_after(nth, false);
        ck_err(osri_decode_message(&types, BYTES("\x92\xcd\x77\x77\x81\x01\x05"), &envelope),
               OSR_ENOMEM);
        ck_assert_ptr_null(envelope);
        ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
    }
    osri_heap_fail_after(0, false);
    osri_types_fini(&types);
}
END_TEST

RUN_TESTS("decode", old_and_new_nodes_understand_each_other, numbers_out_of_range_are_refused,
          other_kinds_are_refused, repeated_tags_are_refused, short_floats_are_widened,
          every_truncation_is_refused, damaged_bytes_are_seen_as_msgpack_c_sees_them,
          small_bytes_do_not_become_large_values, bins_count_towards_the_size,
          a_message_names_its_type, an_unknown_message_passes_unchanged,
          malformed_messages_are_refused, made_up_payloads_are_checked,
          no_memory_for_an_unknown_message);
