/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_ALIAS_H
#define OSR_PROCESS_ALIAS_H

#include "lib/process/process.h"

/* Whether a message sent to this number is to be received; it ends what ends with a message.
 * Owner. */
bool osri_alias_take(osr_self *process, uint64_t number);

static inline bool osri_alias_accepts(osr_self *process, const osri_envelope *reply)
{
    return (reply->ref & OSRI_ALIAS_BIT) != 0 && osri_alias_take(process, reply->ref);
}

/* The monitor is over: so is an alias that ends with it. Owner. */
void osri_alias_monitor_ended(osr_self *process, uint64_t monitor);

#endif
