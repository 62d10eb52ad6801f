/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* An insertion-ordered hash map: a dense array of slots in order of insertion, and an index of
 * twice its size that finds them by linear probing.
 *
 * Invariants
 *   I1  a removed entry leaves a hole: its slot stays, without value, and so does its place in the
 *       index, so that probing goes on behind it. Holes go when the array is full and is built
 *       anew.
 *   I2  index_size >= 2 * slots_size: a probe always meets a free place.
 *   I3  keys of up to 16 bytes live in the slot, longer ones on the heap.
 * Hash: SipHash-1-3 (Aumasson, Bernstein) with a seed, for keys that strangers choose. */
#include "lib/core/map.h"

#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"

#define KEY_INLINE_BYTES 16
#define SLOTS_MIN 8u

struct osri_map_slot {
    uint64_t hash;
    void *value; /* NULL: a hole */
    union {
        unsigned char inline_bytes[KEY_INLINE_BYTES];
        unsigned char *heap_bytes;
    } key;
    uint32_t key_bytes;
};

static uint64_t rotate(uint64_t x, int by)
{
    return (x << by) | (x >> (64 - by));
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[2] += v[3];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] = rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] = rotate(v[2], 32);
}

static uint64_t hash_key(uint64_t seed, const unsigned char *key, size_t bytes)
{
    uint64_t other = ~rotate(seed, 32);
    uint64_t v[4] = {seed ^ UINT64_C(0x736f6d6570736575), other ^ UINT64_C(0x646f72616e646f6d),
                     seed ^ UINT64_C(0x6c7967656e657261), other ^ UINT64_C(0x7465646279746573)};
    uint64_t word = 0;
    size_t done = 0;

    for (; done + 8 <= bytes; done += 8) {
        memcpy(&word, key + done, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    word = 0;
    memcpy(&word, key + done, bytes - done);
    word ^= (uint64_t)bytes << 56;
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
    v[2] ^= 0xff;
    sip_round(v);
    sip_round(v);
    sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static const unsigned char *slot_key(const osri_map_slot *slot)
{
    return slot->key_bytes <= KEY_INLINE_BYTES ? slot->key.inline_bytes : slot->key.heap_bytes;
}

static osri_map_slot *find_slot(const osri_map *map, uint64_t hash, const void *key, size_t bytes)
{
    uint32_t mask = map->index_size - 1;

    if (map->count == 0) {
        return NULL;
    }
    for (uint32_t at = (uint32_t)hash & mask; map->index[at] != 0; at = (at + 1) & mask) {
        osri_map_slot *slot = &map->slots[map->index[at] - 1];

        if (slot->value != NULL && slot->hash == hash && slot->key_bytes == bytes &&
            memcmp(slot_key(slot), key, bytes) == 0) {
            return slot;
        }
    }
    return NULL;
}

static void link_slot(osri_map *map, uint32_t number)
{
    uint32_t mask = map->index_size - 1;
    uint32_t at = (uint32_t)map->slots[number].hash & mask;

    while (map->index[at] != 0) {
        at = (at + 1) & mask;
    }
    map->index[at] = number + 1;
}

static void drop_key(osri_map_slot *slot)
{
    if (slot->key_bytes > KEY_INLINE_BYTES) {
        osri_heap_free(slot->key.heap_bytes, slot->key_bytes);
    }
}

static void free_arrays(osri_map *map)
{
    osri_heap_free(map->slots, map->slots_size * sizeof(*map->slots));
    osri_heap_free(map->index, map->index_size * sizeof(*map->index));
}

/* Room for twice what is in it, without the holes. */
static osr_err rebuild(osri_map *map)
{
    osri_map built = {.seed = map->seed, .count = map->count, .slots_size = SLOTS_MIN};

    while (built.slots_size < map->count * 2) {
        built.slots_size *= 2;
    }
    built.index_size = built.slots_size * 2;
    built.slots = osri_heap_alloc(built.slots_size * sizeof(*built.slots));
    built.index = osri_heap_zalloc(built.index_size * sizeof(*built.index));
    if (built.slots == NULL || built.index == NULL) {
        free_arrays(&built);
        return OSR_ENOMEM;
    }
    for (uint32_t i = 0; i < map->slots_used; i++) {
        if (map->slots[i].value != NULL) {
            built.slots[built.slots_used] = map->slots[i];
            link_slot(&built, built.slots_used++);
        }
    }
    free_arrays(map);
    *map = built;
    return OSR_OK;
}

/* For an empty map; one that was large gives its memory back. */
static void forget_holes(osri_map *map)
{
    if (map->slots_size > SLOTS_MIN) {
        free_arrays(map);
        osri_map_init(map, map->seed);
        return;
    }
    memset(map->index, 0, map->index_size * sizeof(*map->index));
    map->slots_used = 0;
}

static osr_err copy_key(osri_map_slot *slot, const void *key, size_t bytes)
{
    unsigned char *room = slot->key.inline_bytes;

    if (bytes > KEY_INLINE_BYTES) {
        room = osri_heap_alloc(bytes);
        if (room == NULL) {
            return OSR_ENOMEM;
        }
        slot->key.heap_bytes = room;
    }
    memcpy(room, key, bytes);
    slot->key_bytes = (uint32_t)bytes;
    return OSR_OK;
}

static osr_err append(osri_map *map, uint64_t hash, const void *key, size_t bytes, void *value)
{
    osri_map_slot *slot;
    osr_err err = OSR_OK;

    if (map->count >= OSRI_MAP_COUNT_MAX) {
        return OSR_ELIMIT;
    }
    if (map->slots_used == map->slots_size) {
        err = rebuild(map);
    }
    if (err != OSR_OK) {
        return err;
    }
    slot = &map->slots[map->slots_used];
    err = copy_key(slot, key, bytes);
    if (err == OSR_OK) {
        slot->hash = hash;
        slot->value = value;
        link_slot(map, map->slots_used++);
        map->count++;
    }
    return err;
}

void osri_map_init(osri_map *map, uint64_t seed)
{
    *map = (osri_map){.seed = seed};
}

void osri_map_fini(osri_map *map)
{
    for (uint32_t i = 0; i < map->slots_used; i++) {
        if (map->slots[i].value != NULL) {
            drop_key(&map->slots[i]);
        }
    }
    free_arrays(map);
    osri_map_init(map, map->seed);
}

osr_err osri_map_put(osri_map *map, const void *key, size_t key_bytes, void *value, void **ret_old)
{
    uint64_t hash;
    osri_map_slot *slot;
    void *old = NULL;
    osr_err err = OSR_OK;

    OSR_ASSERT(value != NULL);
    if (key_bytes > OSRI_MAP_KEY_BYTES_MAX) {
        return OSR_ELIMIT;
    }
    hash = hash_key(map->seed, key, key_bytes);
    slot = find_slot(map, hash, key, key_bytes);
    if (slot != NULL) {
        old = slot->value;
        slot->value = value;
    } else {
        err = append(map, hash, key, key_bytes, value);
    }
    if (err == OSR_OK && ret_old != NULL) {
        *ret_old = old;
    }
    return err;
}

void *osri_map_get(const osri_map *map, const void *key, size_t key_bytes)
{
    osri_map_slot *slot = find_slot(map, hash_key(map->seed, key, key_bytes), key, key_bytes);

    return slot == NULL ? NULL : slot->value;
}

void *osri_map_remove(osri_map *map, const void *key, size_t key_bytes)
{
    osri_map_slot *slot = find_slot(map, hash_key(map->seed, key, key_bytes), key, key_bytes);
    void *value;

    if (slot == NULL) {
        return NULL;
    }
    value = slot->value;
    drop_key(slot);
    slot->value = NULL;
    map->count--;
    if (map->count == 0) {
        forget_holes(map);
    }
    return value;
}

bool osri_map_next(const osri_map *map, size_t *cursor, osri_map_entry *ret_entry)
{
    for (size_t i = *cursor; i < map->slots_used; i++) {
        const osri_map_slot *slot = &map->slots[i];

        if (slot->value != NULL) {
            *ret_entry = (osri_map_entry){
                .key = slot_key(slot), .key_bytes = slot->key_bytes, .value = slot->value};
            *cursor = i + 1;
            return true;
        }
    }
    *cursor = map->slots_used;
    return false;
}
