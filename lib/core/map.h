/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_MAP_H
#define OSR_CORE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* A hash map from byte strings, copied in, to pointers that are not NULL and stay the caller's. It
 * iterates in the order of insertion. Threads: one at a time. */

#define OSRI_MAP_KEY_BYTES_MAX 65535
#define OSRI_MAP_COUNT_MAX (UINT32_C(1) << 28)

typedef struct osri_map_slot osri_map_slot;

/* Fields are private. All zero is an empty map with seed 0. */
typedef struct osri_map {
    osri_map_slot *slots; /* in order of insertion, with holes */
    uint32_t *index;      /* slot + 1, 0 is free; index_size is a power of two or 0 */
    uint32_t slots_used;
    uint32_t slots_size;
    uint32_t index_size;
    uint32_t count;
    uint64_t seed;
} osri_map;

typedef struct osri_map_entry {
    const void *key; /* lent until the next put or the entry's removal */
    size_t key_bytes;
    void *value;
} osri_map_entry;

/* Nothing is allocated. The seed comes from the node's randomness when strangers choose keys; else
 * 0. */
void osri_map_init(osri_map *map, uint64_t seed);

/* Frees the map's own memory; it is empty afterwards and can be used again. */
void osri_map_fini(osri_map *map);

/* Adds the key at the end, or replaces its value in place.
 * *ret_old (may be NULL) becomes the replaced value or NULL.
 * Errors: OSR_ENOMEM, OSR_ELIMIT (key or count too large): the map is as it was. */
OSR_MUST_CHECK osr_err osri_map_put(osri_map *map, const void *key, size_t key_bytes, void *value,
                                    void **ret_old);

/* The key's value or NULL. */
void *osri_map_get(const osri_map *map, const void *key, size_t key_bytes);

/* Removes the key; the value it had or NULL. */
void *osri_map_remove(osri_map *map, const void *key, size_t key_bytes);

/* The next entry; *cursor starts at 0. False at the end. Between two calls any entry may be
 * removed, but nothing put. */
bool osri_map_next(const osri_map *map, size_t *cursor, osri_map_entry *ret_entry);

static inline size_t osri_map_count(const osri_map *map)
{
    return map->count;
}

static inline OSR_MUST_CHECK osr_err osri_map_put_u64(osri_map *map, uint64_t key, void *value,
                                                      void **ret_old)
{
    return osri_map_put(map, &key, sizeof(key), value, ret_old);
}

static inline void *osri_map_get_u64(const osri_map *map, uint64_t key)
{
    return osri_map_get(map, &key, sizeof(key));
}

static inline void *osri_map_remove_u64(osri_map *map, uint64_t key)
{
    return osri_map_remove(map, &key, sizeof(key));
}

#endif
