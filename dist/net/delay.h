/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_DELAY_H
#define OSR_DIST_NET_DELAY_H

#include <stdbool.h>
#include <stdint.h>

/* How long a record has been under way, though two nodes share no clock: by how much longer it was
 * than the fastest of the last seconds, which is the difference of the clocks and little more; and
 * the fastest is half of the shortest round trip.
 *
 * Invariants
 *   D1  never reckoned longer than it was by more than the clocks have drifted apart since the
 *       fastest, which is at most two windows old; or been set apart: a clock that stood still
 *       counts as a delay for two windows. One of more than OSRI_DELAY_MS_MAX is not believed:
 *       so long no session is silent.
 *   D2  where nothing came for two windows, the next one is the fastest. */

#define OSRI_DELAY_WINDOW_MS 5000
#define OSRI_DELAY_MS_MAX 10000

/* All zeros: nothing has come. */
typedef struct osri_delay {
    bool has[2];
    int64_t
        fastest_ms[2];  /* of the window before, and of this one: receiver's clock less sender's */
    uint64_t window_ms; /* when this one began */
} osri_delay;

/* A record that says it was sent at sent_ms, of its sender's clock modulo 2^32, comes now. Returns
 * how much longer than the fastest it was under way. */
uint32_t osri_delay_of(osri_delay *delay, uint64_t now_ms, uint32_t sent_ms);

#endif
