/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <sodium.h>
#include <zmq.h>

#include "dist/zmq/context.h"
#include "zmq_world.h"

/* What strangers and misbehaving members can do to the ZeroMQ transport: at most end their own
 * connection. */

static node a, b;
static osri_conn at_a, at_b; /* a connection that has to stay alive through everything */

/* What a was told of those that did not become connections. */
static unsigned strangers;
static char stranger_address[64];
static uint64_t stranger_ms;
static osri_zmq_stranger_end stranger_end;

static void count_stranger(void *context, const char *address, uint64_t ms,
                           osri_zmq_stranger_end end)
{
    (void)context;
    strangers++;
    snprintf(stranger_address, sizeof stranger_address, "%s", address);
    stranger_ms = ms;
    stranger_end = end;
}

static void start_two_joined(void)
{
    a.only_key = b.only_key = NULL;
    strangers = 0;
    node_start_with(&a, own_ports(),
                    (osri_zmq_options){.silent_ms = 500, .stranger = count_stranger});
    node_start(&b, NULL);
    at_b = join_nodes(&a, &b, &at_a);
}

/* Nothing was delivered, nobody else was touched. */
static void stop_two_joined(void)
{
    check_alive(&a, at_a, &b, at_b);
    ck_assert_uint_eq(a.accepted, a.closed + 1);
    ck_assert_uint_eq(b.closed, 0);
    node_stop(&a);
    node_stop(&b);
}

