/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/record.h"

#include <string.h>

#include "dist/identity/pack.h"

/* Records: dist/net/RECORDS.md has the layout.
 *
 * Invariants
 *   I1  what osri_record_open() gives the runtime has, for each kind, a body of the type that the
 *       runtime expects: a control signal's body is not self-described on the wire.
 *   I2  `from` is always a process of the peer: a peer cannot speak in another's name. */

#define HEAD_BYTES_MAX 400
#define SIGNAL_FIELDS 9
#define INTRODUCTION_FIELDS 4
#define NS_PER_MS UINT64_C(1000000)

/* The type of a control signal's body; NULL: it has none. */
static const osr_type *body_type_of(uint32_t kind)
{
    switch (kind) {
    case OSRI_SIGNAL_EXIT:
    case OSRI_SIGNAL_LINK_EXIT:
    case OSRI_SIGNAL_DOWN:
        return &osr_reason_osr_type;
    case OSRI_SIGNAL_MONITOR:
        return &osri_monitored_osr_type;
    case OSRI_SIGNAL_SPAWN:
        return &osri_spawn_request_osr_type;
    case OSRI_SIGNAL_LEADER:
        return &osri_leader_osr_type;
    case OSRI_SIGNAL_SPAWN_REPLY:
        return &osri_spawn_result_osr_type;
    default:
        return NULL;
    }
}

static bool is_message(uint32_t kind)
{
    return kind == OSRI_SIGNAL_MESSAGE || kind == OSRI_SIGNAL_REPLY;
}

/* Those between never leave a node. */
static bool is_signal(uint32_t kind)
{
    return (kind >= OSRI_SIGNAL_MESSAGE && kind <= OSRI_SIGNAL_INFO) || kind == OSRI_SIGNAL_LEADER;
}

static uint64_t left_ms(uint64_t deadline_ns, uint64_t now_ns)
{
    if (deadline_ns == 0 || deadline_ns == UINT64_MAX) {
        return 0;
    }
    uint64_t left = deadline_ns <= now_ns ? 1 : (deadline_ns - now_ns - 1) / NS_PER_MS + 1;
    return left < UINT32_MAX ? left : UINT32_MAX;
}

/* Both what is left and when it was. */
static uint64_t deadline_of(uint64_t deadline_ns, uint64_t now_ns)
{
    uint64_t left = left_ms(deadline_ns, now_ns);
    return left == 0 ? 0 : left << 32 | (uint32_t)(now_ns / NS_PER_MS);
}

static osr_err write_body(osri_buffer *buffer, const osri_envelope *signal)
{
    static const uint8_t nil = 0xc0;
    const osr_type *type = body_type_of(signal->kind);

    if (is_message(signal->kind) && signal->type != NULL) {
        return osri_encode_message(signal->type, osri_envelope_body(signal), buffer);
    }
    if (type != NULL && signal->type != NULL) {
        return osri_encode(type, osri_envelope_body(signal), buffer);
    }
    return osri_buffer_append(buffer, &nil, 1);
}

osr_err osri_record_write_signal(osri_buffer *buffer, const osri_envelope *signal,
                                 const osri_route *route, uint64_t now_ns)
{
    uint8_t head[HEAD_BYTES_MAX];
    size_t size = buffer->size;
    osri_writer writer;
    osr_err err;

    if (route->name != NULL && strlen(route->name) >= OSRI_RECORD_NAME_BYTES) {
        return OSR_EINVAL;
    }
    osri_writer_init(&writer, head, sizeof(head));
    osri_write_array(&writer, SIGNAL_FIELDS);
    osri_write_uint(&writer, signal->kind);
    osri_write_uint(&writer, osri_record_process(signal->from));
    if (route->name != NULL) {
        osri_write_bin(&writer, (const uint8_t *)route->name, strlen(route->name));
    } else {
        osri_write_uint(&writer, osri_record_process(route->pid));
    }
    osri_write_uint(&writer, signal->ref);
    osri_write_uint(&writer, signal->counter);
    osri_write_uint(&writer, signal->trace);
    osri_write_uint(&writer, signal->span);
    osri_write_uint(&writer, deadline_of(signal->deadline_ns, now_ns));
    err = writer.failed ? OSR_ELIMIT : osri_buffer_append(buffer, head, writer.bytes);
    if (err == OSR_OK) {
        err = write_body(buffer, signal);
    }
    if (err != OSR_OK) {
        buffer->size = size;
    }
    return err;
}

