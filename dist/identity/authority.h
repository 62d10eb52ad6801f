/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_AUTHORITY_H
#define OSR_DIST_AUTHORITY_H

#include <stdbool.h>

#include "dist/identity/certificate.h"

/* The cluster's authority in production: an Ed25519 key pair that is kept off the nodes. Its
 * secret lies in a file sealed under a passphrase (argon2id, then XSalsa20-Poly1305), its public
 * key in one that every node has.
 *
 * All load and save functions: on an error ret_text says in one line which file, what is wrong and
 * what to type next. Errors of all: as osri_file_read() and osri_text_file_write(); OSR_EPROTO not
 * such a file. Threads: any. */

typedef struct osri_authority {
    char cluster[OSRI_CLUSTER_BYTES];
    uint8_t public_key[32];
    uint8_t secret_key[64]; /* libsodium's form; all zero where only the public half is known */
} osri_authority;

/* Makes a new one. Wipe it with sodium_memzero(). Errors: OSR_EINVAL not a cluster's name. */
OSR_MUST_CHECK osr_err osri_authority_new(const char *cluster, osri_authority *ret_authority,
                                          char *ret_text, size_t text_bytes);

/* Neither overwrites an existing file. Errors also: OSR_ENOMEM for the passphrase's hash. */
OSR_MUST_CHECK osr_err osri_authority_save(const osri_authority *authority, const char *path,
                                           const char *passphrase, char *ret_text,
                                           size_t text_bytes);
OSR_MUST_CHECK osr_err osri_authority_save_public(const osri_authority *authority, const char *path,
                                                  char *ret_text, size_t text_bytes);

/* Errors also: OSR_EPERM the passphrase is wrong. */
OSR_MUST_CHECK osr_err osri_authority_load(const char *path, const char *passphrase,
                                           osri_authority *ret_authority, char *ret_text,
                                           size_t text_bytes);
OSR_MUST_CHECK osr_err osri_authority_load_public(const char *path, osri_authority *ret_authority,
                                                  char *ret_text, size_t text_bytes);

/* ---- the list of revoked certificates -------------------------------------------------- */

#define OSRI_REVOCATIONS_MAX 4096

/* Which serials no longer count. `version` grows with each list that the authority signs. */
typedef struct osri_revocations {
    char cluster[OSRI_CLUSTER_BYTES];
    uint64_t version;
    uint64_t issued; /* seconds since 1970 */
    uint32_t count;
    uint64_t serials[OSRI_REVOCATIONS_MAX]; /* ascending, each once */
} osri_revocations;

/* Adds a serial; one that is there already changes nothing. Errors: OSR_ELIMIT the list is full. */
OSR_MUST_CHECK osr_err osri_revocations_add(osri_revocations *list, uint64_t serial);

bool osri_revocations_has(const osri_revocations *list, uint64_t serial);

#define OSRI_REVOCATIONS_BYTES_MAX (32 * 1024 + OSRI_CLUSTER_BYTES + 64)

/* What is signed: canonical msgpack ["osier-crl-1", cluster, version, issued, serials (bin: 8
 * bytes each, big-endian, ascending)]. Errors: OSR_EINVAL not a legal list. */
OSR_MUST_CHECK osr_err osri_revocations_sign(const osri_revocations *list,
                                             const osri_authority *authority,
                                             uint8_t ret_body[OSRI_REVOCATIONS_BYTES_MAX],
                                             size_t *ret_bytes,
                                             uint8_t ret_signature[OSRI_SIGNATURE_BYTES]);

/* Checks the signature before anything else. Errors: OSR_EPERM signed by another authority, or of
 * another cluster; OSR_EPROTO malformed. */
OSR_MUST_CHECK osr_err osri_revocations_open(const uint8_t *body, size_t bytes,
                                             const uint8_t signature[OSRI_SIGNATURE_BYTES],
                                             const osri_authority *authority,
                                             osri_revocations *ret_list);

/* The same as a file. Saving replaces the file in one step. */
OSR_MUST_CHECK osr_err osri_revocations_save(const osri_revocations *list,
                                             const osri_authority *authority, const char *path,
                                             char *ret_text, size_t text_bytes);
OSR_MUST_CHECK osr_err osri_revocations_load(const char *path, const osri_authority *authority,
                                             osri_revocations *ret_list, char *ret_text,
                                             size_t text_bytes);

#endif
