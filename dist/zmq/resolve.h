/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_RESOLVE_H
#define OSR_DIST_ZMQ_RESOLVE_H

#include <stddef.h>

#include "dist/zmq/waker.h"
#include "osier/err.h"

/* Name lookups beside the caller. libzmq would look a name up on its I/O thread, where a slow name
 * server holds up every connection of the process. */

#define OSRI_ADDRESS_BYTES 64 /* a numeric address with its NUL */
#define OSRI_ADDRESSES_MAX 64 /* of a host that are looked at */

typedef struct osri_resolve_job osri_resolve_job;

/* Looks host up on a thread of its own; waker is raised when it is done.
 * Errors: OSR_ELIMIT too many lookups run; OSR_ENOMEM; OSR_EINVAL too long. */
OSR_MUST_CHECK osr_err osri_resolve_start(const char *host, bool ipv6, osri_waker *waker,
                                          osri_resolve_job **ret_job);

/* Errors: OSR_EBUSY not done yet; OSR_ENOTFOUND no such host. ret_address: OSRI_ADDRESS_BYTES. */
OSR_MUST_CHECK osr_err osri_resolve_result(osri_resolve_job *job, char *ret_address);

/* After that was OSR_OK: how many addresses the host has, at most OSRI_ADDRESSES_MAX, and each of
 * them, in the resolver's order. The result above is the first. */
size_t osri_resolve_count(const osri_resolve_job *job);
const char *osri_resolve_address(const osri_resolve_job *job, size_t index);

/* Gives it up, whether done or not. NULL is accepted. */
void osri_resolve_free(osri_resolve_job *job);

#endif
