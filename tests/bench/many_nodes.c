/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/bench/remote.h"

/* N nodes, each an OS process with one scheduler thread, around this one: how long until the last
 * is up, what that takes of memory, and what it costs of processor time that they are there. */

#define PORT_FIRST 10000 /* each leaf has its own: none looks for a free one */
#define NODES_MAX 10000

/* The fields of /proc/PID/stat behind the program's name, which may contain anything. False: there
 * is no such process. */
static bool read_stat(pid_t pid, char *ret_line, size_t bytes)
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    FILE *file = fopen(path, "r");
    size_t got = file == NULL ? 0 : fread(ret_line, 1, bytes - 1, file);
    ret_line[got] = '\0';
    if (file != NULL) {
        (void)fclose(file);
    }
    return got > 0 && strrchr(ret_line, ')') != NULL;
}

/* Processor time of an OS process, in ms. */
static uint64_t used_ms(pid_t pid)
{
    char line[1024];
    unsigned long long user = 0;
    unsigned long long system = 0;
    if (read_stat(pid, line, sizeof(line)) &&
        sscanf(strrchr(line, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %llu %llu",
               &user, &system) != 2) {
        return 0;
    }
    return (user + system) * 1000 / (unsigned long long)sysconf(_SC_CLK_TCK);
}

/* What is its own of the memory of an OS process, in bytes: pages that only it has, and its share
 * of those that several have. 0: the system does not say. */
static uint64_t held_bytes(pid_t pid)
{
    char path[64];
    char line[256];
    unsigned long long kib = 0;
    (void)snprintf(path, sizeof(path), "/proc/%ld/smaps_rollup", (long)pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Pss: %llu kB", &kib) == 1) {
            break;
        }
    }
    if (file != NULL) {
        (void)fclose(file);
    }
    return kib * 1024;
}

static osr_err start_leaves(osr_self *self, pid_t *all, uint64_t n)
{
    osr_err err = OSR_OK;
    for (uint64_t i = 0; i < n && err == OSR_OK; i++) {
        char name[64];
        bench_node_options options = {
            .name = name, .port = (uint32_t)(PORT_FIRST + i), .schedulers = 1};
        (void)snprintf(name, sizeof(name), "leaf%llu@localhost", (unsigned long long)i);
        err = bench_node_start(&options, &all[i]);
        if (err == OSR_OK) {
            err = osr_yield(self);
        }
    }
    return err;
}

static uint64_t all_used_ms(const pid_t *all, uint64_t n)
{
    uint64_t sum = used_ms(getpid());
    for (uint64_t i = 0; i < n; i++) {
        sum += used_ms(all[i]);
    }
    return sum;
}

static double largest_mib(const pid_t *all, uint64_t n)
{
    uint64_t largest = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t held = held_bytes(all[i]);
        largest = held > largest ? held : largest;
    }
    return (double)largest / (1024.0 * 1024.0);
}

/* In percent of one core. */
static osr_err measure_idle(osr_self *self, const pid_t *all, uint64_t n, uint32_t ms,
                            double *ret_percent)
{
    uint64_t used = all_used_ms(all, n);
    uint64_t start = osr_now(self);
    osr_err err = osr_sleep(self, ms);
    uint64_t passed = osr_now(self) - start;
    used = all_used_ms(all, n) - used;
    *ret_percent = (double)used * 1e8 / (double)passed;
    return err;
}

OSR_ENTRY(many_nodes, bench_options)
{
    char more[160];
    uint64_t n = argument->n;
    double percent = 0.0;
    pid_t *all = osr_alloc(self, n * sizeof(*all));
    osr_err err = all == NULL ? OSR_ENOMEM : osr_monitor_nodes(self, true, false);
    int64_t before = bench_resident_bytes();
    uint64_t start = osr_now(self);
    if (err == OSR_OK) {
        err = start_leaves(self, all, n);
    }
    if (err == OSR_OK) {
        err = bench_await_nodes(self, n);
    }
    uint64_t passed = osr_now(self) - start;
    double grown = (double)(bench_resident_bytes() - before) / (1024.0 * 1024.0);
    if (err == OSR_OK) {
        err = osr_sleep(self, 300); /* what was under way comes to rest */
    }
    if (err == OSR_OK) {
        err = measure_idle(self, all, n, (uint32_t)argument->k, &percent);
    }
    if (err == OSR_OK) {
        (void)snprintf(more, sizeof(more), " hub_mib=%.1f leaf_mib=%.1f idle_percent=%.1f", grown,
                       largest_mib(all, n), percent);
        bench_report(&bench_many_nodes, n, passed, more);
    }
    return err;
}

static bool accepts(uint64_t n, uint64_t k)
{
    return n > 0 && n <= NODES_MAX && k > 0 && k <= 60000;
}

const bench_case bench_many_nodes = {"many_nodes", "N MS",
                                     "N OS processes join this node, then rest for MS",
                                     &many_nodes_osr_entry, accepts};
