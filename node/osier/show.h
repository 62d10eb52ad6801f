/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_SHOW_H
#define OSR_OSIER_SHOW_H

#include "node/osier/ask.h"

/* Prints an answer: text to standard output, complaint to standard error, both made safe for a
 * terminal. Returns the status, OSR_STATUS_FAILED when it cannot be written, or, without an
 * answer, what that means; command goes before the complaint then, as in "osier exec". */
int osri_show(const osri_ask_result *result, const char *command, const char *target,
              uint32_t timeout_ms);

/* Prints what processes print, likewise (osr_output). Threads: any. */
osr_err osri_show_output(void *context, const char *text, size_t bytes);

#endif
