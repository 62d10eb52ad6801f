/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Messages written piece by piece: as msgpack, which is then decoded like what came from another
 * node; so a message that was put together by hand has no way into memory of its own. */
#include "lib/message/writer.h"

#include "lib/core/heap.h"
#include "lib/message/codec.h"
#include "lib/message/pack.h"

struct osr_writer {
    osri_buffer buffer;
    osr_err err; /* the first one */
};

osr_err osr_writer_new(osr_writer **ret_writer)
{
    osr_writer *writer = osri_heap_zalloc(sizeof(*writer));
    if (writer == NULL) {
        return OSR_ENOMEM;
    }
    *ret_writer = writer;
    return OSR_OK;
}

void osr_writer_free(osr_writer **writer_)
{
    osr_writer *writer = *writer_;
    *writer_ = NULL;
    if (writer != NULL) {
        osri_buffer_fini(&writer->buffer);
        osri_heap_free(writer, sizeof(*writer));
    }
}

/* Whether one more piece may be written; the buffer's own limit is above that of a message. */
static bool is_open(osr_writer *writer)
{
    if (writer->err == OSR_OK && writer->buffer.size > OSR_MESSAGE_BYTES_MAX) {
        writer->err = OSR_EINVAL;
    }
    return writer->err == OSR_OK;
}

void osr_write_struct(osr_writer *writer, uint32_t parts)
{
    writer->err = is_open(writer) ? osri_pack_map(&writer->buffer, parts) : writer->err;
}

void osr_write_tag(osr_writer *writer, uint32_t tag)
{
    osr_write_unsigned(writer, tag);
}

void osr_write_list(osr_writer *writer, uint32_t count)
{
    writer->err = is_open(writer) ? osri_pack_array(&writer->buffer, count) : writer->err;
}

void osr_write_bool(osr_writer *writer, bool value)
{
    writer->err = is_open(writer) ? osri_pack_bool(&writer->buffer, value) : writer->err;
}

void osr_write_unsigned(osr_writer *writer, uint64_t value)
{
    writer->err = is_open(writer) ? osri_pack_unsigned(&writer->buffer, value) : writer->err;
}

void osr_write_signed(osr_writer *writer, int64_t value)
{
    writer->err = is_open(writer) ? osri_pack_signed(&writer->buffer, value) : writer->err;
}

void osr_write_real(osr_writer *writer, double value)
{
    writer->err = is_open(writer) ? osri_pack_f64(&writer->buffer, value) : writer->err;
}

/* Whether so many bytes can be part of a message. */
static bool may_hold(osr_writer *writer, const void *bytes, uint32_t size)
{
    if (is_open(writer) && (size > OSR_MESSAGE_BYTES_MAX || (bytes == NULL && size > 0))) {
        writer->err = OSR_EINVAL;
    }
    return writer->err == OSR_OK;
}

void osr_write_text(osr_writer *writer, const char *text, uint32_t size)
{
    if (may_hold(writer, text, size)) {
        writer->err = osri_pack_str(&writer->buffer, text, size);
    }
}

void osr_write_bytes(osr_writer *writer, const void *bytes, uint32_t size)
{
    if (may_hold(writer, bytes, size)) {
        writer->err = osri_pack_bin(&writer->buffer, bytes, size);
    }
}

void osr_write_pid(osr_writer *writer, osr_pid pid)
{
    writer->err = is_open(writer) ? osri_pack_pid(&writer->buffer, pid) : writer->err;
}

void osr_write_ref(osr_writer *writer, osr_ref ref)
{
    writer->err = is_open(writer) ? osri_pack_ref(&writer->buffer, ref) : writer->err;
}

osr_err osri_writer_end(osr_writer **writer_, const osri_types *types, uint32_t type_id,
                        osri_envelope **ret_envelope)
{
    osr_writer *writer = *writer_;
    osri_buffer message = {0};
    osr_err err = is_open(writer) ? OSR_OK : writer->err;
    if (err == OSR_OK && (type_id == 0 || type_id == OSR_DYNAMIC_ID)) {
        err = OSR_EINVAL;
    }
    err = err == OSR_OK ? osri_pack_array(&message, 2) : err;
    err = err == OSR_OK ? osri_pack_unsigned(&message, type_id) : err;
    err =
        err == OSR_OK ? osri_buffer_append(&message, writer->buffer.at, writer->buffer.size) : err;
    err = err == OSR_OK ? osri_decode_message(types, message.at, message.size, ret_envelope) : err;
    osri_buffer_fini(&message);
    osr_writer_free(writer_);
    return err;
}
