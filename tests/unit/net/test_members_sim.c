/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "tests/support/simulated_net.h"
#include "tests/unit/net/person.h"

/* Membership on the simulated network: four nodes, of which only n0@sim can be found by its name;
 * the others are known by what nodes tell each other. */

#define NODES 4

static osr_pid people[NODES];
static const char *const names[NODES] = {"a", "b", "c", "d"};
static const char *wrong_endpoint; /* what n2@sim says of itself, if not NULL */
static uint32_t hidden_host;       /* NODES: none */

static void configure(cluster_node *at, osri_net_options *options)
{
    static const char *const seed[] = {"n0@sim"};
    static const char *const labels[] = {"worker", "zone=a"};

    options->joins = seed;
    options->join_count = at->host == 0 ? 0 : 1;
    options->labels = labels;
    options->label_count = at->host == 2 ? 2 : 0;
    options->hidden = at->host == hidden_host;
    if (at->host == 2 && wrong_endpoint != NULL) {
        options->endpoint = wrong_endpoint;
    }
}

static bool finds_the_seed(const cluster_node *at, const char *name)
{
    return strcmp(name, "n0@sim") == 0 || (wrong_endpoint != NULL && at->host == 1);
}

static void start(void)
{
    cluster_options options = {
        .nodes = NODES,
        .roles = hidden_host < NODES ? OSRI_ROLES_ALL & ~(uint32_t)OSRI_ROLE_MAPPER : 0,
        .configure = configure,
        .finds = finds_the_seed};

    net_start(&options);
    for (uint32_t i = 0; i < NODES; i++) {
        people[i] = person_on(world, i, names[i]);
    }
    run_ms(500);
}

static void setup(void)
{
    wrong_endpoint = NULL;
    hidden_host = NODES;
    start();
}

static void setup_wrong_endpoint(void)
{
    hidden_host = NODES;
    wrong_endpoint = "sim://6";
    start();
}

static void setup_hidden(void)
{
    wrong_endpoint = NULL;
    hidden_host = 3;
    start();
}

/* Nodes that know one contact know all, and are connected with it alone. */
START_TEST(one_contact_is_enough)
{
    person_does(world, people[1], PERSON_LIST, NULL, OSR_NODES_KNOWN);
    person_does(world, people[3], PERSON_LIST, NULL, OSR_NODES_CONNECTED);
    person_does(world, people[0], PERSON_LIST, NULL, OSR_NODES_THIS);
    run_ms(10);
    expect_once("b sees n1@sim n0@sim n2@sim n3@sim");
    expect_once("d sees n0@sim");
    expect_once("a sees n0@sim");
}
END_TEST

/* What is sent to a member that nobody can look up arrives: the others know its address. */
START_TEST(a_member_is_dialed_by_what_it_says_of_itself)
{
    ck_assert_uint_eq(osri_net_session_of(world->nodes[1].net, "n3@sim"), 0);
    person_does(world, people[1], PERSON_SPAWN, "n3@sim", 0);
    run_ms(200);
    expect_once("b spawned OK");
    ck_assert_uint_ne(osri_net_session_of(world->nodes[1].net, "n3@sim"), 0);
}
END_TEST

/* A spawn by label goes to a member that has it, or a value for it, connected or not; not to one
 * that drains; nowhere, where none has it. */
START_TEST(a_spawn_by_label_finds_a_member)
{
    person_does(world, people[1], PERSON_SPAWN, "label:zone", 0);
    person_does(world, people[3], PERSON_SPAWN, "label:worker", 0);
    person_does(world, people[3], PERSON_SPAWN, "label:zon", 0);
    person_does(world, people[2], PERSON_SPAWN, "label:zone=a", 0); /* on its own node */
    run_ms(500);
    expect_once("b spawned OK");
    expect_once("d spawned OK");
    expect_once("d spawned ENOTFOUND");
    expect_once("c spawned OK");
    ck_assert_uint_ne(osri_net_session_of(world->nodes[1].net, "n2@sim"), 0);
    actor_trace_clear();
    person_does(world, people[2], PERSON_DRAIN, NULL, 0);
    run_ms(100);
    person_does(world, people[1], PERSON_SPAWN, "label:worker", 0);
    person_does(world, people[1], PERSON_SPAWN, "n2@sim", 0);
    run_ms(100);
    expect_once("b spawned ENOTFOUND");
    expect_once("b spawned OK");
}
END_TEST

/* An address that does not lead to the member is given up within the attempt, and whoever can look
 * names up is asked. */
START_TEST(a_stale_address_is_looked_up_anew)
{
    person_does(world, people[1], PERSON_SPAWN, "n2@sim", 0);
    run_ms(6000);
    expect_once("b spawned OK");
}
END_TEST

