/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_ZMQ_WORLD_H
#define OSR_TESTS_ZMQ_WORLD_H

#include <check.h>
#include <sys/types.h>

#include "dist/zmq/transport.h"

/* A few real transports in one test, with a log of what each reported. */

#define DEADLINE_MS 20000
#define NODES_MAX 4

typedef struct node {
    osri_zmq_options options;
    osri_transport *transport;
    char endpoint[OSRI_ENDPOINT_BYTES];
    const uint8_t *_Atomic only_key; /* the only key admitted; NULL: every key */

    /* log */
    unsigned opened, accepted, frames, closed;
    osri_transport_event last_accepted, last_closed;
    char closed_text[128];
    osri_conn last_frame_conn;
    size_t last_frame_bytes;
    uint64_t sum_of_last_frame;
    unsigned frames_of[8]; /* of the first connections, see conns */
    osri_conn conns[8];    /* in the order in which they opened or were accepted */
    unsigned conn_count;
} node;

/* Where to listen: a range of this OS process's own, so that no other test takes a port between
 * two uses of it. */
const char *own_ports(void);

/* Gives node keys; endpoint NULL: it does not listen. */
void node_start(node *node, const char *endpoint);
void node_start_with(node *node, const char *endpoint, osri_zmq_options options);
void node_stop(node *node);

osri_conn node_dial(node *from, const node *to);

/* Takes at most one event of it, and says whether there was one. */
bool node_poll(node *node, uint32_t timeout_ms);

void poll_both(node *first, node *second);

uint64_t sum_of(const uint8_t *bytes, size_t count);
uint64_t now_ms(void);
unsigned count_descriptors(void);

/* Sends one frame of this text. */
void send_text(node *node, osri_conn conn, const char *text);

/* Polls both nodes (second NULL: only the first) until the condition holds. */
#define wait_for(first, second, condition)                                                         \
    do {                                                                                           \
        uint64_t wait_end_ = now_ms() + DEADLINE_MS;                                               \
        while (!(condition)) {                                                                     \
            ck_assert_msg(now_ms() < wait_end_, "never came: %s", #condition);                     \
            poll_both((first), (second));                                                          \
        }                                                                                          \
    } while (0)

#define ck_err(actual, expected) ck_assert_str_eq(osr_err_name(actual), osr_err_name(expected))

/* A connection from b to a with one frame over it each way; returns b's number of it, a's in
 * ret_other. */
osri_conn join_nodes(node *a, node *b, osri_conn *ret_other);

/* One frame each way over it still gets through. */
void check_alive(node *a, osri_conn at_a, node *b, osri_conn at_b);

/* A program of this test in an OS process of its own: run with these arguments, its output in
 * *ret_output. */
pid_t spawn_self(char *const arguments[], int *ret_output);

/* What a spawned program does, outside of any test: "peer listen" or "peer dial ENDPOINT KEY",
 * sending one frame. Prints "ENDPOINT KEY" of itself once it is up; lives until it is killed, at
 * most a minute. */
int zmq_peer_main(int count, char **arguments);

#endif
