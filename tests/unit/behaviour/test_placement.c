/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/node_fixture.h"
#include "tests/unit/behaviour/lan.h"
#include "tests/unit/behaviour/worker.h"

/* Children on other nodes: where they start, and what becomes of them when nodes are lost and come
 * back. The test runs on boss@host, which has no label; alpha and beta are workers, store is a
 * store and a worker. */

#define TELLS_BOSS OSR_ARGUMENT(worker, .number = 1, .observer_node = {"boss@host", 9})

static osr_node *boss, *alpha, *beta, *store;

OSR_SUPERVISOR(fixed, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(worker, TELLS_BOSS, .place = "store@host")));
OSR_SUPERVISOR(movable, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(worker, TELLS_BOSS, .place = "store@host",
                                                  .on_noconnection = OSR_ELSEWHERE)));
OSR_SUPERVISOR(pool, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(worker, TELLS_BOSS, .count = 3,
                                                  .place = "label:worker",
                                                  .on_noconnection = OSR_ELSEWHERE)));
OSR_SUPERVISOR(faithful, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(worker, TELLS_BOSS, .place = "label:worker")));
OSR_SUPERVISOR(fleeting, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(worker, TELLS_BOSS, .place = "label:worker",
                                                  .restart = OSR_TEMPORARY)));
OSR_SUPERVISOR(late, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD(worker, TELLS_BOSS, .place = "alpha@host"),
                                        OSR_CHILD(worker,
                                                  OSR_ARGUMENT(worker, .number = 2, .trap = true,
                                                               .terminate_ms = 500,
                                                               .observer_node = {"boss@host", 9}),
                                                  .id = "slow", .place = "beta@host")));
OSR_SUPERVISOR(absent, .intensity = OSR_NO_RESTARTS,
               .children = OSR_CHILDREN(OSR_CHILD_NAMED("no such server",
                                                        .place = "label:worker")));
OSR_SUPERVISOR(far, .intensity = 1,
               .children = OSR_CHILDREN(OSR_CHILD(worker, TELLS_BOSS, .id = "a"),
                                        OSR_CHILD(worker, TELLS_BOSS, .id = "b")));
OSR_EXPORT_SERVER(far);
OSR_SUPERVISOR(tree, .children = OSR_CHILDREN(OSR_CHILD(far, .place = "store@host")));

static void set_up(void)
{
    node_fixture_stepped_as("boss@host");
    boss = node_fixture_node();
    alpha = node_fixture_add("alpha@host");
    beta = node_fixture_add("beta@host");
    store = node_fixture_add("store@host");
    lan_reset();
    lan_add(boss, "");
    lan_add(alpha, "worker\n");
    lan_add(beta, "linux\nworker\n");
    lan_add(store, "store\nworker\n");
    lan_up(boss);
}

static osr_pid begin(osr_self *self, const osr_server *supervisor)
{
    osr_pid pid = OSR_PID_NONE;
    OSR_CHECK(self, osr_server_start(self, supervisor, NULL, OSR_SPAWN(.link = true), SOON, &pid) ==
                        OSR_OK);
    return pid;
}

static osr_err end(osr_self *self, osr_pid supervisor)
{
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    return osr_server_stop(self, osr_to(supervisor), &reason, SOON);
}

/* How many children are in this state, and on this node (NULL: any). */
static int count_in(osr_self *self, osr_pid supervisor, osr_child_state state, const char *node)
{
    const osr_children *children;
    OSR_CHECK(self,
              osr_supervisor_which_children(self, osr_to(supervisor), SOON, &children) == OSR_OK);
    int count = 0;
    for (uint32_t i = 0; i < children->children.count; ++i) {
        const osr_child_info *info = &children->children.at[i];
        count +=
            info->state == (uint32_t)state && (node == NULL || strcmp(info->node.at, node) == 0);
    }
    osr_free(self, (void *)(uintptr_t)children);
    return count;
}

static void expect_on(osr_self *self, const osr_node *node)
{
    osr_pid pid = expect(self, STARTED, 1);
    OSR_CHECK(self, pid.node == osr_node_id(node));
}

/* ---- a fixed place --------------------------------------------------------------------- */

static osr_err fixed_child_starts_there(osr_self *self)
{
    observe(self);
    lan_up(store);
    osr_pid pid = begin(self, &fixed_osr_server);
    expect_on(self, store);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "store@host") == 1);
    return end(self, pid);
}

