/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TRACE_EVENT_H
#define OSR_TRACE_EVENT_H

#include "lib/core/mutex.h"
#include "lib/trace/ring.h"

/* How the runtime records what happens. Events of control are recorded always; one of a message
 * costs a load and a branch that is not taken while no trace runs. */

typedef struct osri_envelope osri_envelope;

/* What a node keeps for it. */
typedef struct osri_recorder {
    _Atomic(osri_ring *) rings;   /* newest first; freed with the node */
    _Atomic(uint32_t) ring_count; /* numbers for them */
    osri_mutex mutex;             /* OSRI_RANK_TRACE: who writes to `shared` */
    osri_ring *shared;            /* guarded_by: mutex; of threads that are no workers */
    char *path;                   /* constant; where the flight record goes, or NULL */
    atomic_bool busy;             /* there is a trace */
    _Atomic(uint64_t) left;       /* events of messages until the trace's limit */
    _Atomic(uint64_t) until_ns;
    _Atomic(uint64_t) only; /* slot << 32 | generation; 0: of all */
} osri_recorder;

/* path is copied, or NULL. Errors: OSR_ENOMEM. */
osr_err osri_recorder_init(osri_recorder *recorder, const char *path);
void osri_recorder_fini(osri_recorder *recorder);

/* Records one: its time and ring are filled in. Without memory for a ring it is not. Threads:
 * any. */
void osri_event(osr_node *node, osr_event *event);

/* One that says which process did what with which other. */
void osri_event_pair(osr_node *node, osr_event_kind kind, osr_pid about, osr_pid with,
                     uint64_t number);

/* One that has a name instead: cut, lent for the call. */
void osri_event_named(osr_node *node, osr_event_kind kind, osr_pid about, const char *name,
                      uint64_t number);

/* While a trace runs: a message goes to `to`, as far as known. Gives it its trace. SEND, CALL and
 * ENQUEUE come of this. */
void osri_event_sent(osr_node *node, osr_pid to, osri_envelope *message);

/* While a trace runs: a running process gives away what somebody else will send for it. */
void osri_event_caused(const osr_self *sender, osri_envelope *message);

/* While a trace runs: about has received it. */
void osri_event_received(osr_node *node, osr_pid about, const osri_envelope *message);

/* While a trace runs: one on demand that is of no message. */
void osri_event_on_demand(osr_node *node, osr_event_kind kind, osr_pid about, uint64_t number);

/* A message that nobody will get is counted, and leaves an event: `to` is whose it was. Threads:
 * any. */
void osri_message_dropped(osr_node *node, osr_pid to, osr_drop why, const osri_envelope *message);

/* What is done while a trace runs, and costs a load and a branch while none does:
 * OSRI_TRACED(node, osri_event_sent(node, to, message)). */
#define OSRI_TRACED(node, event)                                                                   \
    do {                                                                                           \
        /* acquire: pairs with release in osr_trace_start() */                                     \
        if (__builtin_expect(atomic_load_explicit(&(node)->tracing, memory_order_acquire) != 0,    \
                             0)) {                                                                 \
            event;                                                                                 \
        }                                                                                          \
    } while (0)

/* The flight record after a fault, to the node's file or standard error. Async-signal-safe. */
void osri_flight_fault(const void *node, const char *line);

#endif
