/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_STRANGER_H
#define OSR_TESTS_SIM_STRANGER_H

#include "tests/sim/cluster.h"

/* Somebody with a key of its own and no certificate of the cluster, who dials a node and sends what
 * it likes. */

typedef struct stranger {
    osri_transport *transport; /* NULL: nobody is there */
    osri_conn conn;
    uint32_t host, incarnation; /* whom it dialed */
    uint64_t began_ns;
    bool spoke;
    bool closed;
    bool heard_more; /* than a refusal */
} stranger;

/* Dials the node, which is alive. */
void stranger_dial(stranger *who, cluster *world, uint32_t host);

/* Sends and hears; once it is over, writes down what it heard, and goes. Returns whether it has. */
bool stranger_step(stranger *who, cluster *world);

/* It goes now. */
void stranger_end(stranger *who);

#endif
