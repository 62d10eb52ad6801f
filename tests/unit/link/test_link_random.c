/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/link/link_rig.h"

/* Seeded runs of whole links over the simulated network: simultaneous dials, traffic, faults. A
 * failure names its seed; OSIER_SEED=<n> runs that one alone, OSIER_SEEDS=<n> so many. */

#define SEEDS 1000

static uint64_t first_seed = 1;
static uint64_t seed_count = SEEDS;

#define seed_assert(fact)                                                                          \
    ck_assert_msg((fact), "seed %llu: %s", (unsigned long long)the_rig.seed, #fact)

static int count_ups(int node)
{
    int ups = 0;

    for (rig_link *entry = the_rig.nodes[node].links; entry != NULL; entry = entry->next) {
        ups += entry->ups;
    }
    return ups;
}

static void expect_one_session(void)
{
    rig_link *one = rig_up(0);
    rig_link *other = rig_up(1);

    seed_assert(one != NULL && other != NULL);
    seed_assert(rig_other_end(one) == other && rig_other_end(other) == one);
}

/* Both dial at about the same time: one connection comes of it, the same at both ends, and it comes
 * up once. */
START_TEST(two_dials_make_one_connection)
{
    int both = 0;

    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        uint64_t late_ns;
        int first;

        rig_begin(seed, NULL);
        first = (int)rig_random(2);
        late_ns = rig_random(3 * MS);
        (void)rig_dial(first);
        rig_run(late_ns);
        if (rig_alive(1 - first) == NULL) {
            (void)rig_dial(1 - first);
            both++;
        }
        rig_run(1000 * MS);
        expect_one_session();
        seed_assert(count_ups(0) == 1 && count_ups(1) == 1);
        rig_end();
    }
    ck_assert(seed_count < 100 || both > 20);
}
END_TEST

/* Whatever resets, stalls and cuts do to them, two nodes that both want each other end up with one
 * connection. */
START_TEST(faults_leave_one_connection)
{
    for (uint64_t seed = first_seed; seed < first_seed + seed_count; seed++) {
        rig_begin(seed, &(osri_sim_options){.dial_timeout_ns = 300 * MS});
        the_rig.tick_ms = 400;
        for (int turn = 0; turn < 3000; turn++) {
            uint64_t what = turn < 60 ? rig_random(20) : 19;

            if (what == 0) {
                osri_sim_reset(the_rig.network, 0, 1);
            } else if (what <= 2) {
                osri_sim_stall(the_rig.network, (uint32_t)what - 1, 2 - (uint32_t)what,
                               rig_random(50 * MS));
            } else if (what == 3) {
                osri_sim_cut(the_rig.network, (uint32_t)turn % 2, 1 - (uint32_t)turn % 2);
            } else if (what <= 8 || turn == 60) {
                osri_sim_heal(the_rig.network, 0, 1);
                osri_sim_heal(the_rig.network, 1, 0);
            }
            for (int node = 0; node < 2; node++) {
                if (rig_alive(node) == NULL && rig_random(3) == 0) {
                    (void)rig_dial(node);
                }
            }
            rig_run(rig_random(turn < 60 ? 2 * MS : 40 * MS));
            if (turn > 100 && rig_up(0) != NULL && rig_up(1) != NULL &&
                rig_other_end(rig_up(0)) == rig_up(1)) {
                break;
            }
        }
        expect_one_session();
        rig_run(5000 * MS);
        expect_one_session();
        rig_end();
    }
}
END_TEST

static size_t random_length(void)
{
    switch (rig_random(20)) {
    case 0:
        return 16 + rig_random(300000);
    case 1:
        return 16 + rig_random(40000);
    case 2:
    case 3:
    case 4:
        return 16 + rig_random(5000);
    default:
        return 16 + rig_random(200);
    }
}

static void random_traffic(rig_link *ends[2])
{
    for (uint64_t left = rig_random(30); left > 0; left--) {
        rig_link *end = ends[rig_random(2)];

        if (end != NULL && !osri_link_is_down(end->link)) {
            rig_send(end, (unsigned)rig_random(RIG_SENDERS), random_length());
        }
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] != NULL && rig_random(2) == 0) {
            rig_flush(ends[i]);
        }
    }
}

