/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>

#include "tests/unit/sim/journals.h"

/* The checker of simulated clusters: groups and cluster-wide names. */

#define JOINED(who_) ADD(.kind = EVENT_JOINED, .who = (who_), .x = 1)
#define WATCHED(who_) ADD(.kind = EVENT_WATCHED, .who = (who_), .x = 1, .y = 9)
#define CAME(who_, other_) ADD(.kind = EVENT_CAME, .who = (who_), .other = (other_), .y = 9)
#define SEEN(who_, other_) ADD(.kind = EVENT_SEEN, .who = (who_), .other = (other_), .x = 1)
#define SEEN_ALL(who_) ADD(.kind = EVENT_SEEN_ALL, .who = (who_), .x = 1)

START_TEST(seven_groups_as_they_should_be)
{
    WATCHED(ann);
    JOINED(bob);
    JOINED(bob);
    CAME(ann, bob);
    CAME(ann, bob);
    ADD(.kind = EVENT_LEFT, .who = bob, .x = 1);
    ADD(.kind = EVENT_WENT, .who = ann, .other = bob, .y = 9);
    JOINED(abe);
    CAME(ann, abe);
    SEEN(ann, bob);
    SEEN(ann, abe);
    SEEN_ALL(ann);
    SEEN(bob, bob);
    SEEN(bob, abe);
    SEEN_ALL(bob);
    expect(NULL);
}
END_TEST

START_TEST(seven_member_that_a_node_does_not_know)
{
    JOINED(bob);
    SEEN_ALL(ann);
    expect("7: a group that is not what its members are");
}
END_TEST

START_TEST(seven_member_that_is_dead)
{
    JOINED(bob);
    ENDED(bob);
    SEEN(ann, bob);
    SEEN_ALL(ann);
    expect("7: a group that is not what its members are");
}
END_TEST

START_TEST(seven_member_of_a_lost_node)
{
    JOINED(bob);
    lose_session();
    SEEN(ann, bob);
    SEEN_ALL(ann);
    expect("7: a group that is not what its members are");
}
END_TEST

START_TEST(seven_watcher_that_was_not_told)
{
    WATCHED(ann);
    JOINED(bob);
    SEEN(ann, bob);
    SEEN_ALL(ann);
    expect("7: a monitor of a group that has not told of all");
}
END_TEST

START_TEST(seven_watcher_that_was_told_of_one_who_was_not_there)
{
    WATCHED(ann);
    ADD(.kind = EVENT_WENT, .who = ann, .other = bob, .y = 9);
    expect("7: a monitor of a group that tells of one who left it and was not in it");
}
END_TEST

START_TEST(seven_watcher_that_is_told_of_an_end_first)
{
    WATCHED(ann);
    JOINED(bob);
    CAME(ann, bob);
    MONITORED(ann, bob, S);
    ENDED(bob);
    DOWN(ann, bob, OSR_REASON_NORMAL);
    expect("7: a monitor of a group that tells of an end after it was told");
}
END_TEST

START_TEST(seven_watcher_that_is_told_of_a_nodedown_first)
{
    WATCHED(ann);
    JOINED(bob);
    CAME(ann, bob);
    lose_session();
    expect("7: a monitor of a group that tells of a lost node after its nodedown");
}
END_TEST

static void take_name(osr_pid who, osr_err err)
{
    ADD(.kind = EVENT_CLAIMS, .who = who, .x = 2);
    ADD(.kind = EVENT_CLAIMED, .who = who, .x = 2, .y = (uint64_t)err);
}

#define LOST(who_, winner) ADD(.kind = EVENT_LOST, .who = (who_), .other = (winner), .x = 2)
#define OWNER(who_, other_) ADD(.kind = EVENT_OWNER, .who = (who_), .other = (other_), .x = 2)

START_TEST(names_as_they_should_be)
{
    take_name(ann, OSR_OK);
    take_name(bob, OSR_ETAKEN);
    lose_session();
    take_name(bob, OSR_OK);
    renew_session(78);
    LOST(ann, bob);
    OWNER(ann, bob);
    OWNER(bob, bob);
    ADD(.kind = EVENT_GAVE_BACK, .who = bob, .x = 2);
    OWNER(ann, OSR_PID_NONE);
    expect(NULL);
}
END_TEST

START_TEST(goal_name_of_two_connected_nodes)
{
    take_name(ann, OSR_OK);
    take_name(bob, OSR_OK);
    LOST(bob, ann);
    expect("P: a name that was registered on two nodes that were connected");
}
END_TEST

START_TEST(goal_loss_told_twice)
{
    take_name(ann, OSR_OK);
    lose_session();
    take_name(bob, OSR_OK);
    LOST(ann, bob);
    LOST(ann, bob);
    expect("P: the loss of a name that was told twice, or to who had it not");
}
END_TEST

START_TEST(goal_loser_that_was_not_told)
{
    take_name(ann, OSR_OK);
    lose_session();
    take_name(bob, OSR_OK);
    renew_session(78);
    OWNER(ann, bob);
    expect("P: a name with two owners, or a loser that was not told");
}
END_TEST

START_TEST(goal_name_that_a_node_does_not_know)
{
    take_name(ann, OSR_OK);
    OWNER(bob, OSR_PID_NONE);
    expect("P: a name that a node does not know");
}
END_TEST

START_TEST(goal_name_of_somebody_who_gave_it_back)
{
    take_name(ann, OSR_OK);
    ADD(.kind = EVENT_GAVE_BACK, .who = ann, .x = 2);
    OWNER(bob, ann);
    expect("P: a name of somebody who does not have it");
}
END_TEST

START_TEST(seven_name_of_the_dead)
{
    take_name(ann, OSR_OK);
    ENDED(ann);
    OWNER(bob, ann);
    expect("7: a name of a dead process, or of a lost node");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checker of groups and names");
    TCase *tests = tcase_create("promises");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, seven_groups_as_they_should_be);
    tcase_add_test(tests, seven_member_that_a_node_does_not_know);
    tcase_add_test(tests, seven_member_that_is_dead);
    tcase_add_test(tests, seven_member_of_a_lost_node);
    tcase_add_test(tests, seven_watcher_that_was_not_told);
    tcase_add_test(tests, seven_watcher_that_was_told_of_one_who_was_not_there);
    tcase_add_test(tests, seven_watcher_that_is_told_of_an_end_first);
    tcase_add_test(tests, seven_watcher_that_is_told_of_a_nodedown_first);
    tcase_add_test(tests, names_as_they_should_be);
    tcase_add_test(tests, goal_name_of_two_connected_nodes);
    tcase_add_test(tests, goal_loss_told_twice);
    tcase_add_test(tests, goal_loser_that_was_not_told);
    tcase_add_test(tests, goal_name_that_a_node_does_not_know);
    tcase_add_test(tests, goal_name_of_somebody_who_gave_it_back);
    tcase_add_test(tests, seven_name_of_the_dead);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
