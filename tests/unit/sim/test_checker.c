/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>
#include <string.h>

#include "tests/unit/sim/journals.h"

/* The checker of simulated clusters: nodes, sessions, and what their people see. */

/* A life in which everything happens as it should breaks nothing. */
START_TEST(a_good_journal_breaks_nothing)
{
    HEARD(bob, ann, .x = 1, .y = 1, .z = S, .w = 1);
    HEARD(bob, ann, .x = 2, .z = S);
    HEARD(bob, ann, .x = 3, .y = 2, .z = S, .w = 2);
    MONITORED(ann, bob, S);
    ADD(.kind = EVENT_LINK, .who = ann, .other = bob, .y = S);
    ADD(.kind = EVENT_WAITED, .who = ann, .x = 1, .y = SECOND, .z = 2000000);
    ADD(.kind = EVENT_TOLD, .who = ann, .other = bob, .x = 2, .z = S);
    lose_session();
    DOWN(ann, bob, OSR_REASON_NOCONNECTION);
    ADD(.kind = EVENT_EXITED, .who = ann, .other = bob, .y = OSR_REASON_NOCONNECTION);
    renew_session(78);
    HEARD(bob, ann, .x = 5, .y = 4, .z = 78, .w = 1);
    ADD(.kind = EVENT_STRANGER, .x = 0);
    ADD(.kind = EVENT_DIALED, .x = 0, .y = 1);
    ADD(.kind = EVENT_SPAWNED, .who = ann, .x = 1, .y = OSR_OK, .z = 78);
    ADD(.kind = EVENT_ANSWERED, .who = ann, .x = 1, .y = 2);
    expect(NULL);
}
END_TEST

START_TEST(one_order_by_name)
{
    HEARD(bob, ann, .x = 2, .z = S);
    HEARD(bob, ann, .x = 1, .z = S);
    expect("1: order, or twice");
}
END_TEST

START_TEST(one_twice_by_pid)
{
    HEARD(bob, ann, .y = 1, .z = S, .w = 1);
    HEARD(bob, ann, .y = 1, .z = S, .w = 1);
    expect("1: order by pid, or twice");
}
END_TEST

START_TEST(one_message_after_the_end_of_its_sender)
{
    MONITORED(ann, bob, S);
    ENDED(bob);
    DOWN(ann, bob, OSR_REASON_NORMAL);
    HEARD(ann, bob, .x = 1, .z = S);
    expect("1: a message after the end of its sender");
}
END_TEST

START_TEST(one_answer_to_another_question)
{
    ADD(.kind = EVENT_ANSWERED, .who = ann, .x = 1, .y = 3);
    expect("1: an answer to another question");
}
END_TEST

START_TEST(two_hole_in_a_session)
{
    HEARD(bob, ann, .y = 1);
    HEARD(bob, ann, .y = 3);
    expect("2: a hole");
}
END_TEST

START_TEST(two_hole_between_local_processes)
{
    HEARD(abe, ann, .y = 1);
    HEARD(abe, ann, .y = 3);
    expect("2: a hole");
}
END_TEST

START_TEST(two_hole_at_the_beginning_of_a_session)
{
    HEARD(bob, ann, .y = 2, .z = S, .w = 2);
    expect("2: a hole since the session began");
}
END_TEST

START_TEST(two_what_was_sent_has_not_arrived)
{
    HEARD(bob, ann, .y = 1, .z = S, .w = 1);
    ADD(.kind = EVENT_TOLD, .who = ann, .other = bob, .x = 2, .z = S);
    expect("2: what was sent in a session that stands has not arrived");
}
END_TEST

START_TEST(two_message_that_is_not_what_was_sent)
{
    HEARD(bob, ann, .y = 1, .z = S, .w = 1, .wrong = WRONG_LOAD);
    expect("2: a message that is not what was sent");
}
END_TEST

