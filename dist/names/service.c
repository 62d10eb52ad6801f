/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "dist/names/names.h"
#include "lib/core/heap.h"
#include "lib/process/node.h"

/* The names service: what happens to processes and nodes, and what peers say. */

bool osri_names_is_good(osr_str name)
{
    return name.size > 0 && name.size <= OSRI_NAMES_BYTES_MAX &&
           memchr(name.at, '\0', name.size) == NULL;
}

void osri_names_tell(osri_names *names, const osri_names_peer *peer, const osr_type *type,
                     const void *message)
{
    osri_service_send(&names->base, &peer->peer, type, message);
}

void osri_names_tell_all(osri_names *names, const osr_type *type, const void *message)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&names->peers, &cursor, &at)) {
        osri_names_tell(names, at.value, type, message);
    }
}

/* ---- what happens ------------------------------------------------------------------------ */

static void process_ended(osri_service *service, osr_pid pid)
{
    osri_names *names = (osri_names *)service;
    osri_names_owner *owner;

    osri_mutex_lock(&names->mutex);
    while ((owner = osri_map_get(&names->owners, &pid, sizeof(pid))) != NULL) {
        osri_list_link *claim = osri_list_first(&owner->claims);
        osri_names_entry *entry;
        if (claim != NULL) {
            osri_names_own_claim *ours = OSRI_LIST_ENTRY(claim, osri_names_own_claim, in_owner);
            entry = ours->entry;
            osri_names_give_up(names, ours, OSR_ENOPROC); /* trims the owner */
        } else {
            osri_names_registration *ours = OSRI_LIST_ENTRY(osri_list_first(&owner->registrations),
                                                            osri_names_registration, in_owner);
            entry = ours->entry;
            osri_names_release(names, ours);
            osri_names_owner_trim(names, owner);
        }
        osri_names_trim(names, entry);
    }
    osri_mutex_unlock(&names->mutex);
}

static void tell_registrations(osri_names *names, const osri_names_peer *peer)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&names->entries, &cursor, &at)) {
        osri_names_entry *entry = at.value;
        for (osri_list_link *l = osri_list_first(&entry->registrations); l != NULL;
             l = osri_list_next(&entry->registrations, l)) {
            const osri_names_registration *ours =
                OSRI_LIST_ENTRY(l, osri_names_registration, in_entry);
            osri_names_registered said = osri_names_describe(ours);
            if (ours->owner != NULL) {
                osri_names_tell(names, peer, &osri_names_registered_osr_type, &said);
            }
        }
    }
}

static void forget_in(osri_names *names, osri_names_entry *entry, const osri_names_peer *peer)
{
    osri_list_link *l = osri_list_first(&entry->registrations);

    while (l != NULL) {
        osri_names_registration *at = OSRI_LIST_ENTRY(l, osri_names_registration, in_entry);
        l = osri_list_next(&entry->registrations, l);
        if (at->owner == NULL && at->pid.node == peer->peer.node) {
            osri_names_remove(names, at);
        }
    }
    osri_names_forget_claims(names, entry, peer);
    osri_names_trim(names, entry);
}

static void forget_peer(osri_names *names, osri_names_peer *peer)
{
    size_t cursor = 0;
    osri_map_entry at;

    (void)osri_map_remove_u64(&names->peers, peer->peer.node);
    while (osri_map_next(&names->entries, &cursor, &at)) {
        forget_in(names, at.value, peer);
    }
    osri_names_ask_no_more(names, peer);
    osri_heap_free(peer, sizeof(*peer));
}

static void peer_up(osri_service *service, const osri_peer *peer)
{
    osri_names *names = (osri_names *)service;
    osri_names_peer *made = osri_heap_zalloc(sizeof(*made));

    osri_mutex_lock(&names->mutex);
    osri_names_peer *old = osri_map_get_u64(&names->peers, peer->node);
    if (old != NULL) {
        forget_peer(names, old);
    }
    if (made != NULL && osri_map_put_u64(&names->peers, peer->node, made, NULL) == OSR_OK) {
        made->peer = *peer;
        tell_registrations(names, made);
        osri_names_ask(names, made);
    } else {
        osri_heap_free(made, sizeof(*made));
        osri_service_doubt(service, peer);
    }
    osri_mutex_unlock(&names->mutex);
}

static void peer_down(osri_service *service, const osri_peer *peer)
{
    osri_names *names = (osri_names *)service;

    osri_mutex_lock(&names->mutex);
    osri_names_peer *known = osri_map_get_u64(&names->peers, peer->node);
    if (known != NULL && known->peer.session == peer->session) {
        forget_peer(names, known);
    }
    osri_mutex_unlock(&names->mutex);
}

/* ---- what is said ------------------------------------------------------------------------ */

static osr_err registered(osri_names *names, osri_names_peer *peer,
                          const osri_names_registered *said)
{
    osri_names_registration *theirs;
    osri_names_entry *entry;
    osr_err err;

    if (peer->held >= OSRI_NAMES_MAX) {
        return OSR_ELIMIT;
    }
    entry = osri_names_get(names, said->name);
    if (entry == NULL) {
        return OSR_ENOMEM;
    }
    err = osri_names_add(names, entry, NULL, said, &theirs);
    if (err == OSR_OK) {
        peer->held++;
        osri_names_became_taken(names, entry, peer, said->number);
        osri_names_resolve(names, entry);
    }
    osri_names_trim(names, entry);
    return err;
}

