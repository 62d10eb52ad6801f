/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "node/demo/cluster.h"

/* Processes of the operating system: start, look, wait. */

#define READY_FD 3
#define WAIT_MS 10 /* between two looks at a child */

uint64_t osri_demo_now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* ---- looking ----------------------------------------------------------------------------- */

/* Field 22 of /proc/PID/stat. The second, the program's name in brackets, may contain anything. */
uint64_t osri_demo_start_time(pid_t pid)
{
    char path[64];
    char line[1024];
    (void)snprintf(path, sizeof(path), "/proc/%ld/stat", (long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t bytes = read(fd, line, sizeof(line) - 1);
    (void)close(fd);
    line[bytes > 0 ? bytes : 0] = '\0';
    const char *at = strrchr(line, ')');
    if (at == NULL || at[1] != ' ' || at[2] == 'Z' || at[2] == 'X') {
        return 0;
    }
    at += 2;
    for (int field = 3; field < 22 && at != NULL; field++) {
        at = strchr(at, ' ');
        at += at != NULL;
    }
    return at == NULL ? 0 : strtoull(at, NULL, 10);
}

bool osri_demo_is_running(const osri_demo_process *process)
{
    if (process->pid <= 0) {
        return false;
    }
    (void)waitpid(process->pid, NULL, WNOHANG);
    return osri_demo_start_time(process->pid) == process->start_time && process->start_time != 0;
}

static bool is_readable(int fd, int timeout_ms)
{
    struct pollfd look = {.fd = fd, .events = POLLIN};
    return poll(&look, 1, timeout_ms) == 1;
}

int osri_demo_wait(const osri_demo_process *child, int stop_fd)
{
    int status = 0;
    for (;;) {
        pid_t ended = waitpid(child->pid, &status, WNOHANG);
        if (ended == child->pid) {
            return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
        }
        if (ended < 0 && errno != EINTR) {
            return EXIT_FAILURE;
        }
        if (is_readable(stop_fd, WAIT_MS)) {
            return -1;
        }
    }
}

/* ---- starting ---------------------------------------------------------------------------- */

/* `wordcount` lies beside this program. */
static bool find_program(char ret_path[PATH_MAX], char *ret_text)
{
    static const char name[] = "/wordcount";
    ssize_t bytes = readlink("/proc/self/exe", ret_path, PATH_MAX - sizeof(name));
    ret_path[bytes > 0 ? bytes : 0] = '\0';
    char *slash = strrchr(ret_path, '/');
    if (slash != NULL) {
        memcpy(slash, name, sizeof(name));
        if (access(ret_path, X_OK) == 0) {
            return true;
        }
    }
    (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES,
                   "there is no program wordcount beside this one; build it: ./run build");
    return false;
}

/* In the child, before the program: nothing but system calls. The pipe tells the parent errno if
 * it fails. */
static void become(const osri_demo_spawn *what, const char *program, char *const *arguments,
                   pid_t parent, int log_fd)
{
    sigset_t none;
    (void)sigemptyset(&none);
    if (what->tied) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent) {
            _exit(EXIT_FAILURE);
        }
    }
    if (log_fd >= 0) { /* a node: no terminal, no signals from one */
        (void)setsid();
        int null = open("/dev/null", O_RDONLY);
        (void)dup2(null, STDIN_FILENO);
        (void)dup2(log_fd, STDOUT_FILENO);
        (void)dup2(log_fd, STDERR_FILENO);
        if (null > STDERR_FILENO) {
            (void)close(null);
        }
    }
    if (what->ready_fd >= 0) {
        (void)dup2(what->ready_fd, READY_FD);
    }
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)execv(program, arguments);
    _exit(127);
}

static int open_log(const char *path, char *ret_text)
{
    if (path == NULL) {
        return -1;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd >= 0 && fd <= READY_FD) { /* out of the way of what the child opens there */
        int moved = fcntl(fd, F_DUPFD_CLOEXEC, READY_FD + 1);
        (void)close(fd);
        fd = moved;
    }
    if (fd < 0) {
        (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES, "%.500s: %s; set OSIER_RUNTIME_DIR", path,
                       strerror(errno));
    }
    return fd;
}

/* The program's path in front of its arguments. *ret_bytes is what osri_heap_free() needs. */
static char **make_arguments(char *program, const char *const *given, size_t *ret_bytes)
{
    size_t count = 0;
    while (given[count] != NULL) {
        count++;
    }
    *ret_bytes = (count + 2) * sizeof(char *);
    char **arguments = osri_heap_zalloc(*ret_bytes);
    for (size_t i = 0; i < count && arguments != NULL; i++) {
        arguments[i + 1] = (char *)(uintptr_t)given[i]; /* execv() does not write to it */
    }
    if (arguments != NULL) {
        arguments[0] = program;
    }
    return arguments;
}

static bool fork_program(const osri_demo_spawn *what, const char *program, char **arguments,
                         osri_demo_process *ret_process, char *ret_text)
{
    int log_fd = open_log(what->log, ret_text);
    if (what->log != NULL && log_fd < 0) {
        return false;
    }
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) {
        become(what, program, arguments, parent, log_fd);
    }
    if (log_fd >= 0) {
        (void)close(log_fd);
    }
    if (pid < 0) {
        (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES, "no process can be started: %s",
                       strerror(errno));
        return false;
    }
    *ret_process = (osri_demo_process){pid, osri_demo_start_time(pid)};
    return true;
}

bool osri_demo_spawn_process(const osri_demo_spawn *what, osri_demo_process *ret_process,
                             char *ret_text)
{
    char program[PATH_MAX];
    size_t bytes;
    if (!find_program(program, ret_text)) {
        return false;
    }
    char **arguments = make_arguments(program, what->arguments, &bytes);
    if (arguments == NULL) {
        (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES, "out of memory");
        return false;
    }
    bool started = fork_program(what, program, arguments, ret_process, ret_text);
    osri_heap_free(arguments, bytes);
    return started;
}
