/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_SERVICE_H
#define OSR_PROCESS_SERVICE_H

#include "lib/process/signal.h"

/* Services: parts of the node itself that hear of the ends of processes before anybody else, and
 * that talk to their like on connected nodes in the order of everything else: process groups,
 * cluster-wide names. They run on whatever thread calls, under a lock of their own; nothing of them
 * waits. */

typedef enum osri_service_slot {
    OSRI_SERVICE_GROUPS = 0,
    OSRI_SERVICE_NAMES,
    OSRI_SERVICES,
} osri_service_slot;

typedef struct osri_service osri_service;

typedef struct osri_service_ops {
    osri_service_slot slot;
    uint32_t type_first, type_last; /* ids of the messages it takes */
    osr_err (*make)(osr_node *node, osri_service **ret_service);
    void (*free)(osri_service *service);

    /* A process that osri_service_watch() was called for ends: nobody has learned of it yet. Called
     * twice at most. Threads: any. */
    void (*process_ended)(osri_service *service, osr_pid pid);

    /* A session with a visible node begins: nothing of it has been delivered. It ends: nothing more
     * will be, and no link or monitor has fired yet. Threads: the distribution's owner. */
    void (*peer_up)(osri_service *service, const osri_peer *peer);
    void (*peer_down)(osri_service *service, const osri_peer *peer);

    /* A message of one of its types: from its like on a peer, between peer_up and peer_down; or
     * (peer NULL) a request of a process of this node, signal->from, which waits for a REPLY with
     * signal->ref. Lent. An error of a peer's message ends the session: OSR_EPROTO, OSR_ELIMIT. */
    osr_err (*message)(osri_service *service, const osri_peer *peer, const osri_envelope *signal);
} osri_service_ops;

/* What each service begins with. */
struct osri_service {
    const osri_service_ops *ops;
    osr_node *node;
};

/* The node's service, made on first use; lives as long as the node. Threads: any.
 * Errors: those of make(). */
OSR_MUST_CHECK osr_err osri_service_get(osr_node *node, const osri_service_ops *ops,
                                        osri_service **ret_service);

/* Says that process_ended() is to be called for a process of this node. False: it is not of this
 * node, or has ended or is about to: whatever was kept for it has to be dropped by the caller, who
 * holds the service's lock since before it was kept. Threads: any. */
bool osri_service_watch(osr_node *node, osr_pid pid);

/* Sends a message to the service's like on a peer. It belongs to the session that `peer` was given
 * for: after its end it is dropped. It is no larger than 16 KiB when encoded, so that nothing that
 * is sent later overtakes it. One that there is no memory for ends the session. Threads: any. */
void osri_service_send(osri_service *service, const osri_peer *peer, const osr_type *type,
                       const void *message);

/* Says that something was not said to a peer, or not heard from it, for want of memory: the session
 * ends, and with the next one all is told anew. Threads: any. */
void osri_service_doubt(const osri_service *service, const osri_peer *peer);

/* Answers a request of a process of this node. Threads: any. */
void osri_service_reply(osri_service *service, osr_pid to, uint64_t ref, const osr_type *type,
                        const void *reply);

/* "To the node itself." */
static inline bool osri_pid_is_node(osr_pid pid)
{
    return pid.node != 0 && pid.slot == 0 && pid.generation == 0;
}
static inline osr_pid osri_pid_of_node(uint64_t node)
{
    osr_pid pid = {node, 0, 0};
    return pid;
}

/* ---- for the runtime and the distribution ------------------------------------------------ */

/* A process ends. Owner. */
void osri_services_release(osr_self *process);

void osri_services_peer_up(osr_node *node, const osri_peer *peer);
void osri_services_peer_down(osr_node *node, const osri_peer *peer);

/* A message to the node; one that no service takes is dropped. Takes it. Errors: see message(). */
osr_err osri_services_message(osr_node *node, const osri_peer *peer, osri_envelope **signal);

/* The node is freed. */
void osri_services_fini(osr_node *node);

#endif
