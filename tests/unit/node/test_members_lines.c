/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/members_lines.h"

#include <check.h>
#include <stdlib.h>

/* What a node's command `nodes` prints, read by osier nodes. */

/* A word of the node's own line, and neither a part of one nor a label or another node's. */
START_TEST(a_word_of_the_first_line)
{
    const char *text =
        "a@h OS process 7, this node, draining\nb@h OS process 8, labels x, hidden\n";

    ck_assert(osri_members_line_has(text, "draining"));
    ck_assert(osri_members_line_has("a@h OS process 7, draining, labels w", "draining"));
    ck_assert(!osri_members_line_has(text, "drain"));
    ck_assert(!osri_members_line_has(text, "hidden"));
    ck_assert(!osri_members_line_has("a@h OS process 7, labels w,draining", "draining"));
    ck_assert(!osri_members_line_has("", "draining"));
}
END_TEST

/* Several nodes' lines become one of each node, without the hidden ones. */
START_TEST(lines_are_joined)
{
    osri_text lines;

    osri_text_init(&lines, 1000);
    osri_members_lines_add(&lines, "a@h OS process 7, this node\nab@h OS process 8, labels x\n");
    osri_members_lines_add(&lines, "b@h OS process 9, this node\na@h OS process 7\n"
                                   "c@h OS process 1, labels -, hidden\nd@h not connected, at ");
    ck_assert_str_eq(osri_text_get(&lines), "a@h OS process 7, this node\n"
                                            "ab@h OS process 8, labels x\n"
                                            "b@h OS process 9, this node\n"
                                            "d@h not connected, at \n");
    osri_text_fini(&lines);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("members_lines");
    TCase *tests = tcase_create("members_lines");
    tcase_add_test(tests, a_word_of_the_first_line);
    tcase_add_test(tests, lines_are_joined);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
