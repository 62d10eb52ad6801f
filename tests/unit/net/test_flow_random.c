/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "tests/support/simulated_net.h"

/* Floods at random between three nodes, with faults: whatever happens to senders, links and nodes'
 * connections, nobody waits for ever, and what was counted as waiting is counted off again. */

#define NODES 3
#define ACTORS 4 /* on each node */
#define STEPS 80
#define SEEDS 25

static osr_pid actors[NODES][ACTORS];

static uint32_t below(uint32_t bound)
{
    return (uint32_t)cluster_random(world, bound);
}

static osr_pid spawn(uint32_t host)
{
    actor_options options = {.name = osr_str_of("x")};

    return cluster_spawn(world, host, actor_entry(), &options, NULL);
}

/* Pids lead to nodes that one has met. */
static void meet(void)
{
    for (uint32_t one = 0; one < NODES; one++) {
        for (uint32_t other = 0; other < NODES; other++) {
            actor_call order = {.name = osr_str_of("nobody"),
                                .node = osr_str_of(world->nodes[other].name),
                                .timeout_ms = 1000};
            if (one != other) {
                tell(actors[one][0], &actor_call_osr_type, &order);
            }
        }
    }
    (void)cluster_run(world, world->now_ns + SECOND, NULL, NULL);
}

static void pour(void)
{
    static const uint32_t sizes[] = {10, 1000, 60000, 300000, 2000000};
    uint32_t from = below(NODES), to = (from + 1 + below(NODES - 1)) % NODES;
    actor_pour order = {.to = actors[to][below(ACTORS)],
                        .first = 1,
                        .count = 1 + below(30),
                        .bytes = sizes[below(5)]};

    tell(actors[from][below(ACTORS)], &actor_pour_osr_type, &order);
}

static void end_one(void)
{
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    uint32_t host = below(NODES), index = below(ACTORS);

    ck_assert_int_eq(osr_node_exit(world->nodes[host].node, actors[host][index], &kill), OSR_OK);
    actors[host][index] = spawn(host);
}

static void say_of_mailbox(bool full)
{
    uint32_t host = below(NODES);
    osr_pid receiver = actors[host][below(ACTORS)];
    void *context;
    const osri_remote_ops *ops = osri_node_remote(world->nodes[host].node, &context);

    if (full) {
        ops->mailbox_full(context, receiver,
                          osr_node_id(world->nodes[(host + 1 + below(NODES - 1)) % NODES].node));
    } else {
        ops->mailbox_room(context, receiver);
    }
}

static void step(void)
{
    uint32_t one = below(NODES), other = (one + 1 + below(NODES - 1)) % NODES;

    switch (below(12)) {
    case 0:
        osri_sim_reset(world->network, one, other);
        break;
    case 1:
        osri_sim_cut(world->network, one, other);
        break;
    case 2:
        osri_sim_heal(world->network, one, other);
        break;
    case 3:
        osri_sim_stall(world->network, one, other, below(500) * MS);
        break;
    case 4:
        end_one();
        break;
    case 5:
    case 6:
        say_of_mailbox(below(2) == 0);
        break;
    default:
        pour();
        break;
    }
    (void)cluster_run(world, world->now_ns + below(60) * MS, NULL, NULL);
}

static void heal_all(void)
{
    for (uint32_t one = 0; one < NODES; one++) {
        for (uint32_t other = 0; other < NODES; other++) {
            osri_sim_heal(world->network, one, other);
        }
    }
}

static uint64_t seen_waiting(void)
{
    uint64_t waiting = 0;

    for (uint32_t one = 0; one < NODES; one++) {
        for (uint32_t other = 0; other < NODES; other++) {
            osri_lane *lane = osri_lane_to(&world->nodes[one].net->lanes, world->nodes[other].name);
            waiting += atomic_load(&lane->waiting);
        }
    }
    return waiting;
}

static void expect_nothing_left(unsigned seed)
{
    for (uint32_t one = 0; one < NODES; one++) {
        osr_node_counters counters;

        for (uint32_t other = 0; other < NODES; other++) {
            osri_lane *lane = osri_lane_to(&world->nodes[one].net->lanes, world->nodes[other].name);
            ck_assert_msg(osri_lane_queued(lane) == 0, "seed %u: %llu bytes of %u for %u", seed,
                          (unsigned long long)osri_lane_queued(lane), one, other);
        }
        osr_node_count(world->nodes[one].node, &counters);
        ck_assert_msg(counters.messages_sent ==
                          counters.messages_received + counters.messages_dropped,
                      "seed %u: messages of node %u do not add up", seed, one);
    }
    ck_assert_msg(seen_waiting() == 0, "seed %u: somebody waits", seed);
}

START_TEST(floods_end_whatever_happens)
{
    cluster_options options = {.nodes = NODES, .network = {.bytes_per_second = 20000000}};
    unsigned seed = (unsigned)_i + 1;
    uint64_t waited = 0;

    net_start_seeded(seed, &options);
    for (uint32_t i = 0; i < NODES * ACTORS; i++) {
        actors[i / ACTORS][i % ACTORS] = spawn(i / ACTORS);
    }
    meet();
    for (int i = 0; i < STEPS; i++) {
        step();
        waited += seen_waiting();
    }
    ck_assert_msg(waited > 0, "seed %u: nobody ever waited", seed);
    heal_all();
    (void)cluster_run(world, world->now_ns + 300 * SECOND, NULL, NULL);
    expect_nothing_left(seed);
    net_end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("floods at random");
    TCase *tests = tcase_create("floods");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, floods_end_whatever_happens, 0, SEEDS);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
