/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>
#include <string.h>

#include "dist/link/wire.h"
#include "lib/core/heap.h"
#include "tests/unit/link/link_world.h"

/* How a session ends: violations, a transport that refuses, goodbyes, loss. */

#define MIB (1024 * 1024)

static uint8_t big[3 * MIB];

static void begin(void)
{
    for (size_t i = 0; i < sizeof(big); i++) {
        big[i] = (uint8_t)(i * 31 + i / 997);
    }
    world_begin();
    world_connect();
}

/* Time passes for one side only; what it sends is lost. Returns when it went down. */
static uint64_t alone_until_down(link_end *end)
{
    uint64_t start_ns = world.now_ns;

    while (!osri_link_is_down(end->link)) {
        world.now_ns = osri_link_next_due(end->link);
        ck_assert_int_eq(world_step(end, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_OK);
    }
    return world.now_ns - start_ns;
}

/* --- Violations ------------------------------------------------------------------------------ */

/* A frame as a peer might send it, with the header that is due. */
static size_t next_frame(uint8_t *bytes, const void *payload, size_t payload_bytes)
{
    osri_wire_header header = {.tag = osri_wire_u64(osri_link_peer_of(world.a.link)->session),
                               .seq = 1,
                               .kind = OSRI_WIRE_DATA};

    osri_wire_header_write(bytes, &header);
    memcpy(bytes + OSRI_WIRE_HEADER_BYTES, payload, payload_bytes);
    return OSRI_WIRE_HEADER_BYTES + payload_bytes;
}

static void expect_violation(const uint8_t *bytes, size_t bytes_count, const char *text)
{
    world_forge(&world.a, bytes, bytes_count);
    world_settle();
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_PROTOCOL_ERROR);
    ck_assert_str_eq(world.b.down_text, text);
    ck_assert(world.b.closed);
    ck_assert_int_eq(world.b.downs, 1);
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_PROTOCOL_ERROR);
}

static const struct violation {
    const char *payload;
    size_t payload_bytes;
    size_t at; /* this byte of the frame is changed */
    uint8_t to;
    const char *text;
} violations[] = {
    {"", 0, 15, 2, "link a@h1: frame 2 where 1 was due; closing"},
    {"", 0, 15, 0, "link a@h1: frame 0 where 1 was due; closing"},
    {"", 0, 7, 'x', "link a@h1: a frame of another session; closing"},
    {"", 0, 23, 9, "link a@h1: acknowledges 9 bytes of 0; closing"},
    {"", 0, 24, 3, "link a@h1: a frame of unknown kind 3; closing"},
    {"\0\0\0\5abc", 7, 25, 0, "link a@h1: a malformed record in frame 1; closing"},
    {"\x80\0\0\1\0\0\0\7x", 9, 25, 0,
     "link a@h1: a fragment of no open stream in frame 1; closing"},
    {"\xc0\0\0\1\0\0\0\7\0\0\0\2x\xc0\0\0\1\0\0\0\7\0\0\0\2x", 26, 25, 0,
     "link a@h1: a stream was opened twice in frame 1; closing"},
    {"\xe0\0\0\1\0\0\0\7\0\0\0\2x", 13, 25, 0,
     "link a@h1: a record whose length is not the one announced in frame 1; closing"},
    {"\xc0\0\0\2\0\0\0\7\0\0\0\1xy", 14, 25, 0,
     "link a@h1: a record whose length is not the one announced in frame 1; closing"},
    {"\xc0\0\0\1\0\0\0\7\xff\0\0\0x", 13, 25, 0,
     "link a@h1: a record of illegal length in frame 1; closing"},
};

/* Gaps, repetitions, foreign sessions, malformed records: the session ends, with a line that says
 * what. */
START_TEST(a_violation_ends_the_session)
{
    const struct violation *row = &violations[_i];
    uint8_t bytes[128];
    size_t length = next_frame(bytes, row->payload, row->payload_bytes);

    bytes[row->at] = row->to;
    expect_violation(bytes, length, row->text);
}
END_TEST

/* A frame without a whole header. */
START_TEST(a_short_frame_ends_the_session)
{
    expect_violation(big, 27, "link a@h1: a frame of 27 bytes; closing");
}
END_TEST

