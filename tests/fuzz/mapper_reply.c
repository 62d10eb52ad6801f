/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: epmd_core */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "epmd/wire.h"

/* What a client gets to read from something that calls itself a mapper. What was understood is
 * encoded to the same bytes again, record by record. */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static osr_err encode(osri_epmd_reply *reply, uint8_t *ret_data, size_t bytes_max,
                      size_t *ret_bytes)
{
    static osri_epmd_records records;
    osri_epmd_record record;

    if (reply->answer != OSRI_EPMD_RECORDS) {
        return osri_epmd_reply_encode(reply, ret_data, bytes_max, ret_bytes);
    }
    osri_epmd_records_init(&records);
    for (uint32_t i = 0; i < reply->count; i++) {
        osri_epmd_reply_next(reply, &record);
        if (!osri_epmd_records_add(&records, &record)) {
            return OSR_EINVAL;
        }
    }
    return osri_epmd_records_encode(&records, reply->next, ret_data, bytes_max, ret_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static osri_epmd_reply reply;
    static uint8_t again[OSRI_EPMD_REPLY_BYTES_MAX];
    size_t bytes = 0;

    /* the last bytes of a full reply are the encoder's reserve */
    if (size > OSRI_EPMD_REPLY_BYTES_MAX - 32 ||
        osri_epmd_reply_decode(data, size, &reply) != OSR_OK) {
        return 0;
    }
    if (encode(&reply, again, sizeof(again), &bytes) != OSR_OK || bytes != size ||
        memcmp(again, data, size) != 0) {
        abort();
    }
    return 0;
}
