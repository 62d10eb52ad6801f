/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/local.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dist/identity/files.h"
#include "lib/core/heap.h"

/* Invariants
 *   I1  the lock is taken before the socket is touched and given back after it was removed: whoever
 *       holds it may replace a socket file, because nobody can be listening on it;
 *   I2  a connection is in `open` until it ends, then in `closed` until the turn is over, because
 *       the turn's events may still point to it;
 *   I3  a name is registered exactly as long as the connection that did it is in `open`;
 *   I4  nothing here blocks: a client that does not read its reply is closed. */

#define EVENTS_A_TURN 64
#define CONNECTIONS_MAX (OSRI_EPMD_NAMES_MAX + 256)
#define UNREGISTERED_MS 10000
#define BACKLOG 4096

typedef struct connection {
    osri_list_link link;
    int fd; /* -1: closed */
    uint64_t lease;
    uint64_t since_ms;
    char name[OSRI_NAME_BYTES];
} connection;

static connection *entry_of(osri_list_link *link)
{
    return OSRI_LIST_ENTRY(link, connection, link);
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* The lock file may be removed by its last holder between our open and our flock: then it is not
 * the one that others see, and we try again. */
static osr_err take_lock(osri_epmd_local *local, char *text, size_t bytes)
{
    struct stat held, seen;

    for (;;) {
        int flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
        local->lock_fd = open(local->lock_path, flags, 0600);
        if (local->lock_fd < 0 || fstat(local->lock_fd, &held) != 0) {
            return osri_epmd_fail(OSR_EIO, text, bytes, "%s: %s", local->lock_path,
                                  strerror(errno));
        }
        if (flock(local->lock_fd, LOCK_EX | LOCK_NB) != 0) {
            close_fd(&local->lock_fd);
            return osri_epmd_fail(OSR_ETAKEN, text, bytes, "already running (%s)",
                                  local->socket_path);
        }
        if (stat(local->lock_path, &seen) == 0 && seen.st_ino == held.st_ino &&
            seen.st_dev == held.st_dev) {
            return OSR_OK;
        }
        close_fd(&local->lock_fd);
    }
}

static bool watch(osri_epmd_local *local, int fd, void *mark)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP, .data.ptr = mark};

    return epoll_ctl(local->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0;
}

