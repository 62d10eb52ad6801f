/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "osier/dist.h"
#include "osier/node.h"
#include "osier/nodes.h"

/* Clusters of real nodes without a port mapper, ZeroMQ on loopback: contacts are static addresses.
 */

#define NODES 3
#define DEADLINE_MS 30000

static char folder[] = "/tmp/osier-members-XXXXXX";
static char secret[64];
static osr_node *nodes[NODES];
static char contact[160]; /* the first node's static address */

/* What the watchers of the nodes have seen, one bit a fact. */
static _Atomic(unsigned) facts;
#define KNOWS_C 1u      /* n1 knows n2 without being connected with it */
#define C_DRAINS 2u     /* ... and that it is draining */
#define C_LEFT 4u       /* ... and that it has left */
#define SPAWNED_ON_C 8u /* n1 has started a process there */
#define LOST_BY_DISCONNECT 16u
#define NEVER_IS_NOCONNECTION 32u
#define STORE_UP 64u
#define UP_AGAIN 128u
#define NEVER_IS_NO_NODE 256u
#define WAS_CONNECTED 512u
#define HERMIT_CAME 1024u

static void wait_for(unsigned wanted)
{
    const osr_env *env = osr_env_real();
    uint64_t until = env->now_ns(env->context) + DEADLINE_MS * UINT64_C(1000000);

    while ((atomic_load(&facts) & wanted) != wanted) {
        ck_assert_msg(env->now_ns(env->context) < until, "facts %u of %u", atomic_load(&facts),
                      wanted);
        sched_yield();
    }
}

OSR_STRUCT(nothing, (1, u32, zero));

OSR_ENTRY(idler, nothing)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}
OSR_EXPORT(idler);

static void note_member(const osr_member *member)
{
    bool is_c = strcmp(member->name.at, "n2@localhost") == 0;
    bool joined = member->state == OSR_MEMBER_JOINED;

    if (is_c && joined && member->labels.count == 2 &&
        strcmp(member->labels.at[1].at, "zone=a") == 0) {
        atomic_fetch_or(&facts, KNOWS_C);
        if (member->draining) {
            atomic_fetch_or(&facts, C_DRAINS);
        }
    }
    if (is_c && member->state == OSR_MEMBER_LEFT) {
        atomic_fetch_or(&facts, C_LEFT);
    }
    if (strcmp(member->name.at, "store@127.0.0.1") == 0 && member->connected) {
        atomic_fetch_or(&facts, STORE_UP);
    }
}

OSR_ENTRY(watcher, nothing)
{
    osr_err err = osr_monitor_members(self, true);

    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        const osr_member *member = err == OSR_OK ? OSR_AS(osr_member, &message) : NULL;
        if (member != NULL) {
            note_member(member);
        }
    }
    return err;
}

static void start_node(int number, const char *join, osr_auto_connect mode)
{
    static const char *const labels[] = {"worker", "zone=a"};
    char name[32], text[512] = "";
    osr_node *node;

    (void)snprintf(name, sizeof(name), "n%d@localhost", number);
    ck_assert_int_eq(osr_node_new(OSR_NODE(.name = name, .schedulers = 1), &node), OSR_OK);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    osr_err err =
        osr_dist_start(node,
                       OSR_DIST(.listen = "tcp://127.0.0.1:9600-9699", .no_mapper = true,
                                .tick_ms = 2000, .labels = labels, .label_count = 2, .joins = &join,
                                .join_count = join == NULL ? 0 : 1, .auto_connect = mode),
                       text, sizeof(text));
    ck_assert_msg(err == OSR_OK, "%s", text);
    nodes[number] = node;
}

static void stop_node(int number)
{
    if (nodes[number] != NULL) {
        osr_node_stop(nodes[number], 0);
        osr_node_free(&nodes[number]);
    }
}

