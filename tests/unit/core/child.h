/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_UNIT_CORE_CHILD_H
#define OSR_TESTS_UNIT_CORE_CHILD_H

/* Runs something that ends its OS process, and looks at how it did. */

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct child_end {
    int signal;         /* that ended it, or 0 */
    char output[16384]; /* its standard error */
} child_end;

static inline void child_read(int fd, child_end *end)
{
    size_t used = 0;
    ssize_t got = 1;

    while (got > 0 && used + 1 < sizeof(end->output)) {
        got = read(fd, end->output + used, sizeof(end->output) - 1 - used);
        used += got > 0 ? (size_t)got : 0;
    }
    end->output[used] = '\0';
}

/* What the test framework and the sanitizers do with faults is switched off: the child has the
 * default actions. */
static inline void child_prepare(int error_fd)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct rlimit no_core = {0, 0};

    for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
        signal(faults[i], SIG_DFL);
    }
    setrlimit(RLIMIT_CORE, &no_core);
    dup2(error_fd, STDERR_FILENO);
    alarm(60);
}

static inline void child_run(void (*run)(void), child_end *ret_end)
{
    int error_pipe[2];
    int status = 0;
    pid_t child;

    ck_assert_int_eq(pipe(error_pipe), 0);
    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        child_prepare(error_pipe[1]);
        run();
        _exit(0);
    }
    close(error_pipe[1]);
    child_read(error_pipe[0], ret_end);
    close(error_pipe[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ret_end->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* True when line is `expected`, in which '*' stands for anything, and a newline. */
static inline int child_matches(const char *line, const char *expected)
{
    while (*expected != '\0' && *expected != '*') {
        if (*line++ != *expected++) {
            return 0;
        }
    }
    if (*expected == '\0') {
        return strcmp(line, "\n") == 0;
    }
    for (; *line != '\0'; line++) {
        if (child_matches(line, expected + 1)) {
            return 1;
        }
    }
    return 0;
}

/* The output is one such line; only a sanitizer's remarks, which begin with "==", may precede
 * it. */
static inline void child_assert_line(const child_end *end, const char *expected)
{
    const char *line = end->output;
    const char *newline = strchr(line, '\n');

    while (newline != NULL && strncmp(line, "==", 2) == 0) {
        line = newline + 1;
        newline = strchr(line, '\n');
    }
    ck_assert_msg(newline != NULL && newline[1] == '\0' && child_matches(line, expected), "got: %s",
                  end->output);
}

#endif
