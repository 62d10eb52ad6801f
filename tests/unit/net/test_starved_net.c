/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "lib/core/heap.h"
#include "osier/global.h"
#include "osier/group.h"
#include "osier/nodes.h"
#include "osier/rpc.h"
#include "tests/sim/doer.h"
#include "tests/support/simulated_net.h"

/* Memory that cannot be had, at each site of what nodes do together: groups, names, membership,
 * calls, senders that wait. A scenario is set up on three nodes, then goes on with the n-th
 * allocation failing, for n = 1, 2, ... until it is not reached any more. Whatever fails, nothing
 * crashes or leaks; and once nodes that lost each other have met again, they agree. STARVED_AT=n
 * runs that one only. */

#define NODES 3
#define ACT_MS 3000
#define PIECE 100000

OSR_MESSAGE(starved_sum, 0x3201, (1, u32, total), (2, str, text));
OSR_REQUEST(starved_add, 0x3200, starved_sum, (1, u32, by), (2, pid, who));
OSR_REMOTE(starved_adds, starved_add, starved_sum);

OSR_FUNCTION(starved_adds, starved_add, starved_sum)
{
    (void)self;
    reply->total = request->by + 1;
    reply->text = osr_str_of("added");
    return OSR_OK;
}
OSR_EXPORT(starved_adds);

static osr_pid p[NODES];   /* a doer on each */
static osr_pid helpers[2]; /* actors on the first two, for floods */

/* ---- what doers do ----------------------------------------------------------------------- */

static void join(osr_self *self, void *argument)
{
    (void)!osr_group_join(self, NULL, argument, osr_self_pid(self));
}

static void leave(osr_self *self, void *argument)
{
    (void)osr_group_leave(self, NULL, argument, osr_self_pid(self));
}

static void watch_groups(osr_self *self, void *argument)
{
    osr_pid *pids = NULL;
    osr_str *names = NULL;
    size_t count;
    osr_ref one, all;
    bool watches = osr_group_monitor(self, NULL, argument, &one) == OSR_OK;

    (void)!osr_group_monitor_scope(self, NULL, &all);
    if (osr_group_members(self, NULL, argument, &pids, &count) == OSR_OK) {
        osr_free(self, pids);
    }
    if (osr_group_names(self, NULL, &names, &count) == OSR_OK) {
        osr_free(self, names);
    }
    if (watches) {
        (void)osr_group_demonitor(self, one);
    }
}

static void take(osr_self *self, void *argument)
{
    (void)!osr_global_register(self, argument, osr_self_pid(self),
                               OSR_GLOBAL(.on_conflict = OSR_GLOBAL_NOTIFY));
}

static void give_back(osr_self *self, void *argument)
{
    (void)osr_global_unregister(self, argument);
}

static void look_up(osr_self *self, void *argument)
{
    osr_str *names = NULL;
    size_t count;
    actor_note note = {.number = 1};

    (void)osr_global_whereis(self, argument);
    (void)OSR_GLOBAL_SEND(actor_note, self, argument, &note);
    if (osr_global_names(self, &names, &count) == OSR_OK) {
        osr_free(self, names);
    }
}

/* To every node, typed and not, at once and later. */
static void call_out(osr_self *self, void *argument)
{
    static const char *const nodes[NODES] = {"n1@sim", "nowhere@sim", NULL};
    starved_add request = {.by = 1, .who = osr_self_pid(self)};
    osr_rpc_result results[NODES];
    osr_rpc_failure failure;
    const starved_sum *reply = NULL;
    osr_message message;
    osr_ref call;

    (void)argument;
    if (starved_adds_rpc(self, "n1@sim", &request, 1000, &reply, &failure) == OSR_OK) {
        OSR_CHECK(self, reply->total == 2 && strcmp(reply->text.at, "added") == 0);
        osr_free(self, (void *)(uintptr_t)reply);
    }
    if (osr_rpc_begin(self, "n1@sim", "nothing", NULL, NULL, 1000, &call) == OSR_OK) {
        (void)!osr_rpc_await(self, call, 1000, &message, &failure);
    }
    if (osr_rpc_all(self, nodes, NODES, "starved_adds", &starved_add_osr_type, &request,
                    &starved_sum_osr_type, 500, results) == OSR_OK) {
        for (int i = 0; i < NODES; i++) {
            osr_free(self, (void *)(uintptr_t)results[i].reply);
        }
    }
}

static void drain(osr_self *self, void *argument)
{
    (void)argument;
    (void)!osr_drain(self, true);
}

