/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <time.h>

#include "tests/bench/bench.h"
#include "tests/bench/world.h"

/* What a node costs on which nothing happens: N processes that wait, each with a timer of 60 s, and
 * links to two other nodes, watched for K ms. The processor time is that of the whole OS process,
 * which is this node. */

#define LINKS 2

#define TIMER_MS 60000

OSR_MESSAGE(sleeper_order, 0x0531, (1, pid, owner));
OSR_MESSAGE(sleeper_ready, 0x0532);

OSR_ENTRY(sleeper, sleeper_order)
{
    osr_ref timer;
    osr_message message;
    sleeper_ready ready = {0};
    osr_err err = osr_timer_start(self, TIMER_MS, &timer);
    (void)sleeper_ready_send(self, osr_to(argument->owner), &ready);
    return err == OSR_OK ? osr_receive(self, OSR_FOREVER, &message) : err;
}

static uint64_t processor_ns(void)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static osr_err connect_links(osr_self *self)
{
    osr_err err = osr_monitor_nodes(self, true, false);
    for (int i = 0; i < LINKS && err == OSR_OK; i++) {
        char name[64];
        pid_t os_pid;
        bench_node_options options = {.name = name, .schedulers = 1};
        (void)snprintf(name, sizeof(name), "idle%d@localhost", i);
        err = bench_node_start(&options, &os_pid);
    }
    return err == OSR_OK ? bench_await_nodes(self, LINKS) : err;
}

OSR_ENTRY(idle_node, bench_options)
{
    char more[64];
    osr_err err = connect_links(self);
    sleeper_order order = {.owner = osr_self_pid(self)};
    for (uint64_t i = 0; i < argument->n && err == OSR_OK; i++) {
        err = sleeper_spawn(self, &order, NULL, NULL);
    }
    for (uint64_t i = 0; i < argument->n && err == OSR_OK; i++) {
        (void)BENCH_RECEIVE(self, sleeper_ready);
    }
    if (err == OSR_OK) {
        err = osr_sleep(self, 1000); /* what was under way comes to rest */
    }
    uint64_t used = processor_ns();
    uint64_t start = osr_now(self);
    if (err == OSR_OK) {
        err = osr_sleep(self, (uint32_t)argument->k);
    }
    uint64_t passed = osr_now(self) - start;
    used = processor_ns() - used;
    osr_message gone; /* a link that broke would not be idle: no nodedown has come */
    if (err == OSR_OK) {
        err = osr_receive(self, 0, &gone) == OSR_ETIMEDOUT ? OSR_OK : OSR_EFAILED;
    }
    if (err == OSR_OK) {
        (void)snprintf(more, sizeof(more), " cpu_percent=%.3f",
                       100.0 * (double)used / (double)passed);
        bench_report(&bench_idle_node, argument->n, passed, more);
    }
    return err;
}

/* Less than the timers take, so that none of them fires. */
static bool accepts(uint64_t n, uint64_t k)
{
    return n > 0 && k > 0 && k <= TIMER_MS / 2;
}

const bench_case bench_idle_node = {
    "idle_node", "N K",
    "N waiting processes with timers, two idle links, for K ms: cpu_percent=", &idle_node_osr_entry,
    accepts};
