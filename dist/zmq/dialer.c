/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/state.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "dist/zmq/endpoint.h"

/* Dialed connections: one DEALER with one monitor each, never reused.
 *
 * Life: RESOLVING (a name) → CONNECTING → OPEN when the monitor says that CURVE is done, which it
 * says only after the other side proved the key we dialed and its key check let us in → ENDING when
 * the monitor says that it is over → what had arrived is read → CLOSED. Our own deadline runs from
 * dial() to OPEN: libzmq stays silent where it finds no descriptor to connect with. */

#define DIALER_EVENTS                                                                              \
    (ZMQ_EVENT_CLOSED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_SUCCEEDED |                   \
     ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |                  \
     ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)

static void end(osri_zmq_transport *t, osri_zmq_conn *conn, const char *text)
{
    if (conn->state != OSRI_ZMQ_ENDING) {
        conn->text = text;
        osri_zmq_conn_set_state(t, conn, OSRI_ZMQ_ENDING);
        conn->readable = conn->socket != NULL;
        if (!conn->socket) {
            osri_zmq_conn_set_due(t, conn, conn->opened_due, true);
        }
    }
}

/* Descriptors are given lowest first, so the next one tells how many are taken. */
static bool descriptors_are_scarce(const osri_zmq_transport *t)
{
    struct rlimit limit;
    int next = fcntl(t->waker->fd, F_DUPFD_CLOEXEC, 0);
    if (next < 0) {
        return true;
    }
    close(next);
    return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
           (rlim_t)next >= limit.rlim_cur / 10 * 8;
}

static osr_err open_sockets(osri_zmq_transport *t, osri_zmq_conn *conn)
{
    osri_zmq_socket_options options = {.key_public = t->key_public,
                                       .key_secret = t->key_secret,
                                       .server_key = conn->peer_key,
                                       .frame_bytes_max = OSRI_FRAME_BYTES_MAX,
                                       .tick_ms = t->tick_ms,
                                       .ipv6 = t->ipv6};
    osr_err err = osri_zmq_socket_new(t->context, ZMQ_DEALER, &options, &conn->socket);
    if (err == OSR_OK) {
        err = osri_zmq_monitor_new(t->context, conn->socket, DIALER_EVENTS, &conn->monitor);
    }
    return err;
}

static osr_err connect_to(osri_zmq_transport *t, osri_zmq_conn *conn, const char *address)
{
    char endpoint[OSRI_ENDPOINT_BYTES];
    osr_err err = osri_endpoint_format(address, conn->port, endpoint);
    if (err == OSR_OK) {
        err = open_sockets(t, conn);
    }
    if (err == OSR_OK && zmq_connect(conn->socket, endpoint) != 0) {
        err = errno == EMFILE ? OSR_ELIMIT : OSR_EINVAL;
    }
    if (err == OSR_OK) {
        osri_zmq_conn_set_state(t, conn, OSRI_ZMQ_CONNECTING);
        conn->readable = true; /* see poll.c */
        t->stale = true;
        osri_zmq_dialed_watch(t, conn);
    }
    return err;
}

static osr_err start(osri_zmq_transport *t, osri_zmq_conn *conn, const osri_endpoint *endpoint)
{
    conn->port = endpoint->port_first;
    conn->dialed_ms = osri_zmq_now_ms();
    if (endpoint->kind == OSRI_HOST_NAME) {
        return osri_resolve_start(endpoint->host, t->ipv6, t->waker, &conn->job);
    }
    return connect_to(t, conn, endpoint->host);
}

osr_err osri_zmq_dial(osri_transport *transport, const char *text,
                      const uint8_t server_key[OSRI_KEY_BYTES], osri_conn *ret_conn)
{
    osri_zmq_transport *t = (osri_zmq_transport *)transport;
    osri_zmq_own(t);
    osri_endpoint endpoint;
    osri_zmq_conn *conn = NULL;
    osr_err err = osri_endpoint_parse(text, &endpoint);
    if (err != OSR_OK || endpoint.kind == OSRI_HOST_ANY ||
        endpoint.port_first != endpoint.port_last ||
        (endpoint.kind == OSRI_HOST_IPV6 && !t->ipv6)) {
        return OSR_EINVAL;
    }
    if (descriptors_are_scarce(t)) {
        return OSR_ELIMIT;
    }
    err = osri_zmq_conn_new(t, OSRI_ZMQ_RESOLVING, &conn);
    if (err != OSR_OK) {
        return err;
    }
    memcpy(conn->peer_key, server_key, OSRI_KEY_BYTES);
    err = start(t, conn, &endpoint);
    if (err != OSR_OK) {
        osri_zmq_dialed_free(t, conn, 0);
        return err;
    }
    *ret_conn = conn->number;
    return OSR_OK;
}

