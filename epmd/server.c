/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/server.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>
#include <zmq.h>

#include "dist/zmq/context.h"
#include "dist/zmq/intake.h"
#include "dist/zmq/socket.h"
#include "epmd/local.h"
#include "epmd/service.h"
#include "lib/core/heap.h"
#include "lib/core/mutex.h"

/* The loop: ROUTER with CURVE for other machines, epoll of the local side, nothing else.
 *
 * Invariants
 *   I1  the key check is registered and proven to answer before the ROUTER is bound;
 *   I2  a frame without the User-Id that the key check gave is dropped unread: should the check
 *       ever be missing, nobody gets an answer;
 *   I3  the local socket appears last: who can connect to it finds a mapper that works;
 *   I4  replies are never waited for: a peer that does not read loses its own. */

#define ZAP_DOMAIN "osier.epmd"
#define FRAME_BYTES_MAX 8192
#define CONNECTION_BYTES_MAX (1024 * 1024) /* a question and its answer need a few KiB */
#define REPLIES_QUEUED_MAX 16
#define REQUESTS_A_TURN 64
#define SWEEP_MS 1000
#define LOG_MS 1000
#define KEY_HEX_BYTES 64

#define SOURCES_MAX 256
#define SOURCE_RATE 20
#define SOURCE_BURST 40
#define STRANGERS_RATE 100
#define KNOWN_KEYS_MAX 2048

/* Which keys may finish a handshake: those that have shown a certificate, and strangers at a
 * limited rate. */
typedef struct gate {
    osri_mutex mutex;
    osri_buckets sources;   /* guarded_by: mutex; by address */
    osri_buckets strangers; /* guarded_by: mutex; one row */
    osri_known_keys known;  /* guarded_by: mutex */
} gate;

struct osri_epmd_server {
    osri_epmd_service service;
    osri_epmd_local local;
    gate gate;
    void *context; /* NULL: not referenced */
    void *router;
    osri_zmq_intake intake;
    bool domain_registered;
    uint64_t started_ms;
    uint64_t idle_since_ms;
    uint64_t idle_exit_ms; /* 0: never */
    uint64_t logged_ms;
    uint64_t suppressed;
    uint8_t reply[OSRI_EPMD_REPLY_BYTES_MAX];
};

static uint64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static uint64_t now_s(void)
{
    return (uint64_t)time(NULL);
}

static void log_line(void *context, const char *text)
{
    osri_epmd_server *server = context;
    uint64_t now = now_ms();

    if (server->logged_ms != 0 && now - server->logged_ms < LOG_MS) {
        server->suppressed++;
        return;
    }
    server->logged_ms = now;
    fprintf(stderr, "osier-epmd: %s", text);
    if (server->suppressed > 0) {
        fprintf(stderr, " (%llu more suppressed)", (unsigned long long)server->suppressed);
        server->suppressed = 0;
    }
    fputc('\n', stderr);
}

static bool lease_is_alive(void *context, uint64_t lease)
{
    osri_epmd_server *server = context;

    return osri_epmd_local_lease_is_alive(&server->local, lease);
}

static void key_is_good(void *context, const uint8_t key[32], uint64_t until_s)
{
    gate *g = &((osri_epmd_server *)context)->gate;

    osri_mutex_lock(&g->mutex);
    osri_known_keys_add(&g->known, key, until_s);
    osri_mutex_unlock(&g->mutex);
}

/* Runs on the key-checking thread. */
static bool admit(void *context, const uint8_t key[OSRI_KEY_BYTES], const char *address)
{
    gate *g = context;
    uint64_t now = now_ms();

    osri_mutex_lock(&g->mutex);
    bool admitted = osri_known_keys_has(&g->known, key, now_s()) ||
                    (osri_buckets_take(&g->sources, address, strlen(address), now) &&
                     osri_buckets_take(&g->strangers, "*", 1, now));
    osri_mutex_unlock(&g->mutex);
    return admitted;
}

static osr_err gate_init(gate *g)
{
    osri_mutex_init(&g->mutex, OSRI_RANK_LEAF);
    osr_err err = osri_buckets_init(&g->sources, SOURCES_MAX, SOURCE_RATE, SOURCE_BURST);
    if (err == OSR_OK) {
        err = osri_buckets_init(&g->strangers, 1, STRANGERS_RATE, STRANGERS_RATE);
    }
    return err == OSR_OK ? osri_known_keys_init(&g->known, KNOWN_KEYS_MAX) : err;
}

static void gate_fini(gate *g)
{
    osri_buckets_fini(&g->sources);
    osri_buckets_fini(&g->strangers);
    osri_known_keys_fini(&g->known);
    osri_mutex_fini(&g->mutex);
}

