/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/admission.h"
#include "dist/net/directory.h"
#include "dist/net/record.h"

/* Records, the directory of nodes and the bound on strangers: what has no network in it. */

OSR_MESSAGE(parcel, 0x1200, (1, u32, number), (2, pid, from), (3, list(pid), others));

static osri_types types;
static osri_buffer buffer;

static void setup(void)
{
    ck_assert_int_eq(osri_types_init(&types), OSR_OK);
    ck_assert_int_eq(osri_types_add(&types, &parcel_osr_type, NULL), OSR_OK);
}

static void teardown(void)
{
    osri_types_fini(&types);
    osri_buffer_fini(&buffer);
}

static void write_parcel(const osri_route *route)
{
    osr_pid others[] = {{3, 30, 300}, {4, 40, 400}};
    parcel body = {.number = 7, .from = {2, 20, 200}, .others = {.at = others, .count = 2}};
    osri_envelope *signal;

    ck_assert_int_eq(osri_envelope_new(&parcel_osr_type, &body, &signal), OSR_OK);
    signal->kind = OSRI_SIGNAL_MESSAGE;
    signal->from = (osr_pid){1, 10, 100};
    signal->ref = 77;
    signal->trace = 5;
    signal->deadline_ns = 3000000;
    ck_assert_int_eq(osri_record_write_signal(&buffer, signal, route, 1000000), OSR_OK);
    osri_envelope_free(&signal);
}

/* What was written is read again; the sender's node is the peer, whoever it claims to be. */
START_TEST(signal_survives_the_way)
{
    osri_route route = {.pid = {9, 90, 900}};
    osri_record record;
    osri_envelope *signal;
    uint32_t id;

    write_parcel(&route);
    ck_assert_int_eq(osri_record_read(buffer.at, buffer.size, &record), OSR_OK);
    ck_assert_uint_eq(record.to, UINT64_C(90) << 32 | 900);
    ck_assert_int_eq(osri_record_body_type(&record, &id), OSR_OK);
    ck_assert_uint_eq(id, 0x1200);
    ck_assert_int_eq(osri_record_open(&record, &types, 55, 10, &signal), OSR_OK);
    ck_assert(osr_pid_equal(signal->from, (osr_pid){55, 10, 100}));
    ck_assert_uint_eq(signal->ref, 77);
    ck_assert_uint_eq(signal->trace, 5);
    ck_assert_uint_eq(signal->deadline_ns, 10 + 2000000);
    ck_assert_uint_eq(((const parcel *)osri_envelope_body(signal))->others.at[1].slot, 40);
    osri_envelope_free(&signal);
}
END_TEST

static uint64_t deadline_after(uint64_t deadline_ns)
{
    osri_route route = {.pid = {9, 90, 900}};
    osri_record record;
    osri_envelope *signal;

    ck_assert_int_eq(osri_envelope_new(NULL, NULL, &signal), OSR_OK);
    signal->kind = OSRI_SIGNAL_LINK;
    signal->deadline_ns = deadline_ns;
    buffer.size = 0;
    ck_assert_int_eq(osri_record_write_signal(&buffer, signal, &route, 1000000), OSR_OK);
    osri_envelope_free(&signal);
    ck_assert_int_eq(osri_record_read(buffer.at, buffer.size, &record), OSR_OK);
    return record.deadline_ms;
}

/* What is left travels in ms, rounded up; what never ends does not, what is very long is long. */
START_TEST(deadline_survives_the_way)
{
    ck_assert_uint_eq(deadline_after(0), 0);
    ck_assert_uint_eq(deadline_after(UINT64_MAX), 0);
    ck_assert_uint_eq(deadline_after(999), 1); /* has passed */
    ck_assert_uint_eq(deadline_after(1000001), 1);
    ck_assert_uint_eq(deadline_after(3000001), 3);
    ck_assert_uint_eq(deadline_after(UINT64_MAX - 1), UINT32_MAX);
}
END_TEST

/* A name goes as it is, whatever bytes are in it; one that is too long is refused. */
START_TEST(name_survives_the_way)
{
    char name[300];
    osri_route route = {.name = "se\x01rv\xff"
                                "er"};
    osri_record record;
    osri_envelope *signal;

    write_parcel(&route);
    ck_assert_int_eq(osri_record_read(buffer.at, buffer.size, &record), OSR_OK);
    ck_assert(record.is_named);
    ck_assert_str_eq(record.name, route.name);
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    route.name = name;
    ck_assert_int_eq(osri_envelope_new(NULL, NULL, &signal), OSR_OK);
    signal->kind = OSRI_SIGNAL_LINK;
    ck_assert_int_eq(osri_record_write_signal(&buffer, signal, &route, 0), OSR_EINVAL);
    osri_envelope_free(&signal);
}
END_TEST

