/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/process/node.h"
#include "osier/info.h"
#include "osier/port.h"
#include "osier/supervisor.h"
#include "osier/trace.h"
#include "tests/unit/process/process_kit.h"

/* Which event each thing that happens leaves, and how messages keep their trace. */

#define EVENTS_MAX 4000

OSR_MESSAGE(kinds_reply, 0x7020, (1, i64, n));
OSR_REQUEST(kinds_request, 0x7021, kinds_reply, (1, i64, n));

static osr_event events[EVENTS_MAX];
static size_t count;

static osr_trace *begin(osr_self *self, const osr_trace_options *options)
{
    osr_trace *trace = NULL;
    CHECK_OK(self, osr_trace_start(osr_self_node(self), options, &trace));
    return trace;
}

static void end(osr_trace *trace)
{
    count = osr_trace_read(trace, events, EVENTS_MAX);
    osr_trace_stop(&trace);
}

/* The index-th event of a kind about pid (none: of any); NULL: there are fewer. */
static const osr_event *event_of(osr_event_kind kind, osr_pid pid, size_t index)
{
    for (size_t i = 0; i < count; i++) {
        bool is_about = osr_pid_is_none(pid) ||
                        (events[i].slot == pid.slot && events[i].generation == pid.generation);
        if (events[i].kind == (uint8_t)kind && is_about && index-- == 0) {
            return &events[i];
        }
    }
    return NULL;
}

/* Sends each note back, and answers requests after having asked `from` for nothing. */
OSR_ENTRY(relay, note)
{
    osr_message message;
    osr_err err;
    (void)argument;
    while ((err = osr_receive(self, OSR_FOREVER, &message)) == OSR_OK) {
        const note *said = OSR_AS(note, &message);
        if (said != NULL) {
            CHECK_OK(self, note_send(self, osr_to(said->from), said));
        } else if (message.ref != 0) {
            CHECK_OK(self, osr_reply_to(self, osr_caller_of(&message), &kinds_reply_osr_type,
                                        &(kinds_reply){1}));
        }
    }
    return err;
}

static osr_pid a_relay(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, relay_spawn(self, &(note){0}, NULL, &pid));
    return pid;
}

static osr_err passes_on(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    osr_pid there = a_relay(self);
    osr_message message;
    note mine = {.n = 1, .from = me};
    osr_trace *trace = begin(self, OSR_TRACE(.limit = 100));
    CHECK_OK(self, note_send(self, osr_to(there), &mine));
    CHECK_OK(self, osr_receive(self, 10000, &message)); /* the cause of the next one */
    CHECK_OK(self, note_send(self, osr_to(there), &mine));
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT); /* nothing is in work now */
    CHECK_OK(self, note_send(self, osr_to(there), &mine));
    CHECK_OK(self, osr_receive(self, 10000, &message));
    end(trace);
    const osr_event *first = event_of(OSR_EVENT_SEND, me, 0);
    OSR_CHECK(self, first != NULL && first->trace != 0);
    for (size_t i = 0; i < 2; i++) {
        OSR_CHECK(self, event_of(OSR_EVENT_SEND, me, i)->trace == first->trace);
        OSR_CHECK(self, event_of(OSR_EVENT_ENQUEUE, there, i)->trace == first->trace);
        OSR_CHECK(self, event_of(OSR_EVENT_RECEIVE, there, i)->trace == first->trace);
        OSR_CHECK(self, event_of(OSR_EVENT_SEND, there, i)->trace == first->trace);
        OSR_CHECK(self, event_of(OSR_EVENT_RECEIVE, me, i)->trace == first->trace);
    }
    const osr_event *other = event_of(OSR_EVENT_SEND, me, 2);
    OSR_CHECK(self, other->trace != 0 && other->trace != first->trace);
    OSR_CHECK(self, event_of(OSR_EVENT_RECEIVE, me, 2)->trace == other->trace);
    return OSR_OK;
}

/* What is sent while a message is handled has the trace of that message; else it has its own. */
START_TEST(a_trace_is_passed_on)
{
    node_fixture_run(passes_on);
}
END_TEST

static osr_err sends_later(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    osr_pid there = a_relay(self);
    osr_message message;
    osr_ref timer;
    note mine = {.n = 1, .from = me};
    osr_trace *trace = begin(self, OSR_TRACE(.limit = 100));
    CHECK_OK(self, note_send(self, osr_to(there), &mine));
    CHECK_OK(self, osr_receive(self, 10000, &message)); /* the cause */
    CHECK_OK(self, note_send_after(self, osr_to(me), &mine, 3, &timer));
    CHECK_OK(self, osr_receive(self, 10000, &message)); /* the cause is gone meanwhile */
    CHECK_OK(self, note_send_after(self, osr_to(me), &mine, 3, &timer));
    OSR_CHECK(self, osr_sleep(self, 20) == OSR_OK); /* while the second is in work */
    CHECK_OK(self, osr_receive(self, 10000, &message));
    end(trace);
    const osr_event *first = event_of(OSR_EVENT_SEND, me, 0);
    OSR_CHECK(self, first != NULL && first->trace != 0);
    for (size_t i = 1; i < 3; i++) {
        OSR_CHECK(self, event_of(OSR_EVENT_SEND, me, i)->trace == first->trace);
        OSR_CHECK(self, event_of(OSR_EVENT_RECEIVE, me, i)->trace == first->trace);
    }
    return OSR_OK;
}

