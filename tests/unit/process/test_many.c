/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>

#include "tests/unit/process/process_kit.h"

/* 200,000 raw processes that all hold a stack, waiting in receive. */

#define MANY 200000

static atomic_int waiting;

OSR_ENTRY(waits, note)
{
    osr_message message;
    atomic_fetch_add(&waiting, 1);
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    note_send(self, osr_to(argument->from), OSR_AS(note, &message));
    return OSR_OK;
}

static osr_pid pids[MANY];

static osr_err many(osr_self *self)
{
    osr_message message;
    int64_t sum = 0;
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(self, waits_spawn(self, &(note){.from = osr_self_pid(self)}, NULL, &pids[i]));
    }
    while (atomic_load(&waiting) < MANY) {
        CHECK_OK(self, osr_sleep(self, 10));
    }
    for (int i = 0; i < MANY; i++) {
        note_send(self, osr_to(pids[i]), &(note){.n = i});
    }
    for (int i = 0; i < MANY; i++) {
        CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
        sum += OSR_AS(note, &message)->n;
    }
    OSR_CHECK(self, sum == (int64_t)MANY * (MANY - 1) / 2);
    return OSR_OK;
}

/* So many may wait at once, and each still gets its message. */
START_TEST(two_hundred_thousand_wait_in_receive)
{
    node_fixture_run_long(many);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("many");
    TCase *tests = tcase_create("many");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, node_fixture_threaded, node_fixture_end);
    tcase_add_test(tests, two_hundred_thousand_wait_in_receive);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
