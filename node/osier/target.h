/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_TARGET_H
#define OSR_OSIER_TARGET_H

#include "lib/core/name.h"
#include "node/osier/arguments.h"

/* The node that a person means. */

/* "store" becomes store@localhost. False: it is not a node's name. Pure. */
bool osri_target_name(const char *text, char ret_name[OSRI_NAME_BYTES]);

/* A node of this machine that is not registered is not there; of others the dial tells. On
 * OSR_STATUS_OK nothing is known against it; else the reason has been printed. */
int osri_target_check(const osri_arguments *arguments, const char *command, const char *name);

#endif
