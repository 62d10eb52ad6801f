/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_BENCH_BENCH_H
#define OSR_TESTS_BENCH_BENCH_H

#include <osier/node.h>
#include <osier/process.h>

/* A benchmark is a program part as a user would write it: the entry of a process that does the work
 * between two readings of the clock, checks what came of it, and reports one line. */

OSR_MESSAGE(bench_options, 0x0500, (1, u64, n), (2, u64, k), (3, u64, senders));

typedef struct bench_case {
    const char *name;
    const char *arguments; /* "N", "N K" or "N K SENDERS": as many numbers as words */
    const char *what;
    const osr_entry *entry;                  /* its argument: bench_options */
    bool (*accepts)(uint64_t n, uint64_t k); /* n > 0; NULL: any but k = 0 */
} bench_case;

extern const bench_case bench_ping_pong, bench_ring, bench_fan_in, bench_spawn_exit;
extern const bench_case bench_idle_servers, bench_idle_processes;
extern const bench_case bench_call, bench_call_backlog, bench_receive_behind;
extern const bench_case bench_skynet, bench_big, bench_timers, bench_restart;

/* On a node that others join: world.h. */
extern const bench_case bench_remote_ping_pong, bench_remote_ping_pong_busy;
extern const bench_case bench_remote_stream, bench_remote_under_load;
extern const bench_case bench_remote_call, bench_remote_spawn;
extern const bench_case bench_node_kill, bench_many_nodes, bench_idle_node;

/* Prints the line. more: "" or " key=value…". */
void bench_report(const bench_case *the_case, uint64_t n, uint64_t ns, const char *more);

/* OSR_OK when both are equal; else the process's reason says what was counted, and the error is for
 * it to return. */
OSR_MUST_CHECK osr_err bench_expect(osr_self *self, const char *what, int64_t got, int64_t wanted);

/* The next message, which must be of the type; else the process ends. Waits as long as it takes. */
const void *bench_receive(osr_self *self, const osr_type *type);
#define BENCH_RECEIVE(self, type) ((const type *)bench_receive((self), &type##_osr_type))

/* Resident memory of the whole OS process, in bytes. */
int64_t bench_resident_bytes(void);

#endif
