/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/actions.h"

#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"

#define CAPACITY_AT_FIRST 64

osr_err osri_link_actions_new(osri_link_actions **ret_actions)
{
    osri_link_actions *actions = osri_heap_zalloc(sizeof(*actions));

    if (actions == NULL) {
        return OSR_ENOMEM;
    }
    actions->all = osri_heap_alloc(CAPACITY_AT_FIRST * sizeof(*actions->all));
    if (actions->all == NULL) {
        osri_heap_free(actions, sizeof(*actions));
        return OSR_ENOMEM;
    }
    actions->capacity = CAPACITY_AT_FIRST;
    *ret_actions = actions;
    return OSR_OK;
}

void osri_link_actions_free(osri_link_actions **actions)
{
    osri_link_actions *old = *actions;

    if (old == NULL) {
        return;
    }
    osri_actions_reset(old);
    osri_heap_free(old->all, old->capacity * sizeof(*old->all));
    osri_heap_free(old, sizeof(*old));
    *actions = NULL;
}

size_t osri_link_actions_count(const osri_link_actions *actions)
{
    return actions->count;
}

const osri_link_action *osri_link_actions_at(const osri_link_actions *actions, size_t index)
{
    OSR_ASSERT(index < actions->count);
    return &actions->all[index];
}

void osri_actions_reset(osri_link_actions *actions)
{
    osri_link_block_free_all(&actions->blocks);
    actions->count = 0;
}

bool osri_actions_have_room(osri_link_actions *actions)
{
    size_t size = actions->capacity * sizeof(*actions->all);
    osri_link_action *grown;

    if (actions->count + OSRI_ACTIONS_RESERVED < actions->capacity) {
        return true;
    }
    grown = osri_heap_realloc(actions->all, size, 2 * size);
    if (grown == NULL) {
        return false;
    }
    actions->all = grown;
    actions->capacity *= 2;
    return true;
}

osri_link_action *osri_actions_push(osri_link_actions *actions, osri_link_action_kind kind)
{
    osri_link_action *action = &actions->all[actions->count];

    OSR_ASSERT(actions->count < actions->capacity);
    *action = (osri_link_action){.kind = kind};
    actions->count++;
    return action;
}
