/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/support/transport_suite.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The contract of dist/transport.h. Node 0 listens, 1 and 2 dial. Every wait is for an event, with
 * a deadline that only a failure meets. */

#define DEADLINE_S 10

static const osri_transport_maker *maker;
static osri_transport *nodes[OSRI_SUITE_NODES];
static osri_suite_rule rules[OSRI_SUITE_NODES];
static char endpoint[OSRI_ENDPOINT_BYTES]; /* of node 0 */
static uint8_t big[OSRI_FRAME_BYTES_MAX + 1];

bool osri_suite_admit(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    const osri_suite_rule *rule = context;

    (void)address;
    return rule->refuse_key == NULL || memcmp(rule->refuse_key, key, OSRI_KEY_BYTES) != 0;
}

static void set_up(void)
{
    maker->setup();
    for (int i = 0; i < OSRI_SUITE_NODES; i++) {
        rules[i] = (osri_suite_rule){0};
        nodes[i] = maker->make(i, &rules[i]);
    }
    ck_assert_int_eq(nodes[0]->ops->listen(nodes[0], maker->endpoint, endpoint), OSR_OK);
}

static void free_node(int node)
{
    if (nodes[node] != NULL) {
        nodes[node]->ops->free(nodes[node], 0);
        nodes[node] = NULL;
    }
}

static void tear_down(void)
{
    for (int i = 0; i < OSRI_SUITE_NODES; i++) {
        free_node(i);
    }
    maker->teardown();
}

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The node's next event. */
static osri_transport_event next_event(int node)
{
    osri_transport_event event;
    double end_s = now_s() + DEADLINE_S;

    while (!maker->pump(nodes[node], &event)) {
        ck_assert_msg(now_s() < end_s, "node %d: no event within %d s", node, DEADLINE_S);
    }
    return event;
}

static osri_transport_event expect(int node, osri_transport_event_kind kind, osri_conn conn)
{
    osri_transport_event event = next_event(node);

    ck_assert_msg(event.kind == kind, "node %d: event %d where %d was due", node, (int)event.kind,
                  (int)kind);
    if (conn != 0) {
        ck_assert_uint_eq(event.conn, conn);
    }
    return event;
}

static osr_err send_text(int node, osri_conn conn, const char *text)
{
    return nodes[node]->ops->send(nodes[node], conn, (const uint8_t *)text, strlen(text));
}

static void must_send(int node, osri_conn conn, const char *text)
{
    ck_assert_int_eq(send_text(node, conn, text), OSR_OK);
}

static void expect_text(int node, osri_conn conn, const char *text)
{
    osri_transport_event event = expect(node, OSRI_CONN_FRAME, conn);

    ck_assert_uint_eq(event.frame_bytes, strlen(text));
    ck_assert_mem_eq(event.frame, text, strlen(text));
}

static osri_conn must_dial(int node, const char *where, const uint8_t *key)
{
    osri_conn conn = 0;

    ck_assert_int_eq(nodes[node]->ops->dial(nodes[node], where, key, &conn), OSR_OK);
    ck_assert_uint_ne(conn, 0);
    return conn;
}

typedef struct pair {
    osri_conn dialer;   /* the number it has there */
    osri_conn acceptor; /* and at node 0 */
} pair;

/* A connection from a node to node 0, over which one frame has gone. */
static pair connect_to_0(int node)
{
    pair both = {.dialer = must_dial(node, endpoint, maker->key(0))};
    osri_transport_event event = expect(node, OSRI_CONN_OPENED, both.dialer);

    ck_assert_mem_eq(event.peer_key, maker->key(0), OSRI_KEY_BYTES);
    must_send(node, both.dialer, "first");
    event = expect(0, OSRI_CONN_ACCEPTED, 0);
    ck_assert_mem_eq(event.peer_key, maker->key(node), OSRI_KEY_BYTES);
    both.acceptor = event.conn;
    ck_assert_uint_ne(both.acceptor, 0);
    expect_text(0, both.acceptor, "first");
    return both;
}

/* Nothing but this frame reaches the node: whatever else was due would have come before it. */
static void nothing_else_at(int node, osri_conn over, int from, osri_conn from_over)
{
    must_send(from, from_over, "nothing else");
    expect_text(node, over, "nothing else");
}

/* What listen() returns is the address that is taken then. */
START_TEST(an_address_in_use_is_refused)
{
    char taken[OSRI_ENDPOINT_BYTES];

    ck_assert_int_eq(nodes[1]->ops->listen(nodes[1], endpoint, taken), OSR_EADDRESS);
}
END_TEST

