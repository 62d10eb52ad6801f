/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "osier/global.h"
#include "tests/sim/doer.h"
#include "tests/support/simulated_net.h"

/* Cluster-wide names on a simulated cluster. Named after global_SUITE where it has the case. */

#define NODES 4

static unsigned conflicts; /* told */

/* ---- what doers do ----------------------------------------------------------------------- */

typedef struct claim {
    const char *name;
    osr_global_options options;
    osr_pid pid;
    osr_err err;
    bool done;
} claim;

static void do_register(osr_self *self, void *argument)
{
    claim *c = argument;
    c->options.size = sizeof(c->options);
    c->err = osr_global_register(self, c->name, osr_self_pid(self), &c->options);
    c->done = true;
}

static void do_unregister(osr_self *self, void *argument)
{
    claim *c = argument;
    c->err = osr_global_unregister(self, c->name);
    c->done = true;
}

static void do_whereis(osr_self *self, void *argument)
{
    claim *c = argument;
    c->pid = osr_global_whereis(self, c->name);
}

static osr_pid on(uint32_t host, const char *name)
{
    return doer_on(world, host, name);
}

/* Asks, and waits for at most ms. */
static osr_err take(osr_pid by, const char *name, uint64_t ms, osr_global_options options)
{
    claim c = {.name = name, .options = options, .err = OSR_EBUSY};
    doer_let(world, by, do_register, &c);
    for (uint64_t t = 0; t < ms && !c.done; t += 10) {
        run_ms(10);
    }
    ck_assert(c.done);
    return c.err;
}

/* .on_conflict and .weight may follow. */
#define TAKE(...) TAKE_(__VA_ARGS__, .size = 0)
#define TAKE_(by, name, ...) take((by), (name), 5000, (osr_global_options){__VA_ARGS__})

static osr_pid whereis(uint32_t host, const char *name)
{
    claim c = {.name = name};
    osr_pid asker = on(host, NULL);
    doer_let(world, asker, do_whereis, &c);
    doer_let(world, asker, do_exit, NULL);
    return c.pid;
}

static void expect_at_all(const char *name, osr_pid pid)
{
    for (uint32_t i = 0; i < NODES; i++) {
        ck_assert_msg(osr_pid_equal(whereis(i, name), pid), "on node %u", i);
    }
}

static void heard(osr_self *self, const osr_message *message)
{
    const osr_down *down = OSR_AS(osr_down, message);
    const osr_global_conflict *conflict = OSR_AS(osr_global_conflict, message);
    char reason[64];

    if (down != NULL) {
        osr_reason_print(&down->reason, reason, sizeof(reason));
        actor_trace_add("%s down %s, name %s", osr_self_node_name(self), reason,
                        osr_pid_is_none(osr_global_whereis(self, "x")) ? "free" : "taken");
    } else if (conflict != NULL) {
        conflicts++;
        actor_trace_add("%s lost %s", osr_self_node_name(self), conflict->name.at);
    }
}

static void start(uint64_t seed)
{
    conflicts = 0;
    doer_heard = heard;
    net_start_seeded(seed, &(cluster_options){.nodes = NODES});
}

static void setup(void)
{
    start(1);
}

static void split(const uint32_t parts[NODES])
{
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (parts[i] != parts[j]) {
                cut(i, j);
            }
        }
    }
    run_ms(6000);
}

static void heal(void)
{
    heal_cuts();
    connect_all();
    run_ms(4000);
    connect_all();
    run_ms(1000);
}

/* A name is known everywhere once its registration has succeeded, also on nodes that come later; it
 * is refused to all others, and free once it was taken back. */
