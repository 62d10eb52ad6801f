/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/handshake.h"

#include <string.h>

#include "dist/identity/pack.h"
#include "lib/core/assert.h"

#define ELEMENTS_MAX 64 /* room for later versions */
#define WINDOW_BYTES_LEAST 65536
#define FRAME_BYTES_LEAST 65536
#define TICK_MS_LEAST 100

static uint32_t elements_of(osri_handshake_kind kind)
{
    switch (kind) {
    case OSRI_HANDSHAKE_HELLO:
        return 17;
    case OSRI_HANDSHAKE_WELCOME:
        return 15;
    case OSRI_HANDSHAKE_READY:
        return 2;
    case OSRI_HANDSHAKE_REFUSE:
        break;
    }
    return 3;
}

static void write_certificate(osri_writer *writer, const osri_handshake *handshake)
{
    osri_write_bin(writer, handshake->certificate.body, handshake->certificate.body_bytes);
    osri_write_bin(writer, handshake->certificate.signature, OSRI_SIGNATURE_BYTES);
    osri_write_uint(writer, handshake->creation);
}

/* What ends both HELLO and WELCOME. */
static void write_terms(osri_writer *writer, const osri_handshake *handshake)
{
    osri_write_bin(writer, handshake->nonce, sizeof(handshake->nonce));
    osri_write_uint(writer, handshake->features);
    osri_write_uint(writer, handshake->window_bytes);
    osri_write_uint(writer, handshake->frame_bytes_max);
    osri_write_uint(writer, handshake->tick_ms);
    osri_write_uint(writer, handshake->crl_version);
    osri_write_array(writer, handshake->label_count);
    for (uint32_t i = 0; i < handshake->label_count; i++) {
        osri_write_text(writer, handshake->labels[i]);
    }
    osri_write_uint(writer, handshake->os_pid);
    osri_write_bool(writer, handshake->hidden);
}

static void write_body(osri_writer *writer, const osri_handshake *handshake)
{
    switch (handshake->kind) {
    case OSRI_HANDSHAKE_HELLO:
        osri_write_uint(writer, handshake->version_min);
        osri_write_uint(writer, handshake->version_max);
        osri_write_text(writer, handshake->cluster);
        write_certificate(writer, handshake);
        osri_write_text(writer, handshake->want_name);
        write_terms(writer, handshake);
        break;
    case OSRI_HANDSHAKE_WELCOME:
        osri_write_uint(writer, handshake->version_max);
        write_certificate(writer, handshake);
        osri_write_bin(writer, handshake->session, sizeof(handshake->session));
        write_terms(writer, handshake);
        break;
    case OSRI_HANDSHAKE_READY:
        osri_write_bin(writer, handshake->session, sizeof(handshake->session));
        break;
    case OSRI_HANDSHAKE_REFUSE:
        osri_write_uint(writer, handshake->refusal);
        osri_write_text(writer, handshake->text);
        break;
    }
}

size_t osri_handshake_encode(const osri_handshake *handshake,
                             uint8_t ret_bytes[OSRI_HANDSHAKE_BYTES_MAX])
{
    osri_writer writer;

    osri_writer_init(&writer, ret_bytes, OSRI_HANDSHAKE_BYTES_MAX);
    osri_write_array(&writer, elements_of(handshake->kind));
    osri_write_uint(&writer, (uint64_t)handshake->kind);
    write_body(&writer, handshake);
    OSR_ASSERT(!writer.failed);
    return writer.bytes;
}

static void read_certificate(osri_reader *reader, osri_handshake *handshake)
{
    size_t bytes = 0;
    const uint8_t *body = osri_read_bin(reader, OSRI_CERTIFICATE_BYTES_MAX, &bytes);

    if (body != NULL) {
        memcpy(handshake->certificate.body, body, bytes);
    }
    handshake->certificate.body_bytes = (uint32_t)bytes;
    osri_read_bin_exact(reader, handshake->certificate.signature, OSRI_SIGNATURE_BYTES);
    handshake->creation = osri_read_uint(reader, UINT64_MAX);
}

