/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/groups/groups.h"
#include "lib/process/node.h"
#include "osier/dynamic.h"
#include "tests/sim/doer.h"
#include "tests/support/simulated_net.h"

/* Process groups on a simulated cluster. Named after pg_SUITE where it has the case. */

#define NODES 4
#define PIDS_MAX 512

/* ---- what doers do ----------------------------------------------------------------------- */

typedef struct ask {
    const char *group;
    osr_pid pid;
    bool local;
    osr_err err;
    osr_ref ref;
    size_t count;
    osr_pid pids[PIDS_MAX];
} ask;

static void do_join(osr_self *self, void *argument)
{
    ask *a = argument;
    a->err = osr_group_join(self, NULL, a->group, a->pid);
}

static void do_leave(osr_self *self, void *argument)
{
    ask *a = argument;
    a->err = osr_group_leave(self, NULL, a->group, a->pid);
}

static void do_members(osr_self *self, void *argument)
{
    ask *a = argument;
    osr_pid *pids = NULL;

    a->err = a->local ? osr_group_local_members(self, NULL, a->group, &pids, &a->count)
                      : osr_group_members(self, NULL, a->group, &pids, &a->count);
    if (a->err == OSR_OK && a->count > 0) {
        OSR_CHECK(self, a->count <= PIDS_MAX);
        memcpy(a->pids, pids, a->count * sizeof(*pids));
    }
    osr_free(self, pids);
}

static void do_monitor(osr_self *self, void *argument)
{
    ask *a = argument;
    a->err = a->group == NULL ? osr_group_monitor_scope(self, NULL, &a->ref)
                              : osr_group_monitor(self, NULL, a->group, &a->ref);
}

static osr_err join(osr_pid by, const char *group, osr_pid pid)
{
    ask a = {.group = group, .pid = pid, .err = OSR_EBUSY};
    doer_let(world, by, do_join, &a);
    return a.err;
}

static osr_err leave(osr_pid by, const char *group, osr_pid pid)
{
    ask a = {.group = group, .pid = pid, .err = OSR_EBUSY};
    doer_let(world, by, do_leave, &a);
    return a.err;
}

static size_t members(osr_pid by, const char *group)
{
    ask a = {.group = group, .err = OSR_EBUSY};
    doer_let(world, by, do_members, &a);
    ck_assert_int_eq(a.err, OSR_OK);
    return a.count;
}

/* How many members a doer sees when it hears something. */
static void heard(osr_self *self, const osr_message *message)
{
    const osr_group_joined *joined = OSR_AS(osr_group_joined, message);
    const osr_group_left *left = OSR_AS(osr_group_left, message);
    const osr_down *down = OSR_AS(osr_down, message);

    if (joined != NULL) {
        actor_trace_add("%s joined %s %u", osr_self_node_name(self), joined->group.at,
                        joined->pids.count);
    } else if (left != NULL) {
        actor_trace_add("%s left %s %u", osr_self_node_name(self), left->group.at,
                        left->pids.count);
    } else if (down != NULL) {
        ask a = {.group = "g"};
        do_members(self, &a);
        actor_trace_add("%s down, members %zu", osr_self_node_name(self), a.count);
    }
}

static void setup(void)
{
    doer_heard = heard;
    net_start(&(cluster_options){.nodes = NODES});
}

/* Memberships from before a connection and from after it are seen on the other node. */
START_TEST(single_member_is_seen_on_every_node)
{
    osr_pid p[NODES];
    for (uint32_t i = 0; i < NODES; i++) {
        p[i] = doer_on(world, i, "p");
    }
    ck_assert_int_eq(join(p[0], "g", p[0]), OSR_OK);
    ck_assert_uint_eq(members(p[1], "g"), 0);
    connect_all();
    for (uint32_t i = 0; i < NODES; i++) {
        ck_assert_uint_eq(members(p[i], "g"), 1);
    }
    ck_assert_int_eq(join(p[2], "g", p[2]), OSR_OK);
    run_ms(50);
    for (uint32_t i = 0; i < NODES; i++) {
        ck_assert_uint_eq(members(p[i], "g"), 2);
    }
    ck_assert_int_eq(leave(p[0], "g", p[0]), OSR_OK);
    ck_assert_int_eq(leave(p[0], "g", p[0]), OSR_ENOTFOUND);
    run_ms(50);
    ck_assert_uint_eq(members(p[3], "g"), 1);
}
END_TEST

