/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_BODY_H
#define OSR_MESSAGE_BODY_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "osier/message.h"

/* Bodies of messages: a struct and behind it, in the same block, its lists and texts; its pointers
 * lead into the block. Bins are outside and counted. Threads: any, on bodies nobody writes. */

/* What the member of a list of any type looks like (OSRI_LIST_ in osier/message.h). The members
 * have types of their own, so they are read and written as bytes. */
typedef struct osri_any_list {
    const void *at;
    uint32_t count;
} osri_any_list;

static inline osri_any_list osri_list_load(const void *member)
{
    osri_any_list list;
    memcpy(&list, member, sizeof(list));
    return list;
}

static inline void osri_list_store(void *member, osri_any_list list)
{
    memcpy(member, &list, sizeof(list));
}

static inline unsigned osri_element_kind(const osr_field *field)
{
    return field->kind & ~(unsigned)OSR_KIND_LIST;
}

/* How many bytes a copy of *value takes; all lists and texts are looked at, and must be readable.
 * Errors: OSR_EINVAL over OSR_MESSAGE_BYTES_MAX (bins count), or a size without a pointer. */
OSR_MUST_CHECK osr_err osri_body_measure(const osr_type *type, const void *value,
                                         uint32_t *ret_size);

/* Copies *value to `place`, aligned to 16, of exactly the measured size; bins get a reference. */
void osri_body_copy(const osr_type *type, const void *value, void *place, uint32_t size);

/* Gives back the bins of a body and sets them to NULL. Zeroed fields are empty ones. */
void osri_body_drop_bins(const osr_type *type, void *body);

/* A body that several envelopes share: one copy for many receivers. */
typedef struct osri_body osri_body;

/* Ownership: one reference, yours. Errors: OSR_ENOMEM; OSR_EINVAL as above. */
OSR_MUST_CHECK osr_err osri_body_share(const osr_type *type, const void *value,
                                       osri_body **ret_body);

osri_body *osri_body_ref(osri_body *body);

/* Gives a reference back and nulls the pointer; the last one frees. */
void osri_body_unref(osri_body **body);

const osr_type *osri_body_type(const osri_body *body);
const void *osri_body_data(const osri_body *body);
uint32_t osri_body_size(const osri_body *body);

#endif
