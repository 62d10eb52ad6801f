/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_HISTORY_H
#define OSR_OSIER_HISTORY_H

#include <stdbool.h>
#include <stddef.h>

/* Lines typed before, in a file of ours (0600, a line each): $OSIER_HOME/history or
 * ~/.osier/history. What cannot be read or written is left alone: history is a comfort. */

#define OSRI_HISTORY_LINES_MAX 1000

/* False: no home directory, or a path too long. */
bool osri_history_path(char *ret_path, size_t bytes);

/* Calls visit for the last OSRI_HISTORY_LINES_MAX lines, oldest first. A file that has grown to
 * more than twice of that is cut to them. */
void osri_history_load(const char *path, void (*visit)(void *context, const char *line),
                       void *context);

/* Appends a line. */
void osri_history_add(const char *path, const char *line);

#endif
