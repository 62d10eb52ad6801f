/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "osier/mailbox.h"
#include "tests/unit/net/lanes.h"

/* Bounded mailboxes on the simulated network: senders on other nodes wait for room in them. */

#define A 0
#define B 1

static osr_pid a, b;

static void setup(void)
{
    net_start(&(cluster_options){.nodes = 3});
    a = actor_on(A, "a");
    b = actor_on(B, "b");
}

/* A node says of a mailbox of its own that it is full, or has room. */
static void say_of_mailbox(osr_pid receiver, bool full)
{
    cluster_node *at = cluster_by_id(world, receiver.node);
    void *context;
    const osri_remote_ops *ops = osri_node_remote(at->node, &context);

    if (full) {
        ops->mailbox_full(context, receiver, a.node);
        ops->mailbox_full(context, receiver, a.node); /* may be said again */
    } else {
        ops->mailbox_room(context, receiver);
    }
    run_ms(10);
}

/* Who sends to a process whose mailbox is full waits until there is room, in order; who sends to
 * another one of that node does not, nor does who only tries. */
START_TEST(senders_wait_for_room_in_a_mailbox)
{
    osr_pid other = actor_on(A, "other"), b2 = actor_on(B, "b2");

    connect_to(a, "b", "n1@sim");
    say_of_mailbox(b, true);
    TELL(a, actor_send, .to = b, .first = 1, .count = 3);
    TELL(other, actor_send, .to = b2, .first = 4, .count = 1);
    TELL(other, actor_try, .to = b, .number = 5);
    TELL(other, actor_monitor, .to = b);
    run_ms(100);
    expect_once("b2 note 4");
    expect_once("other tried 5 EBUSY");
    expect_none("b note");
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    say_of_mailbox(b, false);
    run_ms(100);
    expect_once("b note 1");
    expect_once("b note 2");
    expect_once("b note 3");
    ck_assert_uint_eq(waiting(A, "n1@sim"), 0);
    ck_assert_uint_eq(osri_lane_queued(lane_to(A, "n1@sim")), 0);
}
END_TEST

/* ... for 5 seconds at most: then the sender is told, and the message is dropped and counted. */
START_TEST(wait_for_room_is_not_for_ever)
{
    connect_to(a, "b", "n1@sim");
    say_of_mailbox(b, true);
    TELL(a, actor_pour, .to = b, .first = 1, .count = 1, .bytes = 10);
    run_ms(4800);
    ck_assert_uint_eq(actor_trace_count("a sent 1 ETIMEDOUT"), 0);
    run_ms(400);
    expect_once("a sent 1 ETIMEDOUT");
    expect_none("b big");
    ck_assert_uint_eq(osri_lane_queued(lane_to(A, "n1@sim")), 0);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 0);
}
END_TEST

/* ... nor longer than the session; the next one begins without such news. */
START_TEST(end_of_the_session_ends_the_wait_for_room)
{
    connect_to(a, "b", "n1@sim");
    say_of_mailbox(b, true);
    TELL(a, actor_send, .to = b, .first = 1, .count = 2);
    run_ms(10);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    osri_sim_reset(world->network, A, B);
    run_ms(500);
    ck_assert_uint_eq(actor_trace_count("b note 1"), 0);
    expect_once("b note 2");
    expect_counts_add_up(A);
}
END_TEST

/* It sleeps for a second, then takes what has come. */
OSR_ENTRY(lazy, actor_options)
{
    osr_err err = osr_sleep(self, 1000);

    (void)argument;
    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            actor_trace_add("lazy note %u", OSR_AS(actor_note, &message)->number);
        }
    }
    return err;
}
OSR_EXPORT(lazy);

/* A bounded mailbox whose senders are to wait stops those of other nodes too: none of what is sent
 * no faster than the news can travel is dropped. */
START_TEST(bounded_mailbox_stops_senders_elsewhere)
{
    actor_options name = {.name = osr_str_of("lazy")};
    osr_node_counters counters;
    osr_pid lazy = cluster_spawn(
        world, B, &lazy_osr_entry, &name,
        OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = 10, .policy = OSR_MAILBOX_SUSPEND)));

    connect_to(a, "b", "n1@sim");
    for (uint32_t i = 1; i <= 14; i++) {
        TELL(a, actor_send, .to = lazy, .first = i, .count = 1);
        run_ms(5);
    }
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    ck_assert_uint_eq(status(A, "n1@sim")->messages_sent, 1 + 10);
    run_ms(2000);
    for (uint32_t i = 1; i <= 14; i++) {
        char line[32];
        (void)snprintf(line, sizeof(line), "lazy note %u", i);
        expect_once(line);
    }
    osr_node_count(world->nodes[B].node, &counters);
    ck_assert_uint_eq(counters.dropped_full, 0);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 0);
}
END_TEST

#define BOUND 20
#define POURED 400
#define PIECE 10000 /* so that about a hundred are under way before the first news */

static uint64_t longest; /* that the slow one's mailbox has been, once all nodes have heard of it */
static uint32_t taken;

/* Takes one in 2 ms. */
OSR_ENTRY(slow, actor_options)
{
    osr_err err = OSR_OK;

    (void)argument;
    while (err == OSR_OK) {
        osr_message message;
        osr_snapshot me;
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK && ++taken > POURED) {
            OSR_CHECK(self,
                      osr_snapshot_of(osr_self_node(self), osr_self_pid(self), &me) == OSR_OK);
            longest = me.queued > longest ? me.queued : longest;
        }
        err = err == OSR_OK ? osr_sleep(self, 2) : err;
    }
    return err;
}

