/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/stranger.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/link/handshake.h"
#include "tests/sim/tap.h"

#define HOST 1000
#define PATIENCE_NS (14 * SECOND) /* the setup deadline, on a node that is paused meanwhile */

/* It could be a member, if the cluster's secret were another. */
static void make_identity(osri_identity *ret_identity)
{
    uint8_t secret[32] = {1};
    osri_identity_request request = {
        .secret = secret, .name = "n0@sim", .now_s = UINT64_C(1800000000), .creation = 7};

    if (osri_identity_development(&request, ret_identity) != OSR_OK) {
        abort();
    }
}

void stranger_dial(stranger *who, cluster *world, uint32_t host)
{
    const cluster_node *at = &world->nodes[host];
    osri_identity identity;
    uint8_t node_key[OSRI_KEY_BYTES];
    char endpoint[OSRI_ENDPOINT_BYTES];
    osr_err err;

    *who = (stranger){
        .host = host, .incarnation = at->incarnation, .began_ns = world->now_ns, .closed = false};
    make_identity(&identity);
    osri_identity_node_key_public(world->secret, at->name, node_key);
    (void)snprintf(endpoint, sizeof(endpoint), "sim://%u", host);
    err = osri_sim_transport_new(world->network, HOST, identity.certificate.key, NULL, NULL,
                                 &who->transport);
    if (err == OSR_OK) {
        err = who->transport->ops->dial(who->transport, endpoint, node_key, &who->conn);
    }
    osri_identity_wipe(&identity);
    if (err != OSR_OK) {
        abort();
    }
}

void stranger_end(stranger *who)
{
    if (who->transport != NULL) {
        who->transport->ops->free(who->transport, 0);
    }
    *who = (stranger){0};
}

static size_t garbage(cluster *world, uint8_t *ret_bytes, size_t max)
{
    size_t count = 1 + (size_t)cluster_random(world, max);

    for (size_t i = 0; i < count; i++) {
        ret_bytes[i] = (uint8_t)cluster_random(world, 256);
    }
    return count;
}

/* A member's name, with a certificate of an authority of our own. */
static size_t self_made_hello(uint8_t *ret_bytes)
{
    osri_identity identity;
    osri_handshake hello = {.kind = OSRI_HANDSHAKE_HELLO,
                            .version_min = 1,
                            .version_max = 1,
                            .cluster = OSRI_CLUSTER_DEFAULT,
                            .creation = 7,
                            .window_bytes = 65536,
                            .frame_bytes_max = 65536,
                            .tick_ms = 2000};
    size_t count;

    make_identity(&identity);
    hello.certificate = identity.certificate_signed;
    count = osri_handshake_encode(&hello, ret_bytes);
    osri_identity_wipe(&identity);
    return count;
}

static void speak(stranger *who, cluster *world)
{
    uint8_t bytes[OSRI_HANDSHAKE_BYTES_MAX];
    const uint8_t *hello = bytes;
    size_t count = 0;

    switch (cluster_random(world, 4)) {
    case 0:
        return; /* silence */
    case 1:
        count = self_made_hello(bytes);
        break;
    case 2:
        count = tap_hello(&hello); /* a member's, seen somewhere */
        break;
    default:
        count = garbage(world, bytes, sizeof(bytes));
        break;
    }
    if (count > 0) {
        (void)who->transport->ops->send(who->transport, who->conn, hello, count);
    }
}

static void hear(stranger *who, cluster *world, const osri_transport_event *event)
{
    osri_handshake reply;

    switch (event->kind) {
    case OSRI_CONN_OPENED:
        speak(who, world);
        break;
    case OSRI_CONN_FRAME:
        who->heard_more =
            who->heard_more ||
            osri_handshake_decode(event->frame, event->frame_bytes, 1, 1, &reply) != OSR_OK ||
            reply.kind != OSRI_HANDSHAKE_REFUSE;
        break;
    case OSRI_CONN_CLOSED:
        who->closed = true;
        break;
    default:
        break;
    }
}

bool stranger_step(stranger *who, cluster *world)
{
    const cluster_node *at = &world->nodes[who->host];
    osri_transport_event event;
    bool same = at->alive && at->incarnation == who->incarnation;
    bool late = world->now_ns - who->began_ns > PATIENCE_NS;

    while (who->transport->ops->poll(who->transport, 0, &event)) {
        hear(who, world, &event);
    }
    if (!who->closed && !who->heard_more && same && !late) {
        return false;
    }
    people_note((struct event){
        .kind = EVENT_STRANGER, .x = who->host, .y = who->heard_more || (same && !who->closed)});
    stranger_end(who);
    return true;
}
