/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "dist/net/state.h"
#include "dist/zmq/transport.h"
#include "lib/core/log.h"
#include "osier/mailbox.h"
#include "tests/unit/net/actors.h"

/* The same distribution on the real stack: ZeroMQ with CURVE on loopback, scheduler threads, one
 * net thread a node. */

#define NODES 2
#define DEADLINE_MS 60000

typedef struct real_node {
    char name[32];
    char endpoint[OSRI_ENDPOINT_BYTES];
    osri_identity identity;
    osr_node *node;
    osri_net *net;
    void *thread;
    atomic_bool stop;
} real_node;

static real_node nodes[NODES];
static const uint8_t secret[32] = {1, 2, 3};
static osr_pid a, b;

static uint64_t now_ms(void)
{
    const osr_env *env = osr_env_real();

    return env->now_ns(env->context) / 1000000;
}

static void resolve(void *context, osri_net *net, const char *name)
{
    uint8_t key[OSRI_KEY_BYTES];

    (void)context;
    for (int i = 0; i < NODES; i++) {
        if (strcmp(nodes[i].name, name) == 0) {
            osri_identity_node_key_public(secret, name, key);
            osri_net_resolved(net, name, OSR_OK, nodes[i].endpoint, key, NULL);
            return;
        }
    }
    osri_net_resolved(net, name, OSR_ENOTFOUND, NULL, NULL, "not registered");
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
    real_node *at = argument;

    while (!osri_net_has_left(at->net)) {
        (void)osri_net_turn(at->net, atomic_load(&at->stop) ? 10 : 1000);
    }
}

static void closing(void *context)
{
    real_node *at = context;

    atomic_store(&at->stop, true);
    osri_net_leave(at->net);
    osr_env_real()->thread_join(osr_env_real()->context, at->thread);
}

static osri_transport *make_transport(real_node *at)
{
    osri_zmq_options options = {.admit = admit};
    osri_transport *transport;

    memcpy(options.key_public, at->identity.certificate.key, 32);
    memcpy(options.key_secret, at->identity.key_secret, 32);
    ck_assert_int_eq(osri_zmq_transport_new(&options, &transport), OSR_OK);
    ck_assert_int_eq(transport->ops->listen(transport, "tcp://127.0.0.1:9300-9399", at->endpoint),
                     OSR_OK);
    return transport;
}

static void start_node(real_node *at, int number)
{
    const osr_env *env = osr_env_real();
    osri_identity_request request = {
        .secret = secret, .name = at->name, .now_s = env->wall_ms(env->context) / 1000};
    osri_net_options options = {.identity = &at->identity,
                                .resolver = {.resolve = resolve},
                                .tick_ms = 2000,
                                .closing = closing,
                                .context = at};

    (void)snprintf(at->name, sizeof(at->name), "n%d@localhost", number);
    env->random(env->context, &request.creation, sizeof(request.creation));
    ck_assert_int_eq(osri_identity_development(&request, &at->identity), OSR_OK);
    ck_assert_int_eq(
        osr_node_new(OSR_NODE(.name = at->name, .creation = request.creation, .schedulers = 2),
                     &at->node),
        OSR_OK);
    options.transport = make_transport(at);
    atomic_store(&at->stop, false);
    ck_assert_int_eq(osri_net_new(at->node, &options, &at->net), OSR_OK);
    ck_assert_int_eq(env->thread_start(env->context, "net", serve, at, &at->thread), OSR_OK);
    ck_assert_int_eq(osr_node_start(at->node), OSR_OK);
}

static void stop_node(real_node *at)
{
    if (at->node != NULL) {
        osr_node_stop(at->node, 0);
        osr_node_free(&at->node);
    }
}

static osr_pid actor_on(real_node *at, const char *name)
{
    actor_options options = {.name = osr_str_of(name)};
    osr_pid pid;

    ck_assert_int_eq(
        osr_node_spawn(at->node, actor_entry(), &options, OSR_SPAWN(.name = name), &pid), OSR_OK);
    return pid;
}

static void setup(void)
{
    for (int i = 0; i < NODES; i++) {
        start_node(&nodes[i], i);
    }
    actor_trace_clear();
    a = actor_on(&nodes[0], "a");
    b = actor_on(&nodes[1], "b");
}

static void teardown(void)
{
    for (int i = 0; i < NODES; i++) {
        stop_node(&nodes[i]);
    }
}

