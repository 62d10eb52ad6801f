/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/message/print.h"
#include "tests/unit/message/samples.h"
#include "tests/unit/message/support.h"
#include "tests/unit/message/values.h"

static osri_types types;
static char error[OSRI_PARSE_TEXT_BYTES];

static void start(void)
{
    ck_err(osri_types_init(&types), OSR_OK);
    ck_err(osri_types_collect(&types, osri_types_here(), NULL), OSR_OK);
}

static void finish(void)
{
    osri_types_fini(&types);
}

static osri_envelope *parsed(const char *text)
{
    osri_envelope *envelope = NULL;
    osr_err err = osri_parse(&types, text, &envelope, error);
    ck_assert_msg(err == OSR_OK, "%s: %s: %s", text, osr_err_name(err), error);
    return envelope;
}

/* Random values of all types are read back from what was printed of them. */
START_TEST(printed_values_are_read_back)
{
    static const osr_type *const all[] = {&everything_osr_type, &lists_osr_type,
                                          &counter_add_osr_type, &options_osr_type,
                                          &unions_osr_type};
    static char text[4 * 1024 * 1024];
    value_maker maker = {.seed = 20236};
    printf("seed %" PRIu64 "\n", maker.seed);
    start();
    for (int i = 0; i < 200; i++) {
        const osr_type *type = all[value_random(&maker) % 5];
        const void *value = value_make(&maker, type);
        ck_assert_uint_lt(osri_print(type, value, text, sizeof(text)), sizeof(text) - 8);
        osri_envelope *envelope = parsed(text);
        ck_assert_ptr_eq(envelope->type, type);
        if (strstr(text, "nan") == NULL) { /* of which there are many, all printed alike */
            ck_assert(value_equal(type, value, osri_envelope_body(envelope)));
        }
        osri_envelope_free(&envelope);
        value_maker_free(&maker);
    }
    finish();
}
END_TEST

/* An optional field is typed like its value or left out; a union names its one alternative. */
START_TEST(choices_are_typed_by_their_names)
{
    start();
    osri_envelope *envelope = parsed("options{i64v: -5, chosen: {text: \"a\"}, maybe: {flat: {}}}");
    const options *some = osri_envelope_body(envelope);
    ck_assert(some->i64v.is_set && some->i64v.value == -5 && !some->u16v.is_set);
    ck_assert(some->chosen.is_set);
    ck_assert_uint_eq(some->chosen.value.which, choice_is_text);
    ck_assert_str_eq(some->chosen.value.text.at, "a");
    ck_assert(some->maybe.flat.is_set);
    ck_assert_uint_eq(some->maybe.flat.value.which, flat_choice_is_none);
    char text[256];
    (void)osri_print(envelope->type, some, text, sizeof(text));
    ck_assert_str_eq(text, "options{i64v: -5, chosen: {text: \"a\"}, "
                           "maybe: {chosen: {}, flat: {}}, always: 0}");
    osri_envelope_free(&envelope);
    ck_err(osri_parse(&types, "unions{flat: {yes: true, point: {}}}", &envelope, error),
           OSR_EINVAL);
    ck_assert_str_eq(error, "at character 24: expected }: a union has one alternative");
    ck_err(osri_parse(&types, "unions{flat: {no: true}}", &envelope, error), OSR_EINVAL);
    ck_assert_str_eq(error, "at character 15: flat_choice has no field no");
    finish();
}
END_TEST

/* Blanks may stand everywhere between words; fields come in any order, may be left out, and so may
 * all of them. */
