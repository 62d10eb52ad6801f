/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "osier/nodes.h"
#include "tests/support/simulated_net.h"
#include "tests/unit/net/person.h"

/* Conformance cases about nodes and connections, named after OTP's (reference/otp.md, 3), on the
 * simulated network. "a" is on n0@sim, "b" on n1@sim. */

#define A 0
#define B 1
#define C 2

static osr_pid a, b, c;
static osr_pid actors[3]; /* "actor" on each, which links and monitors */
static osr_auto_connect mode;
static uint32_t hidden_host;

static void configure(cluster_node *at, osri_net_options *options)
{
    options->auto_connect = at->host == A ? mode : OSR_AUTO_CONNECT_ALWAYS;
    options->hidden = at->host == hidden_host;
    options->endpoint = ""; /* nobody is dialed by what members say */
}

static void start(osr_auto_connect auto_connect, uint32_t hidden)
{
    cluster_options options = {
        .nodes = 3, .roles = OSRI_ROLES_ALL & ~(uint32_t)OSRI_ROLE_MAPPER, .configure = configure};

    mode = auto_connect;
    hidden_host = hidden;
    net_start(&options);
    a = person_on(world, A, "a");
    b = person_on(world, B, "b");
    c = person_on(world, C, "c");
    for (uint32_t i = 0; i < 3; i++) {
        actors[i] = actor_on(i, "actor");
    }
}

static void setup(void)
{
    start(OSR_AUTO_CONNECT_ALWAYS, 3);
}

static void setup_never(void)
{
    start(OSR_AUTO_CONNECT_NEVER, 3);
}

static void setup_once(void)
{
    start(OSR_AUTO_CONNECT_ONCE, 3);
}

static void setup_hidden(void)
{
    start(OSR_AUTO_CONNECT_ALWAYS, C);
}

static bool is_connected(uint32_t from, const char *name)
{
    return osri_net_session_of(world->nodes[from].net, name) != 0;
}

static void connect_ab(void)
{
    person_does(world, a, PERSON_CONNECT, "n1@sim", 0);
    run_ms(200);
    ck_assert(is_connected(A, "n1@sim"));
    actor_trace_clear();
}

static void disconnect_ab(void)
{
    person_does(world, a, PERSON_DISCONNECT, "n1@sim", 0);
    run_ms(200);
    ck_assert(!is_connected(A, "n1@sim"));
}

/* distribution_SUITE: dist_auto_connect_never. Nothing that is sent dials; messages are dropped,
 * all else hears noconnection at once; asked for by name, a connection is made, and then used. */
START_TEST(dist_auto_connect_never)
{
    TELL(actors[A], actor_send, .name = osr_str_of("actor"), .node = osr_str_of("n1@sim"),
         .first = 1, .count = 1);
    TELL(actors[A], actor_monitor, .name = osr_str_of("actor"), .node = osr_str_of("n1@sim"));
    person_does(world, a, PERSON_SPAWN, "n1@sim", 0);
    person_does(world, a, PERSON_MONITOR, "n1@sim", 0);
    run_ms(500);
    expect_count(1, "actor down noconnection");
    expect_count(1, "a spawned ENOCONNECTION");
    expect_count(1, "a lost n1@sim not_connected");
    expect_count(0, "actor note 1");
    ck_assert(!is_connected(A, "n1@sim"));
    connect_ab();
    TELL(actors[A], actor_send, .to = actors[B], .first = 2, .count = 1);
    run_ms(200);
    expect_next("actor note 2\n");
}
END_TEST

/* The same: whoever dials such a node is accepted, and answered. */
START_TEST(dist_auto_connect_never_is_dialed)
{
    TELL(actors[B], actor_send, .name = osr_str_of("actor"), .node = osr_str_of("n0@sim"),
         .first = 1, .count = 1);
    run_ms(200);
    TELL(actors[A], actor_send, .to = actors[B], .first = 2, .count = 1);
    run_ms(200);
    expect_next("actor note 1\nactor note 2\n");
}
END_TEST

/* distribution_SUITE: dist_auto_connect_once. The first send connects; after a loss no further one
 * does, until a connection is made on purpose. */
