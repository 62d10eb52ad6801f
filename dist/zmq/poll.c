/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/zmq/state.h"

#include <poll.h>
#include <string.h>

#include "lib/core/heap.h"

/* Waiting for and choosing the next event.
 *
 * A round looks at all sockets once, reads the monitors, and then serves at most ROUND_EVENTS
 * events, one from each readable source in turn: the ROUTER, which itself takes turns between its
 * peers, and each dialed connection. So monitors are read first and often, and a flood on one
 * connection delays the others by one frame each. Looking costs time in the number of dialed
 * connections. For many more than 64 of them the place to change is look(): everything else only
 * uses the readable flags that it sets.
 *
 * Looking is one poll(2) over the sockets' descriptors, where zmq_poll() asks each socket with
 * several system calls of its own. A descriptor tells of a change and not of a state: it is
 * readable while the I/O thread has sent something that no call on the socket has taken yet.
 *
 * Invariant: a socket that may have something to read has its flag set or its descriptor readable.
 * A read that finds nothing has taken all that was sent, asks to be told of more, and clears the
 * flag; so whoever else makes a call that may take it (a send, a refresh, a connect) sets the flag,
 * and a new monitor is read once. */

#define ROUND_EVENTS 64
#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static size_t item_bytes(uint32_t capacity)
{
    return (1 + 2 * (size_t)capacity) * sizeof(struct pollfd);
}

osr_err osri_zmq_sources_reserve(osri_zmq_transport *t, uint32_t capacity)
{
    if (capacity <= t->source_capacity) {
        return OSR_OK;
    }
    osri_zmq_conn **sources = osri_heap_alloc(capacity * sizeof *sources);
    struct pollfd *items = osri_heap_alloc(item_bytes(capacity));
    if (!sources || !items) {
        osri_heap_free(sources, capacity * sizeof *sources);
        osri_heap_free(items, item_bytes(capacity));
        return OSR_ENOMEM;
    }
    osri_zmq_sources_free(t);
    t->sources = sources;
    t->items = items;
    t->source_capacity = capacity;
    t->stale = true;
    return OSR_OK;
}

void osri_zmq_sources_free(osri_zmq_transport *t)
{
    if (t->source_capacity > 0) {
        osri_heap_free(t->sources, t->source_capacity * sizeof *t->sources);
        osri_heap_free(t->items, item_bytes(t->source_capacity));
    }
    t->source_count = t->source_capacity = 0;
}

/* poll() passes over a descriptor of -1. */
static void set_item(struct pollfd *item, int fd)
{
    *item = (struct pollfd){.fd = fd, .events = POLLIN};
}

/* items: the waker, then for each source its monitor and its socket; a source without sockets polls
 * nothing. */
static void refresh_sources(osri_zmq_transport *t)
{
    if (!t->stale) {
        return;
    }
    uint32_t count = 0;
    t->sources[count++] = NULL;
    set_item(&t->items[0], t->waker->fd);
    set_item(&t->items[1], osri_zmq_socket_fd(t->router_monitor));
    set_item(&t->items[2], osri_zmq_socket_fd(t->router));
    for (uint32_t i = 0; i < t->slot_capacity; i++) {
        osri_zmq_conn *conn = t->slots[i];
        if (conn && conn->dialed && conn->socket) {
            set_item(&t->items[1 + 2 * count], osri_zmq_socket_fd(conn->monitor));
            set_item(&t->items[2 + 2 * count], osri_zmq_socket_fd(conn->socket));
            t->sources[count++] = conn;
        }
    }
    t->source_count = count;
    t->stale = false;
}

static void sweep(osri_zmq_transport *t, uint64_t now_ms)
{
    t->swept_ms = now_ms;
    osri_zmq_accepts_sweep(t, now_ms);
    osri_zmq_strangers_tell(t, false);
    for (uint32_t i = 0; t->pending_count > 0 && i < t->slot_capacity; i++) {
        osri_zmq_conn *conn = t->slots[i];
        if (conn && conn->dialed) {
            osri_zmq_dialed_sweep(t, conn, now_ms);
        } else if (conn) {
            osri_zmq_accepted_sweep(t, conn, now_ms);
        }
    }
}

static bool has_deadlines(const osri_zmq_transport *t)
{
    return t->pending_count > 0 || t->accept_waiting > 0 || t->gone_count > 0;
}

static void note_readiness(osri_zmq_transport *t)
{
    for (uint32_t i = 0; i < t->source_count; i++) {
        osri_zmq_conn *conn = t->sources[i];
        bool monitor = t->items[1 + 2 * i].revents != 0;
        bool frames = t->items[2 + 2 * i].revents != 0;
        if (conn) {
            conn->readable |= frames;
            if (monitor) {
                osri_zmq_dialed_watch(t, conn);
            }
        } else {
            t->router_readable |= frames;
            if (monitor) {
                osri_zmq_accepts_watch(t);
            }
        }
    }
}