osr_err osri_epmd_local_init(osri_epmd_local *local, osri_epmd_service *service, uint16_t port,
                             int stop_fd, char *ret_text, size_t text_bytes)
{
    char directory[OSRI_EPMD_PATH_BYTES];

    memset(local, 0, sizeof(*local));
    local->service = service;
    local->lock_fd = local->listen_fd = local->epoll_fd = local->reserve_fd = -1;
    local->stop_fd = stop_fd;
    osri_list_init(&local->open);
    osri_list_init(&local->closed);
    osr_err err = osri_epmd_runtime_directory(directory, ret_text, text_bytes);
    if (err == OSR_OK) {
        err = osri_directory_prepare(directory, 077, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = osri_epmd_path(port, "lock", local->lock_path, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = osri_epmd_path(port, "sock", local->socket_path, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = take_lock(local, ret_text, text_bytes);
    }
    if (err != OSR_OK) {
        return err;
    }
    local->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    local->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (local->epoll_fd < 0 || local->reserve_fd < 0 ||
        (stop_fd >= 0 && !watch(local, stop_fd, &local->stop_fd))) {
        return osri_epmd_fail(OSR_ELIMIT, ret_text, text_bytes, "no file descriptors left: %s",
                              strerror(errno));
    }
    return OSR_OK;
}

osr_err osri_epmd_local_listen(osri_epmd_local *local, char *ret_text, size_t text_bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    _Static_assert(sizeof(address.sun_path) >= OSRI_EPMD_PATH_BYTES, "a path fits");
    memcpy(address.sun_path, local->socket_path, OSRI_EPMD_PATH_BYTES);
    local->listen_fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    unlink(local->socket_path); /* a dead mapper's: we hold the lock */
    if (local->listen_fd < 0 ||
        bind(local->listen_fd, (struct sockaddr *)&address, sizeof(address)) != 0 ||
        chmod(local->socket_path, 0600) != 0 || listen(local->listen_fd, BACKLOG) != 0 ||
        !watch(local, local->listen_fd, &local->listen_fd)) {
        return osri_epmd_fail(OSR_EIO, ret_text, text_bytes, "%s: %s", local->socket_path,
                              strerror(errno));
    }
    return OSR_OK;
}

static void end_connection(osri_epmd_local *local, connection *ended)
{
    if (ended->fd < 0) {
        return;
    }
    close_fd(&ended->fd);
    osri_list_remove(&ended->link);
    osri_list_push_back(&local->closed, &ended->link);
    local->connections--;
    local->unregistered -= ended->name[0] == '\0';
    osri_epmd_service_closed(local->service, ended->name, ended->lease);
}

static void free_closed(osri_epmd_local *local)
{
    osri_list_link *link;

    while ((link = osri_list_pop_front(&local->closed)) != NULL) {
        osri_heap_free(entry_of(link), sizeof(connection));
    }
}

static bool is_same_user(int fd)
{
    struct ucred peer;
    socklen_t bytes = sizeof(peer);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void begin_connection(osri_epmd_local *local, int fd, uint64_t now_ms)
{
    connection *begun = NULL;

    if (is_same_user(fd) && local->connections < CONNECTIONS_MAX) {
        begun = osri_heap_zalloc(sizeof(*begun));
    }
    if (begun == NULL || !watch(local, fd, begun)) {
        close(fd);
        osri_heap_free(begun, sizeof(*begun));
        return;
    }
    begun->fd = fd;
    begun->lease = ++local->leases;
    begun->since_ms = now_ms;
    osri_list_push_back(&local->open, &begun->link);
    local->connections++;
    local->unregistered++;
}

/* Without descriptors the listener would stay readable for ever: take one caller by the reserve and
 * hang up. */
static void turn_away(osri_epmd_local *local)
{
    close_fd(&local->reserve_fd);
    int fd = accept(local->listen_fd, NULL, NULL);
    close_fd(&fd);
    local->reserve_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
}

static void accept_some(osri_epmd_local *local, uint64_t now_ms)
{
    for (int i = 0; i < EVENTS_A_TURN; i++) {
        int fd = accept4(local->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (fd >= 0) {
            begin_connection(local, fd, now_ms);
        } else if (errno == EMFILE || errno == ENFILE) {
            turn_away(local);
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

static void answer(osri_epmd_local *local, connection *from, const uint8_t *data, size_t bytes,
                   uint64_t now_ms, uint64_t now_s)
{
    osri_epmd_caller caller = {.lease = from->lease, .address = "local", .name = from->name};
    bool was_registered = from->name[0] != '\0';
    size_t reply_bytes = 0;

    local->service->counters.connections = local->connections;
    osr_err err = osri_epmd_service_answer(local->service, &caller, data, bytes, now_ms, now_s,
                                           local->reply, &reply_bytes);
    if (!was_registered && from->name[0] != '\0') {
        local->unregistered--;
    }
    ssize_t sent = send(from->fd, local->reply, reply_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (err != OSR_OK || sent < 0) {
        end_connection(local, from);
    }
}

static void read_connection(osri_epmd_local *local, connection *from, uint64_t now_ms,
                            uint64_t now_s)
{
    uint8_t data[OSRI_EPMD_REQUEST_BYTES_MAX];
    ssize_t bytes = recv(from->fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC);

    if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    if (bytes <= 0 || (size_t)bytes > sizeof(data)) {
        local->service->counters.malformed += bytes > 0;
        end_connection(local, from);
        return;
    }
    answer(local, from, data, (size_t)bytes, now_ms, now_s);
}

void osri_epmd_local_turn(osri_epmd_local *local, uint64_t now_ms, uint64_t now_s)
{
    struct epoll_event events[EVENTS_A_TURN];
    int count = epoll_wait(local->epoll_fd, events, EVENTS_A_TURN, 0);

    for (int i = 0; i < count; i++) {
        void *mark = events[i].data.ptr;
        if (mark == &local->stop_fd) {
            local->is_stopping = true;
        } else if (mark == &local->listen_fd) {
            accept_some(local, now_ms);
        } else if (((connection *)mark)->fd >= 0) {
            read_connection(local, mark, now_ms, now_s);
        }
    }
    free_closed(local);
}

void osri_epmd_local_sweep(osri_epmd_local *local, uint64_t now_ms)
{
    osri_list_link *link = osri_list_first(&local->open);

    while (link != NULL && local->unregistered > 0) {
        connection *each = entry_of(link);
        link = osri_list_next(&local->open, link);
        if (each->name[0] == '\0' && now_ms - each->since_ms >= UNREGISTERED_MS) {
            end_connection(local, each);
        }
    }
    free_closed(local);
}

bool osri_epmd_local_lease_is_alive(osri_epmd_local *local, uint64_t lease)
{
    osri_list_link *link = osri_list_first(&local->open);

    while (link != NULL && entry_of(link)->lease != lease) {
        link = osri_list_next(&local->open, link);
    }
    if (link == NULL) {
        return false;
    }
    struct pollfd probe = {.fd = entry_of(link)->fd, .events = POLLRDHUP};
    if (poll(&probe, 1, 0) == 1 && (probe.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
        end_connection(local, entry_of(link));
        return false;
    }
    return true;
}

/* Who is registered is told that this mapper was told to stop: else they would start another. */
static void say_stopped(osri_epmd_local *local)
{
    osri_epmd_reply reply = {.answer = OSRI_EPMD_ERROR, .error = OSR_ESTOPPED};
    uint8_t data[OSRI_EPMD_REQUEST_BYTES_MAX];
    size_t bytes;

    (void)snprintf(reply.text, sizeof(reply.text), "the port mapper was stopped");
    if (osri_epmd_reply_encode(&reply, data, sizeof(data), &bytes) != OSR_OK) {
        return;
    }
    for (osri_list_link *link = osri_list_first(&local->open); link != NULL;
         link = osri_list_next(&local->open, link)) {
        if (entry_of(link)->name[0] != '\0') {
            (void)send(entry_of(link)->fd, data, bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
        }
    }
}

void osri_epmd_local_close(osri_epmd_local *local)
{
    osri_list_link *link;

    if (local->service == NULL) {
        return;
    }
    if (local->listen_fd >= 0) {
        unlink(local->socket_path);
    }
    close_fd(&local->listen_fd);
    say_stopped(local);
    while ((link = osri_list_first(&local->open)) != NULL) {
        end_connection(local, entry_of(link));
    }
    free_closed(local);
}

void osri_epmd_local_fini(osri_epmd_local *local)
{
    osri_epmd_local_close(local);
    if (local->service == NULL) {
        return;
    }
    if (local->lock_fd >= 0) {
        unlink(local->lock_path);
    }
    close_fd(&local->epoll_fd);
    close_fd(&local->reserve_fd);
    close_fd(&local->lock_fd);
}
