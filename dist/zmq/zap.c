/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/zap.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>
#include <zmq.h>

#include "dist/zmq/context.h"
#include "lib/core/heap.h"
#include "lib/core/mutex.h"

/* The key check: one thread that answers libzmq's authentication requests (ZAP, ZeroMQ RFC 27).
 *
 * Invariants
 *   I1  Bound before osri_zap_start() returns and until the context shuts down. libzmq admits
 *       everybody where nobody is bound, so this is what "fails closed" rests on.
 *   I2  Only mechanism CURVE with a 32-byte key and a registered domain reaches an admit callback;
 *       all else is 400.
 *   I3  A callback runs with no lock held; unregister waits while its domain's callback runs.
 * A request id of ours, which libzmq never sends, asks only whether a domain is registered. With it
 * osri_zap_verify() tells that a domain leads to its callback without asking the callback, whose
 * policy may be to admit strangers for a handshake. */

#define ZAP_ENDPOINT "inproc://zeromq.zap.01"
#define VERIFY_ID "osier-verify"
#define VERIFY_TIMEOUT_MS 10000 /* a machine may be busy; nothing but a fault waits that long */
#define TEXT_BYTES 256
#define PARTS_WANTED 7

typedef struct zap_domain {
    struct zap_domain *next;
    osri_transport_admit *admit;
    void *context;
    char name[OSRI_ZAP_DOMAIN_BYTES];
} zap_domain;

/* Parts in the order in which they come. */
enum {
    PART_VERSION,
    PART_ID,
    PART_DOMAIN,
    PART_ADDRESS,
    PART_ROUTING_ID,
    PART_MECHANISM,
    PART_KEY
};

typedef struct zap_request {
    size_t parts;
    size_t bytes[PARTS_WANTED];
    char text[PARTS_WANTED][TEXT_BYTES]; /* NUL-terminated; longer parts are cut, bytes tells */
} zap_request;

static osri_mutex mutex = OSRI_MUTEX_INIT(OSRI_RANK_LEAF);
static pthread_cond_t callback_ended = PTHREAD_COND_INITIALIZER;
static zap_domain *domains; /* guarded_by: mutex */
static zap_domain *running; /* guarded_by: mutex; whose callback runs */
static void *zmq_context;   /* written before the thread starts and after it ended */
static pthread_t thread;

static OSR_REQUIRES(&mutex) zap_domain **find_domain_locked(const char *name)
{
    zap_domain **at = &domains;
    while (*at && strcmp((*at)->name, name) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static bool domain_is_known(const char *name)
{
    osri_mutex_lock(&mutex);
    bool known = *find_domain_locked(name) != NULL;
    osri_mutex_unlock(&mutex);
    return known;
}

static bool ask_domain(const char *name, const uint8_t *key, const char *address)
{
    osri_mutex_lock(&mutex);
    zap_domain *domain = *find_domain_locked(name);
    running = domain;
    osri_mutex_unlock(&mutex);
    bool admitted = domain && domain->admit(domain->context, key, address);
    osri_mutex_lock(&mutex);
    running = NULL;
    pthread_cond_broadcast(&callback_ended);
    osri_mutex_unlock(&mutex);
    return admitted;
}

static bool part_is(const zap_request *request, int part, const char *text)
{
    return request->bytes[part] == strlen(text) &&
           memcmp(request->text[part], text, request->bytes[part]) == 0;
}

static bool decide(const zap_request *request)
{
    if (request->parts < PART_DOMAIN + 1 || !part_is(request, PART_VERSION, "1.0") ||
        request->bytes[PART_DOMAIN] != strlen(request->text[PART_DOMAIN])) {
        return false;
    }
    if (part_is(request, PART_ID, VERIFY_ID)) {
        return domain_is_known(request->text[PART_DOMAIN]);
    }
    if (request->parts != PARTS_WANTED || !part_is(request, PART_MECHANISM, "CURVE") ||
        request->bytes[PART_KEY] != OSRI_KEY_BYTES) {
        return false;
    }
    return ask_domain(request->text[PART_DOMAIN], (const uint8_t *)request->text[PART_KEY],
                      request->text[PART_ADDRESS]);
}

static void keep_part(zap_request *request, zmq_msg_t *part)
{
    if (request->parts < PARTS_WANTED) {
        size_t bytes = zmq_msg_size(part);
        size_t kept = bytes < TEXT_BYTES - 1 ? bytes : TEXT_BYTES - 1;
        request->bytes[request->parts] = bytes;
        memcpy(request->text[request->parts], zmq_msg_data(part), kept);
        request->text[request->parts][kept] = 0;
    }
    request->parts++;
}

/* False once the context ends. */
static bool read_request(void *socket, zap_request *ret_request)
{
    memset(ret_request, 0, sizeof *ret_request);
    for (bool more = true; more;) {
        zmq_msg_t part;
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, socket, 0) < 0) {
            zmq_msg_close(&part);
            if (errno != EINTR) {
                return false;
            }
            continue;
        }
        keep_part(ret_request, &part);
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    }
    return true;
}

static bool send_part(void *socket, const void *data, size_t bytes, int flags)
{
    int rc;
    do {
        rc = zmq_send(socket, data, bytes, flags);
    } while (rc < 0 && errno == EINTR);
    return rc >= 0;
}

/* A client that is let in is known by its key from here on: libzmq puts the user id on each of its
 * messages. */
