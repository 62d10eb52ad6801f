/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/demo/demo.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "node/demo/cluster.h"
#include "osier/main.h"

/* The command. `up` leaves the cluster running; `run` starts one that ends with it, unless there
 * is one already. */

#define GRACE_MS 5000
#define RUN_GRACE_MS 2000 /* after Ctrl-C all is gone within 5 s */
#define ANSWER_MS 3000

static const char usage_text[] =
    "usage: osier demo up        start a coordinator and three workers, and leave them running\n"
    "       osier demo status    say which run and which answer; succeeds if all do\n"
    "       osier demo down      end them\n"
    "       osier demo run [--out DIRECTORY] [--] [FILE|DIRECTORY]...\n"
    "                            count words on them while one of the workers is killed\n";

static int complain(const char *text)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "osier demo: %s\n", text);
    return OSR_STATUS_FAILED;
}

/* From here on SIGINT, SIGTERM and SIGHUP make a descriptor readable and do nothing else. */
static int open_stop_fd(void)
{
    sigset_t stops;
    (void)sigemptyset(&stops);
    (void)sigaddset(&stops, SIGINT);
    (void)sigaddset(&stops, SIGTERM);
    (void)sigaddset(&stops, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &stops, NULL);
    return signalfd(-1, &stops, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int number_of_stop(int stop_fd)
{
    struct signalfd_siginfo info;
    return read(stop_fd, &info, sizeof(info)) == (ssize_t)sizeof(info) ? (int)info.ssi_signo
                                                                       : SIGINT;
}

static void print_members(const osri_demo_cluster *cluster)
{
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        (void)printf("%s%s (OS process %ld)", i == 0 ? "" : ", ", osri_demo_name(i),
                     (long)cluster->members[i].pid);
    }
    (void)printf("\n");
    (void)fflush(stdout);
}

/* ---- up, down, status -------------------------------------------------------------------- */

static int start(osri_demo_cluster *cluster)
{
    char text[OSRI_DEMO_TEXT_BYTES];
    uint64_t began_ms = osri_demo_now_ms();
    if (!osri_demo_start(cluster, text)) {
        return complain(text);
    }
    (void)printf("cluster up in %.2f s: ", (double)(osri_demo_now_ms() - began_ms) / 1e3);
    print_members(cluster);
    return OSR_STATUS_OK;
}

static int demo_up(osri_demo_cluster *cluster)
{
    if (osri_demo_running(cluster) == OSRI_DEMO_MEMBERS) {
        (void)printf("cluster is up already: ");
        print_members(cluster);
        return OSR_STATUS_OK;
    }
    cluster->stop_fd = open_stop_fd();
    int status = start(cluster);
    if (status == OSR_STATUS_OK) {
        (void)printf("look around: osier shell coordinator@localhost; end it: osier demo down\n");
    }
    return status;
}

static int demo_down(osri_demo_cluster *cluster)
{
    size_t running = osri_demo_running(cluster);
    osri_demo_stop(cluster, GRACE_MS);
    (void)printf("%zu nodes ended\n", running);
    return OSR_STATUS_OK;
}

static int demo_status(osri_demo_cluster *cluster)
{
    char text[OSRI_DEMO_TEXT_BYTES];
    bool answers[OSRI_DEMO_MEMBERS] = {false};
    if (osri_demo_running(cluster) == 0) {
        return complain("the cluster is not up; start it: osier demo up");
    }
    if (!osri_demo_ask(answers, ANSWER_MS, text)) {
        return complain(text);
    }
    int status = OSR_STATUS_OK;
    (void)printf("%10s  %-24s\n", "OS process", "node");
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        bool runs = osri_demo_is_running(&cluster->members[i]);
        const char *state = !runs ? "ended" : answers[i] ? "answers" : "does not answer";
        (void)printf("%10ld  %-24s %s\n", (long)cluster->members[i].pid, osri_demo_name(i), state);
        status = runs && answers[i] ? status : OSR_STATUS_FAILED;
    }
    return status;
}

/* ---- run --------------------------------------------------------------------------------- */

/* Runs `wordcount` with these arguments and our terminal: its exit status, or -1 when we are
 * told to stop. */
static int run_client(osri_demo_cluster *cluster, const char *const *arguments)
{
    char text[OSRI_DEMO_TEXT_BYTES];
    osri_demo_process child;
    const osri_demo_spawn what = {.arguments = arguments, .ready_fd = -1, .tied = true};
    if (!osri_demo_spawn_process(&what, &child, text)) {
        return complain(text);
    }
    int status = osri_demo_wait(&child, cluster->stop_fd);
    if (status < 0) {
        (void)kill(child.pid, SIGKILL);
        (void)osri_demo_wait(&child, -1);
    }
    return status;
}

