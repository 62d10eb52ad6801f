/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/port.h"

#include <poll.h>
#include <pthread.h>
#include <string.h>

#include "tests/unit/process/process_kit.h"

/* The test is the foreign thread. */

OSR_MESSAGE(twice_reply, 0x7032, (1, i64, n));
OSR_REQUEST(twice, 0x7031, twice_reply, (1, i64, n));

static osr_port *port;

static void set_up(void)
{
    node_fixture_threaded();
    ck_assert_int_eq(osr_port_open(node_fixture_node(), NULL, &port), OSR_OK);
}

static void tear_down(void)
{
    osr_port_close(&port);
    node_fixture_end();
}

/* Answers: a note to who sent it, 2 n to a request; ends at n < 0. */
OSR_ENTRY(partner, note)
{
    (void)argument;
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        const note *plain = OSR_AS(note, &message);
        const twice *asked = OSR_AS(twice, &message);
        if (plain != NULL && plain->n < 0) {
            return OSR_OK;
        }
        if (plain != NULL) {
            CHECK_OK(self, note_send(self, osr_to(message.from), plain));
        } else if (asked != NULL && asked->n != 0) { /* 0 waits for ever */
            CHECK_OK(self, osr_reply_to(self, osr_caller_of(&message), &twice_reply_osr_type,
                                        &(twice_reply){.n = 2 * asked->n}));
        }
    }
}

static osr_pid start_partner(void)
{
    osr_pid pid;
    ck_assert_int_eq(
        osr_node_spawn(node_fixture_node(), &partner_osr_entry, &(note){0}, NULL, &pid), OSR_OK);
    return pid;
}

static void end_partner(osr_pid pid)
{
    ck_assert_int_eq(OSR_PORT_SEND(port, osr_to(pid), note, &(note){.n = -1}), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node_fixture_node(), pid, 20000, NULL), OSR_OK);
}

static int64_t next_note(void)
{
    osr_message message;
    ck_assert_int_eq(osr_port_receive(port, 20000, &message), OSR_OK);
    ck_assert_ptr_nonnull(OSR_AS(note, &message));
    return OSR_AS(note, &message)->n;
}

/* What a thread sends arrives in order, and so do the answers. */
START_TEST(a_thread_sends_and_receives)
{
    osr_pid pid = start_partner();
    for (int64_t i = 0; i < 100; i++) {
        ck_assert_int_eq(OSR_PORT_SEND(port, osr_to(pid), note, &(note){.n = i}), OSR_OK);
    }
    for (int64_t i = 0; i < 100; i++) {
        ck_assert_int_eq(next_note(), i);
    }
    osr_message message;
    ck_assert_int_eq(osr_port_receive(port, 0, &message), OSR_ETIMEDOUT);
    ck_assert_int_eq(osr_port_receive(port, 1, &message), OSR_ETIMEDOUT);
    end_partner(pid);
}
END_TEST

/* A call gives the reply, or says why there is none. */
START_TEST(a_thread_calls)
{
    twice_reply reply = {0};
    osr_pid pid = start_partner();
    osr_dest to = osr_to(pid);
    ck_assert_int_eq(OSR_PORT_CALL(port, to, twice, &(twice){.n = 21}, &reply, 20000), OSR_OK);
    ck_assert_int_eq(reply.n, 42);
    ck_assert_int_eq(OSR_PORT_CALL(port, to, twice, &(twice){.n = 0}, &reply, 1), OSR_ETIMEDOUT);
    end_partner(pid);
    ck_assert_int_eq(OSR_PORT_CALL(port, to, twice, &(twice){.n = 1}, &reply, 20000), OSR_ENOPROC);
    to = osr_name("nobody", NULL);
    ck_assert_int_eq(OSR_PORT_CALL(port, to, twice, &(twice){.n = 1}, &reply, 20000), OSR_ENOPROC);
    ck_assert_int_eq(osr_port_call(port, to, &note_osr_type, &(note){0}, 1, &reply), OSR_EINVAL);
}
END_TEST

static bool is_readable(int timeout_ms)
{
    struct pollfd look = {.fd = osr_port_fd(port), .events = POLLIN};
    return poll(&look, 1, timeout_ms) == 1;
}

