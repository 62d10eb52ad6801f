/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/outbox.h"

#include <string.h>

#include "dist/link/wire.h"
#include "lib/core/heap.h"

/* Outgoing records: small ones are written straight into the frame that will carry them; a large
 * one becomes a stream of fragments, which take turns with each other and with the batches.
 *
 * Invariants
 *   I1  a sender with a stream has no record in a batch that is younger than the stream: its later
 *       records wait in the stream;
 *   I2  a stream's first fragment leaves after every batch that existed when the stream began
 *       (barrier), so after the earlier records of its sender;
 *   I3  queued_bytes, queued_large_bytes and queued_records count what is in batches, streams and
 *       waiting;
 *   I4  open streams stay within what a receiver must accept (OSRI_WIRE_STREAMS_MAX,
 *       _STREAM_BYTES_MAX).
 * Bound: none of its own; the owner of the link has senders wait. */

#define BATCH_BYTES_AT_FIRST 1024
#define BATCH_DUE_BYTES (16 * 1024)
#define FRAGMENT_BYTES (OSRI_WIRE_PAYLOAD_BYTES_MAX - OSRI_WIRE_HEAD_BYTES_MAX)
#define FRAME_BYTES_MAX (OSRI_WIRE_HEADER_BYTES + OSRI_WIRE_PAYLOAD_BYTES_MAX)

struct osri_stream {
    osri_stream *next; /* ring */
    osri_stream *previous;
    uint64_t sender;
    uint64_t barrier;             /* batch that leaves first */
    osri_link_block *record;      /* being cut; NULL: the next one is to be chosen from `waiting` */
    size_t cut;                   /* bytes of it that have left */
    uint32_t number;              /* on the wire */
    osri_link_block_list waiting; /* later records of the sender */
};

static void ring_add(osri_outbox *outbox, osri_stream *stream)
{
    osri_stream *head = outbox->ring;

    if (head == NULL) {
        stream->next = stream;
        stream->previous = stream;
        outbox->ring = stream;
        return;
    }
    stream->next = head;
    stream->previous = head->previous;
    head->previous->next = stream;
    head->previous = stream;
}

static void ring_remove(osri_outbox *outbox, osri_stream *stream)
{
    stream->previous->next = stream->next;
    stream->next->previous = stream->previous;
    if (outbox->ring == stream) {
        outbox->ring = stream->next == stream ? NULL : stream->next;
    }
}

static void stream_free(osri_outbox *outbox, osri_stream *stream)
{
    (void)osri_map_remove_u64(&outbox->streams, stream->sender);
    ring_remove(outbox, stream);
    osri_link_block_free(stream->record);
    osri_link_block_free_all(&stream->waiting);
    osri_heap_free(stream, sizeof(*stream));
}

void osri_outbox_fini(osri_outbox *outbox)
{
    while (outbox->ring != NULL) {
        stream_free(outbox, outbox->ring);
    }
    osri_map_fini(&outbox->streams);
    osri_link_block_free_all(&outbox->batches);
    *outbox = (osri_outbox){0};
}

/* The newest batch, replaced by one of twice the size. */
static bool grow_batch(osri_outbox *outbox, size_t needed)
{
    osri_link_block *old = outbox->batches.last;
    size_t capacity = old->capacity;
    osri_link_block *grown;
    osri_link_block *before = outbox->batches.first;

    while (capacity < needed) {
        capacity *= 2;
    }
    capacity = capacity > FRAME_BYTES_MAX ? FRAME_BYTES_MAX : capacity;
    grown = osri_heap_realloc(old, sizeof(*old) + old->capacity, sizeof(*old) + capacity);
    if (grown == NULL) {
        return false;
    }
    grown->capacity = capacity;
    if (outbox->batches.first == old) {
        outbox->batches.first = grown;
    } else {
        while (before->next != old) {
            before = before->next;
        }
        before->next = grown;
    }
    outbox->batches.last = grown;
    return true;
}

static bool add_batch(osri_outbox *outbox, size_t needed)
{
    size_t capacity = BATCH_BYTES_AT_FIRST;
    osri_link_block *batch;

    while (capacity < needed) {
        capacity *= 2;
    }
    batch = osri_link_block_new(capacity > FRAME_BYTES_MAX ? FRAME_BYTES_MAX : capacity);
    if (batch == NULL) {
        return false;
    }
    batch->used = OSRI_WIRE_HEADER_BYTES;
    batch->number = ++outbox->batches_made;
    osri_link_block_push(&outbox->batches, batch);
    return true;
}

