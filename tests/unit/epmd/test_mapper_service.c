/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/service.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"

/* What a mapper answers, without any socket: requests as bytes in, replies as bytes out. */

#define NOW_S UINT64_C(1800000000)
#define NODES 300 /* more than one reply takes */

static const uint8_t secret[32] = "the secret of a cluster";
static osri_epmd_service service;
static osri_identity node, other;
static uint8_t reply_bytes[OSRI_EPMD_REPLY_BYTES_MAX];
static osri_epmd_reply reply;
static uint64_t now_ms;

static osri_identity identity_of(const char *name, const char *cluster, uint32_t roles)
{
    osri_identity_request request = {.secret = secret,
                                     .cluster = cluster,
                                     .name = name,
                                     .roles = roles,
                                     .now_s = NOW_S,
                                     .creation = 7};
    osri_identity made;

    ck_assert_int_eq(osri_identity_development(&request, &made), OSR_OK);
    return made;
}

static void setup(void)
{
    static const osri_epmd_hooks hooks;
    osri_identity mapper;

    ck_assert_int_eq(osri_identity_mapper(secret, NULL, &mapper), OSR_OK);
    ck_assert_int_eq(osri_epmd_service_init(&service, &mapper, &hooks, 1), OSR_OK);
    node = identity_of("a@h1", NULL, 0);
    other = identity_of("b@h2", NULL, 0);
    now_ms = 1000;
}

static void teardown(void)
{
    osri_epmd_service_fini(&service);
    ck_assert_uint_eq(osri_heap_live_blocks(), 0);
}

static osr_err say(const osri_epmd_caller *caller, const uint8_t *data, size_t bytes)
{
    size_t answered = 0;
    osr_err err = osri_epmd_service_answer(&service, caller, data, bytes, now_ms, NOW_S,
                                           reply_bytes, &answered);

    ck_assert_uint_gt(answered, 0);
    ck_assert_int_eq(osri_epmd_reply_decode(reply_bytes, answered, &reply), OSR_OK);
    return err;
}

/* The request as its bytes; certificate of `who` unless NULL. */
static void ask(const osri_epmd_caller *caller, osri_epmd_operation operation, const char *name,
                const osri_identity *who)
{
    osri_epmd_request request = {.operation = operation, .has_certificate = who != NULL};
    uint8_t data[OSRI_EPMD_REQUEST_BYTES_MAX];
    size_t bytes = 0;

    snprintf(request.record.endpoint, sizeof(request.record.endpoint), "tcp://127.0.0.1:9100");
    if (operation == OSRI_EPMD_LOOKUP) {
        snprintf(request.record.name, sizeof(request.record.name), "%s", name);
    }
    request.record.label_count = 1;
    strcpy(request.record.labels[0], "worker");
    request.record.creation = 7;
    request.record.os_pid = 4242;
    if (who != NULL) {
        request.certificate = who->certificate_signed;
    }
    ck_assert_int_eq(osri_epmd_request_encode(&request, data, sizeof(data), &bytes), OSR_OK);
    ck_assert_int_eq(say(caller, data, bytes), OSR_OK);
}

static void expect_error(osr_err error, const char *part)
{
    ck_assert_int_eq(reply.answer, OSRI_EPMD_ERROR);
    ck_assert_msg(reply.error == error, "%s: %s", osr_err_name(reply.error), reply.text);
    ck_assert_msg(strstr(reply.text, part) != NULL, "%s", reply.text);
}

static char no_name[OSRI_NAME_BYTES];

static osri_epmd_caller remote(const osri_identity *who)
{
    no_name[0] = '\0';
    return (osri_epmd_caller){.key = who->certificate.key, .address = "192.0.2.1", .name = no_name};
}

/* A registered node is found, by members elsewhere too, with what it said and what its certificate
 * says. */
START_TEST(registered_node_is_found)
{
    char name[OSRI_NAME_BYTES] = "";
    osri_epmd_caller local = {.lease = 1, .name = name}, member = remote(&other);

    ask(&local, OSRI_EPMD_REGISTER, NULL, &node);
    ck_assert_int_eq(reply.answer, OSRI_EPMD_OK);
    ck_assert_str_eq(name, "a@h1");
    ask(&member, OSRI_EPMD_LOOKUP, "a@h1", &other);
    ck_assert_int_eq(reply.answer, OSRI_EPMD_RECORD);
    ck_assert_str_eq(reply.record.name, "a@h1");
    ck_assert_str_eq(reply.record.endpoint, "tcp://127.0.0.1:9100");
    ck_assert_mem_eq(reply.record.key, node.certificate.key, 32);
    ck_assert_uint_eq(reply.record.creation, 7);
    ck_assert_uint_eq(reply.record.os_pid, 4242);
    ck_assert_uint_eq(reply.record.label_count, 1);
    ck_assert_str_eq(reply.record.labels[0], "worker");
}
END_TEST

