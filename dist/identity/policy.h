/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_POLICY_H
#define OSR_DIST_POLICY_H

#include <stdbool.h>

#include "dist/identity/certificate.h"
#include "lib/core/mutex.h"

/* What a node lets its peers do: roles.policy, a file of its own beside the certificates of others.
 * A peer may do what its certificate and a rule of this file both allow; without a file the
 * certificate decides alone. So a file narrows, and an empty one allows nothing.
 *
 *     # osier-roles-policy-1
 *     spawn: *@alpha db_writer db_reader
 *     supervise: store@alpha *
 *     shell-read: *
 *     shell-write: you@alpha
 *
 * Each line is a role, the peers by name, and for spawn and supervise the exported entries
 * (functions, too) that they may start. A * stands for any characters, or none; lines that begin
 * with # and empty ones are passed over. */

#define OSRI_POLICY_RULES_MAX 1024 /* a rule is one peer and one entry */
#define OSRI_POLICY_PATTERN_BYTES OSRI_NAME_BYTES

typedef struct osri_policy_rules osri_policy_rules;

/* Reads a file. Ownership: free with osri_policy_rules_free().
 * Errors: as osri_file_read(); OSR_EPROTO not such a file, or a bad rule, with its line;
 *   OSR_ENOMEM. ret_text says in one line which file, what is wrong and what to type next. */
OSR_MUST_CHECK osr_err osri_policy_rules_load(const char *path, osri_policy_rules **ret_rules,
                                              char *ret_text, size_t text_bytes);

/* The same from text with a NUL; `name` stands for the file in ret_text. Pure. */
OSR_MUST_CHECK osr_err osri_policy_rules_parse(const char *text, const char *name,
                                               osri_policy_rules **ret_rules, char *ret_text,
                                               size_t text_bytes);

/* NULL is accepted. */
void osri_policy_rules_free(osri_policy_rules **rules);

/* The rules that hold now; replaced while others ask. Threads: any. */
typedef struct osri_policy {
    osri_mutex mutex;         /* OSRI_RANK_LEAF */
    osri_policy_rules *rules; /* guarded_by: mutex; NULL: the certificate decides alone */
} osri_policy;

void osri_policy_init(osri_policy *policy);
void osri_policy_fini(osri_policy *policy);

/* From now on these hold. Takes them. */
void osri_policy_replace(osri_policy *policy, osri_policy_rules **rules);

/* Whether a rule allows this peer this role (one bit), for this entry (NULL: the role has none).
 * policy NULL, or one without rules, allows all: the caller has asked the certificate. */
bool osri_policy_allows(osri_policy *policy, uint32_t role, const char *peer, const char *entry);

#endif
