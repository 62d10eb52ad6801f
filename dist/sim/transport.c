/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/sim/state.h"
#include "lib/core/heap.h"

/* The operations of dist/transport.h on the simulated network. Nothing waits: poll() returns what
 * osri_sim_advance() has brought. */

#define SCHEME "sim://"

osri_sim_item *osri_sim_item_new(osri_sim_item_kind kind, const uint8_t *bytes, size_t bytes_count)
{
    osri_sim_item *item = osri_heap_alloc(sizeof(*item) + bytes_count);

    if (item != NULL) {
        *item = (osri_sim_item){.kind = kind, .bytes_count = bytes_count};
        if (bytes_count > 0) {
            memcpy(item->bytes, bytes, bytes_count);
        }
    }
    return item;
}

void osri_sim_item_free(osri_sim_item *item)
{
    if (item != NULL) {
        osri_heap_free(item, sizeof(*item) + item->bytes_count);
    }
}

void osri_sim_queue_push(osri_sim_queue *queue, osri_sim_item *item)
{
    item->next = NULL;
    if (queue->last == NULL) {
        queue->first = item;
    } else {
        queue->last->next = item;
    }
    queue->last = item;
}

osri_sim_item *osri_sim_queue_pop(osri_sim_queue *queue)
{
    osri_sim_item *item = queue->first;

    if (item != NULL) {
        queue->first = item->next;
        queue->last = queue->first == NULL ? NULL : queue->last;
        item->next = NULL;
    }
    return item;
}

void osri_sim_queue_clear(osri_sim_queue *queue)
{
    osri_sim_item *item = queue->first;

    while (item != NULL) {
        osri_sim_item *next = item->next;

        osri_sim_item_free(item);
        item = next;
    }
    *queue = (osri_sim_queue){0};
}

/* "sim://7"; bare "sim://" is `otherwise`. */
static bool parse_endpoint(const char *endpoint, uint32_t otherwise, uint32_t *ret_host)
{
    const char *digits = endpoint + strlen(SCHEME);
    unsigned long long host;
    char *end;

    if (strncmp(endpoint, SCHEME, strlen(SCHEME)) != 0) {
        return false;
    }
    if (*digits == '\0') {
        *ret_host = otherwise;
        return true;
    }
    host = strtoull(digits, &end, 10);
    if (*digits < '0' || *digits > '9' || *end != '\0' || host > UINT32_MAX) {
        return false;
    }
    *ret_host = (uint32_t)host;
    return true;
}

osri_sim_connection *osri_sim_connection_find(const osri_sim_node *node, osri_conn conn,
                                              int *ret_side)
{
    for (osri_sim_connection *c = node->network->connections; c != NULL; c = c->next) {
        for (int side = 0; side < 2; side++) {
            if (c->node[side] == node && c->conn[side] == conn) {
                *ret_side = side;
                return c;
            }
        }
    }
    return NULL;
}

static osr_err sim_listen(osri_transport *transport, const char *endpoint, char *ret_endpoint)
{
    osri_sim_node *node = (osri_sim_node *)transport;
    uint32_t host;

    if (!parse_endpoint(endpoint, node->host, &host) || node->listens) {
        return OSR_EINVAL;
    }
    if (host != node->host) {
        return OSR_EADDRESS;
    }
    for (const osri_sim_node *other = node->network->nodes; other != NULL; other = other->next) {
        if (other->host == host && other->listens && !other->crashed) {
            return OSR_EADDRESS;
        }
    }
    node->listens = true;
    (void)snprintf(ret_endpoint, OSRI_ENDPOINT_BYTES, SCHEME "%u", host);
    return OSR_OK;
}

static void append_connection(osri_sim_network *network, osri_sim_connection *connection)
{
    osri_sim_connection **place = &network->connections;

    while (*place != NULL) {
        place = &(*place)->next;
    }
    *place = connection;
}

static osr_err sim_dial(osri_transport *transport, const char *endpoint,
                        const uint8_t server_key[OSRI_KEY_BYTES], osri_conn *ret_conn)
{
    osri_sim_node *node = (osri_sim_node *)transport;
    osri_sim_network *network = node->network;
    const osri_sim_options *options = &network->options;
    osri_sim_connection *connection;
    osri_sim_item *dial;
    uint32_t host;

    if (!parse_endpoint(endpoint, node->host, &host) || node->crashed) {
        return OSR_EINVAL;
    }
    connection = osri_heap_zalloc(sizeof(*connection));
    dial = osri_sim_item_new(OSRI_SIM_DIAL, NULL, 0);
    if (connection == NULL || dial == NULL) {
        osri_heap_free(connection, sizeof(*connection));
        osri_sim_item_free(dial);
        return OSR_ENOMEM;
    }
    connection->node[0] = node;
    connection->conn[0] = ++node->conn_last;
    connection->host[0] = node->host;
    connection->host[1] = host;
    memcpy(connection->dialed_key, server_key, OSRI_KEY_BYTES);
    connection->latency_ns =
        options->latency_min_ns +
        osri_sim_random(network, options->latency_max_ns - options->latency_min_ns + 1);
    connection->dial_deadline_ns = network->now_ns + options->dial_timeout_ns;
    memcpy(dial->key, node->key, OSRI_KEY_BYTES);
    dial->host = node->host;
    append_connection(network, connection);
    osri_sim_pipe_push(network, connection, 0, dial);
    *ret_conn = connection->conn[0];
    return OSR_OK;
}

