/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/pack.h"

#include <string.h>

/* Bounded writer and canonical reader.
 *
 * Invariants
 *   I1  the writer never touches data[bytes_max] and after a write that did not fit stays failed;
 *   I2  the reader never looks at or beyond `end`, never allocates, and after a failure gives
 *       zeros;
 *   I3  what msgpack-c writes for a value is the one form that the reader takes for it, so that a
 *       record has one encoding: signatures cover bytes, and two readings of the same bytes cannot
 *       differ. */

#define UINT8_MARK 0xcc
#define UINT16_MARK 0xcd
#define UINT32_MARK 0xce
#define UINT64_MARK 0xcf

static int append(void *context, const char *data, size_t bytes)
{
    osri_writer *writer = context;

    if (writer->failed || bytes > writer->bytes_max - writer->bytes) {
        writer->failed = true;
        return -1;
    }
    memcpy(writer->data + writer->bytes, data, bytes);
    writer->bytes += bytes;
    return 0;
}

void osri_writer_init(osri_writer *writer, uint8_t *data, size_t bytes_max)
{
    writer->data = data;
    writer->bytes = 0;
    writer->bytes_max = bytes_max;
    writer->failed = false;
    msgpack_packer_init(&writer->packer, writer, append);
}

void osri_write_array(osri_writer *writer, uint32_t count)
{
    msgpack_pack_array(&writer->packer, count);
}

void osri_write_uint(osri_writer *writer, uint64_t value)
{
    msgpack_pack_uint64(&writer->packer, value);
}

void osri_write_bool(osri_writer *writer, bool value)
{
    if (value) {
        msgpack_pack_true(&writer->packer);
    } else {
        msgpack_pack_false(&writer->packer);
    }
}

void osri_write_text(osri_writer *writer, const char *text)
{
    size_t bytes = strlen(text);

    msgpack_pack_str(&writer->packer, bytes);
    msgpack_pack_str_body(&writer->packer, text, bytes);
}

void osri_write_bin(osri_writer *writer, const uint8_t *data, size_t bytes)
{
    msgpack_pack_bin(&writer->packer, bytes);
    if (bytes > 0) {
        msgpack_pack_bin_body(&writer->packer, data, bytes);
    }
}

void osri_reader_init(osri_reader *reader, const uint8_t *data, size_t bytes)
{
    reader->at = data;
    reader->end = data + bytes;
    reader->failed = false;
}

static const uint8_t *take(osri_reader *reader, size_t bytes)
{
    const uint8_t *at = reader->at;

    if (reader->failed || bytes > (size_t)(reader->end - at)) {
        reader->failed = true;
        return NULL;
    }
    reader->at += bytes;
    return at;
}

static uint8_t take_mark(osri_reader *reader)
{
    const uint8_t *at = take(reader, 1);

    return at != NULL ? *at : 0;
}

/* A big-endian number of 1, 2, 4 or 8 bytes that would not have fitted in the next shorter form. */
static uint64_t take_number(osri_reader *reader, size_t bytes, uint64_t min)
{
    const uint8_t *at = take(reader, bytes);
    uint64_t value = 0;

    for (size_t i = 0; at != NULL && i < bytes; i++) {
        value = value << 8 | at[i];
    }
    if (value < min) {
        reader->failed = true;
    }
    return reader->failed ? 0 : value;
}

uint32_t osri_read_array(osri_reader *reader, uint32_t count_max)
{
    uint8_t mark = take_mark(reader);
    uint64_t count = 0;

    if ((mark & 0xf0) == 0x90) {
        count = mark & 0x0f;
    } else if (mark == 0xdc) {
        count = take_number(reader, 2, 16);
    } else {
        reader->failed = true;
    }
    if (count > count_max) {
        reader->failed = true;
    }
    return reader->failed ? 0 : (uint32_t)count;
}

void osri_read_array_of(osri_reader *reader, uint32_t count)
{
    if (osri_read_array(reader, count) != count) {
        reader->failed = true;
    }
}

uint64_t osri_read_uint(osri_reader *reader, uint64_t max)
{
    uint8_t mark = take_mark(reader);
    uint64_t value = 0;

    switch (mark) {
    case UINT8_MARK:
        value = take_number(reader, 1, 0x80);
        break;
    case UINT16_MARK:
        value = take_number(reader, 2, 0x100);
        break;
    case UINT32_MARK:
        value = take_number(reader, 4, 0x10000);
        break;
    case UINT64_MARK:
        value = take_number(reader, 8, UINT64_C(0x100000000));
        break;
    default:
        value = mark;
        reader->failed = reader->failed || mark >= 0x80;
        break;
    }
    if (value > max) {
        reader->failed = true;
    }
    return reader->failed ? 0 : value;
}

bool osri_read_bool(osri_reader *reader)
{
    uint8_t mark = take_mark(reader);

    if (mark != 0xc2 && mark != 0xc3) {
        reader->failed = true;
    }
    return !reader->failed && mark == 0xc3;
}

static bool has_control(const uint8_t *text, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

void osri_read_text(osri_reader *reader, char *ret_text, size_t bytes)
{
    uint8_t mark = take_mark(reader);
    uint64_t length = 0;
    const uint8_t *at = NULL;

    ret_text[0] = '\0';
    if ((mark & 0xe0) == 0xa0) {
        length = mark & 0x1f;
    } else if (mark == 0xd9) {
        length = take_number(reader, 1, 32);
    } else if (mark == 0xda) {
        length = take_number(reader, 2, 256);
    } else {
        reader->failed = true;
    }
    if (length >= bytes || (at = take(reader, (size_t)length)) == NULL ||
        has_control(at, (size_t)length)) {
        reader->failed = true;
        return;
    }
    memcpy(ret_text, at, (size_t)length);
    ret_text[length] = '\0';
}

const uint8_t *osri_read_bin(osri_reader *reader, size_t bytes_max, size_t *ret_bytes)
{
    uint8_t mark = take_mark(reader);
    uint64_t length = 0;

    *ret_bytes = 0;
    if (mark == 0xc4) {
        length = take_number(reader, 1, 0);
    } else if (mark == 0xc5) {
        length = take_number(reader, 2, 256);
    } else {
        reader->failed = true;
    }
    if (length > bytes_max) {
        reader->failed = true;
    }
    const uint8_t *at = take(reader, (size_t)length);
    if (at != NULL) {
        *ret_bytes = (size_t)length;
    }
    return at;
}

void osri_read_bin_exact(osri_reader *reader, uint8_t *ret_data, size_t bytes)
{
    size_t length = 0;
    const uint8_t *at = osri_read_bin(reader, bytes, &length);

    if (at == NULL || length != bytes) {
        reader->failed = true;
        memset(ret_data, 0, bytes);
        return;
    }
    memcpy(ret_data, at, bytes);
}

bool osri_reader_is_done(const osri_reader *reader)
{
    return !reader->failed && reader->at == reader->end;
}
