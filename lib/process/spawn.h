/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_SPAWN_H
#define OSR_PROCESS_SPAWN_H

#include "lib/process/node.h"

/* The steps of a spawn, for those who start processes here and for those who ask for it by
 * request. */

/* What a process starts with, however it was asked for. */
typedef struct osri_plan {
    const osr_entry *entry; /* a raw process, or a behaviour that was exported; NULL with ops */
    const osri_body_ops *ops;
    const void *configuration;
    osri_envelope *argument;          /* given; NULL = none */
    const osr_spawn_options *options; /* never NULL */
    osr_pid parent;
    osr_pid leader; /* none: that of the node */
    bool reports_end;
} osri_plan;

/* A process that is ours, has its name, and does not run yet. Takes plan->argument in any case.
 * Errors: OSR_ENOMEM; OSR_ELIMIT; OSR_ESTOPPED; OSR_ETAKEN; OSR_EINVAL a name or stack that cannot
 * be. */
OSR_MUST_CHECK osr_err osri_spawn_prepare(osr_node *node, const osri_plan *plan,
                                          osr_self **ret_process);

/* Opens its inbox and lets it run: from here on it is not ours. */
void osri_spawn_run(osr_self *process);

/* Undoes osri_spawn_prepare(). */
void osri_spawn_undo(osr_self *process);

extern const osr_spawn_options osri_spawn_no_options;

/* Whether the options name another node. */
bool osri_spawn_is_remote(const osr_self *self, const osr_spawn_options *options);

#endif
