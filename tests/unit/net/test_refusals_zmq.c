/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dist/link/handshake.h"
#include "dist/link/wire.h"
#include "dist/net/state.h"
#include "dist/zmq/transport.h"
#include "lib/core/log.h"
#include "tests/unit/net/actors.h"

/* What a peer that is refused or cut off gets, on the real stack: the line of the node that does
 * it, what the other side is told, and a third node that notices nothing. */

#define DEADLINE_MS 20000
#define DAY_S UINT64_C(86400)
#define VERSION 1 /* of the link protocol */
#define TICK_MS 2000
#define LOG_BYTES (64 * 1024)
#define ACCEPTOR "a@localhost"
#define FRIEND "good@localhost"
#define EVIL "evil@localhost"
#define OTHER "other@localhost"

typedef struct refused_node {
    const char *name;
    char endpoint[OSRI_ENDPOINT_BYTES];
    osri_identity identity;
    osri_policy *policy;
    osri_audit *audit;
    osr_node *node;
    osri_net *net;
    void *thread;
    atomic_bool stop;
    osri_log log;
    osri_mutex mutex;     /* OSRI_RANK_LEAF */
    char text[LOG_BYTES]; /* guarded_by: mutex */
    size_t used;          /* guarded_by: mutex */
} refused_node;

/* Makes evil's identity, whose name and creation are those of the node, and what it dials. */
typedef struct refusal_row {
    const char *title; /* the refusal, for whoever reads the table */
    void (*forge)(osri_identity *evil);
    const char *evil_name;
    const char *dials;
    const char *line; /* in the log of who refuses, and said to who dialed */
} refusal_row;

static const uint8_t secret[32] = {1, 2, 3};
static const uint8_t other_secret[32] = {3, 2, 1};
static refused_node acceptor, friendly, evil;
static osri_revocations revoked;
static osr_pid at_friend;

static uint64_t now_ms(void)
{
    const osr_env *env = osr_env_real();

    return env->now_ns(env->context) / 1000000;
}

static uint64_t now_s(void)
{
    const osr_env *env = osr_env_real();

    return env->wall_ms(env->context) / 1000;
}

static void pause_shortly(void)
{
    struct timespec moment = {.tv_nsec = 1000000};

    (void)nanosleep(&moment, NULL);
}

/* ---- nodes ------------------------------------------------------------------------------- */

static void keep_line(void *context, osr_log_level level, const char *line, size_t bytes)
{
    refused_node *at = context;

    (void)level;
    osri_mutex_lock(&at->mutex);
    if (bytes < sizeof(at->text) - at->used) {
        memcpy(at->text + at->used, line, bytes + 1);
        at->used += bytes;
    }
    osri_mutex_unlock(&at->mutex);
}

static unsigned lines_with(refused_node *at, const char *words)
{
    unsigned count = 0;

    osri_mutex_lock(&at->mutex);
    for (const char *s = strstr(at->text, words); s != NULL; s = strstr(s + 1, words)) {
        count++;
    }
    osri_mutex_unlock(&at->mutex);
    return count;
}

static void await_line(refused_node *at, const char *words)
{
    uint64_t until = now_ms() + DEADLINE_MS;

    while (lines_with(at, words) == 0) {
        ck_assert_msg(now_ms() < until, "no \"%s\" in the log of %s:\n%s", words, at->name,
                      at->text);
        pause_shortly();
    }
}

/* Every name leads to the acceptor, also those that are not its own. */
static void resolve(void *context, osri_net *net, const char *name)
{
    (void)context;
    osri_net_resolved(net, name, OSR_OK, acceptor.endpoint, acceptor.identity.certificate.key,
                      NULL);
}

static bool admit(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    (void)context;
    (void)key;
    (void)address;
    return true;
}

static void serve(void *argument)
{
    refused_node *at = argument;

    while (!osri_net_has_left(at->net)) {
        (void)osri_net_turn(at->net, atomic_load(&at->stop) ? 10 : 1000);
    }
}