/* The fd is readable exactly while something waits. */
START_TEST(the_fd_says_when_to_receive)
{
    osr_dest me = osr_to(osr_port_pid(port));
    ck_assert(!is_readable(0));
    OSR_PORT_SEND(port, me, note, &(note){.n = 1});
    OSR_PORT_SEND(port, me, note, &(note){.n = 2});
    ck_assert(is_readable(20000));
    ck_assert_int_eq(next_note(), 1);
    ck_assert_int_eq(next_note(), 2);
    ck_assert(!is_readable(0));
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    ck_assert_int_eq(osr_node_exit(node_fixture_node(), osr_port_pid(port), &reason), OSR_OK);
    ck_assert(is_readable(20000));
}
END_TEST

OSR_MESSAGE(port_at, 0x7033, (1, pid, pid));

/* Monitors the port, tells it so, and hears its note before its end. */
OSR_ENTRY(hears_the_end, port_at)
{
    osr_message message;
    (void)watch(self, argument->pid);
    CHECK_OK(self, note_send(self, osr_to(argument->pid), &(note){.n = 1}));
    CHECK_OK(self, osr_receive(self, 20000, &message));
    OSR_CHECK(self, OSR_AS(note, &message) != NULL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    return OSR_OK;
}

/* A close is heard, as normal, after everything that the port has sent. */
START_TEST(a_monitor_hears_the_close_after_what_was_sent)
{
    osr_pid pid;
    osr_ended ended;
    port_at argument = {.pid = osr_port_pid(port)};
    ck_assert_int_eq(
        osr_node_spawn(node_fixture_node(), &hears_the_end_osr_entry, &argument, NULL, &pid),
        OSR_OK);
    ck_assert_int_eq(next_note(), 1);
    OSR_PORT_SEND(port, osr_to(pid), note, &(note){.n = 2});
    osr_port_close(&port);
    ck_assert_ptr_null(port);
    ck_assert_int_eq(osr_node_wait(node_fixture_node(), pid, 20000, &ended), OSR_OK);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
}
END_TEST

OSR_ENTRY(calls_the_port, port_at)
{
    twice_reply reply;
    CHECK_OK(self, twice_call(self, osr_to(argument->pid), &(twice){.n = 4}, &reply, 20000));
    OSR_CHECK(self, reply.n == 8);
    OSR_CHECK(self, twice_call(self, osr_to(argument->pid), &(twice){.n = 5}, &reply, 20000) ==
                        OSR_EFAILED);
    return OSR_OK;
}

/* A process calls a thread; one that closes instead of answering is told of. */
START_TEST(a_process_calls_a_port)
{
    osr_pid pid;
    osr_ended ended;
    osr_message message;
    port_at argument = {.pid = osr_port_pid(port)};
    ck_assert_int_eq(
        osr_node_spawn(node_fixture_node(), &calls_the_port_osr_entry, &argument, NULL, &pid),
        OSR_OK);
    ck_assert_int_eq(osr_port_receive(port, 20000, &message), OSR_OK);
    twice_reply reply = {.n = 2 * OSR_AS(twice, &message)->n};
    ck_assert_int_eq(osr_port_reply(port, osr_caller_of(&message), &twice_reply_osr_type, &reply),
                     OSR_OK);
    ck_assert_int_eq(osr_port_receive(port, 20000, &message), OSR_OK);
    osr_port_close(&port);
    ck_assert_int_eq(osr_node_wait(node_fixture_node(), pid, 20000, &ended), OSR_OK);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
}
END_TEST

/* Whoever does not receive costs no more memory than its limit: the rest is dropped and counted. */
START_TEST(a_full_port_drops_and_counts)
{
    osr_port_close(&port);
    ck_assert_int_eq(osr_port_open(node_fixture_node(), OSR_PORT(.queue_max = 3), &port), OSR_OK);
    osr_dest me = osr_to(osr_port_pid(port));
    for (int64_t i = 0; i < 3; i++) {
        OSR_PORT_SEND(port, me, note, &(note){.n = i});
    }
    twice_reply reply; /* refused, so whatever came before has been seen */
    ck_assert_int_eq(OSR_PORT_CALL(port, me, twice, &(twice){.n = 1}, &reply, 20000), OSR_EFAILED);
    ck_assert_uint_eq(osr_port_dropped(port), 1);
    osr_node_counters counters;
    osr_node_count(node_fixture_node(), &counters);
    ck_assert_uint_eq(counters.dropped_full, 1);
    for (int64_t i = 0; i < 3; i++) {
        ck_assert_int_eq(next_note(), i);
    }
}
END_TEST

/* An exit signal ends a port: its thread is told, after what had come before. */
START_TEST(an_exit_signal_ends_a_port)
{
    osr_message message;
    osr_dest me = osr_to(osr_port_pid(port));
    osr_reason reason = osr_reason_of(OSR_REASON_KILL);
    OSR_PORT_SEND(port, me, note, &(note){.n = 1});
    ck_assert_int_eq(next_note(), 1);
    ck_assert_int_eq(osr_node_exit(node_fixture_node(), osr_port_pid(port), &reason), OSR_OK);
    ck_assert_int_eq(osr_port_receive(port, 20000, &message), OSR_ESTOPPED);
    ck_assert_int_eq(OSR_PORT_SEND(port, me, note, &(note){.n = 1}), OSR_ESTOPPED);
    twice_reply reply;
    ck_assert_int_eq(OSR_PORT_CALL(port, me, twice, &(twice){.n = 1}, &reply, 1), OSR_ESTOPPED);
}
END_TEST

static void *uses_the_port(void *argument)
{
    osr_pid pid = *(osr_pid *)argument;
    for (int64_t i = 1; i <= 200; i++) {
        twice_reply reply = {0};
        osr_err err = OSR_PORT_CALL(port, osr_to(pid), twice, &(twice){.n = i}, &reply, 20000);
        if (err != OSR_OK || reply.n != 2 * i) {
            return (void *)1;
        }
        OSR_PORT_SEND(port, osr_to(pid), note, &(note){.n = i});
    }
    return NULL;
}

/* Several threads call and send through one port while one receives. */
START_TEST(threads_share_a_port)
{
    pthread_t threads[3];
    osr_pid pid = start_partner();
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, uses_the_port, &pid), 0);
    }
    int64_t sum = 0;
    for (int i = 0; i < 600; i++) {
        sum += next_note();
    }
    ck_assert_int_eq(sum, 3 * 200 * 201 / 2);
    for (int i = 0; i < 3; i++) {
        void *failed;
        ck_assert_int_eq(pthread_join(threads[i], &failed), 0);
        ck_assert_ptr_null(failed);
    }
    end_partner(pid);
}
END_TEST