static void released(osri_names *names, osri_names_peer *peer, const osri_names_released *said)
{
    osri_names_entry *entry = osri_names_find(names, said->name);

    for (osri_list_link *l = entry == NULL ? NULL : osri_list_first(&entry->registrations);
         l != NULL; l = osri_list_next(&entry->registrations, l)) {
        osri_names_registration *at = OSRI_LIST_ENTRY(l, osri_names_registration, in_entry);
        if (at->owner == NULL && osr_pid_equal(at->pid, said->pid)) {
            osri_names_remove(names, at);
            peer->held--;
            osri_names_trim(names, entry);
            return;
        }
    }
}

static bool is_theirs(const osri_names_peer *peer, osr_pid pid)
{
    return pid.node == peer->peer.node && !osri_pid_is_node(pid);
}

static osr_err hear_claim(osri_names *names, osri_names_peer *peer, const osri_names_claim *said)
{
    return osri_names_is_good(said->name) && is_theirs(peer, said->pid)
               ? osri_names_claimed(names, peer, said)
               : OSR_EPROTO;
}

static osr_err hear_registered(osri_names *names, osri_names_peer *peer,
                               const osri_names_registered *said)
{
    return osri_names_is_good(said->name) && is_theirs(peer, said->pid)
               ? registered(names, peer, said)
               : OSR_EPROTO;
}

static osr_err hear_released(osri_names *names, osri_names_peer *peer,
                             const osri_names_released *said)
{
    if (!osri_names_is_good(said->name) || !is_theirs(peer, said->pid)) {
        return OSR_EPROTO;
    }
    released(names, peer, said);
    return OSR_OK;
}

static osr_err hear(osri_names *names, osri_names_peer *peer, const osri_envelope *signal)
{
    const void *said = osri_envelope_body(signal);

    switch (signal->type->id) {
    case 0x68:
        return hear_claim(names, peer, said);
    case 0x69:
        osri_names_voted(names, peer, said);
        return OSR_OK;
    case 0x6a:
        osri_names_withdrawn(names, peer, said);
        return OSR_OK;
    case 0x6b:
        return hear_registered(names, peer, said);
    case 0x6c:
        return hear_released(names, peer, said);
    case 0x6d:
        osri_names_lost(names, said);
        return OSR_OK;
    default:
        return OSR_EPROTO;
    }
}

static osr_err message(osri_service *service, const osri_peer *peer, const osri_envelope *signal)
{
    osri_names *names = (osri_names *)service;
    bool asks = signal->type->id == osri_names_register_osr_type.id;
    osr_err err = OSR_OK;

    osri_mutex_lock(&names->mutex);
    if (peer == NULL && asks) {
        osri_names_begin(names, osri_envelope_body(signal),
                         (osr_caller){signal->from, signal->ref});
    } else if (peer != NULL) {
        osri_names_peer *known = osri_map_get_u64(&names->peers, peer->node);
        err = known == NULL ? OSR_OK : hear(names, known, signal);
    }
    osri_mutex_unlock(&names->mutex);
    return err;
}

/* ---- made and freed ---------------------------------------------------------------------- */

static void free_entry(osri_names *names, osri_names_entry *entry)
{
    while (!osri_list_is_empty(&entry->registrations)) {
        osri_names_remove(names, OSRI_LIST_ENTRY(osri_list_first(&entry->registrations),
                                                 osri_names_registration, in_entry));
    }
    if (entry->claim != NULL) {
        osri_map_fini(&entry->claim->voters);
        osri_heap_free(entry->claim, sizeof(*entry->claim));
    }
    osri_heap_strfree(entry->name);
    osri_heap_free(entry, sizeof(*entry));
}

static void free_values(osri_map *map, size_t bytes)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(map, &cursor, &at)) {
        osri_heap_free(at.value, bytes);
    }
    osri_map_fini(map);
}

static void free_names(osri_service *service)
{
    osri_names *names = (osri_names *)service;
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&names->entries, &cursor, &at)) {
        free_entry(names, at.value);
    }
    osri_map_fini(&names->entries);
    osri_map_fini(&names->claims);
    free_values(&names->owners, sizeof(osri_names_owner));
    free_values(&names->peers, sizeof(osri_names_peer));
    osri_mutex_fini(&names->mutex);
    osri_heap_free(names, sizeof(*names));
}

static osr_err make(osr_node *node, osri_service **ret_service)
{
    osri_names *names = osri_heap_zalloc(sizeof(*names));
    const osr_env *env = osri_node_env(node);

    if (names == NULL) {
        return OSR_ENOMEM;
    }
    env->random(env->context, &names->seed, sizeof(names->seed));
    osri_mutex_init(&names->mutex, OSRI_RANK_SERVICE);
    osri_map_init(&names->entries, names->seed);
    osri_map_init(&names->owners, names->seed);
    osri_map_init(&names->claims, names->seed);
    osri_map_init(&names->peers, names->seed);
    *ret_service = &names->base;
    return OSR_OK;
}

const osri_service_ops osri_names_ops = {
    .slot = OSRI_SERVICE_NAMES,
    .type_first = 0x68,
    .type_last = 0x6e,
    .make = make,
    .free = free_names,
    .process_ended = process_ended,
    .peer_up = peer_up,
    .peer_down = peer_down,
    .message = message,
};
