/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/body.h"
#include "tests/unit/process/process_kit.h"

/* Receiving, monitors, names, timers, requests: tables 1D, 1F and the registry of 1A. */

OSR_MESSAGE(answer, 0x7004, (1, i64, n));
OSR_REQUEST(question, 0x7003, answer, (1, i64, n));

OSR_ENTRY(waits, note)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

static osr_pid start_waiting(osr_self *self)
{
    osr_pid pid;
    note argument = {0};
    CHECK_OK(self, waits_spawn(self, &argument, NULL, &pid));
    return pid;
}

static int looked;

static bool is_even(void *context, const osr_message *message)
{
    (void)context;
    looked += 1;
    return OSR_AS(note, message) != NULL && OSR_AS(note, message)->n % 2 == 0;
}

static osr_err selective(osr_self *self)
{
    osr_dest me = osr_to(osr_self_pid(self));
    for (int64_t i = 0; i < 10; i++) {
        note_send(self, me, &(note){.n = 2 * i + 1});
    }
    other_note_send(self, me, &(other_note){.n = 77});
    note_send(self, me, &(note){.n = 100});
    osr_message message;
    const osr_type *types[] = {&other_note_osr_type};
    CHECK_OK(self, osr_receive_of(self, types, 1, 1000, &message));
    OSR_CHECK(self, OSR_AS(other_note, &message)->n == 77);
    looked = 0;
    CHECK_OK(self, osr_receive_where(self, is_even, NULL, 1000, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == 100 && looked == 11);
    OSR_CHECK(self, osr_receive_where(self, is_even, NULL, 0, &message) == OSR_ETIMEDOUT);
    for (int64_t i = 0; i < 10; i++) { /* the others are still there, in order */
        CHECK_OK(self, osr_receive(self, 0, &message));
        OSR_CHECK(self, OSR_AS(note, &message)->n == 2 * i + 1);
    }
    return OSR_OK;
}

/* What is not wanted stays where it is; each message is offered to the predicate once a call. */
START_TEST(selective_receive_leaves_the_rest_in_order)
{
    node_fixture_run(selective);
}
END_TEST

OSR_ENTRY(sends_slowly, note)
{
    for (int64_t i = 1; i <= argument->n; i++) {
        note_send(self, osr_to(argument->from), &(note){.n = 2 * i + 1});
        CHECK_OK(self, osr_yield(self));
    }
    note_send(self, osr_to(argument->from), &(note){.n = 2});
    return OSR_OK;
}

static osr_err woken_often(osr_self *self)
{
    note argument = {.n = 50, .from = osr_self_pid(self)};
    osr_pid pid;
    CHECK_OK(self, sends_slowly_spawn(self, &argument, NULL, &pid));
    looked = 0;
    osr_message message;
    CHECK_OK(self, osr_receive_where(self, is_even, NULL, 5000, &message));
    OSR_CHECK(self, looked == 51);
    while (osr_receive(self, 0, &message) == OSR_OK) {
    }
    return OSR_OK;
}

/* However often it is woken, a receive looks at each message once. */
START_TEST(a_receive_that_is_woken_often_looks_at_each_message_once)
{
    node_fixture_run(woken_often);
}
END_TEST

static osr_err times_out(osr_self *self)
{
    osr_message message;
    uint64_t before = osr_now(self);
    OSR_CHECK(self, osr_receive(self, 15, &message) == OSR_ETIMEDOUT);
    OSR_CHECK(self, osr_now(self) - before >= 15 * UINT64_C(1000000));
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    before = osr_now(self);
    CHECK_OK(self, osr_sleep(self, 7));
    OSR_CHECK(self, osr_now(self) - before >= 7 * UINT64_C(1000000));
    return OSR_OK;
}

/* A timeout is never early. */
START_TEST(receive_and_sleep_end_no_earlier_than_asked)
{
    node_fixture_run(times_out);
}
END_TEST

static osr_err stacked(osr_self *self)
{
    osr_pid pid = start_waiting(self);
    osr_ref monitors[4];
    for (int i = 0; i < 4; i++) {
        CHECK_OK(self, osr_monitor(self, osr_to(pid), &monitors[i]));
    }
    OSR_CHECK(self, osr_demonitor(self, monitors[0], false));
    OSR_CHECK(self, osr_demonitor(self, monitors[2], false));
    OSR_CHECK(self, !osr_demonitor(self, monitors[2], false));
    send_exit(self, pid, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_down(self) == OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_down(self) == OSR_REASON_CUSTOM);
    expect_silence(self);
    return OSR_OK;
}

/* Four monitors, two taken back: two downs. */
START_TEST(monitor_stacking)
{
    node_fixture_run(stacked);
}
END_TEST

static osr_err flushed(osr_self *self)
{
    osr_pid pid = start_waiting(self);
    osr_ref monitor;
    CHECK_OK(self, osr_monitor(self, osr_to(pid), &monitor));
    send_exit(self, pid, OSR_REASON_CUSTOM);
    OSR_CHECK(self, !osr_is_alive(self, pid)); /* its down is on the way, or here */
    CHECK_OK(self, osr_sleep(self, 5));
    OSR_CHECK(self, !osr_demonitor(self, monitor, true));
    expect_silence(self);
    CHECK_OK(self, osr_monitor(self, osr_to(osr_self_pid(self)), &monitor));
    expect_silence(self);
    return OSR_OK;
}

/* demonitor with flush leaves no down; monitoring oneself never fires. */
START_TEST(demonitor_flush_takes_the_down_out_of_the_mailbox)
{
    node_fixture_run(flushed);
}
END_TEST

static osr_err by_name(osr_self *self)
{
    osr_pid pid = start_waiting(self);
    CHECK_OK(self, osr_register(self, "somebody", pid));
    OSR_CHECK(self, osr_register(self, "somebody", osr_self_pid(self)) == OSR_ETAKEN);
    OSR_CHECK(self, osr_register(self, "second_name", pid) == OSR_ETAKEN);
    OSR_CHECK(self, osr_register(self, "", pid) == OSR_EINVAL);
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "somebody"), pid));
    osr_ref monitor;
    CHECK_OK(self, osr_monitor(self, osr_name("somebody", NULL), &monitor));
    note_send(self, osr_name("somebody", NULL), &(note){0});
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL && down->reason.code == OSR_REASON_NORMAL);
    OSR_CHECK(self, osr_ref_equal(down->monitor, monitor) && down->name.size == 8);
    /* the name is gone before the down arrives */
    OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "somebody")));
    OSR_CHECK(self, osr_unregister(self, "somebody") == OSR_ENOTFOUND);
    OSR_CHECK(self, osr_register(self, "somebody", pid) == OSR_ENOPROC);
    OSR_CHECK(self, note_send(self, osr_name("somebody", NULL), &(note){0}) == OSR_ENOPROC);
    CHECK_OK(self, note_send(self, osr_name("somebody", osr_self_node_name(self)), &(note){0}));
    CHECK_OK(self, osr_monitor(self, osr_name("somebody", NULL), &monitor));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NOPROC);
    return OSR_OK;
}

