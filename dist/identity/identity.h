/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_IDENTITY_H
#define OSR_DIST_IDENTITY_H

#include "dist/identity/authority.h"
#include "dist/identity/renewal.h"

/* Who a node is: its key pair, its certificate, and the authority by which it knows its peers.
 * Pure: no clock, no file, no randomness of its own.
 * Threads: any, once made. */

#define OSRI_CLUSTER_DEFAULT "dev"
#define OSRI_CERTIFICATE_SKEW_S 300
#define OSRI_CERTIFICATE_DAYS 30

typedef struct osri_identity {
    osri_certificate certificate; /* our own, decoded */
    osri_signed_certificate certificate_signed;
    uint8_t key_secret[32]; /* CURVE secret key of certificate.key */
    uint8_t authority_public[32];
    uint8_t mapper_public[32]; /* CURVE public key of the cluster's port mappers; 0: not known */
    uint64_t creation;         /* 64 random bits a start; compare for equality only */
    const osri_revocations *revocations; /* lent; NULL: nothing is revoked */
    const osri_renewal *renewal;         /* lent; NULL: certificate_signed is shown for ever */
} osri_identity;

/* What a development identity is made from. */
typedef struct osri_identity_request {
    const uint8_t *secret; /* the cluster's, 32 bytes; lent for the call */
    const char *cluster;   /* NULL: OSRI_CLUSTER_DEFAULT */
    const char *name;      /* "name@host" */
    uint32_t roles;        /* osri_role bits; 0: all but MAPPER and HIDDEN */
    uint64_t now_s;        /* real time, seconds since 1970 */
    uint64_t creation;     /* from the node's randomness */
} osri_identity_request;

/* Development mode: the authority's key, the mapper's and the node's own all follow from the
 * cluster's secret, and the node issues its own certificate for 30 days. Whoever holds the
 * secret can be any node. Give the same creation again to renew. End it with
 * osri_identity_wipe().
 * Errors: OSR_EINVAL a bad name or cluster. */
OSR_MUST_CHECK osr_err osri_identity_development(const osri_identity_request *request,
                                                 osri_identity *ret_identity);

/* The CURVE public key that a development node of this name has: enough to dial it without a port
 * mapper. */
void osri_identity_node_key_public(const uint8_t secret[32], const char *name, uint8_t ret_key[32]);

/* A port mapper's side of development mode: its CURVE key pair is certificate.key and
 * key_secret, the cluster is certificate.cluster; it has no certificate to show.
 * Errors: OSR_EINVAL a bad cluster. */
OSR_MUST_CHECK osr_err osri_identity_mapper(const uint8_t secret[32], const char *cluster,
                                            osri_identity *ret_identity);

/* The certificate to be shown to others now; lent as long as the identity and its renewal. Threads:
 * any. */
const osri_signed_certificate *osri_identity_shown(const osri_identity *identity);

/* Overwrites the secrets; NULL is accepted. */
void osri_identity_wipe(osri_identity *identity);

/* Why a certificate is not good enough. The numbers are those of the link protocol's refusals. */
typedef enum osri_identity_fault {
    OSRI_IDENTITY_GOOD = 0,
    OSRI_IDENTITY_MALFORMED = 11,
    OSRI_IDENTITY_CLUSTER = 20,
    OSRI_IDENTITY_KEY = 21,
    OSRI_IDENTITY_VALIDITY = 22,
    OSRI_IDENTITY_AUTHORITY = 23,
    OSRI_IDENTITY_REVOKED = 24,
    OSRI_IDENTITY_ROLE = 25,
} osri_identity_fault;

/* Checks another's certificate, in this order: shape, cluster, signature, that it belongs to the
 * key which the connection has proven, validity (give or take OSRI_CERTIFICATE_SKEW_S), that it is
 * not revoked, and that it has all of roles_needed. On a fault ret_text (bytes > 0) is one line for
 * both logs, free of control characters, and ret_certificate is not written. self: cluster,
 * authority and what is revoked. */
OSR_MUST_CHECK osri_identity_fault osri_identity_check(const osri_identity *self,
                                                       const osri_signed_certificate *theirs,
                                                       const uint8_t proven_key[32], uint64_t now_s,
                                                       uint32_t roles_needed,
                                                       osri_certificate *ret_certificate,
                                                       char *ret_text, size_t text_bytes);

#endif
