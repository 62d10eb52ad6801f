/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/call.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <zmq.h>

#include "dist/zmq/context.h"
#include "dist/zmq/endpoint.h"
#include "dist/zmq/resolve.h"
#include "dist/zmq/socket.h"
#include "epmd/path.h"
#include "lib/core/heap.h"

/* One exchange with a mapper. Local: SEQPACKET, which keeps the bounds of messages. Remote: a
 * DEALER of our own that lives as long as the call; its monitor tells at once what would otherwise
 * show as silence until the deadline. The host's name is looked up by dist/zmq/resolve.h, never by
 * libzmq, whose I/O thread all links share. */

#define DEADLINE_MS 3000
#define BUSY_RETRY_MS 5
#define FRAME_BYTES_MAX 65536
#define WATCHED                                                                                    \
    (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL |                        \
     ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH |                       \
     ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_CLOSED | ZMQ_EVENT_CONNECTED)

uint64_t osri_epmd_now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int left_ms(const osri_epmd_call *call)
{
    uint64_t now = osri_epmd_now_ms();

    return now < call->deadline_ms ? (int)(call->deadline_ms - now) : 0;
}

#define FAIL(call, err, ...) osri_epmd_fail((err), (call)->text, (call)->text_bytes, __VA_ARGS__)

static bool host_is_local(const osri_epmd_options *options, const char *host)
{
    char own[OSRI_NAME_BYTES] = "";

    if (host == NULL || strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0) {
        return true;
    }
    if (options->host != NULL) {
        return strcmp(host, options->host) == 0;
    }
    if (options->identity != NULL) {
        return strcmp(host, osri_node_name_host(options->identity->certificate.name)) == 0;
    }
    return gethostname(own, sizeof(own) - 1) == 0 && strcmp(host, own) == 0;
}

osr_err osri_epmd_local_connect(uint16_t port, int *ret_fd, char *ret_text, size_t text_bytes)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    char path[OSRI_EPMD_PATH_BYTES];
    struct ucred peer = {.uid = 0};
    socklen_t bytes = sizeof(peer);

    osr_err err = osri_epmd_path(port, "sock", path, ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    memcpy(address.sun_path, path, sizeof(path));
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return osri_epmd_fail(OSR_ELIMIT, ret_text, text_bytes, "no file descriptors left");
    }
    if (connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0) {
        err = errno == EAGAIN ? OSR_EBUSY : OSR_ENOCONNECTION;
        osri_epmd_fail(err, ret_text, text_bytes,
                       "no port mapper runs here (%s: %s); start one with osier-epmd --daemon",
                       path, strerror(errno));
    } else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 ||
               (peer.uid != geteuid() && peer.uid != 0)) {
        err = osri_epmd_fail(
            OSR_EPERM, ret_text, text_bytes,
            "%s: belongs to a program of another user (uid %u); set OSIER_RUNTIME_DIR "
            "to a directory of your own",
            path, (unsigned)peer.uid);
    }
    if (err != OSR_OK) {
        close(fd);
        return err;
    }
    *ret_fd = fd;
    return OSR_OK;
}

static osr_err connect_local(osri_epmd_call *call, uint16_t port)
{
    for (;;) {
        osr_err err = osri_epmd_local_connect(port, &call->fd, call->text, call->text_bytes);
        if (err != OSR_EBUSY) {
            return err;
        }
        if (left_ms(call) == 0) {
            return FAIL(call, OSR_ETIMEDOUT, "the port mapper is too busy to answer");
        }
        poll(NULL, 0, BUSY_RETRY_MS);
    }
}

/* A numeric address for host; waits for the name server at most until the deadline. */
static osr_err resolve(osri_epmd_call *call, const char *host, bool ipv6, char *ret_address)
{
    osri_waker *waker = NULL;
    osri_resolve_job *job = NULL;

    osr_err err = osri_waker_new(&waker);
    if (err == OSR_OK) {
        err = osri_resolve_start(host, ipv6, waker, &job);
    }
    while (err == OSR_OK && (err = osri_resolve_result(job, ret_address)) == OSR_EBUSY) {
        struct pollfd wait = {.fd = waker->fd, .events = POLLIN};
        int left = left_ms(call);
        err = left > 0 ? OSR_OK : OSR_ETIMEDOUT;
        if (left > 0 && poll(&wait, 1, left) == 1) {
            osri_waker_lower(waker);
        }
    }
    osri_resolve_free(job);
    if (waker != NULL) {
        osri_waker_unref(waker);
    }
    return err;
}

