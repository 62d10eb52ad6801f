/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_SNAPSHOT_H
#define OSR_PROCESS_SNAPSHOT_H

#include "osier/node.h"

/* What tools see of a process without its help: read from the table while it runs, so that it also
 * answers for a process that is stuck in a handler. Each field is true at some moment during the
 * call. */
typedef enum osri_run_state {
    OSRI_PROCESS_IDLE,    /* waits for a message, holds no stack */
    OSRI_PROCESS_WAITING, /* waits inside a call, receive or sleep: holds a stack */
    OSRI_PROCESS_READY,   /* in a run queue */
    OSRI_PROCESS_RUNNING,
    OSRI_PROCESS_EXITING,
} osri_run_state;

#define OSRI_LABEL_BYTES 32 /* with its end; what is longer is cut off */

typedef struct osri_snapshot {
    osr_pid pid;
    osr_pid parent;
    char name[64]; /* "" = not registered */
    char label[OSRI_LABEL_BYTES];
    char body[32];     /* behaviour or entry: "gen_server counter", "entry greeter" */
    char handling[64]; /* type of the message being handled, "" = none */
    osri_run_state state;
    uint64_t since_ns; /* in this state since, on the node's clock; 0 = unknown */
    uint64_t queued;   /* messages in the mailbox */
    uint64_t handled;  /* messages taken since it started */
    bool trap_exit;
} osri_snapshot;

/* Visits every process in creation order of its slot. Threads: any. */
void osri_node_snapshot(osr_node *node, void (*visit)(void *context, const osri_snapshot *snapshot),
                        void *context);

/* One process. OSR_ENOPROC. Threads: any. */
OSR_MUST_CHECK osr_err osri_process_snapshot(osr_node *node, osr_pid pid,
                                             osri_snapshot *ret_snapshot);

/* By registered name, or OSR_PID_NONE. Threads: any. */
osr_pid osri_node_whereis(osr_node *node, const char *name);

#endif
