/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>
#include <string.h>

#include "dist/link/handshake.h"
#include "tests/unit/link/link_world.h"

/* The handshake: who gets in, and what everybody else is told. */

/* Both sides come up, each knowing what the other said of itself. */
START_TEST(two_nodes_shake_hands)
{
    static const char *const labels[] = {"worker", "gpu"};
    const osri_link_peer *peer;

    world.a.config.labels = labels;
    world.a.config.label_count = 2;
    world.a.config.hidden = true;
    world.a.config.features = 6;
    world.b.config.features = 3;
    world.b.config.tick_ms = 5000;
    world_make_links();
    world_open();
    world_settle();
    world_expect("a sends HELLO\n"
                 "b sends WELCOME\n"
                 "a sends READY\n"
                 "a is up with b@h2\n"
                 "b is up with a@h1\n");
    peer = osri_link_peer_of(world.b.link);
    ck_assert_str_eq(peer->certificate.name, "a@h1");
    ck_assert_uint_eq(peer->creation, world.a.identity.creation);
    ck_assert_uint_eq(peer->node_id, world.a.identity.creation * 31 + 4);
    ck_assert_uint_eq(peer->label_count, 2);
    ck_assert_str_eq(peer->labels[1], "gpu");
    ck_assert_uint_eq(peer->os_pid, 4711);
    ck_assert(peer->hidden && !peer->dialed);
    ck_assert_uint_eq(peer->version, 1);
    peer = osri_link_peer_of(world.a.link);
    ck_assert_uint_eq(peer->tick_ms, 5000);
    ck_assert_uint_eq(peer->features, 2);
    ck_assert(peer->dialed && !peer->hidden);
    ck_assert_mem_eq(peer->session, "bbbbbbbbbbbbbbbb", 16);
}
END_TEST

/* Records given before the link is up wait, and leave with it. */
START_TEST(records_wait_for_the_link)
{
    world_make_links();
    ck_assert_int_eq(world_say(&world.a, 1, "early"), OSR_OK);
    ck_assert_int_eq(world_say(&world.b, 1, "bird"), OSR_OK);
    ck_assert_uint_eq(osri_link_queued_bytes(world.a.link), 5);
    world_open();
    world_settle();
    world_expect("a sends HELLO\n"
                 "b sends WELCOME\n"
                 "a sends READY\n"
                 "a is up with b@h2\n"
                 "a sends DATA 1: 9 bytes, acknowledges 0\n"
                 "b is up with a@h1\n"
                 "b sends DATA 1: 8 bytes, acknowledges 0\n"
                 "a gets \"bird\"\n"
                 "b gets \"early\"\n");
}
END_TEST

static void handshake(void)
{
    world_make_links();
    world_open();
    world_settle();
    ck_assert_int_eq(world.a.downs, 1);
    ck_assert_int_eq(world.b.downs, 1);
    ck_assert_int_eq(world.a.ups + world.b.ups, 0);
    ck_assert_uint_eq(osri_link_next_due(world.a.link), UINT64_MAX);
}

static void expect_acceptor_refuses(const char *trace, const char *text)
{
    handshake();
    world_expect(trace);
    ck_assert_str_eq(world.b.down_text, text);
    ck_assert_ptr_nonnull(strstr(world.a.down_text, text));
}

/* No version in common: both are told the ranges. */
START_TEST(another_version_is_refused)
{
    world.a.config.version_min = 3;
    world.a.config.version_max = 4;
    expect_acceptor_refuses("a sends HELLO\n"
                            "b sends REFUSE 10\n"
                            "b is down: refused 10\n"
                            "a is down: refused by peer 10\n",
                            "speaks protocol 3-4, we need 1-1");
}
END_TEST

/* Of two ranges the highest common version is taken. */
START_TEST(the_highest_common_version_is_taken)
{
    world.a.config.version_max = 7;
    world.b.config.version_max = 5;
    world_connect();
    ck_assert_uint_eq(osri_link_peer_of(world.a.link)->version, 5);
    ck_assert_uint_eq(osri_link_peer_of(world.b.link)->version, 5);
}
END_TEST