#define TELL(at, pid, type, ...)                                                                   \
    ck_assert_int_eq(                                                                              \
        osr_node_send((at)->node, osr_to(pid), &type##_osr_type, &(type){__VA_ARGS__}), OSR_OK)

/* Until the line is in the trace. */
static void await(const char *line)
{
    uint64_t until = now_ms() + DEADLINE_MS;

    while (actor_trace_count(line) == 0) {
        struct timespec moment = {.tv_nsec = 1000000};
        ck_assert_msg(now_ms() < until, "no \"%s\" in:\n%s", line, actor_trace());
        (void)nanosleep(&moment, NULL);
    }
    ck_assert_uint_eq(actor_trace_count(line), 1);
}

/* A thousand messages over an encrypted link that the first one dials: all, once, in order. */
START_TEST(messages_arrive_in_order)
{
    char expected[16 * 1024] = "";
    size_t used = 0;

    TELL(&nodes[0], a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .first = 1, .count = 1000);
    await("b note 1000");
    for (unsigned i = 1; i <= 1000; i++) {
        used += (size_t)snprintf(expected + used, sizeof(expected) - used, "b note %u\n", i);
    }
    ck_assert_str_eq(actor_trace(), expected);
}
END_TEST

/* A message of some megabytes comes whole. */
START_TEST(large_message_arrives)
{
    TELL(&nodes[0], a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .first = 1, .count = 1);
    await("b note 1");
    TELL(&nodes[0], a, actor_send_big, .to = b, .number = 2, .bytes = 5000000);
    await("b big 2 of 5000000");
}
END_TEST

/* Its senders have more than it takes: never more than one message each beyond that. What is handed
 * on to the link is counted there before it is taken off here, so the two are not added up. */
static void check_bound(const osri_track *track)
{
    uint64_t most = track->busy_bytes + 3 * 210000;

    ck_assert_uint_le(atomic_load(&track->given), most);
    ck_assert_uint_le(atomic_load(&track->linked), most);
}

/* More than a link takes at once, from several processes and both ways: they wait in line on real
 * threads, what waits stays within its bound, all arrives. */
START_TEST(floods_wait_in_line)
{
    osr_pid a2 = actor_on(&nodes[0], "a2"), a3 = actor_on(&nodes[0], "a3");
    osri_lane *lane;
    uint64_t until = now_ms() + DEADLINE_MS;

    TELL(&nodes[0], a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .first = 1, .count = 1);
    await("b note 1");
    lane = osri_lane_to(&nodes[0].net->lanes, "n1@localhost");
    TELL(&nodes[0], a, actor_pour, .to = b, .first = 1000, .count = 200, .bytes = 200000);
    TELL(&nodes[0], a2, actor_pour, .to = b, .first = 2000, .count = 200, .bytes = 100000);
    TELL(&nodes[0], a3, actor_pour, .to = b, .first = 3000, .count = 200, .bytes = 1000);
    TELL(&nodes[1], b, actor_pour, .to = a, .first = 4000, .count = 200, .bytes = 200000);
    while ((actor_trace_count("b big 1199 of 200000") == 0 ||
            actor_trace_count("b big 2199 of 100000") == 0 ||
            actor_trace_count("b big 3199 of 1000") == 0 ||
            actor_trace_count("a big 4199 of 200000") == 0) &&
           now_ms() < until) {
        struct timespec moment = {.tv_nsec = 1000000};

        check_bound(&lane->small);
        check_bound(&lane->large);
        (void)nanosleep(&moment, NULL);
    }
    await("b big 1199 of 200000");
    await("b big 2199 of 100000");
    await("b big 3199 of 1000");
    await("a big 4199 of 200000");
    ck_assert_uint_eq(atomic_load(&lane->waiting), 0);
}
END_TEST

/* Large messages and large reasons do not hold up who else sends; each arrives whole. */
START_TEST(large_ones_let_others_pass)
{
    osr_pid a2 = actor_on(&nodes[0], "a2"), a3 = actor_on(&nodes[0], "a3");
    osr_pid b2 = actor_on(&nodes[1], "b2");

    TELL(&nodes[0], a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .first = 1, .count = 1);
    await("b note 1");
    TELL(&nodes[0], a3, actor_link, .to = b);
    TELL(&nodes[0], a, actor_pour, .to = b, .first = 10, .count = 20, .bytes = 15000000);
    await("a sent 10");
    TELL(&nodes[0], a2, actor_send, .to = b2, .first = 2, .count = 1);
    await("b2 note 2");
    ck_assert_uint_eq(actor_trace_count("b big 29 of 15000000"), 0);
    TELL(&nodes[0], a3, actor_exit_big, .bytes = 15000000);
    await("b exited 15000000 bytes");
    await("b big 29 of 15000000");
}
END_TEST

/* Takes its time for each. */
OSR_ENTRY(slow_taker, actor_options)
{
    osr_err err = OSR_OK;

    (void)argument;
    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            err = osr_sleep(self, 2);
        }
    }
    return err;
}
OSR_EXPORT(slow_taker);

