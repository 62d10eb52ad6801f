/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "tests/support/simulated_net.h"

/* The distribution on the simulated network: what a process sees of processes and nodes elsewhere.
 */

#define A 0
#define B 1
#define C 2

static osr_pid a, b, c;

static void start(uint32_t roles)
{
    net_start(&(cluster_options){.nodes = 3, .roles = roles});
    a = actor_on(A, "a");
    b = actor_on(B, "b");
    c = actor_on(C, "c");
}

static void setup(void)
{
    start(0);
}

/* Connects a and b, and forgets how. */
static void connect_ab(void)
{
    TELL(a, actor_send, .to = OSR_PID_NONE, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"),
         .first = 1, .count = 1);
    run_ms(100);
    expect("b note 1\n");
    actor_trace_clear();
}

/* The first send to a name dials; messages arrive once, in order, by name and by pid. */
START_TEST(messages_reach_names_and_pids_in_order)
{
    TELL(a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .first = 1,
         .count = 3);
    run_ms(100);
    TELL(a, actor_send, .to = b, .first = 4, .count = 2);
    TELL(a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .first = 6,
         .count = 1);
    run_ms(100);
    expect("b note 1\nb note 2\nb note 3\nb note 4\nb note 5\nb note 6\n");
}
END_TEST

/* A message of a megabyte arrives whole, and later ones of its sender stay behind it. */
START_TEST(large_message_keeps_its_place)
{
    connect_ab();
    TELL(a, actor_send, .to = b, .first = 1, .count = 1);
    TELL(a, actor_send_big, .to = b, .number = 2, .bytes = 1000000);
    TELL(a, actor_send, .to = b, .first = 3, .count = 1);
    run_ms(1000);
    expect("b note 1\nb big 2 of 1000000\nb note 3\n");
}
END_TEST

/* A pid whose node was never met is out of reach; one whose node is known, by introduction, is
 * dialed. */
START_TEST(pid_of_a_third_node_is_introduced)
{
    connect_ab();
    TELL(a, actor_send, .name = osr_str_of("c"), .node = osr_str_of("n2@sim"), .first = 1,
         .count = 1);
    run_ms(100);
    actor_trace_clear();
    TELL(b, actor_monitor, .to = c);
    run_ms(100);
    expect("b down noconnection\n");
    TELL(a, actor_introduce, .to = b, .who = c);
    run_ms(100);
    expect("b down noconnection\nc note 99\n");
}
END_TEST

/* An exit passes a link in both directions, with its reason, once. */
START_TEST(link_carries_the_exit_both_ways)
{
    connect_ab();
    osr_pid b2 = actor_on(B, "b2");
    TELL(a, actor_link, .to = b);
    TELL(b2, actor_link, .to = a);
    run_ms(100);
    TELL(b, actor_exit, .reason = osr_str_of("bye"));
    run_ms(100);
    expect_once("a exited bye");
    TELL(a, actor_exit, .reason = osr_str_of("also"));
    run_ms(100);
    expect_once("b2 exited also");
    ck_assert_uint_eq(actor_trace_count("a exited bye"), 1);
}
END_TEST

/* After an unlink nothing comes, neither by exit nor by the end of the session. */
START_TEST(unlinked_hears_nothing)
{
    connect_ab();
    TELL(a, actor_link, .to = b);
    run_ms(100);
    TELL(a, actor_unlink, .to = b);
    run_ms(100);
    TELL(b, actor_exit, .reason = osr_str_of("bye"));
    run_ms(100);
    cluster_crash(world, B, true);
    run_ms(100);
    expect("");
}
END_TEST

/* An unlink whose acknowledgement is lost with the session does not block the next link to the same
 * process. */
START_TEST(link_works_again_after_a_lost_unlink_acknowledgement)
{
    connect_ab();
    TELL(a, actor_link, .to = b);
    run_ms(100);
    osri_sim_cut(world->network, B, A);
    TELL(a, actor_unlink, .to = b);
    run_ms(1);
    osri_sim_reset(world->network, A, B);
    run_ms(100);
    osri_sim_heal(world->network, B, A);
    TELL(b, actor_link, .to = a);
    run_ms(100);
    TELL(b, actor_exit, .reason = osr_str_of("bye"));
    run_ms(100);
    expect_once("a exited bye");
}
END_TEST

