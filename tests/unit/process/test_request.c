/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>

#include "osier/node.h"
#include "tests/support/node_fixture.h"
#include "tests/unit/process/process_kit.h"

/* Requests that are begun now and awaited later. */

OSR_MESSAGE(echoed, 0x0631, (1, u64, value));
OSR_REQUEST(echo_me, 0x0632, echoed, (1, u64, value));
OSR_MESSAGE(echo_all, 0x0633);
OSR_MESSAGE(noise, 0x0634, (1, u64, number));

#define HELD_MAX 8

/* Takes requests and answers none; at echo_all it answers all that it holds, last first. */
OSR_ENTRY(holder, noise)
{
    osr_caller callers[HELD_MAX];
    uint64_t values[HELD_MAX];
    size_t held = 0;
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        const echo_me *request = OSR_AS(echo_me, &message);
        if (request != NULL) {
            OSR_CHECK(self, held < HELD_MAX);
            callers[held] = osr_caller_of(&message);
            values[held++] = request->value;
        }
        while (OSR_AS(echo_all, &message) != NULL && held > 0) {
            held -= 1;
            echoed reply = {.value = values[held]};
            CHECK_OK(self, osr_reply_to(self, callers[held], &echoed_osr_type, &reply));
        }
    }
}

static osr_pid start_holder(osr_self *self)
{
    osr_pid pid;
    noise nothing = {0};
    OSR_CHECK(self, holder_spawn(self, &nothing, OSR_SPAWN(.link = true), &pid) == OSR_OK);
    return pid;
}

static osr_ref begin(osr_self *self, osr_pid to, uint64_t value)
{
    osr_ref request;
    echo_me body = {.value = value};
    OSR_CHECK(self, echo_me_begin(self, osr_to(to), &body, &request) == OSR_OK);
    return request;
}

static void answer_all(osr_self *self, osr_pid pid)
{
    echo_all order = {0};
    (void)echo_all_send(self, osr_to(pid), &order);
}

static osr_err out_of_order(osr_self *self)
{
    osr_pid pid = start_holder(self);
    osr_ref requests[HELD_MAX];
    osr_message reply;
    for (uint64_t i = 0; i < HELD_MAX; i++) {
        requests[i] = begin(self, pid, i);
    }
    OSR_CHECK(self, osr_await(self, requests[3], 0, &reply, NULL) == OSR_ETIMEDOUT);
    answer_all(self, pid);
    for (uint64_t i = 0; i < HELD_MAX; i++) {
        CHECK_OK(self, osr_await(self, requests[i], 5000, &reply, NULL));
        OSR_CHECK(self, OSR_AS(echoed, &reply)->value == i);
        OSR_CHECK(self, osr_await(self, requests[i], 0, &reply, NULL) == OSR_ENOTFOUND);
    }
    return OSR_OK;
}

/* Answers are had in the order in which they are asked for, whatever the order in which they come,
 * and each once. */
START_TEST(answers_are_had_in_any_order)
{
    node_fixture_run(out_of_order);
}
END_TEST

static osr_err first_answer(osr_self *self)
{
    osr_pid slow = start_holder(self), quick = start_holder(self);
    osr_ref requests[2] = {begin(self, slow, 1), begin(self, quick, 2)};
    osr_message reply;
    size_t index = 7;
    answer_all(self, quick);
    CHECK_OK(self, osr_await_any(self, requests, 2, 5000, &index, &reply, NULL));
    OSR_CHECK(self, index == 1 && OSR_AS(echoed, &reply)->value == 2);
    OSR_CHECK(self, osr_await_any(self, requests, 1, 1, &index, &reply, NULL) == OSR_ETIMEDOUT);
    answer_all(self, slow);
    CHECK_OK(self, osr_await_any(self, requests, 1, 5000, &index, &reply, NULL));
    OSR_CHECK(self, index == 0 && OSR_AS(echoed, &reply)->value == 1);
    return OSR_OK;
}

START_TEST(the_first_of_several_is_had)
{
    node_fixture_run(first_answer);
}
END_TEST

static osr_err late_answer(osr_self *self)
{
    osr_pid pid = start_holder(self);
    osr_ref given_up = begin(self, pid, 1), kept = begin(self, pid, 2);
    osr_message reply;
    OSR_CHECK(self, osr_abandon(self, given_up) && !osr_abandon(self, given_up));
    answer_all(self, pid);
    CHECK_OK(self, osr_await(self, kept, 5000, &reply, NULL));
    OSR_CHECK(self, OSR_AS(echoed, &reply)->value == 2);
    OSR_CHECK(self, osr_await(self, given_up, 0, &reply, NULL) == OSR_ENOTFOUND);
    OSR_CHECK(self, osr_receive(self, 0, &reply) == OSR_ETIMEDOUT);
    osr_ref answered = begin(self, pid, 3);
    osr_ref after = begin(self, pid, 4);
    answer_all(self, pid);
    CHECK_OK(self, osr_await(self, after, 5000, &reply, NULL)); /* answered last first: not yet */
    CHECK_OK(self, osr_await(self, answered, 5000, &reply, NULL));
    return OSR_OK;
}

/* An abandoned request's answer is never seen; those of others are. */
START_TEST(abandoned_requests_have_no_answer)
{
    node_fixture_run(late_answer);
}
END_TEST

static osr_node_counters counters_of(osr_self *self)
{
    osr_node_counters counters;
    osr_node_count(osr_self_node(self), &counters);
    return counters;
}

