/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sodium.h>

#include "lib/core/heap.h"
#include "zmq_world.h"

/* How connections of the ZeroMQ transport begin, carry frames and end. */

static node a, b;

static void start_two(void)
{
    a.only_key = b.only_key = NULL;
    node_start(&a, own_ports());
    node_start(&b, NULL);
}

static void stop_two(void)
{
    node_stop(&a);
    node_stop(&b);
}

/* A TCP port where connections are taken and nothing is ever said. */
static int listen_mutely(char *ret_endpoint)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t bytes = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    ck_assert_int_eq(listen(fd, 8), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &bytes), 0);
    snprintf(ret_endpoint, OSRI_ENDPOINT_BYTES, "tcp://127.0.0.1:%d", ntohs(address.sin_port));
    return fd;
}

/* Both sides learn the key that the other one proved, and where it came from. */
START_TEST(both_sides_know_whom_they_speak_to)
{
    osri_conn at_a;
    join_nodes(&a, &b, &at_a);
    ck_assert_mem_eq(a.last_accepted.peer_key, b.options.key_public, OSRI_KEY_BYTES);
    ck_assert_str_eq(a.last_accepted.peer_address, "127.0.0.1");
    ck_assert_uint_eq(a.closed + b.closed, 0);
}
END_TEST

/* Frames of every size from one byte to the limit arrive bit for bit, in both directions. */
START_TEST(frames_of_all_sizes_arrive_exactly)
{
    static const size_t sizes[] = {1, 2, 33, 255, 256, 4096, 65535, 65536, OSRI_FRAME_BYTES_MAX};
    static uint8_t bytes[OSRI_FRAME_BYTES_MAX];
    osri_conn at_a, at_b = join_nodes(&a, &b, &at_a);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (int direction = 0; direction < 2; direction++) {
            node *from = direction ? &a : &b, *to = direction ? &b : &a;
            unsigned frames = to->frames;
            randombytes_buf(bytes, sizes[i]);
            ck_err(from->transport->ops->send(from->transport, direction ? at_a : at_b, bytes,
                                              sizes[i]),
                   OSR_OK);
            wait_for(to, from, to->frames > frames);
            ck_assert_uint_eq(to->last_frame_bytes, sizes[i]);
            ck_assert_uint_eq(to->sum_of_last_frame, sum_of(bytes, sizes[i]));
        }
    }
}
END_TEST

/* A frame beyond the limit, or an empty one, is refused before it leaves, and the connection stays.
 */
START_TEST(frames_beyond_the_limits_are_refused)
{
    static uint8_t bytes[OSRI_FRAME_BYTES_MAX + 1];
    osri_conn at_a, at_b = join_nodes(&a, &b, &at_a);
    ck_err(b.transport->ops->send(b.transport, at_b, bytes, sizeof bytes), OSR_EINVAL);
    ck_err(b.transport->ops->send(b.transport, at_b, bytes, 0), OSR_EINVAL);
    ck_err(a.transport->ops->send(a.transport, at_a, bytes, sizeof bytes), OSR_EINVAL);
    check_alive(&a, at_a, &b, at_b);
}
END_TEST

/* A dial to a port where nobody listens ends at once, not at its deadline. */
START_TEST(dial_to_nobody_is_closed_soon)
{
    osri_conn conn = 0;
    uint64_t start = now_ms();
    ck_err(b.transport->ops->dial(b.transport, "tcp://127.0.0.1:1", a.options.key_public, &conn),
           OSR_OK);
    wait_for(&b, NULL, b.closed == 1);
    ck_assert_uint_eq(b.last_closed.conn, conn);
    ck_assert_uint_lt(now_ms() - start, 3000);
    ck_assert_ptr_nonnull(strstr(b.closed_text, "nobody answers"));
    ck_assert_uint_eq(b.opened, 0);
}
END_TEST

/* A dial to a port that never speaks is closed at our own deadline, with exactly one event. */
START_TEST(dial_without_answer_ends_at_the_deadline)
{
    node hasty;
    char endpoint[OSRI_ENDPOINT_BYTES];
    osri_conn conn = 0;
    uint64_t start = now_ms();
    int mute = listen_mutely(endpoint);
    memset(&hasty, 0, sizeof hasty);
    node_start_with(&hasty, NULL, (osri_zmq_options){.connect_ms = 300});
    ck_err(hasty.transport->ops->dial(hasty.transport, endpoint, a.options.key_public, &conn),
           OSR_OK);
    wait_for(&hasty, NULL, hasty.closed == 1);
    ck_assert_uint_eq(hasty.last_closed.conn, conn);
    ck_assert_str_eq(hasty.closed_text, "no connection within the time allowed");
    ck_assert_uint_ge(now_ms() - start, 300);
    ck_assert(!node_poll(&hasty, 20));
    node_stop(&hasty);
    close(mute);
}
END_TEST

