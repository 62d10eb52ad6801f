/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_MAILBOX_H
#define OSR_PROCESS_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/message/envelope.h"
#include "lib/process/mailbox_index.h"
#include "osier/process.h"

/* The messages that a process has and has not taken: what the owner reads, filled from the inbox
 * that everybody writes. A list, which is all that most processes ever need; once a receive by type
 * has passed over OSRI_MAILBOX_PASSED_MAX messages an index, until the mailbox is empty.
 *
 * Invariants
 *   M1  messages stand in the order in which they were pushed; but see M4.
 *   M2  what is unseen is what the receive in progress has not looked at; so a selective receive
 *       looks at each message once a call, however often it is woken.
 *   M3  with an index only priority messages are in the list.
 *   M4  priority messages stand before all others, in the order in which they were pushed. */

#define OSRI_MAILBOX_PASSED_MAX 64

typedef struct osri_mailbox {
    osri_envelope *first;
    osri_envelope **last_link; /* where the next one is hung */
    osri_envelope **unseen;    /* the link to the first that is unseen */
    osri_mailbox_index *index; /* NULL: none */
} osri_mailbox;

static inline void osri_mailbox_init(osri_mailbox *mailbox)
{
    mailbox->first = NULL;
    mailbox->last_link = &mailbox->first;
    mailbox->unseen = &mailbox->first;
    mailbox->index = NULL;
}

static inline bool osri_mailbox_is_empty(const osri_mailbox *mailbox)
{
    return mailbox->first == NULL && mailbox->index == NULL;
}

/* Behind what an index holds. */
void osri_mailbox_append_indexed(osri_mailbox *mailbox, osri_envelope *envelope);

/* Owns the envelope from now on. */
static inline void osri_mailbox_append(osri_mailbox *mailbox, osri_envelope *envelope)
{
    if (mailbox->index != NULL) {
        osri_mailbox_append_indexed(mailbox, envelope);
        return;
    }
    envelope->next = NULL;
    *mailbox->last_link = envelope;
    mailbox->last_link = &envelope->next;
}

/* Marks a message as one of priority. */
#define OSRI_ENVELOPE_PRIORITY OSRI_ENVELOPE_OTHER

/* Behind the priority messages, before all others; the receive in progress looks at it, and where
 * it was beyond that place anew at what it has passed over. Costs a step for each priority message
 * that waits. Owns the envelope from now on. */
void osri_mailbox_insert_priority(osri_mailbox *mailbox, osri_envelope *envelope);

/* The oldest of an index, yours. */
osri_envelope *osri_mailbox_take_indexed(osri_mailbox *mailbox);

/* The oldest, yours; or NULL. */
static inline osri_envelope *osri_mailbox_take(osri_mailbox *mailbox)
{
    osri_envelope *envelope = mailbox->first;
    if (envelope == NULL) {
        return mailbox->index == NULL ? NULL : osri_mailbox_take_indexed(mailbox);
    }
    if (mailbox->unseen == &envelope->next) {
        mailbox->unseen = &mailbox->first;
    }
    mailbox->first = envelope->next;
    if (mailbox->first == NULL) {
        mailbox->last_link = &mailbox->first;
    }
    envelope->next = NULL;
    return envelope;
}

/* The next receive begins at the oldest message. */
static inline void osri_mailbox_rewind(osri_mailbox *mailbox)
{
    mailbox->unseen = &mailbox->first;
    if (mailbox->index != NULL) {
        mailbox->index->unseen = mailbox->index->begin;
    }
}

/* The first unseen message that is of one of the types, yours; or NULL: all have been seen. Costs
 * as many steps as there are types, plus at most OSRI_MAILBOX_PASSED_MAX. */
osri_envelope *osri_mailbox_take_of(osri_mailbox *mailbox, const osr_type *const *types,
                                    size_t count);

/* The first unseen one that match() accepts, yours; or NULL. */
osri_envelope *osri_mailbox_take_where(osri_mailbox *mailbox, osr_match *match, void *context);

/* Passes over unseen messages that are of none of the types (count 0: any type will do); whether
 * there is one then. */
bool osri_mailbox_seek(osri_mailbox *mailbox, const osr_type *const *types, size_t count);

/* Whether there is one that the receive in progress has not looked at. */
static inline bool osri_mailbox_has_unseen(osri_mailbox *mailbox)
{
    return mailbox->index == NULL ? *mailbox->unseen != NULL : osri_mailbox_seek(mailbox, NULL, 0);
}

/* The oldest that has this flag, and has not overtaken others; yours, or NULL. What is unseen stays
 * so. */
osri_envelope *osri_mailbox_take_oldest(osri_mailbox *mailbox, uint8_t flag);

/* Calls visit() for each message, in order. */
void osri_mailbox_visit(osri_mailbox *mailbox, void (*visit)(void *context, osri_envelope *message),
                        void *context);

/* Calls look() for each message, in order, until it returns false. */
void osri_mailbox_look(const osri_mailbox *mailbox,
                       bool (*look)(void *context, const osri_envelope *message), void *context);

/* How many bytes the oldest messages take, at most max of them; *ret_count says how many. */
uint64_t osri_mailbox_weigh(const osri_mailbox *mailbox, size_t max, size_t *ret_count);

/* A message as user code sees it. */
static inline void osri_message_of(const osri_envelope *envelope, osr_message *ret_message)
{
    ret_message->type = envelope->type;
    ret_message->body = osri_envelope_body(envelope);
    ret_message->from = envelope->from;
    ret_message->ref = envelope->ref;
}

#endif