osr_err osri_zmq_dialed_send(osri_zmq_conn *conn, const uint8_t *frame, size_t frame_bytes)
{
    conn->readable = true; /* see poll.c */
    for (int attempt = 0; attempt < 2; attempt++) {
        if (zmq_send(conn->socket, frame, frame_bytes, ZMQ_DONTWAIT) >= 0) {
            return OSR_OK;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return OSR_ECLOSED;
        }
        osri_zmq_socket_refresh(conn->socket); /* a pipe may have come or gone unseen */
    }
    return OSR_EFULL;
}

static const char *text_of_failure(const osri_zmq_conn *conn)
{
    bool slow = osri_zmq_now_ms() - conn->dialed_ms >= OSRI_ZMQ_HANDSHAKE_MS;
    return slow ? "handshake timed out" : "peer closed during CURVE handshake";
}

/* The peer's fault: what else has arrived is not wanted. */
void osri_zmq_dialed_end(osri_zmq_transport *t, osri_zmq_conn *conn, const char *text)
{
    end(t, conn, text);
    conn->readable = false;
    osri_zmq_conn_set_due(t, conn, conn->opened_due, true);
}

static void handle_event(osri_zmq_transport *t, osri_zmq_conn *conn, uint16_t event)
{
    bool connecting = conn->state == OSRI_ZMQ_CONNECTING;
    conn->rejected = conn->rejected || event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH ||
                     event == ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL ||
                     (connecting && (event == ZMQ_EVENT_DISCONNECTED ||
                                     event == ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL));
    switch (event) {
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        if (conn->state == OSRI_ZMQ_CONNECTING) {
            osri_zmq_socket_refresh(conn->socket); /* so that the first send finds the pipe */
            conn->readable = true;
            osri_zmq_conn_set_state(t, conn, OSRI_ZMQ_OPEN);
            osri_zmq_conn_set_due(t, conn, true, false);
        }
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        end(t, conn, "refused by peer (auth)");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL:
        end(t, conn, "peer does not speak our protocol or does not hold the key we dialed");
        break;
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL:
        end(t, conn, text_of_failure(conn));
        break;
    case ZMQ_EVENT_CLOSED:
        end(t, conn, "nobody answers there (refused or unreachable)");
        break;
    case ZMQ_EVENT_DISCONNECTED:
        end(t, conn, conn->state == OSRI_ZMQ_OPEN ? "connection lost" : text_of_failure(conn));
        break;
    default:
        break;
    }
}

void osri_zmq_dialed_watch(osri_zmq_transport *t, osri_zmq_conn *conn)
{
    uint16_t event;
    uint32_t value;
    while (osri_zmq_monitor_read(conn->monitor, &event, &value)) {
        handle_event(t, conn, event);
    }
}

static void go_on_resolving(osri_zmq_transport *t, osri_zmq_conn *conn)
{
    char address[OSRI_ADDRESS_BYTES];
    osr_err err = osri_resolve_result(conn->job, address);
    if (err == OSR_EBUSY) {
        return;
    }
    osri_resolve_free(conn->job);
    conn->job = NULL;
    if (err != OSR_OK) {
        end(t, conn, "no such host");
    } else if (connect_to(t, conn, address) != OSR_OK) {
        end(t, conn, "no descriptors or memory left to connect");
    }
}

void osri_zmq_dialed_sweep(osri_zmq_transport *t, osri_zmq_conn *conn, uint64_t now_ms)
{
    if (conn->state == OSRI_ZMQ_RESOLVING) {
        go_on_resolving(t, conn);
    }
    if (conn->state < OSRI_ZMQ_OPEN && now_ms - conn->dialed_ms >= t->connect_ms) {
        end(t, conn, "no connection within the time allowed");
    }
}

bool osri_zmq_dialed_take(osri_zmq_transport *t, osri_zmq_conn *conn,
                          osri_transport_event *ret_event)
{
    if (zmq_msg_recv(&t->lent, conn->socket, ZMQ_DONTWAIT) < 0) {
        conn->readable = false;
        if (conn->state == OSRI_ZMQ_ENDING) {
            osri_zmq_conn_set_due(t, conn, conn->opened_due, true);
        }
        return false;
    }
    if (zmq_msg_more(&t->lent) || zmq_msg_size(&t->lent) == 0) {
        osri_zmq_dialed_end(t, conn, "peer sent a malformed frame");
        return false;
    }
    conn->fd = zmq_msg_get(&t->lent, ZMQ_SRCFD);
    osri_zmq_backlog_took(conn, zmq_msg_size(&t->lent));
    ret_event->kind = OSRI_CONN_FRAME;
    ret_event->conn = conn->number;
    ret_event->frame = zmq_msg_data(&t->lent);
    ret_event->frame_bytes = zmq_msg_size(&t->lent);
    return true;
}

void osri_zmq_dialed_free(osri_zmq_transport *t, osri_zmq_conn *conn, uint32_t linger_ms)
{
    osri_resolve_free(conn->job);
    osri_zmq_monitor_free(conn->socket, conn->monitor);
    osri_zmq_socket_close(conn->socket, linger_ms);
    t->stale = true;
    osri_zmq_conn_free(t, conn);
}