START_TEST(the_form_is_free)
{
    static const char *const same[] = {"counter_add{by: 5}", " counter_add { by : 5 } ",
                                       "counter_add{by:5}\n", "counter_add{\n\tby: 0x5\n}"};
    start();
    for (size_t i = 0; i < 4; i++) {
        osri_envelope *envelope = parsed(same[i]);
        ck_assert_int_eq(((const counter_add *)osri_envelope_body(envelope))->by, 5);
        osri_envelope_free(&envelope);
    }
    osri_envelope *bare = parsed("counter_add");
    ck_assert_int_eq(((const counter_add *)osri_envelope_body(bare))->by, 0);
    osri_envelope_free(&bare);
    osri_envelope *some = parsed("everything{who: <3f9a12bc00112233.17.2>, i8v: -128, f64v: 1e3}");
    const everything *value = osri_envelope_body(some);
    ck_assert_uint_eq(value->who.slot, 17);
    ck_assert_int_eq(value->i8v, -128);
    ck_assert(value->f64v == 1000);
    ck_assert_str_eq(value->one.name.at, "");
    osri_envelope_free(&some);
    finish();
}
END_TEST

/* Numbers reach to the ends of their ranges. */
START_TEST(edges_of_numbers)
{
    start();
    osri_envelope *envelope =
        parsed("everything{i64v: -9223372036854775808, u64v: 0xffffffffffffffff, "
               "i8v: 127, u8v: 255, i32v: -0}");
    const everything *value = osri_envelope_body(envelope);
    ck_assert_int_eq(value->i64v, INT64_MIN);
    ck_assert_uint_eq(value->u64v, UINT64_MAX);
    ck_assert_int_eq(value->i8v, 127);
    ck_assert_uint_eq(value->u8v, 255);
    ck_assert_int_eq(value->i32v, 0);
    osri_envelope_free(&envelope);
    finish();
}
END_TEST

typedef struct mistake {
    const char *text;
    osr_err err;
    const char *error;
} mistake;

static const mistake mistakes[] = {
    {"", OSR_EINVAL, "at character 1: expected the name of a message"},
    {"  5", OSR_EINVAL, "at character 3: expected the name of a message"},
    {"nothing{}", OSR_ENOTFOUND, "at character 1: no message is called nothing"},
    {"person", OSR_ENOTFOUND, "at character 1: no message is called person"},
    {"counter_add{", OSR_EINVAL, "at character 13: expected a field of counter_add"},
    {"counter_add{by", OSR_EINVAL, "at character 15: expected : after by"},
    {"counter_add{to: 5}", OSR_EINVAL, "at character 13: counter_add has no field to"},
    {"counter_add{by: 5, by: 6}", OSR_EINVAL, "at character 20: by stands twice"},
    {"counter_add{by: 5 by: 6}", OSR_EINVAL, "at character 19: expected , or }"},
    {"counter_add{by: 5}}", OSR_EINVAL, "at character 19: expected nothing more"},
    {"counter_add x", OSR_EINVAL, "at character 13: expected nothing more"},
    {"counter_add{by: five}", OSR_EINVAL,
     "at character 17: expected a whole number from -9223372036854775808 to 9223372036854775807"},
    {"counter_add{by: 9223372036854775808}", OSR_EINVAL,
     "at character 17: expected a whole number from -9223372036854775808 to 9223372036854775807"},
    {"everything{u8v: 256}", OSR_EINVAL, "at character 17: expected a whole number from 0 to 255"},
    {"everything{u8v: -1}", OSR_EINVAL, "at character 17: expected a whole number from 0 to 255"},
    {"everything{u8v: 0x}", OSR_EINVAL, "at character 17: expected a whole number from 0 to 255"},
    {"everything{u8v: 1.5}", OSR_EINVAL, "at character 17: expected a whole number from 0 to 255"},
    {"everything{i8v: -129}", OSR_EINVAL,
     "at character 17: expected a whole number from -128 to 127"},
    {"everything{yes: 1}", OSR_EINVAL, "at character 17: expected true or false"},
    {"everything{f64v: x}", OSR_EINVAL, "at character 18: expected a number"},
    {"everything{f64v: 1,5}", OSR_EINVAL, "at character 20: expected a field of everything"},
    {"everything{text: hi}", OSR_EINVAL, "at character 18: expected text in quotes, \"…\""},
    {"everything{text: \"hi}", OSR_EINVAL, "at character 22: the text is not closed: expected \""},
    {"everything{text: \"\\q\"}", OSR_EINVAL,
     "at character 20: expected one of \\n \\t \\r \\\" \\\\ \\x00 to \\xff"},
    {"everything{text: \"\\x1\"}", OSR_EINVAL,
     "at character 21: expected one of \\n \\t \\r \\\" \\\\ \\x00 to \\xff"},
    {"everything{data: \"00\"}", OSR_EINVAL,
     "at character 18: expected bytes in hexadecimal, x\"00ff\""},
    {"everything{data: x\"0\"}", OSR_EINVAL,
     "at character 20: expected two hexadecimal digits or \""},
    {"everything{who: 17}", OSR_EINVAL,
     "at character 17: expected a pid like <3f9a12bc00112233.17.2>"},
    {"everything{which: <0.1>}", OSR_EINVAL,
     "at character 19: expected a reference like #Ref<3f9a12bc00112233.17>"},
    {"everything{many: 5}", OSR_EINVAL, "at character 18: expected a list, […]"},
    {"everything{many: [5]}", OSR_EINVAL, "at character 19: expected a struct, {…}"},
    {"lists{u8s: [1 2]}", OSR_EINVAL, "at character 15: expected , or ]"},
    {"lists{u8s: [1,", OSR_EINVAL, "at character 15: expected a whole number from 0 to 255"},
    {"everything{one: 5}", OSR_EINVAL, "at character 17: expected a struct, {…}"},
};

