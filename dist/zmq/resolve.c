/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

#include "dist/transport.h"
#include "lib/core/heap.h"

/* One detached thread a lookup, at most LOOKUPS_MAX in the process: getaddrinfo() cannot be
 * cancelled, and nobody may have to wait for it. The job is held by the caller and by the thread;
 * the last one frees it. */

#define LOOKUPS_MAX 64
#define STACK_BYTES (512 * 1024)

struct osri_resolve_job {
    atomic_uint users;
    atomic_bool done; /* release by the thread: pairs with acquire in osri_resolve_result */
    bool ipv6;
    osri_waker *waker;
    char host[OSRI_ENDPOINT_BYTES];
    size_t count;                                           /* written before done */
    char addresses[OSRI_ADDRESSES_MAX][OSRI_ADDRESS_BYTES]; /* written before done */
};

static atomic_uint lookups; /* relaxed: a count */

void osri_resolve_free(osri_resolve_job *job)
{
    /* acq_rel: the other user's last touch comes before the free */
    if (job && atomic_fetch_sub_explicit(&job->users, 1, memory_order_acq_rel) == 1) {
        osri_waker_unref(job->waker);
        osri_heap_free(job, sizeof *job);
    }
}

static bool is_known(const osri_resolve_job *job, const char *address)
{
    for (size_t i = 0; i < job->count; i++) {
        if (strcmp(job->addresses[i], address) == 0) {
            return true;
        }
    }
    return false;
}

static void note_addresses(osri_resolve_job *job, const struct addrinfo *found)
{
    for (; found != NULL && job->count < OSRI_ADDRESSES_MAX; found = found->ai_next) {
        char *address = job->addresses[job->count];
        if (getnameinfo(found->ai_addr, found->ai_addrlen, address, OSRI_ADDRESS_BYTES, NULL, 0,
                        NI_NUMERICHOST) == 0 &&
            !is_known(job, address)) {
            job->count++;
        }
    }
}

static void look_up(osri_resolve_job *job)
{
    struct addrinfo hints, *found = NULL;
    memset(&hints, 0, sizeof hints);
    hints.ai_family = job->ipv6 ? AF_UNSPEC : AF_INET;
    hints.ai_socktype = SOCK_STREAM;
    int missing = getaddrinfo(job->host, NULL, &hints, &found);
    if (missing != 0 && strcmp(job->host, "localhost") == 0) {
        /* it is loopback also on a system without /etc/hosts (RFC 6761, 6.3) */
        missing = getaddrinfo("127.0.0.1", NULL, &hints, &found);
    }
    if (missing != 0) {
        return;
    }
    note_addresses(job, found);
    freeaddrinfo(found);
}

static void *run(void *argument)
{
    osri_resolve_job *job = argument;
    look_up(job);
    atomic_store_explicit(&job->done, true, memory_order_release);
    osri_waker_raise(job->waker);
    atomic_fetch_sub_explicit(&lookups, 1, memory_order_relaxed);
    osri_resolve_free(job);
    return NULL;
}

static bool start_thread(osri_resolve_job *job)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool started = pthread_create(&thread, &attributes, run, job) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return started;
}

static osr_err make_job(const char *host, bool ipv6, osri_waker *waker, osri_resolve_job **ret_job)
{
    size_t bytes = strlen(host);
    osri_resolve_job *job;
    if (bytes >= sizeof job->host) {
        return OSR_EINVAL;
    }
    job = osri_heap_zalloc(sizeof *job);
    if (!job) {
        return OSR_ENOMEM;
    }
    atomic_init(&job->users, 2);
    atomic_init(&job->done, false);
    job->ipv6 = ipv6;
    memcpy(job->host, host, bytes + 1);
    job->waker = waker;
    osri_waker_ref(waker);
    *ret_job = job;
    return OSR_OK;
}

osr_err osri_resolve_start(const char *host, bool ipv6, osri_waker *waker,
                           osri_resolve_job **ret_job)
{
    osri_resolve_job *job = NULL;
    if (atomic_fetch_add_explicit(&lookups, 1, memory_order_relaxed) >= LOOKUPS_MAX) {
        atomic_fetch_sub_explicit(&lookups, 1, memory_order_relaxed);
        return OSR_ELIMIT;
    }
    osr_err err = make_job(host, ipv6, waker, &job);
    if (err == OSR_OK && !start_thread(job)) {
        osri_resolve_free(job);
        osri_resolve_free(job);
        err = OSR_ELIMIT;
    }
    if (err != OSR_OK) {
        atomic_fetch_sub_explicit(&lookups, 1, memory_order_relaxed);
        return err;
    }
    *ret_job = job;
    return OSR_OK;
}

osr_err osri_resolve_result(osri_resolve_job *job, char *ret_address)
{
    if (!atomic_load_explicit(&job->done, memory_order_acquire)) { /* pairs with release in run */
        return OSR_EBUSY;
    }
    if (job->count == 0) {
        return OSR_ENOTFOUND;
    }
    memcpy(ret_address, job->addresses[0], sizeof job->addresses[0]);
    return OSR_OK;
}

size_t osri_resolve_count(const osri_resolve_job *job)
{
    return job->count;
}

const char *osri_resolve_address(const osri_resolve_job *job, size_t index)
{
    return job->addresses[index];
}
