/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_CODEC_H
#define OSR_MESSAGE_CODEC_H

#include <stddef.h>
#include <stdint.h>

#include "lib/message/buffer.h"
#include "lib/message/envelope.h"
#include "lib/message/types.h"
#include "lib/message/validator.h"

/* Typed values as msgpack (lib/message/PROTOCOL.md): a struct is a map from tag to value with all
 * its fields in order of declaration, but optional ones that are not set; a union is a map of at
 * most one pair; each number is in its shortest form. Threads: any. */

/* Appends the map of *value. On error the buffer holds what it held before.
 * Errors: OSR_ENOMEM; OSR_ELIMIT the buffer; OSR_EINVAL it could not be decoded on the other side:
 *   over OSR_MESSAGE_BYTES_MAX, OSRI_OBJECTS_MAX or OSRI_DEPTH_MAX, a size without a pointer, or a
 *   union whose `which` is no alternative. */
OSR_MUST_CHECK osr_err osri_encode(const osr_type *type, const void *value, osri_buffer *buffer);

/* Decodes a map of exactly `size` bytes into a new envelope: everything but type, size, flags and
 * body is zero. Trusts nothing. Unknown tags are skipped, missing fields are zero.
 * Ownership: *ret_envelope is yours.
 * Errors: OSR_EPROTO not valid (see validator.h), a value of another kind or out of range, a tag
 *   twice; OSR_EINVAL the value would be over OSR_MESSAGE_BYTES_MAX; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_decode(const osr_type *type, const uint8_t *bytes, size_t size,
                                   osri_envelope **ret_envelope);

/* A message as it travels: [type_id, {tag: value, …}]. An osr_dynamic is passed on as what it came
 * as. Errors as osri_encode(), and OSR_EINVAL for a type without an id or a payload that is not a
 * valid map. */
OSR_MUST_CHECK osr_err osri_encode_message(const osr_type *type, const void *value,
                                           osri_buffer *buffer);

/* The way back; an id that types does not know gives an osr_dynamic. Errors as osri_decode(). */
OSR_MUST_CHECK osr_err osri_decode_message(const osri_types *types, const uint8_t *bytes,
                                           size_t size, osri_envelope **ret_envelope);

#endif