START_TEST(two_suffix_of_a_lost_session_may_be_missing)
{
    HEARD(bob, ann, .y = 1, .z = S, .w = 1);
    lose_session();
    renew_session(78);
    ADD(.kind = EVENT_TOLD, .who = ann, .other = bob, .x = 2, .z = S);
    expect(NULL);
}
END_TEST

START_TEST(three_message_of_an_earlier_session)
{
    lose_session();
    renew_session(78);
    HEARD(bob, ann, .x = 1, .z = S);
    expect("3: a message of another session");
}
END_TEST

START_TEST(four_monitor_twice)
{
    MONITORED(ann, bob, S);
    ENDED(bob);
    DOWN(ann, bob, OSR_REASON_NORMAL);
    DOWN(ann, bob, OSR_REASON_NORMAL);
    expect("4: a monitor that fires twice, or after it was taken back");
}
END_TEST

START_TEST(four_monitor_that_was_taken_back)
{
    MONITORED(ann, bob, S);
    ADD(.kind = EVENT_DEMONITOR, .who = ann, .x = MONITOR, .z = JOURNAL_HOST_UNKNOWN);
    ENDED(bob);
    DOWN(ann, bob, OSR_REASON_NORMAL);
    expect("4: a monitor that fires twice, or after it was taken back");
}
END_TEST

START_TEST(four_monitor_of_a_dead_process_never_fires)
{
    MONITORED(ann, bob, S);
    ENDED(bob);
    expect("4: a monitor that never fired");
}
END_TEST

START_TEST(four_monitor_over_a_lost_session_never_fires)
{
    MONITORED(ann, OSR_PID_NONE, S);
    lose_session();
    expect("4: a monitor that never fired");
}
END_TEST

START_TEST(four_link_over_a_lost_session_never_fires)
{
    ADD(.kind = EVENT_LINK, .who = ann, .other = bob, .y = S);
    lose_session();
    renew_session(78);
    expect("4: a link that never fired");
}
END_TEST

START_TEST(four_exit_without_a_link)
{
    ENDED(bob);
    ADD(.kind = EVENT_EXITED, .who = ann, .other = bob);
    expect("4: an exit without a link, or twice");
}
END_TEST

START_TEST(four_exit_after_an_unlink)
{
    ADD(.kind = EVENT_LINK, .who = ann, .other = bob, .y = S);
    ADD(.kind = EVENT_UNLINK, .who = ann, .other = bob);
    ENDED(bob);
    ADD(.kind = EVENT_EXITED, .who = ann, .other = bob);
    expect("4: an exit without a link, or twice");
}
END_TEST

START_TEST(four_exit_of_a_link_that_crossed_an_unlink)
{
    ADD(.kind = EVENT_LINK, .who = bob, .other = ann, .y = S);
    ADD(.kind = EVENT_UNLINK, .who = ann, .other = bob);
    ENDED(bob);
    ADD(.kind = EVENT_EXITED, .who = ann, .other = bob);
    expect(NULL);
}
END_TEST

START_TEST(four_end_of_a_process_that_lives)
{
    MONITORED(ann, bob, S);
    DOWN(ann, bob, OSR_REASON_NORMAL);
    expect("4: the end of a process that lives");
}
END_TEST

START_TEST(four_noconnection_of_a_session_that_stands)
{
    MONITORED(ann, bob, S);
    DOWN(ann, bob, OSR_REASON_NOCONNECTION);
    expect("4: noconnection of a session that stands");
}
END_TEST

START_TEST(four_message_after_noconnection)
{
    ADD(.kind = EVENT_LINK, .who = ann, .other = bob, .y = S);
    ADD(.kind = EVENT_EXITED, .who = ann, .other = bob, .y = OSR_REASON_NOCONNECTION);
    HEARD(ann, bob, .x = 1, .z = S);
    expect("4: a message after the noconnection of its session");
}
END_TEST

