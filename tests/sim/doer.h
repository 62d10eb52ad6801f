/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_DOER_H
#define OSR_TESTS_SIM_DOER_H

#include "osier/node.h"
#include "tests/sim/cluster.h"

/* A process that runs whatever function a test gives it, and shows every other message to `heard`:
 * so a test says in C what a process does, and when. For clusters in one address space. */

OSR_MESSAGE(doer_options, 0x1f00, (1, str, name), (2, bool, traps));
OSR_MESSAGE(doer_do, 0x1f01, (1, u64, run), (2, u64, argument));

typedef void doer_run(osr_self *self, void *argument);

/* Sees what a doer receives; NULL: nobody looks. Set before anything runs. */
extern void (*doer_heard)(osr_self *self, const osr_message *message);

/* A doer on a host, registered under its name; NULL: under none. */
osr_pid doer_on(cluster *world, uint32_t host, const char *name);

/* Makes it run this, and lets everything that follows at once happen. */
void doer_let(cluster *world, osr_pid doer, doer_run *run, void *argument);

#endif
