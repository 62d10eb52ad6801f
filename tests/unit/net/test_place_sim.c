/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "osier/nodes.h"
#include "osier/supervisor.h"
#include "tests/support/simulated_net.h"
#include "tests/unit/net/person.h"

/* A supervisor's children on members of a simulated cluster. The supervisor is on n1@sim, which is
 * connected with n0@sim alone; n0, n2 and n3 are workers. */

#define NODES 4

OSR_MESSAGE(place_start, 0x1180, (1, str, place));

OSR_STATE(hand, (1, u32, zero));
OSR_ON_INIT(hand, osr_started)
{
    (void)argument;
    actor_trace_add("on %s", osr_self_node_name(self));
    return OSR_OK;
}
OSR_ON_TERMINATE(hand)
{
    (void)reason;
}
OSR_SERVER(hand, OSR_INIT(osr_started), OSR_TERMINATE);
OSR_EXPORT_SERVER(hand);

OSR_SUPERVISOR(gang, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(hand, .count = 3, .place = "label:worker",
                                                  .on_noconnection = OSR_ELSEWHERE)));
OSR_SUPERVISOR(pair, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(hand, .place = "n3@sim")));

static osr_pid drainer; /* on n2@sim */

static void configure(cluster_node *at, osri_net_options *options)
{
    static const char *const seed[] = {"n0@sim"};
    static const char *const labels[] = {"worker"};

    options->joins = seed;
    options->join_count = at->host == 0 ? 0 : 1;
    options->labels = labels;
    options->label_count = at->host == 1 ? 0 : 1;
}

static bool finds_the_seed(const cluster_node *at, const char *name)
{
    (void)at;
    return strcmp(name, "n0@sim") == 0;
}

static void setup(void)
{
    cluster_options options = {.nodes = NODES, .configure = configure, .finds = finds_the_seed};

    net_start(&options);
    drainer = person_on(world, 2, "drainer");
}

OSR_ENTRY(boss, place_start)
{
    const osr_server *what =
        strcmp(argument->place.at, "gang") == 0 ? &gang_osr_server : &pair_osr_server;
    osr_message message;
    osr_pid pid;
    osr_err err = osr_server_start(self, what, NULL, OSR_SPAWN(.link = true), OSR_FOREVER, &pid);

    return err != OSR_OK ? err : osr_receive(self, OSR_FOREVER, &message);
}

static void start(const char *what)
{
    place_start argument = {.place = osr_str_of(what)};

    (void)cluster_spawn(world, 1, &boss_osr_entry, &argument, NULL);
}

static void expect_on(unsigned n0, unsigned n2, unsigned n3)
{
    ck_assert_msg(actor_trace_count("on n0@sim") == n0 && actor_trace_count("on n2@sim") == n2 &&
                      actor_trace_count("on n3@sim") == n3,
                  "%s", actor_trace());
    actor_trace_clear();
}

/* Children spread over all members with the label, also over those that were never dialed. */
START_TEST(children_spread_over_members)
{
    run_ms(1000);
    start("gang");
    run_ms(1000);
    expect_on(1, 1, 1);
}
END_TEST

/* The same where the supervisor is there before the cluster is. */
START_TEST(children_that_waited_spread_over_members)
{
    start("gang");
    run_ms(2000);
    expect_on(1, 1, 1);
}
END_TEST

/* What ran on a node that is lost goes to another member, not to one that drains. */
START_TEST(lost_children_avoid_draining_members)
{
    run_ms(1000);
    start("gang");
    run_ms(1000);
    expect_on(1, 1, 1);
    person_does(world, drainer, PERSON_DRAIN, NULL, 0);
    run_ms(200);
    cluster_crash(world, 3, true);
    run_ms(2000);
    expect_on(1, 0, 0);
}
END_TEST

/* A fixed place is dialed again for ever: its child is back soon after its node. */
START_TEST(a_fixed_place_is_dialed_again)
{
    run_ms(1000);
    start("pair");
    run_ms(1000);
    expect_on(0, 0, 1);
    cluster_crash(world, 3, true);
    run_ms(30000);
    expect_on(0, 0, 0);
    cluster_start(world, 3);
    run_ms(7000);
    expect_on(0, 0, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("place_sim");
    TCase *tests = tcase_create("place_sim");
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, children_spread_over_members);
    tcase_add_test(tests, children_that_waited_spread_over_members);
    tcase_add_test(tests, lost_children_avoid_draining_members);
    tcase_add_test(tests, a_fixed_place_is_dialed_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
