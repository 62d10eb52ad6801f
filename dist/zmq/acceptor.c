/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/state.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "dist/zmq/endpoint.h"

/* Accepted connections: one ROUTER, which tells them apart by routing ids that it makes itself.
 *
 * A connection begins for us with its first frame, which carries the key that the key check let in.
 * It ends when the monitor reports its TCP connection over or a send finds no route: ENDING until
 * all it sent is read, then CLOSED, then a TOMB that drops what may still come under its routing
 * id, until FORGET_MS after the end was seen. A frame without a proven key, or under a routing id
 * that the peer chose itself, is dropped and its TCP connection shut. Listening refuses to start
 * unless the key check proves that it answers for our domain (osri_zap_verify). That proof asks the
 * key check itself instead of dialing our own port with a stranger's key: the callback may well
 * admit strangers for a handshake, so such a dial would prove nothing. */

#define ROUTING_ID_BYTES 5 /* a zero byte and 32 bits, where the ROUTER made it */
#define PORT_MAX 32767
#define FORGET_MS 1000
#define UNBIND_MS 1000
#define DROPS_MAX 64 /* frames dropped in one turn */
#define ACCEPTOR_EVENTS                                                                            \
    (ZMQ_EVENT_ACCEPTED | ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL)

static osr_err open_router(osri_zmq_transport *t)
{
    osri_zmq_socket_options options = {.key_public = t->key_public,
                                       .key_secret = t->key_secret,
                                       .zap_domain = t->domain,
                                       .frame_bytes_max = OSRI_FRAME_BYTES_MAX,
                                       .tick_ms = t->tick_ms,
                                       .ipv6 = t->ipv6};
    osr_err err = osri_zmq_socket_new(t->context, ZMQ_ROUTER, &options, &t->router);
    if (err == OSR_OK) {
        err = osri_zmq_monitor_new(t->context, t->router, ACCEPTOR_EVENTS | ZMQ_EVENT_CLOSED,
                                   &t->router_monitor);
    }
    return err;
}

static osr_err bind_first_free(osri_zmq_transport *t, const osri_endpoint *endpoint)
{
    const char *host = strcmp(endpoint->host, "localhost") == 0 ? "127.0.0.1" : endpoint->host;
    for (uint32_t port = endpoint->port_first; port <= endpoint->port_last; port++) {
        osr_err err = osri_endpoint_format(host, (uint16_t)port, t->bound);
        if (err != OSR_OK) {
            return err;
        }
        if (zmq_bind(t->router, t->bound) == 0) {
            t->port = (uint16_t)port;
            return OSR_OK;
        }
        if (errno == EMFILE || errno == ENFILE) {
            return OSR_ELIMIT;
        }
        if (errno != EADDRINUSE) {
            return OSR_EADDRESS;
        }
    }
    return OSR_EADDRESS;
}

static osr_err register_domain(osri_zmq_transport *t)
{
    static atomic_uint_least64_t next_domain; /* relaxed: only has to differ */
    snprintf(t->domain, sizeof t->domain, "osier.data.%llu",
             (unsigned long long)atomic_fetch_add_explicit(&next_domain, 1, memory_order_relaxed));
    osr_err err = osri_zap_register(t->domain, t->admit, t->admit_context);
    if (err != OSR_OK) {
        t->domain[0] = 0;
        return err == OSR_ENOMEM ? err : OSR_EPERM;
    }
    return osri_zap_verify(t->domain);
}

