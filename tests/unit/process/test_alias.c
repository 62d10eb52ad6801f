/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>

#include "osier/node.h"
#include "tests/unit/process/process_kit.h"

/* Aliases: addresses that their process can turn off. */

OSR_MESSAGE(use_alias, 0x0641, (1, pid, pid), (2, u64, ref), (3, i64, count));

/* Sends as many notes to the alias as it is told, numbered from 1, then one to its process. */
OSR_ENTRY(user, use_alias)
{
    osr_caller alias = {argument->pid, argument->ref};
    for (int64_t n = 1; n <= argument->count; n++) {
        note_send(self, osr_to_alias(alias), &(note){.n = n, .from = osr_self_pid(self)});
    }
    note_send(self, osr_to(alias.pid), &(note){.n = -1});
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

static osr_pid start_user(osr_self *self, osr_caller alias, int64_t count)
{
    osr_pid pid;
    CHECK_OK(self, user_spawn(self, &(use_alias){alias.pid, alias.ref, count}, NULL, &pid));
    return pid;
}

static void expect_note(osr_self *self, int64_t n)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const note *got = OSR_AS(note, &message);
    OSR_CHECK(self, got != NULL && got->n == n);
    OSR_CHECK(self, message.ref == 0);
    OSR_CHECK(self, n < 0 || osr_pid_equal(got->from, message.from));
}

static osr_err on_and_off(osr_self *self)
{
    osr_caller alias;
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &alias));
    (void)start_user(self, alias, 3);
    for (int64_t n = 1; n <= 3; n++) {
        expect_note(self, n);
    }
    expect_note(self, -1);
    OSR_CHECK(self, osr_unalias(self, alias));
    OSR_CHECK(self, !osr_unalias(self, alias));
    (void)start_user(self, alias, 3);
    expect_note(self, -1);
    expect_silence(self);
    return OSR_OK;
}

/* Messages to an alias arrive, in order with those to the pid, until it is turned off, once. */
START_TEST(an_alias_works_until_it_is_turned_off)
{
    node_fixture_run(on_and_off);
}
END_TEST

static osr_err one_reply(osr_self *self)
{
    osr_caller alias;
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_REPLY, &alias));
    (void)start_user(self, alias, 2);
    expect_note(self, 1);
    expect_note(self, -1);
    OSR_CHECK(self, !osr_unalias(self, alias));
    return OSR_OK;
}

/* An alias for a reply takes one message. */
START_TEST(a_reply_alias_takes_one_message)
{
    node_fixture_run(one_reply);
}
END_TEST

static osr_err under_way(osr_self *self)
{
    osr_caller alias;
    osr_message message;
    osr_pid us = osr_self_pid(self);
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &alias));
    CHECK_OK(self, note_send(self, osr_to_alias(alias), &(note){.n = 1, .from = us}));
    const osr_type *const others[] = {&other_note_osr_type};
    /* has looked at all that came */
    OSR_CHECK(self, osr_receive_of(self, others, 1, 0, &message) == OSR_ETIMEDOUT);
    CHECK_OK(self, note_send(self, osr_to_alias(alias), &(note){.n = 2, .from = us}));
    OSR_CHECK(self, osr_unalias(self, alias));
    expect_note(self, 1);
    expect_silence(self);
    return OSR_OK;
}

/* What is under way when the alias goes is lost, what waits in the mailbox is not. */
START_TEST(turning_off_drops_what_is_under_way_only)
{
    node_fixture_run(under_way);
}
END_TEST

OSR_ENTRY(thief, use_alias)
{
    osr_caller alias = {argument->pid, argument->ref};
    OSR_CHECK(self, !osr_unalias(self, alias));
    OSR_CHECK(self, note_send(self, osr_to_alias(alias),
                              &(note){.n = 7, .from = osr_self_pid(self)}) == OSR_OK);
    return OSR_OK;
}

static osr_err not_owned(osr_self *self)
{
    osr_caller alias;
    osr_pid pid;
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &alias));
    CHECK_OK(self, thief_spawn(self, &(use_alias){alias.pid, alias.ref, 0}, NULL, &pid));
    expect_note(self, 7);
    OSR_CHECK(self, osr_alias(self, OSR_ALIAS_DEMONITOR, &alias) == OSR_EINVAL);
    return OSR_OK;
}

/* Only its owner turns it off; one that goes with a monitor needs one. */
START_TEST(only_the_owner_turns_an_alias_off)
{
    node_fixture_run(not_owned);
}
END_TEST