/* Another cluster. */
START_TEST(another_cluster_is_refused)
{
    world_identity("staging", 1, "a@h1", &world.a.identity);
    expect_acceptor_refuses("a sends HELLO\n"
                            "b sends REFUSE 20\n"
                            "b is down: refused 20\n"
                            "a is down: refused by peer 20\n",
                            "belongs to cluster \"staging\", we are \"dev\"");
}
END_TEST

/* A certificate of another authority. */
START_TEST(another_authority_is_refused)
{
    world_identity("dev", 2, "a@h1", &world.a.identity);
    handshake();
    world_expect("a sends HELLO\n"
                 "b sends REFUSE 23\n"
                 "b is down: refused 23\n"
                 "a is down: refused by peer 23\n");
}
END_TEST

/* A member cannot use another's certificate: the connection proves another key. */
START_TEST(a_stolen_certificate_is_refused)
{
    osri_identity other;

    world_identity("dev", 1, "c@h3", &other);
    world.a.identity.certificate_signed = other.certificate_signed;
    handshake();
    world_expect("a sends HELLO\n"
                 "b sends REFUSE 21\n"
                 "b is down: refused 21\n"
                 "a is down: refused by peer 21\n");
    ck_assert_ptr_nonnull(strstr(world.b.down_text, "possible impersonation"));
}
END_TEST

/* An expired certificate. */
START_TEST(an_expired_certificate_is_refused)
{
    world.now_s += 60 * 86400;
    handshake();
    world_expect("a sends HELLO\n"
                 "b sends REFUSE 22\n"
                 "b is down: refused 22\n"
                 "a is down: refused by peer 22\n");
}
END_TEST

/* A dialer that means another node is told who is here. */
START_TEST(another_name_is_refused)
{
    world.a.config.peer_name = "c@h3";
    expect_acceptor_refuses("a sends HELLO\n"
                            "b sends REFUSE 26\n"
                            "b is down: refused 26\n"
                            "a is down: refused by peer 26\n",
                            "this node is \"b@h2\", not \"c@h3\"");
}
END_TEST

/* Whoever answers: a dialer without a name takes what it finds. */
START_TEST(no_wanted_name_takes_whoever_answers)
{
    world.a.config.peer_name = NULL;
    world_connect();
    ck_assert_str_eq(osri_link_peer_of(world.a.link)->certificate.name, "b@h2");
}
END_TEST

/* A node that reaches itself notices. */
START_TEST(a_node_does_not_connect_to_itself)
{
    world.b.identity = world.a.identity;
    world.a.config.peer_name = "";
    expect_acceptor_refuses("a sends HELLO\n"
                            "b sends REFUSE 12\n"
                            "b is down: refused 12\n"
                            "a is down: refused by peer 12\n",
                            "a node cannot connect to itself");
}
END_TEST

/* Every verdict on the name that is not an acceptance becomes its refusal. */
START_TEST(verdicts_on_the_name_are_obeyed)
{
    static const struct {
        osri_verdict verdict;
        uint32_t refusal;
    } rows[] = {{OSRI_VERDICT_REFUSE_SIMULTANEOUS, 32},
                {OSRI_VERDICT_REFUSE_CONNECTED, 31},
                {OSRI_VERDICT_REFUSE_NAME_TAKEN, 30},
                {OSRI_VERDICT_REFUSE_LIMIT, 40},
                {OSRI_VERDICT_REFUSE_STOPPING, 41}};

    world.b.verdict = rows[_i].verdict;
    handshake();
    ck_assert_uint_eq(world.a.down.refusal, rows[_i].refusal);
    ck_assert_uint_eq(world.b.down.refusal, rows[_i].refusal);
    ck_assert_uint_eq(world.b.claim.creation, world.a.identity.creation);
    ck_assert(!world.b.claim.dialed);
}
END_TEST

