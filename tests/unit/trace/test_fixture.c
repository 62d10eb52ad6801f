/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/message/envelope.h"
#include "lib/trace/counters.h"
#include "tests/unit/process/process_kit.h"

/* The check that stands behind every test of a node can fail. */

static osri_envelope *leaked;

static osr_err sends_one(osr_self *self)
{
    osr_message message;
    CHECK_OK(self, note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 1}));
    return osr_receive(self, 1000, &message);
}

static osr_err leaks_one(osr_self *self)
{
    CHECK_OK(self, osri_envelope_new(&note_osr_type, &(note){.n = 1}, &leaked));
    return OSR_OK;
}

static osr_err counts_one_too_many(osr_self *self)
{
    osri_count(osr_self_node(self), OSRI_COUNT_SENT);
    return OSR_OK;
}

/* What is in order is not complained of. */
START_TEST(a_test_that_leaves_nothing_passes)
{
    node_fixture_threaded();
    node_fixture_run(sends_one);
    ck_assert_ptr_null(node_fixture_stop());
}
END_TEST

/* A message that nobody frees fails its test. */
START_TEST(a_leaked_message_fails_the_test)
{
    node_fixture_threaded();
    node_fixture_run(leaks_one);
    const char *flaw = node_fixture_stop();
    ck_assert_ptr_nonnull(flaw);
    ck_assert_ptr_nonnull(strstr(flaw, "blocks of memory"));
    osri_envelope_free(&leaked);
}
END_TEST

/* A message that was sent and neither received nor dropped fails its test. */
START_TEST(a_message_lost_from_the_count_fails_the_test)
{
    node_fixture_threaded();
    node_fixture_run(counts_one_too_many);
    const char *flaw = node_fixture_stop();
    ck_assert_ptr_nonnull(flaw);
    ck_assert_ptr_nonnull(strstr(flaw, "sent "));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fixture");
    TCase *tests = tcase_create("fixture");
    tcase_add_test(tests, a_test_that_leaves_nothing_passes);
    tcase_add_test(tests, a_leaked_message_fails_the_test);
    tcase_add_test(tests, a_message_lost_from_the_count_fails_the_test);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
