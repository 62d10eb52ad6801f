/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/process/signal.h"
#include "osier/dist.h"
#include "osier/node.h"
#include "osier/nodes.h"
#include "osier/port.h"

/* Workers that turn the distribution while they have nothing else to do: two real nodes with
 * ZeroMQ. Ticks are rare, so that nothing but what a test does wakes who rests. */

#define DEADLINE_MS 10000
#define TICK_MS 100000 /* sent after a quarter of it */
#define SPINNERS 17    /* one for the scheduler's worker and each of its spares */

static char folder[] = "/tmp/osier-attend-XXXXXX";
static osr_node *nodes[2];
static char contact[160];
static _Atomic(unsigned) done;     /* counted by processes */
static _Atomic(unsigned) passed;   /* the same by those that do nothing else */
static _Atomic(unsigned) spinning; /* processes that compute */
static atomic_bool enough;

OSR_MESSAGE(attend_order, 0x1080, (1, u32, count));

static uint64_t now_ns(void)
{
    return osr_env_real()->now_ns(osr_env_real()->context);
}

static void wait_for(_Atomic(unsigned) *counter, unsigned wanted)
{
    uint64_t until = now_ns() + DEADLINE_MS * UINT64_C(1000000);

    while (atomic_load(counter) < wanted) {
        ck_assert_msg(now_ns() < until, "%u of %u", atomic_load(counter), wanted);
        sched_yield();
    }
}

static void start_node(int number, uint32_t schedulers, const char *join)
{
    char name[32], text[512] = "";

    (void)snprintf(name, sizeof(name), "n%d@localhost", number);
    ck_assert_int_eq(osr_node_new(OSR_NODE(.name = name, .schedulers = schedulers), &nodes[number]),
                     OSR_OK);
    ck_assert_int_eq(osr_node_start(nodes[number]), OSR_OK);
    osr_err err = osr_dist_start(nodes[number],
                                 OSR_DIST(.listen = "tcp://127.0.0.1:9700-9799", .no_mapper = true,
                                          .tick_ms = TICK_MS, .joins = &join,
                                          .join_count = join == NULL ? 0 : 1),
                                 text, sizeof(text));
    ck_assert_msg(err == OSR_OK, "%s", text);
}

static void stop_node(int number)
{
    if (nodes[number] != NULL) {
        osr_node_stop(nodes[number], 0);
        osr_node_free(&nodes[number]);
    }
}

static void spawn_on(int number, const osr_entry *entry, uint32_t count)
{
    osr_pid pid;

    ck_assert_int_eq(
        osr_node_spawn(nodes[number], entry, &(attend_order){.count = count}, NULL, &pid), OSR_OK);
}

OSR_ENTRY(passer, attend_order)
{
    (void)self;
    (void)argument;
    atomic_fetch_add(&passed, 1);
    return OSR_OK;
}

/* Until a worker of the node waits in its distribution, or is about to. One that has left that to
 * the distribution's own thread comes back after some sleeps: each process gives it one more. */
static void wait_until_attended(int number)
{
    uint64_t until = now_ns() + DEADLINE_MS * UINT64_C(1000000);

    while (!osri_node_is_attended(nodes[number])) {
        unsigned before = atomic_load(&passed);
        ck_assert_msg(now_ns() < until, "no worker attends");
        spawn_on(number, &passer_osr_entry, 0);
        wait_for(&passed, before + 1);
    }
}

static void setup_with(uint32_t schedulers)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)setenv("OSIER_HOME", folder, 1);
    start_node(0, schedulers, NULL);
    (void)snprintf(contact, sizeof(contact), "n0@localhost:%s",
                   strrchr(osr_dist_endpoint(nodes[0]), ':') + 1);
    start_node(1, schedulers, contact);
}

static void setup(void)
{
    setup_with(1);
}

static void setup_many(void)
{
    setup_with(3);
}

static void teardown(void)
{
    char secret[64];

    atomic_store(&enough, true);
    stop_node(1);
    stop_node(0);
    (void)snprintf(secret, sizeof(secret), "%s/cluster.secret", folder);
    (void)unlink(secret);
    (void)rmdir(folder);
}

/* Asks node 0 so many times for something that its distribution answers without any process. */
OSR_ENTRY(asker, attend_order)
{
    osr_err err = OSR_OK;

    for (uint32_t i = 0; i < argument->count && err == OSR_OK; i++) {
        osr_ref monitor;
        osr_message message;
        err = osr_monitor(self, osr_name("nobody", "n0@localhost"), &monitor);
        err = err == OSR_OK ? osr_receive(self, OSR_FOREVER, &message) : err;
        const osr_down *down = err == OSR_OK ? OSR_AS(osr_down, &message) : NULL;
        OSR_CHECK(self, down != NULL && down->reason.code == OSR_REASON_NOPROC);
    }
    if (err == OSR_OK) {
        atomic_fetch_add(&done, 1);
    }
    return err;
}

OSR_ENTRY(spinner, attend_order)
{
    (void)argument;
    atomic_fetch_add(&spinning, 1);
    while (!atomic_load(&enough)) {
    }
    return osr_yield(self);
}

