/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_MESSAGE_TYPES_TWICE_H
#define OSR_TESTS_MESSAGE_TYPES_TWICE_H

#include "osier/message.h"

/* A header with a message that several files include. */
OSR_MESSAGE(twice, 0x0301, (1, i64, value), (2, str, text));

const osr_type *twice_elsewhere(void);

#endif
