/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/dynamic.h"

#include <string.h>

#include "lib/message/codec.h"
#include "tests/unit/process/process_kit.h"

/* Messages whose type is not known when the program is compiled: built, read, forwarded. */

OSR_STRUCT(place, (1, i32, x), (2, str, label));
OSR_UNION(answer, (1, bool, yes), (2, of(place), where));
OSR_MESSAGE(report, 0x7020, (1, i64, n), (2, opt(f64), share), (3, list(of(place)), places),
            (4, of(answer), answer), (5, bin, data), (6, pid, who), (300, u8, far));

#define UNKNOWN_ID 0x7fff

/* A report, written by tags alone. */
static void write_report(osr_self *self, osr_writer *writer)
{
    osr_write_struct(writer, 5);
    osr_write_tag(writer, 1);
    osr_write_signed(writer, -5);
    osr_write_tag(writer, 3);
    osr_write_list(writer, 2);
    osr_write_struct(writer, 0);
    osr_write_struct(writer, 1);
    osr_write_tag(writer, 2);
    osr_write_text(writer, "door", 4);
    osr_write_tag(writer, 4);
    osr_write_struct(writer, 1);
    osr_write_tag(writer, 1);
    osr_write_bool(writer, true);
    osr_write_tag(writer, 5);
    osr_write_bytes(writer, "\x00\xff", 2);
    osr_write_tag(writer, 6);
    osr_write_pid(writer, osr_self_pid(self));
}

static osr_any *written(osr_self *self, uint32_t type_id)
{
    osr_writer *writer = NULL;
    osr_any *message = NULL;
    CHECK_OK(self, osr_writer_new(&writer));
    write_report(self, writer);
    CHECK_OK(self, osr_writer_end(&writer, osr_self_node(self), type_id, &message));
    OSR_CHECK(self, writer == NULL);
    return message;
}

/* What write_report() wrote, whether its type is known or not. */
static void expect_report(osr_self *self, const osr_type *type, const void *body)
{
    osr_value all, part, inner;
    uint32_t tag = 0;
    CHECK_OK(self, osr_value_of(type, body, &all));
    OSR_CHECK(self, all.kind == OSR_VALUE_STRUCT);
    CHECK_OK(self, osr_value_tagged(&all, 1, &part));
    OSR_CHECK(self, part.kind == OSR_VALUE_NEGATIVE && part.negative == -5);
    OSR_CHECK(self, osr_value_tagged(&all, 2, &part) == OSR_ENOTFOUND);
    OSR_CHECK(self, osr_value_tagged(&all, 99, &part) == OSR_ENOTFOUND);
    CHECK_OK(self, osr_value_tagged(&all, 3, &part));
    OSR_CHECK(self, part.kind == OSR_VALUE_LIST && part.count == 2);
    CHECK_OK(self, osr_value_at(&part, 1, &tag, &inner));
    OSR_CHECK(self, inner.kind == OSR_VALUE_STRUCT && tag == 0);
    CHECK_OK(self, osr_value_tagged(&inner, 2, &part));
    OSR_CHECK(self, part.kind == OSR_VALUE_TEXT && part.text.size == 4);
    OSR_CHECK(self, memcmp(part.text.at, "door", 4) == 0);
    OSR_CHECK(self, osr_value_at(&part, 0, NULL, &inner) == OSR_EINVAL);
    CHECK_OK(self, osr_value_tagged(&all, 4, &part));
    OSR_CHECK(self, part.kind == OSR_VALUE_STRUCT && part.count == 1);
    CHECK_OK(self, osr_value_at(&part, 0, &tag, &inner));
    OSR_CHECK(self, tag == 1 && inner.kind == OSR_VALUE_BOOL && inner.truth);
    OSR_CHECK(self, osr_value_at(&part, 1, &tag, &inner) == OSR_ENOTFOUND);
    CHECK_OK(self, osr_value_tagged(&all, 5, &part));
    OSR_CHECK(self, part.kind == OSR_VALUE_BYTES && part.bytes.size == 2);
    CHECK_OK(self, osr_value_tagged(&all, 6, &part));
    OSR_CHECK(self, osr_pid_equal(part.pid, osr_self_pid(self)));
}

/* Walks all parts by next: the same, in the same order, as at each index. */
static uint32_t walk(osr_self *self, const osr_value *whole)
{
    osr_value rest = *whole, part, same;
    uint32_t tag = 0, same_tag = 0, walked = 0;
    while (osr_value_next(&rest, &tag, &part) == OSR_OK) {
        CHECK_OK(self, osr_value_at(whole, walked, &same_tag, &same));
        OSR_CHECK(self, tag == same_tag && part.kind == same.kind && part.count == same.count);
        walked++;
        if (part.kind == OSR_VALUE_STRUCT || part.kind == OSR_VALUE_LIST) {
            (void)walk(self, &part);
        }
    }
    OSR_CHECK(self, walked == whole->count);
    OSR_CHECK(self, osr_value_next(&rest, NULL, &part) == OSR_ENOTFOUND);
    return walked;
}

