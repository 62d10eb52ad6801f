/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Recording: which ring, at what time, within which limit. */
#include "lib/trace/event.h"

#include <string.h>

#include "lib/core/heap.h"
#include "lib/scheduler/scheduler.h"

/* An event is one cache line. */
#define RING_BLOCK_BYTES (sizeof(osri_ring) + alignof(osri_ring))

osr_err osri_recorder_init(osri_recorder *recorder, const char *path)
{
    osri_mutex_init(&recorder->mutex, OSRI_RANK_TRACE);
    if (path != NULL) {
        recorder->path = osri_heap_strdup(path);
    }
    return path != NULL && recorder->path == NULL ? OSR_ENOMEM : OSR_OK;
}

void osri_recorder_fini(osri_recorder *recorder)
{
    osri_ring *ring = atomic_load_explicit(&recorder->rings, memory_order_relaxed);
    while (ring != NULL) {
        osri_ring *next = ring->next;
        osri_heap_free(ring->block, RING_BLOCK_BYTES);
        ring = next;
    }
    osri_heap_strfree(recorder->path);
    osri_mutex_fini(&recorder->mutex);
}

/* The ring, made with the first event of its writer. NULL: no memory. */
static osri_ring *ring_of(osri_recorder *recorder, osri_ring **ring)
{
    if (*ring != NULL) {
        return *ring;
    }
    char *block = osri_heap_alloc(RING_BLOCK_BYTES); /* pages nobody writes to cost nothing */
    if (block == NULL) {
        return NULL;
    }
    uintptr_t past = (uintptr_t)block % alignof(osri_ring);
    osri_ring *made = (void *)(block + (past == 0 ? 0 : alignof(osri_ring) - past));
    made->block = block;
    atomic_init(&made->written, 0);
    made->last_ns = 0;
    made->index = atomic_fetch_add_explicit(&recorder->ring_count, 1, memory_order_relaxed);
    made->next = atomic_load_explicit(&recorder->rings, memory_order_relaxed);
    /* release: pairs with acquire of readers */
    while (!atomic_compare_exchange_weak_explicit(&recorder->rings, &made->next, made,
                                                  memory_order_release, memory_order_relaxed)) {
    }
    *ring = made;
    return made;
}

void osri_event(osr_node *node, osr_event *event)
{
    osri_recorder *recorder = &node->recorder;
    osri_worker *worker = osri_worker_of(node);
    /* relaxed: only how exact the time is */
    event->time_ns = atomic_load_explicit(&node->tracing, memory_order_relaxed) != 0
                         ? osri_node_tick(node)
                         : osri_node_coarse(node);
    osri_ring *ring = worker == NULL ? NULL : ring_of(recorder, &worker->ring);
    if (ring != NULL) {
        osri_ring_write(ring, event);
        return;
    }
    osri_mutex_lock(&recorder->mutex);
    ring = ring_of(recorder, &recorder->shared);
    if (ring != NULL) {
        osri_ring_write(ring, event);
    }
    osri_mutex_unlock(&recorder->mutex);
}

void osri_event_pair(osr_node *node, osr_event_kind kind, osr_pid about, osr_pid with,
                     uint64_t number)
{
    osr_event event = {.kind = (uint8_t)kind,
                       .slot = about.slot,
                       .generation = about.generation,
                       .with.pid = with,
                       .number = number};
    osri_event(node, &event);
}

static bool is_wanted(const osri_recorder *recorder, osr_pid pid)
{
    uint64_t only = atomic_load_explicit(&recorder->only, memory_order_relaxed);
    return only == 0 || only == ((uint64_t)pid.slot << 32 | pid.generation);
}

/* Takes one event of what the limit leaves. False: nothing is left, and the trace is over. */
static bool take_one(osr_node *node)
{
    osri_recorder *recorder = &node->recorder;
    uint64_t left = atomic_load_explicit(&recorder->left, memory_order_relaxed);
    if (osri_node_now(node) < atomic_load_explicit(&recorder->until_ns, memory_order_relaxed)) {
        while (left > 0) {
            /* relaxed: a number only */
            if (atomic_compare_exchange_weak_explicit(&recorder->left, &left, left - 1,
                                                      memory_order_relaxed, memory_order_relaxed)) {
                return true;
            }
        }
    }
    atomic_store_explicit(&node->tracing, 0, memory_order_relaxed);
    return false;
}