/* What is not an endpoint is refused by both calls that take one. */
START_TEST(a_malformed_endpoint_is_refused)
{
    char bound[OSRI_ENDPOINT_BYTES];
    osri_conn conn = 0;

    ck_assert_int_eq(nodes[1]->ops->listen(nodes[1], "nonsense", bound), OSR_EINVAL);
    ck_assert_int_eq(nodes[1]->ops->dial(nodes[1], "nonsense", maker->key(0), &conn), OSR_EINVAL);
}
END_TEST

/* Many frames in both directions at once arrive whole, once and in order. */
START_TEST(frames_keep_their_order_in_both_directions)
{
    enum { FRAMES = 500 };
    pair both = connect_to_0(1);
    char text[32];

    for (int i = 0; i < FRAMES; i++) {
        (void)snprintf(text, sizeof(text), "there %d", i);
        must_send(1, both.dialer, text);
        (void)snprintf(text, sizeof(text), "and back %d", i);
        must_send(0, both.acceptor, text);
    }
    for (int i = 0; i < FRAMES; i++) {
        (void)snprintf(text, sizeof(text), "there %d", i);
        expect_text(0, both.acceptor, text);
    }
    for (int i = 0; i < FRAMES; i++) {
        (void)snprintf(text, sizeof(text), "and back %d", i);
        expect_text(1, both.dialer, text);
    }
}
END_TEST

/* The longest legal frame passes unharmed. */
START_TEST(the_longest_frame_passes)
{
    pair both = connect_to_0(1);
    osri_transport_event event;

    for (size_t i = 0; i < sizeof(big); i++) {
        big[i] = (uint8_t)(i * 7 + i / 251);
    }
    ck_assert_int_eq(nodes[1]->ops->send(nodes[1], both.dialer, big, OSRI_FRAME_BYTES_MAX), OSR_OK);
    event = expect(0, OSRI_CONN_FRAME, both.acceptor);
    ck_assert_uint_eq(event.frame_bytes, OSRI_FRAME_BYTES_MAX);
    ck_assert(memcmp(event.frame, big, OSRI_FRAME_BYTES_MAX) == 0);
}
END_TEST

/* A longer one, and an empty one, are refused, and the connection goes on. */
START_TEST(frames_of_illegal_length_are_refused)
{
    pair both = connect_to_0(1);
    const osri_transport_ops *ops = nodes[1]->ops;

    ck_assert_int_eq(ops->send(nodes[1], both.dialer, big, OSRI_FRAME_BYTES_MAX + 1), OSR_EINVAL);
    ck_assert_int_eq(ops->send(nodes[1], both.dialer, big, 0), OSR_EINVAL);
    nothing_else_at(0, both.acceptor, 1, both.dialer);
}
END_TEST

/* A frame that was polled is unchanged until the next poll, whatever is sent meanwhile. */
START_TEST(a_frame_stays_valid_until_the_next_poll)
{
    pair both = connect_to_0(1);
    osri_transport_event event;

    must_send(1, both.dialer, "one");
    must_send(1, both.dialer, "two");
    event = expect(0, OSRI_CONN_FRAME, both.acceptor);
    must_send(0, both.acceptor, "answer");
    must_send(1, both.dialer, "three");
    ck_assert_uint_eq(event.frame_bytes, 3);
    ck_assert_mem_eq(event.frame, "one", 3);
    expect_text(0, both.acceptor, "two");
    expect_text(0, both.acceptor, "three");
}
END_TEST

/* A number that was never a connection, or no longer is one, cannot be sent to. */
START_TEST(sending_to_no_connection_is_refused)
{
    pair both = connect_to_0(1);

    ck_assert_int_eq(send_text(1, both.dialer + 1000, "x"), OSR_ECLOSED);
    nodes[1]->ops->close(nodes[1], both.dialer, 0);
    ck_assert_int_eq(send_text(1, both.dialer, "x"), OSR_ECLOSED);
    nodes[1]->ops->close(nodes[1], both.dialer, 0);
    nodes[1]->ops->close(nodes[1], both.dialer + 1000, 0);
}
END_TEST

/* close() by the dialer: the acceptor is told once, the dialer not at all. */
START_TEST(closing_tells_the_other_side_once)
{
    pair closed = connect_to_0(1);
    pair kept = connect_to_0(2);

    nodes[1]->ops->close(nodes[1], closed.dialer, 0);
    ck_assert_ptr_nonnull(expect(0, OSRI_CONN_CLOSED, closed.acceptor).text);
    nothing_else_at(0, kept.acceptor, 2, kept.dialer);
    ck_assert_int_eq(send_text(0, closed.acceptor, "x"), OSR_ECLOSED);
    closed = connect_to_0(1);
    nothing_else_at(1, closed.dialer, 0, closed.acceptor);
}
END_TEST

