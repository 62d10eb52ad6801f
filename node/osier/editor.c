/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/editor.h"

#include <errno.h>
#include <histedit.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

#include "lib/core/heap.h"
#include "node/osier/history.h"

/* All reading waits for standard input and for wake_fd at once, also inside libedit, whose
 * characters come through get_character(): so a lost connection or a signal ends a line that is
 * being typed, and libedit puts the terminal back as it does at the end of each line.
 *
 * libedit writes its own complaints (a terminal it does not know) to errors, which leads
 * nowhere. */

#define LINE_ROOM_MIN 256
#define CLEAR_LINE "\r\033[K"

struct osri_editor {
    const char *prompt;
    int wake_fd;
    osri_editor_woken *woken;
    void *context;
    bool is_terminal;
    bool is_woken;
    EditLine *edit;   /* NULL: plain */
    History *history; /* NULL: none */
    FILE *errors;
    char history_path[PATH_MAX]; /* "": none */
    char buffer[4096];           /* plain: read and not yet taken */
    size_t from, to;
    char *line; /* plain */
    size_t bytes, room;
};

/* ---- waiting --------------------------------------------------------------------------- */

/* Whether standard input has something, or its end. */
static bool wait_for_input(osri_editor *e)
{
    struct pollfd fds[] = {{.fd = e->wake_fd, .events = POLLIN},
                           {.fd = STDIN_FILENO, .events = POLLIN}};
    do {
        while (poll(fds, 2, -1) < 0 && errno == EINTR) {
        }
        e->is_woken = fds[0].revents != 0 && !e->woken(e->context);
    } while (!e->is_woken && fds[1].revents == 0);
    return !e->is_woken;
}

static ssize_t read_bytes(char *ret_bytes, size_t capacity)
{
    ssize_t got;
    do {
        got = read(STDIN_FILENO, ret_bytes, capacity);
    } while (got < 0 && errno == EINTR);
    return got;
}

/* ---- with libedit ---------------------------------------------------------------------- */

static char *get_prompt(EditLine *edit)
{
    osri_editor *e = NULL;
    (void)el_get(edit, EL_CLIENTDATA, &e);
    return (char *)(uintptr_t)e->prompt; /* it is only read */
}

/* 1: a character; 0: the end; -1 with EINTR: give the line up. Bytes that are no character here
 * are passed over. */
static int get_character(EditLine *edit, wchar_t *ret_character)
{
    osri_editor *e = NULL;
    mbstate_t state;
    memset(&state, 0, sizeof(state));
    (void)el_get(edit, EL_CLIENTDATA, &e);
    for (;;) {
        char byte;
        if (!wait_for_input(e)) {
            errno = EINTR;
            return -1;
        }
        if (read_bytes(&byte, 1) != 1) {
            return 0;
        }
        size_t used = mbrtowc(ret_character, &byte, 1, &state);
        if (used == 0 || used == 1) {
            return 1;
        }
        if (used == (size_t)-1) {
            memset(&state, 0, sizeof(state));
        }
    }
}

/* Ctrl-D. libedit's own would write "^D". */
static unsigned char end_or_delete(EditLine *edit, int character)
{
    const LineInfo *line = el_line(edit);
    (void)character;
    if (line->buffer == line->lastchar) {
        return CC_EOF;
    }
    if (line->cursor == line->lastchar) {
        return CC_ERROR;
    }
    (void)el_cursor(edit, 1);
    el_deletestr(edit, 1);
    return CC_REFRESH;
}

static void remember(void *context, const char *line)
{
    osri_editor *e = context;
    HistEvent event;
    (void)history(e->history, &event, H_ENTER, line);
}

static void set_up_history(osri_editor *e)
{
    HistEvent event;
    e->history = history_init();
    if (e->history == NULL) {
        return;
    }
    (void)history(e->history, &event, H_SETSIZE, OSRI_HISTORY_LINES_MAX);
    (void)history(e->history, &event, H_SETUNIQUE, 1);
    (void)el_set(e->edit, EL_HIST, history, e->history);
    if (osri_history_path(e->history_path, sizeof(e->history_path))) {
        osri_history_load(e->history_path, remember, e);
    } else {
        e->history_path[0] = '\0';
    }
}

static void set_up_edit(osri_editor *e)
{
    e->errors = fopen("/dev/null", "we");
    e->edit = e->errors == NULL ? NULL : el_init("osier", stdin, stdout, e->errors);
    if (e->edit == NULL) {
        return;
    }
    (void)el_set(e->edit, EL_CLIENTDATA, e);
    (void)el_set(e->edit, EL_PROMPT, get_prompt);
    (void)el_set(e->edit, EL_EDITOR, "emacs");
    (void)el_set(e->edit, EL_SIGNAL, 0);
    (void)el_wset(e->edit, EL_ADDFN, L"osier-end", L"Ends the input", end_or_delete);
    (void)el_set(e->edit, EL_BIND, "^D", "osier-end", NULL);
    (void)el_set(e->edit, EL_GETCFN, get_character);
    set_up_history(e);
}

