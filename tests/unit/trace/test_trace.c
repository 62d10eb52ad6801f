/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "osier/trace.h"
#include "tests/unit/process/process_kit.h"

/* Traces: which events are recorded, for how long, and what the flight record says of them. */

#define EVENTS_MAX 4000

static osr_event events[EVENTS_MAX];

static size_t count_of(size_t count, osr_event_kind kind, osr_pid pid)
{
    size_t found = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_it = osr_pid_is_none(pid) ||
                     (events[i].slot == pid.slot && events[i].generation == pid.generation);
        found += events[i].kind == (uint8_t)kind && is_it;
    }
    return found;
}

static osr_trace *begin(osr_self *self, const osr_trace_options *options)
{
    osr_trace *trace = NULL;
    CHECK_OK(self, osr_trace_start(osr_self_node(self), options, &trace));
    return trace;
}

OSR_ENTRY(quiet, note)
{
    (void)argument;
    osr_message message;
    OSR_CHECK(self, osr_register(self, "quiet_one", osr_self_pid(self)) == OSR_OK);
    return osr_receive(self, 5000, &message);
}

static osr_pid quiet_one(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, quiet_spawn(self, &(note){.n = 1}, OSR_SPAWN(.link = false), &pid));
    return watch(self, pid);
}

static osr_err lives_and_dies(osr_self *self)
{
    osr_trace *trace = begin(self, OSR_TRACE(.limit = 100));
    osr_pid pid = quiet_one(self);
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 7}));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    size_t count = osr_trace_read(trace, events, EVENTS_MAX);
    OSR_CHECK(self, count_of(count, OSR_EVENT_SPAWN, pid) == 1);
    OSR_CHECK(self, count_of(count, OSR_EVENT_REGISTER, pid) == 1);
    OSR_CHECK(self, count_of(count, OSR_EVENT_UNREGISTER, pid) == 1);
    OSR_CHECK(self, count_of(count, OSR_EVENT_SEND, osr_self_pid(self)) == 1);
    OSR_CHECK(self, count_of(count, OSR_EVENT_RECEIVE, pid) == 1);
    OSR_CHECK(self, count_of(count, OSR_EVENT_EXIT, pid) == 1);
    OSR_CHECK(self, count_of(count, OSR_EVENT_MONITOR, osr_self_pid(self)) == 1);
    for (size_t i = 1; i < count; i++) {
        OSR_CHECK(self, events[i].time_ns >= events[i - 1].time_ns);
    }
    OSR_CHECK(self, osr_trace_lost(trace) == 0);
    osr_trace_stop(&trace);
    return OSR_OK;
}

/* One life leaves one event each of its start, its name, its message and its end, in order. */
START_TEST(a_life_is_traced_in_order)
{
    node_fixture_run(lives_and_dies);
}
END_TEST

static osr_err sends_beyond_limit(osr_self *self)
{
    osr_trace *trace = begin(self, OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_SEND), .limit = 10));
    osr_message message;
    for (int i = 0; i < 50; i++) {
        CHECK_OK(self, note_send(self, osr_to(osr_self_pid(self)), &(note){.n = i}));
    }
    OSR_CHECK(self, osr_trace_read(trace, events, EVENTS_MAX) == 10);
    OSR_CHECK(self, !osr_trace_is_on(trace));
    osr_trace_stop(&trace);
    for (int i = 0; i < 50; i++) {
        CHECK_OK(self, osr_receive(self, 1000, &message));
    }
    return OSR_OK;
}

/* A limit ends the recording by itself. */
START_TEST(a_limit_of_events_ends_the_recording)
{
    node_fixture_run(sends_beyond_limit);
}
END_TEST

