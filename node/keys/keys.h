/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_NODE_KEYS_H
#define OSR_NODE_KEYS_H

/* osier keys: the cluster's secret, the authority, keys, certificates, revocation. argv[0] is
 * "keys". Returns an osr_status. */
int osri_command_keys(int argc, char **argv);

#endif