/* One look at all sockets, waiting at most wait_ns. True: somebody called wake(). */
static bool look(osri_zmq_transport *t, uint64_t wait_ns)
{
    bool woken = false;
    refresh_sources(t);
    if (has_deadlines(t) && wait_ns > OSRI_ZMQ_SWEEP_MS * NS_PER_MS) {
        wait_ns = OSRI_ZMQ_SWEEP_MS * NS_PER_MS;
    }
    const struct timespec wait = {.tv_sec = (time_t)(wait_ns / NS_PER_S),
                                  .tv_nsec = (long)(wait_ns % NS_PER_S)};
    if (ppoll(t->items, 1 + 2 * (nfds_t)t->source_count, &wait, NULL) > 0) {
        woken = t->items[0].revents != 0;
        if (woken) {
            osri_waker_lower(t->waker);
        }
        note_readiness(t);
    }
    uint64_t now_ms = osri_zmq_now_ms();
    if (has_deadlines(t) && (woken || now_ms - t->swept_ms >= OSRI_ZMQ_SWEEP_MS)) {
        sweep(t, now_ms);
    }
    osri_zmq_backlog_sweep(t, now_ms);
    return woken;
}

static bool take_held(osri_zmq_transport *t, osri_transport_event *ret_event)
{
    osri_conn number = t->held_conn;
    t->held_conn = 0;
    osri_zmq_conn *conn = osri_zmq_conn_find(t, number);
    if (!conn || conn->state == OSRI_ZMQ_TOMB) {
        zmq_msg_close(&t->held);
        zmq_msg_init(&t->held);
        return false;
    }
    zmq_msg_move(&t->lent, &t->held);
    ret_event->kind = OSRI_CONN_FRAME;
    ret_event->conn = number;
    ret_event->frame = zmq_msg_data(&t->lent);
    ret_event->frame_bytes = zmq_msg_size(&t->lent);
    return true;
}

static void report_due(osri_zmq_transport *t, osri_zmq_conn *conn, osri_transport_event *ret_event)
{
    ret_event->conn = conn->number;
    if (conn->opened_due) {
        ret_event->kind = OSRI_CONN_OPENED;
        memcpy(ret_event->peer_key, conn->peer_key, OSRI_KEY_BYTES);
        osri_zmq_conn_set_due(t, conn, false, conn->closed_due);
        return;
    }
    ret_event->kind = OSRI_CONN_CLOSED;
    ret_event->text = conn->text;
    ret_event->rejected = conn->rejected;
    if (conn->dialed) {
        osri_zmq_dialed_free(t, conn, 0);
    } else {
        osri_zmq_accepted_bury(t, conn, 0);
    }
}

static bool take_due(osri_zmq_transport *t, osri_transport_event *ret_event)
{
    for (uint32_t i = 0; t->due_count > 0 && i < t->slot_capacity; i++) {
        osri_zmq_conn *conn = t->slots[i];
        if (conn && (conn->opened_due || conn->closed_due)) {
            report_due(t, conn, ret_event);
            return true;
        }
    }
    return false;
}

static bool take_frame(osri_zmq_transport *t, osri_transport_event *ret_event)
{
    refresh_sources(t);
    for (uint32_t i = 0; i < t->source_count; i++) {
        t->cursor = (t->cursor + 1) % t->source_count;
        osri_zmq_conn *conn = t->sources[t->cursor];
        if (conn ? conn->readable && osri_zmq_dialed_take(t, conn, ret_event)
                 : t->router_readable && osri_zmq_accepted_take(t, ret_event)) {
            return true;
        }
    }
    return take_due(t, ret_event); /* reading to the end may have completed an ending */
}

static bool take_event(osri_zmq_transport *t, osri_transport_event *ret_event)
{
    memset(ret_event, 0, sizeof *ret_event);
    if (t->round_left == 0) {
        return false;
    }
    if ((t->held_conn && take_held(t, ret_event)) || take_due(t, ret_event) ||
        take_frame(t, ret_event)) {
        t->round_left--;
        return true;
    }
    return false;
}

bool osri_zmq_poll(osri_transport *transport, uint64_t timeout_ns, osri_transport_event *ret_event)
{
    osri_zmq_transport *t = (osri_zmq_transport *)transport;
    osri_zmq_own(t);
    zmq_msg_close(&t->lent);
    zmq_msg_init(&t->lent);
    uint64_t deadline_ns = timeout_ns == 0 ? 0 : osri_zmq_now_ns() + timeout_ns;
    bool looked = false, woken = false;
    while (!take_event(t, ret_event)) {
        uint64_t now_ns = timeout_ns == 0 ? 0 : osri_zmq_now_ns();
        if (woken || (looked && now_ns >= deadline_ns)) {
            return false;
        }
        bool exhausted = t->round_left == 0; /* something may be readable still */
        woken = look(t, exhausted || now_ns >= deadline_ns ? 0 : deadline_ns - now_ns);
        looked = true;
        t->round_left = ROUND_EVENTS;
    }
    return true;
}
