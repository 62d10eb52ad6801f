/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>
#include <string.h>

#include "dist/sim/sim.h"
#include "lib/core/heap.h"
#include "tests/support/transport_suite.h"

/* The shared suite on the simulated network. */

static osri_sim_network *network;
static uint8_t keys[OSRI_SUITE_NODES][OSRI_KEY_BYTES];
static uint64_t blocks_before;

static void make_world(void)
{
    blocks_before = osri_heap_live_blocks();
    ck_assert_int_eq(osri_sim_network_new(1, NULL, &network), OSR_OK);
    for (int i = 0; i < OSRI_SUITE_NODES; i++) {
        memset(keys[i], i + 1, OSRI_KEY_BYTES);
    }
}

static void end_world(void)
{
    osri_sim_network_free(&network);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}

static const uint8_t *key_of(int node)
{
    return keys[node];
}

static osri_transport *make_node(int node, osri_suite_rule *rule)
{
    osri_transport *transport = NULL;

    ck_assert_int_eq(osri_sim_transport_new(network, (uint32_t)node, keys[node], osri_suite_admit,
                                            rule, &transport),
                     OSR_OK);
    return transport;
}

static bool pump(osri_transport *transport, osri_transport_event *ret_event)
{
    uint64_t due_ns = osri_sim_next_due(network);

    if (!osri_sim_has_events(transport) && due_ns != UINT64_MAX) {
        osri_sim_advance(network, due_ns);
    }
    return transport->ops->poll(transport, 0, ret_event);
}

static const osri_transport_maker maker = {
    .name = "transport_sim",
    .endpoint = "sim://",
    .nowhere = "sim://77",
    .setup = make_world,
    .teardown = end_world,
    .key = key_of,
    .make = make_node,
    .pump = pump,
};

int main(void)
{
    SRunner *runner = srunner_create(osri_transport_suite(&maker));
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
