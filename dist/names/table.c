/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "dist/names/names.h"
#include "lib/core/heap.h"
#include "lib/process/node.h"

/* Who has which name, and who loses where two have it.
 *
 * Invariants
 *   N1  a registration of a peer's process is here only between its peer_up and peer_down.
 *   N2  of the registrations of a name that are known here all but the best are either ours and
 *       being released, or their nodes have been told. */

/* ---- entries and owners ------------------------------------------------------------------ */

osri_names_entry *osri_names_find(const osri_names *names, osr_str name)
{
    return osri_map_get(&names->entries, name.at, name.size);
}

osri_names_entry *osri_names_get(osri_names *names, osr_str name)
{
    osri_names_entry *entry = osri_names_find(names, name);

    if (entry != NULL) {
        return entry;
    }
    entry = osri_heap_zalloc(sizeof(*entry));
    if (entry == NULL) {
        return NULL;
    }
    osri_list_init(&entry->registrations);
    entry->name = osri_heap_strdup(name.at);
    if (entry->name == NULL ||
        osri_map_put(&names->entries, name.at, name.size, entry, NULL) != OSR_OK) {
        osri_heap_strfree(entry->name);
        osri_heap_free(entry, sizeof(*entry));
        return NULL;
    }
    return entry;
}

void osri_names_trim(osri_names *names, osri_names_entry *entry)
{
    if (osri_list_is_empty(&entry->registrations) && entry->claim == NULL &&
        entry->granted.peer == NULL) {
        (void)osri_map_remove(&names->entries, entry->name, strlen(entry->name));
        osri_heap_strfree(entry->name);
        osri_heap_free(entry, sizeof(*entry));
    }
}

osri_names_owner *osri_names_owner_get(osri_names *names, osr_pid pid)
{
    osri_names_owner *owner = osri_map_get(&names->owners, &pid, sizeof(pid));

    if (owner != NULL) {
        return owner;
    }
    owner = osri_heap_zalloc(sizeof(*owner));
    if (owner == NULL || osri_map_put(&names->owners, &pid, sizeof(pid), owner, NULL) != OSR_OK) {
        osri_heap_free(owner, sizeof(*owner));
        return NULL;
    }
    owner->pid = pid;
    osri_list_init(&owner->registrations);
    osri_list_init(&owner->claims);
    return owner;
}

void osri_names_owner_trim(osri_names *names, osri_names_owner *owner)
{
    if (osri_list_is_empty(&owner->registrations) && osri_list_is_empty(&owner->claims)) {
        (void)osri_map_remove(&names->owners, &owner->pid, sizeof(owner->pid));
        osri_heap_free(owner, sizeof(*owner));
    }
}

/* ---- registrations ----------------------------------------------------------------------- */

osr_err osri_names_add(osri_names *names, osri_names_entry *entry, osri_names_owner *owner,
                       const osri_names_registered *said,
                       osri_names_registration **ret_registration)
{
    osri_names_registration *registration = osri_heap_zalloc(sizeof(*registration));

    (void)names;
    if (registration == NULL) {
        return OSR_ENOMEM;
    }
    registration->entry = entry;
    registration->owner = owner;
    registration->pid = said->pid;
    registration->weight = said->weight;
    registration->since_ms = said->since_ms;
    registration->policy = said->policy;
    osri_list_push_back(&entry->registrations, &registration->in_entry);
    if (owner != NULL) {
        osri_list_push_back(&owner->registrations, &registration->in_owner);
    }
    *ret_registration = registration;
    return OSR_OK;
}

void osri_names_remove(osri_names *names, osri_names_registration *registration)
{
    if (registration->owner != NULL) {
        names->own_count--;
    }
    osri_list_remove(&registration->in_entry);
    osri_list_remove(&registration->in_owner);
    osri_heap_free(registration, sizeof(*registration));
}

osri_names_registered osri_names_describe(const osri_names_registration *registration)
{
    osri_names_registered said = {.name = osr_str_of(registration->entry->name),
                                  .pid = registration->pid,
                                  .weight = registration->weight,
                                  .since_ms = registration->since_ms,
                                  .policy = registration->policy};

    return said;
}

void osri_names_release(osri_names *names, osri_names_registration *registration)
{
    osri_names_released released = {.name = osr_str_of(registration->entry->name),
                                    .pid = registration->pid};

    osri_names_tell_all(names, &osri_names_released_osr_type, &released);
    osri_names_remove(names, registration);
}

/* ---- two of one name --------------------------------------------------------------------- */

static int compare_pids(osr_pid a, osr_pid b)
{
    if (a.node != b.node) {
        return a.node < b.node ? -1 : 1;
    }
    if (a.slot != b.slot) {
        return a.slot < b.slot ? -1 : 1;
    }
    return a.generation < b.generation ? -1 : a.generation > b.generation;
}

