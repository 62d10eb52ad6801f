/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/introductions.h"

#include <string.h>

/* Introductions of a session (DESIGN.md D3, D13).
 * Bounds: OSRI_INTRODUCTIONS_MAX each. What we tell is forgotten beyond it, and told again; what we
 * hear ends the session. */

#define TOLD_PLAIN ((void *)(uintptr_t)1)
#define TOLD_PIDS ((void *)(uintptr_t)2)

void osri_introductions_fini(osri_introductions *introductions)
{
    osri_map_fini(&introductions->types_told);
    osri_map_fini(&introductions->nodes_told);
    osri_map_fini(&introductions->types_heard);
}

static bool field_has_pids(const osr_field *field)
{
    unsigned kind = field->kind & 0xffU; /* of elements of lists, and values of optional ones */

    return kind == OSR_KIND_PID || (field->nested != NULL && osri_type_has_pids(field->nested));
}

bool osri_type_has_pids(const osr_type *type)
{
    if (type->id == OSR_DYNAMIC_ID) {
        return true;
    }
    for (uint32_t i = 0; i < type->field_count; i++) {
        if (field_has_pids(&type->fields[i])) {
            return true;
        }
    }
    return false;
}

bool osri_introductions_type(osri_introductions *introductions, const osr_type *type, uint32_t id,
                             bool *ret_pids)
{
    osri_introduced *near = &introductions->told[id % OSRI_INTRODUCTIONS_NEAR];
    const void *told;

    if (near->id == id && id != 0) {
        *ret_pids = near->what != 0;
        return true;
    }
    told = osri_map_get_u64(&introductions->types_told, id);
    if (told != NULL) {
        *ret_pids = told == TOLD_PIDS;
        *near = (osri_introduced){.id = id, .what = *ret_pids};
        return true;
    }
    *ret_pids = osri_type_has_pids(type);
    if (osri_map_count(&introductions->types_told) >= OSRI_INTRODUCTIONS_MAX) {
        osri_map_fini(&introductions->types_told);
        memset(introductions->told, 0, sizeof(introductions->told));
    }
    (void)!osri_map_put_u64(&introductions->types_told, id, *ret_pids ? TOLD_PIDS : TOLD_PLAIN,
                            NULL);
    return false;
}

bool osri_introductions_node(osri_introductions *introductions, uint64_t node)
{
    if (osri_map_get_u64(&introductions->nodes_told, node) != NULL) {
        return true;
    }
    if (osri_map_count(&introductions->nodes_told) >= OSRI_INTRODUCTIONS_MAX) {
        osri_map_fini(&introductions->nodes_told);
    }
    (void)!osri_map_put_u64(&introductions->nodes_told, node, TOLD_PLAIN, NULL);
    return false;
}

osr_err osri_introductions_hear(osri_introductions *introductions, uint32_t id, osri_heard heard)
{
    if (osri_map_count(&introductions->types_heard) >= OSRI_INTRODUCTIONS_MAX) {
        return OSR_ELIMIT;
    }
    introductions->heard[id % OSRI_INTRODUCTIONS_NEAR] = (osri_introduced){0};
    return osri_map_put_u64(&introductions->types_heard, id, (void *)(uintptr_t)heard, NULL);
}

osri_heard osri_introductions_heard(osri_introductions *introductions, uint32_t id)
{
    osri_introduced *near = &introductions->heard[id % OSRI_INTRODUCTIONS_NEAR];
    const void *heard;

    if (near->id == id && id != 0) {
        return (osri_heard)near->what;
    }
    heard = osri_map_get_u64(&introductions->types_heard, id);
    if (heard != NULL) {
        *near = (osri_introduced){.id = id, .what = (uint32_t)(uintptr_t)heard};
    }
    return (osri_heard)(uintptr_t)heard;
}