static void closing(void *context)
{
    refused_node *at = context;

    atomic_store(&at->stop, true);
    osri_net_leave(at->net);
    osr_env_real()->thread_join(osr_env_real()->context, at->thread);
}

static osri_transport *make_transport(const osri_identity *identity)
{
    osri_zmq_options options = {.admit = admit};
    osri_transport *transport;

    memcpy(options.key_public, identity->certificate.key, 32);
    memcpy(options.key_secret, identity->key_secret, 32);
    ck_assert_int_eq(osri_zmq_transport_new(&options, &transport), OSR_OK);
    return transport;
}

static void make_identity(const char *name, osri_identity *ret_identity)
{
    const osr_env *env = osr_env_real();
    osri_identity_request request = {.secret = secret, .name = name, .now_s = now_s()};

    env->random(env->context, &request.creation, sizeof(request.creation));
    ck_assert_int_eq(osri_identity_development(&request, ret_identity), OSR_OK);
}

static void start_node(refused_node *at)
{
    const osr_env *env = osr_env_real();
    osri_net_options options = {.identity = &at->identity,
                                .resolver = {.resolve = resolve},
                                .tick_ms = TICK_MS,
                                .policy = at->policy,
                                .audit = at->audit,
                                .closing = closing,
                                .context = at};

    osri_mutex_init(&at->mutex, OSRI_RANK_LEAF);
    osri_log_init(&at->log, at->name, OSR_LOG_INFO, keep_line, at);
    ck_assert_int_eq(
        osr_node_new(OSR_NODE(.name = at->name, .creation = at->identity.creation, .schedulers = 1),
                     &at->node),
        OSR_OK);
    options.transport = make_transport(&at->identity);
    ck_assert_int_eq(options.transport->ops->listen(options.transport, "tcp://127.0.0.1:9300-9399",
                                                    at->endpoint),
                     OSR_OK);
    ck_assert_int_eq(osri_net_new(at->node, &options, &at->net), OSR_OK);
    at->net->log = &at->log;
    ck_assert_int_eq(env->thread_start(env->context, "net", serve, at, &at->thread), OSR_OK);
    ck_assert_int_eq(osr_node_start(at->node), OSR_OK);
}

static void stop_node(refused_node *at)
{
    if (at->node != NULL) {
        osr_node_stop(at->node, 0);
        osr_node_free(&at->node);
        osri_mutex_fini(&at->mutex);
    }
}

static osr_pid actor_on(refused_node *at, const char *name)
{
    actor_options options = {.name = osr_str_of(name)};
    osr_pid pid;

    ck_assert_int_eq(
        osr_node_spawn(at->node, actor_entry(), &options, OSR_SPAWN(.name = name), &pid), OSR_OK);
    return pid;
}

/* The friend's note arrives over the link that it had from the beginning. */
static void friend_says(uint32_t number)
{
    char line[32];
    uint64_t until = now_ms() + DEADLINE_MS;

    ck_assert_int_eq(osr_node_send(friendly.node, osr_to(at_friend), &actor_send_osr_type,
                                   &(actor_send){.name = osr_str_of("listener"),
                                                 .node = osr_str_of(ACCEPTOR),
                                                 .first = number,
                                                 .count = 1}),
                     OSR_OK);
    (void)snprintf(line, sizeof(line), "listener note %u", number);
    while (actor_trace_count(line) == 0) {
        ck_assert_msg(now_ms() < until, "no \"%s\" in:\n%s", line, actor_trace());
        pause_shortly();
    }
}

static void start_acceptor_and_friend(void)
{
    actor_trace_clear();
    acceptor.name = ACCEPTOR;
    friendly.name = FRIEND;
    make_identity(ACCEPTOR, &acceptor.identity);
    make_identity(FRIEND, &friendly.identity);
    acceptor.identity.revocations = &revoked;
}

static void join_friend(void)
{
    start_node(&acceptor);
    start_node(&friendly);
    (void)actor_on(&acceptor, "listener");
    at_friend = actor_on(&friendly, "friend");
    friend_says(1);
}

