/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_UNPACK_H
#define OSR_MESSAGE_UNPACK_H

#include <stddef.h>
#include <stdint.h>

/* Walks over msgpack that has passed osri_validate(), and over nothing else. */

typedef enum osri_item_kind {
    OSRI_ITEM_NIL,
    OSRI_ITEM_BOOL,
    OSRI_ITEM_UNSIGNED, /* any form whose number is not negative */
    OSRI_ITEM_NEGATIVE,
    OSRI_ITEM_FLOAT,
    OSRI_ITEM_STR,
    OSRI_ITEM_BIN,
    OSRI_ITEM_ARRAY,
    OSRI_ITEM_MAP,
    OSRI_ITEM_EXT,
} osri_item_kind;

/* One value, or the start of a container. */
typedef struct osri_item {
    osri_item_kind kind;
    uint64_t number;     /* bool; whole number, in two's complement; bytes of a str or bin; count of
                            a container; type of an ext */
    double real;         /* float */
    const uint8_t *data; /* str, bin, ext */
} osri_item;

typedef struct osri_reader {
    const uint8_t *at;
    const uint8_t *end;
} osri_reader;

/* The next value; of a container only its start. There must be one. */
osri_item osri_next(osri_reader *reader);

/* Passes over the next value with all that is in it. */
void osri_skip(osri_reader *reader);

#endif