/* The second node of a name is refused with the first one's pid; when the first is gone it is
 * welcome. */
START_TEST(name_is_held_by_one_connection)
{
    char name[OSRI_NAME_BYTES] = "", second_name[OSRI_NAME_BYTES] = "";
    osri_epmd_caller first = {.lease = 1, .name = name}, second = {.lease = 2, .name = second_name};

    ask(&first, OSRI_EPMD_REGISTER, NULL, &node);
    ask(&second, OSRI_EPMD_REGISTER, NULL, &node);
    expect_error(OSR_ETAKEN, "\"a@h1\" runs already (pid 4242)");
    ck_assert_str_eq(second_name, "");
    osri_epmd_service_closed(&service, second_name, 2);
    ask(&first, OSRI_EPMD_LOOKUP, "a@h1", NULL);
    ck_assert_int_eq(reply.answer, OSRI_EPMD_RECORD);
    osri_epmd_service_closed(&service, name, 1);
    ask(&second, OSRI_EPMD_LOOKUP, "a@h1", NULL);
    expect_error(OSR_ENOTFOUND, "a@h1");
    ask(&second, OSRI_EPMD_REGISTER, NULL, &node);
    ck_assert_int_eq(reply.answer, OSRI_EPMD_OK);
}
END_TEST

/* One connection, one name: else one end would have to end several. */
START_TEST(connection_holds_one_name)
{
    char name[OSRI_NAME_BYTES] = "";
    osri_epmd_caller local = {.lease = 1, .name = name};

    ask(&local, OSRI_EPMD_REGISTER, NULL, &node);
    ask(&local, OSRI_EPMD_REGISTER, NULL, &other);
    expect_error(OSR_EBUSY, "a@h1");
}
END_TEST

/* Without a certificate of our cluster nobody gets a name. */
START_TEST(registration_needs_a_certificate)
{
    char name[OSRI_NAME_BYTES] = "";
    osri_epmd_caller local = {.lease = 1, .name = name};
    osri_identity foreign = identity_of("a@h1", "staging", 0);
    osri_identity weak = identity_of("a@h1", NULL, OSRI_ROLE_SHELL_READ);

    ask(&local, OSRI_EPMD_REGISTER, NULL, NULL);
    expect_error(OSR_EPERM, "certificate");
    ask(&local, OSRI_EPMD_REGISTER, NULL, &foreign);
    expect_error(OSR_EPERM, "staging");
    ask(&local, OSRI_EPMD_REGISTER, NULL, &weak);
    expect_error(OSR_EPERM, "may not join");
    ck_assert_str_eq(name, "");
    ck_assert_uint_eq(osri_registry_count(service.registry), 0);
}
END_TEST

/* Over the network a certificate counts only on a connection that has proven its key; names stay
 * hidden. */
START_TEST(remote_caller_must_own_its_certificate)
{
    char name[OSRI_NAME_BYTES] = "";
    osri_epmd_caller local = {.lease = 1, .name = name}, thief = remote(&other);

    ask(&local, OSRI_EPMD_REGISTER, NULL, &node);
    ask(&thief, OSRI_EPMD_LOOKUP, "a@h1", &node);
    expect_error(OSR_EPERM, "possible impersonation");
    ask(&thief, OSRI_EPMD_LIST, NULL, NULL);
    expect_error(OSR_EPERM, "certificate");
    ck_assert_uint_eq(service.counters.refused, 2);
}
END_TEST

/* Nothing but questions may come over the network. */
START_TEST(remote_caller_cannot_administer)
{
    osri_epmd_caller member = remote(&other);

    ask(&member, OSRI_EPMD_REGISTER, NULL, &other);
    expect_error(OSR_EPERM, "own machine");
    ask(&member, OSRI_EPMD_STATUS, NULL, &other);
    expect_error(OSR_EPERM, "own machine");
    ask(&member, OSRI_EPMD_STOP, NULL, &other);
    expect_error(OSR_EPERM, "own machine");
    ck_assert(!service.is_stopping);
    ck_assert_uint_eq(osri_registry_count(service.registry), 0);
}
END_TEST

