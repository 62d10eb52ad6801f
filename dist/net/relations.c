/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/relations.h"

#include <string.h>

#include "lib/core/heap.h"

/* Relations of a session.
 *
 * Invariants
 *   I1  a relation that a process of ours counts on is here from before its signal leaves, or is
 *       delivered, until after the signal that ends it has passed.
 *   I2  one that is here too long is harmless: what it fires is dropped by a process that does
 *       not know of it.
 * Bound: OSRI_RELATIONS_MAX for what a peer can cause. */

typedef enum relation_kind {
    RELATION_LINK = 1, /* local, remote */
    RELATION_UNLINK,   /* local, remote, ref: ours, not yet acknowledged */
    RELATION_WAIT,     /* local, ref: a monitor or request of ours; other: its target */
    RELATION_WATCHER,  /* remote, ref: one of theirs; other: its target */
    RELATION_SPAWN,    /* local, ref: not yet answered */
    RELATION_SERVED,   /* remote, ref: a spawn of theirs that we have not answered */
} relation_kind;

typedef struct relation_key {
    uint64_t kind;
    osr_pid local;
    osr_pid remote;
    uint64_t ref;
} relation_key;

typedef struct relation {
    osr_pid other;
    uint64_t monitor; /* SPAWN, SERVED: the monitor that begins with its success; 0 = none */
    bool link;        /* SPAWN, SERVED */
    uint64_t number;  /* LINK: as `local` knows it: of its own, or OSRI_LINK_BY_PEER */
} relation;

static relation_key key_of(relation_kind kind, osr_pid local, osr_pid remote, uint64_t ref)
{
    relation_key key;

    memset(&key, 0, sizeof(key));
    key.kind = (uint64_t)kind;
    key.local = local;
    key.remote = remote;
    key.ref = ref;
    return key;
}

static relation *find(const osri_relations_table *table, const relation_key *key)
{
    return osri_map_get(&table->map, key, sizeof(*key));
}

static void forget(osri_relations_table *table, relation_key key)
{
    relation *old = osri_map_remove(&table->map, &key, sizeof(key));

    osri_heap_free(old, sizeof(*old));
}

static osr_err note(osri_relations_table *table, relation_key key, const relation *value)
{
    relation *old = find(table, &key);
    relation *made;
    osr_err err;

    if (old != NULL) {
        *old = *value;
        return OSR_OK;
    }
    made = osri_heap_alloc(sizeof(*made));
    if (made == NULL) {
        return OSR_ENOMEM;
    }
    *made = *value;
    err = osri_map_put(&table->map, &key, sizeof(key), made, NULL);
    if (err != OSR_OK) {
        osri_heap_free(made, sizeof(*made));
    }
    return err;
}

void osri_relations_fini(osri_relations_table *table)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&table->map, &cursor, &at)) {
        osri_heap_free(at.value, sizeof(relation));
    }
    osri_map_fini(&table->map);
}

static osr_err note_wait(osri_relations_table *table, const osri_envelope *signal, osr_pid to)
{
    relation value = {.other = to};

    if (signal->ref == 0) {
        return OSR_OK;
    }
    return note(table, key_of(RELATION_WAIT, signal->from, OSR_PID_NONE, signal->ref), &value);
}

static relation spawn_of(const osri_envelope *signal)
{
    const osri_spawn_request *request = osri_envelope_body(signal);
    relation value = {.link = request->link,
                      .monitor = request->monitor ? request->monitor_ref : 0};

    return value;
}

static osr_err note_spawn(osri_relations_table *table, const osri_envelope *signal)
{
    relation value = spawn_of(signal);

    return note(table, key_of(RELATION_SPAWN, signal->from, OSR_PID_NONE, signal->ref), &value);
}

/* We answer a spawn of theirs. */
static osr_err note_started(osri_relations_table *table, const osri_envelope *signal, osr_pid to)
{
    relation_key key = key_of(RELATION_SERVED, OSR_PID_NONE, to, signal->ref);
    const osri_spawn_result *result = osri_envelope_body(signal);
    const relation *served = find(table, &key);
    relation child = {.other = result->pid, .number = OSRI_LINK_BY_PEER};
    osr_err err = OSR_OK;

    if (served == NULL) {
        return OSR_ENOCONNECTION;
    }
    if (result->error == OSR_OK && served->link) {
        err = note(table, key_of(RELATION_LINK, result->pid, to, 0), &child);
    }
    if (err == OSR_OK && result->error == OSR_OK && served->monitor != 0) {
        err = note(table, key_of(RELATION_WATCHER, OSR_PID_NONE, to, served->monitor), &child);
    }
    if (err == OSR_OK) {
        forget(table, key);
    }
    return err;
}

