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

/* ... for 5 seconds at most: then the message is sent all the same. */
START_TEST(wait_for_room_is_not_for_ever)
{
    connect_to(a, "b", "n1@sim");
    say_of_mailbox(b, true);
    TELL(a, actor_send, .to = b, .first = 1, .count = 1);
    run_ms(4800);
    expect_none("b note");
    run_ms(400);
    expect_once("b note 1");
    ck_assert_uint_eq(osri_lane_queued(lane_to(A, "n1@sim")), 0);
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
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