/* The verdict to replace is handed on with UP. */
START_TEST(a_replacing_verdict_comes_with_up)
{
    world.b.verdict = OSRI_VERDICT_REPLACE;
    world_make_links();
    world_open();
    world_settle();
    ck_assert_ptr_nonnull(strstr(world.trace, "b is up with a@h1, replacing\n"));
    ck_assert_ptr_nonnull(strstr(world.trace, "a is up with b@h2\n"));
}
END_TEST

/* The dialer checks as well: an acceptor of the wrong authority is refused by it. */
START_TEST(the_dialer_checks_the_acceptor)
{
    osri_identity other;

    world_identity("dev", 2, "b@h2", &other);
    world.b.identity.certificate_signed = other.certificate_signed;
    handshake();
    world_expect("a sends HELLO\n"
                 "b sends WELCOME\n"
                 "a sends REFUSE 23\n"
                 "a is down: refused 23\n"
                 "b is down: refused by peer 23\n");
}
END_TEST

/* A dialer whose name hook refuses the WELCOME says so instead of READY. */
START_TEST(the_dialer_may_refuse_the_name)
{
    world.a.verdict = OSRI_VERDICT_REFUSE_NAME_TAKEN;
    handshake();
    world_expect("a sends HELLO\n"
                 "b sends WELCOME\n"
                 "a sends REFUSE 30\n"
                 "a is down: refused 30\n"
                 "b is down: refused by peer 30\n");
    ck_assert(world.a.claim.dialed);
}
END_TEST

/* A WELCOME that does not echo the nonce was meant for another HELLO. */
START_TEST(a_foreign_nonce_is_refused)
{
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];
    osri_handshake welcome;

    world_make_links();
    world_open();
    ck_assert(world_carry(&world.a));
    ck_assert_int_eq(
        osri_handshake_decode(world.b.sent->bytes, world.b.sent->bytes_count, 1, 1, &welcome),
        OSR_OK);
    welcome.nonce[3] ^= 1;
    world_forge(&world.b, bytes, osri_handshake_encode(&welcome, bytes));
    world_settle();
    ck_assert_uint_eq(world.a.down.refusal, OSRI_REFUSAL_MALFORMED);
    ck_assert_int_eq(world.a.ups, 0);
}
END_TEST

/* A READY of another session ends the connection. */
START_TEST(a_foreign_ready_is_refused)
{
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];
    osri_handshake ready = {.kind = OSRI_HANDSHAKE_READY};

    world_make_links();
    world_open();
    ck_assert(world_carry(&world.a) && world_carry(&world.b));
    world_forge(&world.a, bytes, osri_handshake_encode(&ready, bytes));
    world_settle();
    ck_assert_int_eq(world.b.ups, 0);
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_PROTOCOL_ERROR);
    ck_assert_str_eq(world.b.down_text, "link a@h1: READY of another session; closing");
}
END_TEST

/* The transport proved another key than the one that was dialed. */
START_TEST(the_dialed_key_is_checked)
{
    world.a.config.peer_key = world.a.identity.certificate.key;
    world_make_links();
    world_open();
    world_settle();
    ck_assert_uint_eq(world.a.down.refusal, OSRI_REFUSAL_KEY);
}
END_TEST

/* Garbage instead of HELLO: refused, of whatever length. */
START_TEST(garbage_is_refused)
{
    static uint8_t garbage[5000];
    size_t lengths[] = {1, 28, 4096, 5000};

    memset(garbage, 0xdd, sizeof(garbage));
    world_make_links();
    world_open();
    world_forge(&world.a, garbage, lengths[_i]);
    world_settle();
    ck_assert_uint_eq(world.b.down.refusal, OSRI_REFUSAL_MALFORMED);
    ck_assert_uint_eq(world.a.down.refusal, OSRI_REFUSAL_MALFORMED);
}
END_TEST