static void check_friend_untouched(void)
{
    friend_says(2);
    ck_assert_uint_eq(lines_with(&acceptor, FRIEND " is up"), 1);
    ck_assert_uint_eq(lines_with(&acceptor, FRIEND " is down"), 0);
    ck_assert_uint_eq(lines_with(&friendly, "is down"), 0);
}

static void stop_all(void)
{
    stop_node(&evil);
    stop_node(&friendly);
    stop_node(&acceptor);
}

/* ---- certificates that do not do --------------------------------------------------------- */

static void forge_by(osri_identity *forged, const osri_identity_request *request)
{
    osri_identity_request full = *request;

    full.creation = forged->creation;
    full.name = forged->certificate.name;
    full.secret = full.secret == NULL ? secret : full.secret;
    full.now_s = full.now_s == 0 ? now_s() : full.now_s;
    ck_assert_int_eq(osri_identity_development(&full, forged), OSR_OK);
}

static void of_another_cluster(osri_identity *forged)
{
    forge_by(forged, &(osri_identity_request){.cluster = "staging"});
}

static void stolen_certificate(osri_identity *forged)
{
    forged->certificate_signed = friendly.identity.certificate_signed;
}

static void expired(osri_identity *forged)
{
    forge_by(forged, &(osri_identity_request){.now_s = now_s() - 33 * DAY_S});
}

static void not_valid_yet(osri_identity *forged)
{
    forge_by(forged, &(osri_identity_request){.now_s = now_s() + 3 * DAY_S});
}

static void of_another_authority(osri_identity *forged)
{
    forge_by(forged, &(osri_identity_request){.secret = other_secret});
}

static void revoked_before(osri_identity *forged)
{
    forge_by(forged, &(osri_identity_request){.now_s = now_s() - 1000});
    ck_assert_int_eq(osri_revocations_add(&revoked, forged->certificate.serial), OSR_OK);
}

static void without_role_join(osri_identity *forged)
{
    forge_by(forged, &(osri_identity_request){.roles = OSRI_ROLE_SPAWN});
}

static void of_the_acceptors_start(osri_identity *forged)
{
    forged->creation = acceptor.identity.creation;
}

static void in_order(osri_identity *forged)
{
    (void)forged;
}

/* The authority issues the friend's name for a second key. */
static void with_another_key(osri_identity *forged)
{
    uint8_t seed[32], authority_public[32], authority_secret[64];

    crypto_kdf_derive_from_key(seed, sizeof(seed), 1, "osierkdf", secret);
    crypto_sign_seed_keypair(authority_public, authority_secret, seed);
    ck_assert_mem_eq(authority_public, forged->authority_public, sizeof(authority_public));
    crypto_box_keypair(forged->certificate.key, forged->key_secret);
    ck_assert_int_eq(
        osri_certificate_sign(&forged->certificate, authority_secret, &forged->certificate_signed),
        OSR_OK);
}

static const refusal_row rows[] = {
    {"cluster (20)", of_another_cluster, EVIL, ACCEPTOR,
     "belongs to cluster \"staging\", we are \"dev\""},
    {"key (21)", stolen_certificate, EVIL, ACCEPTOR,
     "certificate for \"" FRIEND "\" does not match the connection's key; possible impersonation"},
    {"validity (22), expired", expired, EVIL, ACCEPTOR,
     "certificate of \"" EVIL "\" expired 3 d ago (serial "},
    {"validity (22), not yet", not_valid_yet, EVIL, ACCEPTOR,
     "certificate of \"" EVIL "\" is not valid yet, for another "},
    {"authority (23)", of_another_authority, EVIL, ACCEPTOR,
     "certificate of \"" EVIL "\" is signed by another authority"},
    {"revoked (24)", revoked_before, EVIL, ACCEPTOR,
     "certificate of \"" EVIL "\" is revoked (serial "},
    {"role (25)", without_role_join, EVIL, ACCEPTOR, ") may not join"},
    {"self (12)", of_the_acceptors_start, EVIL, ACCEPTOR, "a node cannot connect to itself"},
    {"wrong name (26)", in_order, EVIL, OTHER, "this node is \"" ACCEPTOR "\", not \"" OTHER "\""},
    {"name taken (30)", with_another_key, FRIEND, ACCEPTOR,
     "\"" FRIEND "\" is already connected with another key"},
};

