/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/faults.h"

#include "dist/net/state.h"
#include "tests/sim/tap.h"

#define TIED_NS (180 * MS) /* after which one of two dials has succeeded; neither is tried again */
#define QUIET_NS (1500 * MS) /* after which nodes that dialed each other must be connected */
#define SETUP_NS (7500 * MS)
#define YEAR_MS (INT64_C(366) * 24 * 3600 * 1000)

static uint64_t dice(const faults *of, uint64_t bound)
{
    return cluster_random(of->world, bound);
}

static void happened(faults *of, fault kind)
{
    of->done[kind]++;
    coverage_fault(kind);
}

uint64_t faults_count(const faults *of, uint64_t *ret_kinds)
{
    uint64_t count = 0;

    *ret_kinds = 0;
    for (int i = 0; i < FAULTS; i++) {
        count += of->done[i];
        *ret_kinds += of->done[i] > 0 ? 1 : 0;
    }
    return count;
}

/* ---- mending ----------------------------------------------------------------------------- */

static void plan(faults *of, fault kind, uint32_t from, uint32_t to, uint64_t after_ns)
{
    for (int i = 0; i < UNDO_MAX; i++) {
        if (!of->undos[i].due) {
            of->undos[i] = (undo){.due = true,
                                  .due_ns = of->world->now_ns + after_ns,
                                  .kind = kind,
                                  .from = from,
                                  .to = to};
            return;
        }
    }
}

static bool is_planned(const faults *of, fault kind, uint32_t from, uint32_t to)
{
    for (int i = 0; i < UNDO_MAX; i++) {
        const undo *what = &of->undos[i];
        if (what->due && what->kind == kind && what->from == from && what->to == to) {
            return true;
        }
    }
    return false;
}

static void mend_mapper(faults *of)
{
    fault kind = of->world->mapper == CLUSTER_MAPPER_DOWN ? FAULT_MAPPER_DOWN : FAULT_MAPPER_MUTE;

    if (of->world->mapper_failed > of->mapper_failed) {
        happened(of, kind); /* somebody has missed it */
    }
    of->world->mapper = CLUSTER_MAPPER_UP;
    /* Whoever asked it is still waiting for the answer. */
    plan(of, FAULT_MAPPER_MUTE, 0, 0, SETUP_NS);
}

static void mend(faults *of, undo *what)
{
    cluster *world = of->world;

    what->due = false;
    switch (what->kind) {
    case FAULT_CUT:
        people_note((event){.kind = EVENT_HEALED, .x = what->from, .y = what->to});
        osri_sim_heal(world->network, what->from, what->to);
        break;
    case FAULT_DELAY:
        osri_sim_delay(world->network, what->from, what->to, 0);
        break;
    case FAULT_CRASH:
        if (!world->nodes[what->from].alive) {
            cluster_start(world, what->from);
            people_fill();
        }
        break;
    case FAULT_SKEW:
        if (world->nodes[what->from].alive) {
            cluster_set_clock(world, what->from, 0, 0);
        }
        break;
    case FAULT_MAPPER_DOWN:
        mend_mapper(of);
        break;
    default:
        break;
    }
}

void faults_mend(faults *of, bool all)
{
    for (int i = 0; i < UNDO_MAX; i++) {
        if (of->undos[i].due && (all || of->undos[i].due_ns <= of->world->now_ns)) {
            mend(of, &of->undos[i]);
        }
    }
    if (of->stranger.transport != NULL && stranger_step(&of->stranger, of->world)) {
        coverage_fault(FAULT_STRANGER);
    }
}

/* ---- faults ------------------------------------------------------------------------------ */

static uint64_t some_ms(const faults *of, uint64_t least, uint64_t more)
{
    return (least + dice(of, more)) * MS;
}

static void note_gone(cluster *world, uint64_t node)
{
    event what = {.now_ns = world->now_ns, .kind = EVENT_GONE, .x = node};

    journal_add(&everybody.book, what);
}

static void end_node(faults *of, uint32_t host, bool loud)
{
    cluster_node *at = &of->world->nodes[host];
    uint64_t node = osr_node_id(at->node);
    osr_node_counters counters;

    osr_node_count(at->node, &counters);
    coverage_drops(&counters);
    everybody.dying = true;
    cluster_crash(of->world, host, loud);
    everybody.dying = false;
    note_gone(of->world, node);
    plan(of, FAULT_CRASH, host, host, dice(of, 3) == 0 ? 0 : some_ms(of, 0, 3000));
}

static void crash(faults *of, uint32_t host)
{
    bool loud = dice(of, 2) == 0;

    end_node(of, host, loud);
    if (!loud) {
        /* Whoever was dialing it waits for the dead one. */
        plan(of, FAULT_SILENT_CRASH, host, host, SETUP_NS);
    }
    happened(of, loud ? FAULT_CRASH : FAULT_SILENT_CRASH);
}

static bool has_left(void *context)
{
    return osri_net_has_left(context);
}

