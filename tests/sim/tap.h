/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_TAP_H
#define OSR_TESTS_SIM_TAP_H

#include "tests/sim/coverage.h"
#include "tests/sim/people.h"

/* Sits between each node and its links (the linker's --wrap puts it there): counts the transitions,
 * mixes every event into the run's hash, and can put other frames in the place of those that a peer
 * sent, as a member with a will of its own could. */

/* A run begins. */
void tap_begin(void);

/* The next fit frame that this host gets from the peer, or in a handshake from anybody, is
 * forged. */
void tap_arm(fault kind, uint32_t host, uint32_t peer);

/* Nothing is forged any more. */
void tap_disarm(void);

/* The newest HELLO that a node was sent; its length, 0: none yet. */
size_t tap_hello(const uint8_t **ret_bytes);

#endif
