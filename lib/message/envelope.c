/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Envelopes: one block for the envelope and the body, or the envelope and a pointer to a shared
 * body. */
#include "lib/message/envelope.h"

#include <string.h>

#include "lib/core/heap.h"

/* Behind an envelope with OSRI_ENVELOPE_SHARED. */
static osri_body **shared_place(const osri_envelope *envelope)
{
    return (osri_body **)(uintptr_t)(envelope + 1);
}

static size_t block_bytes(const osri_envelope *envelope)
{
    bool is_shared = (envelope->flags & OSRI_ENVELOPE_SHARED) != 0;
    return sizeof(*envelope) + (is_shared ? sizeof(osri_body *) : envelope->size);
}

static uint8_t flags_of(const osr_type *type)
{
    return type != NULL && (type->flags & OSR_TYPE_BINS) != 0 ? OSRI_ENVELOPE_BINS : 0;
}

/* Nothing hangs on it: one block, one copy. */
static osr_err new_plain(const osr_type *type, const void *value, osri_envelope **ret_envelope)
{
    osri_envelope *envelope = osri_heap_alloc(sizeof(*envelope) + type->size);
    if (envelope == NULL) {
        return OSR_ENOMEM;
    }
    *envelope = (osri_envelope){.size = type->size, .type = type};
    memcpy(envelope + 1, value, type->size);
    *ret_envelope = envelope;
    return OSR_OK;
}

osr_err osri_envelope_new(const osr_type *type, const void *value, osri_envelope **ret_envelope)
{
    if (type != NULL && (type->flags & OSR_TYPE_PLAIN) != 0) {
        return new_plain(type, value, ret_envelope);
    }
    uint32_t size = 0;
    osr_err err = type == NULL ? OSR_OK : osri_body_measure(type, value, &size);
    if (err != OSR_OK) {
        return err;
    }
    osri_envelope *envelope = osri_heap_alloc(sizeof(*envelope) + size);
    if (envelope == NULL) {
        return OSR_ENOMEM;
    }
    *envelope = (osri_envelope){.flags = flags_of(type), .size = size, .type = type};
    if (type != NULL) {
        osri_body_copy(type, value, envelope + 1, size);
    }
    *ret_envelope = envelope;
    return OSR_OK;
}

osr_err osri_envelope_new_shared(osri_body *body, osri_envelope **ret_envelope)
{
    osri_envelope *envelope = osri_heap_alloc(sizeof(*envelope) + sizeof(body));
    if (envelope == NULL) {
        return OSR_ENOMEM;
    }
    *envelope = (osri_envelope){
        .flags = OSRI_ENVELOPE_SHARED, .size = osri_body_size(body), .type = osri_body_type(body)};
    *shared_place(envelope) = osri_body_ref(body);
    *ret_envelope = envelope;
    return OSR_OK;
}

osr_err osri_envelope_new_empty(const osr_type *type, size_t size, osri_envelope **ret_envelope)
{
    if (size < type->size || size > OSR_MESSAGE_BYTES_MAX) {
        return OSR_EINVAL;
    }
    osri_envelope *envelope = osri_heap_zalloc(sizeof(*envelope) + size);
    if (envelope == NULL) {
        return OSR_ENOMEM;
    }
    envelope->flags = flags_of(type);
    envelope->size = (uint32_t)size;
    envelope->type = type;
    *ret_envelope = envelope;
    return OSR_OK;
}

void *osri_envelope_body_to_fill(osri_envelope *envelope)
{
    return envelope + 1;
}

void osri_envelope_free(osri_envelope **envelope_)
{
    osri_envelope *envelope = *envelope_;
    *envelope_ = NULL;
    if (envelope == NULL) {
        return;
    }
    if ((envelope->flags & OSRI_ENVELOPE_SHARED) != 0) {
        osri_body_unref(shared_place(envelope));
    } else if ((envelope->flags & OSRI_ENVELOPE_BINS) != 0) {
        osri_body_drop_bins(envelope->type, envelope + 1);
    }
    osri_heap_free(envelope, block_bytes(envelope));
}

const void *osri_envelope_body(const osri_envelope *envelope)
{
    if ((envelope->flags & OSRI_ENVELOPE_SHARED) != 0) {
        return osri_body_data(*shared_place(envelope));
    }
    return envelope->type == NULL ? NULL : (const void *)(envelope + 1);
}

uint64_t osri_envelope_bytes(const osri_envelope *envelope)
{
    uint64_t bytes = sizeof(*envelope) + envelope->size;
    if (envelope->type != NULL && (envelope->type->flags & OSR_TYPE_BINS) != 0) {
        bytes += osri_body_bin_bytes(envelope->type, osri_envelope_body(envelope));
    }
    return bytes;
}
