/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "dist/identity/identity.h"
#include "lib/process/node.h"
#include "lib/process/rpc.h"
#include "osier/server.h"
#include "tests/sim/doer.h"
#include "tests/support/simulated_net.h"

/* Calls on a simulated cluster: functions, and servers of several nodes. Named after erpc_SUITE
 * where it has the case. */

#define NODES 3

static unsigned executed; /* functions that have begun */
static unsigned stray;    /* messages in the caller's mailbox */

OSR_MESSAGE(twice, 0x3001, (1, u32, number), (2, bool, known), (3, str, text));
OSR_REQUEST(twice_of, 0x3000, twice, (1, u32, number), (2, pid, who));
OSR_REMOTE(double_it, twice_of, twice);
OSR_REMOTE(not_there, twice_of, twice);

/* What the number asks for: 1 an error, 2 a reason of its own, 3 a crash, 4 to be killed, 5 to
 * take a second; else it is doubled. */
OSR_FUNCTION(double_it, twice_of, twice)
{
    osr_reason custom = osr_reason_custom("no luck");
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);

    executed++;
    switch (request->number) {
    case 1:
        return OSR_EIO;
    case 2:
        return osr_fail(self, &custom);
    case 3:
        OSR_CHECK(self, request->number == 4);
        break;
    case 4:
        (void)osr_send_exit(self, osr_self_pid(self), &kill);
        return osr_sleep(self, 1000);
    case 5:
        (void)osr_sleep(self, 1000);
        break;
    default:
        break;
    }
    reply->number = request->number * 2;
    reply->known = osr_node_name_of(self, request->who) != NULL;
    reply->text = osr_str_of("done");
    return OSR_OK;
}
OSR_EXPORT(double_it);

OSR_ENTRY(plain_entry, twice_of)
{
    (void)argument;
    executed++;
    return OSR_OK;
}
OSR_EXPORT(plain_entry);

static void heard(osr_self *self, const osr_message *message)
{
    (void)self;
    (void)message;
    stray++;
}

static void start(uint32_t roles)
{
    executed = stray = 0;
    doer_heard = heard;
    net_start(&(cluster_options){.nodes = NODES, .roles = roles});
}

static void setup(void)
{
    start(0);
}

typedef struct call {
    const char *node;
    const char *function; /* NULL: double_it, typed */
    uint32_t number, ms;
    osr_pid who;
    bool untyped;
    osr_err err;
    uint32_t answer;
    bool known, done;
    uint64_t took_ms;
    osr_rpc_failure failure;
    char reason[64];
} call;

static void do_call(osr_self *self, void *argument)
{
    call *c = argument;
    twice_of request = {.number = c->number, .who = c->who};
    const twice *reply = NULL;
    osr_message message = {0};
    uint64_t began = osr_now(self);

    if (c->function == NULL) {
        c->err = double_it_rpc(self, c->node, &request, c->ms, &reply, &c->failure);
    } else {
        c->err = osr_rpc(self, c->node, c->function, c->untyped ? NULL : &twice_of_osr_type,
                         c->untyped ? NULL : &request, c->ms, &message, &c->failure);
    }
    c->took_ms = (osr_now(self) - began) / 1000000;
    if (reply != NULL) {
        OSR_CHECK(self, strcmp(reply->text.at, "done") == 0);
        c->answer = reply->number;
        c->known = reply->known;
        osr_free(self, (void *)(uintptr_t)reply);
    }
    if (c->err == OSR_EFAILED) {
        osr_reason_print(&c->failure.reason, c->reason, sizeof(c->reason));
    }
    c->done = true;
}

static call call_from(osr_pid by, call c)
{
    c.ms = c.ms == 0 ? 5000 : c.ms;
    doer_let(world, by, do_call, &c);
    for (int i = 0; i < 200 && !c.done; i++) {
        run_ms(50);
    }
    ck_assert(c.done);
    return c;
}

#define CALL(by, ...) call_from((by), (call){__VA_ARGS__})

static void expect_failure(const call *c, osr_err err, bool may_have_run, const char *reason)
{
    ck_assert_msg(c->err == err, "%s", osr_err_name(c->err));
    ck_assert_int_eq(c->failure.executed, may_have_run);
    ck_assert_str_eq(c->reason, reason);
}

