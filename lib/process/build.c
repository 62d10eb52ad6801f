/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/message/build.h"

#include "lib/core/assert.h"
#include "lib/process/node.h"

/* Messages that are sent without a copy for each: built in place and given away, or one body for
 * many receivers.
 *
 * A message that is being built hangs in its process's list (newest first, through the envelope's
 * `next`), so that it goes with the process if nobody gives it away. */

osr_err osri_build(osr_self *self, const osr_type *type, size_t room, void **ret_message)
{
    OSRI_ASSERT_SELF(self);
    osri_relations *relations = osri_process_relations(self);
    osri_envelope *envelope;
    osr_err err = relations == NULL ? OSR_ENOMEM : osri_envelope_build(type, room, &envelope);
    if (err != OSR_OK) {
        return err;
    }
    envelope->next = relations->building;
    relations->building = envelope;
    *ret_message = osri_envelope_body_to_fill(envelope);
    return OSR_OK;
}

/* Takes it out of the list; the last one begun is the first one found. */
static osri_envelope *take_built(osr_self *self, void *message)
{
    osri_envelope *envelope = osri_envelope_of_built(message);
    osri_envelope **place = &self->relations->building;
    while (*place != envelope) {
        OSR_ASSERT(*place != NULL); /* it is this process's */
        place = &(*place)->next;
    }
    *place = envelope->next;
    envelope->next = NULL;
    return envelope;
}

osr_err osri_give(osr_self *self, osr_dest to, void *message)
{
    OSRI_ASSERT_SELF(self);
    if (message == NULL) {
        return OSR_EINVAL;
    }
    osri_envelope *signal = take_built(self, message);
    osr_err err = osri_envelope_built(signal);
    if (err != OSR_OK || self->exiting) {
        osri_envelope_free(&signal);
        return err;
    }
    return osri_send_done(self, osri_send_envelope(self, to, signal), 1);
}

/* As it was before it was tried. */
static void build_on(osr_self *self, osri_envelope *envelope, uint64_t taken)
{
    envelope->flags |= OSRI_ENVELOPE_BUILDING;
    envelope->counter = taken;
    envelope->ref = 0;
    envelope->next = self->relations->building;
    self->relations->building = envelope;
}

osr_err osri_try_give(osr_self *self, osr_dest to, void *message)
{
    OSRI_ASSERT_SELF(self);
    if (message == NULL) {
        return OSR_EINVAL;
    }
    osri_envelope *signal = take_built(self, message);
    if (self->exiting) { /* as osri_give() */
        (void)!osri_envelope_built(signal);
        osri_envelope_free(&signal);
        return OSR_OK;
    }
    uint64_t taken = signal->counter;
    osr_err err = osri_envelope_built(signal);
    if (err == OSR_OK) {
        err = osri_try_envelope(self, to, &signal);
    }
    if (signal != NULL) {
        build_on(self, signal, taken);
    }
    return err;
}

void osri_drop(osr_self *self, void *message)
{
    OSRI_ASSERT_SELF(self);
    if (message != NULL) {
        osri_envelope *envelope = take_built(self, message);
        (void)!osri_envelope_built(envelope); /* what is wrong in it must not be followed */
        osri_envelope_free(&envelope);
    }
}

void osri_building_end_all(osr_self *process)
{
    while (process->relations != NULL && process->relations->building != NULL) {
        osri_envelope *envelope = process->relations->building;
        process->relations->building = envelope->next;
        (void)!osri_envelope_built(envelope);
        osri_envelope_free(&envelope);
    }
}

osr_err osri_send_all(osr_self *self, const osr_dest *dests, size_t count, const osr_type *type,
                      const void *message)
{
    OSRI_ASSERT_SELF(self);
    if (self->exiting || count == 0) {
        return OSR_OK;
    }
    osri_body *body = NULL;
    osr_err first = osri_body_share(type, message, &body);
    osr_err err = OSR_OK;
    for (size_t i = 0; body != NULL && i < count && err != OSR_EEXIT; i++) {
        osri_envelope *signal;
        err = osri_envelope_new_shared(body, &signal);
        if (err == OSR_OK) {
            err = osri_send_envelope(self, dests[i], signal);
        }
        first = first == OSR_OK ? err : first;
    }
    osri_body_unref(&body);
    /* last: from here on nothing of ours is in this frame */
    return osri_send_done(self, err == OSR_EEXIT ? err : first, count);
}
