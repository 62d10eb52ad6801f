/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "osier/osier.h"
#include "tests/unit/process/process_kit.h"

/* How processes end where that is hard: without memory, with much to give back, asked about while
 * they leave. */

/* ---- reasons ----------------------------------------------------------------------------- */

static char *long_text; /* more than a message may hold */

enum { RETURNS, CHECKS, SAYS_TOO_MUCH };

/* The allocation that fails is that of its reason; of a check, behind two for the backtrace. */
OSR_ENTRY(fails, note)
{
    osr_reason reason = osr_reason_crash(long_text);
    if (argument->n == SAYS_TOO_MUCH) {
        return osr_fail(self, &reason);
    }
    osri_heap_fail_after(argument->n == CHECKS ? 3 : 1, false);
    OSR_CHECK(self, argument->n != CHECKS);
    return OSR_EIO;
}

static osr_err ends_as(osr_self *self, int64_t n, osr_reason_code code, osr_err error)
{
    osr_pid pid;
    osr_message message;
    CHECK_OK(self, fails_spawn(self, &(note){.n = n}, OSR_SPAWN(.monitor = true), &pid));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL);
    OSR_CHECK(self, down->reason.code == (uint32_t)code);
    OSR_CHECK(self, down->reason.error == (int32_t)error);
    OSR_CHECK(self, down->reason.text.size == 0);
    return OSR_OK;
}

static osr_err returns_an_error(osr_self *self)
{
    return ends_as(self, RETURNS, OSR_REASON_ERROR, OSR_EIO);
}

static osr_err fails_a_check(osr_self *self)
{
    return ends_as(self, CHECKS, OSR_REASON_CRASH, OSR_OK);
}

static osr_err says_too_much(osr_self *self)
{
    return ends_as(self, SAYS_TOO_MUCH, OSR_REASON_CRASH, OSR_OK);
}

START_TEST(an_error_without_memory_is_no_normal_end)
{
    node_fixture_run(returns_an_error);
}
END_TEST

START_TEST(a_failed_check_without_memory_is_a_crash)
{
    node_fixture_run(fails_a_check);
}
END_TEST

START_TEST(a_reason_too_long_for_a_message_becomes_a_bare_one)
{
    size_t bytes = (size_t)17 << 20;
    long_text = malloc(bytes);
    ck_assert_ptr_nonnull(long_text);
    memset(long_text, 'x', bytes - 1);
    long_text[bytes - 1] = '\0';
    node_fixture_run(says_too_much);
    free(long_text);
    long_text = NULL;
}
END_TEST

OSR_ENTRY(lingers, note)
{
    osr_message message;
    (void)!osr_receive(self, OSR_FOREVER, &message);
    osri_heap_fail_after(1, false);
    (void)osr_fail(self, &(osr_reason){.code = OSR_REASON_CUSTOM}); /* it has one already */
    osri_heap_fail_after(0, false);
    return osr_yield(self);
}

static osr_err kill_on_top(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, lingers_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &pid));
    CHECK_OK(self, osr_yield(self));
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

START_TEST(the_first_reason_stays)
{
    node_fixture_run(kill_on_top);
}
END_TEST

/* ---- sends of one that was told to exit ------------------------------------------------------ */

static osr_ref last_timer; /* what it got for one that is sent later */

OSR_ENTRY(sends_last_words, note)
{
    osr_message message;
    (void)!osr_receive(self, OSR_FOREVER, &message);
    note_send(self, osr_to(argument->from), &(note){.n = 1});
    CHECK_OK(self, note_send_after(self, osr_to(argument->from), &(note){.n = 2}, 0, &last_timer));
    return OSR_OK;
}

static osr_err hears_no_last_words(osr_self *self)
{
    osr_pid pid;
    last_timer = (osr_ref){1, 1};
    CHECK_OK(self, sends_last_words_spawn(self, &(note){.from = osr_self_pid(self)},
                                          OSR_SPAWN(.monitor = true), &pid));
    CHECK_OK(self, osr_yield(self));
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, last_timer.number == 0);
    expect_silence(self);
    return OSR_OK;
}