/* A dialer that expects another key than the listener has gets no connection, and neither side
 * hears anything. */
START_TEST(dial_with_wrong_server_key_is_closed)
{
    osri_conn conn = 0;
    ck_err(b.transport->ops->dial(b.transport, a.endpoint, b.options.key_public, &conn), OSR_OK);
    wait_for(&b, &a, b.closed == 1);
    ck_assert_str_eq(b.closed_text, "peer closed during CURVE handshake");
    ck_assert_uint_eq(b.opened + a.accepted + a.frames, 0);
}
END_TEST

/* Who is not admitted is told so, and nothing of it is ever delivered. */
START_TEST(unknown_key_is_refused)
{
    a.only_key = a.options.key_public;
    node_dial(&b, &a);
    wait_for(&b, &a, b.closed == 1);
    ck_assert_str_eq(b.closed_text, "refused by peer (auth)");
    ck_assert_uint_eq(b.opened, 0);
    ck_assert(!node_poll(&a, 20));
    ck_assert_uint_eq(a.accepted + a.frames, 0);
}
END_TEST

/* A name is looked up; an unknown one closes the dial with a reason. */
START_TEST(dial_by_name)
{
    osri_conn conn = 0;
    char endpoint[OSRI_ENDPOINT_BYTES];
    snprintf(endpoint, sizeof endpoint, "tcp://localhost%s", strrchr(a.endpoint, ':'));
    ck_err(b.transport->ops->dial(b.transport, endpoint, a.options.key_public, &conn), OSR_OK);
    wait_for(&b, &a, b.opened == 1);
    ck_err(b.transport->ops->dial(b.transport, "tcp://no-such-host.invalid:9100",
                                  a.options.key_public, &conn),
           OSR_OK);
    wait_for(&b, &a, b.closed == 1);
    ck_assert_uint_eq(b.last_closed.conn, conn);
}
END_TEST

/* Text that is no endpoint, or not for that use, is refused without any event. */
START_TEST(bad_endpoints_are_refused)
{
    static const char *const bad[] = {"",
                                      "tcp://",
                                      "tcp://127.0.0.1",
                                      "tcp://127.0.0.1:",
                                      "tcp://127.0.0.1:0",
                                      "tcp://127.0.0.1:65536",
                                      "tcp://127.0.0.1:9100x",
                                      "tcp://127.0.0.1:9100-9101",
                                      "tcp://*:9100",
                                      "tcp://a b:9100",
                                      "tcp://;127.0.0.1:9100",
                                      "tcp://[::1:9100",
                                      "ipc://x",
                                      "inproc://x"};
    osri_conn conn = 0;
    char bound[OSRI_ENDPOINT_BYTES];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        ck_err(b.transport->ops->dial(b.transport, bad[i], a.options.key_public, &conn),
               OSR_EINVAL);
    }
    ck_err(b.transport->ops->listen(b.transport, "tcp://127.0.0.1:40000", bound), OSR_EINVAL);
    ck_err(b.transport->ops->listen(b.transport, "tcp://127.0.0.1:9199-9100", bound), OSR_EINVAL);
    ck_err(a.transport->ops->listen(a.transport, own_ports(), bound), OSR_EINVAL);
    ck_assert(!node_poll(&b, 0));
}
END_TEST

/* A port that is taken is an error when it is the only one, and passed over in a range. */
START_TEST(taken_port)
{
    char bound[OSRI_ENDPOINT_BYTES], range[OSRI_ENDPOINT_BYTES];
    int port = atoi(strrchr(a.endpoint, ':') + 1);
    ck_err(b.transport->ops->listen(b.transport, a.endpoint, bound), OSR_EADDRESS);
    ck_err(b.transport->ops->listen(b.transport, "tcp://192.0.2.1:9100", bound), OSR_EADDRESS);
    snprintf(range, sizeof range, "tcp://127.0.0.1:%d-%d", port, port + 50);
    ck_err(b.transport->ops->listen(b.transport, range, bound), OSR_OK);
    ck_assert_int_gt(atoi(strrchr(bound, ':') + 1), port);
}
END_TEST

/* When free() returns the port can be taken again. */
START_TEST(port_is_free_after_free)
{
    char endpoint[OSRI_ENDPOINT_BYTES];
    strcpy(endpoint, a.endpoint);
    for (int i = 0; i < 20; i++) {
        osri_conn at_a;
        join_nodes(&a, &b, &at_a);
        node_stop(&a);
        node_start(&a, endpoint);
        ck_assert_str_eq(a.endpoint, endpoint);
    }
}
END_TEST

