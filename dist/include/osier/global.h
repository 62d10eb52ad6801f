/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_GLOBAL_H
#define OSR_GLOBAL_H

#include "osier/process.h"

/* Cluster-wide unique names (Erlang's global): of all nodes that are connected with each other, one
 * process has the name.
 *
 *     err = osr_global_register(self, "ledger", osr_self_pid(self), NULL);
 *     …
 *     osr_pid ledger = osr_global_whereis(self, "ledger");
 *     err = ledger_entry_call(self, osr_to(ledger), &entry, &done, 1000);
 *
 * A name is free again once its process ends, its node is lost or stops: before anybody hears of
 * that. Where nodes were not connected both sides may have registered a name; when they meet again
 * one registration survives, on all nodes the same: of the greater weight, then the older, then of
 * the smaller pid. The other one is taken back, and its process killed or told, once. Nobody else
 * notices, no node is disconnected.
 * It works on a node without distribution, among its own processes. Hidden nodes take no part. */

OSR_BEGIN_DECLS

typedef enum osr_global_policy {
    OSR_GLOBAL_KILL = 0, /* the process that loses its name is killed */
    OSR_GLOBAL_NOTIFY,   /* it gets an osr_global_conflict */
} osr_global_policy;

/* To a process that has lost its name to `winner` when nodes met; its policy is OSR_GLOBAL_NOTIFY.
 */
OSR_MESSAGE(osr_global_conflict, 0x66, (1, str, name), (2, pid, winner));

/* Zero is the default of each. */
typedef struct osr_global_options {
    size_t size;                   /* set by OSR_GLOBAL() */
    uint64_t weight;               /* the greater survives a conflict */
    osr_global_policy on_conflict; /* what the loser of one gets */
} osr_global_options;

#define OSR_GLOBAL(...)                                                                            \
    (&(const osr_global_options){.size = sizeof(osr_global_options), __VA_ARGS__})

/* Registers a process of this node, which may have several names. Asks all connected nodes, and
 * waits for them; one that is silent until its connection is given up, some seconds. Suspension
 * point.
 * Errors: OSR_ETAKEN it is registered, or another process is about to; OSR_ENOPROC it does not
 *   live, or ended meanwhile; OSR_EINVAL empty, over 255 bytes, or a process of another node;
 *   OSR_ELIMIT 1,048,576 names of this node's processes; OSR_ENOMEM; OSR_EEXIT (and it may be
 *   registered). */
OSR_API OSR_MUST_CHECK osr_err osr_global_register(osr_self *self, const char *name, osr_pid pid,
                                                   const osr_global_options *options);

/* Takes the name of a process of this node back. Not a suspension point.
 * Errors: OSR_ENOTFOUND nobody has it; OSR_EPERM a process of another node has it. */
OSR_API osr_err osr_global_unregister(osr_self *self, const char *name);

/* Who has the name as far as this node knows, or OSR_PID_NONE. Not a suspension point. */
OSR_API osr_pid osr_global_whereis(osr_self *self, const char *name);

/* Sends a copy of a message to whoever has the name. Suspension point, as NAME_send().
 * Errors: OSR_ENOPROC nobody has it; and those of NAME_send(). */
OSR_API osr_err osr_global_send(osr_self *self, const char *name, const osr_type *type,
                                const void *message);

/* The same, typed: OSR_GLOBAL_SEND(tick, self, "ledger", &(tick){…}). */
#define OSR_GLOBAL_SEND(type, self_, name_, message_)                                              \
    osr_global_send((self_), (name_), &type##_osr_type, 1 ? (message_) : (const type *)NULL)

/* All names that this node knows, oldest first. Ownership: one block, osr_free(self, names); NULL
 * where there are none. Not a suspension point. Errors: OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_global_names(osr_self *self, osr_str **ret_names,
                                                size_t *ret_count);

OSR_END_DECLS
#endif
