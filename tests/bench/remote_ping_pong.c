/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>

#include "tests/bench/remote.h"

/* Two processes on two nodes, N round trips of BYTES each way; alone, or beside a process that
 * never rests. */

#define TURN_NS UINT64_C(100000) /* of the one that never rests, between two yields */

OSR_ENTRY(remote_busy, remote_order)
{
    osr_err err = OSR_OK;
    while (err == OSR_OK) {
        uint64_t until = osr_now(self) + TURN_NS;
        while (osr_now(self) < until) {
        }
        err = osr_yield(self);
    }
    return err;
}

static osr_err measure(osr_self *self, const bench_case *the_case, const bench_options *options)
{
    char percentiles[64];
    char more[96];
    uint64_t *trips = osr_alloc(self, options->n * sizeof(*trips));
    uint64_t sum;
    osr_pid echo;
    osr_bin *bytes = NULL;
    osr_err err = trips == NULL ? OSR_ENOMEM : remote_echo_start(self, &echo);
    if (err == OSR_OK) {
        err = remote_bytes(options->n, options->k, &bytes, &sum);
    }
    uint64_t start = osr_now(self);
    for (uint64_t i = 0; i < options->n && err == OSR_OK; i++) {
        err = remote_trip(self, echo, bytes, &trips[i]);
    }
    uint64_t passed = osr_now(self) - start;
    if (err == OSR_OK) {
        remote_percentiles(trips, options->n, percentiles, sizeof(percentiles));
        (void)snprintf(more, sizeof(more), " bytes=%llu%s", (unsigned long long)options->k,
                       percentiles);
        bench_report(the_case, options->n, passed, more);
    }
    osr_bin_unref(&bytes);
    return err;
}

OSR_ENTRY(remote_ping_pong, bench_options)
{
    pid_t os_pid;
    osr_err err = bench_peer_start(self, &os_pid);
    return err == OSR_OK ? measure(self, &bench_remote_ping_pong, argument) : err;
}

OSR_ENTRY(remote_ping_pong_busy, bench_options)
{
    pid_t os_pid;
    osr_pid busy;
    remote_order order = {.owner = osr_self_pid(self)};
    osr_err err = bench_peer_start(self, &os_pid);
    if (err == OSR_OK) {
        err = remote_busy_spawn(self, &order, NULL, &busy);
    }
    return err == OSR_OK ? measure(self, &bench_remote_ping_pong_busy, argument) : err;
}

const bench_case bench_remote_ping_pong = {"remote_ping_pong", "N BYTES",
                                           "two processes on two nodes, N round trips",
                                           &remote_ping_pong_osr_entry, remote_accepts_bytes};
const bench_case bench_remote_ping_pong_busy = {
    "remote_ping_pong_busy", "N BYTES", "the same beside a busy process",
    &remote_ping_pong_busy_osr_entry, remote_accepts_bytes};
