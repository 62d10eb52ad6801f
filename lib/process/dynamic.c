/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/dynamic.h"

#include "lib/core/assert.h"
#include "lib/message/print.h"
#include "lib/message/writer.h"
#include "lib/process/node.h"

/* Messages of any type at the hands of a node: found, read from text, sent. An osr_any is an
 * envelope that has not been addressed yet. */

static osri_envelope *envelope_of(const osr_any *any)
{
    return (osri_envelope *)(uintptr_t)any;
}

static osr_err hand_out(osr_err err, osri_envelope *envelope, osr_any **ret_any)
{
    if (err == OSR_OK) {
        *ret_any = (osr_any *)(void *)envelope;
    }
    return err;
}

const osr_type *osr_type_find(const osr_node *node, uint32_t id)
{
    return osri_types_by_id(&node->types, id);
}

const osr_type *osr_type_find_name(const osr_node *node, const char *name)
{
    return osri_types_by_name(&node->types, name);
}

osr_err osr_any_copy(const osr_type *type, const void *body, osr_any **ret_any)
{
    osri_envelope *envelope = NULL;
    osr_err err = osri_envelope_new(type, body, &envelope);
    return hand_out(err, envelope, ret_any);
}

const osr_type *osr_any_type(const osr_any *any)
{
    return envelope_of(any)->type;
}

const void *osr_any_body(const osr_any *any)
{
    return osri_envelope_body(envelope_of(any));
}

void osr_any_free(osr_any **any)
{
    osri_envelope *envelope = envelope_of(*any);
    *any = NULL;
    osri_envelope_free(&envelope);
}

osr_err osr_any_send(osr_self *self, osr_dest to, osr_any **any)
{
    OSRI_ASSERT_SELF(self);
    osri_envelope *envelope = envelope_of(*any);
    *any = NULL;
    bool is_sendable = envelope != NULL && envelope->type->id != 0;
    if (!is_sendable || self->exiting) {
        osri_envelope_free(&envelope);
        return is_sendable ? OSR_OK : OSR_EINVAL;
    }
    return osri_send_done(self, osri_send_envelope(self, to, envelope), 1);
}

osr_err osr_parse(const osr_node *node, const char *text, osr_any **ret_any,
                  char ret_error[OSR_PARSE_TEXT_BYTES])
{
    char unread[OSR_PARSE_TEXT_BYTES];
    osri_envelope *envelope = NULL;
    osr_err err = osri_parse(&node->types, text, &envelope, ret_error == NULL ? unread : ret_error);
    return hand_out(err, envelope, ret_any);
}

osr_err osr_parse_as(const osr_type *type, const char *text, osr_any **ret_any,
                     char ret_error[OSR_PARSE_TEXT_BYTES])
{
    char unread[OSR_PARSE_TEXT_BYTES];
    osri_envelope *envelope = NULL;
    osr_err err = osri_parse_as(type, text, &envelope, ret_error == NULL ? unread : ret_error);
    return hand_out(err, envelope, ret_any);
}

osr_err osr_writer_end(osr_writer **writer, const osr_node *node, uint32_t type_id,
                       osr_any **ret_any)
{
    osri_envelope *envelope = NULL;
    osr_err err = osri_writer_end(writer, &node->types, type_id, &envelope);
    return hand_out(err, envelope, ret_any);
}
