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
#include "node/shell/text.h"

/* osier shell: lines to a node, answers from it. The node never knows of the terminal.
 *
 * One pipe tells the main thread what happens beside the typing: 'D' an answer is there, 'L' the
 * connection is lost, 'O' processes have printed, 'I' Ctrl-C, 'T' and 'H' SIGTERM and
 * SIGHUP. Signals are taken by the main
 * thread alone. */

#define TEXT_BYTES 256
#define ANSWER_MS 20000
#define STOP_MS 1000
#define CONNECTION_MS 10000

static const char usage[] =
    "usage: osier shell [FLAG]... NODE\n"
    "A shell in a node: ps, info, call and others; help lists them. NODE is NAME or NAME@HOST.\n"
    "quit, exit or the end of input leaves it; the node is not touched.\n" OSRI_ARGUMENTS_HELP;

#define PRINTED_BYTES_MAX (1024 * 1024) /* and not yet shown; who prints more is told */

typedef enum event {
    EVENT_NONE,
    EVENT_DONE,
    EVENT_LOST,
    EVENT_PRINTED,
    EVENT_INTERRUPT,
    EVENT_END,
} event;

typedef struct shell {
    osr_node *node;
    osri_editor *editor;
    char target[OSRI_NAME_BYTES];
    char prompt[OSRI_NAME_BYTES + 4];
    int events; /* the pipe's end to read */
    int signal; /* that ends it; 0: none */
    bool lost;
    int status; /* of the last command */
    char read;  /* from events, and not yet looked at; 0: nothing */
    pthread_mutex_t mutex;
    osri_text printed; /* by processes, to be shown; guarded_by: mutex */
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
    case 'O':
        return EVENT_PRINTED;
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
    char what = s->read;
    int ready;
    if (what != 0) {
        s->read = 0;
        return event_of(s, what);
    }
    do {
        ready = poll(&fd, 1, timeout_ms);
    } while (ready < 0 && errno == EINTR);
    return ready == 1 && read(s->events, &what, 1) == 1 ? event_of(s, what) : EVENT_NONE;
}

static void say(const shell *s, const char *text)
{
    if (osri_editor_is_terminal(s->editor)) {
        (void)puts(text);
        (void)fflush(stdout);
    }
}

/* ---- what processes print ---------------------------------------------------------------- */

/* osr_output, on a thread of the node: the main thread shows it when no line is in its way. */
static osr_err keep_printed(void *context, const char *text, size_t bytes)
{
    shell *s = context;
    (void)pthread_mutex_lock(&s->mutex);
    bool fits = s->printed.bytes + bytes <= PRINTED_BYTES_MAX;
    if (fits) {
        osri_text_add_bytes(&s->printed, text, bytes);
    }
    (void)pthread_mutex_unlock(&s->mutex);
    ssize_t written = write(event_fd, "O", 1);
    (void)written; /* the pipe is full of wake-ups already */
    return fits ? OSR_OK : OSR_EFULL;
}

/* Shows what was printed. at_prompt: the line being typed is in its way. */
static void show_printed(shell *s, bool at_prompt)
{
    (void)pthread_mutex_lock(&s->mutex);
    osri_text taken = s->printed;
    osri_text_init(&s->printed, PRINTED_BYTES_MAX + 1);
    (void)pthread_mutex_unlock(&s->mutex);
    if (taken.bytes > 0) {
        if (at_prompt) {
            osri_editor_clear(s->editor);
        }
        (void)osri_show_output(NULL, osri_text_get(&taken), taken.bytes);
        if (at_prompt && taken.at[taken.bytes - 1] != '\n') {
            say(s, "");
        }
        if (at_prompt) {
            osri_editor_restore(s->editor);
        }
    }
    osri_text_fini(&taken);
}

/* osri_editor_woken */
static bool show_at_prompt(void *context)
{
    shell *s = context;
    char what;
    if (read(s->events, &what, 1) != 1) {
        return true;
    }
    if (what == 'O') {
        show_printed(s, true);
        return true;
    }
    s->read = what;
    return false;
}

/* ---- a line ---------------------------------------------------------------------------- */

/* Waits for the answer; false: it does not come, and s says why. */
static bool await_answer(shell *s, const osri_ask *ask)
{
    while (!osri_ask_is_done(ask)) {
        event e = next_event(s, -1);
        show_printed(s, false);
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
    show_printed(s, false); /* it came before the answer */
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
        show_printed(s, false);
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
    s->editor = osri_editor_new(s->prompt, s->events, show_at_prompt, s);
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
    status = osri_arguments_client(arguments, "shell", keep_printed, s, &s->node);
    set_signals(on_signal);
    block_signals(SIG_UNBLOCK);
    if (status != OSR_STATUS_OK) {
        return status;
    }
    status = converse(s);
    osr_node_stop(s->node, STOP_MS);
    osr_node_free(&s->node);
    show_printed(s, false);
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
    (void)pthread_mutex_init(&s.mutex, NULL);
    osri_text_init(&s.printed, PRINTED_BYTES_MAX + 1);
    int status = open_and_run(&s, &arguments);
    osri_text_fini(&s.printed);
    (void)pthread_mutex_destroy(&s.mutex);
    return status;
}
