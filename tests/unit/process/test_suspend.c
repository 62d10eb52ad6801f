/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdatomic.h>
#include <string.h>

#include "lib/process/body.h"
#include "osier/info.h"
#include "tests/unit/process/process_kit.h"

/* Processes that others suspend. */

OSR_MESSAGE(number, 0x0661, (1, i64, n));
OSR_REQUEST(echo, 0x0662, number, (1, i64, n));

static osr_err echo_start(osr_self *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return OSR_OK;
}

/* Echoes notes and requests. */
static osr_err echo_message(osr_self *self, void *state, const osr_message *message)
{
    (void)state;
    const note *said = OSR_AS(note, message);
    const echo *asked = OSR_AS(echo, message);
    if (asked != NULL) {
        number reply = {.n = asked->n};
        return osr_reply_to(self, osr_caller_of(message), &number_osr_type, &reply);
    }
    return said == NULL ? OSR_OK : note_send(self, osr_to(message->from), said);
}

static const osri_body_ops echo_server = {
    .name = "echo", .state_bytes = 8, .start = echo_start, .message = echo_message};

OSR_ENTRY(raw_echo, note)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            err = echo_message(self, NULL, &message);
        }
        if (err != OSR_OK) {
            return err;
        }
    }
}

static osr_pid start_echo(osr_self *self, bool is_raw)
{
    osr_pid pid;
    if (is_raw) {
        CHECK_OK(self, raw_echo_spawn(self, &(note){0}, NULL, &pid));
    } else {
        osri_spawn what = {.ops = &echo_server};
        CHECK_OK(self, osri_spawn_body(osr_self_node(self), self, &what, &pid));
    }
    return pid;
}

static void expect_echo(osr_self *self, int64_t n)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, OSR_AS(note, &message) != NULL && OSR_AS(note, &message)->n == n);
}

static const osr_process_info *info_of(osr_self *self, osr_pid pid)
{
    const osr_process_info *info = NULL;
    CHECK_OK(self, osr_info(self, pid, 10000, &info));
    return info;
}

static void hold_one(osr_self *self, bool is_raw)
{
    osr_pid pid = start_echo(self, is_raw);
    number reply;
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 1}));
    expect_echo(self, 1);
    CHECK_OK(self, osr_suspend(self, pid, 10000));
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 2}));
    OSR_CHECK(self, echo_call(self, osr_to(pid), &(echo){3}, &reply, 20) == OSR_ETIMEDOUT);
    const osr_process_info *info = info_of(self, pid);
    OSR_CHECK(self, info->state == OSR_PROCESS_SUSPENDED && info->work.queued == 2);
    OSR_CHECK(self, info->blocked_on == (is_raw ? OSR_BLOCKED_MESSAGE : OSR_BLOCKED_NOT));
    OSR_CHECK(self, osr_is_alive(self, pid));
    expect_silence(self);
    CHECK_OK(self, osr_resume(self, pid));
    expect_echo(self, 2);
    CHECK_OK(self, echo_call(self, osr_to(pid), &(echo){4}, &reply, 10000));
    OSR_CHECK(self, reply.n == 4);
    OSR_CHECK(self, info_of(self, pid)->state != OSR_PROCESS_SUSPENDED);
    OSR_CHECK(self, osr_resume(self, pid) == OSR_ENOTFOUND);
}

static osr_err hold_both(osr_self *self)
{
    hold_one(self, false);
    hold_one(self, true);
    return OSR_OK;
}

/* A suspended process takes nothing, answers what it is, and goes on where it was. */
START_TEST(suspended_takes_nothing_until_it_is_resumed)
{
    node_fixture_run(hold_both);
}
END_TEST

/* Suspends the process, says so, and resumes it once when told, or ends. */
OSR_ENTRY(suspender, note)
{
    osr_message message;
    osr_pid parent = osr_self_parent(self);
    CHECK_OK(self, osr_suspend(self, argument->from, 10000));
    CHECK_OK(self, other_note_send(self, osr_to(parent), &(other_note){.n = 1}));
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    if (OSR_AS(note, &message)->n == 1) {
        CHECK_OK(self, osr_resume(self, argument->from));
    }
    return OSR_OK;
}

static osr_pid another_suspends(osr_self *self, osr_pid pid)
{
    static const osr_type *const others[] = {&other_note_osr_type};
    osr_message message;
    osr_pid by;
    CHECK_OK(self, suspender_spawn(self, &(note){.from = pid}, NULL, &by));
    CHECK_OK(self, osr_receive_of(self, others, 1, 10000, &message));
    return by;
}

