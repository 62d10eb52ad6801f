/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>

#include "tests/bench/remote.h"

/* K senders here, one receiver there, which counts and sums what arrives and says when all has;
 * and round trips on the same link meanwhile. */

#define TRIPS_MAX 1000000
#define TRIP_BYTES 64

OSR_MESSAGE(stream_part, 0x0552, (1, bin, bytes));
OSR_MESSAGE(stream_done, 0x0553, (1, u64, sum));
OSR_MESSAGE(stream_source, 0x0554, (1, pid, sink), (2, u64, n), (3, bin, bytes));

OSR_ENTRY(stream_sink, remote_order)
{
    stream_done done = {.sum = 0};
    for (uint64_t i = 0; i < argument->n; i++) {
        const stream_part *part = BENCH_RECEIVE(self, stream_part);
        osr_err err = bench_expect(self, "bytes", (int64_t)osr_bin_size(part->bytes),
                                   (int64_t)argument->bytes);
        if (err != OSR_OK) {
            return err;
        }
        done.sum += remote_sum(part->bytes);
    }
    (void)stream_done_send(self, osr_to(argument->owner), &done);
    return OSR_OK;
}
OSR_EXPORT(stream_sink);

OSR_ENTRY(stream_sender, stream_source)
{
    stream_part part = {.bytes = argument->bytes};
    for (uint64_t i = 0; i < argument->n; i++) {
        osr_err err = stream_part_send(self, osr_to(argument->sink), &part);
        if (err != OSR_OK) {
            return err;
        }
    }
    return OSR_OK;
}

/* Senders of equal shares. */
static osr_err start_senders(osr_self *self, const stream_source *source, uint64_t senders)
{
    osr_err err = OSR_OK;
    for (uint64_t i = 0; i < senders && err == OSR_OK; i++) {
        err = stream_sender_spawn(self, source, OSR_SPAWN(.link = true), NULL);
    }
    return err;
}

static osr_err start_sink(osr_self *self, uint64_t n, uint64_t bytes, osr_pid *ret_sink)
{
    remote_order order = {.owner = osr_self_pid(self), .n = n, .bytes = bytes};
    return stream_sink_spawn(self, &order, OSR_SPAWN(.node = BENCH_PEER, .link = true), ret_sink);
}

static osr_err stream(osr_self *self, const bench_options *options)
{
    char more[96];
    uint64_t sum;
    uint64_t each = options->n / options->senders;
    uint64_t n = each * options->senders;
    stream_source source = {.n = each};
    osr_err err = remote_bytes(options->n, options->k, &source.bytes, &sum);
    if (err == OSR_OK) {
        err = start_sink(self, n, options->k, &source.sink);
    }
    uint64_t start = osr_now(self);
    if (err == OSR_OK) {
        err = start_senders(self, &source, options->senders);
    }
    if (err == OSR_OK) {
        err = bench_expect(self, "sum", (int64_t)BENCH_RECEIVE(self, stream_done)->sum,
                           (int64_t)(n * sum));
    }
    uint64_t passed = osr_now(self) - start;
    if (err == OSR_OK) {
        (void)snprintf(more, sizeof(more), " bytes=%llu MBps=%.1f", (unsigned long long)options->k,
                       (double)(n * options->k) * 1e3 / (double)passed);
        bench_report(&bench_remote_stream, n, passed, more);
    }
    osr_bin_unref(&source.bytes);
    return err;
}

OSR_ENTRY(remote_stream, bench_options)
{
    pid_t os_pid;
    osr_err err = argument->senders <= argument->n ? OSR_OK : OSR_EINVAL;
    if (err == OSR_OK) {
        err = bench_peer_start(self, &os_pid);
    }
    return err == OSR_OK ? stream(self, argument) : err;
}

/* ---- round trips beside it --------------------------------------------------------------- */

/* Its owner ends it. */
OSR_MESSAGE(trips_end, 0x0555);
OSR_MESSAGE(trips_made, 0x0556, (1, u64, count), (2, f64, p50_us), (3, f64, p99_us));

