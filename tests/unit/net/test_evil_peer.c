/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/link/handshake.h"
#include "dist/link/wire.h"
#include "tests/unit/net/refused_world.h"

/* A member that sends what it likes, on the real stack: it loses its own connection, is told why
 * where it can be, and a third node notices nothing. */

/* ---- frames that do not do --------------------------------------------------------------- */

#define VERSION 1 /* of the link protocol */

typedef struct raw_peer {
    osri_identity identity;
    osri_transport *transport;
    osri_conn conn;
    uint64_t tag;
} raw_peer;

static void raw_send(raw_peer *peer, const void *bytes, size_t count)
{
    ck_assert_int_eq(peer->transport->ops->send(peer->transport, peer->conn, bytes, count), OSR_OK);
}

static osri_transport_event raw_await(raw_peer *peer)
{
    osri_transport_event event;
    uint64_t until = now_ms() + DEADLINE_MS;

    while (!peer->transport->ops->poll(peer->transport, UINT64_C(100000000), &event)) {
        ck_assert_uint_lt(now_ms(), until);
    }
    return event;
}

static void raw_dial_as(raw_peer *peer, const char *name)
{
    osri_transport_event event;

    make_identity(name, &peer->identity);
    peer->transport = make_transport(&peer->identity, NULL);
    ck_assert_int_eq(peer->transport->ops->dial(peer->transport, acceptor.endpoint,
                                                acceptor.identity.certificate.key, &peer->conn),
                     OSR_OK);
    event = raw_await(peer);
    ck_assert_int_eq(event.kind, OSRI_CONN_OPENED);
}

static void raw_dial(raw_peer *peer)
{
    raw_dial_as(peer, EVIL);
}

static void raw_hello(raw_peer *peer, uint32_t version)
{
    osri_handshake hello = {.kind = OSRI_HANDSHAKE_HELLO,
                            .version_min = version,
                            .version_max = version,
                            .certificate = peer->identity.certificate_signed,
                            .creation = peer->identity.creation,
                            .window_bytes = 65536,
                            .frame_bytes_max = 65536,
                            .tick_ms = 60000};
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];

    (void)snprintf(hello.cluster, sizeof(hello.cluster), "%s", peer->identity.certificate.cluster);
    (void)snprintf(hello.want_name, sizeof(hello.want_name), "%s", ACCEPTOR);
    raw_send(peer, bytes, osri_handshake_encode(&hello, bytes));
}

static osri_handshake raw_answer(raw_peer *peer, uint32_t version)
{
    osri_transport_event event = raw_await(peer);
    osri_handshake answer;

    ck_assert_int_eq(event.kind, OSRI_CONN_FRAME);
    ck_assert_int_eq(
        osri_handshake_decode(event.frame, event.frame_bytes, version, version, &answer), OSR_OK);
    return answer;
}

static void raw_ready(raw_peer *peer, const osri_handshake *welcome)
{
    osri_handshake ready = {.kind = OSRI_HANDSHAKE_READY};
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];

    memcpy(ready.session, welcome->session, sizeof(ready.session));
    for (size_t i = 0; i < 8; i++) {
        peer->tag = peer->tag << 8 | welcome->session[i];
    }
    raw_send(peer, bytes, osri_handshake_encode(&ready, bytes));
}

static void raw_come_up(raw_peer *peer)
{
    osri_handshake answer;

    raw_hello(peer, VERSION);
    answer = raw_answer(peer, VERSION);
    ck_assert_int_eq(answer.kind, OSRI_HANDSHAKE_WELCOME);
    raw_ready(peer, &answer);
    await_line(&acceptor, EVIL " is up");
}

/* What the goodbye says that comes before the end; the frames before it do not matter. */
static void raw_await_goodbye(raw_peer *peer, uint8_t reason)
{
    osri_transport_event event;
    osri_wire_header header;

    do {
        event = raw_await(peer);
        ck_assert_int_eq(event.kind, OSRI_CONN_FRAME);
        ck_assert_int_eq(osri_wire_header_read(event.frame, event.frame_bytes, &header), OSR_OK);
    } while (header.kind != OSRI_WIRE_GOODBYE);
    ck_assert_uint_gt(event.frame_bytes, OSRI_WIRE_HEADER_BYTES);
    ck_assert_uint_eq(event.frame[OSRI_WIRE_HEADER_BYTES], reason);
}

static void raw_await_end(raw_peer *peer)
{
    while (raw_await(peer).kind != OSRI_CONN_CLOSED) {
    }
}

static void begin_raw(raw_peer *peer)
{
    start_acceptor_and_friend();
    join_friend();
    raw_dial(peer);
}

static void end_raw(raw_peer *peer)
{
    raw_await_end(peer);
    check_friend_untouched();
    peer->transport->ops->free(peer->transport, 0);
    stop_all();
}

