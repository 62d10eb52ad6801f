/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/link/link_world.h"

/* A session: batches, fragments, flow control, ticks. */

#define MIB (1024 * 1024)

static uint8_t big[17 * MIB];

static void begin(void)
{
    for (size_t i = 0; i < sizeof(big); i++) {
        big[i] = (uint8_t)(i * 31 + i / 997);
    }
    world_begin();
    world_connect();
}

/* Small records of one batch share a frame. */
START_TEST(small_records_share_a_frame)
{
    ck_assert_int_eq(world_say(&world.a, 1, "one"), OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 2, "two"), OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 1, "three"), OSR_OK);
    world_expect("");
    ck_assert_uint_eq(osri_link_queued_bytes(world.a.link), 11);
    world_flush(&world.a);
    world_settle();
    world_expect("a sends DATA 1: 23 bytes, acknowledges 0\n"
                 "b gets \"one\"\n"
                 "b gets \"two\"\n"
                 "b gets \"three\"\n");
    ck_assert_uint_eq(osri_link_queued_bytes(world.a.link), 0);
}
END_TEST

/* A batch of 16 KiB leaves without a flush. */
START_TEST(a_full_batch_leaves_by_itself)
{
    for (int i = 0; i < 15; i++) {
        ck_assert_int_eq(world_send(&world.a, 1, big, 1024), OSR_OK);
    }
    world_expect("");
    ck_assert_int_eq(world_send(&world.a, 1, big, 1024), OSR_OK);
    world_expect("a sends DATA+ACK_NOW 1: 16448 bytes, acknowledges 0\n");
}
END_TEST

/* A record up to 16 KiB is whole; a longer one is cut and arrives whole. */
START_TEST(a_long_record_arrives_whole)
{
    size_t lengths[] = {16384, 16385, 32756, 32757, 100000, 10 * MIB, OSRI_LINK_RECORD_BYTES_MAX};

    world.quiet = true;
    ck_assert_int_eq(world_send(&world.a, 1, big, lengths[_i]), OSR_OK);
    world_flush(&world.a);
    world_settle();
    ck_assert_int_eq(world.b.delivers, 1);
    ck_assert_uint_eq(world.b.received_bytes, lengths[_i]);
    ck_assert(memcmp(world.b.received, big, lengths[_i]) == 0);
    ck_assert_uint_eq(osri_link_queued_bytes(world.a.link), 0);
}
END_TEST

static size_t count_in_trace(const char *what)
{
    size_t count = 0;

    for (const char *at = world.trace; (at = strstr(at, what)) != NULL; at++) {
        count++;
    }
    return count;
}

/* A small record of another sender passes a 10 MiB one; one of the same sender waits behind it. */
START_TEST(only_the_same_sender_waits_behind_a_long_record)
{
    ck_assert_int_eq(world_send(&world.a, 1, big, 10 * MIB), OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 1, "mine, later"), OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 2, "another's"), OSR_OK);
    world_flush(&world.a);
    for (int i = 0; i < 5; i++) {
        (void)world_carry(&world.a);
        (void)world_carry(&world.b);
    }
    ck_assert_uint_eq(count_in_trace("b gets \"another's\"\n"), 1);
    ck_assert_uint_eq(count_in_trace("b gets \"mine"), 0);
    world.quiet = true;
    while (world.b.delivers < 2) {
        ck_assert(world_carry(&world.a));
        (void)world_carry(&world.b);
    }
    ck_assert_uint_eq(world.b.received_bytes, 9 + 10 * MIB);
    world.quiet = false;
    world_settle();
    ck_assert_uint_eq(count_in_trace("b gets \"mine, later\"\n"), 1);
}
END_TEST

/* A long record does not pass earlier small ones of its sender that still wait for a flush. */
START_TEST(a_long_record_does_not_overtake)
{
    ck_assert_int_eq(world_say(&world.a, 1, "before"), OSR_OK);
    ck_assert_int_eq(world_send(&world.a, 1, big, 20000), OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 1, "after"), OSR_OK);
    world_settle();
    world_flush(&world.a);
    world_settle();
    ck_assert_ptr_nonnull(strstr(world.trace, "b gets \"before\"\n"));
    ck_assert_uint_eq(world.b.received_bytes, 6 + 20000 + 5);
    ck_assert_mem_eq(world.b.received, "before", 6);
    ck_assert_mem_eq(world.b.received + 6 + 20000, "after", 5);
}
END_TEST

/* A small record whose sender has no stream open is there before every record given later, also
 * while streams of others are open: what introduces something can be sent that way (L7). */
