/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "node/osier/arguments.h"
#include "node/osier/commands.h"
#include "node/osier/editor.h"
#include "node/osier/show.h"
#include "node/osier/target.h"
#include "node/shell/protocol.h"

/* osier shell: lines to a node, answers from it. The node never knows of the terminal.
 *
 * One pipe tells the main thread what happens beside the typing: 'D' an answer is there, 'L' the
 * connection is lost, 'I' Ctrl-C, 'T' and 'H' SIGTERM and SIGHUP. Signals are taken by the main
 * thread alone. */

#define TEXT_BYTES 256
#define ANSWER_MS 20000
#define STOP_MS 1000
#define CONNECTION_MS 10000

static const char usage[] =
    "usage: osier shell [FLAG]... NODE\n"
    "A shell in a node: ps, info, call and others; help lists them. NODE is NAME or NAME@HOST.\n"
    "quit, exit or the end of input leaves it; the node is not touched.\n" OSRI_ARGUMENTS_HELP;

typedef enum event { EVENT_NONE, EVENT_DONE, EVENT_LOST, EVENT_INTERRUPT, EVENT_END } event;

typedef struct shell {
    osr_node *node;
    osri_editor *editor;
    char target[OSRI_NAME_BYTES];
    char prompt[OSRI_NAME_BYTES + 4];
    int events; /* the pipe's end to read */
    int signal; /* that ends it; 0: none */
    bool lost;
    int status; /* of the last command */
} shell;

static int event_fd = -1; /* the pipe's end to write: for the signal handler */

static void on_signal(int number)
{
    int saved = errno;
    char what = number == SIGINT ? 'I' : number == SIGTERM ? 'T' : 'H';
    ssize_t written = write(event_fd, &what, 1);
    (void)written;
    errno = saved;
}

static void set_signals(void (*handler)(int))
{
    struct sigaction action = {.sa_handler = handler};
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGHUP, &action, NULL);
}

static event event_of(shell *s, char what)
{
    switch (what) {
    case 'D':
        return EVENT_DONE;
    case 'L':
        s->lost = true;
        return EVENT_LOST;
    case 'I':
        s->signal = osri_editor_is_terminal(s->editor) ? 0 : SIGINT;
        return s->signal == 0 ? EVENT_INTERRUPT : EVENT_END;
    default:
        s->signal = what == 'T' ? SIGTERM : SIGHUP;
        return EVENT_END;
    }
}

