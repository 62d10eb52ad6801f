/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>

#include "lib/process/body.h"
#include "osier/port.h"
#include "tests/unit/process/process_kit.h"

/* Requests whose caller has given up before they are looked at. */

OSR_MESSAGE(seen, 0x0651, (1, i64, requests));
OSR_REQUEST(how_many, 0x0652, seen);

/* Counts the requests it takes; a note keeps it busy until another note comes. */
static osr_err count_message(osr_self *self, int64_t *requests, const osr_message *message)
{
    static const osr_type *const other[] = {&other_note_osr_type};
    if (OSR_AS(how_many, message) != NULL) {
        *requests += 1;
        return osr_reply_to(self, osr_caller_of(message), &seen_osr_type, &(seen){*requests});
    }
    if (OSR_AS(note, message) != NULL) {
        osr_message go_on;
        return osr_receive_of(self, other, 1, OSR_FOREVER, &go_on);
    }
    return OSR_OK;
}

static osr_err server_start(osr_self *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return OSR_OK;
}

static osr_err server_message(osr_self *self, void *state, const osr_message *message)
{
    return count_message(self, state, message);
}

static const osri_body_ops server = {
    .name = "server", .state_bytes = 8, .start = server_start, .message = server_message};

OSR_ENTRY(raw, note)
{
    int64_t requests = 0;
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            err = count_message(self, &requests, &message);
        }
        if (err != OSR_OK) {
            return err;
        }
    }
}

static osr_pid start_one(osr_self *self, bool is_raw)
{
    osr_pid pid;
    if (is_raw) {
        CHECK_OK(self, raw_spawn(self, &(note){0}, OSR_SPAWN(.link = true), &pid));
    } else {
        osri_spawn what = {.ops = &server, .options = OSR_SPAWN(.link = true)};
        CHECK_OK(self, osri_spawn_body(osr_self_node(self), self, &what, &pid));
    }
    return pid;
}

static uint64_t expired(osr_self *self)
{
    osr_node_counters counters;
    osr_node_count(osr_self_node(self), &counters);
    return counters.dropped_expired;
}

static int64_t ask(osr_self *self, osr_pid pid, uint32_t timeout_ms)
{
    seen reply;
    CHECK_OK(self, how_many_call(self, osr_to(pid), &(how_many){0}, &reply, timeout_ms));
    return reply.requests;
}

static void give_up(osr_self *self, osr_pid pid)
{
    seen reply;
    OSR_CHECK(self, how_many_call(self, osr_to(pid), &(how_many){0}, &reply, 10) == OSR_ETIMEDOUT);
}

static void late_at(osr_self *self, bool is_raw)
{
    osr_pid pid = start_one(self, is_raw);
    uint64_t before = expired(self);
    osr_ref patient;
    osr_message answer;
    OSR_CHECK(self, ask(self, pid, 10000) == 1);
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){0}));
    CHECK_OK(self, how_many_begin(self, osr_to(pid), &(how_many){0}, &patient));
    give_up(self, pid);
    give_up(self, pid);
    CHECK_OK(self, other_note_send(self, osr_to(pid), &(other_note){0}));
    OSR_CHECK(self, ask(self, pid, OSR_FOREVER) == 3); /* the two between have not been seen */
    CHECK_OK(self, osr_await(self, patient, 10000, &answer, NULL)); /* it has no deadline */
    OSR_CHECK(self, OSR_AS(seen, &answer)->requests == 2);
    OSR_CHECK(self, expired(self) == before + 2);
}

static osr_err late_requests(osr_self *self)
{
    late_at(self, false);
    late_at(self, true);
    return OSR_OK;
}

/* A request that its caller no longer waits for is not handled, and counted as that. */
START_TEST(late_requests_are_dropped_unseen)
{
    node_fixture_run(late_requests);
}
END_TEST

OSR_ENTRY(busy_one, note)
{
    int64_t requests = 0;
    CHECK_OK(self, osr_register(self, "busy one", osr_self_pid(self)));
    CHECK_OK(self, count_message(self, &requests,
                                 &(osr_message){.type = &note_osr_type, .body = argument}));
    osr_message message;
    OSR_CHECK(self, osr_receive(self, 100, &message) == OSR_ETIMEDOUT);
    return OSR_OK;
}

/* The call of a port has a deadline, too. */
START_TEST(late_requests_of_a_port_are_dropped)
{
    osr_port *port;
    osr_pid pid;
    seen reply;
    osr_ended ended;
    osr_node_counters counters;
    osr_node *node = node_fixture_node();
    ck_assert_int_eq(osr_port_open(node, NULL, &port), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &busy_one_osr_entry, &(note){0}, NULL, &pid), OSR_OK);
    ck_assert_int_eq(OSR_PORT_CALL(port, osr_to(pid), how_many, &(how_many){0}, &reply, 10),
                     OSR_ETIMEDOUT);
    ck_assert_int_eq(OSR_PORT_SEND(port, osr_to(pid), other_note, &(other_note){0}), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 10000, &ended), OSR_OK);
    ck_assert_uint_eq(ended.code, OSR_REASON_NORMAL);
    osr_node_count(node, &counters);
    ck_assert_uint_eq(counters.dropped_expired, 1);
    osr_port_close(&port);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, late_requests_are_dropped_unseen);
}

int main(void)
{
    Suite *suite = suite_create("expiry");
    TCase *threads = tcase_create("threads");
    tcase_add_checked_fixture(threads, node_fixture_threaded, node_fixture_end);
    tcase_add_test(threads, late_requests_of_a_port_are_dropped);
    suite_add_tcase(suite, threads);
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
