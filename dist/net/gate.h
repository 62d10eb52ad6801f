/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_GATE_H
#define OSR_DIST_NET_GATE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* A bound on log lines that strangers and peers can cause: so many a second, then silence and a
 * count. All zero is open. Threads: one at a time. */

#define OSRI_GATE_LINES 5
#define OSRI_GATE_NS UINT64_C(1000000000)

typedef struct osri_gate {
    uint64_t since_ns;
    uint32_t lines; /* since then */
    uint64_t suppressed;
} osri_gate;

#define OSRI_GATE_MORE_BYTES 48

/* Whether a line may be written now, of so many a second. */
static inline bool osri_gate_may(osri_gate *gate, uint32_t lines, uint64_t now_ns)
{
    if (gate->lines == 0 || now_ns - gate->since_ns >= OSRI_GATE_NS) {
        gate->since_ns = now_ns;
        gate->lines = 0;
    }
    return gate->lines < lines;
}

/* It is written. ret_more: how many were not, since the last that was, as the line's end says it:
 * "" or " (3 more suppressed)". */
static inline void osri_gate_take(osri_gate *gate, char ret_more[OSRI_GATE_MORE_BYTES])
{
    gate->lines++;
    ret_more[0] = '\0';
    if (gate->suppressed > 0) {
        (void)snprintf(ret_more, OSRI_GATE_MORE_BYTES, " (%llu more suppressed)",
                       (unsigned long long)gate->suppressed);
    }
    gate->suppressed = 0;
}

/* Both; false: it is counted instead. */
static inline bool osri_gate_pass(osri_gate *gate, uint64_t now_ns,
                                  char ret_more[OSRI_GATE_MORE_BYTES])
{
    if (!osri_gate_may(gate, OSRI_GATE_LINES, now_ns)) {
        gate->suppressed++;
        return false;
    }
    osri_gate_take(gate, ret_more);
    return true;
}

#endif
