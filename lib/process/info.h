/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_INFO_H
#define OSR_PROCESS_INFO_H

#include "osier/process.h"

/* What a process says of itself, by signal: in order after our own earlier signals to it. At most
 * 64 of each list. */
OSR_MESSAGE(osri_process_info, 0x09, (1, list(pid), links), (2, list(pid), monitors),
            (3, list(pid), watchers), (4, str, state));

/* Asks a process of any node; its handler has to come to an end for that. *ret_info is lent until
 * the next request of this process. Suspension point.
 * Errors: OSR_ENOPROC; OSR_ENOCONNECTION; OSR_ETIMEDOUT it is busy; OSR_EEXIT. */
OSR_MUST_CHECK osr_err osri_process_ask_info(osr_self *self, osr_pid pid, uint32_t timeout_ms,
                                             const osri_process_info **ret_info);

#endif