/* A monitor says why its target ended; noproc where there is none; each once. */
START_TEST(monitor_tells_the_end)
{
    connect_ab();
    TELL(a, actor_monitor, .to = b);
    TELL(a, actor_monitor, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"));
    TELL(a, actor_monitor, .name = osr_str_of("nobody"), .node = osr_str_of("n1@sim"));
    run_ms(100);
    expect("a down noproc\n");
    TELL(b, actor_exit, .reason = osr_str_of("bye"));
    run_ms(100);
    ck_assert_uint_eq(actor_trace_count("a down bye"), 2);
    actor_trace_clear();
    TELL(a, actor_monitor, .to = b);
    TELL(a, actor_link, .to = b);
    run_ms(100);
    expect("a down noproc\na exited noproc\n");
}
END_TEST

/* An alias made with a monitor is reached from another node; the reply it was for ends both, and
 * what is no reply leaves the monitor, also for the end of the session. */
START_TEST(alias_is_reached_from_another_node)
{
    connect_ab();
    TELL(a, actor_lend, .to = b, .mode = OSR_ALIAS_REPLY);
    run_ms(100);
    expect("a note 1\n");
    TELL(a, actor_lend, .to = b, .mode = OSR_ALIAS_DEMONITOR);
    run_ms(100);
    expect("a note 1\na note 1\na note 2\n");
    cluster_crash(world, B, true);
    run_ms(100);
    ck_assert_uint_eq(actor_trace_count("a down noconnection"), 1);
}
END_TEST

/* A monitor by name that was taken back does not fire, also when the name has passed on to another
 * process. */
START_TEST(demonitor_by_name_reaches_the_process_it_was_for)
{
    connect_ab();
    TELL(a, actor_monitor, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"));
    run_ms(100);
    TELL(a, actor_demonitor, 0);
    run_ms(100);
    TELL(b, actor_exit, .reason = osr_str_of("bye"));
    run_ms(100);
    expect("");
}
END_TEST

/* An exit signal arrives at a process of another node. */
START_TEST(exit_signal_crosses_nodes)
{
    connect_ab();
    TELL(a, actor_send_exit, .to = b, .reason = osr_str_of("go"));
    run_ms(100);
    expect("b exited go\n");
}
END_TEST

/* When a node dies, every link and monitor fires once with noconnection, before its nodedown. */
START_TEST(lost_node_fires_everything_once)
{
    connect_ab();
    TELL(a, actor_watch_nodes, 0);
    TELL(a, actor_link, .to = b);
    TELL(a, actor_monitor, .to = b);
    run_ms(100);
    expect("a nodeup n1@sim\n");
    cluster_crash(world, B, true);
    run_ms(100);
    expect("a nodeup n1@sim\na exited noconnection\na down noconnection\n"
           "a nodedown n1@sim connection_closed\n");
    run_ms(20000);
    ck_assert_uint_eq(actor_trace_count("a down noconnection"), 1);
}
END_TEST

/* A silent partition is noticed within 1.25 T, on both sides. */
START_TEST(silence_ends_the_session)
{
    connect_ab();
    TELL(a, actor_link, .to = b);
    run_ms(100);
    osri_sim_cut(world->network, A, B);
    osri_sim_cut(world->network, B, A);
    run_ms(2600);
    expect_once("a exited noconnection");
    expect_once("b exited noconnection");
}
END_TEST

/* nodeup is told before the first message of a session, nodedown after the last. */
START_TEST(node_messages_bracket_the_session)
{
    TELL(b, actor_watch_nodes, 0);
    TELL(a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .first = 1,
         .count = 2);
    run_ms(100);
    expect("b nodeup n0@sim\nb note 1\nb note 2\n");
    TELL(a, actor_send, .to = b, .first = 3, .count = 1);
    run_ms(1);
    cluster_stop(world, A);
    run_ms(100);
    expect("b nodeup n0@sim\nb note 1\nb note 2\nb note 3\nb nodedown n0@sim goodbye\n");
}
END_TEST

/* Both nodes dial at once: one session, nothing is lost, order is kept. */
START_TEST(simultaneous_dials_end_in_one_session)
{
    TELL(a, actor_watch_nodes, 0);
    TELL(a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .first = 1,
         .count = 2);
    TELL(b, actor_send, .name = osr_str_of("a"), .node = osr_str_of("n0@sim"), .first = 11,
         .count = 2);
    run_ms(1000);
    expect_once("a nodeup n1@sim");
    expect_once("a note 11");
    expect_once("a note 12");
    expect_once("b note 1");
    expect_once("b note 2");
    ck_assert_ptr_null(strstr(actor_trace(), "nodedown"));
}
END_TEST

/* A node that does not exist: monitors and links fire noconnection, and so do calls. */
START_TEST(unknown_node_is_noconnection)
{
    TELL(a, actor_monitor, .name = osr_str_of("x"), .node = osr_str_of("nowhere@sim"));
    TELL(a, actor_call, .name = osr_str_of("x"), .node = osr_str_of("nowhere@sim"),
         .timeout_ms = 5000);
    run_ms(100);
    expect_once("a down noconnection");
    expect_once("a called ENOCONNECTION 0");
}
END_TEST

/* A dial that nobody answers ends at the setup deadline, and what waited for it is refused. */
START_TEST(mute_node_is_noconnection_at_the_setup_deadline)
{
    osri_sim_cut(world->network, A, B);
    TELL(a, actor_monitor, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"));
    run_ms(2000);
    expect("");
    run_ms(6000);
    expect("a down noconnection\n");
}
END_TEST

/* A call crosses nodes; one that is lost with its node fails at once, one that nobody answers times
 * out. */
START_TEST(calls_cross_nodes)
{
    TELL(a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .timeout_ms = 1000);
    run_ms(100);
    expect("a called OK 14\n");
    TELL(a, actor_call, .name = osr_str_of("nobody"), .node = osr_str_of("n1@sim"),
         .timeout_ms = 1000);
    run_ms(100);
    expect_once("a called ENOPROC 0");
    osri_sim_cut(world->network, A, B);
    TELL(a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .timeout_ms = 500);
    run_ms(600);
    expect_once("a called ETIMEDOUT 0");
    TELL(a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .timeout_ms = 5000);
    run_ms(10);
    osri_sim_reset(world->network, A, B);
    run_ms(100);
    expect_once("a called ENOCONNECTION 0");
}
END_TEST

/* However early a connection ends, also between the WELCOME and the READY: what waited for it hears
 * of the end, once. */
START_TEST(what_waited_hears_of_an_early_end)
{
    for (unsigned round = 1; round <= 60; round++) {
        TELL(a, actor_monitor, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"));
        (void)cluster_run(world, world->now_ns + round * MS / 20, NULL, NULL);
        osri_sim_reset(world->network, A, B);
        run_ms(100);
        osri_sim_reset(world->network, A, B);
        run_ms(100);
        ck_assert_uint_eq(actor_trace_count("a down noconnection"), round);
    }
}
END_TEST

/* A disconnect on purpose fires everything once and says so; the next send connects again. */
START_TEST(disconnect_is_a_nodedown_and_no_more)
{
    connect_ab();
    TELL(a, actor_watch_nodes, 0);
    TELL(a, actor_link, .to = b);
    run_ms(100);
    actor_trace_clear();
    void *context;
    const osri_remote_ops *ops = osri_node_remote(world->nodes[A].node, &context);
    ck_assert_int_eq(ops->disconnect(context, "n1@sim"), OSR_OK);
    run_ms(100);
    expect_once("a exited noconnection");
    expect_once("a nodedown n1@sim disconnect");
    expect_once("b exited noconnection");
    ck_assert_int_eq(ops->disconnect(context, "n1@sim"), OSR_ENOTFOUND);
    TELL(a, actor_send, .to = b, .first = 9, .count = 1);
    run_ms(100);
    expect_once("b note 9");
}
END_TEST

static void send_raw(uint32_t from, const char *to, const void *bytes, size_t size)
{
    osri_party *party = osri_party_find(world->nodes[from].net, to);
    osri_link_event event = {.kind = OSRI_LINK_SEND, .bytes = bytes, .bytes_count = size};
    osri_link_event flush = {.kind = OSRI_LINK_FLUSH};

    ck_assert_ptr_nonnull(party->up);
    ck_assert_int_eq(osri_session_step(party->up, &event), OSR_OK);
    ck_assert_int_eq(osri_session_step(party->up, &flush), OSR_OK);
}

/* A malformed record ends its own session, with protocol_error; the node goes on, also with others.
 */
START_TEST(malformed_record_ends_its_session_alone)
{
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } bad[] = {
        {{0xc1}, 1},
        {{0x92, OSRI_RECORD_FULL, 0}, 3}, /* of nobody's mailbox */
        {{0x92, OSRI_RECORD_ROOM, 0xc0}, 3},
        {{0xdd, 5, 0, 0, 0}, 5},
        {{0x99, OSRI_SIGNAL_LINK, 1, 0, 0, 0, 0, 0, 0, 0xc0}, 10},             /* to nobody */
        {{0x99, OSRI_SIGNAL_MESSAGE, 1, 1, 0, 0, 0, 0, 0, 0xc0}, 10},          /* without a body */
        {{0x99, OSRI_SIGNAL_MESSAGE, 1, 1, 0, 0, 0, 0, 0, 0x92, 5, 0x80}, 12}, /* not introduced */
        {{0x94, OSRI_RECORD_NODE, 5, 0xc4, 3, 'a', '@', 'b', 9}, 9},           /* not its number */
    };

    TELL(c, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .first = 1,
         .count = 1);
    TELL(b, actor_watch_nodes, 0);
    run_ms(100);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        TELL(a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .first = 1,
             .count = 1);
        run_ms(100);
        actor_trace_clear();
        send_raw(A, "n1@sim", bad[i].bytes, bad[i].size);
        run_ms(100);
        ck_assert_str_eq(actor_trace(), "b nodedown n0@sim protocol_error\n");
    }
}
END_TEST

/* A type that means something else here: its messages are dropped, the session goes on. */
START_TEST(contradicting_type_is_dropped)
{
    static const uint8_t other_name[] = {0x94, OSRI_RECORD_TYPE, 0xcd, 0x10, 0x01, 0xc4, 1, 'x', 0};
    osri_net_counters counters;

    connect_ab();
    send_raw(A, "n1@sim", other_name, sizeof(other_name));
    TELL(a, actor_send, .to = b, .first = 5, .count = 1);
    TELL(a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .timeout_ms = 100);
    run_ms(200);
    expect("a called OK 14\n");
    osri_net_count(world->nodes[B].net, &counters);
    ck_assert_uint_eq(counters.untyped, 1);
}
END_TEST

static size_t relations_of(uint32_t host, const char *peer)
{
    osri_party *party = osri_party_find(world->nodes[host].net, peer);

    ck_assert(party != NULL && party->up != NULL);
    return osri_map_count(&party->up->relations.map);
}

/* What a session keeps for links, monitors, calls and spawns goes when their processes do, on both
 * sides, whichever ends first: a session may last for years. */
START_TEST(nothing_is_kept_for_processes_that_ended)
{
    for (int round = 0; round < 2; round++) {
        osr_pid near = actor_on(A, "near"), far = actor_on(B, "far");
        TELL(near, actor_link, .to = far);
        TELL(near, actor_monitor, .to = far);
        TELL(far, actor_monitor, .to = near);
        TELL(near, actor_call, .name = osr_str_of("far"), .node = osr_str_of("n1@sim"),
             .timeout_ms = 100);
        TELL(near, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
             .name = osr_str_of("child"));
        run_ms(300);
        ck_assert_uint_gt(relations_of(A, "n1@sim"), 0);
        ck_assert_uint_gt(relations_of(B, "n0@sim"), 0);
        tell(round == 0 ? near : far, &actor_exit_osr_type,
             &(actor_exit){.reason = osr_str_of("bye")});
        run_ms(100);
        tell(round == 0 ? far : near, &actor_exit_osr_type,
             &(actor_exit){.reason = osr_str_of("bye")});
        run_ms(300);
        ck_assert_uint_eq(relations_of(A, "n1@sim"), 0);
        ck_assert_uint_eq(relations_of(B, "n0@sim"), 0);
    }
}
END_TEST

static unsigned lines_logged;
static bool told_suppressed;

static void count_line(cluster_node *at, const char *line)
{
    (void)at;
    lines_logged += strstr(line, "message type") != NULL || strstr(line, "may not spawn") != NULL;
    told_suppressed = told_suppressed || strstr(line, "more suppressed)") != NULL;
}

/* What a peer does wrong again and again is not a line each time; how many were left out is said
 * later. */
START_TEST(peer_cannot_flood_the_log)
{
    static const uint8_t other_name[] = {0x94, OSRI_RECORD_TYPE, 0xcd, 0x10, 0x01, 0xc4, 1, 'x', 0};
    cluster_options options = {.nodes = 3, .logged = count_line};

    net_end();
    world = cluster_new(1, &options);
    actor_trace_clear();
    a = actor_on(A, "a");
    b = actor_on(B, "b");
    connect_ab();
    lines_logged = 0;
    told_suppressed = false;
    for (int i = 0; i < 1000; i++) {
        send_raw(A, "n1@sim", other_name, sizeof(other_name));
    }
    run_ms(100);
    ck_assert_uint_ge(lines_logged, 1);
    ck_assert_uint_le(lines_logged, 6);
    run_ms(2000);
    send_raw(A, "n1@sim", other_name, sizeof(other_name));
    run_ms(100);
    ck_assert(told_suppressed);
}
END_TEST

OSR_MESSAGE(crowd, 0x1300, (1, list(u32), numbers));

/* A message that no record can carry is dropped here, and counted; it costs neither the session nor
 * what comes after it. One just within the limit arrives. */
START_TEST(message_beyond_the_limits_is_dropped_alone)
{
    static uint32_t numbers[70000];
    crowd many = {.numbers = {.at = numbers, .count = 70000}};
    osri_net_counters counters;

    connect_ab();
    TELL(b, actor_watch_nodes, 0);
    run_ms(100);
    actor_trace_clear();
    ck_assert_int_eq(osr_node_send(world->nodes[A].node, osr_to(b), &crowd_osr_type, &many),
                     OSR_OK);
    TELL(a, actor_send_big, .to = b, .number = 1, .bytes = OSR_MESSAGE_BYTES_MAX - 256);
    TELL(a, actor_send_big, .to = b, .number = 2, .bytes = OSR_MESSAGE_BYTES_MAX + 1);
    TELL(a, actor_send, .to = b, .first = 5, .count = 1);
    run_ms(20000);
    osri_net_count(world->nodes[A].net, &counters);
    ck_assert_uint_eq(counters.dropped, 1);
    expect("b big 1 of 16776960\nb note 5\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net on the simulated network");
    TCase *tests = tcase_create("net");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, messages_reach_names_and_pids_in_order);
    tcase_add_test(tests, large_message_keeps_its_place);
    tcase_add_test(tests, pid_of_a_third_node_is_introduced);
    tcase_add_test(tests, link_carries_the_exit_both_ways);
    tcase_add_test(tests, unlinked_hears_nothing);
    tcase_add_test(tests, link_works_again_after_a_lost_unlink_acknowledgement);
    tcase_add_test(tests, monitor_tells_the_end);
    tcase_add_test(tests, alias_is_reached_from_another_node);
    tcase_add_test(tests, demonitor_by_name_reaches_the_process_it_was_for);
    tcase_add_test(tests, exit_signal_crosses_nodes);
    tcase_add_test(tests, lost_node_fires_everything_once);
    tcase_add_test(tests, silence_ends_the_session);
    tcase_add_test(tests, node_messages_bracket_the_session);
    tcase_add_test(tests, simultaneous_dials_end_in_one_session);
    tcase_add_test(tests, unknown_node_is_noconnection);
    tcase_add_test(tests, mute_node_is_noconnection_at_the_setup_deadline);
    tcase_add_test(tests, calls_cross_nodes);
    tcase_add_test(tests, what_waited_hears_of_an_early_end);
    tcase_add_test(tests, disconnect_is_a_nodedown_and_no_more);
    tcase_add_test(tests, malformed_record_ends_its_session_alone);
    tcase_add_test(tests, contradicting_type_is_dropped);
    tcase_add_test(tests, nothing_is_kept_for_processes_that_ended);
    tcase_add_test(tests, peer_cannot_flood_the_log);
    tcase_add_test(tests, message_beyond_the_limits_is_dropped_alone);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
