/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "epmd/client.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "epmd/call.h"
#include "epmd/path.h"
#include "lib/core/heap.h"

/* A lease: the registration's bytes, kept so that they can be said again to the next mapper.
 *
 *   HELD   the mapper hangs up: LOST.
 *   LOST   when it is due, connects and asks again. OK: HELD; taken: TAKEN; anything else: LOST.
 *   TAKEN  as LOST, only that the reason is known.
 *
 * Invariants
 *   I1  fd is -1, or a connection on which exactly one REGISTER was sent; asked_ms is when, 0 once
 *       it was answered;
 *   I2  the state is HELD only after the mapper said OK on this very connection. */

#define RETRY_MS_FIRST 50
#define RETRY_MS_MAX 2000
#define ANSWER_MS 3000

struct osri_epmd_lease {
    int fd;
    uint16_t port;
    osri_epmd_lease_state state;
    uint64_t asked_ms; /* 0: not waiting for an answer */
    uint64_t due_ms;   /* while fd is -1: when to connect */
    uint32_t retry_ms;
    bool stopped;                /* the mapper has said so */
    const osri_renewal *renewal; /* of the identity; lent; NULL: none */
    size_t request_bytes;
    uint8_t request[OSRI_EPMD_REQUEST_BYTES_MAX];
};

static bool copy_text(char *to, size_t bytes, const char *from)
{
    size_t length = from != NULL ? strlen(from) : bytes;

    if (length >= bytes) {
        return false;
    }
    memcpy(to, from, length + 1);
    return true;
}

osr_err osri_epmd_register_encode(const osri_identity *identity,
                                  const osri_epmd_registration *registration,
                                  uint8_t ret_data[OSRI_EPMD_REQUEST_BYTES_MAX], size_t *ret_bytes)
{
    osri_epmd_request request = {.operation = OSRI_EPMD_REGISTER, .has_certificate = true};
    osri_epmd_record *record = &request.record;

    bool good = identity != NULL && registration->label_count <= OSRI_EPMD_LABELS_MAX &&
                copy_text(record->endpoint, sizeof(record->endpoint), registration->endpoint);
    for (uint32_t i = 0; good && i < registration->label_count; i++) {
        good = copy_text(record->labels[i], sizeof(record->labels[i]), registration->labels[i]);
    }
    if (!good) {
        return OSR_EINVAL;
    }
    record->label_count = registration->label_count;
    record->hidden = registration->hidden;
    record->creation = identity->creation;
    record->os_pid = (uint32_t)getpid();
    request.certificate = *osri_identity_shown(identity);
    return osri_epmd_request_encode(&request, ret_data, OSRI_EPMD_REQUEST_BYTES_MAX, ret_bytes);
}

/* The first time: asks, waits, and keeps the connection. */
static osr_err hold(osri_epmd_lease *lease, const osri_epmd_options *options, char *text,
                    size_t text_bytes)
{
    osri_epmd_call *call = NULL;

    osr_err err = osri_epmd_call_new(options, NULL, text, text_bytes, &call);
    if (err != OSR_OK) {
        return err;
    }
    err = osri_epmd_request_decode(lease->request, lease->request_bytes, &call->request);
    if (err == OSR_OK) {
        err = osri_epmd_call_ask(call, OSRI_EPMD_OK);
    }
    if (err == OSR_OK) {
        lease->fd = call->fd;
        lease->state = OSRI_LEASE_HELD;
        call->fd = -1;
    }
    osri_epmd_call_free(&call);
    return err;
}

osr_err osri_epmd_register(const osri_epmd_options *options,
                           const osri_epmd_registration *registration, osri_epmd_lease **ret_lease,
                           char *ret_text, size_t text_bytes)
{
    osri_epmd_lease *lease = osri_heap_zalloc(sizeof(*lease));

    if (lease == NULL) {
        return osri_epmd_fail(OSR_ENOMEM, ret_text, text_bytes, "out of memory");
    }
    lease->fd = -1;
    lease->retry_ms = RETRY_MS_FIRST;
    lease->renewal = options->identity == NULL ? NULL : options->identity->renewal;
    osr_err err = osri_epmd_register_encode(options->identity, registration, lease->request,
                                            &lease->request_bytes);
    if (err != OSR_OK) {
        osri_epmd_fail(err, ret_text, text_bytes, "the endpoint or a label is missing or too long");
    } else {
        err = osri_epmd_port(options->port, &lease->port, ret_text, text_bytes);
    }
    if (err == OSR_OK) {
        err = hold(lease, options, ret_text, text_bytes);
    }
    if (err != OSR_OK) {
        osri_epmd_lease_free(&lease);
        return err;
    }
    *ret_lease = lease;
    return OSR_OK;
}

int osri_epmd_lease_fd(const osri_epmd_lease *lease)
{
    return lease->fd;
}

osri_epmd_lease_state osri_epmd_lease_state_get(const osri_epmd_lease *lease)
{
    return lease->state;
}

