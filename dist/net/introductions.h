/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_INTRODUCTIONS_H
#define OSR_DIST_NET_INTRODUCTIONS_H

#include "lib/core/map.h"
#include "lib/message/types.h"

/* What the two sides of a session have told each other of types and nodes. Threads: the
 * distribution's owner. */

#define OSRI_INTRODUCTIONS_MAX 65536

#define OSRI_INTRODUCTIONS_NEAR 16 /* a power of two */

/* A type that was told or heard lately, so that most records need no look into a table. */
typedef struct osri_introduced {
    uint32_t id; /* 0: none */
    uint32_t what;
} osri_introduced;

typedef struct osri_introductions {
    osri_introduced told[OSRI_INTRODUCTIONS_NEAR];  /* what: has pids */
    osri_introduced heard[OSRI_INTRODUCTIONS_NEAR]; /* what: osri_heard */
    osri_map types_told;                            /* type id -> whether it can have pids */
    osri_map nodes_told;                            /* node id -> non-NULL */
    osri_map types_heard;                           /* type id -> osri_heard */
} osri_introductions;

/* All zero is empty. */
void osri_introductions_fini(osri_introductions *introductions);

/* Whether values of the type can have pids in them; bins that hold encoded values count for spawn
 * requests alone, which the caller knows. */
bool osri_type_has_pids(const osr_type *type);

/* True: has been told before. False: tell it now; it counts as told.
 * *ret_pids: whether there can be pids in its values. Out of memory: tells it again, which does no
 * harm. */
bool osri_introductions_type(osri_introductions *introductions, const osr_type *type, uint32_t id,
                             bool *ret_pids);
bool osri_introductions_node(osri_introductions *introductions, uint64_t node);

typedef enum osri_heard {
    OSRI_HEARD_NOTHING = 0,
    OSRI_HEARD_GOOD,
    OSRI_HEARD_CHANGED, /* our name, another shape: messages that cannot be read are dropped */
    OSRI_HEARD_BAD,     /* its name contradicts ours: its messages are dropped */
} osri_heard;

/* Errors: OSR_ELIMIT over OSRI_INTRODUCTIONS_MAX; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_introductions_hear(osri_introductions *introductions, uint32_t id,
                                               osri_heard heard);
osri_heard osri_introductions_heard(osri_introductions *introductions, uint32_t id);

#endif
