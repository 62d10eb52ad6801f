/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_INFO_LISTS_H
#define OSR_PROCESS_INFO_LISTS_H

#include "lib/process/process.h"
#include "osier/info.h"

/* The lists in what a process says of itself: whom it knows, and what waits for it. They are
 * bounded, and lie here until the answer has been made of them; what they point to is the
 * process's. Too much for a stack. */

#define OSRI_LISTED_MAX 64
#define OSRI_OLDEST_MAX 16
#define OSRI_OLDEST_TEXT_BYTES 256

typedef struct osri_info_lists {
    osr_pid links[OSRI_LISTED_MAX];
    osr_pid monitors[OSRI_LISTED_MAX];
    osr_pid watchers[OSRI_LISTED_MAX];
    osr_process_name names[OSRI_LISTED_MAX];
    osr_suspending suspending[OSRI_LISTED_MAX];
    osr_waiting_message oldest[OSRI_OLDEST_MAX];
    char texts[OSRI_OLDEST_MAX][OSRI_OLDEST_TEXT_BYTES];
} osri_info_lists;

/* Threads: the owner's. */
void osri_info_lists_fill(osri_info_lists *lists, const osr_self *process,
                          osr_process_relations *ret_relations, osr_process_work *ret_work);

#endif
