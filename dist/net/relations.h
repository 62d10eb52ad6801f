/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_RELATIONS_H
#define OSR_DIST_NET_RELATIONS_H

#include "lib/core/map.h"
#include "lib/process/signal.h"

/* What holds processes of this node and of one peer together, as seen in the signals that pass in
 * one session; and so what has to fire when it ends. Threads: the distribution's owner. */

#define OSRI_RELATIONS_MAX 1000000 /* a session; the peer's further ones are refused */

typedef struct osri_relations_table {
    osri_map map; /* in the order in which they were made */
} osri_relations_table;

/* All zero is an empty table. */
void osri_relations_fini(osri_relations_table *table);

/* Notes a signal that is about to leave for process `to` (none: the peer itself, or by name).
 * Errors: OSR_ENOMEM; OSR_ENOCONNECTION it answers a spawn of an earlier session: do not send it.
 */
OSR_MUST_CHECK osr_err osri_relations_outgoing(osri_relations_table *table,
                                               const osri_envelope *signal, osr_pid to);

/* Notes a signal that has arrived, before it is delivered to *to. A DEMONITOR is redirected to the
 * process that the monitor or request was for, by whatever name; *to is then none when there is
 * none. Errors: OSR_ENOMEM; OSR_ELIMIT over OSRI_RELATIONS_MAX: the session has to end. */
OSR_MUST_CHECK osr_err osri_relations_incoming(osri_relations_table *table,
                                               const osri_envelope *signal, osr_pid *to);

/* Fires and forgets all, oldest first: links and monitors with noconnection, what waits for answers
 * likewise; the processes of this node that were watched from there forget their watchers. */
void osri_relations_fire(osri_relations_table *table, osr_node *node);

#endif
