/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_CLUSTER_H
#define OSR_TESTS_SIM_CLUSTER_H

#include "dist/net/net.h"
#include "dist/sim/sim.h"
#include "lib/process/signal.h"
#include "osier/info.h"
#include "osier/node.h"

/* A whole cluster in one OS process, on virtual time: real nodes, real distribution, the simulated
 * network. One seed, the same calls, the same run. Nothing of it is shared between two clusters. */

#define CLUSTER_NODES_MAX 8
#define CLUSTER_SESSIONS_MAX 512 /* noted ones, of one node with one peer */
#define MS UINT64_C(1000000)
#define SECOND (UINT64_C(1000) * MS)

typedef struct cluster cluster;

/* The sessions of one node's incarnation with one peer name, in order, by their number
 * (osri_net_session_of). */
typedef struct cluster_sessions {
    uint64_t numbers[CLUSTER_SESSIONS_MAX];
    uint64_t down_ns[CLUSTER_SESSIONS_MAX]; /* 0: not yet */
    uint32_t ups;
    uint32_t downs;
} cluster_sessions;

/* A clock of a node, which counts from `set_ns` of the world's and, by a millionth or more, faster
 * or slower than it. */
typedef struct cluster_clock {
    uint64_t set_ns;
    uint64_t own_ns;
    int64_t ppm;     /* faster; at most 500,000 either way */
    int64_t wall_ms; /* what it is off, as a calendar */
} cluster_clock;

typedef struct cluster_node {
    cluster *owner;
    uint32_t host;
    char name[32];
    uint32_t incarnation; /* counts from 1; 0: never started */
    bool alive;
    uint64_t paused_ns; /* does nothing until then, of the world's clock */
    uint64_t due_ns;    /* has nothing to do before, unless something arrives */
    cluster_clock clock;
    uint64_t random; /* state of its generator */
    osr_env env;
    osri_identity identity;
    osr_node *node;
    osri_net *net;
    osri_transport *transport;
    cluster_sessions sessions[CLUSTER_NODES_MAX]; /* of this incarnation, by the peer's host */
} cluster_node;

typedef struct cluster_options {
    uint32_t nodes;
    uint32_t tick_ms; /* 0: 2,000 */
    uint32_t roles;   /* of every node; 0: all */
    osri_sim_options network;
    bool verbose;                                       /* log lines to standard error */
    void (*logged)(cluster_node *at, const char *line); /* each log line; NULL: nobody */
    /* May change how a node is made; NULL: nobody does. */
    void (*configure)(cluster_node *at, osri_net_options *options);
    /* Whether a node finds this name; NULL: all are found. What nodes tell of each other is found
     * in any case. */
    bool (*finds)(const cluster_node *at, const char *name);
    /* A session has come up or ended (reason: as in its line) at a node; NULL: nobody. */
    void (*session)(cluster_node *at, const cluster_node *peer, uint64_t number, bool up,
                    const char *reason);
    void (*began)(cluster_node *at); /* a node is about to start: its number is known */
} cluster_options;

typedef enum cluster_mapper {
    CLUSTER_MAPPER_UP = 0,
    CLUSTER_MAPPER_DOWN, /* nobody answers at its address */
    CLUSTER_MAPPER_MUTE, /* it takes questions and does not answer */
} cluster_mapper;

struct cluster {
    cluster_options options;
    uint64_t now_ns;
    uint64_t random;
    osri_sim_network *network;
    cluster_mapper mapper;
    uint64_t mapper_failed; /* questions that it did not answer */
    uint8_t secret[32];
    cluster_node nodes[CLUSTER_NODES_MAX];
};

/* Ends the program when something of the harness itself fails. Every node is started. */
cluster *cluster_new(uint64_t seed, const cluster_options *options);
void cluster_free(cluster **world);

/* Starts a node that is not alive, under its name, as a new incarnation. */
void cluster_start(cluster *world, uint32_t host);

/* It is gone without a goodbye. loud: its connections are closed by its system. */
void cluster_crash(cluster *world, uint32_t host, bool loud);

/* Its net says goodbye, then it ends. */
void cluster_stop(cluster *world, uint32_t host);

/* It does nothing at all for a time, though its system takes what arrives: as if stopped. */
void cluster_pause(cluster *world, uint32_t host, uint64_t for_ns);

/* Its clock goes on at another rate, and its calendar is set forward or back. */
void cluster_set_clock(cluster *world, uint32_t host, int64_t ppm, int64_t wall_ms);

/* Lets everything that is due now happen. Returns when the next thing is due. */
uint64_t cluster_settle(cluster *world);

/* Lets time pass until it is `until_ns`, or done(context) says so; returns whether it did (NULL:
 * never). */
bool cluster_run(cluster *world, uint64_t until_ns, bool (*done)(void *context), void *context);

/* The next number of the cluster's own generator, below bound. */
uint64_t cluster_random(cluster *world, uint64_t bound);

/* The node that has this number, alive or not as long as it is its latest incarnation; NULL: none.
 */
cluster_node *cluster_by_id(cluster *world, uint64_t node_id);

/* When a session of a node, of its present incarnation, ended there; UINT64_MAX: not yet; 0: there
 * was none. */
uint64_t cluster_session_end(const cluster_node *at, uint32_t peer_host, uint64_t number);

/* Starts a process of an entry without a parent; its pid. */
osr_pid cluster_spawn(cluster *world, uint32_t host, const osr_entry *entry, const void *argument,
                      const osr_spawn_options *options);

#endif