/* close() by the acceptor: the dialer is told once, the acceptor not at all. */
START_TEST(closing_by_the_acceptor_tells_the_dialer_once)
{
    pair closed = connect_to_0(1);
    pair kept = connect_to_0(2);

    nodes[0]->ops->close(nodes[0], closed.acceptor, 0);
    ck_assert_ptr_nonnull(expect(1, OSRI_CONN_CLOSED, closed.dialer).text);
    nothing_else_at(0, kept.acceptor, 2, kept.dialer);
    nothing_else_at(2, kept.dialer, 0, kept.acceptor);
    closed = connect_to_0(1);
    nothing_else_at(1, closed.dialer, 0, closed.acceptor);
}
END_TEST

/* Frames that were sent before a lingering close arrive before its end. */
START_TEST(a_lingering_close_lets_frames_leave)
{
    pair both = connect_to_0(1);
    char text[32];

    for (int i = 0; i < 50; i++) {
        (void)snprintf(text, sizeof(text), "last words %d", i);
        must_send(1, both.dialer, text);
    }
    nodes[1]->ops->close(nodes[1], both.dialer, 5000);
    for (int i = 0; i < 50; i++) {
        (void)snprintf(text, sizeof(text), "last words %d", i);
        expect_text(0, both.acceptor, text);
    }
    (void)expect(0, OSRI_CONN_CLOSED, both.acceptor);
}
END_TEST

/* A dial to where nobody listens ends with CLOSED and a text, once. */
START_TEST(a_dial_to_nobody_is_closed)
{
    osri_conn conn = must_dial(1, maker->nowhere, maker->key(0));
    pair both;

    ck_assert_ptr_nonnull(expect(1, OSRI_CONN_CLOSED, conn).text);
    both = connect_to_0(1);
    nothing_else_at(1, both.dialer, 0, both.acceptor);
}
END_TEST

/* A dial for a key that the listener does not hold never opens, and the listener hears nothing. */
START_TEST(a_dial_for_another_key_is_closed)
{
    osri_conn conn = must_dial(1, endpoint, maker->key(2));

    (void)expect(1, OSRI_CONN_CLOSED, conn);
    (void)connect_to_0(2);
}
END_TEST

/* A key that is not admitted gets CLOSED, is never accepted, and others are. */
START_TEST(a_key_that_is_not_admitted_is_closed)
{
    osri_conn conn;

    rules[0].refuse_key = maker->key(1);
    conn = must_dial(1, endpoint, maker->key(0));
    ck_assert_ptr_nonnull(expect(1, OSRI_CONN_CLOSED, conn).text);
    (void)connect_to_0(2);
}
END_TEST

/* A dial that its owner closes before anything came of it is over: no event follows. */
START_TEST(a_dial_closed_at_once_gives_no_event)
{
    osri_conn conn = must_dial(1, endpoint, maker->key(0));
    osri_transport_event event;
    pair both = {0};

    nodes[1]->ops->close(nodes[1], conn, 0);
    both.dialer = must_dial(1, endpoint, maker->key(0));
    (void)expect(1, OSRI_CONN_OPENED, both.dialer);
    must_send(1, both.dialer, "mine");
    do { /* the listener may have heard of the first one */
        event = next_event(0);
    } while (event.kind != OSRI_CONN_FRAME);
    both.acceptor = event.conn;
    nothing_else_at(1, both.dialer, 0, both.acceptor);
}
END_TEST

/* The numbers of connections are never used again. */
START_TEST(numbers_are_not_reused)
{
    osri_conn dialed[4] = {0};
    osri_conn accepted[4] = {0};

    for (int i = 0; i < 4; i++) {
        pair both = connect_to_0(1);

        for (int j = 0; j < i; j++) {
            ck_assert_uint_ne(both.dialer, dialed[j]);
            ck_assert_uint_ne(both.acceptor, accepted[j]);
        }
        dialed[i] = both.dialer;
        accepted[i] = both.acceptor;
        nodes[1]->ops->close(nodes[1], both.dialer, 0);
        (void)expect(0, OSRI_CONN_CLOSED, both.acceptor);
    }
}
END_TEST

/* Two dialers are told apart, and the end of one is not felt by the other. */
START_TEST(connections_are_independent)
{
    pair one = connect_to_0(1);
    pair two = connect_to_0(2);

    ck_assert_uint_ne(one.acceptor, two.acceptor);
    must_send(0, two.acceptor, "to two");
    must_send(0, one.acceptor, "to one");
    expect_text(1, one.dialer, "to one");
    expect_text(2, two.dialer, "to two");
    nodes[0]->ops->close(nodes[0], one.acceptor, 0);
    (void)expect(1, OSRI_CONN_CLOSED, one.dialer);
    nothing_else_at(2, two.dialer, 0, two.acceptor);
}
END_TEST

