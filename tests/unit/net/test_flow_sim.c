/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "tests/unit/net/lanes.h"

/* Flow control on the simulated network: who waits while much waits for a node, until when, and who
 * does not. */

#define A 0
#define B 1
#define C 2
#define PIECE 100000 /* bytes of a message; eleven of them are more than a lane takes */

static osr_pid a, b, c;

static void start(uint64_t bytes_per_second)
{
    net_start(&(cluster_options){.nodes = 3, .network = {.bytes_per_second = bytes_per_second}});
    a = actor_on(A, "a");
    b = actor_on(B, "b");
    c = actor_on(C, "c");
}

static void setup(void)
{
    start(0);
}

static uint64_t dropped_noconnection(uint32_t host)
{
    osr_node_counters counters;

    osr_node_count(world->nodes[host].node, &counters);
    return counters.dropped_noconnection;
}

/* How many of the actor's messages have been sent. */
static unsigned sent(const char *who)
{
    unsigned count = 0;
    char line[32];

    for (unsigned i = 1; i < 1000; i++) {
        (void)snprintf(line, sizeof(line), "%s sent %u", who, i);
        if (actor_trace_count(line) == 0) {
            break;
        }
        count = i;
    }
    return count;
}

/* Nothing passes, so that what a node sends to b's stays. */
static void block_ab(void)
{
    connect_to(a, "b", "n1@sim");
    osri_sim_cut(world->network, A, B);
}

/* A process that sends to a link that takes no more waits once a MiB waits there, holds its place
 * in order, and goes on when the link does; nothing is lost. */
START_TEST(sender_waits_above_one_mebibyte)
{
    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(500);
    ck_assert_uint_ge(sent("a"), 10);
    ck_assert_uint_le(sent("a"), 12); /* a window is on its way */
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    ck_assert_uint_gt(osri_lane_queued(lane_to(A, "n1@sim")), OSRI_LANE_BUSY_BYTES - PIECE);
    ck_assert_uint_le(osri_lane_queued(lane_to(A, "n1@sim")), OSRI_LANE_BUSY_BYTES + 2 * PIECE);
    expect_none("b big");
    osri_sim_heal(world->network, A, B);
    run_ms(1000);
    ck_assert_uint_eq(sent("a"), 40);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 0);
    ck_assert_uint_eq(osri_lane_queued(lane_to(A, "n1@sim")), 0);
    for (unsigned i = 1; i <= 40; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "b big %u of %u", i, PIECE);
        expect_once(line);
    }
    ck_assert_ptr_null(strstr(strstr(actor_trace(), "b big 7 of"), "b big 6 of"));
}
END_TEST

/* Who waits goes on when less than 256 KiB wait, not before. */
START_TEST(sender_goes_on_below_256_kibibytes)
{
    uint64_t least = UINT64_MAX;
    unsigned before;

    net_end();
    start(1000000);
    connect_to(a, "b", "n1@sim");
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE / 10);
    run_ms(20);
    TELL(a, actor_pour, .to = b, .first = 41, .count = 300, .bytes = PIECE / 10);
    while (waiting(A, "n1@sim") == 0) {
        run_ms(1);
    }
    before = sent("a");
    while (waiting(A, "n1@sim") == 1 && sent("a") == before) {
        least = osri_lane_queued(lane_to(A, "n1@sim"));
        run_ms(1);
    }
    ck_assert_uint_gt(sent("a"), before + 50);
    ck_assert_uint_ge(least, OSRI_LANE_FREE_BYTES);
    ck_assert_uint_lt(least, OSRI_LANE_FREE_BYTES + 64 * 1024);
}
END_TEST

/* What has been handed to the transport and is not acknowledged is what the wire carries in little
 * more than a round trip: the rest waits where small messages can pass it. */