static osr_pid spawn_on(int number, const osr_entry *entry)
{
    osr_pid pid;

    ck_assert_int_eq(osr_node_spawn(nodes[number], entry, &(nothing){0}, NULL, &pid), OSR_OK);
    return pid;
}

static void setup(void)
{
    atomic_store(&facts, 0);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    (void)snprintf(secret, sizeof(secret), "%s/cluster.secret", folder);
    (void)setenv("OSIER_HOME", folder, 1);
    start_node(0, NULL, OSR_AUTO_CONNECT_ALWAYS);
    (void)snprintf(contact, sizeof(contact), "n0@localhost:%s",
                   strrchr(osr_dist_endpoint(nodes[0]), ':') + 1);
}

static void teardown(void)
{
    for (int i = 0; i < NODES; i++) {
        stop_node(i);
    }
    (void)unlink(secret);
    (void)rmdir(folder);
}

OSR_ENTRY(spawner, nothing)
{
    osr_pid pid;
    osr_err err = osr_spawn_named(self, "idler", &nothing_osr_type, argument,
                                  OSR_SPAWN(.node = "n2@localhost"), &pid);

    if (err == OSR_OK) {
        atomic_fetch_or(&facts, SPAWNED_ON_C);
    }
    return err;
}

OSR_ENTRY(drainer, nothing)
{
    return osr_drain(self, true);
}

/* Three nodes, one static contact, no mapper: all know all, with labels; one is dialed by what it
 * has told; draining and leaving are told to who is not connected. */
START_TEST(a_cluster_of_three_without_a_mapper)
{
    start_node(1, contact, OSR_AUTO_CONNECT_ALWAYS);
    (void)spawn_on(1, &watcher_osr_entry);
    start_node(2, contact, OSR_AUTO_CONNECT_ALWAYS);
    wait_for(KNOWS_C);
    (void)spawn_on(2, &drainer_osr_entry);
    wait_for(C_DRAINS);
    (void)spawn_on(1, &spawner_osr_entry);
    wait_for(SPAWNED_ON_C);
    stop_node(2);
    wait_for(C_LEFT);
}
END_TEST

/* store@*=host:port is one node at each address of the host, named after the address. */
START_TEST(a_contact_at_each_address)
{
    char many[200], text[512] = "";

    stop_node(0);
    ck_assert_int_eq(osr_node_new(OSR_NODE(.name = "store@127.0.0.1", .schedulers = 1), &nodes[0]),
                     OSR_OK);
    ck_assert_int_eq(osr_node_start(nodes[0]), OSR_OK);
    ck_assert_msg(osr_dist_start(nodes[0],
                                 OSR_DIST(.listen = "tcp://127.0.0.1:9600-9699", .no_mapper = true),
                                 text, sizeof(text)) == OSR_OK,
                  "%s", text);
    (void)snprintf(many, sizeof(many), "store@*=localhost:%s",
                   strrchr(osr_dist_endpoint(nodes[0]), ':') + 1);
    start_node(1, many, OSR_AUTO_CONNECT_ALWAYS);
    (void)spawn_on(1, &watcher_osr_entry);
    wait_for(STORE_UP);
}
END_TEST

/* Waits for the nodedown of a monitor, and says whether it has this reason. */
static bool hears_down(osr_self *self, osr_ref monitor, const char *reason)
{
    const osr_nodedown *down = NULL;

    while (down == NULL || !osr_ref_equal(down->monitor, monitor)) {
        osr_message message;
        if (osr_receive(self, DEADLINE_MS, &message) != OSR_OK) {
            return false;
        }
        down = OSR_AS(osr_nodedown, &message);
    }
    return strcmp(down->reason.at, reason) == 0;
}

static osr_err wait_for_up(osr_self *self)
{
    osr_message message;
    const osr_nodeup *up = NULL;
    osr_err err = OSR_OK;

    while (err == OSR_OK && up == NULL) {
        err = osr_receive(self, DEADLINE_MS, &message);
        up = err == OSR_OK ? OSR_AS(osr_nodeup, &message) : NULL;
    }
    return err;
}

