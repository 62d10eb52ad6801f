/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/conformance/conform.h"

#include <stdatomic.h>
#include <string.h>

#include "lib/process/body.h"

/* Monitors, receives and timers of one node. */

static const osr_down *wait_down(osr_self *self, osr_message *message)
{
    static const osr_type *const downs[] = {&osr_down_osr_type};
    CHECK_OK(self, osr_receive_of(self, downs, 1, 10000, message));
    return OSR_AS(osr_down, message);
}

/* monitor_SUITE:mon_1, mon_2: the message says what was monitored, as it was. */
static osr_err monitor_basic(osr_self *self)
{
    osr_message message;
    osr_pid pid = a_puppet(self, OSR_SPAWN(.name = "basic"));
    osr_ref by_pid = monitor_of(self, osr_to(pid));
    osr_ref by_name = monitor_of(self, osr_name("basic", NULL));
    osr_ref nobody = monitor_of(self, osr_name("nobody", NULL));
    const osr_down *down = wait_down(self, &message);
    OSR_CHECK(self, osr_ref_equal(down->monitor, nobody));
    OSR_CHECK(self, down->reason.code == OSR_REASON_NOPROC);
    OSR_CHECK(self,
              strcmp(down->name.at, "nobody") == 0 && strcmp(down->node.at, "test@host") == 0);
    tell(self, pid, DO_END, OSR_PID_NONE, OSR_REASON_NORMAL);
    for (int i = 0; i < 2; i++) {
        down = wait_down(self, &message);
        bool named = osr_ref_equal(down->monitor, by_name);
        OSR_CHECK(self, named || osr_ref_equal(down->monitor, by_pid));
        OSR_CHECK(self, down->reason.code == OSR_REASON_NORMAL && osr_pid_equal(down->pid, pid));
        OSR_CHECK(self, (down->name.size != 0) == named);
    }
    osr_ref dead = monitor_of(self, osr_to(pid));
    down = wait_down(self, &message);
    OSR_CHECK(self, osr_ref_equal(down->monitor, dead) && osr_pid_equal(down->pid, pid));
    OSR_CHECK(self, down->reason.code == OSR_REASON_NOPROC);
    return OSR_OK;
}

/* monitor_SUITE:demonitor_flush */
static osr_err monitor_stacking(osr_self *self)
{
    osr_message message;
    osr_ref monitors[4];
    osr_pid pid = a_puppet(self, NULL);
    for (int i = 0; i < 4; i++) {
        monitors[i] = monitor_of(self, osr_to(pid));
    }
    OSR_CHECK(self, osr_demonitor(self, monitors[0], false));
    OSR_CHECK(self, osr_demonitor(self, monitors[2], true));
    tell(self, pid, DO_END, OSR_PID_NONE, OSR_REASON_CUSTOM);
    OSR_CHECK(self, osr_ref_equal(wait_down(self, &message)->monitor, monitors[1]));
    OSR_CHECK(self, osr_ref_equal(wait_down(self, &message)->monitor, monitors[3]));
    expect_silence(self);
    return OSR_OK;
}

#define RACERS 100
#define RACES 100

/* Each monitor it ends either was there, and then nothing comes, or has fired, and then exactly one
 * down message is there. */
OSR_ENTRY(racer, mark)
{
    for (int i = 0; i < RACES; i++) {
        osr_message message;
        osr_pid pid = a_puppet(self, NULL);
        osr_ref monitor = monitor_of(self, osr_to(pid));
        order_send(self, osr_to(pid), &(order){.what = DO_END, .code = OSR_REASON_CUSTOM});
        if (i % 2 == 0) {
            CHECK_OK(self, osr_yield(self));
        }
        bool flush = i % 3 == 0;
        bool was_there = osr_demonitor(self, monitor, flush);
        bool came = osr_receive(self, 0, &message) == OSR_OK;
        OSR_CHECK(self, came == (!was_there && !flush));
        OSR_CHECK(self, !came || osr_ref_equal(OSR_AS(osr_down, &message)->monitor, monitor));
    }
    return OSR_OK;
}

/* monitor_SUITE:local_remove_monitor */
static osr_err demonitor_flush_info(osr_self *self)
{
    for (int i = 0; i < RACERS; i++) {
        osr_pid pid;
        osr_ref monitor;
        CHECK_OK(self, racer_spawn(self, &(mark){.n = 0},
                                   OSR_SPAWN(.monitor = true, .ret_monitor = &monitor), &pid));
    }
    for (int i = 0; i < RACERS; i++) {
        OSR_CHECK(self, any_down(self) == OSR_REASON_NORMAL);
    }
    return OSR_OK;
}

/* D1: to monitor oneself is allowed and never fires. */
static osr_err monitoring_oneself_never_fires(osr_self *self)
{
    osr_ref monitor = monitor_of(self, osr_to(osr_self_pid(self)));
    expect_silence(self);
    OSR_CHECK(self, osr_demonitor(self, monitor, false));
    OSR_CHECK(self, !osr_demonitor(self, monitor, false));
    return OSR_OK;
}

