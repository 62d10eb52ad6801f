/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_LEADER_H
#define OSR_PROCESS_LEADER_H

#include "lib/process/node.h"
#include "osier/output.h"

/* Group leaders. Only one that is not its node's own is kept, among the relations of the process:
 * who has the usual one pays nothing. */

/* What the process passes on to one that it starts here; none: the node's. Owner. */
static inline osr_pid osri_leader_here(const osr_self *process)
{
    return process->relations == NULL ? OSR_PID_NONE : process->relations->leader;
}

/* What it passes on to another node; none: that node's, for want of an own. Owner. */
osr_pid osri_leader_abroad(osr_self *process);

/* Errors: OSR_ENOMEM. Owner. */
OSR_MUST_CHECK osr_err osri_leader_set(osr_self *process, osr_pid leader);

/* A LEADER. Takes it. Owner. */
void osri_leader_signal(osr_self *process, osri_envelope *signal);

/* Starts the node's leader, which nobody has found under its name; none when it cannot be made.
 * Threads: any. */
osr_pid osri_output_start(osr_node *node);

#endif
