/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "tests/support/simulated_net.h"

/* Processes started on other nodes, on the simulated network: who may, and what becomes of them. */

#define A 0
#define B 1
#define C 2

static osr_pid a, b, c;

static void start(uint32_t roles)
{
    net_start(&(cluster_options){.nodes = 3, .roles = roles});
    a = actor_on(A, "a");
    b = actor_on(B, "b");
    c = actor_on(C, "c");
}

static void setup(void)
{
    start(0);
}

/* An exported entry starts on another node, linked. */
START_TEST(spawn_on_another_node_is_linked)
{
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"));
    run_ms(100);
    expect("a spawned OK\n");
    TELL(a, actor_exit, .reason = osr_str_of("bye"));
    run_ms(100);
    expect("a spawned OK\nchild exited bye\n");
}
END_TEST

/* What is not exported is not found; what the peer may not do is refused; a lost node says so. */
START_TEST(spawn_that_cannot_be_says_why)
{
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("nothing"),
         .name = osr_str_of("child"));
    run_ms(100);
    expect_once("a spawned ENOTFOUND");
    TELL(a, actor_start, .node = osr_str_of("nowhere@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"));
    run_ms(100);
    expect_once("a spawned ENOCONNECTION");
}
END_TEST

/* Who is killed while it waits for a spawn's answer gives the request up; the session stays. */
START_TEST(spawn_given_up_leaves_the_session_alone)
{
    osr_reason reason = osr_reason_of(OSR_REASON_KILL);
    osri_envelope *kill;
    uint64_t session;

    connect_first(2);
    session = osri_net_session_of(world->nodes[A].net, "n1@sim");
    osri_sim_stall(world->network, B, A, 1000 * MS);
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"));
    run_ms(10);
    ck_assert_int_eq(
        osri_signal_new(OSRI_SIGNAL_EXIT, OSR_PID_NONE, 0, &osr_reason_osr_type, &reason, &kill),
        OSR_OK);
    osri_signal_deliver(world->nodes[A].node, a, NULL, &kill);
    run_ms(1500);
    ck_assert_uint_eq(osri_net_session_of(world->nodes[A].net, "n1@sim"), session);
    ck_assert_uint_eq(osri_net_session_of(world->nodes[B].net, "n0@sim"), session);
}
END_TEST

/* A spawned process whose node is lost fires its link on both sides. */
START_TEST(spawned_link_fires_when_the_session_ends)
{
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"));
    run_ms(100);
    osri_sim_reset(world->network, A, B);
    run_ms(100);
    expect_once("a exited noconnection");
    expect_once("child exited noconnection");
}
END_TEST

/* Without role SPAWN in its certificate a peer cannot start anything. */
START_TEST(spawn_needs_the_role)
{
    net_end();
    start(OSRI_ROLE_JOIN);
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"));
    run_ms(100);
    expect("a spawned EPERM\n");
}
END_TEST

static void supervise_with(uint32_t roles, const char *line)
{
    net_end();
    start(roles);
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"), .supervised = true);
    run_ms(100);
    expect(line);
}

/* A supervisor's children start where its node may supervise and the other one hosts. */
START_TEST(a_supervisor_needs_its_role_and_a_host)
{
    supervise_with(OSRI_ROLE_JOIN | OSRI_ROLE_SPAWN | OSRI_ROLE_HOST, "a spawn reply EPERM\n");
    supervise_with(OSRI_ROLE_JOIN | OSRI_ROLE_SPAWN | OSRI_ROLE_SUPERVISE, "a spawn reply EPERM\n");
    supervise_with(OSRI_ROLE_JOIN | OSRI_ROLE_HOST | OSRI_ROLE_SUPERVISE, "a spawn reply OK\n");
}
END_TEST

/* A node's certificate as the cluster's authority would have issued it, with the entries that the
 * node may start elsewhere. */
static void restrict_spawn(uint32_t host, const char *first, const char *second)
{
    osri_identity *identity = &world->nodes[host].identity;
    osri_certificate certificate = identity->certificate;
    uint8_t seed[32], authority_public[32], authority_secret[64];

    (void)snprintf(certificate.spawn[0], OSRI_SPAWN_NAME_BYTES, "%s", first);
    (void)snprintf(certificate.spawn[1], OSRI_SPAWN_NAME_BYTES, "%s", second);
    certificate.spawn_count = second[0] == '\0' ? 1 : 2;
    crypto_kdf_derive_from_key(seed, sizeof(seed), 1, "osierkdf", world->secret);
    crypto_sign_seed_keypair(authority_public, authority_secret, seed);
    ck_assert_mem_eq(authority_public, identity->authority_public, sizeof(authority_public));
    ck_assert_int_eq(
        osri_certificate_sign(&certificate, authority_secret, &identity->certificate_signed),
        OSR_OK);
}

/* A certificate that lists entries lets its node start those, whole names only, whoever dialed. */
START_TEST(spawn_list_of_the_certificate_is_kept_to)
{
    restrict_spawn(A, "acto", "actors");
    restrict_spawn(C, "other", "actor");
    TELL(a, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child"));
    TELL(c, actor_start, .node = osr_str_of("n1@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child2"));
    run_ms(100);
    expect_once("a spawned EPERM");
    expect_once("c spawned OK");
    TELL(b, actor_start, .node = osr_str_of("n0@sim"), .entry = osr_str_of("actor"),
         .name = osr_str_of("child3"));
    run_ms(100);
    expect_once("b spawned OK");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spawns across nodes");
    TCase *tests = tcase_create("spawns across nodes");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, spawn_on_another_node_is_linked);
    tcase_add_test(tests, spawn_that_cannot_be_says_why);
    tcase_add_test(tests, spawn_given_up_leaves_the_session_alone);
    tcase_add_test(tests, spawned_link_fires_when_the_session_ends);
    tcase_add_test(tests, spawn_needs_the_role);
    tcase_add_test(tests, a_supervisor_needs_its_role_and_a_host);
    tcase_add_test(tests, spawn_list_of_the_certificate_is_kept_to);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
