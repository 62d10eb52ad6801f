/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_PROTOCOL_H
#define OSR_SHELL_PROTOCOL_H

#include "osier/process.h"

/* The command protocol: what a shell and a node's shell service say to each other, and the
 * services among themselves. Every node started by osr_main() answers under this name. A peer's
 * certificate must have role SHELL_READ, and SHELL_WRITE for commands that change anything. */

#define OSRI_SHELL_NAME "osier.shell"
#define OSRI_SHELL_VERSION 1
#define OSRI_SHELL_LINE_BYTES_MAX (64 * 1024)
#define OSRI_SHELL_OUTPUT_BYTES_MAX (1024 * 1024)
#define OSRI_SHELL_ROWS_MAX 10000

/* leader: what is started prints there; none: to the node's (osier/output.h).
 *
 * status: as a program's (osr_status); text for standard output, complaint for standard error. A
 * service that does not speak the version asked for answers with its own, and a complaint. */
OSR_MESSAGE(osr_shell_output, 0x31, (1, u32, version), (2, i32, status), (3, str, text),
            (4, str, complaint));
OSR_REQUEST(osr_shell_command, 0x30, osr_shell_output, (1, u32, version), (2, str, line),
            (3, pid, leader));

/* The processes of a node, at most OSRI_SHELL_ROWS_MAX; `total` is how many there are. */
OSR_STRUCT(osri_shell_row, (1, pid, pid), (2, pid, parent), (3, str, name), (4, str, label),
           (5, str, body), (6, u32, state), (7, str, handling), (8, u64, queued),
           (9, u64, handled));
OSR_MESSAGE(osri_shell_rows, 0x33, (1, u32, version), (2, i32, status), (3, u64, total),
            (4, list(of(osri_shell_row)), rows));
OSR_REQUEST(osri_shell_list, 0x32, osri_shell_rows, (1, u32, version));

/* Inside a node: what the process of one command is to do, and what it learns from its helpers. */
OSR_MESSAGE(osri_shell_task, 0x34, (1, pid, caller), (2, u64, ref), (3, str, line),
            (4, bool, may_write), (5, bool, may_start), (6, pid, leader), (7, bool, of_peer),
            (8, str, asker), (9, u64, serial));
OSR_MESSAGE(osri_shell_client, 0x37, (1, pid, leader));
OSR_MESSAGE(osri_shell_question, 0x35, (1, pid, asker), (2, str, node), (3, u32, timeout_ms));
OSR_MESSAGE(osri_shell_answer, 0x36, (1, str, node), (2, i32, error), (3, u64, total),
            (4, list(of(osri_shell_row)), rows));

#endif
