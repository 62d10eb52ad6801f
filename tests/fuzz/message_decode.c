/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* modules: message_reference lib_message lib_core */

/* The typed codec against msgpack-c, both ways. The first byte chooses the type, the rest is
 * decoded: taken or refused as the reference says, with the same meaning; what was taken encodes to
 * the reference's bytes and comes back the same. What is read of it part by part, its type known or
 * not, and written part by part is the same message again. */

#include <stdlib.h>
#include <string.h>

#include "lib/message/codec.h"
#include "lib/message/writer.h"
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

static void write_single(osr_writer *writer, const osr_value *value);

/* False: something in it cannot be written, for there is no field that could hold it. */
static bool write_parts(osr_writer *writer, const osr_value *whole)
{
    osr_value rest = *whole;
    osr_value part;
    uint32_t tag = 0;
    osr_err err;
    while ((err = osr_value_next(&rest, &tag, &part)) == OSR_OK) {
        if (whole->kind == OSR_VALUE_STRUCT) {
            osr_write_tag(writer, tag);
        }
        if (part.kind == OSR_VALUE_STRUCT) {
            osr_write_struct(writer, part.count);
        } else if (part.kind == OSR_VALUE_LIST) {
            osr_write_list(writer, part.count);
        } else if (part.kind == OSR_VALUE_NIL) {
            return false;
        } else {
            write_single(writer, &part);
            continue;
        }
        if (!write_parts(writer, &part)) {
            return false;
        }
    }
    require(err == OSR_ENOTFOUND || err == OSR_EINVAL);
    return err == OSR_ENOTFOUND;
}

static void write_single(osr_writer *writer, const osr_value *value)
{
    switch (value->kind) {
    case OSR_VALUE_BOOL:
        osr_write_bool(writer, value->truth);
        break;
    case OSR_VALUE_WHOLE:
        osr_write_unsigned(writer, value->whole);
        break;
    case OSR_VALUE_NEGATIVE:
        osr_write_signed(writer, value->negative);
        break;
    case OSR_VALUE_REAL:
        osr_write_real(writer, value->real);
        break;
    case OSR_VALUE_TEXT:
        osr_write_text(writer, value->text.at, value->text.size);
        break;
    case OSR_VALUE_BYTES:
        osr_write_bytes(writer, value->bytes.at, (uint32_t)value->bytes.size);
        break;
    case OSR_VALUE_PID:
        osr_write_pid(writer, value->pid);
        break;
    default:
        require(value->kind == OSR_VALUE_REF);
        osr_write_ref(writer, value->ref);
        break;
    }
}

static void check_parts(const osri_types *known, const osri_envelope *message)
{
    const osr_dynamic *dynamic = osri_envelope_body(message);
    bool is_known = message->type->id != OSR_DYNAMIC_ID;
    osr_value whole;
    osr_writer *writer = NULL;
    osri_envelope *again = NULL;
    require(osr_value_of(message->type, osri_envelope_body(message), &whole) == OSR_OK);
    require(osr_writer_new(&writer) == OSR_OK);
    osr_write_struct(writer, whole.count);
    if (!write_parts(writer, &whole)) {
        osr_writer_free(&writer);
        return;
    }
    uint32_t id = is_known ? message->type->id : dynamic->type_id;
    osr_err err = osri_writer_end(&writer, known, id, &again);
    /* defaults that did not stand in the input may be too much for a message */
    require(err == OSR_OK || err == OSR_EINVAL || (is_known && err == OSR_EPROTO));
    if (err == OSR_OK && is_known) {
        require(value_equal(message->type, osri_envelope_body(message), osri_envelope_body(again)));
    } else if (err == OSR_OK) {
        require(((const osr_dynamic *)osri_envelope_body(again))->type_id == id);
    }
    osri_envelope_free(&again);
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
        check_parts(&known, message);
    }
    osri_envelope_free(&message);
    return 0;
}