/* Off this connection; to connect again after a while. */
static void lose(osri_epmd_lease *lease, osri_epmd_lease_state state, uint64_t now_ms)
{
    if (lease->fd >= 0) {
        close(lease->fd);
    }
    if (lease->state == OSRI_LEASE_HELD) {
        lease->retry_ms = RETRY_MS_FIRST;
    }
    lease->fd = -1;
    lease->asked_ms = 0;
    lease->state = state;
    lease->due_ms = now_ms + lease->retry_ms;
    lease->retry_ms = lease->retry_ms * 2 < RETRY_MS_MAX ? lease->retry_ms * 2 : RETRY_MS_MAX;
}

/* The certificate may have been renewed since. */
static void show_newest(osri_epmd_lease *lease)
{
    const osri_signed_certificate *newest =
        lease->renewal == NULL ? NULL : osri_renewal_newest(lease->renewal);
    osri_epmd_request request;
    uint8_t data[OSRI_EPMD_REQUEST_BYTES_MAX];
    size_t bytes;

    if (newest == NULL ||
        osri_epmd_request_decode(lease->request, lease->request_bytes, &request) != OSR_OK) {
        return;
    }
    request.certificate = *newest;
    if (osri_epmd_request_encode(&request, data, sizeof(data), &bytes) == OSR_OK) {
        memcpy(lease->request, data, bytes);
        lease->request_bytes = bytes;
    }
}

static void ask_again(osri_epmd_lease *lease, uint64_t now_ms)
{
    osri_epmd_lease_state state =
        lease->state == OSRI_LEASE_TAKEN ? OSRI_LEASE_TAKEN : OSRI_LEASE_LOST;

    if (osri_epmd_local_connect(lease->port, &lease->fd, NULL, 0) != OSR_OK) {
        lease->fd = -1;
        lose(lease, OSRI_LEASE_LOST, now_ms);
        return;
    }
    show_newest(lease);
    if (send(lease->fd, lease->request, lease->request_bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        lose(lease, state, now_ms);
        return;
    }
    lease->asked_ms = now_ms;
}

bool osri_epmd_lease_was_stopped(const osri_epmd_lease *lease)
{
    return lease->stopped;
}

/* What the mapper said. After OK it only ever says that it stops; else more is as bad as a wrong
 * answer. */
static void hear(osri_epmd_lease *lease, const uint8_t *data, size_t bytes, uint64_t now_ms)
{
    osri_epmd_reply reply;

    if (osri_epmd_reply_decode(data, bytes, &reply) != OSR_OK) {
        lose(lease, OSRI_LEASE_LOST, now_ms);
    } else if (reply.answer == OSRI_EPMD_ERROR && reply.error == OSR_ESTOPPED) {
        lease->stopped = true;
        lose(lease, OSRI_LEASE_LOST, now_ms);
    } else if (lease->asked_ms == 0) {
        lose(lease, OSRI_LEASE_LOST, now_ms);
    } else if (reply.answer == OSRI_EPMD_OK) {
        lease->state = OSRI_LEASE_HELD;
        lease->stopped = false;
        lease->asked_ms = 0;
    } else {
        bool taken = reply.answer == OSRI_EPMD_ERROR && reply.error == OSR_ETAKEN;
        lose(lease, taken ? OSRI_LEASE_TAKEN : OSRI_LEASE_LOST, now_ms);
    }
}

static void listen_to(osri_epmd_lease *lease, uint64_t now_ms)
{
    uint8_t data[1024]; /* OK or an error; both are shorter */
    ssize_t bytes = recv(lease->fd, data, sizeof(data), MSG_DONTWAIT);

    if (bytes > 0) {
        hear(lease, data, (size_t)bytes, now_ms);
    } else if (bytes == 0 || (errno != EAGAIN && errno != EINTR)) {
        lose(lease, OSRI_LEASE_LOST, now_ms);
    } else if (lease->asked_ms != 0 && now_ms - lease->asked_ms >= ANSWER_MS) {
        lose(lease, OSRI_LEASE_LOST, now_ms);
    }
}

uint64_t osri_epmd_lease_turn(osri_epmd_lease *lease, uint64_t now_ms)
{
    if (lease->fd >= 0) {
        listen_to(lease, now_ms);
    }
    if (lease->fd < 0 && now_ms >= lease->due_ms) {
        ask_again(lease, now_ms);
    }
    if (lease->fd < 0) {
        return lease->due_ms;
    }
    return lease->asked_ms != 0 ? lease->asked_ms + ANSWER_MS : UINT64_MAX;
}

void osri_epmd_lease_free(osri_epmd_lease **lease)
{
    if (lease == NULL || *lease == NULL) {
        return;
    }
    if ((*lease)->fd >= 0) {
        close((*lease)->fd);
    }
    osri_heap_free(*lease, sizeof(**lease));
    *lease = NULL;
}