START_TEST(little_queues_where_nothing_can_pass)
{
    static const uint64_t bytes_per_ms = 100000;
    uint64_t sum = 0, samples = 0;
    osri_link_counters counters;
    osri_party *party;

    net_end();
    start(bytes_per_ms * 1000);
    connect_to(a, "b", "n1@sim");
    TELL(a, actor_pour, .to = b, .first = 1, .count = 900, .bytes = PIECE);
    run_ms(100);
    party = osri_party_find(world->nodes[A].net, "n1@sim");
    for (; samples < 500; samples++) {
        run_ms(1);
        sum += osri_link_in_flight_bytes(party->up->link);
    }
    ck_assert_uint_lt(sent("a"), 900);
    /* there and back, 2 ms in a queue, and a quarter for which nobody has asked yet */
    ck_assert_uint_lt(sum / samples, bytes_per_ms * (2 * 600 + 2000) / 1000 * 5 / 4);
    osri_link_count(party->up->link, &counters);
    ck_assert_uint_gt(counters.bytes_sent, bytes_per_ms * 600 * 7 / 10);
}
END_TEST

/* Only who sends to the busy link waits: the same process's node sends to others as before. */
START_TEST(other_links_go_on)
{
    osr_pid other = actor_on(A, "other");

    block_ab();
    connect_to(other, "c", "n2@sim");
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(100);
    TELL(other, actor_pour, .to = c, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(1000);
    ck_assert_uint_eq(sent("other"), 40);
    ck_assert_uint_le(sent("a"), 12);
}
END_TEST

/* Those that wait are admitted first come first, also before one that comes when there is room
 * again. */
START_TEST(senders_go_on_in_the_order_in_which_they_came)
{
    char name[3] = "p0";
    const char *last = actor_trace();

    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(10);
    for (int i = 9; i > 0; i--) {
        name[1] = (char)('0' + i);
        TELL(actor_on(A, name), actor_pour, .to = b, .first = 1, .count = 1, .bytes = 10);
        run_ms(10);
    }
    ck_assert_uint_eq(waiting(A, "n1@sim"), 10);
    osri_sim_heal(world->network, A, B);
    run_ms(2000);
    for (int i = 9; i > 0; i--) {
        char line[16];
        (void)snprintf(line, sizeof(line), "p%d sent 1", i);
        expect_once(line);
        const char *place = strstr(actor_trace(), line);
        ck_assert(place > last);
        last = place;
    }
    ck_assert_uint_eq(sent("a"), 40);
}
END_TEST

/* An exit signal ends the wait of a process that does not trap exits: its send says EEXIT, what it
 * would have sent goes nowhere, and the next in line does not wait in its place. */
START_TEST(exit_signal_ends_the_wait)
{
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    osr_pid next = actor_on(A, "next");

    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(10);
    TELL(next, actor_pour, .to = b, .first = 1, .count = 1, .bytes = 10);
    run_ms(10);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 2);
    unsigned before = sent("a");
    ck_assert_int_eq(osr_node_exit(world->nodes[A].node, a, &kill), OSR_OK);
    run_ms(10);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    ck_assert_ptr_nonnull(strstr(actor_trace(), "EEXIT"));
    osri_sim_heal(world->network, A, B);
    run_ms(1000);
    ck_assert_uint_eq(sent("next"), 1);
    expect_once("b big 1 of 10");
    ck_assert_uint_eq(osri_lane_queued(lane_to(A, "n1@sim")), 0);
    char line[32];
    (void)snprintf(line, sizeof(line), "b big %u of %u", before + 1, PIECE);
    ck_assert_uint_eq(actor_trace_count(line), 0);
}
END_TEST

/* The end of the session lets all go on: the message that waited is dropped and counted once, and
 * the next one goes by a new session. */
START_TEST(end_of_the_session_lets_senders_go_on)
{
    osr_pid other = actor_on(A, "other");

    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(10);
    TELL(other, actor_pour, .to = b, .first = 1, .count = 1, .bytes = 10);
    run_ms(10);
    uint64_t before = dropped_noconnection(A);
    unsigned sent_before = sent("a");
    osri_sim_heal(world->network, A, B);
    osri_sim_reset(world->network, A, B);
    run_ms(2000);
    ck_assert_uint_eq(sent("a"), 40);
    ck_assert_uint_eq(sent("other"), 1);
    ck_assert_uint_eq(dropped_noconnection(A), before + 2);
    expect_counts_add_up(A);
    ck_assert_uint_eq(actor_trace_count("b big 1 of 10"), 0);
    char line[32];
    (void)snprintf(line, sizeof(line), "b big %u of %u", sent_before + 1, PIECE);
    ck_assert_uint_eq(actor_trace_count(line), 0);
    (void)snprintf(line, sizeof(line), "b big 40 of %u", PIECE);
    expect_once(line);
    ck_assert_uint_eq(osri_lane_queued(lane_to(A, "n1@sim")), 0);
}
END_TEST