/* Each row: the refuser names the reason, the dialer says the same, the friend hears nothing. */
START_TEST(refused_peer_is_told_and_others_live_on)
{
    const refusal_row *row = &rows[_i];
    char told[256];

    start_acceptor_and_friend();
    evil.name = row->evil_name;
    make_identity(row->evil_name, &evil.identity);
    row->forge(&evil.identity);
    join_friend();
    start_node(&evil);
    ck_assert_int_eq(osri_net_want(evil.net, row->dials, true), OSR_OK);
    (void)snprintf(told, sizeof(told), "cannot connect to %s: refused by the peer: ", row->dials);
    await_line(&acceptor, row->line);
    await_line(&evil, told);
    await_line(&evil, row->line);
    ck_assert_uint_eq(lines_with(&evil, " is up"), 0);
    ck_assert_uint_eq(lines_with(&acceptor, EVIL " is up"), 0);
    check_friend_untouched();
    stop_all();
}
END_TEST

/* ---- starts that are refused ------------------------------------------------------------- */

static void friend_starts(const char *expected)
{
    uint64_t until = now_ms() + DEADLINE_MS;

    ck_assert_int_eq(osr_node_send(friendly.node, osr_to(at_friend), &actor_start_osr_type,
                                   &(actor_start){.node = osr_str_of(ACCEPTOR),
                                                  .entry = osr_str_of("actor"),
                                                  .name = osr_str_of("child")}),
                     OSR_OK);
    while (actor_trace_count(expected) == 0) {
        ck_assert_msg(now_ms() < until, "no \"%s\" in:\n%s", expected, actor_trace());
        pause_shortly();
    }
}

static void await_no_start(const char *reason)
{
    char line[256];

    friend_starts("friend spawned EPERM");
    (void)snprintf(line, sizeof(line), "\"" FRIEND "\" (serial %llu) may not spawn \"actor\": %s",
                   (unsigned long long)friendly.identity.certificate.serial, reason);
    await_line(&acceptor, line);
    check_friend_untouched();
    stop_all();
}

/* Who may join and no more is refused a process, with a line that names its certificate; the link
 * goes on. */
START_TEST(peer_without_role_spawn_starts_nothing)
{
    start_acceptor_and_friend();
    forge_by(&friendly.identity, &(osri_identity_request){.roles = OSRI_ROLE_JOIN});
    join_friend();
    await_no_start("its certificate has not the role");
}
END_TEST

static osri_policy policy;

static void use_policy(const char *text)
{
    osri_policy_rules *rules;
    char why[256];

    osri_policy_init(&policy);
    ck_assert_int_eq(osri_policy_rules_parse(text, "policy", &rules, why, sizeof(why)), OSR_OK);
    osri_policy_replace(&policy, &rules);
    acceptor.policy = &policy;
}

/* Role spawn is not enough where the node's own policy does not allow it. */
START_TEST(peer_that_no_rule_allows_starts_nothing)
{
    start_acceptor_and_friend();
    use_policy("# osier-roles-policy-1\nspawn: " OTHER " *\nspawn: " FRIEND " acto\n");
    join_friend();
    await_no_start("no rule of the policy allows it");
    osri_policy_fini(&policy);
}
END_TEST

static osri_audit audit;
static char audit_directory[64], audit_path[96];