/* Without a rule of admission nobody can be checked, so nobody may come. */
START_TEST(listen_without_key_check_fails_closed)
{
    char bound[OSRI_ENDPOINT_BYTES];
    osri_zmq_options options = a.options;
    osri_transport *transport = NULL;
    options.admit = NULL;
    ck_err(osri_zmq_transport_new(&options, &transport), OSR_OK);
    ck_err(transport->ops->listen(transport, own_ports(), bound), OSR_EPERM);
    transport->ops->free(transport, 0);
}
END_TEST

/* The dialer closes: it hears nothing more, the acceptor gets what was sent and then one CLOSED. */
START_TEST(close_by_the_dialer)
{
    osri_conn at_a, at_b = join_nodes(&a, &b, &at_a);
    unsigned frames = a.frames;
    send_text(&b, at_b, "last words");
    b.transport->ops->close(b.transport, at_b, 2000);
    ck_err(b.transport->ops->send(b.transport, at_b, (const uint8_t *)"x", 1), OSR_ECLOSED);
    wait_for(&a, &b, a.closed == 1);
    ck_assert_uint_eq(a.last_closed.conn, at_a);
    ck_assert_uint_eq(a.frames, frames + 1);
    ck_assert_uint_eq(a.sum_of_last_frame, sum_of((const uint8_t *)"last words", 10));
    ck_err(a.transport->ops->send(a.transport, at_a, (const uint8_t *)"x", 1), OSR_ECLOSED);
    ck_assert_uint_eq(b.closed, 0);
}
END_TEST

/* The acceptor closes: frames that still come are not delivered, the dialer gets one CLOSED, others
 * stay. */
START_TEST(close_by_the_acceptor)
{
    osri_conn at_a1, at_a2;
    osri_conn at_b1 = join_nodes(&a, &b, &at_a1), at_b2 = join_nodes(&a, &b, &at_a2);
    unsigned frames = a.frames;
    for (int i = 0; i < 20; i++) {
        send_text(&b, at_b1, "too late");
    }
    wait_for(&a, NULL, a.frames > frames); /* the others are there or on their way */
    frames = a.frames;
    a.transport->ops->close(a.transport, at_a1, 0);
    for (int i = 0; i < 20; i++) {
        node_poll(&a, 1);
    }
    wait_for(&b, &a, b.closed == 1);
    ck_assert_uint_eq(b.last_closed.conn, at_b1);
    ck_assert_str_eq(b.closed_text, "connection lost");
    ck_assert_uint_eq(a.frames, frames);
    check_alive(&a, at_a2, &b, at_b2);
    ck_assert_uint_eq(a.closed, 0);
}
END_TEST

/* With time to linger the last frame of a closing acceptor still arrives. */
START_TEST(acceptor_lingers)
{
    osri_conn at_a, at_b = join_nodes(&a, &b, &at_a);
    unsigned frames = b.frames;
    send_text(&a, at_a, "goodbye");
    a.transport->ops->close(a.transport, at_a, 200);
    wait_for(&b, &a, b.closed == 1);
    ck_assert_uint_eq(b.last_closed.conn, at_b);
    ck_assert_uint_eq(b.frames, frames + 1);
    ck_assert_uint_eq(a.closed, 0);
}
END_TEST

/* A transport that is freed with time to linger still delivers what it had sent. */
START_TEST(free_lingers)
{
    osri_conn at_a, at_b = join_nodes(&a, &b, &at_a);
    unsigned frames_a = a.frames;
    (void)at_a;
    for (int i = 0; i < 100; i++) {
        send_text(&b, at_b, "goodbye");
    }
    b.transport->ops->free(b.transport, 5000);
    b.transport = NULL;
    wait_for(&a, NULL, a.closed == 1);
    ck_assert_uint_eq(a.frames, frames_a + 100);
}
END_TEST

/* Who dials, sends and is gone at once is reported whole: accepted, its frame, closed. */
START_TEST(short_visits_are_reported_whole)
{
    for (unsigned i = 1; i <= 30; i++) {
        unsigned opened = b.opened;
        osri_conn conn = node_dial(&b, &a);
        wait_for(&b, NULL,
                 b.opened > opened); /* a is not polled: it finds begin, frame and end together */
        send_text(&b, conn, "hello and goodbye");
        b.transport->ops->close(b.transport, conn, 2000);
        if (i % 3 == 0) {
            wait_for(&a, NULL, a.accepted == i && a.frames == i && a.closed == i);
        }
    }
}
END_TEST