/* A frame above 64 KiB. */
START_TEST(an_overlong_frame_ends_the_session)
{
    expect_violation(big, 65537, "link a@h1: a frame of 65537 bytes; closing");
}
END_TEST

/* A frame that was seen before. */
START_TEST(a_repeated_frame_ends_the_session)
{
    uint8_t bytes[64];
    size_t length;

    ck_assert_int_eq(world_say(&world.a, 1, "once"), OSR_OK);
    world_flush(&world.a);
    length = world.a.sent->bytes_count;
    memcpy(bytes, world.a.sent->bytes, length);
    world_settle();
    ck_assert_int_eq(world.b.delivers, 1);
    expect_violation(bytes, length, "link a@h1: frame 1 where 2 was due; closing");
    ck_assert_int_eq(world.b.delivers, 1);
    ck_assert(world.a.down.by_peer && !world.b.down.by_peer);
    ck_assert_ptr_nonnull(strstr(world.a.down_text, "frame 1 where 2 was due"));
}
END_TEST

/* Records before the bad one of a frame were legal: they are delivered, nothing behind it is. */
START_TEST(what_came_before_a_violation_is_delivered)
{
    static const char payload[] = "\0\0\0\2ok\0\0\0\0\0\0\0\2no";
    uint8_t bytes[64];

    expect_violation(bytes, next_frame(bytes, payload, sizeof(payload) - 1),
                     "link a@h1: a malformed record in frame 1; closing");
    ck_assert_uint_eq(world.b.received_bytes, 2);
}
END_TEST

/* A peer that ignores the window is cut off. */
START_TEST(overrunning_the_window_ends_the_session)
{
    static uint8_t bytes[60000];
    osri_wire_header header = {.kind = OSRI_WIRE_DATA};

    world.quiet = true;
    world_end();
    world_begin();
    world.quiet = true;
    world.b.config.window_bytes_max = OSRI_LINK_WINDOW_BYTES_MIN;
    world_connect();
    world.b.full = true; /* its acknowledgements do not leave */
    header.tag = osri_wire_u64(osri_link_peer_of(world.a.link)->session);
    bytes[OSRI_WIRE_HEADER_BYTES + 2] = 200;
    for (size_t at = OSRI_WIRE_HEADER_BYTES; at + 4 + 200 <= sizeof(bytes); at += 204) {
        memcpy(bytes + at, "\0\0\0\xc8", 4);
    }
    for (header.seq = 1; header.seq <= 2; header.seq++) {
        osri_wire_header_write(bytes, &header);
        world_forge(&world.a, bytes, OSRI_WIRE_HEADER_BYTES + 204 * 290);
        (void)world_carry(&world.a);
    }
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_PROTOCOL_ERROR);
    ck_assert_str_eq(world.b.down_text,
                     "link a@h1: more in flight than the window allows; closing");
}
END_TEST

/* --- The transport refuses ------------------------------------------------------------------- */

/* Frames that the transport refused leave first when it takes them again, and nothing is lost. */
START_TEST(refused_frames_leave_later_in_order)
{
    world.a.full = true;
    ck_assert_int_eq(world_say(&world.a, 1, "one"), OSR_OK);
    world_flush(&world.a);
    ck_assert_int_eq(world_say(&world.a, 1, "two"), OSR_OK);
    world_flush(&world.a);
    world_expect("a holds back\n");
    world.a.full = false;
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_WRITABLE}), OSR_OK);
    world_settle();
    world_expect("a sends DATA 1: 7 bytes, acknowledges 0\n"
                 "a sends DATA 2: 7 bytes, acknowledges 0\n"
                 "b gets \"one\"\n"
                 "b gets \"two\"\n");
}
END_TEST

/* Refused again and again: still in order, none twice. */
START_TEST(frames_may_be_refused_again)
{
    world.quiet = true;
    world.a.full = true;
    for (int i = 0; i < 60; i++) {
        ck_assert_int_eq(world_send(&world.a, 1, big + i, 1000), OSR_OK);
    }
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_WRITABLE}),
                         OSR_OK);
        world_flush(&world.a);
    }
    world.a.full = false;
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_WRITABLE}), OSR_OK);
    world_settle();
    ck_assert_int_eq(world.b.delivers, 60);
    ck_assert_int_eq(world.b.downs, 0);
}
END_TEST

/* --- The end --------------------------------------------------------------------------------- */