static osr_err has_to_end(osr_self *self, bool *ret_ended)
{
    static const osr_type *const ends[] = {&trips_end_osr_type};
    osr_message message;
    osr_err err = osr_receive_of(self, ends, 1, 0, &message);
    *ret_ended = err == OSR_OK;
    return err == OSR_ETIMEDOUT ? OSR_OK : err;
}

/* Round trips until told, then the line. */
static osr_err trip_until_done(osr_self *self, osr_pid echo, osr_bin *bytes, uint64_t *trips,
                               size_t *ret_count)
{
    bool ended = false;
    osr_err err = OSR_OK;
    size_t count = 0;
    while (!ended && err == OSR_OK && count < TRIPS_MAX) {
        err = remote_trip(self, echo, bytes, &trips[count++]);
        if (err == OSR_OK) {
            err = has_to_end(self, &ended);
        }
    }
    *ret_count = count;
    return err;
}

OSR_ENTRY(remote_tripper, remote_order)
{
    size_t count;
    uint64_t sum;
    char text[64];
    trips_made made = {.count = 0};
    osr_pid echo;
    osr_bin *bytes = NULL;
    uint64_t *trips = osr_alloc(self, TRIPS_MAX * sizeof(*trips));
    osr_err err = trips == NULL ? OSR_ENOMEM : remote_echo_start(self, &echo);
    if (err == OSR_OK) {
        err = remote_bytes(1, TRIP_BYTES, &bytes, &sum);
    }
    if (err == OSR_OK) {
        err = trip_until_done(self, echo, bytes, trips, &count);
    }
    osr_bin_unref(&bytes);
    if (err != OSR_OK) {
        return err;
    }
    remote_percentiles(trips, count, text, sizeof(text));
    made.count = count;
    (void)sscanf(text, " p50_us=%lf p99_us=%lf", &made.p50_us, &made.p99_us);
    (void)trips_made_send(self, osr_to(argument->owner), &made);
    return OSR_OK;
}

static void report_load(const bench_options *options, uint64_t passed, const trips_made *made)
{
    char more[160];
    (void)snprintf(more, sizeof(more), " bytes=%llu MBps=%.1f trips=%llu p50_us=%.1f p99_us=%.1f",
                   (unsigned long long)options->k,
                   (double)(options->n * options->k) * 1e3 / (double)passed,
                   (unsigned long long)made->count, made->p50_us, made->p99_us);
    bench_report(&bench_remote_under_load, options->n, passed, more);
}

OSR_ENTRY(remote_under_load, bench_options)
{
    pid_t os_pid;
    uint64_t sum;
    osr_pid tripper;
    trips_end end = {0};
    remote_order order = {.owner = osr_self_pid(self)};
    stream_source source = {.n = argument->n};
    osr_err err = bench_peer_start(self, &os_pid);
    if (err == OSR_OK) {
        err = remote_bytes(argument->n, argument->k, &source.bytes, &sum);
    }
    if (err == OSR_OK) {
        err = start_sink(self, argument->n, argument->k, &source.sink);
    }
    uint64_t start = osr_now(self);
    if (err == OSR_OK) {
        err = start_senders(self, &source, 1);
    }
    if (err == OSR_OK) {
        err = remote_tripper_spawn(self, &order, OSR_SPAWN(.link = true), &tripper);
    }
    if (err == OSR_OK) {
        err = bench_expect(self, "sum", (int64_t)BENCH_RECEIVE(self, stream_done)->sum,
                           (int64_t)(argument->n * sum));
    }
    uint64_t passed = osr_now(self) - start;
    if (err == OSR_OK) {
        (void)trips_end_send(self, osr_to(tripper), &end);
        report_load(argument, passed, BENCH_RECEIVE(self, trips_made));
    }
    osr_bin_unref(&source.bytes);
    return err;
}

const bench_case bench_remote_stream = {"remote_stream", "N BYTES SENDERS", "N messages one way",
                                        &remote_stream_osr_entry, remote_accepts_bytes};
const bench_case bench_remote_under_load = {
    "remote_under_load", "N BYTES",
    "64 B round trips while N messages of BYTES go one way on the same link",
    &remote_under_load_osr_entry, remote_accepts_bytes};
