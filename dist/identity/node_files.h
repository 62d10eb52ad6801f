/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NODE_FILES_H
#define OSR_DIST_NODE_FILES_H

#include "dist/identity/authority.h"
#include "dist/identity/identity.h"

/* What a node has in production: its key (node.key, which never leaves it), a request for a
 * certificate (node.req) and the certificate that the authority issued for it (node.cert).
 *
 * Functions that read or write: on an error ret_text says in one line which file, what is wrong
 * and what to type next. Errors of all: as osri_file_read() and osri_text_file_write(); OSR_EPROTO
 * not such a file. Threads: any. */

/* Whose key it is, and under which name it wants to join. */
typedef struct osri_node_request {
    char name[OSRI_NAME_BYTES];
    uint8_t key[32]; /* CURVE public key */
} osri_node_request;

/* Makes a key pair and writes both files; neither overwrites one. Errors: OSR_EINVAL not a node's
 * name. */
OSR_MUST_CHECK osr_err osri_node_key_new(const char *name, const char *key_path,
                                         const char *request_path, char *ret_text,
                                         size_t text_bytes);

/* Wipe ret_secret with sodium_memzero(). */
OSR_MUST_CHECK osr_err osri_node_key_load(const char *path, uint8_t ret_public[32],
                                          uint8_t ret_secret[32], char *ret_text,
                                          size_t text_bytes);
OSR_MUST_CHECK osr_err osri_node_request_load(const char *path, osri_node_request *ret_request,
                                              char *ret_text, size_t text_bytes);

/* Replaces an existing certificate in one step, so that a node which reads it at any moment finds
 * the old or the new one. */
OSR_MUST_CHECK osr_err osri_certificate_save(const osri_signed_certificate *certificate,
                                             const char *path, char *ret_text, size_t text_bytes);
OSR_MUST_CHECK osr_err osri_certificate_load(const char *path,
                                             osri_signed_certificate *ret_certificate,
                                             char *ret_text, size_t text_bytes);

/* The names of roles, as they are typed: "join", "spawn", … separated by commas. Errors of parse:
 * OSR_EINVAL an unknown one, or none. */
OSR_MUST_CHECK osr_err osri_roles_parse(const char *text, uint32_t *ret_roles);
void osri_roles_print(uint32_t roles, char *ret_text, size_t bytes);

/* The files of a production node. NULL: not given. */
typedef struct osri_production_files {
    const char *authority;          /* authority.pub */
    const char *key;                /* node.key */
    const char *certificate;        /* node.cert */
    const char *revoked;            /* revoked.crl; NULL: none is revoked */
    const char *mapper_certificate; /* whose key the port mappers of the cluster have */
} osri_production_files;

/* Reads them and judges the node's own certificate as its peers will. name: "b@h", which the
 * certificate must name; roles_needed: osri_role bits. revocations: where the list goes; lent to
 * the identity for its life, NULL: the list is not looked at. A node with these files never looks
 * at a cluster's secret. End it with osri_identity_wipe().
 * Errors also: OSR_EPERM the certificate is not good for this node now; OSR_EINVAL a file is not
 *   given. */
OSR_MUST_CHECK osr_err osri_identity_production(const osri_production_files *files,
                                                const char *name, uint32_t roles_needed,
                                                uint64_t now_s, osri_revocations *revocations,
                                                osri_identity *ret_identity, char *ret_text,
                                                size_t text_bytes);

#endif