static void end_one(osr_self *self, osr_pid pid, int64_t how)
{
    (void)watch(self, pid);
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = how}));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
}

static osr_err counted(osr_self *self)
{
    osr_pid pid = start_echo(self, false);
    osr_pid resumes = another_suspends(self, pid);
    osr_pid ends = another_suspends(self, pid);
    CHECK_OK(self, osr_suspend(self, pid, 10000));
    CHECK_OK(self, osr_suspend(self, pid, 10000));
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 5}));
    end_one(self, resumes, 1);
    end_one(self, ends, 2); /* without resuming */
    CHECK_OK(self, osr_resume(self, pid));
    OSR_CHECK(self, info_of(self, pid)->state == OSR_PROCESS_SUSPENDED);
    expect_silence(self);
    CHECK_OK(self, osr_resume(self, pid));
    expect_echo(self, 5);
    OSR_CHECK(self, osr_resume(self, pid) == OSR_ENOTFOUND);
    (void)another_suspends(self, pid); /* resumed by its end when the node stops */
    return OSR_OK;
}

/* Suspensions count, of each who suspends; the end of one of these undoes its own. */
START_TEST(suspensions_count)
{
    node_fixture_run(counted);
}
END_TEST

static osr_err only_the_end_resumes(osr_self *self)
{
    osr_pid pid = start_echo(self, true);
    osr_pid by = another_suspends(self, pid);
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 6}));
    OSR_CHECK(self, osr_resume(self, pid) == OSR_ENOTFOUND); /* of another */
    expect_silence(self);
    send_exit(self, by, OSR_REASON_KILL);
    expect_echo(self, 6);
    return OSR_OK;
}

/* The last one's end lets it go on. */
START_TEST(the_end_of_who_suspends_resumes)
{
    node_fixture_run(only_the_end_resumes);
}
END_TEST

static osr_err ends_while_suspended(osr_self *self)
{
    for (int i = 0; i < 4; i++) {
        osr_pid pid = start_echo(self, i % 2 == 0);
        CHECK_OK(self, osr_suspend(self, pid, 10000));
        (void)watch(self, pid);
        send_exit(self, pid, i < 2 ? OSR_REASON_KILL : OSR_REASON_SHUTDOWN);
        OSR_CHECK(self, next_down(self) == (i < 2 ? OSR_REASON_KILLED : OSR_REASON_SHUTDOWN));
        CHECK_OK(self, osr_resume(self, pid)); /* it was counted; nobody is there */
        OSR_CHECK(self, osr_suspend(self, pid, 10000) == OSR_ENOPROC);
        OSR_CHECK(self, osr_resume(self, pid) == OSR_ENOTFOUND);
    }
    return OSR_OK;
}

/* Exit signals end it all the same. */
START_TEST(a_suspended_process_can_be_ended)
{
    node_fixture_run(ends_while_suspended);
}
END_TEST

static osr_err refused(osr_self *self)
{
    osr_pid far = osr_self_pid(self);
    far.node ^= 1;
    OSR_CHECK(self, osr_suspend(self, osr_self_pid(self), 1000) == OSR_ESELF);
    OSR_CHECK(self, osr_suspend(self, OSR_PID_NONE, 1000) == OSR_ENOPROC);
    OSR_CHECK(self, osr_suspend(self, far, 1000) == OSR_ENOTSUP);
    OSR_CHECK(self, osr_resume(self, far) == OSR_ENOTFOUND);
    return OSR_OK;
}

/* Who cannot be suspended is refused. */
START_TEST(not_everybody_can_be_suspended)
{
    node_fixture_run(refused);
}
END_TEST

/* Waits with a deadline, then says what came of it. */
OSR_ENTRY(waits_10_ms, note)
{
    osr_message message;
    osr_err err = osr_receive(self, 10, &message);
    CHECK_OK(self, note_send(self, osr_to(argument->from), &(note){.n = err}));
    number reply;
    err = echo_call(self, osr_to(osr_self_parent(self)), &(echo){8}, &reply, OSR_FOREVER);
    return note_send(self, osr_to(argument->from), &(note){.n = err == OSR_OK ? reply.n : -1});
}

