/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/support/simulated_net.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "osier/nodes.h"
#include "tests/sim/doer.h"

cluster *world;

void net_start_seeded(uint64_t seed, const cluster_options *options)
{
    cluster_options shown = *options;

    shown.verbose = getenv("SIM_VERBOSE") != NULL;
    actor_trace_clear();
    world = cluster_new(seed, &shown);
}

void net_start(const cluster_options *options)
{
    net_start_seeded(1, options);
}

void net_end(void)
{
    cluster_free(&world);
}

void run_ms(uint64_t ms)
{
    (void)cluster_run(world, world->now_ns + ms * MS, NULL, NULL);
}

void do_connect(osr_self *self, void *argument)
{
    (void)osr_connect(self, argument);
}

void connect_first(uint32_t nodes)
{
    for (uint32_t i = 0; i < nodes; i++) {
        osr_pid by = doer_on(world, i, NULL);
        for (uint32_t j = 0; j < i; j++) {
            doer_let(world, by, do_connect, world->nodes[j].name);
        }
        doer_let(world, by, do_exit, NULL);
        run_ms(50);
    }
}

void connect_all(void)
{
    connect_first(world->options.nodes);
}

void cut(uint32_t one, uint32_t other)
{
    osri_sim_cut(world->network, one, other);
    osri_sim_cut(world->network, other, one);
}

void heal_cuts(void)
{
    for (uint32_t i = 0; i < world->options.nodes; i++) {
        for (uint32_t j = 0; j < world->options.nodes; j++) {
            osri_sim_heal(world->network, i, j);
        }
    }
}

osr_pid actor_on(uint32_t host, const char *name)
{
    actor_options options = {.name = osr_str_of(name)};

    return cluster_spawn(world, host, actor_entry(), &options, OSR_SPAWN(.name = name));
}

void tell(osr_pid pid, const osr_type *type, const void *message)
{
    cluster_node *at = cluster_by_id(world, pid.node);

    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(osr_node_send(at->node, osr_to(pid), type, message), OSR_OK);
}

void expect(const char *trace)
{
    ck_assert_str_eq(actor_trace(), trace);
}

void expect_next(const char *trace)
{
    expect(trace);
    actor_trace_clear();
}

void expect_count(unsigned count, const char *line)
{
    ck_assert_msg(actor_trace_count(line) == count, "%u times \"%s\" in:\n%s",
                  actor_trace_count(line), line, actor_trace());
}

void expect_once(const char *line)
{
    expect_count(1, line);
}

void expect_never(const char *line)
{
    expect_count(0, line);
}

void expect_none(const char *words)
{
    ck_assert_msg(strstr(actor_trace(), words) == NULL, "\"%s\" in:\n%s", words, actor_trace());
}

void do_exit(osr_self *self, void *argument)
{
    (void)argument;
    osr_reason reason = osr_reason_custom("bye");
    osr_exit(self, &reason);
}

void do_watch(osr_self *self, void *argument)
{
    osr_ref ref;
    OSR_CHECK(self, osr_monitor(self, osr_to(*(osr_pid *)argument), &ref) == OSR_OK);
}