/* A bounded mailbox stops senders on another node and lets them go on, again and again; nothing
 * is lost. */
START_TEST(full_mailbox_stops_senders_elsewhere)
{
    actor_options name = {.name = osr_str_of("slow")};
    osr_node_counters counters;
    osri_lane *lane;
    osr_pid slow;

    ck_assert_int_eq(
        osr_node_spawn(
            nodes[1].node, &slow_taker_osr_entry, &name,
            OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = 20, .policy = OSR_MAILBOX_SUSPEND)),
            &slow),
        OSR_OK);
    TELL(&nodes[0], a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .first = 1, .count = 1);
    await("b note 1");
    TELL(&nodes[0], a, actor_pour, .to = slow, .first = 1, .count = 300, .bytes = 20000);
    await("a sent 300");
    lane = osri_lane_to(&nodes[0].net->lanes, "n1@localhost");
    ck_assert_uint_eq(atomic_load(&lane->full_count), 1);
    osr_node_count(nodes[1].node, &counters);
    ck_assert_uint_eq(counters.dropped_full, 0);
}
END_TEST

/* Calls, spawns, links and monitors do across threads and sockets what they do in the simulation.
 */
START_TEST(processes_of_two_nodes_work_together)
{
    TELL(&nodes[0], a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .timeout_ms = 5000);
    await("a called OK 14");
    TELL(&nodes[0], a, actor_start, .node = osr_str_of("n1@localhost"),
         .entry = osr_str_of("actor"), .name = osr_str_of("child"));
    await("a spawned OK");
    TELL(&nodes[0], a, actor_monitor, .to = b);
    TELL(&nodes[0], a, actor_link, .to = b);
    TELL(&nodes[0], a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .timeout_ms = 5000);
    TELL(&nodes[0], a, actor_send_exit, .to = b, .reason = osr_str_of("go"));
    await("b exited go");
    TELL(&nodes[1], b, actor_exit, .reason = osr_str_of("bye"));
    await("a exited bye");
    await("a down bye");
}
END_TEST

/* When a node stops, its peer hears noconnection for everything once, and nodedown goodbye. */
START_TEST(stopped_node_says_goodbye)
{
    TELL(&nodes[0], a, actor_watch_nodes, 0);
    TELL(&nodes[0], a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
         .timeout_ms = 5000);
    await("a nodeup n1@localhost");
    await("a called OK 14");
    TELL(&nodes[0], a, actor_monitor, .name = osr_str_of("nobody"),
         .node = osr_str_of("n1@localhost"));
    await("a down noproc");
    stop_node(&nodes[1]);
    await("a nodedown n1@localhost goodbye");
}
END_TEST

static bool is_connected(unsigned from, unsigned to)
{
    void *context;
    const osri_remote_ops *ops = osri_node_remote(nodes[from].node, &context);

    return ops->is_connected(context, osr_node_id(nodes[to].node));
}

/* A dial of the other side that lost the tie may still be under way and win now: it is ended too.
 */
static void disconnect_until_apart(void)
{
    void *context;
    const osri_remote_ops *ops = osri_node_remote(nodes[0].node, &context);

    while (is_connected(0, 1) || is_connected(1, 0)) {
        (void)ops->disconnect(context, "n1@localhost");
        (void)sched_yield();
    }
}

/* Both dial at once, again and again: each time there is one session in the end, and nothing is
 * lost. */
START_TEST(simultaneous_dials_agree)
{
    for (unsigned i = 1; i <= 10; i++) {
        char line[32];
        TELL(&nodes[0], a, actor_send, .name = osr_str_of("b"), .node = osr_str_of("n1@localhost"),
             .first = i, .count = 1);
        TELL(&nodes[1], b, actor_send, .name = osr_str_of("a"), .node = osr_str_of("n0@localhost"),
             .first = i, .count = 1);
        (void)snprintf(line, sizeof(line), "a note %u", i);
        await(line);
        (void)snprintf(line, sizeof(line), "b note %u", i);
        await(line);
        disconnect_until_apart();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("net on ZeroMQ");
    TCase *tests = tcase_create("net");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 100);
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, messages_arrive_in_order);
    tcase_add_test(tests, large_message_arrives);
    tcase_add_test(tests, floods_wait_in_line);
    tcase_add_test(tests, large_ones_let_others_pass);
    tcase_add_test(tests, full_mailbox_stops_senders_elsewhere);
    tcase_add_test(tests, processes_of_two_nodes_work_together);
    tcase_add_test(tests, stopped_node_says_goodbye);
    tcase_add_test(tests, simultaneous_dials_agree);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