static void watch_members(osr_self *self, void *argument)
{
    const osr_node_list *list;

    (void)argument;
    (void)!osr_monitor_members(self, true);
    if (osr_nodes(self, OSR_NODES_KNOWN, &list) == OSR_OK) {
        osr_free(self, (void *)(uintptr_t)list);
    }
}

/* ---- scenarios --------------------------------------------------------------------------- */

/* It does it as soon as time passes: when allocations fail. */
static void order(uint32_t host, doer_run *run, void *argument)
{
    doer_do what = {.run = (uint64_t)(uintptr_t)run, .argument = (uint64_t)(uintptr_t)argument};

    tell(p[host], &doer_do_osr_type, &what);
}

static void let(uint32_t host, doer_run *run, void *argument)
{
    doer_let(world, p[host], run, argument);
    run_ms(50);
}

static void groups_change(void)
{
    let(0, join, "g");
    let(1, join, "g");
    order(2, watch_groups, "g");
    order(0, join, "g");
    order(0, leave, "g");
    order(1, join, "h");
    order(2, join, "h");
    order(1, do_exit, NULL);
}

static void names_change(void)
{
    let(0, take, "x");
    order(1, take, "y");
    order(2, take, "y");
    order(2, take, "x");
    order(0, give_back, "x");
    order(1, look_up, "x");
    order(2, take, "z");
    order(2, look_up, "y");
}

/* Two owners of one name, and members on both sides: the sessions are set up without memory. */
static void parts_meet(void)
{
    cut(0, 1);
    cut(0, 2);
    run_ms(6000);
    let(0, take, "x");
    let(1, take, "x");
    let(0, join, "g");
    let(1, join, "g");
    heal_cuts();
    order(0, do_connect, "n1@sim");
    order(2, do_connect, "n0@sim");
    order(2, take, "w"); /* while they meet */
}

static void calls_are_made(void)
{
    order(0, call_out, NULL);
}

static void members_change(void)
{
    order(0, watch_members, NULL);
    order(1, drain, NULL);
    order(2, watch_members, NULL);
    osri_sim_reset(world->network, 0, 1);
    order(0, do_connect, "n1@sim");
}

static void floods_wait(void)
{
    cut(0, 1);
    TELL(helpers[0], actor_pour, .to = helpers[1], .first = 1, .count = 20, .bytes = PIECE);
    TELL(helpers[0], actor_try, .to = helpers[1], .number = 1);
    TELL(helpers[1], actor_pour, .to = helpers[0], .first = 1, .count = 20, .bytes = PIECE);
    order(0, do_watch, &helpers[1]);
}

static void flood_begins(void)
{
    TELL(helpers[0], actor_pour, .to = helpers[1], .first = 1, .count = 20, .bytes = PIECE);
    TELL(helpers[1], actor_pour, .to = helpers[0], .first = 1, .count = 20, .bytes = PIECE);
}

static const struct scenario {
    const char *name;
    void (*begin)(void);
    bool heals; /* in the middle of it */
} scenarios[] = {{"groups", groups_change, false},   {"names", names_change, false},
                 {"meets", parts_meet, false},       {"calls", calls_are_made, false},
                 {"members", members_change, false}, {"floods", flood_begins, false},
                 {"waits", floods_wait, true}};

#define SCENARIOS ((int)(sizeof(scenarios) / sizeof(scenarios[0])))

/* ---- what holds afterwards --------------------------------------------------------------- */

typedef struct view {
    const char *name;
    size_t all, local;
    osr_pid holder;
} view;

static void look(osr_self *self, void *argument)
{
    view *v = argument;
    osr_pid *pids = NULL;

    OSR_CHECK(self, osr_group_members(self, NULL, v->name, &pids, &v->all) == OSR_OK);
    osr_free(self, pids);
    pids = NULL;
    OSR_CHECK(self, osr_group_local_members(self, NULL, v->name, &pids, &v->local) == OSR_OK);
    osr_free(self, pids);
    v->holder = osr_global_whereis(self, v->name);
}

static view view_of(uint32_t host, const char *name)
{
    view v = {.name = name};
    osr_pid asker = doer_on(world, host, NULL);

    doer_let(world, asker, look, &v);
    doer_let(world, asker, do_exit, NULL);
    return v;
}

static void check_agreement(const char *scenario, uint64_t nth)
{
    static const char *const names[] = {"g", "h", "w", "x", "y", "z"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        view views[NODES];
        size_t sum = 0;
        for (uint32_t host = 0; host < NODES; host++) {
            views[host] = view_of(host, names[i]);
            sum += views[host].local;
        }
        for (uint32_t host = 0; host < NODES; host++) {
            ck_assert_msg(views[host].all == sum,
                          "%s, allocation %llu: n%u sees %zu of %zu members of %s", scenario,
                          (unsigned long long)nth, host, views[host].all, sum, names[i]);
            ck_assert_msg(osr_pid_equal(views[host].holder, views[0].holder),
                          "%s, allocation %llu: n%u has another holder of %s", scenario,
                          (unsigned long long)nth, host, names[i]);
        }
    }
}

