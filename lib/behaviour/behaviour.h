/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_BEHAVIOUR_BEHAVIOUR_H
#define OSR_BEHAVIOUR_BEHAVIOUR_H

#include "lib/process/body.h"
#include "osier/server.h"

/* What the behaviours share: how they are started and told to stop. */

/* Asks a behaviour to end with a reason: what osr_server_stop() sends. */
OSR_MESSAGE(osri_stop, 0x18, (1, of(osr_reason), reason));

/* Asks a behaviour whether its init has succeeded; answered when it has. One whose init fails ends,
 * which the caller hears. */
OSR_MESSAGE(osri_ready_now, 0x1b);
OSR_REQUEST(osri_ready, 0x1c, osri_ready_now);

/* Starts a body, linked as options say, and waits for its osr_started. As osr_server_start(), which
 * see. */
OSR_MUST_CHECK osr_err osri_behaviour_start(osr_self *self, const osri_spawn *spawn,
                                            uint32_t timeout_ms, osr_pid *ret_pid);

/* The same from outside the node; as osr_node_start_server(). */
OSR_MUST_CHECK osr_err osri_behaviour_start_outside(osr_node *node, const osri_spawn *spawn,
                                                    uint32_t timeout_ms, osr_pid *ret_pid);

/* What starts a server, its description in the form the runtime takes. */
osri_spawn osri_spawn_of(const osr_server *server, const void *argument,
                         const osr_spawn_options *options);

/* Tells the parent that init has succeeded; or that it has not: the process then ends, without an
 * exit signal for its parent, whom a monitor tells. On OSR_ENOMEM the parent has not been told, and
 * waits: the process must end as if its init had failed. */
OSR_MUST_CHECK osr_err osri_behaviour_started(osr_self *self);
void osri_behaviour_refused(osr_self *self);

/* Answers a request that was kept for later; one that cannot be answered for want of memory is
 * refused, so that its caller does not wait for ever. */
void osri_behaviour_answer(osr_self *self, osr_caller caller, const osr_type *type,
                           const void *reply);

/* The reason when the message tells the process to end: the exit signal of its parent or of the
 * node, or an osri_stop; else NULL. Lent as the message is. */
const osr_reason *osri_behaviour_told_to_stop(osr_self *self, const osr_message *message);

#endif
