/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/block.h"

#include "lib/core/heap.h"

osri_block *osri_block_new(size_t capacity)
{
    osri_block *block = osri_heap_alloc(sizeof(*block) + capacity);

    if (block != NULL) {
        *block = (osri_block){.capacity = capacity};
    }
    return block;
}

void osri_block_free(osri_block *block)
{
    if (block != NULL) {
        osri_heap_free(block, sizeof(*block) + block->capacity);
    }
}

void osri_block_push(osri_block_list *list, osri_block *block)
{
    block->next = NULL;
    if (list->last == NULL) {
        list->first = block;
    } else {
        list->last->next = block;
    }
    list->last = block;
}

osri_block *osri_block_pop(osri_block_list *list)
{
    osri_block *block = list->first;

    if (block != NULL) {
        list->first = block->next;
        list->last = list->first == NULL ? NULL : list->last;
        block->next = NULL;
    }
    return block;
}

void osri_block_free_all(osri_block_list *list)
{
    osri_block *block;

    while ((block = osri_block_pop(list)) != NULL) {
        osri_block_free(block);
    }
}
