/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/message/envelope.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/unit/message/samples.h"
#include "tests/unit/message/support.h"
#include "tests/unit/message/values.h"

#define ROUNDS 300

static const osr_type *const types[] = {&everything_osr_type,    &lists_osr_type, &person_osr_type,
                                        &counter_value_osr_type, &ping_osr_type,  &options_osr_type,
                                        &unions_osr_type};
#define TYPES (sizeof(types) / sizeof(types[0]))

/* The copy in an envelope says the same as the template, whatever is in it. */
START_TEST(a_copy_says_the_same)
{
    value_maker maker = {.seed = 20231};
    printf("seed %" PRIu64 "\n", maker.seed);
    for (int i = 0; i < ROUNDS; i++) {
        const osr_type *type = types[value_random(&maker) % TYPES];
        const void *value = value_make(&maker, type);
        osri_envelope *envelope;
        ck_err(osri_envelope_new(type, value, &envelope), OSR_OK);
        ck_assert(value_equal(type, value, osri_envelope_body(envelope)));
        ck_assert_uint_eq((uintptr_t)osri_envelope_body(envelope) % 16, 0);
        osri_envelope_free(&envelope);
        value_maker_free(&maker);
    }
}
END_TEST

/* One block holds the envelope, the struct, its lists and texts; nothing leads to the template. */
START_TEST(a_copy_is_one_block_of_its_own)
{
    osr_str texts[2] = {{"ab", 2}, {"cde", 3}};
    person *given = calloc(1, sizeof(*given));
    given->name = osr_str_of("somebody");
    given->nicknames.at = texts;
    given->nicknames.count = 2;
    osri_envelope *envelope;
    ck_err(osri_envelope_new(&person_osr_type, given, &envelope), OSR_OK);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before + 1);
    memset(given, 0xff, sizeof(*given));
    free(given);
    memset(texts, 0xff, sizeof(texts));
    const person *copy = osri_envelope_body(envelope);
    const char *start = (const char *)envelope;
    const char *end = start + OSRI_ENVELOPE_BYTES + envelope->size;
    ck_assert(copy->name.at > start && copy->name.at + copy->name.size < end);
    ck_assert(copy->nicknames.at[1].at > start && copy->nicknames.at[1].at + 3 < end);
    ck_assert_str_eq(copy->name.at, "somebody");
    ck_assert_str_eq(copy->nicknames.at[1].at, "cde");
    osri_envelope_free(&envelope);
}
END_TEST

/* A text need not end in NUL when sent, may be NULL, and is a C string when received. */
START_TEST(texts_are_terminated)
{
    person given = {.name = {"abcdef", 3}};
    osri_envelope *envelope;
    ck_err(osri_envelope_new(&person_osr_type, &given, &envelope), OSR_OK);
    const person *copy = osri_envelope_body(envelope);
    ck_assert_str_eq(copy->name.at, "abc");
    osri_envelope_free(&envelope);
    given.name = (osr_str){NULL, 0};
    ck_err(osri_envelope_new(&person_osr_type, &given, &envelope), OSR_OK);
    copy = osri_envelope_body(envelope);
    ck_assert_str_eq(copy->name.at, "");
    osri_envelope_free(&envelope);
}
END_TEST

/* A bin is not copied; each place where it stands holds a reference until the envelope is freed. */
START_TEST(bins_are_counted_not_copied)
{
    osr_bin *bin;
    ck_err(osr_bin_new("photo", 5, &bin), OSR_OK);
    person people[2] = {{.photo = bin}, {.photo = bin}};
    everything given = {.data = bin, .one = {.photo = bin}};
    given.many.at = people;
    given.many.count = 2;
    osri_envelope *envelope;
    ck_err(osri_envelope_new(&everything_osr_type, &given, &envelope), OSR_OK);
    const osr_bin *address = bin;
    osr_bin_unref(&bin);
    const everything *copy = osri_envelope_body(envelope);
    ck_assert_ptr_eq(copy->many.at[1].photo, address);
    ck_assert_mem_eq(osr_bin_data(copy->one.photo), "photo", 5);
    ck_assert_uint_eq(envelope->flags, OSRI_ENVELOPE_BINS);
    osri_envelope_free(&envelope);
}
END_TEST

/* A new envelope is zero in all that its sender has not set; one without a type has no body. */
START_TEST(a_new_envelope_is_blank)
{
    osri_envelope *envelope;
    osri_envelope blank = {0};
    ck_err(osri_envelope_new(NULL, NULL, &envelope), OSR_OK);
    ck_assert_mem_eq(envelope, &blank, sizeof(blank));
    ck_assert_ptr_null(osri_envelope_body(envelope));
    osri_envelope_free(&envelope);
    ck_assert_ptr_null(envelope);
    osri_envelope_free(&envelope);
    counter_value value = {5};
    ck_err(osri_envelope_new(&counter_value_osr_type, &value, &envelope), OSR_OK);
    blank.type = &counter_value_osr_type;
    blank.size = sizeof(value);
    ck_assert_mem_eq(envelope, &blank, sizeof(blank));
    osri_envelope_free(&envelope);
}
END_TEST

