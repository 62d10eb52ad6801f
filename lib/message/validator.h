/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_VALIDATOR_H
#define OSR_MESSAGE_VALIDATOR_H

#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* Decides in one pass, without memory of its own, whether bytes are msgpack that a decoder may be
 * let at: complete, not deeper than OSRI_DEPTH_MAX, no count larger than the bytes that are left,
 * at most OSRI_OBJECTS_MAX values, only our extension types with exactly their size, no 0xc1.
 * Whether text is UTF-8 is not looked at. Threads: any. */

#define OSRI_DEPTH_MAX 32      /* maps and arrays within each other */
#define OSRI_OBJECTS_MAX 65536 /* values, keys and containers together */

#define OSRI_EXT_PID 1 /* 16 bytes: node u64, slot u32, generation u32, big-endian */
#define OSRI_EXT_REF 2 /* 16 bytes: node u64, number u64, big-endian */
#define OSRI_EXT_BYTES 16

/* Exactly one value and nothing behind it. Errors: OSR_EPROTO. */
OSR_MUST_CHECK osr_err osri_validate(const uint8_t *bytes, size_t size);

/* One value at the start of bytes; *ret_used is its length. Errors: OSR_EPROTO. */
OSR_MUST_CHECK osr_err osri_validate_prefix(const uint8_t *bytes, size_t size, size_t *ret_used);

#endif