/* COMMAND… -- PATH… */
static int run_on_paths(osri_demo_cluster *cluster, const char *const *command, size_t count,
                        int path_count, char **paths)
{
    size_t bytes = (count + (size_t)path_count + 2) * sizeof(const char *);
    const char **arguments = osri_heap_zalloc(bytes);
    if (arguments == NULL) {
        return complain("out of memory");
    }
    memcpy(arguments, command, count * sizeof(*command));
    arguments[count] = "--";
    for (int i = 0; i < path_count; i++) {
        arguments[count + 1 + (size_t)i] = paths[i];
    }
    int status = run_client(cluster, arguments);
    osri_heap_free(arguments, bytes);
    return status;
}

static bool is_stopped(int stop_fd)
{
    struct pollfd look = {.fd = stop_fd, .events = POLLIN};
    return poll(&look, 1, 0) == 1;
}

static int stopped(int status, int stop_fd)
{
    if (status >= 0 && !is_stopped(stop_fd)) {
        return status;
    }
    int number = number_of_stop(stop_fd);
    (void)fflush(stdout);
    (void)fprintf(stderr, "\nosier demo: stopped by %s; the result is not complete\n",
                  strsignal(number));
    return 128 + number;
}

static int run_counting(osri_demo_cluster *cluster, const char *directory, int path_count,
                        char **paths)
{
    const char *const command[] = {"run",   "--kill", "--coordinator", osri_demo_name(0),
                                   "--out", directory};
    size_t running = osri_demo_running(cluster);
    cluster->tied = running == 0;
    if (running < OSRI_DEMO_MEMBERS) {
        int status = start(cluster);
        if (status != OSR_STATUS_OK) {
            return is_stopped(cluster->stop_fd) ? stopped(-1, cluster->stop_fd) : status;
        }
    }
    int status =
        run_on_paths(cluster, command, sizeof(command) / sizeof(command[0]), path_count, paths);
    status = stopped(status, cluster->stop_fd);
    if (cluster->tied) {
        uint64_t began_ms = osri_demo_now_ms();
        osri_demo_stop(cluster, RUN_GRACE_MS);
        (void)printf("cluster down in %.2f s\n", (double)(osri_demo_now_ms() - began_ms) / 1e3);
    }
    return status;
}

static int demo_run(osri_demo_cluster *cluster, int argc, char **argv)
{
    const char *const check[] = {"check"};
    const char *directory = "build/demo";
    int first = 0;
    if (argc >= 2 && strcmp(argv[0], "--out") == 0) {
        directory = argv[1];
        first = 2;
    }
    if (first < argc && strcmp(argv[first], "--") == 0) {
        first++;
    } else if (first < argc && argv[first][0] == '-') {
        (void)fprintf(stderr, "osier demo: %s: no such flag\n%s", argv[first], usage_text);
        return OSR_STATUS_USAGE;
    }
    cluster->stop_fd = open_stop_fd();
    int status = run_on_paths(cluster, check, 1, argc - first, argv + first);
    status = stopped(status, cluster->stop_fd);
    return status != OSR_STATUS_OK ? status
                                   : run_counting(cluster, directory, argc - first, argv + first);
}

int osri_command_demo(int argc, char **argv)
{
    osri_demo_cluster cluster = {.stop_fd = -1};
    char text[OSRI_DEMO_TEXT_BYTES];
    const char *what = argc > 1 ? argv[1] : "";
    bool is_run = strcmp(what, "run") == 0;
    if (strcmp(what, "help") == 0 || strcmp(what, "--help") == 0) {
        (void)fputs(usage_text, stdout);
        return OSR_STATUS_OK;
    }
    if (!is_run && (argc != 2 || (strcmp(what, "up") != 0 && strcmp(what, "down") != 0 &&
                                  strcmp(what, "status") != 0))) {
        (void)fputs(usage_text, stderr);
        return OSR_STATUS_USAGE;
    }
    if (!osri_demo_load(&cluster, text)) {
        return complain(text);
    }
    if (is_run) {
        return demo_run(&cluster, argc - 2, argv + 2);
    }
    return what[0] == 'u'   ? demo_up(&cluster)
           : what[0] == 'd' ? demo_down(&cluster)
                            : demo_status(&cluster);
}
