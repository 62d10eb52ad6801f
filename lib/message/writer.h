/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MESSAGE_WRITER_H
#define OSR_MESSAGE_WRITER_H

#include "lib/message/envelope.h"
#include "lib/message/types.h"
#include "osier/dynamic.h"

/* As osr_writer_end() (osier/dynamic.h), for a table of types. */
OSR_MUST_CHECK osr_err osri_writer_end(osr_writer **writer, const osri_types *types,
                                       uint32_t type_id, osri_envelope **ret_envelope);

#endif
