/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <signal.h>

#include "tests/bench/remote.h"

/* N monitors on processes of another node, whose OS process is then killed. */

#define CHUNK 1000

OSR_MESSAGE(sleepers_are, 0x0559, (1, list(pid), pids));
OSR_MESSAGE(sleepers_seen, 0x055a);

OSR_ENTRY(remote_sleeper, remote_order)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

static osr_err start_chunk(osr_self *self, const remote_order *order, uint32_t count)
{
    osr_pid pids[CHUNK];
    sleepers_are told = {.pids = {pids, count}};
    osr_err err = OSR_OK;
    for (uint32_t i = 0; i < count && err == OSR_OK; i++) {
        err = remote_sleeper_spawn(self, order, NULL, &pids[i]);
    }
    if (err == OSR_OK) {
        (void)sleepers_are_send(self, osr_to(order->owner), &told);
    }
    return err;
}

/* Starts them there, tells who they are, and answers when it hears of them once more. */
OSR_ENTRY(remote_sleepers, remote_order)
{
    osr_message message;
    sleepers_seen seen = {0};
    osr_err err = OSR_OK;
    for (uint64_t left = argument->n; left > 0 && err == OSR_OK;) {
        uint32_t count = left < CHUNK ? (uint32_t)left : CHUNK;
        err = start_chunk(self, argument, count);
        left -= count;
    }
    if (err == OSR_OK) {
        err = osr_receive(self, OSR_FOREVER, &message);
    }
    (void)sleepers_seen_send(self, osr_to(argument->owner), &seen);
    return err;
}
OSR_EXPORT(remote_sleepers);

static osr_err monitor_all(osr_self *self, uint64_t n)
{
    osr_err err = OSR_OK;
    for (uint64_t made = 0; made < n && err == OSR_OK;) {
        const sleepers_are *told = BENCH_RECEIVE(self, sleepers_are);
        for (uint32_t i = 0; i < told->pids.count && err == OSR_OK; i++) {
            osr_ref monitor;
            err = osr_monitor(self, osr_to(told->pids.at[i]), &monitor);
        }
        made += told->pids.count;
    }
    return err;
}

static osr_err await_downs(osr_self *self, uint64_t n)
{
    osr_err err = OSR_OK;
    for (uint64_t i = 0; i < n && err == OSR_OK; i++) {
        const osr_down *down = BENCH_RECEIVE(self, osr_down);
        err = bench_expect(self, "reason", down->reason.code, OSR_REASON_NOCONNECTION);
    }
    return err;
}

OSR_ENTRY(node_kill, bench_options)
{
    pid_t os_pid;
    osr_pid sleepers;
    sleepers_seen seen = {0};
    remote_order order = {.owner = osr_self_pid(self), .n = argument->n};
    osr_err err = bench_peer_start(self, &os_pid);
    if (err == OSR_OK) {
        err = remote_sleepers_spawn(self, &order, OSR_SPAWN(.node = BENCH_PEER), &sleepers);
    }
    if (err == OSR_OK) {
        err = monitor_all(self, argument->n);
    }
    if (err == OSR_OK) { /* the monitors went the same way, before it */
        (void)sleepers_seen_send(self, osr_to(sleepers), &seen);
        (void)BENCH_RECEIVE(self, sleepers_seen);
    }
    uint64_t start = osr_now(self);
    if (err == OSR_OK) {
        err = kill(os_pid, SIGKILL) == 0 ? await_downs(self, argument->n) : OSR_EFAILED;
    }
    if (err == OSR_OK) {
        bench_report(&bench_node_kill, argument->n, osr_now(self) - start, "");
    }
    return err;
}

const bench_case bench_node_kill = {"node_kill", "N", "N monitors on another node, which is killed",
                                    &node_kill_osr_entry, NULL};
