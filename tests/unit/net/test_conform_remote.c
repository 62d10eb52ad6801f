/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "tests/sim/doer.h"
#include "tests/support/simulated_net.h"

/* Conformance cases about processes, with the two ends on two nodes, named after OTP's
 * (reference/otp.md, 3: the number stands in front). Doers do not trap exits, actors do. */

#define A 0
#define B 1
#define BIG 4000000

static osr_pid a;            /* an actor on A, who watches */
static osr_pid here, there;  /* a doer on each */
static unsigned early, late; /* notes up to 3, and beyond, that doers have heard */
static unsigned bigs;        /* likewise */
static osr_caller alias;     /* here's */

static void heard(osr_self *self, const osr_message *message)
{
    const actor_note *note = OSR_AS(actor_note, message);
    const osr_down *down = OSR_AS(osr_down, message);
    char reason[64];

    bigs += OSR_AS(actor_big, message) != NULL ? 1 : 0;
    early += note != NULL && note->number <= 3 ? 1 : 0;
    late += note != NULL && note->number > 3 ? 1 : 0;
    if (down != NULL) {
        osr_reason_print(&down->reason, reason, sizeof(reason));
        actor_trace_add("%s down %s %s%s%s", osr_self_node_name(self), reason,
                        down->name.size > 0 ? down->name.at : "pid",
                        down->name.size > 0 ? " at " : "",
                        down->name.size > 0 ? down->node.at : "");
    }
}

static void setup(void)
{
    early = late = bigs = 0;
    doer_heard = heard;
    net_start(&(cluster_options){.nodes = 2, .network = {.bytes_per_second = 10000000}});
    a = actor_on(A, "a");
    here = doer_on(world, A, "here");
    there = doer_on(world, B, "there");
    connect_all();
}

/* The actor hears of the process's end: "a down …". */
static void watch(osr_pid pid)
{
    TELL(a, actor_monitor, .to = pid);
    run_ms(100);
}

static void do_link(osr_self *self, void *argument)
{
    OSR_CHECK(self, osr_link(self, *(osr_pid *)argument) == OSR_OK);
}

static osr_pid one_that_ended(void)
{
    osr_pid pid = doer_on(world, B, NULL);

    doer_let(world, pid, do_exit, NULL);
    return pid;
}

static void send_around_an_exit(osr_self *self, void *argument)
{
    osr_pid to = *(osr_pid *)argument;
    osr_reason reason = osr_reason_custom("r");

    for (uint32_t number = 1; number <= 6; number++) {
        actor_note note = {.number = number};
        if (number == 4) { /* an exit that comes with them acts before they are read */
            (void)!osr_sleep(self, 5);
            OSR_CHECK(self, osr_send_exit(self, to, &reason) == OSR_OK);
        }
        (void)actor_note_send(self, osr_to(to), &note);
    }
}

/* 1: what was sent before an exit signal reaches, what was sent after it never does. */
START_TEST(sig_order_msg_exit_remote)
{
    for (int i = 0; i < 200; i++) {
        osr_pid pid = doer_on(world, B, NULL);
        TELL(a, actor_monitor, .to = pid);
        doer_let(world, here, send_around_an_exit, &pid);
        run_ms(20);
    }
    ck_assert_uint_eq(early, 600);
    ck_assert_uint_eq(late, 0);
    expect_count(200, "a down r");
}
END_TEST

/* 6: linking to a dead process of another node succeeds; then who does not trap ends with noproc,
 * who does is told. */
START_TEST(link_dead_remote)
{
    osr_pid dead = one_that_ended();
    watch(here);
    TELL(a, actor_link, .to = dead);
    run_ms(100);
    expect_next("a exited noproc\n");
    doer_let(world, here, do_link, &dead);
    run_ms(100);
    expect("a down noproc\n");
}
END_TEST

/* 7: when the node of a linked process dies, who does not trap ends with noconnection, who does is
 * told, once. */
START_TEST(link_both_sides_on_node_loss)
{
    watch(here);
    TELL(a, actor_link, .to = there);
    doer_let(world, here, do_link, &there);
    run_ms(100);
    cluster_crash(world, B, true);
    run_ms(100);
    expect_once("a exited noconnection");
    expect_once("a down noconnection");
}
END_TEST

