/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/conformance/conform.h"

#include <stdatomic.h>
#include <string.h>

/* Signals, exits and links of one node. */

static _Atomic int64_t late;

/* Counts the marks that must not reach it. */
OSR_ENTRY(listener, mark)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        atomic_fetch_add(&late, OSR_AS(mark, &message)->n == 2);
    }
}

/* signal_SUITE:xm_sig_order */
static osr_err sig_order_msg_exit(osr_self *self)
{
    osr_reason reason = osr_reason_of(OSR_REASON_CUSTOM);
    for (int i = 0; i < 1000; i++) {
        osr_pid pid;
        osr_ref monitor;
        CHECK_OK(self, listener_spawn(self, &(mark){.n = 0},
                                      OSR_SPAWN(.monitor = true, .ret_monitor = &monitor), &pid));
        for (int n = 0; n < 3; n++) {
            mark_send(self, osr_to(pid), &(mark){.n = 1});
        }
        CHECK_OK(self, osr_send_exit(self, pid, &reason));
        for (int n = 0; n < 3; n++) {
            mark_send(self, osr_to(pid), &(mark){.n = 2});
        }
        OSR_CHECK(self, any_down(self) == OSR_REASON_CUSTOM);
        OSR_CHECK(self, atomic_load(&late) == 0);
    }
    return OSR_OK;
}

/* Sends messages and exit signals in turn, then ends. */
OSR_ENTRY(alternates, mark)
{
    osr_reason reason = osr_reason_of(OSR_REASON_CUSTOM);
    for (int64_t i = 0; i < argument->n; i++) {
        mark_send(self, osr_to(argument->from), &(mark){.n = i});
        CHECK_OK(self, osr_send_exit(self, argument->from, &reason));
    }
    return OSR_EIO;
}

/* B1, signal_SUITE: all kinds of signals of one sender keep one order: what it sent, and at last
 * its exit. */
static osr_err signals_of_all_kinds_keep_one_order(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    for (int round = 0; round < 100; round++) {
        osr_pid pid;
        osr_message message;
        mark argument = {.n = 20, .from = osr_self_pid(self)};
        CHECK_OK(self, alternates_spawn(self, &argument, OSR_SPAWN(.link = true), &pid));
        for (int64_t i = 0; i < 20; i++) {
            CHECK_OK(self, osr_receive(self, 5000, &message));
            const mark *at = OSR_AS(mark, &message);
            OSR_CHECK(self, at != NULL && at->n == i);
            OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
        }
        OSR_CHECK(self, next_exit(self) == OSR_REASON_ERROR);
    }
    expect_silence(self);
    return OSR_OK;
}

/* process_SUITE:t_exit_2_other_normal */
static osr_err exit_normal_other(osr_self *self)
{
    osr_pid pid = a_puppet(self, NULL);
    send_exit(self, pid, OSR_REASON_NORMAL);
    CHECK_OK(self, osr_sleep(self, 50));
    OSR_CHECK(self, osr_is_alive(self, pid));
    tell(self, pid, DO_ECHO, OSR_PID_NONE, OSR_REASON_NORMAL);
    return OSR_OK;
}

/* process_SUITE:normal_suicide_exit, self_exit */
static osr_err exit_normal_self(osr_self *self)
{
    osr_pid plain = a_puppet(self, NULL);
    (void)watch(self, plain);
    order kills_itself = {.what = DO_SEND_EXIT, .pid = plain, .code = OSR_REASON_NORMAL};
    order_send(self, osr_to(plain), &kills_itself);
    OSR_CHECK(self, any_down(self) == OSR_REASON_NORMAL);
    OSR_CHECK(self, next_mark(self) == DO_SEND_EXIT); /* it acts at the next suspension point */
    osr_pid trapping = a_puppet(self, NULL);
    tell(self, trapping, DO_TRAP, OSR_PID_NONE, OSR_REASON_NORMAL);
    tell(self, trapping, DO_SEND_EXIT, trapping, OSR_REASON_NORMAL);
    OSR_CHECK(self, next_mark(self) == 1000 + OSR_REASON_NORMAL);
    OSR_CHECK(self, osr_is_alive(self, trapping));
    return OSR_OK;
}

