/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_SOCKET_H
#define OSR_DIST_ZMQ_SOCKET_H

#include "dist/transport.h"
#include "osier/err.h"

/* ZeroMQ sockets with the options that each of ours has, and their monitors. */

#define OSRI_ZMQ_HANDSHAKE_MS 3000
#define OSRI_ZMQ_CURVE_OVERHEAD_BYTES 33 /* what CURVE adds to a frame on the wire */

typedef struct osri_zmq_socket_options {
    const uint8_t *key_public; /* ours, OSRI_KEY_BYTES each */
    const uint8_t *key_secret;
    const uint8_t *server_key; /* of the side we dial; NULL: we are the side that is dialed */
    const char *zap_domain;    /* where server_key is NULL */
    size_t frame_bytes_max;
    uint32_t tick_ms; /* TCP ends when data is unacknowledged for this long; 0: system's default */
    bool ipv6;
} osri_zmq_socket_options;

/* A CURVE socket that never reconnects, never blocks and has bounded frames.
 * Ownership: close with osri_zmq_socket_close().
 * Errors:    OSR_ELIMIT no descriptors or sockets left; OSR_ENOMEM; OSR_EINVAL. */
OSR_MUST_CHECK osr_err osri_zmq_socket_new(void *zmq_context, int type,
                                           const osri_zmq_socket_options *options,
                                           void **ret_socket);

/* Closes now; what is not on the wire yet has linger_ms to leave, in the background. NULL is
 * accepted. */
void osri_zmq_socket_close(void *socket, uint32_t linger_ms);

/* Watches socket for events, to be attached before bind or connect. It holds any number of events,
 * for libzmq's I/O thread would wait, and with it each connection of the process, where it could
 * not deliver one. */
OSR_MUST_CHECK osr_err osri_zmq_monitor_new(void *zmq_context, void *socket, int events,
                                            void **ret_monitor);

/* Next event, without waiting; false: none. */
bool osri_zmq_monitor_read(void *monitor, uint16_t *ret_event, uint32_t *ret_value);

/* Stops watching; before the socket is closed. NULL is accepted. */
void osri_zmq_monitor_free(void *socket, void *monitor);

/* Lets the socket see at once what its I/O thread has told it: it may have something to read now,
 * though its descriptor says nothing. */
void osri_zmq_socket_refresh(void *socket);

/* The descriptor that is readable once the socket's I/O thread has told it something (see poll.c);
 * -1 for NULL. */
int osri_zmq_socket_fd(void *socket);

#endif
