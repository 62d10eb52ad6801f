/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_SIM_H
#define OSR_DIST_SIM_H

#include "dist/transport.h"

/* A network in memory on virtual time. It is deterministic: one seed, the same calls, the same run.
 * It gives what a real transport promises and no more: frames of a connection keep their order, are
 * delayed, may stand still, and when the connection ends some suffix of what was sent is lost.
 *
 * A node lives at a host, a number; its endpoint is "sim://<host>". A host has one listening node
 * at a time; after a crash a new one may take its place. Times are nanoseconds of the owner's
 * virtual clock. Threads: one at a time for the network and everything on it. */

typedef struct osri_sim_network osri_sim_network;

/* Zero is the default of every field. */
typedef struct osri_sim_options {
    uint64_t latency_min_ns;   /* one way; of each connection somewhere between: 50 us */
    uint64_t latency_max_ns;   /* 500 us */
    uint64_t jitter_ns;        /* added to each frame, at most: 100 us */
    uint64_t bytes_per_second; /* of each direction of a connection; 0: no limit */
    uint64_t dial_timeout_ns;  /* a dial into a cut: 3 s */
    size_t send_bytes_max;     /* on the way in one direction, beyond it OSR_EFULL: 8 MiB */
} osri_sim_options;

/* options NULL: all defaults. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_sim_network_new(uint64_t seed, const osri_sim_options *options,
                                            osri_sim_network **ret_network);

/* Every transport on it has been freed. NULL is accepted. */
void osri_sim_network_free(osri_sim_network **network);

/* The transport of the node at a host, whose proven key is `key` (copied). admit NULL admits
 * everybody. Ownership: free with ops->free(). poll() never waits: events appear by
 * osri_sim_advance(). Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_sim_transport_new(osri_sim_network *network, uint32_t host,
                                              const uint8_t key[OSRI_KEY_BYTES],
                                              osri_transport_admit *admit, void *admit_context,
                                              osri_transport **ret_transport);

/* Makes everything happen that is due at or before now_ns; time never goes back. What finds no
 * memory is lost: frames with their connection. */
void osri_sim_advance(osri_sim_network *network, uint64_t now_ns);

/* When the next thing happens; UINT64_MAX: nothing will by itself. */
uint64_t osri_sim_next_due(const osri_sim_network *network);
uint64_t osri_sim_now(const osri_sim_network *network);

/* Whether poll() of the transport would return something. */
bool osri_sim_has_events(const osri_transport *transport);

/* --- Faults ---------------------------------------------------------------------------------- */

/* Silence from one host to the other, for what is on its way too. Heal: what was held arrives late,
 * in order. */
void osri_sim_cut(osri_sim_network *network, uint32_t from, uint32_t to);
void osri_sim_heal(osri_sim_network *network, uint32_t from, uint32_t to);

/* Silence of the present connections from one host to the other, for a time. */
void osri_sim_stall(osri_sim_network *network, uint32_t from, uint32_t to, uint64_t for_ns);

/* From now on what the present connections carry from one host to the other takes that much longer;
 * 0: as before. */
void osri_sim_delay(osri_sim_network *network, uint32_t from, uint32_t to, uint64_t more_ns);

/* Ends all connections between two hosts: each side gets a prefix of what was on its way, then
 * CLOSED. */
void osri_sim_reset(osri_sim_network *network, uint32_t one, uint32_t other);

/* The node's transport is gone without a trace: it can only be freed, its calls do nothing. Loud:
 * the others get a prefix of what was on its way, then CLOSED; else they hear nothing at all. */
void osri_sim_crash(osri_transport *transport, bool loud);

/* Frames that were accepted and then lost with the end of their connection, so far. */
uint64_t osri_sim_lost(const osri_sim_network *network);

/* A number from the network's seed, below `bound` (> 0): for the owner's own choices. */
uint64_t osri_sim_random(osri_sim_network *network, uint64_t bound);

#endif
