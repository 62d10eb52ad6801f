/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/registry.h"

#include <string.h>

#include "lib/core/heap.h"
#include "lib/core/map.h"

/* Invariants
 *   I1  a name is held by exactly one lease, until that lease gives it up;
 *   I2  `registered` grows with each add, so that a list can be continued after any of its records,
 *       whatever was added or removed in between;
 *   I3  the map iterates in the order of insertion, which is the order of I2. */

typedef struct entry {
    osri_epmd_record record;
    uint64_t lease;
} entry;

struct osri_registry {
    osri_map names; /* name to entry */
    uint32_t names_max;
    uint64_t registered;
};

osr_err osri_registry_new(uint32_t names_max, uint64_t seed, osri_registry **ret_registry)
{
    osri_registry *registry = osri_heap_zalloc(sizeof(*registry));

    if (registry == NULL) {
        return OSR_ENOMEM;
    }
    osri_map_init(&registry->names, seed);
    registry->names_max = names_max;
    *ret_registry = registry;
    return OSR_OK;
}

void osri_registry_free(osri_registry **registry)
{
    osri_map_entry found;
    size_t cursor = 0;

    if (registry == NULL || *registry == NULL) {
        return;
    }
    while (osri_map_next(&(*registry)->names, &cursor, &found)) {
        osri_heap_free(found.value, sizeof(entry));
    }
    osri_map_fini(&(*registry)->names);
    osri_heap_free(*registry, sizeof(**registry));
    *registry = NULL;
}

static entry *find(const osri_registry *registry, const char *name)
{
    return osri_map_get(&registry->names, name, strlen(name));
}

osr_err osri_registry_add(osri_registry *registry, const osri_epmd_record *record, uint64_t lease,
                          uint64_t *ret_registered)
{
    if (find(registry, record->name) != NULL) {
        return OSR_ETAKEN;
    }
    if (osri_registry_count(registry) >= registry->names_max) {
        return OSR_ELIMIT;
    }
    entry *added = osri_heap_alloc(sizeof(*added));
    if (added == NULL) {
        return OSR_ENOMEM;
    }
    added->record = *record;
    added->record.registered = registry->registered + 1;
    added->lease = lease;
    osr_err err = osri_map_put(&registry->names, record->name, strlen(record->name), added, NULL);
    if (err != OSR_OK) {
        osri_heap_free(added, sizeof(*added));
        return err;
    }
    registry->registered++;
    if (ret_registered != NULL) {
        *ret_registered = registry->registered;
    }
    return OSR_OK;
}

const osri_epmd_record *osri_registry_find(const osri_registry *registry, const char *name)
{
    const entry *found = find(registry, name);

    return found != NULL ? &found->record : NULL;
}

uint64_t osri_registry_lease(const osri_registry *registry, const char *name)
{
    const entry *found = find(registry, name);

    return found != NULL ? found->lease : 0;
}

void osri_registry_remove(osri_registry *registry, const char *name, uint64_t lease)
{
    entry *found = find(registry, name);

    if (found != NULL && found->lease == lease) {
        osri_map_remove(&registry->names, name, strlen(name));
        osri_heap_free(found, sizeof(*found));
    }
}

const osri_epmd_record *osri_registry_next(const osri_registry *registry, size_t *cursor)
{
    osri_map_entry found;

    if (!osri_map_next(&registry->names, cursor, &found)) {
        return NULL;
    }
    return &((const entry *)found.value)->record;
}

uint32_t osri_registry_count(const osri_registry *registry)
{
    return (uint32_t)osri_map_count(&registry->names);
}