/* What is sent for later while a message is handled has the trace of that message, which may be
 * gone when it is sent. */
START_TEST(a_trace_is_passed_on_later)
{
    node_fixture_run(sends_later);
}
END_TEST

static osr_err on_demand(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    osr_pid there = a_relay(self);
    osr_message message;
    osr_ref timer;
    osr_trace *trace = begin(self, OSR_TRACE(.limit = 100));
    CHECK_OK(self, osri_request(self, osr_to(there), &kinds_request_osr_type, &(kinds_request){1},
                                10000, &message, NULL));
    CHECK_OK(self, osr_timer_start(self, 1, &timer));
    CHECK_OK(self, osr_receive(self, 10000, &message));
    end(trace);
    const osr_event *call = event_of(OSR_EVENT_CALL, me, 0);
    OSR_CHECK(self, call != NULL && osr_pid_equal(call->with.pid, there) && call->number != 0);
    OSR_CHECK(self, strcmp(call->what, "kinds_request") == 0);
    OSR_CHECK(self, event_of(OSR_EVENT_CALL, OSR_PID_NONE, 1) == NULL); /* its reply is none */
    OSR_CHECK(self, event_of(OSR_EVENT_ENQUEUE, there, 0) != NULL);
    OSR_CHECK(self, event_of(OSR_EVENT_TIMER, me, 0)->number == timer.number);
    /* without a trace they are not recorded */
    CHECK_OK(self, osr_timer_start(self, 1, &timer));
    CHECK_OK(self, osr_receive(self, 10000, &message));
    trace = begin(self, OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_DROP), .limit = 1));
    end(trace);
    OSR_CHECK(self, count == 0);
    return OSR_OK;
}

/* Calls, timers and arrivals are recorded while a trace runs. */
START_TEST(calls_timers_and_arrivals_are_traced_on_demand)
{
    node_fixture_run(on_demand);
}
END_TEST

static void nothing(void *argument)
{
    (void)argument;
}

static osr_err blocks(osr_self *self)
{
    osr_trace *trace = begin(self, OSR_TRACE(.limit = 100));
    CHECK_OK(self, osr_blocking(self, nothing, NULL));
    end(trace);
    OSR_CHECK(self, event_of(OSR_EVENT_BLOCK, osr_self_pid(self), 0) != NULL);
    return OSR_OK;
}

/* So is code that blocks. */
START_TEST(blocking_code_is_traced)
{
    node_fixture_run(blocks);
}
END_TEST

static void expect_named(osr_self *self, osr_event_kind kind, const char *name)
{
    const osr_event *event = event_of(kind, OSR_PID_NONE, 0);
    OSR_CHECK(self, event != NULL && osr_event_has_name((uint8_t)kind));
    OSR_CHECK(self, strncmp(event->with.name, name, sizeof(event->with.name)) == 0);
}

static osr_err always(osr_self *self)
{
    osr_pid there = a_relay(self);
    osr_node *node = osr_self_node(self);
    osri_peer peer = {.name = "a long name@host", .node = 77, .creation = 1};
    osr_trace *trace = begin(self, OSR_TRACE(.kinds = ~OSR_EVENTS_ON_DEMAND, .limit = 100));
    osri_node_peer_up(node, &peer);
    osri_node_peer_down(node, &peer, "over");
    osr_log_self(self, OSR_LOG_DEBUG, "a %s", "line");
    CHECK_OK(self, osr_suspend(self, there, 10000));
    CHECK_OK(self, osr_resume(self, there));
    OSR_CHECK(self, osr_is_alive(self, there)); /* it has been resumed */
    end(trace);
    expect_named(self, OSR_EVENT_NODE_UP, "a long name@host");
    expect_named(self, OSR_EVENT_NODE_DOWN, "a long name@host");
    expect_named(self, OSR_EVENT_LOG, "a line");
    OSR_CHECK(self, event_of(OSR_EVENT_NODE_UP, OSR_PID_NONE, 0)->number == 77);
    OSR_CHECK(self, event_of(OSR_EVENT_LOG, osr_self_pid(self), 0)->code == OSR_LOG_DEBUG);
    OSR_CHECK(self, event_of(OSR_EVENT_STATE, there, 0)->code == OSR_PROCESS_SUSPENDED);
    OSR_CHECK(self, event_of(OSR_EVENT_STATE, there, 1)->code == OSR_PROCESS_READY);
    return OSR_OK;
}