/* process_SUITE:exit_twice */
static osr_err exit_twice(osr_self *self)
{
    for (int i = 0; i < 200; i++) {
        osr_pid pid = watch(self, a_puppet(self, NULL));
        send_exit(self, pid, OSR_REASON_CUSTOM);
        send_exit(self, pid, OSR_REASON_SHUTDOWN);
        send_exit(self, pid, OSR_REASON_KILL);
        OSR_CHECK(self, any_down(self) == OSR_REASON_CUSTOM);
    }
    return OSR_OK;
}

/* link_SUITE:links */
static osr_err link_once(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    osr_pid pid = a_puppet(self, OSR_SPAWN(.link = true));
    CHECK_OK(self, osr_link(self, pid));
    CHECK_OK(self, osr_link(self, pid));
    tell(self, pid, DO_LINK, osr_self_pid(self), OSR_REASON_NORMAL);
    tell(self, pid, DO_END, OSR_PID_NONE, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
    expect_silence(self);
    return OSR_OK;
}

/* distribution_SUITE:link_to_dead, its local part */
static osr_err link_dead_local(osr_self *self)
{
    osr_pid dead = OSR_PID_NONE;
    for (int i = 0; i < 200; i++) { /* from the first of its down messages on */
        osr_message down;
        dead = a_puppet(self, NULL);
        for (int n = 0; n < 50; n++) {
            (void)watch(self, dead);
        }
        order_send(self, osr_to(dead), &(order){.what = DO_END, .code = OSR_REASON_SHUTDOWN});
        while (osr_receive(self, 0, &down) == OSR_ETIMEDOUT) {
        }
        OSR_CHECK(self, OSR_AS(osr_down, &down) != NULL);
        OSR_CHECK(self, osr_link(self, dead) == OSR_ENOPROC);
        for (int n = 1; n < 50; n++) {
            OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
        }
    }
    (void)osr_trap_exit(self, true);
    CHECK_OK(self, osr_link(self, dead));
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_exited *exited = OSR_AS(osr_exited, &message);
    OSR_CHECK(self, exited != NULL && exited->reason.code == OSR_REASON_NOPROC);
    OSR_CHECK(self, osr_pid_equal(exited->from, dead));
    return OSR_OK;
}

static _Atomic int64_t went_on;

/* Waits again and again for what never comes; nothing may succeed after the exit has come. */
OSR_ENTRY(waiter, mark)
{
    osr_message message;
    osr_err err = OSR_ETIMEDOUT;
    while (err == OSR_ETIMEDOUT) {
        err = osr_receive(self, 1, &message);
    }
    bool stays = osr_receive(self, 0, &message) == OSR_EEXIT && osr_sleep(self, 1) == OSR_EEXIT &&
                 osr_yield(self) == OSR_EEXIT;
    atomic_fetch_add(&went_on, err != OSR_EEXIT || !stays);
    return err;
}

/* process_SUITE:exit_and_timeout */
static osr_err exit_while_timing_out(osr_self *self)
{
    for (int i = 0; i < 100; i++) {
        osr_pid pid;
        CHECK_OK(self, waiter_spawn(self, &(mark){.n = 0}, NULL, &pid));
        CHECK_OK(self, osr_sleep(self, 1 + (uint32_t)i % 3));
        (void)watch(self, pid);
        send_exit(self, pid, OSR_REASON_CUSTOM);
        OSR_CHECK(self, any_down(self) == OSR_REASON_CUSTOM);
        OSR_CHECK(self, atomic_load(&went_on) == 0);
    }
    return OSR_OK;
}

/* process_SUITE:kill2killed: who ends itself with kill has not been killed. */
static osr_err kill_through_a_link_is_an_ordinary_reason(osr_self *self)
{
    static const int lengths[] = {1, 2, 9, 10};
    (void)osr_trap_exit(self, true);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        osr_pid first = a_puppet(self, NULL);
        osr_pid last = first;
        for (int n = 1; n < lengths[i]; n++) {
            osr_pid next = a_puppet(self, NULL);
            tell(self, next, DO_LINK, last, OSR_REASON_NORMAL);
            last = next;
        }
        CHECK_OK(self, osr_link(self, last));
        tell(self, first, DO_END, OSR_PID_NONE, OSR_REASON_KILL);
        OSR_CHECK(self, any_exit(self) == OSR_REASON_KILL);
    }
    return OSR_OK;
}

/* process_SUITE:kill: it cannot be trapped, and others see killed. */
static osr_err kill_cannot_be_trapped(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    osr_pid pid = a_puppet(self, OSR_SPAWN(.link = true));
    tell(self, pid, DO_TRAP, OSR_PID_NONE, OSR_REASON_NORMAL);
    send_exit(self, pid, OSR_REASON_KILL);
    OSR_CHECK(self, any_exit(self) == OSR_REASON_KILLED);
    return OSR_OK;
}

