/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_NET_LANES_H
#define OSR_TESTS_NET_LANES_H

#include "dist/net/state.h"
#include "tests/support/simulated_net.h"

/* What the tests of flow control ask of a simulated node: what waits for another, and what its link
 * has counted. */

/* Connects the actor's node, by a call, and forgets the trace of it. */
void connect_to(osr_pid from, const char *name, const char *node);

osri_lane *lane_to(uint32_t from, const char *node);

/* How many senders wait there. */
uint32_t waiting(uint32_t from, const char *node);

/* Every message of the node is accounted for; to be asked when nothing is under way. */
void expect_counts_add_up(uint32_t host);

/* Until the next call. */
const osr_link_status *status(uint32_t host, const char *node);

#endif