static osr_err find_endpoint(osri_epmd_call *call, const char *host, uint16_t port,
                             char ret_endpoint[OSRI_ENDPOINT_BYTES])
{
    char address[OSRI_ADDRESS_BYTES];
    osri_host_kind kind = osri_host_kind_of(host);
    osr_err err = OSR_OK;

    if (kind == OSRI_HOST_ANY || strlen(host) >= sizeof(address)) {
        err = kind == OSRI_HOST_ANY ? OSR_EINVAL : OSR_OK;
    }
    if (kind == OSRI_HOST_IPV4 || kind == OSRI_HOST_IPV6) {
        snprintf(address, sizeof(address), "%s", host);
    } else if (err == OSR_OK) {
        err = resolve(call, host, false, address);
        err = err == OSR_ENOTFOUND ? resolve(call, host, true, address) : err;
    }
    if (err == OSR_OK) {
        err = osri_endpoint_format(address, port, ret_endpoint);
    }
    if (err == OSR_ENOTFOUND) {
        return FAIL(call, OSR_ENOCONNECTION,
                    "the host \"%s\" is not known; check the node's name or DNS", host);
    }
    return err == OSR_OK ? err : FAIL(call, err, "looking up \"%s\": %s", host, osr_err_text(err));
}

/* What an event of the monitor means before the handshake is done; OSR_OK: nothing bad. */
static osr_err judge_event(osri_epmd_call *call, uint16_t event, bool connected)
{
    switch (event) {
    case ZMQ_EVENT_CONNECTED:
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
        return OSR_OK;
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH:
        return FAIL(call, OSR_EBUSY,
                    "the port mapper at %s turned us away: too many newcomers; try again",
                    call->where);
    default:
        break;
    }
    if (connected) {
        return FAIL(call, OSR_ENOCONNECTION,
                    "what listens at %s is no port mapper of our cluster, or has another "
                    "cluster.secret; compare the files",
                    call->where);
    }
    return FAIL(call, OSR_ENOCONNECTION,
                "no port mapper answers at %s; start one there with osier-epmd --listen 0.0.0.0",
                call->where);
}

static osr_err wait_for_handshake(osri_epmd_call *call)
{
    bool connected = false;
    uint16_t event = 0;
    uint32_t value = 0;

    for (;;) {
        zmq_pollitem_t item = {.socket = call->monitor, .events = ZMQ_POLLIN};
        int left = left_ms(call);
        if (left == 0) {
            return FAIL(call, OSR_ETIMEDOUT, "the port mapper at %s did not answer in time",
                        call->where);
        }
        zmq_poll(&item, 1, left);
        while (osri_zmq_monitor_read(call->monitor, &event, &value)) {
            osr_err err = judge_event(call, event, connected);
            if (err != OSR_OK || event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
                return err;
            }
            connected = connected || event == ZMQ_EVENT_CONNECTED;
        }
    }
}

static osr_err connect_remote(osri_epmd_call *call, const char *host, uint16_t port)
{
    const osri_identity *identity = call->options->identity;
    char endpoint[OSRI_ENDPOINT_BYTES];
    void *context = NULL;

    if (identity == NULL) {
        return FAIL(call, OSR_EINVAL, "asking another machine needs an identity");
    }
    osr_err err = find_endpoint(call, host, port, endpoint);
    if (err != OSR_OK) {
        return err;
    }
    err = osri_zmq_context_ref(&context);
    if (err != OSR_OK) {
        return FAIL(call, err, "cannot start ZeroMQ: %s", osr_err_text(err));
    }
    call->has_context = true;
    const osri_zmq_socket_options socket_options = {
        .key_public = identity->certificate.key,
        .key_secret = identity->key_secret,
        .server_key = identity->mapper_public,
        .frame_bytes_max = FRAME_BYTES_MAX,
        .ipv6 = strchr(endpoint, '[') != NULL,
    };
    err = osri_zmq_socket_new(context, ZMQ_DEALER, &socket_options, &call->socket);
    if (err == OSR_OK) {
        err = osri_zmq_monitor_new(context, call->socket, WATCHED, &call->monitor);
    }
    if (err == OSR_OK && zmq_connect(call->socket, endpoint) != 0) {
        err = OSR_EINVAL;
    }
    return err == OSR_OK ? wait_for_handshake(call)
                         : FAIL(call, err, "cannot dial %s: %s", call->where, osr_err_text(err));
}

