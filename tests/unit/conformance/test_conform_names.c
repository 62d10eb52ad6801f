/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/conformance/conform.h"

#include <string.h>

#include "osier/info.h"

/* Identity, names and what is visible when, on one node. */

/* A5, register_SUITE: every refusal of a name. */
static osr_err names_are_unique_both_ways(osr_self *self)
{
    char long_name[300];
    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    osr_pid pid = a_puppet(self, OSR_SPAWN(.name = "one"));
    osr_pid other = a_puppet(self, NULL);
    osr_pid far = other;
    far.node ^= 1;
    OSR_CHECK(self, osr_register(self, "one", other) == OSR_ETAKEN);
    OSR_CHECK(self, osr_register(self, "two", pid) == OSR_ETAKEN);
    OSR_CHECK(self, osr_register(self, "far", far) == OSR_ENOPROC);
    OSR_CHECK(self, osr_register(self, "", other) == OSR_EINVAL);
    OSR_CHECK(self, osr_register(self, long_name, other) == OSR_EINVAL);
    OSR_CHECK(self,
              osr_register(self, "undefined", other) == OSR_EINVAL); /* reserved, in OTP too */
    OSR_CHECK(self, osr_register(self, "<1.2.3>", other) == OSR_EINVAL);
    CHECK_OK(self, osr_register(self, "undefined.", other));
    CHECK_OK(self, osr_unregister(self, "undefined."));
    OSR_CHECK(self,
              puppet_spawn(self, &(mark){0}, OSR_SPAWN(.name = "undefined"), &far) == OSR_EINVAL);
    OSR_CHECK(self, osr_unregister(self, "nobody") == OSR_ENOTFOUND);
    send_exit(self, other, OSR_REASON_KILL);
    OSR_CHECK(self, !osr_is_alive(self, other));
    OSR_CHECK(self, osr_register(self, "dead", other) == OSR_ENOPROC);
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "one"), pid));
    CHECK_OK(self, osr_unregister(self, "one"));
    CHECK_OK(self, osr_register(self, "two", pid));
    return OSR_OK;
}

/* A6, process_SUITE: a bare name of nobody is an error, a name with its node is not. */
static osr_err sends_to_nobody(osr_self *self)
{
    osr_pid dead = a_puppet(self, NULL);
    send_exit(self, dead, OSR_REASON_KILL);
    OSR_CHECK(self, !osr_is_alive(self, dead));
    OSR_CHECK(self, mark_send(self, osr_to(dead), &(mark){.n = 1}) == OSR_OK);
    OSR_CHECK(self, mark_send(self, osr_name("nobody", NULL), &(mark){.n = 1}) == OSR_ENOPROC);
    OSR_CHECK(self, mark_send(self, osr_name("nobody", "test@host"), &(mark){.n = 1}) == OSR_OK);
    OSR_CHECK(self, mark_send(self, osr_name("nobody", "far@away"), &(mark){.n = 1}) == OSR_OK);
    return OSR_OK;
}

/* B6, process_SUITE:otp_6237 and the like: the name is free when its process's end is seen. */
static osr_err a_name_is_free_before_the_down(osr_self *self)
{
    for (int i = 0; i < 1000; i++) {
        osr_pid pid = watch(self, a_puppet(self, OSR_SPAWN(.name = "brief")));
        order_send(self, osr_to(pid), &(order){.what = DO_END, .code = OSR_REASON_NORMAL});
        OSR_CHECK(self, any_down(self) == OSR_REASON_NORMAL);
        OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "brief")));
    }
    return OSR_OK;
}

/* B6 for exits: the same for one that is linked. */
static osr_err a_name_is_free_before_the_exit(osr_self *self)
{
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < 300; i++) {
        osr_pid pid = a_puppet(self, OSR_SPAWN(.name = "brief", .link = true));
        send_exit(self, pid, OSR_REASON_KILL);
        OSR_CHECK(self, any_exit(self) == OSR_REASON_KILLED);
        osr_pid again = a_puppet(self, OSR_SPAWN(.name = "brief")); /* at once */
        send_exit(self, again, OSR_REASON_KILL);
        (void)end_of(self, again);
    }
    return OSR_OK;
}

/* A3, process_SUITE:no_pid_wrap: what is sent to the dead does not reach who lives there now. */
static osr_err a_pid_never_reaches_its_successor(osr_self *self)
{
    osr_pid dead[300];
    for (int i = 0; i < 300; i++) {
        dead[i] = watch(self, a_puppet(self, NULL));
        send_exit(self, dead[i], OSR_REASON_KILL);
        OSR_CHECK(self, any_down(self) == OSR_REASON_KILLED);
        for (int n = 0; n < i; n++) {
            OSR_CHECK(self, !osr_pid_equal(dead[n], dead[i]));
        }
    }
    for (int i = 0; i < 300; i++) {
        (void)a_puppet(self, NULL);
    }
    for (int i = 0; i < 300; i++) {
        order_send(self, osr_to(dead[i]), &(order){.what = DO_ECHO}); /* nobody answers */
        send_exit(self, dead[i], OSR_REASON_KILL);
        OSR_CHECK(self, !osr_is_alive(self, dead[i]));
    }
    expect_silence(self);
    return OSR_OK;
}

