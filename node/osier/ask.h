/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OSIER_ASK_H
#define OSR_OSIER_ASK_H

#include <stdbool.h>

#include "osier/node.h"

/* A command on its way to the shell service of a node, asked by a process of the client's own
 * node. */
typedef struct osri_ask osri_ask;

/* What came back. Texts are lent as long as the ask lives, and as they came: not safe for a
 * terminal. */
typedef struct osri_ask_result {
    osr_err err; /* OSR_OK: there is an answer */
    int status;
    const char *text;
    size_t text_bytes;
    const char *complaint;
    size_t complaint_bytes;
} osri_ask_result;

/* Sends the line. wake_fd: gets a 'D' once it is done; -1: none.
 * Ownership: free with osri_ask_free(), at any time; target and line are copied.
 * Errors: OSR_ENOMEM; those of osr_node_spawn(). */
OSR_MUST_CHECK osr_err osri_ask_start(osr_node *node, const char *target, const char *line,
                                      uint32_t timeout_ms, int wake_fd, osri_ask **ret_ask);

bool osri_ask_is_done(const osri_ask *ask);

/* Waits until it is done. */
void osri_ask_wait(osri_ask *ask, osri_ask_result *ret_result);

/* NULL is accepted; *ask becomes NULL. One that is not done is given up. */
void osri_ask_free(osri_ask **ask);

/* Why there was no answer, for a person: one line without its end. */
void osri_ask_explain(osr_err err, const char *target, uint32_t timeout_ms, char *ret_text,
                      size_t text_bytes);

/* Starts a process that writes an 'L' to wake_fd when the connection to the node called target,
 * once there, is lost. The name lives as long as the node. */
OSR_MUST_CHECK osr_err osri_ask_watch(osr_node *node, const char *target, int wake_fd);

#endif