osr_err osri_record_write_introduction(osri_buffer *buffer, osri_record_kind kind, uint64_t id,
                                       const char *name, uint64_t value)
{
    uint8_t head[HEAD_BYTES_MAX];
    osri_writer writer;

    if (strlen(name) >= OSRI_RECORD_NAME_BYTES) {
        return OSR_EINVAL;
    }
    osri_writer_init(&writer, head, sizeof(head));
    osri_write_array(&writer, INTRODUCTION_FIELDS);
    osri_write_uint(&writer, (uint64_t)kind);
    osri_write_uint(&writer, id);
    osri_write_bin(&writer, (const uint8_t *)name, strlen(name));
    osri_write_uint(&writer, value);
    return writer.failed ? OSR_ELIMIT : osri_buffer_append(buffer, head, writer.bytes);
}

static void read_name(osri_reader *reader, char ret_name[OSRI_RECORD_NAME_BYTES])
{
    size_t bytes = 0;
    const uint8_t *name = osri_read_bin(reader, OSRI_RECORD_NAME_BYTES - 1, &bytes);

    ret_name[0] = '\0';
    if (reader->failed || (bytes > 0 && memchr(name, '\0', bytes) != NULL)) {
        reader->failed = true;
        return;
    }
    if (bytes > 0) {
        memcpy(ret_name, name, bytes);
    }
    ret_name[bytes] = '\0';
}

static bool is_bin_next(const osri_reader *reader)
{
    return reader->at < reader->end && *reader->at >= 0xc4 && *reader->at <= 0xc6;
}

static void read_signal(osri_reader *reader, osri_record *record)
{
    record->from = osri_read_uint(reader, UINT64_MAX);
    record->is_named = is_bin_next(reader);
    if (record->is_named) {
        read_name(reader, record->name);
        reader->failed = reader->failed || record->name[0] == '\0';
    } else {
        record->to = osri_read_uint(reader, UINT64_MAX);
    }
    record->ref = osri_read_uint(reader, UINT64_MAX);
    record->counter = osri_read_uint(reader, UINT64_MAX);
    record->trace = osri_read_uint(reader, UINT64_MAX);
    record->span = osri_read_uint(reader, UINT64_MAX);
    uint64_t deadline = osri_read_uint(reader, UINT64_MAX);
    record->deadline_ms = deadline >> 32;
    record->sent_ms = (uint32_t)deadline;
    record->body = reader->at;
    record->body_bytes = reader->failed ? 0 : (size_t)(reader->end - reader->at);
}

static void read_introduction(osri_reader *reader, osri_record *record)
{
    record->id = osri_read_uint(reader, record->kind == OSRI_RECORD_TYPE ? UINT32_MAX : UINT64_MAX);
    read_name(reader, record->name);
    record->value = osri_read_uint(reader, UINT64_MAX);
    reader->failed = reader->failed || !osri_reader_is_done(reader);
}

osr_err osri_record_read(const uint8_t *bytes, size_t size, osri_record *ret_record)
{
    osri_reader reader;
    uint32_t fields;

    *ret_record = (osri_record){0};
    osri_reader_init(&reader, bytes, size);
    fields = osri_read_array(&reader, SIGNAL_FIELDS);
    ret_record->kind = (uint32_t)osri_read_uint(&reader, UINT8_MAX);
    if (fields == SIGNAL_FIELDS && is_signal(ret_record->kind)) {
        read_signal(&reader, ret_record);
    } else if (fields == INTRODUCTION_FIELDS &&
               (ret_record->kind == OSRI_RECORD_TYPE || ret_record->kind == OSRI_RECORD_NODE)) {
        read_introduction(&reader, ret_record);
    } else {
        return OSR_EPROTO;
    }
    return reader.failed ? OSR_EPROTO : OSR_OK;
}

