/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* Receive by type while B messages of another type wait: each round sends itself one and takes
 * it. */

OSR_MESSAGE(wanted, 0x0510, (1, i64, number));
OSR_MESSAGE(unwanted, 0x0511, (1, i64, number));

static osr_err receive_rounds(osr_self *self, int64_t rounds)
{
    static const osr_type *const types[] = {&wanted_osr_type};
    osr_err err = OSR_OK;
    for (wanted one = {.number = rounds}; one.number > 0 && err == OSR_OK; one.number--) {
        osr_message message;
        (void)wanted_send(self, osr_to(osr_self_pid(self)), &one);
        err = osr_receive_of(self, types, 1, OSR_FOREVER, &message);
        if (err == OSR_OK) {
            err = bench_expect(self, "number", OSR_AS(wanted, &message)->number, one.number);
        }
    }
    return err;
}

/* What waited is all there, in order. */
static osr_err drain(osr_self *self, int64_t count)
{
    osr_err err = OSR_OK;
    for (int64_t i = 1; i <= count && err == OSR_OK; i++) {
        err = bench_expect(self, "waiting", BENCH_RECEIVE(self, unwanted)->number, i);
    }
    return err;
}

OSR_ENTRY(receive_behind, bench_options)
{
    int64_t waiting = (int64_t)argument->k;
    for (unwanted one = {.number = 1}; one.number <= waiting; one.number++) {
        (void)unwanted_send(self, osr_to(osr_self_pid(self)), &one);
    }
    uint64_t start = osr_now(self);
    osr_err err = receive_rounds(self, (int64_t)argument->n);
    uint64_t end = osr_now(self);
    if (err == OSR_OK) {
        err = drain(self, waiting);
    }
    if (err == OSR_OK) {
        bench_report(&bench_receive_behind, argument->n, end - start, "");
    }
    return err;
}

static bool accepts(uint64_t n, uint64_t k)
{
    return n > 0 && k <= 100000000;
}

const bench_case bench_receive_behind = {"receive_behind", "N B",
                                         "N receives by type while B messages of another wait",
                                         &receive_behind_osr_entry, accepts};
