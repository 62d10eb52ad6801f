/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: message_reference lib_message lib_core */

/* The validator: what it lets through is msgpack to msgpack-c too, and our reader ends where it
 * says. */

#include <msgpack.h>
#include <stdlib.h>

#include "lib/message/unpack.h"
#include "lib/message/validator.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int fact)
{
    if (!fact) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t used = 0;
    osr_err whole = osri_validate(data, size);
    osr_err prefix = osri_validate_prefix(data, size, &used);
    require((whole == OSR_OK) == (prefix == OSR_OK && used == size));
    if (prefix != OSR_OK) {
        return 0;
    }
    osri_reader reader = {data, data + used};
    osri_skip(&reader);
    require(reader.at == reader.end);
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    size_t offset = 0;
    require(msgpack_unpack_next(&unpacked, (const char *)data, used, &offset) ==
            MSGPACK_UNPACK_SUCCESS);
    require(offset == used);
    msgpack_unpacked_destroy(&unpacked);
    return 0;
}
