/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/wire.h"

#include <string.h>

/* Codec of PROTOCOL.md.
 *
 * Invariants
 *   I1  a decoder accepts exactly what the encoder writes for some value: shortest forms, known
 *       shapes, nothing behind;
 *   I2  a decoded name is a legal node name, a label and an endpoint hold no control characters. */

#define RECORD_FIELDS 8
#define COUNTERS 9
#define CERTIFICATE_FIELDS 2
#define ERROR_CODE_MAX 0xffff

static void write_labels(osri_writer *writer, const osri_epmd_record *record)
{
    osri_write_array(writer, record->label_count);
    for (uint32_t i = 0; i < record->label_count; i++) {
        osri_write_text(writer, record->labels[i]);
    }
}

static void read_labels(osri_reader *reader, osri_epmd_record *record)
{
    record->label_count = osri_read_array(reader, OSRI_EPMD_LABELS_MAX);
    for (uint32_t i = 0; i < record->label_count; i++) {
        osri_read_text(reader, record->labels[i], sizeof(record->labels[i]));
    }
}

static void read_name(osri_reader *reader, char name[OSRI_NAME_BYTES])
{
    osri_read_text(reader, name, OSRI_NAME_BYTES);
    if (osri_node_name_check(name, strlen(name)) != OSR_OK) {
        reader->failed = true;
    }
}

static void write_record(osri_writer *writer, const osri_epmd_record *record)
{
    osri_write_array(writer, RECORD_FIELDS);
    osri_write_text(writer, record->name);
    osri_write_text(writer, record->endpoint);
    osri_write_bin(writer, record->key, sizeof(record->key));
    osri_write_uint(writer, record->creation);
    osri_write_uint(writer, record->registered);
    osri_write_uint(writer, record->os_pid);
    write_labels(writer, record);
    osri_write_bool(writer, record->hidden);
}

static void read_record(osri_reader *reader, osri_epmd_record *record)
{
    memset(record, 0, sizeof(*record));
    osri_read_array_of(reader, RECORD_FIELDS);
    read_name(reader, record->name);
    osri_read_text(reader, record->endpoint, sizeof(record->endpoint));
    osri_read_bin_exact(reader, record->key, sizeof(record->key));
    record->creation = osri_read_uint(reader, UINT64_MAX);
    record->registered = osri_read_uint(reader, UINT64_MAX);
    record->os_pid = (uint32_t)osri_read_uint(reader, UINT32_MAX);
    read_labels(reader, record);
    record->hidden = osri_read_bool(reader);
}

/* Fields of each operation after version and operation, without the certificate's two. */
static uint32_t fields_of(uint64_t operation)
{
    switch (operation) {
    case OSRI_EPMD_REGISTER:
        return 5;
    case OSRI_EPMD_LOOKUP:
    case OSRI_EPMD_LIST:
        return 1;
    default:
        return 0;
    }
}

static void write_operation(osri_writer *writer, const osri_epmd_request *request)
{
    const osri_epmd_record *record = &request->record;

    if (request->operation == OSRI_EPMD_REGISTER) {
        osri_write_text(writer, record->endpoint);
        osri_write_uint(writer, record->creation);
        osri_write_uint(writer, record->os_pid);
        write_labels(writer, record);
        osri_write_bool(writer, record->hidden);
    } else if (request->operation == OSRI_EPMD_LOOKUP) {
        osri_write_text(writer, record->name);
    } else if (request->operation == OSRI_EPMD_LIST) {
        osri_write_uint(writer, request->after);
    }
}

static void read_operation(osri_reader *reader, osri_epmd_request *request)
{
    osri_epmd_record *record = &request->record;

    if (request->operation == OSRI_EPMD_REGISTER) {
        osri_read_text(reader, record->endpoint, sizeof(record->endpoint));
        record->creation = osri_read_uint(reader, UINT64_MAX);
        record->os_pid = (uint32_t)osri_read_uint(reader, UINT32_MAX);
        read_labels(reader, record);
        record->hidden = osri_read_bool(reader);
    } else if (request->operation == OSRI_EPMD_LOOKUP) {
        read_name(reader, record->name);
    } else if (request->operation == OSRI_EPMD_LIST) {
        request->after = osri_read_uint(reader, UINT64_MAX);
    }
}