static void do_count_groups(osr_self *self, void *argument)
{
    osr_str *groups = NULL;

    OSR_CHECK(self, osr_group_names(self, NULL, &groups, argument) == OSR_OK);
    osr_free(self, groups);
}

/* A group whose last member leaves on another node is not listed here any more. */
START_TEST(empty_group_by_remote_leave)
{
    osr_pid p = doer_on(world, 0, "p"), there = doer_on(world, 1, "there");
    size_t groups = 0;
    connect_all();
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    run_ms(50);
    doer_let(world, there, do_count_groups, &groups);
    ck_assert_uint_eq(groups, 1);
    ck_assert_int_eq(leave(p, "g", p), OSR_OK);
    run_ms(50);
    doer_let(world, there, do_count_groups, &groups);
    ck_assert_uint_eq(groups, 0);
    ck_assert_uint_eq(members(there, "g"), 0);
}
END_TEST

/* Only processes of this node, that live, can join; bad names are refused. */
START_TEST(process_owner_check)
{
    osr_pid here = doer_on(world, 0, "here");
    osr_pid there = doer_on(world, 1, "there");
    osr_pid dead = doer_on(world, 0, "dead");
    char longest[257];
    memset(longest, 'x', 256);
    longest[256] = '\0';
    doer_let(world, dead, do_exit, NULL);
    ck_assert_int_eq(join(here, "g", there), OSR_EINVAL);
    ck_assert_int_eq(leave(here, "g", there), OSR_EINVAL);
    ck_assert_int_eq(join(here, "g", dead), OSR_ENOPROC);
    ck_assert_int_eq(join(here, "", here), OSR_EINVAL);
    ck_assert_int_eq(join(here, longest, here), OSR_EINVAL);
    longest[255] = '\0';
    ck_assert_int_eq(join(here, longest, here), OSR_OK);
    ck_assert_uint_eq(members(here, "g"), 0);
}
END_TEST

/* Who joins twice is a member twice, everywhere, until it leaves twice. */
START_TEST(double_join_counts)
{
    osr_pid p = doer_on(world, 0, "p");
    osr_pid q = doer_on(world, 1, "q");
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    connect_all();
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    run_ms(50);
    ck_assert_uint_eq(members(q, "g"), 2);
    ck_assert_int_eq(leave(p, "g", p), OSR_OK);
    run_ms(50);
    ck_assert_uint_eq(members(q, "g"), 1);
    ck_assert_uint_eq(members(p, "g"), 1);
}
END_TEST

/* At its down message a process is a member nowhere: here and on the node that was told. */
START_TEST(membership_is_gone_before_the_down)
{
    osr_pid p = doer_on(world, 0, "p");
    osr_pid here = doer_on(world, 0, "here");
    osr_pid there = doer_on(world, 1, "there");
    connect_all();
    ck_assert_int_eq(join(here, "g", p), OSR_OK);
    doer_let(world, here, do_watch, &p);
    doer_let(world, there, do_watch, &p);
    run_ms(50);
    ck_assert_uint_eq(members(there, "g"), 1);
    doer_let(world, p, do_exit, NULL);
    run_ms(50);
    expect_next("n0@sim down, members 0\nn1@sim down, members 0\n");
}
END_TEST

/* Members of a lost node are gone when its loss is told. */
START_TEST(members_of_a_lost_node_are_gone_before_the_down)
{
    osr_pid p = doer_on(world, 0, "p");
    osr_pid there = doer_on(world, 1, "there");
    connect_all();
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    doer_let(world, there, do_watch, &p);
    run_ms(50);
    cluster_crash(world, 0, true);
    run_ms(50);
    expect_next("n1@sim down, members 0\n");
}
END_TEST

