/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_LIST_H
#define OSR_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* An intrusive doubly linked list: a ring through a head. A link is in at most one list; all zero,
 * or after removal, it is in none. Threads: one at a time. */

typedef struct osri_list_link {
    struct osri_list_link *next;
    struct osri_list_link *previous;
} osri_list_link;

typedef struct osri_list {
    osri_list_link head;
} osri_list;

/* The struct of which `link` is the member. */
#define OSRI_LIST_ENTRY(link, type, member)                                                        \
    ((type *)(void *)((char *)(link)-offsetof(type, member)))

/* for (osri_list_link *l = osri_list_first(list); l != NULL; l = osri_list_next(list, l)); to
 * remove while iterating, take the next one first. */

static inline void osri_list_init(osri_list *list)
{
    list->head.next = &list->head;
    list->head.previous = &list->head;
}

static inline bool osri_list_is_empty(const osri_list *list)
{
    return list->head.next == &list->head;
}

static inline bool osri_list_link_is_listed(const osri_list_link *link)
{
    return link->next != NULL;
}

static inline void osri_list_insert_before(osri_list_link *place, osri_list_link *link)
{
    link->next = place;
    link->previous = place->previous;
    place->previous->next = link;
    place->previous = link;
}

static inline void osri_list_push_front(osri_list *list, osri_list_link *link)
{
    osri_list_insert_before(list->head.next, link);
}

static inline void osri_list_push_back(osri_list *list, osri_list_link *link)
{
    osri_list_insert_before(&list->head, link);
}

/* Removes the link from the list it is in, if any. */
static inline void osri_list_remove(osri_list_link *link)
{
    if (link->next == NULL) {
        return;
    }
    link->previous->next = link->next;
    link->next->previous = link->previous;
    link->next = NULL;
    link->previous = NULL;
}

static inline osri_list_link *osri_list_first(const osri_list *list)
{
    return osri_list_is_empty(list) ? NULL : list->head.next;
}

static inline osri_list_link *osri_list_last(const osri_list *list)
{
    return osri_list_is_empty(list) ? NULL : list->head.previous;
}

static inline osri_list_link *osri_list_next(const osri_list *list, const osri_list_link *link)
{
    return link->next == &list->head ? NULL : link->next;
}

static inline osri_list_link *osri_list_pop_front(osri_list *list)
{
    osri_list_link *first = osri_list_first(list);

    if (first != NULL) {
        osri_list_remove(first);
    }
    return first;
}

static inline osri_list_link *osri_list_pop_back(osri_list *list)
{
    osri_list_link *last = osri_list_last(list);

    if (last != NULL) {
        osri_list_remove(last);
    }
    return last;
}

#endif
