/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/mailbox_index.h"

#include "lib/core/heap.h"

/* Invariants
 *   X1  a message is in `order` at one place, and that place stands in its type's queue.
 *   X2  a queue's places ascend; one whose message has been taken from its middle stays as a stale
 *       hole, and is dropped when it comes to the front (its place lies before `begin`, or is a
 *       hole).
 *   X3  place `begin` holds a message unless the index is empty; place end - 1 is no hole of which
 *       nothing is left in a queue, so that what comes and goes uses one place again and again.
 * Costs: everything is a constant number of steps, growing, closing holes and passing over
 * included: each place is made and dropped once, and holes are closed when they are half of all.
 * Bound: 32 bytes a message, and a queue a type. */

#define FIRST_SIZE 256
#define FETCHED_AHEAD 8 /* places */
#define FIRST_QUEUES 16
#define FIRST_PLACES 16

osri_mailbox_index *osri_mailbox_index_new(void)
{
    osri_mailbox_index *index = osri_heap_zalloc(sizeof(*index));
    if (index == NULL) {
        return NULL;
    }
    index->order_size = FIRST_SIZE;
    index->queue_slots = FIRST_QUEUES;
    index->order = osri_heap_alloc(FIRST_SIZE * sizeof(*index->order));
    index->queues = osri_heap_zalloc(FIRST_QUEUES * sizeof(*index->queues));
    if (index->order == NULL || index->queues == NULL) {
        osri_mailbox_index_free(index);
        return NULL;
    }
    return index;
}

void osri_mailbox_index_free(osri_mailbox_index *index)
{
    if (index == NULL) {
        return;
    }
    for (uint32_t i = 0; index->queues != NULL && i < index->queue_slots; i++) {
        osri_type_queue *queue = &index->queues[i];
        osri_heap_free(queue->places, queue->size * sizeof(*queue->places));
    }
    osri_heap_free(index->queues, index->queue_slots * sizeof(*index->queues));
    osri_heap_free(index->order, index->order_size * sizeof(*index->order));
    osri_heap_free(index, sizeof(*index));
}

/* ---- queues of types ------------------------------------------------------------------- */

