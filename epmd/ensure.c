/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/client.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "epmd/call.h"
#include "epmd/path.h"

/* Starting a mapper on demand.
 *
 * The program forks itself into the background and reports on a pipe, in one line: "READY …" once
 * it answers, "RUNNING" where another one holds the lock, or "ERROR text". Of many that start one
 * at once, all but one hear RUNNING, and wait for the winner's socket. Nothing of ours leaks into
 * it: it gets /dev/null, the pipe and a fresh signal state, and closes whatever else it inherited.
 */

#define STATUS_FD 3 /* where the program finds the pipe */
#define LINE_BYTES 512
#define PATH_BYTES 4096
#define RETRY_MS 5
#define RUNNING_MS                                                                                 \
    250 /* how long a winner may need from its lock to its socket before we try again */
#define ARGUMENTS_MAX 16

extern char **environ;

static bool is_answering(const osri_epmd_options *options)
{
    osri_epmd_options short_options = *options;
    osri_epmd_status status;

    short_options.deadline_ms = 1000;
    return osri_epmd_status_get(&short_options, &status, NULL, 0) == OSR_OK;
}

/* The program's path, or its bare name, which posix_spawnp looks up in PATH. */
static void find_program(const osri_epmd_options *options, char ret_path[PATH_BYTES])
{
    const char *named = options->program != NULL ? options->program : getenv("OSIER_EPMD_PROGRAM");
    char own[PATH_BYTES];

    if (named != NULL && named[0] != '\0') {
        snprintf(ret_path, PATH_BYTES, "%s", named);
        return;
    }
    ssize_t bytes = readlink("/proc/self/exe", own, sizeof(own) - 16);
    own[bytes > 0 ? bytes : 0] = '\0';
    char *slash = strrchr(own, '/');
    if (slash != NULL) {
        memcpy(slash, "/osier-epmd", sizeof("/osier-epmd"));
        if (access(own, X_OK) == 0) {
            memcpy(ret_path, own, sizeof(own));
            return;
        }
    }
    snprintf(ret_path, PATH_BYTES, "osier-epmd");
}

typedef struct arguments {
    char *list[ARGUMENTS_MAX + 1];
    size_t count;
    char port[8];
    char idle[16];
} arguments;

static void add_argument(arguments *to, const char *text)
{
    to->list[to->count++] = (char *)(uintptr_t)text; /* posix_spawn does not write to it */
}

static void add_option(arguments *to, const char *option, const char *value)
{
    if (value != NULL) {
        add_argument(to, option);
        add_argument(to, value);
    }
}

static void make_arguments(const osri_epmd_options *options, uint16_t port,
                           arguments *ret_arguments)
{
    arguments *made = ret_arguments;

    memset(made, 0, sizeof(*made));
    snprintf(made->port, sizeof(made->port), "%u", (unsigned)port);
    snprintf(made->idle, sizeof(made->idle), "%u", (unsigned)options->idle_exit_s);
    add_argument(made, "osier-epmd");
    add_argument(made, "--daemon");
    add_option(made, "--ready-fd", "3");
    add_option(made, "--port", made->port);
    add_option(made, "--secret", options->secret_path);
    add_option(made, "--listen", options->listen);
    add_option(made, "--idle-exit", options->idle_exit_s != 0 ? made->idle : NULL);
    if (options->identity != NULL) {
        add_option(made, "--cluster", options->identity->certificate.cluster);
    }
}

static int spawn(const char *program, arguments *with, int status_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;

    sigemptyset(&none);
    sigfillset(&all);
    sigdelset(&all, SIGKILL);
    sigdelset(&all, SIGSTOP);
    posix_spawn_file_actions_init(&actions);
    posix_spawnattr_init(&attributes);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, status_fd, STATUS_FD);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    int failed = posix_spawnp(ret_pid, program, &actions, &attributes, with->list, environ);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    return failed;
}

