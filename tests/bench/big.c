/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* All to all: each of K processes sends M messages, the s-th to process (its number + 7919 s) mod
 * K, and so gets M. */

#define STRIDE 7919

OSR_MESSAGE(big_go, 0x050c, (1, list(pid), all), (2, i64, count));
OSR_MESSAGE(big_message, 0x050d, (1, pid, from));
OSR_MESSAGE(big_done, 0x050e, (1, i64, received));
OSR_MESSAGE(big_member, 0x050f, (1, pid, owner), (2, u64, number));

static void send_round(osr_self *self, uint64_t number, const big_go *go)
{
    big_message message = {.from = osr_self_pid(self)};
    for (uint64_t s = (uint64_t)go->count; s > 0; s--) {
        osr_pid to = go->all.at[(number + STRIDE * s) % go->all.count];
        (void)big_message_send(self, osr_to(to), &message);
    }
}

/* The others' messages may come before ours to start, as in the peers' programs. */
OSR_ENTRY(big_process, big_member)
{
    static const osr_type *const first[] = {&big_go_osr_type};
    osr_message message;
    osr_err err = osr_receive_of(self, first, 1, OSR_FOREVER, &message);
    if (err != OSR_OK) {
        return err;
    }
    const big_go *go = OSR_AS(big_go, &message);
    big_done done = {.received = go->count};
    send_round(self, argument->number, go);
    for (int64_t i = done.received; i > 0; i--) {
        OSR_CHECK(self, !osr_pid_is_none(BENCH_RECEIVE(self, big_message)->from));
    }
    return big_done_send(self, osr_to(argument->owner), &done);
}

static osr_err start_all(osr_self *self, osr_pid *all, const bench_options *options)
{
    big_member member = {.owner = osr_self_pid(self)};
    osr_err err = OSR_OK;
    for (; member.number < options->k && err == OSR_OK; member.number++) {
        err = big_process_spawn(self, &member, OSR_SPAWN(.link = true), &all[member.number]);
    }
    big_go go = {.all = {all, (uint32_t)options->k}, .count = (int64_t)options->n};
    for (uint64_t i = 0; i < options->k && err == OSR_OK; i++) {
        err = big_go_send(self, osr_to(all[i]), &go);
    }
    return err;
}

/* n: the messages of each. */
OSR_ENTRY(big, bench_options)
{
    bench_options counts = {.n = argument->k, .k = argument->n};
    int64_t received = 0;
    uint64_t total = counts.n * counts.k;
    uint64_t start = osr_now(self);
    osr_pid *all = osr_alloc(self, counts.k * sizeof(*all));
    osr_err err = all == NULL ? OSR_ENOMEM : start_all(self, all, &counts);
    if (err != OSR_OK) {
        return err;
    }
    for (uint64_t i = 0; i < counts.k; i++) {
        received += BENCH_RECEIVE(self, big_done)->received;
    }
    uint64_t end = osr_now(self);
    err = bench_expect(self, "received", received, (int64_t)total);
    if (err == OSR_OK) {
        bench_report(&bench_big, total, end - start, "");
    }
    return err;
}

static bool accepts(uint64_t n, uint64_t k)
{
    return n <= 1000000 && k > 0 && k <= 1000000000;
}

const bench_case bench_big = {"big", "K M", "all to all: K processes, each sends M and gets M",
                              &big_osr_entry, accepts};
