/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_CHAIN_H
#define OSR_PROCESS_CHAIN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/message/envelope.h"

/* Messages that a running process has sent one after the other to the same receiver, of which the
 * first found it busy: they are pushed together (DESIGN.md D7), at the latest when the process
 * sends anything else to anybody, suspends or ends; when there are OSRI_CHAIN_MAX; or when the
 * watch thread finds them there a second time, so that who sends and then computes delays nobody
 * for more than 4 ms. One a worker.
 *
 * Invariants
 *   C1  between two messages of a chain nothing else was sent from this thread: so what a chain
 *       holds is the newest that its sender has sent, to anybody.
 *   C2  the worker's thread changes it while `inside` is set; another only after it has set
 *       `closed`, paid for a barrier and seen that the worker is out. */

#define OSRI_CHAIN_MAX 64

typedef struct osri_chain {
    osr_self *to;                    /* owner: the thread; NULL: none has been begun */
    _Atomic(osri_envelope *) newest; /* through next; NULL: empty. Writer: see C2 */
    osri_envelope *oldest;           /* see C2 */
    uint32_t count;                  /* see C2 */
    atomic_bool off;                 /* nothing is chained: see osri_chain_turn_off(); see C2 */
    _Atomic(uint32_t) begun;         /* how many have been begun; writer: the worker's thread */
    atomic_bool inside;              /* writer: the worker's thread */
    atomic_bool closed;              /* writer: the watch thread */
    uint32_t seen;                   /* owner: the watch thread; begun, when it last looked */
} osri_chain;

static inline bool osri_chain_is_empty(const osri_chain *chain)
{
    /* acquire: pairs with release in osri_chain_watch: what it held has been pushed */
    return atomic_load_explicit(&chain->newest, memory_order_acquire) == NULL;
}

/* Pushes what it holds. Threads: the worker's. */
void osri_chain_flush(osri_chain *chain);

/* Appends a message for chain->to; what it holds is pushed at once where it is enough. False: it is
 * off and holds nothing. Threads: the worker's. */
bool osri_chain_append(osri_chain *chain, osri_envelope *message);

/* A worker that runs a process without a scheduler chains nothing: nobody watches it. Threads: the
 * worker's. */
void osri_chain_set_off(osri_chain *chain, bool off);

/* Pushes what it held when it last looked. Threads: the watch thread. */
void osri_chain_watch(osri_chain *chain);

/* Its worker has lost its scheduler in the middle of a turn: pushes what it holds, and is off until
 * the worker has another. Threads: the watch thread. */
void osri_chain_turn_off(osri_chain *chain);

#endif