/* Each mistake is named, with what was expected and at which character. */
START_TEST(mistakes_are_named)
{
    start();
    for (size_t i = 0; i < sizeof(mistakes) / sizeof(mistakes[0]); i++) {
        osri_envelope *envelope = NULL;
        osr_err err = osri_parse(&types, mistakes[i].text, &envelope, error);
        ck_assert_msg(err == mistakes[i].err, "%s: %s", mistakes[i].text, osr_err_name(err));
        ck_assert_str_eq(error, mistakes[i].error);
        ck_assert_ptr_null(envelope);
    }
    finish();
}
END_TEST

/* A name of any length fits into the error text or is cut there. */
START_TEST(long_words_are_cut)
{
    char text[1000] = "";
    osri_envelope *envelope = NULL;
    start();
    memset(text, 'x', sizeof(text) - 1);
    ck_err(osri_parse(&types, text, &envelope, error), OSR_ENOTFOUND);
    ck_assert_uint_lt(strlen(error), sizeof(error));
    memcpy(text, "counter_add{by: 1", 17);
    memset(text + 17, '0', 900);
    ck_err(osri_parse(&types, text, &envelope, error), OSR_EINVAL);
    memcpy(text, "everything{f64v: 1", 18);
    ck_err(osri_parse(&types, text, &envelope, error), OSR_EINVAL);
    finish();
}
END_TEST

/* Whichever allocation fails, nothing is left behind. */
START_TEST(no_memory_leaves_nothing)
{
    osr_err err = OSR_ENOMEM;
    start();
    uint64_t blocks = osri_heap_live_blocks();
    for (uint64_t nth = 1; err == OSR_ENOMEM; nth++) {
        osri_envelope *envelope = NULL;
        osri_heap_fail_after(nth, false);
        err = osri_parse(&types, "everything{text: \"abc\", data: x\"0102\"}", &envelope, error);
        osri_heap_fail_after(0, false);
        osri_envelope_free(&envelope);
        ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
    }
    ck_err(err, OSR_OK);
    finish();
}
END_TEST

RUN_TESTS("parse", printed_values_are_read_back, choices_are_typed_by_their_names, the_form_is_free,
          edges_of_numbers, mistakes_are_named, long_words_are_cut, no_memory_leaves_nothing);