static bool send_reply(void *socket, const zap_request *request, bool admitted)
{
    char user[2 * OSRI_KEY_BYTES + 1] = "";
    if (admitted && request->parts == PARTS_WANTED) {
        sodium_bin2hex(user, sizeof user, (const uint8_t *)request->text[PART_KEY], OSRI_KEY_BYTES);
    }
    size_t id_bytes = request->bytes[PART_ID] < TEXT_BYTES ? request->bytes[PART_ID] : 0;
    return send_part(socket, "1.0", 3, ZMQ_SNDMORE) &&
           send_part(socket, request->text[PART_ID], id_bytes, ZMQ_SNDMORE) &&
           send_part(socket, admitted ? "200" : "400", 3, ZMQ_SNDMORE) &&
           send_part(socket, "", 0, ZMQ_SNDMORE) &&
           send_part(socket, user, strlen(user), ZMQ_SNDMORE) && send_part(socket, "", 0, 0);
}

static void *run(void *socket)
{
    pthread_setname_np(pthread_self(), "osier-zap");
    zap_request request;
    while (read_request(socket, &request)) {
        if (!send_reply(socket, &request, decide(&request))) {
            break;
        }
    }
    sodium_memzero(&request, sizeof request);
    zmq_close(socket);
    return NULL;
}

static int create_thread_without_signals(void *socket)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = pthread_create(&thread, NULL, run, socket);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return failed;
}

osr_err osri_zap_start(void *context)
{
    void *socket = zmq_socket(context, ZMQ_REP);
    if (!socket) {
        return errno == EMFILE ? OSR_ELIMIT : OSR_ENOMEM;
    }
    int zero = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVHWM, &zero, sizeof zero);
    zmq_context = context;
    if (zmq_bind(socket, ZAP_ENDPOINT) != 0 || create_thread_without_signals(socket) != 0) {
        zmq_close(socket);
        return OSR_EIO;
    }
    return OSR_OK;
}

void osri_zap_join(void)
{
    pthread_join(thread, NULL);
    zmq_context = NULL;
}

osr_err osri_zap_register(const char *name, osri_transport_admit *admit, void *context)
{
    size_t bytes = strlen(name);
    if (bytes == 0 || bytes >= OSRI_ZAP_DOMAIN_BYTES || !admit) {
        return OSR_EINVAL;
    }
    zap_domain *domain = osri_heap_zalloc(sizeof *domain);
    if (!domain) {
        return OSR_ENOMEM;
    }
    domain->admit = admit;
    domain->context = context;
    memcpy(domain->name, name, bytes + 1);
    osr_err err = OSR_ETAKEN;
    osri_mutex_lock(&mutex);
    zap_domain **at = find_domain_locked(name);
    if (!*at) {
        *at = domain;
        err = OSR_OK;
    }
    osri_mutex_unlock(&mutex);
    if (err != OSR_OK) {
        osri_heap_free(domain, sizeof *domain);
    }
    return err;
}

void osri_zap_unregister(const char *name)
{
    osri_mutex_lock(&mutex);
    zap_domain **at = find_domain_locked(name);
    zap_domain *domain = *at;
    if (domain) {
        *at = domain->next;
    }
    while (domain && running == domain) {
        pthread_cond_wait(&callback_ended, &mutex.mutex);
    }
    osri_mutex_unlock(&mutex);
    osri_heap_free(domain, sizeof *domain);
}

/* The status that the key check gives, or 0 where it does not answer. */
static int ask_status(void *socket, const char *id, const char *domain, const char *mechanism,
                      const uint8_t *key)
{
    bool sent = send_part(socket, "1.0", 3, ZMQ_SNDMORE) &&
                send_part(socket, id, strlen(id), ZMQ_SNDMORE) &&
                send_part(socket, domain, strlen(domain), ZMQ_SNDMORE) &&
                send_part(socket, "", 0, ZMQ_SNDMORE) && send_part(socket, "", 0, ZMQ_SNDMORE) &&
                send_part(socket, mechanism, strlen(mechanism), ZMQ_SNDMORE) &&
                send_part(socket, key, OSRI_KEY_BYTES, 0);
    zap_request reply; /* version, id, status, text, user, metadata */
    if (!sent || !read_request(socket, &reply) || reply.parts != 6) {
        return 0;
    }
    return part_is(&reply, 2, "200") ? 200 : part_is(&reply, 2, "400") ? 400 : 0;
}

static bool verify_with(void *socket, const char *domain)
{
    char stranger[OSRI_ZAP_DOMAIN_BYTES + 32];
    uint8_t key[OSRI_KEY_BYTES];
    randombytes_buf(key, sizeof key);
    snprintf(stranger, sizeof stranger, "%s/%08x%08x", domain, randombytes_random(),
             randombytes_random());
    return ask_status(socket, VERIFY_ID, domain, "CURVE", key) == 200 &&
           ask_status(socket, VERIFY_ID, stranger, "CURVE", key) == 400 &&
           ask_status(socket, "1", stranger, "CURVE", key) == 400 &&
           ask_status(socket, "1", domain, "NULL", key) == 400;
}

osr_err osri_zap_verify(const char *domain)
{
    void *socket = zmq_context ? zmq_socket(zmq_context, ZMQ_REQ) : NULL;
    if (!socket) {
        return OSR_EPERM;
    }
    int timeout_ms = VERIFY_TIMEOUT_MS / 4, zero = 0;
    zmq_setsockopt(socket, ZMQ_LINGER, &zero, sizeof zero);
    zmq_setsockopt(socket, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
    bool good = zmq_connect(socket, ZAP_ENDPOINT) == 0 && verify_with(socket, domain);
    zmq_close(socket);
    return good ? OSR_OK : OSR_EPERM;
}
