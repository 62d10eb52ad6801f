/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/message/utf8.h"

/* Growing texts. Bound: bytes_max, without the NUL. */

#define ROOM_MIN 256

void osri_text_init(osri_text *text, size_t bytes_max)
{
    memset(text, 0, sizeof(*text));
    text->bytes_max = bytes_max;
}

void osri_text_fini(osri_text *text)
{
    osri_heap_free(text->at, text->room);
    osri_text_init(text, text->bytes_max);
}

const char *osri_text_get(const osri_text *text)
{
    return text->at == NULL ? "" : text->at;
}

static bool make_room(osri_text *text, size_t bytes)
{
    if (text->bytes + bytes > text->bytes_max) {
        return false;
    }
    size_t room = text->room < ROOM_MIN ? ROOM_MIN : text->room;
    while (room < text->bytes + bytes + 1) {
        room *= 2;
    }
    if (room == text->room) {
        return true;
    }
    char *at = osri_heap_realloc(text->at, text->room, room);
    if (at == NULL) {
        return false;
    }
    text->at = at;
    text->room = room;
    return true;
}

void osri_text_add_bytes(osri_text *text, const char *from, size_t bytes)
{
    if (text->cut || !make_room(text, bytes)) {
        text->cut = true;
        return;
    }
    memcpy(text->at + text->bytes, from, bytes);
    text->bytes += bytes;
    text->at[text->bytes] = '\0';
}

void osri_text_add(osri_text *text, const char *format, ...)
{
    char here[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(here, sizeof(here), format, arguments);
    va_end(arguments);
    if (length < 0) {
        return;
    }
    if ((size_t)length < sizeof(here)) {
        osri_text_add_bytes(text, here, (size_t)length);
        return;
    }
    if (text->cut || !make_room(text, (size_t)length)) {
        text->cut = true;
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(text->at + text->bytes, (size_t)length + 1, format, arguments);
    va_end(arguments);
    text->bytes += (size_t)length;
}

static bool is_harmless(const uint8_t *at, size_t length)
{
    bool is_c1 = length == 2 && at[0] == 0xc2 && at[1] < 0xa0;
    bool is_c0 = length == 1 && (at[0] < 0x20 || at[0] == 0x7f) && at[0] != '\n' && at[0] != '\t';
    return length != 0 && !is_c1 && !is_c0;
}

void osri_text_add_safe(osri_text *text, const char *from, size_t bytes)
{
    const uint8_t *at = (const uint8_t *)from;
    const uint8_t *end = at + bytes;
    const uint8_t *plain = at; /* from here on nothing needs to be changed */
    while (at < end) {
        size_t length = osri_utf8_length(at, (size_t)(end - at));
        if (is_harmless(at, length)) {
            at += length;
            continue;
        }
        osri_text_add_bytes(text, (const char *)plain, (size_t)(at - plain));
        for (size_t i = 0; i < (length == 0 ? 1 : length); i++) {
            osri_text_add(text, "\\x%02x", at[i]);
        }
        at += length == 0 ? 1 : length;
        plain = at;
    }
    osri_text_add_bytes(text, (const char *)plain, (size_t)(at - plain));
}