/* Its supervisor starts without it, has the node dialled, and starts it when the node comes. */
static osr_err fixed_child_waits_for_its_node(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    osr_pid pid = begin(self, &fixed_osr_server);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_WAITING, NULL) == 1);
    OSR_CHECK(self, lan_dialled(store) >= 1);
    OSR_CHECK(self, lan_wanted(store) == 1);
    OSR_CHECK(self, osr_sleep(self, 3500) == OSR_OK);
    OSR_CHECK(self, is_quiet(self));
    lan_up(store);
    expect_on(self, store);
    OSR_CHECK(self, lan_wanted(store) == 1);
    osr_err err = end(self, pid);
    OSR_CHECK(self, lan_wanted(store) == 0);
    return err;
}

/* A supervisor that is killed, or gives the child up, lets go of the place, too. */
static osr_err place_is_wanted_as_long_as_the_child(osr_self *self)
{
    observe(self);
    lan_up(store);
    osr_pid pid = begin(self, &fixed_osr_server);
    expect_on(self, store);
    OSR_CHECK(self, osr_supervisor_terminate_child(self, osr_to(pid), "worker", SOON) == OSR_OK);
    OSR_CHECK(self, lan_wanted(store) == 1);
    OSR_CHECK(self, osr_supervisor_delete_child(self, osr_to(pid), "worker", SOON) == OSR_OK);
    OSR_CHECK(self, lan_wanted(store) == 0);
    OSR_CHECK(self, end(self, pid) == OSR_OK);
    pid = begin(self, &fixed_osr_server);
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    (void)osr_trap_exit(self, true);
    OSR_CHECK(self, lan_wanted(store) == 1);
    OSR_CHECK(self, osr_send_exit(self, pid, &kill) == OSR_OK);
    OSR_CHECK(self, osr_sleep(self, 1000) == OSR_OK);
    OSR_CHECK(self, lan_wanted(store) == 0);
    return OSR_OK;
}

/* Losing the node is no restart: not even one is allowed here. */
static osr_err lost_child_waits_for_its_node(osr_self *self)
{
    observe(self);
    lan_up(store);
    lan_up(alpha);
    osr_pid pid = begin(self, &fixed_osr_server);
    for (int i = 0; i < 4; ++i) {
        expect_on(self, store);
        lan_down(store);
        OSR_CHECK(self, osr_sleep(self, 10) == OSR_OK);
        OSR_CHECK(self, count_in(self, pid, OSR_CHILD_WAITING, NULL) == 1);
        OSR_CHECK(self, is_quiet(self));
        lan_up(store);
    }
    expect_on(self, store);
    return end(self, pid);
}

/* The old one, cut off, has ended by the time a new one runs beside its supervisor. */
static osr_err cut_off_child_ends(osr_self *self)
{
    observe(self);
    lan_up(store);
    osr_pid pid = begin(self, &fixed_osr_server);
    expect_on(self, store);
    lan_down(store);
    OSR_CHECK(self, osr_sleep(self, 10) == OSR_OK);
    osr_node_counters counters;
    osr_node_count(store, &counters);
    OSR_CHECK(self, counters.processes == 0);
    return end(self, pid);
}

static osr_err movable_child_goes_to_a_node_like_it(osr_self *self)
{
    observe(self);
    lan_up(store);
    lan_up(beta);
    osr_pid pid = begin(self, &movable_osr_server);
    expect_on(self, store);
    lan_down(store);
    expect_on(self, beta);
    lan_up(store);
    OSR_CHECK(self, osr_sleep(self, 2000) == OSR_OK);
    OSR_CHECK(self, is_quiet(self)); /* it stays */
    lan_down(beta);
    expect_on(self, store);
    return end(self, pid);
}

static osr_err movable_child_waits_when_none_is_like_it(osr_self *self)
{
    observe(self);
    lan_up(store);
    osr_pid pid = begin(self, &movable_osr_server);
    expect_on(self, store);
    lan_down(store);
    OSR_CHECK(self, osr_sleep(self, 10) == OSR_OK);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_WAITING, NULL) == 1);
    lan_up(alpha);
    expect_on(self, alpha);
    return end(self, pid);
}

/* ---- a label --------------------------------------------------------------------------- */

static osr_err labelled_children_spread(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    lan_up(beta);
    lan_up(store);
    osr_pid pid = begin(self, &pool_osr_server);
    for (int i = 0; i < 3; ++i) {
        (void)expect(self, STARTED, 1);
    }
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "alpha@host") == 1);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "beta@host") == 1);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "store@host") == 1);
    lan_down(beta);
    expect_on(self, alpha); /* as many children as store, and up before it */
    lan_down(alpha);
    expect_on(self, store);
    expect_on(self, store);
    lan_down(store);
    OSR_CHECK(self, osr_sleep(self, 10) == OSR_OK);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_WAITING, NULL) == 3);
    lan_up(beta);
    for (int i = 0; i < 3; ++i) {
        expect_on(self, beta);
    }
    return end(self, pid);
}

