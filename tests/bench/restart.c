/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <osier/supervisor.h>

#include "tests/bench/bench.h"
#include "tests/bench/echo.h"

/* A supervised server is killed, and the next one comes up under its name. */

#define RESTARTS_MAX 1000000

OSR_SUPERVISOR(restart_supervisor, .intensity = RESTARTS_MAX, .period_ms = 3600000,
               .children = OSR_CHILDREN(OSR_CHILD(echo_server, .name = "bench_child")));

static osr_pid wait_for_next(osr_self *self, osr_pid before)
{
    for (;;) {
        osr_pid now = osr_whereis(self, "bench_child");
        if (!osr_pid_is_none(now) && !osr_pid_equal(now, before)) {
            return now;
        }
        OSR_CHECK(self, osr_yield(self) == OSR_OK);
    }
}

OSR_ENTRY(restart, bench_options)
{
    osr_pid supervisor;
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    uint64_t start = osr_now(self);
    osr_err err = restart_supervisor_start(self, NULL, OSR_SPAWN(.link = true), &supervisor);
    osr_pid child = osr_whereis(self, "bench_child");
    for (uint64_t i = 0; i < argument->n && err == OSR_OK; i++) {
        err = osr_send_exit(self, child, &kill);
        if (err == OSR_OK) {
            child = wait_for_next(self, child);
        }
    }
    uint64_t end = osr_now(self);
    osr_child_counts counts;
    if (err == OSR_OK) {
        err = osr_supervisor_count_children(self, osr_to(supervisor), ECHO_MS, &counts);
    }
    if (err == OSR_OK) {
        err = bench_expect(self, "children", counts.active, 1);
    }
    if (err == OSR_OK) {
        bench_report(&bench_restart, argument->n, end - start, "");
    }
    return err;
}

static bool accepts(uint64_t n, uint64_t k)
{
    (void)k;
    return n <= RESTARTS_MAX;
}

const bench_case bench_restart = {"restart", "N",
                                  "a supervised server killed and restarted N times",
                                  &restart_osr_entry, accepts};