/* Goodbye: all that was accepted arrives, then both are down, neither has lost anything. */
START_TEST(goodbye_delivers_what_was_accepted)
{
    ck_assert_int_eq(world_say(&world.a, 1, "last words"), OSR_OK);
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_CLOSE,
                                                            .down = OSRI_DOWN_GOODBYE,
                                                            .text = "stopping"}),
                     OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 1, "too late"), OSR_ECLOSED);
    world_settle();
    world_expect("a sends DATA 1: 14 bytes, acknowledges 0\n"
                 "a sends GOODBYE 2: 9 bytes, acknowledges 0\n"
                 "b gets \"last words\"\n"
                 "b is down: goodbye by peer\n"
                 "a is down: goodbye\n");
    ck_assert_str_eq(world.b.down_text, "a@h1 said goodbye: stopping");
    ck_assert_uint_eq(world.a.down.lost_records, 0);
    ck_assert(!world.a.closed);
}
END_TEST

/* Goodbye with more than one window waiting: it drains first. */
START_TEST(goodbye_drains_the_queue)
{
    world.quiet = true;
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(world_send(&world.a, (uint64_t)(i % 3), big, 1000), OSR_OK);
    }
    ck_assert_int_eq(world_send(&world.a, 9, big, 2 * MIB), OSR_OK);
    ck_assert_int_eq(
        world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_CLOSE, .down = OSRI_DOWN_GOODBYE}),
        OSR_OK);
    world_settle();
    ck_assert_int_eq(world.b.delivers, 301);
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_GOODBYE);
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_GOODBYE);
}
END_TEST

/* While the queue drains, control records are still taken, and leave before the goodbye. */
START_TEST(a_leaving_link_takes_control_records)
{
    osri_link_event exit_signal = {.kind = OSRI_LINK_SEND,
                                   .sender = 1,
                                   .control = true,
                                   .bytes = (const uint8_t *)"exit",
                                   .bytes_count = 4};

    world.quiet = true;
    ck_assert_int_eq(world_send(&world.a, 9, big, 1 * MIB), OSR_OK);
    ck_assert_int_eq(
        world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_CLOSE, .down = OSRI_DOWN_GOODBYE}),
        OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 1, "late"), OSR_ECLOSED);
    ck_assert_int_eq(world_step(&world.a, exit_signal), OSR_OK);
    while (world.b.downs == 0) {
        ck_assert(world_carry(&world.a) || world_carry(&world.b));
    }
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_GOODBYE);
    ck_assert_uint_eq(world.b.received_bytes, 4 + 1 * MIB);
    ck_assert_int_eq(world_step(&world.a, exit_signal), OSR_ECLOSED);
}
END_TEST

/* A peer that does not answer a goodbye is not waited for longer than the linger. */
START_TEST(goodbye_does_not_wait_for_ever)
{
    ck_assert_int_eq(world_send(&world.a, 9, big, 2 * MIB), OSR_OK);
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_CLOSE,
                                                            .down = OSRI_DOWN_GOODBYE,
                                                            .linger_ms = 300}),
                     OSR_OK);
    ck_assert_uint_eq(alone_until_down(&world.a), 300 * MS);
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_GOODBYE);
    ck_assert_uint_eq(world.a.down.lost_records, 1);
    ck_assert(world.a.closed);
}
END_TEST

/* Both say goodbye at once. */
START_TEST(two_goodbyes_cross)
{
    osri_link_event event = {.kind = OSRI_LINK_CLOSE, .down = OSRI_DOWN_GOODBYE};

    ck_assert_int_eq(world_step(&world.a, event), OSR_OK);
    ck_assert_int_eq(world_step(&world.b, event), OSR_OK);
    world_settle();
    ck_assert_int_eq(world.a.downs, 1);
    ck_assert_int_eq(world.b.downs, 1);
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_GOODBYE);
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_GOODBYE);
}
END_TEST

/* Disconnect ends at once; the other side sees a closed connection, as in Erlang. */
START_TEST(disconnect_is_a_closed_connection_elsewhere)
{
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_CLOSE,
                                                            .down = OSRI_DOWN_DISCONNECT}),
                     OSR_OK);
    world_settle();
    world_expect("a sends GOODBYE 1: 1 bytes, acknowledges 0\n"
                 "a is down: disconnect\n"
                 "b is down: connection_closed by peer\n");
    ck_assert(world.a.closed && world.b.closed);
}
END_TEST