START_TEST(dist_auto_connect_once)
{
    TELL(actors[A], actor_send, .name = osr_str_of("actor"), .node = osr_str_of("n1@sim"),
         .first = 1, .count = 1);
    run_ms(200);
    expect_next("actor note 1\n");
    osri_sim_reset(world->network, A, B);
    run_ms(200);
    TELL(actors[A], actor_send, .to = actors[B], .first = 2, .count = 1);
    TELL(actors[A], actor_monitor, .to = actors[B]);
    run_ms(500);
    expect_next("actor down noconnection\n");
    ck_assert(!is_connected(A, "n1@sim"));
    connect_ab();
    TELL(actors[A], actor_send, .to = actors[B], .first = 3, .count = 1);
    run_ms(200);
    expect_next("actor note 3\n");
    osri_sim_reset(world->network, A, B);
    run_ms(200);
    TELL(actors[B], actor_send, .to = actors[A], .first = 4, .count = 1); /* B connects always */
    run_ms(200);
    expect_next("actor note 4\n");
}
END_TEST

/* The same: one that was never reached is tried again each time. */
START_TEST(dist_auto_connect_once_counts_only_connections)
{
    osri_sim_cut(world->network, A, B);
    TELL(actors[A], actor_monitor, .name = osr_str_of("actor"), .node = osr_str_of("n1@sim"));
    run_ms(8000);
    expect_next("actor down noconnection\n");
    osri_sim_heal(world->network, A, B);
    TELL(actors[A], actor_send, .name = osr_str_of("actor"), .node = osr_str_of("n1@sim"),
         .first = 1, .count = 1);
    run_ms(500);
    expect_next("actor note 1\n");
}
END_TEST

static void do_operation(int which)
{
    switch (which) {
    case 0:
        TELL(actors[A], actor_send, .to = actors[B], .first = 7, .count = 1);
        break;
    case 1:
        TELL(actors[A], actor_send, .name = osr_str_of("actor"), .node = osr_str_of("n1@sim"),
             .first = 7, .count = 1);
        break;
    case 2:
        TELL(actors[A], actor_link, .to = actors[B]);
        break;
    case 3:
        TELL(actors[A], actor_monitor, .to = actors[B]);
        break;
    case 4:
        person_does(world, a, PERSON_SPAWN, "n1@sim", 0);
        break;
    case 5:
        TELL(actors[A], actor_send_exit, .to = actors[B], .reason = osr_str_of("tap"));
        break;
    case 6:
        TELL(actors[A], actor_call, .name = osr_str_of("actor"), .node = osr_str_of("n1@sim"),
             .timeout_ms = 1000);
        break;
    case 7:
        person_does(world, a, PERSON_MONITOR, "n1@sim", 0);
        break;
    default:
        TELL(actors[A], actor_send_big, .to = actors[B], .number = 8, .bytes = 300000);
        break;
    }
}

#define OPERATIONS 9

/* distribution_SUITE: optimistic_dflags, hopefull_data_encoding. After a disconnect each operation
 * connects again, and what it sends arrives whole. */
