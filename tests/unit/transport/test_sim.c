/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/sim/sim.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"

/* What only a simulated network can do: faults, virtual time, replay. Node 2 dials node 1. */

#define MS UINT64_C(1000000)
#define S UINT64_C(1000000000)

static osri_sim_network *network;
static osri_transport *nodes[3];
static osri_conn dialer, acceptor;
static char trace[65536];
static uint64_t blocks_before;

static void make(uint64_t seed, const osri_sim_options *options)
{
    uint8_t key[OSRI_KEY_BYTES];

    ck_assert_int_eq(osri_sim_network_new(seed, options, &network), OSR_OK);
    for (uint32_t i = 1; i < 3; i++) {
        memset(key, (int)i, sizeof(key));
        ck_assert_int_eq(osri_sim_transport_new(network, i, key, NULL, NULL, &nodes[i]), OSR_OK);
    }
    trace[0] = '\0';
}

static void end(void)
{
    for (int i = 1; i < 3; i++) {
        if (nodes[i] != NULL) {
            nodes[i]->ops->free(nodes[i], 0);
            nodes[i] = NULL;
        }
    }
    osri_sim_network_free(&network);
}

static void note(int node, const osri_transport_event *event)
{
    static const char *const names[] = {"", "opened", "accepted", "frame", "closed"};
    size_t used = strlen(trace);

    (void)snprintf(trace + used, sizeof(trace) - used, "%d %s%s%.*s\n", node, names[event->kind],
                   event->kind == OSRI_CONN_FRAME ? " " : "", (int)event->frame_bytes,
                   event->kind == OSRI_CONN_FRAME ? (const char *)event->frame : "");
}

/* Lets time pass; the trace holds what the nodes saw. */
static void run_until(uint64_t now_ns)
{
    osri_transport_event event;

    do {
        uint64_t due_ns = osri_sim_next_due(network);

        osri_sim_advance(network, due_ns < now_ns ? due_ns : now_ns);
        for (int i = 1; i < 3; i++) {
            while (nodes[i]->ops->poll(nodes[i], 0, &event)) {
                note(i, &event);
                acceptor = event.kind == OSRI_CONN_ACCEPTED ? event.conn : acceptor;
            }
        }
    } while (osri_sim_now(network) < now_ns);
}

static void run_for(uint64_t ns)
{
    run_until(osri_sim_now(network) + ns);
}

static void dial(void)
{
    uint8_t key[OSRI_KEY_BYTES];

    memset(key, 1, sizeof(key));
    ck_assert_int_eq(nodes[2]->ops->dial(nodes[2], "sim://1", key, &dialer), OSR_OK);
}

static void connect_nodes(void)
{
    char endpoint[OSRI_ENDPOINT_BYTES];

    ck_assert_int_eq(nodes[1]->ops->listen(nodes[1], "sim://1", endpoint), OSR_OK);
    ck_assert_str_eq(endpoint, "sim://1");
    dial();
    run_for(10 * MS);
    ck_assert_str_eq(trace, "1 accepted\n2 opened\n");
    trace[0] = '\0';
}

static osr_err send_text(int node, osri_conn conn, const char *text)
{
    return nodes[node]->ops->send(nodes[node], conn, (const uint8_t *)text, strlen(text));
}

static void send_numbers(int count)
{
    char text[16];

    for (int i = 0; i < count; i++) {
        (void)snprintf(text, sizeof(text), "%d", i);
        ck_assert_int_eq(send_text(2, dialer, text), OSR_OK);
    }
}

/* The trace is `1 frame 0`, `1 frame 1`, ... and then `1 closed`; returns the number of frames. */
static int prefix_then_closed(void)
{
    const char *at = trace;
    char line[32];
    int count = 0;

    for (;; count++) {
        (void)snprintf(line, sizeof(line), "1 frame %d\n", count);
        if (strncmp(at, line, strlen(line)) != 0) {
            break;
        }
        at += strlen(line);
    }
    ck_assert_msg(strncmp(at, "1 closed\n", 9) == 0, "%s", trace);
    return count;
}

