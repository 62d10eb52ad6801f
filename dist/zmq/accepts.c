/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/state.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/heap.h"

/* Which TCP connection belongs to which accepted one.
 *
 * libzmq reports the begin and the end of TCP connections by descriptor, and each frame carries its
 * descriptor, but nothing names the routing id of an end, and descriptors are used again. Two facts
 * make a sound account:
 *   F1  begins and ends come in the order in which they happened, a begin before its first frame;
 *   F2  routing ids count up in the order of connections; of two that claim a descriptor the later
 *       id is alive.
 *   F3  what was wrong with a handshake is told right before the end that follows from it: there is
 *       one I/O thread (context.c).
 * So an end belongs to the oldest connection of that descriptor whose end was not seen, and a first
 * frame whose begin is not waiting comes from a connection that was over before its frame was read,
 * or replaces one by F2. A descriptor is touched only through a duplicate whose inode is the one
 * noted, so one that was reused is never hit. */

bool osri_zmq_is_tcp_of_port(int fd, uint16_t port)
{
    struct sockaddr_storage address;
    socklen_t bytes = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &bytes) != 0) {
        return false;
    }
    if (address.ss_family == AF_INET) {
        return ntohs(((struct sockaddr_in *)&address)->sin_port) == port;
    }
    return address.ss_family == AF_INET6 &&
           ntohs(((struct sockaddr_in6 *)&address)->sin6_port) == port;
}

bool osri_zmq_kick(int fd, uint64_t inode)
{
    struct stat status;
    int copy = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return false;
    }
    bool ours = fstat(copy, &status) == 0 && S_ISSOCK(status.st_mode) && status.st_ino == inode;
    if (ours) {
        shutdown(copy, SHUT_RDWR);
    }
    close(copy);
    return ours;
}

static bool grow(osri_zmq_transport *t, size_t fd)
{
    size_t capacity = t->accept_capacity ? t->accept_capacity : 64;
    while (capacity <= fd) {
        capacity *= 2;
    }
    osri_zmq_accept *accepts = osri_heap_realloc(t->accepts, t->accept_capacity * sizeof *accepts,
                                                 capacity * sizeof *accepts);
    if (!accepts) {
        return false;
    }
    memset(accepts + t->accept_capacity, 0, (capacity - t->accept_capacity) * sizeof *accepts);
    t->accepts = accepts;
    t->accept_capacity = capacity;
    return true;
}

static bool stop_waiting(osri_zmq_transport *t, size_t fd)
{
    if (fd >= t->accept_capacity || !t->accepts[fd].waiting) {
        return false;
    }
    t->accepts[fd].waiting = false;
    t->accept_waiting--;
    return true;
}

static void note_begin(osri_zmq_transport *t, int fd)
{
    struct stat status;
    uint64_t now_ms = osri_zmq_now_ms();
    osri_zmq_accept accept = {
        .begun_ms = now_ms, .since_ms = now_ms, .look = t->looks, .waiting = true};
    stop_waiting(t, (size_t)fd);
    if ((size_t)fd >= t->accept_capacity && !grow(t, (size_t)fd)) {
        return; /* its first frame will find it unknown and end it */
    }
    if (osri_zmq_is_tcp_of_port(fd, t->port) && fstat(fd, &status) == 0) {
        accept.inode = status.st_ino;
        accept.address = osri_zmq_address_of_peer(fd);
    } /* else it is over already: its end comes next, there is nothing to cut off */
    t->accepts[fd] = accept;
    t->accept_waiting++;
}

static osri_zmq_conn *oldest_of(osri_zmq_transport *t, int fd)
{
    osri_zmq_conn *oldest = NULL;
    for (uint32_t i = 0; i < t->slot_capacity; i++) {
        osri_zmq_conn *conn = t->slots[i];
        if (conn && !conn->dialed && conn->fd == fd && !conn->fd_over &&
            (!oldest || conn->number < oldest->number)) {
            oldest = conn;
        }
    }
    return oldest;
}

void osri_zmq_accepted_end(osri_zmq_transport *t, osri_zmq_conn *conn, const char *text)
{
    if (conn->state == OSRI_ZMQ_OPEN) {
        conn->text = text;
        osri_zmq_conn_set_state(t, conn, OSRI_ZMQ_ENDING);
        conn->reads_last = OSRI_ZMQ_READS_TO_END(t);
        t->router_readable = true;
    }
}

static void note_end(osri_zmq_transport *t, int fd)
{
    osri_zmq_conn *conn = oldest_of(t, fd);
    if (conn) {
        conn->fd_over = true;
        osri_zmq_accepted_end(t, conn, "connection lost");
    } else if (stop_waiting(t, (size_t)fd)) {
        osri_zmq_stranger_ended(t, fd, &t->accepts[fd]);
    }
}

void osri_zmq_accepts_watch(osri_zmq_transport *t)
{
    uint16_t event;
    uint32_t value;
    t->looks++;
    while (osri_zmq_monitor_read(t->router_monitor, &event, &value)) {
        if (event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL) {
            t->next_end_by_key = value == ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC; /* F3 */
        } else if (event == ZMQ_EVENT_ACCEPTED && (int)value >= 0) {
            note_begin(t, (int)value);
        } else if (event == ZMQ_EVENT_DISCONNECTED && (int)value >= 0) {
            note_end(t, (int)value);
            t->next_end_by_key = false;
        }
    }
}

/* Joins a new connection, whose fd and routing id are set, with its TCP connection. False: that one
 * is over. */
bool osri_zmq_accepts_claim(osri_zmq_transport *t, osri_zmq_conn *conn)
{
    int fd = conn->fd;
    conn->fd = -1; /* not to be found as its own predecessor */
    osri_zmq_accepts_watch(t);
    osri_zmq_conn *other = fd < 0 ? NULL : oldest_of(t, fd);
    conn->fd = fd;
    if (fd >= 0 && stop_waiting(t, (size_t)fd)) {
        conn->inode = t->accepts[fd].inode;
        return true;
    }
    conn->fd_over = true;
    osri_zmq_stranger_spoke(t, fd);
    if (other && (int32_t)(conn->routing_id - other->routing_id) > 0) { /* F2 */
        other->fd_over = true;
        conn->fd_over = false;
        conn->inode = other->inode;
        osri_zmq_accepted_end(t, other, "connection lost");
    }
    return !conn->fd_over;
}

void osri_zmq_accepts_sweep(osri_zmq_transport *t, uint64_t now_ms)
{
    for (size_t fd = 0; t->accept_waiting > 0 && fd < t->accept_capacity; fd++) {
        osri_zmq_accept *accept = &t->accepts[fd];
        if (accept->waiting &&
            (now_ms - accept->since_ms >= t->silent_ms || osri_zmq_backlog_is_over((int)fd, 0))) {
            accept->kicked = osri_zmq_kick((int)fd, accept->inode);
            accept->since_ms = now_ms;
        }
    }
}

void osri_zmq_accepts_reject(osri_zmq_transport *t, int fd)
{
    osri_zmq_accepts_watch(t);
    if (fd >= 0 && (size_t)fd < t->accept_capacity && t->accepts[fd].waiting) {
        osri_zmq_kick(fd, t->accepts[fd].inode);
    }
}
