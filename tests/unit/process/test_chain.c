/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>

#include "lib/process/chain.h"
#include "tests/unit/process/process_kit.h"

/* Messages that are sent one after the other to the same busy process travel together: nobody is to
 * see that. */

#define MANY (3 * OSRI_CHAIN_MAX + 5)

static atomic_bool receiver_is_busy;
static atomic_bool all_are_sent;
static atomic_int seen;

static void wait_for(const atomic_bool *flag)
{
    while (!atomic_load(flag)) {
    }
}

/* Busy until everything has been sent, so that what is sent finds it so. */
OSR_ENTRY(counts_notes, note)
{
    (void)argument;
    atomic_store(&receiver_is_busy, true);
    wait_for(&all_are_sent);
    for (int i = 0; i < MANY; i++) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        OSR_CHECK(self, err == OSR_OK);
        OSR_CHECK(self, OSR_AS(note, &message)->n == i);
        atomic_fetch_add(&seen, 1);
    }
    return OSR_OK;
}

/* Spawns it and waits until it runs, on the other thread. */
static osr_pid begin(osr_self *self, const osr_entry *entry)
{
    osr_pid receiver;
    atomic_store(&receiver_is_busy, false);
    atomic_store(&all_are_sent, false);
    atomic_store(&seen, 0);
    CHECK_OK(self, osr_spawn(self, entry, &(note){0}, OSR_SPAWN(.monitor = true), &receiver));
    while (!atomic_load(&receiver_is_busy)) {
        CHECK_OK(self, osr_yield(self));
    }
    return receiver;
}

static void send_many(osr_self *self, osr_pid to)
{
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(self, note_send(self, osr_to(to), &(note){.n = i}));
    }
}

static osr_err sends_and_computes(osr_self *self)
{
    osr_pid receiver = begin(self, &counts_notes_osr_entry);
    send_many(self, receiver);
    atomic_store(&all_are_sent, true);
    while (atomic_load(&seen) != MANY) { /* on and on, without a suspension point */
    }
    return OSR_OK;
}

/* Whoever sends and then computes for long has sent all the same. */
START_TEST(what_was_sent_arrives_while_its_sender_computes)
{
    node_fixture_run(sends_and_computes);
}
END_TEST

OSR_ENTRY(takes_in_order, note)
{
    (void)argument;
    atomic_store(&receiver_is_busy, true);
    wait_for(&all_are_sent);
    osr_message message;
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
        OSR_CHECK(self, OSR_AS(note, &message) != NULL);
        OSR_CHECK(self, OSR_AS(note, &message)->n == i);
    }
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    OSR_CHECK(self, OSR_AS(osr_exited, &message) != NULL);
    return OSR_OK;
}

static osr_err sends_and_exits(osr_self *self)
{
    osr_pid receiver = begin(self, &takes_in_order_osr_entry);
    send_many(self, receiver);
    send_exit(self, receiver, OSR_REASON_SHUTDOWN);
    atomic_store(&all_are_sent, true);
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    return OSR_OK;
}

/* A signal of another kind does not overtake the messages before it. */
START_TEST(an_exit_signal_comes_behind_the_messages_sent_before_it)
{
    node_fixture_run(sends_and_exits);
}
END_TEST

OSR_ENTRY(leaves_at_once, note)
{
    (void)self;
    (void)argument;
    atomic_store(&receiver_is_busy, true);
    wait_for(&all_are_sent);
    return OSR_OK;
}

static osr_err sends_to_one_who_leaves(osr_self *self)
{
    osr_pid receiver = begin(self, &leaves_at_once_osr_entry);
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(self, note_send(self, osr_to(receiver), &(note){.n = i}));
        if (i == MANY / 2) {
            atomic_store(&all_are_sent, true);
        }
    }
    (void)next_down(self);
    return OSR_OK;
}

/* Messages for a process that has ended meanwhile are counted as dropped, each once: the fixture
 * checks that. */