static void check_classes(const char *node)
{
    osr_pid me = doer_on(world, 0, "me");
    call c = CALL(me, .node = node, .number = 21);
    ck_assert_int_eq(c.err, OSR_OK);
    ck_assert_uint_eq(c.answer, 42);
    c = CALL(me, .node = node, .number = 1);
    expect_failure(&c, OSR_EFAILED, true, "error: an operating system call failed");
    c = CALL(me, .node = node, .number = 2);
    expect_failure(&c, OSR_EFAILED, true, "no luck");
    c = CALL(me, .node = node, .number = 3);
    expect_failure(&c, OSR_EFAILED, true, c.reason);
    ck_assert_ptr_nonnull(strstr(c.reason, "check failed: request->number == 4"));
    c = CALL(me, .node = node, .number = 4);
    expect_failure(&c, OSR_EFAILED, true, "killed");
    ck_assert_uint_eq(executed, 5);
    c = CALL(me, .node = node, .function = "not_there");
    expect_failure(&c, OSR_ENOTFOUND, false, "");
    c = CALL(me, .node = node, .function = "double_it", .untyped = true);
    expect_failure(&c, OSR_ETYPE, false, "");
    ck_assert_uint_eq(executed, 5);
    c = CALL(me, .node = node, .function = "plain_entry");
    ck_assert_int_eq(c.err, OSR_OK);
    ck_assert_uint_eq(executed, 6);
    c = CALL(me, .node = node, .number = 5, .ms = 300);
    expect_failure(&c, OSR_ETIMEDOUT, true, "");
    ck_assert_uint_eq(c.took_ms, 300);
    run_ms(2000);
    ck_assert_uint_eq(stray, 0);
}

/* Each class of OTP's has its error, and says whether the function may have run; nothing strays
 * into the mailbox. On the caller's own node. */
START_TEST(call_classes_here)
{
    check_classes(NULL);
}
END_TEST

/* The same on another node. */
START_TEST(call_classes_on_another_node)
{
    check_classes("n1@sim");
}
END_TEST

/* A node that cannot be reached has executed nothing; one that is lost during the call may have. */
START_TEST(noconnection_says_whether_it_may_have_run)
{
    osr_pid me = doer_on(world, 0, "me");
    call c = CALL(me, .node = "nowhere@sim");
    expect_failure(&c, OSR_ENOCONNECTION, false, "");
    c = (call){.node = "n1@sim", .number = 5, .ms = 5000};
    doer_let(world, me, do_call, &c);
    run_ms(100);
    ck_assert_uint_eq(executed, 1);
    cluster_crash(world, 1, true);
    run_ms(100);
    ck_assert(c.done);
    expect_failure(&c, OSR_ENOCONNECTION, true, "");
}
END_TEST

/* The timeout fires when the peer is silent, counted from the call's entry, and a request that is
 * delivered only after it has expired is not executed. */
START_TEST(call_reqtmo)
{
    osr_pid me = doer_on(world, 0, "me");
    osri_sim_cut(world->network, 0, 1);
    call c = CALL(me, .node = "n1@sim", .number = 21, .ms = 500);
    ck_assert_int_eq(c.err, OSR_ETIMEDOUT);
    ck_assert_uint_eq(c.took_ms, 500);
    ck_assert(!c.failure.executed); /* it never left */
    osri_sim_heal(world->network, 0, 1);
    call again = CALL(me, .node = "n1@sim", .number = 4);
    ck_assert_int_eq(again.err, OSR_EFAILED);
    ck_assert_uint_eq(executed, 1);
    ck_assert_uint_eq(stray, 0);
}
END_TEST

/* What the network takes counts: a call that arrives after its time, because the way stood still,
 * is not executed; and its caller, from whom it had left, is told that it might be. */
START_TEST(time_on_the_network_counts)
{
    osr_pid me = doer_on(world, 0, "me");
    call first = CALL(me, .node = "n1@sim", .number = 7);
    ck_assert_int_eq(first.err, OSR_OK);
    call c = {.node = "n1@sim", .number = 7, .ms = 400};
    osri_sim_cut(world->network, 0, 1);
    doer_let(world, me, do_call, &c);
    run_ms(380);
    osri_sim_heal(world->network, 0, 1); /* in time */
    run_ms(100);
    ck_assert(c.done);
    ck_assert_int_eq(c.err, OSR_OK);
    ck_assert_uint_eq(executed, 2);
    c = (call){.node = "n1@sim", .number = 7, .ms = 400};
    osr_pid silent = doer_on(world, 0, "silent"); /* who ends before it could take it back */
    osri_sim_cut(world->network, 0, 1);
    doer_let(world, silent, do_call, &c);
    run_ms(1000);
    osri_sim_heal(world->network, 0, 1);
    run_ms(500);
    ck_assert(c.done);
    expect_failure(&c, OSR_ETIMEDOUT, true, "");
    ck_assert_uint_eq(executed, 2);
}
END_TEST