static osr_pid slow_one(void)
{
    actor_options name = {.name = osr_str_of("slow")};

    taken = 0;
    longest = 0;
    return cluster_spawn(
        world, B, &slow_osr_entry, &name,
        OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = BOUND, .policy = OSR_MAILBOX_SUSPEND)));
}

/* Senders at full rate on two nodes, and one where the mailbox is, lose nothing to a small bound;
 * and it is kept, but for what was under way when they heard of it first. */
START_TEST(senders_at_full_rate_lose_nothing)
{
    osr_pid slow = slow_one(), c = actor_on(2, "c"), a2 = actor_on(A, "a2");
    osr_node_counters counters;

    connect_to(a, "b", "n1@sim");
    connect_to(c, "b", "n1@sim");
    TELL(a, actor_pour, .to = slow, .first = 1, .count = POURED, .bytes = PIECE);
    TELL(a2, actor_pour, .to = slow, .first = 1001, .count = POURED, .bytes = PIECE);
    TELL(c, actor_pour, .to = slow, .first = 2001, .count = POURED, .bytes = PIECE);
    TELL(b, actor_pour, .to = slow, .first = 3001, .count = POURED, .bytes = PIECE);
    run_ms(6000);
    ck_assert_uint_eq(taken, 4 * POURED);
    osr_node_count(world->nodes[B].node, &counters);
    ck_assert_uint_eq(counters.messages_dropped, 0);
    ck_assert_uint_le(longest, BOUND + 3); /* one more for each node, at most */
    ck_assert_uint_gt(longest, 0);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 0);
    ck_assert_uint_eq(waiting(2, "n1@sim"), 0);
}
END_TEST

/* Who waits for a process that ends goes on: its messages find nobody. */
START_TEST(the_end_of_the_receiver_ends_the_wait)
{
    osr_pid slow = slow_one(), killer = actor_on(B, "killer");

    connect_to(a, "b", "n1@sim");
    TELL(a, actor_pour, .to = slow, .first = 1, .count = POURED, .bytes = PIECE);
    run_ms(100);
    ck_assert_uint_eq(waiting(A, "n1@sim"), 1);
    TELL(killer, actor_send_exit, .to = slow, .reason = osr_str_of("enough"));
    run_ms(1000);
    expect_once("a sent 400");
    ck_assert_uint_eq(waiting(A, "n1@sim"), 0);
    ck_assert_uint_eq(atomic_load(&lane_to(A, "n1@sim")->full_count), 0);
}
END_TEST

/* What one that waits for credit gives up, another one uses. */
START_TEST(who_leaves_gives_its_credit_back)
{
    osr_pid slow = slow_one(), a2 = actor_on(A, "a2"), killer = actor_on(A, "killer");

    connect_to(a, "b", "n1@sim");
    TELL(a, actor_pour, .to = slow, .first = 1, .count = POURED, .bytes = PIECE);
    run_ms(100);
    TELL(a2, actor_pour, .to = slow, .first = 1001, .count = 50, .bytes = PIECE);
    run_ms(100);
    TELL(killer, actor_send_exit, .to = a, .reason = osr_str_of("enough"));
    run_ms(5000);
    expect_once("a2 sent 1050");
    ck_assert_uint_eq(waiting(A, "n1@sim"), 0);
}
END_TEST

/* What there is no room for may go to a process of another node; but not what came from one. */
START_TEST(overflow_may_be_on_another_node)
{
    actor_options name = {.name = osr_str_of("lazy")};
    osr_pid over = actor_on(A, "over");
    osr_node_counters counters;
    osr_pid lazy = cluster_spawn(
        world, B, &lazy_osr_entry, &name,
        OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = 2, .policy = OSR_MAILBOX_FORWARD,
                                         .overflow = over)));

    connect_to(a, "b", "n1@sim");
    TELL(b, actor_send, .to = lazy, .first = 1, .count = 4);
    TELL(a, actor_send, .to = lazy, .first = 5, .count = 1);
    run_ms(2000);
    expect_once("lazy note 1");
    expect_once("lazy note 2");
    expect_once("over note 3");
    expect_once("over note 4");
    osr_node_count(world->nodes[B].node, &counters);
    ck_assert_uint_eq(counters.dropped_overflow, 1);
    ck_assert_uint_eq(counters.dropped_full, 1);
    ck_assert_uint_eq(counters.messages_sent,
                      counters.messages_received + counters.messages_dropped);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("flow room");
    TCase *tests = tcase_create("flow room");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, senders_wait_for_room_in_a_mailbox);
    tcase_add_test(tests, wait_for_room_is_not_for_ever);
    tcase_add_test(tests, end_of_the_session_ends_the_wait_for_room);
    tcase_add_test(tests, bounded_mailbox_stops_senders_elsewhere);
    tcase_add_test(tests, senders_at_full_rate_lose_nothing);
    tcase_add_test(tests, the_end_of_the_receiver_ends_the_wait);
    tcase_add_test(tests, who_leaves_gives_its_credit_back);
    tcase_add_test(tests, overflow_may_be_on_another_node);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
