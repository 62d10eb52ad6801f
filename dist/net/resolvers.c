/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/net/resolvers.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "dist/net/revive.h"
#include "lib/core/heap.h"
#include "lib/core/list.h"
#include "lib/core/mutex.h"

/* Resolvers: a queue of names, two threads that take them, so that one mapper that does not answer
 * delays nobody but the next one behind it. The first thread also turns the lease.
 *
 * Invariants
 *   I1  `wanted` counts the questions in the queue (a semaphore), and once `stopping` is set
 *       stays readable.
 *   I2  the lease belongs to thread 0 until it has been joined. */

#define THREADS 2
#define STOP_TOKENS 1000000
#define WAIT_MS_MAX 60000

typedef struct question {
    osri_list_link link;
    osri_net *net;
    char name[OSRI_NAME_BYTES];
} question;

typedef struct helper {
    osri_resolvers *owner;
    bool keeps_lease;
    void *thread;
} helper;

struct osri_resolvers {
    osri_resolvers_options options;
    osri_epmd_lease *lease;     /* owner: thread 0 */
    osri_epmd_lease_state told; /* what was last said of it; owner: thread 0 */
    osri_revive revive;         /* owner: thread 0 */
    osri_mutex mutex;           /* OSRI_RANK_LEAF */
    osri_list queue;            /* guarded_by: mutex */
    int wanted;                 /* eventfd */
    atomic_bool stopping;
    helper helpers[THREADS];
    unsigned running;
};

void osri_resolvers_ask(void *context, osri_net *net, const char *name)
{
    osri_resolvers *resolvers = context;
    question *asked;
    uint64_t one = 1;

    asked = osri_heap_zalloc(sizeof(*asked));
    if (asked == NULL) {
        osri_net_resolved(net, name, OSR_ENOMEM, NULL, NULL, NULL);
        return;
    }
    asked->net = net;
    (void)snprintf(asked->name, sizeof(asked->name), "%s", name);
    osri_mutex_lock(&resolvers->mutex);
    osri_list_push_back(&resolvers->queue, &asked->link);
    osri_mutex_unlock(&resolvers->mutex);
    (void)!write(resolvers->wanted, &one, sizeof(one));
}

static question *take_question(osri_resolvers *resolvers)
{
    osri_list_link *first;

    osri_mutex_lock(&resolvers->mutex);
    first = osri_list_pop_front(&resolvers->queue);
    osri_mutex_unlock(&resolvers->mutex);
    return first == NULL ? NULL : OSRI_LIST_ENTRY(first, question, link);
}

/* Contacts first: what was typed holds. */
static osr_err find(const osri_resolvers *resolvers, const char *name,
                    char ret_endpoint[OSRI_ENDPOINT_BYTES], uint8_t ret_key[OSRI_KEY_BYTES],
                    char *ret_text, size_t text_bytes)
{
    const osri_epmd_options *epmd = resolvers->options.epmd;
    osri_epmd_record record;
    osr_err err = osri_contacts_find(resolvers->options.contacts, name, ret_endpoint, ret_key,
                                     ret_text, text_bytes);

    if (err != OSR_ENOTFOUND) {
        return err;
    }
    if (epmd == NULL) {
        (void)snprintf(ret_text, text_bytes,
                       "started without a port mapper, and no member or contact tells its address");
        return OSR_ENOTFOUND;
    }
    err = osri_epmd_lookup(epmd, name, &record, ret_text, text_bytes);
    if (err == OSR_OK) {
        memcpy(ret_endpoint, record.endpoint, OSRI_ENDPOINT_BYTES);
        memcpy(ret_key, record.key, OSRI_KEY_BYTES);
    }
    return err;
}

static void answer(osri_resolvers *resolvers)
{
    question *asked = take_question(resolvers);
    char endpoint[OSRI_ENDPOINT_BYTES];
    uint8_t key[OSRI_KEY_BYTES];
    char text[OSRI_EPMD_TEXT_BYTES] = "";
    osr_err err;

    if (asked == NULL) {
        return;
    }
    err = find(resolvers, asked->name, endpoint, key, text, sizeof(text));
    osri_net_resolved(asked->net, asked->name, err, endpoint, key, text[0] == '\0' ? NULL : text);
    osri_heap_free(asked, sizeof(*asked));
}

static uint64_t now_ms(const osri_resolvers *resolvers)
{
    return resolvers->options.env->now_ns(resolvers->options.env->context) / UINT64_C(1000000);
}

/* Once a change, not once a try. */
static void tell_lease(osri_resolvers *resolvers)
{
    osri_epmd_lease_state state = osri_epmd_lease_state_get(resolvers->lease);

    if (state == resolvers->told) {
        return;
    }
    if (state == OSRI_LEASE_HELD) {
        osri_log_write(resolvers->options.log, OSR_LOG_NOTICE,
                       "net: registered at the port mapper again");
    } else if (state == OSRI_LEASE_TAKEN) {
        osri_log_write(resolvers->options.log, OSR_LOG_ERROR,
                       "net: another node has registered under this name at the port mapper; new "
                       "connections reach that one: stop one of them");
    } else {
        bool stopped = osri_epmd_lease_was_stopped(resolvers->lease);
        osri_log_write(resolvers->options.log, OSR_LOG_WARNING,
                       "net: the port mapper %s; connections stay, %s",
                       stopped ? "was stopped" : "is gone",
                       !stopped && resolvers->options.revives
                           ? "and it is started again"
                           : "new ones wait until one runs: osier-epmd --daemon");
    }
    resolvers->told = state;
}