START_TEST(other_version_is_refused)
{
    raw_peer peer = {0};
    osri_handshake answer;
    char expected[64];

    begin_raw(&peer);
    raw_hello(&peer, VERSION + 7);
    answer = raw_answer(&peer, VERSION);
    (void)snprintf(expected, sizeof(expected), "speaks protocol %u-%u, we need ", VERSION + 7,
                   VERSION + 7);
    ck_assert_int_eq(answer.kind, OSRI_HANDSHAKE_REFUSE);
    ck_assert_uint_eq(answer.refusal, OSRI_REFUSAL_VERSION);
    ck_assert_ptr_nonnull(strstr(answer.text, expected));
    await_line_at(&acceptor, OSR_LOG_WARNING, expected);
    end_raw(&peer);
}
END_TEST

START_TEST(malformed_handshake_is_refused)
{
    raw_peer peer = {0};
    osri_handshake answer;

    begin_raw(&peer);
    raw_send(&peer, "\xdd\x05\x00\x00\x00", 5);
    answer = raw_answer(&peer, VERSION);
    ck_assert_int_eq(answer.kind, OSRI_HANDSHAKE_REFUSE);
    ck_assert_uint_eq(answer.refusal, OSRI_REFUSAL_MALFORMED);
    ck_assert_str_eq(answer.text, "malformed handshake");
    await_line_at(&acceptor, OSR_LOG_WARNING, "malformed handshake");
    end_raw(&peer);
}
END_TEST

static void send_numbered(raw_peer *peer, uint64_t number)
{
    osri_wire_header header = {.tag = peer->tag, .seq = number, .kind = OSRI_WIRE_DATA};
    uint8_t bytes[OSRI_WIRE_HEADER_BYTES];

    osri_wire_header_write(bytes, &header);
    raw_send(peer, bytes, sizeof(bytes));
}

START_TEST(gap_in_the_frames_ends_the_link)
{
    raw_peer peer = {0};

    begin_raw(&peer);
    raw_come_up(&peer);
    send_numbered(&peer, 1);
    send_numbered(&peer, 3);
    await_line_at(&acceptor, OSR_LOG_ERROR,
                  EVIL " is down: protocol_error (link " EVIL
                       ": frame 3 where 2 was due; closing)");
    raw_await_goodbye(&peer, OSRI_DOWN_PROTOCOL_ERROR);
    end_raw(&peer);
}
END_TEST

START_TEST(frame_twice_ends_the_link)
{
    raw_peer peer = {0};

    begin_raw(&peer);
    raw_come_up(&peer);
    send_numbered(&peer, 1);
    send_numbered(&peer, 1);
    await_line_at(&acceptor, OSR_LOG_ERROR,
                  EVIL " is down: protocol_error (link " EVIL
                       ": frame 1 where 2 was due; closing)");
    raw_await_goodbye(&peer, OSRI_DOWN_PROTOCOL_ERROR);
    end_raw(&peer);
}
END_TEST

START_TEST(mute_peer_is_given_up)
{
    raw_peer peer = {0};

    begin_raw(&peer);
    raw_come_up(&peer);
    await_line_at(&acceptor, OSR_LOG_WARNING, "link " EVIL ": nothing received for ");
    ck_assert_uint_eq(lines_with(&acceptor, EVIL " is down: net_tick_timeout"), 1);
    end_raw(&peer);
}
END_TEST

/* With a serial that differs from its friend's, which was made in the same second. */
static void issue_earlier(raw_peer *peer)
{
    osri_identity_request request = {.secret = refused_secret,
                                     .name = EVIL,
                                     .now_s = now_s() - 1000,
                                     .creation = peer->identity.creation};

    ck_assert_int_eq(osri_identity_development(&request, &peer->identity), OSR_OK);
}

/* Who is revoked between its HELLO and its READY never was connected: it is told why. */
START_TEST(peer_revoked_during_its_handshake_is_told_so)
{
    raw_peer peer = {0};
    osri_revocations list = {.version = 1};
    osri_handshake answer;

    begin_raw(&peer);
    issue_earlier(&peer);
    raw_hello(&peer, VERSION);
    answer = raw_answer(&peer, VERSION);
    ck_assert_int_eq(answer.kind, OSRI_HANDSHAKE_WELCOME);
    (void)snprintf(list.cluster, sizeof(list.cluster), "%s", peer.identity.certificate.cluster);
    ck_assert_int_eq(osri_revocations_add(&list, peer.identity.certificate.serial), OSR_OK);
    ck_assert_int_eq(osri_net_revoke(acceptor.net, &list), OSR_OK);
    await_line_at(&acceptor, OSR_LOG_NOTICE, "list of revoked certificates, version 1: 1 revoked");
    raw_ready(&peer, &answer);
    await_line_at(&acceptor, OSR_LOG_ERROR, EVIL ": its certificate is revoked; closing");
    raw_await_goodbye(&peer, OSRI_DOWN_REVOKED);
    ck_assert_uint_eq(lines_with(&acceptor, EVIL " is up"), 0);
    end_raw(&peer);
}
END_TEST

