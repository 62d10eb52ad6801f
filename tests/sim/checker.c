/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/checker.h"

#include <stdlib.h>

#include "lib/core/heap.h"
#include "tests/sim/checker_state.h"

/* The checker. It knows nothing of how links and sessions work: it goes through the journal as a
 * person would, and keeps for each node and each process what it has been promised. */

void *checker_get_or_make(osri_map *map, const void *key, size_t key_bytes, size_t bytes)
{
    void *value = osri_map_get(map, key, key_bytes);

    if (value == NULL) {
        value = osri_heap_zalloc(bytes);
        if (value == NULL || osri_map_put(map, key, key_bytes, value, NULL) != OSR_OK) {
            abort();
        }
    }
    return value;
}

void checker_free_values(osri_map *map, size_t bytes)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(map, &cursor, &at)) {
        osri_heap_free(at.value, bytes);
    }
    osri_map_fini(map);
}

static void check_fini(check *c)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&c->people, &cursor, &at)) {
        checker_person_free(at.value);
    }
    checker_free_values(&c->people, sizeof(person_state));
    checker_free_values(&c->nodes, sizeof(node_state));
    osri_map_fini(&c->forged);
    checker_free_values(&c->seen, sizeof(member_state));
}

static void check_end(check *c)
{
    size_t cursor = 0;
    osri_map_entry at;

    checker_nodes_end(c);
    while (c->verdict.promise == NULL && osri_map_next(&c->people, &cursor, &at)) {
        checker_person_end(c, at.value);
    }
}

checker_verdict checker_check(const journal *book)
{
    check c = {0};

    for (size_t i = 0; i < book->count && c.verdict.promise == NULL; i++) {
        const event *e = &book->events[i];
        c.verdict.event = i;
        if (e->kind < EVENT_BORN) {
            checker_node_event(&c, e);
        } else if (e->kind >= EVENT_JOINED) {
            checker_circle_event(&c, e);
        } else {
            checker_person_event(&c, e);
        }
    }
    if (c.verdict.promise == NULL) {
        c.verdict.event = book->count;
        check_end(&c);
    }
    check_fini(&c);
    return c.verdict;
}