static osr_err note_unlink(osri_relations_table *table, const osri_envelope *signal, osr_pid to)
{
    relation none = {0};

    forget(table, key_of(RELATION_LINK, signal->from, to, 0));
    return note(table, key_of(RELATION_UNLINK, signal->from, to, signal->ref), &none);
}

osr_err osri_relations_outgoing(osri_relations_table *table, const osri_envelope *signal,
                                osr_pid to)
{
    relation link = {.number = signal->ref};

    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_MESSAGE:
    case OSRI_SIGNAL_MONITOR:
    case OSRI_SIGNAL_INFO:
        return note_wait(table, signal, to);
    case OSRI_SIGNAL_LINK:
        return note(table, key_of(RELATION_LINK, signal->from, to, 0), &link);
    case OSRI_SIGNAL_LINK_EXIT:
        forget(table, key_of(RELATION_LINK, signal->from, to, 0));
        return OSR_OK;
    case OSRI_SIGNAL_UNLINK:
        return note_unlink(table, signal, to);
    case OSRI_SIGNAL_DEMONITOR:
        forget(table, key_of(RELATION_WAIT, signal->from, OSR_PID_NONE, signal->ref));
        return OSR_OK;
    case OSRI_SIGNAL_REPLY:
    case OSRI_SIGNAL_DOWN:
        forget(table, key_of(RELATION_WATCHER, OSR_PID_NONE, to, signal->ref));
        return OSR_OK;
    case OSRI_SIGNAL_SPAWN:
        return note_spawn(table, signal);
    case OSRI_SIGNAL_SPAWN_REPLY:
        return note_started(table, signal, to);
    default:
        return OSR_OK;
    }
}

/* What the peer makes us keep is bounded. */
static osr_err note_theirs(osri_relations_table *table, relation_key key, const relation *value)
{
    if (osri_map_count(&table->map) >= OSRI_RELATIONS_MAX && find(table, &key) == NULL) {
        return OSR_ELIMIT;
    }
    return note(table, key, value);
}

static osr_err note_watcher(osri_relations_table *table, const osri_envelope *signal, osr_pid to)
{
    relation value = {.other = to};

    if (signal->ref == 0 || osr_pid_is_none(to)) {
        return OSR_OK;
    }
    return note_theirs(table, key_of(RELATION_WATCHER, OSR_PID_NONE, signal->from, signal->ref),
                       &value);
}

static void end_watcher(osri_relations_table *table, const osri_envelope *signal, osr_pid *to)
{
    relation_key key = key_of(RELATION_WATCHER, OSR_PID_NONE, signal->from, signal->ref);
    const relation *watcher = find(table, &key);

    *to = watcher == NULL ? OSR_PID_NONE : watcher->other;
    forget(table, key);
}

static osr_err note_served(osri_relations_table *table, const osri_envelope *signal)
{
    relation value = spawn_of(signal);

    return note_theirs(table, key_of(RELATION_SERVED, OSR_PID_NONE, signal->from, signal->ref),
                       &value);
}

/* They answer a spawn of ours. */
static osr_err note_spawned(osri_relations_table *table, const osri_envelope *signal, osr_pid to)
{
    relation_key key = key_of(RELATION_SPAWN, to, OSR_PID_NONE, signal->ref);
    const osri_spawn_result *result = osri_envelope_body(signal);
    relation *asked = find(table, &key);
    relation link = {.number = OSRI_LINK_BY_PEER};
    relation target = {.other = result->pid};
    osr_err err = OSR_OK;

    if (asked == NULL) {
        return OSR_OK;
    }
    if (result->error == OSR_OK && asked->link) {
        err = note(table, key_of(RELATION_LINK, to, result->pid, 0), &link);
    }
    if (err == OSR_OK && result->error == OSR_OK && asked->monitor != 0) {
        err = note(table, key_of(RELATION_WAIT, to, OSR_PID_NONE, asked->monitor), &target);
    }
    if (err == OSR_OK) {
        forget(table, key);
    }
    return err;
}

