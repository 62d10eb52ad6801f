/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/net/state.h"
#include "lib/core/heap.h"
#include "tests/support/simulated_net.h"

/* Large messages and large reasons on a simulated network of 20 MB/s: who else sends is not held up
 * by them, the order of each pair holds, memory stays bounded. */

#define A 0
#define B 1
#define RATE UINT64_C(20000000)
#define MIB (1024u * 1024u)
#define LARGE (15 * MIB) /* three quarters of a second on its way */
#define SOON_MS 40       /* for a small message beside it: a window's worth, and the way */

static osr_pid a, b, near, far;

static void setup(void)
{
    net_start(&(cluster_options){.nodes = 2, .network = {.bytes_per_second = RATE}});
    a = actor_on(A, "a");
    near = actor_on(A, "near");
    b = actor_on(B, "b");
    far = actor_on(B, "far");
    TELL(a, actor_call, .name = osr_str_of("b"), .node = osr_str_of("n1@sim"), .timeout_ms = 5000);
    run_ms(100);
    actor_trace_clear();
}

/* While `line` has not come, a small message of another pair takes no longer than ever. Returns how
 * many have passed. */
static unsigned pass_until(const char *line)
{
    unsigned passed = 0;

    while (actor_trace_count(line) == 0) {
        char note[32];
        TELL(near, actor_send, .to = far, .first = ++passed, .count = 1);
        run_ms(SOON_MS);
        (void)snprintf(note, sizeof(note), "far note %u", passed);
        expect_once(note);
        ck_assert_uint_lt(passed, 1000);
    }
    return passed;
}

/* Behind a large message. */
START_TEST(message_latency_large_message)
{
    char line[64];

    TELL(a, actor_send_big, .to = b, .number = 1, .bytes = LARGE);
    TELL(a, actor_send, .to = b, .first = 2, .count = 1);
    (void)snprintf(line, sizeof(line), "b big 1 of %u", LARGE);
    ck_assert_uint_gt(pass_until(line), 10);
    run_ms(100);
    expect_once("b note 2"); /* of the same pair: behind it */
    ck_assert(strstr(actor_trace(), "b note 2") > strstr(actor_trace(), line));
}
END_TEST

/* Behind a large reason, which goes to a linked process. */
START_TEST(message_latency_large_link_exit)
{
    TELL(a, actor_link, .to = b);
    run_ms(100);
    TELL(a, actor_exit_big, .bytes = LARGE);
    ck_assert_uint_gt(pass_until("b exited 15728640 bytes"), 10);
}
END_TEST

/* Behind a large reason, which goes to one that monitors. */
START_TEST(message_latency_large_monitor_exit)
{
    TELL(b, actor_monitor, .to = a);
    run_ms(100);
    TELL(a, actor_exit_big, .bytes = LARGE);
    ck_assert_uint_gt(pass_until("b down 15728640 bytes"), 10);
}
END_TEST

/* Behind a large reason in an exit signal. */
START_TEST(message_latency_large_exit2)
{
    TELL(a, actor_exit_big, .bytes = LARGE, .to = b);
    ck_assert_uint_gt(pass_until("b exited 15728640 bytes"), 10);
}
END_TEST

/* Several large ones at once take turns, and each is whole. */
START_TEST(large_messages_of_several_senders_interleave)
{
    unsigned least = 0;

    for (unsigned i = 0; i < 4; i++) {
        char name[3] = {'p', (char)('0' + i), '\0'};
        TELL(actor_on(A, name), actor_send_big, .to = b, .number = i, .bytes = (4 - i) * MIB / 4);
    }
    /* they are admitted one after the other, but the first does not have to be done */
    while (strstr(actor_trace(), "big") == NULL) {
        run_ms(1);
        least++;
    }
    ck_assert_uint_ge(least, 12); /* a quarter MiB beside others */
    run_ms(1000);
    expect_once("b big 0 of 1048576");
    expect_once("b big 1 of 786432");
    expect_once("b big 2 of 524288");
    expect_once("b big 3 of 262144");
    ck_assert(strstr(actor_trace(), "b big 0") > strstr(actor_trace(), "b big 3"));
}
END_TEST

/* A hundred and fifty megabytes, of which at most a few messages are anywhere at a time. */
START_TEST(memory_stays_bounded)
{
    uint64_t before = osri_heap_live_bytes(), most = 0;

    TELL(a, actor_pour, .to = b, .first = 1, .count = 10, .bytes = LARGE);
    while (actor_trace_count("b big 10 of 15728640") == 0) {
        uint64_t now = osri_heap_live_bytes();
        most = now > most ? now : most;
        run_ms(10);
        ck_assert_uint_lt(world->now_ns, 60 * SECOND);
    }
    /* the sender's bin; one being encoded, one waiting, one being put together, one decoded */
    ck_assert_uint_lt(most - before, 6 * (uint64_t)LARGE);
    TELL(a, actor_send, .to = b, .first = 11, .count = 1); /* a message is lent until the next */
    run_ms(100);
    ck_assert_uint_lt(osri_heap_live_bytes(), before + MIB);
}
END_TEST

/* A session that ends in the middle of a large message delivers nothing of it, and keeps nothing of
 * it on either side. */
START_TEST(half_of_a_large_message_is_forgotten)
{
    uint64_t before = osri_heap_live_bytes();

    TELL(a, actor_send_big, .to = b, .number = 1, .bytes = LARGE);
    run_ms(300);
    ck_assert_uint_gt(osri_heap_live_bytes(), before + LARGE);
    osri_sim_reset(world->network, A, B);
    run_ms(1000);
    TELL(a, actor_send, .to = b, .first = 2, .count = 1);
    run_ms(500);
    expect_once("b note 2");
    ck_assert_ptr_null(strstr(actor_trace(), "b big"));
    ck_assert_uint_lt(osri_heap_live_bytes(), before + MIB);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("large messages on the simulated network");
    TCase *tests = tcase_create("large");
    SRunner *runner = srunner_create(suite);

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, setup, net_end);
    tcase_add_test(tests, message_latency_large_message);
    tcase_add_test(tests, message_latency_large_link_exit);
    tcase_add_test(tests, message_latency_large_monitor_exit);
    tcase_add_test(tests, message_latency_large_exit2);
    tcase_add_test(tests, large_messages_of_several_senders_interleave);
    tcase_add_test(tests, memory_stays_bounded);
    tcase_add_test(tests, half_of_a_large_message_is_forgotten);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