/* free() with open connections ends them: the others get CLOSED. */
START_TEST(freeing_a_transport_closes_its_connections)
{
    pair one = connect_to_0(1);
    pair two = connect_to_0(2);

    free_node(0);
    (void)expect(1, OSRI_CONN_CLOSED, one.dialer);
    (void)expect(2, OSRI_CONN_CLOSED, two.dialer);
}
END_TEST

/* What was sent to an earlier incarnation at the same endpoint never reaches the next one. */
START_TEST(frames_for_the_dead_do_not_reach_their_successor)
{
    pair old = connect_to_0(1);
    char again[OSRI_ENDPOINT_BYTES];
    pair both;

    free_node(0);
    for (int i = 0; i < 5; i++) {
        (void)!send_text(1, old.dialer, "for the dead"); /* taken or refused: both are right */
    }
    (void)expect(1, OSRI_CONN_CLOSED, old.dialer);
    nodes[0] = maker->make(0, &rules[0]);
    ck_assert_int_eq(nodes[0]->ops->listen(nodes[0], endpoint, again), OSR_OK);
    ck_assert_str_eq(again, endpoint);
    both = connect_to_0(1);
    ck_assert_uint_ne(both.dialer, old.dialer);
    nothing_else_at(0, both.acceptor, 1, both.dialer);
}
END_TEST

/* wake() before poll() makes that poll return without an event. */
START_TEST(a_wake_is_not_lost)
{
    osri_transport_event event;
    double start_s = now_s();

    nodes[0]->ops->wake(nodes[0]);
    ck_assert(!nodes[0]->ops->poll(nodes[0], DEADLINE_S * UINT64_C(1000000000), &event));
    ck_assert(now_s() - start_s < DEADLINE_S - 1);
}
END_TEST

static void *wake_node_0(void *unused)
{
    (void)unused;
    nodes[0]->ops->wake(nodes[0]);
    return NULL;
}

/* wake() from another thread ends a poll() that waits, or the next one. */
START_TEST(a_wake_from_another_thread_ends_a_poll)
{
    osri_transport_event event;
    double start_s = now_s();
    pthread_t thread;

    if (!maker->threads) {
        return;
    }
    ck_assert_int_eq(pthread_create(&thread, NULL, wake_node_0, NULL), 0);
    ck_assert(!nodes[0]->ops->poll(nodes[0], DEADLINE_S * UINT64_C(1000000000), &event));
    ck_assert(now_s() - start_s < DEADLINE_S - 1);
    ck_assert_int_eq(pthread_join(thread, NULL), 0);
}
END_TEST

Suite *osri_transport_suite(const osri_transport_maker *the_maker)
{
    Suite *suite = suite_create(the_maker->name);
    TCase *tests = tcase_create("contract");

    maker = the_maker;
    tcase_set_timeout(tests, 3 * DEADLINE_S);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_address_in_use_is_refused);
    tcase_add_test(tests, a_malformed_endpoint_is_refused);
    tcase_add_test(tests, frames_keep_their_order_in_both_directions);
    tcase_add_test(tests, the_longest_frame_passes);
    tcase_add_test(tests, frames_of_illegal_length_are_refused);
    tcase_add_test(tests, a_frame_stays_valid_until_the_next_poll);
    tcase_add_test(tests, sending_to_no_connection_is_refused);
    tcase_add_test(tests, closing_tells_the_other_side_once);
    tcase_add_test(tests, closing_by_the_acceptor_tells_the_dialer_once);
    tcase_add_test(tests, a_lingering_close_lets_frames_leave);
    tcase_add_test(tests, a_dial_to_nobody_is_closed);
    tcase_add_test(tests, a_dial_for_another_key_is_closed);
    tcase_add_test(tests, a_key_that_is_not_admitted_is_closed);
    tcase_add_test(tests, a_dial_closed_at_once_gives_no_event);
    tcase_add_test(tests, numbers_are_not_reused);
    tcase_add_test(tests, connections_are_independent);
    tcase_add_test(tests, freeing_a_transport_closes_its_connections);
    tcase_add_test(tests, frames_for_the_dead_do_not_reach_their_successor);
    tcase_add_test(tests, a_wake_is_not_lost);
    tcase_add_test(tests, a_wake_from_another_thread_ends_a_poll);
    suite_add_tcase(suite, tests);
    return suite;
}