osr_err osri_epmd_call_new(const osri_epmd_options *options, const char *host, char *ret_text,
                           size_t text_bytes, osri_epmd_call **ret_call)
{
    bool is_local = host_is_local(options, host);
    uint16_t port = 0;

    osr_err err = osri_epmd_port(options->port, &port, ret_text, text_bytes);
    if (err != OSR_OK) {
        return err;
    }
    osri_epmd_call *call = osri_heap_zalloc(sizeof(*call));
    if (call == NULL) {
        return osri_epmd_fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    call->options = options;
    call->fd = -1;
    call->text = ret_text;
    call->text_bytes = text_bytes;
    call->deadline_ms =
        osri_epmd_now_ms() + (options->deadline_ms != 0 ? options->deadline_ms : DEADLINE_MS);
    snprintf(call->where, sizeof(call->where), "%s:%u", is_local ? "localhost" : host,
             (unsigned)port);
    err = is_local ? connect_local(call, port) : connect_remote(call, host, port);
    if (err != OSR_OK) {
        osri_epmd_call_free(&call);
        return err;
    }
    *ret_call = call;
    return OSR_OK;
}

static osr_err exchange_local(osri_epmd_call *call, size_t request_bytes, size_t *ret_bytes)
{
    struct pollfd wait = {.fd = call->fd, .events = POLLIN};
    ssize_t bytes = send(call->fd, call->data, request_bytes, MSG_NOSIGNAL);

    while (bytes >= 0) {
        int left = left_ms(call);
        if (poll(&wait, 1, left) == 0 && left == 0) {
            return FAIL(call, OSR_ETIMEDOUT, "the port mapper did not answer in time");
        }
        bytes = recv(call->fd, call->data, sizeof(call->data), 0);
        if (bytes > 0) {
            *ret_bytes = (size_t)bytes;
            return OSR_OK;
        }
        if (bytes < 0 && (errno == EAGAIN || errno == EINTR)) {
            bytes = 0;
        } else {
            break;
        }
    }
    return FAIL(call, OSR_ENOCONNECTION, "the port mapper hung up; try again");
}

static osr_err exchange_remote(osri_epmd_call *call, size_t request_bytes, size_t *ret_bytes)
{
    uint16_t event = 0;
    uint32_t value = 0;

    if (zmq_send(call->socket, call->data, request_bytes, ZMQ_DONTWAIT) < 0) {
        return FAIL(call, OSR_ENOCONNECTION, "the port mapper at %s hung up; try again",
                    call->where);
    }
    for (;;) {
        zmq_pollitem_t items[2] = {{.socket = call->socket, .events = ZMQ_POLLIN},
                                   {.socket = call->monitor, .events = ZMQ_POLLIN}};
        int left = left_ms(call);
        zmq_poll(items, 2, left);
        int bytes = zmq_recv(call->socket, call->data, sizeof(call->data), ZMQ_DONTWAIT);
        if (bytes >= 0) {
            *ret_bytes = (size_t)bytes; /* longer than the buffer: refused by the decoder */
            return OSR_OK;
        }
        if (left == 0) {
            return FAIL(call, OSR_ETIMEDOUT, "the port mapper at %s did not answer in time",
                        call->where);
        }
        while (osri_zmq_monitor_read(call->monitor, &event, &value)) {
            if (event != ZMQ_EVENT_CONNECTED && event != ZMQ_EVENT_HANDSHAKE_SUCCEEDED) {
                return FAIL(call, OSR_ENOCONNECTION, "the port mapper at %s hung up; try again",
                            call->where);
            }
        }
    }
}

static void show_certificate(osri_epmd_call *call)
{
    const osri_identity *identity = call->options->identity;

    call->request.has_certificate = identity != NULL && identity->certificate_signed.body_bytes > 0;
    if (call->request.has_certificate) {
        call->request.certificate = *osri_identity_shown(identity);
    }
}

osr_err osri_epmd_call_ask(osri_epmd_call *call, osri_epmd_answer expected)
{
    size_t request_bytes = 0, bytes = 0;

    show_certificate(call);
    osr_err err = osri_epmd_request_encode(&call->request, call->data, OSRI_EPMD_REQUEST_BYTES_MAX,
                                           &request_bytes);
    if (err != OSR_OK) {
        return FAIL(call, err, "the request is too long");
    }
    err = call->fd >= 0 ? exchange_local(call, request_bytes, &bytes)
                        : exchange_remote(call, request_bytes, &bytes);
    if (err != OSR_OK) {
        return err;
    }
    err = osri_epmd_reply_decode(call->data, bytes, &call->reply);
    if (err != OSR_OK) {
        return FAIL(call, err, "the port mapper at %s speaks another version or nonsense",
                    call->where);
    }
    if (call->reply.answer == OSRI_EPMD_ERROR) {
        return FAIL(call, call->reply.error, "%s", call->reply.text);
    }
    return call->reply.answer == expected
               ? OSR_OK
               : FAIL(call, OSR_EPROTO, "the port mapper at %s gives a wrong answer", call->where);
}

osr_err osri_epmd_call_wait_end(osri_epmd_call *call)
{
    struct pollfd wait = {.fd = call->fd, .events = POLLIN};

    for (;;) {
        int left = left_ms(call);
        int ready = poll(&wait, 1, left);
        if (ready == 1 && recv(call->fd, call->data, sizeof(call->data), MSG_DONTWAIT) <= 0) {
            return OSR_OK;
        }
        if (left == 0) {
            return FAIL(call, OSR_ETIMEDOUT, "the port mapper does not stop");
        }
    }
}

void osri_epmd_call_free(osri_epmd_call **call)
{
    if (call == NULL || *call == NULL) {
        return;
    }
    if ((*call)->fd >= 0) {
        close((*call)->fd);
    }
    if ((*call)->socket != NULL) {
        osri_zmq_monitor_free((*call)->socket, (*call)->monitor);
        osri_zmq_socket_close((*call)->socket, 0);
    }
    if ((*call)->has_context) {
        osri_zmq_context_unref();
    }
    osri_heap_free(*call, sizeof(**call));
    *call = NULL;
}
