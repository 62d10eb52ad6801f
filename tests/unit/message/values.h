/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MESSAGE_VALUES_H
#define OSR_TESTS_MESSAGE_VALUES_H

#include <stdbool.h>
#include <stdint.h>

#include "osier/message.h"

/* Random values of any type, and deep comparison. */

typedef struct value_maker {
    uint64_t seed; /* any; the same seed makes the same values */
    struct value_block *blocks;
} value_maker;

uint64_t value_random(value_maker *maker);

/* A value of the type, favouring the edges of ranges; lent until value_maker_free(). */
void *value_make(value_maker *maker, const osr_type *type);
void value_maker_free(value_maker *maker);

/* Whether two values say the same: an empty bin is NULL, floats by their bits. */
bool value_equal(const osr_type *type, const void *a, const void *b);

#endif
