/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/bench.h"

/* A tree of processes, ten below each, with numbered leaves whose sum comes back up. */

#define BRANCHES 10

OSR_MESSAGE(skynet_sum, 0x050a, (1, i64, value));
OSR_MESSAGE(skynet_node, 0x050b, (1, pid, up), (2, i64, number), (3, i64, size));

static osr_err spawn_skynet(osr_self *self, const skynet_node *what);

static osr_err sum_branches(osr_self *self, const skynet_node *above, int64_t *ret_sum)
{
    skynet_node below = {.up = osr_self_pid(self), .size = above->size / BRANCHES};
    int64_t sum = 0;
    for (int64_t i = 0; i < BRANCHES; i++) {
        below.number = above->number + i * below.size;
        osr_err err = spawn_skynet(self, &below);
        if (err != OSR_OK) {
            return err;
        }
    }
    for (int i = 0; i < BRANCHES; i++) {
        sum += BENCH_RECEIVE(self, skynet_sum)->value;
    }
    *ret_sum = sum;
    return OSR_OK;
}

OSR_ENTRY(skynet_process, skynet_node)
{
    skynet_sum sum = {.value = argument->number};
    osr_err err = argument->size == 1 ? OSR_OK : sum_branches(self, argument, &sum.value);
    return err == OSR_OK ? skynet_sum_send(self, osr_to(argument->up), &sum) : err;
}

static osr_err spawn_skynet(osr_self *self, const skynet_node *what)
{
    osr_pid pid;
    return skynet_process_spawn(self, what, OSR_SPAWN(.link = true), &pid);
}

OSR_ENTRY(skynet, bench_options)
{
    uint64_t start = osr_now(self);
    int64_t n = (int64_t)argument->n;
    skynet_node root = {.up = osr_self_pid(self), .size = n};
    osr_err err = spawn_skynet(self, &root);
    if (err != OSR_OK) {
        return err;
    }
    int64_t sum = BENCH_RECEIVE(self, skynet_sum)->value;
    uint64_t end = osr_now(self);
    err = bench_expect(self, "sum", sum, n * (n - 1) / 2);
    if (err == OSR_OK) {
        bench_report(&bench_skynet, argument->n, end - start, "");
    }
    return err;
}

static bool accepts(uint64_t n, uint64_t k)
{
    (void)k;
    while (n % BRANCHES == 0) {
        n /= BRANCHES;
    }
    return n == 1;
}

const bench_case bench_skynet = {"skynet", "N", "a tree of spawns with N leaves, a power of ten",
                                 &skynet_osr_entry, accepts};
