/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_ASSERT_H
#define OSR_CORE_ASSERT_H

#include "lib/core/once.h"

/* One fact that holds unless Osier itself has a bug. When it does not hold the node ends: one line
 * that says where and in which process, then SIGABRT. Kept in release builds. */
#define OSR_ASSERT(fact) ((fact) ? (void)0 : osri_fault_assert(#fact, __FILE__, __LINE__))

/* The same where checking costs too much for release builds. */
#ifdef NDEBUG
#define OSR_ASSERT_DEBUG(fact) ((void)sizeof(fact))
#else
#define OSR_ASSERT_DEBUG(fact) OSR_ASSERT(fact)
#endif

#endif
