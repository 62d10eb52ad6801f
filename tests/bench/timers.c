/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* Timers that are started and cancelled. */

#define SHORTEST_MS 60000
#define SPREAD_MS 5000

static uint64_t timer_ms(uint64_t i)
{
    return SHORTEST_MS + i % SPREAD_MS;
}

OSR_ENTRY(timers, bench_options)
{
    uint64_t n = argument->n;
    int64_t cancelled = 0;
    uint64_t start = osr_now(self);
    osr_ref *all = osr_alloc(self, n * sizeof(*all));
    if (all == NULL) {
        return OSR_ENOMEM;
    }
    for (uint64_t i = 0; i < n; i++) {
        osr_err err = osr_timer_start(self, timer_ms(i + 1), &all[i]);
        if (err != OSR_OK) {
            return err;
        }
    }
    for (uint64_t i = 0; i < n; i++) {
        uint64_t left_ms;
        if (osr_timer_cancel(self, all[i], &left_ms) && left_ms <= timer_ms(i + 1)) {
            cancelled++;
        }
    }
    uint64_t end = osr_now(self);
    osr_err err = bench_expect(self, "cancelled", cancelled, (int64_t)n);
    if (err == OSR_OK) {
        bench_report(&bench_timers, n, end - start, "");
    }
    return err;
}

const bench_case bench_timers = {"timers", "N", "N timers started, then cancelled",
                                 &timers_osr_entry, NULL};
