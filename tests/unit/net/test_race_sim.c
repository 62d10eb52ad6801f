/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "tests/support/simulated_net.h"

/* What only threads can do, done by hand: the net turns while a process is in the middle of its
 * own turn, and has not seen yet what the net has put into its inbox. */

#define A 0
#define B 1

static osr_pid racer_pid, b;

/* Time passes for the network and a's net, and for nobody else. */
static void net_goes_on(uint64_t ms)
{
    uint64_t due_ns;

    osri_sim_advance(world->network, osri_sim_now(world->network) + ms * MS);
    (void)osri_net_step(world->nodes[A].net, &due_ns);
}

static void lose_session(void)
{
    osri_sim_reset(world->network, A, B);
    net_goes_on(10);
    ck_assert_uint_eq(osri_net_session_of(world->nodes[A].net, "n1@sim"), 0);
}

OSR_MESSAGE(race_relink, 0x1400, (1, pid, to));  /* the session ends, unlink, link */
OSR_MESSAGE(race_crossed, 0x1401, (1, pid, to)); /* their link comes, the session ends, link */

static osr_err race(osr_self *self, const osr_message *message)
{
    const race_relink *relink = OSR_AS(race_relink, message);
    const race_crossed *crossed = OSR_AS(race_crossed, message);
    const osr_exited *exited = OSR_AS(osr_exited, message);

    if (OSR_AS(actor_link, message) != NULL) {
        return osr_link(self, OSR_AS(actor_link, message)->to);
    }
    if (relink != NULL) {
        lose_session();
        (void)osr_unlink(self, relink->to);
        return osr_link(self, relink->to);
    }
    if (crossed != NULL) {
        net_goes_on(10);
        lose_session();
        return osr_link(self, crossed->to);
    }
    if (exited != NULL) {
        char text[64];
        osr_reason_print(&exited->reason, text, sizeof(text));
        actor_trace_add("racer exited %s", text);
    }
    return OSR_OK;
}

OSR_ENTRY(racer, actor_options)
{
    osr_err err = osr_trap_exit(self, true);

    (void)argument;
    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            err = race(self, &message);
        }
    }
    return err;
}
OSR_EXPORT(racer);

static void setup(void)
{
    actor_options name = {.name = osr_str_of("b")};

    net_start(&(cluster_options){.nodes = 2});
    racer_pid = cluster_spawn(world, A, &racer_osr_entry, &name, OSR_SPAWN(.name = "racer"));
    b = cluster_spawn(world, B, actor_entry(), &name, OSR_SPAWN(.name = "b"));
    TELL(b, actor_send, .name = osr_str_of("racer"), .node = osr_str_of("n0@sim"), .count = 1);
    run_ms(100);
}

/* Both sides have the link: the end of one is told to the other, and once. */
static void expect_link_holds(void)
{
    ck_assert_uint_eq(actor_trace_count("racer exited noconnection"), 0);
    TELL(b, actor_exit, .reason = osr_str_of("bye"));
    run_ms(500);
    ck_assert_msg(actor_trace_count("racer exited bye") == 1, "in:\n%s", actor_trace());
    ck_assert_uint_eq(actor_trace_count("racer exited noconnection"), 0);
}

/* A link made anew after the session of the old one has ended, and before that was told, is not
 * torn down on one side by what is told of the old one. */
START_TEST(link_made_anew_outlives_the_end_of_the_old_session)
{
    TELL(racer_pid, actor_link, .to = b);
    run_ms(100);
    TELL(racer_pid, race_relink, .to = b);
    run_ms(500);
    ck_assert_uint_eq(actor_trace_count("b exited noconnection"), 1);
    expect_link_holds();
}
END_TEST

/* Nor is one that crosses a link of the other side that came and ended meanwhile. */
START_TEST(link_that_crosses_one_of_an_ended_session_holds)
{
    uint64_t due_ns;

    TELL(b, actor_link, .to = racer_pid);
    while (osr_node_step(world->nodes[B].node, &due_ns)) {
    }
    (void)osri_net_step(world->nodes[B].net, &due_ns); /* it is on its way */
    TELL(racer_pid, race_crossed, .to = b);
    run_ms(500);
    ck_assert_uint_eq(actor_trace_count("b exited noconnection"), 1);
    expect_link_holds();
}
END_TEST

/* The end of the new link's own session is told. */
START_TEST(link_made_anew_fires_for_its_own_session)
{
    TELL(racer_pid, actor_link, .to = b);
    run_ms(100);
    TELL(racer_pid, race_relink, .to = b);
    run_ms(500);
    osri_sim_reset(world->network, A, B);
    run_ms(500);
    ck_assert_uint_eq(actor_trace_count("racer exited noconnection"), 1);
    ck_assert_uint_eq(actor_trace_count("b exited noconnection"), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("races on the simulated network");
    TCase *tests = tcase_create("races");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, link_made_anew_outlives_the_end_of_the_old_session);
    tcase_add_test(tests, link_that_crosses_one_of_an_ended_session_holds);
    tcase_add_test(tests, link_made_anew_fires_for_its_own_session);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