static osr_err asks_for_trouble(osr_self *self)
{
    osr_trace *trace = NULL;
    osr_trace *other = NULL;
    osr_node *node = osr_self_node(self);
    OSR_CHECK(self, osr_trace_start(node, OSR_TRACE(.kinds = 0), &trace) == OSR_EINVAL);
    trace = begin(self, OSR_TRACE(.limit_ms = 1000));
    OSR_CHECK(self, osr_trace_start(node, OSR_TRACE(.limit = 1), &other) == OSR_EBUSY);
    osr_trace_stop(&trace);
    OSR_CHECK(self, trace == NULL);
    trace = begin(self, OSR_TRACE(.limit = 1));
    osr_trace_stop(&trace);
    return OSR_OK;
}

/* There is no trace without a limit, and one at a time. */
START_TEST(a_trace_needs_a_limit_and_is_alone)
{
    node_fixture_run(asks_for_trouble);
}
END_TEST

static osr_err watches_one(osr_self *self)
{
    osr_pid pid = quiet_one(self);
    osr_message message;
    osr_trace *trace = begin(self, OSR_TRACE(.pid = pid, .limit = 100));
    for (int i = 0; i < 20; i++) {
        CHECK_OK(self, note_send(self, osr_to(osr_self_pid(self)), &(note){.n = i}));
        CHECK_OK(self, osr_receive(self, 1000, &message));
    }
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 1}));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    size_t count = osr_trace_read(trace, events, EVENTS_MAX);
    OSR_CHECK(self, count_of(count, OSR_EVENT_SEND, OSR_PID_NONE) == 1);
    OSR_CHECK(self, count_of(count, OSR_EVENT_RECEIVE, OSR_PID_NONE) == 1);
    osr_trace_stop(&trace);
    return OSR_OK;
}

/* A trace of one process says nothing of the others' messages. */
START_TEST(a_trace_of_one_process_leaves_out_the_others)
{
    node_fixture_run(watches_one);
}
END_TEST

static osr_err drops(osr_self *self)
{
    osr_pid pid = quiet_one(self);
    osr_trace *trace = begin(self, OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_DROP), .limit = 1));
    send_exit(self, pid, OSR_REASON_KILL);
    (void)next_down(self);
    (void)note_send(self, osr_to(pid), &(note){.n = 1});
    size_t count = osr_trace_read(trace, events, EVENTS_MAX);
    OSR_CHECK(self, count_of(count, OSR_EVENT_DROP, pid) == 1);
    OSR_CHECK(self, events[0].code == OSR_DROP_NOPROC);
    OSR_CHECK(self, osr_pid_equal(events[0].with.pid, osr_self_pid(self)));
    OSR_CHECK(self, strcmp(events[0].what, "note") == 0);
    osr_trace_stop(&trace);
    return OSR_OK;
}

/* A message to nobody leaves an event that says why, from whom, and which type. */
START_TEST(a_dropped_message_leaves_its_reason)
{
    node_fixture_run(drops);
}
END_TEST

static osr_err dumps(osr_self *self)
{
    char path[] = "/tmp/osier-flight-XXXXXX";
    static char text[1 << 18];
    int fd = mkstemp(path);
    OSR_CHECK(self, fd >= 0);
    (void)quiet_one(self);
    osr_sleep(self, 1);
    CHECK_OK(self, osr_flight_dump(osr_self_node(self), path, "a test"));
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    unlink(path);
    OSR_CHECK(self, got > 0);
    OSR_CHECK(self, strstr(text, "osier: flight record of node test@host: a test\n") == text);
    OSR_CHECK(self, strstr(text, " spawn <") != NULL && strstr(text, " quiet") != NULL);
    OSR_CHECK(self, strstr(text, " as quiet_one\n") != NULL);
    OSR_CHECK(self, strstr(text, "\nprocess <") != NULL);
    OSR_CHECK(self, osr_flight_dump(osr_self_node(self), "/nowhere/at/all", "no") == OSR_EIO);
    return OSR_OK;
}

/* The flight record is there for the asking: why, the events, the processes. */
START_TEST(a_flight_record_can_be_asked_for)
{
    node_fixture_run(dumps);
}
END_TEST