/* Whether the trace that runs wants it; takes it of its limit. */
static bool is_recorded(osr_node *node, osr_event_kind kind, osr_pid about, osr_pid with)
{
    uint32_t kinds = atomic_load_explicit(&node->tracing, memory_order_relaxed);
    bool is_here = is_wanted(&node->recorder, about) ||
                   (with.node == node->id && is_wanted(&node->recorder, with));
    return (kinds & OSR_EVENT_BIT(kind)) != 0 && is_here && take_one(node);
}

static void record_message(osr_node *node, osr_event_kind kind, osr_pid about, osr_pid with,
                           const osri_envelope *message)
{
    if (!is_recorded(node, kind, about, with)) {
        return;
    }
    osr_event event = {.kind = (uint8_t)kind,
                       .size = message->size,
                       .slot = about.slot,
                       .generation = about.generation,
                       .with.pid = with,
                       .what = message->type == NULL ? NULL : message->type->name,
                       .number = kind == OSR_EVENT_CALL ? message->ref : message->counter,
                       .trace = message->trace};
    osri_event(node, &event);
}

/* A running process sends it: it has the trace of the message in whose handling that is. */
void osri_event_caused(const osr_self *sender, osri_envelope *message)
{
    const osri_envelope *cause = sender->current;
    if (cause != NULL && cause->trace != 0) {
        message->trace = cause->trace;
        message->span = cause->counter;
    }
}

/* That of its cause, or a new one. What others send in a process's name has no cause here: it may
 * run on another thread. */
static void give_trace(osr_node *node, osri_envelope *message)
{
    const osri_worker *worker = osri_worker_of(node);
    const osr_self *sender = worker == NULL ? NULL : worker->fault->process;
    if (message->trace != 0) {
        return; /* from another node, or it was for later */
    }
    if (sender != NULL && osr_pid_equal(osri_process_pid(sender), message->from)) {
        osri_event_caused(sender, message);
    }
    if (message->trace == 0) {
        message->trace = node->id + osri_reference_next(node);
    }
}

void osri_event_sent(osr_node *node, osr_pid to, osri_envelope *message)
{
    osr_pid from = message->from;
    give_trace(node, message);
    if (from.node == node->id || osr_pid_is_none(from)) {
        record_message(node, OSR_EVENT_SEND, from, to, message);
        if (message->kind == OSRI_SIGNAL_MESSAGE && message->ref != 0) {
            record_message(node, OSR_EVENT_CALL, from, to, message);
        }
    }
    if (to.node == node->id) {
        record_message(node, OSR_EVENT_ENQUEUE, to, from, message);
    }
}

void osri_event_received(osr_node *node, osr_pid about, const osri_envelope *message)
{
    record_message(node, OSR_EVENT_RECEIVE, about, message->from, message);
}

void osri_event_on_demand(osr_node *node, osr_event_kind kind, osr_pid about, uint64_t number)
{
    if (is_recorded(node, kind, about, OSR_PID_NONE)) {
        osri_event_pair(node, kind, about, OSR_PID_NONE, number);
    }
}

void osri_event_named(osr_node *node, osr_event_kind kind, osr_pid about, const char *name,
                      uint64_t number)
{
    osr_event event = {.kind = (uint8_t)kind,
                       .slot = about.slot,
                       .generation = about.generation,
                       .number = number};
    size_t bytes = strnlen(name, sizeof(event.with.name));
    memcpy(event.with.name, name, bytes);
    osri_event(node, &event);
}

void osri_message_dropped(osr_node *node, osr_pid to, osr_drop why, const osri_envelope *message)
{
    osri_count(node, (osri_counter)(OSRI_COUNT_DROPPED + (int)why));
    bool is_here = to.node == node->id;
    osr_event event = {.kind = OSR_EVENT_DROP,
                       .code = (uint8_t)why,
                       .size = message->size,
                       .slot = is_here ? to.slot : 0,
                       .generation = is_here ? to.generation : 0,
                       .with.pid = message->from,
                       .what = message->type == NULL ? NULL : message->type->name,
                       .number = message->counter,
                       .trace = message->trace};
    osri_event(node, &event);
}
