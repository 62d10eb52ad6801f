/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: message_reference lib_message lib_core */

/* The typed codec against msgpack-c, both ways. The first byte chooses the type, the rest is
 * decoded: taken or refused as the reference says, with the same meaning; what was taken encodes to
 * the reference's bytes and comes back the same. */

#include <stdlib.h>
#include <string.h>

#include "lib/message/codec.h"
#include "tests/unit/message/reference.h"
#include "tests/unit/message/samples.h"
#include "tests/unit/message/values.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const osr_type *const types[] = {&everything_osr_type,  &lists_osr_type,
                                        &counter_add_osr_type, &ping_osr_type,
                                        &options_osr_type,     &unions_osr_type};

static void require(int fact)
{
    if (!fact) {
        abort();
    }
}

static void check_encoding(const osr_type *type, const void *value)
{
    osri_buffer buffer = {0};
    msgpack_sbuffer expected;
    msgpack_packer packer;
    msgpack_sbuffer_init(&expected);
    msgpack_packer_init(&packer, &expected, msgpack_sbuffer_write);
    reference_pack(type, value, &packer);
    osr_err err = osri_encode(type, value, &buffer);
    /* Defaults that did not stand in the input can make it larger than a message may be. */
    require(err == OSR_OK || err == OSR_EINVAL);
    if (err == OSR_OK) {
        require(buffer.size == expected.size && memcmp(buffer.at, expected.data, buffer.size) == 0);
        osri_envelope *again = NULL;
        require(osri_decode(type, buffer.at, buffer.size, &again) == OSR_OK);
        require(value_equal(type, value, osri_envelope_body(again)));
        osri_envelope_free(&again);
    }
    osri_buffer_fini(&buffer);
    msgpack_sbuffer_destroy(&expected);
}

static void check_decoding(const osr_type *type, const uint8_t *data, size_t size)
{
    osri_envelope *envelope = NULL;
    osr_err err = osri_decode(type, data, size, &envelope);
    if (osri_validate(data, size) != OSR_OK) {
        require(err == OSR_EPROTO);
        return;
    }
    msgpack_unpacked unpacked;
    msgpack_unpacked_init(&unpacked);
    require(msgpack_unpack_next(&unpacked, (const char *)data, size, NULL) ==
            MSGPACK_UNPACK_SUCCESS);
    bool fits = reference_fits(type, &unpacked.data);
    require(fits ? err == OSR_OK || err == OSR_EINVAL : err == OSR_EPROTO || err == OSR_EINVAL);
    if (err == OSR_OK) {
        require(reference_equal(type, osri_envelope_body(envelope), &unpacked.data));
        check_encoding(type, osri_envelope_body(envelope));
    }
    osri_envelope_free(&envelope);
    msgpack_unpacked_destroy(&unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static osri_types known;
    if (size == 0) {
        return 0;
    }
    if (known.count == 0) {
        require(osri_types_init(&known) == OSR_OK);
        require(osri_types_collect(&known, osri_types_here(), NULL) == OSR_OK);
    }
    check_decoding(types[data[0] % (sizeof(types) / sizeof(types[0]))], data + 1, size - 1);
    osri_envelope *message = NULL;
    if (osri_decode_message(&known, data + 1, size - 1, &message) == OSR_OK) {
        osri_buffer buffer = {0};
        osr_err err = osri_encode_message(message->type, osri_envelope_body(message), &buffer);
        require(err == OSR_OK || err == OSR_EINVAL);
        osri_buffer_fini(&buffer);
    }
    osri_envelope_free(&message);
    return 0;
}
