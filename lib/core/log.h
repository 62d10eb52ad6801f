/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_LOG_H
#define OSR_CORE_LOG_H

#include "osier/log.h"

/* The log of one node: a value, embedded in it. A record is formatted on the caller's stack and
 * handed to the sink by one call: nothing is allocated and no lock is taken. Threads: any, once
 * initialised. */
typedef struct osri_log {
    osr_log_level level;
    osr_log_sink sink; /* never NULL */
    void *sink_context;
    const char *node; /* NULL: the program itself; lent, outlives the log */
} osri_log;

/* A NULL sink is standard error: one write a record. */
void osri_log_init(osri_log *log, const char *node, osr_log_level level, osr_log_sink sink,
                   void *sink_context);

/* Writes "osier: node NAME: LEVEL: text\n", or "osier: LEVEL: text\n" without a node, if the level
 * is on. Control characters of the text become \n, \t, \xNN. A NULL log writes to standard
 * error. */
void osri_log_write(const osri_log *log, osr_log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Copies text into out (bytes > 0), control characters escaped, cut with "..." where it does not
 * fit; always terminated. The length is returned. Async-signal-safe. */
size_t osri_log_escape(char *out, size_t bytes, const char *text);

#endif
