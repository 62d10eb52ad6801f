/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_TYPES_H
#define OSR_MESSAGE_TYPES_H

#include <stddef.h>
#include <stdint.h>

#include "lib/core/map.h"
#include "osier/message.h"

/* The message types that a node knows: by id and by name. Filled while the node is made, read by
 * all threads afterwards. Threads: one at a time while it is filled, then any. */

#define OSRI_TYPES_MAX 65536
#define OSRI_TYPES_TEXT_BYTES 512
#define OSRI_NESTING_MAX 16 /* structs and lists within each other; below OSRI_DEPTH_MAX */

/* Fields are private. */
typedef struct osri_types {
    const osr_type **sorted; /* by id */
    uint32_t count;
    uint32_t capacity;
    osri_map by_name;
} osri_types;

/* Errors: OSR_ENOMEM. It knows osr_dynamic from the start. */
OSR_MUST_CHECK osr_err osri_types_init(osri_types *types);
void osri_types_fini(osri_types *types);

/* Adds a type, which must outlive the table. One that is known already, under the same id with the
 * same name and shape, changes nothing. On error the table is as it was, and ret_text (may be NULL)
 * says what is wrong and where, if OSR_ETYPE.
 * Errors: OSR_ETYPE id 0; the id with another name or shape, or the name with another id; a tag
 *   twice; nested too deeply; OSR_ENOMEM; OSR_ELIMIT over OSRI_TYPES_MAX. */
OSR_MUST_CHECK osr_err osri_types_add(osri_types *types, const osr_type *type,
                                      char ret_text[OSRI_TYPES_TEXT_BYTES]);

/* Adds all types of a linker section: osri_types_here() gives that of the program or library which
 * it is compiled into. Stops at the first error. */
OSR_MUST_CHECK osr_err osri_types_collect(osri_types *types, osri_type_section section,
                                          char ret_text[OSRI_TYPES_TEXT_BYTES]);

/* The type, or NULL. */
const osr_type *osri_types_by_id(const osri_types *types, uint32_t id);
const osr_type *osri_types_by_name(const osri_types *types, const char *name);

/* All types in the order of their ids: index 0 to osri_types_count() - 1. */
size_t osri_types_count(const osri_types *types);
const osr_type *osri_types_at(const osri_types *types, size_t index);

#endif