static bool survives(const osri_names_registration *a, const osri_names_registration *b)
{
    if (a->weight != b->weight) {
        return a->weight > b->weight;
    }
    if (a->since_ms != b->since_ms) {
        return a->since_ms < b->since_ms;
    }
    return compare_pids(a->pid, b->pid) < 0;
}

const osri_names_registration *osri_names_best(const osri_names_entry *entry)
{
    const osri_names_registration *best = NULL;

    for (osri_list_link *l = entry == NULL ? NULL : osri_list_first(&entry->registrations);
         l != NULL; l = osri_list_next(&entry->registrations, l)) {
        const osri_names_registration *at = OSRI_LIST_ENTRY(l, osri_names_registration, in_entry);
        best = best == NULL || survives(at, best) ? at : best;
    }
    return best;
}

/* The process hears of it after its name has gone. */
static void punish(const osri_names *names, const char *name, osr_pid loser, uint32_t policy,
                   osr_pid winner)
{
    osr_node *node = names->base.node;
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    osr_global_conflict conflict = {.name = osr_str_of(name), .winner = winner};
    bool notify = policy == OSR_GLOBAL_NOTIFY;
    osri_envelope *signal;
    char pid[OSR_PID_TEXT_BYTES];

    osr_pid_print(winner, pid);
    osri_log_write(
        osri_node_log(node), OSR_LOG_NOTICE,
        "names: \"%s\" was registered twice while nodes were apart: %s keeps it, ours is %s", name,
        pid, notify ? "told" : "killed");
    if (osri_signal_new_sure(node, notify ? OSRI_SIGNAL_NODE : OSRI_SIGNAL_EXIT, OSR_PID_NONE, 0,
                             notify ? &osr_global_conflict_osr_type : &osr_reason_osr_type,
                             notify ? (const void *)&conflict : (const void *)&kill,
                             &signal) == OSR_OK) {
        if (notify) {
            osri_count(node, OSRI_COUNT_SENT);
        }
        osri_signal_deliver(node, loser, NULL, &signal);
    }
}

static void lose(osri_names *names, osri_names_registration *ours, osr_pid winner)
{
    osri_names_owner *owner = ours->owner;
    const char *name = ours->entry->name;
    osr_pid pid = ours->pid;
    uint32_t policy = ours->policy;

    osri_names_release(names, ours);
    osri_names_owner_trim(names, owner);
    punish(names, name, pid, policy, winner);
}

static void tell_loser(osri_names *names, osri_names_registration *theirs, osr_pid winner)
{
    const osri_names_peer *peer = osri_map_get_u64(&names->peers, theirs->pid.node);
    osri_names_conflict conflict = {
        .name = osr_str_of(theirs->entry->name), .loser = theirs->pid, .winner = winner};

    if (!theirs->told && peer != NULL) {
        theirs->told = true;
        osri_names_tell(names, peer, &osri_names_conflict_osr_type, &conflict);
    }
}

void osri_names_resolve(osri_names *names, osri_names_entry *entry)
{
    const osri_names_registration *best = osri_names_best(entry);
    osri_list_link *l = osri_list_first(&entry->registrations);

    while (l != NULL) {
        osri_names_registration *at = OSRI_LIST_ENTRY(l, osri_names_registration, in_entry);
        l = osri_list_next(&entry->registrations, l);
        if (at != best && at->owner != NULL) {
            lose(names, at, best->pid);
        } else if (at != best) {
            tell_loser(names, at, best->pid);
        }
    }
}

static bool knows(const osri_names_entry *entry, osr_pid pid)
{
    for (osri_list_link *l = osri_list_first(&entry->registrations); l != NULL;
         l = osri_list_next(&entry->registrations, l)) {
        if (osr_pid_equal(OSRI_LIST_ENTRY(l, osri_names_registration, in_entry)->pid, pid)) {
            return true;
        }
    }
    return false;
}

void osri_names_lost(osri_names *names, const osri_names_conflict *said)
{
    osri_names_entry *entry = osri_names_find(names, said->name);

    /* Whose node speaks to us speaks for itself: it has taken the registration back, and whoever
     * sends this has not heard of that yet; or it is about to tell us of it. */
    if (entry != NULL && osri_map_get_u64(&names->peers, said->winner.node) != NULL &&
        !knows(entry, said->winner)) {
        return;
    }
    for (osri_list_link *l = entry == NULL ? NULL : osri_list_first(&entry->registrations);
         l != NULL; l = osri_list_next(&entry->registrations, l)) {
        osri_names_registration *at = OSRI_LIST_ENTRY(l, osri_names_registration, in_entry);
        if (at->owner != NULL && osr_pid_equal(at->pid, said->loser)) {
            lose(names, at, said->winner);
            osri_names_trim(names, entry);
            return;
        }
    }
}