/* A small record goes to the end of the newest batch. Does not count it. */
static osr_err append_whole(osri_outbox *outbox, const uint8_t *bytes, size_t bytes_count)
{
    osri_wire_part part = {.bytes_count = (uint32_t)bytes_count};
    osri_link_block *batch = outbox->batches.last;
    size_t more = OSRI_WIRE_WHOLE_HEAD_BYTES + bytes_count;

    if (batch == NULL || batch->used + more > FRAME_BYTES_MAX) {
        if (!add_batch(outbox, OSRI_WIRE_HEADER_BYTES + more)) {
            return OSR_ENOMEM;
        }
    } else if (batch->used + more > batch->capacity && !grow_batch(outbox, batch->used + more)) {
        return OSR_ENOMEM;
    }
    batch = outbox->batches.last;
    batch->used += osri_wire_head_write(batch->bytes + batch->used, &part);
    memcpy(batch->bytes + batch->used, bytes, bytes_count);
    batch->used += bytes_count;
    batch->records++;
    return OSR_OK;
}

static osri_link_block *copy_record(const uint8_t *bytes, size_t bytes_count)
{
    osri_link_block *record = osri_link_block_new(bytes_count);

    if (record != NULL) {
        memcpy(record->bytes, bytes, bytes_count);
        record->used = bytes_count;
    }
    return record;
}

static void begin_record(osri_outbox *outbox, osri_stream *stream, osri_link_block *record)
{
    stream->record = record;
    stream->cut = 0;
    stream->number = ++outbox->stream_last;
    stream->barrier = outbox->batches_made;
}

static osr_err add_stream(osri_outbox *outbox, uint64_t sender, const uint8_t *bytes,
                          size_t bytes_count)
{
    osri_stream *stream = osri_heap_zalloc(sizeof(*stream));
    osri_link_block *record = stream == NULL ? NULL : copy_record(bytes, bytes_count);

    if (record == NULL || osri_map_put_u64(&outbox->streams, sender, stream, NULL) != OSR_OK) {
        osri_link_block_free(record);
        osri_heap_free(stream, sizeof(*stream));
        return OSR_ENOMEM;
    }
    stream->sender = sender;
    begin_record(outbox, stream, record);
    ring_add(outbox, stream);
    return OSR_OK;
}

static osr_err put_record(osri_outbox *outbox, uint64_t sender, const uint8_t *bytes,
                          size_t bytes_count)
{
    osri_stream *stream = outbox->ring == NULL ? NULL : osri_map_get_u64(&outbox->streams, sender);
    osri_link_block *record;

    if (stream != NULL) {
        record = copy_record(bytes, bytes_count);
        if (record == NULL) {
            return OSR_ENOMEM;
        }
        osri_link_block_push(&stream->waiting, record);
        return OSR_OK;
    }
    if (bytes_count > OSRI_WIRE_WHOLE_BYTES_MAX) {
        return add_stream(outbox, sender, bytes, bytes_count);
    }
    return append_whole(outbox, bytes, bytes_count);
}

osr_err osri_outbox_put(osri_outbox *outbox, uint64_t sender, const uint8_t *bytes,
                        size_t bytes_count)
{
    osr_err err = put_record(outbox, sender, bytes, bytes_count);

    if (err == OSR_OK) {
        outbox->queued_bytes += bytes_count;
        outbox->queued_large_bytes += bytes_count > OSRI_OUTBOX_LARGE_BYTES ? bytes_count : 0;
        outbox->queued_records++;
    }
    return err;
}

void osri_outbox_flush(osri_outbox *outbox)
{
    outbox->flush = outbox->batches.first != NULL;
}

/* Chooses what a stream without a record does next. False: no memory now. */
static bool settle_stream(osri_outbox *outbox, osri_stream *stream)
{
    while (stream->waiting.first != NULL) {
        osri_link_block *record = stream->waiting.first;

        if (record->used > OSRI_WIRE_WHOLE_BYTES_MAX) {
            begin_record(outbox, stream, osri_link_block_pop(&stream->waiting));
            return true;
        }
        if (append_whole(outbox, record->bytes, record->used) != OSR_OK) {
            return false;
        }
        outbox->flush = true;
        osri_link_block_free(osri_link_block_pop(&stream->waiting));
    }
    stream_free(outbox, stream);
    return true;
}

static void settle_streams(osri_outbox *outbox)
{
    osri_stream *stream = outbox->ring;

    outbox->unsettled = false;
    for (size_t left = osri_map_count(&outbox->streams); left > 0; left--) {
        osri_stream *next = stream->next;

        if (stream->record == NULL && !settle_stream(outbox, stream)) {
            outbox->unsettled = true;
        }
        stream = next;
    }
}

