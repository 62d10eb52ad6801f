/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/gates.h"

#include <string.h>

#define LINES_A_SOURCE 1

static struct osri_gates_source *source_of(osri_gates *gates, const char *address, unsigned subject)
{
    struct osri_gates_source *oldest = &gates->sources[0];

    for (size_t i = 0; i < OSRI_GATES_SOURCES; i++) {
        struct osri_gates_source *source = &gates->sources[i];
        if (source->subject == subject &&
            strncmp(source->address, address, sizeof(source->address) - 1) == 0) {
            return source;
        }
        if (source->gate.since_ns < oldest->gate.since_ns) {
            oldest = source;
        }
    }
    memset(oldest, 0, sizeof(*oldest));
    (void)snprintf(oldest->address, sizeof(oldest->address), "%s", address);
    oldest->subject = subject;
    return oldest;
}

bool osri_gates_pass(osri_gates *gates, const char *address, unsigned subject, uint64_t now_ns,
                     char ret_more[OSRI_GATE_MORE_BYTES])
{
    struct osri_gates_source *source = source_of(gates, address, subject);
    char of_all[OSRI_GATE_MORE_BYTES]; /* each source says its own */

    if (!osri_gate_may(&source->gate, LINES_A_SOURCE, now_ns) ||
        !osri_gate_may(&gates->all, OSRI_GATES_LINES, now_ns)) {
        source->gate.suppressed++;
        return false;
    }
    osri_gate_take(&gates->all, of_all);
    osri_gate_take(&source->gate, ret_more);
    return true;
}
