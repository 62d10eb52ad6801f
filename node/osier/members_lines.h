/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_MEMBERS_LINES_H
#define OSR_OSIER_MEMBERS_LINES_H

#include <stdbool.h>

#include "node/shell/text.h"

/* What a node's command `nodes` prints (node/shell/PROTOCOL.md), as others read it. Pure. */

/* Whether its first line, that of the node itself, has this word. */
bool osri_members_line_has(const char *text, const char *word);

/* Adds the lines of nodes that are not hidden, of each node once. */
void osri_members_lines_add(osri_text *lines, const char *text);

#endif
