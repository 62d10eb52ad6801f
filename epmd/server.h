/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_SERVER_H
#define OSR_EPMD_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "dist/identity/identity.h"
#include "osier/err.h"

/* A port mapper: one loop over the local socket and the CURVE socket. */

typedef struct osri_epmd_server osri_epmd_server;

typedef struct osri_epmd_server_options {
    const osri_identity *identity; /* of osri_identity_mapper(); copied */
    uint16_t port;
    const char *listen;   /* address for other machines; NULL: 127.0.0.1 */
    int stop_fd;          /* readable: stop; -1: none. Lent until free */
    uint32_t idle_exit_s; /* stop after this long without a registered node; 0: never */
} osri_epmd_server_options;

/* Binds everything; from here on callers get their answers as soon as it runs.
 * Ownership: free with osri_epmd_server_free(). ret_text: one line for people on an error.
 * Errors: OSR_ETAKEN a mapper runs already; OSR_EADDRESS the port is in use; OSR_EPERM directory
 * or key check not safe; OSR_EIO; OSR_EINVAL; OSR_ENOMEM; OSR_ELIMIT. */
OSR_MUST_CHECK osr_err osri_epmd_server_new(const osri_epmd_server_options *options,
                                            osri_epmd_server **ret_server, char *ret_text,
                                            size_t text_bytes);

/* Returns when it was told to stop, or idle for idle_exit_s.
 * Threads: one. */
void osri_epmd_server_run(osri_epmd_server *server);

/* The path of the local socket; lent. */
const char *osri_epmd_server_socket(const osri_epmd_server *server);

/* Removes socket and lock. NULL is accepted; *server becomes NULL. */
void osri_epmd_server_free(osri_epmd_server **server);

#endif
