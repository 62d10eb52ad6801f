/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"
#include "tests/bench/echo.h"

/* One client calls one server; the client's own mailbox is empty, or holds messages that it does
 * not want now. */

OSR_MESSAGE(noise, 0x0522, (1, i64, number));

static osr_err call_rounds(osr_self *self, int64_t rounds)
{
    osr_pid server;
    osr_err err = echo_server_start(self, NULL, OSR_SPAWN(.link = true), &server);
    for (echo request = {.value = rounds}; request.value > 0 && err == OSR_OK; request.value--) {
        echo_reply reply;
        err = echo_call(self, osr_to(server), &request, &reply, ECHO_MS);
        if (err == OSR_OK) {
            err = bench_expect(self, "reply", reply.value, request.value);
        }
    }
    return err;
}

OSR_ENTRY(call, bench_options)
{
    uint64_t start = osr_now(self);
    osr_err err = call_rounds(self, (int64_t)argument->n);
    if (err == OSR_OK) {
        bench_report(&bench_call, argument->n, osr_now(self) - start, "");
    }
    return err;
}

OSR_ENTRY(call_backlog, bench_options)
{
    int64_t waiting = (int64_t)argument->k;
    for (noise one = {.number = 1}; one.number <= waiting; one.number++) {
        (void)noise_send(self, osr_to(osr_self_pid(self)), &one);
    }
    uint64_t start = osr_now(self);
    osr_err err = call_rounds(self, (int64_t)argument->n);
    uint64_t end = osr_now(self);
    for (int64_t i = 1; i <= waiting && err == OSR_OK; i++) {
        err = bench_expect(self, "noise", BENCH_RECEIVE(self, noise)->number, i);
    }
    if (err == OSR_OK) {
        bench_report(&bench_call_backlog, argument->n, end - start, "");
    }
    return err;
}

const bench_case bench_call = {"call", "N", "N calls, one client, one server", &call_osr_entry,
                               NULL};
const bench_case bench_call_backlog = {"call_backlog", "N B",
                                       "N calls while B messages wait in the client's mailbox",
                                       &call_backlog_osr_entry, NULL};
