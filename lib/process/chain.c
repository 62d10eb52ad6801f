/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/chain.h"

#include <sched.h>

#include "lib/core/barrier.h"
#include "lib/process/node.h"

/* See chain.h. */

static void enter(osri_chain *chain)
{
    for (;;) {
        atomic_store_explicit(&chain->inside, true, memory_order_relaxed);
        osri_barrier_light(); /* pairs with the heavy one in osri_chain_watch */
        /* acquire: pairs with release in osri_chain_watch */
        if (!atomic_load_explicit(&chain->closed, memory_order_acquire)) {
            return;
        }
        atomic_store_explicit(&chain->inside, false, memory_order_release);
        while (atomic_load_explicit(&chain->closed, memory_order_relaxed)) {
            (void)sched_yield();
        }
    }
}

static void leave(osri_chain *chain)
{
    /* release: pairs with acquire in osri_chain_watch */
    atomic_store_explicit(&chain->inside, false, memory_order_release);
}

/* Empty first: to refuse a message may mean to send one. */
static void push_all(osri_chain *chain)
{
    osri_envelope *newest = atomic_load_explicit(&chain->newest, memory_order_relaxed);
    if (newest != NULL) {
        atomic_store_explicit(&chain->newest, NULL, memory_order_relaxed);
        chain->count = 0;
        osri_process_push_chain(chain->to, newest, chain->oldest);
    }
}

void osri_chain_flush(osri_chain *chain)
{
    enter(chain);
    push_all(chain);
    leave(chain);
}

bool osri_chain_append(osri_chain *chain, osri_envelope *message)
{
    enter(chain);
    if (atomic_load_explicit(&chain->off, memory_order_relaxed)) {
        leave(chain);
        return false;
    }
    osri_envelope *newest = atomic_load_explicit(&chain->newest, memory_order_relaxed);
    message->next = newest;
    osri_trail_leave_none(message);
    if (newest == NULL) {
        chain->oldest = message;
        uint32_t begun = atomic_load_explicit(&chain->begun, memory_order_relaxed);
        atomic_store_explicit(&chain->begun, begun + 1, memory_order_relaxed);
    }
    atomic_store_explicit(&chain->newest, message, memory_order_relaxed);
    chain->count += 1;
    if (chain->count == OSRI_CHAIN_MAX) {
        push_all(chain);
    }
    leave(chain);
    return true;
}

void osri_chain_set_off(osri_chain *chain, bool off)
{
    /* relaxed: changed inside; who sees an old value here chains once less */
    if (atomic_load_explicit(&chain->off, memory_order_relaxed) != off) {
        enter(chain);
        atomic_store_explicit(&chain->off, off, memory_order_relaxed);
        leave(chain);
    }
}

/* Pushes what it holds, for its worker. */
static void push_for(osri_chain *chain, bool off)
{
    atomic_store_explicit(&chain->closed, true, memory_order_relaxed);
    osri_barrier_heavy(); /* from here on it is seen inside, or sees that it may not enter */
    while (atomic_load_explicit(&chain->inside, memory_order_acquire)) {
        (void)sched_yield();
    }
    osri_envelope *held = atomic_load_explicit(&chain->newest, memory_order_relaxed);
    if (held != NULL) {
        osri_process_push_chain(chain->to, held, chain->oldest);
        chain->count = 0;
        /* release: pairs with acquire in osri_chain_is_empty: only now may the next signal go */
        atomic_store_explicit(&chain->newest, NULL, memory_order_release);
    }
    if (off) {
        atomic_store_explicit(&chain->off, true, memory_order_relaxed);
    }
    atomic_store_explicit(&chain->closed, false, memory_order_release);
}

void osri_chain_watch(osri_chain *chain)
{
    uint32_t begun = atomic_load_explicit(&chain->begun, memory_order_relaxed);
    bool is_empty = atomic_load_explicit(&chain->newest, memory_order_relaxed) == NULL;
    if (!is_empty && begun == chain->seen) {
        push_for(chain, false);
    }
    chain->seen = begun;
}

void osri_chain_turn_off(osri_chain *chain)
{
    push_for(chain, true);
}
