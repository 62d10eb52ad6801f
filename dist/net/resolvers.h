/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_RESOLVERS_H
#define OSR_DIST_NET_RESOLVERS_H

#include "dist/net/contacts.h"
#include "dist/net/net.h"
#include "epmd/client.h"

/* Threads that look up contacts and ask port mappers, which blocks; one of them keeps our own
 * registration. */

typedef struct osri_resolvers osri_resolvers;

/* Lent, as long as the resolvers live. */
typedef struct osri_resolvers_options {
    const osr_env *env;
    const osri_log *log;
    const osri_epmd_options *epmd; /* NULL: there is no mapper; only contacts are found */
    osri_contacts *contacts;
    bool revives; /* a mapper of this machine that dies is started again */
} osri_resolvers_options;

/* lease: theirs from now on, freed by osri_resolvers_free(); NULL: there is none. Errors:
 * OSR_ENOMEM; OSR_ELIMIT, OSR_EIO no threads or descriptors: the lease is still the caller's. */
OSR_MUST_CHECK osr_err osri_resolvers_new(const osri_resolvers_options *options,
                                          osri_epmd_lease *lease, osri_resolvers **ret_resolvers);

/* Of an osri_resolver; context: the resolvers. */
void osri_resolvers_ask(void *context, osri_net *net, const char *name);

/* Unregisters, and waits for the threads: at most a mapper's deadline. NULL is accepted. */
void osri_resolvers_free(osri_resolvers **resolvers);

#endif