OSR_ENTRY(counter, attend_order)
{
    (void)self;
    (void)argument;
    atomic_fetch_add(&done, 1);
    return OSR_OK;
}

OSR_ENTRY(sleeper, attend_order)
{
    osr_err err = OSR_OK;

    for (uint32_t i = 0; i < argument->count && err == OSR_OK; i++) {
        err = osr_sleep(self, 5);
    }
    if (err == OSR_OK) {
        atomic_fetch_add(&done, 1);
    }
    return err;
}

/* Counts messages. */
OSR_ENTRY(listener, attend_order)
{
    osr_err err = OSR_OK;

    (void)argument;
    atomic_fetch_add(&done, 1);
    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            atomic_fetch_add(&done, 1);
        }
    }
    return err;
}

/* Two nodes speak with each other by the worker that attends. */
START_TEST(a_worker_attends_and_brings_messages)
{
    wait_until_attended(0);
    wait_until_attended(1);
    spawn_on(1, &asker_osr_entry, 100);
    wait_for(&done, 1);
}
END_TEST

/* All workers compute, the one that attended among them: the link is served all the same. */
START_TEST(a_link_lives_while_all_workers_compute)
{
    spawn_on(1, &asker_osr_entry, 1);
    wait_for(&done, 1);
    wait_until_attended(0);
    for (int i = 0; i < SPINNERS; i++) {
        spawn_on(0, &spinner_osr_entry, 0);
    }
    wait_for(&spinning, SPINNERS);
    spawn_on(1, &asker_osr_entry, 3);
    wait_for(&done, 2);
}
END_TEST

/* Whoever makes work for a worker that waits in the distribution rouses it there. */
START_TEST(who_rests_is_roused_by_a_foreign_thread)
{
    for (unsigned i = 1; i <= 200; i++) {
        wait_until_attended(0);
        spawn_on(0, &counter_osr_entry, 0);
        wait_for(&done, i);
    }
}
END_TEST

/* The same for a process that only this worker may run. */
START_TEST(who_rests_is_roused_for_a_pinned_process)
{
    osr_port *port;
    osr_pid pid;

    ck_assert_int_eq(osr_node_spawn(nodes[0], &listener_osr_entry, &(attend_order){0},
                                    OSR_SPAWN(.pinned = true), &pid),
                     OSR_OK);
    ck_assert_int_eq(osr_port_open(nodes[0], NULL, &port), OSR_OK);
    wait_for(&done, 1);
    for (unsigned i = 2; i <= 200; i++) {
        wait_until_attended(0);
        ck_assert_int_eq(
            osr_port_send(port, osr_to(pid), &attend_order_osr_type, &(attend_order){.count = i}),
            OSR_OK);
        wait_for(&done, i);
    }
    osr_port_close(&port);
}
END_TEST

/* A timer is due while the worker waits in the distribution. */
START_TEST(timers_are_kept_by_who_rests)
{
    wait_until_attended(0);
    spawn_on(0, &sleeper_osr_entry, 20);
    wait_for(&done, 1);
}
END_TEST

/* A node ends at once while a worker waits in its distribution; the other goes on. */
START_TEST(a_node_stops_while_its_worker_rests)
{
    spawn_on(1, &asker_osr_entry, 1);
    wait_for(&done, 1);
    wait_until_attended(0);
    wait_until_attended(1);
    stop_node(1);
    start_node(1, 1, contact);
    spawn_on(1, &asker_osr_entry, 1);
    wait_for(&done, 2);
}
END_TEST

/* Messages, timers and work from outside at once, on several workers that take turns. */
START_TEST(everything_at_once)
{
    unsigned started = 0;

    for (int round = 0; round < 50; round++) {
        spawn_on(1, &asker_osr_entry, 20);
        spawn_on(round % 2, &sleeper_osr_entry, 2);
        spawn_on(0, &counter_osr_entry, 0);
        spawn_on(1, &counter_osr_entry, 0);
        started += 4;
        if (round % 5 == 4) {
            wait_for(&done, started);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("attend_zmq");
    TCase *one = tcase_create("one worker");
    TCase *many = tcase_create("many workers");

    tcase_add_checked_fixture(one, setup, teardown);
    tcase_set_timeout(one, 60);
    tcase_add_test(one, a_worker_attends_and_brings_messages);
    tcase_add_test(one, a_link_lives_while_all_workers_compute);
    tcase_add_test(one, who_rests_is_roused_by_a_foreign_thread);
    tcase_add_test(one, who_rests_is_roused_for_a_pinned_process);
    tcase_add_test(one, timers_are_kept_by_who_rests);
    tcase_add_test(one, a_node_stops_while_its_worker_rests);
    suite_add_tcase(suite, one);
    tcase_add_checked_fixture(many, setup_many, teardown);
    tcase_set_timeout(many, 60);
    tcase_add_test(many, everything_at_once);
    tcase_add_test(many, who_rests_is_roused_by_a_foreign_thread);
    suite_add_tcase(suite, many);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
