/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "examples/wordcount/plan.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static plan p;
static scan files;

/* A plan for one file of that many bytes, and workers with the OS pids 101, 102, …. */
static void plan_for(uint64_t bytes, uint32_t workers, bool kill)
{
    plan_fini(&p);
    scan_fini(&files);
    files.files = calloc(1, sizeof(*files.files));
    files.files[0] = (scan_file){strdup("file"), bytes, NULL};
    files.count = 1;
    files.bytes = bytes;
    ck_assert(plan_init(&p, &files, kill));
    for (uint32_t i = 0; i < workers; i++) {
        ck_assert_uint_eq(plan_join(&p, 101 + i), i);
    }
}

static void tear_down(void)
{
    plan_fini(&p);
    scan_fini(&files);
}

static uint32_t hand_out_all(void)
{
    uint32_t count = 0;
    uint32_t number;
    uint32_t worker;
    while (plan_hand_out(&p, &number, &worker)) {
        ck_assert(plan_holds(&p, worker, number, p.chunks[number].attempt));
        count++;
    }
    return count;
}

/* Some worker finishes one of its chunks, chosen by luck. False: nobody holds any. */
static bool finish_one(void)
{
    uint32_t first = (uint32_t)rand() % p.worker_count;
    for (uint32_t i = 0; i < p.worker_count; i++) {
        uint32_t worker = (first + i) % p.worker_count;
        plan_worker *w = &p.workers[worker];
        if (w->alive && !w->doomed && w->held_count > 0) {
            plan_done(&p, worker, w->held[(uint32_t)rand() % w->held_count], true);
            return true;
        }
    }
    return false;
}

/* 64 chunks, of at least a byte and at most a MiB, that cover each file without gap or overlap. */
START_TEST(chunks_cover_the_files)
{
    static const uint64_t sizes[] = {0, 1, 2, 63, 64, 65, 200, 6400, 1 << 20, 200000000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        plan_for(sizes[i], 0, false);
        uint64_t at = 0;
        for (uint32_t c = 0; c < p.count; c++) {
            ck_assert_uint_eq(p.chunks[c].offset, at);
            ck_assert_uint_gt(p.chunks[c].length, 0);
            ck_assert_uint_le(p.chunks[c].length, SCAN_CHUNK_BYTES_MAX);
            at += p.chunks[c].length;
        }
        ck_assert_uint_eq(at, sizes[i]);
    }
    ck_assert_uint_eq(scan_chunk_bytes(63), 1);
    ck_assert_uint_eq(scan_chunk_bytes(6400), 100);
    ck_assert_uint_eq(scan_chunk_bytes(UINT64_C(1) << 40), SCAN_CHUNK_BYTES_MAX);
}
END_TEST

/* Each worker has two chunks at most, and at first they are shared out evenly. */
START_TEST(workers_hold_two_chunks_at_most)
{
    plan_for(64, 3, false);
    ck_assert_uint_eq(hand_out_all(), 6);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(p.workers[i].held_count, CHUNKS_HELD_MAX);
    }
    plan_done(&p, 1, p.workers[1].held[0], true);
    ck_assert_uint_eq(hand_out_all(), 1);
    ck_assert_uint_eq(p.workers[1].held_count, CHUNKS_HELD_MAX);
}
END_TEST

/* What a lost worker held is handed out again as the next attempt, and only that counts. */
START_TEST(lost_chunks_are_done_again)
{
    plan_for(64, 2, false);
    (void)hand_out_all();
    uint32_t lost = p.workers[0].held[0];
    ck_assert_uint_eq(plan_leave(&p, 0), 2);
    ck_assert(!plan_holds(&p, 0, lost, 1));
    plan_done(&p, 1, p.workers[1].held[0], true);
    ck_assert_uint_eq(hand_out_all(), 1);
    ck_assert_uint_eq(p.chunks[lost].worker, 1);
    ck_assert(plan_holds(&p, 1, lost, 2));
    ck_assert(!plan_holds(&p, 1, lost, 1));
}
END_TEST

/* Numbers that come from outside are looked at before they are used. */
START_TEST(unknown_workers_and_chunks_hold_nothing)
{
    plan_for(64, 1, false);
    (void)hand_out_all();
    ck_assert(!plan_holds(&p, PLAN_NOBODY, 0, 1));
    ck_assert(!plan_holds(&p, 1, 0, 1));
    ck_assert(!plan_holds(&p, 0, p.count, 1));
    ck_assert(!plan_holds(&p, 0, p.count - 1, 0));
}
END_TEST

/* Worker 0 finishes nothing, the others one chunk after the other. */
static void finish_but_first(uint32_t number)
{
    uint32_t worker = 1 + number % 2;
    plan_done(&p, worker, p.workers[worker].held[0], true);
    (void)hand_out_all();
}

/* The kill is due when a third of the chunks are done, not before, and takes one who holds a chunk
 * and has counted another. */
