/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_CERTIFICATE_H
#define OSR_DIST_CERTIFICATE_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/name.h"
#include "osier/err.h"

/* A certificate binds a node's name to its CURVE key, signed by the cluster's authority
 * (Ed25519). Body: canonical msgpack [1, cluster, name, key(bin 32), serial, not_before,
 * not_after, roles, [spawn names]]; signature over "osier-cert-1\0" followed by the body. Pure:
 * no clock, no file.
 * Threads: any. */

#define OSRI_CERTIFICATE_BYTES_MAX 1024
#define OSRI_SIGNATURE_BYTES 64
#define OSRI_SPAWN_NAMES_MAX 16
#define OSRI_SPAWN_NAME_BYTES 65 /* with NUL */

typedef enum osri_role {
    OSRI_ROLE_JOIN = 1,
    OSRI_ROLE_SPAWN = 2,
    OSRI_ROLE_HOST = 4,
    OSRI_ROLE_SUPERVISE = 8,
    OSRI_ROLE_SHELL_READ = 16,
    OSRI_ROLE_SHELL_WRITE = 32,
    OSRI_ROLE_MAPPER = 64,
    OSRI_ROLE_HIDDEN = 128,
    OSRI_ROLES_ALL = 255,
} osri_role;

typedef struct osri_certificate {
    char cluster[OSRI_CLUSTER_BYTES];
    char name[OSRI_NAME_BYTES];
    uint8_t key[32]; /* CURVE public key */
    uint64_t serial;
    uint64_t not_before; /* seconds since 1970 */
    uint64_t not_after;
    uint32_t roles;       /* osri_role bits */
    uint32_t spawn_count; /* 0: every exported entry, where roles has SPAWN */
    char spawn[OSRI_SPAWN_NAMES_MAX][OSRI_SPAWN_NAME_BYTES];
} osri_certificate;

/* What travels: the body as signed, and its signature. */
typedef struct osri_signed_certificate {
    uint8_t body[OSRI_CERTIFICATE_BYTES_MAX];
    uint32_t body_bytes;
    uint8_t signature[OSRI_SIGNATURE_BYTES];
} osri_signed_certificate;

/* Encodes and signs. authority_secret: an Ed25519 secret key of libsodium's form (64 bytes).
 * Errors: OSR_EINVAL a field is empty, too long or not a legal name. */
OSR_MUST_CHECK osr_err osri_certificate_sign(const osri_certificate *certificate,
                                             const uint8_t authority_secret[64],
                                             osri_signed_certificate *ret_signed);

/* Decodes the body without looking at the signature: fit for saying whose it claims to be, and
 * for nothing else.
 * Errors: OSR_EPROTO malformed. */
OSR_MUST_CHECK osr_err osri_certificate_decode(const osri_signed_certificate *certificate,
                                               osri_certificate *ret_certificate);

/* Checks the signature, then decodes the fixed shape; rejects non-canonical forms and trailing
 * bytes.
 * Errors: OSR_EPERM signed by another authority; OSR_EPROTO malformed. */
OSR_MUST_CHECK osr_err osri_certificate_open(const osri_signed_certificate *certificate,
                                             const uint8_t authority_public[32],
                                             osri_certificate *ret_certificate);

/* The smallest form of a bounded copy: body (at most OSRI_CERTIFICATE_BYTES_MAX) and signature
 * as they came.
 * Errors: OSR_EPROTO too long or empty. */
OSR_MUST_CHECK osr_err osri_signed_certificate_set(const uint8_t *body, size_t body_bytes,
                                                   const uint8_t *signature, size_t signature_bytes,
                                                   osri_signed_certificate *ret_signed);

#endif
