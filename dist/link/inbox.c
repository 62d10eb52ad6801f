/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/inbox.h"

#include <string.h>

#include "dist/link/link.h"

void osri_inbox_fini(osri_inbox *inbox)
{
    osri_map_entry entry;
    size_t cursor = 0;

    while (osri_map_next(&inbox->streams, &cursor, &entry)) {
        osri_link_block_free(entry.value);
    }
    osri_map_fini(&inbox->streams);
    *inbox = (osri_inbox){0};
}

static const char *opening_violation(const osri_inbox *inbox, const osri_wire_part *part)
{
    if (osri_map_get_u64(&inbox->streams, part->stream) != NULL) {
        return "a stream was opened twice";
    }
    if (part->total == 0 || part->total > OSRI_LINK_RECORD_BYTES_MAX) {
        return "a record of illegal length";
    }
    if (osri_map_count(&inbox->streams) >= OSRI_WIRE_STREAMS_MAX ||
        inbox->bytes + part->total > OSRI_WIRE_STREAM_BYTES_MAX) {
        return "too many open streams";
    }
    return NULL;
}

static osr_err open_stream(osri_inbox *inbox, const osri_wire_part *part, const char **ret_text)
{
    osri_link_block *record;

    *ret_text = opening_violation(inbox, part);
    if (*ret_text != NULL) {
        return OSR_EPROTO;
    }
    record = osri_link_block_new(part->total);
    if (record == NULL) {
        return OSR_ENOMEM;
    }
    if (osri_map_put_u64(&inbox->streams, part->stream, record, NULL) != OSR_OK) {
        osri_link_block_free(record);
        return OSR_ENOMEM;
    }
    inbox->bytes += part->total;
    return OSR_OK;
}

osr_err osri_inbox_take(osri_inbox *inbox, const osri_wire_part *part, osri_link_block **ret_record,
                        const char **ret_text)
{
    osr_err err = part->first ? open_stream(inbox, part, ret_text) : OSR_OK;
    osri_link_block *record;

    if (err != OSR_OK) {
        return err;
    }
    record = osri_map_get_u64(&inbox->streams, part->stream);
    if (record == NULL) {
        *ret_text = "a fragment of no open stream";
        return OSR_EPROTO;
    }
    if (part->bytes_count > record->capacity - record->used ||
        part->last != (record->used + part->bytes_count == record->capacity)) {
        *ret_text = "a record whose length is not the one announced";
        return OSR_EPROTO;
    }
    memcpy(record->bytes + record->used, part->bytes, part->bytes_count);
    record->used += part->bytes_count;
    *ret_record = NULL;
    if (part->last) {
        (void)osri_map_remove_u64(&inbox->streams, part->stream);
        inbox->bytes -= record->capacity;
        *ret_record = record;
    }
    return OSR_OK;
}
