/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_ALIAS_H
#define OSR_PROCESS_ALIAS_H

#include "lib/process/process.h"

typedef enum osri_alias_taken {
    OSRI_ALIAS_OFF,   /* nobody's message */
    OSRI_ALIAS_PLAIN, /* to be received in its order */
    OSRI_ALIAS_FIRST, /* as one of priority */
} osri_alias_taken;

/* What becomes of a message sent to this reference; it ends what ends with a message. Owner. */
osri_alias_taken osri_alias_take(osr_self *process, uint64_t reference);

static inline osri_alias_taken osri_alias_accepts(osr_self *process, const osri_envelope *reply)
{
    return (reply->ref & OSRI_ALIAS_BIT) != 0 ? osri_alias_take(process, reply->ref)
                                              : OSRI_ALIAS_OFF;
}

/* The monitor is over: so is an alias that ends with it. Owner. */
void osri_alias_monitor_ended(osr_self *process, uint64_t monitor);

#endif