/* The trace holds the line; takes it out. */
static void erase(const char *line)
{
    char *at = strstr(trace, line);

    ck_assert_ptr_nonnull(at);
    memmove(at, at + strlen(line), strlen(at + strlen(line)) + 1);
}

static void set_up(void)
{
    blocks_before = osri_heap_live_blocks();
    make(7, NULL);
}

static void tear_down(void)
{
    end();
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

/* A cut is silence, one way only; after it heals what was held arrives in order. */
START_TEST(a_cut_is_silence_until_it_heals)
{
    connect_nodes();
    osri_sim_cut(network, 2, 1);
    send_numbers(3);
    ck_assert_int_eq(send_text(1, acceptor, "back"), OSR_OK);
    run_for(60 * S);
    ck_assert_str_eq(trace, "2 frame back\n");
    osri_sim_heal(network, 2, 1);
    run_for(10 * MS);
    ck_assert_str_eq(trace, "2 frame back\n1 frame 0\n1 frame 1\n1 frame 2\n");
}
END_TEST

/* The end of a connection does not pass a cut: the other side does not learn of it. */
START_TEST(a_close_does_not_pass_a_cut)
{
    connect_nodes();
    osri_sim_cut(network, 2, 1);
    nodes[2]->ops->close(nodes[2], dialer, 0);
    run_for(60 * S);
    ck_assert_str_eq(trace, "");
    osri_sim_heal(network, 2, 1);
    run_for(10 * MS);
    ck_assert_str_eq(trace, "1 closed\n");
}
END_TEST

/* A dial into a cut ends when its time is over. */
START_TEST(a_dial_into_a_cut_times_out)
{
    osri_sim_cut(network, 2, 1);
    dial();
    run_for(2999 * MS);
    ck_assert_str_eq(trace, "");
    run_for(2 * MS);
    ck_assert_str_eq(trace, "2 closed\n");
}
END_TEST

/* A stall delays what is sent meanwhile, and ends by itself. */
START_TEST(a_stall_ends_by_itself)
{
    connect_nodes();
    osri_sim_stall(network, 2, 1, 500 * MS);
    send_numbers(2);
    run_for(499 * MS);
    ck_assert_str_eq(trace, "");
    run_for(2 * MS);
    ck_assert_str_eq(trace, "1 frame 0\n1 frame 1\n");
}
END_TEST

/* A delay makes one way longer and keeps the order; what it holds it does not lose. */
START_TEST(a_delay_is_one_way_and_keeps_order)
{
    connect_nodes();
    osri_sim_delay(network, 2, 1, 500 * MS);
    send_numbers(2);
    osri_sim_delay(network, 2, 1, 0);
    ck_assert_int_eq(send_text(2, dialer, "2"), OSR_OK);
    ck_assert_int_eq(send_text(1, acceptor, "back"), OSR_OK);
    run_for(499 * MS);
    ck_assert_str_eq(trace, "2 frame back\n");
    run_for(2 * MS);
    ck_assert_str_eq(trace, "2 frame back\n1 frame 0\n1 frame 1\n1 frame 2\n");
    ck_assert_uint_eq(osri_sim_lost(network), 0);
}
END_TEST

/* A reset loses a suffix, of different length with different seeds, and both sides are told
 * once. */
START_TEST(a_reset_loses_a_suffix)
{
    bool seen[11] = {false};
    int kinds = 0;
    int count;

    for (uint64_t seed = 0; seed < 64; seed++) {
        end();
        make(seed, NULL);
        connect_nodes();
        send_numbers(10);
        osri_sim_reset(network, 1, 2);
        ck_assert_int_eq(send_text(2, dialer, "late"), OSR_ECLOSED);
        run_for(10 * MS);
        erase("2 closed\n");
        count = prefix_then_closed();
        ck_assert_uint_eq(osri_sim_lost(network), 10 - (uint64_t)count);
        seen[count] = true;
    }
    for (int i = 0; i < 11; i++) {
        kinds += seen[i] ? 1 : 0;
    }
    ck_assert_int_ge(kinds, 9);
}
END_TEST

/* A loud crash: the other side gets a prefix, then CLOSED; the crashed one can only be freed. */
START_TEST(a_loud_crash_is_heard)
{
    connect_nodes();
    send_numbers(5);
    osri_sim_crash(nodes[2], true);
    ck_assert_int_eq(send_text(2, dialer, "late"), OSR_ECLOSED);
    run_for(10 * MS);
    ck_assert_int_le(prefix_then_closed(), 5);
}
END_TEST

/* A silent crash: the other side hears nothing, may go on sending, and a new node can take the
 * place. */
START_TEST(a_silent_crash_is_not_heard)
{
    char endpoint[OSRI_ENDPOINT_BYTES];
    uint8_t key[OSRI_KEY_BYTES] = {0};

    connect_nodes();
    osri_sim_crash(nodes[1], false);
    send_numbers(5);
    run_for(60 * S);
    ck_assert_str_eq(trace, "");
    nodes[1]->ops->free(nodes[1], 0);
    ck_assert_int_eq(osri_sim_transport_new(network, 1, key, NULL, NULL, &nodes[1]), OSR_OK);
    ck_assert_int_eq(nodes[1]->ops->listen(nodes[1], "sim://1", endpoint), OSR_OK);
    send_numbers(1);
    run_for(1 * S);
    ck_assert_str_eq(trace, "");
}
END_TEST

/* What is on its way is bounded: beyond it EFULL, and room again once it has arrived. */
START_TEST(a_full_connection_refuses)
{
    end();
    make(1, &(osri_sim_options){.send_bytes_max = 8});
    connect_nodes();
    ck_assert_int_eq(send_text(2, dialer, "12345"), OSR_OK);
    ck_assert_int_eq(send_text(2, dialer, "6789"), OSR_EFULL);
    run_for(10 * MS);
    ck_assert_int_eq(send_text(2, dialer, "6789"), OSR_OK);
    run_for(10 * MS);
    ck_assert_str_eq(trace, "1 frame 12345\n1 frame 6789\n");
}
END_TEST

/* A limited rate takes its time. */
START_TEST(a_rate_is_kept)
{
    static const uint8_t frame[100000];

    end();
    make(1, &(osri_sim_options){.bytes_per_second = 1000000});
    connect_nodes();
    ck_assert_int_eq(nodes[2]->ops->send(nodes[2], dialer, frame, sizeof(frame)), OSR_OK);
    run_for(99 * MS);
    ck_assert_str_eq(trace, "");
    run_for(3 * MS);
    ck_assert_str_ne(trace, "");
}
END_TEST

static void story(uint64_t seed, char ret_trace[sizeof(trace)])
{
    end();
    make(seed, NULL);
    connect_nodes();
    for (int i = 0; i < 50; i++) {
        (void)send_text(2, dialer, "there");
        (void)send_text(1, acceptor, "back");
        run_for(osri_sim_random(network, MS));
    }
    osri_sim_reset(network, 1, 2);
    run_for(S);
    memcpy(ret_trace, trace, sizeof(trace));
}

/* One seed, one run; another seed, another. */
START_TEST(a_seed_replays_a_run)
{
    static char first[sizeof(trace)], second[sizeof(trace)], other[sizeof(trace)];

    story(42, first);
    story(42, second);
    story(43, other);
    ck_assert_str_eq(first, second);
    ck_assert_str_ne(first, other);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tests = tcase_create("faults");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_cut_is_silence_until_it_heals);
    tcase_add_test(tests, a_close_does_not_pass_a_cut);
    tcase_add_test(tests, a_dial_into_a_cut_times_out);
    tcase_add_test(tests, a_stall_ends_by_itself);
    tcase_add_test(tests, a_delay_is_one_way_and_keeps_order);
    tcase_add_test(tests, a_reset_loses_a_suffix);
    tcase_add_test(tests, a_loud_crash_is_heard);
    tcase_add_test(tests, a_silent_crash_is_not_heard);
    tcase_add_test(tests, a_full_connection_refuses);
    tcase_add_test(tests, a_rate_is_kept);
    tcase_add_test(tests, a_seed_replays_a_run);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
