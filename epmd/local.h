/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_LOCAL_H
#define OSR_EPMD_LOCAL_H

#include <stdbool.h>
#include <stdint.h>

#include "epmd/path.h"
#include "epmd/service.h"
#include "lib/core/list.h"

/* The local side of a mapper: an AF_UNIX SEQPACKET socket in a directory of our own, and the
 * connections that hold the leases.
 * Threads: one at a time. */

typedef struct osri_epmd_local {
    osri_epmd_service *service;
    int lock_fd;    /* held as long as this mapper lives */
    int listen_fd;  /* -1 until osri_epmd_local_listen() */
    int epoll_fd;   /* readable when a turn is due */
    int stop_fd;    /* lent; -1: none */
    int reserve_fd; /* given up for a moment to turn somebody away when there are no descriptors
                       left */
    uint64_t leases;
    uint32_t connections;
    uint32_t unregistered; /* of them */
    osri_list open;        /* of connection */
    osri_list closed;      /* freed at the end of the turn */
    bool is_stopping;      /* stop_fd was readable */
    uint8_t reply[OSRI_EPMD_REPLY_BYTES_MAX];
    char lock_path[OSRI_EPMD_PATH_BYTES];
    char socket_path[OSRI_EPMD_PATH_BYTES];
} osri_epmd_local;

/* Takes the lock that makes this the one mapper of its directory and port.
 * Errors: OSR_ETAKEN a mapper runs already; OSR_EPERM the directory is open to others; OSR_EIO;
 * OSR_EINVAL; OSR_ELIMIT. */
OSR_MUST_CHECK osr_err osri_epmd_local_init(osri_epmd_local *local, osri_epmd_service *service,
                                            uint16_t port, int stop_fd, char *ret_text,
                                            size_t text_bytes);

/* Answers from here on; a socket that a dead mapper left is replaced.
 * Errors: OSR_EIO. */
OSR_MUST_CHECK osr_err osri_epmd_local_listen(osri_epmd_local *local, char *ret_text,
                                              size_t text_bytes);

/* Handles what is there; never blocks. */
void osri_epmd_local_turn(osri_epmd_local *local, uint64_t now_ms, uint64_t now_s);

/* Ends connections that have registered nothing for too long. */
void osri_epmd_local_sweep(osri_epmd_local *local, uint64_t now_ms);

/* Whether the holder of a lease is still there; one that is not loses it. */
bool osri_epmd_local_lease_is_alive(osri_epmd_local *local, uint64_t lease);

/* Ends all connections and removes the socket; the lock stays, so that no other mapper begins
 * before this one has ended. */
void osri_epmd_local_close(osri_epmd_local *local);

/* Closes everything and removes socket and lock. Of one that was zeroed, or whose init failed, too.
 */
void osri_epmd_local_fini(osri_epmd_local *local);

#endif
