/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* Two processes, one small message each way. */

OSR_MESSAGE(ping, 0x0501, (1, pid, from), (2, i64, number));
OSR_MESSAGE(pong, 0x0502, (1, i64, number));

OSR_ENTRY(answer_pings, bench_options)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        const ping *got = OSR_AS(ping, &message);
        OSR_CHECK(self, got != NULL);
        pong answer = {.number = got->number};
        (void)pong_send(self, osr_to(got->from), &answer);
    }
}

OSR_ENTRY(ping_pong, bench_options)
{
    uint64_t start = osr_now(self);
    osr_pid peer;
    osr_err err = answer_pings_spawn(self, argument, OSR_SPAWN(.link = true), &peer);
    ping request = {.from = osr_self_pid(self)};
    for (int64_t i = (int64_t)argument->n; i > 0 && err == OSR_OK; i--) {
        request.number = i;
        (void)ping_send(self, osr_to(peer), &request);
        err = bench_expect(self, "answer", BENCH_RECEIVE(self, pong)->number, i);
    }
    if (err == OSR_OK) {
        bench_report(&bench_ping_pong, argument->n, osr_now(self) - start, "");
    }
    return err;
}

const bench_case bench_ping_pong = {"ping_pong", "N", "two processes, N round trips",
                                    &ping_pong_osr_entry, NULL};