/* A monitor begins with who is there and hears of each change; the scope's of all groups. */
START_TEST(monitors_tell_what_is_and_what_changes)
{
    osr_pid p = doer_on(world, 0, "p");
    osr_pid there = doer_on(world, 1, "there");
    osr_pid all = doer_on(world, 2, "all");
    ask of_group = {.group = "g"}, of_scope = {.group = NULL};
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    connect_all();
    doer_let(world, there, do_monitor, &of_group);
    expect_next("n1@sim joined g 1\n");
    doer_let(world, all, do_monitor, &of_scope);
    expect_next("n2@sim joined g 1\n");
    ck_assert_int_eq(join(p, "h", p), OSR_OK);
    run_ms(50);
    expect_next("n2@sim joined h 1\n");
    doer_let(world, p, do_exit, NULL);
    run_ms(50);
    ck_assert_ptr_nonnull(strstr(actor_trace(), "n1@sim left g 1\n"));
    ck_assert_ptr_nonnull(strstr(actor_trace(), "n2@sim left g 1\nn2@sim left h 1\n"));
    ck_assert_ptr_null(strstr(actor_trace(), "n1@sim left h"));
}
END_TEST

/* Splits the cluster into parts[i] for node i, for as long as sessions need to notice. */
static void split(const uint32_t parts[NODES])
{
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < NODES; j++) {
            if (parts[i] != parts[j]) {
                osri_sim_cut(world->network, i, j);
            }
        }
    }
    run_ms(6000);
}

static void check_split(const uint32_t parts[NODES])
{
    osr_pid p[NODES];
    connect_all();
    for (uint32_t i = 0; i < NODES; i++) {
        p[i] = doer_on(world, i, "p");
        ck_assert_int_eq(join(p[i], "g", p[i]), OSR_OK);
    }
    run_ms(100);
    split(parts);
    for (uint32_t i = 0; i < NODES; i++) {
        size_t together = 0;
        for (uint32_t j = 0; j < NODES; j++) {
            together += parts[i] == parts[j] ? 1 : 0;
        }
        ck_assert_uint_eq(members(p[i], "g"), together);
    }
    heal_cuts();
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < i; j++) {
            doer_let(world, p[i], do_connect, world->nodes[j].name);
        }
        run_ms(500);
    }
    run_ms(2000);
    for (uint32_t i = 0; i < NODES; i++) {
        ck_assert_uint_eq(members(p[i], "g"), NODES);
    }
}

/* Members beyond a partition go, and come back when it heals. */
START_TEST(netsplit)
{
    check_split((const uint32_t[NODES]){0, 0, 1, 1});
}
END_TEST

START_TEST(trisplit)
{
    check_split((const uint32_t[NODES]){0, 1, 2, 2});
}
END_TEST

START_TEST(foursplit)
{
    check_split((const uint32_t[NODES]){0, 1, 2, 3});
}
END_TEST

/* A node that comes back under its name brings its new processes, and the old ones are gone. */
START_TEST(restarted_node_has_only_its_new_members)
{
    osr_pid p = doer_on(world, 0, "p");
    osr_pid there = doer_on(world, 1, "there");
    connect_all();
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    run_ms(50);
    cluster_crash(world, 0, false);
    cluster_start(world, 0);
    p = doer_on(world, 0, "p");
    ck_assert_int_eq(join(p, "g", p), OSR_OK);
    doer_let(world, p, do_connect, world->nodes[1].name);
    run_ms(500);
    ask a = {.group = "g"};
    doer_let(world, there, do_members, &a);
    ck_assert_uint_eq(a.count, 1);
    ck_assert(osr_pid_equal(a.pids[0], p));
}
END_TEST

