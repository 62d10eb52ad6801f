/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TRACE_RING_H
#define OSR_TRACE_RING_H

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>

#include "osier/trace.h"

/* A ring of events: one writer at a time, any number of readers, who take no lock and see when they
 * have been overtaken. Nothing is allocated by a write. */

#define OSRI_RING_RECORDS 512 /* 32 KiB: who spawns fast writes through all of it */
#define OSRI_EVENT_WORDS 8

static_assert(sizeof(osr_event) == OSRI_EVENT_WORDS * sizeof(uint64_t), "one event, 64 bytes");
static_assert(offsetof(osr_event, kind) == 8, "event");
static_assert(offsetof(osr_event, slot) == 16, "event");
static_assert(offsetof(osr_event, with) == 24, "event");
static_assert(offsetof(osr_event, what) == 40, "event");
static_assert(offsetof(osr_event, trace) == 56, "event");

typedef struct osri_ring {
    _Atomic(uint64_t) written; /* writer: the ring's; how many events so far */
    uint64_t last_ns;          /* writer: the ring's; times never go back */
    struct osri_ring *next;    /* constant once it is in the recorder's list */
    uint32_t index;            /* constant */
    void *block;               /* constant; what was allocated for it */
    alignas(64) _Atomic(uint64_t) words[OSRI_RING_RECORDS][OSRI_EVENT_WORDS];
} osri_ring;

/* Appends one, over the oldest. Threads: the writer. */
void osri_ring_write(osri_ring *ring, osr_event *event);

/* Takes the event at *cursor, or the oldest that is left, and moves the cursor behind it; adds to
 * *lost how many were missed. False: there is none. Threads: any; async-signal-safe. */
bool osri_ring_read(const osri_ring *ring, uint64_t *cursor, osr_event *ret_event, uint64_t *lost);

#endif
