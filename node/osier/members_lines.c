/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/members_lines.h"

#include <string.h>

/* Whether the line, which ends at `bytes`, has ", word". */
static bool has_word(const char *line, size_t bytes, const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i + 2 + length <= bytes; i++) {
        bool ends = i + 2 + length == bytes || line[i + 2 + length] == ',';
        if (ends && line[i] == ',' && line[i + 1] == ' ' &&
            strncmp(line + i + 2, word, length) == 0) {
            return true;
        }
    }
    return false;
}

bool osri_members_line_has(const char *text, const char *word)
{
    return has_word(text, strcspn(text, "\n"), word);
}

static bool names(const char *lines, const char *name, size_t bytes)
{
    for (const char *at = lines; *at != '\0';) {
        if (strcspn(at, " \n") == bytes && strncmp(at, name, bytes) == 0) {
            return true;
        }
        at += strcspn(at, "\n");
        at += *at == '\n';
    }
    return false;
}

void osri_members_lines_add(osri_text *lines, const char *text)
{
    for (const char *at = text; *at != '\0';) {
        size_t bytes = strcspn(at, "\n");
        if (!has_word(at, bytes, "hidden") &&
            !names(osri_text_get(lines), at, strcspn(at, " \n"))) {
            osri_text_add_bytes(lines, at, bytes);
            osri_text_add_bytes(lines, "\n", 1);
        }
        at += bytes;
        at += *at == '\n';
    }
}
