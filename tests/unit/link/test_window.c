/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdlib.h>

#include "dist/link/link.h"
#include "dist/link/window.h"

/* The window over a wire of known rate and delay: a sender that always has something, a receiver
 * that acknowledges what it is asked for. */

#define PIECE 32000u
#define FRAMES_MAX 256
#define US UINT64_C(1000)
#define MS UINT64_C(1000000)
#define MIB (1024u * 1024u)

typedef struct ack {
    uint64_t at_ns;
    uint64_t count;
} ack;

typedef struct wire {
    osri_window window;
    uint64_t bytes_per_ms;
    uint64_t round_ns; /* there and back when nothing queues */
    uint64_t now_ns;
    uint64_t free_ns; /* the wire has sent all it was given */
    ack acks[FRAMES_MAX];
    unsigned first, count;
    uint64_t sent;
    uint64_t waited_ns; /* sum over frames: in the queue before the wire */
    uint64_t waited_most_ns;
    uint64_t frames;
} wire;

static wire w;

static void begin(uint64_t bytes_per_ms, uint64_t round_ns)
{
    w = (wire){.bytes_per_ms = bytes_per_ms, .round_ns = round_ns, .now_ns = MS};
    osri_window_init(&w.window, OSRI_LINK_WINDOW_BYTES_MIN, OSRI_LINK_WINDOW_BYTES_MAX);
}

static void send_frame(void)
{
    uint64_t waits_ns = w.free_ns > w.now_ns ? w.free_ns - w.now_ns : 0;

    w.sent += PIECE;
    w.free_ns = w.now_ns + waits_ns + PIECE * MS / w.bytes_per_ms;
    w.waited_ns += waits_ns;
    w.waited_most_ns = waits_ns > w.waited_most_ns ? waits_ns : w.waited_most_ns;
    w.frames++;
    if (osri_window_sent(&w.window, PIECE, w.now_ns)) {
        ck_assert_uint_lt(w.count, FRAMES_MAX);
        w.acks[(w.first + w.count++) % FRAMES_MAX] =
            (ack){.at_ns = w.free_ns + w.round_ns, .count = w.sent};
    }
}

/* Everything that fits, then the next acknowledgement. */
static void turn(void)
{
    while (osri_window_room(&w.window) >= PIECE) {
        send_frame();
    }
    w.window.used_up = true;
    ck_assert_uint_gt(w.count, 0); /* it never stalls */
    ack next = w.acks[w.first];
    w.first = (w.first + 1) % FRAMES_MAX;
    w.count--;
    w.now_ns = next.at_ns > w.now_ns ? next.at_ns : w.now_ns;
    ck_assert(osri_window_acknowledge(&w.window, next.count, w.now_ns));
    ck_assert_uint_le(w.window.limit, OSRI_LINK_WINDOW_BYTES_MAX);
    ck_assert_uint_ge(w.window.limit, OSRI_LINK_WINDOW_BYTES_MIN);
}

static void run_for(uint64_t ns)
{
    uint64_t until_ns = w.now_ns + ns;

    w.waited_ns = w.waited_most_ns = w.frames = 0;
    while (w.now_ns < until_ns) {
        turn();
    }
}

static const struct {
    uint64_t bytes_per_ms, round_ns;
} wires[] = {
    {50000, 100 * US},   {100000, 50 * US},   {100000, 500 * US}, {300000, 100 * US},
    {300000, 1000 * US}, {1000000, 100 * US}, {1000000, 2 * MS},
};

/* On wires of 50 MB/s to 1 GB/s what is handed over waits less than 2 ms on average, and little
 * longer at most, and the wire is busy as far as 1 MiB in flight can keep it so. */
START_TEST(queueing_delay_stays_below_two_milliseconds)
{
    uint64_t rate = wires[_i].bytes_per_ms, round_ns = wires[_i].round_ns;
    uint64_t possible = MIB * MS / (round_ns + MS); /* bytes a ms with 1 MiB in flight */
    uint64_t before;

    begin(rate, round_ns);
    run_for(200 * MS);
    before = w.sent;
    run_for(1000 * MS);
    ck_assert_msg(w.waited_ns / w.frames < 2 * MS, "%llu us on average",
                  (unsigned long long)(w.waited_ns / w.frames / US));
    ck_assert_msg(w.waited_most_ns < 4 * MS, "%llu us at most",
                  (unsigned long long)(w.waited_most_ns / US));
    possible = possible < rate ? possible : rate;
    ck_assert_msg((w.sent - before) / 1000 > possible * 7 / 10, "%llu of %llu bytes a ms",
                  (unsigned long long)((w.sent - before) / 1000), (unsigned long long)possible);
}
END_TEST

/* When the way becomes longer, the window does not stay at its least for ever. */
START_TEST(longer_way_becomes_the_measure)
{
    begin(300000, 100 * US);
    run_for(200 * MS);
    w.round_ns = 20 * MS;
    run_for(3000 * MS);
    ck_assert_uint_eq(w.window.limit, OSRI_LINK_WINDOW_BYTES_MAX);
}
END_TEST

/* A slower wire shrinks the window, a faster one lets it grow again. */
START_TEST(window_follows_the_rate)
{
    uint64_t large;

    begin(300000, 200 * US);
    run_for(200 * MS);
    large = w.window.limit;
    w.bytes_per_ms = 30000;
    run_for(200 * MS);
    ck_assert_uint_lt(w.window.limit, large / 2);
    w.bytes_per_ms = 300000;
    run_for(200 * MS);
    ck_assert_uint_ge(w.window.limit, large / 2);
}
END_TEST

/* What goes back, or beyond what was sent, is no acknowledgement. */
START_TEST(impossible_acknowledgements_are_refused)
{
    begin(100000, MS);
    (void)osri_window_sent(&w.window, 1000, 1);
    ck_assert(osri_window_acknowledge(&w.window, 500, 2));
    ck_assert(!osri_window_acknowledge(&w.window, 499, 3));
    ck_assert(!osri_window_acknowledge(&w.window, 1001, 3));
    ck_assert(osri_window_acknowledge(&w.window, 1000, 3));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *tests = tcase_create("window");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_add_loop_test(tests, queueing_delay_stays_below_two_milliseconds, 0,
                        (int)(sizeof(wires) / sizeof(wires[0])));
    tcase_add_test(tests, longer_way_becomes_the_measure);
    tcase_add_test(tests, window_follows_the_rate);
    tcase_add_test(tests, impossible_acknowledgements_are_refused);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