/* The type's queue, or the free slot where it would be. */
static osri_type_queue *slot_of(osri_type_queue *queues, uint32_t slots, uint32_t type_id)
{
    uint32_t at = (uint32_t)(type_id * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (slots - 1);
    while (queues[at].size != 0 && queues[at].type_id != type_id) {
        at = (at + 1) & (slots - 1);
    }
    return &queues[at];
}

/* The same in the index; most look-ups are for the type of the one before. */
static inline osri_type_queue *find_slot(osri_mailbox_index *index, uint32_t type_id)
{
    if (index->last == NULL || index->last->type_id != type_id) {
        osri_type_queue *queue = slot_of(index->queues, index->queue_slots, type_id);
        if (queue->size == 0) {
            return queue;
        }
        index->last = queue;
    }
    return index->last;
}

/* Twice as many slots. */
static bool grow_queues(osri_mailbox_index *index)
{
    uint32_t slots = index->queue_slots * 2;
    osri_type_queue *queues = osri_heap_zalloc(slots * sizeof(*queues));
    if (queues == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < index->queue_slots; i++) {
        if (index->queues[i].size != 0) {
            *slot_of(queues, slots, index->queues[i].type_id) = index->queues[i];
        }
    }
    osri_heap_free(index->queues, index->queue_slots * sizeof(*index->queues));
    index->queues = queues;
    index->queue_slots = slots;
    index->last = NULL;
    return true;
}

/* The type's queue, made when there is none; NULL: out of memory. */
static osri_type_queue *queue_of(osri_mailbox_index *index, uint32_t type_id)
{
    osri_type_queue *queue = find_slot(index, type_id);
    if (queue->size != 0) {
        return queue;
    }
    if (index->queue_count >= index->queue_slots / 2) {
        if (!grow_queues(index)) {
            return NULL;
        }
        queue = slot_of(index->queues, index->queue_slots, type_id);
    }
    queue->places = osri_heap_alloc(FIRST_PLACES * sizeof(*queue->places));
    if (queue->places == NULL) {
        return NULL;
    }
    queue->type_id = type_id;
    queue->size = FIRST_PLACES;
    queue->first = queue->count = 0;
    index->queue_count += 1;
    return queue;
}

static bool has_room(osri_type_queue *queue)
{
    if (queue->count < queue->size) {
        return true;
    }
    uint64_t *places = osri_heap_alloc(2 * (size_t)queue->size * sizeof(*places));
    if (places == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < queue->count; i++) {
        places[i] = queue->places[(queue->first + i) & (queue->size - 1)];
    }
    osri_heap_free(queue->places, queue->size * sizeof(*places));
    queue->places = places;
    queue->first = 0;
    queue->size *= 2;
    return true;
}

/* ---- the order ------------------------------------------------------------------------- */

/* Gives all messages new places without holes between them; needs no memory. */
static void close_holes(osri_mailbox_index *index)
{
    uint64_t to = index->begin;
    uint64_t unseen = index->end;
    for (uint32_t i = 0; i < index->queue_slots; i++) {
        index->queues[i].first = index->queues[i].count = 0;
    }
    for (uint64_t place = index->begin; place != index->end; place++) {
        if (place == index->unseen) {
            unseen = to;
        }
        osri_envelope *envelope = osri_mailbox_index_at(index, place);
        if (envelope != NULL) {
            osri_type_queue *queue = find_slot(index, envelope->type->id);
            index->order[to & (index->order_size - 1)] = envelope;
            queue->places[queue->count++] = to++;
        }
    }
    index->unseen = index->unseen < index->begin ? index->begin : unseen < to ? unseen : to;
    index->end = to;
}

static bool has_place(osri_mailbox_index *index)
{
    if (index->end - index->begin < index->order_size) {
        return true;
    }
    if (index->live <= index->order_size / 2) {
        close_holes(index);
        return true;
    }
    uint64_t size = index->order_size * 2;
    osri_envelope **order = osri_heap_alloc(size * sizeof(*order));
    if (order == NULL) {
        return false;
    }
    for (uint64_t place = index->begin; place != index->end; place++) {
        /* as it stands: a stale hole stays one (X2) */
        order[place & (size - 1)] = index->order[place & (index->order_size - 1)];
    }
    osri_heap_free(index->order, index->order_size * sizeof(*order));
    index->order = order;
    index->order_size = size;
    return true;
}

bool osri_mailbox_index_append(osri_mailbox_index *index, osri_envelope *envelope)
{
    osri_type_queue *queue = queue_of(index, envelope->type->id);
    if (queue == NULL || !has_room(queue) || !has_place(index)) {
        return false;
    }
    index->order[index->end & (index->order_size - 1)] = envelope;
    queue->places[(queue->first + queue->count) & (queue->size - 1)] = index->end;
    queue->count += 1;
    index->end += 1;
    index->live += 1;
    return true;
}

/* Takes the place out of its type's queue, where it stands at one of the ends, but for what lies
 * before `begin`, which goes too: else one hole at the front would keep all that follow it. */
static bool drop_place(osri_type_queue *queue, uint64_t begin, uint64_t place)
{
    while (queue->count > 0 && queue->places[queue->first] < begin) {
        queue->first = (queue->first + 1) & (queue->size - 1);
        queue->count -= 1;
    }
    if (queue->places[queue->first] == place) {
        queue->first = (queue->first + 1) & (queue->size - 1);
    } else if (queue->places[(queue->first + queue->count - 1) & (queue->size - 1)] != place) {
        return false;
    }
    queue->count -= 1;
    return true;
}

/* What is taken soon is on its way from memory meanwhile, its body too; a hole is no address that
 * is there, which does no harm. */
static inline void fetch_early(const osri_envelope *envelope)
{
    uintptr_t address = (uintptr_t)envelope;
    __builtin_prefetch((const void *)address);
    __builtin_prefetch((const void *)(address + OSRI_ENVELOPE_BYTES));
}

osri_envelope *osri_mailbox_index_take(osri_mailbox_index *index, uint64_t place)
{
    uint64_t mask = index->order_size - 1;
    osri_envelope *envelope = index->order[place & mask];
    osri_type_queue *queue = find_slot(index, envelope->type->id);
    fetch_early(index->order[(place + FETCHED_AHEAD) & mask]);
    index->order[place & mask] = drop_place(queue, index->begin, place) ? NULL : OSRI_STALE_HOLE;
    index->live -= 1;
    while (index->begin != index->end && osri_mailbox_index_at(index, index->begin) == NULL) {
        index->begin += 1;
    }
    while (index->end != index->begin && index->order[(index->end - 1) & mask] == NULL) {
        index->end -= 1;
    }
    return envelope;
}

bool osri_mailbox_index_find(osri_mailbox_index *index, uint32_t type_id, uint64_t *ret_place)
{
    osri_type_queue *queue = find_slot(index, type_id);
    while (queue->count > 0) {
        uint64_t place = queue->places[queue->first];
        if (place >= index->begin && osri_mailbox_index_at(index, place) != NULL) {
            *ret_place = place;
            return true;
        }
        queue->first = (queue->first + 1) & (queue->size - 1);
        queue->count -= 1;
    }
    return false;
}
