/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/mailbox.h"

/* See mailbox.h for the invariants. An index is an improvement only: where there is no memory for
 * it, the list goes on. */

/* ---- the list -------------------------------------------------------------------------- */

/* Removes the envelope that *link points to. */
static osri_envelope *unhang(osri_mailbox *mailbox, osri_envelope **link)
{
    osri_envelope *envelope = *link;
    if (mailbox->unseen == &envelope->next) {
        mailbox->unseen = link;
    }
    *link = envelope->next;
    if (envelope->next == NULL) {
        mailbox->last_link = link;
    }
    envelope->next = NULL;
    return envelope;
}

static bool is_of(const osri_envelope *envelope, const osr_type *const *types, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (envelope->type == types[i] || envelope->type->id == types[i]->id) {
            return true;
        }
    }
    return false;
}

/* ---- from list to index and back ------------------------------------------------------- */

/* The link that leads out of the priority messages. */
static osri_envelope **behind_priority(osri_mailbox *mailbox)
{
    osri_envelope **link = &mailbox->first;
    while (*link != NULL && ((*link)->flags & OSRI_ENVELOPE_PRIORITY) != 0) {
        link = &(*link)->next;
    }
    return link;
}

/* Everything but priority messages into an index; what was unseen is unseen still. */
static void index_all(osri_mailbox *mailbox)
{
    osri_envelope **cut = behind_priority(mailbox);
    osri_mailbox_index *index = *cut == NULL ? NULL : osri_mailbox_index_new();
    uint64_t unseen = 0;
    for (osri_envelope *at = *cut; index != NULL && at != NULL; at = at->next) {
        if (&at->next == mailbox->unseen) {
            unseen = index->end + 1;
        }
        if (!osri_mailbox_index_append(index, at)) {
            osri_mailbox_index_free(index);
            index = NULL;
        }
    }
    if (index == NULL) {
        return;
    }
    if (unseen != 0) {
        mailbox->unseen = cut;
    }
    *cut = NULL;
    mailbox->last_link = cut;
    mailbox->index = index;
    index->unseen = unseen;
}

/* Back into the list, behind what is in it, and behind it one more. */
static void list_all(osri_mailbox *mailbox, osri_envelope *last)
{
    osri_mailbox_index *index = mailbox->index;
    mailbox->index = NULL;
    bool sees_all = *mailbox->unseen == NULL; /* of the list so far */
    for (uint64_t place = index->begin; place != index->end; place++) {
        osri_envelope *envelope = osri_mailbox_index_at(index, place);
        if (envelope != NULL) {
            osri_mailbox_append(mailbox, envelope);
        }
        if (sees_all && place < index->unseen) {
            mailbox->unseen = mailbox->last_link;
        }
    }
    osri_mailbox_index_free(index);
    osri_mailbox_append(mailbox, last);
}

void osri_mailbox_append_indexed(osri_mailbox *mailbox, osri_envelope *envelope)
{
    envelope->next = NULL;
    if (!osri_mailbox_index_append(mailbox->index, envelope)) {
        list_all(mailbox, envelope);
    }
}

static osri_envelope *take_at(osri_mailbox *mailbox, uint64_t place)
{
    osri_envelope *envelope = osri_mailbox_index_take(mailbox->index, place);
    if (osri_mailbox_index_is_empty(mailbox->index)) {
        osri_mailbox_index_free(mailbox->index);
        mailbox->index = NULL;
    }
    return envelope;
}

void osri_mailbox_insert_priority(osri_mailbox *mailbox, osri_envelope *envelope)
{
    osri_envelope **link = &mailbox->first;
    bool is_before = false; /* all from here on is unseen */
    for (; *link != NULL && ((*link)->flags & OSRI_ENVELOPE_PRIORITY) != 0; link = &(*link)->next) {
        is_before = is_before || link == mailbox->unseen;
    }
    if (!is_before) {
        mailbox->unseen = link;
    }
    envelope->flags |= OSRI_ENVELOPE_PRIORITY;
    envelope->next = *link;
    *link = envelope;
    if (envelope->next == NULL) {
        mailbox->last_link = &envelope->next;
    }
}

/* ---- what receives ask ----------------------------------------------------------------- */

osri_envelope *osri_mailbox_take_indexed(osri_mailbox *mailbox)
{
    return take_at(mailbox, mailbox->index->begin);
}

/* The oldest of the types. */
static bool find_of(osri_mailbox_index *index, const osr_type *const *types, size_t count,
                    uint64_t *ret_place)
{
    bool found = osri_mailbox_index_find(index, types[0]->id, ret_place);
    for (size_t i = 1; i < count; i++) {
        uint64_t place;
        if (osri_mailbox_index_find(index, types[i]->id, &place) &&
            (!found || place < *ret_place)) {
            *ret_place = place;
            found = true;
        }
    }
    return found;
}