/* Starts a mapper that died again; blocks for some seconds at most. */
static void revive(osri_resolvers *resolvers, uint64_t now)
{
    const osr_env *env = resolvers->options.env;
    bool is_dead = osri_epmd_lease_state_get(resolvers->lease) == OSRI_LEASE_LOST &&
                   !osri_epmd_lease_was_stopped(resolvers->lease);
    char text[OSRI_EPMD_TEXT_BYTES] = "";
    uint32_t random;

    env->random(env->context, &random, sizeof(random));
    if (osri_revive_turn(&resolvers->revive, resolvers->options.revives && is_dead, now, random) &&
        osri_epmd_ensure(resolvers->options.epmd, text, sizeof(text)) != OSR_OK) {
        osri_log_write(resolvers->options.log, OSR_LOG_WARNING,
                       "net: the port mapper does not start again: %s", text);
    }
}

/* How long to wait. */
static int turn_lease(osri_resolvers *resolvers)
{
    uint64_t now = now_ms(resolvers);
    uint64_t due = osri_epmd_lease_turn(resolvers->lease, now);
    uint64_t revive_due;

    tell_lease(resolvers);
    revive(resolvers, now);
    revive_due = osri_revive_due(&resolvers->revive);
    due = revive_due < due ? revive_due : due;
    if (due == UINT64_MAX) {
        return -1;
    }
    return due <= now ? 0 : due - now > WAIT_MS_MAX ? WAIT_MS_MAX : (int)(due - now);
}

static void help(void *argument)
{
    helper *self = argument;
    osri_resolvers *resolvers = self->owner;

    /* acquire: pairs with stop_all */
    while (!atomic_load_explicit(&resolvers->stopping, memory_order_acquire)) {
        bool leases = self->keeps_lease && resolvers->lease != NULL;
        int timeout_ms = leases ? turn_lease(resolvers) : -1;
        struct pollfd fds[2] = {
            {.fd = resolvers->wanted, .events = POLLIN},
            {.fd = leases ? osri_epmd_lease_fd(resolvers->lease) : -1, .events = POLLIN},
        };
        uint64_t token;

        if (poll(fds, 2, timeout_ms) > 0 && fds[0].revents != 0 &&
            read(resolvers->wanted, &token, sizeof(token)) == sizeof(token)) {
            answer(resolvers);
        }
    }
}

static void stop_all(osri_resolvers *resolvers)
{
    uint64_t tokens = STOP_TOKENS;

    osri_contacts_stop(resolvers->options.contacts);
    /* release: pairs with help */
    atomic_store_explicit(&resolvers->stopping, true, memory_order_release);
    (void)!write(resolvers->wanted, &tokens, sizeof(tokens));
    for (unsigned i = 0; i < resolvers->running; i++) {
        resolvers->options.env->thread_join(resolvers->options.env->context,
                                            resolvers->helpers[i].thread);
    }
}

static void free_resolvers(osri_resolvers *resolvers)
{
    osri_list_link *link;

    while ((link = osri_list_pop_front(&resolvers->queue)) != NULL) {
        osri_heap_free(OSRI_LIST_ENTRY(link, question, link), sizeof(question));
    }
    if (resolvers->wanted >= 0) {
        (void)close(resolvers->wanted);
    }
    osri_mutex_fini(&resolvers->mutex);
    osri_heap_free(resolvers, sizeof(*resolvers));
}

static osr_err start_all(osri_resolvers *resolvers)
{
    const osr_env *env = resolvers->options.env;

    for (unsigned i = 0; i < THREADS; i++) {
        helper *started = &resolvers->helpers[i];
        osr_err err;
        started->owner = resolvers;
        started->keeps_lease = i == 0;
        err = env->thread_start(env->context, "osr-resolver", help, started, &started->thread);
        if (err != OSR_OK) {
            stop_all(resolvers);
            return err;
        }
        resolvers->running++;
    }
    return OSR_OK;
}

osr_err osri_resolvers_new(const osri_resolvers_options *options, osri_epmd_lease *lease,
                           osri_resolvers **ret_resolvers)
{
    osri_resolvers *resolvers = osri_heap_zalloc(sizeof(*resolvers));
    osr_err err;

    if (resolvers == NULL) {
        return OSR_ENOMEM;
    }
    resolvers->options = *options;
    resolvers->lease = lease;
    resolvers->told = OSRI_LEASE_HELD;
    osri_mutex_init(&resolvers->mutex, OSRI_RANK_LEAF);
    osri_list_init(&resolvers->queue);
    atomic_init(&resolvers->stopping, false);
    resolvers->wanted = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | EFD_SEMAPHORE);
    err = resolvers->wanted < 0 ? (errno == EMFILE || errno == ENFILE ? OSR_ELIMIT : OSR_EIO)
                                : start_all(resolvers);
    if (err != OSR_OK) {
        free_resolvers(resolvers);
        return err;
    }
    *ret_resolvers = resolvers;
    return OSR_OK;
}

void osri_resolvers_free(osri_resolvers **resolvers)
{
    if (*resolvers == NULL) {
        return;
    }
    stop_all(*resolvers);
    osri_epmd_lease_free(&(*resolvers)->lease);
    free_resolvers(*resolvers);
    *resolvers = NULL;
}
