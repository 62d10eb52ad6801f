/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"

/* What a process owns through its handle — memory, kept messages, clean-ups, timers — and loses when it
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

void *osr_alloc(osr_self *self, size_t bytes)
{
    if (bytes > SIZE_MAX - HEADER_BYTES) {
        return NULL;
    }
    osri_block *block = osri_heap_alloc(HEADER_BYTES + bytes);
    if (block == NULL) {
        return NULL;
    }
    block->bytes = HEADER_BYTES + bytes;
    block->kept = NULL;
    block_hang(&self->blocks, block);
    return (char *)block + HEADER_BYTES;
}

static void block_free(osri_block *block)
{
    osri_envelope_free(&block->kept);
    osri_heap_free(block, block->bytes);
}

static osri_block *block_of_kept(osr_self *self, const void *body)
{
    for (osri_block *block = self->kept; block != NULL; block = block->next) {
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
        block_unhang(&self->kept, block);
    } else {
        block = (osri_block *)(void *)((char *)pointer - HEADER_BYTES);
        block_unhang(&self->blocks, block);
    }
    block_free(block);
}

osr_err osr_keep(osr_self *self, const osr_message *message, const void **ret_body)
{
    osri_envelope **place = NULL;
    if (self->current != NULL && osri_envelope_body(self->current) == message->body) {
        place = &self->current;
    } else if (self->held != NULL && osri_envelope_body(self->held) == message->body) {
        place = &self->held;
    }
    if (place == NULL || message->body == NULL) {
        return OSR_EINVAL;
    }
    osri_block *block = osri_heap_alloc(sizeof(*block));
    if (block == NULL) {
        return OSR_ENOMEM;
    }
    block->bytes = sizeof(*block);
    block->kept = *place;
    *place = NULL;
    block_hang(&self->kept, block);
    *ret_body = message->body;
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
    blocks_free(&process->blocks);
    blocks_free(&process->kept);
    while (process->defers != NULL) { /* of a process that had no stack left to run them on */
        osri_defer *defer = process->defers;
        process->defers = defer->next;
        osri_heap_free(defer, sizeof(*defer));
    }
}

osr_err osr_defer(osr_self *self, void (*clean)(void *argument), void *argument)
{
    osri_defer *defer = osri_heap_alloc(sizeof(*defer));
    if (defer == NULL) {
        return OSR_ENOMEM;
    }
    defer->clean = clean;
    defer->argument = argument;
    defer->next = self->defers;
    self->defers = defer;
    return OSR_OK;
}

/* ---- timers ---------------------------------------------------------------------------- */

#define TIMER_MS_MAX (UINT64_C(1) << 43) /* 278 years: its ns still fit */

/* Under the wheel's lock. The signal is made beforehand, so that nothing can fail here. */
static void user_timer_fired(osri_timer *timer)
{
    osri_user_timer *user = OSRI_LIST_ENTRY(timer, osri_user_timer, timer);
    osri_envelope *signal = user->signal;
    user->signal = NULL;
    if (!osri_process_push(user->process, signal)) {
        osri_envelope_free(&signal);
    }
}

static void user_timer_free(osri_user_timer *user)
{
    if (user != NULL) {
        osri_envelope_free(&user->signal);
        osri_heap_free(user, sizeof(*user));
    }
}

osr_err osr_timer_start(osr_self *self, uint64_t ms, osr_ref *ret_timer)
{
    osri_relations *relations = osri_process_relations(self);
    osri_user_timer *user = osri_heap_zalloc(sizeof(*user));
    uint64_t number = osri_reference_next(self->node);
    osr_pid pid = osri_process_pid(self);
    if (relations == NULL || user == NULL ||
        osri_signal_new(OSRI_SIGNAL_TIMEOUT, pid, number, NULL, NULL, &user->signal) != OSR_OK ||
        osri_map_put_u64(&relations->timers, number, user, NULL) != OSR_OK) {
        user_timer_free(user);
        return OSR_ENOMEM;
    }
    user->signal->to_slot = pid.slot;
    user->signal->to_generation = pid.generation;
    user->process = self;
    user->timer.fire = user_timer_fired;
    *ret_timer = (osr_ref){self->node->id, number};
    ms = ms > TIMER_MS_MAX ? TIMER_MS_MAX : ms;
    osri_node_timer(self->node, &user->timer, osri_node_now(self->node) + ms * OSRI_TICK_NS);
    return OSR_OK;
}

bool osr_timer_cancel(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms)
{
    osri_user_timer *user = self->relations == NULL || timer.node != self->node->id
                                ? NULL
                                : osri_map_get_u64(&self->relations->timers, timer.number);
    if (user == NULL || !osri_timer_cancel(&user->timer)) {
        return false; /* it has fired: its message has come or will come */
    }
    if (ret_remaining_ms != NULL) {
        uint64_t now = osri_node_now(self->node);
        uint64_t due = user->timer.due_ns;
        *ret_remaining_ms = due <= now ? 0 : (due - now + OSRI_TICK_NS - 1) / OSRI_TICK_NS;
    }
    (void)osri_map_remove_u64(&self->relations->timers, timer.number);
    user_timer_free(user);
    return true;
}

void osri_timer_fired(osr_self *process, osri_envelope *signal)
{
    osri_user_timer *user = process->relations == NULL
                                ? NULL
                                : osri_map_remove_u64(&process->relations->timers, signal->ref);
    if (user != NULL) {
        osr_timeout message = {.timer = {process->node->id, signal->ref}};
        osri_process_tell(process, &osr_timeout_osr_type, &message);
        user_timer_free(user);
    }
    osri_envelope_free(&signal);
}

void osri_timers_end_all(osr_self *process)
{
    if (process->relations == NULL) {
        return;
    }
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(&process->relations->timers, &cursor, &at)) {
        osri_user_timer *user = at.value;
        (void)osri_timer_cancel(&user->timer);
        user_timer_free(user);
    }
    osri_map_fini(&process->relations->timers);
}
