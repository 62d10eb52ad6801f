/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/directory.h"

#include <string.h>

#include "lib/core/heap.h"

/* Directory of nodes.
 *
 * Invariants
 *   I1  every known node is in exactly one of `recent` (peer NULL) and `up` (peer set).
 *   I2  a name, once interned, is never freed before the directory: it has been handed out.
 * Bounds: OSRI_DIRECTORY_KNOWN_MAX, the least recently used is forgotten;
 *   OSRI_DIRECTORY_NAMES_MAX, further names are refused; hearsay fills half of it, so that whatever
 *   peers tell of others, a node that proves its name can still connect. */

typedef struct known {
    osri_list_link link;
    uint64_t node;
    uint64_t creation;
    uint64_t since_ns;
    const char *name;
    osri_peer *peer;
} known;

#define KNOWN_OF(link_) OSRI_LIST_ENTRY(link_, known, link)

void osri_directory_init(osri_directory *directory, uint64_t seed)
{
    *directory = (osri_directory){0};
    osri_mutex_init(&directory->mutex, OSRI_RANK_ROUTER);
    osri_map_init(&directory->names, seed);
    osri_map_init(&directory->known, seed);
    osri_list_init(&directory->recent);
    osri_list_init(&directory->up);
}

static void known_free(known *entry)
{
    osri_heap_free(entry->peer, sizeof(*entry->peer));
    osri_heap_free(entry, sizeof(*entry));
}

void osri_directory_fini(osri_directory *directory)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&directory->known, &cursor, &at)) {
        known_free(at.value);
    }
    cursor = 0;
    while (osri_map_next(&directory->names, &cursor, &at)) {
        osri_heap_strfree(at.value);
    }
    osri_map_fini(&directory->known);
    osri_map_fini(&directory->names);
    osri_mutex_fini(&directory->mutex);
}

static osr_err intern_locked(osri_directory *directory, const char *name, size_t names_max,
                             const char **ret_name)
{
    char *interned = osri_map_get(&directory->names, name, strlen(name));
    osr_err err;

    if (interned != NULL) {
        *ret_name = interned;
        return OSR_OK;
    }
    if (osri_map_count(&directory->names) >= names_max) {
        return OSR_ELIMIT;
    }
    interned = osri_heap_strdup(name);
    if (interned == NULL) {
        return OSR_ENOMEM;
    }
    err = osri_map_put(&directory->names, name, strlen(name), interned, NULL);
    if (err != OSR_OK) {
        osri_heap_strfree(interned);
        return err;
    }
    *ret_name = interned;
    return OSR_OK;
}

static void recent_add_locked(osri_directory *directory, known *entry)
{
    osri_list_push_back(&directory->recent, &entry->link);
    if (++directory->recent_count > OSRI_DIRECTORY_KNOWN_MAX) {
        known *oldest = KNOWN_OF(osri_list_pop_front(&directory->recent));
        directory->recent_count--;
        (void)osri_map_remove_u64(&directory->known, oldest->node);
        known_free(oldest);
    }
}

/* what: without a link and a peer. */
static osr_err learn_locked(osri_directory *directory, const known *what, size_t names_max,
                            known **ret_entry)
{
    known *entry = osri_map_get_u64(&directory->known, what->node);
    const char *interned;
    osr_err err = OSR_OK;

    if (entry == NULL) {
        err = intern_locked(directory, what->name, names_max, &interned);
        entry = err == OSR_OK ? osri_heap_zalloc(sizeof(*entry)) : NULL;
        if (entry == NULL) {
            return err == OSR_OK ? OSR_ENOMEM : err;
        }
        *entry = *what;
        entry->name = interned;
        err = osri_map_put_u64(&directory->known, what->node, entry, NULL);
        if (err != OSR_OK) {
            known_free(entry);
            return err;
        }
        recent_add_locked(directory, entry);
    }
    *ret_entry = entry;
    return OSR_OK;
}

