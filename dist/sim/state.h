/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_SIM_STATE_H
#define OSR_DIST_SIM_STATE_H

#include "dist/sim/sim.h"
#include "lib/core/map.h"

/* The inside of the simulated network, shared by network.c (pipes, time), faults.c and transport.c
 * (operations). */

typedef enum osri_sim_item_kind {
    OSRI_SIM_DIAL = 1, /* dialer to acceptor */
    OSRI_SIM_WELCOME,  /* acceptor to dialer */
    OSRI_SIM_FRAME,
    OSRI_SIM_END,
} osri_sim_item_kind;

/* Something on its way, or something that poll() will return. */
typedef struct osri_sim_item {
    struct osri_sim_item *next;
    uint64_t due_ns;
    osri_sim_item_kind kind;
    osri_conn conn; /* in a node's events: as poll() says it */
    bool accepted;  /* OSRI_SIM_DIAL in a node's events: ACCEPTED */
    const char *text;
    uint8_t key[OSRI_KEY_BYTES];
    uint32_t host;
    size_t bytes_count;
    uint8_t bytes[];
} osri_sim_item;

typedef struct osri_sim_queue {
    osri_sim_item *first;
    osri_sim_item *last;
} osri_sim_queue;

typedef struct osri_sim_node {
    osri_transport base;
    struct osri_sim_node *next; /* in order of creation */
    osri_sim_network *network;
    uint32_t host;
    uint8_t key[OSRI_KEY_BYTES];
    osri_transport_admit *admit;
    void *admit_context;
    bool listens;
    bool crashed;
    osri_conn conn_last;
    osri_sim_queue events;
    osri_sim_item *current; /* lent by the last poll() */
} osri_sim_node;

/* Side 0 dialed, side 1 accepts. pipe[side] carries what that side sends. */
typedef struct osri_sim_connection {
    struct osri_sim_connection *next; /* in order of creation */
    osri_sim_node *node[2];           /* NULL: that side has no end here, or no more */
    osri_conn conn[2];
    uint32_t host[2];
    uint8_t dialed_key[OSRI_KEY_BYTES];
    bool open[2]; /* may send */
    osri_sim_queue pipe[2];
    size_t pipe_bytes[2];
    uint64_t last_due_ns[2];
    uint64_t stalled_ns[2]; /* nothing arrives before */
    uint64_t delay_ns[2];   /* more latency of what that side sends */
    uint64_t latency_ns;
    uint64_t dial_deadline_ns; /* while the dialer is not open */
} osri_sim_connection;

struct osri_sim_network {
    osri_sim_options options;
    uint64_t random;
    uint64_t now_ns;
    uint64_t lost; /* frames */
    osri_sim_node *nodes;
    osri_sim_connection *connections;
    osri_map cuts; /* from << 32 | to */
};

/* NULL: out of memory. */
osri_sim_item *osri_sim_item_new(osri_sim_item_kind kind, const uint8_t *bytes, size_t bytes_count);
void osri_sim_item_free(osri_sim_item *item);
void osri_sim_queue_push(osri_sim_queue *queue, osri_sim_item *item);
osri_sim_item *osri_sim_queue_pop(osri_sim_queue *queue);
void osri_sim_queue_clear(osri_sim_queue *queue);

/* Sends an item off; it arrives after all earlier ones of that side. */
void osri_sim_pipe_push(osri_sim_network *network, osri_sim_connection *connection, int side,
                        osri_sim_item *item);

/* Loses a random suffix of what the side has on its way (all that is due after keep_until_ns), and
 * tells the other side that the connection ended. */
void osri_sim_pipe_end(osri_sim_network *network, osri_sim_connection *connection, int side,
                       uint64_t keep_until_ns, const char *text);

/* The node's poll() returns nothing more of the connection. */
void osri_sim_events_drop(osri_sim_node *node, osri_conn conn);

/* The side hears no more. */
void osri_sim_side_detach(osri_sim_connection *connection, int side);

/* Frees connections that neither side has and on which nothing is on its way. */
void osri_sim_connections_sweep(osri_sim_network *network);

/* NULL: not this node's, or closed. */
osri_sim_connection *osri_sim_connection_find(const osri_sim_node *node, osri_conn conn,
                                              int *ret_side);

#endif
