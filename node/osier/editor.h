/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_EDITOR_H
#define OSR_OSIER_EDITOR_H

#include <stdbool.h>
#include <stddef.h>

/* Lines from standard input: edited by libedit, with history, on a terminal that can; a prompt and
 * the system's own line on a dumb one; bare lines from anything else. Threads: one. */

typedef struct osri_editor osri_editor;

typedef enum osri_input {
    OSRI_INPUT_LINE,
    OSRI_INPUT_END,   /* end of input, or the terminal is gone */
    OSRI_INPUT_WOKEN, /* wake_fd has something to read; what was being typed is dropped */
} osri_input;

/* wake_fd has something to read, and it is for the callee to read it: true, nothing that ends the
 * line. Around what it prints it calls osri_editor_clear() and osri_editor_restore(). */
typedef bool osri_editor_woken(void *context);

/* prompt is lent for the editor's life. The terminal is as it was whenever osri_editor_read() is
 * not at work.
 * Ownership: free with osri_editor_free(). NULL: no memory. */
osri_editor *osri_editor_new(const char *prompt, int wake_fd, osri_editor_woken *woken,
                             void *context);
void osri_editor_free(osri_editor **editor);

/* Takes the line that is being typed off the screen, and puts it back below what was printed since.
 * From osri_editor_woken() only. */
void osri_editor_clear(osri_editor *editor);
void osri_editor_restore(osri_editor *editor);

/* Whether a person types: prompts, and news between the answers, make sense. */
bool osri_editor_is_terminal(const osri_editor *editor);

/* ret_line: without its newline, lent until the next call; lines longer than line_bytes_max are
 * cut. */
osri_input osri_editor_read(osri_editor *editor, size_t line_bytes_max, char **ret_line);

#endif