/* Something that can happen to one who says goodbye. Returns whether the other leaves too. */
static bool disturb_goodbye(faults *of, uint32_t host, uint32_t other)
{
    switch (dice(of, 5)) {
    case 0:
        osri_net_leave(of->world->nodes[other].net);
        return true;
    case 1:
        tap_arm(FAULT_GARBAGE, host, other);
        break;
    case 2:
        tap_arm(FAULT_RECORD, host, other);
        break;
    case 3:
        osri_sim_reset(of->world->network, host, other);
        break;
    default:
        break;
    }
    return false;
}

static void stop(faults *of, uint32_t host, uint32_t other)
{
    cluster *world = of->world;
    bool both;

    osri_net_leave(world->nodes[host].net);
    (void)cluster_run(world, world->now_ns, NULL, NULL); /* GOODBYE, or what waits before it */
    both = disturb_goodbye(of, host, other);
    (void)cluster_run(world, world->now_ns + 2 * SECOND, has_left, world->nodes[host].net);
    end_node(of, host, true);
    if (both) {
        end_node(of, other, true);
    }
    happened(of, FAULT_STOP);
}

static void cut(faults *of, uint32_t from, uint32_t to, uint64_t for_ns)
{
    if (!is_planned(of, FAULT_CUT, from, to)) {
        people_note((event){.kind = EVENT_CUT, .x = from, .y = to});
        osri_sim_cut(of->world->network, from, to);
        plan(of, FAULT_CUT, from, to, for_ns);
    }
}

/* Returns whether it had to: a node dials only while it has no session with the other. */
static bool dial_from(const faults *of, uint32_t from, uint32_t to)
{
    void *context;
    const osri_remote_ops *ops = osri_node_remote(of->world->nodes[from].node, &context);

    bool dials = osri_net_session_of(of->world->nodes[from].net, of->world->nodes[to].name) == 0;

    (void)ops->connect(context, of->world->nodes[to].name, true);
    return dials;
}

/* In the middle of a handshake. */
static void cut_handshake(faults *of, uint32_t from, uint32_t to)
{
    cluster *world = of->world;

    osri_sim_reset(world->network, from, to);
    (void)cluster_run(world, world->now_ns + 30 * MS, NULL, NULL);
    (void)dial_from(of, from, to);
    (void)cluster_run(world, world->now_ns + dice(of, 20 * MS), NULL, NULL);
    cut(of, from, to, some_ms(of, 7000, 2000));
}

/* Those below the host from the others. */
static void partition(faults *of)
{
    uint32_t nodes = of->world->options.nodes;
    uint32_t border = 1 + (uint32_t)dice(of, nodes - 1);
    uint64_t for_ns = some_ms(of, 50, 5000);

    for (uint32_t one = 0; one < border; one++) {
        for (uint32_t other = border; other < nodes; other++) {
            cut(of, one, other, for_ns);
            cut(of, other, one, for_ns);
        }
    }
    happened(of, FAULT_PARTITION);
}

static void delay(faults *of, uint32_t from, uint32_t to)
{
    if (!is_planned(of, FAULT_DELAY, from, to)) {
        osri_sim_delay(of->world->network, from, to, some_ms(of, 1, 800));
        plan(of, FAULT_DELAY, from, to, some_ms(of, 500, 4000));
        happened(of, FAULT_DELAY);
    }
}

/* Something is on its way when the connection ends, and is lost. */
static void lose_suffix(faults *of, uint32_t one, uint32_t other)
{
    uint64_t lost = osri_sim_lost(of->world->network);

    osri_sim_stall(of->world->network, one, other, SECOND);
    osri_sim_stall(of->world->network, other, one, SECOND);
    (void)cluster_run(of->world, of->world->now_ns + some_ms(of, 100, 500), NULL, NULL);
    osri_sim_reset(of->world->network, one, other);
    if (osri_sim_lost(of->world->network) > lost) {
        happened(of, FAULT_SUFFIX);
    }
}

static void disconnect(faults *of, uint32_t from, uint32_t to)
{
    void *context;
    const osri_remote_ops *ops = osri_node_remote(of->world->nodes[from].node, &context);
    uint64_t due_ns;

    if (ops->disconnect(context, of->world->nodes[to].name) == OSR_OK) {
        happened(of, FAULT_DISCONNECT);
    }
    (void)osri_net_step(of->world->nodes[from].net,
                        &due_ns); /* before anybody sends by that session */
}

static bool is_quiet(const faults *of)
{
    for (int i = 0; i < UNDO_MAX; i++) {
        if (of->undos[i].due && of->undos[i].kind != FAULT_SKEW) {
            return false;
        }
    }
    for (uint32_t i = 0; i < of->world->options.nodes; i++) {
        if (of->world->nodes[i].paused_ns > of->world->now_ns) {
            return false;
        }
    }
    return true;
}

/* A dial of before is under way: until it fails, at most 7 s later, the other side's is refused. */
static bool is_dialing(const faults *of, uint32_t from, uint32_t to)
{
    osri_party *party = osri_party_find(of->world->nodes[from].net, of->world->nodes[to].name);

    return party != NULL && party->state != OSRI_PARTY_IDLE;
}

/* Both dial at the same moment, or one of them while the other has not yet noticed that its session
 * has ended; nothing else happens for a while. */
