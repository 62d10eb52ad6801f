/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_BENCH_WORLD_H
#define OSR_TESTS_BENCH_WORLD_H

#include <sys/types.h>

#include <osier/dist.h>
#include <osier/process.h>

/* A cluster of its own for a benchmark: a directory with its secret, a port mapper, and nodes that
 * are this program once more, each an OS process. However the benchmark ends, also when it is
 * killed, the nodes end, the directory is removed, and the mapper, which nobody needs then, ends a
 * second later. */

#define BENCH_HUB "bench@localhost"
#define BENCH_PEER "peer@localhost"

/* Makes the world, before there is any thread. False: it has said why. */
bool bench_world_open(void);

/* Waits until what the world was made of is gone, but for the mapper. */
void bench_world_close(void);

/* Starts the distribution of a node of this world. False: it has said why. */
bool bench_world_join(osr_node *node, uint32_t port, const char *hub);

typedef struct bench_node_options {
    const char *name;
    uint32_t port;       /* where it listens; 0: the first free one */
    uint32_t schedulers; /* 0: one a core */
} bench_node_options;

/* Starts an OS process that is a node and joins BENCH_HUB. Errors: OSR_EFAILED. */
OSR_MUST_CHECK osr_err bench_node_start(const bench_node_options *options, pid_t *ret_os_pid);

/* Starts BENCH_PEER and waits until it is connected. */
OSR_MUST_CHECK osr_err bench_peer_start(osr_self *self, pid_t *ret_os_pid);

/* Waits for the nodeup of `count` nodes; the process has subscribed. Errors: OSR_ETIMEDOUT. */
OSR_MUST_CHECK osr_err bench_await_nodes(osr_self *self, uint64_t count);

/* What the OS process of such a node does, until the benchmark ends: the arguments that
 * bench_node_start() gave it. */
int bench_node_main(char **arguments);

#endif
