/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_BOOT_STATUS_H
#define OSR_BOOT_STATUS_H

#include "osier/main.h"

/* The exit status for what osr_dist_start() returned; secret: the file that was given, or NULL. */
osr_status osri_status_of_dist(osr_err err, const char *secret);

#endif
