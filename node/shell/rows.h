/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_SHELL_ROWS_H
#define OSR_SHELL_ROWS_H

#include "osier/info.h"
#include "node/shell/protocol.h"

/* Snapshots as they travel. Pure. */

/* The row lends the snapshot's texts. */
osri_shell_row osri_row_of(const osr_snapshot *snapshot);

/* Texts that are too long are cut. */
void osri_row_read(const osri_shell_row *row, osr_snapshot *ret_snapshot);

#endif
