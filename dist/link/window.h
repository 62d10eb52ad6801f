/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_WINDOW_H
#define OSR_DIST_LINK_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Flow control of one direction, both ends (dist/PROTOCOL.md, "Flow control"). All counts are
 * payload bytes since the session began.
 *
 * Why it never stalls: less than a quarter of the window is in flight without an acknowledgement
 * having been asked for, and a payload is at most half of the smallest window; so once what was
 * asked for is answered, the next frame fits. */
typedef struct osri_window {
    uint64_t sent;
    uint64_t acknowledged; /* <= sent */
    uint64_t asked;        /* the receiver was told to acknowledge up to here */
    uint64_t limit;        /* bytes in flight at most, now */
    uint64_t limit_max;
    uint64_t sample_mark; /* acknowledgement of this much ends the sample; 0: none is taken */
    uint64_t sample_ns;
    uint64_t asked_ns;      /* when it was last told to */
    uint64_t answered_ns;   /* when what ended the last sample was sent; 0: none yet */
    uint64_t round_trip_ns; /* of the last sample; 0: none yet */
    uint64_t fastest_ns;    /* shortest sample */
    uint32_t slow_at_least; /* slow samples in a row while the limit was the least */
    bool used_up;           /* something has waited for room since the sample began */
} osri_window;

void osri_window_init(osri_window *window, uint64_t limit, uint64_t limit_max);

size_t osri_window_room(const osri_window *window);

/* Counts a frame's payload; true: the frame asks for an acknowledgement. */
bool osri_window_sent(osri_window *window, size_t bytes, uint64_t now_ns);

/* Takes the peer's count. False: it goes back, or beyond what was sent. */
bool osri_window_acknowledge(osri_window *window, uint64_t acknowledged, uint64_t now_ns);

/* The receiver's side. */
typedef struct osri_receipt {
    uint64_t received;
    uint64_t told;   /* the peer has been told of this much */
    uint64_t window; /* what we let it have in flight */
    bool asked;
} osri_receipt;

/* Counts a frame's payload. False: more than the peer may have in flight. */
bool osri_receipt_take(osri_receipt *receipt, size_t bytes, bool asked);

/* An acknowledgement should leave now, alone if need be. */
bool osri_receipt_is_due(const osri_receipt *receipt);

/* The count for the header of a frame that leaves now. */
uint64_t osri_receipt_tell(osri_receipt *receipt);

#endif
