/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_OUTBOX_H
#define OSR_DIST_LINK_OUTBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/link/block.h"
#include "lib/core/map.h"
#include "osier/err.h"

#define OSRI_OUTBOX_LARGE_BYTES (256 * 1024)

typedef struct osri_stream osri_stream;

/* What a link has yet to send. */
typedef struct osri_outbox {
    osri_link_block_list batches; /* frames of whole records, oldest first */
    uint64_t batches_made;        /* number of the newest */
    uint64_t batches_taken;       /* number of the newest that has left */
    osri_map streams;             /* sender -> osri_stream */
    osri_stream *ring;            /* the next to take its turn; circular; NULL: none */
    uint32_t streams_open;        /* their first fragment has left, their last has not */
    uint64_t streams_bytes;       /* sum of the totals of the open ones */
    uint32_t stream_last;         /* number given last */
    size_t queued_bytes;
    size_t queued_large_bytes; /* of them in records above OSRI_OUTBOX_LARGE_BYTES */
    uint64_t queued_records;
    bool flush;       /* the batches leave however small */
    bool unsettled;   /* a stream has no record being cut */
    bool stream_turn; /* of batches and streams, the streams are next */
} osri_outbox;

/* All zero is an empty outbox. */
void osri_outbox_fini(osri_outbox *outbox);

/* Queues a record (copied) behind all earlier ones of its sender. Errors: OSR_ENOMEM: not taken. */
OSR_MUST_CHECK osr_err osri_outbox_put(osri_outbox *outbox, uint64_t sender, const uint8_t *bytes,
                                       size_t bytes_count);

/* What is queued leaves, however small the batch. */
void osri_outbox_flush(osri_outbox *outbox);

/* The next frame whose payload has at most `room` bytes: used counts the header, which is left to
 * write. Ownership: yours. NULL: nothing is due; *ret_wants_room: but something would be with more
 * room. Lack of memory gives NULL, nothing is lost, a later call succeeds. */
osri_link_block *osri_outbox_take(osri_outbox *outbox, size_t room, bool *ret_wants_room);

static inline bool osri_outbox_is_empty(const osri_outbox *outbox)
{
    return outbox->queued_records == 0;
}

#endif