START_TEST(auto_connect_via_every_operation)
{
    static const char *const effects[OPERATIONS] = {"actor note 7",
                                                    "actor note 7",
                                                    NULL,
                                                    NULL,
                                                    "a spawned OK",
                                                    "actor exited tap",
                                                    "actor called OK 14",
                                                    NULL,
                                                    "actor big 8 of 300000"};

    connect_ab();
    disconnect_ab();
    person_does(world, a, PERSON_WATCH, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    do_operation(_i);
    run_ms(1000);
    expect_count(1, "a nodeup n1@sim");
    if (effects[_i] != NULL) {
        expect_count(1, effects[_i]);
    }
}
END_TEST

/* erl_link_SUITE: monitor_nodes. Three monitors of a node and one taken back are two nodedowns; one
 * that has fired, or is another process's, cannot be taken back. */
START_TEST(node_monitors_stack)
{
    for (int i = 0; i < 3; i++) {
        person_does(world, a, PERSON_MONITOR, "n1@sim", 0);
    }
    person_does(world, a, PERSON_DEMONITOR, NULL, 0);
    run_ms(200);
    expect_next("a demonitored 1\n");
    ck_assert(is_connected(A, "n1@sim")); /* they connect */
    cluster_crash(world, B, true);
    run_ms(200);
    expect_next("a lost n1@sim connection_closed\na lost n1@sim connection_closed\n");
    person_does(world, a, PERSON_DEMONITOR, NULL, 0);
    run_ms(10);
    expect_next("a demonitored 0\n");
}
END_TEST

/* The same: a node that does not exist is down at once; the own one never; what is no name is
 * refused. */
START_TEST(node_monitor_of_nobody)
{
    person_does(world, a, PERSON_MONITOR, "nobody@sim", 0);
    run_ms(100);
    expect_next("a lost nobody@sim connection_setup_failed\n");
    person_does(world, a, PERSON_MONITOR, "n0@sim", 0);
    person_does(world, a, PERSON_MONITOR, "no name", 0);
    person_does(world, a, PERSON_MONITOR, "nohost@", 0);
    run_ms(500);
    expect_next("a refused EINVAL\na refused EINVAL\n");
}
END_TEST

/* erl_distribution_SUITE: net_setuptime. A node whose packets vanish is given up by the setup
 * deadline; others are reached meanwhile. */
START_TEST(net_setuptime)
{
    osri_sim_cut(world->network, A, B);
    person_does(world, a, PERSON_MONITOR, "n1@sim", 0);
    person_does(world, a, PERSON_SPAWN, "n2@sim", 0);
    run_ms(2000);
    expect_next("a spawned OK\n");
    run_ms(5100);
    expect_next("a lost n1@sim connection_setup_failed\n");
}
END_TEST

/* erl_distribution_SUITE: monitor_nodes_nodedown_reason; connection_id of monitor_nodes: person.c
 * complains of a nodedown whose connection is not that of the nodeup. */
START_TEST(monitor_nodes_nodedown_reason)
{
    person_does(world, a, PERSON_WATCH, NULL, 0);
    connect_ab();
    disconnect_ab();
    expect_next("a nodedown n1@sim disconnect\n");
    connect_ab();
    person_does(world, b, PERSON_DISCONNECT, "n0@sim", 0);
    run_ms(200);
    expect_next("a nodedown n1@sim connection_closed\n");
    connect_ab();
    osri_sim_cut(world->network, B, A);
    run_ms(3000);
    expect_next("a nodedown n1@sim net_tick_timeout\n");
    osri_sim_heal(world->network, B, A);
    run_ms(3000); /* B gives up as well */
    connect_ab();
    cluster_crash(world, B, true);
    run_ms(200);
    expect_next("a nodedown n1@sim connection_closed\n");
    cluster_start(world, B);
    connect_ab();
    cluster_stop(world, B);
    run_ms(200);
    expect_next("a nodedown n1@sim goodbye\n");
}
END_TEST

static void expect_given_up_within(uint64_t tick_ms)
{
    osri_sim_cut(world->network, B, A);
    run_ms(tick_ms * 3 / 4 - 10);
    expect_next("");
    run_ms(tick_ms / 2 + 20);
    ck_assert_msg(strstr(actor_trace(), "a nodedown n1@sim net_tick_timeout") != NULL, "%s",
                  actor_trace());
    osri_sim_heal(world->network, B, A);
    run_ms(15000); /* B gives up as well */
    connect_ab();
}

/* erl_distribution_SUITE: tick. Where nothing is said nobody is given up; who falls silent is,
 * after T and at most a quarter more. */
START_TEST(tick)
{
    person_does(world, a, PERSON_WATCH, NULL, 0);
    connect_ab();
    run_ms(30000);
    expect_next("");
    expect_given_up_within(2000);
}
END_TEST

/* erl_distribution_SUITE: tick_change. T is changed while nodes are connected, to less and to more,
 * on one side: nobody is given up during the transition, and afterwards the new T holds, also for
 * new connections. */
START_TEST(tick_change)
{
    person_does(world, a, PERSON_WATCH, NULL, 0);
    connect_ab();
    person_does(world, a, PERSON_TICK, NULL, 400);
    run_ms(30000);
    expect_next("");
    expect_given_up_within(400);
    person_does(world, a, PERSON_TICK, NULL, 8000);
    run_ms(100);
    expect_given_up_within(8000);
    person_does(world, a, PERSON_TICK, NULL, 99);
    person_does(world, a, PERSON_TICK, NULL, 3600001);
    run_ms(10);
    expect_next("a refused a tick\na refused a tick\n");
}
END_TEST

/* The same: during the transition to less, a peer that is silent for less than the old T is not
 * given up. */
START_TEST(tick_change_has_a_transition)
{
    person_does(world, a, PERSON_WATCH, NULL, 0);
    connect_ab();
    osri_sim_cut(world->network, A, B); /* it does not hear of it */
    person_does(world, a, PERSON_TICK, NULL, 200);
    run_ms(1400);
    expect_next("");
}
END_TEST

/* erl_distribution_SUITE: monitor_nodes_down_up. A node that is killed and back at once is down
 * before it is up, for everybody who watches, and for one who begins to in between. */
START_TEST(monitor_nodes_down_up)
{
    osr_pid late = person_on(world, A, "late");

    connect_ab();
    person_does(world, a, PERSON_WATCH, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    cluster_crash(world, B, false); /* its connections are still there for A */
    cluster_start(world, B);
    b = person_on(world, B, "b");
    person_does(world, late, PERSON_WATCH, NULL, 0);
    person_does(world, b, PERSON_CONNECT, "n0@sim", 0);
    run_ms(500);
    const char *down = strstr(actor_trace(), "a nodedown n1@sim");
    const char *up = strstr(actor_trace(), "a nodeup n1@sim");
    ck_assert_msg(down != NULL && up != NULL && down < up, "%s", actor_trace());
    expect_count(1, "a nodeup n1@sim");
    ck_assert_msg(strstr(actor_trace(), "late nodeup n1@sim\nlate nodedown n1@sim") != NULL ||
                      actor_trace_count("late nodeup n1@sim") == 2,
                  "%s", actor_trace());
}
END_TEST

/* erl_distribution_SUITE: monitor_nodes_many, monitor_nodes_cleanup. Each of many subscribers hears
 * each once; of those that have ended, or no longer want to hear, nothing is left. */
START_TEST(monitor_nodes_many_and_cleanup)
{
    osr_pid many[40];
    char line[64];

    for (int i = 0; i < 40; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "p%d", i);
        many[i] = person_on(world, A, name);
        person_does(world, many[i], PERSON_WATCH, NULL, 0);
        person_does(world, many[i], PERSON_MEMBERS, NULL, 0);
        person_does(world, many[i], PERSON_MONITOR, "n1@sim", 0);
    }
    run_ms(500);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(line, sizeof(line), "p%d nodeup n1@sim", i);
        expect_count(1, line);
        person_does(world, many[i], i % 2 == 0 ? PERSON_END : PERSON_WATCH, NULL, 2);
    }
    run_ms(10);
    actor_trace_clear();
    cluster_crash(world, B, true);
    run_ms(200);
    for (int i = 0; i < 40; i++) {
        (void)snprintf(line, sizeof(line), "p%d lost n1@sim connection_closed", i);
        expect_count(i % 2 == 0 ? 0 : 1, line);
        (void)snprintf(line, sizeof(line), "p%d nodedown n1@sim connection_closed", i);
        expect_count(0, line);
        (void)snprintf(line, sizeof(line), "p%d member n1@sim lost", i);
        expect_count(i % 2 == 0 ? 0 : 1, line);
    }
}
END_TEST

