/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/sim/coverage.h"
#include "tests/sim/run_seed.h"

/* sim_cluster [SEEDS] [FIRST] [--trace] [--coverage] [--expect-broken PROMISE]: whole clusters on
 * virtual time, one a seed, shared among as many processes as there are cores. Each run is checked;
 * the first seed and every hundredth are run again by another process, elsewhere in memory, and
 * must be the same. SEEDS: $OSIER_SIM_SEEDS, or 200. --coverage: fails where something was not
 * reached by COVERED_FROM seeds or more. --expect-broken: succeeds once a run breaks that promise
 * ("4:"). sim_cluster --one SEED prints the hash of one run. */

#define WORKERS_MAX 64
#define AGAIN_EVERY 100
/* The rarest transition comes about once in a hundred seeds. */
#define COVERED_FROM 1000

/* Shared by all processes of a run. */
typedef struct shared {
    coverage covered[WORKERS_MAX];
    volatile uint64_t seed[WORKERS_MAX]; /* under way */
    volatile uint64_t failed[WORKERS_MAX];
    volatile sig_atomic_t found; /* what was expected */
} shared;

typedef struct order {
    uint64_t seeds, first;
    const char *expected; /* NULL: nothing breaks */
    bool trace, needs_coverage;
    char self[512];
} order;

/* Other blocks at other places than in a run without it. */
static void shake_heap(uint64_t seed)
{
    static void *blocks[4096];

    for (size_t i = 0; i < 4096; i++) {
        blocks[i] = malloc(16 + (size_t)(seed * 7919 + i * 104729) % 3000);
    }
    for (size_t i = 0; i < 4096; i += 1 + i % 3) {
        free(blocks[i]);
        blocks[i] = NULL;
    }
}

static int run_one(uint64_t seed)
{
    seed_result result;

    shake_heap(seed);
    run_seed(seed, false, &result);
    (void)printf("%016" PRIx64 " %016" PRIxPTR "\n", result.hash, result.address);
    return 0;
}

/* Whether another process comes to the same. */
static bool is_repeatable(const order *what, uint64_t seed, const seed_result *once)
{
    char command[sizeof(what->self) + 64];
    uint64_t hash = 0;
    uintptr_t address = 0;
    FILE *pipe;
    bool read;

    (void)snprintf(command, sizeof(command), "exec '%s' --one %" PRIu64, what->self, seed);
    pipe = popen(command, "r"); /* NOLINT(cert-env33-c) */
    read = pipe != NULL && fscanf(pipe, "%" SCNx64 " %" SCNxPTR, &hash, &address) == 2;
    if (pipe == NULL || pclose(pipe) != 0 || !read) {
        (void)printf("seed %" PRIu64 ": could not be run again\n", seed);
        return false;
    }
    if (hash != once->hash) {
        (void)printf("seed %" PRIu64 ": two runs differ: %016" PRIx64 " %016" PRIx64 "\n", seed,
                     once->hash, hash);
    } else if (address == once->address) {
        (void)printf("seed %" PRIu64 ": both runs were at the same place\n", seed);
    }
    return hash == once->hash && address != once->address;
}

/* Returns whether the seed did what it should. */
static bool try_seed(const order *what, uint64_t seed, shared *all)
{
    seed_result result;

    run_seed(seed, what->trace, &result);
    if (result.broken[0] != '\0') {
        (void)printf("seed %" PRIu64 ": %s\n", seed, result.broken);
        if (what->expected != NULL &&
            strncmp(result.broken, what->expected, strlen(what->expected)) == 0) {
            all->found = 1;
        }
        return false;
    }
    if (what->trace) {
        (void)printf("seed %" PRIu64 ": %016" PRIx64 "\n", seed, result.hash);
    }
    return what->expected != NULL || (seed - what->first) % AGAIN_EVERY != 0 ||
           is_repeatable(what, seed, &result);
}

static void work(const order *what, shared *all, uint64_t worker, uint64_t workers)
{
    for (uint64_t i = worker; i < what->seeds && all->found == 0; i += workers) {
        all->seed[worker] = what->first + i;
        if (!try_seed(what, what->first + i, all)) {
            all->failed[worker]++;
        }
        (void)fflush(stdout);
    }
    all->covered[worker] = covered;
}