/* Fifty dials at once all come up, each carrying its own frame. */
START_TEST(fifty_simultaneous_dials)
{
    osri_conn conns[50];
    for (int i = 0; i < 50; i++) {
        conns[i] = node_dial(&b, &a);
    }
    wait_for(&b, &a, b.opened == 50);
    for (int i = 0; i < 50; i++) {
        send_text(&b, conns[i], "me too");
    }
    wait_for(&a, &b, a.accepted == 50 && a.frames == 50);
    ck_assert_uint_eq(a.closed + b.closed, 0);
}
END_TEST

static void *wake_b(void *argument)
{
    (void)argument;
    b.transport->ops->wake(b.transport);
    return NULL;
}

/* wake() from another thread ends a poll that waits, and also the next one when none waits yet. */
START_TEST(wake_ends_a_wait)
{
    pthread_t thread;
    uint64_t start = now_ms();
    pthread_create(&thread, NULL, wake_b, NULL);
    ck_assert(!node_poll(&b, 10000));
    pthread_join(thread, NULL);
    b.transport->ops->wake(b.transport);
    b.transport->ops->wake(b.transport);
    ck_assert(!node_poll(&b, 10000));
    ck_assert_uint_lt(now_ms() - start, 9000);
    ck_assert(!node_poll(&b, 1));
}
END_TEST

static void *join_from_another_thread(void *at_a)
{
    osri_conn *at_b = malloc(sizeof *at_b);
    *at_b = join_nodes(&a, &b, at_a);
    return at_b;
}

/* The owner may be another thread from one call to the next. */
START_TEST(ownership_moves_between_threads)
{
    pthread_t thread;
    void *at_b = NULL;
    osri_conn at_a = 0;
    pthread_create(&thread, NULL, join_from_another_thread, &at_a);
    pthread_join(thread, &at_b);
    check_alive(&a, at_a, &b, *(osri_conn *)at_b);
    free(at_b);
}
END_TEST

/* While one connection floods, a frame of another one is not kept waiting for the flood to end. */
START_TEST(flood_does_not_starve_others)
{
    enum { FLOOD = 3000 };
    node c;
    memset(&c, 0, sizeof c);
    node_start(&c, own_ports());
    osri_conn at_a, at_c, at_b = join_nodes(&a, &b, &at_a);
    osri_conn from_a = join_nodes(&c, &a, &at_c); /* a reads both its ROUTER and this DEALER */
    unsigned flood_before = a.frames;
    for (int i = 0; i < FLOOD; i++) {
        send_text(&b, at_b, "flood");
    }
    wait_for(&a, NULL, a.frames > flood_before + 10);
    send_text(&c, at_c, "a word");
    wait_for(&a, NULL, a.last_frame_conn == from_a);
    ck_assert_uint_lt(a.frames, flood_before + FLOOD);
    wait_for(&a, NULL, a.frames == flood_before + FLOOD + 1);
    node_stop(&c);
}
END_TEST

/* All descriptors and all memory come back. */
START_TEST(nothing_is_left_behind)
{
    stop_two();
    unsigned before = count_descriptors();
    uint64_t blocks = osri_heap_live_blocks();
    for (int i = 0; i < 3; i++) {
        osri_conn at_a, at_b;
        start_two();
        at_b = join_nodes(&a, &b, &at_a);
        join_nodes(&a, &b, &at_a);
        b.transport->ops->close(b.transport, at_b, 0);
        wait_for(&a, &b, a.closed == 1);
        node_dial(&b, &a);
        stop_two();
    }
    ck_assert_uint_eq(count_descriptors(), before);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
}
END_TEST

static osr_err make_listen_dial(void)
{
    node *n = &b;
    osri_conn conn;
    osr_err err = osri_zmq_transport_new(&n->options, &n->transport);
    if (err == OSR_OK) {
        err = n->transport->ops->listen(n->transport, own_ports(), n->endpoint);
    }
    if (err == OSR_OK) {
        err =
            n->transport->ops->dial(n->transport, "tcp://localhost:1", a.options.key_public, &conn);
    }
    node_stop(n);
    return err;
}

/* Whichever allocation fails, the error is reported and nothing leaks. */
START_TEST(memory_runs_out)
{
    node_stop(&b);
    uint64_t blocks = osri_heap_live_blocks();
    osr_err err = OSR_ENOMEM;
    for (uint64_t nth = 1; err != OSR_OK; nth++) {
        ck_assert_uint_lt(nth, 100);
        osri_heap_fail_after(nth, false);
        err = make_listen_dial();
        osri_heap_fail_after(0, false);
        ck_assert(err == OSR_OK || err == OSR_ENOMEM);
    }
    uint64_t end = now_ms() + DEADLINE_MS; /* the last lookup may still run */
    while (osri_heap_live_blocks() != blocks && now_ms() < end) {
        node_poll(&a, 1);
    }
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
}
END_TEST