static int connect_raw(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_ge(fd, 0);
    address.sin_port = htons((uint16_t)atoi(strrchr(a.endpoint, ':') + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static bool is_closed(int fd)
{
    char byte[256];
    for (;;) {
        ssize_t got = recv(fd, byte, sizeof byte, MSG_DONTWAIT);
        if (got == 0 || (got < 0 && errno != EAGAIN)) {
            return true;
        }
        if (got < 0) {
            return false;
        }
    }
}

static size_t resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &total, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

/* ZMTP 3.0, CURVE, as a client. */
static void send_greeting(int fd)
{
    uint8_t greeting[64] = {0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    ck_assert_int_eq(send(fd, greeting, sizeof greeting, MSG_NOSIGNAL), sizeof greeting);
}

/* A stranger that announces a command of 1 GiB is cut off before it can fill the memory. */
START_TEST(announced_gigabyte_is_cut_off)
{
    static const uint8_t command_of_1_gib[] = {0x06, 0, 0, 0, 0, 0x40, 0, 0, 0};
    static const uint8_t filling[65536];
    size_t before = resident_bytes(), most = before;
    int fd = connect_raw();
    send_greeting(fd);
    ck_assert_int_eq(send(fd, command_of_1_gib, sizeof command_of_1_gib, MSG_NOSIGNAL), 9);
    uint64_t end = now_ms() + DEADLINE_MS;
    while (!is_closed(fd)) {
        while (send(fd, filling, sizeof filling, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        }
        poll_both(&a, &b);
        most = resident_bytes() > most ? resident_bytes() : most;
        ck_assert_uint_lt(now_ms(), end);
        ck_assert_uint_lt(most, before + (16u << 20));
    }
    close(fd);
}
END_TEST

/* Text of other protocols and random bytes are cut off, and nothing of them is delivered. */
START_TEST(garbage_is_cut_off)
{
    uint8_t noise[512];
    for (int i = 0; i < 20; i++) {
        int fd = connect_raw();
        randombytes_buf(noise, sizeof noise);
        noise[0] = i % 2 ? 0xff : noise[0];
        if (i == 0) {
            memcpy(noise, "GET / HTTP/1.1\r\n\r\n", 18);
        }
        ck_assert_int_gt(send(fd, noise, sizeof noise, MSG_NOSIGNAL), 0);
        close(fd);
    }
    check_alive(&a, at_a, &b, at_b);
    ck_assert_uint_eq(a.accepted, 1);
}
END_TEST

/* A TCP connection that says nothing is closed after the time for the first frame. */
START_TEST(mute_stranger_is_cut_off)
{
    int fd = connect_raw();
    wait_for(&a, &b, is_closed(fd));
    close(fd);
    wait_for(&a, &b, strangers == 1);
    ck_assert_str_eq(stranger_address, "127.0.0.1");
    ck_assert_uint_ge(stranger_ms, 500);
    ck_assert_int_eq(stranger_end, OSRI_ZMQ_STRANGER_TIMED_OUT);
}
END_TEST

/* Whoever dials with another key than ours never gets to the handshake: we are told, and so is it.
 */
START_TEST(dialer_with_another_key_is_told_of)
{
    uint8_t key[OSRI_KEY_BYTES], key_secret[OSRI_KEY_BYTES];
    osri_conn conn;

    crypto_box_keypair(key, key_secret);
    ck_err(b.transport->ops->dial(b.transport, a.endpoint, key, &conn), OSR_OK);
    wait_for(&a, &b, strangers == 1 && b.closed == 1);
    ck_assert_int_eq(stranger_end, OSRI_ZMQ_STRANGER_OTHER_KEY);
    ck_assert_uint_eq(b.last_closed.conn, conn);
    ck_assert(b.last_closed.rejected);
    ck_assert_str_eq(b.closed_text, "peer closed during CURVE handshake");
    b.closed = 0;
}
END_TEST

/* Nobody looked while it came and went: we are told of it all the same, just not from where. */
START_TEST(stranger_that_is_gone_already_is_told_of)
{
    int fd = connect_raw();
    shutdown(fd, SHUT_WR);
    wait_for(&b, NULL, is_closed(fd)); /* libzmq's own thread has ended it */
    close(fd);
    wait_for(&a, &b, strangers == 1);
    ck_assert_str_eq(stranger_address, "");
    ck_assert_int_eq(stranger_end, OSRI_ZMQ_STRANGER_LEFT);
}
END_TEST

/* Who has sent a frame is no stranger, though its end is seen first. */
START_TEST(short_visitor_is_no_stranger)
{
    unsigned before = count_descriptors();
    osri_conn conn = node_dial(&b, &a);
    wait_for(&b, NULL, b.opened == 2);
    send_text(&b, conn, "hello and goodbye");
    b.transport->ops->close(b.transport, conn, 2000);
    wait_for(&b, NULL, count_descriptors() <= before); /* gone at both ends */
    wait_for(&a, NULL, a.accepted == 2 && a.closed == 1);
    check_alive(&a, at_a, &b, at_b);
    ck_assert_uint_eq(strangers, 0);
}
END_TEST

/* An admitted peer that never sends a frame is closed too. */
START_TEST(mute_member_is_cut_off)
{
    osri_conn conn = node_dial(&b, &a);
    wait_for(&b, &a, b.closed == 1);
    ck_assert_uint_eq(b.last_closed.conn, conn);
    ck_assert_uint_eq(a.accepted, 1);
    b.closed = 0;
}
END_TEST

/* Thousands of strangers that come and go while the listener's owner is busy stop nobody else's
 * traffic. */
START_TEST(strangers_do_not_stop_others)
{
    node c, d;
    osri_conn at_c, at_d;
    memset(&c, 0, sizeof c);
    memset(&d, 0, sizeof d);
    node_start(&c, own_ports());
    node_start(&d, NULL);
    at_d = join_nodes(&c, &d, &at_c);
    for (int i = 0; i < 2500; i++) {
        close(connect_raw());
    }
    check_alive(&c, at_c, &d, at_d);
    node_stop(&c);
    node_stop(&d);
}
END_TEST

/* A member's socket that is not one of ours: does what libzmq allows it to do. */
static void *open_member(void **ret_context, const char *routing_id)
{
    uint8_t public[32], secret[32];
    int zero = 0;
    ck_err(osri_zmq_context_ref(ret_context), OSR_OK);
    void *socket = zmq_socket(*ret_context, ZMQ_DEALER);
    crypto_box_keypair(public, secret);
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, public, sizeof public);
    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, secret, sizeof secret);
    zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, a.options.key_public, 32);
    if (routing_id) {
        zmq_setsockopt(socket, ZMQ_ROUTING_ID, routing_id, strlen(routing_id));
    }
    zmq_setsockopt(socket, ZMQ_RECONNECT_IVL, &(int){-1}, sizeof(int));
    zmq_setsockopt(socket, ZMQ_IMMEDIATE, &(int){1}, sizeof(int));
    ck_assert_int_eq(zmq_connect(socket, a.endpoint), 0);
    return socket;
}

static void close_member(void *socket)
{
    zmq_close(socket);
    osri_zmq_context_unref();
}

static bool takes_frames(void *socket)
{
    int events = 0;
    size_t bytes = sizeof events;
    zmq_getsockopt(socket, ZMQ_EVENTS, &events, &bytes);
    return events & ZMQ_POLLOUT;
}

/* A member whose message has several parts, or no bytes, is closed, and nothing of that message is
 * delivered. */
START_TEST(malformed_messages_end_their_connection)
{
    for (unsigned i = 0; i < 2; i++) {
        void *context, *socket = open_member(&context, NULL);
        wait_for(&a, &b, takes_frames(socket));
        unsigned frames = a.frames;
        zmq_send(socket, "good", 4, 0);
        wait_for(&a, &b, a.frames == frames + 1);
        if (i == 0) {
            zmq_send(socket, "one", 3, ZMQ_SNDMORE);
            zmq_send(socket, "two", 3, 0);
        } else {
            zmq_send(socket, "", 0, 0);
        }
        wait_for(&a, &b, a.closed == i + 1);
        ck_assert_str_eq(a.closed_text, "peer sent a malformed frame");
        ck_assert_uint_eq(a.frames, frames + 1);
        wait_for(&a, &b, !takes_frames(socket));
        close_member(socket);
    }
}
END_TEST

/* A member whose one message has parts without end is closed long before its last: libzmq would
 * keep all of them. */
START_TEST(endless_message_ends_its_connection)
{
    static const uint8_t part[32768];
    void *context, *socket = open_member(&context, NULL);
    wait_for(&a, &b, takes_frames(socket));
    unsigned frames = a.frames;
    zmq_send(socket, "good", 4, 0);
    wait_for(&a, &b, a.frames == frames + 1);
    for (int i = 0; i < 6000; i++) { /* it leaves only once it is whole */
        ck_assert_int_gt(zmq_send(socket, part, sizeof part, i < 5999 ? ZMQ_SNDMORE : 0), 0);
    }
    wait_for(&a, &b, a.closed == 1);
    ck_assert_str_eq(a.closed_text, "peer sends a message without end");
    ck_assert_uint_eq(a.frames, frames + 1);
    close_member(socket);
}
END_TEST

/* A first message that is malformed makes no connection at all. */
START_TEST(malformed_first_message_is_no_connection)
{
    void *context, *socket = open_member(&context, NULL);
    wait_for(&a, &b, takes_frames(socket));
    zmq_send(socket, "one", 3, ZMQ_SNDMORE);
    zmq_send(socket, "two", 3, 0);
    wait_for(&a, &b, !takes_frames(socket));
    ck_assert_uint_eq(a.accepted, 1);
    close_member(socket);
}
END_TEST

/* A member that chooses its own routing id is not heard. */
START_TEST(own_routing_id_is_cut_off)
{
    void *context, *socket = open_member(&context, "chosen");
    wait_for(&a, &b, takes_frames(socket));
    zmq_send(socket, "hello", 5, 0);
    wait_for(&a, &b, !takes_frames(socket));
    ck_assert_uint_eq(a.accepted, 1);
    close_member(socket);
}
END_TEST

/* A member whose frame is one byte too long is closed; its frame is not delivered. */
START_TEST(overlong_frame_ends_its_connection)
{
    static uint8_t bytes[OSRI_FRAME_BYTES_MAX + 1];
    void *context, *socket = open_member(&context, NULL);
    wait_for(&a, &b, takes_frames(socket));
    unsigned frames = a.frames;
    zmq_send(socket, bytes, sizeof bytes - 1, 0);
    wait_for(&a, &b, a.frames == frames + 1);
    zmq_send(socket, bytes, sizeof bytes, 0);
    wait_for(&a, &b, a.closed == 1);
    ck_assert_uint_eq(a.frames, frames + 1);
    close_member(socket);
}
END_TEST

static bool admit_everybody(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    (void)context, (void)key, (void)address;
    return true;
}

/* A listener whose domain nobody registered, or no longer, admits nobody. */
START_TEST(unregistered_domain_is_refused)
{
    ck_err(osri_zap_verify("test.domain"), OSR_EPERM);
    ck_err(osri_zap_register("test.domain", admit_everybody, NULL), OSR_OK);
    ck_err(osri_zap_register("test.domain", admit_everybody, NULL), OSR_ETAKEN);
    ck_err(osri_zap_verify("test.domain"), OSR_OK);
    osri_zap_unregister("test.domain");
    ck_err(osri_zap_verify("test.domain"), OSR_EPERM);
    ck_err(osri_zap_register("", admit_everybody, NULL), OSR_EINVAL);
    ck_err(osri_zap_register("test.domain", NULL, NULL), OSR_EINVAL);
}
END_TEST

/* status of one request that looks like libzmq's own */
static void ask(void *context, const char *domain, const char *mechanism, size_t key_bytes,
                char ret_status[4])
{
    static const uint8_t key[64];
    void *socket = zmq_socket(context, ZMQ_REQ);
    char reply[8];
    zmq_connect(socket, "inproc://zeromq.zap.01");
    zmq_send(socket, "1.0", 3, ZMQ_SNDMORE);
    zmq_send(socket, "1", 1, ZMQ_SNDMORE);
    zmq_send(socket, domain, strlen(domain), ZMQ_SNDMORE);
    zmq_send(socket, "127.0.0.1", 9, ZMQ_SNDMORE);
    zmq_send(socket, "", 0, ZMQ_SNDMORE);
    zmq_send(socket, mechanism, strlen(mechanism), ZMQ_SNDMORE);
    zmq_send(socket, key, key_bytes, 0);
    zmq_recv(socket, reply, sizeof reply, 0);
    zmq_recv(socket, reply, sizeof reply, 0);
    ck_assert_int_eq(zmq_recv(socket, ret_status, 3, 0), 3);
    ret_status[3] = 0;
    zmq_close(socket);
}

/* Only a CURVE client with a whole key is asked about at all. */
START_TEST(only_curve_reaches_the_rule)
{
    void *context;
    char status[4];
    ck_err(osri_zmq_context_ref(&context), OSR_OK);
    ck_err(osri_zap_register("test.domain", admit_everybody, NULL), OSR_OK);
    ask(context, "test.domain", "CURVE", 32, status);
    ck_assert_str_eq(status, "200");
    ask(context, "test.domain", "CURVE", 31, status);
    ck_assert_str_eq(status, "400");
    ask(context, "test.domain", "CURVE", 33, status);
    ck_assert_str_eq(status, "400");
    ask(context, "test.domain", "NULL", 32, status);
    ck_assert_str_eq(status, "400");
    ask(context, "test.domai", "CURVE", 32, status);
    ck_assert_str_eq(status, "400");
    osri_zap_unregister("test.domain");
    osri_zmq_context_unref();
}
END_TEST

static atomic_int callback_stage; /* 1 inside, 2 may leave, 3 left */

static bool admit_slowly(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    (void)context, (void)key, (void)address;
    atomic_store(&callback_stage, 1);
    while (atomic_load(&callback_stage) != 2) {
        poll(NULL, 0, 1);
    }
    poll(NULL, 0, 20); /* so that an unregister that does not wait is seen to return early */
    atomic_store(&callback_stage, 3);
    return true;
}

static void *ask_slow_domain(void *context)
{
    char status[4];
    ask(context, "slow.domain", "CURVE", 32, status);
    return NULL;
}

/* When unregister returns, the rule neither runs nor will. */
START_TEST(unregister_waits_for_the_rule)
{
    pthread_t thread;
    void *context;
    ck_err(osri_zmq_context_ref(&context), OSR_OK);
    ck_err(osri_zap_register("slow.domain", admit_slowly, NULL), OSR_OK);
    pthread_create(&thread, NULL, ask_slow_domain, context);
    wait_for(&a, &b, atomic_load(&callback_stage) == 1);
    atomic_store(&callback_stage, 2);
    osri_zap_unregister("slow.domain");
    ck_assert_int_eq(atomic_load(&callback_stage), 3);
    pthread_join(thread, NULL);
    osri_zmq_context_unref();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("zmq hostile");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, start_two_joined, stop_two_joined);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, announced_gigabyte_is_cut_off);
    tcase_add_test(all, garbage_is_cut_off);
    tcase_add_test(all, mute_stranger_is_cut_off);
    tcase_add_test(all, dialer_with_another_key_is_told_of);
    tcase_add_test(all, stranger_that_is_gone_already_is_told_of);
    tcase_add_test(all, short_visitor_is_no_stranger);
    tcase_add_test(all, mute_member_is_cut_off);
    tcase_add_test(all, strangers_do_not_stop_others);
    tcase_add_test(all, malformed_messages_end_their_connection);
    tcase_add_test(all, endless_message_ends_its_connection);
    tcase_add_test(all, malformed_first_message_is_no_connection);
    tcase_add_test(all, own_routing_id_is_cut_off);
    tcase_add_test(all, overlong_frame_ends_its_connection);
    tcase_add_test(all, unregistered_domain_is_refused);
    tcase_add_test(all, only_curve_reaches_the_rule);
    tcase_add_test(all, unregister_waits_for_the_rule);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
