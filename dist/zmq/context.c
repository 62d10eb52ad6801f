/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/context.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <sodium.h>
#include <zmq.h>

#include "dist/zmq/zap.h"
#include "lib/core/mutex.h"

/* The one counted ZeroMQ context of the OS process.
 *
 * Invariants
 *   I1  users > 0 exactly while context is set and the key-checking thread is bound: no socket of
 *       the context, so no listener, exists before the thread that guards it or after it.
 *   I2  srand() ran before the first socket: libzmq numbers a ROUTER's peers from rand() and never
 *       seeds it.
 * One context, because libzmq 4.3.4 shares libsodium's state between contexts and tears it down
 * with any of them. The lock is held while the context ends, so that a new one cannot overlap with
 * it. libzmq's own threads block all signals by themselves. */

#define IO_THREADS 1
#define SOCKETS_MAX 16384

static osri_mutex mutex = OSRI_MUTEX_INIT(OSRI_RANK_LEAF);
static void *context;  /* guarded_by: mutex */
static uint32_t users; /* guarded_by: mutex */
static bool seeded;    /* guarded_by: mutex */

static OSR_REQUIRES(&mutex) osr_err prepare_process_locked(void)
{
    if (seeded) {
        return OSR_OK;
    }
    if (sodium_init() < 0) {
        return OSR_EIO;
    }
    srand(randombytes_random());
    seeded = true;
    return OSR_OK;
}

static OSR_REQUIRES(&mutex) osr_err open_context_locked(void)
{
    osr_err err = prepare_process_locked();
    if (err != OSR_OK) {
        return err;
    }
    void *fresh = zmq_ctx_new();
    if (!fresh) {
        return errno == EMFILE ? OSR_ELIMIT : OSR_ENOMEM;
    }
    zmq_ctx_set(fresh, ZMQ_IO_THREADS, IO_THREADS);
    zmq_ctx_set(fresh, ZMQ_MAX_SOCKETS, SOCKETS_MAX);
    err = osri_zap_start(fresh);
    if (err != OSR_OK) {
        zmq_ctx_term(fresh);
        return err;
    }
    context = fresh;
    return OSR_OK;
}

static OSR_REQUIRES(&mutex) void close_context_locked(void)
{
    zmq_ctx_shutdown(context);
    osri_zap_join();
    while (zmq_ctx_term(context) != 0 && errno == EINTR) {
    }
    context = NULL;
}

osr_err osri_zmq_context_ref(void **ret_context)
{
    osr_err err = OSR_OK;
    osri_mutex_lock(&mutex);
    if (users == 0) {
        err = open_context_locked();
    }
    if (err == OSR_OK) {
        users++;
        *ret_context = context;
    }
    osri_mutex_unlock(&mutex);
    return err;
}

void osri_zmq_context_unref(void)
{
    osri_mutex_lock(&mutex);
    if (users > 0 && --users == 0) {
        close_context_locked();
    }
    osri_mutex_unlock(&mutex);
}
