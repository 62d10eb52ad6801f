/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_LINK_ACTIONS_H
#define OSR_DIST_LINK_ACTIONS_H

#include "dist/link/block.h"
#include "dist/link/link.h"
#include "dist/link/wire.h"

/* Always there, for what must not fail: UP, DOWN, handshake frames. */
#define OSRI_ACTIONS_RESERVED 8
#define OSRI_HANDSHAKE_BYTES_MAX 4096

/* The actions of one step, and the memory that they point to. */
struct osri_link_actions {
    osri_link_action *all;
    size_t count;
    size_t capacity;
    osri_link_block_list blocks;                 /* freed with the next step */
    uint8_t handshake[OSRI_HANDSHAKE_BYTES_MAX]; /* a step sends at most one such frame, */
    uint8_t empty[OSRI_WIRE_HEADER_BYTES];       /* at most one without payload */
    uint8_t goodbye[OSRI_WIRE_HEADER_BYTES + 1 + OSRI_LINK_TEXT_BYTES];
    char text[OSRI_LINK_TEXT_BYTES]; /* of DOWN */
};

/* Forgets the last step. */
void osri_actions_reset(osri_link_actions *actions);

/* Makes room for one more besides the reserved ones. False: out of memory. */
bool osri_actions_have_room(osri_link_actions *actions);

/* Appends a zeroed action; there is room, or it is one of the reserved. */
osri_link_action *osri_actions_push(osri_link_actions *actions, osri_link_action_kind kind);

#endif
