/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* Deep copies of typed values.
 *
 * Layout of a body: the struct; then, in the order in which a walk over its fields meets them,
 * lists (aligned to 8) and texts (each followed by a NUL). Measuring is the same walk as copying,
 * without a place, so the two cannot disagree.
 *
 * Invariants
 *   I1  every pointer in a copy leads into the copy, bins excepted.
 *   I2  a copy holds one reference of each bin in it, each time it stands there.
 * Bounds: OSR_MESSAGE_BYTES_MAX, bins included; the depth is that of the type, which is finite
 * because a descriptor can only name descriptors that were complete before it. */
#include "lib/message/body.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"

#define LIST_ALIGN 8

typedef struct walk {
    uint8_t *place; /* NULL: only measure */
    uint64_t used;
    uint64_t bin_bytes;
    osr_err err;
} walk;

static osr_err walk_struct(walk *w, const osr_type *type, const void *from, void *to);
static void walk_union(walk *w, const osr_type *type, const void *from, void *to);

/* Room behind what is used; NULL when measuring. */
static void *take_room(walk *w, uint64_t size, uint64_t align)
{
    uint64_t start = (w->used + align - 1) & ~(align - 1);
    if (size > OSR_MESSAGE_BYTES_MAX || start + size > OSR_MESSAGE_BYTES_MAX) {
        w->err = OSR_EINVAL;
        return NULL;
    }
    w->used = start + size;
    return w->place == NULL ? NULL : w->place + start;
}

static void walk_str(walk *w, const osr_str *from, osr_str *to)
{
    if (from->at == NULL && from->size > 0) {
        w->err = OSR_EINVAL;
        return;
    }
    char *text = take_room(w, (uint64_t)from->size + 1, 1);
    if (text != NULL) {
        if (from->size > 0) {
            memcpy(text, from->at, from->size);
        }
        text[from->size] = '\0';
        *to = (osr_str){text, from->size};
    }
}

static void walk_bin(walk *w, osr_bin *const *from)
{
    w->bin_bytes += osr_bin_size(*from);
    if (w->bin_bytes > OSR_MESSAGE_BYTES_MAX) {
        w->err = OSR_EINVAL;
    } else if (w->place != NULL) {
        (void)osr_bin_ref(*from);
    }
}

/* One value, or one element of a list. Its own bytes have been copied already. */
static void walk_value(walk *w, const osr_field *field, unsigned kind, const void *from, void *to)
{
    if (kind == OSR_KIND_STR) {
        walk_str(w, from, to);
    } else if (kind == OSR_KIND_BIN) {
        walk_bin(w, from);
    } else if (kind == OSR_KIND_STRUCT && (field->nested->flags & OSR_TYPE_PLAIN) == 0) {
        w->err = walk_struct(w, field->nested, from, to);
    } else if (kind == OSR_KIND_UNION && (field->nested->flags & OSR_TYPE_PLAIN) == 0) {
        walk_union(w, field->nested, from, to);
    }
}

static bool is_flat(const osr_field *field, unsigned kind)
{
    return field->nested != NULL ? (field->nested->flags & OSR_TYPE_PLAIN) != 0
                                 : kind != OSR_KIND_STR && kind != OSR_KIND_BIN;
}

static void walk_list(walk *w, const osr_field *field, const void *from, void *to)
{
    unsigned kind = osri_element_kind(field);
    osri_any_list list = osri_list_load(from);
    if (list.at == NULL && list.count > 0) {
        w->err = OSR_EINVAL;
        return;
    }
    uint64_t bytes = (uint64_t)list.count * field->element_size;
    uint8_t *elements = bytes == 0 ? NULL : take_room(w, bytes, LIST_ALIGN);
    if (elements != NULL) {
        memcpy(elements, list.at, bytes);
    }
    if (to != NULL) {
        osri_list_store(to, (osri_any_list){elements, list.count});
    }
    for (uint32_t i = 0; !is_flat(field, kind) && i < list.count && w->err == OSR_OK; i++) {
        size_t offset = (size_t)i * field->element_size;
        walk_value(w, field, kind, (const uint8_t *)list.at + offset,
                   elements == NULL ? NULL : elements + offset);
    }
}

/* What hangs on a field of a struct or an alternative of a union. */
static void walk_field(walk *w, const osr_field *field, const void *from, void *to)
{
    const uint8_t *source = (const uint8_t *)from + field->offset;
    uint8_t *target = to == NULL ? NULL : (uint8_t *)to + field->offset;
    if ((field->kind & OSR_KIND_LIST) != 0) {
        walk_list(w, field, source, target);
    } else if (!osri_is_unset(field, source)) {
        walk_value(w, field, osri_element_kind(field), source + field->value_at,
                   target == NULL ? NULL : target + field->value_at);
    } else if (target != NULL) {
        memset(target + field->value_at, 0, field->element_size);
    }
}

static void walk_union(walk *w, const osr_type *type, const void *from, void *to)
{
    const osr_field *choice = osri_union_choice(type, from);
    if (choice != NULL) {
        walk_field(w, choice, from, to);
    } else if (osri_union_load(from).which != 0) {
        w->err = OSR_EINVAL;
    }
}

