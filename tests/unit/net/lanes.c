/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/net/lanes.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

static osr_link_status found;

void connect_to(osr_pid from, const char *name, const char *node)
{
    TELL(from, actor_call, .name = osr_str_of(name), .node = osr_str_of(node), .timeout_ms = 5000);
    run_ms(100);
    actor_trace_clear();
}

osri_lane *lane_to(uint32_t from, const char *node)
{
    return osri_lane_to(&world->nodes[from].net->lanes, node);
}

uint32_t waiting(uint32_t from, const char *node)
{
    return atomic_load(&lane_to(from, node)->waiting);
}

void expect_counts_add_up(uint32_t host)
{
    osr_node_counters counters;

    osr_node_count(world->nodes[host].node, &counters);
    ck_assert_uint_eq(counters.messages_sent,
                      counters.messages_received + counters.messages_dropped);
}

static void find_link(void *context, const osr_link_status *link)
{
    if (strcmp(link->name, context) == 0) {
        found = *link;
    }
}

const osr_link_status *status(uint32_t host, const char *node)
{
    char name[32];

    (void)snprintf(name, sizeof(name), "%s", node);
    found = (osr_link_status){0};
    ck_assert_int_eq(osr_node_links(world->nodes[host].node, find_link, name), OSR_OK);
    return &found;
}