/* Subscribers hear of everybody who is there, with labels, then of each change. */
START_TEST(subscribers_hear_of_members_and_changes)
{
    person_does(world, people[1], PERSON_MEMBERS, NULL, 0);
    run_ms(10);
    expect_once("b member n0@sim joined connected");
    expect_once("b member n1@sim joined");
    expect_once("b member n2@sim joined worker");
    expect_once("b member n3@sim joined");
    actor_trace_clear();
    person_does(world, people[2], PERSON_DRAIN, NULL, 0);
    run_ms(200);
    ck_assert_str_eq(actor_trace(), "b member n2@sim joined draining worker\n");
    person_does(world, people[2], PERSON_DRAIN, NULL, 0); /* it is already */
    run_ms(200);
    person_does(world, people[2], PERSON_DRAIN, NULL, 2);
    run_ms(200);
    ck_assert_uint_eq(actor_trace_count("b member n2@sim joined worker"), 1);
    actor_trace_clear();
    person_does(world, people[1], PERSON_MEMBERS, NULL, 2);
    run_ms(10);
    cluster_stop(world, 3);
    run_ms(200);
    ck_assert_str_eq(actor_trace(), "");
}
END_TEST

/* A connection that either side ends on purpose says nothing about the other side. */
START_TEST(a_disconnect_is_no_loss)
{
    person_does(world, people[1], PERSON_MEMBERS, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    person_does(world, people[3], PERSON_DISCONNECT, "n0@sim", 0);
    run_ms(50);
    person_does(world, people[0], PERSON_DISCONNECT, "n2@sim", 0);
    run_ms(1000); /* and they are dialed again */
    ck_assert_str_eq(actor_trace(), "");
}
END_TEST

/* One that dies is lost and one that stops has left, also for those who were not connected with it;
 * then it is not listed any more, and back when it is started again. */
START_TEST(loss_goodbye_and_return_are_told)
{
    person_does(world, people[1], PERSON_MEMBERS, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    cluster_crash(world, 3, true);
    run_ms(200);
    ck_assert_str_eq(actor_trace(), "b member n3@sim lost\n");
    person_does(world, people[1], PERSON_LIST, NULL, OSR_NODES_KNOWN);
    run_ms(10);
    expect_once("b sees n1@sim n0@sim n2@sim");
    cluster_start(world, 3);
    run_ms(500);
    expect_once("b member n3@sim joined");
    actor_trace_clear();
    cluster_stop(world, 2);
    run_ms(200);
    ck_assert_str_eq(actor_trace(), "b member n2@sim left worker\n");
}
END_TEST

/* The seed is silent for all at once: each takes it for lost, and after the partition it is joined
 * again for everybody, although nobody has been started anew. */
START_TEST(a_partition_heals)
{
    person_does(world, people[1], PERSON_MEMBERS, NULL, 0);
    person_does(world, people[0], PERSON_MEMBERS, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    for (uint32_t i = 1; i < NODES; i++) {
        osri_sim_cut(world->network, 0, i);
        osri_sim_cut(world->network, i, 0);
    }
    run_ms(4000);
    expect_once("b member n0@sim lost");
    expect_once("a member n1@sim lost");
    actor_trace_clear();
    for (uint32_t i = 1; i < NODES; i++) {
        osri_sim_heal(world->network, 0, i);
        osri_sim_heal(world->network, i, 0);
    }
    run_ms(20000);
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < NODES; j++) {
            const osri_members_entry *entry =
                osri_members_find(&world->nodes[i].net->members, world->nodes[j].name);
            ck_assert_msg(entry != NULL && entry->now.state == OSRI_MEMBER_JOINED, "n%u of n%u", i,
                          j);
        }
    }
    ck_assert_msg(actor_trace_count("a member n1@sim joined connected") > 0, "%s", actor_trace());
}
END_TEST

static osri_member_state state_of(uint32_t host, const char *name)
{
    return osri_members_state(osri_members_find(&world->nodes[host].net->members, name));
}

/* A member that dies when nobody is connected with it is lost for all as soon as one needs it; and
 * is back for all when it is started again. */
START_TEST(a_death_that_nobody_saw_is_told_by_who_finds_it)
{
    cluster_crash(world, 0, true); /* the only one that was connected with it */
    cluster_crash(world, 3, false);
    cluster_start(world, 0);
    run_ms(10000);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(state_of(i, "n3@sim"), OSRI_MEMBER_JOINED);
    }
    person_does(world, people[2], PERSON_MEMBERS, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    person_does(world, people[1], PERSON_SPAWN, "n3@sim", 0);
    run_ms(8000);
    expect("b spawned ENOCONNECTION\nc member n3@sim lost\n");
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_int_eq(state_of(i, "n3@sim"), OSRI_MEMBER_LOST);
    }
    cluster_start(world, 3);
    run_ms(1000);
    for (uint32_t i = 0; i < NODES; i++) {
        ck_assert_int_eq(state_of(i, "n3@sim"), OSRI_MEMBER_JOINED);
    }
}
END_TEST