/* E3: whether it traps is asked when the signal is received. */
static osr_err trapping_is_asked_at_reception(osr_self *self)
{
    osr_pid pid = a_puppet(self, NULL);
    order_send(self, osr_to(pid), &(order){.what = DO_TRAP}); /* it has not seen it yet */
    OSR_CHECK(self, next_mark(self) == DO_TRAP);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_mark(self) == 1000 + OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

/* E5, process_SUITE:is_process_alive: false after one's own exit signal, always. */
static osr_err not_alive_after_ones_own_exit_signal(osr_self *self)
{
    for (int i = 0; i < 300; i++) {
        osr_pid pid = a_puppet(self, NULL);
        OSR_CHECK(self, osr_is_alive(self, pid));
        send_exit(self, pid, i % 2 == 0 ? OSR_REASON_KILL : OSR_REASON_SHUTDOWN);
        OSR_CHECK(self, !osr_is_alive(self, pid));
    }
    return OSR_OK;
}

/* C1, link_SUITE:self_link: to link oneself or to unlink a stranger is nothing. */
static osr_err links_that_are_nothing(osr_self *self)
{
    osr_pid stranger = a_puppet(self, NULL);
    CHECK_OK(self, osr_link(self, osr_self_pid(self)));
    CHECK_OK(self, osr_unlink(self, osr_self_pid(self)));
    CHECK_OK(self, osr_unlink(self, stranger));
    (void)watch(self, stranger);
    send_exit(self, stranger, OSR_REASON_CUSTOM);
    OSR_CHECK(self, next_down(self) == OSR_REASON_CUSTOM);
    expect_silence(self);
    return OSR_OK;
}

static bool is_exit(void *context, const osr_message *message)
{
    (void)context;
    return OSR_AS(osr_exited, message) != NULL;
}

/* Without a suspension; a stepped node's clock stands still. */
static void spin(const osr_self *self, uint64_t ns)
{
    uint64_t end = osr_now(self) + ns;
    for (int i = 0; i < 20000 && osr_now(self) < end; i++) {
    }
}

/* C4, link_SUITE:unlink_exit, otp_5772_link: an exit that is not in the mailbox when unlink is
 * called never comes, also when it is under way. */
static osr_err unlink_holds_off_an_exit_under_way(osr_self *self)
{
    osr_message message;
    (void)osr_trap_exit(self, true);
    for (uint64_t i = 0; i < 600; i++) {
        osr_pid pid = a_puppet(self, OSR_SPAWN(.link = true));
        tell(self, pid, DO_ECHO, OSR_PID_NONE, OSR_REASON_NORMAL); /* it waits already */
        CHECK_OK(self, osr_yield(self)); /* a whole turn: nothing here suspends until the unlink */
        order_send(self, osr_to(pid), &(order){.what = DO_END, .code = OSR_REASON_CUSTOM});
        spin(self, i % 50 * 3000);
        CHECK_OK(self, osr_unlink(self, pid));
        uint32_t code = end_of(self, pid);
        OSR_CHECK(self, code == OSR_REASON_CUSTOM || code == OSR_REASON_NOPROC);
        CHECK_OK(self, osr_yield(self));
        OSR_CHECK(self, osr_receive_where(self, is_exit, NULL, 0, &message) == OSR_ETIMEDOUT);
    }
    return OSR_OK;
}

/* C4: an exit message that is in the mailbox already stays there. */
static osr_err unlink_leaves_what_is_queued(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    osr_pid pid = watch(self, a_puppet(self, OSR_SPAWN(.link = true)));
    tell(self, pid, DO_END, OSR_PID_NONE, OSR_REASON_CUSTOM);
    OSR_CHECK(self, any_down(self) == OSR_REASON_CUSTOM); /* and so its exit is here, or will be */
    CHECK_OK(self, osr_sleep(self, 5));
    CHECK_OK(self, osr_unlink(self, pid));
    OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
    return OSR_OK;
}

/* C4: a link that is made anew while the end of the old one is still under way holds. */
static osr_err link_after_unlink_holds(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < 200; i++) {
        osr_pid pid = a_puppet(self, OSR_SPAWN(.link = true));
        for (int n = 0; n < 1 + i % 4; n++) {
            CHECK_OK(self, osr_unlink(self, pid));
            CHECK_OK(self, osr_link(self, pid));
        }
        send_exit(self, pid, OSR_REASON_CUSTOM);
        OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
    }
    expect_silence(self);
    return OSR_OK;
}

