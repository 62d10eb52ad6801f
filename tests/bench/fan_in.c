/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* K senders and one receiver, as fast as they can. */

OSR_MESSAGE(fan_in_message, 0x0506, (1, i64, number));
OSR_MESSAGE(fan_in_sender, 0x0507, (1, pid, to), (2, i64, count));

OSR_ENTRY(send_all, fan_in_sender)
{
    for (int64_t i = argument->count; i > 0; i--) {
        fan_in_message message = {.number = i};
        osr_err err = fan_in_message_send(self, osr_to(argument->to), &message);
        if (err != OSR_OK) {
            return err;
        }
    }
    return OSR_OK;
}

OSR_ENTRY(fan_in, bench_options)
{
    int64_t senders = (int64_t)argument->k;
    fan_in_sender order = {.to = osr_self_pid(self), .count = (int64_t)argument->n / senders};
    int64_t total = order.count * senders;
    int64_t sum = 0;
    uint64_t start = osr_now(self);
    for (int64_t i = 0; i < senders; i++) {
        osr_pid sender;
        osr_err err = send_all_spawn(self, &order, OSR_SPAWN(.link = true), &sender);
        if (err != OSR_OK) {
            return err;
        }
    }
    for (int64_t i = 0; i < total; i++) {
        sum += BENCH_RECEIVE(self, fan_in_message)->number;
    }
    uint64_t end = osr_now(self);
    osr_err err = bench_expect(self, "sum", sum, order.count * (order.count + 1) / 2 * senders);
    if (err == OSR_OK) {
        bench_report(&bench_fan_in, (uint64_t)total, end - start, "");
    }
    return err;
}

static bool accepts(uint64_t n, uint64_t k)
{
    return k > 0 && n >= k;
}

const bench_case bench_fan_in = {"fan_in", "N K", "K senders, one receiver, N messages in all",
                                 &fan_in_osr_entry, accepts};