START_TEST(names)
{
    osr_pid p = on(0, "p"), q = on(1, "q"), early = on(2, "early");
    claim c = {.name = "x", .err = OSR_EBUSY};
    ck_assert_int_eq(TAKE(early, "before"), OSR_OK);
    connect_all();
    expect_at_all("before", early);
    ck_assert_int_eq(TAKE(p, "x"), OSR_OK);
    run_ms(50);
    expect_at_all("x", p);
    ck_assert_int_eq(TAKE(q, "x"), OSR_ETAKEN);
    ck_assert_int_eq(TAKE(p, "x"), OSR_ETAKEN);
    doer_let(world, q, do_unregister, &c);
    ck_assert_int_eq(c.err, OSR_EPERM);
    doer_let(world, p, do_unregister, &c);
    ck_assert_int_eq(c.err, OSR_OK);
    run_ms(50);
    expect_at_all("x", OSR_PID_NONE);
    ck_assert_int_eq(TAKE(q, "x"), OSR_OK);
    run_ms(50);
    expect_at_all("x", q);
}
END_TEST

/* At the down message of its process a name is free: on its node and on those that are told. */
START_TEST(names_are_free_before_the_down)
{
    osr_pid p = on(0, "p"), here = on(0, "here"), there = on(1, "there");
    connect_all();
    ck_assert_int_eq(TAKE(p, "x"), OSR_OK);
    doer_let(world, here, do_watch, &p);
    doer_let(world, there, do_watch, &p);
    run_ms(50);
    doer_let(world, p, do_exit, NULL);
    run_ms(50);
    expect("n0@sim down bye, name free\nn1@sim down bye, name free\n");
}
END_TEST

/* The names of a lost node are free before its loss is told, and the next one may have them; the
 * node that comes back does not get them back. */
START_TEST(names_of_a_lost_node_are_free)
{
    osr_pid p = on(0, "p"), there = on(1, "there");
    connect_all();
    ck_assert_int_eq(TAKE(p, "x"), OSR_OK);
    doer_let(world, there, do_watch, &p);
    run_ms(50);
    cluster_crash(world, 0, true);
    run_ms(50);
    expect("n1@sim down noconnection, name free\n");
    ck_assert_int_eq(TAKE(there, "x"), OSR_OK);
    cluster_start(world, 0);
    connect_all();
    expect_at_all("x", there);
    p = on(0, "p");
    ck_assert_int_eq(TAKE(p, "x"), OSR_ETAKEN);
}
END_TEST

/* Two, three or four connected nodes want a name at once: one gets it, all others hear that it is
 * taken, all agree. */
START_TEST(simultaneous_claims_have_one_winner)
{
    net_end();
    start((uint64_t)_i + 1);
    claim claims[NODES] = {{.done = false}};
    unsigned won = 0;
    uint32_t nodes = 2 + (uint32_t)_i % 3;
    osr_pid winner = OSR_PID_NONE, p[NODES];
    connect_first(nodes);
    for (uint32_t i = 0; i < nodes; i++) {
        p[i] = on(i, "p");
        claims[i].name = "x";
    }
    for (uint32_t k = 0; k < nodes; k++) {
        uint32_t i = (k + (uint32_t)_i / 3) % nodes;
        doer_let(world, p[i], do_register, &claims[i]);
        world->now_ns += cluster_random(world, 400) * 1000;
    }
    run_ms(1000);
    for (uint32_t i = 0; i < nodes; i++) {
        ck_assert(claims[i].done);
        ck_assert(claims[i].err == OSR_OK || claims[i].err == OSR_ETAKEN);
        won += claims[i].err == OSR_OK ? 1 : 0;
        winner = claims[i].err == OSR_OK ? p[i] : winner;
    }
    ck_assert_uint_eq(won, 1);
    for (uint32_t i = 0; i < nodes; i++) {
        ck_assert(osr_pid_equal(whereis(i, "x"), winner));
    }
}
END_TEST

/* Two claims from before their nodes met, held up by a silent node each: they hear of each other
 * when the nodes meet. */