osr_err osri_record_body_type(const osri_record *record, uint32_t *ret_id)
{
    osri_reader reader;
    uint32_t fields;
    uint64_t id;

    osri_reader_init(&reader, record->body, record->body_bytes);
    fields = osri_read_array(&reader, UINT32_MAX);
    id = osri_read_uint(&reader, UINT32_MAX);
    if (reader.failed || fields < 2 || id == 0) {
        return OSR_EPROTO;
    }
    *ret_id = (uint32_t)id;
    return OSR_OK;
}

static osr_err open_body(const osri_record *record, const osri_types *types,
                         osri_envelope **ret_signal)
{
    const osr_type *type = body_type_of(record->kind);

    if (is_message(record->kind)) {
        return osri_decode_message(types, record->body, record->body_bytes, ret_signal);
    }
    if (type != NULL) {
        return osri_decode(type, record->body, record->body_bytes, ret_signal);
    }
    if (record->body_bytes != 1 || record->body[0] != 0xc0) {
        return OSR_EPROTO;
    }
    return osri_envelope_new(NULL, NULL, ret_signal);
}

osr_err osri_record_open(const osri_record *record, const osri_types *types, uint64_t peer,
                         uint64_t now_ns, osri_envelope **ret_signal)
{
    osri_envelope *signal = NULL;
    osr_err err = open_body(record, types, &signal);

    if (err != OSR_OK) {
        return err;
    }
    signal->kind = (uint8_t)record->kind;
    signal->from = osri_record_pid(peer, record->from);
    signal->ref = record->ref;
    signal->counter = record->counter;
    signal->trace = record->trace;
    signal->span = record->span;
    signal->deadline_ns = record->deadline_ms == 0 ? 0 : now_ns + record->deadline_ms * NS_PER_MS;
    *ret_signal = signal;
    return OSR_OK;
}

static uint64_t read_big(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;

    for (size_t i = 0; i < bytes; i++) {
        value = value << 8 | at[i];
    }
    return value;
}

/* The bytes of the value at `at`, without what a container contains. Valid input only. */
static size_t token_bytes(const uint8_t *at)
{
    uint8_t head = at[0];

    if (head >= 0xa0 && head <= 0xbf) {
        return 1u + (head & 0x1fu);
    }
    switch (head) {
    case 0xc4:
    case 0xd9:
        return 2 + (size_t)at[1];
    case 0xc5:
    case 0xda:
        return 3 + (size_t)read_big(at + 1, 2);
    case 0xc6:
    case 0xdb:
        return 5 + (size_t)read_big(at + 1, 4);
    case 0xcc:
    case 0xd0:
        return 2;
    case 0xcd:
    case 0xd1:
    case 0xdc:
    case 0xde:
        return 3;
    case 0xca:
    case 0xce:
    case 0xd2:
    case 0xdd:
    case 0xdf:
        return 5;
    case 0xcb:
    case 0xcf:
    case 0xd3:
        return 9;
    case 0xd8:
        return 2 + OSRI_EXT_BYTES;
    default:
        return 1;
    }
}

void osri_record_each_pid(const uint8_t *bytes, size_t size,
                          void (*visit)(void *context, osr_pid pid), void *context)
{
    size_t at = 0;

    while (at < size) {
        size_t token = token_bytes(bytes + at);
        if (bytes[at] == 0xd8 && size - at >= 2 + OSRI_EXT_BYTES && bytes[at + 1] == OSRI_EXT_PID) {
            osr_pid pid = {read_big(bytes + at + 2, 8), (uint32_t)read_big(bytes + at + 10, 4),
                           (uint32_t)read_big(bytes + at + 14, 4)};
            visit(context, pid);
        }
        at += token;
    }
}
