/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_DOOR_H
#define OSR_DIST_NET_DOOR_H

#include "dist/net/admission.h"
#include "dist/net/gates.h"
#include "dist/zmq/transport.h"
#include "lib/core/log.h"
#include "osier/env.h"

/* What happens to those who connect, up to their first frame: who may try, and what the node's log
 * says of those that do not get that far. */

typedef struct osri_door {
    const osr_env *env;
    const osri_log *log;
    osri_admission admission;
    osri_gates refusals;  /* of the key-checking thread */
    osri_gates strangers; /* of the net's thread */
} osri_door;

/* env and log are lent. End it with osri_door_fini(). */
void osri_door_init(osri_door *door, const osr_env *env, const osri_log *log);
void osri_door_fini(osri_door *door);

/* Two of a transport's callbacks (osri_transport_admit, osri_zmq_stranger) for a door. */
bool osri_door_admit(osri_door *door, const uint8_t key[OSRI_KEY_BYTES], const char *address);
void osri_door_stranger(osri_door *door, const char *address, uint64_t ms,
                        osri_zmq_stranger_end end);

#endif