START_TEST(claims_meet_when_their_nodes_do)
{
    net_end();
    start((uint64_t)_i + 1);
    osr_pid p = on(0, "p"), q = on(1, "q"), far = on(3, "far"), dialer = on(0, "dialer");
    claim a = {.name = "x", .err = OSR_EBUSY}, b = a;
    doer_let(world, far, do_connect, world->nodes[0].name);
    doer_let(world, far, do_connect, world->nodes[1].name);
    run_ms(100);
    cut(0, 3);
    cut(1, 3);
    doer_let(world, p, do_register, &a);
    doer_let(world, q, do_register, &b);
    run_ms(10);
    doer_let(world, dialer, do_connect, world->nodes[1].name);
    run_ms(100);
    osri_sim_reset(world->network, 0, 3);
    osri_sim_reset(world->network, 1, 3);
    run_ms(4000);
    ck_assert(a.done && b.done);
    ck_assert_msg((a.err == OSR_OK && b.err == OSR_ETAKEN) ||
                      (a.err == OSR_ETAKEN && b.err == OSR_OK),
                  "%s %s", osr_err_name(a.err), osr_err_name(b.err));
}
END_TEST

/* Two that are not connected, but have a common peer, do not both get a name. */
START_TEST(common_peer_keeps_a_name_unique)
{
    osr_pid p = on(0, "p"), q = on(1, "q");
    connect_all();
    cut(0, 1);
    run_ms(4000);
    ck_assert_int_eq(TAKE(p, "x"), OSR_OK);
    ck_assert_int_eq(TAKE(q, "x"), OSR_ETAKEN);
}
END_TEST

/* Two that are not connected ask the same two nodes at once, and are heard in any order: one gets
 * the name, none waits for the other. */
START_TEST(no_circle_of_waiting_claims)
{
    net_end();
    start((uint64_t)_i + 1);
    osr_pid p = on(0, "p"), q = on(1, "q");
    claim a = {.name = "x", .err = OSR_EBUSY}, b = a;
    connect_all();
    cut(0, 1);
    run_ms(4000);
    doer_let(world, p, do_register, &a);
    world->now_ns += cluster_random(world, 300) * 1000;
    doer_let(world, q, do_register, &b);
    run_ms(100);
    ck_assert(a.done && b.done);
    ck_assert_msg((a.err == OSR_OK && b.err == OSR_ETAKEN) ||
                      (a.err == OSR_ETAKEN && b.err == OSR_OK),
                  "%s %s", osr_err_name(a.err), osr_err_name(b.err));
}
END_TEST

/* A silent node holds a claim up until it is given up, and no other claim at all. */
START_TEST(silent_node_delays_until_it_is_given_up)
{
    osr_pid p = on(0, "p"), q = on(1, "q");
    connect_all();
    cut(0, 3);
    claim c = {.name = "x", .err = OSR_EBUSY};
    doer_let(world, p, do_register, &c);
    run_ms(500);
    ck_assert(!c.done);
    ck_assert_int_eq(TAKE(q, "y"), OSR_OK);
    run_ms(3000);
    ck_assert(c.done);
    ck_assert_int_eq(c.err, OSR_OK);
}
END_TEST

/* A claim whose process ends, or whose node is lost, holds the name up for nobody. */
START_TEST(abandoned_claims_are_forgotten)
{
    osr_pid p = on(0, "p"), q = on(1, "q");
    claim c = {.name = "x", .err = OSR_EBUSY};
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    connect_all();
    cut(0, 3);
    doer_let(world, p, do_register, &c);
    run_ms(5);
    ck_assert_int_eq(osr_node_exit(world->nodes[0].node, p, &kill), OSR_OK);
    run_ms(5);
    ck_assert_int_eq(TAKE(q, "x"), OSR_OK);
}
END_TEST

/* The same name on two sides of a partition: the older survives, everywhere; the other's process is
 * killed, and its death is told. */