static osr_err waits_are_kept(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    number reply = {.n = 9};
    CHECK_OK(self, waits_10_ms_spawn(self, &(note){.from = osr_self_pid(self)}, NULL, &pid));
    CHECK_OK(self, osr_suspend(self, pid, 10000));
    CHECK_OK(self, osr_sleep(self, 30));
    expect_silence(self);
    CHECK_OK(self, osr_resume(self, pid));
    expect_echo(self, OSR_ETIMEDOUT);
    CHECK_OK(self, osr_receive(self, 10000, &message)); /* its call */
    osr_caller caller = osr_caller_of(&message);
    CHECK_OK(self, osr_suspend(self, pid, 10000));
    const osr_process_info *info = info_of(self, pid);
    OSR_CHECK(self, info->blocked_on == OSR_BLOCKED_CALL);
    OSR_CHECK(self, osr_pid_equal(info->waits_for, osr_self_pid(self)));
    CHECK_OK(self, osr_reply_to(self, caller, &number_osr_type, &reply));
    expect_silence(self);
    CHECK_OK(self, osr_resume(self, pid));
    expect_echo(self, 9);
    return OSR_OK;
}

/* A deadline that passes, or an answer that comes, meanwhile is seen afterwards. */
START_TEST(what_it_waited_for_is_seen_afterwards)
{
    node_fixture_run(waits_are_kept);
}
END_TEST

/* ---- one that runs -------------------------------------------------------------------------- */

static atomic_uint turns;
static atomic_bool stuck;

OSR_ENTRY(runs, note)
{
    atomic_fetch_add(&turns, 1);
    while (atomic_load(&stuck)) { /* no suspension point */
    }
    osr_err err = OSR_OK;
    osr_message message;
    while (err == OSR_OK || err == OSR_ETIMEDOUT) {
        atomic_fetch_add(&turns, 1);
        if (argument->n == 1) {
            err = osr_yield(self);
            continue;
        }
        if (argument->n == 2) {
            CHECK_OK(self, note_send(self, osr_to(osr_self_pid(self)), argument));
        }
        err = osr_receive(self, 0, &message);
    }
    return err;
}

static osr_err suspend_running(osr_self *self)
{
    for (int64_t how = 0; how < 3; how++) {
        osr_pid pid;
        CHECK_OK(self, runs_spawn(self, &(note){.n = how}, OSR_SPAWN(.link = true), &pid));
        for (int i = 0; i < 50; i++) {
            CHECK_OK(self, osr_suspend(self, pid, 10000));
            unsigned before = atomic_load(&turns);
            CHECK_OK(self, osr_sleep(self, 1));
            OSR_CHECK(self, atomic_load(&turns) == before); /* it was held when that returned */
            CHECK_OK(self, osr_resume(self, pid));
            while (atomic_load(&turns) == before) {
                CHECK_OK(self, osr_yield(self));
            }
        }
        osr_unlink(self, pid);
        send_exit(self, watch(self, pid), OSR_REASON_SHUTDOWN);
        OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    }
    return OSR_OK;
}

/* One that runs is held at its next suspension point, and not before it is told so. */
START_TEST(who_runs_is_held_at_a_suspension_point)
{
    node_fixture_run(suspend_running);
}
END_TEST

static osr_err suspend_stuck(osr_self *self)
{
    osr_pid pid;
    atomic_store(&stuck, true);
    CHECK_OK(self, runs_spawn(self, &(note){.n = 1}, OSR_SPAWN(.link = true), &pid));
    while (atomic_load(&turns) == 0) { /* until it runs */
        CHECK_OK(self, osr_yield(self));
    }
    OSR_CHECK(self, osr_suspend(self, pid, 20) == OSR_ETIMEDOUT);
    OSR_CHECK(self, osr_resume(self, pid) == OSR_ENOTFOUND);
    atomic_store(&stuck, false);
    OSR_CHECK(self, info_of(self, pid)->state != OSR_PROCESS_SUSPENDED);
    unsigned before = atomic_load(&turns);
    while (atomic_load(&turns) < before + 2) { /* it goes on */
        CHECK_OK(self, osr_yield(self));
    }
    osr_unlink(self, pid);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

/* One that does not come to one is not suspended, also not later. */
START_TEST(who_cannot_be_held_goes_on)
{
    node_fixture_run(suspend_stuck);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, suspended_takes_nothing_until_it_is_resumed);
    tcase_add_test(tests, suspensions_count);
    tcase_add_test(tests, the_end_of_who_suspends_resumes);
    tcase_add_test(tests, a_suspended_process_can_be_ended);
    tcase_add_test(tests, not_everybody_can_be_suspended);
    tcase_add_test(tests, what_it_waited_for_is_seen_afterwards);
    tcase_add_test(tests, who_runs_is_held_at_a_suspension_point);
}

int main(void)
{
    Suite *suite = suite_create("suspend");
    TCase *threads = tcase_create("threads");
    tcase_add_checked_fixture(threads, node_fixture_threaded, node_fixture_end);
    tcase_set_timeout(threads, 30);
    tcase_add_test(threads, who_cannot_be_held_goes_on);
    suite_add_tcase(suite, threads);
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