static void read_certificate(osri_reader *reader, osri_epmd_request *request)
{
    size_t body_bytes = 0, signature_bytes = 0;
    const uint8_t *body = osri_read_bin(reader, OSRI_CERTIFICATE_BYTES_MAX, &body_bytes);
    const uint8_t *signature = osri_read_bin(reader, OSRI_SIGNATURE_BYTES, &signature_bytes);

    if (reader->failed || (body_bytes == 0 && signature_bytes == 0)) {
        return;
    }
    request->has_certificate =
        osri_signed_certificate_set(body, body_bytes, signature, signature_bytes,
                                    &request->certificate) == OSR_OK;
    if (!request->has_certificate) {
        reader->failed = true;
    }
}

osr_err osri_epmd_request_encode(const osri_epmd_request *request, uint8_t *ret_data,
                                 size_t bytes_max, size_t *ret_bytes)
{
    const osri_signed_certificate *certificate = &request->certificate;
    osri_writer writer;

    osri_writer_init(&writer, ret_data, bytes_max);
    osri_write_array(&writer, 2 + fields_of(request->operation) + CERTIFICATE_FIELDS);
    osri_write_uint(&writer, OSRI_EPMD_VERSION);
    osri_write_uint(&writer, request->operation);
    write_operation(&writer, request);
    osri_write_bin(&writer, certificate->body,
                   request->has_certificate ? certificate->body_bytes : 0);
    osri_write_bin(&writer, certificate->signature,
                   request->has_certificate ? sizeof(certificate->signature) : 0);
    *ret_bytes = writer.bytes;
    return writer.failed ? OSR_EINVAL : OSR_OK;
}

/* The head is the same in all versions, so that a stranger can be told which one is spoken here. */
static osr_err read_head(osri_reader *reader, uint32_t *ret_count, uint64_t *ret_kind)
{
    *ret_count = osri_read_array(reader, UINT16_MAX);
    uint64_t version = osri_read_uint(reader, UINT64_MAX);
    if (!reader->failed && version != OSRI_EPMD_VERSION) {
        return OSR_EVERSION;
    }
    *ret_kind = osri_read_uint(reader, UINT64_MAX);
    return reader->failed ? OSR_EPROTO : OSR_OK;
}

osr_err osri_epmd_request_decode(const uint8_t *data, size_t bytes, osri_epmd_request *ret_request)
{
    osri_reader reader;
    uint32_t count = 0;
    uint64_t operation = 0;

    if (bytes > OSRI_EPMD_REQUEST_BYTES_MAX) {
        return OSR_EPROTO;
    }
    memset(ret_request, 0, sizeof(*ret_request));
    osri_reader_init(&reader, data, bytes);
    osr_err err = read_head(&reader, &count, &operation);
    if (err != OSR_OK) {
        return err;
    }
    if (operation < OSRI_EPMD_REGISTER || operation > OSRI_EPMD_STOP ||
        count != 2 + fields_of(operation) + CERTIFICATE_FIELDS) {
        return OSR_EPROTO;
    }
    ret_request->operation = (osri_epmd_operation)operation;
    read_operation(&reader, ret_request);
    read_certificate(&reader, ret_request);
    return osri_reader_is_done(&reader) ? OSR_OK : OSR_EPROTO;
}

static void list_counters(osri_epmd_status *status, uint64_t *ret_counters[COUNTERS])
{
    uint64_t *const counters[COUNTERS] = {
        &status->os_pid,      &status->uptime_s,   &status->names,
        &status->connections, &status->registered, &status->answered,
        &status->refused,     &status->malformed,  &status->limited,
    };

    memcpy(ret_counters, counters, sizeof(counters));
}

osr_err osri_epmd_reply_encode(const osri_epmd_reply *reply, uint8_t *ret_data, size_t bytes_max,
                               size_t *ret_bytes)
{
    osri_epmd_status status = reply->status;
    uint64_t *counters[COUNTERS];
    osri_writer writer;

    osri_writer_init(&writer, ret_data, bytes_max);
    osri_write_array(&writer, reply->answer == OSRI_EPMD_OK      ? 2
                              : reply->answer == OSRI_EPMD_ERROR ? 4
                                                                 : 3);
    osri_write_uint(&writer, OSRI_EPMD_VERSION);
    osri_write_uint(&writer, reply->answer);
    if (reply->answer == OSRI_EPMD_ERROR) {
        osri_write_uint(&writer, reply->error);
        osri_write_text(&writer, reply->text);
    } else if (reply->answer == OSRI_EPMD_RECORD) {
        write_record(&writer, &reply->record);
    } else if (reply->answer == OSRI_EPMD_COUNTERS) {
        list_counters(&status, counters);
        osri_write_array(&writer, COUNTERS);
        for (uint32_t i = 0; i < COUNTERS; i++) {
            osri_write_uint(&writer, *counters[i]);
        }
    }
    *ret_bytes = writer.bytes;
    return writer.failed ? OSR_EINVAL : OSR_OK;
}

