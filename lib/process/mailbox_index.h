/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_MAILBOX_INDEX_H
#define OSR_PROCESS_MAILBOX_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/message/envelope.h"

/* The messages of a mailbox in which many wait that nobody wants now: in order of arrival, and a
 * queue of places for each type, so that the oldest of a type is found at once whatever waits
 * before it. */

/* The places of one type's messages, oldest first; those of messages taken otherwise are passed
 * over when they come to the front. */
typedef struct osri_type_queue {
    uint32_t type_id;
    uint32_t first, count; /* in places, which is a ring of `size` (a power of two) */
    uint32_t size;
    uint64_t *places;
} osri_type_queue;

/* A hole that still stands in its type's queue. */
#define OSRI_STALE_HOLE ((osri_envelope *)(uintptr_t)1)

typedef struct osri_mailbox_index {
    osri_envelope **order; /* ring of order_size (a power of two); NULL: a hole */
    uint64_t order_size;
    uint64_t begin, end;     /* places in use: place p is order[p % order_size] */
    uint64_t live;           /* messages in them; the rest are holes */
    uint64_t unseen;         /* of the receive in progress: the first place it has not looked at */
    osri_type_queue *queues; /* open addressing; size 0 is free */
    uint32_t queue_slots;    /* a power of two */
    uint32_t queue_count;
    osri_type_queue *last; /* the one looked for last; NULL: none */
} osri_mailbox_index;

/* NULL: out of memory. */
osri_mailbox_index *osri_mailbox_index_new(void);

/* Gives up all memory; the messages in it are not freed. NULL is accepted. */
void osri_mailbox_index_free(osri_mailbox_index *index);

/* At the end; may give messages new places, and `unseen` with them. False: out of memory, nothing
 * has changed. */
bool osri_mailbox_index_append(osri_mailbox_index *index, osri_envelope *envelope);

static inline bool osri_mailbox_index_is_empty(const osri_mailbox_index *index)
{
    return index->begin == index->end;
}

/* The message at a place; NULL: it has been taken. */
static inline osri_envelope *osri_mailbox_index_at(const osri_mailbox_index *index, uint64_t place)
{
    osri_envelope *envelope = index->order[place & (index->order_size - 1)];
    return envelope == OSRI_STALE_HOLE ? NULL : envelope;
}

/* Takes the message at a place in use. */
osri_envelope *osri_mailbox_index_take(osri_mailbox_index *index, uint64_t place);

/* The place of the oldest message of a type; false: there is none. */
bool osri_mailbox_index_find(osri_mailbox_index *index, uint32_t type_id, uint64_t *ret_place);

#endif