/* Every truncation of a HELLO is refused, none is read beyond its end. */
START_TEST(truncated_hellos_are_refused)
{
    size_t length;

    world.quiet = true;
    world_make_links();
    world_open();
    length = world.a.sent->bytes_count;
    for (size_t i = 1; i < length; i++) {
        uint8_t *copy = malloc(i);
        osri_handshake hello;

        memcpy(copy, world.a.sent->bytes, i);
        ck_assert_int_eq(osri_handshake_decode(copy, i, 1, 1, &hello), OSR_EPROTO);
        free(copy);
    }
}
END_TEST

/* Elements that a later version appends are ignored. */
START_TEST(appended_elements_are_ignored)
{
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];
    wire_frame *hello;

    world_make_links();
    world_open();
    hello = world.a.sent;
    memcpy(bytes, hello->bytes, hello->bytes_count);
    ck_assert_uint_eq(bytes[0], 0xdc); /* array 16 */
    bytes[2] = (uint8_t)(bytes[2] + 2);
    memcpy(bytes + hello->bytes_count, "\xa3new\x07", 5);
    world_forge(&world.a, bytes, hello->bytes_count + 5);
    world_settle();
    ck_assert_int_eq(world.b.ups, 1);
}
END_TEST

/* A data frame before the handshake is over ends the connection. */
START_TEST(data_before_the_handshake_is_refused)
{
    static const uint8_t data[28] = {0};

    world_make_links();
    world_open();
    world_forge(&world.a, data, sizeof(data));
    world_settle();
    ck_assert_int_eq(world.b.ups, 0);
    ck_assert_uint_eq(world.b.down.refusal, OSRI_REFUSAL_MALFORMED);
}
END_TEST

/* Whoever does not finish the handshake in 7 s is dropped; the dial's own time counts. */
START_TEST(the_handshake_has_a_deadline)
{
    world_make_links();
    world_pass(3000 * MS);
    world_open();
    world.now_ns += 3999 * MS;
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_OK);
    ck_assert_int_eq(world.a.downs, 0);
    ck_assert_uint_eq(osri_link_next_due(world.a.link), world.now_ns + 1 * MS);
    world.now_ns += 1 * MS;
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_OK);
    ck_assert_int_eq(world_step(&world.b, (osri_link_event){.kind = OSRI_LINK_TIME}), OSR_OK);
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_SETUP_FAILED);
    ck_assert_int_eq(world.b.down.down, OSRI_DOWN_SETUP_FAILED);
    ck_assert_str_eq(world.b.down_text, "handshake timed out after 7.0 s");
}
END_TEST

/* A dial that fails is a failed setup, with the transport's words. */
START_TEST(a_failed_dial_says_why)
{
    world_make_links();
    ck_assert_int_eq(world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_CLOSED,
                                                            .text = "connection refused"}),
                     OSR_OK);
    ck_assert_int_eq(world.a.down.down, OSRI_DOWN_SETUP_FAILED);
    ck_assert_str_eq(world.a.down_text, "connection refused");
    ck_assert(!world.a.closed && !world.a.down.was_up);
    ck_assert_int_eq(world_say(&world.a, 1, "late"), OSR_ECLOSED);
}
END_TEST

/* What does not fit the state is the owner's mistake and changes nothing. */
START_TEST(misplaced_events_are_refused)
{
    uint8_t key[OSRI_KEY_BYTES] = {0};

    world_make_links();
    ck_assert_int_eq(
        world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_ACCEPTED, .peer_key = key}),
        OSR_EINVAL);
    ck_assert_int_eq(
        world_step(&world.a,
                   (osri_link_event){.kind = OSRI_LINK_FRAME, .bytes = key, .bytes_count = 1}),
        OSR_EINVAL);
    ck_assert_int_eq(world_send(&world.a, 1, "", 0), OSR_EINVAL);
    ck_assert_int_eq(world_send(&world.a, 1, key, OSRI_LINK_RECORD_BYTES_MAX + 1), OSR_ELIMIT);
    world_open();
    world_settle();
    ck_assert_int_eq(world.a.ups + world.b.ups, 2);
    ck_assert_int_eq(
        world_step(&world.a, (osri_link_event){.kind = OSRI_LINK_OPENED, .peer_key = key}),
        OSR_EINVAL);
}
END_TEST

