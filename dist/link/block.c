/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/block.h"

#include "lib/core/heap.h"

osri_link_block *osri_link_block_new(size_t capacity)
{
    osri_link_block *block = osri_heap_alloc(sizeof(*block) + capacity);

    if (block != NULL) {
        *block = (osri_link_block){.capacity = capacity};
    }
    return block;
}

void osri_link_block_free(osri_link_block *block)
{
    if (block != NULL) {
        osri_heap_free(block, sizeof(*block) + block->capacity);
    }
}

void osri_link_block_push(osri_link_block_list *list, osri_link_block *block)
{
    block->next = NULL;
    if (list->last == NULL) {
        list->first = block;
    } else {
        list->last->next = block;
    }
    list->last = block;
}

osri_link_block *osri_link_block_pop(osri_link_block_list *list)
{
    osri_link_block *block = list->first;

    if (block != NULL) {
        list->first = block->next;
        list->last = list->first == NULL ? NULL : list->last;
        block->next = NULL;
    }
    return block;
}

void osri_link_block_free_all(osri_link_block_list *list)
{
    osri_link_block *block;

    while ((block = osri_link_block_pop(list)) != NULL) {
        osri_link_block_free(block);
    }
}