/* A4: references of all kinds are different. */
static osr_err references_are_unique(osr_self *self)
{
    osr_ref refs[400];
    osr_pid pid = a_puppet(self, NULL);
    for (int i = 0; i < 400; i += 2) {
        refs[i] = monitor_of(self, osr_to(pid));
        CHECK_OK(self, osr_timer_start(self, 60000, &refs[i + 1]));
        for (int n = 0; n < i; n++) {
            OSR_CHECK(self, !osr_ref_equal(refs[n], refs[i]));
            OSR_CHECK(self, !osr_ref_equal(refs[n], refs[i + 1]));
        }
    }
    return OSR_OK;
}

/* A1: a pid can be printed, read back, compared and used. */
static osr_err a_pid_survives_its_text(osr_self *self)
{
    char text[OSR_PID_TEXT_BYTES];
    osr_pid pid = a_puppet(self, NULL);
    osr_pid back = OSR_PID_NONE;
    osr_pid_print(pid, text);
    CHECK_OK(self, osr_pid_parse(text, &back));
    OSR_CHECK(self, osr_pid_equal(pid, back));
    tell(self, back, DO_ECHO, OSR_PID_NONE, OSR_REASON_NORMAL);
    return OSR_OK;
}

static bool is_among(const osr_pid *at, uint32_t count, osr_pid pid)
{
    bool found = false;
    for (uint32_t i = 0; i < count; i++) {
        found = found || osr_pid_equal(at[i], pid);
    }
    return found;
}

/* G3, process_SUITE:process_info: it is a signal, so it tells of our own earlier ones. */
static osr_err info_comes_after_ones_own_signals(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < 100; i++) {
        const osr_process_info *info;
        osr_pid pid = a_puppet(self, NULL);
        CHECK_OK(self, osr_link(self, pid));
        osr_ref monitor = monitor_of(self, osr_to(pid));
        CHECK_OK(self, osr_info(self, pid, 5000, &info));
        OSR_CHECK(self, is_among(info->relations.links.at, info->relations.links.count, me));
        OSR_CHECK(self, is_among(info->relations.watchers.at, info->relations.watchers.count, me));
        CHECK_OK(self, osr_unlink(self, pid));
        OSR_CHECK(self, osr_demonitor(self, monitor, false));
        CHECK_OK(self, osr_info(self, pid, 5000, &info));
        OSR_CHECK(self, !is_among(info->relations.links.at, info->relations.links.count, me));
        OSR_CHECK(self, !is_among(info->relations.watchers.at, info->relations.watchers.count, me));
        send_exit(self, pid, OSR_REASON_KILL);
        OSR_CHECK(self, osr_info(self, pid, 5000, &info) == OSR_ENOPROC);
    }
    expect_silence(self);
    return OSR_OK;
}

/* B5: an exit acts on one that only computes, at its next suspension point. */
OSR_ENTRY(busy, mark)
{
    while (osr_yield(self) == OSR_OK) {
    }
    return OSR_EEXIT;
}

static osr_err an_exit_acts_without_a_receive(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, busy_spawn(self, &(mark){.n = 0}, NULL, &pid));
    OSR_CHECK(self, osr_is_alive(self, pid));
    (void)watch(self, pid);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, any_down(self) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

/* B1: messages, by pid and by name, arrive in the order they were sent in. */
static osr_err names_and_pids_keep_one_order(osr_self *self)
{
    osr_message message;
    osr_dest me = osr_to(osr_self_pid(self));
    CHECK_OK(self, osr_register(self, "me", osr_self_pid(self)));
    for (int64_t i = 0; i < 1000; i++) {
        osr_dest to = i % 3 == 0 ? me : osr_name("me", i % 3 == 1 ? NULL : "test@host");
        mark_send(self, to, &(mark){.n = i});
    }
    for (int64_t i = 0; i < 1000; i++) {
        CHECK_OK(self, osr_receive(self, 5000, &message));
        OSR_CHECK(self, OSR_AS(mark, &message)->n == i);
    }
    return OSR_OK;
}

static const conform_case cases[64] = {
    CASE(names_are_unique_both_ways),        CASE(sends_to_nobody),
    CASE(a_name_is_free_before_the_down),    CASE(a_name_is_free_before_the_exit),
    CASE(a_pid_never_reaches_its_successor), CASE(references_are_unique),
    CASE(a_pid_survives_its_text),           CASE(info_comes_after_ones_own_signals),
    CASE(an_exit_acts_without_a_receive),    CASE(names_and_pids_keep_one_order)};

int main(void)
{
    return run_conform("conform_names");
}