static void use_audit(void)
{
    char why[256];

    strcpy(audit_directory, "/tmp/osier-audit-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(audit_directory));
    (void)snprintf(audit_path, sizeof(audit_path), "%s/audit.log", audit_directory);
    ck_assert_int_eq(
        osri_audit_init(&audit, osr_env_real(), &acceptor.log, audit_path, why, sizeof(why)),
        OSR_OK);
    acceptor.audit = &audit;
}

/* What is allowed stands in the audit file, and then it is done. */
START_TEST(start_that_is_allowed_is_written_down)
{
    char line[512] = "", expected[128];

    start_acceptor_and_friend();
    use_policy("# osier-roles-policy-1\nspawn: good@* act*\n");
    use_audit();
    join_friend();
    friend_starts("friend spawned OK");
    FILE *file = fopen(audit_path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(line, sizeof(line), file));
    fclose(file);
    (void)snprintf(expected, sizeof(expected), "Z spawn allowed \"" FRIEND "\" %llu actor\n",
                   (unsigned long long)friendly.identity.certificate.serial);
    ck_assert_msg(strstr(line, expected) != NULL, "%s", line);
    stop_all();
    osri_audit_fini(&audit);
    osri_policy_fini(&policy);
    (void)unlink(audit_path);
    (void)rmdir(audit_directory);
}
END_TEST

/* What cannot be written down is not done. */
START_TEST(start_that_cannot_be_written_down_is_refused)
{
    start_acceptor_and_friend();
    use_audit();
    join_friend();
    (void)unlink(audit_path);
    (void)rmdir(audit_directory);
    await_no_start("the audit file cannot be written");
    osri_audit_fini(&audit);
}
END_TEST

/* ---- frames that do not do --------------------------------------------------------------- */

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

static void raw_dial(raw_peer *peer)
{
    osri_transport_event event;

    make_identity(EVIL, &peer->identity);
    peer->transport = make_transport(&peer->identity);
    ck_assert_int_eq(peer->transport->ops->dial(peer->transport, acceptor.endpoint,
                                                acceptor.identity.certificate.key, &peer->conn),
                     OSR_OK);
    event = raw_await(peer);
    ck_assert_int_eq(event.kind, OSRI_CONN_OPENED);
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

static void raw_come_up(raw_peer *peer)
{
    osri_handshake answer, ready = {.kind = OSRI_HANDSHAKE_READY};
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];

    raw_hello(peer, VERSION);
    answer = raw_answer(peer, VERSION);
    ck_assert_int_eq(answer.kind, OSRI_HANDSHAKE_WELCOME);
    memcpy(ready.session, answer.session, sizeof(ready.session));
    for (size_t i = 0; i < 8; i++) {
        peer->tag = peer->tag << 8 | answer.session[i];
    }
    raw_send(peer, bytes, osri_handshake_encode(&ready, bytes));
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
    await_line(&acceptor, expected);
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
    await_line(&acceptor, "malformed handshake");
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
    await_line(&acceptor,
               EVIL " is down: protocol_error (link " EVIL ": frame 3 where 2 was due; closing)");
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
    await_line(&acceptor,
               EVIL " is down: protocol_error (link " EVIL ": frame 1 where 2 was due; closing)");
    raw_await_goodbye(&peer, OSRI_DOWN_PROTOCOL_ERROR);
    end_raw(&peer);
}
END_TEST

START_TEST(mute_peer_is_given_up)
{
    raw_peer peer = {0};

    begin_raw(&peer);
    raw_come_up(&peer);
    await_line(&acceptor, "link " EVIL ": nothing received for ");
    ck_assert_uint_eq(lines_with(&acceptor, EVIL " is down: net_tick_timeout"), 1);
    end_raw(&peer);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("refusals on ZeroMQ");
    TCase *tests = tcase_create("refusals");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 100);
    tcase_add_loop_test(tests, refused_peer_is_told_and_others_live_on, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tests, peer_without_role_spawn_starts_nothing);
    tcase_add_test(tests, peer_that_no_rule_allows_starts_nothing);
    tcase_add_test(tests, start_that_is_allowed_is_written_down);
    tcase_add_test(tests, start_that_cannot_be_written_down_is_refused);
    tcase_add_test(tests, other_version_is_refused);
    tcase_add_test(tests, malformed_handshake_is_refused);
    tcase_add_test(tests, gap_in_the_frames_ends_the_link);
    tcase_add_test(tests, frame_twice_ends_the_link);
    tcase_add_test(tests, mute_peer_is_given_up);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