/* C5, process_SUITE:spawn_link: linked before it runs. */
static osr_err spawn_link_is_atomic(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < 300; i++) {
        osr_pid pid = a_puppet(self, OSR_SPAWN(.link = true));
        order_send(self, osr_to(pid), &(order){.what = DO_END, .code = OSR_REASON_CUSTOM});
        OSR_CHECK(self, next_exit(self) == OSR_REASON_CUSTOM);
    }
    return OSR_OK;
}

static osr_pid child_of_parent;

OSR_ENTRY(parent, mark)
{
    child_of_parent = a_puppet(self, OSR_SPAWN(.link = true));
    mark_send(self, osr_to(argument->from), &(mark){.n = 7});
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

/* process_SUITE:spawn_request_link_parent_exit: the child goes with its parent. */
static osr_err a_linked_child_goes_with_its_parent(osr_self *self)
{
    for (int i = 0; i < 100; i++) {
        osr_pid pid;
        CHECK_OK(self, parent_spawn(self, &(mark){.from = osr_self_pid(self)}, NULL, &pid));
        OSR_CHECK(self, next_mark(self) == 7);
        osr_pid child = watch(self, child_of_parent);
        send_exit(self, pid, OSR_REASON_CUSTOM);
        OSR_CHECK(self, any_down(self) == OSR_REASON_CUSTOM);
        OSR_CHECK(self, !osr_is_alive(self, child));
    }
    return OSR_OK;
}

/* E1: a linked process that ends normally takes nobody with it who does not trap. */
static osr_err a_normal_end_does_not_travel(osr_self *self)
{
    osr_pid pid = a_puppet(self, NULL);
    osr_pid other = a_puppet(self, NULL);
    tell(self, pid, DO_LINK, other, OSR_REASON_NORMAL);
    (void)watch(self, other);
    tell(self, other, DO_END, OSR_PID_NONE, OSR_REASON_NORMAL);
    OSR_CHECK(self, any_down(self) == OSR_REASON_NORMAL);
    tell(self, pid, DO_ECHO, OSR_PID_NONE, OSR_REASON_NORMAL);
    return OSR_OK;
}

/* D7, process_SUITE:large_exit: a reason of any size arrives whole. */
static osr_err a_large_reason_arrives_whole(osr_self *self)
{
    size_t size = 128 * 1024;
    char *text = osr_alloc(self, size);
    OSR_CHECK(self, text != NULL);
    memset(text, 'x', size);
    (void)osr_trap_exit(self, true);
    osr_pid pid = a_puppet(self, OSR_SPAWN(.link = true));
    osr_reason reason = osr_reason_of(OSR_REASON_CUSTOM);
    reason.text.at = text;
    reason.text.size = (uint32_t)size;
    CHECK_OK(self, osr_send_exit(self, pid, &reason));
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_exited *exited = OSR_AS(osr_exited, &message);
    OSR_CHECK(self, exited != NULL && exited->reason.text.size == size);
    OSR_CHECK(self, memcmp(exited->reason.text.at, text, size) == 0);
    return OSR_OK;
}

static const conform_case cases[64] = {CASE(sig_order_msg_exit),
                                       CASE(signals_of_all_kinds_keep_one_order),
                                       CASE(exit_normal_other),
                                       CASE(exit_normal_self),
                                       CASE(exit_twice),
                                       CASE(link_once),
                                       CASE(link_dead_local),
                                       CASE(exit_while_timing_out),
                                       CASE(kill_through_a_link_is_an_ordinary_reason),
                                       CASE(kill_cannot_be_trapped),
                                       CASE(trapping_is_asked_at_reception),
                                       CASE(not_alive_after_ones_own_exit_signal),
                                       CASE(links_that_are_nothing),
                                       CASE(unlink_holds_off_an_exit_under_way),
                                       CASE(unlink_leaves_what_is_queued),
                                       CASE(link_after_unlink_holds),
                                       CASE(spawn_link_is_atomic),
                                       CASE(a_linked_child_goes_with_its_parent),
                                       CASE(a_normal_end_does_not_travel),
                                       CASE(a_large_reason_arrives_whole)};

int main(void)
{
    return run_conform("conform_signals");
}
