/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/message/types_twice.h"

/* This file's own descriptors of the types that test_types.c has too. */
const osr_type *twice_elsewhere(void)
{
    return &twice_osr_type;
}
