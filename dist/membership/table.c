/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/membership/table.h"

#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"

/* The table of members.
 *
 * Invariants
 *   I1  entries are in the order of their last change; `changed` grows along the list.
 *   I2  the version of an entry never falls.
 *   I3  ours is always there, joined, and its version is at least what anybody has been heard to
 *       say of us.
 *   I4  an entry of version 0 is a peer that has not spoken yet: it is told to nobody.
 * Bound: OSRI_MEMBERS_MAX that are not connected. */

#define DAY_MS UINT64_C(86400000)
#define VERSION_SHIFT 16

#define ENTRY_OF(link_) OSRI_LIST_ENTRY(link_, osri_members_entry, link)

static void entry_free(osri_members_entry *entry)
{
    osri_heap_strfree((char *)(uintptr_t)entry->now.endpoint);
    osri_heap_strfree((char *)(uintptr_t)entry->now.labels);
    osri_heap_free(entry, sizeof(*entry));
}

/* Copies what was said. On error the entry is as it was. */
static osr_err entry_set(osri_members_entry *entry, const osri_member *said)
{
    char *endpoint = osri_heap_strdup(said->endpoint);
    char *labels = osri_heap_strdup(said->labels);

    if (endpoint == NULL || labels == NULL) {
        osri_heap_strfree(endpoint);
        osri_heap_strfree(labels);
        return OSR_ENOMEM;
    }
    osri_heap_strfree((char *)(uintptr_t)entry->now.endpoint);
    osri_heap_strfree((char *)(uintptr_t)entry->now.labels);
    memcpy(entry->key, said->key, sizeof(entry->key));
    entry->now = *said;
    entry->now.name = entry->name;
    entry->now.key = entry->key;
    entry->now.endpoint = endpoint;
    entry->now.labels = labels;
    return OSR_OK;
}

static void note_change(osri_members *members, osri_members_entry *entry, uint64_t source)
{
    osri_list_remove(&entry->link);
    osri_list_push_back(&members->entries, &entry->link);
    entry->changed = ++members->changes;
    entry->unreachable = false;
    entry->source = source;
}

static osri_members_entry *find(const osri_members *members, const char *name)
{
    return osri_map_get(&members->by_name, name, strlen(name));
}

const osri_members_entry *osri_members_find(const osri_members *members, const char *name)
{
    return find(members, name);
}

static void forget(osri_members *members, osri_members_entry *entry)
{
    (void)osri_map_remove(&members->by_name, entry->name, strlen(entry->name));
    osri_list_remove(&entry->link);
    entry_free(entry);
}

/* Room for one more that is not connected: the one that is gone longest makes it. */
static bool make_room(osri_members *members)
{
    if (osri_map_count(&members->by_name) - members->connected_count < OSRI_MEMBERS_MAX) {
        return true;
    }
    for (osri_list_link *l = osri_list_first(&members->entries); l != NULL;
         l = osri_list_next(&members->entries, l)) {
        osri_members_entry *entry = ENTRY_OF(l);
        if (!entry->ours && !entry->connected && entry->now.state != OSRI_MEMBER_JOINED) {
            forget(members, entry);
            return true;
        }
    }
    members->dropped++;
    return false;
}

static osr_err add(osri_members *members, const osri_member *said, osri_members_entry **ret_entry)
{
    osri_members_entry *entry = osri_heap_zalloc(sizeof(*entry));
    osr_err err = OSR_ENOMEM;

    if (entry == NULL) {
        return err;
    }
    (void)snprintf(entry->name, sizeof(entry->name), "%s", said->name);
    err = entry_set(entry, said);
    if (err == OSR_OK) {
        err = osri_map_put(&members->by_name, entry->name, strlen(entry->name), entry, NULL);
    }
    if (err != OSR_OK) {
        entry_free(entry);
        return err;
    }
    osri_list_push_front(&members->entries, &entry->link); /* it has not changed yet */
    *ret_entry = entry;
    return OSR_OK;
}