/* A member that only one node cannot reach is lost for that node until it refutes, and for nobody
 * else; the next failures are that node's own matter. */
START_TEST(who_cannot_be_reached_is_lost_for_us)
{
    const osri_members_entry *entry;
    uint64_t version;

    person_does(world, people[1], PERSON_MEMBERS, NULL, 0);
    person_does(world, people[2], PERSON_MEMBERS, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    osri_sim_cut(world->network, 1, 3);
    person_does(world, people[1], PERSON_SPAWN, "n3@sim", 0);
    run_ms(8000);
    expect_next("b spawned ENOCONNECTION\nb member n3@sim lost\n"
                "c member n3@sim joined\nb member n3@sim joined\n"); /* a new version of it */
    entry = osri_members_find(&world->nodes[1].net->members, "n3@sim");
    version = entry->now.version;
    person_does(world, people[1], PERSON_SPAWN, "n3@sim", 0);
    run_ms(8000);
    expect("b spawned ENOCONNECTION\nb member n3@sim lost\n");
    ck_assert_uint_eq(entry->now.version, version);
}
END_TEST

/* A hidden node is nobody's member, is told of none, and is seen by who asks for hidden ones. */
START_TEST(a_hidden_node_is_no_member)
{
    person_does(world, people[1], PERSON_LIST, NULL, OSR_NODES_KNOWN);
    person_does(world, people[3], PERSON_LIST, NULL, OSR_NODES_KNOWN);
    person_does(world, people[0], PERSON_LIST, NULL, OSR_NODES_HIDDEN);
    person_does(world, people[2], PERSON_LIST, NULL, OSR_NODES_HIDDEN);
    run_ms(10);
    expect_once("b sees n1@sim n0@sim n2@sim");
    expect_once("d sees n3@sim n0@sim");
    expect_once("a sees n3@sim");
    expect_once("c sees nobody");
    expect_never("a sees n1@sim");
}
END_TEST

/* A contact is dialed again for ever: one that comes back after a long time is found. */
START_TEST(a_contact_is_dialed_again)
{
    cluster_crash(world, 0, true);
    run_ms(60000);
    cluster_start(world, 0);
    run_ms(6000);
    for (uint32_t i = 1; i < NODES; i++) {
        ck_assert_uint_ne(osri_net_session_of(world->nodes[i].net, "n0@sim"), 0);
    }
}
END_TEST

/* Members that are wrong on the wire end the session that they came by, and nothing else. */
START_TEST(malformed_members_end_their_session)
{
    static const uint8_t record[] = {0x92, OSRI_RECORD_MEMBERS, 0x91, 0x90};
    osri_link_event event = {.kind = OSRI_LINK_SEND,
                             .bytes = record,
                             .bytes_count = sizeof(record),
                             .sender = 5,
                             .control = true};
    osri_link_event flush = {.kind = OSRI_LINK_FLUSH};
    osri_party *party = osri_party_find(world->nodes[1].net, "n0@sim");

    person_does(world, people[0], PERSON_WATCH, NULL, 0);
    run_ms(10);
    actor_trace_clear();
    ck_assert_int_eq(osri_session_step(party->up, &event), OSR_OK);
    ck_assert_int_eq(osri_session_step(party->up, &flush), OSR_OK);
    run_ms(50);
    ck_assert_str_eq(actor_trace(), "a nodedown n1@sim protocol_error\n");
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
    Suite *suite = suite_create("members_sim");
    TCase *tests = add_case(suite, "members", setup);
    tcase_add_test(tests, one_contact_is_enough);
    tcase_add_test(tests, a_member_is_dialed_by_what_it_says_of_itself);
    tcase_add_test(tests, a_spawn_by_label_finds_a_member);
    tcase_add_test(tests, subscribers_hear_of_members_and_changes);
    tcase_add_test(tests, a_disconnect_is_no_loss);
    tcase_add_test(tests, loss_goodbye_and_return_are_told);
    tcase_add_test(tests, a_partition_heals);
    tcase_add_test(tests, a_death_that_nobody_saw_is_told_by_who_finds_it);
    tcase_add_test(tests, who_cannot_be_reached_is_lost_for_us);
    tcase_add_test(tests, a_contact_is_dialed_again);
    tcase_add_test(tests, malformed_members_end_their_session);
    tcase_add_test(add_case(suite, "stale", setup_wrong_endpoint),
                   a_stale_address_is_looked_up_anew);
    tcase_add_test(add_case(suite, "hidden", setup_hidden), a_hidden_node_is_no_member);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
