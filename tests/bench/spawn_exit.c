/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* Processes that say one thing and end; up to 1,000 at a time. */

#define WINDOW 1000

OSR_MESSAGE(hi, 0x0508, (1, i64, number));
OSR_MESSAGE(hi_order, 0x0509, (1, pid, to), (2, i64, number));

OSR_ENTRY(say_hi, hi_order)
{
    hi message = {.number = argument->number};
    return hi_send(self, osr_to(argument->to), &message);
}

/* Spawns count of them and hears of each; returns the sum of what they say. */
static int64_t spawn_window(osr_self *self, int64_t count)
{
    int64_t sum = 0;
    hi_order order = {.to = osr_self_pid(self)};
    for (order.number = 1; order.number <= count; order.number++) {
        osr_pid pid;
        OSR_CHECK(self, say_hi_spawn(self, &order, NULL, &pid) == OSR_OK);
    }
    for (int64_t i = 0; i < count; i++) {
        sum += BENCH_RECEIVE(self, hi)->number;
    }
    return sum;
}

OSR_ENTRY(spawn_exit, bench_options)
{
    uint64_t start = osr_now(self);
    int64_t left = (int64_t)argument->n;
    while (left > 0) {
        int64_t count = left < WINDOW ? left : WINDOW;
        osr_err err = bench_expect(self, "sum", spawn_window(self, count), count * (count + 1) / 2);
        if (err != OSR_OK) {
            return err;
        }
        left -= count;
    }
    bench_report(&bench_spawn_exit, argument->n, osr_now(self) - start, "");
    return OSR_OK;
}

const bench_case bench_spawn_exit = {"spawn_exit", "N",
                                     "N processes that send one message and end, 1,000 at a time",
                                     &spawn_exit_osr_entry, NULL};
