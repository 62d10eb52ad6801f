/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_GATES_H
#define OSR_DIST_NET_GATES_H

#include "dist/net/gate.h"

/* A bound on log lines that strangers can cause: one a second from each source about each subject,
 * OSRI_GATES_LINES from all; then silence and a count, of the source. So a loud one hides nobody
 * else. The source that was heard longest ago is forgotten for a new one. All zero is open.
 * Threads: one at a time. */

#define OSRI_GATES_SOURCES 64
#define OSRI_GATES_LINES 20

typedef struct osri_gates {
    osri_gate all;
    struct osri_gates_source {
        char address[64];
        unsigned subject;
        osri_gate gate;
    } sources[OSRI_GATES_SOURCES];
} osri_gates;

/* As osri_gate_pass(). subject: what the line is about, so that one kind does not hide another. */
bool osri_gates_pass(osri_gates *gates, const char *address, unsigned subject, uint64_t now_ns,
                     char ret_more[OSRI_GATE_MORE_BYTES]);

#endif
