/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/state.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>

/* A bound on what a peer has sent and we have not been given.
 *
 * libzmq keeps at most RCVHWM whole messages of a connection and then stops reading. But it counts
 * a message when its last part is there: a message of endless parts is kept without any limit. The
 * kernel knows what came in, we know what we took; what lies between is in libzmq. For whole frames
 * that is at most 64 frames of 128 KiB and some buffers, less than BEHIND_BYTES_MAX.
 * Bound: what a peer can send in LOOK_MS, and BEHIND_BYTES_MAX. */

#define BEHIND_BYTES_MAX (UINT64_C(16) * 1024 * 1024)
#define LOOK_MS 250
#define SHORT_BYTES_MAX 255

/* What the kernel has received for a connection; 0: it does not say. */
uint64_t osri_zmq_received_bytes(int fd)
{
    struct tcp_info info;
    socklen_t bytes = sizeof info;
    memset(&info, 0, sizeof info);
    if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &bytes) != 0 ||
        bytes < offsetof(struct tcp_info, tcpi_bytes_received) + sizeof info.tcpi_bytes_received) {
        return 0;
    }
    return info.tcpi_bytes_received;
}

void osri_zmq_backlog_took(osri_zmq_conn *conn, size_t frame_bytes)
{
    size_t command = frame_bytes + OSRI_ZMQ_CURVE_OVERHEAD_BYTES;
    conn->taken_bytes += command + (command > SHORT_BYTES_MAX ? 9 : 2);
}

bool osri_zmq_backlog_is_over(int fd, uint64_t taken_bytes)
{
    uint64_t received = osri_zmq_received_bytes(fd);
    return received > taken_bytes && received - taken_bytes > BEHIND_BYTES_MAX;
}

void osri_zmq_backlog_sweep(osri_zmq_transport *t, uint64_t now_ms)
{
    if (t->conn_count == 0 || now_ms - t->backlog_ms < LOOK_MS) {
        return;
    }
    t->backlog_ms = now_ms;
    for (uint32_t i = 0; i < t->slot_capacity; i++) {
        osri_zmq_conn *conn = t->slots[i];
        if (!conn || conn->state != OSRI_ZMQ_OPEN || conn->fd_over ||
            !osri_zmq_backlog_is_over(conn->fd, conn->taken_bytes)) {
            continue;
        }
        if (conn->dialed) {
            osri_zmq_dialed_end(t, conn, OSRI_ZMQ_ENDLESS_TEXT);
        } else {
            osri_zmq_kick(conn->fd, conn->inode);
            osri_zmq_accepted_end(t, conn, OSRI_ZMQ_ENDLESS_TEXT);
        }
    }
}