/* Children that wait start a moment after the first node came, so that those that come with it have
 * their share. */
static osr_err waiting_children_spread(osr_self *self)
{
    observe(self);
    osr_pid pid = begin(self, &pool_osr_server);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_WAITING, NULL) == 3);
    lan_up(alpha);
    OSR_CHECK(self, osr_sleep(self, 20) == OSR_OK);
    lan_up(beta);
    OSR_CHECK(self, osr_sleep(self, 20) == OSR_OK);
    lan_up(store);
    for (int i = 0; i < 3; ++i) {
        (void)expect(self, STARTED, 1);
    }
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "alpha@host") == 1);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "beta@host") == 1);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "store@host") == 1);
    return end(self, pid);
}

/* A node that drains gets no child by its label and keeps those it has; named, it is still used. */
static osr_err draining_nodes_are_left_out(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    lan_up(beta);
    lan_up(store);
    osr_pid pid = begin(self, &pool_osr_server);
    for (int i = 0; i < 3; ++i) {
        (void)expect(self, STARTED, 1);
    }
    lan_list(alpha, true);
    lan_down(beta);
    expect_on(self, store);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_RUNNING, "alpha@host") == 1);
    lan_list(alpha, false);
    lan_list(store, true);
    lan_down(store);
    lan_list(store, true); /* said to be there, and not chosen although it has no child */
    expect_on(self, alpha);
    expect_on(self, alpha);
    OSR_CHECK(self, end(self, pid) == OSR_OK);
    lan_up(store);
    pid = begin(self, &fixed_osr_server);
    expect_on(self, store);
    return end(self, pid);
}

/* A member that is not connected is chosen as well: a spawn there dials it. One that turns out not
 * to be reached is left for another. */
static osr_err members_that_are_not_connected_are_tried(osr_self *self)
{
    observe(self);
    lan_list(beta, false);
    lan_up(alpha);
    osr_pid pid = begin(self, &pool_osr_server);
    for (int i = 0; i < 3; ++i) {
        expect_on(self, alpha);
    }
    OSR_CHECK(self, lan_dialled(beta) >= 1);
    return end(self, pid);
}

static osr_err labelled_child_waits_for_the_same_node(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    osr_pid pid = begin(self, &faithful_osr_server);
    expect_on(self, alpha);
    lan_up(beta);
    lan_down(alpha);
    OSR_CHECK(self, osr_sleep(self, 3000) == OSR_OK);
    OSR_CHECK(self, is_quiet(self));
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_WAITING, NULL) == 1);
    lan_up(alpha);
    expect_on(self, alpha);
    return end(self, pid);
}

static osr_err temporary_child_is_forgotten_with_its_node(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    osr_pid pid = begin(self, &fleeting_osr_server);
    expect_on(self, alpha);
    lan_down(alpha);
    OSR_CHECK(self, osr_sleep(self, 10) == OSR_OK);
    osr_child_counts counts;
    OSR_CHECK(self, osr_supervisor_count_children(self, osr_to(pid), SOON, &counts) == OSR_OK);
    OSR_CHECK(self, counts.specs == 0);
    return end(self, pid);
}

/* ---- crashes there, and the end --------------------------------------------------------- */

/* A crash on another node is one: it is counted. */
static osr_err remote_crash_counts(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    osr_ref monitor = watch(self, begin(self, &faithful_osr_server));
    worker_end_it(self, expect(self, STARTED, 1), END_ERROR);
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

static osr_err remote_start_failure_counts(osr_self *self)
{
    observe(self);
    osr_ref monitor = watch(self, begin(self, &absent_osr_server)); /* waits: no worker is up */
    lan_up(alpha);
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

static osr_err remote_children_end_with_their_supervisor(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    lan_up(beta);
    osr_pid pid = begin(self, &pool_osr_server);
    for (int i = 0; i < 3; ++i) {
        (void)expect(self, STARTED, 1);
    }
    OSR_CHECK(self, end(self, pid) == OSR_OK);
    for (int i = 0; i < 3; ++i) {
        osr_node_counters counters;
        osr_node_count(i == 0 ? alpha : beta, &counters);
        OSR_CHECK(self, counters.processes == 0);
    }
    return OSR_OK;
}

/* A node lost while the supervisor ends changes nothing: no child starts any more. */
static osr_err node_lost_during_the_end_is_only_a_loss(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    lan_up(beta);
    osr_pid pid = begin(self, &late_osr_server);
    osr_ref monitor = watch(self, pid);
    (void)expect(self, STARTED, 1);
    (void)expect(self, STARTED, 2);
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, osr_send_exit(self, pid, &reason) == OSR_OK);
    OSR_CHECK(self, osr_sleep(self, 100) == OSR_OK); /* the slow one is ending */
    lan_down(alpha);
    OSR_CHECK(self, osr_sleep(self, 100) == OSR_OK);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_STOPPED, NULL) == 1);
    lan_up(alpha);
    OSR_CHECK(self, end_of(self, monitor) == OSR_REASON_SHUTDOWN);
    (void)expect(self, TERMINATED, 2);
    OSR_CHECK(self, is_quiet(self));
    return OSR_OK;
}

