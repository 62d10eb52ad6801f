/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_REGISTRY_H
#define OSR_EPMD_REGISTRY_H

#include <stddef.h>
#include <stdint.h>

#include "epmd/record.h"
#include "osier/err.h"

/* Which nodes are registered, and by which lease. Pure.
 * Threads: one at a time. */

typedef struct osri_registry osri_registry;

/* seed comes from randomness.
 * Ownership: free with osri_registry_free().
 * Errors: OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_registry_new(uint32_t names_max, uint64_t seed,
                                         osri_registry **ret_registry);

/* NULL and a NULL registry are accepted; *registry becomes NULL. */
void osri_registry_free(osri_registry **registry);

/* Registers a copy of record under lease, a number of the caller's that is not 0. ret_registered
 * (may be NULL): its place in the order, never given twice.
 * Errors: OSR_ETAKEN by whichever lease; OSR_ELIMIT; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_registry_add(osri_registry *registry, const osri_epmd_record *record,
                                         uint64_t lease, uint64_t *ret_registered);

/* The record of a name, or NULL; lent until the next add or remove. */
const osri_epmd_record *osri_registry_find(const osri_registry *registry, const char *name);

/* The lease of a name, or 0. */
uint64_t osri_registry_lease(const osri_registry *registry, const char *name);

/* Removes the name if this lease holds it; a stranger's stays. */
void osri_registry_remove(osri_registry *registry, const char *name, uint64_t lease);

/* In the order of registration; *cursor starts at 0; NULL at the end. Nothing is added or removed
 * meanwhile. */
const osri_epmd_record *osri_registry_next(const osri_registry *registry, size_t *cursor);

uint32_t osri_registry_count(const osri_registry *registry);

#endif