static osr_err runs_long(osr_self *self)
{
    osr_trace *trace =
        begin(self, OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_LONG_SCHEDULE), .limit = 1));
    uint64_t begun = osr_now(self);
    size_t count = 0;
    while (count == 0) {
        OSR_CHECK(self, osr_now(self) - begun < UINT64_C(20000000000));
        count = osr_trace_read(trace, events, EVENTS_MAX);
    }
    OSR_CHECK(self, count_of(count, OSR_EVENT_LONG_SCHEDULE, osr_self_pid(self)) == 1);
    osr_trace_stop(&trace);
    return OSR_OK;
}

/* A turn that does not end is named by an event while it lasts. */
START_TEST(a_long_turn_is_named_while_it_lasts)
{
    node_fixture_run(runs_long);
}
END_TEST

/* Sends itself something for later, and wakes another, which may be on any thread. */
OSR_ENTRY(busy, note)
{
    osr_message message;
    osr_ref timer;
    osr_err err = OSR_OK;
    osr_pid me = osr_self_pid(self);
    while (err != OSR_EEXIT) {
        CHECK_OK(self, note_send_after(self, osr_to(me), argument, 1, &timer));
        (void)note_send(self, osr_to(argument->from), argument);
        for (int i = 0; i < 3 && err != OSR_EEXIT; i++) {
            err = osr_receive(self, i == 2, &message);
        }
    }
    return err;
}

static osr_err traces_the_busy(osr_self *self)
{
    osr_pid pids[8];
    for (size_t i = 0; i < 8; i++) {
        osr_pid last = i == 0 ? OSR_PID_NONE : pids[i - 1];
        CHECK_OK(self, busy_spawn(self, &(note){.from = last}, NULL, &pids[i]));
    }
    for (int i = 0; i < 40; i++) {
        osr_trace *trace = begin(self, OSR_TRACE(.limit_ms = 10000));
        size_t sent = 0;
        while (sent < 20) {
            OSR_CHECK(self, osr_sleep(self, 1) == OSR_OK);
            size_t count = osr_trace_read(trace, events, EVENTS_MAX);
            sent += count_of(count, OSR_EVENT_SEND, OSR_PID_NONE);
            for (size_t k = 0; k < count; k++) {
                OSR_CHECK(self, events[k].kind != OSR_EVENT_SEND || events[k].trace != 0);
            }
        }
        osr_trace_stop(&trace);
    }
    for (size_t i = 0; i < 8; i++) {
        watch(self, pids[i]);
        send_exit(self, pids[i], OSR_REASON_KILL);
        OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    }
    return OSR_OK;
}

/* A trace may begin and end at any moment, and what a process has sent for later is sent by
 * whichever thread the timer is on while the process runs on another. */
START_TEST(a_trace_runs_while_messages_are_sent_later)
{
    node_fixture_run(traces_the_busy);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_life_is_traced_in_order);
    tcase_add_test(tests, a_limit_of_events_ends_the_recording);
    tcase_add_test(tests, a_trace_needs_a_limit_and_is_alone);
    tcase_add_test(tests, a_trace_of_one_process_leaves_out_the_others);
    tcase_add_test(tests, a_dropped_message_leaves_its_reason);
    tcase_add_test(tests, a_flight_record_can_be_asked_for);
}

int main(void)
{
    Suite *suite = suite_create("trace");
    TCase *threads = tcase_create("threads");
    ADD_BOTH(suite, add_tests);
    tcase_add_checked_fixture(threads, node_fixture_threaded, node_fixture_end);
    tcase_set_timeout(threads, 60);
    tcase_add_test(threads, a_long_turn_is_named_while_it_lasts);
    tcase_add_test(threads, a_trace_runs_while_messages_are_sent_later);
    suite_add_tcase(suite, threads);
    return run_suite(suite);
}
