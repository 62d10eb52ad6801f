/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/world.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* The world of a benchmark.
 *
 * Everything hangs on one pipe, whose writing end only the benchmark holds: its nodes have the
 * other end as standard input and end when it closes; so does the janitor, a process forked before
 * anything else, which then removes the directory. */

#define PATH_BYTES 256
#define PROGRAM_BYTES 4096
#define NODE_FLAG "--node" /* see bench_node_main() */
#define NODE_MS 30000      /* until all nodes are up */
#define PORTS_FIRST 20000  /* of mappers: below those that systems give away */
#define PORTS 12000

extern char **environ;

static char directory[PATH_BYTES];
static int lifeline[2] = {-1, -1};
static pid_t janitor;

/* ---- the directory ----------------------------------------------------------------------- */

/* Removes a directory whose own ones hold files only. */
static void remove_tree(const char *path, int depth)
{
    DIR *all = opendir(path);
    const struct dirent *one;
    while (all != NULL && (one = readdir(all)) != NULL) {
        char inner[2 * PATH_BYTES + 2];
        if (strcmp(one->d_name, ".") == 0 || strcmp(one->d_name, "..") == 0) {
            continue;
        }
        (void)snprintf(inner, sizeof(inner), "%s/%s", path, one->d_name);
        if (unlink(inner) != 0 && depth > 0) {
            remove_tree(inner, depth - 1);
        }
    }
    if (all != NULL) {
        (void)closedir(all);
    }
    (void)rmdir(path);
}

/* In a session of its own: what ends the benchmark at a terminal does not end it. */
static void run_janitor(void)
{
    char byte;
    (void)setsid();
    (void)close(lifeline[1]);
    (void)close(STDOUT_FILENO); /* a reader waits for nobody but the benchmark */
    while (read(lifeline[0], &byte, 1) < 0 && errno == EINTR) {
    }
    remove_tree(directory, 1);
    _exit(EXIT_SUCCESS);
}

static bool make_directory(void)
{
    char run[PATH_BYTES + 8];
    char home[PATH_BYTES + 8];
    char port[16];
    const char *base = getenv("TMPDIR");
    (void)snprintf(directory, sizeof(directory), "%.200s/osier-bench.XXXXXX",
                   base == NULL || base[0] == '\0' ? "/tmp" : base);
    if (mkdtemp(directory) == NULL) {
        return false;
    }
    (void)snprintf(run, sizeof(run), "%s/run", directory);
    (void)snprintf(home, sizeof(home), "%s/home", directory);
    (void)snprintf(port, sizeof(port), "%d", PORTS_FIRST + (int)(getpid() % PORTS));
    return mkdir(run, 0700) == 0 && mkdir(home, 0700) == 0 &&
           setenv("OSIER_RUNTIME_DIR", run, 1) == 0 && setenv("OSIER_HOME", home, 1) == 0 &&
           setenv("OSIER_EPMD_PORT", port, 1) == 0;
}

bool bench_world_open(void)
{
    if (!make_directory() || pipe2(lifeline, O_CLOEXEC) != 0) {
        (void)fprintf(stderr, "osier-bench: %s: %s\n", directory, strerror(errno));
        return false;
    }
    janitor = fork();
    if (janitor == 0) {
        run_janitor();
    }
    return janitor > 0;
}

void bench_world_close(void)
{
    (void)close(lifeline[1]);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {
    }
}

/* ---- nodes ------------------------------------------------------------------------------- */

bool bench_world_join(osr_node *node, uint32_t port, const char *hub)
{
    char why[512];
    char listen[64];
    (void)snprintf(listen, sizeof(listen), "tcp://127.0.0.1:%u", port);
    osr_err err =
        osr_dist_start(node,
                       OSR_DIST(.listen = port == 0 ? NULL : listen, .joins = &hub,
                                .join_count = hub == NULL ? 0 : 1, .mapper_idle_exit_s = 1),
                       why, sizeof(why));
    if (err != OSR_OK) {
        (void)fprintf(stderr, "osier-bench: %s\n", why);
    }
    return err == OSR_OK;
}

/* By its path, so that tools show its name. */
static void find_program(char ret_path[PROGRAM_BYTES])
{
    ssize_t bytes = readlink("/proc/self/exe", ret_path, PROGRAM_BYTES - 1);
    ret_path[bytes > 0 ? bytes : 0] = '\0';
}

osr_err bench_node_start(const bench_node_options *options, pid_t *ret_os_pid)
{
    char program[PROGRAM_BYTES];
    char port[16];
    char schedulers[16];
    char *arguments[] = {"osier-bench", NODE_FLAG,  (char *)(uintptr_t)options->name,
                         port,          schedulers, NULL};
    posix_spawn_file_actions_t actions;
    find_program(program);
    (void)snprintf(port, sizeof(port), "%u", options->port);
    (void)snprintf(schedulers, sizeof(schedulers), "%u", options->schedulers);
    (void)posix_spawn_file_actions_init(&actions);
    (void)posix_spawn_file_actions_adddup2(&actions, lifeline[0], STDIN_FILENO);
    (void)posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    int failed = posix_spawn(ret_os_pid, program, &actions, NULL, arguments, environ);
    (void)posix_spawn_file_actions_destroy(&actions);
    if (failed != 0) {
        (void)fprintf(stderr, "osier-bench: %s: %s\n", options->name, strerror(failed));
    }
    return failed == 0 ? OSR_OK : OSR_EFAILED;
}

osr_err bench_await_nodes(osr_self *self, uint64_t count)
{
    static const osr_type *const ups[] = {&osr_nodeup_osr_type};
    osr_err err = OSR_OK;
    for (uint64_t i = 0; i < count && err == OSR_OK; i++) {
        osr_message message;
        err = osr_receive_of(self, ups, 1, NODE_MS, &message);
    }
    return err;
}

osr_err bench_peer_start(osr_self *self, pid_t *ret_os_pid)
{
    bench_node_options options = {.name = BENCH_PEER};
    osr_err err = osr_monitor_nodes(self, true, false);
    if (err == OSR_OK) {
        err = bench_node_start(&options, ret_os_pid);
    }
    if (err == OSR_OK) {
        err = bench_await_nodes(self, 1);
    }
    /* from here on a lost connection shows as what it breaks */
    return err == OSR_OK ? osr_monitor_nodes(self, false, false) : err;
}

static uint32_t number_of(const char *text)
{
    return (uint32_t)strtoul(text, NULL, 10);
}

/* NAME PORT SCHEDULERS */
int bench_node_main(char **arguments)
{
    osr_node *node;
    char byte;
    osr_err err =
        osr_node_new(OSR_NODE(.name = arguments[0], .processes_max = 4000000,
                              .schedulers = number_of(arguments[2]), .log_level = OSR_LOG_ERROR),
                     &node);
    if (err == OSR_OK) {
        err = osr_node_start(node);
    }
    if (err != OSR_OK) {
        (void)fprintf(stderr, "osier-bench: %s: %s\n", arguments[0], osr_err_text(err));
        return EXIT_FAILURE;
    }
    if (!bench_world_join(node, number_of(arguments[1]), BENCH_HUB)) {
        return EXIT_FAILURE;
    }
    while (read(STDIN_FILENO, &byte, 1) < 0 && errno == EINTR) {
    }
    _Exit(EXIT_SUCCESS);
}
