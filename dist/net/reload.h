/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_RELOAD_H
#define OSR_DIST_NET_RELOAD_H

#include <stdint.h>
#include <sys/stat.h>

#include "dist/identity/node_files.h"
#include "dist/net/net.h"

/* What a running node reads again: the list of revoked certificates, its own certificate and the
 * policy of roles, looked at every few seconds and read when they have been replaced; in
 * development mode the node issues itself a new certificate when the old one comes to its end. A
 * file that is not good changes nothing and is named in the log, once. Threads: one at a time. */

#define OSRI_RELOAD_LOOK_MS 5000
#define OSRI_RELOAD_DAYS_LEFT 10 /* development: when less is left there is a new one */

typedef struct osri_reload_options {
    const osr_env *env;
    const osri_log *log;
    osri_identity *identity;     /* lent; only its renewal is touched */
    osri_renewal *renewal;       /* the identity's; lent */
    osri_production_files files; /* copied; authority NULL: development */
    const char *secret;          /* development: the file; copied; NULL: the usual one */
    uint32_t roles_needed;       /* of our own certificate */
    osri_policy *policy;         /* lent */
    const char *policy_path;     /* copied; NULL: there is none */
} osri_reload_options;

typedef struct osri_reload {
    osri_reload_options options;
    struct stat revoked_seen;
    struct stat certificate_seen;
    struct stat policy_seen;
    uint64_t look_ns;
    uint64_t issue_ns; /* not before */
} osri_reload;

/* End it with osri_reload_fini(), also after an error. Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_reload_init(osri_reload *reload, const osri_reload_options *options);
void osri_reload_fini(osri_reload *reload);

/* If it is time: looks, and tells the net. Blocks while it reads. */
void osri_reload_look(osri_reload *reload, osri_net *net);

#endif