/* Opened before the start and closed after the end of its node, each function says what it cannot
 * do. */
START_TEST(a_port_outlives_its_node)
{
    osr_node *node;
    osr_port *other;
    osr_message message;
    twice_reply reply;
    osr_node_counters counters;
    ck_assert_int_eq(osr_node_new(NULL, &node), OSR_OK);
    ck_assert_int_eq(osr_port_open(node, OSR_PORT(.name = "it"), &other), OSR_OK);
    ck_assert_int_eq(osr_port_receive(other, 0, &message), OSR_ETIMEDOUT);
    ck_assert_int_eq(osr_port_receive(other, 10, &message), OSR_ENOTSUP);
    osr_dest it = osr_name("it", NULL);
    ck_assert_int_eq(OSR_PORT_CALL(other, it, twice, &(twice){.n = 1}, &reply, 1), OSR_ENOTSUP);
    ck_assert_int_eq(OSR_PORT_SEND(other, it, note, &(note){.n = 9}), OSR_OK);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_port_receive(other, 20000, &message), OSR_OK);
    ck_assert_int_eq(OSR_AS(note, &message)->n, 9);
    osr_node_stop(node, 1000);
    osr_node_count(node, &counters);
    ck_assert_uint_eq(counters.messages_sent,
                      counters.messages_received + counters.messages_dropped);
    ck_assert_int_eq(osr_port_receive(other, 10, &message), OSR_ESTOPPED);
    ck_assert_int_eq(OSR_PORT_SEND(other, it, note, &(note){.n = 9}), OSR_ESTOPPED);
    osr_port *late = NULL;
    ck_assert_int_eq(osr_port_open(node, NULL, &late), OSR_ESTOPPED);
    osr_node_free(&node);
    osr_port_close(&other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("port");
    TCase *tests = tcase_create("port");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_thread_sends_and_receives);
    tcase_add_test(tests, a_thread_calls);
    tcase_add_test(tests, the_fd_says_when_to_receive);
    tcase_add_test(tests, a_monitor_hears_the_close_after_what_was_sent);
    tcase_add_test(tests, a_process_calls_a_port);
    tcase_add_test(tests, a_full_port_drops_and_counts);
    tcase_add_test(tests, an_exit_signal_ends_a_port);
    tcase_add_test(tests, threads_share_a_port);
    tcase_add_test(tests, a_port_outlives_its_node);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