static uint64_t processes(uint32_t host)
{
    osr_node_counters counters;

    osr_node_count(world->nodes[host].node, &counters);
    return counters.processes;
}

/* The parent asks for a linked child, whose node does not get to answer. */
static void spawn_held_up(void)
{
    osri_sim_stall(world->network, B, A, 1000 * MS);
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"));
    run_ms(50);
}

/* 8: a parent that ends before it has the answer to its spawn leaves no orphan: the child is
 * killed. */
START_TEST(spawn_request_link_parent_exit)
{
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    uint64_t before = processes(B);
    spawn_held_up();
    ck_assert_uint_eq(processes(B), before + 1);
    ck_assert_int_eq(osr_node_exit(world->nodes[A].node, a, &kill), OSR_OK);
    run_ms(3000);
    ck_assert_uint_eq(processes(B), before);
}
END_TEST

/* 8: so does one whose node is lost before the answer. */
START_TEST(spawn_request_link_parent_exit_nodedown)
{
    spawn_held_up();
    cluster_crash(world, A, true);
    run_ms(3000);
    expect_once("child exited noconnection");
}
END_TEST

static void monitor_by_name(osr_self *self, void *argument)
{
    osr_ref ref;
    OSR_CHECK(self, osr_monitor(self, osr_name(argument, "n1@sim"), &ref) == OSR_OK);
}

/* 9: a monitor tells how its target ended, and of what: the pid, or the name and node, as it was
 * monitored. */
START_TEST(monitor_basic_remote)
{
    osr_pid dead = one_that_ended();
    doer_let(world, here, do_watch, &dead);
    doer_let(world, here, monitor_by_name, "nobody");
    run_ms(100);
    expect_next("n0@sim down noproc pid\nn0@sim down noproc nobody at n1@sim\n");
    doer_let(world, here, do_watch, &there);
    doer_let(world, here, monitor_by_name, "there");
    run_ms(100);
    doer_let(world, there, do_exit, NULL);
    run_ms(100);
    expect_next("n0@sim down bye pid\nn0@sim down bye there at n1@sim\n");
    (void)doer_on(world, B, "there");
    doer_let(world, here, monitor_by_name, "there");
    run_ms(100);
    cluster_crash(world, B, true);
    run_ms(100);
    expect("n0@sim down noconnection there at n1@sim\n");
}
END_TEST

static void make_alias(osr_self *self, void *argument)
{
    (void)argument;
    OSR_CHECK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &alias) == OSR_OK);
}

static void end_alias(osr_self *self, void *argument)
{
    (void)argument;
    OSR_CHECK(self, osr_unalias(self, alias));
}

static void send_big_to_alias(osr_self *self, void *argument)
{
    actor_big big = {.number = 1};
    uint8_t *data;

    (void)argument;
    OSR_CHECK(self, osr_bin_alloc(BIG, &big.data, &data) == OSR_OK);
    memset(data, 1, BIG);
    (void)actor_big_send(self, osr_to_alias(alias), &big);
    osr_bin_unref(&big.data);
}

/* 14: a large message to an alias that is given up while its fragments arrive is not delivered; one
 * to an alias that stays is. */
START_TEST(dist_frag_unaliased)
{
    doer_let(world, here, make_alias, NULL);
    doer_let(world, there, send_big_to_alias, NULL);
    run_ms(2000);
    ck_assert_uint_eq(bigs, 1);
    doer_let(world, there, send_big_to_alias, NULL);
    run_ms(100); /* of 400 */
    doer_let(world, here, end_alias, NULL);
    run_ms(2000);
    ck_assert_uint_eq(bigs, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("conform_remote");
    TCase *tests = tcase_create("remote");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, sig_order_msg_exit_remote);
    tcase_add_test(tests, link_dead_remote);
    tcase_add_test(tests, link_both_sides_on_node_loss);
    tcase_add_test(tests, spawn_request_link_parent_exit);
    tcase_add_test(tests, spawn_request_link_parent_exit_nodedown);
    tcase_add_test(tests, monitor_basic_remote);
    tcase_add_test(tests, dist_frag_unaliased);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