/* More members than one message holds arrive all, once. */
START_TEST(large_groups_are_told_in_pieces)
{
    osr_pid p = doer_on(world, 0, "p");
    osr_pid there = doer_on(world, 1, "there");
    for (int i = 0; i < 300; i++) {
        ck_assert_int_eq(join(p, "g", p), OSR_OK);
    }
    connect_all();
    ck_assert_uint_eq(members(there, "g"), 300);
}
END_TEST

/* Says to the first peer of node 0 that this process has joined "g", for the session that is given.
 */
static void say_joined(osr_pid pid, int64_t session)
{
    osr_node *node = world->nodes[0].node;
    osri_service *service;
    osri_peer peers[NODES];
    char printed[OSR_PID_TEXT_BYTES], text[200], why[OSR_PARSE_TEXT_BYTES] = "";
    osr_any *said;
    ck_assert_uint_eq(osri_node_remote(node, NULL)->peers(world->nodes[0].net, peers, NODES), 3);
    ck_assert_int_eq(osri_service_get(node, &osri_groups_ops, &service), OSR_OK);
    osr_pid_print(pid, printed);
    (void)snprintf(text, sizeof(text),
                   "osri_groups_join{scope: \"default\", group: \"g\", pids: [%s]}", printed);
    ck_assert_msg(osr_parse(node, text, &said, why) == OSR_OK, "%s", why);
    peers[0].session += (uint64_t)session;
    osri_service_send(service, &peers[0], osr_any_type(said), osr_any_body(said));
    osr_any_free(&said);
    run_ms(100);
}

static size_t sessions_of_first(void)
{
    osri_peer peers[NODES];
    return osri_node_remote(world->nodes[0].node, NULL)->peers(world->nodes[0].net, peers, NODES);
}

/* A peer that speaks for the processes of another node loses its connection, and nothing else. */
START_TEST(speaking_for_others_ends_the_session)
{
    osr_pid there = doer_on(world, 1, "there");
    connect_all();
    say_joined(there, 0);
    ck_assert_uint_eq(sessions_of_first(), 2);
    ck_assert_uint_eq(members(there, "g"), 0);
}
END_TEST

/* What was said for one session is not sent in another. */
START_TEST(what_was_said_for_another_session_is_dropped)
{
    osr_pid here = doer_on(world, 0, "here"), there = doer_on(world, 1, "there");
    connect_all();
    say_joined(here, 1);
    ck_assert_uint_eq(members(there, "g"), 0);
    say_joined(here, 0);
    ck_assert_uint_eq(members(there, "g"), 1);
}
END_TEST

/* ---- random ------------------------------------------------------------------------------ */

#define CROWD 3

static osr_pid crowd[NODES][CROWD];
static osr_pid observer[NODES];

static void populate(uint32_t host)
{
    char name[16];
    for (uint32_t k = 0; k < CROWD; k++) {
        (void)snprintf(name, sizeof(name), "c%u", k);
        crowd[host][k] = doer_on(world, host, name);
    }
    observer[host] = doer_on(world, host, "observer");
}

static void dial_all(void)
{
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < i; j++) {
            doer_let(world, observer[i], do_connect, world->nodes[j].name);
        }
    }
}

static void random_step(void)
{
    uint32_t host = (uint32_t)cluster_random(world, NODES);
    uint32_t other = (host + 1 + (uint32_t)cluster_random(world, NODES - 1)) % NODES;
    uint32_t k = (uint32_t)cluster_random(world, CROWD);
    const char *group = cluster_random(world, 2) == 0 ? "g" : "h";
    char name[16];

    switch (cluster_random(world, 12)) {
    case 0:
        osri_sim_cut(world->network, host, other);
        break;
    case 1:
        osri_sim_reset(world->network, host, other);
        break;
    case 2:
        cluster_crash(world, host, cluster_random(world, 2) == 0);
        cluster_start(world, host);
        populate(host);
        break;
    case 3:
        doer_let(world, crowd[host][k], do_exit, NULL);
        (void)snprintf(name, sizeof(name), "c%u", k);
        crowd[host][k] = doer_on(world, host, name);
        break;
    case 4:
        heal_cuts();
        dial_all();
        break;
    case 5:
    case 6:
        (void)leave(observer[host], group, crowd[host][k]);
        break;
    default:
        ck_assert_int_eq(join(observer[host], group, crowd[host][k]), OSR_OK);
        break;
    }
    run_ms(cluster_random(world, 3) == 0 ? 1500 : cluster_random(world, 20));
}