/* Measured on OTP: who has all three hears of an exit, a down and a nodedown in this order. */
START_TEST(disconnect_order)
{
    osri_peer peers[2];
    void *context;
    const osri_remote_ops *ops = osri_node_remote(world->nodes[A].node, &context);

    connect_ab();
    TELL(actors[A], actor_link, .to = actors[B]);
    TELL(actors[A], actor_monitor, .to = actors[B]);
    TELL(actors[A], actor_watch_nodes, 0);
    run_ms(100);
    actor_trace_clear();
    ck_assert_uint_eq(ops->peers(context, peers, 2), 1);
    person_does(world, a, PERSON_DISCONNECT, "n1@sim", 0);
    run_ms(200);
    const char *exited = strstr(actor_trace(), "actor exited noconnection");
    const char *down = strstr(actor_trace(), "actor down noconnection");
    const char *nodedown = strstr(actor_trace(), "actor nodedown n1@sim disconnect");
    ck_assert_msg(exited != NULL && down != NULL && nodedown != NULL, "%s", actor_trace());
    ck_assert_msg(exited < down && down < nodedown, "%s", actor_trace());
}
END_TEST

/* erl_distribution_SUITE: table_waste, illegal_nodenames. A thousand names of nobody leave nothing
 * behind, and the next connection works. */
START_TEST(table_waste)
{
    for (uint32_t i = 0; i < 1000; i++) {
        char name[32];
        (void)snprintf(name, sizeof(name), i % 3 == 0 ? "bad name %u" : "ghost%u@nowhere", i);
        TELL(actors[A], actor_send, .name = osr_str_of("actor"), .node = osr_str_of(name),
             .first = 1, .count = 1);
        person_does(world, a, PERSON_MONITOR, i % 3 == 0 ? "" : name, 0);
        if (i % 100 == 99) {
            run_ms(100);
        }
        if (i % 7 == 6) {
            run_ms(1);
        }
    }
    run_ms(8000);
    ck_assert_uint_eq(osri_map_count(&world->nodes[A].net->parties), 0);
    ck_assert_uint_eq(osri_map_count(&world->nodes[A].net->members.by_name), 1);
    connect_ab();
}
END_TEST

