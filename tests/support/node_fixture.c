/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/support/node_fixture.h"

#include <check.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"

/* A watcher process on the node starts the body, monitors it, and keeps what became of it. */

#define DEADLINE_MS 20000
#define STOP_MS 300
#define NODES_MAX 8

typedef struct run {
    node_fixture_body *body;
    uint32_t deadline_ms;
    osr_reason_code code;
    char text[300];
    atomic_bool done;
} run;

static osr_node *nodes[NODES_MAX]; /* the first is the one of the test */
static size_t node_count;
static bool stepped;
static size_t blocks_before;
static size_t own_blocks_before; /* of node_fixture_own() */
static osr_env env;
static uint64_t clock_ns;
static uint64_t random_state;

OSR_MESSAGE(fixture_run, 0xfff1, (1, u64, address));

OSR_ENTRY(fixture_body, fixture_run)
{
    return ((run *)(uintptr_t)argument->address)->body(self);
}

static void keep_end(run *what, const osr_reason *reason)
{
    what->code = (osr_reason_code)reason->code;
    osr_reason_print(reason, what->text, sizeof(what->text));
    /* release: pairs with acquire in node_fixture_run */
    atomic_store_explicit(&what->done, true, memory_order_release);
}

OSR_ENTRY(fixture_watcher, fixture_run)
{
    static const osr_type *const down[] = {&osr_down_osr_type};
    run *what = (run *)(uintptr_t)argument->address;
    osr_ref monitor;
    osr_pid pid;
    osr_err err = fixture_body_spawn(
        self, argument, OSR_SPAWN(.monitor = true, .ret_monitor = &monitor, .label = "test"), &pid);
    osr_message message;
    if (err == OSR_OK) {
        err = osr_receive_of(self, down, 1, what->deadline_ms, &message);
    }
    osr_reason failed = osr_reason_error(err);
    keep_end(what, err == OSR_OK ? &OSR_AS(osr_down, &message)->reason : &failed);
    return OSR_OK;
}

/* ---- a deterministic environment ------------------------------------------------------- */

static uint64_t stepped_now(void *context)
{
    (void)context;
    return clock_ns;
}

static uint64_t stepped_wall(void *context)
{
    (void)context;
    return 1700000000000u + clock_ns / 1000000u;
}

static void stepped_random(void *context, void *ret_bytes, size_t bytes)
{
    (void)context;
    uint8_t *at = ret_bytes;
    for (size_t i = 0; i < bytes; ++i) {
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        at[i] = (uint8_t)(random_state >> 56);
    }
}

static osr_node *node_new(const char *name)
{
    osr_node *made = NULL;
    ck_assert_uint_lt(node_count, NODES_MAX);
    ck_assert_int_eq(
        osr_node_new(OSR_NODE(.name = name, .creation = 1, .schedulers = stepped ? 1 : 2,
                              .env = stepped ? &env : NULL, .log_level = OSR_LOG_ERROR),
                     &made),
        OSR_OK);
    nodes[node_count++] = made;
    return made;
}

osr_node *node_fixture_add(const char *name)
{
    ck_assert(stepped);
    return node_new(name);
}

void node_fixture_threaded(void)
{
    stepped = false;
    blocks_before = osri_heap_live_blocks();
    ck_assert_int_eq(osr_node_start(node_new("test@host")), OSR_OK);
}

void node_fixture_stepped_as(const char *name)
{
    stepped = true;
    clock_ns = 1000000000u;
    random_state = 1;
    env = *osr_env_real();
    env.now_ns = stepped_now;
    env.boot_ns = stepped_now;
    env.wall_ms = stepped_wall;
    env.random = stepped_random;
    blocks_before = osri_heap_live_blocks();
    (void)node_new(name);
}

void node_fixture_stepped(void)
{
    node_fixture_stepped_as("test@host");
}

static char flaw[200]; /* the first that was found, or "" */

