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

static uint64_t size_of(const osri_block *block)
{
    return block->bytes +
           (block->kept == NULL ? 0 : sizeof(*block->kept) + (uint64_t)block->kept->size);
}

static void own(osr_self *self, osri_block **first, osri_block *block)
{
    block_hang(first, block);
    self->owned_bytes += size_of(block);
}

static void disown(osr_self *self, osri_block **first, osri_block *block)
{
    block_unhang(first, block);
    self->owned_bytes -= size_of(block);
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
    block->kept = NULL;
    own(self, &relations->blocks, block);
    return (char *)block + HEADER_BYTES;
}

static void block_free(osri_block *block)
{
    osri_envelope_free(&block->kept);
    osri_heap_free(block, block->bytes);
}

static osri_block *block_of_kept(osr_self *self, const void *body)
{
    osri_block *first = self->relations == NULL ? NULL : self->relations->kept;
    for (osri_block *block = first; block != NULL; block = block->next) {
        if (osri_envelope_body(block->kept) == body) {
            return block;
        }
    }
    return NULL;
}

void osr_free(osr_self *self, void *pointer)
{
    if (pointer == NULL) {
        return;
    }
    osri_block *block = block_of_kept(self, pointer);
    if (block != NULL) {
        disown(self, &self->relations->kept, block);
    } else {
        block = (osri_block *)(void *)((char *)pointer - HEADER_BYTES);
        disown(self, &self->relations->blocks, block);
    }
    block_free(block);
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
    check_limit(self, sizeof(osri_block) + sizeof(**place) + (*place)->size);
    osri_relations *relations = osri_process_relations(self);
    osri_block *block = relations == NULL ? NULL : osri_heap_alloc(sizeof(*block));
    if (block == NULL) {
        return OSR_ENOMEM;
    }
    block->bytes = sizeof(*block);
    block->kept = *place;
    *place = NULL;
    own(self, &relations->kept, block);
    *ret_body = message->body;
    return OSR_OK;
}

osr_err osri_memory_keep(osr_self *self, osri_envelope **envelope, const void **ret_body)
{
    osri_relations *relations = osri_process_relations(self);
    osri_block *block = relations == NULL ? NULL : osri_heap_alloc(sizeof(*block));
    if (block == NULL) {
        osri_envelope_free(envelope);
        return OSR_ENOMEM;
    }
    block->bytes = sizeof(*block);
    block->kept = *envelope;
    *envelope = NULL;
    own(self, &relations->kept, block); /* first, so that it goes with a process that ends here */
    check_limit(self, 0);
    *ret_body = osri_envelope_body(block->kept);
    return OSR_OK;
}

static void blocks_free(osri_block **first)
{
    while (*first != NULL) {
        osri_block *block = *first;
        *first = block->next;
        block_free(block);
    }
}

void osri_memory_end_all(osr_self *process)
{
    osri_relations *relations = process->relations;
    if (relations == NULL) {
        return;
    }
    blocks_free(&relations->blocks);
    blocks_free(&relations->kept);
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