START_TEST(a_small_record_comes_before_all_given_later)
{
    static uint8_t full[16 * 1024];
    char intro[32];
    const char *first, *later;

    memset(full, 'f', sizeof(full));
    ck_assert_int_eq(world_send(&world.a, 1, big, 1 * MIB), OSR_OK);
    ck_assert_int_eq(world_say(&world.a, 1, "waits behind its sender's"), OSR_OK);
    for (int i = 0; i < 20; i++) {
        (void)snprintf(intro, sizeof(intro), "intro %02d", i);
        ck_assert_int_eq(world_say(&world.a, 0, intro), OSR_OK);
        ck_assert_int_eq(world_send(&world.a, 2 + (uint64_t)i, i % 2 == 0 ? big : full,
                                    i % 2 == 0 ? 20000 + (size_t)i : sizeof(full) - (size_t)i),
                         OSR_OK);
        (void)world_carry(&world.a);
    }
    world_flush(&world.a);
    world_settle();
    for (int i = 0; i < 20; i++) {
        (void)snprintf(intro, sizeof(intro), "b gets \"intro %02d\"\n", i);
        first = strstr(world.trace, intro);
        ck_assert_ptr_nonnull(first);
        (void)snprintf(intro, sizeof(intro), "b gets %d bytes\n",
                       i % 2 == 0 ? 20000 + i : (int)sizeof(full) - i);
        later = strstr(world.trace, intro);
        ck_assert_ptr_nonnull(later);
        ck_assert_msg(first < later, "intro %d came late", i);
    }
}
END_TEST

/* Two long records take turns: neither is done long before the other. */
START_TEST(long_records_take_turns)
{
    world.quiet = true;
    ck_assert_int_eq(world_send(&world.a, 1, big, 4 * MIB), OSR_OK);
    ck_assert_int_eq(world_send(&world.a, 2, big, 1 * MIB), OSR_OK);
    while (world.b.delivers == 0) {
        ck_assert(world_carry(&world.a));
        (void)world_carry(&world.b);
    }
    ck_assert_uint_eq(world.b.received_bytes, 1 * MIB);
    ck_assert_uint_gt(osri_link_queued_bytes(world.a.link), 2 * MIB);
    world_settle();
    ck_assert_uint_eq(world.b.received_bytes, 5 * MIB);
}
END_TEST

/* More large records than a receiver has to hold open: the rest waits, all arrive. */
START_TEST(open_streams_stay_within_the_limits)
{
    world.quiet = true;
    for (uint64_t sender = 0; sender < 300; sender++) {
        ck_assert_int_eq(world_send(&world.a, sender, big, 40000), OSR_OK);
    }
    for (uint64_t sender = 300; sender < 306; sender++) {
        ck_assert_int_eq(world_send(&world.a, sender, big, 15 * MIB), OSR_OK);
    }
    world_settle();
    ck_assert_int_eq(world.b.delivers, 306);
    ck_assert_int_eq(world.b.downs, 0);
}
END_TEST

/* Without acknowledgements only one window leaves; the rest leaves as they come. */
START_TEST(no_more_than_the_window_is_in_flight)
{
    world.quiet = true;
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(world_send(&world.a, 1, big, 1000), OSR_OK);
    }
    world_flush(&world.a);
    ck_assert_uint_le(osri_link_in_flight_bytes(world.a.link), OSRI_LINK_WINDOW_BYTES_MIN);
    ck_assert_uint_gt(osri_link_in_flight_bytes(world.a.link), OSRI_LINK_WINDOW_BYTES_MIN / 2);
    ck_assert_uint_gt(osri_link_queued_bytes(world.a.link), 100000);
    world_settle();
    ck_assert_int_eq(world.b.delivers, 200);
    ck_assert_uint_eq(osri_link_queued_bytes(world.a.link), 0);
    ck_assert_uint_lt(osri_link_in_flight_bytes(world.a.link), OSRI_LINK_WINDOW_BYTES_MAX / 4);
}
END_TEST

/* The window grows to its limit while acknowledgements are quick, and the peer's limit is kept. */
START_TEST(the_window_grows_to_the_peers_limit)
{
    osri_link_counters counters;
    size_t most = 0;

    world_end();
    world_begin();
    world.quiet = true;
    world.b.config.window_bytes_max = 300000;
    world_connect();
    ck_assert_int_eq(world_send(&world.a, 1, big, 16 * MIB), OSR_OK);
    while (world_carry(&world.a)) {
        size_t in_flight = osri_link_in_flight_bytes(world.a.link);

        most = in_flight > most ? in_flight : most;
        (void)world_carry(&world.b);
    }
    osri_link_count(world.a.link, &counters);
    ck_assert_uint_eq(counters.window_bytes, 300000);
    ck_assert_uint_le(most, 300000);
    ck_assert_uint_gt(most, 200000);
}
END_TEST

