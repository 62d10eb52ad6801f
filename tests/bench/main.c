/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/world.h"

/* osier-bench CASE N [ARG…]: one benchmark on a node of its own, with a scheduler for each core.
 * Exit status: 0, and the line is on standard output; 1, and standard error says what went wrong;
 * 64 for arguments that make no sense. */

#define EXIT_USAGE 64
#define PROCESSES_MAX 4000000 /* what the peers are given too */
#define LIMIT_S 300           /* of a case with several nodes: whatever happens, it ends */

static const bench_case *const cases[] = {
    &bench_ping_pong,     &bench_ring,   &bench_fan_in,       &bench_spawn_exit,
    &bench_idle_servers,  &bench_call,   &bench_call_backlog, &bench_skynet,
    &bench_big,           &bench_timers, &bench_restart,      &bench_receive_behind,
    &bench_idle_processes};
/* In a world with other nodes. */
static const bench_case *const remote_cases[] = {
    &bench_remote_ping_pong, &bench_remote_ping_pong_busy,
    &bench_remote_stream,    &bench_remote_under_load,
    &bench_remote_call,      &bench_remote_spawn,
    &bench_node_kill,        &bench_many_nodes,
    &bench_idle_node};
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static int usage(const char *why)
{
    fprintf(stderr, "osier-bench: %s\nusage: osier-bench CASE N [ARG…]; osier-bench list\n", why);
    return EXIT_USAGE;
}

static void list_some(const bench_case *const *some, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("%-21s %-15s %s\n", some[i]->name, some[i]->arguments, some[i]->what);
    }
}

static int list_cases(void)
{
    list_some(cases, COUNT(cases));
    list_some(remote_cases, COUNT(remote_cases));
    return EXIT_SUCCESS;
}

static const bench_case *find_among(const bench_case *const *some, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(some[i]->name, name) == 0) {
            return some[i];
        }
    }
    return NULL;
}

static const bench_case *find_case(const char *name, bool *ret_remote)
{
    const bench_case *found = find_among(cases, COUNT(cases), name);
    *ret_remote = found == NULL;
    return found != NULL ? found : find_among(remote_cases, COUNT(remote_cases), name);
}

/* A whole number up to 10^12. */
static bool parse_number(const char *text, uint64_t *ret_number)
{
    uint64_t number = 0;
    for (const char *c = text; *c != '\0'; c++) {
        if (*c < '0' || *c > '9' || number > UINT64_C(100000000000)) {
            return false;
        }
        number = number * 10 + (uint64_t)(*c - '0');
    }
    *ret_number = number;
    return *text != '\0';
}

static int count_words(const char *text)
{
    int words = 1;
    for (const char *c = text; *c != '\0'; c++) {
        words += *c == ' ';
    }
    return words;
}

static bool parse_options(const bench_case *the_case, int count, char **texts,
                          bench_options *ret_options)
{
    bench_options options = {.n = 0, .k = 1, .senders = 1};
    if (count != count_words(the_case->arguments) || !parse_number(texts[0], &options.n) ||
        options.n == 0) {
        return false;
    }
    if (count > 1 && !parse_number(texts[1], &options.k)) {
        return false;
    }
    if (count > 2 && (!parse_number(texts[2], &options.senders) || options.senders == 0 ||
                      options.senders > options.n)) {
        return false;
    }
    *ret_options = options;
    return the_case->accepts == NULL ? options.k != 0 : the_case->accepts(options.n, options.k);
}

static int fail(const bench_case *the_case, const char *why)
{
    fprintf(stderr, "osier-bench: %s: %s\n", the_case->name, why);
    return EXIT_FAILURE;
}

/* Runs it to its end; what it leaves idle stays. */
static osr_err run_on(osr_node *node, const bench_case *the_case, const bench_options *options,
                      osr_ended *ret_ended)
{
    osr_pid pid;
    osr_err err = osr_node_start(node);
    if (err == OSR_OK) {
        err = osr_node_spawn(node, the_case->entry, options, OSR_SPAWN(.label = the_case->name),
                             &pid);
    }
    return err == OSR_OK ? osr_node_wait(node, pid, OSR_FOREVER, ret_ended) : err;
}

static void say_too_long(int number)
{
    static const char text[] = "osier-bench: it takes too long\n";
    (void)number;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(EXIT_FAILURE);
}

static bool open_world(void)
{
    (void)signal(SIGALRM, say_too_long);
    (void)alarm(LIMIT_S);
    return bench_world_open();
}

static int run_case(const bench_case *the_case, bool is_remote, const bench_options *options)
{
    osr_node *node;
    osr_ended ended;
    if (is_remote && !open_world()) {
        return EXIT_FAILURE;
    }
    osr_err err = osr_node_new(
        OSR_NODE(.name = BENCH_HUB, .processes_max = PROCESSES_MAX, .log_level = OSR_LOG_ERROR),
        &node);
    if (err == OSR_OK && is_remote && !bench_world_join(node, 0, NULL)) {
        return EXIT_FAILURE;
    }
    if (err == OSR_OK) {
        err = run_on(node, the_case, options, &ended);
    }
    if (err != OSR_OK) {
        return fail(the_case, osr_err_text(err));
    }
    return ended.code == OSR_REASON_NORMAL ? EXIT_SUCCESS : fail(the_case, ended.text);
}

int main(int argc, char **argv)
{
    char why[160];
    bool is_remote;
    bench_options options;
    if (argc == 2 && strcmp(argv[1], "list") == 0) {
        return list_cases();
    }
    if (argc == 5 && strcmp(argv[1], "--node") == 0) {
        return bench_node_main(argv + 2);
    }
    if (argc < 3) {
        return usage(argc < 2 ? "which case?" : "how many?");
    }
    const bench_case *the_case = find_case(argv[1], &is_remote);
    if (the_case == NULL) {
        return usage("there is no such case");
    }
    if (!parse_options(the_case, argc - 2, argv + 2, &options)) {
        (void)snprintf(why, sizeof(why), "%s takes %s: %s", the_case->name, the_case->arguments,
                       the_case->what);
        return usage(why);
    }
    int status = run_case(the_case, is_remote, &options);
    if (fflush(stdout) != 0) {
        status = fail(the_case, strerror(errno));
    }
    if (is_remote) {
        bench_world_close();
    }
    /* Without taking the node down, as the peers' programs end: the time of the command is then the
     * time that the line claims. */
    _Exit(status);
}