OSR_ENTRY(obeys, note)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

static osr_pid start_obeys(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, obeys_spawn(self, &(note){0}, NULL, &pid));
    return pid;
}

static osr_caller alias_of(osr_self *self, osr_pid pid, osr_alias_mode mode)
{
    osr_caller alias;
    CHECK_OK(self, osr_monitor_alias(self, osr_to(pid), 42, mode, &alias));
    return alias;
}

static void expect_down(osr_self *self, osr_caller alias)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL && down->tag == 42);
    OSR_CHECK(self, osr_ref_equal(down->monitor, osr_monitor_of(alias)));
}

static osr_err with_monitors(osr_self *self)
{
    static const osr_alias_mode modes[] = {OSR_ALIAS_EXPLICIT, OSR_ALIAS_REPLY,
                                           OSR_ALIAS_DEMONITOR};
    for (size_t i = 0; i < 3; i++) {
        bool stays = modes[i] == OSR_ALIAS_EXPLICIT;
        osr_pid pid = start_obeys(self);
        osr_caller alias = alias_of(self, pid, modes[i]);
        OSR_CHECK(self, osr_demonitor(self, osr_monitor_of(alias), true));
        OSR_CHECK(self, osr_unalias(self, alias) == stays);
        alias = alias_of(self, pid, modes[i]);
        OSR_CHECK(self, osr_unalias(self, alias));
        alias = alias_of(self, pid, modes[i]); /* beside one that has none any more */
        send_exit(self, pid, OSR_REASON_SHUTDOWN);
        osr_message message;
        CHECK_OK(self, osr_receive(self, 5000, &message)); /* one of the two, in any order */
        CHECK_OK(self, osr_receive(self, 5000, &message));
        OSR_CHECK(self, osr_unalias(self, alias) == stays);
        expect_silence(self);
    }
    return OSR_OK;
}

/* The monitor's end, by either side, ends the alias in the modes that say so; the alias's end
 * leaves the monitor. */
START_TEST(an_alias_goes_with_its_monitor)
{
    node_fixture_run(with_monitors);
}
END_TEST

static osr_err replies_of_monitored(osr_self *self)
{
    osr_pid pid = start_obeys(self);
    osr_caller alias = alias_of(self, pid, OSR_ALIAS_REPLY);
    (void)start_user(self, alias, 2);
    expect_note(self, 1);
    expect_note(self, -1);
    OSR_CHECK(self, !osr_demonitor(self, osr_monitor_of(alias), true));
    alias = alias_of(self, pid, OSR_ALIAS_DEMONITOR);
    (void)start_user(self, alias, 2);
    expect_note(self, 1);
    expect_note(self, 2);
    expect_note(self, -1);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    expect_down(self, alias);
    (void)start_user(self, alias, 1);
    expect_note(self, -1);
    expect_silence(self);
    return OSR_OK;
}

/* The reply to a monitored request ends the monitor; other messages leave it, and its down message
 * has the number and tag. */
START_TEST(a_reply_ends_the_monitor)
{
    node_fixture_run(replies_of_monitored);
}
END_TEST

static osr_err elsewhere(osr_self *self)
{
    osr_caller alias;
    osr_ref monitor;
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &alias));
    osr_dest to = osr_to_alias(alias);
    CHECK_OK(self, osr_monitor(self, to, &monitor));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NOPROC);
    CHECK_OK(self, note_send_all(self, &to, 1, &(note){.n = 1, .from = osr_self_pid(self)}));
    expect_note(self, 1);
    expect_silence(self);
    return OSR_OK; /* with an alias that is on */
}

/* Who cannot be reached by alias finds nobody there; an alias goes with its process. */
START_TEST(an_alias_is_for_sends_only)
{
    node_fixture_run(elsewhere);
}
END_TEST

static void tests_on(TCase *tests)
{
    tcase_add_test(tests, an_alias_works_until_it_is_turned_off);
    tcase_add_test(tests, a_reply_alias_takes_one_message);
    tcase_add_test(tests, turning_off_drops_what_is_under_way_only);
    tcase_add_test(tests, only_the_owner_turns_an_alias_off);
    tcase_add_test(tests, an_alias_goes_with_its_monitor);
    tcase_add_test(tests, a_reply_ends_the_monitor);
    tcase_add_test(tests, an_alias_is_for_sends_only);
}

int main(void)
{
    Suite *suite = suite_create("alias");
    ADD_BOTH(suite, tests_on);
    return run_suite(suite);
}