START_TEST(basic_name_partition)
{
    osr_pid p = on(0, "p"), q = on(3, "q"), watcher = on(3, "watcher");
    connect_all();
    split((const uint32_t[NODES]){0, 0, 1, 1});
    ck_assert_int_eq(TAKE(q, "x"), OSR_OK);
    run_ms(100);
    ck_assert_int_eq(TAKE(p, "x"), OSR_OK);
    osr_pid witness = on(0, "witness");
    doer_let(world, watcher, do_watch, &q);
    doer_let(world, witness, do_watch, &p);
    heal();
    expect_at_all("x", q);
    ck_assert_msg(strncmp(actor_trace(), "n0@sim down killed", 18) == 0 &&
                      strchr(actor_trace(), '\n') == actor_trace() + strlen(actor_trace()) - 1,
                  "%s", actor_trace());
}
END_TEST

/* The same with nobody else who could tell them. */
START_TEST(two_owners_alone_settle_it)
{
    osr_pid p = on(0, "p"), q = on(1, "q");
    ck_assert_int_eq(TAKE(q, "x"), OSR_OK);
    run_ms(100);
    ck_assert_int_eq(TAKE(p, "x", .on_conflict = OSR_GLOBAL_NOTIFY), OSR_OK);
    connect_first(2);
    expect("n0@sim lost x\n");
    ck_assert(osr_pid_equal(whereis(0, "x"), q));
    ck_assert(osr_pid_equal(whereis(1, "x"), q));
}
END_TEST

/* Who asked for that is told of its loss, once, and lives; the greater weight wins over age. */
START_TEST(loser_may_be_told_instead)
{
    osr_pid p = on(0, "p"), q = on(3, "q");
    connect_all();
    split((const uint32_t[NODES]){0, 0, 1, 1});
    ck_assert_int_eq(TAKE(q, "x", .on_conflict = OSR_GLOBAL_NOTIFY), OSR_OK);
    run_ms(100);
    ck_assert_int_eq(TAKE(p, "x", .weight = 1), OSR_OK);
    heal();
    expect_at_all("x", p);
    expect("n3@sim lost x\n");
    ck_assert_int_eq(TAKE(q, "again"), OSR_OK);
}
END_TEST

/* Four partitions, four owners: one survivor, each other told once. */
START_TEST(four_partitions_leave_one_survivor)
{
    net_end();
    start((uint64_t)_i + 1);
    osr_pid p[NODES];
    connect_all();
    for (uint32_t i = 0; i < NODES; i++) {
        p[i] = on(i, "p");
    }
    split((const uint32_t[NODES]){0, 1, 2, 3});
    for (uint32_t k = 0; k < NODES; k++) {
        uint32_t i = (k + (uint32_t)_i) % NODES;
        ck_assert_int_eq(TAKE(p[i], "x", .on_conflict = OSR_GLOBAL_NOTIFY), OSR_OK);
        run_ms(20);
    }
    heal();
    expect_at_all("x", p[(uint32_t)_i % NODES]);
    ck_assert_uint_eq(conflicts, 3);
}
END_TEST

/* Two owners that never get connected with each other are told apart by whom both know. */
START_TEST(third_node_tells_the_loser)
{
    osr_pid p = on(0, "p"), q = on(1, "q");
    connect_all();
    split((const uint32_t[NODES]){0, 1, 2, 2});
    ck_assert_int_eq(TAKE(p, "x"), OSR_OK);
    run_ms(50);
    ck_assert_int_eq(TAKE(q, "x", .on_conflict = OSR_GLOBAL_NOTIFY), OSR_OK);
    for (uint32_t i = 0; i < 2; i++) {
        osri_sim_heal(world->network, i, 2);
        osri_sim_heal(world->network, 2, i);
        doer_let(world, i == 0 ? p : q, do_connect, world->nodes[2].name);
        run_ms(3000);
    }
    expect("n1@sim lost x\n");
    ck_assert(osr_pid_equal(whereis(2, "x"), p));
    ck_assert(osr_pid_is_none(whereis(1, "x")));
}
END_TEST