static void random_fault(rig_link *ends[2])
{
    uint32_t from = (uint32_t)rig_random(2);

    switch (rig_random(60)) {
    case 0:
        osri_sim_reset(the_rig.network, 0, 1);
        break;
    case 1:
        rig_close(ends[from] != NULL ? ends[from] : ends[0], OSRI_DOWN_DISCONNECT);
        break;
    case 2:
        osri_sim_cut(the_rig.network, from, 1 - from);
        break;
    case 3:
        rig_close(ends[from] != NULL ? ends[from] : ends[0], OSRI_DOWN_GOODBYE);
        break;
    case 4:
    case 5:
    case 6:
        osri_sim_stall(the_rig.network, from, 1 - from, rig_random(200 * MS));
        break;
    default:
        break;
    }
}

/* What each end received is a prefix, per sender, of what the other gave (order and content are
 * checked as it arrives). */
static void expect_prefixes(rig_link *ends[2], bool all)
{
    for (int i = 0; i < 2 && ends[1] != NULL; i++) {
        for (int sender = 0; sender < RIG_SENDERS; sender++) {
            seed_assert(ends[i]->received[sender] <= ends[1 - i]->sent[sender]);
            seed_assert(!all || ends[i]->received[sender] == ends[1 - i]->sent[sender]);
        }
    }
}

static void traffic(uint64_t seed, bool faults)
{
    osri_sim_options options = {.latency_max_ns = 1 + seed % 7 * MS};
    rig_link *ends[2];

    options.latency_min_ns = options.latency_max_ns / 2 + 1;
    options.send_bytes_max = seed % 3 == 0 ? 100000 : 0;
    options.bytes_per_second = seed % 4 == 0 ? 20000000 : 0;
    rig_begin(seed, &options);
    the_rig.tick_ms = 1000;
    ends[0] = rig_dial(0);
    ends[1] = NULL;
    for (int turn = 0; turn < 60; turn++) {
        random_traffic(ends);
        if (faults) {
            random_fault(ends);
        }
        rig_run(rig_random(5 * MS));
        ends[1] = ends[1] != NULL ? ends[1] : the_rig.nodes[1].links;
    }
    for (int i = 0; i < 2; i++) {
        if (ends[i] != NULL) {
            rig_flush(ends[i]);
        }
    }
    rig_run(20000 * MS);
    expect_prefixes(ends, !faults);
    seed_assert(!faults ? osri_link_is_up(ends[0]->link) && osri_link_is_up(ends[1]->link)
                        : ends[0]->ups <= 1);
    if (!faults) {
        seed_assert(osri_link_queued_bytes(ends[0]->link) == 0);
        rig_close(ends[0], OSRI_DOWN_GOODBYE);
        rig_run(2000 * MS);
        seed_assert(ends[0]->downs == 1 && ends[1]->downs == 1);
        seed_assert(ends[1]->down == OSRI_DOWN_GOODBYE && ends[0]->down == OSRI_DOWN_GOODBYE);
    }
    rig_end();
}

/* Without faults everything arrives, whatever the delays, rates and refusals of the transport. */
START_TEST(without_faults_everything_arrives)
{
    for (uint64_t seed = first_seed; seed < first_seed + (seed_count + 9) / 10; seed++) {
        traffic(seed, false);
    }
}
END_TEST

/* With faults what arrives is a prefix per sender; one UP, one DOWN; all memory comes back. */
START_TEST(with_faults_a_prefix_arrives)
{
    for (uint64_t seed = first_seed; seed < first_seed + (seed_count + 4) / 5; seed++) {
        traffic(seed, true);
    }
}
END_TEST

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
    const char *text = getenv(variable);

    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

int main(void)
{
    Suite *suite = suite_create("link_random");
    TCase *tests = tcase_create("seeds");
    SRunner *runner;
    int failed;

    seed_count = number_of("OSIER_SEEDS", getenv("OSIER_SEED") != NULL ? 1 : SEEDS);
    first_seed = number_of("OSIER_SEED", 1);
    printf("seeds %llu to %llu\n", (unsigned long long)first_seed,
           (unsigned long long)(first_seed + seed_count - 1));
    (void)fflush(stdout);
    tcase_set_timeout(tests, 600);
    tcase_add_test(tests, two_dials_make_one_connection);
    tcase_add_test(tests, faults_leave_one_connection);
    tcase_add_test(tests, without_faults_everything_arrives);
    tcase_add_test(tests, with_faults_a_prefix_arrives);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