/* Once all has arrived it is known again who is linked: a link made then counts. */
START_TEST(four_link_made_after_an_unlink_never_fires)
{
    ADD(.kind = EVENT_LINK, .who = bob, .other = ann, .y = S);
    ADD(.kind = EVENT_LINK, .who = ann, .other = bob, .y = S);
    ADD(.kind = EVENT_UNLINK, .who = ann, .other = bob);
    ADD(.kind = EVENT_SETTLED);
    ADD(.kind = EVENT_LINK, .who = bob, .other = ann, .y = S);
    ENDED(ann);
    expect("4: a link that never fired");
}
END_TEST

START_TEST(four_spawn_that_the_end_of_its_session_did_not_answer)
{
    lose_session();
    now_ns += 11 * SECOND;
    ADD(.kind = EVENT_SPAWNED, .who = ann, .x = 1, .y = OSR_ETIMEDOUT, .z = S);
    expect("4: a spawn that the end of its session did not answer");
}
END_TEST

START_TEST(four_spawn_that_nobody_answered)
{
    ADD(.kind = EVENT_SPAWNED, .who = ann, .x = 1, .y = OSR_ETIMEDOUT, .z = S);
    expect("4: a spawn that nobody answered though its session stands");
}
END_TEST

static void be_silent(uint64_t for_ns)
{
    ADD(.kind = EVENT_CUT, .x = 0, .y = 1);
    now_ns += for_ns;
    ADD(.kind = EVENT_HEALED, .x = 0, .y = 1);
}

START_TEST(four_silence_that_nobody_noticed)
{
    now_ns += SECOND;
    be_silent(3 * SECOND);
    expect("4: a silence of more than 1.25 T that nobody noticed");
}
END_TEST

START_TEST(four_short_silence_and_a_sleepers_silence_are_borne)
{
    now_ns += SECOND;
    be_silent(2 * SECOND);
    now_ns += SECOND;
    ADD(.kind = EVENT_PAUSED, .x = 1, .y = now_ns + 3 * SECOND);
    be_silent(3 * SECOND);
    expect(NULL);
}
END_TEST

START_TEST(five_waited_with_room)
{
    ADD(.kind = EVENT_WAITED, .who = ann, .x = 1, .y = 1, .z = 1000);
    expect("5: a sender that waited though less than 1 MiB was queued");
}
END_TEST

START_TEST(five_waited_too_long_for_a_connection)
{
    lose_session();
    now_ns += 9 * SECOND;
    ADD(.kind = EVENT_WAITED, .who = ann, .x = 1, .y = 8 * SECOND, .z = 2000000);
    expect("5: a sender that waited for a connection longer than its setup may take");
}
END_TEST

/* It waited for a link that was busy until it ended. */
START_TEST(five_waited_long_on_a_link_that_ended_then)
{
    now_ns += 9 * SECOND;
    lose_session();
    ADD(.kind = EVENT_WAITED, .who = ann, .x = 1, .y = 8 * SECOND, .z = 2000000);
    expect(NULL);
}
END_TEST

START_TEST(six_message_after_nodedown)
{
    lose_session();
    HEARD(ann, bob, .x = 1);
    expect("6: a message outside its nodeup and nodedown");
}
END_TEST

START_TEST(six_nodeup_twice)
{
    NODEUP(ann, 1, S, B);
    expect("6: nodeup of a node that is up");
}
END_TEST

START_TEST(six_nodedown_twice)
{
    lose_session();
    NODEDOWN(ann, 1);
    expect("6: nodedown of a node that is not up");
}
END_TEST

START_TEST(six_nodedown_missing)
{
    DOWNED(A, S, 1);
    DOWNED(B, S, 0);
    NODEDOWN(bob, 0);
    expect("6: a nodeup or nodedown that never came");
}
END_TEST

START_TEST(seven_name_outlives_its_process)
{
    MONITORED(ann, bob, S);
    ENDED(bob);
    DOWN(ann, bob, OSR_REASON_NORMAL);
    book.events[book.count - 1].wrong = WRONG_NAME;
    expect("7: its name was still there when its end was told");
}
END_TEST

