/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_LEADER_H
#define OSR_SHELL_LEADER_H

#include "osier/process.h"

/* From here on what this process and those that it starts print, on whatever node, appears with the
 * client whose group leader this is. Not a suspension point. Errors: OSR_ENOMEM; OSR_ELIMIT;
 * OSR_ETERMINATED the client has just gone. */
OSR_MUST_CHECK osr_err osri_shell_lead(osr_self *self, osr_pid client);

#endif
