/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_NET_CONTACTS_H
#define OSR_DIST_NET_CONTACTS_H

#include "dist/membership/contact.h"
#include "dist/net/net.h"
#include "epmd/client.h"

/* The contacts of a node: their addresses and keys, and a thread that keeps looking up those that
 * are many (dist/membership/contact.h). */

typedef struct osri_contacts osri_contacts;

#define OSRI_CONTACTS_MAX 256

/* What is pointed to is copied, but for identity and epmd, which outlive the contacts. */
typedef struct osri_contacts_options {
    const osr_env *env;
    const osri_log *log;
    const osri_identity *identity;
    const osri_epmd_options *epmd; /* NULL: no mapper is asked */
    const char *secret;            /* development: where the secret is; NULL: the usual place */
    bool production;
    const char *const *texts;
    uint32_t count;
    const char *const *certificates; /* of contacts, in production */
    uint32_t certificate_count;
} osri_contacts_options;

/* Errors, with one line in ret_text: OSR_EINVAL a contact that is none, or one without a
 * certificate in production; OSR_ENOTSUP one that needs a mapper where there is none; those of
 * osri_certificate_load(); OSR_EPERM a certificate of another authority; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_contacts_new(const osri_contacts_options *options,
                                         osri_contacts **ret_contacts, char *ret_text,
                                         size_t text_bytes);

/* The whole names among them; lent. Returns how many. */
uint32_t osri_contacts_names(const osri_contacts *contacts,
                             const char *ret_names[OSRI_CONTACTS_MAX]);

/* Begins to keep the net informed of those that are many: the nodes found are wanted, those that
 * are not found any more no longer. Errors: as of the environment's thread_start(). */
OSR_MUST_CHECK osr_err osri_contacts_start(osri_contacts *contacts, osri_net *net);

/* Where a contact of this name is, and its key. Blocks while its host is looked up. Threads: any.
 * Errors: OSR_ENOTFOUND no contact has this name, or it is the mapper's to know; OSR_ENOCONNECTION
 *   its host is not found, with a text; OSR_ESTOPPED; those of osri_secret_load(). */
OSR_MUST_CHECK osr_err osri_contacts_find(osri_contacts *contacts, const char *name,
                                          char ret_endpoint[OSRI_ENDPOINT_BYTES],
                                          uint8_t ret_key[OSRI_KEY_BYTES], char *ret_text,
                                          size_t text_bytes);

/* Ends lookups under way. Threads: any. */
void osri_contacts_stop(osri_contacts *contacts);

/* After the last find. NULL is accepted. */
void osri_contacts_free(osri_contacts **contacts);

#endif