/* So does the time that the way always takes. */
START_TEST(a_way_that_is_too_long_executes_nothing)
{
    cluster_options options = {.nodes = 2,
                               .network = {.latency_min_ns = 300 * MS, .latency_max_ns = 301 * MS}};
    cluster_free(&world);
    executed = 0;
    world = cluster_new(1, &options);
    osr_pid me = doer_on(world, 0, "me");
    for (int i = 0; i < 3; i++) { /* so that round trips have been measured */
        call c = CALL(me, .node = "n1@sim", .number = 7, .ms = 8000);
        ck_assert_int_eq(c.err, OSR_OK);
        run_ms(1500);
    }
    call c = CALL(me, .node = "n1@sim", .number = 7, .ms = 250);
    expect_failure(&c, OSR_ETIMEDOUT, true, "");
    run_ms(2000);
    ck_assert_uint_eq(executed, 3);
}
END_TEST

/* A call whose time runs out between its arrival and the first turn of its process is not run. */
START_TEST(expired_before_its_turn_is_not_run)
{
    osr_pid me = doer_on(world, 0, "me");
    osri_rpc_call body = {.function = osr_str_of("plain_entry"),
                          .type_id = twice_of_osr_type.id,
                          .type_name = osr_str_of("twice_of")};
    const uint8_t empty_map = 0x80;
    osri_envelope *signal;
    ck_assert_int_eq(osr_bin_new(&empty_map, 1, &body.request), OSR_OK);
    for (unsigned late = 0; late < 2; late++) {
        ck_assert_int_eq(
            osri_signal_new(OSRI_SIGNAL_MESSAGE, me, 7, &osri_rpc_call_osr_type, &body, &signal),
            OSR_OK);
        signal->deadline_ns = osri_node_now(world->nodes[0].node) + MS;
        osri_rpc_here(world->nodes[0].node, &signal);
        world->now_ns += late * 2 * MS;
        (void)cluster_settle(world);
        ck_assert_uint_eq(executed, 1);
    }
    osr_bin_unref(&body.request);
}
END_TEST

/* Without role spawn nothing is executed, and the session goes on. */
START_TEST(call_needs_the_role)
{
    net_end();
    start(OSRI_ROLE_JOIN);
    osr_pid me = doer_on(world, 0, "me");
    for (int i = 0; i < 2; i++) {
        call c = CALL(me, .node = "n1@sim", .number = 21);
        expect_failure(&c, OSR_EPERM, false, "");
    }
    ck_assert_uint_eq(executed, 0);
}
END_TEST

/* A pid of a third node in a request is known where the function runs. */
START_TEST(pids_in_requests_are_introduced)
{
    osr_pid me = doer_on(world, 0, "me");
    osr_pid third = doer_on(world, 2, "third");
    call c = CALL(me, .node = "n2@sim", .number = 6);
    ck_assert_int_eq(c.err, OSR_OK);
    c = CALL(me, .node = "n1@sim", .number = 6, .who = third);
    ck_assert_int_eq(c.err, OSR_OK);
    ck_assert(c.known);
}
END_TEST

/* ---- several nodes ----------------------------------------------------------------------- */

typedef struct all_call {
    osr_rpc_result results[4];
    uint32_t numbers[4];
    bool done;
} all_call;

static void do_all(osr_self *self, void *argument)
{
    static const char *const nodes[4] = {"n1@sim", "nowhere@sim", NULL, "n2@sim"};
    all_call *all = argument;
    twice_of request = {.number = 21};
    osr_err err = osr_rpc_all(self, nodes, 4, "double_it", &twice_of_osr_type, &request,
                              &twice_osr_type, 800, all->results);
    OSR_CHECK(self, err == OSR_OK);
    for (int i = 0; i < 4; i++) {
        all->numbers[i] =
            all->results[i].reply == NULL ? 0 : ((const twice *)all->results[i].reply)->number;
    }
    all->done = true;
}

/* Results stand in the order of the nodes, whichever is slow, unreachable or silent. */
START_TEST(multicall)
{
    osr_pid me = doer_on(world, 0, "me");
    all_call all = {.done = false};
    osri_sim_cut(world->network, 0, 2);
    doer_let(world, me, do_all, &all);
    run_ms(1000);
    ck_assert(all.done);
    ck_assert_uint_eq(all.numbers[0], 42);
    ck_assert_int_eq(all.results[1].err, OSR_ENOCONNECTION);
    ck_assert(!all.results[1].executed);
    ck_assert_uint_eq(all.numbers[2], 42);
    ck_assert_int_eq(all.results[3].err, OSR_ETIMEDOUT);
}
END_TEST

OSR_MESSAGE(sum, 0x3003, (1, u32, total));
OSR_REQUEST(add, 0x3002, sum, (1, u32, by), (2, u32, sleep_ms));