/* The golden bytes of a LINK: kind, from, to, its number, then zeros and nil. */
START_TEST(link_is_these_bytes)
{
    static const uint8_t golden[] = {0x99, 0x04, 0xcf, 0, 0, 0, 10,  0, 0, 0, 100, 0xcf, 0,
                                     0,    0,    90,   0, 0, 3, 132, 7, 0, 0, 0,   0,    0xc0};
    osri_route route = {.pid = {9, 90, 900}};
    osri_envelope *signal;

    ck_assert_int_eq(osri_envelope_new(NULL, NULL, &signal), OSR_OK);
    signal->kind = OSRI_SIGNAL_LINK;
    signal->from = (osr_pid){1, 10, 100};
    signal->ref = 7;
    ck_assert_int_eq(osri_record_write_signal(&buffer, signal, &route, 0), OSR_OK);
    ck_assert_uint_eq(buffer.size, sizeof(golden));
    ck_assert_mem_eq(buffer.at, golden, sizeof(golden));
    osri_envelope_free(&signal);
}
END_TEST

static void collect(void *context, osr_pid pid)
{
    *(uint64_t *)context = *(uint64_t *)context * 10 + pid.node;
}

/* Every pid of a body is found, also in lists. */
START_TEST(pids_are_found)
{
    osri_route route = {.pid = {9, 90, 900}};
    uint64_t nodes = 0;

    write_parcel(&route);
    osri_record_each_pid(buffer.at, buffer.size, collect, &nodes);
    ck_assert_uint_eq(nodes, 234);
}
END_TEST

/* A record that is cut anywhere, or has a byte too many, is malformed. */
START_TEST(cut_record_is_malformed)
{
    osri_route route = {.name = "server"};
    osri_record record;
    osri_envelope *signal = NULL;

    write_parcel(&route);
    for (size_t size = 0; size < buffer.size; size++) {
        osr_err err = osri_record_read(buffer.at, size, &record);
        if (err == OSR_OK) {
            err = osri_record_open(&record, &types, 1, 0, &signal);
        }
        ck_assert_int_eq(err, OSR_EPROTO);
    }
    ck_assert_int_eq(osri_buffer_append(&buffer, "", 1), OSR_OK);
    ck_assert_int_eq(osri_record_read(buffer.at, buffer.size, &record), OSR_OK);
    ck_assert_int_eq(osri_record_open(&record, &types, 1, 0, &signal), OSR_EPROTO);
}
END_TEST

/* Kinds that stay within a node, and unknown ones, are refused. */
START_TEST(foreign_kinds_are_malformed)
{
    static const uint8_t kinds[] = {0, OSRI_SIGNAL_TIMEOUT, OSRI_SIGNAL_NODE, OSRI_SIGNAL_WAKE, 63,
                                    66};
    osri_record record;

    for (size_t i = 0; i < sizeof(kinds); i++) {
        uint8_t bytes[] = {0x99, kinds[i], 1, 1, 0, 0, 0, 0, 0, 0xc0};
        ck_assert_int_eq(osri_record_read(bytes, sizeof(bytes), &record), OSR_EPROTO);
    }
}
END_TEST

/* A control signal whose body is not of its kind's type is malformed: the runtime would misread it.
 */
START_TEST(control_body_has_its_type)
{
    static const uint8_t link_with_body[] = {0x99, OSRI_SIGNAL_LINK, 1, 1, 0, 0, 0, 0, 0, 0x80};
    static const uint8_t exit_without[] = {0x99, OSRI_SIGNAL_EXIT, 1, 1, 0, 0, 0, 0, 0, 0xc0};
    osri_record record;
    osri_envelope *signal;

    ck_assert_int_eq(osri_record_read(link_with_body, sizeof(link_with_body), &record), OSR_OK);
    ck_assert_int_eq(osri_record_open(&record, &types, 1, 0, &signal), OSR_EPROTO);
    ck_assert_int_eq(osri_record_read(exit_without, sizeof(exit_without), &record), OSR_OK);
    ck_assert_int_eq(osri_record_open(&record, &types, 1, 0, &signal), OSR_EPROTO);
}
END_TEST

/* An introduction goes both ways; one with something behind it does not. */
START_TEST(introduction_survives_the_way)
{
    osri_record record;

    ck_assert_int_eq(
        osri_record_write_introduction(&buffer, OSRI_RECORD_NODE, UINT64_MAX, "a@b", 12), OSR_OK);
    ck_assert_int_eq(osri_record_read(buffer.at, buffer.size, &record), OSR_OK);
    ck_assert_uint_eq(record.id, UINT64_MAX);
    ck_assert_str_eq(record.name, "a@b");
    ck_assert_uint_eq(record.value, 12);
    ck_assert_int_eq(osri_buffer_append(&buffer, "", 1), OSR_OK);
    ck_assert_int_eq(osri_record_read(buffer.at, buffer.size, &record), OSR_EPROTO);
}
END_TEST

