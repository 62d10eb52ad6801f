/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/behaviour/lan.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lib/process/signal.h"

#define STATIONS_MAX 8
#define TIES_MAX 256

typedef struct station {
    osr_node *node;
    osri_peer peer;
    bool up;
    unsigned dialled;
    int wanted;
    bool listed; /* a member although it is down */
    bool draining;
} station;

/* A link, or a monitor (number != 0), that was made across the network. */
typedef struct tie {
    osr_pid holder, other;
    uint64_t number;
} tie;

/* A spawn that is being answered: what it ties. */
typedef struct pending {
    uint64_t ref;
    uint64_t monitor;
    bool link;
    bool used;
} pending;

static station stations[STATIONS_MAX];
static size_t station_count;
static tie ties[TIES_MAX];
static size_t tie_count;
static pending spawn;
static bool holds_spawns;
static osri_envelope *held;
static station *held_for;

static station *station_of(uint64_t id, const char *name)
{
    for (size_t i = 0; i < station_count; ++i) {
        const station *at = &stations[i];
        if (name != NULL ? strcmp(at->peer.name, name) == 0 : at->peer.node == id) {
            return &stations[i];
        }
    }
    return NULL;
}

static void add_tie(osr_pid holder, osr_pid other, uint64_t number)
{
    ck_assert_uint_lt(tie_count, TIES_MAX);
    ties[tie_count++] = (tie){holder, other, number};
}

static void note(osr_pid to, const osri_envelope *signal)
{
    if (signal->kind == OSRI_SIGNAL_LINK) {
        add_tie(signal->from, to, 0);
        add_tie(to, signal->from, 0);
    } else if (signal->kind == OSRI_SIGNAL_MONITOR) {
        add_tie(signal->from, to, signal->ref);
    } else if (signal->kind == OSRI_SIGNAL_SPAWN) {
        const osri_spawn_request *request = osri_envelope_body(signal);
        spawn = (pending){signal->ref, request->monitor ? request->monitor_ref : 0, request->link,
                          true};
    } else if (signal->kind == OSRI_SIGNAL_SPAWN_REPLY && spawn.used && spawn.ref == signal->ref) {
        const osri_spawn_result *result = osri_envelope_body(signal);
        spawn.used = false;
        if (result->error == OSR_OK && spawn.link) {
            add_tie(to, result->pid, 0);
            add_tie(result->pid, to, 0);
        }
        if (result->error == OSR_OK && spawn.monitor != 0) {
            add_tie(to, result->pid, spawn.monitor);
        }
    }
}

static void lan_send(void *context, const osri_route *route, osri_envelope **signal)
{
    station *from = context;
    station *to = station_of(route->pid.node, route->node);
    if (to == NULL || !to->up || !from->up) {
        if (to != NULL) {
            to->dialled += 1;
        }
        osri_signal_refuse(from->node, route->pid, OSR_REASON_NOCONNECTION, signal);
        return;
    }
    note(route->pid, *signal);
    if ((*signal)->kind == OSRI_SIGNAL_SPAWN && holds_spawns) {
        ck_assert_ptr_null(held);
        held = *signal;
        held_for = to;
        *signal = NULL;
    } else if ((*signal)->kind == OSRI_SIGNAL_SPAWN) {
        osri_node_spawn_requested(to->node, signal);
    } else {
        osri_signal_deliver(to->node, route->pid, route->name, signal);
    }
}

static size_t lan_links(void *context, osr_link_status *ret_links, size_t max)
{
    (void)context;
    (void)ret_links;
    (void)max;
    return 0;
}

static osr_err lan_connect(void *context, const char *node, bool asked)
{
    (void)context;
    (void)asked;
    station *to = station_of(0, node);
    if (to != NULL && !to->up) {
        to->dialled += 1;
    }
    return OSR_OK;
}

static osr_err lan_disconnect(void *context, const char *node)
{
    (void)context;
    return station_of(0, node) == NULL ? OSR_ENOTFOUND : OSR_OK;
}

static const char *lan_name_of(void *context, uint64_t node)
{
    (void)context;
    const station *at = station_of(node, NULL);
    return at == NULL ? NULL : at->peer.name;
}

static bool lan_is_connected(void *context, uint64_t node)
{
    const station *from = context;
    const station *at = station_of(node, NULL);
    return at != NULL && at->up && from->up;
}

static size_t lan_peers(void *context, struct osri_peer *ret_peers, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < station_count; ++i) {
        if (&stations[i] != context && stations[i].up) {
            if (count < max) {
                ret_peers[count] = stations[i].peer;
            }
            count += 1;
        }
    }
    return count;
}

static osr_err lan_want(void *context, const char *node, bool wanted)
{
    (void)context;
    station *to = station_of(0, node);
    if (to != NULL) {
        to->wanted += wanted ? 1 : -1;
    }
    return OSR_OK;
}

static osr_err lan_drain(void *context, bool draining)
{
    (void)context;
    (void)draining;
    return OSR_ENOTSUP;
}