static void check_lanes(const char *scenario, uint64_t nth)
{
    for (uint32_t host = 0; host < NODES; host++) {
        for (uint32_t other = 0; other < NODES; other++) {
            osri_lane *lane = host == other ? NULL
                                            : osri_lane_to(&world->nodes[host].net->lanes,
                                                           world->nodes[other].name);
            ck_assert_msg(lane == NULL ||
                              (atomic_load(&lane->waiting) == 0 && osri_lane_queued(lane) == 0),
                          "%s, allocation %llu: something waits at n%u for n%u", scenario,
                          (unsigned long long)nth, host, other);
        }
    }
}

static void check_counters(const char *scenario, uint64_t nth)
{
    for (uint32_t host = 0; host < NODES; host++) {
        osr_node_counters counters;
        osr_node_count(world->nodes[host].node, &counters);
        ck_assert_msg(counters.messages_sent ==
                          counters.messages_received + counters.messages_dropped,
                      "%s, allocation %llu: n%u sent %llu, received %llu, dropped %llu", scenario,
                      (unsigned long long)nth, host, (unsigned long long)counters.messages_sent,
                      (unsigned long long)counters.messages_received,
                      (unsigned long long)counters.messages_dropped);
    }
}

/* ---- the net that runs them -------------------------------------------------------------- */

static bool knows_all(const cluster_node *at, const char *name)
{
    (void)at;
    return strcmp(name, "nowhere@sim") != 0;
}

static void set_up(void)
{
    net_start(&(cluster_options){.nodes = NODES, .finds = knows_all});
    for (uint32_t host = 0; host < NODES; host++) {
        p[host] = doer_on(world, host, "p");
    }
    for (uint32_t host = 0; host < 2; host++) {
        helpers[host] = actor_on(host, "helper");
    }
    connect_all();
}

/* Whether the nth allocation of the scenario was reached. every_later: what was lost may have been
 * anything, also the word of an end; so all sessions end, and nodes begin anew. */
static bool play(const struct scenario *scenario, uint64_t nth, bool every_later)
{
    uint64_t blocks_before = osri_heap_live_blocks();
    bool reached;

    set_up();
    scenario->begin();
    osri_heap_fail_after(nth, every_later);
    run_ms(ACT_MS / 10);
    if (scenario->heals) {
        heal_cuts();
    }
    run_ms(ACT_MS - ACT_MS / 10);
    reached = osri_heap_has_failed();
    osri_heap_fail_after(0, false);
    for (uint32_t host = 1; every_later && host < NODES; host++) {
        osri_sim_reset(world->network, host - 1, host);
        osri_sim_reset(world->network, 0, NODES - 1);
    }
    for (uint32_t host = 0; every_later && host < NODES; host++) {
        osr_reason kill = osr_reason_of(OSR_REASON_KILL); /* also who waits for a lost answer */
        (void)osr_node_exit(world->nodes[host].node, p[host], &kill);
    }
    run_ms(6000); /* who is silent is given up, who waits for an answer gets none */
    connect_all();
    run_ms(4000);
    check_agreement(scenario->name, nth);
    check_lanes(scenario->name, nth);
    check_counters(scenario->name, nth);
    net_end();
    ck_assert_msg(osri_heap_live_blocks() == blocks_before,
                  "%s, allocation %llu: %lld blocks are left", scenario->name,
                  (unsigned long long)nth, (long long)(osri_heap_live_blocks() - blocks_before));
    return reached;
}

static void play_all(const struct scenario *scenario, bool every_later)
{
    const char *only = getenv("STARVED_AT");
    uint64_t nth = only == NULL ? 1 : strtoull(only, NULL, 10);

    while (play(scenario, nth, every_later) && only == NULL) {
        nth++;
    }
    ck_assert_uint_gt(nth, 10); /* a scenario that allocates nothing shows nothing */
}

/* One allocation fails, each in its turn. */
START_TEST(one_allocation_fails)
{
    play_all(&scenarios[_i], false);
}
END_TEST

/* From one allocation on all fail, for three seconds. */
START_TEST(all_later_allocations_fail)
{
    play_all(&scenarios[_i], true);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("starved net");
    TCase *tests = tcase_create("starved net");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, one_allocation_fails, 0, SCENARIOS);
    tcase_add_loop_test(tests, all_later_allocations_fail, 0, SCENARIOS);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
