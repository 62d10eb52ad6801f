/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/transport.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "dist/zmq/state.h"
#include "lib/core/heap.h"

/* The operations table over dialer, acceptor and poll. */

#define CONNECT_MS 7000
#define SILENT_MS 6000

uint64_t osri_zmq_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t osri_zmq_now_ms(void)
{
    return osri_zmq_now_ns() / 1000000;
}

/* ZeroMQ asks for a full fence where a socket moves to another thread. The role that the owners
 * hand over orders their accesses already (it is how T6 is kept); this makes the move a full
 * barrier whatever that role is made of. */
void osri_zmq_own(osri_zmq_transport *t)
{
    if (!pthread_equal(t->owner, pthread_self())) {
        atomic_fetch_add_explicit(&t->handover, 1, memory_order_seq_cst);
        t->owner = pthread_self();
    }
}

static osr_err send_frame(osri_transport *transport, osri_conn number, const uint8_t *frame,
                          size_t frame_bytes)
{
    osri_zmq_transport *t = (osri_zmq_transport *)transport;
    osri_zmq_own(t);
    if (frame_bytes == 0 || frame_bytes > OSRI_FRAME_BYTES_MAX) {
        return OSR_EINVAL;
    }
    osri_zmq_conn *conn = osri_zmq_conn_find(t, number);
    if (!conn || conn->state != OSRI_ZMQ_OPEN || conn->opened_due) {
        return OSR_ECLOSED;
    }
    return conn->dialed ? osri_zmq_dialed_send(conn, frame, frame_bytes)
                        : osri_zmq_accepted_send(t, conn, frame, frame_bytes);
}

static void close_conn(osri_transport *transport, osri_conn number, uint32_t linger_ms)
{
    osri_zmq_transport *t = (osri_zmq_transport *)transport;
    osri_zmq_own(t);
    osri_zmq_conn *conn = osri_zmq_conn_find(t, number);
    if (!conn || conn->state == OSRI_ZMQ_TOMB) {
        return;
    }
    if (conn->dialed) {
        osri_zmq_dialed_free(t, conn, linger_ms);
    } else {
        osri_zmq_accepted_bury(t, conn, linger_ms);
    }
}

static void wake(osri_transport *transport)
{
    osri_waker_raise(((osri_zmq_transport *)transport)->waker);
}

static void free_conns(osri_zmq_transport *t, uint32_t linger_ms)
{
    for (uint32_t i = 0; i < t->slot_capacity; i++) {
        if (t->slots[i] && t->slots[i]->dialed) {
            osri_zmq_dialed_free(t, t->slots[i], linger_ms);
        } else if (t->slots[i]) {
            osri_zmq_conn_free(t, t->slots[i]);
        }
    }
    osri_heap_free(t->slots, t->slot_capacity * sizeof *t->slots);
}

static void free_transport(osri_transport *transport, uint32_t linger_ms)
{
    osri_zmq_transport *t = (osri_zmq_transport *)transport;
    if (!t) {
        return;
    }
    osri_zmq_own(t);
    zmq_msg_close(&t->lent);
    zmq_msg_close(&t->held);
    osri_zmq_acceptor_stop(t, linger_ms);
    free_conns(t, linger_ms);
    osri_heap_free(t->accepts, t->accept_capacity * sizeof *t->accepts);
    osri_zmq_sources_free(t);
    osri_waker_unref(t->waker);
    if (t->context) {
        osri_zmq_context_unref();
    }
    sodium_memzero(t->key_secret, sizeof t->key_secret);
    osri_heap_free(t, sizeof *t);
}

static const osri_transport_ops operations = {
    .name = "zmq",
    .listen = osri_zmq_listen,
    .dial = osri_zmq_dial,
    .send = send_frame,
    .close = close_conn,
    .poll = osri_zmq_poll,
    .wake = wake,
    .free = free_transport,
};

osr_err osri_zmq_transport_new(const osri_zmq_options *options, osri_transport **ret_transport)
{
    osri_zmq_transport *t = osri_heap_zalloc(sizeof *t);
    if (!t) {
        return OSR_ENOMEM;
    }
    t->base.ops = &operations;
    t->owner = pthread_self();
    atomic_init(&t->handover, 0);
    t->admit = options->admit;
    t->admit_context = options->admit_context;
    t->stranger = options->stranger;
    t->tick_ms = options->tick_ms;
    t->connect_ms = options->connect_ms ? options->connect_ms : CONNECT_MS;
    t->silent_ms = options->silent_ms ? options->silent_ms : SILENT_MS;
    t->ipv6 = options->ipv6;
    t->stale = true;
    zmq_msg_init(&t->lent);
    zmq_msg_init(&t->held);
    memcpy(t->key_public, options->key_public, OSRI_KEY_BYTES);
    memcpy(t->key_secret, options->key_secret, OSRI_KEY_BYTES);
    osr_err err = osri_zmq_sources_reserve(t, 1);
    if (err == OSR_OK) {
        err = osri_waker_new(&t->waker);
    }
    if (err == OSR_OK) {
        err = osri_zmq_context_ref(&t->context);
    }
    if (err != OSR_OK) {
        free_transport(&t->base, 0);
        return err;
    }
    *ret_transport = &t->base;
    return OSR_OK;
}
