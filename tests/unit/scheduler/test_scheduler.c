/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#include "lib/process/body.h"
#include "tests/unit/process/process_kit.h"

/* Turns: nobody keeps the others waiting, processes change threads, pinned ones do not. */

static osr_node *node;
static atomic_bool enough; /* spinners stop */

static void node_of(uint32_t schedulers)
{
    atomic_store(&enough, false);
    node = node_fixture_own(
        OSR_NODE(.name = "turns@host", .schedulers = schedulers, .log_level = OSR_LOG_ERROR));
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
}

static void one_scheduler(void)
{
    node_of(1);
}

static void two_schedulers(void)
{
    node_of(2);
}

static void tear_down(void)
{
    atomic_store(&enough, true);
    node_fixture_own_end(&node, 2000);
}

static osr_pid start(const osr_entry *entry, int64_t n, const osr_spawn_options *options)
{
    osr_pid pid;
    note argument = {.n = n};
    ck_assert_int_eq(osr_node_spawn(node, entry, &argument, options, &pid), OSR_OK);
    return pid;
}

static void ends_well(osr_pid pid)
{
    osr_ended ended;
    ck_assert_int_eq(osr_node_wait(node, pid, 20000, &ended), OSR_OK);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "it ended: %s", ended.text);
}

OSR_ENTRY(spins, note)
{
    while (!atomic_load(&enough)) {
    }
    return OSR_OK;
}

OSR_ENTRY(naps, note)
{
    for (int64_t i = 0; i < argument->n; i++) {
        CHECK_OK(self, osr_sleep(self, 1));
        CHECK_OK(self, osr_yield(self));
    }
    return OSR_OK;
}

/* With one scheduler, handlers that do not return do not stop the others, as often as it happens.
 */
START_TEST(an_endless_handler_loses_its_scheduler)
{
    for (int i = 0; i < 3; i++) {
        (void)start(&spins_osr_entry, 0, NULL);
        ends_well(start(&naps_osr_entry, 10, NULL));
    }
}
END_TEST

/* The same when all schedulers are stuck. */
START_TEST(all_schedulers_stuck_at_once_go_on_elsewhere)
{
    for (int i = 0; i < 4; i++) {
        (void)start(&spins_osr_entry, 0, NULL);
    }
    ends_well(start(&naps_osr_entry, 10, NULL));
}
END_TEST

OSR_ENTRY(waits, note)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

OSR_ENTRY(asks_for_ever, note)
{
    osr_pid other;
    CHECK_OK(self, waits_spawn(self, argument, NULL, &other));
    while (!atomic_load(&enough)) {
        OSR_CHECK(self, osr_is_alive(self, other));
    }
    return OSR_OK;
}

OSR_ENTRY(polls_for_ever, note)
{
    osr_message message;
    while (!atomic_load(&enough)) {
        OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    }
    return OSR_OK;
}

OSR_ENTRY(says_enough, note)
{
    for (int i = 0; i < 5; i++) { /* from now on it stands in the queue with the others */
        CHECK_OK(self, osr_yield(self));
    }
    atomic_store(&enough, true);
    return OSR_OK;
}

static void others_run_beside(const osr_entry *busy)
{
    uint64_t due;
    int turns = 0;
    node = node_fixture_own(OSR_NODE(.name = "step@host", .log_level = OSR_LOG_ERROR));
    atomic_store(&enough, false);
    (void)start(busy, 0, NULL);
    (void)start(&waits_osr_entry, 0, NULL);
    for (; turns < 100; turns++) {
        (void)osr_node_step(node, &due);
    }
    (void)start(&says_enough_osr_entry, 0, NULL);
    for (turns = 0; turns < 10000 && !atomic_load(&enough); turns++) {
        (void)osr_node_step(node, &due);
    }
    ck_assert(atomic_load(&enough));
}

