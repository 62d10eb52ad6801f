/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_RPC_H
#define OSR_PROCESS_RPC_H

#include "lib/process/process.h"
#include "osier/rpc.h"

/* Calls, from the side that serves them. A call is a request (a MESSAGE with a reference) to a node
 * itself; it is answered by a REPLY of the function's, by an osri_rpc_refused where no process was
 * started for it, or by the DOWN of that process. */

OSR_MESSAGE(osri_rpc_call, 0x20, (1, str, function), (2, u32, type_id), (3, str, type_name),
            (4, bin, request), /* encoded; "" and none where there is no argument */
            (5, pid, leader)); /* the caller's group leader; none: that of the node */
OSR_MESSAGE(osri_rpc_refused, 0x21, (1, i32, error));

static inline bool osri_is_rpc(const osri_envelope *signal)
{
    return signal->kind == OSRI_SIGNAL_MESSAGE && signal->ref != 0 && signal->type != NULL &&
           signal->type->id == osri_rpc_call_osr_type.id;
}

/* Makes the process that serves a call, whose right to be served has been checked; it does not run
 * yet: osri_spawn_run(), or osri_spawn_undo(). Threads: any. Errors: OSR_ENOTFOUND, OSR_ETYPE,
 * OSR_ETIMEDOUT the call has expired, and those of a spawn. */
OSR_MUST_CHECK osr_err osri_rpc_prepare(osr_node *node, const osri_envelope *call,
                                        osr_self **ret_process);

/* Tells the caller that nothing was started. Threads: any. */
void osri_rpc_refuse(osr_node *node, const osri_envelope *call, osr_err why);

/* A call by a process of this node. Takes it. Threads: any. */
void osri_rpc_here(osr_node *node, osri_envelope **call);

#endif
