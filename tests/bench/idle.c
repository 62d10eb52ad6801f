/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/echo.h"

/* What those cost that only wait: servers that have answered a call, raw processes in receive. */

#define SAMPLES 1000

OSR_MESSAGE(waiter_order, 0x0523, (1, pid, owner));
OSR_MESSAGE(waiter_ready, 0x0524);

static osr_err call_echo(osr_self *self, osr_pid server, int64_t value)
{
    echo request = {.value = value};
    echo_reply reply;
    osr_err err = echo_call(self, osr_to(server), &request, &reply, ECHO_MS);
    return err == OSR_OK ? bench_expect(self, "reply", reply.value, value) : err;
}

static osr_err start_servers(osr_self *self, osr_pid *all, uint64_t n)
{
    osr_err err = OSR_OK;
    for (uint64_t i = 0; i < n && err == OSR_OK; i++) {
        err = echo_server_start(self, NULL, NULL, &all[i]);
        if (err == OSR_OK) {
            err = call_echo(self, all[i], (int64_t)i + 1);
        }
    }
    return err;
}

/* Raw processes: each says that it runs, and waits for what never comes. */
OSR_ENTRY(waiter, waiter_order)
{
    osr_message message;
    waiter_ready ready = {0};
    (void)waiter_ready_send(self, osr_to(argument->owner), &ready);
    return osr_receive(self, OSR_FOREVER, &message);
}

static osr_err start_waiters(osr_self *self, osr_pid *all, uint64_t n)
{
    waiter_order order = {.owner = osr_self_pid(self)};
    osr_err err = OSR_OK;
    for (uint64_t i = 0; i < n && err == OSR_OK; i++) {
        err = waiter_spawn(self, &order, NULL, &all[i]);
        if (err == OSR_OK) {
            (void)BENCH_RECEIVE(self, waiter_ready);
        }
    }
    return err;
}

static uint64_t count_processes(const osr_self *self)
{
    osr_node_counters counters;
    osr_node_count(osr_self_node(self), &counters);
    return counters.processes;
}

static osr_err measure(osr_self *self, const bench_case *the_case, osr_pid *all, uint64_t n,
                       osr_err (*start_all)(osr_self *self, osr_pid *all, uint64_t n))
{
    char more[64];
    uint64_t others = count_processes(self);
    int64_t before = bench_resident_bytes();
    uint64_t start = osr_now(self);
    osr_err err = start_all(self, all, n);
    uint64_t end = osr_now(self);
    int64_t grown = bench_resident_bytes() - before;
    if (err == OSR_OK) {
        err = bench_expect(self, "alive", (int64_t)(count_processes(self) - others), (int64_t)n);
    }
    if (err == OSR_OK) {
        (void)snprintf(more, sizeof(more), " bytes_each=%.1f alive=%llu", (double)grown / (double)n,
                       (unsigned long long)n);
        bench_report(the_case, n, end - start, more);
    }
    return err;
}

OSR_ENTRY(idle_servers, bench_options)
{
    uint64_t n = argument->n;
    osr_pid *all = osr_alloc(self, n * sizeof(*all));
    osr_err err =
        all == NULL ? OSR_ENOMEM : measure(self, &bench_idle_servers, all, n, start_servers);
    uint64_t step = n < SAMPLES ? 1 : n / SAMPLES;
    for (uint64_t i = 0; i < n && err == OSR_OK; i += step) {
        err = call_echo(self, all[i], (int64_t)i);
    }
    return err;
}

OSR_ENTRY(idle_processes, bench_options)
{
    osr_pid *all = osr_alloc(self, argument->n * sizeof(*all));
    return all == NULL ? OSR_ENOMEM
                       : measure(self, &bench_idle_processes, all, argument->n, start_waiters);
}

const bench_case bench_idle_servers = {"idle_servers", "N",
                                       "N servers that have each answered one call",
                                       &idle_servers_osr_entry, NULL};
const bench_case bench_idle_processes = {
    "idle_processes", "N", "N raw processes that wait in receive", &idle_processes_osr_entry, NULL};