/* A third node that has not heard yet that a name was given back takes it from nobody. */
START_TEST(third_node_that_is_behind_takes_nobodys_name)
{
    osr_pid p = on(0, "p"), q = on(1, "q");
    claim back = {.name = "x"};

    connect_all();
    ck_assert_int_eq(TAKE(p, "x"), OSR_OK);
    cut(1, 2);
    run_ms(6000);
    osri_sim_stall(world->network, 0, 2, 1500 * MS);
    doer_let(world, p, do_unregister, &back);
    run_ms(50);
    ck_assert_int_eq(TAKE(q, "x", .on_conflict = OSR_GLOBAL_NOTIFY), OSR_OK);
    osri_sim_heal(world->network, 1, 2);
    osri_sim_heal(world->network, 2, 1);
    doer_let(world, q, do_connect, world->nodes[2].name);
    run_ms(200);
    ck_assert(osr_pid_equal(whereis(2, "x"), p)); /* it is behind */
    run_ms(3000);
    expect("");
    expect_at_all("x", q);
}
END_TEST

/* ---- random ------------------------------------------------------------------------------ */

#define CROWD 2
#define NAMES 2

static const char *const name_of[NAMES] = {"x", "y"};

typedef struct person {
    osr_pid pid;
    bool owns[NAMES]; /* was told that it does, and nothing else since */
    claim claims[NAMES];
} person;

static person crowd[NODES][CROWD];

static person *person_of(osr_pid pid)
{
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t k = 0; k < CROWD; k++) {
            if (osr_pid_equal(crowd[i][k].pid, pid)) {
                return &crowd[i][k];
            }
        }
    }
    return NULL;
}

static void heard_random(osr_self *self, const osr_message *message)
{
    const osr_global_conflict *conflict = OSR_AS(osr_global_conflict, message);
    person *me = person_of(osr_self_pid(self));
    uint32_t n = conflict != NULL && conflict->name.at[0] == 'y' ? 1 : 0;

    if (conflict != NULL && me != NULL) {
        OSR_CHECK(self, me->owns[n]); /* once */
        me->owns[n] = false;
    }
}

static void do_register_noting(osr_self *self, void *argument)
{
    claim *c = argument;
    person *me = person_of(osr_self_pid(self));
    uint32_t n = c->name[0] == 'y' ? 1 : 0;

    if (me == NULL || me->owns[n]) {
        c->done = true;
        return;
    }
    osr_err err = osr_global_register(self, c->name, osr_self_pid(self),
                                      OSR_GLOBAL(.on_conflict = OSR_GLOBAL_NOTIFY));
    OSR_CHECK(self, err == OSR_OK || err == OSR_ETAKEN);
    me->owns[n] = err == OSR_OK;
    c->done = true;
}

static void settle_person(uint32_t host, uint32_t k)
{
    char name[8];
    (void)snprintf(name, sizeof(name), "c%u", k);
    memset(&crowd[host][k], 0, sizeof(crowd[host][k]));
    crowd[host][k].pid = on(host, name);
    for (uint32_t n = 0; n < NAMES; n++) {
        crowd[host][k].claims[n].done = true;
    }
}