/* What was given to a session that had ended unnoticed is lost with it, like what waited in line
 * behind it: what arrives later has no hole. */
START_TEST(end_of_the_session_leaves_no_hole)
{
    char line[32];
    bool seen = false;

    connect_to(a, "b", "n1@sim");
    osri_sim_reset(world->network, A, B);
    TELL(a, actor_pour, .to = b, .first = 1, .count = 20, .bytes = PIECE);
    run_ms(2000);
    for (unsigned i = 1; i <= 20; i++) {
        (void)snprintf(line, sizeof(line), "b big %u of %u", i, PIECE);
        seen = seen || actor_trace_count(line) > 0;
        ck_assert_uint_eq(actor_trace_count(line), seen ? 1 : 0);
    }
    ck_assert(seen);
    expect_counts_add_up(A);
}
END_TEST

/* A send waits for no connection until 1 MiB is queued for it; then as on a busy link, and when the
 * dial succeeds everything arrives. */
START_TEST(sender_waits_for_a_dial_above_one_mebibyte)
{
    connect_to(a, "b", "n1@sim");
    osri_sim_reset(world->network, A, B);
    run_ms(100);
    osri_sim_cut(world->network, A, B);
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(1000);
    ck_assert_uint_ge(sent("a"), 10);
    ck_assert_uint_le(sent("a"), 11);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    osri_sim_heal(world->network, A, B);
    run_ms(2000);
    ck_assert_uint_eq(sent("a"), 40);
    ck_assert_uint_eq(actor_trace_count("b big 1 of 100000"), 1);
    ck_assert_uint_eq(actor_trace_count("b big 40 of 100000"), 1);
}
END_TEST

/* ... at most until the setup deadline: then what waited is dropped and counted, and the sender
 * goes on. */
START_TEST(sender_waits_at_most_for_the_setup_deadline)
{
    connect_to(a, "b", "n1@sim");
    osri_sim_reset(world->network, A, B);
    run_ms(100);
    osri_sim_cut(world->network, A, B);
    TELL(a, actor_pour, .to = b, .first = 1, .count = 12, .bytes = PIECE);
    run_ms(2000);
    ck_assert_uint_lt(sent("a"), 12);
    uint64_t before = dropped_noconnection(A);
    run_ms(OSRI_NET_SETUP_MS);
    ck_assert_uint_eq(sent("a"), 12);
    ck_assert_uint_ge(dropped_noconnection(A), before + 11);
    expect_counts_add_up(A);
    expect_none("b big");
}
END_TEST

/* Links, monitors and exits are not held up by messages that wait, nor dropped; nor do their
 * processes wait. */
START_TEST(control_signals_never_wait)
{
    osr_pid other = actor_on(A, "other");

    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(10);
    TELL(other, actor_link, .to = b);
    TELL(other, actor_monitor, .to = b);
    TELL(other, actor_send, .to = other, .first = 7, .count = 1);
    run_ms(10);
    expect_once("other note 7");
    TELL(other, actor_exit, .reason = osr_str_of("bye"));
    run_ms(10);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    osri_sim_heal(world->network, A, B);
    run_ms(1000);
    expect_once("b exited bye");
}
END_TEST

/* Who only tries does not wait: it is told that the link is busy, and may try again; it passes
 * nobody who is in line. To others, here and elsewhere, it sends. */