static osri_input read_edited(osri_editor *e, size_t line_bytes_max, char **ret_line)
{
    int count = 0;
    const char *got = el_gets(e->edit, &count);
    if (got == NULL || count <= 0) {
        return e->is_woken ? OSRI_INPUT_WOKEN : OSRI_INPUT_END;
    }
    size_t bytes = strcspn(got, "\n");
    bytes = bytes < line_bytes_max ? bytes : line_bytes_max;
    free(e->line);
    e->line = strndup(got, bytes);
    if (e->line == NULL) {
        return OSRI_INPUT_END;
    }
    if (e->line[strspn(e->line, " \t")] != '\0' && e->history != NULL) {
        remember(e, e->line);
        if (e->history_path[0] != '\0') {
            osri_history_add(e->history_path, e->line);
        }
    }
    *ret_line = e->line;
    return OSRI_INPUT_LINE;
}

/* ---- without --------------------------------------------------------------------------- */

static bool append(osri_editor *e, char c, size_t line_bytes_max)
{
    if (e->bytes >= line_bytes_max) {
        return true;
    }
    if (e->bytes + 1 >= e->room) {
        size_t room = e->room == 0 ? LINE_ROOM_MIN : e->room * 2;
        char *line = realloc(e->line, room);
        if (line == NULL) {
            return false;
        }
        e->line = line;
        e->room = room;
    }
    e->line[e->bytes++] = c;
    e->line[e->bytes] = '\0';
    return true;
}

/* Takes what has been read, up to and with a newline; true: the line is whole. */
static bool take_line(osri_editor *e, size_t line_bytes_max)
{
    while (e->from < e->to) {
        char c = e->buffer[e->from++];
        if (c == '\n') {
            return true;
        }
        (void)append(e, c == '\0' ? ' ' : c, line_bytes_max);
    }
    return false;
}

/* False: the end of input. */
static bool read_more(osri_editor *e)
{
    ssize_t got = read_bytes(e->buffer, sizeof(e->buffer));
    e->from = 0;
    e->to = got > 0 ? (size_t)got : 0;
    return got > 0;
}

static osri_input read_plain(osri_editor *e, size_t line_bytes_max, char **ret_line)
{
    static char empty[1];
    e->bytes = 0;
    if (e->is_terminal) {
        (void)fputs(e->prompt, stdout);
        (void)fflush(stdout);
    }
    bool whole = take_line(e, line_bytes_max);
    while (!whole) {
        if (!wait_for_input(e)) {
            return OSRI_INPUT_WOKEN;
        }
        if (!read_more(e)) {
            break;
        }
        whole = take_line(e, line_bytes_max);
    }
    *ret_line = e->bytes == 0 ? empty : e->line;
    return whole || e->bytes > 0 ? OSRI_INPUT_LINE : OSRI_INPUT_END;
}

/* ---- both ------------------------------------------------------------------------------ */

osri_editor *osri_editor_new(const char *prompt, int wake_fd, osri_editor_woken *woken,
                             void *context)
{
    osri_editor *e = osri_heap_zalloc(sizeof(*e));
    if (e == NULL) {
        return NULL;
    }
    const char *terminal = getenv("TERM");
    e->prompt = prompt;
    e->wake_fd = wake_fd;
    e->woken = woken;
    e->context = context;
    e->is_terminal = isatty(STDIN_FILENO) == 1 && isatty(STDOUT_FILENO) == 1;
    if (e->is_terminal && terminal != NULL && terminal[0] != '\0' &&
        strcmp(terminal, "dumb") != 0) {
        set_up_edit(e);
    }
    return e;
}

void osri_editor_free(osri_editor **editor)
{
    osri_editor *e = *editor;
    if (e == NULL) {
        return;
    }
    if (e->edit != NULL) {
        el_end(e->edit);
    }
    if (e->history != NULL) {
        history_end(e->history);
    }
    if (e->errors != NULL) {
        (void)fclose(e->errors);
    }
    free(e->line);
    osri_heap_free(e, sizeof(*e));
    *editor = NULL;
}

void osri_editor_clear(osri_editor *editor)
{
    if (editor->edit != NULL) {
        (void)fputs(CLEAR_LINE, stdout);
    } else if (editor->is_terminal) {
        (void)fputs("\n", stdout);
    }
}

void osri_editor_restore(osri_editor *editor)
{
    if (editor->edit != NULL) {
        (void)fflush(stdout);
        (void)el_set(editor->edit, EL_REFRESH);
    } else if (editor->is_terminal) {
        (void)fputs(editor->prompt, stdout);
        (void)fflush(stdout);
    }
}

bool osri_editor_is_terminal(const osri_editor *editor)
{
    return editor->is_terminal;
}

osri_input osri_editor_read(osri_editor *editor, size_t line_bytes_max, char **ret_line)
{
    editor->is_woken = false;
    return editor->edit != NULL ? read_edited(editor, line_bytes_max, ret_line)
                                : read_plain(editor, line_bytes_max, ret_line);
}
