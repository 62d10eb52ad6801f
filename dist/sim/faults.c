/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/sim/state.h"
#include "lib/core/assert.h"

/* What can go wrong on the simulated network, on demand. */

void osri_sim_cut(osri_sim_network *network, uint32_t from, uint32_t to)
{
    osr_err err = osri_map_put_u64(&network->cuts, (uint64_t)from << 32 | to, network, NULL);

    OSR_ASSERT(err == OSR_OK);
}

void osri_sim_stall(osri_sim_network *network, uint32_t from, uint32_t to, uint64_t for_ns)
{
    for (osri_sim_connection *c = network->connections; c != NULL; c = c->next) {
        for (int side = 0; side < 2; side++) {
            if (c->host[side] == from && c->host[1 - side] == to) {
                c->stalled_ns[side] = network->now_ns + for_ns;
            }
        }
    }
}

void osri_sim_delay(osri_sim_network *network, uint32_t from, uint32_t to, uint64_t more_ns)
{
    for (osri_sim_connection *c = network->connections; c != NULL; c = c->next) {
        for (int side = 0; side < 2; side++) {
            if (c->host[side] == from && c->host[1 - side] == to) {
                c->delay_ns[side] = more_ns;
            }
        }
    }
}

uint64_t osri_sim_lost(const osri_sim_network *network)
{
    return network->lost;
}

void osri_sim_heal(osri_sim_network *network, uint32_t from, uint32_t to)
{
    if (osri_map_remove_u64(&network->cuts, (uint64_t)from << 32 | to) != NULL) {
        osri_sim_stall(network, from, to, network->options.latency_max_ns);
    }
}

void osri_sim_reset(osri_sim_network *network, uint32_t one, uint32_t other)
{
    for (osri_sim_connection *c = network->connections; c != NULL; c = c->next) {
        if ((c->host[0] != one || c->host[1] != other) &&
            (c->host[0] != other || c->host[1] != one)) {
            continue;
        }
        for (int side = 0; side < 2; side++) {
            if (c->open[side]) {
                osri_sim_pipe_end(network, c, side, 0, "connection reset by peer");
                c->open[side] = false;
            }
        }
    }
}

void osri_sim_crash(osri_transport *transport, bool loud)
{
    osri_sim_node *node = (osri_sim_node *)transport;
    osri_sim_network *network = node->network;

    node->crashed = true;
    for (osri_sim_connection *c = network->connections; c != NULL; c = c->next) {
        for (int side = 0; side < 2; side++) {
            if (c->node[side] != node) {
                continue;
            }
            osri_sim_side_detach(c, side);
            if (loud) {
                osri_sim_pipe_end(network, c, side, 0, "connection reset by peer");
            } else {
                osri_sim_queue_clear(&c->pipe[side]);
                c->pipe_bytes[side] = 0;
            }
        }
    }
    osri_sim_queue_clear(&node->events);
}