static bool may_go_on(const osri_outbox *outbox, const osri_stream *stream)
{
    if (stream->record == NULL || stream->barrier > outbox->batches_taken) {
        return false;
    }
    return stream->cut > 0 ||
           (outbox->streams_open < OSRI_WIRE_STREAMS_MAX &&
            outbox->streams_bytes + stream->record->used <= OSRI_WIRE_STREAM_BYTES_MAX);
}

/* The stream whose turn it is, or NULL. */
static osri_stream *due_stream(const osri_outbox *outbox)
{
    osri_stream *stream = outbox->ring;

    if (stream == NULL) {
        return NULL;
    }
    do {
        if (may_go_on(outbox, stream)) {
            return stream;
        }
        stream = stream->next;
    } while (stream != outbox->ring);
    return NULL;
}

static bool batch_is_due(const osri_outbox *outbox)
{
    const osri_link_block *batch = outbox->batches.first;

    return batch != NULL && (outbox->flush || batch != outbox->batches.last ||
                             batch->used >= OSRI_WIRE_HEADER_BYTES + BATCH_DUE_BYTES);
}

static osri_link_block *take_batch(osri_outbox *outbox)
{
    osri_link_block *batch = osri_link_block_pop(&outbox->batches);

    outbox->batches_taken = batch->number;
    outbox->queued_records -= batch->records;
    outbox->queued_bytes -=
        batch->used - OSRI_WIRE_HEADER_BYTES - (size_t)batch->records * OSRI_WIRE_WHOLE_HEAD_BYTES;
    outbox->flush = outbox->flush && outbox->batches.first != NULL;
    return batch;
}

static void count_fragment(osri_outbox *outbox, osri_stream *stream, const osri_wire_part *part)
{
    outbox->queued_bytes -= part->bytes_count;
    if (stream->record->used > OSRI_OUTBOX_LARGE_BYTES) {
        outbox->queued_large_bytes -= part->bytes_count;
    }
    stream->cut += part->bytes_count;
    outbox->ring = stream->next;
    if (part->first) {
        outbox->streams_open++;
        outbox->streams_bytes += part->total;
    }
    if (part->last) {
        outbox->streams_open--;
        outbox->streams_bytes -= stream->record->used;
        outbox->queued_records--;
        osri_link_block_free(stream->record);
        stream->record = NULL;
        outbox->unsettled = true;
    }
}

static osri_link_block *take_fragment(osri_outbox *outbox, osri_stream *stream)
{
    size_t left = stream->record->used - stream->cut;
    size_t length = left < FRAGMENT_BYTES ? left : FRAGMENT_BYTES;
    osri_wire_part part = {.fragment = true,
                           .first = stream->cut == 0,
                           .last = length == left,
                           .stream = stream->number,
                           .total = (uint32_t)stream->record->used,
                           .bytes_count = (uint32_t)length};
    osri_link_block *frame =
        osri_link_block_new(OSRI_WIRE_HEADER_BYTES + OSRI_WIRE_HEAD_BYTES_MAX + length);

    if (frame == NULL) {
        return NULL;
    }
    frame->used = OSRI_WIRE_HEADER_BYTES;
    frame->used += osri_wire_head_write(frame->bytes + frame->used, &part);
    memcpy(frame->bytes + frame->used, stream->record->bytes + stream->cut, length);
    frame->used += length;
    frame->records = part.last ? 1 : 0;
    frame->fragment = true;
    count_fragment(outbox, stream, &part);
    return frame;
}

/* At most, with its head. */
static size_t fragment_payload(const osri_stream *stream)
{
    size_t left = stream->record->used - stream->cut;

    return (left < FRAGMENT_BYTES ? left : FRAGMENT_BYTES) + OSRI_WIRE_HEAD_BYTES_MAX;
}

osri_link_block *osri_outbox_take(osri_outbox *outbox, size_t room, bool *ret_wants_room)
{
    osri_stream *stream;
    bool batch;
    size_t payload;

    *ret_wants_room = false;
    if (outbox->unsettled) {
        settle_streams(outbox);
    }
    stream = due_stream(outbox);
    batch = batch_is_due(outbox);
    if (!batch && stream == NULL) {
        /* A batch that a stream waits for is due, however small. */
        batch = outbox->ring != NULL && outbox->batches.first != NULL;
        if (!batch) {
            return NULL;
        }
    }
    batch = batch && (stream == NULL || !outbox->stream_turn);
    payload =
        batch ? outbox->batches.first->used - OSRI_WIRE_HEADER_BYTES : fragment_payload(stream);
    if (payload > room) {
        *ret_wants_room = true;
        return NULL;
    }
    outbox->stream_turn = batch;
    return batch ? take_batch(outbox) : take_fragment(outbox, stream);
}
