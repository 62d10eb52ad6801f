/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_COMMANDS_H
#define OSR_OSIER_COMMANDS_H

/* The commands of the program `osier`, a file each. argv[0] is the command's name; each returns an
 * osr_status. */

int osri_osier_nodes(int argc, char **argv);
int osri_osier_shell(int argc, char **argv);
int osri_osier_exec(int argc, char **argv);

#endif