void osri_epmd_records_init(osri_epmd_records *records)
{
    records->count = 0;
    osri_writer_init(&records->writer, records->data, sizeof(records->data));
}

bool osri_epmd_records_add(osri_epmd_records *records, const osri_epmd_record *record)
{
    size_t before = records->writer.bytes;

    if (records->count == UINT16_MAX) {
        return false;
    }
    write_record(&records->writer, record);
    if (records->writer.failed) {
        records->writer.bytes = before;
        return false;
    }
    records->count++;
    return true;
}

osr_err osri_epmd_records_encode(const osri_epmd_records *records, uint64_t next, uint8_t *ret_data,
                                 size_t bytes_max, size_t *ret_bytes)
{
    osri_writer writer;

    osri_writer_init(&writer, ret_data, bytes_max);
    osri_write_array(&writer, 4);
    osri_write_uint(&writer, OSRI_EPMD_VERSION);
    osri_write_uint(&writer, OSRI_EPMD_RECORDS);
    osri_write_uint(&writer, next);
    osri_write_array(&writer, records->count);
    if (writer.failed || records->writer.bytes > bytes_max - writer.bytes) {
        return OSR_EINVAL;
    }
    memcpy(ret_data + writer.bytes, records->data, records->writer.bytes);
    *ret_bytes = writer.bytes + records->writer.bytes;
    return OSR_OK;
}

static void read_records(osri_reader *reader, osri_epmd_reply *reply)
{
    osri_epmd_record scratch;
    uint64_t last = 0;

    reply->next = osri_read_uint(reader, UINT64_MAX);
    reply->count = osri_read_array(reader, UINT16_MAX);
    reply->records = *reader;
    for (uint32_t i = 0; i < reply->count && !reader->failed; i++) {
        read_record(reader, &scratch);
        if (scratch.registered <= last) {
            reader->failed = true;
        }
        last = scratch.registered;
    }
    if (reply->next != 0 && reply->next != last) {
        reader->failed = true;
    }
}

static void read_counters(osri_reader *reader, osri_epmd_status *status)
{
    uint64_t *counters[COUNTERS];

    list_counters(status, counters);
    osri_read_array_of(reader, COUNTERS);
    for (uint32_t i = 0; i < COUNTERS; i++) {
        *counters[i] = osri_read_uint(reader, UINT64_MAX);
    }
}

static void read_answer(osri_reader *reader, uint32_t count, osri_epmd_reply *reply)
{
    if (reply->answer == OSRI_EPMD_OK && count == 2) {
        return;
    }
    if (reply->answer == OSRI_EPMD_ERROR && count == 4) {
        reply->error = (osr_err)osri_read_uint(reader, ERROR_CODE_MAX);
        osri_read_text(reader, reply->text, sizeof(reply->text));
        reader->failed = reader->failed || reply->error == OSR_OK;
    } else if (reply->answer == OSRI_EPMD_RECORD && count == 3) {
        read_record(reader, &reply->record);
    } else if (reply->answer == OSRI_EPMD_RECORDS && count == 4) {
        read_records(reader, reply);
    } else if (reply->answer == OSRI_EPMD_COUNTERS && count == 3) {
        read_counters(reader, &reply->status);
    } else {
        reader->failed = true;
    }
}

osr_err osri_epmd_reply_decode(const uint8_t *data, size_t bytes, osri_epmd_reply *ret_reply)
{
    osri_reader reader;
    uint32_t count = 0;
    uint64_t answer = 0;

    if (bytes > OSRI_EPMD_REPLY_BYTES_MAX) {
        return OSR_EPROTO;
    }
    memset(ret_reply, 0, sizeof(*ret_reply));
    osri_reader_init(&reader, data, bytes);
    osr_err err = read_head(&reader, &count, &answer);
    if (err != OSR_OK) {
        return err;
    }
    ret_reply->answer = answer <= OSRI_EPMD_COUNTERS ? (osri_epmd_answer)answer : 0;
    read_answer(&reader, count, ret_reply);
    return osri_reader_is_done(&reader) ? OSR_OK : OSR_EPROTO;
}

void osri_epmd_reply_next(osri_epmd_reply *reply, osri_epmd_record *ret_record)
{
    read_record(&reply->records, ret_record);
}
