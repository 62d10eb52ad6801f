/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "zmq_world.h"

#include <dirent.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

extern char **environ;

static bool admit(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    const node *node = context;
    const uint8_t *only_key = node->only_key; /* read on the key-checking thread */
    return address[0] && (!only_key || memcmp(key, only_key, OSRI_KEY_BYTES) == 0);
}

const char *own_ports(void)
{
    static char endpoint[OSRI_ENDPOINT_BYTES];
    int first = 10000 + getpid() % 200 * 100;
    snprintf(endpoint, sizeof endpoint, "tcp://127.0.0.1:%d-%d", first, first + 99);
    return endpoint;
}

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

uint64_t sum_of(const uint8_t *bytes, size_t count)
{
    uint64_t sum = 1469598103934665603u;
    for (size_t i = 0; i < count; i++) {
        sum = (sum ^ bytes[i]) * 1099511628211u;
    }
    return sum;
}

unsigned count_descriptors(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(directory);
    while (readdir(directory)) {
        count++;
    }
    closedir(directory);
    return count;
}

void node_start_with(node *node, const char *endpoint, osri_zmq_options options)
{
    const uint8_t *only_key = node->only_key;
    memset(node, 0, sizeof *node);
    node->only_key = only_key;
    node->options = options;
    node->options.admit = admit;
    node->options.admit_context = node;
    crypto_box_keypair(node->options.key_public, node->options.key_secret);
    ck_err(osri_zmq_transport_new(&node->options, &node->transport), OSR_OK);
    if (endpoint) {
        ck_err(node->transport->ops->listen(node->transport, endpoint, node->endpoint), OSR_OK);
    }
}

void node_start(node *node, const char *endpoint)
{
    node_start_with(node, endpoint, (osri_zmq_options){.tick_ms = 10000});
}

void node_stop(node *node)
{
    if (node->transport) {
        node->transport->ops->free(node->transport, 0);
        node->transport = NULL;
    }
}

osri_conn node_dial(node *from, const node *to)
{
    osri_conn conn = 0;
    ck_err(from->transport->ops->dial(from->transport, to->endpoint, to->options.key_public, &conn),
           OSR_OK);
    ck_assert_uint_ne(conn, 0);
    return conn;
}

static void log_conn(node *node, osri_conn conn)
{
    if (node->conn_count < 8) {
        node->conns[node->conn_count++] = conn;
    }
}

static void log_frame(node *node, const osri_transport_event *event)
{
    node->frames++;
    node->last_frame_conn = event->conn;
    node->last_frame_bytes = event->frame_bytes;
    node->sum_of_last_frame = sum_of(event->frame, event->frame_bytes);
    for (unsigned i = 0; i < node->conn_count; i++) {
        node->frames_of[i] += node->conns[i] == event->conn;
    }
}

bool node_poll(node *node, uint32_t timeout_ms)
{
    osri_transport_event event;
    if (!node->transport->ops->poll(node->transport, timeout_ms * UINT64_C(1000000), &event)) {
        return false;
    }
    switch (event.kind) {
    case OSRI_CONN_OPENED:
        node->opened++;
        log_conn(node, event.conn);
        break;
    case OSRI_CONN_ACCEPTED:
        node->accepted++;
        node->last_accepted = event;
        log_conn(node, event.conn);
        break;
    case OSRI_CONN_FRAME:
        log_frame(node, &event);
        break;
    case OSRI_CONN_CLOSED:
        node->closed++;
        node->last_closed = event;
        snprintf(node->closed_text, sizeof node->closed_text, "%s", event.text);
        break;
    }
    return true;
}

void poll_both(node *first, node *second)
{
    node_poll(first, 2);
    if (second) {
        node_poll(second, 2);
    }
}

void send_text(node *node, osri_conn conn, const char *text)
{
    ck_err(node->transport->ops->send(node->transport, conn, (const uint8_t *)text, strlen(text)),
           OSR_OK);
}

osri_conn join_nodes(node *a, node *b, osri_conn *ret_other)
{
    unsigned accepted = a->accepted, opened = b->opened;
    osri_conn at_b = node_dial(b, a);
    wait_for(b, a, b->opened > opened);
    send_text(b, at_b, "hello");
    wait_for(a, b, a->accepted > accepted);
    osri_conn at_a = a->last_accepted.conn;
    wait_for(a, b, a->last_frame_conn == at_a);
    check_alive(a, at_a, b, at_b);
    *ret_other = at_a;
    return at_b;
}

void check_alive(node *a, osri_conn at_a, node *b, osri_conn at_b)
{
    unsigned frames_a = a->frames, frames_b = b->frames;
    send_text(b, at_b, "there");
    wait_for(a, b, a->frames > frames_a);
    ck_assert_uint_eq(a->last_frame_conn, at_a);
    send_text(a, at_a, "and back");
    wait_for(b, a, b->frames > frames_b);
    ck_assert_uint_eq(b->last_frame_conn, at_b);
    ck_assert_uint_eq(b->sum_of_last_frame, sum_of((const uint8_t *)"and back", 8));
}

pid_t spawn_self(char *const arguments[], int *ret_output)
{
    posix_spawn_file_actions_t actions;
    int ends[2];
    pid_t pid;
    ck_assert_int_eq(pipe(ends), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    ck_assert_int_eq(posix_spawn(&pid, "/proc/self/exe", &actions, NULL, arguments, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *ret_output = ends[0];
    return pid;
}
