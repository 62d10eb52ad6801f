/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_BEHAVIOUR_WORKER_H
#define OSR_TESTS_BEHAVIOUR_WORKER_H

#include <stdatomic.h>

#include "osier/osier.h"

/* A server to be supervised: tells the process registered as "observer" (on its own node, or on the
 * one given) that it started and that it terminates, and ends as it is told to. */

#define SOON 5000 /* ms: for what is certain to happen */

typedef enum worker_word {
    STARTED = 1,
    TERMINATED,
    FAILED, /* init will return an error */
} worker_word;

typedef enum worker_end {
    END_NORMAL = 1,
    END_SHUTDOWN,
    END_ERROR,
    END_CRASH,
    END_UNLINKED, /* unlinks itself from its parent, then fails */
} worker_end;

OSR_MESSAGE(worker_event, 0x0f21, (1, u32, word), (2, u32, number), (3, pid, pid),
            (4, u32, reason));
OSR_MESSAGE(worker_order, 0x0f22, (1, u32, end));
OSR_MESSAGE(worker_options, 0x0f23, (1, u32, number), (2, bool, trap), (3, u32, terminate_ms),
            (4, u32, fails_from), (5, u32, init_ms), (6, str, observer_node));
OSR_STATE(worker, (1, u32, number), (2, u32, terminate_ms), (3, bool, remote));

#define WORKERS_MAX 16
static atomic_uint worker_starts[WORKERS_MAX]; /* of each number, also failed ones */

static void worker_tell(osr_self *self, const worker *state, worker_word word, uint32_t reason)
{
    worker_event event = {.word = (uint32_t)word,
                          .number = state->number,
                          .pid = osr_self_pid(self),
                          .reason = reason};
    const char *node = state->remote ? "boss@host" : NULL;
    (void)worker_event_send(self, osr_name("observer", node), &event);
}

OSR_ON_INIT(worker, worker_options)
{
    worker_options none = {0};
    const worker_options *options = argument == NULL ? &none : argument;
    state->number = options->number;
    state->terminate_ms = options->terminate_ms;
    state->remote = options->observer_node.size != 0;
    (void)osr_trap_exit(self, options->trap);
    if (options->init_ms != 0) {
        (void)osr_sleep(self, options->init_ms);
    }
    unsigned start = 1 + atomic_fetch_add(&worker_starts[options->number % WORKERS_MAX], 1);
    if (options->fails_from != 0 && start >= options->fails_from) {
        worker_tell(self, state, FAILED, 0);
        return OSR_EADDRESS;
    }
    worker_tell(self, state, STARTED, 0);
    return OSR_OK;
}

OSR_ON_INFO(worker, worker_order)
{
    osr_reason reason = osr_reason_error(OSR_EIO);
    switch (message->end) {
    case END_SHUTDOWN:
        reason = osr_reason_of(OSR_REASON_SHUTDOWN);
        break;
    case END_CRASH:
        OSR_CHECK(self, message->end == 0);
        break;
    case END_UNLINKED:
        (void)osr_unlink(self, osr_self_parent(self));
        break;
    case END_NORMAL:
        return OSR_STOP;
    default:
        break;
    }
    (void)osr_fail(self, &reason);
    return OSR_STOP;
}

OSR_ON_TERMINATE(worker)
{
    if (state->terminate_ms != 0 && osr_sleep(self, state->terminate_ms) != OSR_OK) {
        return;
    }
    worker_tell(self, state, TERMINATED, reason->code);
}

OSR_SERVER(worker, OSR_INIT(worker_options), OSR_INFO(worker_order), OSR_TERMINATE);
OSR_EXPORT_SERVER(worker);

static inline void worker_end_it(osr_self *self, osr_pid pid, worker_end end)
{
    worker_order order = {.end = (uint32_t)end};
    (void)worker_order_send(self, osr_to(pid), &order);
}

/* The next event, which must be this word of this worker; returns its process. */
static inline osr_pid expect(osr_self *self, worker_word word, uint32_t number)
{
    static const osr_type *const events[] = {&worker_event_osr_type};
    osr_message message;
    osr_err err = osr_receive_of(self, events, 1, SOON, &message);
    OSR_CHECK(self, err == OSR_OK);
    const worker_event *event = OSR_AS(worker_event, &message);
    OSR_CHECK(self, event->word == (uint32_t)word);
    OSR_CHECK(self, event->number == number);
    return event->pid;
}

/* No event has come. */
static inline bool is_quiet(osr_self *self)
{
    static const osr_type *const events[] = {&worker_event_osr_type};
    osr_message message;
    return osr_receive_of(self, events, 1, 0, &message) == OSR_ETIMEDOUT;
}

static inline void observe(osr_self *self)
{
    for (int i = 0; i < WORKERS_MAX; ++i) {
        atomic_store(&worker_starts[i], 0);
    }
    OSR_CHECK(self, osr_register(self, "observer", osr_self_pid(self)) == OSR_OK);
    (void)osr_trap_exit(self, true);
}

static inline bool is_down_of(void *context, const osr_message *message)
{
    const osr_down *down = OSR_AS(osr_down, message);
    return down != NULL && osr_ref_equal(down->monitor, *(const osr_ref *)context);
}

/* The reason the process ends with, once it has. */
static inline osr_reason_code end_of(osr_self *self, osr_ref monitor)
{
    osr_message message;
    OSR_CHECK(self, osr_receive_where(self, is_down_of, &monitor, SOON, &message) == OSR_OK);
    return (osr_reason_code)OSR_AS(osr_down, &message)->reason.code;
}

static inline osr_ref watch(osr_self *self, osr_pid pid)
{
    osr_ref monitor;
    OSR_CHECK(self, osr_monitor(self, osr_to(pid), &monitor) == OSR_OK);
    return monitor;
}

#endif