static osr_err sim_send(osri_transport *transport, osri_conn conn, const uint8_t *frame,
                        size_t frame_bytes)
{
    osri_sim_node *node = (osri_sim_node *)transport;
    int side = 0;
    osri_sim_connection *connection = osri_sim_connection_find(node, conn, &side);
    osri_sim_item *item;

    if (frame_bytes == 0 || frame_bytes > OSRI_FRAME_BYTES_MAX) {
        return OSR_EINVAL;
    }
    if (connection == NULL || !connection->open[side]) {
        return OSR_ECLOSED;
    }
    if (connection->pipe_bytes[side] + frame_bytes > node->network->options.send_bytes_max) {
        return OSR_EFULL;
    }
    item = osri_sim_item_new(OSRI_SIM_FRAME, frame, frame_bytes);
    if (item == NULL) {
        return OSR_ENOMEM;
    }
    if (connection->node[1 - side] == NULL && connection->conn[1 - side] != 0) {
        osri_sim_item_free(item); /* accepted is not delivered */
        return OSR_OK;
    }
    osri_sim_pipe_push(node->network, connection, side, item);
    return OSR_OK;
}

static void sim_close(osri_transport *transport, osri_conn conn, uint32_t linger_ms)
{
    osri_sim_node *node = (osri_sim_node *)transport;
    osri_sim_network *network = node->network;
    int side = 0;
    osri_sim_connection *connection = osri_sim_connection_find(node, conn, &side);
    bool other_knows;

    if (node->current != NULL && node->current->conn == conn) {
        osri_sim_item_free(node->current);
        node->current = NULL;
    }
    osri_sim_events_drop(node, conn);
    if (connection == NULL) {
        return;
    }
    other_knows = !connection->open[side];
    osri_sim_side_detach(connection, side);
    if (side == 0 && other_knows && connection->conn[1] == 0) {
        osri_sim_queue_clear(&connection->pipe[0]);
    } else if (!other_knows || side == 0) {
        osri_sim_pipe_end(network, connection, side,
                          linger_ms == 0 ? 0 : network->now_ns + linger_ms * UINT64_C(1000000),
                          "closed by the peer");
    }
}

static void fill_event(const osri_sim_item *item, osri_transport_event *event)
{
    *event = (osri_transport_event){.conn = item->conn};
    switch (item->kind) {
    case OSRI_SIM_DIAL:
        event->kind = OSRI_CONN_ACCEPTED;
        memcpy(event->peer_key, item->key, OSRI_KEY_BYTES);
        (void)snprintf(event->peer_address, sizeof(event->peer_address), SCHEME "%u", item->host);
        break;
    case OSRI_SIM_WELCOME:
        event->kind = OSRI_CONN_OPENED;
        memcpy(event->peer_key, item->key, OSRI_KEY_BYTES);
        break;
    case OSRI_SIM_FRAME:
        event->kind = OSRI_CONN_FRAME;
        event->frame = item->bytes;
        event->frame_bytes = item->bytes_count;
        break;
    case OSRI_SIM_END:
        event->kind = OSRI_CONN_CLOSED;
        event->text = item->text;
        break;
    }
}

static bool sim_poll(osri_transport *transport, uint64_t timeout_ns,
                     osri_transport_event *ret_event)
{
    osri_sim_node *node = (osri_sim_node *)transport;

    (void)timeout_ns;
    osri_sim_item_free(node->current);
    node->current = osri_sim_queue_pop(&node->events);
    if (node->current == NULL) {
        return false;
    }
    fill_event(node->current, ret_event);
    return true;
}

static void sim_wake(osri_transport *transport)
{
    (void)transport;
}

static void unlink_node(osri_sim_node *node)
{
    osri_sim_node **place = &node->network->nodes;

    while (*place != node) {
        place = &(*place)->next;
    }
    *place = node->next;
}

static void sim_free(osri_transport *transport, uint32_t linger_ms)
{
    osri_sim_node *node = (osri_sim_node *)transport;

    if (node == NULL) {
        return;
    }
    for (osri_sim_connection *c = node->network->connections; c != NULL; c = c->next) {
        for (int side = 0; side < 2; side++) {
            if (c->node[side] == node) {
                sim_close(transport, c->conn[side], linger_ms);
            }
        }
    }
    osri_sim_connections_sweep(node->network);
    unlink_node(node);
    osri_sim_queue_clear(&node->events);
    osri_sim_item_free(node->current);
    osri_heap_free(node, sizeof(*node));
}

static const osri_transport_ops sim_ops = {
    .name = "sim",
    .listen = sim_listen,
    .dial = sim_dial,
    .send = sim_send,
    .close = sim_close,
    .poll = sim_poll,
    .wake = sim_wake,
    .free = sim_free,
};

osr_err osri_sim_transport_new(osri_sim_network *network, uint32_t host,
                               const uint8_t key[OSRI_KEY_BYTES], osri_transport_admit *admit,
                               void *admit_context, osri_transport **ret_transport)
{
    osri_sim_node *node = osri_heap_zalloc(sizeof(*node));
    osri_sim_node **place = &network->nodes;

    if (node == NULL) {
        return OSR_ENOMEM;
    }
    *node = (osri_sim_node){.base.ops = &sim_ops,
                            .network = network,
                            .host = host,
                            .admit = admit,
                            .admit_context = admit_context};
    memcpy(node->key, key, OSRI_KEY_BYTES);
    while (*place != NULL) {
        place = &(*place)->next;
    }
    *place = node;
    *ret_transport = &node->base;
    return OSR_OK;
}

bool osri_sim_has_events(const osri_transport *transport)
{
    return ((const osri_sim_node *)transport)->events.first != NULL;
}