static osr_ref lent_monitor;

OSR_ENTRY(meddler, mark)
{
    mark_send(self, osr_to(argument->from),
              &(mark){.n = osr_demonitor(self, lent_monitor, true) ? 1 : 0});
    return OSR_OK;
}

/* D4, monitor_SUITE:demon_2: another process cannot end my monitor. */
static osr_err only_its_owner_ends_a_monitor(osr_self *self)
{
    osr_pid meddling;
    osr_message message;
    osr_pid pid = a_puppet(self, NULL);
    lent_monitor = monitor_of(self, osr_to(pid));
    CHECK_OK(self, meddler_spawn(self, &(mark){.from = osr_self_pid(self)}, NULL, &meddling));
    OSR_CHECK(self, next_mark(self) == 0);
    tell(self, pid, DO_END, OSR_PID_NONE, OSR_REASON_CUSTOM);
    OSR_CHECK(self, osr_ref_equal(wait_down(self, &message)->monitor, lent_monitor));
    return OSR_OK;
}

/* D6, signal_SUITE:monitor_named_order_local: a monitor of a name is of who has it at the time. */
static osr_err a_named_monitor_stays_with_its_process(osr_self *self)
{
    osr_message message;
    osr_pid first = a_puppet(self, OSR_SPAWN(.name = "moving"));
    osr_ref monitor = monitor_of(self, osr_name("moving", NULL));
    CHECK_OK(self, osr_unregister(self, "moving"));
    osr_pid second = a_puppet(self, OSR_SPAWN(.name = "moving"));
    send_exit(self, watch(self, second), OSR_REASON_KILL);
    OSR_CHECK(self, any_down(self) == OSR_REASON_KILLED);
    expect_silence(self);
    send_exit(self, first, OSR_REASON_CUSTOM);
    const osr_down *down = wait_down(self, &message);
    OSR_CHECK(self, osr_ref_equal(down->monitor, monitor) && osr_pid_equal(down->pid, first));
    OSR_CHECK(self, down->reason.code == OSR_REASON_CUSTOM);
    return OSR_OK;
}

/* process_SUITE:spawn_request_monitor_demonitor, _monitor_child_exit: the local part. */
static osr_err spawn_monitor_is_atomic(osr_self *self)
{
    osr_message message;
    for (int i = 0; i < 200; i++) {
        osr_ref monitor = {0};
        osr_pid pid = a_puppet(self, OSR_SPAWN(.monitor = true, .ret_monitor = &monitor));
        order_send(self, osr_to(pid), &(order){.what = DO_END, .code = OSR_REASON_CUSTOM});
        if (i % 2 == 0) {
            OSR_CHECK(self, osr_ref_equal(wait_down(self, &message)->monitor, monitor));
        } else {
            (void)osr_demonitor(self, monitor, true);
            OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
        }
    }
    return OSR_OK;
}

/* process_SUITE:spawn_request_bif: what cannot start leaves nothing, and says why. */
static osr_err a_refused_spawn_leaves_nothing(osr_self *self)
{
    osr_ref monitor;
    osr_pid pid = OSR_PID_NONE;
    osr_pid holder = a_puppet(self, OSR_SPAWN(.name = "held"));
    mark argument = {.n = 1};
    OSR_CHECK(self, puppet_spawn(self, &argument,
                                 OSR_SPAWN(.name = "held", .link = true, .monitor = true,
                                           .ret_monitor = &monitor),
                                 &pid) == OSR_ETAKEN);
    OSR_CHECK(self, puppet_spawn(self, &argument, OSR_SPAWN(.link = true, .stack_bytes = 64u << 20),
                                 &pid) == OSR_EINVAL);
    OSR_CHECK(self, osr_pid_is_none(pid));
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "held"), holder));
    expect_silence(self);
    return OSR_OK;
}

/* F1, receive_SUITE:selective: what is passed over stays, in order; 0 ms only looks. */
static osr_err selective_receive_keeps_the_order(osr_self *self)
{
    static const osr_type *const orders[] = {&order_osr_type};
    osr_message message;
    osr_dest me = osr_to(osr_self_pid(self));
    for (int64_t i = 0; i < 200; i++) {
        mark_send(self, me, &(mark){.n = i});
        if (i % 50 == 25) {
            order_send(self, me, &(order){.what = (uint32_t)i});
        }
    }
    for (uint32_t i = 25; i < 200; i += 50) {
        CHECK_OK(self, osr_receive_of(self, orders, 1, 0, &message));
        OSR_CHECK(self, OSR_AS(order, &message)->what == i);
    }
    OSR_CHECK(self, osr_receive_of(self, orders, 1, 0, &message) == OSR_ETIMEDOUT);
    for (int64_t i = 0; i < 200; i++) {
        CHECK_OK(self, osr_receive(self, 0, &message));
        OSR_CHECK(self, OSR_AS(mark, &message)->n == i);
    }
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    return OSR_OK;
}