static osr_err counts_drops(osr_self *self)
{
    osr_pid pid = start_holder(self);
    osr_message message;
    osr_ref monitor;
    osr_reason reason = osr_reason_of(OSR_REASON_KILL);
    (void)osr_trap_exit(self, true);
    osr_ref request = begin(self, pid, 1);
    OSR_CHECK(self, osr_abandon(self, request));
    request = begin(self, pid, 2);
    answer_all(self, pid); /* also the first, whose reply is late here */
    CHECK_OK(self, osr_await(self, request, 5000, &message, NULL));
    OSR_CHECK(self, osr_is_alive(self, pid)); /* has answered all */
    CHECK_OK(self, osr_monitor(self, osr_to(pid), &monitor));
    CHECK_OK(self, osr_send_exit(self, pid, &reason));
    CHECK_OK(self, osr_receive(self, 5000, &message)); /* its exit */
    (void)osr_is_alive(self, pid);
    OSR_CHECK(self, !osr_demonitor(self, monitor, true));
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    noise one = {0};
    osr_node_counters before = counters_of(self);
    (void)noise_send(self, osr_to(pid), &one);
    osr_node_counters after = counters_of(self);
    OSR_CHECK(self, after.dropped_noproc == before.dropped_noproc + 1);
    OSR_CHECK(self, after.dropped_flushed == 1);
    OSR_CHECK(self, after.messages_dropped == before.messages_dropped + 1);
    (void)noise_send(self, osr_to(osr_self_pid(self)), &one); /* never taken: ended */
    return OSR_OK;
}

/* Each message that is not delivered is counted once, under why. */
START_TEST(drops_are_counted_by_reason)
{
    node_fixture_run(counts_drops);
    osr_node_counters counters;
    osr_node_count(node_fixture_node(), &counters);
    ck_assert_uint_eq(counters.dropped_ended, 1);
    ck_assert_uint_eq(counters.dropped_noproc, 1);
    ck_assert_uint_eq(counters.dropped_late, 1);
    ck_assert_uint_eq(counters.messages_dropped, 4);
}
END_TEST

static osr_err behind_noise(osr_self *self)
{
    osr_pid pid = start_holder(self);
    osr_message reply;
    for (uint64_t i = 0; i < 5000; i++) {
        noise one = {.number = i};
        (void)noise_send(self, osr_to(osr_self_pid(self)), &one);
    }
    osr_ref request = begin(self, pid, 1);
    answer_all(self, pid);
    CHECK_OK(self, osr_await(self, request, 5000, &reply, NULL));
    OSR_CHECK(self, OSR_AS(echoed, &reply)->value == 1);
    for (uint64_t i = 0; i < 5000; i++) {
        CHECK_OK(self, osr_receive(self, 0, &reply));
        OSR_CHECK(self, OSR_AS(noise, &reply)->number == i);
    }
    return OSR_OK;
}

/* An answer is had at once, whatever waits in the mailbox, which stays as it is. */
START_TEST(answers_pass_the_mailbox)
{
    node_fixture_run(behind_noise);
}
END_TEST

static osr_err peer_ends(osr_self *self)
{
    osr_message reply;
    osr_reason reason = {0}, shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    (void)osr_trap_exit(self, true);
    osr_pid pid = start_holder(self);
    osr_ref request = begin(self, pid, 1);
    CHECK_OK(self, osr_send_exit(self, pid, &shutdown));
    OSR_CHECK(self, osr_await(self, request, 5000, &reply, &reason) == OSR_EFAILED);
    OSR_CHECK(self, reason.code == OSR_REASON_SHUTDOWN);
    CHECK_OK(self, osr_receive(self, 5000, &reply)); /* its exit */
    request = begin(self, pid, 2);
    OSR_CHECK(self, osr_await(self, request, 5000, &reply, &reason) == OSR_ENOPROC);
    echo_me body = {0};
    OSR_CHECK(self, echo_me_begin(self, osr_name("nobody", NULL), &body, &request) == OSR_ENOPROC);
    OSR_CHECK(self, echo_me_begin(self, osr_to(osr_self_pid(self)), &body, &request) == OSR_ESELF);
    return OSR_OK;
}

/* Who asks a process that ends, or has ended, hears of it. */
START_TEST(the_end_of_the_asked_is_an_answer)
{
    node_fixture_run(peer_ends);
}
END_TEST

static osr_err leaves_requests(osr_self *self)
{
    osr_pid pid = start_holder(self);
    for (uint64_t i = 0; i < HELD_MAX; i++) {
        (void)begin(self, pid, i);
    }
    answer_all(self, pid);
    osr_message reply;
    osr_ref never = {.number = 1};
    OSR_CHECK(self, osr_await(self, never, 0, &reply, NULL) == OSR_ENOTFOUND);
    return OSR_OK;
}

/* A process may end with requests of its own, answered or not, outstanding. */
START_TEST(requests_go_with_the_process)
{
    for (int i = 0; i < 20; i++) {
        node_fixture_run(leaves_requests);
    }
}
END_TEST

static TCase *all_on(const char *name, void (*fixture)(void))
{
    TCase *tests = tcase_create(name);
    tcase_add_checked_fixture(tests, fixture, node_fixture_end);
    tcase_add_test(tests, answers_are_had_in_any_order);
    tcase_add_test(tests, the_first_of_several_is_had);
    tcase_add_test(tests, abandoned_requests_have_no_answer);
    tcase_add_test(tests, answers_pass_the_mailbox);
    tcase_add_test(tests, the_end_of_the_asked_is_an_answer);
    tcase_add_test(tests, requests_go_with_the_process);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *counted = tcase_create("counted");
    tcase_add_checked_fixture(counted, node_fixture_stepped, node_fixture_end);
    tcase_add_test(counted, drops_are_counted_by_reason);
    suite_add_tcase(suite, counted);
    suite_add_tcase(suite, all_on("stepped", node_fixture_stepped));
    suite_add_tcase(suite, all_on("threaded", node_fixture_threaded));
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
