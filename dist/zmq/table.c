/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/state.h"

#include <string.h>

#include "lib/core/heap.h"

/* Connections by number and, where accepted, by routing id.
 *
 * A number holds its slot in the low 16 bits and a sequence above, so that finding is one index and
 * one comparison, and no number comes twice. Slots are taken in turn, not lowest first, which keeps
 * creation order readable in traces. */

#define SLOT_BITS 16
#define SLOTS_MAX (1u << SLOT_BITS)
#define SLOTS_FIRST 16

static osr_err grow(osri_zmq_transport *t)
{
    uint32_t capacity = t->slot_capacity ? t->slot_capacity * 2 : SLOTS_FIRST;
    if (capacity > SLOTS_MAX) {
        return OSR_ELIMIT;
    }
    if (osri_zmq_sources_reserve(t, capacity + 1) != OSR_OK) {
        return OSR_ENOMEM;
    }
    osri_zmq_conn **slots =
        osri_heap_realloc(t->slots, t->slot_capacity * sizeof *slots, capacity * sizeof *slots);
    if (!slots) {
        return OSR_ENOMEM;
    }
    memset(slots + t->slot_capacity, 0, (capacity - t->slot_capacity) * sizeof *slots);
    t->next_slot = t->slot_capacity;
    t->slots = slots;
    t->slot_capacity = capacity;
    return OSR_OK;
}

osr_err osri_zmq_conn_new(osri_zmq_transport *t, osri_zmq_conn_state state,
                          osri_zmq_conn **ret_conn)
{
    osr_err err = t->conn_count == t->slot_capacity ? grow(t) : OSR_OK;
    if (err != OSR_OK) {
        return err;
    }
    osri_zmq_conn *conn = osri_heap_zalloc(sizeof *conn);
    if (!conn) {
        return OSR_ENOMEM;
    }
    while (t->slots[t->next_slot % t->slot_capacity]) {
        t->next_slot++;
    }
    uint32_t slot = t->next_slot++ % t->slot_capacity;
    conn->number = ++t->next_sequence << SLOT_BITS | slot;
    conn->fd = -1;
    t->slots[slot] = conn;
    t->conn_count++;
    osri_zmq_conn_set_state(t, conn, state);
    *ret_conn = conn;
    return OSR_OK;
}

osri_zmq_conn *osri_zmq_conn_find(osri_zmq_transport *t, osri_conn number)
{
    uint32_t slot = number % SLOTS_MAX;
    osri_zmq_conn *conn = slot < t->slot_capacity ? t->slots[slot] : NULL;
    return conn && conn->number == number ? conn : NULL;
}

static bool is_pending(const osri_zmq_conn *conn)
{
    return conn->dialed ? conn->state < OSRI_ZMQ_OPEN : conn->state > OSRI_ZMQ_OPEN;
}

void osri_zmq_conn_set_state(osri_zmq_transport *t, osri_zmq_conn *conn, osri_zmq_conn_state state)
{
    bool was_pending = conn->state != 0 && is_pending(conn);
    if (state < OSRI_ZMQ_OPEN) {
        conn->dialed = true;
    }
    conn->state = state;
    t->pending_count += (uint32_t)is_pending(conn) - (uint32_t)was_pending;
}

void osri_zmq_conn_set_due(osri_zmq_transport *t, osri_zmq_conn *conn, bool opened, bool closed)
{
    bool was_due = conn->opened_due || conn->closed_due;
    conn->opened_due = opened;
    conn->closed_due = closed;
    t->due_count += (uint32_t)(opened || closed) - (uint32_t)was_due;
}

static osri_zmq_conn **bucket_of(osri_zmq_transport *t, uint32_t routing_id)
{
    return &t->buckets[routing_id % OSRI_ZMQ_BUCKETS]; /* libzmq counts them up: evenly spread */
}

void osri_zmq_id_insert(osri_zmq_transport *t, osri_zmq_conn *conn, uint32_t routing_id)
{
    osri_zmq_conn **bucket = bucket_of(t, routing_id);
    conn->routing_id = routing_id;
    conn->id_next = *bucket;
    *bucket = conn;
}

osri_zmq_conn *osri_zmq_id_find(osri_zmq_transport *t, uint32_t routing_id)
{
    osri_zmq_conn *conn = *bucket_of(t, routing_id);
    while (conn && conn->routing_id != routing_id) {
        conn = conn->id_next;
    }
    return conn;
}

static void remove_id(osri_zmq_transport *t, osri_zmq_conn *conn)
{
    osri_zmq_conn **at = bucket_of(t, conn->routing_id);
    while (*at && *at != conn) {
        at = &(*at)->id_next;
    }
    if (*at) {
        *at = conn->id_next;
    }
}

void osri_zmq_conn_free(osri_zmq_transport *t, osri_zmq_conn *conn)
{
    osri_zmq_conn_set_due(t, conn, false, false);
    if (is_pending(conn)) {
        t->pending_count--;
    }
    if (!conn->dialed) {
        remove_id(t, conn);
    }
    t->slots[conn->number % SLOTS_MAX] = NULL;
    t->conn_count--;
    osri_heap_free(conn, sizeof *conn);
}
