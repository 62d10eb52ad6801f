/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/sim/sim.h"

#include <string.h>

#include "dist/sim/state.h"
#include "lib/core/heap.h"

/* The simulated network: pipes and time.
 *
 * Invariants
 *   I1  the items of a pipe are in order of their due times; nothing is reordered;
 *   I2  every choice comes from the seed, every loop goes in order of creation: addresses decide
 *       nothing;
 *   I3  a side gets exactly one OSRI_SIM_END unless it closed by itself: after it, it is
 *       detached. */

#define US UINT64_C(1000)
#define MS UINT64_C(1000000)

/* splitmix64 (Steele, Lea, Flood). */
static uint64_t next_random(osri_sim_network *network)
{
    uint64_t z = network->random += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t osri_sim_random(osri_sim_network *network, uint64_t bound)
{
    return next_random(network) % bound;
}

static void default_to(uint64_t *field, uint64_t value)
{
    *field = *field == 0 ? value : *field;
}

osr_err osri_sim_network_new(uint64_t seed, const osri_sim_options *options,
                             osri_sim_network **ret_network)
{
    osri_sim_network *network = osri_heap_zalloc(sizeof(*network));

    if (network == NULL) {
        return OSR_ENOMEM;
    }
    network->options = options != NULL ? *options : (osri_sim_options){0};
    default_to(&network->options.latency_min_ns, 50 * US);
    default_to(&network->options.latency_max_ns, 500 * US);
    default_to(&network->options.jitter_ns, 100 * US);
    default_to(&network->options.dial_timeout_ns, 3000 * MS);
    if (network->options.send_bytes_max == 0) {
        network->options.send_bytes_max = (size_t)8 * 1024 * 1024;
    }
    network->random = seed;
    *ret_network = network;
    return OSR_OK;
}

static void connection_free(osri_sim_connection *connection)
{
    osri_sim_queue_clear(&connection->pipe[0]);
    osri_sim_queue_clear(&connection->pipe[1]);
    osri_heap_free(connection, sizeof(*connection));
}

void osri_sim_network_free(osri_sim_network **network)
{
    osri_sim_network *old = *network;

    if (old == NULL) {
        return;
    }
    while (old->connections != NULL) {
        osri_sim_connection *connection = old->connections;

        old->connections = connection->next;
        connection_free(connection);
    }
    osri_map_fini(&old->cuts);
    osri_heap_free(old, sizeof(*old));
    *network = NULL;
}

void osri_sim_connections_sweep(osri_sim_network *network)
{
    osri_sim_connection **place = &network->connections;

    while (*place != NULL) {
        osri_sim_connection *connection = *place;

        if (connection->node[0] == NULL && connection->node[1] == NULL &&
            (connection->pipe[0].first == NULL || connection->conn[1] != 0)) {
            *place = connection->next;
            connection_free(connection);
        } else {
            place = &connection->next;
        }
    }
}

static bool is_cut(const osri_sim_network *network, uint32_t from, uint32_t to)
{
    return osri_map_get_u64(&network->cuts, (uint64_t)from << 32 | to) != NULL;
}

void osri_sim_pipe_push(osri_sim_network *network, osri_sim_connection *connection, int side,
                        osri_sim_item *item)
{
    uint64_t due_ns = network->now_ns + connection->latency_ns + connection->delay_ns[side] +
                      osri_sim_random(network, network->options.jitter_ns + 1);
    uint64_t rate = network->options.bytes_per_second;

    if (due_ns < connection->last_due_ns[side]) {
        due_ns = connection->last_due_ns[side];
    }
    if (rate != 0) {
        due_ns += item->bytes_count * UINT64_C(1000000000) / rate;
    }
    item->due_ns = due_ns;
    connection->last_due_ns[side] = due_ns;
    connection->pipe_bytes[side] += item->bytes_count;
    osri_sim_queue_push(&connection->pipe[side], item);
}

/* Frees what is behind `kept` (NULL: everything), but leaves a dial in: the other side must hear of
 * it first. */
static void cut_pipe(osri_sim_network *network, osri_sim_connection *connection, int side,
                     osri_sim_item *kept)
{
    osri_sim_queue tail = connection->pipe[side];

    if (kept == NULL && tail.first != NULL && tail.first->kind != OSRI_SIM_FRAME) {
        kept = tail.first;
    }
    if (kept != NULL) {
        tail.first = kept->next;
        kept->next = NULL;
        connection->pipe[side].last = kept;
    } else {
        connection->pipe[side] = (osri_sim_queue){0};
    }
    for (const osri_sim_item *item = tail.first; item != NULL; item = item->next) {
        connection->pipe_bytes[side] -= item->bytes_count;
        network->lost += item->kind == OSRI_SIM_FRAME ? 1 : 0;
    }
    osri_sim_queue_clear(&tail);
}

void osri_sim_pipe_end(osri_sim_network *network, osri_sim_connection *connection, int side,
                       uint64_t keep_until_ns, const char *text)
{
    osri_sim_item *kept = NULL;
    osri_sim_item *end = osri_sim_item_new(OSRI_SIM_END, NULL, 0);
    uint64_t count = 0;

    for (osri_sim_item *item = connection->pipe[side].first; item != NULL; item = item->next) {
        count += item->due_ns > keep_until_ns ? 1 : 0;
        kept = item->due_ns > keep_until_ns ? kept : item;
    }
    if (keep_until_ns == 0) {
        for (uint64_t left = osri_sim_random(network, count + 1); left > 0; left--) {
            kept = kept == NULL ? connection->pipe[side].first : kept->next;
        }
    }
    cut_pipe(network, connection, side, kept);
    if (end != NULL) {
        end->text = text;
        osri_sim_pipe_push(network, connection, side, end);
    }
}

void osri_sim_events_drop(osri_sim_node *node, osri_conn conn)
{
    osri_sim_item *old = node->events.first;

    node->events = (osri_sim_queue){0};
    while (old != NULL) {
        osri_sim_item *next = old->next;

        if (old->conn == conn) {
            osri_sim_item_free(old);
        } else {
            osri_sim_queue_push(&node->events, old);
        }
        old = next;
    }
}

void osri_sim_side_detach(osri_sim_connection *connection, int side)
{
    osri_sim_events_drop(connection->node[side], connection->conn[side]);
    connection->node[side] = NULL;
    connection->open[side] = false;
    connection->pipe_bytes[1 - side] = 0;
    osri_sim_queue_clear(&connection->pipe[1 - side]);
}

/* --- Arrivals -------------------------------------------------------------------------------- */

static void tell(osri_sim_node *node, osri_conn conn, osri_sim_item *item)
{
    item->conn = conn;
    osri_sim_queue_push(&node->events, item);
}

static osri_sim_node *listener_at(const osri_sim_network *network, uint32_t host)
{
    for (osri_sim_node *node = network->nodes; node != NULL; node = node->next) {
        if (node->host == host && node->listens && !node->crashed) {
            return node;
        }
    }
    return NULL;
}

/* The dial has arrived. Returns why it fails, or NULL. */
static const char *answer_dial(osri_sim_network *network, osri_sim_connection *connection,
                               osri_sim_item *dial)
{
    osri_sim_node *node = listener_at(network, connection->host[1]);
    osri_sim_item *welcome;

    if (node == NULL) {
        return "connection refused";
    }
    if (memcmp(node->key, connection->dialed_key, OSRI_KEY_BYTES) != 0) {
        return "the peer closed during the handshake: it holds another key";
    }
    if (node->admit != NULL && !node->admit(node->admit_context, dial->key, "sim")) {
        return "refused by the peer (auth)";
    }
    welcome = osri_sim_item_new(OSRI_SIM_WELCOME, NULL, 0);
    if (welcome == NULL) {
        return "out of memory";
    }
    connection->node[1] = node;
    connection->conn[1] = ++node->conn_last;
    connection->open[1] = true;
    memcpy(welcome->key, node->key, OSRI_KEY_BYTES);
    osri_sim_pipe_push(network, connection, 1, welcome);
    dial->accepted = true;
    tell(node, connection->conn[1], dial);
    return NULL;
}

static void arrive_dial(osri_sim_network *network, osri_sim_connection *connection,
                        osri_sim_item *dial)
{
    const char *text = answer_dial(network, connection, dial);

    if (text == NULL) {
        return;
    }
    osri_sim_queue_clear(&connection->pipe[0]);
    dial->kind = OSRI_SIM_END;
    dial->text = text;
    dial->next = NULL;
    if (connection->node[0] == NULL) {
        osri_sim_item_free(dial);
        return;
    }
    osri_sim_pipe_push(network, connection, 1, dial);
}

/* The first item of the side's pipe reaches the other side. */
static void arrive(osri_sim_network *network, osri_sim_connection *connection, int side)
{
    osri_sim_item *item = osri_sim_queue_pop(&connection->pipe[side]);
    osri_sim_node *node = connection->node[1 - side];
    osri_conn conn = connection->conn[1 - side];

    connection->pipe_bytes[side] -= item->bytes_count;
    if (item->kind == OSRI_SIM_DIAL) {
        arrive_dial(network, connection, item);
        return;
    }
    if (node == NULL) {
        osri_sim_item_free(item);
        return;
    }
    if (item->kind == OSRI_SIM_WELCOME) {
        connection->open[0] = true;
        connection->dial_deadline_ns = UINT64_MAX;
    } else if (item->kind == OSRI_SIM_END) {
        connection->node[1 - side] = NULL;
        connection->open[1 - side] = false;
    }
    tell(node, conn, item);
}

/* When the first item of the side's pipe arrives. */
static uint64_t pipe_due(const osri_sim_network *network, const osri_sim_connection *connection,
                         int side)
{
    const osri_sim_item *item = connection->pipe[side].first;
    uint64_t due_ns;

    if (item == NULL || is_cut(network, connection->host[side], connection->host[1 - side])) {
        return UINT64_MAX;
    }
    due_ns = item->due_ns;
    return due_ns > connection->stalled_ns[side] ? due_ns : connection->stalled_ns[side];
}

static uint64_t find_due(const osri_sim_network *network, osri_sim_connection **ret_connection,
                         int *ret_side)
{
    uint64_t best_ns = UINT64_MAX;

    for (osri_sim_connection *c = network->connections; c != NULL; c = c->next) {
        for (int side = 0; side < 2; side++) {
            uint64_t due_ns = pipe_due(network, c, side);

            if (due_ns < best_ns) {
                best_ns = due_ns;
                *ret_connection = c;
                *ret_side = side;
            }
        }
    }
    return best_ns;
}

/* A dial into a cut gives up. */
static uint64_t find_timeout(const osri_sim_network *network, osri_sim_connection **ret_connection)
{
    uint64_t best_ns = UINT64_MAX;

    for (osri_sim_connection *c = network->connections; c != NULL; c = c->next) {
        uint64_t due_ns = c->dial_deadline_ns;

        if (c->node[0] != NULL && due_ns < best_ns) {
            best_ns = due_ns;
            *ret_connection = c;
        }
    }
    return best_ns;
}

static void give_up_dial(osri_sim_network *network, osri_sim_connection *connection)
{
    osri_sim_node *node = connection->node[0];
    osri_conn conn = connection->conn[0];
    osri_sim_item *end = osri_sim_item_new(OSRI_SIM_END, NULL, 0);

    osri_sim_side_detach(connection, 0);
    if (connection->conn[1] == 0) {
        osri_sim_queue_clear(&connection->pipe[0]);
    } else {
        osri_sim_pipe_end(network, connection, 0, 0, "closed by the peer");
    }
    if (end != NULL) {
        end->text = "timed out";
        tell(node, conn, end);
    }
}

void osri_sim_advance(osri_sim_network *network, uint64_t now_ns)
{
    osri_sim_connection *connection = NULL, *late = NULL;
    int side = 0;

    for (;;) {
        uint64_t due_ns = find_due(network, &connection, &side);
        uint64_t timeout_ns = find_timeout(network, &late);
        uint64_t next_ns = due_ns <= timeout_ns ? due_ns : timeout_ns;

        if (next_ns > now_ns) {
            break;
        }
        network->now_ns = next_ns > network->now_ns ? next_ns : network->now_ns;
        if (due_ns <= timeout_ns) {
            arrive(network, connection, side);
        } else {
            give_up_dial(network, late);
        }
    }
    network->now_ns = now_ns > network->now_ns ? now_ns : network->now_ns;
    osri_sim_connections_sweep(network);
}

uint64_t osri_sim_next_due(const osri_sim_network *network)
{
    osri_sim_connection *connection = NULL;
    int side = 0;
    uint64_t due_ns = find_due(network, &connection, &side);
    uint64_t timeout_ns = find_timeout(network, &connection);

    return due_ns < timeout_ns ? due_ns : timeout_ns;
}

uint64_t osri_sim_now(const osri_sim_network *network)
{
    return network->now_ns;
}
