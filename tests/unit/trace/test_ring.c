/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <pthread.h>
#include <stdlib.h>

#include "lib/trace/ring.h"

/* The ring of events: what is read is whole, in order, or counted as lost. */

#define WRITES 400000

static osri_ring ring;

static void write_number(uint64_t n)
{
    osr_event event = {.time_ns = n,
                       .kind = OSR_EVENT_SEND,
                       .size = (uint32_t)n,
                       .slot = (uint32_t)n,
                       .with.pid = {n, (uint32_t)n, (uint32_t)n},
                       .number = n,
                       .trace = n};
    osri_ring_write(&ring, &event);
}

static void expect_whole(const osr_event *event, uint64_t n)
{
    ck_assert_uint_eq(event->number, n);
    ck_assert_uint_eq(event->time_ns, n);
    ck_assert_uint_eq(event->with.pid.node, n);
    ck_assert_uint_eq(event->trace, n);
    ck_assert_uint_eq(event->size, (uint32_t)n);
}

/* Events come back in the order they were written. */
START_TEST(a_ring_gives_back_what_was_written)
{
    uint64_t cursor = 0;
    uint64_t lost = 0;
    osr_event event;
    for (uint64_t n = 0; n < 10; n++) {
        write_number(n);
    }
    for (uint64_t n = 0; n < 10; n++) {
        ck_assert(osri_ring_read(&ring, &cursor, &event, &lost));
        expect_whole(&event, n);
    }
    ck_assert(!osri_ring_read(&ring, &cursor, &event, &lost));
    ck_assert_uint_eq(lost, 0);
}
END_TEST

/* A reader who is too late finds the newest ones, and how many it missed. */
START_TEST(an_overtaken_reader_counts_what_it_lost)
{
    uint64_t cursor = 0;
    uint64_t lost = 0;
    uint64_t read = 0;
    osr_event event;
    for (uint64_t n = 0; n < OSRI_RING_RECORDS * 3; n++) {
        write_number(n);
    }
    while (osri_ring_read(&ring, &cursor, &event, &lost)) {
        expect_whole(&event, lost + read);
        read++;
    }
    ck_assert_uint_eq(read, OSRI_RING_RECORDS - 1);
    ck_assert_uint_eq(read + lost, OSRI_RING_RECORDS * 3);
}
END_TEST

static void *write_all(void *argument)
{
    (void)argument;
    for (uint64_t n = 0; n < WRITES; n++) {
        write_number(n);
    }
    return NULL;
}

/* Readers beside the writer never see half an event, and account for each one. */
START_TEST(readers_beside_the_writer_see_whole_events)
{
    pthread_t writer;
    uint64_t cursor = 0;
    uint64_t lost = 0;
    uint64_t read = 0;
    osr_event event;
    ck_assert_int_eq(pthread_create(&writer, NULL, write_all, NULL), 0);
    while (lost + read < WRITES) {
        if (osri_ring_read(&ring, &cursor, &event, &lost)) {
            expect_whole(&event, lost + read);
            read++;
        }
    }
    ck_assert_int_eq(pthread_join(writer, NULL), 0);
    ck_assert_uint_eq(lost + read, WRITES);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ring");
    TCase *tests = tcase_create("ring");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_ring_gives_back_what_was_written);
    tcase_add_test(tests, an_overtaken_reader_counts_what_it_lost);
    tcase_add_test(tests, readers_beside_the_writer_see_whole_events);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
