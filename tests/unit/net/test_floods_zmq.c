/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/refused_world.h"

/* Floods of those who hold no key of the cluster, on the real stack (transport.md 5): what they
 * cost is bounded, the links that are there and those that come go on, and they are gone in the
 * end. All of it is in one OS process, so its memory counts the flood's own side, too. */

#define IDLE_CONNECTIONS 5000
#define SPARE_DESCRIPTORS 512
#define BIG_CONNECTIONS 16
#define HANDSHAKES 1500
#define HANDSHAKES_AT_ONCE 64

/* A sanitizer keeps what was freed, and its shadows. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MEMORY_TELLS false
#else
#define MEMORY_TELLS true
#endif

static size_t resident_bytes(void)
{
    unsigned long total = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%lu %lu", &total, &resident), 2);
    fclose(file);
    return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void check_grown_less(size_t before, size_t bytes)
{
    if (MEMORY_TELLS) {
        ck_assert_uint_lt(resident_bytes(), before + bytes);
    }
}

static int connect_raw(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_ge(fd, 0);
    address.sin_port = htons((uint16_t)atoi(strrchr(acceptor.endpoint, ':') + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

static bool is_closed(int fd)
{
    char bytes[256];
    ssize_t got;

    do {
        got = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
    } while (got > 0);
    return got == 0 || (errno != EAGAIN && errno != EINTR);
}

/* As many connections as descriptors allow, two of them each. */
static unsigned idle_connections(void)
{
    struct rlimit limit;
    unsigned count = IDLE_CONNECTIONS;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    if (limit.rlim_cur < 2 * IDLE_CONNECTIONS + SPARE_DESCRIPTORS) {
        count = (unsigned)(limit.rlim_cur - SPARE_DESCRIPTORS) / 2;
        printf("flood_idle: only %u connections, for ulimit -n is %llu\n", count,
               (unsigned long long)limit.rlim_cur);
    }
    return count;
}

static void begin(void)
{
    start_acceptor_and_friend();
    join_friend();
}

/* Somebody who has a key comes in the middle of it, and is let in. */
static void let_another_in(void)
{
    evil.name = OTHER;
    make_identity(OTHER, &evil.identity);
    start_node(&evil);
    ck_assert_int_eq(osri_net_want(evil.net, ACCEPTOR, true), OSR_OK);
    await_line(&acceptor, OTHER " is up");
}

static void end(void)
{
    check_friend_untouched();
    ck_assert_uint_eq(lines_with(&acceptor, OTHER " is down"), 0);
    stop_all();
}

/* Thousands of connections that say nothing are all closed; each costs little. */
START_TEST(flood_idle)
{
    static int fds[IDLE_CONNECTIONS];
    unsigned count = idle_connections();
    size_t before;
    uint64_t until;

    begin();
    before = resident_bytes();
    for (unsigned i = 0; i < count; i++) {
        fds[i] = connect_raw();
    }
    let_another_in();
    friend_says(10);
    until = now_ms() + 3 * DEADLINE_MS;
    for (unsigned i = 0; i < count; i++) {
        while (!is_closed(fds[i])) {
            ck_assert_msg(now_ms() < until, "connection %u of %u is not closed", i, count);
            check_grown_less(before, 32u << 20);
            pause_shortly();
        }
        close(fds[i]);
    }
    end();
}
END_TEST

/* Frames that are announced as a gigabyte, and begun, are cut off before they fill the memory. */
START_TEST(flood_bigframe)
{
    static const uint8_t greeting[64] = {0xff, 0, 0, 0,   0,   0,   0,   0,  0,
                                         0x7f, 3, 0, 'C', 'U', 'R', 'V', 'E'};
    static const uint8_t command_of_1_gib[] = {0x06, 0, 0, 0, 0, 0x40, 0, 0, 0};
    static const uint8_t filling[65536];
    int fds[BIG_CONNECTIONS];
    unsigned open = BIG_CONNECTIONS;
    uint64_t until = now_ms() + 2 * DEADLINE_MS;
    size_t before;

    begin();
    before = resident_bytes();
    for (unsigned i = 0; i < BIG_CONNECTIONS; i++) {
        fds[i] = connect_raw();
        ck_assert_int_eq(send(fds[i], greeting, sizeof(greeting), MSG_NOSIGNAL), 64);
        ck_assert_int_eq(send(fds[i], command_of_1_gib, sizeof(command_of_1_gib), MSG_NOSIGNAL), 9);
    }
    while (open > 0) {
        for (unsigned i = 0; i < open; i++) {
            while (send(fds[i], filling, sizeof(filling), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
            }
            if (is_closed(fds[i])) {
                close(fds[i]);
                fds[i--] = fds[--open];
            }
        }
        check_grown_less(before, 4u << 20);
        ck_assert_uint_lt(now_ms(), until);
        pause_shortly();
    }
    let_another_in();
    end();
}
END_TEST

/* Whole CURVE handshakes under keys that nobody knows, as fast as they go: no link that is there
 * ends, its messages pass, and who has a key still comes in. */
START_TEST(flood_hs)
{
    osri_transport_event event;
    osri_transport *flood;
    osri_identity nobody;
    unsigned begun = 0, over = 0;
    uint64_t until = now_ms() + 4 * DEADLINE_MS;

    begin();
    make_identity(EVIL, &nobody);
    crypto_box_keypair(nobody.certificate.key, nobody.key_secret);
    flood = make_transport(&nobody, NULL);
    while (over < HANDSHAKES) {
        osri_conn conn;
        while (begun < HANDSHAKES && begun - over < HANDSHAKES_AT_ONCE) {
            ck_assert_int_eq(flood->ops->dial(flood, acceptor.endpoint,
                                              acceptor.identity.certificate.key, &conn),
                             OSR_OK);
            begun++;
        }
        if (!flood->ops->poll(flood, UINT64_C(100000000), &event)) {
            ck_assert_uint_lt(now_ms(), until);
            continue;
        }
        if (event.kind == OSRI_CONN_OPENED) { /* admitted for its first frame, which is none */
            flood->ops->close(flood, event.conn, 0);
            over++;
        } else if (event.kind == OSRI_CONN_CLOSED) {
            over++;
        }
        if (over % 250 == 0 && over > 0) {
            friend_says(10 + over);
        }
        if (over == HANDSHAKES / 2 && evil.node == NULL) {
            let_another_in();
        }
    }
    flood->ops->free(flood, 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("floods on ZeroMQ");
    TCase *tests = tcase_create("floods");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, flood_idle);
    tcase_add_test(tests, flood_bigframe);
    tcase_add_test(tests, flood_hs);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