typedef struct adder {
    uint32_t total;
} adder;

static unsigned added;

OSR_ON_CALL(adder, add, sum)
{
    added++;
    if (request->sleep_ms > 0) {
        (void)osr_sleep(self, request->sleep_ms);
    }
    state->total += request->by;
    reply->total = state->total;
    return OSR_REPLY;
}
OSR_SERVER(adder, OSR_CALL(add));

static void adder_on(uint32_t host)
{
    osr_pid pid;
    ck_assert_int_eq(osr_node_start_server(world->nodes[host].node, &adder_osr_server, NULL,
                                           OSR_SPAWN(.name = "adder"), 1000, &pid),
                     OSR_OK);
}

typedef struct many {
    osr_err errs[4];
    sum replies[4];
    bool done;
} many;

static void do_multi_call(osr_self *self, void *argument)
{
    static const char *const nodes[4] = {"n2@sim", "n1@sim", "nowhere@sim", "n0@sim"};
    many *m = argument;
    OSR_CHECK(self, add_multi_call(self, nodes, 4, "adder", &(add){.by = 3}, m->replies, m->errs,
                                   1000) == OSR_OK);
    m->done = true;
}

/* A multi_call has the replies of those that answer, and says of each other why not: nobody of that
 * name, nobody there. */
START_TEST(multi_call_has_replies_and_bad_nodes)
{
    osr_pid me = doer_on(world, 0, "me");
    many m = {.done = false};
    adder_on(2);
    adder_on(0);
    doer_let(world, me, do_multi_call, &m);
    run_ms(500);
    ck_assert(m.done);
    ck_assert_int_eq(m.errs[0], OSR_OK);
    ck_assert_uint_eq(m.replies[0].total, 3);
    ck_assert_int_eq(m.errs[1], OSR_ENOPROC);
    ck_assert_int_eq(m.errs[2], OSR_ENOCONNECTION);
    ck_assert_int_eq(m.errs[3], OSR_OK);
    ck_assert_uint_eq(m.replies[3].total, 3);
    ck_assert_uint_eq(stray, 0);
}
END_TEST

typedef struct one {
    uint32_t sleep_ms, ms;
    osr_err err;
    sum reply;
    bool done;
} one;

static void do_add(osr_self *self, void *argument)
{
    one *o = argument;
    o->err = add_call(self, osr_name("adder", "n1@sim"), &(add){.by = 1, .sleep_ms = o->sleep_ms},
                      &o->reply, o->ms);
    o->done = true;
}

/* A request whose caller has given up while the server was busy is not handled. */
START_TEST(server_does_not_handle_expired_requests)
{
    osr_pid me = doer_on(world, 0, "me"), you = doer_on(world, 0, "you");
    one slow = {.sleep_ms = 1000, .ms = 5000}, late = {.ms = 200}, next = {.ms = 5000};
    adder_on(1);
    doer_let(world, me, do_add, &slow);
    run_ms(100);
    doer_let(world, you, do_add, &late);
    run_ms(300);
    ck_assert_int_eq(late.err, OSR_ETIMEDOUT);
    doer_let(world, you, do_add, &next);
    run_ms(2000);
    ck_assert(slow.done && next.done);
    ck_assert_int_eq(next.err, OSR_OK);
    ck_assert_uint_eq(next.reply.total, 2);
    ck_assert_uint_eq(added, 2);
}
END_TEST

/* A call that may take for ever crosses nodes as well. */
START_TEST(call_without_a_deadline_crosses_nodes)
{
    osr_pid me = doer_on(world, 0, "me");
    one forever = {.sleep_ms = 100000, .ms = OSR_FOREVER};
    adder_on(1);
    doer_let(world, me, do_add, &forever);
    run_ms(101000);
    ck_assert(forever.done);
    ck_assert_int_eq(forever.err, OSR_OK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("calls");
    TCase *tests = tcase_create("simulated");

    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, call_classes_here);
    tcase_add_test(tests, call_classes_on_another_node);
    tcase_add_test(tests, noconnection_says_whether_it_may_have_run);
    tcase_add_test(tests, call_reqtmo);
    tcase_add_test(tests, time_on_the_network_counts);
    tcase_add_test(tests, a_way_that_is_too_long_executes_nothing);
    tcase_add_test(tests, expired_before_its_turn_is_not_run);
    tcase_add_test(tests, call_needs_the_role);
    tcase_add_test(tests, pids_in_requests_are_introduced);
    tcase_add_test(tests, multicall);
    tcase_add_test(tests, multi_call_has_replies_and_bad_nodes);
    tcase_add_test(tests, server_does_not_handle_expired_requests);
    tcase_add_test(tests, call_without_a_deadline_crosses_nodes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
