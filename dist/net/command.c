/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/command.h"

#include <string.h>

#include "dist/identity/authority.h"
#include "lib/core/heap.h"

/* Queue of commands: a stack that any thread pushes on and the consumer takes whole and turns
 * around, so that what one thread pushed keeps its order.
 *
 * Invariants
 *   I1  a command is owned by exactly one of: its maker, the queue, the consumer.
 *   I2  a consumer that sleeps was either woken for the newest command or has seen it: push
 *       stores head before it reads sleeping, the consumer stores sleeping before it reads head
 *       (all sequentially consistent).
 *   I3  CLOSED, once in head, stays. */

#define CLOSED ((osri_command *)(uintptr_t)1)

osri_command *osri_command_new(osri_command_kind kind, const char *name, const char *node)
{
    size_t name_bytes = name == NULL ? 0 : strlen(name) + 1;
    size_t node_bytes = node == NULL ? 0 : strlen(node) + 1;
    size_t bytes = sizeof(osri_command) + name_bytes + node_bytes;
    osri_command *command = osri_heap_alloc(bytes);

    if (command == NULL) {
        return NULL;
    }
    memset(command, 0, sizeof(*command));
    command->kind = kind;
    command->bytes = bytes;
    if (name != NULL) {
        command->name = memcpy(command->text, name, name_bytes);
    }
    if (node != NULL) {
        command->node = memcpy(command->text + name_bytes, node, node_bytes);
    }
    return command;
}

void osri_command_free(osri_command *command)
{
    if (command == NULL) {
        return;
    }
    if (command->signal != NULL) {
        osri_envelope_free(&command->signal);
    }
    if (command->revocations != NULL) {
        osri_heap_free(command->revocations, sizeof(*command->revocations));
    }
    osri_heap_free(command, command->bytes);
}

void osri_command_queue_init(osri_command_queue *queue)
{
    atomic_init(&queue->head, NULL);
    atomic_init(&queue->sleeping, false);
}

bool osri_command_push(osri_command_queue *queue, osri_command **command, bool *ret_wake)
{
    osri_command *head = atomic_load_explicit(&queue->head, memory_order_relaxed);

    do {
        if (head == CLOSED) {
            return false;
        }
        (*command)->next = head;
        /* pairs with the exchange in take_reversed (contents), and see I2 */
    } while (!atomic_compare_exchange_weak_explicit(&queue->head, &head, *command,
                                                    memory_order_seq_cst, memory_order_relaxed));
    *command = NULL;
    *ret_wake = osri_command_wake(queue);
    return true;
}

bool osri_command_wake(osri_command_queue *queue)
{
    /* seq_cst: pairs with osri_command_sleep_begin, see I2 */
    return atomic_load_explicit(&queue->sleeping, memory_order_seq_cst) &&
           atomic_exchange_explicit(&queue->sleeping, false, memory_order_seq_cst);
}

static osri_command *take_reversed(osri_command_queue *queue, osri_command *replacement)
{
    osri_command *oldest = NULL;
    /* acquire: pairs with the push */
    osri_command *newest =
        atomic_exchange_explicit(&queue->head, replacement, memory_order_seq_cst);

    while (newest != NULL && newest != CLOSED) {
        osri_command *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    return oldest;
}

osri_command *osri_command_take_all(osri_command_queue *queue)
{
    osri_command *head = atomic_load_explicit(&queue->head, memory_order_relaxed);

    return head == NULL || head == CLOSED ? NULL : take_reversed(queue, NULL);
}

bool osri_command_sleep_begin(osri_command_queue *queue)
{
    osri_command *head;

    atomic_store_explicit(&queue->sleeping, true, memory_order_seq_cst);
    head = atomic_load_explicit(&queue->head, memory_order_seq_cst); /* see I2 */
    if (head != NULL && head != CLOSED) {
        atomic_store_explicit(&queue->sleeping, false, memory_order_seq_cst);
        return false;
    }
    return true;
}

void osri_command_sleep_end(osri_command_queue *queue)
{
    atomic_store_explicit(&queue->sleeping, false, memory_order_seq_cst);
}

osri_command *osri_command_close(osri_command_queue *queue)
{
    return take_reversed(queue, CLOSED);
}