static osr_err lan_set_tick(void *context, uint32_t tick_ms)
{
    (void)context;
    (void)tick_ms;
    return OSR_ENOTSUP;
}

static void lan_close(void *context)
{
    station *at = context;
    if (at->up) {
        lan_down(at->node);
    }
}

/* Never full: nobody comes to stand in line. */
static bool lan_try_send(void *context, const osri_route *route, osri_envelope **signal,
                         osri_sender *sender)
{
    (void)sender;
    lan_send(context, route, signal);
    return true;
}

static const osri_remote_ops ops = {
    .send = lan_send,
    .try_send = lan_try_send,
    .connect = lan_connect,
    .disconnect = lan_disconnect,
    .name_of = lan_name_of,
    .is_connected = lan_is_connected,
    .peers = lan_peers,
    .want = lan_want,
    .drain = lan_drain,
    .set_tick = lan_set_tick,
    .links = lan_links,
    .close = lan_close,
};

void lan_reset(void)
{
    station_count = 0;
    tie_count = 0;
    spawn.used = false;
    holds_spawns = false;
}

void lan_add(osr_node *node, const char *labels)
{
    ck_assert_uint_lt(station_count, STATIONS_MAX);
    station *at = &stations[station_count++];
    memset(at, 0, sizeof(*at));
    at->node = node;
    at->peer.node = osr_node_id(node);
    at->peer.creation = osr_node_creation(node);
    (void)snprintf(at->peer.name, sizeof(at->peer.name), "%s", osr_node_name(node));
    (void)snprintf(at->peer.labels, sizeof(at->peer.labels), "%s", labels);
    osri_node_set_remote(node, &ops, at);
}

/* What `node` is told of a member of the network. */
static void tell_member(osr_node *node, const station *of)
{
    osri_member_view view = {.name = of->peer.name,
                             .creation = of->peer.creation,
                             .state = of->up || of->listed ? OSR_MEMBER_JOINED : OSR_MEMBER_LOST,
                             .connected = of->up,
                             .draining = of->draining,
                             .endpoint = "",
                             .labels = of->peer.labels};
    osri_node_member(node, &view);
}

void lan_list(osr_node *node, bool draining)
{
    station *at = station_of(osr_node_id(node), NULL);
    at->listed = true;
    at->draining = draining;
    for (size_t i = 0; i < station_count; ++i) {
        if (&stations[i] != at && stations[i].up) {
            tell_member(stations[i].node, at);
        }
    }
}

void lan_up(osr_node *node)
{
    station *at = station_of(osr_node_id(node), NULL);
    at->up = true;
    for (size_t i = 0; i < station_count; ++i) {
        if (&stations[i] != at && stations[i].up) {
            osri_node_peer_up(stations[i].node, &at->peer);
            osri_node_peer_up(node, &stations[i].peer);
            tell_member(stations[i].node, at);
            tell_member(node, &stations[i]);
        }
    }
}

/* Whoever holds a tie to the other side hears that it is gone. */
static void fire(const tie *what)
{
    station *at = station_of(what->holder.node, NULL);
    osr_reason reason = osr_reason_of(OSR_REASON_NOCONNECTION);
    osri_envelope *signal;
    osri_signal_kind kind = what->number == 0 ? OSRI_SIGNAL_LINK_EXIT : OSRI_SIGNAL_DOWN;
    ck_assert_int_eq(
        osri_signal_new(kind, what->other, what->number, &osr_reason_osr_type, &reason, &signal),
        OSR_OK);
    osri_signal_deliver(at->node, what->holder, NULL, &signal);
}

void lan_down(osr_node *node)
{
    station *at = station_of(osr_node_id(node), NULL);
    at->up = false;
    size_t kept = 0;
    for (size_t i = 0; i < tie_count; ++i) {
        if (ties[i].holder.node == at->peer.node || ties[i].other.node == at->peer.node) {
            fire(&ties[i]);
        } else {
            ties[kept++] = ties[i];
        }
    }
    tie_count = kept;
    for (size_t i = 0; i < station_count; ++i) {
        if (&stations[i] != at && stations[i].up) {
            osri_node_peer_down(stations[i].node, &at->peer, "connection_closed");
            osri_node_peer_down(node, &stations[i].peer, "connection_closed");
            osri_member_view gone = {.name = stations[i].peer.name,
                                     .creation = stations[i].peer.creation,
                                     .state = OSR_MEMBER_LOST,
                                     .endpoint = "",
                                     .labels = stations[i].peer.labels};
            tell_member(stations[i].node, at);
            osri_node_member(node, &gone);
        }
    }
}

void lan_hold_spawns(bool hold)
{
    holds_spawns = hold;
    if (!hold && held != NULL) {
        osri_node_spawn_requested(held_for->node, &held);
    }
}

int lan_wanted(const osr_node *node)
{
    return station_of(osr_node_id(node), NULL)->wanted;
}

unsigned lan_dialled(const osr_node *node)
{
    return station_of(osr_node_id(node), NULL)->dialled;
}
