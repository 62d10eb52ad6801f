/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WORDCOUNT_NODES_H
#define OSR_WORDCOUNT_NODES_H

#include "messages.h"

/* The two kinds of nodes. argc and argv are those of osr_main(); what they return is for main()
 * to return. */

/* A node that counts: it has no application of its own, others start workers on it. */
int node_worker(int argc, char **argv);

/* The node that hands out the work to `workers` of them. With `once` it does that job and ends;
 * else it waits for clients. */
int node_coordinator(int argc, char **argv, uint32_t workers, const client_options *once);

#endif
