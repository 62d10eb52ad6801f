/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "osier/output.h"
#include "osier/rpc.h"
#include "osier/server.h"
#include "osier/supervisor.h"
#include "tests/sim/doer.h"
#include "tests/support/simulated_net.h"

/* Output of processes on other nodes, on a simulated cluster: each node has a leader that notes
 * what it is told to write. */

#define NODES 3

OSR_MESSAGE(words, 0x3100, (1, str, text), (2, u32, later_ms));

static char written[NODES][256]; /* by the leader of each node */
static osr_err result;           /* of the last print that was late */

OSR_MESSAGE(screen_of, 0x3101, (1, u32, host));

OSR_ENTRY(screen, screen_of)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        const osr_io_put *put = err == OSR_OK ? OSR_AS(osr_io_put, &message) : NULL;
        if (put == NULL) {
            return err;
        }
        char *at = written[argument->host];
        size_t had = strlen(at);
        (void)snprintf(at + had, sizeof(written[0]) - had, "%.*s", (int)put->text.size,
                       put->text.at);
        (void)osr_reply_to(self, osr_caller_of(&message), &osr_io_done_osr_type, &(osr_io_done){0});
    }
}

OSR_ENTRY(speaker, words)
{
    if (argument->later_ms != 0) {
        (void)osr_sleep(self, argument->later_ms);
    }
    result = osr_printf(self, "%s.", argument->text.at);
    return OSR_OK;
}
OSR_EXPORT(speaker);

/* Starts a speaker on the third node, with what it has of its own starter. */
OSR_ENTRY(passer, words)
{
    osr_pid pid;
    (void)osr_printf(self, "passing.");
    return speaker_spawn(self, argument, OSR_SPAWN(.node = "n2@sim"), &pid);
}
OSR_EXPORT(passer);

OSR_STATE(talker, (1, u32, zero));
OSR_ON_INIT(talker, osr_started)
{
    (void)argument;
    return osr_printf(self, "child.");
}
OSR_SERVER(talker, OSR_INIT(osr_started));
OSR_EXPORT_SERVER(talker);
OSR_SUPERVISOR(family, .children = OSR_CHILDREN(OSR_CHILD(talker, .place = "n1@sim"),
                                                OSR_CHILD(talker, .id = "here")));

static void setup(void)
{
    memset(written, 0, sizeof(written));
    result = OSR_EIO;
    net_start(&(cluster_options){.nodes = NODES});
    for (uint32_t host = 0; host < NODES; host++) {
        (void)cluster_spawn(world, host, &screen_osr_entry, &(screen_of){.host = host},
                            OSR_SPAWN(.name = OSR_OUTPUT_NAME));
    }
}

static void spawn_speaker(osr_self *self, void *argument)
{
    osr_pid pid;
    OSR_CHECK(self, speaker_spawn(self, argument, OSR_SPAWN(.node = "n1@sim"), &pid) == OSR_OK);
}

/* What a process writes that was started on another node is written here. */
START_TEST(output_of_a_process_started_elsewhere_is_written_here)
{
    words what = {.text = osr_str_of("far")};
    doer_let(world, doer_on(world, 0, "me"), spawn_speaker, &what);
    run_ms(1000);
    ck_assert_str_eq(written[0], "far.");
    ck_assert_str_eq(written[1], "");
}
END_TEST

static void call_speaker(osr_self *self, void *argument)
{
    OSR_CHECK(self, osr_rpc(self, "n1@sim", "speaker", &words_osr_type, argument, 5000, NULL,
                            NULL) == OSR_OK);
    /* the answer comes after the output */
    OSR_CHECK(self, strcmp(written[0], "called.") == 0);
}

/* So is that of a function that was called there, and before the call returns. */
START_TEST(output_of_a_call_is_written_before_it_returns)
{
    words what = {.text = osr_str_of("called")};
    doer_let(world, doer_on(world, 0, "me"), call_speaker, &what);
    run_ms(1000);
    ck_assert_str_eq(written[0], "called.");
}
END_TEST

static void spawn_passer(osr_self *self, void *argument)
{
    osr_pid pid;
    OSR_CHECK(self, osr_spawn_named(self, "passer", &words_osr_type, argument,
                                    OSR_SPAWN(.node = "n1@sim"), &pid) == OSR_OK);
}

