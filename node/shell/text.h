/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_TEXT_H
#define OSR_SHELL_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/* A text that grows up to a bound. What goes beyond it, or beyond memory, is left out, and `cut`
 * says so. */
typedef struct osri_text {
    char *at; /* NULL while empty; else NUL-terminated */
    size_t bytes;
    size_t room;
    size_t bytes_max;
    bool cut;
} osri_text;

void osri_text_init(osri_text *text, size_t bytes_max);
void osri_text_fini(osri_text *text);

void osri_text_add(osri_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void osri_text_add_bytes(osri_text *text, const char *from, size_t bytes);

/* The whole of it; "" while empty. */
const char *osri_text_get(const osri_text *text);

/* Copies what came from elsewhere so that a terminal shows it and obeys nothing in it: every
 * control character but newline and tab, C1 ones in their 8-bit and UTF-8 forms, and what is not
 * UTF-8, become \xNN. */
void osri_text_add_safe(osri_text *text, const char *from, size_t bytes);

#endif
