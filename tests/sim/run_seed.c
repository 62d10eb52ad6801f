/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/run_seed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tests/sim/checker.h"
#include "tests/sim/faults.h"
#include "tests/sim/tap.h"

/* One seed: a cluster of 3 to 5 nodes, 64 s of virtual time: most of it faults, then a time in
 * which all of it mends, then half of its people end. */

#define CHAOS_NS (46 * SECOND)
#define CALM_NS (10 * SECOND)
#define RELINK_NS (2 * SECOND)
#define END_NS (6 * SECOND)
#define TICK_MS 2000

/* Less of anything, and the seed would be no test. */
#define BORN_MIN 100
#define SIGNALS_MIN 2000
#define FAULTS_MIN 3
#define FAULT_KINDS_MIN 2

static void on_began(cluster_node *at)
{
    everybody.world = at->owner;
    people_note((event){.kind = EVENT_STARTED,
                        .x = osri_node_id(at->name, at->identity.creation),
                        .y = at->host,
                        .z = at->owner->options.tick_ms});
}

static void on_session(cluster_node *at, const cluster_node *peer, uint64_t number, bool up,
                       const char *reason)
{
    people_note((event){.kind = up ? EVENT_UP : EVENT_DOWNED,
                        .x = osr_node_id(at->node),
                        .y = number,
                        .z = peer->host,
                        .w = strncmp(reason, "protocol_error", 14) == 0});
    if (!up) {
        people_queue_lose(&everybody.queues[at->host][peer->host]);
    }
}

static void on_line(cluster_node *at, const char *line)
{
    (void)at;
    if (!everybody.dying) {
        journal_mix(&everybody.book, line, strlen(line));
    }
}

static cluster_options options_of(uint64_t seed, bool trace)
{
    cluster_options options = {.nodes = 3 + (uint32_t)(seed % 3),
                               .tick_ms = TICK_MS,
                               .verbose = trace,
                               .logged = on_line,
                               .session = on_session,
                               .began = on_began};

    if (seed % 4 == 1) { /* a transport that is often full */
        options.network.send_bytes_max = 40000;
        options.network.bytes_per_second = 2000000;
    }
    if (seed % 5 == 2) { /* a dial outlives its link's patience */
        options.network.dial_timeout_ns = 9 * SECOND;
    }
    if (seed % 3 == 1) { /* a long way */
        options.network.latency_min_ns = MS;
        options.network.latency_max_ns = 20 * MS;
        options.network.jitter_ns = 5 * MS;
    }
    return options;
}

static void run_chaos(faults *of)
{
    cluster *world = of->world;
    uint64_t until_ns = world->now_ns + CHAOS_NS;

    while (world->now_ns < until_ns) {
        (void)cluster_run(world, world->now_ns + (20 + cluster_random(world, 800)) * MS, NULL,
                          NULL);
        faults_mend(of, false);
        people_fill();
        faults_do(of);
    }
}

static void run_quiet(faults *of)
{
    cluster *world = of->world;
    uint64_t calm_until_ns = world->now_ns + CALM_NS;

    tap_disarm();
    faults_mend(of, true);
    everybody.calm = true;
    while (world->now_ns < calm_until_ns) {
        (void)cluster_run(world, world->now_ns + SECOND, NULL, NULL);
        faults_mend(of, true);
    }
    people_note((event){.kind = EVENT_SETTLED});
    everybody.settled = true;
    (void)cluster_run(world, world->now_ns + RELINK_NS, NULL, NULL);
    people_halve();
    (void)cluster_run(world, world->now_ns + END_NS, NULL, NULL);
    people_count();
    (void)cluster_run(world, world->now_ns + SECOND / 10, NULL, NULL);
    stranger_end(&of->stranger);
}

static void count(const faults *of)
{
    const people_counts *counts = &everybody.counts;

    for (uint32_t i = 0; i < of->world->options.nodes; i++) {
        osr_node_counters counters;
        if (of->world->nodes[i].alive) {
            osr_node_count(of->world->nodes[i].node, &counters);
            coverage_drops(&counters);
        }
    }
    covered.seeds++;
    covered.events += everybody.book.count;
    covered.born += counts->born;
    covered.signals += counts->signals;
    covered.fragments += counts->fragments;
    covered.links += counts->links;
    covered.waits += counts->waits;
    covered.memberships += counts->memberships;
    covered.names += counts->names;
    covered.conflicts += counts->conflicts;
}

/* What the seed has too little of, or "". */
static void judge_content(const faults *of, char *ret_text, size_t bytes)
{
    const people_counts *counts = &everybody.counts;
    uint64_t kinds;
    uint64_t number = faults_count(of, &kinds);
    bool enough = counts->born >= BORN_MIN && counts->signals >= SIGNALS_MIN &&
                  number >= FAULTS_MIN && kinds >= FAULT_KINDS_MIN && counts->fragments > 0 &&
                  counts->by_name > 0 && counts->by_alias > 0 && counts->links > 0;

    ret_text[0] = '\0';
    if (!enough) {
        (void)snprintf(ret_text, bytes,
                       "too little: %" PRIu64 " processes, %" PRIu64 " signals, %" PRIu64
                       " faults of %" PRIu64 " kinds, %" PRIu64 " fragmented, %" PRIu64
                       " by name, %" PRIu64 " by alias, %" PRIu64 " links",
                       counts->born, counts->signals, number, kinds, counts->fragments,
                       counts->by_name, counts->by_alias, counts->links);
    }
}

static void say_broken(const checker_verdict *verdict, char *ret_text, size_t bytes)
{
    const osr_pid *who = &verdict->who;
    const osr_pid *other = &verdict->other;

    (void)snprintf(ret_text, bytes, "%s (event %zu, %04x.%u.%u, %04x.%u.%u)", verdict->promise,
                   verdict->event, (unsigned)(who->node >> 48), who->slot, who->generation,
                   (unsigned)(other->node >> 48), other->slot, other->generation);
}

void run_seed(uint64_t seed, bool trace, seed_result *ret_result)
{
    cluster_options options = options_of(seed, trace);
    faults of = {0};
    checker_verdict verdict;

    people_begin(seed);
    tap_begin();
    of.world = cluster_new(seed, &options);
    ret_result->address = (uintptr_t)of.world;
    people_fill();
    run_chaos(&of);
    run_quiet(&of);
    if (trace) {
        journal_print(&everybody.book);
    }
    count(&of);
    judge_content(&of, ret_result->broken, sizeof(ret_result->broken));
    verdict = checker_check(&everybody.book);
    if (verdict.promise != NULL) {
        say_broken(&verdict, ret_result->broken, sizeof(ret_result->broken));
    }
    ret_result->hash = everybody.book.hash;
    everybody.dying = true;
    cluster_free(&of.world);
    people_end();
}