static void dial_both(faults *of, uint32_t one, uint32_t other)
{
    cluster *world = of->world;
    bool one_dials, other_dials;

    if (!is_quiet(of)) {
        return;
    }
    tap_disarm();
    osri_sim_reset(world->network, one, other);
    (void)cluster_run(world, world->now_ns + dice(of, 30) * MS, NULL, NULL);
    if (is_dialing(of, one, other) || is_dialing(of, other, one)) {
        return;
    }
    one_dials = dial_from(of, one, other);
    other_dials = dial_from(of, other, one);
    (void)cluster_run(world, world->now_ns + TIED_NS, NULL, NULL);
    if (one_dials && other_dials) {
        people_note((event){.kind = EVENT_BOTH_DIALED, .x = one, .y = other});
        happened(of, FAULT_BOTH_DIAL);
    }
    (void)cluster_run(world, world->now_ns + QUIET_NS, NULL, NULL);
    if (one_dials || other_dials) {
        people_note((event){.kind = EVENT_DIALED, .x = one, .y = other});
    }
}

static void pause_node(faults *of, uint32_t host)
{
    uint64_t for_ns = some_ms(of, 50, 4000);

    cluster_pause(of->world, host, for_ns);
    people_note((event){.kind = EVENT_PAUSED, .x = host, .y = of->world->now_ns + for_ns});
    happened(of, FAULT_PAUSE);
}

static void skew(faults *of, uint32_t host)
{
    bool year = dice(of, 4) == 0;
    int64_t ppm = (int64_t)dice(of, 100000) - 50000;
    int64_t wall_ms = year ? YEAR_MS : (int64_t)dice(of, 240000) - 120000;

    if (!is_planned(of, FAULT_SKEW, host, host)) {
        cluster_set_clock(of->world, host, ppm, wall_ms);
        plan(of, FAULT_SKEW, host, host, some_ms(of, 500, year ? 3000 : 15000));
        plan(of, FAULT_CALENDAR, host, host, year ? 5000 * MS : 0);
        happened(of, year ? FAULT_CALENDAR : FAULT_SKEW);
    }
}

static void lose_mapper(faults *of)
{
    if (of->world->mapper == CLUSTER_MAPPER_UP) {
        of->world->mapper = dice(of, 2) == 0 ? CLUSTER_MAPPER_DOWN : CLUSTER_MAPPER_MUTE;
        of->mapper_failed = of->world->mapper_failed;
        plan(of, FAULT_MAPPER_DOWN, 0, 0, some_ms(of, 200, 3000));
    }
}

static void send_stranger(faults *of, uint32_t host)
{
    if (of->stranger.transport == NULL) {
        stranger_dial(&of->stranger, of->world, host);
        of->done[FAULT_STRANGER]++;
    }
}

static void forge(faults *of, uint32_t one, uint32_t other)
{
    static const fault kinds[] = {FAULT_STRAY,   FAULT_REPEAT, FAULT_SKIP,
                                  FAULT_GARBAGE, FAULT_RECORD, FAULT_HANDSHAKE};

    tap_arm(kinds[dice(of, sizeof(kinds) / sizeof(kinds[0]))], one, other);
}

static void stall(faults *of, uint32_t from, uint32_t to)
{
    uint64_t for_ns = some_ms(of, 50, 3000);

    osri_sim_stall(of->world->network, from, to, for_ns);
    plan(of, FAULT_STALL, from, to, for_ns);
    happened(of, FAULT_STALL);
}

static void do_one(faults *of, uint32_t one, uint32_t other)
{
    switch (dice(of, 24)) {
    case 0:
        crash(of, one);
        break;
    case 1:
        stop(of, one, other);
        break;
    case 2:
    case 3:
        if (dice(of, 4) == 0) {
            cut_handshake(of, one, other);
        } else {
            cut(of, one, other, some_ms(of, 50, 5000));
        }
        happened(of, FAULT_CUT);
        break;
    case 4:
        partition(of);
        break;
    case 5:
    case 6:
        stall(of, one, other);
        break;
    case 7:
    case 8:
        delay(of, one, other);
        break;
    case 9:
    case 10:
        osri_sim_reset(of->world->network, one, other);
        happened(of, FAULT_RESET);
        break;
    case 11:
        lose_suffix(of, one, other);
        break;
    case 12:
        disconnect(of, one, other);
        break;
    case 13:
    case 14:
        dial_both(of, one, other);
        break;
    case 15:
        pause_node(of, one);
        break;
    case 16:
        skew(of, one);
        break;
    case 17:
        lose_mapper(of);
        break;
    case 18:
        send_stranger(of, one);
        break;
    case 19:
    case 20:
    case 21:
    case 22:
        forge(of, one, other);
        break;
    default:
        break;
    }
}

void faults_do(faults *of)
{
    uint32_t nodes = of->world->options.nodes;
    uint32_t one = (uint32_t)dice(of, nodes);
    uint32_t other = (one + 1 + (uint32_t)dice(of, nodes - 1)) % nodes;

    if (of->world->nodes[one].alive && of->world->nodes[other].alive) {
        do_one(of, one, other);
    }
}