/* Everybody sees exactly what each node says of its own. */
static void check_agreement(const char *group)
{
    for (uint32_t i = 0; i < NODES; i++) {
        ask seen = {.group = group};
        doer_let(world, observer[i], do_members, &seen);
        for (uint32_t j = 0; j < NODES; j++) {
            ask own = {.group = group, .local = true};
            size_t of_j = 0;
            doer_let(world, observer[j], do_members, &own);
            for (size_t k = 0; k < seen.count; k++) {
                of_j += seen.pids[k].node == observer[j].node ? 1 : 0;
            }
            ck_assert_uint_eq(of_j, own.count);
        }
    }
}

/* Whatever happens to nodes, processes and the network: once it is quiet and all are connected, all
 * agree. */
START_TEST(views_agree_when_it_is_quiet)
{
    net_end();
    cluster_options options = {.nodes = NODES};
    world = cluster_new((uint64_t)_i + 1, &options);
    for (uint32_t i = 0; i < NODES; i++) {
        populate(i);
    }
    dial_all();
    for (int step = 0; step < 60; step++) {
        random_step();
    }
    heal_cuts();
    for (int round = 0; round < 4; round++) {
        run_ms(4000);
        dial_all();
    }
    run_ms(4000);
    check_agreement("g");
    check_agreement("h");
}
END_TEST

/* What is said of members goes by the session that it was made for, also where that is the one that
 * a signal to a pid of the node has just gone by. */
START_TEST(joining_after_a_signal_to_a_pid_keeps_the_session)
{
    osr_pid here = doer_on(world, 0, NULL);
    osr_pid there = doer_on(world, 1, NULL);
    uint64_t session;

    connect_all();
    session = osri_net_session_of(world->nodes[0].net, world->nodes[1].name);
    doer_let(world, here, do_watch, &there);
    ck_assert_int_eq(join(here, "g", here), OSR_OK);
    run_ms(100);
    ck_assert_uint_eq(osri_net_session_of(world->nodes[0].net, world->nodes[1].name), session);
    ck_assert_uint_eq(members(there, "g"), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("process groups");
    TCase *plain = tcase_create("plain");
    TCase *random = tcase_create("random");

    tcase_add_checked_fixture(plain, setup, net_end);
    tcase_add_test(plain, single_member_is_seen_on_every_node);
    tcase_add_test(plain, empty_group_by_remote_leave);
    tcase_add_test(plain, process_owner_check);
    tcase_add_test(plain, double_join_counts);
    tcase_add_test(plain, membership_is_gone_before_the_down);
    tcase_add_test(plain, members_of_a_lost_node_are_gone_before_the_down);
    tcase_add_test(plain, monitors_tell_what_is_and_what_changes);
    tcase_add_test(plain, netsplit);
    tcase_add_test(plain, trisplit);
    tcase_add_test(plain, foursplit);
    tcase_add_test(plain, restarted_node_has_only_its_new_members);
    tcase_add_test(plain, large_groups_are_told_in_pieces);
    tcase_add_test(plain, speaking_for_others_ends_the_session);
    tcase_add_test(plain, joining_after_a_signal_to_a_pid_keeps_the_session);
    tcase_add_test(plain, what_was_said_for_another_session_is_dropped);
    suite_add_tcase(suite, plain);
    tcase_add_checked_fixture(random, setup, net_end);
    tcase_set_timeout(random, 60);
    tcase_add_loop_test(random, views_agree_when_it_is_quiet, 0, 40);
    suite_add_tcase(suite, random);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
