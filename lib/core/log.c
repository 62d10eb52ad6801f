/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Log lines. The whole record is built in a buffer on the caller's stack (which may be a process's
 * lent one: about 2 KiB), then handed over by one call of the sink. */
#include "lib/core/log.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PREFIX_BYTES_MAX 320 /* node names have at most 255 bytes */

static const char cut_mark[] = "...";

static void write_stderr(void *context, osr_log_level level, const char *line, size_t bytes)
{
    ssize_t written = write(STDERR_FILENO, line, bytes);

    (void)context;
    (void)level;
    (void)written; /* there is nobody left to tell */
}

const char *osr_log_level_name(osr_log_level level)
{
    static const char *const names[] = {"notice", "error", "warning", "notice", "info", "debug"};
    size_t index = (size_t)level;

    return index < sizeof(names) / sizeof(names[0]) ? names[index] : "unknown";
}

void osri_log_init(osri_log *log, const char *node, osr_log_level level, osr_log_sink sink,
                   void *sink_context)
{
    log->level = level == OSR_LOG_DEFAULT ? OSR_LOG_NOTICE : level;
    log->sink = sink == NULL ? write_stderr : sink;
    log->sink_context = sink_context;
    log->node = node;
}

static size_t escape_byte(char ret_text[4], unsigned char byte)
{
    static const char digits[] = "0123456789abcdef";

    ret_text[0] = '\\';
    if (byte == '\n' || byte == '\t') {
        ret_text[1] = byte == '\n' ? 'n' : 't';
        return 2;
    }
    ret_text[1] = 'x';
    ret_text[2] = digits[byte >> 4];
    ret_text[3] = digits[byte & 15];
    return 4;
}

/* C0, DEL, and the UTF-8 form of C1 (0xc2 0x80 to 0xc2 0x9f), which terminals obey as well. */
static bool is_control(const unsigned char *text, unsigned char before)
{
    bool is_c1_lead = text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f;
    bool is_c1_tail = before == 0xc2 && text[0] >= 0x80 && text[0] <= 0x9f;

    return text[0] < 0x20 || text[0] == 0x7f || is_c1_lead || is_c1_tail;
}

size_t osri_log_escape(char *out, size_t bytes, const char *text)
{
    const unsigned char *from = (const unsigned char *)text;
    unsigned char before = 0;
    size_t used = 0;
    size_t fits = 0; /* how much may stay if the mark has to follow */

    for (; *from != '\0'; before = *from++) {
        char piece[4] = {(char)*from};
        size_t length = is_control(from, before) ? escape_byte(piece, *from) : 1;

        if (used + length >= bytes) {
            size_t mark =
                bytes - 1 - fits < sizeof(cut_mark) - 1 ? bytes - 1 - fits : sizeof(cut_mark) - 1;
            memcpy(out + fits, cut_mark, mark);
            used = fits + mark;
            break;
        }
        memcpy(out + used, piece, length);
        used += length;
        if (used + sizeof(cut_mark) <= bytes) {
            fits = used;
        }
    }
    out[used] = '\0';
    return used;
}

void osri_log_write(const osri_log *log, osr_log_level level, const char *format, ...)
{
    static const osri_log fallback = {.level = OSR_LOG_NOTICE, .sink = write_stderr};
    char text[OSR_LOG_LINE_BYTES_MAX];
    char line[OSR_LOG_LINE_BYTES_MAX + 1];
    char raw[PREFIX_BYTES_MAX];
    size_t used;
    va_list arguments;

    log = log == NULL ? &fallback : log;
    if (level > log->level) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    snprintf(raw, sizeof(raw), "osier: %s%s%s%s: ", log->node == NULL ? "" : "node ",
             log->node == NULL ? "" : log->node, log->node == NULL ? "" : ": ",
             osr_log_level_name(level));
    used = osri_log_escape(line, sizeof(line) - 1, raw);
    used += osri_log_escape(line + used, sizeof(line) - 1 - used, text);
    line[used++] = '\n';
    line[used] = '\0';
    log->sink(log->sink_context, level, line, used);
}
