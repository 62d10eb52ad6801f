/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* A trace: the rings, read side by side and merged by time. */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/trace/event.h"
#include "lib/scheduler/scheduler.h"

#define RINGS_MAX (OSRI_SCHEDULERS_MAX + 32) /* schedulers, spares, the stepper, and the shared */

typedef struct place {
    uint64_t cursor;
    bool has; /* next has been read */
    osr_event next;
} place;

struct osr_trace {
    osr_node *node;
    osr_trace_options options;
    uint64_t lost;
    place places[RINGS_MAX];
};

const char *osr_event_name(uint8_t kind)
{
    switch (kind) {
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return text;
        OSR_EVENT_MAP(X)
#undef X
    default:
        return "unknown";
    }
}

const char *osr_drop_name(uint8_t why)
{
    switch (why) {
#define X(name, value, text)                                                                       \
    case value:                                                                                    \
        return text;
        OSR_DROP_MAP(X)
#undef X
    default:
        return "unknown";
    }
}

bool osr_event_has_name(uint8_t kind)
{
    const uint32_t named = OSR_EVENT_BIT(OSR_EVENT_REGISTER) | OSR_EVENT_BIT(OSR_EVENT_NODE_UP) |
                           OSR_EVENT_BIT(OSR_EVENT_NODE_DOWN) | OSR_EVENT_BIT(OSR_EVENT_RESTART) |
                           OSR_EVENT_BIT(OSR_EVENT_FAULT) | OSR_EVENT_BIT(OSR_EVENT_LOG);
    return kind < 32 && (named & OSR_EVENT_BIT(kind)) != 0;
}

static osri_ring *rings_of(const osr_node *node)
{
    /* acquire: pairs with release in ring_of() */
    return atomic_load_explicit(&node->recorder.rings, memory_order_acquire);
}

static void switch_on(osr_node *node, const osr_trace_options *options)
{
    osri_recorder *recorder = &node->recorder;
    uint32_t kinds = options->kinds == 0 ? OSR_EVENTS_ON_DEMAND : options->kinds;
    uint64_t until_ns = options->limit_ms == 0
                            ? UINT64_MAX
                            : osri_node_now(node) + options->limit_ms * OSRI_TICK_NS;
    atomic_store_explicit(&recorder->left, options->limit == 0 ? UINT64_MAX : options->limit,
                          memory_order_relaxed);
    atomic_store_explicit(&recorder->until_ns, until_ns, memory_order_relaxed);
    atomic_store_explicit(&recorder->only,
                          (uint64_t)options->pid.slot << 32 | options->pid.generation,
                          memory_order_relaxed);
    /* release: pairs with acquire in OSRI_TRACED() */
    atomic_store_explicit(&node->tracing, kinds & OSR_EVENTS_ON_DEMAND, memory_order_release);
}

osr_err osr_trace_start(osr_node *node, const osr_trace_options *options, osr_trace **ret_trace)
{
    if (options == NULL || (options->limit == 0 && options->limit_ms == 0)) {
        return OSR_EINVAL;
    }
    osr_trace *trace = osri_heap_zalloc(sizeof(*trace));
    if (trace == NULL) {
        return OSR_ENOMEM;
    }
    /* acq_rel: one trace after another */
    if (atomic_exchange_explicit(&node->recorder.busy, true, memory_order_acq_rel)) {
        osri_heap_free(trace, sizeof(*trace));
        return OSR_EBUSY;
    }
    trace->node = node;
    trace->options = *options;
    for (osri_ring *ring = rings_of(node); ring != NULL; ring = ring->next) {
        if (ring->index < RINGS_MAX) {
            trace->places[ring->index].cursor =
                atomic_load_explicit(&ring->written, memory_order_acquire);
        }
    }
    switch_on(node, options);
    *ret_trace = trace;
    return OSR_OK;
}

static bool is_of(const osr_trace *trace, const osr_event *event)
{
    osr_pid only = trace->options.pid;
    bool is_kind =
        trace->options.kinds == 0 || (trace->options.kinds & OSR_EVENT_BIT(event->kind)) != 0;
    bool is_about = event->slot == only.slot && event->generation == only.generation;
    bool is_with = !osr_event_has_name(event->kind) && osr_pid_equal(event->with.pid, only);
    return is_kind && (osr_pid_is_none(only) || is_about || is_with);
}

static bool fill(osr_trace *trace, const osri_ring *ring)
{
    place *at = &trace->places[ring->index];
    while (!at->has && osri_ring_read(ring, &at->cursor, &at->next, &trace->lost)) {
        at->has = is_of(trace, &at->next);
    }
    return at->has;
}

/* Where the oldest event is that has not been taken. */
static place *oldest(osr_trace *trace)
{
    place *first = NULL;
    for (osri_ring *ring = rings_of(trace->node); ring != NULL; ring = ring->next) {
        if (ring->index < RINGS_MAX && fill(trace, ring)) {
            place *at = &trace->places[ring->index];
            first = first == NULL || at->next.time_ns < first->next.time_ns ? at : first;
        }
    }
    return first;
}

size_t osr_trace_read(osr_trace *trace, osr_event *ret_events, size_t max)
{
    size_t count = 0;
    place *at;
    while (count < max && (at = oldest(trace)) != NULL) {
        ret_events[count++] = at->next;
        at->has = false;
    }
    return count;
}

uint64_t osr_trace_lost(const osr_trace *trace)
{
    return trace->lost;
}

bool osr_trace_is_on(const osr_trace *trace)
{
    return atomic_load_explicit(&trace->node->tracing, memory_order_relaxed) != 0;
}

void osr_trace_stop(osr_trace **trace_)
{
    osr_trace *trace = *trace_;
    *trace_ = NULL;
    if (trace == NULL) {
        return;
    }
    osr_node *node = trace->node;
    osri_heap_free(trace, sizeof(*trace));
    atomic_store_explicit(&node->tracing, 0, memory_order_relaxed);
    /* release: one trace after another */
    atomic_store_explicit(&node->recorder.busy, false, memory_order_release);
}
