/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/link/verdict.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* The table of dist/link/verdict.h, each row once. */

static const uint8_t key_one[32] = {1};

static const struct row {
    const char *self;
    bool dialed; /* WELCOME */
    osri_holder_phase phase;
    uint8_t key;
    uint64_t creation;
    osri_verdict verdict;
} rows[] = {
    /* The peer is "m@h", its key 1, its creation 5. */
    {"z@h", false, OSRI_HOLDER_DIALING, 1, 0, OSRI_VERDICT_REFUSE_SIMULTANEOUS},
    {"a@h", false, OSRI_HOLDER_DIALING, 1, 0, OSRI_VERDICT_ACCEPT},
    {"z@h", false, OSRI_HOLDER_DIALING, 2, 0, OSRI_VERDICT_ACCEPT},
    {"z@h", false, OSRI_HOLDER_ACCEPTED, 1, 5, OSRI_VERDICT_REPLACE},
    {"a@h", false, OSRI_HOLDER_ACCEPTED, 1, 5, OSRI_VERDICT_REPLACE},
    {"z@h", false, OSRI_HOLDER_UP, 1, 5, OSRI_VERDICT_REFUSE_CONNECTED},
    {"z@h", false, OSRI_HOLDER_UP, 1, 6, OSRI_VERDICT_REPLACE},
    {"z@h", false, OSRI_HOLDER_UP, 2, 5, OSRI_VERDICT_REFUSE_NAME_TAKEN},
    {"a@h", true, OSRI_HOLDER_ACCEPTED, 1, 5, OSRI_VERDICT_REPLACE},
    {"z@h", true, OSRI_HOLDER_UP, 1, 5, OSRI_VERDICT_REPLACE},
    {"z@h", true, OSRI_HOLDER_UP, 2, 5, OSRI_VERDICT_REFUSE_NAME_TAKEN},
};

static osri_claim claim_of(const struct row *row)
{
    return (osri_claim){.name = "m@h", .key = key_one, .creation = 5, .dialed = row->dialed};
}

static osri_holder holder_of(const struct row *row)
{
    osri_holder holder = {.phase = row->phase, .creation = row->creation};

    holder.key[0] = row->key;
    return holder;
}

/* One other link. */
START_TEST(a_row_of_the_table)
{
    osri_claim claim = claim_of(&rows[_i]);
    osri_holder holder = holder_of(&rows[_i]);

    ck_assert_int_eq(osri_link_verdict(rows[_i].self, &claim, &holder, 1), rows[_i].verdict);
}
END_TEST

/* Nobody has the name. */
START_TEST(a_free_name_is_accepted)
{
    osri_claim claim = claim_of(&rows[0]);

    ck_assert_int_eq(osri_link_verdict("z@h", &claim, NULL, 0), OSRI_VERDICT_ACCEPT);
}
END_TEST

/* Of several others the strictest decides, in whatever order they come. */
START_TEST(the_strictest_decides)
{
    osri_claim claim = claim_of(&rows[0]);
    osri_holder holders[3] = {holder_of(&rows[3]), holder_of(&rows[7]), holder_of(&rows[6])};
    osri_holder swapped[3] = {holders[1], holders[2], holders[0]};

    ck_assert_int_eq(osri_link_verdict("z@h", &claim, holders, 3), OSRI_VERDICT_REFUSE_NAME_TAKEN);
    ck_assert_int_eq(osri_link_verdict("z@h", &claim, swapped, 3), OSRI_VERDICT_REFUSE_NAME_TAKEN);
    ck_assert_int_eq(osri_link_verdict("z@h", &claim, holders, 1), OSRI_VERDICT_REPLACE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("verdict");
    TCase *tests = tcase_create("table");
    SRunner *runner;
    int failed;

    tcase_add_loop_test(tests, a_row_of_the_table, 0, (int)(sizeof(rows) / sizeof(rows[0])));
    tcase_add_test(tests, a_free_name_is_accepted);
    tcase_add_test(tests, the_strictest_decides);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
