/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MESSAGE_REFERENCE_H
#define OSR_TESTS_MESSAGE_REFERENCE_H

#include <msgpack.h>
#include <stdbool.h>

#include "osier/message.h"

/* The codec's rules once more, by msgpack-c. */

/* Packs the map of a value. */
void reference_pack(const osr_type *type, const void *value, msgpack_packer *packer);

/* Whether osri_decode() must accept this object for this type. */
bool reference_fits(const osr_type *type, const msgpack_object *object);

/* Whether a value, decoded from this object that fits, says what the object says. */
bool reference_equal(const osr_type *type, const void *value, const msgpack_object *object);

#endif
