/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/doubts.h"

/* Doubts: few places, each for one session at a time, that any thread fills and the owner empties.
 *
 * Invariant
 *   D1  `any` is set after a place was filled, and cleared before places are emptied: so none is
 *       overlooked for longer than until the owner's next turn. */

static bool fill(_Atomic(uint64_t) *place, uint64_t session)
{
    uint64_t there = 0;

    /* release: pairs with the exchange in osri_doubts_take */
    return atomic_compare_exchange_strong_explicit(place, &there, session, memory_order_release,
                                                   memory_order_relaxed) ||
           there == session;
}

void osri_doubt(osri_doubts *doubts, uint64_t session)
{
    bool filled = false;

    for (int i = 0; i < OSRI_DOUBTS_MAX && !filled; i++) {
        filled = fill(&doubts->sessions[i], session);
    }
    if (!filled) {
        atomic_store_explicit(&doubts->all, true, memory_order_release); /* as above */
    }
    /* release: pairs with the acquire in osri_doubts_take */
    atomic_store_explicit(&doubts->any, true, memory_order_release);
}

bool osri_doubts_take(osri_doubts *doubts, osri_doubted *ret_doubted)
{
    /* relaxed: a guess; set a moment later it is seen in the next turn */
    if (!atomic_load_explicit(&doubts->any, memory_order_relaxed) ||
        !atomic_exchange_explicit(&doubts->any, false, memory_order_acquire)) {
        return false;
    }
    ret_doubted->all = atomic_exchange_explicit(&doubts->all, false, memory_order_acquire);
    for (int i = 0; i < OSRI_DOUBTS_MAX; i++) {
        ret_doubted->sessions[i] =
            atomic_exchange_explicit(&doubts->sessions[i], 0, memory_order_acquire);
    }
    return true;
}

bool osri_doubted_has(const osri_doubted *doubted, uint64_t session)
{
    bool has = doubted->all;

    for (int i = 0; i < OSRI_DOUBTS_MAX; i++) {
        has = has || doubted->sessions[i] == session;
    }
    return has;
}
