/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_PACK_H
#define OSR_MESSAGE_PACK_H

#include <stdbool.h>
#include <stdint.h>

#include "lib/message/buffer.h"
#include "osier/pid.h"

/* Single msgpack values, each in its shortest form, appended to a buffer. Errors: as
 * osri_buffer_append(). */

OSR_MUST_CHECK osr_err osri_pack_bool(osri_buffer *buffer, bool value);
OSR_MUST_CHECK osr_err osri_pack_unsigned(osri_buffer *buffer, uint64_t value);
OSR_MUST_CHECK osr_err osri_pack_signed(osri_buffer *buffer, int64_t value);
OSR_MUST_CHECK osr_err osri_pack_f64(osri_buffer *buffer, double value);
OSR_MUST_CHECK osr_err osri_pack_str(osri_buffer *buffer, const char *text, uint32_t size);
OSR_MUST_CHECK osr_err osri_pack_bin(osri_buffer *buffer, const uint8_t *data, uint32_t size);
OSR_MUST_CHECK osr_err osri_pack_pid(osri_buffer *buffer, osr_pid pid);
OSR_MUST_CHECK osr_err osri_pack_ref(osri_buffer *buffer, osr_ref ref);

/* The start of an array or map; that many values, or pairs, have to follow. */
OSR_MUST_CHECK osr_err osri_pack_array(osri_buffer *buffer, uint32_t count);
OSR_MUST_CHECK osr_err osri_pack_map(osri_buffer *buffer, uint32_t count);

#endif
