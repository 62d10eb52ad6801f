/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_CONTEXT_H
#define OSR_DIST_ZMQ_CONTEXT_H

#include "dist/transport.h"
#include "osier/err.h"

/* What an OS process has once of ZeroMQ: its context, and the thread that checks keys. */

#define OSRI_ZAP_DOMAIN_BYTES 64 /* a domain's name with its NUL */

/* Counts one more user of the process's context. The first one makes it, with sodium_init(),
 * srand() from libsodium's generator, and the key-checking thread, which answers before this
 * returns.
 * Ownership: give it back with osri_zmq_context_unref(); *ret_context is a zmq context.
 * Threads:   any.
 * Errors:    OSR_ENOMEM; OSR_ELIMIT no descriptors left; OSR_EIO. */
OSR_MUST_CHECK osr_err osri_zmq_context_ref(void **ret_context);

/* The last one ends the context; waits for closed sockets that still linger. All sockets are closed
 * by then. */
void osri_zmq_context_unref(void);

/* Asks admit(context, key, address) about each client of sockets whose ZMQ_ZAP_DOMAIN is domain.
 * Whoever connects under a domain that is not registered is refused. The caller holds a reference
 * to the context.
 * Threads:   any; admit runs on the key-checking thread, never two at a time, and must not register
 *            or unregister.
 * Errors:    OSR_ETAKEN; OSR_EINVAL too long or empty; OSR_ENOMEM. */
OSR_MUST_CHECK osr_err osri_zap_register(const char *domain, osri_transport_admit *admit,
                                         void *context);

/* From here on the domain is refused, and its admit neither runs nor will run again. Unknown ones
 * are ignored. */
void osri_zap_unregister(const char *domain);

/* Proves, by asking it as libzmq does, that the key check answers in this process, knows domain,
 * and refuses what it must refuse. Waits at most 10 s. The caller holds a reference to the context.
 * Threads:   any.
 * Errors:    OSR_EPERM it is not so. */
OSR_MUST_CHECK osr_err osri_zap_verify(const char *domain);

#endif
