/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/rows.h"

#include <string.h>

osri_shell_row osri_row_of(const osr_snapshot *snapshot)
{
    osri_shell_row row = {.pid = snapshot->pid,
                          .parent = snapshot->parent,
                          .name = osr_str_of(snapshot->name),
                          .label = osr_str_of(snapshot->label),
                          .body = osr_str_of(snapshot->body),
                          .state = (uint32_t)snapshot->state,
                          .handling = osr_str_of(snapshot->handling),
                          .queued = snapshot->queued,
                          .handled = snapshot->handled};
    return row;
}

static void copy(char *ret, size_t bytes, osr_str from)
{
    size_t size = from.size < bytes ? from.size : bytes - 1;
    if (size != 0) {
        memcpy(ret, from.at, size);
    }
    ret[size] = '\0';
}

void osri_row_read(const osri_shell_row *row, osr_snapshot *ret_snapshot)
{
    memset(ret_snapshot, 0, sizeof(*ret_snapshot));
    ret_snapshot->pid = row->pid;
    ret_snapshot->parent = row->parent;
    copy(ret_snapshot->name, sizeof(ret_snapshot->name), row->name);
    copy(ret_snapshot->label, sizeof(ret_snapshot->label), row->label);
    copy(ret_snapshot->body, sizeof(ret_snapshot->body), row->body);
    copy(ret_snapshot->handling, sizeof(ret_snapshot->handling), row->handling);
    ret_snapshot->state = (osr_run_state)row->state;
    ret_snapshot->queued = row->queued;
    ret_snapshot->handled = row->handled;
}