/* Two that wake each other by signals that are not messages have a budget too. */
START_TEST(asking_who_is_alive_in_a_loop_starves_nobody)
{
    others_run_beside(&asks_for_ever_osr_entry);
}
END_TEST

/* Polling the mailbox uses up a turn. */
START_TEST(polling_in_a_loop_starves_nobody)
{
    others_run_beside(&polls_for_ever_osr_entry);
}
END_TEST

/* Without a suspension point. */
static void work(osr_self *self, uint32_t ms)
{
    uint64_t until = osr_now(self) + ms * UINT64_C(1000000);
    while (osr_now(self) < until) {
    }
}

static int moves; /* owner: the process that counts, or who waited for its end */

static void note_thread(pthread_t *thread)
{
    pthread_t here = pthread_self();
    moves += pthread_equal(*thread, here) ? 0 : 1;
    *thread = here;
}

static void nothing(void *argument)
{
    *(int *)argument += 1;
}

OSR_ENTRY(echoes, note)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        if (message.ref != 0) {
            (void)osr_reply_to(self, osr_caller_of(&message), &note_osr_type, message.body);
        } else {
            note_send(self, osr_to(message.from), OSR_AS(note, &message));
        }
    }
}

/* One of each suspension point; what is on the stack is the same before and after. */
static void suspend_once(osr_self *self, osr_pid echo, int64_t i, pthread_t *thread)
{
    static const osr_type *const notes[] = {&note_osr_type};
    osr_message message;
    volatile int64_t kept[64];
    int done = 0;
    for (int at = 0; at < 64; at++) {
        kept[at] = i + at;
    }
    switch (i % 6) {
    case 0:
        CHECK_OK(self, osr_yield(self));
        break;
    case 1:
        note_send(self, osr_to(echo), &(note){.n = i});
        CHECK_OK(self, osr_receive(self, 5000, &message));
        break;
    case 2:
        note_send(self, osr_to(echo), &(note){.n = i});
        CHECK_OK(self, osr_receive_of(self, notes, 1, 5000, &message));
        OSR_CHECK(self, OSR_AS(note, &message)->n == i);
        break;
    case 3:
        CHECK_OK(self, osri_request(self, osr_to(echo), &note_osr_type, &(note){.n = i}, 5000,
                                    &message, NULL));
        break;
    case 4:
        OSR_CHECK(self, osr_is_alive(self, echo));
        CHECK_OK(self, osr_sleep(self, 1));
        break;
    default:
        CHECK_OK(self, osr_blocking(self, nothing, &done));
        OSR_CHECK(self, done == 1);
    }
    note_thread(thread);
    for (int at = 0; at < 64; at++) {
        OSR_CHECK(self, kept[at] == i + at);
    }
}

OSR_ENTRY(wanders, note)
{
    pthread_t thread = pthread_self();
    osr_pid echo;
    CHECK_OK(self, echoes_spawn(self, argument, OSR_SPAWN(.link = true), &echo));
    moves = 0;
    for (int64_t i = 0; i < argument->n; i++) {
        if (i % 61 ==
            0) { /* another kind each time: it loses its scheduler and goes on elsewhere */
            work(self, 30);
        }
        suspend_once(self, echo, i, &thread);
    }
    return OSR_OK;
}

/* A process changes threads at every kind of suspension point and never notices. */
START_TEST(a_process_moves_between_threads)
{
    for (int i = 0; i < 3; i++) {
        (void)start(&naps_osr_entry, 300, NULL);
    }
    ends_well(start(&wanders_osr_entry, 600, NULL));
    ck_assert_int_ge(moves, 6);
}
END_TEST

OSR_ENTRY(stays, note)
{
    pthread_t thread = pthread_self();
    osr_pid echo;
    CHECK_OK(self, echoes_spawn(self, argument, OSR_SPAWN(.link = true), &echo));
    int before = 0;
    for (int64_t i = 0; i < argument->n; i++) {
        suspend_once(self, echo, i, &thread);
        pthread_t here = pthread_self();
        before += pthread_equal(here, thread) ? 0 : 1;
    }
    OSR_CHECK(self, before == 0 && moves == 0);
    return OSR_OK;
}