static osr_err bind_router(osri_epmd_server *server, const osri_epmd_server_options *options,
                           char *text, size_t bytes)
{
    const char *listen = options->listen != NULL ? options->listen : "127.0.0.1";
    bool ipv6 = strchr(listen, ':') != NULL;
    char endpoint[OSRI_ENDPOINT_BYTES];

    int length = snprintf(endpoint, sizeof(endpoint), ipv6 ? "tcp://[%s]:%u" : "tcp://%s:%u",
                          listen, (unsigned)options->port);
    if (length >= (int)sizeof(endpoint)) {
        return osri_epmd_fail(OSR_EINVAL, text, bytes, "the address to listen on is too long");
    }
    const osri_zmq_socket_options socket_options = {
        .key_public = server->service.identity.certificate.key,
        .key_secret = server->service.identity.key_secret,
        .zap_domain = ZAP_DOMAIN,
        .frame_bytes_max = FRAME_BYTES_MAX,
        .ipv6 = ipv6,
    };
    osr_err err =
        osri_zmq_socket_new(server->context, ZMQ_ROUTER, &socket_options, &server->router);
    if (err != OSR_OK) {
        return osri_epmd_fail(err, text, bytes, "cannot make a ZeroMQ socket: %s",
                              osr_err_text(err));
    }
    err = osri_zmq_intake_init(&server->intake, server->context, server->router, options->port,
                               CONNECTION_BYTES_MAX);
    if (err != OSR_OK) {
        return osri_epmd_fail(err, text, bytes, "cannot watch a ZeroMQ socket: %s",
                              osr_err_text(err));
    }
    int queued = REPLIES_QUEUED_MAX;
    zmq_setsockopt(server->router, ZMQ_SNDHWM, &queued, sizeof(queued));
    if (zmq_bind(server->router, endpoint) == 0) {
        return OSR_OK;
    }
    if (errno == EADDRINUSE) {
        return osri_epmd_fail(
            OSR_EADDRESS, text, bytes,
            "%s is in use by another program, or by another user's mapper; choose "
            "another port with --port or OSIER_EPMD_PORT",
            endpoint);
    }
    return osri_epmd_fail(OSR_EADDRESS, text, bytes, "cannot listen on %s: %s", endpoint,
                          zmq_strerror(errno));
}

static osr_err open_remote(osri_epmd_server *server, const osri_epmd_server_options *options,
                           char *text, size_t bytes)
{
    osr_err err = osri_zmq_context_ref(&server->context);

    if (err != OSR_OK) {
        return osri_epmd_fail(err, text, bytes, "cannot start ZeroMQ: %s", osr_err_text(err));
    }
    err = osri_zap_register(ZAP_DOMAIN, admit, &server->gate);
    if (err != OSR_OK) {
        return osri_epmd_fail(err, text, bytes, "cannot register the key check: %s",
                              osr_err_text(err));
    }
    server->domain_registered = true;
    if (osri_zap_verify(ZAP_DOMAIN) != OSR_OK) {
        return osri_epmd_fail(OSR_EPERM, text, bytes,
                              "the key check does not answer; nothing is opened without it");
    }
    return bind_router(server, options, text, bytes);
}

static osr_err open_all(osri_epmd_server *server, const osri_epmd_server_options *options,
                        char *text, size_t bytes)
{
    const osri_epmd_hooks hooks = {
        .context = server,
        .lease_is_alive = lease_is_alive,
        .key_is_good = key_is_good,
        .log = log_line,
    };
    uint64_t seed;

    randombytes_buf(&seed, sizeof(seed));
    osr_err err = gate_init(&server->gate);
    if (err == OSR_OK) {
        err = osri_epmd_service_init(&server->service, options->identity, &hooks, seed);
    }
    if (err != OSR_OK) {
        return osri_epmd_fail(err, text, bytes, "%s", osr_err_text(err));
    }
    err = osri_epmd_local_init(&server->local, &server->service, options->port, options->stop_fd,
                               text, bytes);
    if (err == OSR_OK) {
        err = open_remote(server, options, text, bytes);
    }
    if (err == OSR_OK) {
        err = osri_epmd_local_listen(&server->local, text, bytes);
    }
    return err;
}

