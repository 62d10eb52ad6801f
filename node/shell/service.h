/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_SERVICE_H
#define OSR_SHELL_SERVICE_H

#include "osier/node.h"

/* Starts the shell service of a node, restarted by a supervisor of its own ("osier.system") until
 * the node stops. It answers the command protocol (protocol.h) to those whose certificates permit
 * it, and writes a line about every command to the node's log. Each command runs in a process of
 * its own: a slow one blocks no other.
 * Threads: any outside the node; the node has been started.
 * Errors: as osr_node_start_server(). */
OSR_MUST_CHECK osr_err osri_shell_start(osr_node *node);

#endif