static uint32_t read_at_least(osri_reader *reader, uint32_t least)
{
    uint32_t value = (uint32_t)osri_read_uint(reader, UINT32_MAX);

    if (value < least) {
        reader->failed = true;
    }
    return value;
}

static void read_terms(osri_reader *reader, osri_handshake *handshake)
{
    osri_read_bin_exact(reader, handshake->nonce, sizeof(handshake->nonce));
    handshake->features = osri_read_uint(reader, UINT64_MAX);
    handshake->window_bytes = read_at_least(reader, WINDOW_BYTES_LEAST);
    handshake->frame_bytes_max = read_at_least(reader, FRAME_BYTES_LEAST);
    handshake->tick_ms = read_at_least(reader, TICK_MS_LEAST);
    handshake->crl_version = osri_read_uint(reader, UINT64_MAX);
    handshake->label_count = osri_read_array(reader, OSRI_LINK_LABELS_MAX);
    for (uint32_t i = 0; i < handshake->label_count; i++) {
        osri_read_text(reader, handshake->labels[i], OSRI_LINK_LABEL_BYTES);
    }
    handshake->os_pid = osri_read_uint(reader, UINT64_MAX);
    handshake->hidden = osri_read_bool(reader);
}

/* Reads the versions; false: nothing in common, or already malformed. */
static bool read_versions(osri_reader *reader, uint32_t version_min, uint32_t version_max,
                          osri_handshake *handshake)
{
    handshake->version_min = (uint32_t)osri_read_uint(reader, UINT32_MAX);
    handshake->version_max = handshake->kind == OSRI_HANDSHAKE_HELLO
                                 ? (uint32_t)osri_read_uint(reader, UINT32_MAX)
                                 : handshake->version_min;
    if (handshake->version_min > handshake->version_max) {
        reader->failed = true;
    }
    return !reader->failed && handshake->version_min <= version_max &&
           handshake->version_max >= version_min;
}

static void read_body(osri_reader *reader, osri_handshake *handshake)
{
    switch (handshake->kind) {
    case OSRI_HANDSHAKE_HELLO:
        osri_read_text(reader, handshake->cluster, sizeof(handshake->cluster));
        read_certificate(reader, handshake);
        osri_read_text(reader, handshake->want_name, sizeof(handshake->want_name));
        read_terms(reader, handshake);
        break;
    case OSRI_HANDSHAKE_WELCOME:
        read_certificate(reader, handshake);
        osri_read_bin_exact(reader, handshake->session, sizeof(handshake->session));
        read_terms(reader, handshake);
        break;
    case OSRI_HANDSHAKE_READY:
        osri_read_bin_exact(reader, handshake->session, sizeof(handshake->session));
        break;
    case OSRI_HANDSHAKE_REFUSE:
        handshake->refusal = (uint32_t)osri_read_uint(reader, UINT32_MAX);
        osri_read_text(reader, handshake->text, sizeof(handshake->text));
        break;
    }
}

osr_err osri_handshake_decode(const uint8_t *bytes, size_t bytes_count, uint32_t version_min,
                              uint32_t version_max, osri_handshake *ret_handshake)
{
    osri_reader reader;
    uint32_t elements;
    uint64_t kind;

    if (bytes_count > OSRI_HANDSHAKE_BYTES_MAX) {
        return OSR_EPROTO;
    }
    *ret_handshake = (osri_handshake){0};
    osri_reader_init(&reader, bytes, bytes_count);
    elements = osri_read_array(&reader, ELEMENTS_MAX);
    kind = osri_read_uint(&reader, OSRI_HANDSHAKE_REFUSE);
    if (reader.failed || kind == 0) {
        return OSR_EPROTO;
    }
    ret_handshake->kind = (osri_handshake_kind)kind;
    if (kind <= OSRI_HANDSHAKE_WELCOME &&
        !read_versions(&reader, version_min, version_max, ret_handshake)) {
        return reader.failed ? OSR_EPROTO : OSR_EVERSION;
    }
    read_body(&reader, ret_handshake);
    if (reader.failed || elements < elements_of(ret_handshake->kind) ||
        (elements == elements_of(ret_handshake->kind) && !osri_reader_is_done(&reader))) {
        return OSR_EPROTO;
    }
    return OSR_OK;
}
