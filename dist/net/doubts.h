/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_DOUBTS_H
#define OSR_DIST_NET_DOUBTS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Sessions in which something that must not be missing could not be said, for want of memory: they
 * have to end. Takes no memory itself. */

#define OSRI_DOUBTS_MAX 8

typedef struct osri_doubts {
    /* writers: any thread, and the owner, who empties them */
    atomic_bool any;
    atomic_bool all; /* more than fit: every session */
    _Atomic(uint64_t) sessions[OSRI_DOUBTS_MAX];
} osri_doubts;

/* What the owner has taken over at once. */
typedef struct osri_doubted {
    bool all;
    uint64_t sessions[OSRI_DOUBTS_MAX]; /* 0: none */
} osri_doubted;

/* Threads: any. */
void osri_doubt(osri_doubts *doubts, uint64_t session);

/* False: there is nothing. Owner. */
bool osri_doubts_take(osri_doubts *doubts, osri_doubted *ret_doubted);

bool osri_doubted_has(const osri_doubted *doubted, uint64_t session);

#endif
