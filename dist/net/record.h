/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_RECORD_H
#define OSR_DIST_NET_RECORD_H

#include "lib/message/codec.h"
#include "lib/process/signal.h"

/* Signals, and introductions of types and nodes, as the records of a link (dist/net/RECORDS.md).
 * Pure. Threads: any. */

#define OSRI_RECORD_NAME_BYTES 256 /* of a process or type, with its NUL */

/* Kinds below it are osri_signal_kind. The numbers travel: append, never reuse. */
typedef enum osri_record_kind {
    OSRI_RECORD_TYPE = 64, /* id, name, value: shape */
    OSRI_RECORD_NODE = 65, /* id, name, value: creation */
} osri_record_kind;

/* What stands in front of the body. */
typedef struct osri_record {
    uint32_t kind; /* osri_signal_kind or osri_record_kind */
    bool is_named; /* to: by name */
    uint64_t from; /* slot << 32 | generation; 0: the node itself */
    uint64_t to;   /* the same, unless is_named */
    uint64_t ref;
    uint64_t counter;
    uint64_t trace;
    uint64_t span;
    uint64_t deadline_ms; /* left when it was sent; 0: none */
    uint32_t sent_ms;     /* where there is one: when, by the sender's clock modulo 2^32 */
    uint64_t id;          /* introductions */
    uint64_t value;
    char name[OSRI_RECORD_NAME_BYTES];
    const uint8_t *body; /* lent from the input */
    size_t body_bytes;
} osri_record;

static inline uint64_t osri_record_process(osr_pid pid)
{
    return (uint64_t)pid.slot << 32 | pid.generation;
}

static inline osr_pid osri_record_pid(uint64_t node, uint64_t process)
{
    osr_pid pid = {node, (uint32_t)(process >> 32), (uint32_t)process};

    return process == 0 ? OSR_PID_NONE : pid;
}

/* Append one record. On error the buffer holds what it held before.
 * Errors: OSR_ENOMEM; OSR_ELIMIT, OSR_EINVAL a name that is too long, or a body that cannot be
 * encoded. */
OSR_MUST_CHECK osr_err osri_record_write_signal(osri_buffer *buffer, const osri_envelope *signal,
                                                const osri_route *route, uint64_t now_ns);
OSR_MUST_CHECK osr_err osri_record_write_introduction(osri_buffer *buffer, osri_record_kind kind,
                                                      uint64_t id, const char *name,
                                                      uint64_t value);

/* Reads everything but the body. Trusts nothing. Errors: OSR_EPROTO. */
OSR_MUST_CHECK osr_err osri_record_read(const uint8_t *bytes, size_t size, osri_record *ret_record);

/* The type id of the body of a MESSAGE or REPLY. Errors: OSR_EPROTO. */
OSR_MUST_CHECK osr_err osri_record_body_type(const osri_record *record, uint32_t *ret_id);

/* Makes the signal of a record, from a process of node `peer`. The body has the type that its kind
 * asks for; a message of a type that is not known becomes an osr_dynamic. Errors: OSR_EPROTO;
 * OSR_EINVAL too large a value; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_record_open(const osri_record *record, const osri_types *types,
                                        uint64_t peer, uint64_t now_ns, osri_envelope **ret_signal);

/* Calls visit() with each pid in bytes that are valid msgpack. */
void osri_record_each_pid(const uint8_t *bytes, size_t size,
                          void (*visit)(void *context, osr_pid pid), void *context);

#endif
