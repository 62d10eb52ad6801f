/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_MAILBOX_H
#define OSR_PROCESS_MAILBOX_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/message/envelope.h"
#include "osier/process.h"

/* The messages that a process has and has not taken: what the owner reads, filled from the inbox
 * that everybody writes.
 *
 * Invariants
 *   M1  messages stand in the order in which they were pushed.
 *   M2 `unseen` points at the link to the first message that the receive in progress has not looked
 *   at; so a
 *       selective receive looks at each message once a call, however often it is woken. */
typedef struct osri_mailbox {
    osri_envelope *first;
    osri_envelope **last_link; /* where the next one is hung */
    osri_envelope **unseen;
} osri_mailbox;

static inline void osri_mailbox_init(osri_mailbox *mailbox)
{
    mailbox->first = NULL;
    mailbox->last_link = &mailbox->first;
    mailbox->unseen = &mailbox->first;
}

/* Owns the envelope from now on. */
void osri_mailbox_append(osri_mailbox *mailbox, osri_envelope *envelope);

/* The oldest, yours; or NULL. */
osri_envelope *osri_mailbox_take(osri_mailbox *mailbox);

/* The next receive begins at the oldest message. */
void osri_mailbox_rewind(osri_mailbox *mailbox);

/* The first unseen message that is of one of the types, yours; or NULL: all have been seen. */
osri_envelope *osri_mailbox_take_of(osri_mailbox *mailbox, const osr_type *const *types,
                                    size_t count);

/* The first unseen one that match() accepts, yours; or NULL. */
osri_envelope *osri_mailbox_take_where(osri_mailbox *mailbox, osr_match *match, void *context);

/* Passes over unseen messages that are of none of the types (count 0: any type will do); whether
 * there is one then. */
bool osri_mailbox_seek(osri_mailbox *mailbox, const osr_type *const *types, size_t count);

/* A message as user code sees it. */
void osri_message_of(const osri_envelope *envelope, osr_message *ret_message);

#endif
