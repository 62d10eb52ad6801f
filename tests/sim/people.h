/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_PEOPLE_H
#define OSR_TESTS_SIM_PEOPLE_H

#include "tests/sim/cluster.h"
#include "tests/sim/journal.h"

/* Processes that do at random what processes do: send, link, monitor, spawn, ask, end; and write
 * down what happens to them. */

#define PEOPLE_SLOTS 3 /* with a name, on each node */

/* What a seed was made of. */
typedef struct people_counts {
    uint64_t born;
    uint64_t signals;     /* sent: messages, links, monitors, and what takes them back */
    uint64_t by_name;     /* messages */
    uint64_t by_alias;    /* messages */
    uint64_t links;       /* to another node */
    uint64_t waits;       /* senders that had to */
    uint64_t memberships; /* of groups, made or ended */
    uint64_t names;       /* cluster-wide ones, registered */
    uint64_t conflicts;   /* about them, decided */
    uint64_t fragments;   /* messages of another node that are too long for one frame */
} people_counts;

/* Bytes that may wait on a node for another: at least as many as do. */
typedef struct people_queue {
    uint64_t bytes;
    uint64_t peak;            /* since there were few */
    uint64_t given_ns, given; /* at this moment: the net may not have them yet */
    uint64_t trying;          /* of senders that have not come back: they may have been let in */
    uint64_t lost_ns;         /* what was given before no longer counts */
} people_queue;

typedef struct people {
    cluster *world;
    journal book;
    people_counts counts;
    bool calm;    /* nobody begins anything any more */
    bool settled; /* all has arrived: who is there links once more */
    bool dying;   /* a node ends: what its people do meanwhile is nobody's experience */
    uint32_t children;
    osr_pid last[CLUSTER_NODES_MAX][PEOPLE_SLOTS];             /* who has, or last had, each name */
    people_queue queues[CLUSTER_NODES_MAX][CLUSTER_NODES_MAX]; /* from, to */
    osri_map facts;                                            /* pid -> what all may know of it */
    osri_map
        waited; /* sender and when it began to: the session of what it sent then is not known */
} people;

/* The one population of this program. */
extern people everybody;

/* The people of a world to come begin (its owner sets `world`); they end, once its nodes are
 * freed. */
void people_begin(uint64_t seed);
void people_end(void);

/* Writes down what happens now. */
void people_note(event what);

/* More was given to a node for another; less waits; the session has ended, what waited is gone. */
void people_queue_give(people_queue *queue, uint64_t bytes);
void people_queue_take(people_queue *queue, uint64_t bytes, uint64_t given_ns);
void people_queue_lose(people_queue *queue);

/* Starts those with a name that are missing on the nodes that are alive. */
void people_fill(void);

/* Tells about half of them to end. */
void people_halve(void);

/* Writes down, as time passes, what each node knows of groups and cluster-wide names. */
void people_count(void);

#endif