static void random_step(void)
{
    uint32_t host = (uint32_t)cluster_random(world, NODES);
    uint32_t other = (host + 1 + (uint32_t)cluster_random(world, NODES - 1)) % NODES;
    uint32_t k = (uint32_t)cluster_random(world, CROWD);
    uint32_t n = (uint32_t)cluster_random(world, NAMES);
    person *who = &crowd[host][k];
    claim drop = {.name = name_of[n]};

    switch (cluster_random(world, 12)) {
    case 0:
        cut(host, other);
        break;
    case 1:
        osri_sim_reset(world->network, host, other);
        break;
    case 2:
        cluster_crash(world, host, cluster_random(world, 2) == 0);
        cluster_start(world, host);
        for (uint32_t c = 0; c < CROWD; c++) {
            settle_person(host, c);
        }
        break;
    case 3:
        (void)osr_node_exit(world->nodes[host].node, who->pid,
                            &(osr_reason){.code = OSR_REASON_KILL});
        (void)cluster_settle(world);
        settle_person(host, k);
        break;
    case 4:
        for (uint32_t i = 0; i < NODES; i++) {
            for (uint32_t j = 0; j < NODES; j++) {
                osri_sim_heal(world->network, i, j);
            }
        }
        connect_all();
        break;
    case 5:
        if (who->owns[n] && who->claims[0].done && who->claims[1].done) {
            doer_let(world, who->pid, do_unregister, &drop);
            who->owns[n] = who->owns[n] && drop.err != OSR_OK;
        }
        break;
    default:
        if (who->claims[n].done) {
            who->claims[n] = (claim){.name = name_of[n]};
            doer_let(world, who->pid, do_register_noting, &who->claims[n]);
        }
        break;
    }
    run_ms(cluster_random(world, 4) == 0 ? 1500 : cluster_random(world, 5));
}

static void check_names(void)
{
    for (uint32_t n = 0; n < NAMES; n++) {
        osr_pid seen = whereis(0, name_of[n]);
        unsigned owners = 0;
        expect_at_all(name_of[n], seen);
        for (uint32_t i = 0; i < NODES; i++) {
            for (uint32_t k = 0; k < CROWD; k++) {
                ck_assert(crowd[i][k].claims[n].done);
                owners += crowd[i][k].owns[n] ? 1 : 0;
                ck_assert_int_eq(crowd[i][k].owns[n], osr_pid_equal(crowd[i][k].pid, seen));
            }
        }
        ck_assert_uint_le(owners, 1);
    }
}

/* Whatever happens to nodes, processes and the network: once it is quiet and all are connected, all
 * nodes name the same process, which believes to have the name, and no other process does. */
START_TEST(one_owner_when_it_is_quiet)
{
    net_end();
    start((uint64_t)_i + 1);
    doer_heard = heard_random;
    for (uint32_t i = 0; i < NODES; i++) {
        for (uint32_t k = 0; k < CROWD; k++) {
            settle_person(i, k);
        }
    }
    connect_all();
    for (int step = 0; step < 80; step++) {
        random_step();
    }
    heal();
    heal();
    run_ms(4000);
    check_names();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cluster-wide names");
    TCase *plain = tcase_create("plain");
    TCase *random = tcase_create("random");

    tcase_add_checked_fixture(plain, setup, net_end);
    tcase_set_timeout(plain, 30);
    tcase_add_test(plain, names);
    tcase_add_test(plain, names_are_free_before_the_down);
    tcase_add_test(plain, names_of_a_lost_node_are_free);
    tcase_add_loop_test(plain, simultaneous_claims_have_one_winner, 0, 60);
    tcase_add_test(plain, common_peer_keeps_a_name_unique);
    tcase_add_test(plain, silent_node_delays_until_it_is_given_up);
    tcase_add_test(plain, abandoned_claims_are_forgotten);
    tcase_add_test(plain, basic_name_partition);
    tcase_add_test(plain, two_owners_alone_settle_it);
    tcase_add_loop_test(plain, claims_meet_when_their_nodes_do, 0, 20);
    tcase_add_loop_test(plain, no_circle_of_waiting_claims, 0, 60);
    tcase_add_test(plain, loser_may_be_told_instead);
    tcase_add_loop_test(plain, four_partitions_leave_one_survivor, 0, 8);
    tcase_add_test(plain, third_node_tells_the_loser);
    tcase_add_test(plain, third_node_that_is_behind_takes_nobodys_name);
    suite_add_tcase(suite, plain);
    tcase_add_checked_fixture(random, setup, net_end);
    tcase_set_timeout(random, 60);
    tcase_add_loop_test(random, one_owner_when_it_is_quiet, 0, 60);
    suite_add_tcase(suite, random);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
