/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_BEHAVIOUR_LAN_H
#define OSR_TESTS_BEHAVIOUR_LAN_H

#include "osier/node.h"

/* A network in memory between stepped nodes of one program: signals arrive at once; a node that
 * goes takes its links and monitors with it (noconnection), as the distribution sees to it. For the
 * supervisor's tests, which are about what it does when nodes come and go; the distribution has its
 * own. */

void lan_reset(void);

/* labels: each followed by a newline. The node can be reached by name, and is down until
 * lan_up(). */
void lan_add(osr_node *node, const char *labels);

/* Connects the node with all that are up, or takes it off the network. */
void lan_up(osr_node *node);
void lan_down(osr_node *node);

/* The members hear of the node, also while it is down. */
void lan_list(osr_node *node, bool draining);

/* While held, a spawn that is asked for stays under way; letting go delivers it. */
void lan_hold_spawns(bool hold);

/* How many want it to be kept connected. */
int lan_wanted(const osr_node *node);

/* How often somebody tried to reach it while it was down. */
unsigned lan_dialled(const osr_node *node);

#endif