static void check_counters(osr_node *node)
{
    osr_node_counters counters;
    osr_node_count(node, &counters);
    bool is_even = counters.messages_sent == counters.messages_received + counters.messages_dropped;
    if (flaw[0] == '\0' && (counters.processes != 0 || !is_even)) {
        (void)snprintf(flaw, sizeof(flaw),
                       "%" PRIu64 " processes left, sent %" PRIu64 ", received %" PRIu64
                       ", dropped %" PRIu64,
                       counters.processes, counters.messages_sent, counters.messages_received,
                       counters.messages_dropped);
    }
}

const char *node_fixture_stop(void)
{
    flaw[0] = '\0';
    for (size_t i = 0; i < node_count; ++i) {
        osr_node_stop(nodes[i], STOP_MS);
    }
    for (size_t i = 0; i < node_count; ++i) {
        check_counters(nodes[i]);
        osr_node_free(&nodes[i]);
    }
    node_count = 0;
    size_t blocks = osri_heap_live_blocks();
    if (flaw[0] == '\0' && blocks != blocks_before) {
        (void)snprintf(flaw, sizeof(flaw), "%zu blocks of memory before, %zu after", blocks_before,
                       blocks);
    }
    return flaw[0] == '\0' ? NULL : flaw;
}

void node_fixture_end(void)
{
    const char *found = node_fixture_stop();
    ck_assert_msg(found == NULL, "%s", found == NULL ? "" : found);
}

osr_node *node_fixture_own(const osr_node_options *options)
{
    osr_node *made = NULL;
    own_blocks_before = osri_heap_live_blocks();
    ck_assert_int_eq(osr_node_new(options, &made), OSR_OK);
    return made;
}

void node_fixture_own_end(osr_node **node, uint32_t timeout_ms)
{
    flaw[0] = '\0';
    osr_node_stop(*node, timeout_ms);
    check_counters(*node);
    osr_node_free(node);
    ck_assert_msg(flaw[0] == '\0', "%s", flaw);
    if (node_count == 0) {
        ck_assert_uint_eq(osri_heap_live_blocks(), own_blocks_before);
    }
}

osr_node *node_fixture_node(void)
{
    return nodes[0];
}

/* One turn of each node; when none did anything the clock jumps to the next thing to do. */
static void step_all(void)
{
    bool did = false;
    uint64_t next_ns = UINT64_MAX;
    for (size_t i = 0; i < node_count; ++i) {
        uint64_t due_ns;
        did = osr_node_step(nodes[i], &due_ns) || did;
        next_ns = due_ns < next_ns ? due_ns : next_ns;
    }
    ck_assert_msg(did || next_ns != UINT64_MAX,
                  "the nodes wait for nothing, and the test is not done");
    if (!did && next_ns > clock_ns) {
        clock_ns = next_ns;
    }
}

static void run_body(node_fixture_body *body, uint32_t deadline_ms)
{
    static run what;
    memset(&what, 0, sizeof(what));
    what.body = body;
    what.deadline_ms = deadline_ms;
    fixture_run argument = {.address = (uint64_t)(uintptr_t)&what};
    osr_pid watcher;
    ck_assert_int_eq(
        osr_node_spawn(nodes[0], &fixture_watcher_osr_entry, &argument, NULL, &watcher), OSR_OK);
    while (stepped && !atomic_load_explicit(&what.done, memory_order_acquire)) {
        step_all();
    }
    if (!stepped) {
        uint32_t wait_ms = deadline_ms == OSR_FOREVER ? OSR_FOREVER : deadline_ms + STOP_MS;
        ck_assert_int_eq(osr_node_wait(nodes[0], watcher, wait_ms, NULL), OSR_OK);
    }
    /* acquire: pairs with release in keep_end */
    ck_assert(atomic_load_explicit(&what.done, memory_order_acquire));
    ck_assert_msg(what.code == OSR_REASON_NORMAL, "the test's process ended: %s", what.text);
}

void node_fixture_run(node_fixture_body *body)
{
    run_body(body, DEADLINE_MS);
}

void node_fixture_run_long(node_fixture_body *body)
{
    run_body(body, OSR_FOREVER);
}