static pid_t spawn_peer(char **arguments, char *ret_line, int bytes)
{
    int output;
    pid_t pid = spawn_self(arguments, &output);
    FILE *stream = fdopen(output, "r");
    ck_assert_ptr_nonnull(fgets(ret_line, bytes, stream));
    fclose(stream);
    ret_line[strcspn(ret_line, "\n")] = 0;
    return pid;
}

static void kill_peer(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

/* When the OS process that dialed us is killed, its connection is closed and the others stay. */
START_TEST(killed_dialer_is_noticed)
{
    char key[2 * OSRI_KEY_BYTES + 1], line[128];
    osri_conn at_a, at_b = join_nodes(&a, &b, &at_a);
    unsigned accepted = a.accepted;
    sodium_bin2hex(key, sizeof key, a.options.key_public, OSRI_KEY_BYTES);
    char *arguments[] = {"peer", "dial", a.endpoint, key, NULL};
    pid_t pid = spawn_peer(arguments, line, sizeof line);
    wait_for(&a, &b, a.accepted > accepted);
    osri_conn conn = a.last_accepted.conn;
    wait_for(&a, &b, a.last_frame_conn == conn);
    kill_peer(pid);
    wait_for(&a, &b, a.closed == 1);
    ck_assert_uint_eq(a.last_closed.conn, conn);
    check_alive(&a, at_a, &b, at_b);
}
END_TEST

/* When the OS process that we dialed is killed, the connection is closed. */
START_TEST(killed_listener_is_noticed)
{
    char line[256], endpoint[OSRI_ENDPOINT_BYTES], hex[2 * OSRI_KEY_BYTES + 1];
    uint8_t key[OSRI_KEY_BYTES];
    char *arguments[] = {"peer", "listen", NULL};
    osri_conn conn = 0;
    pid_t pid = spawn_peer(arguments, line, sizeof line);
    ck_assert_int_eq(sscanf(line, "%127s %64s", endpoint, hex), 2);
    ck_assert_int_eq(sodium_hex2bin(key, sizeof key, hex, 64, NULL, NULL, NULL), 0);
    ck_err(b.transport->ops->dial(b.transport, endpoint, key, &conn), OSR_OK);
    wait_for(&b, NULL, b.opened == 1);
    send_text(&b, conn, "are you there?");
    kill_peer(pid);
    wait_for(&b, NULL, b.closed == 1);
    ck_assert_uint_eq(b.last_closed.conn, conn);
    ck_assert_str_eq(b.closed_text, "connection lost");
}
END_TEST

int main(int count, char **arguments)
{
    if (count > 1 && strcmp(arguments[0], "peer") == 0) {
        return zmq_peer_main(count, arguments);
    }
    Suite *suite = suite_create("zmq life");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, start_two, stop_two);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, both_sides_know_whom_they_speak_to);
    tcase_add_test(all, frames_of_all_sizes_arrive_exactly);
    tcase_add_test(all, frames_beyond_the_limits_are_refused);
    tcase_add_test(all, dial_to_nobody_is_closed_soon);
    tcase_add_test(all, dial_without_answer_ends_at_the_deadline);
    tcase_add_test(all, dial_with_wrong_server_key_is_closed);
    tcase_add_test(all, unknown_key_is_refused);
    tcase_add_test(all, dial_by_name);
    tcase_add_test(all, bad_endpoints_are_refused);
    tcase_add_test(all, taken_port);
    tcase_add_test(all, port_is_free_after_free);
    tcase_add_test(all, listen_without_key_check_fails_closed);
    tcase_add_test(all, close_by_the_dialer);
    tcase_add_test(all, close_by_the_acceptor);
    tcase_add_test(all, acceptor_lingers);
    tcase_add_test(all, free_lingers);
    tcase_add_test(all, short_visits_are_reported_whole);
    tcase_add_test(all, fifty_simultaneous_dials);
    tcase_add_test(all, wake_ends_a_wait);
    tcase_add_test(all, ownership_moves_between_threads);
    tcase_add_test(all, flood_does_not_starve_others);
    tcase_add_test(all, nothing_is_left_behind);
    tcase_add_test(all, memory_runs_out);
    tcase_add_test(all, killed_dialer_is_noticed);
    tcase_add_test(all, killed_listener_is_noticed);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
