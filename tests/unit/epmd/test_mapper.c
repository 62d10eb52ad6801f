/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <zmq.h>

#include "dist/zmq/context.h"
#include "dist/zmq/socket.h"
#include "epmd/call.h"
#include "epmd/path.h"
#include "mapper_world.h"

/* The mapper as an OS process, seen through its clients. */

#define RACERS 8
#define ENDPOINT "tcp://127.0.0.1:9100"

static osr_err lookup(const osri_identity *as, const char *name, osri_epmd_record *ret_record)
{
    osri_epmd_options options = world_options;

    options.identity = as;
    return osri_epmd_lookup(&options, name, ret_record, world_text, sizeof(world_text));
}

static void expect_stopped(int status)
{
    ck_assert(WIFEXITED(status));
    ck_assert_int_eq(WEXITSTATUS(status), 0);
}

/* A name is there as long as its lease, and no longer, however the lease ends. */
START_TEST(registered_name_goes_with_its_connection)
{
    osri_identity b = world_member("b@h1");
    osri_epmd_record record;
    pid_t mapper = world_start();

    osri_epmd_lease *lease = world_register(&b, ENDPOINT);
    ck_assert_int_eq(lookup(&b, "b@h1", &record), OSR_OK);
    ck_assert_str_eq(record.endpoint, ENDPOINT);
    ck_assert_mem_eq(record.key, b.certificate.key, 32);
    ck_assert_uint_eq(record.os_pid, (uint32_t)getpid());
    ck_assert_uint_eq(record.creation, 77);
    osri_epmd_lease_free(&lease);
    world_lookup_until("b@h1", OSR_ENOTFOUND);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* A node that was killed has no name any more. */
START_TEST(killed_holder_loses_its_name)
{
    pid_t mapper = world_start();
    int ready[2];
    char byte;

    ck_assert_int_eq(pipe(ready), 0);
    pid_t holder = fork();
    if (holder == 0) {
        osri_identity b = world_member("b@h1");
        osri_epmd_lease *lease = world_register(&b, ENDPOINT);
        ssize_t ignored = write(ready[1], "r", 1);
        (void)ignored;
        pause();
        osri_epmd_lease_free(&lease);
    }
    ck_assert_int_eq(read(ready[0], &byte, 1), 1);
    world_lookup_until("b@h1", OSR_OK);
    kill(holder, SIGKILL);
    waitpid(holder, NULL, 0);
    world_lookup_until("b@h1", OSR_ENOTFOUND);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* Two nodes of one name: the second is told who has it; right after the first let go, it gets it.
 */
START_TEST(duplicate_name_is_refused_until_it_is_free)
{
    osri_epmd_registration registration = {.endpoint = ENDPOINT};
    osri_epmd_lease *second = NULL;
    pid_t mapper = world_start();

    osri_epmd_lease *first = world_register(world_options.identity, ENDPOINT);
    ck_assert_int_eq(
        osri_epmd_register(&world_options, &registration, &second, world_text, sizeof(world_text)),
        OSR_ETAKEN);
    ck_assert_ptr_nonnull(strstr(world_text, "\"a@h1\" runs already"));
    for (int i = 0; i < 50; i++) {
        osri_epmd_lease_free(&first);
        first = world_register(world_options.identity, ENDPOINT); /* at once, never refused */
    }
    osri_epmd_lease_free(&first);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

static osri_epmd_answer say(int fd, const uint8_t *data, size_t bytes, pid_t stopped)
{
    uint8_t answer[OSRI_EPMD_REPLY_BYTES_MAX];
    osri_epmd_reply reply;

    if (stopped != 0) {
        kill(stopped, SIGCONT);
    } else {
        ck_assert_int_eq(send(fd, data, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
    }
    struct pollfd wait = {.fd = fd, .events = POLLIN};
    ck_assert_int_eq(poll(&wait, 1, 10000), 1);
    ssize_t got = recv(fd, answer, sizeof(answer), 0);
    ck_assert_int_gt(got, 0);
    ck_assert_int_eq(osri_epmd_reply_decode(answer, (size_t)got, &reply), OSR_OK);
    return reply.answer;
}

/* The mapper sees the new registration before the end of the old connection, though that came first
 * for the node: the name is free all the same. The mapper is stopped meanwhile, to fix what it sees
 * first. */
START_TEST(unnoticed_end_does_not_block_a_name)
{
    osri_epmd_registration registration = {.endpoint = ENDPOINT};
    osri_epmd_request list = {.operation = OSRI_EPMD_LIST};
    uint8_t data[OSRI_EPMD_REQUEST_BYTES_MAX];
    size_t bytes = 0;
    int status = 0;
    pid_t mapper = world_start();

    osri_epmd_lease *old = world_register(world_options.identity, ENDPOINT);
    int fd = world_connect();
    ck_assert_int_eq(osri_epmd_request_encode(&list, data, sizeof(data), &bytes), OSR_OK);
    ck_assert_int_eq(say(fd, data, bytes, 0), OSRI_EPMD_RECORDS);
    kill(mapper, SIGSTOP);
    ck_assert_int_eq(waitpid(mapper, &status, WUNTRACED), mapper);
    ck_assert_int_eq(osri_epmd_register_encode(world_options.identity, &registration, data, &bytes),
                     OSR_OK);
    ck_assert_int_eq(send(fd, data, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
    osri_epmd_lease_free(&old);
    ck_assert_int_eq(say(fd, NULL, 0, mapper), OSRI_EPMD_OK);
    close(fd);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

static void expect_list(const char *host, const char *first, const char *second)
{
    osri_epmd_record *records = NULL;
    uint32_t count = 0;

    osr_err err =
        osri_epmd_list(&world_options, host, &records, &count, world_text, sizeof(world_text));
    ck_assert_msg(err == OSR_OK, "%s", world_text);
    ck_assert_uint_eq(count, 2);
    ck_assert_str_eq(records[0].name, first);
    ck_assert_str_eq(records[1].name, second);
    osri_epmd_list_free(&records, count);
    ck_assert_ptr_null(records);
}

/* A mapper that comes back knows everybody again, and nobody had to do anything but turn. */
START_TEST(restart_loses_nobody)
{
    osri_identity b = world_member("b@h1");
    pid_t mapper = world_start();
    osri_epmd_lease *leases[2] = {world_register(world_options.identity, ENDPOINT),
                                  world_register(&b, "tcp://127.0.0.1:9101")};

    world_stop(mapper, SIGKILL); /* its socket file stays */
    world_turn_until(leases[0], OSRI_LEASE_LOST);
    world_turn_until(leases[1], OSRI_LEASE_LOST);
    mapper = world_start();
    world_turn_until(leases[1], OSRI_LEASE_HELD);
    world_turn_until(leases[0], OSRI_LEASE_HELD);
    expect_list(NULL, "b@h1", "a@h1");
    osri_epmd_lease_free(&leases[0]);
    osri_epmd_lease_free(&leases[1]);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* epmd_SUITE: overflow. A thousand nodes register, three times over; then their mapper is killed,
 * and the next one knows them all. */
START_TEST(a_thousand_names_survive_a_restart)
{
    static osri_epmd_lease *leases[1000];
    osri_epmd_record *records = NULL;
    uint32_t count = 0;
    pid_t mapper = world_start();

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 1000; i++) {
            char name[32];
            (void)snprintf(name, sizeof(name), "n%d@h1", i);
            osri_identity node = world_member(name);
            osri_epmd_lease_free(&leases[i]);
            leases[i] = world_register(&node, ENDPOINT);
        }
    }
    world_stop(mapper, SIGKILL);
    for (int i = 0; i < 1000; i++) {
        world_turn_until(leases[i], OSRI_LEASE_LOST);
    }
    mapper = world_start();
    for (int i = 0; i < 1000; i++) {
        world_turn_until(leases[i], OSRI_LEASE_HELD);
    }
    ck_assert_int_eq(
        osri_epmd_list(&world_options, NULL, &records, &count, world_text, sizeof(world_text)),
        OSR_OK);
    ck_assert_uint_eq(count, 1000);
    osri_epmd_list_free(&records, count);
    for (int i = 0; i < 1000; i++) {
        osri_epmd_lease_free(&leases[i]);
    }
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* While the mapper was down somebody else took the name: the lease says so, and gets it back when
 * it can. */
START_TEST(lease_learns_that_its_name_is_taken)
{
    pid_t mapper = world_start();
    osri_epmd_lease *ours = world_register(world_options.identity, ENDPOINT);

    world_stop(mapper, SIGTERM);
    world_turn_until(ours, OSRI_LEASE_LOST);
    mapper = world_start();
    osri_epmd_lease *thief = world_register(world_options.identity, ENDPOINT);
    world_turn_until(ours, OSRI_LEASE_TAKEN);
    osri_epmd_lease_free(&thief);
    world_turn_until(ours, OSRI_LEASE_HELD);
    osri_epmd_lease_free(&ours);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* A member on another machine finds a node and lists them all, over CURVE. */
START_TEST(member_asks_over_curve)
{
    osri_identity there = world_member("c@0.0.0.0");
    osri_epmd_record record;
    pid_t mapper = world_start();
    osri_epmd_lease *lease = world_register(&there, ENDPOINT);
    osri_epmd_lease *second = world_register(world_options.identity, ENDPOINT);

    osr_err err = lookup(world_options.identity, "c@0.0.0.0", &record);
    ck_assert_msg(err == OSR_OK, "%s", world_text);
    ck_assert_str_eq(record.endpoint, ENDPOINT);
    ck_assert_mem_eq(record.key, there.certificate.key, 32);
    ck_assert_int_eq(lookup(world_options.identity, "d@0.0.0.0", &record), OSR_ENOTFOUND);
    expect_list("0.0.0.0", "c@0.0.0.0", "a@h1");
    osri_epmd_lease_free(&lease);
    osri_epmd_lease_free(&second);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* Who has another secret does not get past the handshake, and soon knows why. */
START_TEST(non_member_gets_nothing)
{
    static const uint8_t other_secret[32] = "another";
    osri_identity stranger = world_identity(other_secret, "s@h1", 0, 0);
    osri_epmd_record record;
    pid_t mapper = world_start();

    osri_epmd_lease *lease = world_register(world_options.identity, ENDPOINT);
    ck_assert_int_eq(lookup(&stranger, "a@0.0.0.0", &record), OSR_ENOCONNECTION);
    ck_assert_msg(strstr(world_text, "cluster.secret") != NULL, "%s", world_text);
    osri_epmd_status status;
    ck_assert_int_eq(osri_epmd_status_get(&world_options, &status, NULL, 0), OSR_OK);
    ck_assert_uint_eq(status.refused, 0); /* it was never asked anything */
    osri_epmd_lease_free(&lease);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* Knowing the mapper's key is not enough: the certificate must be for the connection's key, valid,
 * and allow to join. */
START_TEST(certificate_must_be_good_and_ones_own)
{
    osri_identity thief = world_member("b@h1"),
                  old = world_identity(world_secret, "b@h1", 0, 40 * 86400);
    osri_identity weak = world_identity(world_secret, "b@h1", OSRI_ROLE_SHELL_READ, 0);
    osri_epmd_record record;
    pid_t mapper = world_start();

    thief.certificate_signed = world_options.identity->certificate_signed;
    ck_assert_int_eq(lookup(&thief, "a@0.0.0.0", &record), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(world_text, "possible impersonation"));
    ck_assert_int_eq(lookup(&old, "a@0.0.0.0", &record), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(world_text, "expired"));
    ck_assert_int_eq(lookup(&weak, "a@0.0.0.0", &record), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(world_text, "may not join"));
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* No mapper, here or there: the text says how to start one, without waiting for the deadline. */
START_TEST(missing_mapper_is_told_at_once)
{
    osri_epmd_options options = world_options;
    osri_epmd_record record;
    uint64_t start_ms = osri_epmd_now_ms();

    options.deadline_ms = 8000;
    ck_assert_int_eq(osri_epmd_lookup(&options, "a@h1", &record, world_text, sizeof(world_text)),
                     OSR_ENOCONNECTION);
    ck_assert_ptr_nonnull(strstr(world_text, "osier-epmd --daemon"));
    ck_assert_int_eq(
        osri_epmd_lookup(&options, "a@0.0.0.0", &record, world_text, sizeof(world_text)),
        OSR_ENOCONNECTION);
    ck_assert_ptr_nonnull(strstr(world_text, "osier-epmd --listen"));
    ck_assert_uint_lt(osri_epmd_now_ms() - start_ms, 8000);
}
END_TEST

/* Nonsense on the local socket: each ends at most its own connection. */
static void throw_garbage(void)
{
    static const uint8_t garbage[OSRI_EPMD_REQUEST_BYTES_MAX + 1000] = {0x95, 1, 2,   0xa4,
                                                                        'a',  0, '@', 'h'};
    static const size_t sizes[] = {
        1, 2, 7, 12, 0, OSRI_EPMD_REQUEST_BYTES_MAX, OSRI_EPMD_REQUEST_BYTES_MAX + 1000};
    uint8_t answer[256];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        int fd = world_connect();
        ck_assert_int_eq(send(fd, garbage, sizes[i], MSG_NOSIGNAL), (ssize_t)sizes[i]);
        for (ssize_t got = 1; got > 0;) { /* an error perhaps, then the end */
            struct pollfd wait = {.fd = fd, .events = POLLIN};
            ck_assert_int_eq(poll(&wait, 1, 10000), 1);
            got = recv(fd, answer, sizeof(answer), 0);
        }
        close(fd);
    }
}

/* otp.md case 32: no data, one byte, partial, zero length, too large, NUL in a name, reset before
 * the reply. */
START_TEST(hostile_input_hurts_nobody)
{
    osri_epmd_request request = {.operation = OSRI_EPMD_LIST};
    osri_epmd_record record;
    uint8_t data[64];
    size_t bytes = 0;
    int silent[16];
    pid_t mapper = world_start();

    osri_epmd_lease *lease = world_register(world_options.identity, ENDPOINT);
    ck_assert_int_eq(osri_epmd_request_encode(&request, data, sizeof(data), &bytes), OSR_OK);
    for (int i = 0; i < 16; i++) {
        silent[i] = world_connect();
        int hasty = world_connect();
        ck_assert_int_eq(send(hasty, data, bytes, MSG_NOSIGNAL), (ssize_t)bytes);
        close(hasty);
    }
    throw_garbage();
    ck_assert_int_eq(lookup(world_options.identity, "a@h1", &record), OSR_OK);
    ck_assert_int_eq(osri_epmd_lease_state_get(lease), OSRI_LEASE_HELD);
    for (int i = 0; i < 16; i++) {
        close(silent[i]);
    }
    osri_epmd_lease_free(&lease);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

static int tcp_connect(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(world_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* Strangers on the port, silent, talking nonsense or sending a huge frame, do not keep a member
 * from its answer. */
START_TEST(garbage_on_the_port_hurts_nobody)
{
    /* a ZMTP greeting with CURVE, then the head of a frame of 1 GiB */
    static const uint8_t greeting[73] = {0xff, 0,   0,    0,           0,          0,   0,
                                         0,    1,   0x7f, 3,           1,          'C', 'U',
                                         'R',  'V', 'E',  [64] = 0x06, [69] = 0x40};
    osri_epmd_record record;
    int fds[12];
    pid_t mapper = world_start();

    for (int i = 0; i < 12; i++) {
        fds[i] = tcp_connect();
        if (i % 3 == 1) {
            ck_assert_int_eq(send(fds[i], greeting, sizeof(greeting), MSG_NOSIGNAL),
                             sizeof(greeting));
        } else if (i % 3 == 2) {
            ck_assert_int_eq(send(fds[i], "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
        }
    }
    ck_assert_int_eq(lookup(world_options.identity, "x@0.0.0.0", &record), OSR_ENOTFOUND);
    for (int i = 0; i < 12; i++) {
        close(fds[i]);
    }
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* A member that sends a message without end is cut off before it has an end, and others are
 * answered. */
START_TEST(endless_message_ends_its_connection)
{
    static const uint8_t part[4096];
    osri_identity member = world_member("b@h2");
    osri_epmd_record record;
    void *context, *socket, *monitor;
    uint16_t event;
    uint32_t value;
    pid_t mapper = world_start();
    const osri_zmq_socket_options options = {.key_public = member.certificate.key,
                                             .key_secret = member.key_secret,
                                             .server_key = member.mapper_public,
                                             .frame_bytes_max = 8192};
    char endpoint[64];

    (void)snprintf(endpoint, sizeof(endpoint), "tcp://127.0.0.1:%u", (unsigned)world_port);
    ck_assert_int_eq(osri_zmq_context_ref(&context), OSR_OK);
    ck_assert_int_eq(osri_zmq_socket_new(context, ZMQ_DEALER, &options, &socket), OSR_OK);
    ck_assert_int_eq(osri_zmq_monitor_new(context, socket, ZMQ_EVENT_DISCONNECTED, &monitor),
                     OSR_OK);
    ck_assert_int_eq(zmq_connect(socket, endpoint), 0);
    for (int i = 0; i < 16384; i++) { /* 64 MiB; it leaves only once it is whole */
        int sent = -1;
        for (int attempt = 0; attempt < 1000 && sent < 0; attempt++) {
            sent =
                zmq_send(socket, part, sizeof(part), ZMQ_DONTWAIT | (i < 16383 ? ZMQ_SNDMORE : 0));
            if (sent < 0) {
                poll(NULL, 0, 10);
            }
        }
        ck_assert_int_gt(sent, 0);
    }
    zmq_pollitem_t item = {.socket = monitor, .events = ZMQ_POLLIN};
    ck_assert_int_eq(zmq_poll(&item, 1, 30000), 1);
    ck_assert(osri_zmq_monitor_read(monitor, &event, &value));
    ck_assert_int_eq(event, ZMQ_EVENT_DISCONNECTED);
    osri_zmq_monitor_free(socket, monitor);
    osri_zmq_socket_close(socket, 0);
    osri_zmq_context_unref();
    ck_assert_int_eq(lookup(world_options.identity, "x@0.0.0.0", &record), OSR_ENOTFOUND);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* A secret that others can read: no mapper, exit status 78, and the line that says what to do. */
START_TEST(readable_secret_keeps_it_from_starting)
{
    static const char *const arguments[] = {NULL};
    char output[512], expected[512], path[256];

    snprintf(path, sizeof(path), "%s/cluster.secret", world_home);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(world_run(arguments, output, sizeof(output)), 78);
    snprintf(
        expected, sizeof(expected),
        "osier-epmd: %s: readable by others (mode 0644); chmod 600 it, and change it if it may "
        "have been read\n",
        path);
    ck_assert_str_eq(output, expected);
}
END_TEST

/* A runtime directory that others can enter is refused. */
START_TEST(open_runtime_directory_is_refused)
{
    static const char *const arguments[] = {NULL};
    char output[512];

    ck_assert_int_eq(mkdir(world_runtime, 0700), 0);
    ck_assert_int_eq(chmod(world_runtime, 0755), 0);
    ck_assert_int_eq(world_run(arguments, output, sizeof(output)), 78);
    ck_assert_msg(strstr(output, "accessible by others (mode 0755); chmod 700") != NULL, "%s",
                  output);
}
END_TEST

/* A port in use by another program is named, with what to type next; nothing is left behind. */
START_TEST(port_in_use_is_told)
{
    static const char *const arguments[] = {NULL};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(world_port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    char output[512], path[OSRI_EPMD_PATH_BYTES];

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(fd, 1), 0);
    ck_assert_int_eq(world_run(arguments, output, sizeof(output)), 1);
    ck_assert_msg(strstr(output, "in use") != NULL && strstr(output, "--port") != NULL, "%s",
                  output);
    ck_assert_int_eq(osri_epmd_path(world_port, "sock", path, NULL, 0), OSR_OK);
    ck_assert_int_ne(access(path, F_OK), 0);
    close(fd);
}
END_TEST

/* The second mapper of a directory and port leaves at once, successfully; the first one stays. */
START_TEST(second_mapper_leaves)
{
    static const char *const arguments[] = {NULL};
    char output[512];
    osri_epmd_status before, after;
    pid_t mapper = world_start();

    ck_assert_int_eq(osri_epmd_status_get(&world_options, &before, NULL, 0), OSR_OK);
    ck_assert_int_eq(world_run(arguments, output, sizeof(output)), 0);
    ck_assert_msg(strstr(output, "already running") != NULL, "%s", output);
    ck_assert_int_eq(osri_epmd_status_get(&world_options, &after, NULL, 0), OSR_OK);
    ck_assert_uint_eq(after.os_pid, before.os_pid);
    ck_assert_uint_eq(after.os_pid, (uint64_t)mapper);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

static void stop_daemon(void)
{
    char path[OSRI_EPMD_PATH_BYTES];

    ck_assert_msg(osri_epmd_stop(&world_options, world_text, sizeof(world_text)) == OSR_OK, "%s",
                  world_text);
    ck_assert_int_eq(osri_epmd_path(world_port, "sock", path, NULL, 0), OSR_OK);
    ck_assert_int_ne(access(path, F_OK), 0);
}

/* Eight programs that need a mapper at the same moment: one mapper, eight successes. */
START_TEST(racing_starts_give_one_mapper)
{
    osri_epmd_status status;
    uint64_t pids[RACERS];
    int start[2], results[2];

    ck_assert_int_eq(pipe(start), 0);
    ck_assert_int_eq(pipe(results), 0);
    for (int i = 0; i < RACERS; i++) {
        if (fork() == 0) {
            char go;
            close(start[1]);
            ssize_t ignored = read(start[0], &go, 1); /* returns for all of them at once */
            uint64_t pid = 0;
            if (osri_epmd_ensure(&world_options, world_text, sizeof(world_text)) == OSR_OK &&
                osri_epmd_status_get(&world_options, &status, NULL, 0) == OSR_OK) {
                pid = status.os_pid;
            } else {
                fprintf(stderr, "%s\n", world_text);
            }
            ignored = write(results[1], &pid, sizeof(pid));
            (void)ignored;
            _exit(0);
        }
    }
    close(start[0]);
    close(start[1]);
    for (int i = 0; i < RACERS; i++) {
        ck_assert_int_eq(read(results[0], &pids[i], sizeof(pids[i])), sizeof(pids[i]));
    }
    stop_daemon();
    for (int i = 0; i < RACERS; i++) {
        ck_assert_uint_ne(pids[i], 0);
        ck_assert_uint_eq(pids[i], pids[0]);
    }
}
END_TEST

/* Ensuring twice starts once; stopping and ensuring again at once works. */
START_TEST(ensure_starts_when_needed)
{
    osri_epmd_status first, second;

    osr_err err = osri_epmd_ensure(&world_options, world_text, sizeof(world_text));
    ck_assert_msg(err == OSR_OK, "%s", world_text);
    ck_assert_int_eq(osri_epmd_status_get(&world_options, &first, NULL, 0), OSR_OK);
    ck_assert_int_eq(osri_epmd_ensure(&world_options, world_text, sizeof(world_text)), OSR_OK);
    ck_assert_int_eq(osri_epmd_status_get(&world_options, &second, NULL, 0), OSR_OK);
    ck_assert_uint_eq(first.os_pid, second.os_pid);
    stop_daemon();
    err = osri_epmd_ensure(&world_options, world_text, sizeof(world_text));
    ck_assert_msg(err == OSR_OK, "%s", world_text);
    ck_assert_int_eq(osri_epmd_status_get(&world_options, &second, NULL, 0), OSR_OK);
    ck_assert_uint_ne(first.os_pid, second.os_pid);
    stop_daemon();
}
END_TEST

/* When it cannot be started the reason is the mapper's own. */
START_TEST(ensure_says_why_not)
{
    osri_epmd_options options = world_options;
    char path[256];

    options.program = "/nowhere/osier-epmd";
    ck_assert_int_eq(osri_epmd_ensure(&options, world_text, sizeof(world_text)), OSR_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(world_text, "OSIER_EPMD_PROGRAM"));
    snprintf(path, sizeof(path), "%s/cluster.secret", world_home);
    ck_assert_int_eq(chmod(path, 0644), 0);
    ck_assert_int_eq(osri_epmd_ensure(&world_options, world_text, sizeof(world_text)), OSR_EFAILED);
    ck_assert_msg(strstr(world_text, "readable by others") != NULL, "%s", world_text);
}
END_TEST

/* One that runs and says nothing is named, with what to type to be rid of it. */
START_TEST(ensure_names_a_mute_mapper)
{
    osri_epmd_options options = world_options;
    char command[32];
    int status = 0;
    pid_t mapper = world_start();

    options.deadline_ms = 500;
    kill(mapper, SIGSTOP);
    ck_assert_int_eq(waitpid(mapper, &status, WUNTRACED), mapper);
    ck_assert_int_eq(osri_epmd_ensure(&options, world_text, sizeof(world_text)), OSR_ETIMEDOUT);
    snprintf(command, sizeof(command), "kill -9 %d", (int)mapper);
    ck_assert_msg(strstr(world_text, command) != NULL, "%s", world_text);
    kill(mapper, SIGCONT);
    expect_stopped(world_stop(mapper, SIGTERM));
}
END_TEST

/* With nobody registered for the time given, it goes by itself and takes its socket along. */
START_TEST(idle_mapper_goes_away)
{
    osri_epmd_options options = world_options;
    osri_epmd_call *call = NULL;
    char path[OSRI_EPMD_PATH_BYTES];

    options.idle_exit_s = 1;
    options.deadline_ms = 10000;
    ck_assert_int_eq(osri_epmd_ensure(&options, world_text, sizeof(world_text)), OSR_OK);
    osri_epmd_lease *lease = world_register(world_options.identity, ENDPOINT);
    ck_assert_int_eq(osri_epmd_call_new(&options, NULL, world_text, sizeof(world_text), &call),
                     OSR_OK);
    osri_epmd_lease_free(&lease);
    ck_assert_int_eq(osri_epmd_call_wait_end(call), OSR_OK);
    ck_assert_int_eq(osri_epmd_path(world_port, "sock", path, NULL, 0), OSR_OK);
    ck_assert_int_ne(access(path, F_OK), 0);
    osri_epmd_call_free(&call);
}
END_TEST

/* The commands that a person types. */
START_TEST(commands_answer)
{
    static const char *const names[] = {"names", NULL}, *const dump[] = {"dump", NULL};
    static const char *const stop[] = {"stop", NULL}, *const wrong[] = {"--port", "0", NULL};
    char output[1024];
    int status = 0;
    pid_t mapper = world_start();

    osri_epmd_lease *lease = world_register(world_options.identity, ENDPOINT);
    ck_assert_int_eq(world_run(names, output, sizeof(output)), 0);
    ck_assert_str_eq(output, "a@h1\n");
    ck_assert_int_eq(world_run(dump, output, sizeof(output)), 0);
    ck_assert_msg(strstr(output, ENDPOINT) != NULL && strstr(output, "\tnames 1\t") != NULL, "%s",
                  output);
    ck_assert_int_eq(world_run(stop, output, sizeof(output)), 0);
    ck_assert_int_eq(waitpid(mapper, &status, 0), mapper);
    expect_stopped(status);
    ck_assert_int_eq(world_run(names, output, sizeof(output)), 1);
    ck_assert_int_eq(world_run(wrong, output, sizeof(output)), 64);
    osri_epmd_lease_free(&lease);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapper");
    TCase *cases = tcase_create("mapper");

    tcase_add_unchecked_fixture(cases, world_make, world_end);
    tcase_add_checked_fixture(cases, world_enter, NULL);
    tcase_set_timeout(cases, 60);
    tcase_add_test(cases, registered_name_goes_with_its_connection);
    tcase_add_test(cases, killed_holder_loses_its_name);
    tcase_add_test(cases, duplicate_name_is_refused_until_it_is_free);
    tcase_add_test(cases, unnoticed_end_does_not_block_a_name);
    tcase_add_test(cases, restart_loses_nobody);
    tcase_add_test(cases, a_thousand_names_survive_a_restart);
    tcase_add_test(cases, lease_learns_that_its_name_is_taken);
    tcase_add_test(cases, member_asks_over_curve);
    tcase_add_test(cases, non_member_gets_nothing);
    tcase_add_test(cases, certificate_must_be_good_and_ones_own);
    tcase_add_test(cases, missing_mapper_is_told_at_once);
    tcase_add_test(cases, hostile_input_hurts_nobody);
    tcase_add_test(cases, garbage_on_the_port_hurts_nobody);
    tcase_add_test(cases, endless_message_ends_its_connection);
    tcase_add_test(cases, readable_secret_keeps_it_from_starting);
    tcase_add_test(cases, open_runtime_directory_is_refused);
    tcase_add_test(cases, port_in_use_is_told);
    tcase_add_test(cases, second_mapper_leaves);
    tcase_add_test(cases, racing_starts_give_one_mapper);
    tcase_add_test(cases, ensure_starts_when_needed);
    tcase_add_test(cases, ensure_says_why_not);
    tcase_add_test(cases, ensure_names_a_mute_mapper);
    tcase_add_test(cases, idle_mapper_goes_away);
    tcase_add_test(cases, commands_answer);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
