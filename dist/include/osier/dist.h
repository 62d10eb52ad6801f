/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_H
#define OSR_DIST_H

#include "osier/node.h"

/* Makes a node one of a cluster: it listens, registers at the port mapper, dials others when it is
 * asked to, over links that are always encrypted and authenticated (DESIGN.md D10 to D13). */

OSR_BEGIN_DECLS

#define OSR_LISTEN_DEFAULT "tcp://127.0.0.1:9100-9199"

/* Whether sending, linking, monitoring and spawning connect to a node that is not connected.
 * osr_connect(), contacts and the places of supervisors' children connect in any case, and whoever
 * dials this node is accepted. What does not connect ends as if the node could not be reached:
 * messages are dropped, all else hears noconnection. */
typedef enum osr_auto_connect {
    OSR_AUTO_CONNECT_ALWAYS = 0,
    OSR_AUTO_CONNECT_NEVER,
    OSR_AUTO_CONNECT_ONCE, /* not to one that was lost, until a connection with it is up again */
} osr_auto_connect;

/* Zero is the default of each field. What is pointed to is lent for the call. */
typedef struct osr_dist_options {
    size_t size;         /* set by OSR_DIST() */
    const char *listen;  /* NULL: OSR_LISTEN_DEFAULT; "" : accept nobody (clients) */
    const char *cluster; /* NULL: "dev" */
    const char *secret;  /* a file; NULL: $OSIER_HOME or ~/.osier, /cluster.secret */
    /* Production: files made by `osier keys`. With an authority the secret is never looked at, the
     * cluster is the authority's, and no port mapper is started: the operator's is used. */
    const char *authority;          /* authority.pub; NULL: development */
    const char *key;                /* node.key */
    const char *certificate;        /* node.cert, which names the node */
    const char *revoked;            /* revoked.crl; NULL: nothing is revoked */
    const char *mapper_certificate; /* the mappers'; NULL: only this machine's is asked */
    const char *const *labels;
    uint32_t label_count;
    /* Contacts: nodes to stay connected with, see below. */
    const char *const *joins;
    uint32_t join_count;
    uint32_t tick_ms;            /* 0: 10,000 */
    uint32_t mapper_port;        /* 0: $OSIER_EPMD_PORT or 4371 */
    uint32_t mapper_idle_exit_s; /* of a mapper that is started for this node; 0: it stays */
    bool no_mapper;              /* neither start nor use a port mapper */
    bool hidden;                 /* not shown to other nodes' subscribers */
    osr_auto_connect auto_connect;
    /* Production: node.cert files of contacts that are reached by a static address. */
    const char *const *contact_certificates;
    uint32_t contact_certificate_count;
    /* What peers may do here of what their certificates say: roles.policy, see below. Read again
     * when it is replaced. NULL: all of it. */
    const char *policy;
    /* The audit file, which says what shells and peers asked for; without it being written nothing
     * that they ask for is changed or started. Made where it is missing. NULL: none. */
    const char *audit;
} osr_dist_options;

/* A contact is one of
 *     store@host              where the port mapper of host says
 *     store@host:9100         at this port of host; no mapper is asked
 *     store@any=host:9100     at an address that is not the host of the node's name
 *     store@*=host:9100       a node at each address of host: store@192.0.2.1, store@192.0.2.2
 *     host                    all nodes that the port mappers at the addresses of host know
 * The connected nodes of a cluster tell each other of all others, so one contact is enough. The key
 * of a node that no mapper is asked for follows from the cluster's secret and its name, in
 * production from its certificate. */

/* A policy is a text file, writable by nobody else, such as
 *     # osier-roles-policy-1
 *     spawn: *@alpha db_writer db_reader
 *     supervise: store@alpha *
 *     shell-read: *
 *     shell-write: you@alpha
 * Each line names a role, the peers that may use it here and, for spawn and supervise, the exported
 * entries and functions that they may start; a * stands for any characters. What no line allows is
 * refused. */

#define OSR_DIST(...) (&(const osr_dist_options){.size = sizeof(osr_dist_options), __VA_ARGS__})

/* Starts the distribution of a node, before or after osr_node_start(); it ends with
 * osr_node_stop(), which says goodbye to all peers. The node's name must be "name@host". Starts the
 * port mapper of this machine when there is none. options NULL: all defaults. Blocks for some
 * seconds at most. Threads: any outside the node. Not a suspension point.
 * Errors, with one line in ret_text that says what happened, why, and what to type next ("" on
 *   OSR_OK): OSR_EPERM a file with keys is readable by others or not ours; OSR_EIO it cannot be
 *   read or made; OSR_EADDRESS the address is taken; OSR_ETAKEN a node of this name is registered;
 *   OSR_ENOTFOUND, OSR_EFAILED, OSR_ENOCONNECTION, OSR_ETIMEDOUT no mapper; OSR_EINVAL;
 *   OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_dist_start(osr_node *node, const osr_dist_options *options,
                                              char *ret_text, size_t text_bytes);

/* Where the node accepts links ("tcp://127.0.0.1:9100"), "" when it accepts nobody or has no
 * distribution. Lives until osr_node_stop(). Threads: any. Not a suspension point. */
OSR_API const char *osr_dist_endpoint(const osr_node *node);

OSR_END_DECLS
#endif
