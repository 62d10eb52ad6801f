/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_PARTS_H
#define OSR_PROCESS_PARTS_H

#include "lib/core/map.h"
#include "osier/architecture.h"
#include "osier/process.h"

/* The parts of a program as one node has collected them (osier/architecture.h). Constant once
 * made; then any thread. */

#define OSRI_PARTS_TEXT_BYTES 512

/* Fields are private. */
typedef struct osri_parts {
    const osr_part **sorted; /* by kind, name and place */
    size_t count;
    size_t capacity;
} osri_parts;

/* Collects [first, end); an interface that several files declare alike is there once.
 * ret_text, written on OSR_ETYPE, says what is wrong and where.
 * Errors: OSR_ENOMEM; OSR_ETYPE two interfaces of one name that accept different messages. */
OSR_MUST_CHECK osr_err osri_parts_collect(osri_parts *parts, const osr_part *const *first,
                                          const osr_part *const *end,
                                          char ret_text[OSRI_PARTS_TEXT_BYTES]);

/* All parts that this program was linked from. Errors as above. */
OSR_MUST_CHECK osr_err osri_parts_init(osri_parts *parts, char ret_text[OSRI_PARTS_TEXT_BYTES]);
void osri_parts_fini(osri_parts *parts);

/* Enters exported entries by their names: name -> const osr_entry *.
 * ret_text as above. Errors: OSR_ENOMEM; OSR_ETYPE two entries of one name. */
OSR_MUST_CHECK osr_err osri_entries_collect(osri_map *entries, const osr_entry *const *first,
                                            const osr_entry *const *end,
                                            char ret_text[OSRI_PARTS_TEXT_BYTES]);

/* Those that this program exports. Errors as above. */
OSR_MUST_CHECK osr_err osri_entries_init(osri_map *entries, char ret_text[OSRI_PARTS_TEXT_BYTES]);

#endif