osr_err osri_members_init(osri_members *members, uint64_t seed, const osri_member *self)
{
    osr_err err;

    *members = (osri_members){0};
    osri_map_init(&members->by_name, seed);
    osri_list_init(&members->entries);
    err = add(members, self, &members->self);
    if (err == OSR_OK) {
        members->self->ours = true;
        note_change(members, members->self, 0);
    }
    return err;
}

void osri_members_fini(osri_members *members)
{
    while (members->entries.head.next != NULL && !osri_list_is_empty(&members->entries)) {
        forget(members, ENTRY_OF(osri_list_first(&members->entries)));
    }
    osri_map_fini(&members->by_name);
}

void osri_members_drain(osri_members *members, bool draining)
{
    osri_members_entry *self = members->self;

    if (self->now.draining != draining) {
        self->now.draining = draining;
        self->now.version++;
        note_change(members, self, 0);
    }
}

/* ---- what is believed ------------------------------------------------------------------- */

static bool is_gone(osri_member_state state)
{
    return state != OSRI_MEMBER_JOINED;
}

static osri_heard_member hear_of_us(osri_members *members, const osri_member *said)
{
    osri_members_entry *self = members->self;
    bool same = said->creation == self->now.creation && said->state == OSRI_MEMBER_JOINED;

    if (said->version < self->now.version || (same && said->version == self->now.version)) {
        return OSRI_MEMBER_STALE;
    }
    self->now.version = said->version + 1;
    note_change(members, self, 0);
    return OSRI_MEMBER_REFUTED;
}

/* A peer speaks of itself. */
static osr_err hear_itself(osri_members *members, osri_members_entry *entry, uint64_t source,
                           const osri_member *said, osri_heard_member *ret_heard,
                           osri_member *ret_contested)
{
    osri_member before = entry->now;
    bool contested = before.version > said->version ||
                     (before.version == said->version &&
                      (is_gone(before.state) || before.creation != said->creation));
    osr_err err;

    if (contested) { /* our entry stays: it is what the others have heard, too */
        *ret_contested = before;
        *ret_heard = OSRI_MEMBER_CONTESTED;
        return OSR_OK;
    }
    if (before.version == said->version && before.creation == said->creation) {
        return OSR_OK;
    }
    err = entry_set(entry, said);
    if (err == OSR_OK) {
        note_change(members, entry, source);
        *ret_heard = OSRI_MEMBER_NEWS;
    }
    return err;
}

static bool is_newer(const osri_member *before, const osri_member *said)
{
    return said->version > before->version ||
           (said->version == before->version && is_gone(said->state) && !is_gone(before->state));
}

static osr_err hear_of_another(osri_members *members, osri_members_entry *entry, uint64_t source,
                               const osri_member *said, osri_heard_member *ret_heard,
                               osri_member *ret_contested)
{
    osr_err err;

    if (!is_newer(&entry->now, said)) {
        return OSR_OK;
    }
    if (entry->connected &&
        (is_gone(said->state) || (entry->now.creation != said->creation && said->version != 0))) {
        *ret_contested = *said;
        *ret_heard = OSRI_MEMBER_CONTESTED;
        return OSR_OK;
    }
    err = entry_set(entry, said);
    if (err == OSR_OK) {
        note_change(members, entry, source);
        *ret_heard = OSRI_MEMBER_NEWS;
    }
    return err;
}

static osr_err hear_of_a_new_one(osri_members *members, uint64_t source, const osri_member *said,
                                 osri_members_entry **ret_entry, osri_heard_member *ret_heard)
{
    osr_err err;

    if (!make_room(members)) {
        return OSR_OK;
    }
    err = add(members, said, ret_entry);
    if (err == OSR_OK) {
        note_change(members, *ret_entry, source);
        *ret_heard = OSRI_MEMBER_NEWS;
    }
    return err;
}

