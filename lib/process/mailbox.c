/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/mailbox.h"

/* See mailbox.h for the invariants. */

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

void osri_mailbox_append(osri_mailbox *mailbox, osri_envelope *envelope)
{
    envelope->next = NULL;
    *mailbox->last_link = envelope;
    mailbox->last_link = &envelope->next;
}

osri_envelope *osri_mailbox_take(osri_mailbox *mailbox)
{
    return mailbox->first == NULL ? NULL : unhang(mailbox, &mailbox->first);
}

void osri_mailbox_rewind(osri_mailbox *mailbox)
{
    mailbox->unseen = &mailbox->first;
}

bool osri_mailbox_seek(osri_mailbox *mailbox, const osr_type *const *types, size_t count)
{
    while (*mailbox->unseen != NULL && count != 0 && !is_of(*mailbox->unseen, types, count)) {
        mailbox->unseen = &(*mailbox->unseen)->next;
    }
    return *mailbox->unseen != NULL;
}

osri_envelope *osri_mailbox_take_of(osri_mailbox *mailbox, const osr_type *const *types,
                                    size_t count)
{
    return osri_mailbox_seek(mailbox, types, count) ? unhang(mailbox, mailbox->unseen) : NULL;
}

osri_envelope *osri_mailbox_take_where(osri_mailbox *mailbox, osr_match *match, void *context)
{
    while (*mailbox->unseen != NULL) {
        osr_message message;
        osri_message_of(*mailbox->unseen, &message);
        if (match(context, &message)) {
            return unhang(mailbox, mailbox->unseen);
        }
        mailbox->unseen = &(*mailbox->unseen)->next;
    }
    return NULL;
}

void osri_message_of(const osri_envelope *envelope, osr_message *ret_message)
{
    ret_message->type = envelope->type;
    ret_message->body = osri_envelope_body(envelope);
    ret_message->from = envelope->from;
    ret_message->ref = envelope->ref;
}
