/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_BACKTRACE_H
#define OSR_PROCESS_BACKTRACE_H

#include "osier/process.h"

/* Where a process that crashes is, for its reason.
 * Text, innermost frame first, a frame a line: "counter+0x1a2b", the file that the code is in and
 * the place there, as addr2line -e takes it; and " name" where the file tells it. At most
 * OSRI_BACKTRACE_FRAMES of them.
 * Ownership: the caller's. NULL where there is no memory, or too little room left on the stack.
 * Threads: the process's, on its stack. */

#define OSRI_BACKTRACE_FRAMES 24

osr_bin *osri_backtrace(const osr_self *self);

#endif
