/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_VERDICT_H
#define OSR_DIST_LINK_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who may have a name: decides when a peer introduces itself while other links under its name
 * exist. With both sides deciding by it, two nodes that dial each other end up with one connection:
 * never two, never none. */

typedef enum osri_verdict {
    OSRI_VERDICT_ACCEPT = 0,
    OSRI_VERDICT_REPLACE, /* accept; before its UP the others of that name go down */
    OSRI_VERDICT_REFUSE_SIMULTANEOUS,
    OSRI_VERDICT_REFUSE_CONNECTED,
    OSRI_VERDICT_REFUSE_NAME_TAKEN,
    OSRI_VERDICT_REFUSE_LIMIT,
    OSRI_VERDICT_REFUSE_STOPPING,
} osri_verdict;

/* The peer that introduces itself. */
typedef struct osri_claim {
    const char *name;   /* from its certificate */
    const uint8_t *key; /* 32 bytes */
    uint64_t creation;
    uint64_t serial; /* of its certificate */
    bool dialed;     /* by us: it answers with WELCOME; else it dialed and says HELLO */
} osri_claim;

typedef enum osri_holder_phase {
    OSRI_HOLDER_DIALING = 1, /* our dial, not yet UP */
    OSRI_HOLDER_ACCEPTED,    /* theirs, welcomed, not yet UP */
    OSRI_HOLDER_UP,
} osri_holder_phase;

/* Another link under the same name. */
typedef struct osri_holder {
    osri_holder_phase phase;
    uint8_t key[32];   /* DIALING: the key that was dialed */
    uint64_t creation; /* not for DIALING */
} osri_holder;

/* The strictest verdict over all holders; ACCEPT when there is none.
 *
 * For a HELLO
 *   our dial to the same key     we have the greater name: REFUSE_SIMULTANEOUS, our dial survives;
 *                                else ACCEPT, and the peer refuses our dial
 *   our dial to another key      ACCEPT: the dial cannot succeed
 *   an accepted one, not UP      REPLACE: a node dials again only after its first try is dead
 *   UP, same key and creation    REFUSE_CONNECTED
 *   UP, same key, new creation   REPLACE: it has restarted
 *   UP, another key              REFUSE_NAME_TAKEN
 * For a WELCOME
 *   UP, another key              REFUSE_NAME_TAKEN
 *   anything else                REPLACE: the peer has none of it alive */
osri_verdict osri_link_verdict(const char *self_name, const osri_claim *claim,
                               const osri_holder *holders, size_t count);

#endif