/* Labels that do not fit are refused when the link is made. */
START_TEST(labels_that_do_not_fit_are_refused)
{
    char label[OSRI_LINK_LABEL_BYTES + 1];
    const char *labels[OSRI_LINK_LABELS_MAX + 1] = {label};

    memset(label, 'x', sizeof(label));
    label[OSRI_LINK_LABEL_BYTES] = '\0';
    world.a.config.labels = labels;
    world.a.config.label_count = 1;
    ck_assert_int_eq(osri_link_new(&world.a.config, true, 0, &world.a.link), OSR_EINVAL);
    label[OSRI_LINK_LABEL_BYTES - 1] = '\0';
    for (size_t i = 1; i <= OSRI_LINK_LABELS_MAX; i++) {
        labels[i] = "x";
    }
    world.a.config.label_count = OSRI_LINK_LABELS_MAX;
    world_connect();
    osri_link_free(&world.a.link);
    world.a.config.label_count = OSRI_LINK_LABELS_MAX + 1;
    ck_assert_int_eq(osri_link_new(&world.a.config, true, 0, &world.a.link), OSR_EINVAL);
}
END_TEST

/* The REFUSE codes that travel have a text of their own. */
START_TEST(refusals_have_texts)
{
    ck_assert_str_eq(osri_refusal_text(OSRI_REFUSAL_LIMIT), "too many connections");
    ck_assert_str_eq(osri_refusal_text(999), "refused");
    ck_assert_str_eq(osri_down_name(OSRI_DOWN_TICK_TIMEOUT), "net_tick_timeout");
    ck_assert_str_eq(osri_down_name((osri_down)99), "connection_closed");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_setup");
    TCase *tests = tcase_create("handshake");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, world_begin, world_end);
    tcase_add_test(tests, two_nodes_shake_hands);
    tcase_add_test(tests, records_wait_for_the_link);
    tcase_add_test(tests, another_version_is_refused);
    tcase_add_test(tests, the_highest_common_version_is_taken);
    tcase_add_test(tests, another_cluster_is_refused);
    tcase_add_test(tests, another_authority_is_refused);
    tcase_add_test(tests, a_stolen_certificate_is_refused);
    tcase_add_test(tests, an_expired_certificate_is_refused);
    tcase_add_test(tests, another_name_is_refused);
    tcase_add_test(tests, no_wanted_name_takes_whoever_answers);
    tcase_add_test(tests, a_node_does_not_connect_to_itself);
    tcase_add_loop_test(tests, verdicts_on_the_name_are_obeyed, 0, 5);
    tcase_add_test(tests, a_replacing_verdict_comes_with_up);
    tcase_add_test(tests, the_dialer_checks_the_acceptor);
    tcase_add_test(tests, the_dialer_may_refuse_the_name);
    tcase_add_test(tests, a_foreign_nonce_is_refused);
    tcase_add_test(tests, a_foreign_ready_is_refused);
    tcase_add_test(tests, the_dialed_key_is_checked);
    tcase_add_loop_test(tests, garbage_is_refused, 0, 4);
    tcase_add_test(tests, truncated_hellos_are_refused);
    tcase_add_test(tests, appended_elements_are_ignored);
    tcase_add_test(tests, data_before_the_handshake_is_refused);
    tcase_add_test(tests, the_handshake_has_a_deadline);
    tcase_add_test(tests, a_failed_dial_says_why);
    tcase_add_test(tests, misplaced_events_are_refused);
    tcase_add_test(tests, labels_that_do_not_fit_are_refused);
    tcase_add_test(tests, refusals_have_texts);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