/* Nodes, lines and suspensions are recorded always. */
START_TEST(nodes_lines_and_states_leave_events)
{
    node_fixture_run(always);
}
END_TEST

OSR_STATE(fragile, (1, i64, n));

OSR_ON_INFO(fragile, note)
{
    return OSR_STOP;
}

OSR_SERVER(fragile, OSR_INFO(note));
OSR_SUPERVISOR(shelf, .children = OSR_CHILDREN(OSR_CHILD(fragile, .name = "vase")));

static osr_err restarts(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, shelf_start(self, NULL, OSR_SPAWN(.link = true), &pid));
    osr_pid vase = watch(self, osr_whereis(self, "vase"));
    osr_trace *trace =
        begin(self, OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_RESTART), .limit = 1));
    CHECK_OK(self, note_send(self, osr_to(vase), &(note){0}));
    (void)next_down(self);
    osr_child_counts counts;
    CHECK_OK(self, osr_supervisor_count_children(self, osr_to(pid), 10000, &counts));
    end(trace);
    expect_named(self, OSR_EVENT_RESTART, "vase");
    OSR_CHECK(self, event_of(OSR_EVENT_RESTART, pid, 0) != NULL);
    osr_unlink(self, pid);
    return OSR_OK;
}

/* A restart names its supervisor and the child. */
START_TEST(a_restart_leaves_an_event)
{
    node_fixture_run(restarts);
}
END_TEST

static osr_err drops(osr_self *self)
{
    osr_pid there = a_relay(self);
    osr_ref asked;
    osr_ref monitor;
    const osr_process_info *info;
    osr_trace *trace = begin(self, OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_DROP), .limit = 1));
    CHECK_OK(self, kinds_request_begin(self, osr_to(there), &(kinds_request){1}, &asked));
    CHECK_OK(self, osr_info(self, there, 10000, &info)); /* its answer has come */
    OSR_CHECK(self, osr_abandon(self, asked));
    send_exit(self, watch(self, there), OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    CHECK_OK(self, osr_monitor(self, osr_to(there), &monitor));
    CHECK_OK(self, osr_info(self, osr_self_pid(self), 10000, &info)); /* the down has come */
    OSR_CHECK(self, !osr_demonitor(self, monitor, true));
    end(trace);
    OSR_CHECK(self, count == 2);
    OSR_CHECK(self, strcmp(events[0].what, "kinds_reply") == 0);
    OSR_CHECK(self, strcmp(events[1].what, "osr_down") == 0);
    return OSR_OK;
}

/* An answer that is given up and a down that is flushed leave events, as other drops do. */
START_TEST(late_and_flushed_messages_leave_events)
{
    node_fixture_run(drops);
}
END_TEST

/* So does what a port has no room for. */
START_TEST(a_full_port_leaves_events)
{
    osr_node *node = node_fixture_node();
    osr_port *port;
    osr_trace *trace = NULL;
    osr_message message;
    ck_assert_int_eq(osr_trace_start(node,
                                     OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_DROP), .limit = 1),
                                     &trace),
                     OSR_OK);
    ck_assert_int_eq(osr_port_open(node, OSR_PORT(.queue_max = 1), &port), OSR_OK);
    for (int i = 0; i < 2; i++) {
        ck_assert_int_eq(OSR_PORT_SEND(port, osr_to(osr_port_pid(port)), note, &(note){.n = i}),
                         OSR_OK);
    }
    while (osr_port_dropped(port) == 0) {
    }
    ck_assert_int_eq(osr_port_receive(port, 10000, &message), OSR_OK);
    osr_pid pid = osr_port_pid(port);
    osr_port_close(&port);
    osr_node_stop(node, 10000); /* whoever counts has recorded */
    end(trace);
    ck_assert_ptr_nonnull(event_of(OSR_EVENT_DROP, pid, 0));
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_trace_is_passed_on);
    tcase_add_test(tests, a_trace_is_passed_on_later);
    tcase_add_test(tests, calls_timers_and_arrivals_are_traced_on_demand);
    tcase_add_test(tests, blocking_code_is_traced);
    tcase_add_test(tests, nodes_lines_and_states_leave_events);
    tcase_add_test(tests, a_restart_leaves_an_event);
    tcase_add_test(tests, late_and_flushed_messages_leave_events);
}

int main(void)
{
    Suite *suite = suite_create("kinds");
    TCase *threads = tcase_create("threads");
    ADD_BOTH(suite, add_tests);
    tcase_add_checked_fixture(threads, node_fixture_threaded, node_fixture_end);
    tcase_set_timeout(threads, 60);
    tcase_add_test(threads, a_full_port_leaves_events);
    suite_add_tcase(suite, threads);
    return run_suite(suite);
}