osr_err osri_directory_learn(osri_directory *directory, uint64_t node, const char *name,
                             uint64_t creation, uint64_t now_ns)
{
    known what = {.node = node, .creation = creation, .since_ns = now_ns, .name = name};
    known *entry;
    osr_err err;

    osri_mutex_lock(&directory->mutex);
    err = learn_locked(directory, &what, OSRI_DIRECTORY_HEARD_MAX, &entry);
    osri_mutex_unlock(&directory->mutex);
    return err;
}

const char *osri_directory_find(osri_directory *directory, uint64_t node, uint64_t *ret_creation)
{
    const char *name = NULL;
    known *entry;

    osri_mutex_lock(&directory->mutex);
    entry = osri_map_get_u64(&directory->known, node);
    if (entry != NULL) {
        name = entry->name;
        if (ret_creation != NULL) {
            *ret_creation = entry->creation;
        }
        if (entry->peer == NULL) {
            osri_list_remove(&entry->link);
            osri_list_push_back(&directory->recent, &entry->link);
        }
    }
    osri_mutex_unlock(&directory->mutex);
    return name;
}

uint64_t osri_directory_since(osri_directory *directory, uint64_t node)
{
    const known *entry;
    uint64_t since_ns;

    osri_mutex_lock(&directory->mutex);
    entry = osri_map_get_u64(&directory->known, node);
    since_ns = entry == NULL ? UINT64_MAX : entry->since_ns;
    osri_mutex_unlock(&directory->mutex);
    return since_ns;
}

osr_err osri_directory_up(osri_directory *directory, const osri_peer *peer, uint64_t now_ns)
{
    known what = {
        .node = peer->node, .creation = peer->creation, .since_ns = now_ns, .name = peer->name};
    known *entry = NULL;
    osri_peer *copy = osri_heap_alloc(sizeof(*copy));
    osr_err err;

    if (copy == NULL) {
        return OSR_ENOMEM;
    }
    *copy = *peer;
    osri_mutex_lock(&directory->mutex);
    err = learn_locked(directory, &what, OSRI_DIRECTORY_NAMES_MAX, &entry);
    if (err == OSR_OK && entry->peer == NULL) {
        osri_list_remove(&entry->link);
        directory->recent_count--;
        osri_list_push_back(&directory->up, &entry->link);
        directory->up_count++;
        entry->peer = copy;
        copy = NULL;
    }
    osri_mutex_unlock(&directory->mutex);
    osri_heap_free(copy, sizeof(*copy));
    return err;
}

void osri_directory_down(osri_directory *directory, uint64_t node)
{
    known *entry;

    osri_mutex_lock(&directory->mutex);
    entry = osri_map_get_u64(&directory->known, node);
    if (entry != NULL && entry->peer != NULL) {
        osri_list_remove(&entry->link);
        directory->up_count--;
        osri_heap_free(entry->peer, sizeof(*entry->peer));
        entry->peer = NULL;
        recent_add_locked(directory, entry);
    }
    osri_mutex_unlock(&directory->mutex);
}

bool osri_directory_is_up(osri_directory *directory, uint64_t node)
{
    known *entry;
    bool up;

    osri_mutex_lock(&directory->mutex);
    entry = osri_map_get_u64(&directory->known, node);
    up = entry != NULL && entry->peer != NULL;
    osri_mutex_unlock(&directory->mutex);
    return up;
}

bool osri_directory_is_up_name(osri_directory *directory, const char *name)
{
    bool up = false;

    osri_mutex_lock(&directory->mutex);
    for (osri_list_link *l = osri_list_first(&directory->up); l != NULL && !up;
         l = osri_list_next(&directory->up, l)) {
        up = strcmp(KNOWN_OF(l)->name, name) == 0;
    }
    osri_mutex_unlock(&directory->mutex);
    return up;
}

size_t osri_directory_peers(osri_directory *directory, osri_peer *ret_peers, size_t max)
{
    size_t count = 0;

    osri_mutex_lock(&directory->mutex);
    for (osri_list_link *l = osri_list_first(&directory->up); l != NULL && count < max;
         l = osri_list_next(&directory->up, l)) {
        ret_peers[count++] = *KNOWN_OF(l)->peer;
    }
    count = directory->up_count;
    osri_mutex_unlock(&directory->mutex);
    return count;
}
