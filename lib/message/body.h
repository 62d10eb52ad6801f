/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_BODY_H
#define OSR_MESSAGE_BODY_H

#include <stdbool.h>
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

/* Of a list's elements, an optional member's value, or of the member itself. */
static inline unsigned osri_element_kind(const osr_field *field)
{
    return field->kind & 0xffU;
}

/* Whether a field is an optional one that is not set. */
static inline bool osri_is_unset(const osr_field *field, const void *member)
{
    return (field->kind & OSR_KIND_OPTIONAL) != 0 && !*(const bool *)member;
}

/* How every union begins (OSR_UNION in osier/message.h). */
typedef struct osri_any_union {
    uint32_t which;
    bool is_unknown;
} osri_any_union;

static inline osri_any_union osri_union_load(const void *value)
{
    osri_any_union chosen;
    memcpy(&chosen, value, sizeof(chosen));
    return chosen;
}

/* The alternative in force, or NULL: none, or `which` is no tag of the union. */
static inline const osr_field *osri_union_choice(const osr_type *type, const void *value)
{
    uint32_t which = osri_union_load(value).which;
    for (uint32_t i = 0; which != 0 && i < type->field_count; i++) {
        if (type->fields[i].tag == which) {
            return &type->fields[i];
        }
    }
    return NULL;
}

/* How many bytes a copy of *value takes; all lists and texts are looked at, and must be readable.
 * Errors: OSR_EINVAL over OSR_MESSAGE_BYTES_MAX (bins count), a size without a pointer, or a union
 * that is not plain and whose `which` is no alternative. */
OSR_MUST_CHECK osr_err osri_body_measure(const osr_type *type, const void *value,
                                         uint32_t *ret_size);

/* Copies *value to `place`, aligned to 16, of exactly the measured size; bins get a reference. */
void osri_body_copy(const osr_type *type, const void *value, void *place, uint32_t size);

/* Gives back the bins of a body and sets them to NULL. Zeroed fields are empty ones. */
void osri_body_drop_bins(const osr_type *type, void *body);

/* Bytes of the bins in a body, each as often as it stands there. */
uint64_t osri_body_bin_bytes(const osr_type *type, const void *body);

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