osr_err osri_zmq_listen(osri_transport *transport, const char *text, char *ret_endpoint)
{
    osri_zmq_transport *t = (osri_zmq_transport *)transport;
    osri_zmq_own(t);
    osri_endpoint endpoint;
    if (osri_endpoint_parse(text, &endpoint) != OSR_OK || endpoint.port_last > PORT_MAX ||
        (endpoint.kind == OSRI_HOST_IPV6 && !t->ipv6)) {
        return OSR_EINVAL;
    }
    if (t->router) {
        return OSR_EINVAL;
    }
    osr_err err = t->admit ? register_domain(t) : OSR_EPERM;
    if (err == OSR_OK) {
        err = open_router(t);
    }
    if (err == OSR_OK) {
        err = bind_first_free(t, &endpoint);
    }
    if (err != OSR_OK) {
        t->bound[0] = 0;
        osri_zmq_acceptor_stop(t, 0);
        return err;
    }
    t->stale = true;
    t->router_readable = true;
    osri_zmq_accepts_watch(t); /* see poll.c */
    memcpy(ret_endpoint, t->bound, sizeof t->bound);
    return OSR_OK;
}

/* The port is free when this returns; what was accepted goes in the background, in linger_ms. */
static void unbind(osri_zmq_transport *t, uint32_t linger_ms)
{
    int linger = (int)(linger_ms < INT32_MAX ? linger_ms : INT32_MAX);
    uint64_t deadline = osri_zmq_now_ms() + UNBIND_MS;
    uint16_t event = 0;
    uint32_t value;
    zmq_setsockopt(t->router, ZMQ_LINGER, &linger, sizeof linger);
    if (zmq_unbind(t->router, t->bound) != 0) {
        return;
    }
    while (event != ZMQ_EVENT_CLOSED && osri_zmq_now_ms() < deadline) {
        zmq_pollitem_t item = {.socket = t->router_monitor, .events = ZMQ_POLLIN};
        if (zmq_poll(&item, 1, UNBIND_MS) > 0 &&
            !osri_zmq_monitor_read(t->router_monitor, &event, &value)) {
            break;
        }
    }
}

void osri_zmq_acceptor_stop(osri_zmq_transport *t, uint32_t linger_ms)
{
    if (t->router && t->bound[0]) {
        unbind(t, linger_ms);
    }
    osri_zmq_monitor_free(t->router, t->router_monitor);
    osri_zmq_socket_close(t->router, linger_ms);
    t->router = t->router_monitor = NULL;
    t->bound[0] = 0;
    if (t->domain[0]) {
        osri_zap_unregister(t->domain);
        t->domain[0] = 0;
    }
}

static void write_routing_id(uint32_t routing_id, uint8_t bytes[ROUTING_ID_BYTES])
{
    bytes[0] = 0;
    for (int i = 0; i < 4; i++) {
        bytes[1 + i] = (uint8_t)(routing_id >> (24 - 8 * i));
    }
}

/* False: the peer chose its id itself, which ours never do. */
static bool read_routing_id(zmq_msg_t *part, uint32_t *ret_routing_id)
{
    const uint8_t *bytes = zmq_msg_data(part);
    if (zmq_msg_size(part) != ROUTING_ID_BYTES || bytes[0] != 0) {
        return false;
    }
    *ret_routing_id =
        (uint32_t)bytes[1] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 8 | bytes[4];
    return true;
}

osr_err osri_zmq_accepted_send(osri_zmq_transport *t, osri_zmq_conn *conn, const uint8_t *frame,
                               size_t frame_bytes)
{
    uint8_t routing_id[ROUTING_ID_BYTES];
    write_routing_id(conn->routing_id, routing_id);
    t->router_readable = true; /* see poll.c */
    if (zmq_send(t->router, routing_id, sizeof routing_id, ZMQ_SNDMORE | ZMQ_DONTWAIT) < 0) {
        if (errno == EAGAIN || errno == EINTR) {
            return OSR_EFULL;
        }
        osri_zmq_accepted_end(t, conn, "connection lost");
        return OSR_ECLOSED;
    }
    while (zmq_send(t->router, frame, frame_bytes, ZMQ_DONTWAIT) < 0 && errno == EINTR) {
    }
    return OSR_OK;
}

