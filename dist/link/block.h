/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_BLOCK_H
#define OSR_DIST_LINK_BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* A piece of memory that travels by pointer: a frame being filled, a record waiting, a record being
 * put together. It is in at most one list, whose owner owns it. */
typedef struct osri_link_block {
    struct osri_link_block *next;
    size_t capacity;
    size_t used;
    uint64_t number;  /* of a batch, in the order of sending */
    uint32_t records; /* that are gone when this one is */
    bool fragment;    /* a frame with a piece of a record */
    uint8_t bytes[];
} osri_link_block;

/* First in, first out. All zero is empty. */
typedef struct osri_link_block_list {
    osri_link_block *first;
    osri_link_block *last;
} osri_link_block_list;

/* NULL: out of memory. */
osri_link_block *osri_link_block_new(size_t capacity);

/* NULL is accepted. */
void osri_link_block_free(osri_link_block *block);

void osri_link_block_push(osri_link_block_list *list, osri_link_block *block);
osri_link_block *osri_link_block_pop(osri_link_block_list *list);
void osri_link_block_free_all(osri_link_block_list *list);

#endif
