/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_WIRE_H
#define OSR_DIST_LINK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* Data frames as they look on the wire: dist/PROTOCOL.md, "Data frames". Pure. Threads: any. */

#define OSRI_WIRE_HEADER_BYTES 28
/* Of frames that we send; half of the smallest window, see window.h. */
#define OSRI_WIRE_PAYLOAD_BYTES_MAX (32 * 1024)
#define OSRI_WIRE_WHOLE_HEAD_BYTES 4
#define OSRI_WIRE_HEAD_BYTES_MAX 12
#define OSRI_WIRE_WHOLE_BYTES_MAX (16 * 1024) /* longer records are cut */
#define OSRI_WIRE_STREAMS_MAX 256
/* Totals of all open streams of a direction. */
#define OSRI_WIRE_STREAM_BYTES_MAX (64 * 1024 * 1024)

typedef enum osri_wire_kind {
    OSRI_WIRE_DATA = 1,
    OSRI_WIRE_GOODBYE = 2,
} osri_wire_kind;

#define OSRI_WIRE_ACK_NOW 1u /* flag of a header */

typedef struct osri_wire_header {
    uint64_t tag;
    uint64_t seq;
    uint64_t acknowledged;
    uint8_t kind;
    uint8_t flags;
} osri_wire_header;

/* One record of a payload, or a piece of one. */
typedef struct osri_wire_part {
    bool fragment;
    bool first; /* only of a fragment */
    bool last;  /* only of a fragment */
    uint32_t stream;
    uint32_t total; /* of a first fragment */
    const uint8_t *bytes;
    uint32_t bytes_count;
} osri_wire_part;

void osri_wire_header_write(uint8_t ret_bytes[OSRI_WIRE_HEADER_BYTES],
                            const osri_wire_header *header);

/* Errors: OSR_EPROTO too short. */
OSR_MUST_CHECK osr_err osri_wire_header_read(const uint8_t *bytes, size_t bytes_count,
                                             osri_wire_header *ret_header);

/* Writes the head of a part, returns its length: 4, 8 or 12. */
size_t osri_wire_head_write(uint8_t *ret_bytes, const osri_wire_part *part);

/* Reads the part at *cursor and moves it behind. Errors: OSR_EPROTO not a whole, legal part before
 * `end`. */
OSR_MUST_CHECK osr_err osri_wire_part_read(const uint8_t **cursor, const uint8_t *end,
                                           osri_wire_part *ret_part);

uint64_t osri_wire_u64(const uint8_t bytes[8]);

#endif