/* The next event; EVENT_NONE: none within timeout_ms. */
static event next_event(shell *s, int timeout_ms)
{
    struct pollfd fd = {.fd = s->events, .events = POLLIN};
    char what;
    int ready;
    do {
        ready = poll(&fd, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    return ready == 1 && read(s->events, &what, 1) == 1 ? event_of(s, what) : EVENT_NONE;
}

/* ---- a line ---------------------------------------------------------------------------- */

static void say(const shell *s, const char *text)
{
    if (osri_editor_is_terminal(s->editor)) {
        (void)puts(text);
        (void)fflush(stdout);
    }
}

/* Waits for the answer; false: it does not come, and s says why. */
static bool await_answer(shell *s, const osri_ask *ask)
{
    while (!osri_ask_is_done(ask)) {
        event e = next_event(s, -1);
        if (e == EVENT_INTERRUPT) {
            say(s, "\nnot waited for any more; the node may still be at it");
            return false;
        }
        if (e == EVENT_END) {
            return false;
        }
    }
    return true;
}

static void run_line(shell *s, const char *line)
{
    osri_ask *ask = NULL;
    osri_ask_result result = {
        .err = osri_ask_start(s->node, s->target, line, ANSWER_MS, event_fd, &ask)};
    if (result.err == OSR_OK && !await_answer(s, ask)) {
        osri_ask_free(&ask);
        s->status = OSR_STATUS_FAILED;
        return;
    }
    if (result.err == OSR_OK) {
        osri_ask_wait(ask, &result);
    }
    s->lost = s->lost || result.err == OSR_ENOCONNECTION;
    if (result.err != OSR_ENOCONNECTION) {
        s->status = osri_show(&result, "osier shell", s->target, ANSWER_MS);
    }
    osri_ask_free(&ask);
}

static bool is_word(const char *line, const char *word)
{
    size_t length = strlen(word);
    line += strspn(line, " \t\r");
    return strncmp(line, word, length) == 0 &&
           line[length + strspn(line + length, " \t\r")] == '\0';
}

/* What happened while nothing was asked. Late 'D's of answers that were given up come here too. */
static void heed_events(shell *s)
{
    for (event e = next_event(s, 0); e != EVENT_NONE && s->signal == 0; e = next_event(s, 0)) {
        if (e == EVENT_INTERRUPT) {
            say(s, "");
        }
    }
}

static void run_lines(shell *s)
{
    while (!s->lost && s->signal == 0) {
        char *line;
        osri_input input = osri_editor_read(s->editor, OSRI_SHELL_LINE_BYTES_MAX, &line);
        if (input == OSRI_INPUT_WOKEN) {
            heed_events(s);
            continue;
        }
        if (input == OSRI_INPUT_END) {
            say(s, "");
            return;
        }
        if (is_word(line, "quit") || is_word(line, "exit")) {
            return;
        }
        if (line[strspn(line, " \t\r")] != '\0') {
            run_line(s, line);
        }
        heed_events(s);
    }
}

/* ---- the whole ------------------------------------------------------------------------- */

/* The first command says who is there, and is the dial. */
static bool greet(shell *s)
{
    osri_ask *ask = NULL;
    osri_ask_result result = {
        .err = osri_ask_start(s->node, s->target, "version", CONNECTION_MS, event_fd, &ask)};
    if (result.err == OSR_OK && !await_answer(s, ask)) {
        osri_ask_free(&ask);
        s->status = OSR_STATUS_UNAVAILABLE;
        return false;
    }
    if (result.err == OSR_OK) {
        osri_ask_wait(ask, &result);
    }
    bool there = result.err == OSR_OK && result.status == OSR_STATUS_OK;
    if (!there || osri_editor_is_terminal(s->editor)) {
        s->status = osri_show(&result, "osier shell", s->target, CONNECTION_MS);
    }
    osri_ask_free(&ask);
    return there;
}

static int converse(shell *s)
{
    s->editor = osri_editor_new(s->prompt, s->events);
    if (s->editor == NULL || osri_ask_watch(s->node, s->target, event_fd) != OSR_OK) {
        (void)fputs("osier shell: out of memory\n", stderr);
        osri_editor_free(&s->editor);
        return OSR_STATUS_FAILED;
    }
    if (greet(s)) {
        say(s, "help lists the commands, quit leaves the shell");
        run_lines(s);
        if (s->lost && s->signal == 0) {
            say(s, "");
            (void)fprintf(stderr, "osier shell: the connection to %s is lost\n", s->target);
            s->status = OSR_STATUS_UNAVAILABLE;
        } else if (osri_editor_is_terminal(s->editor)) {
            s->status = OSR_STATUS_OK;
        }
    }
    osri_editor_free(&s->editor);
    return s->status;
}

static void block_signals(int how)
{
    sigset_t set;
    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGHUP);
    (void)pthread_sigmask(how, &set, NULL);
}

static int run(shell *s, const osri_arguments *arguments)
{
    int status = osri_target_check(arguments, "shell", s->target);
    if (status != OSR_STATUS_OK) {
        return status;
    }
    block_signals(SIG_BLOCK); /* of the node's threads */
    status = osri_arguments_client(arguments, "shell", &s->node);
    set_signals(on_signal);
    block_signals(SIG_UNBLOCK);
    if (status != OSR_STATUS_OK) {
        return status;
    }
    status = converse(s);
    osr_node_stop(s->node, STOP_MS);
    osr_node_free(&s->node);
    return status;
}

static int open_and_run(shell *s, const osri_arguments *arguments)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) != 0) {
        (void)fprintf(stderr, "osier shell: no pipe: %s; see ulimit -n\n", strerror(errno));
        return OSR_STATUS_FAILED;
    }
    s->events = fds[0];
    event_fd = fds[1];
    (void)setlocale(LC_CTYPE, "");
    int status = run(s, arguments);
    set_signals(SIG_DFL);
    (void)close(fds[0]);
    (void)close(fds[1]);
    if (s->signal != 0) {
        (void)raise(s->signal);
    }
    return status;
}

int osri_osier_shell(int argc, char **argv)
{
    osri_arguments arguments;
    shell s = {0};
    char text[TEXT_BYTES] = "it wants one node";
    if (!osri_arguments_parse(argc, argv, &arguments, text, sizeof(text))) {
        return osri_arguments_refuse("shell", text, usage);
    }
    if (arguments.help) {
        (void)fputs(usage, stdout);
        return OSR_STATUS_OK;
    }
    if (arguments.rest_count != 1) {
        return osri_arguments_refuse("shell", text, usage);
    }
    if (!osri_target_name(arguments.rest[0], s.target)) {
        (void)snprintf(text, sizeof(text), "\"%.128s\" is no name of a node", arguments.rest[0]);
        return osri_arguments_refuse("shell", text, usage);
    }
    (void)snprintf(s.prompt, sizeof(s.prompt), "%s> ", s.target);
    return open_and_run(&s, &arguments);
}
