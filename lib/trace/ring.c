/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* The ring of events.
 *
 * Invariants
 *   R1  event n stands in record n % OSRI_RING_RECORDS; `written` says how many are whole.
 *   R2  a reader that has seen a word of event n finds `written` >= n afterwards. So what it copied
 *       is whole, if `written` is then below its own number + OSRI_RING_RECORDS.
 * Progress: a write is some stores; a read is repeated only when the writer went round the whole
 *   ring meanwhile. */
#include "lib/trace/ring.h"

#include <string.h>

static inline void put_word(_Atomic(uint64_t) *record, const uint64_t *words, size_t i)
{
    /* release: pairs with acquire in osri_ring_read(), for R2 */
    atomic_store_explicit(&record[i], words[i], memory_order_release);
}

void osri_ring_write(osri_ring *ring, osr_event *event)
{
    uint64_t written = atomic_load_explicit(&ring->written, memory_order_relaxed);
    _Atomic(uint64_t) *record = ring->words[written % OSRI_RING_RECORDS];
    uint64_t words[OSRI_EVENT_WORDS];
    if (event->time_ns < ring->last_ns) {
        event->time_ns = ring->last_ns; /* the coarse clock is set by several threads */
    }
    ring->last_ns = event->time_ns;
    event->ring = (uint16_t)ring->index;
    memcpy(words, event, sizeof(words));
    /* one by one: a loop takes three times as long, and each spawn and exit comes here */
    put_word(record, words, 0);
    put_word(record, words, 1);
    put_word(record, words, 2);
    put_word(record, words, 3);
    put_word(record, words, 4);
    put_word(record, words, 5);
    put_word(record, words, 6);
    put_word(record, words, 7);
    /* release: pairs with acquire in osri_ring_read(), the words */
    atomic_store_explicit(&ring->written, written + 1, memory_order_release);
}

bool osri_ring_read(const osri_ring *ring, uint64_t *cursor, osr_event *ret_event, uint64_t *lost)
{
    for (;;) {
        /* acquire: pairs with release in osri_ring_write(), the words */
        uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
        uint64_t at = *cursor;
        if (at >= written) {
            return false;
        }
        if (written - at >= OSRI_RING_RECORDS) { /* the oldest may be being overwritten now */
            *lost += written - OSRI_RING_RECORDS + 1 - at;
            at = written - OSRI_RING_RECORDS + 1;
            *cursor = at;
        }
        const _Atomic(uint64_t) *record = ring->words[at % OSRI_RING_RECORDS];
        uint64_t words[OSRI_EVENT_WORDS];
        for (size_t i = 0; i < OSRI_EVENT_WORDS; i++) {
            /* acquire: pairs with release in osri_ring_write(), for R2 */
            words[i] = atomic_load_explicit(&record[i], memory_order_acquire);
        }
        if (atomic_load_explicit(&ring->written, memory_order_relaxed) < at + OSRI_RING_RECORDS) {
            memcpy(ret_event, words, sizeof(words));
            *cursor = at + 1;
            return true;
        }
    }
}