static uint64_t workers_for(const order *what)
{
    const char *jobs = getenv("JOBS");
    long count = jobs != NULL ? strtol(jobs, NULL, 10) : sysconf(_SC_NPROCESSORS_ONLN);

    count = what->trace || count < 1 ? 1 : count > WORKERS_MAX ? WORKERS_MAX : count;
    return (uint64_t)count < what->seeds ? (uint64_t)count : what->seeds;
}

static void fork_workers(const order *what, shared *all, uint64_t workers)
{
    pid_t pids[WORKERS_MAX];

    for (uint64_t i = 0; i < workers; i++) {
        pids[i] = fork();
        if (pids[i] == 0) {
            work(what, all, i, workers);
            (void)fflush(stdout);
            _exit(0);
        }
    }
    for (uint64_t i = 0; i < workers; i++) {
        int status = 1;
        while (pids[i] > 0 && waitpid(pids[i], &status, 0) < 0 && errno == EINTR) {
        }
        if (status != 0) {
            (void)printf("seed %" PRIu64 ": crashed (status %d)\n", all->seed[i], status);
            all->failed[i]++;
        }
    }
}

static int report(const order *what, const shared *all, uint64_t workers)
{
    coverage sum = {0};
    uint64_t failed = 0;
    bool reached;

    for (uint64_t i = 0; i < workers; i++) {
        failed += all->failed[i];
        coverage_add(&sum, &all->covered[i]);
    }
    if (what->expected != NULL) {
        (void)printf("%s %s\n", what->expected, all->found != 0 ? "was broken" : "held");
        return all->found != 0 ? 0 : 1;
    }
    reached = coverage_print(&sum);
    if (!reached && what->needs_coverage && what->seeds >= COVERED_FROM) {
        failed += failed < what->seeds ? 1 : 0;
        (void)printf("not everything was reached\n");
    }
    failed = failed > what->seeds ? what->seeds : failed;
    (void)printf("%" PRIu64 " passed, %" PRIu64 " failed\n", what->seeds - failed, failed);
    return failed == 0 ? 0 : 1;
}

static int run_all(const order *what)
{
    uint64_t workers = workers_for(what);
    shared *all =
        mmap(NULL, sizeof(*all), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    if (all == MAP_FAILED) {
        perror("mmap");
        return 1;
    }
    (void)printf("seeds %" PRIu64 " to %" PRIu64 "\n", what->first, what->first + what->seeds - 1);
    (void)fflush(stdout);
    if (workers == 1) {
        work(what, all, 0, 1);
    } else {
        fork_workers(what, all, workers);
    }
    return report(what, all, workers);
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: sim_cluster [SEEDS] [FIRST] [--trace] [--coverage] "
                          "[--expect-broken PROMISE]\n       sim_cluster --one SEED\n");
    return 64;
}

int main(int argc, char **argv)
{
    const char *seeds = getenv("OSIER_SIM_SEEDS");
    order what = {.seeds = seeds == NULL ? 200 : strtoull(seeds, NULL, 10), .first = 1};
    ssize_t length = readlink("/proc/self/exe", what.self, sizeof(what.self) - 1);
    uint64_t *numbers[] = {&what.seeds, &what.first};
    int count = 0;

    if (argc == 3 && strcmp(argv[1], "--one") == 0) {
        return run_one(strtoull(argv[2], NULL, 10));
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--trace") == 0) {
            what.trace = true;
        } else if (strcmp(argv[i], "--coverage") == 0) {
            what.needs_coverage = true;
        } else if (strcmp(argv[i], "--expect-broken") == 0 && i + 1 < argc) {
            what.expected = argv[++i];
        } else if (count < 2 && argv[i][0] >= '0' && argv[i][0] <= '9') {
            *numbers[count++] = strtoull(argv[i], NULL, 10);
        } else {
            return usage();
        }
    }
    return length <= 0 || what.seeds == 0 ? usage() : run_all(&what);
}
