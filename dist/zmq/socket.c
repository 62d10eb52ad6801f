/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/socket.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

/* The option sheet, and monitors.
 *
 * Why these: libzmq must never reconnect by itself (messages for a dead peer would reach its
 * successor), must not send heartbeats (they end slow links and miss stalled ones) and must bound
 * each frame (a stranger without a key may send one). RCVHWM bounds what a peer can pile up in
 * frames; there is no SNDHWM, because the link's own window bounds that in bytes. No routing id,
 * handover or conflate, ever. */

#define ENFORCE_DOMAIN 93 /* ZMQ_ZAP_ENFORCE_DOMAIN, which only draft headers declare */
#define RECEIVE_FRAMES_MAX 64
#define KERNEL_BUFFER_BYTES (256 * 1024)
#define BACKLOG 4096
#define CONNECT_TIMEOUT_MS 3000

typedef struct integer_option {
    int name;
    int value;
} integer_option;

static const integer_option common_options[] = {
    {ZMQ_LINGER, 0},
    {ZMQ_RECONNECT_IVL, -1},
    {ZMQ_IMMEDIATE, 1},
    {ZMQ_SNDTIMEO, 0},
    {ZMQ_RCVTIMEO, 0},
    {ZMQ_HANDSHAKE_IVL, OSRI_ZMQ_HANDSHAKE_MS},
    {ZMQ_CONNECT_TIMEOUT, CONNECT_TIMEOUT_MS},
    {ZMQ_TCP_KEEPALIVE, 1},
    {ZMQ_TCP_KEEPALIVE_IDLE, 30},
    {ZMQ_TCP_KEEPALIVE_INTVL, 10},
    {ZMQ_TCP_KEEPALIVE_CNT, 3},
    {ZMQ_SNDHWM, 0},
    {ZMQ_RCVHWM, RECEIVE_FRAMES_MAX},
    {ZMQ_SNDBUF, KERNEL_BUFFER_BYTES},
    {ZMQ_RCVBUF, KERNEL_BUFFER_BYTES},
    {ZMQ_BACKLOG, BACKLOG},
};

static bool set_integer(void *socket, int name, int value)
{
    return zmq_setsockopt(socket, name, &value, sizeof value) == 0;
}

static bool set_common(void *socket, const osri_zmq_socket_options *options)
{
    for (size_t i = 0; i < sizeof common_options / sizeof common_options[0]; i++) {
        if (!set_integer(socket, common_options[i].name, common_options[i].value)) {
            return false;
        }
    }
    int64_t bytes_max = (int64_t)(options->frame_bytes_max + OSRI_ZMQ_CURVE_OVERHEAD_BYTES);
    return zmq_setsockopt(socket, ZMQ_MAXMSGSIZE, &bytes_max, sizeof bytes_max) == 0 &&
           (options->tick_ms == 0 || set_integer(socket, ZMQ_TCP_MAXRT, (int)options->tick_ms)) &&
           set_integer(socket, ZMQ_IPV6, options->ipv6);
}

static bool set_keys(void *socket, const osri_zmq_socket_options *options)
{
    return zmq_setsockopt(socket, ZMQ_CURVE_PUBLICKEY, options->key_public, OSRI_KEY_BYTES) == 0 &&
           zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, options->key_secret, OSRI_KEY_BYTES) == 0;
}

static bool set_role(void *socket, const osri_zmq_socket_options *options)
{
    if (options->server_key) {
        return zmq_setsockopt(socket, ZMQ_CURVE_SERVERKEY, options->server_key, OSRI_KEY_BYTES) ==
               0;
    }
    set_integer(socket, ENFORCE_DOMAIN, 1); /* best effort: the key check stands without it */
    return set_integer(socket, ZMQ_CURVE_SERVER, 1) &&
           zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, options->zap_domain,
                          strlen(options->zap_domain)) == 0;
}

static osr_err error_of_socket(void)
{
    return errno == EMFILE || errno == ENFILE ? OSR_ELIMIT : OSR_ENOMEM;
}

osr_err osri_zmq_socket_new(void *zmq_context, int type, const osri_zmq_socket_options *options,
                            void **ret_socket)
{
    void *socket = zmq_socket(zmq_context, type);
    if (!socket) {
        return error_of_socket();
    }
    bool good =
        set_common(socket, options) && set_keys(socket, options) && set_role(socket, options);
    if (type == ZMQ_ROUTER) {
        good = good && set_integer(socket, ZMQ_ROUTER_MANDATORY, 1);
    }
    if (!good) {
        zmq_close(socket);
        return OSR_EINVAL;
    }
    *ret_socket = socket;
    return OSR_OK;
}

void osri_zmq_socket_close(void *socket, uint32_t linger_ms)
{
    if (socket) {
        set_integer(socket, ZMQ_LINGER, (int)(linger_ms < INT32_MAX ? linger_ms : INT32_MAX));
        zmq_close(socket);
    }
}

osr_err osri_zmq_monitor_new(void *zmq_context, void *socket, int events, void **ret_monitor)
{
    static atomic_uint_least64_t next_name; /* relaxed: only has to differ */
    char endpoint[64];
    snprintf(endpoint, sizeof endpoint, "inproc://osier.monitor.%llu",
             (unsigned long long)atomic_fetch_add_explicit(&next_name, 1, memory_order_relaxed));
    void *monitor = zmq_socket(zmq_context, ZMQ_PAIR);
    if (!monitor) {
        return error_of_socket();
    }
    set_integer(monitor, ZMQ_LINGER, 0);
    set_integer(monitor, ZMQ_RCVHWM, 0); /* together with the sender's: no limit */
    if (zmq_socket_monitor(socket, endpoint, events) != 0) {
        zmq_close(monitor);
        return error_of_socket();
    }
    if (zmq_connect(monitor, endpoint) != 0) {
        osri_zmq_monitor_free(socket, monitor);
        return error_of_socket();
    }
    *ret_monitor = monitor;
    return OSR_OK;
}

bool osri_zmq_monitor_read(void *monitor, uint16_t *ret_event, uint32_t *ret_value)
{
    uint8_t head[6];
    int bytes = zmq_recv(monitor, head, sizeof head, ZMQ_DONTWAIT);
    if (bytes < 0) {
        return false;
    }
    zmq_msg_t rest; /* the endpoint, which says nothing that the socket does not */
    zmq_msg_init(&rest);
    zmq_msg_recv(&rest, monitor, ZMQ_DONTWAIT);
    zmq_msg_close(&rest);
    if (bytes != (int)sizeof head) {
        return false;
    }
    memcpy(ret_event, head, sizeof *ret_event);
    memcpy(ret_value, head + sizeof *ret_event, sizeof *ret_value);
    return true;
}

void osri_zmq_monitor_free(void *socket, void *monitor)
{
    if (monitor) {
        zmq_socket_monitor(socket, NULL, 0);
        zmq_close(monitor);
    }
}

void osri_zmq_socket_refresh(void *socket)
{
    int events = 0;
    size_t bytes = sizeof events;
    (void)zmq_getsockopt(socket, ZMQ_EVENTS, &events, &bytes);
}

int osri_zmq_socket_fd(void *socket)
{
    int fd = -1;
    size_t bytes = sizeof fd;
    return socket && zmq_getsockopt(socket, ZMQ_FD, &fd, &bytes) == 0 ? fd : -1;
}
