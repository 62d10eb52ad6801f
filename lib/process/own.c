/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/bound.h"
#include "lib/process/node.h"

/* What a process owns through its handle — memory, kept messages, clean-ups — and loses when it
 * ends, however it ends. */

/* ---- memory ---------------------------------------------------------------------------- */

static void block_hang(osri_block **first, osri_block *block)
{
    block->previous = NULL;
    block->next = *first;
    if (*first != NULL) {
        (*first)->previous = block;
    }
    *first = block;
}

static void block_unhang(osri_block **first, osri_block *block)
{
    if (block->previous != NULL) {
        block->previous->next = block->next;
    } else {
        *first = block->next;
    }
    if (block->next != NULL) {
        block->next->previous = block->previous;
    }
}

/* Blocks begin with a header of this size, so that what follows is aligned for any type. */
#define HEADER_BYTES ((sizeof(osri_block) + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1))

/* Whether it may own so much more; ends the process if not. */
static void check_limit(osr_self *self, uint64_t bytes)
{
    uint64_t max;
    uint64_t waiting = osri_bound_memory(self, &max);
    if (self->owned_bytes + waiting + bytes <= max) {
        return;
    }
    char text[96];
    (void)snprintf(text, sizeof(text), "more memory than its limit of %u KiB (.memory_max)",
                   (unsigned)(max / 1024));
    osr_reason reason = osr_reason_crash(text);
    osr_exit(self, &reason);
}

void osri_memory_claim(osr_self *self, size_t bytes)
{
    check_limit(self, bytes);
    self->owned_bytes += bytes;
}

static uint64_t size_of_kept(const osri_envelope *envelope)
{
    return sizeof(*envelope) + (uint64_t)envelope->size;
}

void *osr_alloc(osr_self *self, size_t bytes)
{
    if (bytes > SIZE_MAX - HEADER_BYTES) {
        return NULL;
    }
    check_limit(self, HEADER_BYTES + bytes);
    osri_relations *relations = osri_process_relations(self);
    osri_block *block = relations == NULL ? NULL : osri_heap_alloc(HEADER_BYTES + bytes);
    if (block == NULL) {
        return NULL;
    }
    block->bytes = HEADER_BYTES + bytes;
    block_hang(&relations->blocks, block);
    self->owned_bytes += block->bytes;
    return (char *)block + HEADER_BYTES;
}

/* Gives one of the envelopes that are kept with this body back; false: there is none. */
static bool free_kept(osr_self *self, const void *body)
{
    osri_map *kept = &self->relations->kept;
    uint64_t key = (uint64_t)(uintptr_t)body;
    osri_envelope *envelope = osri_map_count(kept) == 0 ? NULL : osri_map_get_u64(kept, key);
    if (envelope == NULL) {
        return false;
    }
    if (envelope->next != NULL) {
        osri_envelope *second = envelope->next;
        envelope->next = second->next;
        envelope = second;
    } else {
        (void)osri_map_remove_u64(kept, key);
    }
    self->owned_bytes -= size_of_kept(envelope);
    osri_envelope_free(&envelope);
    return true;
}

void osr_free(osr_self *self, void *pointer)
{
    if (pointer == NULL || free_kept(self, pointer)) {
        return;
    }
    osri_block *block = (osri_block *)(void *)((char *)pointer - HEADER_BYTES);
    block_unhang(&self->relations->blocks, block);
    self->owned_bytes -= block->bytes;
    osri_heap_free(block, block->bytes);
}

/* Takes the envelope, on success. */
static osr_err keep(osr_self *self, osri_envelope **envelope_)
{
    osri_envelope *envelope = *envelope_;
    osri_relations *relations = osri_process_relations(self);
    uint64_t key = (uint64_t)(uintptr_t)osri_envelope_body(envelope);
    if (relations == NULL) {
        return OSR_ENOMEM;
    }
    osri_envelope *first = osri_map_get_u64(&relations->kept, key);
    if (first != NULL) {
        envelope->next = first->next;
        first->next = envelope;
    } else {
        osr_err err = osri_map_put_u64(&relations->kept, key, envelope, NULL);
        if (err != OSR_OK) {
            return err;
        }
        envelope->next = NULL;
    }
    self->owned_bytes += size_of_kept(envelope);
    *envelope_ = NULL;
    return OSR_OK;
}

osr_err osr_keep(osr_self *self, const osr_message *message, const void **ret_body)
{
    osri_envelope **place = NULL;
    if (self->current != NULL && osri_envelope_body(self->current) == message->body) {
        place = &self->current;
    } else if (self->stack->activation.held != NULL &&
               osri_envelope_body(self->stack->activation.held) == message->body) {
        place = &self->stack->activation.held;
    }
    if (place == NULL || message->body == NULL) {
        return OSR_EINVAL;
    }
    check_limit(self, size_of_kept(*place));
    osr_err err = keep(self, place);
    if (err == OSR_OK) {
        *ret_body = message->body;
    }
    return err;
}

osr_err osri_memory_keep(osr_self *self, osri_envelope **envelope, const void **ret_body)
{
    const void *body = osri_envelope_body(*envelope);
    osr_err err = keep(self, envelope); /* first, so that it goes with a process that ends here */
    if (err != OSR_OK) {
        osri_envelope_free(envelope);
        return err;
    }
    check_limit(self, 0);
    *ret_body = body;
    return OSR_OK;
}

static void blocks_free(osri_block *block)
{
    while (block != NULL) {
        osri_block *next = block->next;
        osri_heap_free(block, block->bytes);
        block = next;
    }
}

static void all_kept_free(osri_map *kept)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(kept, &cursor, &at)) {
        osri_envelope *envelope = at.value;
        while (envelope != NULL) {
            osri_envelope *next = envelope->next;
            osri_envelope_free(&envelope);
            envelope = next;
        }
    }
    osri_map_fini(kept);
}

void osri_memory_end_all(osr_self *process)
{
    osri_relations *relations = process->relations;
    if (relations == NULL) {
        return;
    }
    blocks_free(relations->blocks);
    relations->blocks = NULL;
    all_kept_free(&relations->kept);
    osri_building_end_all(process);
    while (relations->defers != NULL) { /* of a process that had no stack left to run them on */
        osri_defer *defer = relations->defers;
        relations->defers = defer->next;
        osri_heap_free(defer, sizeof(*defer));
    }
}

osr_err osr_defer(osr_self *self, void (*clean)(void *argument), void *argument)
{
    osri_relations *relations = osri_process_relations(self);
    osri_defer *defer = relations == NULL ? NULL : osri_heap_alloc(sizeof(*defer));
    if (defer == NULL) {
        return OSR_ENOMEM;
    }
    defer->clean = clean;
    defer->argument = argument;
    defer->next = relations->defers;
    relations->defers = defer;
    return OSR_OK;
}