/* Nodes that are not connected are forgotten beyond the bound, the least recently used first; a
 * peer never is. */
START_TEST(directory_is_bounded)
{
    osri_directory directory;
    osri_peer peer = {.name = "peer@h", .node = 1};

    osri_directory_init(&directory, 0);
    ck_assert_int_eq(osri_directory_up(&directory, &peer, 1), OSR_OK);
    ck_assert_int_eq(osri_directory_learn(&directory, 2, "used@h", 9, 1), OSR_OK);
    ck_assert_int_eq(osri_directory_learn(&directory, 3, "unused@h", 9, 1), OSR_OK);
    const char *name = osri_directory_find(&directory, 3, NULL);
    ck_assert_str_eq(name, "unused@h");
    for (uint64_t i = 0; i < OSRI_DIRECTORY_KNOWN_MAX - 1; i++) {
        ck_assert_ptr_nonnull(osri_directory_find(&directory, 2, NULL));
        ck_assert_int_eq(osri_directory_learn(&directory, 100 + i, "x@h", 9, 1), OSR_OK);
    }
    ck_assert_ptr_null(osri_directory_find(&directory, 3, NULL));
    ck_assert_ptr_nonnull(osri_directory_find(&directory, 2, NULL));
    ck_assert_ptr_nonnull(osri_directory_find(&directory, 1, NULL));
    ck_assert_str_eq(name, "unused@h");
    ck_assert(osri_directory_is_up_name(&directory, "peer@h"));
    osri_directory_down(&directory, 1);
    ck_assert(!osri_directory_is_up(&directory, 1));
    ck_assert_ptr_nonnull(osri_directory_find(&directory, 1, NULL));
    osri_directory_fini(&directory);
}
END_TEST

/* Whatever peers tell of nodes that nobody has met, one that proves its name can still connect. */
START_TEST(hearsay_leaves_room_for_who_connects)
{
    osri_directory directory;
    osri_peer peer = {.name = "peer@h", .node = 1};
    char name[32];

    osri_directory_init(&directory, 0);
    for (uint64_t i = 0; i < 2 * OSRI_DIRECTORY_NAMES_MAX; i++) {
        (void)snprintf(name, sizeof(name), "x%llu@h", (unsigned long long)i);
        if (osri_directory_learn(&directory, 100 + i, name, 9, 1) != OSR_OK) {
            break;
        }
    }
    ck_assert_int_eq(osri_directory_learn(&directory, 99, "another@h", 9, 1), OSR_ELIMIT);
    ck_assert_int_eq(osri_directory_up(&directory, &peer, 1), OSR_OK);
    osri_directory_fini(&directory);
}
END_TEST

/* From one address 40 at once and then 20 a second; another address has its own share; all together
 * 100. */
START_TEST(strangers_are_bounded)
{
    static osri_admission admission;
    unsigned admitted = 0;
    char address[16];

    osri_admission_init(&admission);
    for (int i = 0; i < 100; i++) {
        admitted += osri_admission_try(&admission, "192.0.2.1", 1);
    }
    ck_assert_uint_eq(admitted, 40);
    ck_assert(!osri_admission_try(&admission, "192.0.2.1", UINT64_C(40000000)));
    ck_assert(osri_admission_try(&admission, "192.0.2.1", UINT64_C(60000000)));
    ck_assert(osri_admission_try(&admission, "192.0.2.2", UINT64_C(60000000)));
    admitted = 0;
    for (int i = 0; i < 200; i++) {
        (void)snprintf(address, sizeof(address), "198.51.100.%d", i);
        admitted += osri_admission_try(&admission, address, UINT64_C(60000000));
    }
    ck_assert_uint_le(admitted, 100);
    osri_admission_fini(&admission);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("records");
    TCase *tests = tcase_create("records");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, signal_survives_the_way);
    tcase_add_test(tests, deadline_survives_the_way);
    tcase_add_test(tests, name_survives_the_way);
    tcase_add_test(tests, link_is_these_bytes);
    tcase_add_test(tests, pids_are_found);
    tcase_add_test(tests, cut_record_is_malformed);
    tcase_add_test(tests, foreign_kinds_are_malformed);
    tcase_add_test(tests, control_body_has_its_type);
    tcase_add_test(tests, introduction_survives_the_way);
    tcase_add_test(tests, directory_is_bounded);
    tcase_add_test(tests, hearsay_leaves_room_for_who_connects);
    tcase_add_test(tests, strangers_are_bounded);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