/* ---- garbage --------------------------------------------------------------------------- */

#define GARBAGE_FRAMES 1000000
#define GARBAGE_A_CONNECTION 25000
#define GARBAGE_BYTES 160

static void redial(raw_peer *peer)
{
    peer->transport->ops->close(peer->transport, peer->conn, 0);
    peer->transport->ops->free(peer->transport, 0);
    peer->tag = 0;
    raw_dial(peer);
}

/* Random bytes; for every other connection as the records of a link that is up. Random numbers are
 * drawn once: what differs from frame to frame is where in them it begins. Returns how many left
 * until the end of the connection was noticed. */
static unsigned send_garbage(raw_peer *peer, const uint8_t *noise, unsigned frames)
{
    uint8_t bytes[OSRI_WIRE_HEADER_BYTES + GARBAGE_BYTES];

    for (unsigned i = 1; i <= frames; i++) {
        osri_wire_header header = {.tag = peer->tag,
                                   .seq = i,
                                   .kind = (uint8_t)(i == 1 ? OSRI_WIRE_DATA : noise[i % 8192])};
        size_t count = 1 + noise[i % 4096] % GARBAGE_BYTES;
        memcpy(bytes + OSRI_WIRE_HEADER_BYTES, noise + i * 7 % 8192, count);
        bool up = peer->tag != 0;
        osri_wire_header_write(bytes, &header);
        if (peer->transport->ops->send(peer->transport, peer->conn,
                                       up ? bytes : bytes + OSRI_WIRE_HEADER_BYTES,
                                       up ? OSRI_WIRE_HEADER_BYTES + count : count) != OSR_OK) {
            return i - 1;
        }
    }
    return frames;
}

/* A million frames of garbage, before and after the handshake: each connection ends, the node and
 * its other link go on. */
START_TEST(million_frames_of_garbage_harm_nobody)
{
    static uint8_t noise[32768];
    raw_peer peer = {0};

    randombytes_buf(noise, sizeof(noise));
    begin_raw(&peer);
    for (unsigned i = 0, sent = 0; sent < GARBAGE_FRAMES; i++) {
        if (i > 0) {
            redial(&peer);
        }
        if (i % 2 == 1) {
            raw_come_up(&peer);
        }
        sent += send_garbage(&peer, noise + i % 64, GARBAGE_A_CONNECTION);
        raw_await_end(&peer);
        friend_says(10 + i);
    }
    ck_assert_uint_ge(lines_with(&acceptor, "malformed handshake"), 1);
    ck_assert_uint_ge(lines_with(&acceptor, EVIL " is down: protocol_error"), 1);
    check_friend_untouched();
    peer.transport->ops->free(peer.transport, 0);
    stop_all();
}
END_TEST

/* A HELLO that was heard once opens nothing a second time: who plays it again has not its key. */
START_TEST(replayed_hello_is_refused)
{
    raw_peer peer = {0}, thief = {0};
    osri_handshake answer;

    begin_raw(&peer);
    raw_come_up(&peer);
    raw_dial_as(&thief, OTHER);     /* in development a key follows from the name */
    thief.identity = peer.identity; /* what it shows; the connection proves its own key */
    raw_hello(&thief, VERSION);
    answer = raw_answer(&thief, VERSION);
    ck_assert_int_eq(answer.kind, OSRI_HANDSHAKE_REFUSE);
    ck_assert_uint_eq(answer.refusal, OSRI_REFUSAL_KEY);
    await_line_at(&acceptor, OSR_LOG_ERROR,
                  "certificate for \"" EVIL "\" does not match the connection's key");
    ck_assert_uint_eq(lines_with(&acceptor, EVIL " is down"), 0);
    raw_await_end(&thief);
    thief.transport->ops->free(thief.transport, 0);
    peer.transport->ops->close(peer.transport, peer.conn, 0);
    await_line(&acceptor, EVIL " is down");
    check_friend_untouched();
    peer.transport->ops->free(peer.transport, 0);
    stop_all();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evil peer");
    TCase *tests = tcase_create("frames");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, other_version_is_refused);
    tcase_add_test(tests, malformed_handshake_is_refused);
    tcase_add_test(tests, gap_in_the_frames_ends_the_link);
    tcase_add_test(tests, frame_twice_ends_the_link);
    tcase_add_test(tests, mute_peer_is_given_up);
    tcase_add_test(tests, replayed_hello_is_refused);
    tcase_add_test(tests, peer_revoked_during_its_handshake_is_told_so);
    tcase_add_test(tests, million_frames_of_garbage_harm_nobody);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