START_TEST(what_is_sent_after_the_order_to_exit_goes_nowhere)
{
    node_fixture_run(hears_no_last_words);
}
END_TEST

/* ---- clean-ups without a stack ------------------------------------------------------------ */

#define BIG_STACK (4u << 20)

static int cleaned;

static void clean(void *argument)
{
    (void)argument;
    cleaned += 1;
}

OSR_MESSAGE(tidy_begin, 0x7401, (1, i64, n));
OSR_MESSAGE(tidy_poke, 0x7402, (1, i64, n));
OSR_STATE(tidy, (1, i64, n));

OSR_ON_INIT(tidy, tidy_begin)
{
    state->n = argument->n;
    return osr_defer(self, clean, NULL);
}

OSR_ON_INFO(tidy, tidy_poke)
{
    (void)self;
    state->n += message->n;
    return OSR_NOREPLY;
}

OSR_SERVER(tidy, OSR_INIT(tidy_begin), OSR_INFO(tidy_poke));

OSR_ENTRY(waits, note)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

/* Takes stacks of that size until new ones have to be mapped, which then fails. */
static void take_all_stacks(osr_self *self)
{
    for (int i = 0; i < 40; i++) {
        osr_pid pid;
        CHECK_OK(self, waits_spawn(self, &(note){0},
                                   OSR_SPAWN(.stack_bytes = BIG_STACK, .link = true), &pid));
        CHECK_OK(self, osr_yield(self));
    }
}

static osr_err without_a_stack(osr_self *self)
{
    osr_pid pid;
    cleaned = 0;
    CHECK_OK(self, tidy_start(self, &(tidy_begin){0}, OSR_SPAWN(.stack_bytes = BIG_STACK), &pid));
    take_all_stacks(self);
    OSR_CHECK(self, cleaned == 0);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    osri_heap_fail_after(1, true);
    for (int i = 0; i < 10; i++) {
        (void)!osr_yield(self);
    }
    osri_heap_fail_after(0, false);
    OSR_CHECK(self, cleaned == 1);
    return OSR_OK;
}

START_TEST(clean_ups_run_though_no_stack_can_be_had)
{
    node_fixture_run(without_a_stack);
}
END_TEST

/* ---- ends in several turns ---------------------------------------------------------------- */

#define MANY 20000

static int ticks;

/* Goes round once while others go round once. */
OSR_ENTRY(ticker, note)
{
    osr_err err;
    do {
        ticks += 1;
        err = osr_yield(self);
    } while (err == OSR_OK);
    return err;
}

OSR_ENTRY(watches_much, note)
{
    for (int i = 0; i < MANY; i++) {
        osr_ref monitor;
        CHECK_OK(self, osr_monitor(self, osr_to(argument->from), &monitor));
    }
    note_send(self, osr_to(argument->from), &(note){.n = 1});
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

OSR_ENTRY(gets_much, note)
{
    return osr_sleep(self, OSR_FOREVER);
}

/* How often another process had its turn between the exit signal and the news of the end. */
static int ticks_of_end(osr_self *self, osr_pid pid)
{
    osr_pid other;
    CHECK_OK(self, ticker_spawn(self, &(note){0}, OSR_SPAWN(.link = true), &other));
    (void)watch(self, pid);
    CHECK_OK(self, osr_yield(self));
    int before = ticks;
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    int after = ticks;
    CHECK_OK(self, osr_unlink(self, other));
    send_exit(self, other, OSR_REASON_KILL);
    return after - before;
}

static osr_err ends_with_monitors(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    CHECK_OK(self, watches_much_spawn(self, &(note){.from = osr_self_pid(self)}, NULL, &pid));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, ticks_of_end(self, pid) >= 5);
    return OSR_OK;
}

static osr_err ends_with_messages(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, gets_much_spawn(self, &(note){0}, NULL, &pid));
    for (int i = 0; i < MANY; i++) {
        note_send(self, osr_to(pid), &(note){.n = i});
    }
    OSR_CHECK(self, ticks_of_end(self, pid) >= 5);
    return OSR_OK;
}

