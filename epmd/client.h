/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_EPMD_CLIENT_H
#define OSR_EPMD_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include "dist/identity/identity.h"
#include "epmd/record.h"
#include "osier/err.h"

/* Talks to port mappers: to the one of this machine over its local socket, to those of other
 * machines over CURVE.
 *
 * Functions without a lease open what they need and close it again: any thread, several at a time.
 * They block up to their deadline, so not on a scheduler's thread. On an error ret_text (may be
 * NULL with 0 bytes) says in one line what happened, why, and what to type next. */

/* Zero is the default of each field. What is pointed to is lent for the call; see
 * osri_epmd_register(). */
typedef struct osri_epmd_options {
    /* For registering and for other machines; the rest works without. */
    const osri_identity *identity;
    const char *host;     /* our own host; NULL: that of the identity's name */
    uint16_t port;        /* 0: $OSIER_EPMD_PORT, else OSRI_EPMD_PORT; the same on all machines */
    uint32_t deadline_ms; /* 0: 3,000; osri_epmd_ensure: 10,000 */

    /* For osri_epmd_ensure(). program NULL: $OSIER_EPMD_PROGRAM, else osier-epmd beside the running
     * program, else in PATH. */
    const char *program;
    const char *secret_path; /* NULL: where osri_secret_load(NULL) looks */
    const char *listen;      /* the address on which it answers other machines; NULL: 127.0.0.1 */
    uint32_t idle_exit_s;    /* it ends after this long without a registered node; 0: never */
} osri_epmd_options;

/* Starts this machine's mapper unless it runs. When several do so at once there is one mapper in
 * the end and all succeed.
 * Errors: OSR_ENOTFOUND no program; OSR_EFAILED it did not start, the text is its own;
 * OSR_ETIMEDOUT. */
OSR_MUST_CHECK osr_err osri_epmd_ensure(const osri_epmd_options *options, char *ret_text,
                                        size_t text_bytes);

/* Asks the mapper of the host in `name` ("b@h2"); our own host, "localhost" and 127.* mean this
 * machine.
 * Errors: OSR_ENOTFOUND not registered there; OSR_ENOCONNECTION no mapper there, or none of our
 * cluster; OSR_EPERM it refuses us; OSR_ETIMEDOUT; OSR_EINVAL a bad name; OSR_EPROTO it answers
 * nonsense; OSR_ENOMEM; OSR_ELIMIT. */
OSR_MUST_CHECK osr_err osri_epmd_lookup(const osri_epmd_options *options, const char *name,
                                        osri_epmd_record *ret_record, char *ret_text,
                                        size_t text_bytes);

/* All nodes that the mapper of a host knows, in the order in which they registered. host NULL:
 * this machine's.
 * Ownership: free with osri_epmd_list_free().
 * Errors: as osri_epmd_lookup. */
OSR_MUST_CHECK osr_err osri_epmd_list(const osri_epmd_options *options, const char *host,
                                      osri_epmd_record **ret_records, uint32_t *ret_count,
                                      char *ret_text, size_t text_bytes);
void osri_epmd_list_free(osri_epmd_record **records, uint32_t count);

/* What this machine's mapper has counted since it started. */
typedef struct osri_epmd_status {
    uint64_t os_pid;
    uint64_t uptime_s;
    uint64_t names;       /* registered now */
    uint64_t connections; /* local ones, now */
    uint64_t registered;
    uint64_t answered; /* requests, local or remote */
    uint64_t refused;  /* without the right to ask */
    uint64_t malformed;
    uint64_t limited; /* too fast */
} osri_epmd_status;

OSR_MUST_CHECK osr_err osri_epmd_status_get(const osri_epmd_options *options,
                                            osri_epmd_status *ret_status, char *ret_text,
                                            size_t text_bytes);

/* Stops this machine's mapper; returns once it no longer answers. */
OSR_MUST_CHECK osr_err osri_epmd_stop(const osri_epmd_options *options, char *ret_text,
                                      size_t text_bytes);

/* A registration: it holds as long as its connection, and comes back by itself when the mapper was
 * restarted. */
typedef struct osri_epmd_lease osri_epmd_lease;

typedef enum osri_epmd_lease_state {
    OSRI_LEASE_HELD = 1,
    OSRI_LEASE_LOST,  /* no mapper at the moment; trying again */
    OSRI_LEASE_TAKEN, /* the new mapper knows another node of this name; trying again */
} osri_epmd_lease_state;

typedef struct osri_epmd_registration {
    const char *endpoint; /* where we accept links, "tcp://192.0.2.1:9100" */
    const char *const *labels;
    uint32_t label_count;
    bool hidden;
} osri_epmd_registration;

/* Registers identity's name at this machine's mapper; blocks up to the deadline.
 * Ownership: nothing of the arguments is kept but the identity's renewal, lent as long as the
 * lease. Free with osri_epmd_lease_free(), which
 * unregisters.
 * Errors: OSR_ETAKEN a node of this name lives; OSR_ENOCONNECTION no mapper; OSR_EPERM it does
 * not take our certificate; OSR_ELIMIT; OSR_EINVAL; OSR_ETIMEDOUT; OSR_EPROTO; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_epmd_register(const osri_epmd_options *options,
                                          const osri_epmd_registration *registration,
                                          osri_epmd_lease **ret_lease, char *ret_text,
                                          size_t text_bytes);

/* A descriptor to poll for reading, -1 while there is none; it may change with each turn. */
int osri_epmd_lease_fd(const osri_epmd_lease *lease);

/* Does what is due, without blocking: notices the mapper's end, connects and registers again. To
 * be called when the descriptor is readable and at the time returned (ms on the clock of now_ms,
 * which never goes back; UINT64_MAX: only when readable).
 * Threads: one at a time. */
uint64_t osri_epmd_lease_turn(osri_epmd_lease *lease, uint64_t now_ms);

osri_epmd_lease_state osri_epmd_lease_state_get(const osri_epmd_lease *lease);

/* While it is not held: whether the mapper said that it was told to stop, so that it has not died.
 */
bool osri_epmd_lease_was_stopped(const osri_epmd_lease *lease);

/* Unregisters. NULL and a NULL lease are accepted; *lease becomes NULL. */
void osri_epmd_lease_free(osri_epmd_lease **lease);

#endif