/* A child ended while its spawn is under way is ended as soon as it exists. */
static osr_err child_ended_while_spawned_does_not_stay(osr_self *self)
{
    observe(self);
    lan_up(alpha);
    osr_pid pid = begin(self, &faithful_osr_server);
    worker_options options = {.number = 2, .observer_node = osr_str_of("boss@host")};
    osr_child far_child = {.size = sizeof(far_child),
                           .server = &worker_osr_server,
                           .argument = &options,
                           .id = "x",
                           .place = "alpha@host"};
    expect_on(self, alpha);
    osr_pid child;
    lan_hold_spawns(true);
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(pid), &far_child, 20, &child) ==
                        OSR_ETIMEDOUT);
    OSR_CHECK(self, osr_supervisor_terminate_child(self, osr_to(pid), "x", 20) == OSR_ETIMEDOUT);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_STOPPING, NULL) == 1);
    lan_hold_spawns(false);
    OSR_CHECK(self, osr_sleep(self, 50) == OSR_OK);
    OSR_CHECK(self, count_in(self, pid, OSR_CHILD_STOPPING, NULL) == 0);
    osr_node_counters counters;
    osr_node_count(alpha, &counters);
    OSR_CHECK(self, counters.processes == 1); /* the first child alone */
    return end(self, pid);
}

/* A supervisor is a child like any other, also elsewhere; its children can be asked for
 * from here. */
static osr_err supervisor_runs_on_another_node(osr_self *self)
{
    observe(self);
    lan_up(store);
    osr_pid pid = begin(self, &tree_osr_server);
    expect_on(self, store);
    expect_on(self, store);
    const osr_children *children;
    OSR_CHECK(self, osr_supervisor_which_children(self, osr_to(pid), SOON, &children) == OSR_OK);
    OSR_CHECK(self, children->children.count == 1);
    osr_pid inner = children->children.at[0].pid;
    OSR_CHECK(self, inner.node == osr_node_id(store) && children->children.at[0].supervisor);
    OSR_CHECK(self, count_in(self, inner, OSR_CHILD_RUNNING, NULL) == 2);
    osr_pid child;
    OSR_CHECK(self, osr_supervisor_start_child(self, osr_to(inner),
                                               OSR_CHILD_OF(worker, TELLS_BOSS, .id = "c"), SOON,
                                               &child) == OSR_OK);
    expect_on(self, store);
    OSR_CHECK(self, child.node == osr_node_id(store));
    OSR_CHECK(self, osr_supervisor_terminate_child(self, osr_to(inner), "c", SOON) == OSR_OK);
    return end(self, pid);
}

static const struct {
    const char *name;
    node_fixture_body *body;
} bodies[] = {
#define BODY(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    BODY(fixed_child_starts_there),
    BODY(fixed_child_waits_for_its_node),
    BODY(place_is_wanted_as_long_as_the_child),
    BODY(lost_child_waits_for_its_node),
    BODY(cut_off_child_ends),
    BODY(movable_child_goes_to_a_node_like_it),
    BODY(movable_child_waits_when_none_is_like_it),
    BODY(labelled_children_spread),
    BODY(waiting_children_spread),
    BODY(draining_nodes_are_left_out),
    BODY(members_that_are_not_connected_are_tried),
    BODY(labelled_child_waits_for_the_same_node),
    BODY(temporary_child_is_forgotten_with_its_node),
    BODY(remote_crash_counts),
    BODY(remote_start_failure_counts),
    BODY(remote_children_end_with_their_supervisor),
    BODY(node_lost_during_the_end_is_only_a_loss),
    BODY(child_ended_while_spawned_does_not_stay),
    BODY(supervisor_runs_on_another_node),
#undef BODY
};

/* The body of this index behaves as its name says. */
START_TEST(body)
{
    node_fixture_run(bodies[_i].body);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("placement");
    for (int i = 0; i < (int)(sizeof(bodies) / sizeof(bodies[0])); ++i) {
        TCase *one = tcase_create(bodies[i].name);
        tcase_add_checked_fixture(one, set_up, node_fixture_end);
        tcase_set_timeout(one, 60);
        tcase_add_loop_test(one, body, i, i + 1);
        suite_add_tcase(suite, one);
    }
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
