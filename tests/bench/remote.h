/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_BENCH_REMOTE_H
#define OSR_TESTS_BENCH_REMOTE_H

#include "tests/bench/bench.h"
#include "tests/bench/world.h"

/* What the benchmarks over two nodes send, and what they measure with. */

#define REMOTE_BYTES_MAX 16000000

/* What a process on the other node is told. */
OSR_MESSAGE(remote_order, 0x0550, (1, pid, owner), (2, u64, n), (3, u64, bytes), (4, u64, sum));
OSR_MESSAGE(remote_ping, 0x0551, (1, pid, from), (2, bin, bytes));

/* Random bytes that follow from the seed, and their 64-bit sum. */
OSR_MUST_CHECK osr_err remote_bytes(uint64_t seed, size_t size, osr_bin **ret_bin,
                                    uint64_t *ret_sum);
uint64_t remote_sum(const osr_bin *bin);

/* One round trip to a process that sends each remote_ping back, with the same bytes. */
OSR_MUST_CHECK osr_err remote_trip(osr_self *self, osr_pid echo, osr_bin *bytes, uint64_t *ret_ns);
OSR_MUST_CHECK osr_err remote_echo_start(osr_self *self, osr_pid *ret_pid);

/* Sorts them, and writes " p50_us=… p99_us=…". */
void remote_percentiles(uint64_t *trips, size_t count, char *ret_text, size_t text_bytes);

bool remote_accepts_bytes(uint64_t n, uint64_t bytes);

#endif
