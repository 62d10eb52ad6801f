/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_MEMBERSHIP_MEMBER_H
#define OSR_DIST_MEMBERSHIP_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/core/name.h"
#include "dist/transport.h"
#include "osier/err.h"

/* What is said of one member of the cluster, and how it travels (dist/membership/PROTOCOL.md).
 * Pure. Threads: any. */

#define OSRI_MEMBER_LABELS_MAX 16
#define OSRI_MEMBER_LABEL_BYTES 64 /* with its NUL */
#define OSRI_MEMBER_LABELS_BYTES (OSRI_MEMBER_LABELS_MAX * OSRI_MEMBER_LABEL_BYTES + 1)
#define OSRI_MEMBERS_RECORD_BYTES (12 * 1024)
#define OSRI_MEMBERS_RECORD_COUNT 256
#define OSRI_RECORD_MEMBERS 66 /* the kind of the record; net/record.h has the others */

/* The numbers travel: append, never reuse. */
typedef enum osri_member_state {
    OSRI_MEMBER_JOINED = 1,
    OSRI_MEMBER_LEFT = 2,
    OSRI_MEMBER_LOST = 3,
} osri_member_state;

/* Texts and key are lent. */
typedef struct osri_member {
    const char *name;
    uint64_t creation;
    uint64_t version; /* 0: nothing was said of it yet */
    osri_member_state state;
    bool draining;
    const char *endpoint; /* "": accepts nobody */
    const char *labels;   /* each followed by a newline */
    const uint8_t *key;   /* OSRI_KEY_BYTES */
} osri_member;

/* Writes a record, piece by piece: begin, then members while they fit. */
typedef struct osri_members_writer {
    uint8_t bytes[OSRI_MEMBERS_RECORD_BYTES];
    size_t size;
    uint32_t count;
} osri_members_writer;

void osri_members_begin(osri_members_writer *writer);

/* False: it does not fit any more; the record is as it was. One always fits into an empty one. */
bool osri_members_add(osri_members_writer *writer, const osri_member *member);

/* The record, which lives in the writer; count > 0. */
const uint8_t *osri_members_end(osri_members_writer *writer, size_t *ret_size);

/* Whether a record of a link is one of members. */
bool osri_members_is_record(const uint8_t *bytes, size_t size);

/* Hands each member of a record to take(), lent for that call, which may come before a later one
 * turns out to be malformed. Trusts nothing. Errors: OSR_EPROTO. */
OSR_MUST_CHECK osr_err osri_members_read(const uint8_t *bytes, size_t size,
                                         void (*take)(void *context, const osri_member *member),
                                         void *context);

#endif