START_TEST(seven_timer_outlives_its_process)
{
    ADD(.kind = EVENT_LINK, .who = ann, .other = abe);
    ENDED(abe);
    ADD(.kind = EVENT_EXITED, .who = ann, .other = abe, .wrong = WRONG_TIMER);
    expect("7: its timer still ran when its end was told");
}
END_TEST

START_TEST(eight_stranger_is_heard)
{
    ADD(.kind = EVENT_STRANGER, .x = 0, .y = 1);
    expect("8: a stranger that heard more than a refusal");
}
END_TEST

START_TEST(eight_honest_peers_fall_out)
{
    ADD(.kind = EVENT_DOWNED, .x = A, .y = S, .z = 1, .w = 1);
    expect("8: honest peers that called each other's frames malformed");
}
END_TEST

START_TEST(eight_forged_frames_end_their_session_only)
{
    ADD(.kind = EVENT_FORGED, .x = 0, .y = 1);
    ADD(.kind = EVENT_DOWNED, .x = A, .y = S, .z = 1, .w = 1);
    ADD(.kind = EVENT_DOWNED, .x = B, .y = S, .z = 0, .w = 1);
    NODEDOWN(ann, 1);
    NODEDOWN(abe, 1);
    NODEDOWN(bob, 0);
    expect(NULL);
}
END_TEST

START_TEST(eight_node_that_nobody_knows)
{
    NODEUP(ann, JOURNAL_HOST_UNKNOWN, 9, 9);
    expect("8: nodeup of a node that nobody knows");
}
END_TEST

START_TEST(nine_message_for_another_incarnation)
{
    HEARD(bob, ann, .y = 1, .z = S, .w = 1, .wrong = WRONG_RECEIVER);
    expect("9: a message for another incarnation");
}
END_TEST

START_TEST(nine_session_with_the_dead)
{
    ADD(.kind = EVENT_GONE, .x = A);
    ADD(.kind = EVENT_STARTED, .x = A2, .y = 0, .z = 2000);
    expect("9: a session with a node that has none with us, or is dead");
}
END_TEST

START_TEST(nine_reason_for_what_died_with_its_node)
{
    ADD(.kind = EVENT_MONITOR, .who = bob, .other = ann, .x = MONITOR, .y = S);
    ADD(.kind = EVENT_GONE, .x = A);
    DOWN(bob, ann, OSR_REASON_NORMAL);
    expect("9: a reason for what died with its node");
}
END_TEST

START_TEST(goal_two_sessions_with_one_peer)
{
    UP(A, 78, 1);
    expect("P: two sessions with one peer");
}
END_TEST

START_TEST(goal_both_dialed_and_neither_succeeded)
{
    lose_session();
    ADD(.kind = EVENT_BOTH_DIALED, .x = 0, .y = 1);
    expect("P: nodes that dialed each other and neither dial succeeded");
}
END_TEST

START_TEST(goal_one_dialed_and_they_are_not_connected)
{
    lose_session();
    ADD(.kind = EVENT_DIALED, .x = 0, .y = 1);
    expect("P: nodes of which one dialed the other and that are not connected");
}
END_TEST

/* A verdict at the end names who was promised. */
START_TEST(verdict_names_who_it_is_about)
{
    checker_verdict verdict;

    MONITORED(ann, bob, S);
    ENDED(bob);
    verdict = checker_check(&book);
    ck_assert_uint_eq(verdict.event, book.count);
    ck_assert(osr_pid_equal(verdict.who, ann));
    ck_assert(osr_pid_equal(verdict.other, bob));
}
END_TEST

