/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "tests/sim/people.h"

/* sim_cluster SEEDS [FIRST] [--trace] [--expect-broken]: whole clusters on virtual time, one a
 * seed, with every fault that the simulated network has. Each run is checked; the first seed is run
 * twice and must be the same. */

#define CHAOS_NS (6 * SECOND)
#define CALM_NS (8 * SECOND)
#define END_NS (4 * SECOND)
#define UNDO_MAX 64

typedef struct undo {
    uint64_t due_ns;
    uint32_t from, to;
    bool restart; /* `from`; else heal */
    bool due;
} undo;

typedef struct run {
    cluster *world;
    undo undos[UNDO_MAX];
    bool trace;
} run;

static void plan(run *r, undo what)
{
    for (int i = 0; i < UNDO_MAX; i++) {
        if (!r->undos[i].due) {
            r->undos[i] = what;
            r->undos[i].due = true;
            return;
        }
    }
}

static void do_undo(run *r, undo *what)
{
    what->due = false;
    if (!what->restart) {
        osri_sim_heal(r->world->network, what->from, what->to);
    } else if (!r->world->nodes[what->from].alive) {
        cluster_start(r->world, what->from);
        people_fill();
    }
}

static void undo_due(run *r, bool all)
{
    for (int i = 0; i < UNDO_MAX; i++) {
        if (r->undos[i].due && (all || r->undos[i].due_ns <= r->world->now_ns)) {
            do_undo(r, &r->undos[i]);
        }
    }
}

static void crash(run *r, uint32_t host)
{
    cluster *world = r->world;
    uint64_t now_ns = world->now_ns;
    uint64_t away_ms = cluster_random(world, 3) == 0 ? 0 : cluster_random(world, 3000);
    event what = {
        .now_ns = now_ns, .kind = EVENT_CRASHED, .x = osr_node_id(world->nodes[host].node)};

    everybody.dying = true;
    cluster_crash(world, host, cluster_random(world, 2) == 0);
    everybody.dying = false;
    journal_add(&everybody.book, what);
    plan(r, (undo){.due_ns = now_ns + away_ms * MS, .from = host, .restart = true});
}

static void cut(run *r, uint32_t from, uint32_t to)
{
    uint64_t for_ms = 50 + cluster_random(r->world, 4000);

    osri_sim_cut(r->world->network, from, to);
    plan(r, (undo){.due_ns = r->world->now_ns + for_ms * MS, .from = from, .to = to});
}

static void disconnect(run *r, uint32_t from, uint32_t to)
{
    void *context;
    const osri_remote_ops *ops = osri_node_remote(r->world->nodes[from].node, &context);
    uint64_t due_ns;

    (void)ops->disconnect(context, r->world->nodes[to].name);
    (void)osri_net_step(r->world->nodes[from].net,
                        &due_ns); /* before anybody sends by that session */
}

static void do_fault(run *r)
{
    cluster *world = r->world;
    uint32_t one = (uint32_t)cluster_random(world, world->options.nodes);
    uint32_t other = (one + 1 + (uint32_t)cluster_random(world, world->options.nodes - 1)) %
                     world->options.nodes;

    if (!world->nodes[one].alive) {
        return;
    }
    switch (cluster_random(world, 12)) {
    case 0:
    case 1:
        crash(r, one);
        break;
    case 2:
        cut(r, one, other);
        break;
    case 3:
        cut(r, one, other);
        cut(r, other, one);
        break;
    case 4:
    case 5:
        osri_sim_stall(world->network, one, other, (50 + cluster_random(world, 3000)) * MS);
        break;
    case 6:
    case 7:
    case 8:
        osri_sim_reset(world->network, one, other);
        break;
    case 9:
        disconnect(r, one, other);
        break;
    default:
        break;
    }
}

static void run_chaos(run *r)
{
    uint64_t until_ns = r->world->now_ns + CHAOS_NS;

    while (r->world->now_ns < until_ns) {
        (void)cluster_run(r->world, r->world->now_ns + (20 + cluster_random(r->world, 300)) * MS,
                          NULL, NULL);
        undo_due(r, false);
        people_fill();
        do_fault(r);
    }
}

static void run_quiet(run *r)
{
    undo_due(r, true);
    everybody.calm = true;
    (void)cluster_run(r->world, r->world->now_ns + CALM_NS, NULL, NULL);
    people_halve();
    (void)cluster_run(r->world, r->world->now_ns + END_NS, NULL, NULL);
}

/* Returns the hash of what happened; *ret_broken: what was broken, or "". */
static uint64_t run_seed(uint64_t seed, bool trace, char ret_broken[512])
{
    cluster_options options = {.nodes = 3 + (uint32_t)(seed % 3), .verbose = trace};
    run r = {.trace = trace};
    uint64_t hash;

    memset(&everybody, 0, sizeof(everybody));
    everybody.book.hash = seed;
    r.world = cluster_new(seed, &options);
    everybody.world = r.world;
    people_fill();
    run_chaos(&r);
    run_quiet(&r);
    if (trace) {
        journal_print(&everybody.book);
    }
    ret_broken[0] = '\0';
    (void)journal_check(&everybody.book, r.world, ret_broken);
    hash = everybody.book.hash;
    everybody.dying = true;
    cluster_free(&r.world);
    journal_fini(&everybody.book);
    return hash;
}

static bool is_repeatable(uint64_t seed)
{
    char text[512];
    uint64_t once = run_seed(seed, false, text);
    uint64_t twice = run_seed(seed, false, text);

    if (once != twice) {
        (void)printf("seed %" PRIu64 ": two runs differ: %016" PRIx64 " %016" PRIx64 "\n", seed,
                     once, twice);
    }
    return once == twice;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: sim_cluster SEEDS [FIRST] [--trace] [--expect-broken]\n");
    return 64;
}

int main(int argc, char **argv)
{
    uint64_t numbers[2] = {0, 1};
    int count = 0;
    bool trace = false;
    bool expect_broken = false;
    uint64_t failed = 0;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            trace = true;
        } else if (strcmp(argv[i], "--expect-broken") == 0) {
            expect_broken = true;
        } else if (count < 2) {
            numbers[count++] = strtoull(argv[i], NULL, 10);
        } else {
            return usage();
        }
    }
    if (count == 0 || numbers[0] == 0) {
        return usage();
    }
    (void)printf("seeds %" PRIu64 " to %" PRIu64 "\n", numbers[1], numbers[1] + numbers[0] - 1);
    (void)fflush(stdout);
    if (!expect_broken && !is_repeatable(numbers[1])) {
        failed++;
    }
    for (uint64_t i = 0; i < numbers[0] && !(expect_broken && failed > 0); i++) {
        char text[512];
        uint64_t hash = run_seed(numbers[1] + i, trace, text);
        if (text[0] != '\0') {
            failed++;
            (void)printf("seed %" PRIu64 ": %s\n", numbers[1] + i, text);
        } else if (trace) {
            (void)printf("seed %" PRIu64 ": %016" PRIx64 "\n", numbers[1] + i, hash);
        }
    }
    if (expect_broken) {
        return failed > 0 ? 0 : 1;
    }
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n",
                 numbers[0] - (failed > numbers[0] ? numbers[0] : failed), failed);
    return failed == 0 ? 0 : 1;
}