static osr_err known(osr_self *self)
{
    osr_message received;
    osr_value all, part;
    uint32_t tag = 0;
    osr_any *message = written(self, 0x7020);
    OSR_CHECK(self, osr_any_type(message) == osr_type_find(osr_self_node(self), 0x7020));
    CHECK_OK(self, osr_any_send(self, osr_to(osr_self_pid(self)), &message));
    OSR_CHECK(self, message == NULL);
    CHECK_OK(self, osr_receive(self, 1000, &received));
    const report *got = OSR_AS(report, &received);
    OSR_CHECK(self, got != NULL && got->n == -5 && got->places.count == 2 && !got->share.is_set);
    expect_report(self, received.type, received.body);
    CHECK_OK(self, osr_value_of(received.type, received.body, &all));
    OSR_CHECK(self, all.count == 6); /* all but the one that is not set */
    OSR_CHECK(self, walk(self, &all) == 6);
    CHECK_OK(self, osr_value_at(&all, 5, &tag, &part));
    OSR_CHECK(self, tag == 300 && part.kind == OSR_VALUE_WHOLE && part.whole == 0);
    CHECK_OK(self, osr_value_named(&all, "n", &part));
    OSR_CHECK(self, part.negative == -5);
    OSR_CHECK(self, osr_value_named(&all, "share", &part) == OSR_ENOTFOUND);
    OSR_CHECK(self, osr_value_named(&all, "none", &part) == OSR_ENOTFOUND);
    OSR_CHECK(self, osr_type_field(received.type, "far")->tag == 300);
    return OSR_OK;
}

/* What is written by tags is the message of the known type, and is read by tag, name and index. */
START_TEST(a_known_type_is_written_and_read_by_tags)
{
    node_fixture_run(known);
}
END_TEST

static osr_err unknown(osr_self *self)
{
    osr_message received;
    osr_value all, part;
    osr_any *message = written(self, UNKNOWN_ID);
    OSR_CHECK(self, osr_type_find(osr_self_node(self), UNKNOWN_ID) == NULL);
    CHECK_OK(self, osr_any_send(self, osr_to(osr_self_pid(self)), &message));
    CHECK_OK(self, osr_receive(self, 1000, &received));
    const osr_dynamic *dynamic = OSR_AS(osr_dynamic, &received);
    OSR_CHECK(self, dynamic != NULL && dynamic->type_id == UNKNOWN_ID);
    expect_report(self, received.type, received.body);
    CHECK_OK(self, osr_value_of(received.type, received.body, &all));
    OSR_CHECK(self, all.count == 5 && all.type == NULL);
    OSR_CHECK(self, walk(self, &all) == 5);
    OSR_CHECK(self, osr_value_named(&all, "n", &part) == OSR_ENOTSUP);
    /* forwarded twice: kept as a copy, and then as it was */
    osr_any *copy = NULL;
    CHECK_OK(self, osr_any_copy(received.type, received.body, &copy));
    CHECK_OK(self, osr_any_send(self, osr_to(osr_self_pid(self)), &copy));
    CHECK_OK(self, osr_receive(self, 1000, &received));
    expect_report(self, received.type, received.body);
    /* who knows the type gets it typed */
    osri_buffer buffer = {0};
    osri_envelope *typed = NULL;
    dynamic = OSR_AS(osr_dynamic, &received);
    CHECK_OK(self, osri_buffer_append(&buffer, osr_bin_data(dynamic->payload),
                                      osr_bin_size(dynamic->payload)));
    CHECK_OK(self, osri_decode(&report_osr_type, buffer.at, buffer.size, &typed));
    expect_report(self, &report_osr_type, osri_envelope_body(typed));
    osri_envelope_free(&typed);
    osri_buffer_fini(&buffer);
    return OSR_OK;
}

/* A message of a type that nobody here knows is built, read, kept and passed on all the same. */
START_TEST(an_unknown_type_is_built_read_and_forwarded)
{
    node_fixture_run(unknown);
}
END_TEST

static osr_err ends_with(osr_self *self, osr_writer **writer, uint32_t id)
{
    osr_any *message = NULL;
    osr_err err = osr_writer_end(writer, osr_self_node(self), id, &message);
    OSR_CHECK(self, *writer == NULL && (err == OSR_OK) == (message != NULL));
    osr_any_free(&message);
    return err;
}

