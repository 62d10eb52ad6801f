/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_LOG_H
#define OSR_LOG_H

/* What a node tells its operator: one line a record. */

#include <stddef.h>

#include "osier/err.h"

OSR_BEGIN_DECLS

/* A node writes the records of its level and those before it. 0 is the default. */
typedef enum osr_log_level {
    OSR_LOG_DEFAULT = 0, /* as OSR_LOG_NOTICE */
    OSR_LOG_ERROR,       /* something failed that should not have */
    OSR_LOG_WARNING,     /* it works, but somebody should look */
    OSR_LOG_NOTICE,      /* changes of state that an operator wants to know */
    OSR_LOG_INFO,        /* what happens while all is well */
    OSR_LOG_DEBUG        /* for those who work on the program */
} osr_log_level;

/* A record's line at most, its final newline included. A longer one is cut and ends with "...". */
#define OSR_LOG_LINE_BYTES_MAX 1024

/* Receives one finished line: `bytes` bytes with the newline, followed by a NUL. No other byte of
 * it is a control character.
 * Ownership: the line is lent until the function returns.
 * Threads:   called by any thread, by several at once; it must not block for long. */
typedef void (*osr_log_sink)(void *context, osr_log_level level, const char *line, size_t bytes);

/* "error", "warning", …; static; "unknown" for any other number. Threads: any.
 * Not a suspension point. */
OSR_API const char *osr_log_level_name(osr_log_level level);

OSR_END_DECLS
#endif
