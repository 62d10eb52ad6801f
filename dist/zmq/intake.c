/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/intake.h"

#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "dist/zmq/socket.h"
#include "dist/zmq/state.h"
#include "lib/core/heap.h"

/* Connections by their descriptors, as the monitor reports them. A descriptor is touched only
 * through a duplicate whose inode is the one noted (accepts.c), so one that was used again is never
 * hit; what the kernel says of one that is over concerns another connection of ours at worst, which
 * has sent no more than it has. */

osr_err osri_zmq_intake_init(osri_zmq_intake *intake, void *zmq_context, void *socket,
                             uint16_t port, uint64_t bytes_max)
{
    *intake = (osri_zmq_intake){.port = port, .bytes_max = bytes_max};
    osr_err err = osri_zmq_monitor_new(
        zmq_context, socket, ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED, &intake->monitor);
    if (err == OSR_OK) {
        intake->socket = socket;
    }
    return err;
}

static bool grow(osri_zmq_intake *intake)
{
    size_t capacity = intake->capacity == 0 ? 16 : intake->capacity * 2;
    osri_zmq_intake_conn *conns = osri_heap_realloc(intake->conns, intake->capacity * sizeof *conns,
                                                    capacity * sizeof *conns);
    if (conns == NULL) {
        return false;
    }
    intake->conns = conns;
    intake->capacity = capacity;
    return true;
}

static void note_end(osri_zmq_intake *intake, int fd)
{
    for (size_t i = 0; i < intake->count; i++) {
        if (intake->conns[i].fd == fd) {
            intake->conns[i] = intake->conns[--intake->count];
            return;
        }
    }
}

/* Without memory for its entry a connection is not let in. */
static void note_begin(osri_zmq_intake *intake, int fd)
{
    struct stat status;
    note_end(intake, fd); /* an end that was not reported */
    if (!osri_zmq_is_tcp_of_port(fd, intake->port) || fstat(fd, &status) != 0) {
        return; /* over already */
    }
    if (intake->count == intake->capacity && !grow(intake)) {
        (void)osri_zmq_kick(fd, status.st_ino);
        return;
    }
    intake->conns[intake->count++] = (osri_zmq_intake_conn){.fd = fd, .inode = status.st_ino};
}

static void read_monitor(osri_zmq_intake *intake)
{
    uint16_t event;
    uint32_t value;
    while (osri_zmq_monitor_read(intake->monitor, &event, &value)) {
        if ((int)value < 0) {
            continue;
        }
        if (event == ZMQ_EVENT_ACCEPTED) {
            note_begin(intake, (int)value);
        } else if (event == ZMQ_EVENT_DISCONNECTED) {
            note_end(intake, (int)value);
        }
    }
}

unsigned osri_zmq_intake_turn(osri_zmq_intake *intake, uint64_t now_ms)
{
    unsigned ended = 0;
    read_monitor(intake);
    if (intake->count == 0 || now_ms - intake->looked_ms < OSRI_ZMQ_INTAKE_LOOK_MS) {
        return 0;
    }
    intake->looked_ms = now_ms;
    for (size_t i = 0; i < intake->count;) {
        osri_zmq_intake_conn conn = intake->conns[i];
        if (osri_zmq_received_bytes(conn.fd) > intake->bytes_max) {
            ended += osri_zmq_kick(conn.fd, conn.inode);
            intake->conns[i] = intake->conns[--intake->count];
        } else {
            i++;
        }
    }
    intake->ended += ended;
    return ended;
}

bool osri_zmq_intake_is_busy(const osri_zmq_intake *intake)
{
    return intake->count > 0;
}

void osri_zmq_intake_fini(osri_zmq_intake *intake)
{
    osri_zmq_monitor_free(intake->socket, intake->monitor);
    osri_heap_free(intake->conns, intake->capacity * sizeof *intake->conns);
    *intake = (osri_zmq_intake){.socket = NULL};
}