/* By way of a third node as well: a leader's pid is introduced to who does not know its node. */
START_TEST(a_leader_is_passed_on_to_a_third_node)
{
    words what = {.text = osr_str_of("third")};
    doer_let(world, doer_on(world, 0, "me"), spawn_passer, &what);
    run_ms(2000);
    ck_assert_str_eq(written[0], "passing.third.");
    ck_assert_str_eq(written[1], "");
    ck_assert_str_eq(written[2], "");
}
END_TEST

static void put_there(osr_self *self, void *argument)
{
    (void)argument;
    OSR_CHECK(self, osr_put(self, osr_name(OSR_OUTPUT_NAME, "n2@sim"), "over there", 10) == OSR_OK);
    OSR_CHECK(self, osr_put(self, osr_name("nobody", "n2@sim"), "x", 1) == OSR_ETERMINATED);
}

static void supervise(osr_self *self, void *argument)
{
    osr_pid pid;
    OSR_CHECK(self, osr_set_group_leader(self, osr_self_pid(self), *(osr_pid *)argument) == OSR_OK);
    OSR_CHECK(self, osr_server_start(self, &family_osr_server, NULL, OSR_SPAWN(.link = true), 5000,
                                     &pid) == OSR_OK);
}

/* A supervisor's children have its leader, wherever they are and it is. */
START_TEST(children_print_where_their_supervisor_does)
{
    osr_pid leader =
        cluster_spawn(world, 2, &screen_osr_entry, &(screen_of){.host = 2}, OSR_SPAWN(.name = "s"));
    osr_pid me = doer_on(world, 0, "me");
    doer_let(world, me, put_there, NULL); /* so that node 0 knows node 2 */
    run_ms(1000);
    doer_let(world, me, supervise, &leader);
    run_ms(2000);
    ck_assert_str_eq(written[2], "over therechild.child.");
    ck_assert_str_eq(written[0], "");
    ck_assert_str_eq(written[1], "");
}
END_TEST

static osr_pid speaker_pid;

static void spawn_late(osr_self *self, void *argument)
{
    OSR_CHECK(self,
              speaker_spawn(self, argument, OSR_SPAWN(.node = "n1@sim"), &speaker_pid) == OSR_OK);
}

/* A leader whose node is lost writes nothing, and who prints is told. */
START_TEST(a_leader_on_a_lost_node_is_terminated)
{
    words what = {.text = osr_str_of("late"), .later_ms = 1000};
    doer_let(world, doer_on(world, 0, "me"), spawn_late, &what);
    run_ms(200);
    cluster_crash(world, 0, true);
    run_ms(20000);
    ck_assert_int_eq(result, OSR_ETERMINATED);
    ck_assert_str_eq(written[1], "");
}
END_TEST

static void redirect(osr_self *self, void *argument)
{
    (void)argument;
    OSR_CHECK(self, osr_set_group_leader(self, speaker_pid, OSR_PID_NONE) == OSR_OK);
}

/* The leader of a process on another node can be changed from here. */
START_TEST(the_leader_of_a_process_elsewhere_is_changed)
{
    words what = {.text = osr_str_of("late"), .later_ms = 1000};
    osr_pid me = doer_on(world, 0, "me");
    doer_let(world, me, spawn_late, &what);
    run_ms(200);
    doer_let(world, me, redirect, NULL);
    run_ms(2000);
    ck_assert_int_eq(result, OSR_OK);
    ck_assert_str_eq(written[0], "");
    ck_assert_str_eq(written[1], "late.");
}
END_TEST

/* A node's own leader is reached by its name. */
START_TEST(the_output_of_another_node_has_a_name)
{
    doer_let(world, doer_on(world, 0, "me"), put_there, NULL);
    run_ms(1000);
    ck_assert_str_eq(written[2], "over there");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("output_sim");
    TCase *tcase = tcase_create("output_sim");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, net_end);
    tcase_add_test(tcase, output_of_a_process_started_elsewhere_is_written_here);
    tcase_add_test(tcase, output_of_a_call_is_written_before_it_returns);
    tcase_add_test(tcase, a_leader_is_passed_on_to_a_third_node);
    tcase_add_test(tcase, children_print_where_their_supervisor_does);
    tcase_add_test(tcase, a_leader_on_a_lost_node_is_terminated);
    tcase_add_test(tcase, the_leader_of_a_process_elsewhere_is_changed);
    tcase_add_test(tcase, the_output_of_another_node_has_a_name);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