START_TEST(a_receiver_that_ends_drops_them)
{
    for (int i = 0; i < 50; i++) {
        node_fixture_run(sends_to_one_who_leaves);
    }
}
END_TEST

static atomic_bool receiver_waits;
static int order[3];

/* Waits for the first, is busy until told, takes three more. */
OSR_ENTRY(takes_three, note)
{
    (void)argument;
    osr_message message;
    atomic_store(&receiver_waits, true);
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    atomic_store(&receiver_is_busy, true);
    wait_for(&all_are_sent);
    for (int i = 0; i < 3; i++) {
        CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
        order[i] = (int)OSR_AS(note, &message)->n;
        atomic_fetch_add(&seen, 1);
    }
    return OSR_OK;
}

static void compute_ms(const osr_self *self, uint64_t ms)
{
    uint64_t end_ns = osr_now(self) + ms * UINT64_C(1000000);
    while (osr_now(self) < end_ns) {
    }
}

/* The sender has computed so long that its scheduler goes on elsewhere, and has not given up its
 * thread since; the receiver has taken one message and is busy. */
static osr_pid begin_stuck(osr_self *self)
{
    osr_pid receiver;
    atomic_store(&receiver_waits, false);
    atomic_store(&receiver_is_busy, false);
    atomic_store(&all_are_sent, false);
    atomic_store(&seen, 0);
    CHECK_OK(self, osr_spawn(self, &takes_three_osr_entry, &(note){0}, OSR_SPAWN(.monitor = true),
                             &receiver));
    while (!atomic_load(&receiver_waits)) {
        CHECK_OK(self, osr_yield(self));
    }
    CHECK_OK(self, osr_sleep(self, 5));
    compute_ms(self, 50);
    CHECK_OK(self, note_send(self, osr_to(receiver), &(note){.n = 0}));
    wait_for(&receiver_is_busy);
    return receiver;
}

static osr_err sends_without_a_scheduler(osr_self *self)
{
    osr_pid receiver = begin_stuck(self);
    for (int i = 1; i <= 3; i++) {
        CHECK_OK(self, note_send(self, osr_to(receiver), &(note){.n = i}));
    }
    atomic_store(&all_are_sent, true);
    while (atomic_load(&seen) != 3) { /* on and on, while everybody else sleeps */
    }
    (void)next_down(self);
    return OSR_OK;
}

/* The watch thread sleeps when all schedulers do: it cannot push for one who runs without. */
START_TEST(what_a_stuck_process_sends_arrives_while_it_computes)
{
    for (int i = 0; i < 5; i++) {
        node_fixture_run(sends_without_a_scheduler);
    }
}
END_TEST

static osr_err sends_later(osr_self *self)
{
    osr_ref timer;
    osr_pid receiver = begin_stuck(self);
    CHECK_OK(self, note_send(self, osr_to(receiver), &(note){.n = 1}));
    CHECK_OK(self, note_send(self, osr_to(receiver), &(note){.n = 2}));
    CHECK_OK(self, note_send_after(self, osr_to(receiver), &(note){.n = 3}, 0, &timer));
    atomic_store(&all_are_sent, true);
    compute_ms(self, 50);
    (void)next_down(self);
    OSR_CHECK(self, order[0] == 1 && order[1] == 2 && order[2] == 3);
    return OSR_OK;
}

/* It goes by way of whoever turns the timer's wheel. */
START_TEST(a_message_sent_later_comes_behind_those_sent_before)
{
    for (int i = 0; i < 10; i++) {
        node_fixture_run(sends_later);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("chain");
    TCase *tests = tcase_create("chain");
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, node_fixture_threaded, node_fixture_end);
    tcase_add_test(tests, what_was_sent_arrives_while_its_sender_computes);
    tcase_add_test(tests, an_exit_signal_comes_behind_the_messages_sent_before_it);
    tcase_add_test(tests, a_receiver_that_ends_drops_them);
    tcase_add_test(tests, what_a_stuck_process_sends_arrives_while_it_computes);
    tcase_add_test(tests, a_message_sent_later_comes_behind_those_sent_before);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