START_TEST(trying_never_waits)
{
    osr_pid other = actor_on(A, "other");

    connect_to(other, "c", "n2@sim");
    block_ab();
    TELL(other, actor_try, .to = b, .number = 1);
    run_ms(10);
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(10);
    TELL(other, actor_try, .to = b, .number = 2);
    TELL(other, actor_try, .to = c, .number = 3);
    TELL(other, actor_try, .to = other, .number = 4);
    run_ms(10);
    expect_once("other tried 1 OK");
    expect_once("other tried 2 EBUSY");
    expect_once("other tried 3 OK");
    expect_once("other tried 4 OK");
    expect_once("other note 4");
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    osri_sim_heal(world->network, A, B);
    run_ms(1000);
    TELL(other, actor_try, .to = b, .number = 5);
    run_ms(100);
    expect_once("other tried 5 OK");
    expect_once("b note 1");
    expect_once("c note 3");
    expect_once("b note 5");
    ck_assert_uint_eq(actor_trace_count("b note 2"), 0);
    expect_counts_add_up(A);
}
END_TEST

/* A call that does not get into the line in time says so; its request was never sent. */
START_TEST(call_times_out_in_line)
{
    osr_pid other = actor_on(A, "other");

    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(10);
    TELL(other, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"),
         .timeout_ms = 200);
    run_ms(10);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 2);
    run_ms(250);
    expect_once("other called ETIMEDOUT 0");
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    TELL(other, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"),
         .timeout_ms = 5000);
    run_ms(10);
    osri_sim_reset(world->network, A, B);
    run_ms(10);
    expect_once("other called ENOCONNECTION 0");
}
END_TEST

/* Threads that are no processes do not wait: what they send is taken up to 64 MiB on a connection,
 * 1 MiB where one is being made; beyond it is dropped and counted, and said in the log. */
START_TEST(who_cannot_wait_is_dropped_at_the_bound)
{
    static const uint32_t size = 1000000;
    actor_big big = {.number = 1};
    uint8_t *data;
    osri_net_counters counters;

    block_ab();
    ck_assert_int_eq(osr_bin_alloc(size, &big.data, &data), OSR_OK);
    memset(data, 1, size);
    for (int i = 0; i < 80; i++) {
        ck_assert_int_eq(osr_node_send(world->nodes[A].node, osr_to(b), &actor_big_osr_type, &big),
                         OSR_OK);
        run_ms(1);
    }
    osri_net_count(world->nodes[A].net, &counters);
    ck_assert_uint_ge(counters.dropped, 11);
    ck_assert_uint_le(counters.dropped, 14);
    ck_assert_uint_eq(dropped_noconnection(A), counters.dropped);
    ck_assert_uint_le(osri_lane_queued(lane_to(A, "n1@sim")), OSRI_LANE_BYTES_MAX + 2 * size);
    osri_sim_reset(world->network, A, B);
    run_ms(10);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(osr_node_send(world->nodes[A].node, osr_to(b), &actor_big_osr_type, &big),
                         OSR_OK);
    }
    run_ms(10);
    ck_assert_uint_le(osri_lane_queued(lane_to(A, "n1@sim")), OSRI_LANE_BUSY_BYTES + 2 * size);
    osr_bin_unref(&big.data);
}
END_TEST

/* Both ends of a link can tell what passed, what waits and what was dropped, and how long the way
 * is. */
START_TEST(link_counts_what_passes_and_waits)
{
    const osr_link_status *there;
    osr_link_status here;

    connect_to(a, "b", "n1@sim");
    here = *status(A, "n1@sim");
    ck_assert(here.connected);
    ck_assert_uint_eq(here.node, b.node);
    ck_assert_uint_eq(here.messages_sent, 1);
    ck_assert_uint_eq(here.messages_received, 1);
    TELL(a, actor_send, .to = b, .first = 1, .count = 5);
    TELL(a, actor_pour, .to = b, .first = 1, .count = 2, .bytes = PIECE);
    TELL(a, actor_link, .to = b);
    run_ms(1500);
    TELL(a, actor_send, .to = b, .first = 6, .count = 1);
    run_ms(100);
    here = *status(A, "n1@sim");
    ck_assert_uint_eq(here.messages_sent, 9);
    ck_assert_uint_eq(here.signals_sent, 1);
    ck_assert_uint_eq(here.fragments_sent, 2 * 4);
    ck_assert_uint_gt(here.bytes_sent, 2 * PIECE);
    ck_assert_uint_lt(here.bytes_sent, 2 * PIECE + 2000);
    ck_assert_uint_gt(here.round_trip_ns, 100000);
    ck_assert_uint_lt(here.round_trip_ns, 2000000);
    ck_assert_uint_eq(here.queued_bytes, 0);
    there = status(B, "n0@sim");
    ck_assert_uint_eq(there->messages_received, 9);
    ck_assert_uint_eq(there->signals_received, 1);
    ck_assert_uint_eq(there->fragments_received, 2 * 4);
    ck_assert_uint_eq(there->bytes_received, here.bytes_sent);
    ck_assert_uint_eq(there->frames_received, here.frames_sent);
    ck_assert_uint_eq(status(B, "nobody@sim")->frames_sent, 0);
}
END_TEST

