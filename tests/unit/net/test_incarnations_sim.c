/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>

#include "tests/support/simulated_net.h"

/* Nodes that come back under their names, on the simulated network: whose pids are whose. */

#define A 0
#define B 1
#define C 2

static osr_pid a, b, c;

static void setup(void)
{
    net_start(&(cluster_options){.nodes = 3});
    a = actor_on(A, "a");
    b = actor_on(B, "b");
    c = actor_on(C, "c");
}

/* Connects their nodes, and forgets how. */
static void connect(osr_pid from, const char *name, const char *node)
{
    TELL(from, actor_send, .name = osr_str_of(name), .node = osr_str_of(node), .first = 1,
         .count = 1);
    run_ms(100);
    ck_assert_str_ne(actor_trace(), "");
    actor_trace_clear();
}

static void restart_b(bool loud)
{
    cluster_crash(world, B, loud);
    run_ms(loud ? 100 : 0);
    cluster_start(world, B);
}

/* What was meant for an earlier incarnation never reaches its successor: noproc once that is
 * connected. */
START_TEST(pid_of_an_earlier_incarnation_is_noproc)
{
    connect(a, "b", "n1@sim");
    restart_b(true);
    (void)actor_on(B, "b");
    TELL(a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .first = 1,
         .count = 1);
    run_ms(200);
    expect("b note 1\n");
    TELL(a, actor_send, .to = b, .first = 2, .count = 1);
    TELL(a, actor_monitor, .to = b);
    TELL(a, actor_link, .to = b);
    run_ms(100);
    expect("b note 1\na down noproc\na exited noproc\n");
}
END_TEST

/* A node that comes back under its name before its death was noticed: the old session ends first.
 */
START_TEST(new_incarnation_replaces_the_old)
{
    connect(a, "b", "n1@sim");
    TELL(a, actor_watch_nodes, 0);
    TELL(a, actor_monitor, .to = b);
    run_ms(100);
    actor_trace_clear();
    restart_b(false);
    b = actor_on(B, "b");
    TELL(b, actor_send, .name = osr_str_of("a"), .node = osr_str_of("n0@sim"), .first = 5,
         .count = 1);
    run_ms(100);
    expect("a down noconnection\na nodedown n1@sim restarted\na nodeup n1@sim\na note 5\n");
}
END_TEST

/* A node that is told of its peer's successor before it has noticed the peer's death does not say
 * that a process there is dead. */
START_TEST(pid_of_a_later_incarnation_is_not_noproc)
{
    connect(a, "b", "n1@sim");
    connect(c, "a", "n0@sim");
    restart_b(false);
    b = actor_on(B, "b");
    connect(b, "c", "n2@sim");
    TELL(c, actor_introduce, .to = a, .who = b);
    run_ms(100);
    TELL(a, actor_monitor, .to = b);
    TELL(a, actor_link, .to = b);
    run_ms(100);
    expect("a down noconnection\na exited noconnection\n");
    run_ms(3000); /* T */
    actor_trace_clear();
    TELL(a, actor_monitor, .to = b);
    run_ms(100);
    TELL(b, actor_exit, .reason = osr_str_of("bye"));
    run_ms(100);
    expect("a down bye\n");
}
END_TEST

/* One that it is told of late is earlier once the peer has answered. */
START_TEST(pid_of_an_earlier_incarnation_told_late_is_noproc_in_the_end)
{
    connect(c, "b", "n1@sim");
    connect(c, "a", "n0@sim");
    restart_b(true);
    (void)actor_on(B, "b");
    connect(a, "b", "n1@sim");
    TELL(c, actor_introduce, .to = a, .who = b);
    run_ms(1000);
    for (uint32_t i = 0; i < 2; i++) { /* the second asks for an acknowledgement */
        connect(a, "b", "n1@sim");
        run_ms(1000);
    }
    TELL(a, actor_monitor, .to = b);
    run_ms(100);
    expect("a down noproc\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("incarnations on the simulated network");
    TCase *tests = tcase_create("incarnations");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, pid_of_an_earlier_incarnation_is_noproc);
    tcase_add_test(tests, new_incarnation_replaces_the_old);
    tcase_add_test(tests, pid_of_a_later_incarnation_is_not_noproc);
    tcase_add_test(tests, pid_of_an_earlier_incarnation_told_late_is_noproc_in_the_end);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
