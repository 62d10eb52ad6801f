/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_TRANSPORT_H
#define OSR_DIST_ZMQ_TRANSPORT_H

#include "dist/transport.h"
#include "osier/err.h"

/* The real transport: ZeroMQ over TCP, always CURVE. One ROUTER accepts, one DEALER is made for
 * each dial.
 *
 * Beyond the contract in dist/transport.h:
 *   - endpoints are "tcp://HOST:PORT". HOST is an address (IPv6 in brackets) or "localhost"; where
 *     we listen also "*"; where we dial also a name, which is looked up beside the caller;
 *   - listen() takes ports below 32768 only: above them a dial to a node that is down can connect
 *     to itself;
 *   - an accepted connection is reported with its first frame; one that sends none is ended after
 *     silent_ms;
 *   - a frame of several parts or of no bytes ends its connection;
 *   - free() of a listening transport gives the port back and ends what it accepted;
 *   - close() of an accepted connection with a linger ends it in a poll() at that time. */

/* How it ended, without a frame. */
typedef enum osri_zmq_stranger_end {
    OSRI_ZMQ_STRANGER_LEFT = 0,  /* a scanner, what speaks another protocol, whom admit() refused */
    OSRI_ZMQ_STRANGER_TIMED_OUT, /* not done with its handshake, or mute, until we ended it */
    OSRI_ZMQ_STRANGER_OTHER_KEY, /* its first word cannot be opened with our key */
} osri_zmq_stranger_end;

/* An accepted TCP connection ended, after so long, and no frame of it was read. Its address is ""
 * where begin and end were seen at once. Many may come at once. Called in poll(), must not call
 * back into the transport. */
typedef void osri_zmq_stranger(void *context, const char *address, uint64_t ms,
                               osri_zmq_stranger_end end);

typedef struct osri_zmq_options {
    uint8_t key_public[OSRI_KEY_BYTES]; /* CURVE, ours; copied */
    uint8_t key_secret[OSRI_KEY_BYTES];
    osri_transport_admit *admit; /* runs on the key-checking thread; NULL: dials only */
    void *admit_context;         /* lives until free() returns */
    osri_zmq_stranger *stranger; /* with admit_context; NULL: nobody is told */
    uint32_t tick_ms;    /* data unacknowledged for this long ends a connection; 0: system's */
    uint32_t connect_ms; /* from dial() to OPENED; 0: 7,000 */
    uint32_t silent_ms;  /* from TCP accept to the first frame; 0: 6,000 */
    bool ipv6;           /* also dial and accept over IPv6 */
} osri_zmq_options;

/* A transport that neither listens nor dials yet.
 * Ownership: free with (*ret_transport)->ops->free().
 * Threads:   any; then one owner at a time (T6).
 * Errors:    OSR_ENOMEM; OSR_ELIMIT no descriptors left; OSR_EIO. */
OSR_MUST_CHECK osr_err osri_zmq_transport_new(const osri_zmq_options *options,
                                              osri_transport **ret_transport);

#endif
