/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_LINK_RIG_H
#define OSR_TESTS_LINK_RIG_H

#include <check.h>

#include "dist/link/link.h"
#include "dist/sim/sim.h"

/* Two nodes on a simulated network, each with the least that an owner of links has to do: make them
 * for dials and accepted connections, execute actions, judge names, retry what the transport
 * refused. Everything follows from the seed. What arrives is checked on the spot: per sender in
 * order, nothing missing, nothing twice, nothing changed. */

#define RIG_NODES 2
#define RIG_SENDERS 5
#define MS UINT64_C(1000000)

typedef struct rig_link {
    struct rig_link *next;
    struct rig_node *node;
    osri_link *link;
    osri_link_config config;
    osri_conn conn;
    bool dialed;
    bool claimed; /* the peer has introduced itself; accepted */
    uint8_t peer_key[OSRI_KEY_BYTES];
    uint64_t peer_creation;
    uint8_t session[16];
    uint64_t retry_ns; /* WRITABLE is due; 0: not blocked */
    int ups, downs;
    bool open; /* the transport has not been closed */
    osri_down down;
    uint32_t refusal;
    uint64_t sent[RIG_SENDERS];     /* records given */
    uint64_t received[RIG_SENDERS]; /* records that arrived */
} rig_link;

typedef struct rig_node {
    int number;
    osri_identity identity;
    osri_transport *transport;
    osri_link_actions *actions;
    rig_link *links; /* newest first; dead ones too */
    uint64_t sent_total;
} rig_node;

typedef struct rig {
    uint64_t seed;
    osri_sim_network *network;
    rig_node nodes[RIG_NODES]; /* "a@h0", "b@h1" */
    uint32_t tick_ms;
} rig;

extern rig the_rig;

void rig_begin(uint64_t seed, const osri_sim_options *options);
void rig_end(void);

/* Below `bound`, from the seed. */
uint64_t rig_random(uint64_t bound);

/* Node `from` dials the other one. */
rig_link *rig_dial(int from);

/* The node's link that is UP, or that is not down yet; NULL: none. */
rig_link *rig_up(int node);
rig_link *rig_alive(int node);

/* Gives a record of `bytes` bytes (>= 16) of one of the senders to the link. */
void rig_send(rig_link *link, unsigned sender, size_t bytes);
void rig_flush(rig_link *link);
void rig_close(rig_link *link, osri_down down);

/* Lets the time pass. */
void rig_run(uint64_t ns);

/* A session has one link at each end: the other node's; NULL: it never came up there. */
rig_link *rig_other_end(const rig_link *link);

#endif
