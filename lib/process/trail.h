/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_TRAIL_H
#define OSR_PROCESS_TRAIL_H

#include <stdatomic.h>
#include <stdint.h>

#include "lib/message/envelope.h"
#include "lib/process/signal.h"

/* Who turns a long inbox round goes from envelope to envelope, each a cache miss that has to be
 * waited for before the next can begin. So each push leaves in the envelope, once nobody needs its
 * to_slot any more, where the inbox's envelope OSRI_TRAIL_LENGTH pushes ago lies, for it to be
 * fetched early. Only a hint: senders write the row without order, and a wrong one costs a fetch of
 * something else.
 *
 * `./run bench big 2000 1500`: see lib/process/DESIGN.md. */

#define OSRI_TRAIL_LENGTH 7

/* Half a cache line, beside the inbox. Threads: any; relaxed all over. */
typedef struct osri_trail {
    _Atomic(uint32_t) at;
    _Atomic(uint32_t) recent[OSRI_TRAIL_LENGTH]; /* the lower bits of addresses, in units of 16 */
} osri_trail;

#define OSRI_TRAIL_SHIFT 4
#define OSRI_TRAIL_BITS ((UINT64_C(1) << (32 + OSRI_TRAIL_SHIFT)) - 1)

/* A message that is about to be pushed behind others; still the pusher's. */
static inline void osri_trail_leave(osri_trail *trail, osri_envelope *message)
{
    uint32_t at = atomic_load_explicit(&trail->at, memory_order_relaxed) % OSRI_TRAIL_LENGTH;
    message->to_slot = atomic_load_explicit(&trail->recent[at], memory_order_relaxed);
    atomic_store_explicit(&trail->recent[at], (uint32_t)((uintptr_t)message >> OSRI_TRAIL_SHIFT),
                          memory_order_relaxed);
    atomic_store_explicit(&trail->at, at + 1, memory_order_relaxed);
}

/* One that is pushed together with others, right behind it in memory more often than not. */
static inline void osri_trail_leave_none(osri_envelope *message)
{
    message->to_slot = (uint32_t)((uintptr_t)message >> OSRI_TRAIL_SHIFT);
}

/* A message that has been pushed; the owner's. */
static inline void osri_trail_follow(const osri_envelope *message)
{
    uint64_t near = (uint64_t)(uintptr_t)message & ~OSRI_TRAIL_BITS;
    uint64_t address = near | (uint64_t)message->to_slot << OSRI_TRAIL_SHIFT;
    __builtin_prefetch((const void *)(uintptr_t)address);
    __builtin_prefetch((const void *)(uintptr_t)(address + OSRI_ENVELOPE_BYTES)); /* its body */
}

/* A list of what was pushed, the other way round: oldest first. */
static inline osri_envelope *osri_trail_turn_round(osri_envelope *newest)
{
    osri_envelope *oldest = NULL;
    while (newest != NULL) {
        osri_envelope *next = newest->next;
        if (newest->kind == OSRI_SIGNAL_MESSAGE) {
            osri_trail_follow(newest);
        }
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

#endif
