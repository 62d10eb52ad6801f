/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SCHEDULER_ATTEND_H
#define OSR_SCHEDULER_ATTEND_H

#include "lib/scheduler/scheduler.h"

/* A worker with nothing to do turns the distribution and waits in it (DESIGN.md D11), so that a
 * message to or from another node takes no hop between two threads. One worker at a time *attends*:
 * from when it first lies down there until it has something else to do for longer. Meanwhile the
 * distribution's own thread stands by. */

/* The worker is about to sleep. True: in the distribution, by osri_attend_rest(); from now on
 * osri_worker_unpark() rouses it there. Threads: its own. */
bool osri_attend_lie_down(osri_worker *worker);

/* Sleeps there until something has come, somebody rouses it, or ns is over. Returns whether the
 * distribution has brought something. Threads: its own. */
bool osri_attend_rest(osri_worker *worker, uint64_t ns);

/* Whether the worker attends. Threads: its own. */
bool osri_attend_is_here(const osri_worker *worker);

/* It does not sleep there any more. Threads: its own. */
void osri_attend_get_up(osri_worker *worker);

/* The attendant polls for work: turns the distribution once, without waiting. Returns whether that
 * has brought something. Threads: its own. */
bool osri_attend_poll(osri_worker *worker);

/* The worker has run a turn. Threads: its own. */
void osri_attend_ran(osri_worker *worker);

/* It does not attend any more. Threads: any. */
void osri_attend_stop(osri_worker *worker);

#endif
