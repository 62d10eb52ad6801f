/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_PEOPLE_H
#define OSR_TESTS_SIM_PEOPLE_H

#include "tests/sim/journal.h"

/* Processes that do at random what processes do: send, link, monitor, spawn, ask, end; and write
 * down what happens to them. */

#define PEOPLE_SLOTS 3 /* with a name, on each node */

typedef struct people {
    cluster *world;
    journal book;
    bool calm;  /* nobody begins anything any more */
    bool dying; /* a node ends: what its people do meanwhile is nobody's experience */
    uint32_t children;
    osr_pid last[CLUSTER_NODES_MAX][PEOPLE_SLOTS]; /* who has, or last had, each name */
} people;

/* The one population of this program. */
extern people everybody;

/* Starts those with a name that are missing on the nodes that are alive. */
void people_fill(void);

/* Tells about half of them to end. */
void people_halve(void);

#endif