START_TEST(kill_is_due_at_a_third)
{
    plan_for(63, 3, true);
    (void)hand_out_all();
    for (uint32_t done = 0; done < 21; done++) {
        ck_assert_uint_eq(plan_victim(&p), PLAN_NOBODY);
        finish_but_first(done);
    }
    uint32_t victim = plan_victim(&p);
    ck_assert(victim == 1 || victim == 2);
    ck_assert_uint_gt(p.workers[victim].held_count, 0);
    ck_assert_uint_gt(p.workers[victim].counted, 0);
}
END_TEST

/* From the decision on nothing of the victim counts, and it gets nothing more. */
START_TEST(doomed_workers_do_not_count)
{
    plan_for(64, 3, true);
    ck_assert_uint_eq(plan_join(&p, 101), 3); /* a second one on the same node */
    (void)hand_out_all();
    uint32_t held = p.workers[0].held[0];
    ck_assert(plan_may_kill(&p));
    ck_assert_uint_eq(plan_doom(&p, 101), 2);
    ck_assert(!plan_holds(&p, 0, held, 1));
    ck_assert_uint_eq(hand_out_all(), 0);
    ck_assert_uint_eq(plan_alive(&p), 2);
    ck_assert_uint_eq(plan_leave(&p, 0), 2);
    ck_assert_uint_eq(plan_leave(&p, 3), 2);
    ck_assert_uint_eq(plan_victim(&p), PLAN_NOBODY);
}
END_TEST

/* With two chunks the holder of the first is killed before the second is handed out; with one,
 * and with none, anybody. */
START_TEST(few_chunks_are_killed_before_the_last)
{
    for (uint32_t count = 0; count < 3; count++) {
        plan_for(count, 3, true);
        ck_assert_uint_eq(p.count, count);
        ck_assert_uint_eq(hand_out_all(), count == 2 ? 1 : 0);
        uint32_t victim = plan_victim(&p);
        ck_assert_uint_lt(victim, 3);
        ck_assert_uint_eq(p.workers[victim].held_count, count == 2 ? 1 : 0);
        (void)plan_doom(&p, p.workers[victim].node);
        ck_assert_uint_eq(plan_leave(&p, victim), count == 2 ? 1 : 0);
        ck_assert_uint_eq(hand_out_all(), count);
        while (finish_one()) {
        }
        ck_assert(plan_is_finished(&p));
        ck_assert_uint_eq(p.counted, count);
    }
}
END_TEST

/* The last node with workers is not to be killed. */
START_TEST(last_node_may_not_be_killed)
{
    plan_for(64, 2, true);
    ck_assert(plan_may_kill(&p));
    (void)plan_leave(&p, 0);
    ck_assert(!plan_may_kill(&p));
    ck_assert_uint_eq(plan_join(&p, 102), 2);
    ck_assert(!plan_may_kill(&p));
}
END_TEST

/* Whoever comes and goes, all chunks are counted once in the end. */
START_TEST(random_losses_leave_nothing_out)
{
    srand(7000 + (unsigned)_i);
    plan_for((uint64_t)(rand() % 300), 3, true);
    uint32_t losses = 0;
    while (!plan_is_finished(&p)) {
        (void)hand_out_all();
        uint32_t victim = plan_victim(&p);
        bool lose = victim != PLAN_NOBODY || (rand() % 9 == 0 && losses < 20);
        if (lose) {
            victim = victim != PLAN_NOBODY ? victim : (uint32_t)rand() % p.worker_count;
            if (p.workers[victim].alive) {
                (void)plan_doom(&p, p.workers[victim].node);
                (void)plan_leave(&p, victim);
                ck_assert_uint_ne(plan_join(&p, 500 + losses++), PLAN_NOBODY);
            }
        } else {
            ck_assert(finish_one() || p.count < 3);
        }
    }
    uint32_t sum = 0;
    for (uint32_t i = 0; i < p.worker_count; i++) {
        sum += p.workers[i].counted;
    }
    ck_assert_uint_eq(sum, p.count);
    ck_assert_uint_eq(p.counted, p.count);
    ck_assert_uint_eq(p.bytes_done, files.bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wordcount plan");
    TCase *tests = tcase_create("plan");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, NULL, tear_down);
    tcase_add_test(tests, chunks_cover_the_files);
    tcase_add_test(tests, workers_hold_two_chunks_at_most);
    tcase_add_test(tests, lost_chunks_are_done_again);
    tcase_add_test(tests, unknown_workers_and_chunks_hold_nothing);
    tcase_add_test(tests, kill_is_due_at_a_third);
    tcase_add_test(tests, doomed_workers_do_not_count);
    tcase_add_test(tests, few_chunks_are_killed_before_the_last);
    tcase_add_test(tests, last_node_may_not_be_killed);
    tcase_add_loop_test(tests, random_losses_leave_nothing_out, 0, 60);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