/* The registry's rules, and that a name is gone before its process's down is seen. */
START_TEST(names_are_unique_both_ways_and_gone_before_the_down)
{
    node_fixture_run(by_name);
}
END_TEST

static osr_err timers(osr_self *self)
{
    osr_ref first;
    osr_ref second;
    uint64_t left = 0;
    uint64_t before = osr_now(self);
    CHECK_OK(self, osr_timer_start(self, 20, &second));
    CHECK_OK(self, osr_timer_start(self, 5, &first));
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, osr_ref_equal(OSR_AS(osr_timeout, &message)->timer, first));
    OSR_CHECK(self, osr_now(self) - before >= 5 * UINT64_C(1000000));
    OSR_CHECK(self, !osr_timer_cancel(self, first, &left));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, osr_ref_equal(OSR_AS(osr_timeout, &message)->timer, second));
    CHECK_OK(self, osr_timer_start(self, 60000, &first));
    OSR_CHECK(self, osr_timer_cancel(self, first, &left) && left > 50000 && left <= 60000);
    expect_silence(self);
    return OSR_OK;
}

/* Timers fire in order of time, not early, and cancelled ones never. */
START_TEST(timers_fire_in_order_and_cancel_tells_what_was_left)
{
    node_fixture_run(timers);
}
END_TEST

/* ---- requests -------------------------------------------------------------------------- */

static osr_err answering_message(osr_self *self, void *state, const osr_message *message)
{
    (void)state;
    const question *q = OSR_AS(question, message);
    if (q == NULL) {
        return OSR_OK;
    }
    if (q->n == 13) {
        osr_reason reason = osr_reason_crash("thirteen");
        osri_process_stop(self, &reason);
    } else if (q->n == 14) {
        return osri_request_defer(self);
    } else if (q->n != 15) {
        answer a = {.n = q->n + 1};
        (void)osr_reply_to(self, osr_caller_of(message), &answer_osr_type, &a);
    }
    return OSR_OK;
}

static osr_err answering_start(osr_self *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return OSR_OK;
}

static const osri_body_ops answering = {
    .name = "answering", .start = answering_start, .message = answering_message};

static osr_pid start_answering(osr_self *self)
{
    osri_spawn spawn = {.ops = &answering};
    osr_pid pid;
    CHECK_OK(self, osri_spawn_body(osr_self_node(self), self, &spawn, &pid));
    return pid;
}