osr_err osri_members_hear(osri_members *members, const osri_hearing *hearing,
                          const osri_member *said, osri_heard_member *ret_heard,
                          const osri_members_entry **ret_entry, osri_member *ret_contested)
{
    osri_members_entry *entry = find(members, said->name);
    osr_err err = OSR_OK;

    *ret_heard = OSRI_MEMBER_STALE;
    *ret_entry = entry;
    if (said->version > (hearing->wall_ms + DAY_MS) << VERSION_SHIFT) {
        return OSR_OK; /* nobody could refute it */
    }
    if (entry == members->self) {
        *ret_heard = hear_of_us(members, said);
    } else if (entry == NULL) {
        err = hear_of_a_new_one(members, hearing->source, said, &entry, ret_heard);
        *ret_entry = entry;
    } else if (entry->connected && strcmp(hearing->peer, said->name) == 0) {
        err = hear_itself(members, entry, hearing->source, said, ret_heard, ret_contested);
    } else {
        err = hear_of_another(members, entry, hearing->source, said, ret_heard, ret_contested);
    }
    return err;
}

/* ---- sessions ---------------------------------------------------------------------------- */

osr_err osri_members_up(osri_members *members, const osri_member *peer,
                        const osri_members_entry **ret_entry)
{
    osri_members_entry *entry = find(members, peer->name);
    osr_err err = OSR_OK;

    if (entry == NULL) {
        err = add(members, peer, &entry);
    }
    if (err == OSR_OK) {
        members->connected_count += entry->connected ? 0 : 1;
        entry->connected = true;
        entry->unreachable = false;
        *ret_entry = entry;
    }
    return err;
}

const osri_members_entry *osri_members_down(osri_members *members, const char *name,
                                            osri_member_state gone)
{
    osri_members_entry *entry = find(members, name);

    if (entry == NULL || !entry->connected) {
        return NULL;
    }
    entry->connected = false;
    members->connected_count--;
    if (is_gone(gone) && !is_gone(entry->now.state)) {
        entry->now.state = gone;
        if (entry->now.version != 0) {
            note_change(members, entry, 0);
        }
    }
    return entry;
}

const osri_members_entry *osri_members_failed(osri_members *members, const char *name,
                                              bool answered)
{
    osri_members_entry *entry = find(members, name);

    if (entry == NULL || entry->ours || osri_members_state(entry) != OSRI_MEMBER_JOINED ||
        entry->connected) {
        return NULL;
    }
    if (answered || entry->missed == entry->now.creation) {
        entry->unreachable = true;
        return entry;
    }
    entry->missed = entry->now.creation;
    entry->now.state = OSRI_MEMBER_LOST;
    note_change(members, entry, 0);
    return entry;
}

osri_member_state osri_members_state(const osri_members_entry *entry)
{
    if (entry->connected) {
        return OSRI_MEMBER_JOINED;
    }
    return entry->unreachable && entry->now.state == OSRI_MEMBER_JOINED ? OSRI_MEMBER_LOST
                                                                        : entry->now.state;
}

/* ---- telling ----------------------------------------------------------------------------- */

/* The first entry that changed after `told`; from the end, where the news is. */
static osri_list_link *first_after(const osri_members *members, uint64_t told)
{
    osri_list_link *first = NULL;

    for (osri_list_link *l = members->entries.head.previous;
         l != &members->entries.head && ENTRY_OF(l)->changed > told; l = l->previous) {
        first = l;
    }
    return first;
}

bool osri_members_tell(const osri_members *members, uint64_t source, uint64_t *told,
                       osri_members_writer *record)
{
    for (osri_list_link *l = first_after(members, *told); l != NULL;
         l = osri_list_next(&members->entries, l)) {
        const osri_members_entry *entry = ENTRY_OF(l);
        bool wanted = entry->source != source && entry->now.version != 0;
        if (wanted && !osri_members_add(record, &entry->now)) {
            return true;
        }
        *told = entry->changed;
    }
    return false;
}