OSR_ENTRY(disconnecter, nothing)
{
    osr_ref monitor;
    osr_err err = osr_monitor_nodes(self, true, false);

    err = err == OSR_OK ? wait_for_up(self) : err;
    err = err == OSR_OK ? osr_monitor_node(self, "n0@localhost", &monitor) : err;
    err = err == OSR_OK ? osr_disconnect(self, "n0@localhost") : err;
    if (err == OSR_OK && hears_down(self, monitor, "disconnect")) {
        atomic_fetch_or(&facts, LOST_BY_DISCONNECT);
    }
    err = wait_for_up(self); /* a contact is dialed again */
    if (err == OSR_OK) {
        atomic_fetch_or(&facts, UP_AGAIN);
    }
    return err;
}

/* An explicit disconnect is heard as such, and a contact is dialed again after it. */
START_TEST(a_contact_is_dialed_again_after_a_disconnect)
{
    start_node(1, contact, OSR_AUTO_CONNECT_ALWAYS);
    (void)spawn_on(1, &disconnecter_osr_entry);
    wait_for(LOST_BY_DISCONNECT | UP_AGAIN);
}
END_TEST

OSR_ENTRY(hermit, nothing)
{
    osr_ref monitor;
    osr_message message;
    osr_err err = osr_monitor(self, osr_name("nobody", "n2@localhost"), &monitor);
    const osr_down *down;

    err = err == OSR_OK ? osr_receive(self, DEADLINE_MS, &message) : err;
    down = err == OSR_OK ? OSR_AS(osr_down, &message) : NULL;
    if (down != NULL && down->reason.code == OSR_REASON_NOCONNECTION) {
        atomic_fetch_or(&facts, NEVER_IS_NOCONNECTION);
    }
    err = osr_monitor_node(self, "n2@localhost", &monitor);
    if (err == OSR_OK && hears_down(self, monitor, "not_connected")) {
        atomic_fetch_or(&facts, NEVER_IS_NO_NODE);
    }
    err = osr_connect(self, "n2@localhost");
    err = err == OSR_OK ? osr_monitor_node(self, "n2@localhost", &monitor) : err;
    if (err == OSR_OK && hears_down(self, monitor, "goodbye")) {
        atomic_fetch_or(&facts, WAS_CONNECTED);
    }
    return err;
}

OSR_ENTRY(greeter, nothing)
{
    osr_err err = osr_monitor_nodes(self, true, false);

    for (int i = 0; i < 2 && err == OSR_OK; i++) { /* the contact, and the hermit */
        err = wait_for_up(self);
    }
    if (err == OSR_OK) {
        atomic_fetch_or(&facts, HERMIT_CAME);
    }
    return err;
}

/* A node that never connects by itself is connected with its contact, knows the others by it, and
 * connects to one of them when it is asked to, and only then. */
START_TEST(auto_connect_never_and_an_explicit_connect)
{
    start_node(1, contact, OSR_AUTO_CONNECT_NEVER);
    (void)spawn_on(1, &watcher_osr_entry);
    start_node(2, contact, OSR_AUTO_CONNECT_ALWAYS);
    (void)spawn_on(2, &greeter_osr_entry);
    wait_for(KNOWS_C);
    (void)spawn_on(1, &hermit_osr_entry);
    wait_for(NEVER_IS_NOCONNECTION | NEVER_IS_NO_NODE | HERMIT_CAME);
    stop_node(2);
    wait_for(WAS_CONNECTED);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("members_zmq");
    TCase *tests = tcase_create("members_zmq");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_cluster_of_three_without_a_mapper);
    tcase_add_test(tests, a_contact_at_each_address);
    tcase_add_test(tests, a_contact_is_dialed_again_after_a_disconnect);
    tcase_add_test(tests, auto_connect_never_and_an_explicit_connect);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