static osr_err ask(osr_self *self, osr_pid pid, int64_t n, uint32_t timeout_ms,
                   osr_message *ret_reply)
{
    question q = {.n = n};
    return osri_request(self, osr_to(pid), &question_osr_type, &q, timeout_ms, ret_reply, NULL);
}

static osr_err requests(osr_self *self)
{
    osr_pid pid = start_answering(self);
    osr_message reply;
    CHECK_OK(self, ask(self, pid, 1, 1000, &reply));
    OSR_CHECK(self, OSR_AS(answer, &reply)->n == 2);
    OSR_CHECK(self, ask(self, osr_self_pid(self), 1, 1000, &reply) == OSR_ESELF);
    OSR_CHECK(self, ask(self, pid, 15, 5000, &reply) == OSR_EFAILED); /* forgotten */
    OSR_CHECK(self, ask(self, pid, 14, 10, &reply) == OSR_ETIMEDOUT); /* kept */
    CHECK_OK(self, ask(self, pid, 2, 1000, &reply));
    OSR_CHECK(self, ask(self, pid, 13, 5000, &reply) == OSR_EFAILED);
    OSR_CHECK(self, ask(self, pid, 1, 1000, &reply) == OSR_ENOPROC);
    expect_silence(self);
    return OSR_OK;
}

/* Replies, a forgotten request, a timeout, a server that ends, one that is not there. */
START_TEST(a_request_ends_in_a_reply_or_says_why_not)
{
    node_fixture_run(requests);
}
END_TEST

static osr_err behind_backlog(osr_self *self)
{
    osr_pid pid = start_answering(self);
    for (int64_t i = 0; i < 1000; i++) {
        note_send(self, osr_to(osr_self_pid(self)), &(note){.n = i});
    }
    osr_message reply;
    CHECK_OK(self, ask(self, pid, 41, 5000, &reply));
    OSR_CHECK(self, OSR_AS(answer, &reply)->n == 42);
    for (int64_t i = 0; i < 1000; i++) {
        CHECK_OK(self, osr_receive(self, 0, &reply));
        OSR_CHECK(self, OSR_AS(note, &reply)->n == i);
    }
    return OSR_OK;
}

/* A reply passes what waits in the mailbox, which stays in order. */
START_TEST(a_reply_is_found_behind_a_backlog)
{
    node_fixture_run(behind_backlog);
}
END_TEST

static void block(void *argument)
{
    *(int *)argument += 1;
}

static osr_err blocks(osr_self *self)
{
    int done = 0;
    for (int i = 0; i < 20; i++) {
        CHECK_OK(self, osr_blocking(self, block, &done));
    }
    OSR_CHECK(self, done == 20);
    return OSR_OK;
}

/* osr_blocking() returns after the work is done, each time. */
START_TEST(blocking_work_is_done_when_it_returns)
{
    node_fixture_run(blocks);
}
END_TEST

static osr_err keeps(osr_self *self)
{
    note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 5});
    note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 6});
    osr_message message;
    const void *kept;
    CHECK_OK(self, osr_receive(self, 0, &message));
    CHECK_OK(self, osr_keep(self, &message, &kept));
    OSR_CHECK(self, osr_keep(self, &message, &kept) == OSR_EINVAL);
    CHECK_OK(self, osr_receive(self, 0, &message));
    OSR_CHECK(self, ((const note *)kept)->n == 5 && OSR_AS(note, &message)->n == 6);
    osr_free(self, (void *)(uintptr_t)kept);
    return OSR_OK;
}

/* A message that is kept outlives the next receive. */
START_TEST(a_kept_message_stays_valid_until_it_is_freed)
{
    node_fixture_run(keeps);
}
END_TEST

static void tests(TCase *tcase)
{
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, selective_receive_leaves_the_rest_in_order);
    tcase_add_test(tcase, a_receive_that_is_woken_often_looks_at_each_message_once);
    tcase_add_test(tcase, receive_and_sleep_end_no_earlier_than_asked);
    tcase_add_test(tcase, monitor_stacking);
    tcase_add_test(tcase, demonitor_flush_takes_the_down_out_of_the_mailbox);
    tcase_add_test(tcase, names_are_unique_both_ways_and_gone_before_the_down);
    tcase_add_test(tcase, timers_fire_in_order_and_cancel_tells_what_was_left);
    tcase_add_test(tcase, a_request_ends_in_a_reply_or_says_why_not);
    tcase_add_test(tcase, a_reply_is_found_behind_a_backlog);
    tcase_add_test(tcase, blocking_work_is_done_when_it_returns);
    tcase_add_test(tcase, a_kept_message_stays_valid_until_it_is_freed);
}

int main(void)
{
    Suite *suite = suite_create("receive");
    ADD_BOTH(suite, tests);
    return run_suite(suite);
}