/* Everything that hangs on a struct whose own bytes have been copied already. */
static osr_err walk_struct(walk *w, const osr_type *type, const void *from, void *to)
{
    for (uint32_t i = 0; i < type->field_count && w->err == OSR_OK; i++) {
        walk_field(w, &type->fields[i], from, to);
    }
    return w->err;
}

osr_err osri_body_measure(const osr_type *type, const void *value, uint32_t *ret_size)
{
    walk w = {0};
    (void)take_room(&w, type->size, 1);
    if (w.err == OSR_OK && (type->flags & OSR_TYPE_PLAIN) == 0) {
        (void)walk_struct(&w, type, value, NULL);
    }
    if (w.err == OSR_OK && w.used + w.bin_bytes > OSR_MESSAGE_BYTES_MAX) {
        w.err = OSR_EINVAL;
    }
    if (w.err == OSR_OK) {
        *ret_size = (uint32_t)w.used;
    }
    return w.err;
}

uint64_t osri_body_bin_bytes(const osr_type *type, const void *body)
{
    walk w = {0};
    if ((type->flags & OSR_TYPE_BINS) == 0) {
        return 0;
    }
    if ((type->flags & OSR_TYPE_UNION) != 0) {
        walk_union(&w, type, body, NULL);
    } else {
        (void)walk_struct(&w, type, body, NULL);
    }
    return w.bin_bytes;
}

void osri_body_copy(const osr_type *type, const void *value, void *place, uint32_t size)
{
    memcpy(place, value, type->size);
    if ((type->flags & OSR_TYPE_PLAIN) != 0) {
        return;
    }
    walk w = {.place = place, .used = type->size};
    osr_err err = walk_struct(&w, type, value, place);
    OSR_ASSERT(err == OSR_OK && w.used == size);
}

static void drop_value(const osr_field *field, unsigned kind, void *value)
{
    if (kind == OSR_KIND_BIN) {
        osr_bin_unref(value);
    } else if (field->nested != NULL) {
        osri_body_drop_bins(field->nested, value);
    }
}

static void drop_field(const osr_field *field, uint8_t *member)
{
    unsigned kind = osri_element_kind(field);
    if ((field->kind & OSR_KIND_LIST) == 0) {
        if (!osri_is_unset(field, member)) {
            drop_value(field, kind, member + field->value_at);
        }
        return;
    }
    osri_any_list list = osri_list_load(member);
    uint8_t *element = (uint8_t *)(uintptr_t)list.at;
    for (uint32_t j = 0; !is_flat(field, kind) && j < list.count; j++) {
        drop_value(field, kind, element + (size_t)j * field->element_size);
    }
}

void osri_body_drop_bins(const osr_type *type, void *body)
{
    if ((type->flags & OSR_TYPE_BINS) == 0) {
        return;
    }
    if ((type->flags & OSR_TYPE_UNION) != 0) {
        const osr_field *choice = osri_union_choice(type, body);
        if (choice != NULL) {
            drop_field(choice, (uint8_t *)body + choice->offset);
        }
        return;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        drop_field(&type->fields[i], (uint8_t *)body + type->fields[i].offset);
    }
}

struct osri_body {
    _Atomic(uint32_t) references;
    uint32_t size;
    const osr_type *type;
    uint8_t data[]; /* 16 bytes from the start of the block, which is aligned for any type */
};

static_assert(offsetof(osri_body, data) == 16, "aligned for any type");

osr_err osri_body_share(const osr_type *type, const void *value, osri_body **ret_body)
{
    uint32_t size;
    osr_err err = osri_body_measure(type, value, &size);
    if (err != OSR_OK) {
        return err;
    }
    osri_body *body = osri_heap_alloc(sizeof(*body) + size);
    if (body == NULL) {
        return OSR_ENOMEM;
    }
    atomic_init(&body->references, 1);
    body->size = size;
    body->type = type;
    osri_body_copy(type, value, body->data, size);
    *ret_body = body;
    return OSR_OK;
}

osri_body *osri_body_ref(osri_body *body)
{
    /* relaxed: who adds a reference holds one */
    uint32_t before = atomic_fetch_add_explicit(&body->references, 1, memory_order_relaxed);
    OSR_ASSERT(before != 0 && before != UINT32_MAX);
    return body;
}

void osri_body_unref(osri_body **body_)
{
    osri_body *body = *body_;
    *body_ = NULL;
    /* acq_rel: as in osr_bin_unref() */
    if (body != NULL &&
        atomic_fetch_sub_explicit(&body->references, 1, memory_order_acq_rel) == 1) {
        osri_body_drop_bins(body->type, body->data);
        osri_heap_free(body, sizeof(*body) + body->size);
    }
}

const osr_type *osri_body_type(const osri_body *body)
{
    return body->type;
}

const void *osri_body_data(const osri_body *body)
{
    return body->data;
}

uint32_t osri_body_size(const osri_body *body)
{
    return body->size;
}