/* They link. If one of ours did before, its number stays. */
static osr_err note_linked(osri_relations_table *table, relation_key key)
{
    relation link = {.number = OSRI_LINK_BY_PEER};

    return find(table, &key) != NULL ? OSR_OK : note_theirs(table, key, &link);
}

/* It ends a link, or only the one LINK that it answers. */
static void end_link(osri_relations_table *table, relation_key key, uint64_t number)
{
    const relation *link = find(table, &key);

    if (link != NULL && (number == 0 || number == link->number)) {
        forget(table, key);
    }
}

osr_err osri_relations_incoming(osri_relations_table *table, const osri_envelope *signal,
                                osr_pid *to)
{
    switch ((osri_signal_kind)signal->kind) {
    case OSRI_SIGNAL_MESSAGE:
    case OSRI_SIGNAL_MONITOR:
        return note_watcher(table, signal, *to);
    case OSRI_SIGNAL_LINK:
        return note_linked(table, key_of(RELATION_LINK, *to, signal->from, 0));
    case OSRI_SIGNAL_LINK_EXIT:
        end_link(table, key_of(RELATION_LINK, *to, signal->from, 0), signal->ref);
        return OSR_OK;
    case OSRI_SIGNAL_UNLINK:
        forget(table, key_of(RELATION_LINK, *to, signal->from, 0));
        return OSR_OK;
    case OSRI_SIGNAL_UNLINK_ACK:
        forget(table, key_of(RELATION_UNLINK, *to, signal->from, signal->ref));
        return OSR_OK;
    case OSRI_SIGNAL_DEMONITOR:
        end_watcher(table, signal, to);
        return OSR_OK;
    case OSRI_SIGNAL_REPLY:
    case OSRI_SIGNAL_DOWN:
        forget(table, key_of(RELATION_WAIT, *to, OSR_PID_NONE, signal->ref));
        return OSR_OK;
    case OSRI_SIGNAL_SPAWN:
        return note_served(table, signal);
    case OSRI_SIGNAL_SPAWN_REPLY:
        return note_spawned(table, signal, *to);
    default:
        return OSR_OK;
    }
}

static void inject(osr_node *node, osri_signal_kind kind, osr_pid from, osr_pid to, uint64_t ref,
                   const osr_type *type, const void *body)
{
    osri_envelope *signal;

    if (osri_signal_new(kind, from, ref, type, body, &signal) == OSR_OK) {
        osri_signal_deliver(node, to, NULL, &signal);
    }
}

static void fire(osr_node *node, const relation_key *key, const relation *value)
{
    /* What was asked may have been done: see lib/process/rpc.c. */
    osr_reason reason = {.code = OSR_REASON_NOCONNECTION,
                         .error = key->kind == RELATION_WAIT ? OSR_ECLOSED : OSR_OK};
    osri_spawn_result lost = {.error = OSR_ENOCONNECTION};

    switch ((relation_kind)key->kind) {
    case RELATION_LINK:
        inject(node, OSRI_SIGNAL_LINK_EXIT, key->remote, key->local, value->number,
               &osr_reason_osr_type, &reason);
        break;
    case RELATION_UNLINK:
        inject(node, OSRI_SIGNAL_UNLINK_ACK, key->remote, key->local, key->ref, NULL, NULL);
        break;
    case RELATION_WAIT:
        inject(node, OSRI_SIGNAL_DOWN, value->other, key->local, key->ref, &osr_reason_osr_type,
               &reason);
        break;
    case RELATION_WATCHER:
        inject(node, OSRI_SIGNAL_DEMONITOR, key->remote, value->other, key->ref, NULL, NULL);
        break;
    case RELATION_SPAWN:
        inject(node, OSRI_SIGNAL_SPAWN_REPLY, OSR_PID_NONE, key->local, key->ref,
               &osri_spawn_result_osr_type, &lost);
        break;
    default:
        break;
    }
}

void osri_relations_fire(osri_relations_table *table, osr_node *node)
{
    osri_relations_table old = *table;
    size_t cursor = 0;
    osri_map_entry at;

    *table = (osri_relations_table){0};
    while (osri_map_next(&old.map, &cursor, &at)) {
        relation_key key;
        memcpy(&key, at.key, sizeof(key));
        fire(node, &key, at.value);
    }
    osri_relations_fini(&old);
}