/* What was mixed in, and the order of it, changes the hash; the same again does not. */
START_TEST(hash_is_of_everything)
{
    journal once = {0}, twice = {0}, other = {0};

    journal_mix(&once, "a line", 6);
    journal_mix(&twice, "a line", 6);
    journal_mix(&other, "a lime", 6);
    ck_assert_uint_eq(once.hash, twice.hash);
    ck_assert_uint_ne(once.hash, other.hash);
    journal_add(&once, (event){.kind = EVENT_BORN});
    journal_add(&twice, (event){.kind = EVENT_ENDED});
    ck_assert_uint_ne(once.hash, twice.hash);
    journal_fini(&once);
    journal_fini(&twice);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("checker");
    TCase *tests = tcase_create("promises");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_good_journal_breaks_nothing);
    tcase_add_test(tests, one_order_by_name);
    tcase_add_test(tests, one_twice_by_pid);
    tcase_add_test(tests, one_message_after_the_end_of_its_sender);
    tcase_add_test(tests, one_answer_to_another_question);
    tcase_add_test(tests, two_hole_in_a_session);
    tcase_add_test(tests, two_hole_between_local_processes);
    tcase_add_test(tests, two_hole_at_the_beginning_of_a_session);
    tcase_add_test(tests, two_what_was_sent_has_not_arrived);
    tcase_add_test(tests, two_message_that_is_not_what_was_sent);
    tcase_add_test(tests, two_suffix_of_a_lost_session_may_be_missing);
    tcase_add_test(tests, three_message_of_an_earlier_session);
    tcase_add_test(tests, four_monitor_twice);
    tcase_add_test(tests, four_monitor_that_was_taken_back);
    tcase_add_test(tests, four_monitor_of_a_dead_process_never_fires);
    tcase_add_test(tests, four_monitor_over_a_lost_session_never_fires);
    tcase_add_test(tests, four_link_over_a_lost_session_never_fires);
    tcase_add_test(tests, four_exit_without_a_link);
    tcase_add_test(tests, four_exit_after_an_unlink);
    tcase_add_test(tests, four_exit_of_a_link_that_crossed_an_unlink);
    tcase_add_test(tests, four_end_of_a_process_that_lives);
    tcase_add_test(tests, four_noconnection_of_a_session_that_stands);
    tcase_add_test(tests, four_message_after_noconnection);
    tcase_add_test(tests, four_link_made_after_an_unlink_never_fires);
    tcase_add_test(tests, four_spawn_that_the_end_of_its_session_did_not_answer);
    tcase_add_test(tests, four_spawn_that_nobody_answered);
    tcase_add_test(tests, four_silence_that_nobody_noticed);
    tcase_add_test(tests, four_short_silence_and_a_sleepers_silence_are_borne);
    tcase_add_test(tests, five_waited_with_room);
    tcase_add_test(tests, five_waited_too_long_for_a_connection);
    tcase_add_test(tests, five_waited_long_on_a_link_that_ended_then);
    tcase_add_test(tests, six_message_after_nodedown);
    tcase_add_test(tests, six_nodeup_twice);
    tcase_add_test(tests, six_nodedown_twice);
    tcase_add_test(tests, six_nodedown_missing);
    tcase_add_test(tests, seven_name_outlives_its_process);
    tcase_add_test(tests, seven_timer_outlives_its_process);
    tcase_add_test(tests, eight_stranger_is_heard);
    tcase_add_test(tests, eight_honest_peers_fall_out);
    tcase_add_test(tests, eight_forged_frames_end_their_session_only);
    tcase_add_test(tests, eight_node_that_nobody_knows);
    tcase_add_test(tests, nine_message_for_another_incarnation);
    tcase_add_test(tests, nine_session_with_the_dead);
    tcase_add_test(tests, nine_reason_for_what_died_with_its_node);
    tcase_add_test(tests, goal_two_sessions_with_one_peer);
    tcase_add_test(tests, goal_both_dialed_and_neither_succeeded);
    tcase_add_test(tests, goal_one_dialed_and_they_are_not_connected);
    tcase_add_test(tests, verdict_names_who_it_is_about);
    tcase_add_test(tests, hash_is_of_everything);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
