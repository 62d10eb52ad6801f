/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/refused_world.h"

/* What a peer that is refused gets, on the real stack: the line of the node that does it, at its
 * level, what the other side is told, and a third node that notices nothing. What members do wrong
 * with frames: test_evil_peer.c. */

static const uint8_t other_secret[32] = {3, 2, 1};

/* Makes evil's identity, whose name and creation are those of the node, and what it dials. */
typedef struct refusal_row {
    const char *title; /* the refusal, for whoever reads the table */
    void (*forge)(osri_identity *evil);
    const char *evil_name;
    const char *dials;
    osr_log_level level; /* of both sides' lines */
    const char *line;    /* in the log of who refuses, and said to who dialed */
} refusal_row;

/* ---- certificates that do not do --------------------------------------------------------- */

static void forge_by(osri_identity *forged, const osri_identity_request *request)
{
    osri_identity_request full = *request;

    full.creation = forged->creation;
    full.name = forged->certificate.name;
    full.secret = full.secret == NULL ? refused_secret : full.secret;
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

    crypto_kdf_derive_from_key(seed, sizeof(seed), 1, "osierkdf", refused_secret);
    crypto_sign_seed_keypair(authority_public, authority_secret, seed);
    ck_assert_mem_eq(authority_public, forged->authority_public, sizeof(authority_public));
    crypto_box_keypair(forged->certificate.key, forged->key_secret);
    ck_assert_int_eq(
        osri_certificate_sign(&forged->certificate, authority_secret, &forged->certificate_signed),
        OSR_OK);
}

static const refusal_row rows[] = {
    {"cluster (20)", of_another_cluster, EVIL, ACCEPTOR, OSR_LOG_WARNING,
     "belongs to cluster \"staging\", we are \"dev\""},
    {"key (21)", stolen_certificate, EVIL, ACCEPTOR, OSR_LOG_ERROR,
     "certificate for \"" FRIEND "\" does not match the connection's key; possible impersonation"},
    {"validity (22), expired", expired, EVIL, ACCEPTOR, OSR_LOG_ERROR,
     "certificate of \"" EVIL "\" expired 3 d ago (serial "},
    {"validity (22), not yet", not_valid_yet, EVIL, ACCEPTOR, OSR_LOG_ERROR,
     "certificate of \"" EVIL "\" is not valid yet, for another "},
    {"authority (23)", of_another_authority, EVIL, ACCEPTOR, OSR_LOG_WARNING,
     "certificate of \"" EVIL "\" is signed by another authority"},
    {"revoked (24)", revoked_before, EVIL, ACCEPTOR, OSR_LOG_ERROR,
     "certificate of \"" EVIL "\" is revoked (serial "},
    {"role (25)", without_role_join, EVIL, ACCEPTOR, OSR_LOG_WARNING, ") may not join"},
    {"self (12)", of_the_acceptors_start, EVIL, ACCEPTOR, OSR_LOG_WARNING,
     "a node cannot connect to itself"},
    {"wrong name (26)", in_order, EVIL, OTHER, OSR_LOG_WARNING,
     "this node is \"" ACCEPTOR "\", not \"" OTHER "\""},
    {"name taken (30)", with_another_key, FRIEND, ACCEPTOR, OSR_LOG_ERROR,
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
    await_line_at(&acceptor, row->level, row->line);
    await_line_at(&evil, row->level, told);
    await_line(&evil, row->line);
    ck_assert_uint_eq(lines_with(&evil, " is up"), 0);
    ck_assert_uint_eq(lines_with(&acceptor, EVIL " is up"), 0);
    check_friend_untouched();
    stop_all();
}
END_TEST

/* ---- who does not get as far as that ------------------------------------------------------ */

static void dial_in_vain(osr_log_level level, const char *told)
{
    char line[128];

    evil.name = EVIL;
    make_identity(EVIL, &evil.identity);
    start_node(&evil);
    ck_assert_int_eq(osri_net_want(evil.net, ACCEPTOR, true), OSR_OK);
    (void)snprintf(line, sizeof(line), "cannot connect to " ACCEPTOR ": %s", told);
    await_line_at(&evil, level, line);
}

static void check_nobody_came(void)
{
    ck_assert_uint_eq(lines_with(&acceptor, EVIL), 0);
    check_friend_untouched();
    stop_all();
}

START_TEST(peer_with_another_key_for_us_is_told_of)
{
    start_acceptor_and_friend();
    join_friend();
    evil.has_bad_book = true;
    dial_in_vain(OSR_LOG_WARNING, "peer closed during CURVE handshake");
    await_line_at(&acceptor, OSR_LOG_WARNING,
                  ": CURVE hello cannot be opened (peer uses another server key)");
    check_nobody_came();
}
END_TEST

START_TEST(peer_that_is_one_too_many_is_told_so)
{
    char line[96];

    start_acceptor_and_friend();
    join_friend();
    acceptor.is_crowded = true;
    dial_in_vain(OSR_LOG_WARNING, "refused by peer (auth)");
    (void)snprintf(line, sizeof(line),
                   "net: 127.0.0.1: key %02x%02x%02x refused: too many handshakes a second",
                   evil.identity.certificate.key[0], evil.identity.certificate.key[1],
                   evil.identity.certificate.key[2]);
    await_line_at(&acceptor, OSR_LOG_WARNING, line);
    check_nobody_came();
}
END_TEST

static int connect_raw(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    address.sin_port = htons((uint16_t)atoi(strrchr(acceptor.endpoint, ':') + 1));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
    return fd;
}

/* A scanner that waits and one that goes; neither is more than information. */
START_TEST(scanners_are_told_of)
{
    start_acceptor_and_friend();
    join_friend();
    int mute = connect_raw();
    int hasty = connect_raw();
    ck_assert_int_eq(send(hasty, "GET / HTTP/1.0\r\n\r\n", 18, MSG_NOSIGNAL), 18);
    close(hasty);
    await_line_at(&acceptor, OSR_LOG_INFO, ": ended after 0.");
    await_line_at(&acceptor, OSR_LOG_INFO, "net: 127.0.0.1: handshake timed out after ");
    close(mute);
    ck_assert_uint_eq(lines_with(&acceptor, "suppressed"), 0);
    check_nobody_came();
}
END_TEST

/* ---- starts that are refused ------------------------------------------------------------- */

static void await_no_start(const char *reason)
{
    char line[256];

    friend_starts("friend spawned EPERM");
    (void)snprintf(line, sizeof(line), "\"" FRIEND "\" (serial %llu) may not spawn \"actor\": %s",
                   (unsigned long long)friendly.identity.certificate.serial, reason);
    await_line_at(&acceptor, OSR_LOG_WARNING, line);
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

int main(void)
{
    Suite *suite = suite_create("refusals on ZeroMQ");
    TCase *tests = tcase_create("refusals");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 100);
    tcase_add_loop_test(tests, refused_peer_is_told_and_others_live_on, 0,
                        (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tests, peer_with_another_key_for_us_is_told_of);
    tcase_add_test(tests, peer_that_is_one_too_many_is_told_so);
    tcase_add_test(tests, scanners_are_told_of);
    tcase_add_test(tests, peer_without_role_spawn_starts_nothing);
    tcase_add_test(tests, peer_that_no_rule_allows_starts_nothing);
    tcase_add_test(tests, start_that_is_allowed_is_written_down);
    tcase_add_test(tests, start_that_cannot_be_written_down_is_refused);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
