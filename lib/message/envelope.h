/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_ENVELOPE_H
#define OSR_MESSAGE_ENVELOPE_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/message/body.h"
#include "osier/message.h"

/* The envelope: what carries a message or another signal from its sender to its receiver. The body
 * follows it in the same block; or, with OSRI_ENVELOPE_SHARED, a pointer to a counted one.
 *
 * Ownership: one owner at a time: the sender, then a queue, then the receiver. Nobody writes the
 * body once it has been sent. */
typedef struct osri_envelope {
    struct osri_envelope *next; /* of whatever queue it is in */
    uint8_t kind;               /* lib/process/signal.h */
    uint8_t flags;              /* OSRI_ENVELOPE_… */
    uint16_t spare;
    uint32_t size;        /* bytes of the body */
    const osr_type *type; /* NULL: no body */
    uint32_t to_slot;
    uint32_t to_generation;
    osr_pid from;
    uint64_t ref;     /* its node follows from the kind: a request's is the sender's, a reply's or
                         down's the receiver's */
    uint64_t counter; /* with `from`: the message id */
    uint64_t trace;
    uint64_t span;
    uint64_t deadline_ns; /* 0: none */
    uint64_t enqueued_ns;
} osri_envelope;

enum {
    OSRI_ENVELOPE_SHARED = 0x01,
    OSRI_ENVELOPE_BINS = 0x02,     /* the body holds references to bins */
    OSRI_ENVELOPE_BUILDING = 0x04, /* not sent yet: lib/message/build.h */
    OSRI_ENVELOPE_OTHER = 0x10,    /* this bit and those above are not of this module */
};

#define OSRI_ENVELOPE_BYTES 96 /* DESIGN.md D3: it does not grow */

static_assert(sizeof(osri_envelope) == OSRI_ENVELOPE_BYTES, "envelope");
static_assert(offsetof(osri_envelope, next) == 0, "envelope");
static_assert(offsetof(osri_envelope, kind) == 8, "envelope");
static_assert(offsetof(osri_envelope, flags) == 9, "envelope");
static_assert(offsetof(osri_envelope, size) == 12, "envelope");
static_assert(offsetof(osri_envelope, type) == 16, "envelope");
static_assert(offsetof(osri_envelope, to_slot) == 24, "envelope");
static_assert(offsetof(osri_envelope, to_generation) == 28, "envelope");
static_assert(offsetof(osri_envelope, from) == 32, "envelope");
static_assert(offsetof(osri_envelope, ref) == 48, "envelope");
static_assert(offsetof(osri_envelope, counter) == 56, "envelope");
static_assert(offsetof(osri_envelope, trace) == 64, "envelope");
static_assert(offsetof(osri_envelope, span) == 72, "envelope");
static_assert(offsetof(osri_envelope, deadline_ns) == 80, "envelope");
static_assert(offsetof(osri_envelope, enqueued_ns) == 88, "envelope");
static_assert(OSRI_ENVELOPE_BYTES % 16 == 0, "the body behind it is aligned for any type");

/* Makes an envelope with a deep copy of *value: one measured copy into one block. All other fields
 * are zero. type NULL: without a body; value is not looked at.
 * Ownership: yours; osri_envelope_free().
 * Errors: OSR_ENOMEM; OSR_EINVAL over OSR_MESSAGE_BYTES_MAX, or a size without a pointer. */
OSR_MUST_CHECK osr_err osri_envelope_new(const osr_type *type, const void *value,
                                         osri_envelope **ret_envelope);

/* The same with a shared body, of which it takes a reference of its own. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_envelope_new_shared(osri_body *body, osri_envelope **ret_envelope);

/* The same with a zeroed body of `size` bytes, at least type->size, to be filled in place through
 * osri_envelope_body_to_fill() so that its pointers lead into it; bins put there belong to it.
 * Errors: OSR_ENOMEM; OSR_EINVAL over OSR_MESSAGE_BYTES_MAX. */
OSR_MUST_CHECK osr_err osri_envelope_new_empty(const osr_type *type, size_t size,
                                               osri_envelope **ret_envelope);
void *osri_envelope_body_to_fill(osri_envelope *envelope);

/* Frees it with its body and nulls the pointer; NULL is accepted. */
void osri_envelope_free(osri_envelope **envelope);

/* What it holds in memory: itself, its body, and the bins in that, each as often as it stands
 * there; a shared one as if it were its own. */
uint64_t osri_envelope_bytes(const osri_envelope *envelope);

/* The body, lent as long as the envelope lives; NULL when there is none. */
const void *osri_envelope_body(const osri_envelope *envelope);

#endif