/* The key check writes the key as the user id. False: nobody proved one. */
static bool read_key(zmq_msg_t *payload, uint8_t ret_key[OSRI_KEY_BYTES])
{
    const char *user = zmq_msg_gets(payload, "User-Id");
    size_t bytes = 0;
    return user && strlen(user) == 2 * OSRI_KEY_BYTES &&
           sodium_hex2bin(ret_key, OSRI_KEY_BYTES, user, 2 * OSRI_KEY_BYTES, NULL, &bytes, NULL) ==
               0 &&
           bytes == OSRI_KEY_BYTES;
}

static osri_zmq_conn *accept_conn(osri_zmq_transport *t, uint32_t routing_id, zmq_msg_t *payload)
{
    uint8_t key[OSRI_KEY_BYTES];
    osri_zmq_conn *conn = NULL;
    if (!read_key(payload, key) || osri_zmq_conn_new(t, OSRI_ZMQ_OPEN, &conn) != OSR_OK) {
        return NULL;
    }
    memcpy(conn->peer_key, key, sizeof key);
    osri_zmq_backlog_took(conn, zmq_msg_size(payload));
    conn->fd = zmq_msg_get(payload, ZMQ_SRCFD);
    osri_zmq_id_insert(t, conn, routing_id);
    if (!osri_zmq_accepts_claim(t, conn)) {
        osri_zmq_accepted_end(t, conn, "connection lost");
    }
    return conn;
}

static void report_accepted(osri_zmq_transport *t, osri_zmq_conn *conn, zmq_msg_t *payload,
                            osri_transport_event *ret_event)
{
    const char *address = zmq_msg_gets(payload, "Peer-Address");
    ret_event->kind = OSRI_CONN_ACCEPTED;
    ret_event->conn = conn->number;
    memcpy(ret_event->peer_key, conn->peer_key, OSRI_KEY_BYTES);
    snprintf(ret_event->peer_address, sizeof ret_event->peer_address, "%s", address ? address : "");
    zmq_msg_move(&t->held, payload);
    t->held_conn = conn->number;
}

static void report_frame(osri_zmq_transport *t, osri_zmq_conn *conn, zmq_msg_t *payload,
                         osri_transport_event *ret_event)
{
    zmq_msg_move(&t->lent, payload);
    ret_event->kind = OSRI_CONN_FRAME;
    ret_event->conn = conn->number;
    ret_event->frame = zmq_msg_data(&t->lent);
    ret_event->frame_bytes = zmq_msg_size(&t->lent);
}

/* A message that no transport of ours sends: its connection ends; nothing of it is delivered. */
static void refuse_message(osri_zmq_transport *t, bool id_is_ours, uint32_t routing_id, int fd)
{
    osri_zmq_conn *conn = id_is_ours ? osri_zmq_id_find(t, routing_id) : NULL;
    if (!conn) {
        osri_zmq_accepts_reject(t, fd);
    } else if (conn->state != OSRI_ZMQ_TOMB) {
        osri_zmq_kick(conn->fd, conn->inode);
        osri_zmq_accepted_end(t, conn, "peer sent a malformed frame");
        osri_zmq_conn_set_due(t, conn, false, true);
    }
}

/* One message, whole: true when it made an event. */
static bool handle_message(osri_zmq_transport *t, zmq_msg_t *id, zmq_msg_t *payload, bool single,
                           osri_transport_event *ret_event)
{
    uint32_t routing_id = 0;
    bool id_is_ours = read_routing_id(id, &routing_id);
    if (!id_is_ours || !single || zmq_msg_size(payload) == 0) {
        refuse_message(t, id_is_ours, routing_id, zmq_msg_get(payload, ZMQ_SRCFD));
        return false;
    }
    osri_zmq_conn *conn = osri_zmq_id_find(t, routing_id);
    if (!conn) {
        conn = accept_conn(t, routing_id, payload);
        if (!conn) {
            osri_zmq_accepts_reject(t, zmq_msg_get(payload, ZMQ_SRCFD));
            return false;
        }
        report_accepted(t, conn, payload, ret_event);
        return true;
    }
    if (conn->state == OSRI_ZMQ_TOMB || conn->closed_due) {
        return false;
    }
    osri_zmq_backlog_took(conn, zmq_msg_size(payload));
    report_frame(t, conn, payload, ret_event);
    return true;
}

