/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DIST_ZMQ_INTAKE_H
#define OSR_DIST_ZMQ_INTAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "osier/err.h"

/* A bound on what one connection may send to a socket that answers short questions, in all: who
 * sends more is cut off. libzmq bounds each frame and the number of whole messages, but keeps the
 * parts of a message that does not end (backlog.c); and one whole part too many is never seen by
 * who reads. Threads: that of the socket. */

typedef struct osri_zmq_intake_conn {
    int fd;
    uint64_t inode;
} osri_zmq_intake_conn;

typedef struct osri_zmq_intake {
    void *socket;
    void *monitor;
    uint16_t port;
    uint64_t bytes_max;
    uint64_t looked_ms;
    osri_zmq_intake_conn *conns;
    size_t count, capacity;
    uint64_t ended; /* connections cut off so far */
} osri_zmq_intake;

#define OSRI_ZMQ_INTAKE_LOOK_MS 50

/* Before the socket is bound. The port is where it will be bound. Errors: those of
 * osri_zmq_monitor_new(). */
OSR_MUST_CHECK osr_err osri_zmq_intake_init(osri_zmq_intake *intake, void *zmq_context,
                                            void *socket, uint16_t port, uint64_t bytes_max);

/* Cuts off who has sent too much; to be called when the monitor is readable, and each
 * OSRI_ZMQ_INTAKE_LOOK_MS while osri_zmq_intake_is_busy(). Returns how many it has cut off. */
unsigned osri_zmq_intake_turn(osri_zmq_intake *intake, uint64_t now_ms);

/* Whether there are connections. */
bool osri_zmq_intake_is_busy(const osri_zmq_intake *intake);

/* Before the socket is closed. One that is all zero is accepted. */
void osri_zmq_intake_fini(osri_zmq_intake *intake);

#endif