/* One line, without its end, before the deadline; "" where the pipe closed or time ran out. */
static void read_line(int fd, uint64_t deadline_ms, char ret_line[LINE_BYTES])
{
    size_t used = 0;

    for (;;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        uint64_t now = osri_epmd_now_ms();
        int left = now < deadline_ms ? (int)(deadline_ms - now) : 0;
        ssize_t bytes = -1;
        if (poll(&wait, 1, left) == 1) {
            bytes = read(fd, ret_line + used, LINE_BYTES - 1 - used);
            used += bytes > 0 ? (size_t)bytes : 0;
        }
        ret_line[used] = '\0';
        char *end = strchr(ret_line, '\n');
        if (end != NULL) {
            *end = '\0';
            return;
        }
        if (bytes == 0 || left == 0 || used == LINE_BYTES - 1) {
            ret_line[0] = '\0';
            return;
        }
    }
}

/* The process that we started only forks the daemon, and ends at once. */
static void reap(pid_t pid)
{
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* Starts the program and hears what became of it. */
static osr_err start_once(const osri_epmd_options *options, uint16_t port, uint64_t deadline_ms,
                          char *text, size_t text_bytes)
{
    char program[PATH_BYTES], line[LINE_BYTES] = "";
    arguments with;
    int ends[2];
    pid_t pid = 0;

    find_program(options, program);
    make_arguments(options, port, &with);
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return osri_epmd_fail(OSR_ELIMIT, text, text_bytes, "no file descriptors left");
    }
    if (ends[1] <= STATUS_FD) { /* out of the way of what the child opens there */
        int moved = fcntl(ends[1], F_DUPFD_CLOEXEC, STATUS_FD + 1);
        close(ends[1]);
        ends[1] = moved;
    }
    int failed = spawn(program, &with, ends[1], &pid);
    close(ends[1]);
    if (failed == 0) {
        read_line(ends[0], deadline_ms, line);
        reap(pid);
    }
    close(ends[0]);
    if (failed != 0) {
        return osri_epmd_fail(
            failed == ENOENT ? OSR_ENOTFOUND : OSR_EFAILED, text, text_bytes,
            "cannot start the port mapper %s: %s; set OSIER_EPMD_PROGRAM to its path", program,
            strerror(failed));
    }
    if (strncmp(line, "READY", 5) == 0) {
        return OSR_OK;
    }
    if (strcmp(line, "RUNNING") == 0) {
        return OSR_EBUSY;
    }
    return osri_epmd_fail(OSR_EFAILED, text, text_bytes, "the port mapper did not start: %s",
                          strncmp(line, "ERROR ", 6) == 0 ? line + 6 : "it gave no reason");
}

/* Somebody else's is on its way. */
static bool wait_for_other(const osri_epmd_options *options, uint64_t deadline_ms)
{
    uint64_t until_ms = osri_epmd_now_ms() + RUNNING_MS;

    while (osri_epmd_now_ms() < until_ms && osri_epmd_now_ms() < deadline_ms) {
        if (is_answering(options)) {
            return true;
        }
        poll(NULL, 0, RETRY_MS);
    }
    return false;
}

/* One runs, that is: it holds the lock; but it says nothing. */
static osr_err fail_mute(uint16_t port, char *text, size_t text_bytes)
{
    struct ucred peer = {.pid = 0};
    socklen_t bytes = sizeof(peer);
    int fd = -1;

    if (osri_epmd_local_connect(port, &fd, NULL, 0) == OSR_OK) {
        (void)getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
        close(fd);
    }
    if (peer.pid <= 0) {
        return osri_epmd_fail(OSR_ETIMEDOUT, text, text_bytes,
                              "the port mapper did not start in time; try again");
    }
    return osri_epmd_fail(OSR_ETIMEDOUT, text, text_bytes,
                          "the port mapper that runs (process %d) does not answer; end it with "
                          "kill -9 %d and try again",
                          (int)peer.pid, (int)peer.pid);
}

osr_err osri_epmd_ensure(const osri_epmd_options *options, char *ret_text, size_t text_bytes)
{
    uint64_t deadline_ms =
        osri_epmd_now_ms() + (options->deadline_ms != 0 ? options->deadline_ms : 10000);
    uint16_t port = 0;

    osr_err err = osri_epmd_port(options->port, &port, ret_text, text_bytes);
    while (err == OSR_OK && !is_answering(options)) {
        if (osri_epmd_now_ms() >= deadline_ms) {
            return fail_mute(port, ret_text, text_bytes);
        }
        err = start_once(options, port, deadline_ms, ret_text, text_bytes);
        if (err == OSR_EBUSY) {
            err = OSR_OK;
            wait_for_other(options, deadline_ms);
        }
    }
    return err;
}