/* A peer that asks too fast is told so, another is not held up, and time heals. */
START_TEST(fast_peer_is_limited)
{
    osri_epmd_caller fast = remote(&other), calm = remote(&node);
    int answered = 0;

    for (int i = 0; i < 200; i++) {
        ask(&fast, OSRI_EPMD_LOOKUP, "x@y", &other);
        answered += reply.error == OSR_ENOTFOUND;
    }
    ck_assert_int_eq(answered, 100);
    expect_error(OSR_EBUSY, "later");
    ask(&calm, OSRI_EPMD_LOOKUP, "x@y", &node);
    expect_error(OSR_ENOTFOUND, "x@y");
    now_ms += 20;
    ask(&fast, OSRI_EPMD_LOOKUP, "x@y", &other);
    expect_error(OSR_ENOTFOUND, "x@y");
}
END_TEST

static void register_many(void)
{
    osri_epmd_record record = {.label_count = OSRI_EPMD_LABELS_MAX};

    for (uint32_t i = 0; i < record.label_count; i++) {
        memset(record.labels[i], 'x', OSRI_EPMD_LABEL_BYTES - 1);
    }
    for (int i = 0; i < NODES; i++) {
        snprintf(record.name, sizeof(record.name), "n%d@h", i);
        ck_assert_int_eq(osri_registry_add(service.registry, &record, 1, NULL), OSR_OK);
    }
}

/* A list longer than a reply comes in pages, in order, nothing twice and nothing left out. */
START_TEST(long_list_comes_in_pages)
{
    osri_epmd_request request = {.operation = OSRI_EPMD_LIST};
    osri_epmd_caller local = {.lease = 1, .name = no_name};
    uint8_t data[64];
    char expected[16];
    size_t bytes = 0;
    int seen = 0, pages = 0;

    register_many();
    do {
        osri_epmd_record record;
        ck_assert_int_eq(osri_epmd_request_encode(&request, data, sizeof(data), &bytes), OSR_OK);
        ck_assert_int_eq(say(&local, data, bytes), OSR_OK);
        ck_assert_int_eq(reply.answer, OSRI_EPMD_RECORDS);
        for (uint32_t i = 0; i < reply.count; i++) {
            osri_epmd_reply_next(&reply, &record);
            snprintf(expected, sizeof(expected), "n%d@h", seen++);
            ck_assert_str_eq(record.name, expected);
        }
        request.after = reply.next;
        pages++;
    } while (reply.next != 0);
    ck_assert_int_eq(seen, NODES);
    ck_assert_int_gt(pages, 1);
}
END_TEST

/* Another version of the protocol is told which one is spoken here; garbage is malformed. */
START_TEST(strange_requests_are_answered_and_ended)
{
    static const uint8_t newer[] = {0x93, 0x02, 0x03, 0xc0};
    static const uint8_t null_in_name[] = {0x95, 1, 2, 0xa4, 'a', 0, '@', 'h', 0xc4, 0, 0xc4, 0};
    static const uint8_t huge_array[] = {0xdd, 0x05, 0, 0, 0};
    osri_epmd_caller local = {.lease = 1, .name = no_name};

    ck_assert_int_eq(say(&local, newer, sizeof(newer)), OSR_EPROTO);
    expect_error(OSR_EVERSION, "version 1");
    ck_assert_int_eq(say(&local, null_in_name, sizeof(null_in_name)), OSR_EPROTO);
    expect_error(OSR_EPROTO, "malformed");
    ck_assert_int_eq(say(&local, huge_array, sizeof(huge_array)), OSR_EPROTO);
    expect_error(OSR_EPROTO, "malformed");
    ck_assert_uint_eq(service.counters.malformed, 3);
}
END_TEST

static bool is_dead(void *context, uint64_t lease)
{
    *(uint64_t *)context = lease;
    return false;
}