static osr_err mistakes(osr_self *self)
{
    osr_writer *writer = NULL;
    CHECK_OK(self, osr_writer_new(&writer)); /* nothing */
    OSR_CHECK(self, ends_with(self, &writer, 0x7020) == OSR_EPROTO);
    CHECK_OK(self, osr_writer_new(&writer)); /* no struct */
    osr_write_bool(writer, true);
    OSR_CHECK(self, ends_with(self, &writer, UNKNOWN_ID) == OSR_EPROTO);
    CHECK_OK(self, osr_writer_new(&writer)); /* less than was said */
    osr_write_struct(writer, 1);
    osr_write_tag(writer, 1);
    OSR_CHECK(self, ends_with(self, &writer, 0x7020) == OSR_EPROTO);
    CHECK_OK(self, osr_writer_new(&writer)); /* another kind */
    osr_write_struct(writer, 1);
    osr_write_tag(writer, 1);
    osr_write_real(writer, 1.5);
    OSR_CHECK(self, ends_with(self, &writer, 0x7020) == OSR_EPROTO);
    CHECK_OK(self, osr_writer_new(&writer)); /* a size without text; the error stays */
    osr_write_struct(writer, 0);
    osr_write_text(writer, NULL, 3);
    osr_write_ref(writer, (osr_ref){1, 2});
    OSR_CHECK(self, ends_with(self, &writer, 0x7020) == OSR_EINVAL);
    CHECK_OK(self, osr_writer_new(&writer)); /* a reserved id */
    osr_write_struct(writer, 0);
    OSR_CHECK(self, ends_with(self, &writer, OSR_DYNAMIC_ID) == OSR_EINVAL);
    osr_writer_free(&writer);
    osr_dynamic broken = {.type_id = UNKNOWN_ID};
    osr_value value;
    OSR_CHECK(self, osr_value_of(&osr_dynamic_osr_type, &broken, &value) == OSR_EPROTO);
    return OSR_OK;
}

/* What is no message of the type is refused at the end, with nothing left of it. */
START_TEST(mistakes_are_told_at_the_end)
{
    node_fixture_run(mistakes);
}
END_TEST

static osr_err texts(osr_self *self)
{
    static const char typed[] = "report{n: -5, share: 0.5, places: [{x: 1, label: \"a\"}], "
                                "answer: {where: {x: 2, label: \"\"}}, data: x\"00ff\", "
                                "who: <0000000000000001.2.3>, far: 9}";
    char printed[512];
    char error[OSR_PARSE_TEXT_BYTES] = "";
    osr_any *message = NULL;
    const osr_node *node = osr_self_node(self);
    CHECK_OK(self, osr_parse(node, typed, &message, error));
    OSR_CHECK(self, osr_any_type(message) == osr_type_find_name(node, "report"));
    (void)osr_print(osr_any_type(message), osr_any_body(message), printed, sizeof(printed));
    OSR_CHECK(self, strcmp(printed, typed) == 0);
    osr_any_free(&message);
    OSR_CHECK(self, osr_parse(node, "report{n: x}", &message, error) == OSR_EINVAL);
    OSR_CHECK(self, strncmp(error, "at character 11: expected a whole number", 40) == 0);
    OSR_CHECK(self, osr_parse(node, "nothing{}", &message, error) == OSR_ENOTFOUND);
    OSR_CHECK(self, strcmp(error, "at character 1: no message is called nothing") == 0);
    OSR_CHECK(self, osr_parse(node, "report{", &message, NULL) == OSR_EINVAL);
    CHECK_OK(self, osr_parse_as(&place_osr_type, "{x: 7}", &message, error));
    OSR_CHECK(self, ((const place *)osr_any_body(message))->x == 7);
    OSR_CHECK(self, osr_any_send(self, osr_to(osr_self_pid(self)), &message) == OSR_EINVAL);
    OSR_CHECK(self, message == NULL); /* a struct is no message: refused, and taken */
    CHECK_OK(self, osr_parse_as(&place_osr_type, " place{x: 7} ", &message, NULL));
    osr_any_free(&message);
    OSR_CHECK(self, osr_parse_as(&place_osr_type, "report{}", &message, error) == OSR_EINVAL);
    OSR_CHECK(self, strcmp(error, "at character 1: expected place or {") == 0);
    osr_any_free(&message);
    return OSR_OK;
}

/* A message is read from text and printed as the same text; an error says where and what. */
START_TEST(text_goes_both_ways)
{
    node_fixture_run(texts);
}
END_TEST

static void add_tests(TCase *tcase)
{
    tcase_add_test(tcase, a_known_type_is_written_and_read_by_tags);
    tcase_add_test(tcase, an_unknown_type_is_built_read_and_forwarded);
    tcase_add_test(tcase, mistakes_are_told_at_the_end);
    tcase_add_test(tcase, text_goes_both_ways);
}

int main(void)
{
    Suite *suite = suite_create("dynamic");
    ADD_BOTH(suite, add_tests);
    return run_suite(suite);
}