/* Answers each request after the time that it says. */
OSR_ENTRY(slow, mark)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        osr_caller caller = osr_caller_of(&message);
        int64_t ms = OSR_AS(mark, &message)->n;
        if (osr_sleep(self, (uint32_t)ms) != OSR_OK) {
            return OSR_EEXIT;
        }
        (void)osr_reply_to(self, caller, &mark_osr_type, &(mark){.n = ms});
    }
}

/* A9, gen_server_SUITE:call: a reply that comes too late is never seen. */
static osr_err late_replies_are_dropped(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    osr_dest me = osr_to(osr_self_pid(self));
    CHECK_OK(self, slow_spawn(self, &(mark){.n = 0}, NULL, &pid));
    for (int i = 0; i < 20; i++) {
        osr_err err = osri_request(self, osr_to(pid), &mark_osr_type, &(mark){.n = 3},
                                   i % 2 == 0 ? 1 : 1000, &message, NULL);
        OSR_CHECK(self, err == OSR_OK || err == OSR_ETIMEDOUT);
        OSR_CHECK(self, err != OSR_OK || OSR_AS(mark, &message)->n == 3);
    }
    CHECK_OK(self, osri_request(self, osr_to(pid), &mark_osr_type, &(mark){.n = 0}, 5000, &message,
                                NULL));
    mark_send(self, me, &(mark){.n = 99});
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(mark, &message)->n == 99); /* nothing before it */
    expect_silence(self);
    return OSR_OK;
}

/* gen_server_SUITE:crash: who waits for one that dies hears why, at once. */
static osr_err a_request_ends_with_its_server(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    osr_reason reason = osr_reason_of(OSR_REASON_NORMAL);
    CHECK_OK(self, slow_spawn(self, &(mark){.n = 0}, NULL, &pid));
    osr_pid killer = a_puppet(self, NULL);
    order_send(self, osr_to(killer),
               &(order){.what = DO_SEND_EXIT, .pid = pid, .code = OSR_REASON_KILL});
    osr_err err = osri_request(self, osr_to(pid), &mark_osr_type, &(mark){.n = 60000}, OSR_FOREVER,
                               &message, &reason);
    OSR_CHECK(self, err == OSR_ENOPROC || (err == OSR_EFAILED && reason.code == OSR_REASON_KILLED));
    OSR_CHECK(self, osri_request(self, osr_to(pid), &mark_osr_type, &(mark){.n = 0}, OSR_FOREVER,
                                 &message, &reason) == OSR_ENOPROC);
    return OSR_OK;
}

/* F6, timer_bif_SUITE: never early, cancelled once, gone with the process. */
static osr_err timers_are_exact_about_themselves(osr_self *self)
{
    osr_ref timer;
    uint64_t left = 0;
    osr_message message;
    for (uint64_t ms = 0; ms < 8; ms++) {
        uint64_t before = osr_now(self);
        CHECK_OK(self, osr_timer_start(self, ms, &timer));
        CHECK_OK(self, osr_receive(self, 5000, &message));
        OSR_CHECK(self, osr_now(self) - before >= ms * 1000000);
        OSR_CHECK(self, osr_ref_equal(OSR_AS(osr_timeout, &message)->timer, timer));
        OSR_CHECK(self, !osr_timer_cancel(self, timer, &left));
    }
    CHECK_OK(self, osr_timer_start(self, 60000, &timer));
    OSR_CHECK(self, osr_timer_read(self, timer, &left) && left > 50000 && left <= 60000);
    OSR_CHECK(self, osr_timer_cancel(self, timer, &left) && left > 50000 && left <= 60000);
    OSR_CHECK(self, !osr_timer_cancel(self, timer, &left) && !osr_timer_read(self, timer, &left));
    CHECK_OK(self, osr_timer_start_at(self, 1, &timer)); /* long ago */
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(osr_timeout, &message) != NULL);
    expect_silence(self);
    return OSR_OK;
}

static const conform_case cases[64] = {CASE(monitor_basic),
                                       CASE(monitor_stacking),
                                       CASE(demonitor_flush_info),
                                       CASE(monitoring_oneself_never_fires),
                                       CASE(only_its_owner_ends_a_monitor),
                                       CASE(a_named_monitor_stays_with_its_process),
                                       CASE(spawn_monitor_is_atomic),
                                       CASE(a_refused_spawn_leaves_nothing),
                                       CASE(selective_receive_keeps_the_order),
                                       CASE(late_replies_are_dropped),
                                       CASE(a_request_ends_with_its_server),
                                       CASE(timers_are_exact_about_themselves)};

int main(void)
{
    return run_conform("conform_monitors");
}
