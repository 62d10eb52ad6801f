/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/process/process_kit.h"

/* Exits and links, as Erlang/OTP's tables 1C and 1E have them. */

OSR_ENTRY(waits, note)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

OSR_ENTRY(traps, note)
{
    (void)osr_trap_exit(self, true);
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        const osr_exited *exited = OSR_AS(osr_exited, &message);
        if (exited != NULL) {
            note_send(self, osr_to(argument->from), &(note){.n = exited->reason.code});
        }
    }
}

OSR_ENTRY(exits_itself, note)
{
    send_exit(self, osr_self_pid(self), (osr_reason_code)argument->n);
    return osr_sleep(self, OSR_FOREVER);
}

OSR_ENTRY(fails, note)
{
    return OSR_EIO;
}

static osr_pid start(osr_self *self, const osr_entry *entry, int64_t n, bool link)
{
    osr_pid pid;
    note argument = {.n = n, .from = osr_self_pid(self)};
    CHECK_OK(self, osr_spawn(self, entry, &argument, link ? OSR_SPAWN(.link = true) : NULL, &pid));
    return pid;
}

static int64_t next_note(osr_self *self)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(note, &message) != NULL);
    return OSR_AS(note, &message)->n;
}

static osr_err normal_from_other(osr_self *self)
{
    osr_pid pid = start(self, &waits_osr_entry, 0, false);
    send_exit(self, pid, OSR_REASON_NORMAL);
    OSR_CHECK(self, osr_is_alive(self, pid));
    watch(self, pid);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

/* exit(P, normal) from another process does not end one that does not trap. */
START_TEST(exit_normal_from_another_is_ignored)
{
    node_fixture_run(normal_from_other);
}
END_TEST

static osr_err normal_from_self(osr_self *self)
{
    watch(self, start(self, &exits_itself_osr_entry, OSR_REASON_NORMAL, false));
    uint32_t code = next_down(self);
    OSR_CHECK(self, code == OSR_REASON_NORMAL || code == OSR_REASON_NOPROC);
    return OSR_OK;
}

/* exit(self, normal) ends it. */
START_TEST(exit_normal_from_itself_ends_a_process)
{
    node_fixture_run(normal_from_self);
}
END_TEST

static osr_err trapped(osr_self *self)
{
    osr_pid pid = start(self, &traps_osr_entry, 0, false);
    CHECK_OK(self, osr_yield(self));
    OSR_CHECK(self, osr_is_alive(self, pid));
    for (int i = 0; i < 1000 && !osr_is_alive(self, pid); i++) {
        (void)osr_yield(self);
    }
    osr_message message; /* it traps once it has begun to wait */
    CHECK_OK(self, osr_sleep(self, 5));
    send_exit(self, pid, OSR_REASON_NORMAL);
    OSR_CHECK(self, next_note(self) == OSR_REASON_NORMAL);
    send_exit(self, pid, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_note(self) == OSR_REASON_CUSTOM);
    watch(self, pid);
    send_exit(self, pid, OSR_REASON_KILL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    return OSR_OK;
}

/* A trapping process gets every exit signal as a message but kill, which ends it with killed. */
START_TEST(trapped_exits_arrive_as_messages_and_kill_cannot_be_trapped)
{
    node_fixture_run(trapped);
}
END_TEST

static osr_err first_wins(osr_self *self)
{
    osr_pid pid = start(self, &waits_osr_entry, 0, false);
    watch(self, pid);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    send_exit(self, pid, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

/* The second exit signal no longer changes the reason. */
START_TEST(exit_twice_keeps_the_first_reason)
{
    node_fixture_run(first_wins);
}
END_TEST

static osr_err links_once(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    osr_pid pid = start(self, &waits_osr_entry, 0, true);
    CHECK_OK(self, osr_link(self, pid));
    CHECK_OK(self, osr_link(self, pid));
    CHECK_OK(self, osr_link(self, osr_self_pid(self)));
    send_exit(self, pid, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
    expect_silence(self);
    return OSR_OK;
}

/* Any number of link calls make one link: one exit message. */
START_TEST(link_once)
{
    node_fixture_run(links_once);
}
END_TEST

static osr_err link_dead(osr_self *self)
{
    osr_pid pid = watch(self, start(self, &fails_osr_entry, 0, false));
    (void)next_down(self);
    OSR_CHECK(self, osr_link(self, pid) == OSR_ENOPROC);
    (void)osr_trap_exit(self, true);
    CHECK_OK(self, osr_link(self, pid));
    OSR_CHECK(self, next_exit(self) == OSR_REASON_NOPROC);
    return OSR_OK;
}

/* A dead process of this node: an error, or for a trapping process an exit message noproc. */
START_TEST(link_to_a_dead_process_says_noproc)
{
    node_fixture_run(link_dead);
}
END_TEST

static osr_err unlinked(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < 200; i++) {
        osr_pid pid = start(self, &waits_osr_entry, 0, true);
        send_exit(self, pid, OSR_REASON_CUSTOM);
        CHECK_OK(self, osr_unlink(self, pid));
        osr_message message;
        while (osr_receive(self, 0, &message) == OSR_OK) {
            /* one that was in the mailbox before may stay */
        }
        OSR_CHECK(self, !osr_is_alive(self, pid));
        OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    }
    return OSR_OK;
}

/* After unlink has returned no exit of that link arrives, however close the race. */
START_TEST(unlink_stops_an_exit_that_is_under_way)
{
    node_fixture_run(unlinked);
}
END_TEST

static osr_err relinked(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    osr_pid pid = start(self, &waits_osr_entry, 0, true);
    for (int i = 0; i < 50; i++) {
        CHECK_OK(self, osr_unlink(self, pid));
        CHECK_OK(self, osr_link(self, pid));
    }
    send_exit(self, pid, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
    expect_silence(self);
    return OSR_OK;
}

/* Acknowledgements of old unlinks do not remove the new link. */
START_TEST(a_link_made_again_holds)
{
    node_fixture_run(relinked);
}
END_TEST

static osr_err linked_failure(osr_self *self)
{
    osr_pid pid;
    osr_ref monitor;
    note argument = {0};
    CHECK_OK(self, waits_spawn(self, &argument, NULL, &pid));
    CHECK_OK(self, osr_monitor(self, osr_to(pid), &monitor));
    (void)osr_trap_exit(self, true);
    CHECK_OK(self, fails_spawn(self, &argument, OSR_SPAWN(.link = true), &pid));
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_exited *exited = OSR_AS(osr_exited, &message);
    OSR_CHECK(self, exited != NULL && exited->reason.code == OSR_REASON_ERROR);
    OSR_CHECK(self, exited->reason.error == OSR_EIO && osr_pid_equal(exited->from, pid));
    return OSR_OK;
}

/* The error that a process returns is the reason its links see. */
START_TEST(a_returned_error_is_the_reason)
{
    node_fixture_run(linked_failure);
}
END_TEST

OSR_ENTRY(chain, note)
{
    if (argument->n > 0) {
        osr_pid next;
        note more = {.n = argument->n - 1, .from = argument->from};
        osr_err err = chain_spawn(self, &more, OSR_SPAWN(.link = true), &next);
        if (err != OSR_OK) {
            return err;
        }
    } else {
        note_send(self, osr_to(argument->from), &(note){.from = osr_self_pid(self)});
    }
    return osr_sleep(self, OSR_FOREVER);
}

static osr_err killed_chain(osr_self *self)
{
    note argument = {.n = 10, .from = osr_self_pid(self)};
    osr_pid first;
    CHECK_OK(self, chain_spawn(self, &argument, NULL, &first));
    watch(self, first);
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    osr_pid last = OSR_AS(note, &message)->from;
    send_exit(self, last, OSR_REASON_KILL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    return OSR_OK;
}

/* A kill goes down a chain of links as killed. */
START_TEST(kill_travels_a_chain_of_links_as_killed)
{
    node_fixture_run(killed_chain);
}
END_TEST

static int cleaned;

static void count_clean(void *argument)
{
    cleaned = cleaned * 10 + *(int *)argument;
}

OSR_ENTRY(defers, note)
{
    static int one = 1;
    static int two = 2;
    CHECK_OK(self, osr_defer(self, count_clean, &one));
    CHECK_OK(self, osr_defer(self, count_clean, &two));
    OSR_CHECK(self, osr_alloc(self, 100) != NULL);
    note_send(self, osr_to(argument->from), &(note){0});
    if (argument->n == 1) {
        osr_reason reason = osr_reason_crash("left");
        osr_exit(self, &reason);
    }
    return argument->n == 2 ? osr_sleep(self, OSR_FOREVER) : OSR_OK;
}

static osr_err deferred(osr_self *self)
{
    static const uint32_t codes[] = {OSR_REASON_NORMAL, OSR_REASON_CRASH, OSR_REASON_KILLED};
    for (int how = 0; how < 3; how++) {
        cleaned = 0;
        osr_pid pid = start(self, &defers_osr_entry, how, false);
        (void)next_note(self);
        watch(self, pid);
        if (how == 2) {
            send_exit(self, pid, OSR_REASON_KILL);
        }
        uint32_t code = next_down(self);
        OSR_CHECK(self, code == codes[how] || code == OSR_REASON_NOPROC);
        OSR_CHECK(self, cleaned == 21);
    }
    return OSR_OK;
}

/* Defers run, last first, and memory goes, whether it returns, leaves by osr_exit() or is killed.
 */
START_TEST(clean_ups_run_last_first_on_every_kind_of_end)
{
    node_fixture_run(deferred);
}
END_TEST

OSR_ENTRY(sends_and_exits, note)
{
    for (int64_t i = 0; i < 3; i++) {
        note_send(self, osr_to(argument->from), &(note){.n = 1});
    }
    osr_reason reason = osr_reason_of(OSR_REASON_CUSTOM);
    (void)osr_send_exit(self, argument->from, &reason);
    for (int64_t i = 0; i < 3; i++) {
        note_send(self, osr_to(argument->from), &(note){.n = 2});
    }
    return OSR_OK;
}

static bool saw_late;

OSR_ENTRY(looks, note)
{
    osr_pid pid;
    note to_me = {.from = osr_self_pid(self)};
    CHECK_OK(self, sends_and_exits_spawn(self, &to_me, NULL, &pid));
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        saw_late = saw_late || OSR_AS(note, &message)->n == 2;
    }
}

static osr_err ordered(osr_self *self)
{
    for (int i = 0; i < 1000; i++) {
        watch(self, start(self, &looks_osr_entry, 0, false));
        uint32_t code = next_down(self);
        OSR_CHECK(self, code == OSR_REASON_CUSTOM || code == OSR_REASON_NOPROC);
        OSR_CHECK(self, !saw_late);
    }
    return OSR_OK;
}

/* Messages that a process sends after an exit signal to the same process are never seen there. */
START_TEST(sig_order_msg_exit)
{
    node_fixture_run(ordered);
}
END_TEST

#define NEIGHBOURS 200

/* Links many, of whom the first is who started it, and ends when it is told to. */
OSR_ENTRY(has_neighbours, note)
{
    osr_message message;
    osr_pid pid;
    for (int i = 0; i < NEIGHBOURS; i++) {
        CHECK_OK(self, waits_spawn(self, argument, OSR_SPAWN(.link = true), &pid));
    }
    CHECK_OK(self, note_send(self, osr_to(argument->from), argument));
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    return osr_fail(self, &(osr_reason){.code = OSR_REASON_SHUTDOWN});
}

static void look_until_it_exits(osr_self *self)
{
    osr_message message;
    osr_err err = OSR_ETIMEDOUT;
    while (err == OSR_ETIMEDOUT) { /* without rest: while it tells the others */
        err = osr_receive(self, 0, &message);
    }
    CHECK_OK(self, err);
    OSR_CHECK(self, OSR_AS(osr_exited, &message) != NULL);
}

static osr_err nobody_lives_after_its_exit(osr_self *self)
{
    for (int i = 0; i < 30; i++) {
        osr_pid pid;
        osr_message message;
        (void)osr_trap_exit(self, true);
        CHECK_OK(self, has_neighbours_spawn(self, &(note){.from = osr_self_pid(self)},
                                            OSR_SPAWN(.link = true, .name = "known"), &pid));
        CHECK_OK(self, osr_receive(self, 10000, &message));
        CHECK_OK(self, note_send(self, osr_to(pid), &(note){0}));
        look_until_it_exits(self);
        (void)osr_trap_exit(self, false);
        OSR_CHECK(self, osr_link(self, pid) == OSR_ENOPROC);
        OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "known")));
        OSR_CHECK(self, !osr_is_alive(self, pid));
    }
    return OSR_OK;
}

/* Who has seen its exit finds nobody there any more, though it is still telling others. */
START_TEST(an_exit_is_seen_when_the_inbox_is_closed)
{
    node_fixture_run(nobody_lives_after_its_exit);
}
END_TEST

static void tests(TCase *tcase)
{
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, exit_normal_from_another_is_ignored);
    tcase_add_test(tcase, exit_normal_from_itself_ends_a_process);
    tcase_add_test(tcase, trapped_exits_arrive_as_messages_and_kill_cannot_be_trapped);
    tcase_add_test(tcase, exit_twice_keeps_the_first_reason);
    tcase_add_test(tcase, link_once);
    tcase_add_test(tcase, link_to_a_dead_process_says_noproc);
    tcase_add_test(tcase, unlink_stops_an_exit_that_is_under_way);
    tcase_add_test(tcase, a_link_made_again_holds);
    tcase_add_test(tcase, a_returned_error_is_the_reason);
    tcase_add_test(tcase, kill_travels_a_chain_of_links_as_killed);
    tcase_add_test(tcase, clean_ups_run_last_first_on_every_kind_of_end);
    tcase_add_test(tcase, sig_order_msg_exit);
    tcase_add_test(tcase, an_exit_is_seen_when_the_inbox_is_closed);
}

int main(void)
{
    Suite *suite = suite_create("exit");
    ADD_BOTH(suite, tests);
    return run_suite(suite);
}