/* The next place with a message that has not been seen. */
static bool find_unseen(osri_mailbox *mailbox, uint64_t *ret_place)
{
    osri_mailbox_index *index = mailbox->index;
    uint64_t place = index->unseen < index->begin ? index->begin : index->unseen;
    while (place < index->end && osri_mailbox_index_at(index, place) == NULL) {
        place += 1;
    }
    index->unseen = place;
    *ret_place = place;
    return place < index->end;
}

/* In the list; false: all have been seen, or so many passed over that an index is in place now. */
static bool seek_in_list(osri_mailbox *mailbox, const osr_type *const *types, size_t count)
{
    int passed = 0;
    while (*mailbox->unseen != NULL && count != 0 && !is_of(*mailbox->unseen, types, count)) {
        mailbox->unseen = &(*mailbox->unseen)->next;
        if (++passed == OSRI_MAILBOX_PASSED_MAX && mailbox->index == NULL) {
            index_all(mailbox);
            if (mailbox->index != NULL) {
                return false;
            }
            passed = 0;
        }
    }
    return *mailbox->unseen != NULL;
}

bool osri_mailbox_seek(osri_mailbox *mailbox, const osr_type *const *types, size_t count)
{
    uint64_t place;
    if (seek_in_list(mailbox, types, count) || mailbox->index == NULL) {
        return *mailbox->unseen != NULL;
    }
    return count == 0 ? find_unseen(mailbox, &place)
                      : find_of(mailbox->index, types, count, &place);
}

osri_envelope *osri_mailbox_take_of(osri_mailbox *mailbox, const osr_type *const *types,
                                    size_t count)
{
    uint64_t place;
    if (seek_in_list(mailbox, types, count)) {
        return unhang(mailbox, mailbox->unseen);
    }
    return mailbox->index != NULL && find_of(mailbox->index, types, count, &place)
               ? take_at(mailbox, place)
               : NULL;
}

static bool is_match(osr_match *match, void *context, const osri_envelope *envelope)
{
    osr_message message;
    osri_message_of(envelope, &message);
    return match(context, &message);
}

osri_envelope *osri_mailbox_take_where(osri_mailbox *mailbox, osr_match *match, void *context)
{
    uint64_t place;
    while (*mailbox->unseen != NULL) {
        if (is_match(match, context, *mailbox->unseen)) {
            return unhang(mailbox, mailbox->unseen);
        }
        mailbox->unseen = &(*mailbox->unseen)->next;
    }
    while (mailbox->index != NULL && find_unseen(mailbox, &place)) {
        if (is_match(match, context, osri_mailbox_index_at(mailbox->index, place))) {
            return take_at(mailbox, place);
        }
        mailbox->index->unseen = place + 1;
    }
    return NULL;
}

osri_envelope *osri_mailbox_take_oldest(osri_mailbox *mailbox, uint8_t flag)
{
    for (osri_envelope **link = behind_priority(mailbox); *link != NULL; link = &(*link)->next) {
        if (((*link)->flags & flag) != 0) {
            return unhang(mailbox, link);
        }
    }
    osri_mailbox_index *index = mailbox->index;
    for (uint64_t place = index == NULL ? 0 : index->begin; index != NULL && place != index->end;
         place++) {
        const osri_envelope *at = osri_mailbox_index_at(index, place);
        if (at != NULL && (at->flags & flag) != 0) {
            return take_at(mailbox, place);
        }
    }
    return NULL;
}

void osri_mailbox_visit(osri_mailbox *mailbox, void (*visit)(void *context, osri_envelope *message),
                        void *context)
{
    osri_mailbox_index *index = mailbox->index;
    for (osri_envelope *at = mailbox->first; at != NULL; at = at->next) {
        visit(context, at);
    }
    for (uint64_t place = index == NULL ? 0 : index->begin; index != NULL && place != index->end;
         place++) {
        osri_envelope *at = osri_mailbox_index_at(index, place);
        if (at != NULL) {
            visit(context, at);
        }
    }
}

static uint64_t weight_of(const osri_envelope *envelope)
{
    return sizeof(*envelope) + envelope->size;
}

void osri_mailbox_look(const osri_mailbox *mailbox,
                       bool (*look)(void *context, const osri_envelope *message), void *context)
{
    const osri_mailbox_index *index = mailbox->index;
    for (const osri_envelope *at = mailbox->first; at != NULL; at = at->next) {
        if (!look(context, at)) {
            return;
        }
    }
    for (uint64_t place = index == NULL ? 0 : index->begin; index != NULL && place != index->end;
         place++) {
        const osri_envelope *at = osri_mailbox_index_at(index, place);
        if (at != NULL && !look(context, at)) {
            return;
        }
    }
}

typedef struct weighing {
    uint64_t bytes;
    size_t count;
    size_t max;
} weighing;

static bool weigh(void *context, const osri_envelope *message)
{
    weighing *all = context;
    all->bytes += weight_of(message);
    all->count += 1;
    return all->count < all->max;
}

uint64_t osri_mailbox_weigh(const osri_mailbox *mailbox, size_t max, size_t *ret_count)
{
    weighing all = {.max = max};
    osri_mailbox_look(mailbox, weigh, &all);
    *ret_count = all.count;
    return all.bytes;
}
