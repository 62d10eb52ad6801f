/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_INBOX_H
#define OSR_DIST_LINK_INBOX_H

#include "dist/link/block.h"
#include "dist/link/wire.h"
#include "lib/core/map.h"

/* Puts fragments together. All zero is an empty inbox. Bounds: OSRI_WIRE_STREAMS_MAX streams,
 * OSRI_WIRE_STREAM_BYTES_MAX of declared totals, each at most record_bytes_max. */
typedef struct osri_inbox {
    osri_map streams; /* number -> osri_link_block: capacity is the total, used what has arrived */
    uint64_t bytes;   /* sum of the totals */
} osri_inbox;

void osri_inbox_fini(osri_inbox *inbox);

/* Takes a fragment. *ret_record: the whole record, yours, when this was the last; else NULL.
 * Errors: OSR_EPROTO a violation, *ret_text says which; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_inbox_take(osri_inbox *inbox, const osri_wire_part *part,
                                       osri_link_block **ret_record, const char **ret_text);

#endif
