/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DEMO_DEMO_H
#define OSR_DEMO_DEMO_H

/* `osier demo up|down|status|run`: a cluster of four nodes on this machine, and the word count
 * on it. argv[0] is "demo". Returns an exit status. */
int osri_command_demo(int argc, char **argv);

#endif
