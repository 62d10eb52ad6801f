/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_BUILD_H
#define OSR_MESSAGE_BUILD_H

#include "lib/message/envelope.h"

/* Messages that are built in place (osier/message.h, "building in place"): an envelope whose body
 * is not yet immutable. While it is being built it has OSRI_ENVELOPE_BUILDING, and `counter` says
 * how much of its body is taken. */

/* An envelope with a zeroed struct and `room` bytes behind it.
 * Ownership: yours; osri_envelope_free(). Errors: OSR_ENOMEM; OSR_EINVAL over
 * OSR_MESSAGE_BYTES_MAX. */
OSR_MUST_CHECK osr_err osri_envelope_build(const osr_type *type, size_t room,
                                           osri_envelope **ret_envelope);

/* The envelope of a body that is being built. */
osri_envelope *osri_envelope_of_built(void *body);

/* Ends the building: makes sure that the body is what any body is. On error it has been made safe
 * to free: what was wrong is empty.
 * Errors: OSR_EINVAL a text or list that does not lie behind the struct in its block, a text
 *   without a NUL behind it, a union whose `which` is no alternative, or over
 *   OSR_MESSAGE_BYTES_MAX with its bins. */
OSR_MUST_CHECK osr_err osri_envelope_built(osri_envelope *envelope);

#endif