/* erl_distribution_SUITE: hidden_node, monitor_nodes_node_type. A hidden node is listed and told of
 * only where hidden ones are asked for. */
START_TEST(hidden_node)
{
    osr_pid all = person_on(world, A, "all");

    person_does(world, a, PERSON_WATCH, NULL, 0);
    person_does(world, all, PERSON_WATCH, NULL, 1);
    person_does(world, c, PERSON_CONNECT, "n0@sim", 0);
    person_does(world, b, PERSON_CONNECT, "n0@sim", 0);
    run_ms(300);
    expect_count(0, "a nodeup n2@sim hidden");
    expect_count(1, "a nodeup n1@sim");
    expect_count(1, "all nodeup n2@sim hidden");
    expect_count(1, "all nodeup n1@sim");
    person_does(world, a, PERSON_LIST, NULL, OSR_NODES_VISIBLE);
    person_does(world, b, PERSON_LIST, NULL, OSR_NODES_CONNECTED);
    person_does(world, a, PERSON_LIST, NULL, OSR_NODES_HIDDEN);
    person_does(world, all, PERSON_LIST, NULL, OSR_NODES_CONNECTED);
    person_does(world, c, PERSON_LIST, NULL, OSR_NODES_VISIBLE);
    person_does(world, all, PERSON_LIST, NULL, OSR_NODES_THIS);
    run_ms(10);
    expect_count(1, "a sees n1@sim");
    expect_count(1, "b sees n0@sim");
    expect_count(1, "a sees n2@sim");
    ck_assert(actor_trace_count("all sees n2@sim n1@sim") +
                  actor_trace_count("all sees n1@sim n2@sim") ==
              1);
    expect_count(1, "c sees n0@sim");
    expect_count(1, "all sees n0@sim");
    cluster_crash(world, C, true);
    run_ms(200);
    expect_count(0, "a nodedown n2@sim connection_closed");
    expect_count(1, "all nodedown n2@sim connection_closed");
}
END_TEST

/* A contact is dialed where nodes do not connect by themselves, too. */
START_TEST(wanted_nodes_are_dialed_where_nothing_else_is)
{
    ck_assert_int_eq(osri_net_want(world->nodes[A].net, "n1@sim", true), OSR_OK);
    run_ms(200);
    ck_assert(is_connected(A, "n1@sim"));
    osri_sim_reset(world->network, A, B);
    run_ms(1000);
    ck_assert(is_connected(A, "n1@sim"));
    ck_assert_int_eq(osri_net_want(world->nodes[A].net, "n1@sim", false), OSR_OK);
    run_ms(10);
    osri_sim_reset(world->network, A, B);
    run_ms(10000);
    ck_assert(!is_connected(A, "n1@sim"));
    ck_assert_int_eq(osri_net_want(world->nodes[A].net, "no name", true), OSR_EINVAL);
}
END_TEST

static TCase *add_case(Suite *suite, const char *name, void (*begin)(void))
{
    TCase *tests = tcase_create(name);

    tcase_add_checked_fixture(tests, begin, net_end);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("conform_nodes");
    TCase *tests = add_case(suite, "nodes", setup);
    tcase_add_loop_test(tests, auto_connect_via_every_operation, 0, OPERATIONS);
    tcase_add_test(tests, node_monitors_stack);
    tcase_add_test(tests, node_monitor_of_nobody);
    tcase_add_test(tests, net_setuptime);
    tcase_add_test(tests, monitor_nodes_nodedown_reason);
    tcase_add_test(tests, tick);
    tcase_add_test(tests, tick_change);
    tcase_add_test(tests, tick_change_has_a_transition);
    tcase_add_test(tests, monitor_nodes_down_up);
    tcase_add_test(tests, monitor_nodes_many_and_cleanup);
    tcase_add_test(tests, disconnect_order);
    tcase_add_test(tests, table_waste);
    tests = add_case(suite, "never", setup_never);
    tcase_add_test(tests, dist_auto_connect_never);
    tcase_add_test(tests, dist_auto_connect_never_is_dialed);
    tcase_add_test(tests, wanted_nodes_are_dialed_where_nothing_else_is);
    tests = add_case(suite, "once", setup_once);
    tcase_add_test(tests, dist_auto_connect_once);
    tcase_add_test(tests, dist_auto_connect_once_counts_only_connections);
    tcase_add_test(add_case(suite, "hidden", setup_hidden), hidden_node);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