/* ... also while nothing gets through, and when the connection has ended. */
START_TEST(link_counts_what_is_lost)
{
    const osr_link_status *here;

    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(100);
    here = status(A, "n1@sim");
    ck_assert_uint_eq(here->senders_waiting, 1);
    ck_assert_uint_gt(here->queued_bytes, 800000);
    ck_assert_uint_gt(here->unacknowledged_bytes, OSRI_LINK_WINDOW_BYTES_MIN / 2);
    ck_assert_uint_le(here->unacknowledged_bytes, here->window_bytes);
    osri_sim_reset(world->network, A, B);
    run_ms(10);
    here = status(A, "n1@sim");
    ck_assert(!here->connected);
    ck_assert_uint_ge(here->dropped_lost, 10);
    ck_assert_uint_eq(here->unacknowledged_bytes, 0);
}
END_TEST

/* Two nodes that flood each other through processes that only take what they get when they are not
 * waiting themselves: nobody waits for ever. */
START_TEST(mutual_floods_end)
{
    connect_to(a, "b", "n1@sim");
    TELL(a, actor_pour, .to = b, .first = 1, .count = 100, .bytes = PIECE);
    TELL(b, actor_pour, .to = a, .first = 1, .count = 100, .bytes = PIECE);
    run_ms(5000);
    ck_assert_uint_eq(sent("a"), 100);
    ck_assert_uint_eq(sent("b"), 100);
    expect_once("b big 100 of 100000");
    expect_once("a big 100 of 100000");
}
END_TEST

/* A node that stops while a process waits in line ends. */
START_TEST(node_with_a_waiting_sender_stops)
{
    block_ab();
    TELL(a, actor_pour, .to = b, .first = 1, .count = 40, .bytes = PIECE);
    run_ms(10);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    cluster_stop(world, A);
    run_ms(3000);
    expect_none("b big 40");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flow control on the simulated network");
    TCase *tests = tcase_create("flow");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, sender_waits_above_one_mebibyte);
    tcase_add_test(tests, sender_goes_on_below_256_kibibytes);
    tcase_add_test(tests, little_queues_where_nothing_can_pass);
    tcase_add_test(tests, other_links_go_on);
    tcase_add_test(tests, senders_go_on_in_the_order_in_which_they_came);
    tcase_add_test(tests, exit_signal_ends_the_wait);
    tcase_add_test(tests, end_of_the_session_lets_senders_go_on);
    tcase_add_test(tests, end_of_the_session_leaves_no_hole);
    tcase_add_test(tests, sender_waits_for_a_dial_above_one_mebibyte);
    tcase_add_test(tests, sender_waits_at_most_for_the_setup_deadline);
    tcase_add_test(tests, control_signals_never_wait);
    tcase_add_test(tests, trying_never_waits);
    tcase_add_test(tests, call_times_out_in_line);
    tcase_add_test(tests, who_cannot_wait_is_dropped_at_the_bound);
    tcase_add_test(tests, link_counts_what_passes_and_waits);
    tcase_add_test(tests, link_counts_what_is_lost);
    tcase_add_test(tests, mutual_floods_end);
    tcase_add_test(tests, node_with_a_waiting_sender_stops);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
