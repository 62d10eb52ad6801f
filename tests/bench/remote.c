/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/bench/remote.h"

#include <stdio.h>
#include <stdlib.h>

/* splitmix64 */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

osr_err remote_bytes(uint64_t seed, size_t size, osr_bin **ret_bin, uint64_t *ret_sum)
{
    uint8_t *data;
    osr_err err = osr_bin_alloc(size, ret_bin, &data);
    if (err != OSR_OK) {
        return err;
    }
    for (size_t at = 0; at < size; at += sizeof(uint64_t)) {
        uint64_t word = next_random(&seed);
        memcpy(data + at, &word, size - at < sizeof(word) ? size - at : sizeof(word));
    }
    *ret_sum = remote_sum(*ret_bin);
    return OSR_OK;
}

uint64_t remote_sum(const osr_bin *bin)
{
    const uint8_t *data = osr_bin_data(bin);
    size_t size = osr_bin_size(bin);
    uint64_t sum = 0;
    size_t at = 0;
    for (; size - at >= sizeof(uint64_t); at += sizeof(uint64_t)) {
        uint64_t word;
        memcpy(&word, data + at, sizeof(word));
        sum += word;
    }
    for (; at < size; at++) {
        sum += data[at];
    }
    return sum;
}

OSR_ENTRY(remote_echo, remote_order)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        const remote_ping *got = OSR_AS(remote_ping, &message);
        OSR_CHECK(self, got != NULL);
        remote_ping answer = {.from = osr_self_pid(self), .bytes = got->bytes};
        (void)remote_ping_send(self, osr_to(got->from), &answer);
    }
}
OSR_EXPORT(remote_echo);

osr_err remote_echo_start(osr_self *self, osr_pid *ret_pid)
{
    remote_order order = {.owner = osr_self_pid(self)};
    return remote_echo_spawn(self, &order, OSR_SPAWN(.node = BENCH_PEER, .link = true), ret_pid);
}

osr_err remote_trip(osr_self *self, osr_pid echo, osr_bin *bytes, uint64_t *ret_ns)
{
    static const osr_type *const answers[] = {&remote_ping_osr_type};
    remote_ping request = {.from = osr_self_pid(self), .bytes = bytes};
    osr_message message;
    uint64_t start = osr_now(self);
    (void)remote_ping_send(self, osr_to(echo), &request);
    osr_err err = osr_receive_of(self, answers, 1, OSR_FOREVER, &message);
    *ret_ns = osr_now(self) - start;
    if (err != OSR_OK) {
        return err;
    }
    return bench_expect(self, "bytes", (int64_t)osr_bin_size(OSR_AS(remote_ping, &message)->bytes),
                        (int64_t)osr_bin_size(bytes));
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a;
    uint64_t y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

void remote_percentiles(uint64_t *trips, size_t count, char *ret_text, size_t text_bytes)
{
    qsort(trips, count, sizeof(*trips), by_value);
    (void)snprintf(ret_text, text_bytes, " p50_us=%.1f p99_us=%.1f",
                   (double)trips[count / 2] / 1000.0, (double)trips[count * 99 / 100] / 1000.0);
}

bool remote_accepts_bytes(uint64_t n, uint64_t bytes)
{
    return n > 0 && bytes > 0 && bytes <= REMOTE_BYTES_MAX;
}
