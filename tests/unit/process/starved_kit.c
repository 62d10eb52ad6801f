/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/process/starved_kit.h"

#include <string.h>

#include "lib/core/heap.h"
#include "osier/info.h"

#define HORIZON_NS UINT64_C(600000000000) /* of the node's clock: whatever still runs then, hangs */

static const starved_scenario *scenarios;
static uint64_t clock_ns;

static uint64_t stepped_now(void *context)
{
    (void)context;
    return clock_ns;
}

static void same_random(void *context, void *ret_bytes, size_t bytes)
{
    (void)context;
    memset(ret_bytes, 7, bytes);
}

OSR_ENTRY(plays, note)
{
    return scenarios[argument->n].body(self);
}

/* Until nothing is left to do. */
static void step_to_the_end(osr_node *node)
{
    uint64_t due_ns = 0;
    while (clock_ns < HORIZON_NS) {
        if (!osr_node_step(node, &due_ns)) {
            if (due_ns == UINT64_MAX) {
                break;
            }
            clock_ns = due_ns > clock_ns ? due_ns : clock_ns;
        }
    }
}

static void check_counters(osr_node *node, const char *name, uint64_t nth)
{
    osr_node_counters counters;
    osr_node_count(node, &counters);
    ck_assert_msg(counters.processes == 0, "%s, allocation %llu: a process is left", name,
                  (unsigned long long)nth);
    ck_assert_msg(counters.messages_sent == counters.messages_received + counters.messages_dropped,
                  "%s, allocation %llu: sent %llu, received %llu, dropped %llu", name,
                  (unsigned long long)nth, (unsigned long long)counters.messages_sent,
                  (unsigned long long)counters.messages_received,
                  (unsigned long long)counters.messages_dropped);
}

/* The whole life of a node whose nth allocation fails; whether it was reached. */
static bool play(int scenario, uint64_t nth, bool every_later)
{
    osr_env env = *osr_env_real();
    osr_node *node = NULL;
    osr_pid pid;
    const char *name = scenarios[scenario].name;
    bool reached = false;
    uint64_t blocks_before = osri_heap_live_blocks();
    env.now_ns = stepped_now;
    env.boot_ns = stepped_now;
    env.random = same_random;
    clock_ns = 1000000000u;
    osri_heap_fail_after(nth, every_later);
    if (osr_node_new(OSR_NODE(.name = "poor@host", .schedulers = 1, .creation = 1, .env = &env,
                              .processes_max = 128, .flight = "/dev/null",
                              .log_level = OSR_LOG_ERROR),
                     &node) == OSR_OK) {
        if (osr_node_spawn(node, &plays_osr_entry, &(note){.n = scenario}, NULL, &pid) == OSR_OK) {
            osr_snapshot snapshot;
            step_to_the_end(node);
            ck_assert_msg(every_later /* which also takes away what it waits for */ ||
                              osr_snapshot_of(node, pid, &snapshot) == OSR_ENOPROC,
                          "%s, allocation %llu: it hangs", name, (unsigned long long)nth);
        }
        if (every_later) {
            reached = osri_heap_has_failed();
            osri_heap_fail_after(0, false); /* to stop takes signals */
        }
        osr_node_stop(node, 1000);
        check_counters(node, name, nth);
    }
    osr_node_free(&node);
    reached = reached || osri_heap_has_failed();
    osri_heap_fail_after(0, false);
    ck_assert_msg(osri_heap_live_blocks() == blocks_before,
                  "%s, allocation %llu: %lld blocks are left", name, (unsigned long long)nth,
                  (long long)(osri_heap_live_blocks() - blocks_before));
    return reached;
}

static void play_all(int scenario, bool every_later)
{
    const char *only = getenv("STARVED_AT");
    uint64_t nth = only == NULL ? 1 : strtoull(only, NULL, 10);
    while (play(scenario, nth, every_later) && only == NULL) {
        nth += 1;
    }
    ck_assert_uint_gt(nth, 10); /* a scenario that allocates nothing shows nothing */
}

/* One allocation fails, each in its turn. */
START_TEST(one_allocation_fails)
{
    play_all(_i, false);
}
END_TEST

/* From one allocation on all fail, until the node is told to stop. */
START_TEST(all_later_allocations_fail)
{
    play_all(_i, true);
}
END_TEST

int starved_run(const char *name, const starved_scenario *them, size_t count)
{
    Suite *suite = suite_create(name);
    TCase *tests = tcase_create(name);
    scenarios = them;
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, one_allocation_fails, 0, (int)count);
    tcase_add_loop_test(tests, all_later_allocations_fail, 0, (int)count);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
