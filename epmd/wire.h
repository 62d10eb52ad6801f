/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_WIRE_H
#define OSR_EPMD_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dist/identity/identity.h"
#include "dist/identity/pack.h"
#include "epmd/client.h"
#include "epmd/record.h"

/* What is said to a mapper and what it answers: PROTOCOL.md. Pure.
 * Threads: any. */

#define OSRI_EPMD_VERSION 1
#define OSRI_EPMD_REQUEST_BYTES_MAX 4096
#define OSRI_EPMD_REPLY_BYTES_MAX 61440

typedef enum osri_epmd_operation {
    OSRI_EPMD_REGISTER = 1,
    OSRI_EPMD_LOOKUP = 2,
    OSRI_EPMD_LIST = 3,
    OSRI_EPMD_STATUS = 4,
    OSRI_EPMD_STOP = 5,
} osri_epmd_operation;

typedef struct osri_epmd_request {
    osri_epmd_operation operation;
    osri_epmd_record record; /* REGISTER: all but name, key and registered, which follow from the
                                certificate and the mapper; LOOKUP: name */
    uint64_t after;          /* LIST: records registered after this one; 0: from the first */
    bool has_certificate;
    osri_signed_certificate certificate;
} osri_epmd_request;

typedef enum osri_epmd_answer {
    OSRI_EPMD_OK = 1,
    OSRI_EPMD_ERROR = 2,
    OSRI_EPMD_RECORD = 3,
    OSRI_EPMD_RECORDS = 4,
    OSRI_EPMD_COUNTERS = 5,
} osri_epmd_answer;

typedef struct osri_epmd_reply {
    osri_epmd_answer answer;
    osr_err error; /* ERROR */
    char text[OSRI_EPMD_TEXT_BYTES];
    osri_epmd_record record; /* RECORD */
    osri_epmd_status status; /* COUNTERS */
    uint64_t next;           /* RECORDS: `after` of the request that continues; 0: this was all */
    uint32_t count;          /* RECORDS: as many can be read from `records` */
    osri_reader records;     /* lent from the reply's bytes */
} osri_epmd_reply;

/* Errors: OSR_EINVAL too long. */
OSR_MUST_CHECK osr_err osri_epmd_request_encode(const osri_epmd_request *request, uint8_t *ret_data,
                                                size_t bytes_max, size_t *ret_bytes);

/* Errors: OSR_EPROTO malformed; OSR_EVERSION another version. */
OSR_MUST_CHECK osr_err osri_epmd_request_decode(const uint8_t *data, size_t bytes,
                                                osri_epmd_request *ret_request);

/* Not for RECORDS.
 * Errors: OSR_EINVAL too long. */
OSR_MUST_CHECK osr_err osri_epmd_reply_encode(const osri_epmd_reply *reply, uint8_t *ret_data,
                                              size_t bytes_max, size_t *ret_bytes);

/* RECORDS are added one by one; false: this one has no room, so the reply ends before it. */
typedef struct osri_epmd_records {
    osri_writer writer;
    uint32_t count;
    uint8_t data[OSRI_EPMD_REPLY_BYTES_MAX - 32]; /* the rest is for the head */
} osri_epmd_records;

void osri_epmd_records_init(osri_epmd_records *records);
bool osri_epmd_records_add(osri_epmd_records *records, const osri_epmd_record *record);
OSR_MUST_CHECK osr_err osri_epmd_records_encode(const osri_epmd_records *records, uint64_t next,
                                                uint8_t *ret_data, size_t bytes_max,
                                                size_t *ret_bytes);

/* RECORDS are checked to the last one.
 * Errors: OSR_EPROTO; OSR_EVERSION. */
OSR_MUST_CHECK osr_err osri_epmd_reply_decode(const uint8_t *data, size_t bytes,
                                              osri_epmd_reply *ret_reply);

/* The next of `count` records of a decoded reply. */
void osri_epmd_reply_next(osri_epmd_reply *reply, osri_epmd_record *ret_record);

#endif
