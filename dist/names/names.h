/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NAMES_NAMES_H
#define OSR_DIST_NAMES_NAMES_H

#include "lib/core/list.h"
#include "lib/core/map.h"
#include "lib/core/mutex.h"
#include "lib/process/service.h"
#include "osier/global.h"

/* The service of cluster-wide names (PROTOCOL.md). All of it is guarded by its mutex; functions
 * here are called with it held. */

#define OSRI_NAMES_BYTES_MAX 255
#define OSRI_NAMES_MAX 1048576 /* registrations and claims of one node */

OSR_MESSAGE(osri_names_claim, 0x68, (1, u64, number), (2, str, name), (3, pid, pid));
OSR_MESSAGE(osri_names_vote, 0x69, (1, u64, number), (2, bool, granted));
OSR_MESSAGE(osri_names_withdraw, 0x6a, (1, u64, number), (2, str, name));
OSR_MESSAGE(osri_names_registered, 0x6b, (1, u64, number), (2, str, name), (3, pid, pid),
            (4, u64, weight), (5, u64, since_ms), (6, u32, policy));
OSR_MESSAGE(osri_names_released, 0x6c, (1, str, name), (2, pid, pid));
OSR_MESSAGE(osri_names_conflict, 0x6d, (1, str, name), (2, pid, loser), (3, pid, winner));

/* What a process of this node asks the service for; answered by osri_names_result. */
OSR_MESSAGE(osri_names_result, 0x67, (1, i32, error));
OSR_REQUEST(osri_names_register, 0x6e, osri_names_result, (1, str, name), (2, pid, pid),
            (3, u64, weight), (4, u32, policy));

/* A connected node. */
typedef struct osri_names_peer {
    osri_peer peer;
    size_t held; /* its registrations, and claims that we have voted yes on or keep waiting */
} osri_names_peer;

/* A process of this node that has names or claims some. */
typedef struct osri_names_owner {
    osr_pid pid;
    osri_list registrations;
    osri_list claims;
} osri_names_owner;

typedef struct osri_names_entry osri_names_entry;

typedef struct osri_names_registration {
    osri_list_link in_entry;
    osri_list_link in_owner; /* of a process of this node */
    osri_names_entry *entry;
    osri_names_owner *owner; /* NULL: of another node */
    osr_pid pid;
    uint64_t weight;
    uint64_t since_ms;
    uint32_t policy;
    bool told; /* its node has been told that it has lost */
} osri_names_registration;

/* A claim of ours. */
typedef struct osri_names_own_claim {
    osri_list_link in_owner;
    osri_names_entry *entry;
    osri_names_owner *owner;
    osr_caller caller;
    uint64_t number;
    uint64_t weight;
    uint32_t policy;
    osri_map voters; /* node id -> non-NULL: those who have not voted yet */
} osri_names_own_claim;

/* A claim of a peer; peer NULL: none. */
typedef struct osri_names_their_claim {
    osri_names_peer *peer;
    uint64_t number;
    osr_pid pid;
} osri_names_their_claim;

/* A name that somebody has or claims. */
struct osri_names_entry {
    char *name;
    osri_list registrations;        /* more than one only until losers have gone */
    osri_names_own_claim *claim;    /* NULL: none; then there are neither of: */
    osri_names_their_claim granted; /* whom we gave our word */
    osri_names_their_claim waiting; /* who gets it next, perhaps; only while there is the former */
};

typedef struct osri_names {
    osri_service base;
    osri_mutex mutex; /* OSRI_RANK_SERVICE */
    osri_map entries; /* name -> osri_names_entry */
    osri_map owners;  /* osr_pid -> osri_names_owner */
    osri_map claims;  /* number -> osri_names_own_claim */
    osri_map peers;   /* node id -> osri_names_peer */
    uint64_t number;  /* of the last claim */
    size_t own_count; /* registrations and claims of ours */
    uint64_t seed;
} osri_names;

extern const osri_service_ops osri_names_ops;

bool osri_names_is_good(osr_str name);

/* Sends to all peers. */
void osri_names_tell_all(osri_names *names, const osr_type *type, const void *message);
void osri_names_tell(osri_names *names, const osri_names_peer *peer, const osr_type *type,
                     const void *message);

/* ---- table.c ---- */

osri_names_entry *osri_names_find(const osri_names *names, osr_str name);
osri_names_entry *osri_names_get(osri_names *names, osr_str name); /* NULL: out of memory */
/* Frees it unless somebody has, claims or waits for the name. */
void osri_names_trim(osri_names *names, osri_names_entry *entry);

osri_names_owner *osri_names_owner_get(osri_names *names, osr_pid pid); /* NULL: out of memory */
void osri_names_owner_trim(osri_names *names, osri_names_owner *owner);

/* The survivor among those that are known, or NULL. */
const osri_names_registration *osri_names_best(const osri_names_entry *entry);

/* Adds what was said; owner NULL: of a peer. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_names_add(osri_names *names, osri_names_entry *entry,
                                      osri_names_owner *owner, const osri_names_registered *said,
                                      osri_names_registration **ret_registration);

/* Removes it from the table; entry and owner stay. */
void osri_names_remove(osri_names *names, osri_names_registration *registration);

/* Takes a registration of ours back, and tells all. */
void osri_names_release(osri_names *names, osri_names_registration *registration);

/* Ends what has lost: ours here, others' by telling their nodes. */
void osri_names_resolve(osri_names *names, osri_names_entry *entry);

/* A third node says that one of ours has lost. */
void osri_names_lost(osri_names *names, const osri_names_conflict *said);

osri_names_registered osri_names_describe(const osri_names_registration *registration);

/* ---- claims.c ---- */

/* A process of this node wants a name; the caller gets an osri_names_result, now or later. */
void osri_names_begin(osri_names *names, const osri_names_register *wanted, osr_caller caller);

/* Ends a claim of ours; others are told if it had been made known. */
void osri_names_give_up(osri_names *names, osri_names_own_claim *claim, osr_err why);

/* A peer that has come up is asked about all claims of ours; one that has gone need not vote. */
void osri_names_ask(osri_names *names, const osri_names_peer *peer);
void osri_names_ask_no_more(osri_names *names, const osri_names_peer *peer);

/* The name got a registration of a peer's, or the peer has gone. */
void osri_names_became_taken(osri_names *names, osri_names_entry *entry,
                             const osri_names_peer *peer, uint64_t number);
void osri_names_forget_claims(osri_names *names, osri_names_entry *entry,
                              const osri_names_peer *peer);

/* What peers say. Errors: OSR_ENOMEM; OSR_ELIMIT. */
OSR_MUST_CHECK osr_err osri_names_claimed(osri_names *names, osri_names_peer *peer,
                                          const osri_names_claim *said);
void osri_names_voted(osri_names *names, const osri_names_peer *peer, const osri_names_vote *said);
void osri_names_withdrawn(osri_names *names, const osri_names_peer *peer,
                          const osri_names_withdraw *said);

#endif