/* Carries with a delay that grows with what is in flight: the window must not. */
START_TEST(the_window_stays_small_behind_a_slow_wire)
{
    osri_link_counters counters;

    world.quiet = true;
    ck_assert_int_eq(world_send(&world.a, 1, big, 8 * MIB), OSR_OK);
    while (world_carry(&world.a)) {
        world.now_ns += 3 * MS; /* about 10 MB/s */
        while (world_carry(&world.b)) {
        }
    }
    osri_link_count(world.a.link, &counters);
    ck_assert_uint_le(counters.window_bytes, 4 * OSRI_LINK_WINDOW_BYTES_MIN);
    ck_assert_int_eq(world.b.delivers, 1);
}
END_TEST

/* Idle links tick every quarter of T, which acknowledges what has come, and stay up. */
START_TEST(idle_links_tick)
{
    ck_assert_int_eq(world_say(&world.a, 1, "x"), OSR_OK);
    world_flush(&world.a);
    world_settle();
    world_expect("a sends DATA 1: 5 bytes, acknowledges 0\nb gets \"x\"\n");
    world_pass(2500 * MS);
    ck_assert_ptr_nonnull(strstr(world.trace, "b sends DATA 1: 0 bytes, acknowledges 5\n"));
    ck_assert_uint_eq(osri_link_in_flight_bytes(world.a.link), 0);
    world_pass(3600 * 1000 * MS);
    ck_assert_int_eq(world.a.downs + world.b.downs, 0);
}
END_TEST

/* Traffic in one direction needs no ticks in it. */
START_TEST(traffic_replaces_ticks)
{
    osri_link_counters counters;

    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(world_say(&world.a, 1, "x"), OSR_OK);
        world_flush(&world.a);
        world_settle();
        world_pass(1000 * MS);
    }
    osri_link_count(world.a.link, &counters);
    ck_assert_uint_eq(counters.frames_sent, 100 + 2);
}
END_TEST

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

/* Silence for T ends the link, not before T and not after 1.25 T. */
START_TEST(silence_ends_the_link)
{
    uint64_t took_ns = alone_until_down(&world.b);

    ck_assert_uint_ge(took_ns, 10000 * MS);
    ck_assert_uint_le(took_ns, 12500 * MS);
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_TICK_TIMEOUT);
    ck_assert_str_eq(world.b.down_text, "link a@h1: nothing received for 10.0 s; closing");
    ck_assert(world.b.closed && world.b.down.was_up);
}
END_TEST

/* With different T each side bears its own, and ticks by the smaller. */
START_TEST(each_side_bears_its_own_silence)
{
    uint64_t took_ns;

    world_end();
    world_begin();
    world.b.config.tick_ms = 1000;
    world_connect();
    world_pass(60 * 1000 * MS);
    ck_assert_int_eq(world.a.downs + world.b.downs, 0);
    took_ns = alone_until_down(&world.b);
    ck_assert_uint_ge(took_ns, 750 * MS);
    ck_assert_uint_le(took_ns, 1250 * MS);
}
END_TEST

/* After a pause of our own nobody is declared dead at once, but once more silent he is. */
START_TEST(our_own_pause_is_forgiven_once)
{
    world.now_ns += 60 * 1000 * MS;
    ck_assert_int_eq(world_step(&world.b, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_OK);
    ck_assert_int_eq(world.b.downs, 0);
    ck_assert_uint_ge(alone_until_down(&world.b), 10000 * MS);
}
END_TEST

/* A second pause without a frame in between is not forgiven. */
START_TEST(a_second_pause_is_not_forgiven)
{
    for (int i = 0; i < 2; i++) {
        world.now_ns += 60 * 1000 * MS;
        ck_assert_int_eq(world.b.downs, 0);
        ck_assert_int_eq(world_step(&world.b, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_OK);
    }
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_TICK_TIMEOUT);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_flow");
    TCase *tests = tcase_create("session");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, begin, world_end);
    tcase_add_test(tests, small_records_share_a_frame);
    tcase_add_test(tests, a_full_batch_leaves_by_itself);
    tcase_add_loop_test(tests, a_long_record_arrives_whole, 0, 7);
    tcase_add_test(tests, only_the_same_sender_waits_behind_a_long_record);
    tcase_add_test(tests, a_long_record_does_not_overtake);
    tcase_add_test(tests, a_small_record_comes_before_all_given_later);
    tcase_add_test(tests, long_records_take_turns);
    tcase_add_test(tests, open_streams_stay_within_the_limits);
    tcase_add_test(tests, no_more_than_the_window_is_in_flight);
    tcase_add_test(tests, the_window_grows_to_the_peers_limit);
    tcase_add_test(tests, the_window_stays_small_behind_a_slow_wire);
    tcase_add_test(tests, idle_links_tick);
    tcase_add_test(tests, traffic_replaces_ticks);
    tcase_add_test(tests, silence_ends_the_link);
    tcase_add_test(tests, each_side_bears_its_own_silence);
    tcase_add_test(tests, our_own_pause_is_forgiven_once);
    tcase_add_test(tests, a_second_pause_is_not_forgiven);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