osr_err osri_epmd_server_new(const osri_epmd_server_options *options, osri_epmd_server **ret_server,
                             char *ret_text, size_t text_bytes)
{
    osri_epmd_server *server = osri_heap_zalloc(sizeof(*server));

    if (server == NULL) {
        return osri_epmd_fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    server->started_ms = server->idle_since_ms = now_ms();
    server->idle_exit_ms = (uint64_t)options->idle_exit_s * 1000;
    osr_err err = open_all(server, options, ret_text, text_bytes);
    if (err != OSR_OK) {
        osri_epmd_server_free(&server);
        return err;
    }
    server->service.counters.os_pid = (uint64_t)getpid();
    *ret_server = server;
    return OSR_OK;
}

/* The key that the sender of this frame has proven; false: nobody checked it. */
static bool proven_key(zmq_msg_t *frame, uint8_t ret_key[OSRI_KEY_BYTES])
{
    const char *user = zmq_msg_gets(frame, "User-Id");
    size_t bytes = 0;

    return user != NULL && strlen(user) == KEY_HEX_BYTES &&
           sodium_hex2bin(ret_key, OSRI_KEY_BYTES, user, KEY_HEX_BYTES, NULL, &bytes, NULL) == 0 &&
           bytes == OSRI_KEY_BYTES;
}

static void answer_remote(osri_epmd_server *server, zmq_msg_t *id, zmq_msg_t *frame)
{
    uint8_t key[OSRI_KEY_BYTES];
    char no_name[OSRI_NAME_BYTES] = "";
    size_t reply_bytes = 0;

    if (!proven_key(frame, key)) {
        server->service.counters.refused++;
        log_line(server, "a frame without a checked key was dropped");
        return;
    }
    const char *address = zmq_msg_gets(frame, "Peer-Address");
    osri_epmd_caller caller = {
        .key = key, .address = address != NULL ? address : "?", .name = no_name};
    osr_err err = osri_epmd_service_answer(&server->service, &caller, zmq_msg_data(frame),
                                           zmq_msg_size(frame), now_ms(), now_s(), server->reply,
                                           &reply_bytes);
    (void)err; /* one bad request costs its sender nothing but the answer that says so */
    if (zmq_msg_send(id, server->router, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0) {
        zmq_send(server->router, server->reply, reply_bytes, ZMQ_DONTWAIT);
    }
}

/* One message, of whatever parts; false: there was none. Answered only where it is one frame. */
static bool read_remote(osri_epmd_server *server)
{
    zmq_msg_t id, frame;
    int parts = 1;

    zmq_msg_init(&id);
    zmq_msg_init(&frame);
    bool read = zmq_msg_recv(&id, server->router, ZMQ_DONTWAIT) >= 0;
    for (bool more = read && zmq_msg_more(&id); more; more = zmq_msg_more(&frame)) {
        if (zmq_msg_recv(&frame, server->router, ZMQ_DONTWAIT) < 0) {
            break;
        }
        parts++;
    }
    if (read && parts == 2) {
        answer_remote(server, &id, &frame);
    } else if (read) {
        server->service.counters.malformed++;
    }
    zmq_msg_close(&id);
    zmq_msg_close(&frame);
    return read;
}

static bool is_done(osri_epmd_server *server)
{
    uint64_t now = now_ms();

    if (osri_registry_count(server->service.registry) > 0) {
        server->idle_since_ms = now;
    }
    return server->service.is_stopping || server->local.is_stopping ||
           (server->idle_exit_ms != 0 && now - server->idle_since_ms >= server->idle_exit_ms);
}

static long wait_ms(const osri_epmd_server *server)
{
    if (osri_zmq_intake_is_busy(&server->intake)) {
        return OSRI_ZMQ_INTAKE_LOOK_MS;
    }
    return server->idle_exit_ms != 0 || server->local.unregistered > 0 ? SWEEP_MS : -1;
}

/* A message of endless parts is never given to us, so it shows only here. */
static void end_greedy(osri_epmd_server *server)
{
    unsigned ended = osri_zmq_intake_turn(&server->intake, now_ms());

    server->service.counters.limited += ended;
    if (ended > 0) {
        log_line(server, "a connection that has sent more than 1 MiB was ended");
    }
}

void osri_epmd_server_run(osri_epmd_server *server)
{
    zmq_pollitem_t items[3] = {
        {.socket = server->router, .events = ZMQ_POLLIN},
        {.fd = server->local.epoll_fd, .events = ZMQ_POLLIN},
        {.socket = server->intake.monitor, .events = ZMQ_POLLIN},
    };

    while (!is_done(server)) {
        if (zmq_poll(items, 3, wait_ms(server)) < 0 && errno != EINTR) {
            log_line(server, "waiting failed; stopping");
            return;
        }
        end_greedy(server);
        for (int i = 0; i < REQUESTS_A_TURN && read_remote(server); i++) {
        }
        server->service.counters.uptime_s = (now_ms() - server->started_ms) / 1000;
        osri_epmd_local_turn(&server->local, now_ms(), now_s());
        osri_epmd_local_sweep(&server->local, now_ms());
    }
}

const char *osri_epmd_server_socket(const osri_epmd_server *server)
{
    return server->local.socket_path;
}

void osri_epmd_server_free(osri_epmd_server **server)
{
    if (server == NULL || *server == NULL) {
        return;
    }
    osri_epmd_local_close(&(*server)->local);
    osri_zmq_intake_fini(&(*server)->intake);
    osri_zmq_socket_close((*server)->router, 0);
    if ((*server)->domain_registered) {
        osri_zap_unregister(ZAP_DOMAIN);
    }
    if ((*server)->context != NULL) {
        osri_zmq_context_unref();
    }
    osri_epmd_local_fini(
        &(*server)->local); /* the lock goes after the port, so that a successor finds both free */
    osri_epmd_service_fini(&(*server)->service);
    gate_fini(&(*server)->gate);
    osri_heap_free(*server, sizeof(**server));
    *server = NULL;
}
