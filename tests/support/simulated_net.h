/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIMULATED_NET_H
#define OSR_TESTS_SIMULATED_NET_H

#include "tests/sim/cluster.h"
#include "tests/unit/net/actors.h"

/* The one simulated net of nodes of a test: how it is started and ended, how time passes on it, how
 * its actors are told what to do, and what is expected of the trace that they write (actors.h). */

extern cluster *world; /* NULL: none */

/* Starts the nodes with an empty trace; SIM_VERBOSE in the environment shows their log lines. */
void net_start(const cluster_options *options);
void net_start_seeded(uint64_t seed, const cluster_options *options);
void net_end(void);

void run_ms(uint64_t ms);

/* Every node dials every one before it, and has 50 ms for it; of the first `nodes`, or of all. */
void connect_first(uint32_t nodes);
void connect_all(void);

/* Nothing passes between two hosts, either way, until the whole net is healed. */
void cut(uint32_t one, uint32_t other);
void heal_cuts(void);

/* An actor on a host, registered under its name. */
osr_pid actor_on(uint32_t host, const char *name);

/* TELL(a, actor_link, .to = b): the actor does it as soon as time passes. */
#define TELL(pid, type, ...) tell((pid), &type##_osr_type, &(type){__VA_ARGS__})
void tell(osr_pid pid, const osr_type *type, const void *message);

/* The trace is this; expect_next() also forgets it. */
void expect(const char *trace);
void expect_next(const char *trace);

/* The trace has this line, so often. */
void expect_count(unsigned count, const char *line);
void expect_once(const char *line);
void expect_never(const char *line);

/* Nowhere in the trace stand these words. */
void expect_none(const char *words);

/* For doers (tests/sim/doer.h): connects to the node named; ends with a crash of its own, "bye";
 * monitors the pid that the argument points to. */
void do_connect(osr_self *self, void *argument);
void do_exit(osr_self *self, void *argument);
void do_watch(osr_self *self, void *argument);

#endif