/* Reads what is left of a message; true where nothing was. */
static bool finish_message(osri_zmq_transport *t, zmq_msg_t *payload)
{
    bool single = true;
    bool more = zmq_msg_more(payload);
    while (more) {
        zmq_msg_t rest;
        single = false;
        zmq_msg_init(&rest);
        more = zmq_msg_recv(&rest, t->router, ZMQ_DONTWAIT) >= 0 && zmq_msg_more(&rest);
        zmq_msg_close(&rest);
    }
    return single;
}

/* Everything that had arrived is read: who is ending has ended, who is forgotten can go. */
static void settle(osri_zmq_transport *t)
{
    uint64_t now = osri_zmq_now_ms();
    osri_zmq_strangers_tell(t, true);
    for (uint32_t i = 0; t->pending_count > 0 && i < t->slot_capacity; i++) {
        osri_zmq_conn *conn = t->slots[i];
        if (!conn || conn->dialed) {
            continue;
        }
        if (conn->state == OSRI_ZMQ_ENDING) {
            osri_zmq_conn_set_due(t, conn, false, true);
        } else if (conn->state == OSRI_ZMQ_TOMB && conn->fd_over && !conn->kick_due &&
                   now >= conn->settle_ms) {
            osri_zmq_conn_free(t, conn);
        }
    }
}

bool osri_zmq_accepted_take(osri_zmq_transport *t, osri_transport_event *ret_event)
{
    bool found = false;
    for (int i = 0; i < DROPS_MAX && !found; i++) {
        zmq_msg_t id, payload;
        zmq_msg_init(&id);
        zmq_msg_init(&payload);
        if (zmq_msg_recv(&id, t->router, ZMQ_DONTWAIT) < 0) {
            t->router_readable = false;
            zmq_msg_close(&id);
            settle(t);
            break;
        }
        bool whole = zmq_msg_more(&id) && zmq_msg_recv(&payload, t->router, ZMQ_DONTWAIT) >= 0;
        bool single = whole && finish_message(t, &payload);
        t->router_reads++;
        found = whole && handle_message(t, &id, &payload, single, ret_event);
        zmq_msg_close(&id);
        zmq_msg_close(&payload);
    }
    return found;
}

/* Shuts the TCP connection; where its end is not seen yet it will be, or it is gone already. */
static void kick(osri_zmq_conn *conn)
{
    if (!conn->fd_over && !osri_zmq_kick(conn->fd, conn->inode)) {
        conn->fd_over = true;
    }
}

void osri_zmq_accepted_bury(osri_zmq_transport *t, osri_zmq_conn *conn, uint32_t linger_ms)
{
    osri_zmq_conn_set_due(t, conn, false, false);
    osri_zmq_conn_set_state(t, conn, OSRI_ZMQ_TOMB);
    conn->kick_due = linger_ms > 0 && !conn->fd_over;
    conn->settle_ms = osri_zmq_now_ms() + (conn->kick_due ? linger_ms : FORGET_MS);
    if (!conn->kick_due) {
        kick(conn);
    }
}

void osri_zmq_accepted_sweep(osri_zmq_transport *t, osri_zmq_conn *conn, uint64_t now_ms)
{
    if (conn->state == OSRI_ZMQ_ENDING && t->router_reads >= conn->reads_last) {
        osri_zmq_conn_set_due(t, conn, false, true);
    }
    if (conn->state != OSRI_ZMQ_TOMB || now_ms < conn->settle_ms) {
        return;
    }
    if (conn->kick_due || !conn->fd_over) {
        conn->kick_due = false;
        conn->settle_ms = now_ms + FORGET_MS;
        kick(conn);
    } else {
        t->router_readable = true; /* forgotten once the ROUTER is read empty */
    }
}