/* A pinned process stays on its thread, also when that loses its scheduler to another. */
START_TEST(a_pinned_process_stays_on_its_thread)
{
    moves = 0;
    osr_pid pid = start(&stays_osr_entry, 120, OSR_SPAWN(.pinned = true));
    (void)start(&naps_osr_entry, 50, NULL);
    ends_well(pid);
    ck_assert_int_eq(moves, 0);
}
END_TEST

OSR_ENTRY(holds_its_thread, note)
{
    pthread_t thread = pthread_self();
    work(self, 60); /* long enough to lose the scheduler */
    for (int i = 0; i < 20; i++) {
        CHECK_OK(self, i % 2 == 0 ? osr_sleep(self, 1) : osr_yield(self));
        OSR_CHECK(self, pthread_equal(pthread_self(), thread));
    }
    return OSR_OK;
}

/* A pinned process whose thread has lost its scheduler goes on there without one; the others go on
 * elsewhere. */
START_TEST(a_pinned_process_goes_on_without_a_scheduler)
{
    osr_pid held = start(&holds_its_thread_osr_entry, 0, OSR_SPAWN(.pinned = true));
    ends_well(start(&naps_osr_entry, 20, NULL));
    ends_well(held);
    ends_well(start(&holds_its_thread_osr_entry, 0, OSR_SPAWN(.pinned = true)));
}
END_TEST

static _Atomic int64_t ran[3];

OSR_ENTRY(counts_turns, note)
{
    while (!atomic_load(&enough)) {
        atomic_fetch_add(&ran[argument->n], 1);
        CHECK_OK(self, osr_yield(self));
    }
    return OSR_OK;
}

/* High has more turns than normal, normal more than low, and low has some. */
START_TEST(priorities_share_the_turns)
{
    uint64_t due;
    node = node_fixture_own(OSR_NODE(.name = "step@host", .log_level = OSR_LOG_ERROR));
    atomic_store(&enough, false);
    for (int i = 0; i < 3; i++) {
        (void)start(&counts_turns_osr_entry, i, OSR_SPAWN(.priority = (osr_priority)i));
    }
    for (int i = 0; i < 5000; i++) {
        (void)osr_node_step(node, &due);
    }
    atomic_store(&enough, true);
    int64_t normal = atomic_load(&ran[OSR_PRIORITY_NORMAL]);
    int64_t low = atomic_load(&ran[OSR_PRIORITY_LOW]);
    int64_t high = atomic_load(&ran[OSR_PRIORITY_HIGH]);
    ck_assert_int_gt(low, 10);
    ck_assert_int_gt(normal, 2 * low);
    ck_assert_int_gt(high, 2 * normal);
}
END_TEST

static void add(Suite *suite, const char *name, void (*set_up)(void), const TTest *const *tests)
{
    TCase *tcase = tcase_create(name);
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    for (; *tests != NULL; tests++) {
        tcase_add_test(tcase, *tests);
    }
    suite_add_tcase(suite, tcase);
}

static void no_node(void)
{
}

int main(void)
{
    Suite *suite = suite_create("scheduler");
    add(suite, "one", one_scheduler,
        (const TTest *const[]){an_endless_handler_loses_its_scheduler,
                               a_pinned_process_goes_on_without_a_scheduler, NULL});
    add(suite, "two", two_schedulers,
        (const TTest *const[]){all_schedulers_stuck_at_once_go_on_elsewhere,
                               a_process_moves_between_threads,
                               a_pinned_process_stays_on_its_thread, NULL});
    add(suite, "stepped", no_node,
        (const TTest *const[]){asking_who_is_alive_in_a_loop_starves_nobody,
                               polling_in_a_loop_starves_nobody, priorities_share_the_turns, NULL});
    return run_suite(suite);
}