/* What the owner finds wrong in a record ends the link on both sides, and both know why. */
START_TEST(protocol_error_is_told_to_the_peer)
{
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_CLOSE,
                                                            .down = OSRI_DOWN_PROTOCOL_ERROR,
                                                            .text = "malformed record"}),
                     OSR_OK);
    world_settle();
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_PROTOCOL_ERROR);
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_PROTOCOL_ERROR);
    ck_assert(world.b.down.by_peer && !world.a.down.by_peer);
    ck_assert_ptr_nonnull(strstr(world.b.down_text, "malformed record"));
    ck_assert(world.a.closed && world.b.closed);
}
END_TEST

/* A lost connection: what was queued is counted, the memory is back while the link still exists. */
START_TEST(a_lost_connection_returns_all_memory)
{
    uint64_t before, with_queue;

    world_end();
    world_begin();
    world_connect();
    before = osri_heap_live_blocks();
    for (int i = 0; i < 90; i++) {
        ck_assert_int_eq(world_send(&world.a, (uint64_t)i, big, 1000), OSR_OK);
    }
    ck_assert_int_eq(world_send(&world.a, 200, big, 3 * MIB), OSR_OK);
    ck_assert_int_eq(world_send(&world.a, 200, big, 50), OSR_OK);
    world.a.full = true;
    while (world_carry(&world.a) || world_carry(&world.b)) {
    }
    with_queue = osri_heap_live_blocks();
    ck_assert_uint_gt(with_queue, before);
    world_break();
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_CONNECTION_CLOSED);
    ck_assert_uint_eq(world.a.down.lost_records, 92 - (uint64_t)world.b.delivers);
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_ECLOSED);
    ck_assert_int_eq(world_step(&world.b, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_ECLOSED);
    ck_assert_uint_eq(osri_heap_live_blocks(), before);
}
END_TEST

/* Every allocation fails once: a record is refused or the link ends; order holds; nothing leaks. */
START_TEST(every_allocation_may_fail)
{
    world.quiet = true;
    for (uint64_t nth = 1; nth < 60; nth++) {
        int accepted = 0;

        world_end();
        world_begin();
        world.quiet = true;
        world_connect();
        osri_heap_fail_after(nth, false);
        for (int i = 0; i < 40; i++) {
            accepted +=
                world_send(&world.a, (uint64_t)(i % 2), big, i % 5 == 0 ? 70000 : 700) == OSR_OK
                    ? 1
                    : 0;
        }
        world_flush(&world.a);
        world_settle();
        osri_heap_fail_after(0, false);
        world_pass(2500 * MS);
        if (world.b.downs == 0) {
            ck_assert_int_eq(world.b.delivers, accepted);
        } else {
            ck_assert_int_eq(world.b.down.down, OSRI_DOWN_NO_MEMORY);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_end");
    TCase *tests = tcase_create("session");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, world_end);
    tcase_add_loop_test(tests, a_violation_ends_the_session, 0,
                        (int)(sizeof(violations) / sizeof(violations[0])));
    tcase_add_test(tests, a_short_frame_ends_the_session);
    tcase_add_test(tests, an_overlong_frame_ends_the_session);
    tcase_add_test(tests, a_repeated_frame_ends_the_session);
    tcase_add_test(tests, what_came_before_a_violation_is_delivered);
    tcase_add_test(tests, overrunning_the_window_ends_the_session);
    tcase_add_test(tests, refused_frames_leave_later_in_order);
    tcase_add_test(tests, frames_may_be_refused_again);
    tcase_add_test(tests, goodbye_delivers_what_was_accepted);
    tcase_add_test(tests, goodbye_drains_the_queue);
    tcase_add_test(tests, a_leaving_link_takes_control_records);
    tcase_add_test(tests, goodbye_does_not_wait_for_ever);
    tcase_add_test(tests, two_goodbyes_cross);
    tcase_add_test(tests, disconnect_is_a_closed_connection_elsewhere);
    tcase_add_test(tests, protocol_error_is_told_to_the_peer);
    tcase_add_test(tests, a_lost_connection_returns_all_memory);
    tcase_add_test(tests, every_allocation_may_fail);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
