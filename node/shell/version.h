/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_VERSION_H
#define OSR_SHELL_VERSION_H

/* Osier's version, "0.1.0"; static. */
const char *osri_version(void);

#endif