START_TEST(the_end_of_one_with_many_monitors_lets_others_run)
{
    node_fixture_run(ends_with_monitors);
}
END_TEST

START_TEST(the_end_of_one_with_many_messages_lets_others_run)
{
    node_fixture_run(ends_with_messages);
}
END_TEST

static osr_err links_of_many(osr_self *self)
{
    osr_pid hub;
    CHECK_OK(self, waits_spawn(self, &(note){0}, NULL, &hub));
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < 300; i++) {
        osr_pid pid;
        CHECK_OK(self, waits_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &pid));
        send_exit(self, pid, OSR_REASON_NORMAL);
        CHECK_OK(self, osr_link(self, hub));
    }
    send_exit(self, hub, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
    return OSR_OK;
}

START_TEST(links_fire_once_however_long_the_end_takes)
{
    node_fixture_run(links_of_many);
}
END_TEST

/* ---- asked about while it leaves ---------------------------------------------------------- */

static atomic_bool may_leave;
static atomic_bool left;

static void wait_until_let_go(void *argument)
{
    (void)argument;
    while (!atomic_load(&may_leave)) {
        (void)sched_yield();
    }
}

/* Leaves only when it is let go, whatever it is told before. */
OSR_ENTRY(leaves_late, note)
{
    (void)!osr_blocking(self, wait_until_let_go, NULL);
    atomic_store(&left, true);
    return OSR_OK;
}

/* Lets it go a while after it was asked to. */
OSR_ENTRY(lets_go, note)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    for (int i = 0; i < 2000; i++) {
        CHECK_OK(self, osr_yield(self));
    }
    atomic_store(&may_leave, true);
    return OSR_OK;
}

static osr_err asks(osr_self *self)
{
    osr_pid pid;
    osr_pid other;
    const osr_process_info *info;
    atomic_store(&may_leave, false);
    atomic_store(&left, false);
    CHECK_OK(self, leaves_late_spawn(self, &(note){0}, OSR_SPAWN(.name = "late"), &pid));
    CHECK_OK(self, lets_go_spawn(self, &(note){0}, OSR_SPAWN(.link = true), &other));
    OSR_CHECK(self, osr_is_alive(self, pid));
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    note_send(self, osr_to(other), &(note){0});
    OSR_CHECK(self, !osr_is_alive(self, pid));
    OSR_CHECK(self, atomic_load(&left));
    OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "late")));
    OSR_CHECK(self, osr_link(self, pid) == OSR_ENOPROC);
    OSR_CHECK(self, osr_info(self, pid, 5000, &info) == OSR_ENOPROC);
    return OSR_OK;
}

START_TEST(who_hears_that_it_is_gone_finds_nothing_of_it)
{
    node_fixture_run(asks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("end");
    TCase *tests = tcase_create("end");
    tcase_add_checked_fixture(tests, node_fixture_stepped, node_fixture_end);
    tcase_add_test(tests, an_error_without_memory_is_no_normal_end);
    tcase_add_test(tests, a_failed_check_without_memory_is_a_crash);
    tcase_add_test(tests, a_reason_too_long_for_a_message_becomes_a_bare_one);
    tcase_add_test(tests, the_first_reason_stays);
    tcase_add_test(tests, what_is_sent_after_the_order_to_exit_goes_nowhere);
    tcase_add_test(tests, clean_ups_run_though_no_stack_can_be_had);
    tcase_add_test(tests, the_end_of_one_with_many_monitors_lets_others_run);
    tcase_add_test(tests, the_end_of_one_with_many_messages_lets_others_run);
    tcase_add_test(tests, links_fire_once_however_long_the_end_takes);
    suite_add_tcase(suite, tests);
    TCase *threaded = tcase_create("threaded");
    tcase_add_checked_fixture(threaded, node_fixture_threaded, node_fixture_end);
    tcase_add_test(threaded, who_hears_that_it_is_gone_finds_nothing_of_it);
    suite_add_tcase(suite, threaded);
    return run_suite(suite);
}
