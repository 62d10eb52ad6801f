/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_NET_H
#define OSR_DIST_NET_NET_H

#include "dist/identity/identity.h"
#include "dist/identity/policy.h"
#include "dist/net/audit.h"
#include "dist/transport.h"
#include "lib/core/log.h"
#include "lib/process/signal.h"
#include "osier/dist.h"

/* The distribution of one node: its connections, dialing, the routing of signals and what fires
 * when a connection ends. It needs a transport, an identity and somebody who finds addresses; so a
 * simulator can drive it (dist/net/DESIGN.md). */

typedef struct osri_net osri_net;

#define OSRI_NET_SETUP_MS 7000
#define OSRI_NET_TICK_MS 10000
#define OSRI_NET_SETUPS_MAX 64 /* accepted connections that are not up yet */
#define OSRI_NET_PEERS_MAX 4096
#define OSRI_NET_GOODBYE_MS 500

/* Finds where a node accepts connections, and the key it holds. */
typedef struct osri_resolver {
    void *context;
    /* Begins to look up; osri_net_resolved() brings the answer, also from within. Never blocks.
     * Owner. */
    void (*resolve)(void *context, osri_net *net, const char *name);
} osri_resolver;

/* The answer, from any thread; err OSR_OK: endpoint and key; else text (may be NULL) says why. */
void osri_net_resolved(osri_net *net, const char *name, osr_err err, const char *endpoint,
                       const uint8_t key[OSRI_KEY_BYTES], const char *text);

/* Zero is the default of each. What is pointed to is lent and outlives the net, unless it says
 * otherwise. */
typedef struct osri_net_options {
    osri_transport *transport;     /* becomes the net's; it already listens where it should */
    const osri_identity *identity; /* name and creation are the node's */
    osri_revocations *revocations; /* the identity's, for osri_net_revoke(); NULL: it has none */
    osri_resolver resolver;
    uint32_t tick_ms;  /* 0: OSRI_NET_TICK_MS */
    uint32_t setup_ms; /* 0: OSRI_NET_SETUP_MS */
    const char *const *labels;
    uint32_t label_count;
    const char *const *joins; /* nodes to be connected with always; copied */
    uint32_t join_count;
    const char *endpoint; /* where others are told that we accept; NULL, "": nowhere */
    osr_auto_connect auto_connect;
    uint64_t os_pid;
    bool hidden;
    bool attended; /* a thread of its own turns it, and workers of the node when they are idle */

    osri_policy *policy; /* what of their certificates' roles peers may use here; NULL: all */
    osri_audit *audit;   /* where starts by peers are written down; NULL: nowhere */
    /* The node stops: called first of all, by the thread that stops it; joins threads that turn the
     * net. */
    void (*closing)(void *context);
    /* Last of all, after everything is freed but the options' own memory. */
    void (*closed)(void *context);
    void *context;
} osri_net_options;

/* Makes the distribution and gives the node its operations (osri_node_set_remote).
 * Ownership: the node's: its stop frees it. On an error the transport is still the caller's.
 * Errors: OSR_ENOMEM; OSR_EINVAL the identity is not the node's, or something is missing. */
OSR_MUST_CHECK osr_err osri_net_new(osr_node *node, const osri_net_options *options,
                                    osri_net **ret_net);

/* One turn of the role that owns the sockets (DESIGN.md D11): what was asked, what has arrived,
 * what is due; when there was nothing, waits for at most timeout_ms. Returns whether anything was
 * done; false also when another thread has the role. Threads: any, one at a time has it. */
bool osri_net_turn(osri_net *net, uint32_t timeout_ms);

/* Turns without waiting until there is nothing more to do now. ret_next_due_ns: when there will be,
 * on the environment's clock, unless something arrives; UINT64_MAX: never. */
bool osri_net_step(osri_net *net, uint64_t *ret_next_due_ns);

/* Says goodbye to all peers and takes nothing new. Left once they have closed, at most
 * OSRI_NET_GOODBYE_MS later; somebody has to turn the net meanwhile. Threads: any. */
void osri_net_leave(osri_net *net);
bool osri_net_has_left(const osri_net *net);

/* options.context of the net that the node has; NULL: it has none. Threads: any, not while the node
 * stops. */
void *osri_net_context_of(const osr_node *node);

/* Its policy and audit file; NULL: it has none. Threads: any outside the node, not while it stops;
 * or its processes. */
osri_policy *osri_net_policy_of(const osr_node *node);
osri_audit *osri_net_audit_of(const osr_node *node);

/* Keeps the node connected from now on, redialing it; or no longer. Wants add up. Threads: any.
 * Errors: OSR_EINVAL not a node's name; OSR_ENOMEM; OSR_ESTOPPED. */
osr_err osri_net_want(osri_net *net, const char *name, bool wanted);

/* Replaces the list of what is revoked (copied): peers whose certificate is on it are told so and
 * closed. One that is older than the list that we have is ignored, with a line in the log. Threads:
 * any. Errors: OSR_ENOMEM; OSR_ESTOPPED; OSR_EINVAL the identity has no list. */
osr_err osri_net_revoke(osri_net *net, const osri_revocations *list);

/* A number that the session with this node has on both sides, and no other; 0: not connected.
 * Threads: owner. */
uint64_t osri_net_session_of(const osri_net *net, const char *name);

/* What a net has counted since it was made. Threads: owner. */
typedef struct osri_net_counters {
    uint64_t records_sent;
    uint64_t records_received;
    uint64_t dropped;   /* messages beyond a bound */
    uint64_t untyped;   /* messages of a type that contradicts ours */
    uint64_t sessions;  /* that came up */
    uint64_t malformed; /* sessions that a malformed record ended */
} osri_net_counters;
void osri_net_count(osri_net *net, osri_net_counters *ret_counters);

#endif