/* A holder whose end has not been noticed yet makes room, once somebody asks for its name. */
START_TEST(dead_holder_makes_room)
{
    char name[OSRI_NAME_BYTES] = "", second_name[OSRI_NAME_BYTES] = "";
    osri_epmd_caller first = {.lease = 1, .name = name}, second = {.lease = 2, .name = second_name};
    uint64_t asked = 0;

    service.hooks.context = &asked;
    service.hooks.lease_is_alive = is_dead;
    ask(&first, OSRI_EPMD_REGISTER, NULL, &node);
    ck_assert_uint_eq(asked, 0);
    ask(&second, OSRI_EPMD_REGISTER, NULL, &node);
    ck_assert_int_eq(reply.answer, OSRI_EPMD_OK);
    ck_assert_uint_eq(asked, 1);
    ck_assert_uint_eq(osri_registry_lease(service.registry, "a@h1"), 2);
    osri_epmd_service_closed(&service, name, 1); /* late: takes nothing from the second */
    ck_assert_uint_eq(osri_registry_lease(service.registry, "a@h1"), 2);
}
END_TEST

/* Text from the other side goes to terminals: no control characters, not even in a label or an
 * error. */
START_TEST(control_characters_are_refused)
{
    static const uint8_t error[] = {0x94, 1, 2, 9, 0xa4, 0x1b, '[', '2', 'J'};
    static const uint8_t label[] = {0x99, 1,    1,    0xa1, 'e', 7,    42, 0x91,
                                    0xa1, 0x7f, 0xc2, 0xc4, 0,   0xc4, 0};
    uint8_t good[sizeof(label)];
    osri_epmd_request request;

    ck_assert_int_eq(osri_epmd_reply_decode(error, sizeof(error), &reply), OSR_EPROTO);
    ck_assert_int_eq(osri_epmd_request_decode(label, sizeof(label), &request), OSR_EPROTO);
    memcpy(good, label, sizeof(good));
    good[9] = 'x';
    ck_assert_int_eq(osri_epmd_request_decode(good, sizeof(good), &request), OSR_OK);
}
END_TEST

/* The encoding is fixed; PROTOCOL.md shows these bytes. */
START_TEST(lookup_has_its_golden_bytes)
{
    static const uint8_t golden[] = {0x95, 0x01, 0x02, 0xa4, 'a',  '@',
                                     'h',  '1',  0xc4, 0x00, 0xc4, 0x00};
    osri_epmd_request request = {.operation = OSRI_EPMD_LOOKUP};
    uint8_t data[64];
    size_t bytes = 0;

    strcpy(request.record.name, "a@h1");
    ck_assert_int_eq(osri_epmd_request_encode(&request, data, sizeof(data), &bytes), OSR_OK);
    ck_assert_uint_eq(bytes, sizeof(golden));
    ck_assert_mem_eq(data, golden, bytes);
}
END_TEST

/* Cut anywhere, or with a byte behind it, a request is malformed. */
START_TEST(cut_and_extended_requests_are_refused)
{
    osri_epmd_request request = {.operation = OSRI_EPMD_REGISTER, .has_certificate = true}, decoded;
    uint8_t data[OSRI_EPMD_REQUEST_BYTES_MAX];
    size_t bytes = 0;

    strcpy(request.record.endpoint, "tcp://127.0.0.1:9100");
    request.certificate = node.certificate_signed;
    ck_assert_int_eq(osri_epmd_request_encode(&request, data, sizeof(data), &bytes), OSR_OK);
    ck_assert_int_eq(osri_epmd_request_decode(data, bytes, &decoded), OSR_OK);
    for (size_t cut = 0; cut < bytes; cut++) {
        ck_assert_int_eq(osri_epmd_request_decode(data, cut, &decoded), OSR_EPROTO);
    }
    data[bytes] = 0;
    ck_assert_int_eq(osri_epmd_request_decode(data, bytes + 1, &decoded), OSR_EPROTO);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapper_service");
    TCase *cases = tcase_create("mapper_service");

    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, registered_node_is_found);
    tcase_add_test(cases, name_is_held_by_one_connection);
    tcase_add_test(cases, connection_holds_one_name);
    tcase_add_test(cases, dead_holder_makes_room);
    tcase_add_test(cases, control_characters_are_refused);
    tcase_add_test(cases, registration_needs_a_certificate);
    tcase_add_test(cases, remote_caller_must_own_its_certificate);
    tcase_add_test(cases, remote_caller_cannot_administer);
    tcase_add_test(cases, fast_peer_is_limited);
    tcase_add_test(cases, long_list_comes_in_pages);
    tcase_add_test(cases, strange_requests_are_answered_and_ended);
    tcase_add_test(cases, lookup_has_its_golden_bytes);
    tcase_add_test(cases, cut_and_extended_requests_are_refused);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
