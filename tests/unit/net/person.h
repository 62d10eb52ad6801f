/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_NET_PERSON_H
#define OSR_TESTS_NET_PERSON_H

#include "tests/sim/cluster.h"
#include "tests/unit/net/actors.h"

/* A process of a simulated cluster that asks about nodes, and writes what it is told into the trace
 * of actors.h, a line an event: "a nodeup n1@sim", "a nodedown n1@sim disconnect", "a lost n1@sim
 * goodbye" (a monitor of one node), "a member n1@sim joined connected". */

typedef enum person_deed {
    PERSON_CONNECT = 1,
    PERSON_DISCONNECT,
    PERSON_MONITOR,   /* the node; each adds a monitor */
    PERSON_DEMONITOR, /* the newest of them */
    PERSON_WATCH,     /* visible nodes; number 1: hidden ones, too; 2: none */
    PERSON_MEMBERS,   /* number 2: no longer */
    PERSON_DRAIN,     /* number 2: no longer */
    PERSON_LIST,      /* number: kinds; "a sees n0@sim n1@sim" */
    PERSON_SPAWN,     /* "a spawned OK" */
    PERSON_TICK,      /* number: ms */
    PERSON_END,
} person_deed;

OSR_MESSAGE(person_options, 0x1100, (1, str, name));
OSR_MESSAGE(person_do, 0x1101, (1, u32, deed), (2, str, node), (3, u32, number));

/* Starts one, registered under its name. */
osr_pid person_on(cluster *world, uint32_t host, const char *name);

/* It does it as soon as time passes. */
void person_does(cluster *world, osr_pid person, person_deed deed, const char *node,
                 uint32_t number);

#endif