/* One body behind many envelopes: built once, gone with the last of them. */
START_TEST(a_shared_body_outlives_its_envelopes_one_by_one)
{
    osr_bin *bin;
    ck_err(osr_bin_new("photo", 5, &bin), OSR_OK);
    person given = {.name = osr_str_of("all"), .photo = bin};
    osri_body *body;
    ck_err(osri_body_share(&person_osr_type, &given, &body), OSR_OK);
    osr_bin_unref(&bin);
    osri_envelope *envelopes[3];
    for (int i = 0; i < 3; i++) {
        ck_err(osri_envelope_new_shared(body, &envelopes[i]), OSR_OK);
    }
    osri_body_unref(&body);
    for (int i = 0; i < 3; i++) {
        const person *seen = osri_envelope_body(envelopes[i]);
        ck_assert_str_eq(seen->name.at, "all");
        ck_assert_mem_eq(osr_bin_data(seen->photo), "photo", 5);
        ck_assert_ptr_eq(envelopes[i]->type, &person_osr_type);
        osri_envelope_free(&envelopes[i]);
    }
}
END_TEST

/* A message built in place is as good as a copied one, and cannot be smaller than its struct. */
START_TEST(a_body_is_built_in_place)
{
    osri_envelope *envelope = NULL;
    ck_err(osri_envelope_new_empty(&counter_value_osr_type, sizeof(counter_value) - 1, &envelope),
           OSR_EINVAL);
    ck_err(osri_envelope_new_empty(&counter_value_osr_type, (size_t)OSR_MESSAGE_BYTES_MAX + 1,
                                   &envelope),
           OSR_EINVAL);
    ck_err(osri_envelope_new_empty(&counter_value_osr_type, sizeof(counter_value), &envelope),
           OSR_OK);
    counter_value *value = osri_envelope_body_to_fill(envelope);
    ck_assert_int_eq(value->value, 0);
    value->value = 7;
    ck_assert_int_eq(((const counter_value *)osri_envelope_body(envelope))->value, 7);
    osri_envelope_free(&envelope);
}
END_TEST

/* Each size that promises more than there is, or more than a message may hold, is refused. */
START_TEST(impossible_sizes_are_refused)
{
    static char large[OSR_MESSAGE_BYTES_MAX];
    osri_envelope *envelope = NULL;
    person no_text = {.name = {NULL, 1}};
    ck_err(osri_envelope_new(&person_osr_type, &no_text, &envelope), OSR_EINVAL);
    person no_list = {.nicknames = {NULL, 1}};
    ck_err(osri_envelope_new(&person_osr_type, &no_list, &envelope), OSR_EINVAL);
    person too_long = {.name = {large, sizeof(large) - sizeof(person)}};
    ck_err(osri_envelope_new(&person_osr_type, &too_long, &envelope), OSR_EINVAL);
    lists too_many = {.u64s = {(const uint64_t *)(const void *)&too_long, UINT32_MAX}};
    ck_err(osri_envelope_new(&lists_osr_type, &too_many, &envelope), OSR_EINVAL);
    too_long.name.size--;
    ck_err(osri_envelope_new(&person_osr_type, &too_long, &envelope), OSR_OK);
    ck_assert_uint_eq(envelope->size, OSR_MESSAGE_BYTES_MAX);
    osri_envelope_free(&envelope);
}
END_TEST

/* Bins count towards the size of a message, each time they stand in it. */
START_TEST(bins_count_towards_the_size)
{
    osr_bin *bin;
    uint8_t *data;
    ck_err(osr_bin_alloc(OSR_BIN_BYTES_MAX / 2, &bin, &data), OSR_OK);
    osr_bin *both[2] = {bin, bin};
    lists given = {.datas = {both, 1}};
    osri_envelope *envelope = NULL;
    ck_err(osri_envelope_new(&lists_osr_type, &given, &envelope), OSR_OK);
    osri_envelope_free(&envelope);
    given.datas.count = 2;
    ck_err(osri_envelope_new(&lists_osr_type, &given, &envelope), OSR_EINVAL);
    osr_bin_unref(&bin);
}
END_TEST

/* Without memory nothing is made and nothing is lost. */
START_TEST(no_memory_leaves_nothing)
{
    counter_value value = {5};
    osri_envelope *envelope = NULL;
    osri_body *body = NULL;
    osri_body *shared;
    ck_err(osri_body_share(&counter_value_osr_type, &value, &shared), OSR_OK);
    osri_heap_fail_after(1, true);
    ck_err(osri_envelope_new(&counter_value_osr_type, &value, &envelope), OSR_ENOMEM);
    ck_err(osri_envelope_new(NULL, NULL, &envelope), OSR_ENOMEM);
    ck_err(osri_envelope_new_empty(&counter_value_osr_type, 8, &envelope), OSR_ENOMEM);
    ck_err(osri_envelope_new_shared(shared, &envelope), OSR_ENOMEM);
    ck_err(osri_body_share(&counter_value_osr_type, &value, &body), OSR_ENOMEM);
    ck_assert_ptr_null(envelope);
    ck_assert_ptr_null(body);
    osri_body_unref(&shared);
}
END_TEST

RUN_TESTS("envelope", a_copy_says_the_same, a_copy_is_one_block_of_its_own, texts_are_terminated,
          bins_are_counted_not_copied, a_new_envelope_is_blank,
          a_shared_body_outlives_its_envelopes_one_by_one, a_body_is_built_in_place,
          impossible_sizes_are_refused, bins_count_towards_the_size, no_memory_leaves_nothing);
