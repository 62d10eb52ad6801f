/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/conformance/conform.h"

#include "osier/info.h"

/* Aliases and messages of priority of one node. */

OSR_MESSAGE(use, 0x7410, (1, pid, pid), (2, u64, ref), (3, u32, count));

/* Sends marks 1, 2, … to the alias, then mark 0 to the process that owns it. */
OSR_ENTRY(sender, use)
{
    osr_caller alias = {argument->pid, argument->ref};
    for (uint32_t n = 1; n <= argument->count; n++) {
        CHECK_OK(self, mark_send(self, osr_to_alias(alias), &(mark){.n = n}));
    }
    return mark_send(self, osr_to(alias.pid), &(mark){.n = 0});
}

/* How many of `count` marks that another process sends to the alias arrive; all are the first. */
static int64_t arriving(osr_self *self, osr_caller alias, uint32_t count)
{
    osr_pid pid;
    CHECK_OK(self, sender_spawn(self, &(use){alias.pid, alias.ref, count}, NULL, &pid));
    for (int64_t seen = 0;; seen++) {
        int64_t n = next_mark(self);
        if (n == 0) {
            return seen;
        }
        OSR_CHECK(self, n == seen + 1);
    }
}

/* process_SUITE:alias_bif */
static osr_err alias_reply_once(osr_self *self)
{
    osr_caller alias;
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_REPLY, &alias));
    OSR_CHECK(self, arriving(self, alias, 2) == 1);
    OSR_CHECK(self, arriving(self, alias, 2) == 0);
    OSR_CHECK(self, !osr_unalias(self, alias));
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &alias));
    OSR_CHECK(self, arriving(self, alias, 3) == 3);
    /* under way when it is turned off */
    CHECK_OK(self, mark_send(self, osr_to_alias(alias), &(mark){.n = 9}));
    OSR_CHECK(self, osr_unalias(self, alias) && !osr_unalias(self, alias));
    expect_silence(self);
    return OSR_OK;
}

typedef struct lifetime {
    osr_alias_mode mode;
    int64_t after_message;   /* of two that are sent, how many arrive */
    int64_t after_demonitor; /* of one */
    int64_t after_down;
} lifetime;

static const lifetime lifetimes[] = {
    {OSR_ALIAS_EXPLICIT, 2, 1, 1},
    {OSR_ALIAS_DEMONITOR, 2, 0, 0},
    {OSR_ALIAS_REPLY, 1, 0, 0},
};

/* A monitor with an alias, of a process that is there or of one that is spawned with it. */
static osr_caller monitored(osr_self *self, osr_alias_mode mode, bool spawned, osr_pid *ret_pid)
{
    osr_caller alias;
    osr_ref monitor;
    if (spawned) {
        *ret_pid = a_puppet(self, OSR_SPAWN(.monitor = true, .ret_monitor = &monitor));
        CHECK_OK(self, osr_alias_monitor(self, monitor, mode, &alias));
        OSR_CHECK(self, osr_ref_equal(osr_monitor_of(alias), monitor));
    } else {
        *ret_pid = a_puppet(self, NULL);
        CHECK_OK(self, osr_monitor_alias(self, osr_to(*ret_pid), 7, mode, &alias));
    }
    return alias;
}

static void expect_lifetime(osr_self *self, const lifetime *of, bool spawned)
{
    osr_pid pid;
    osr_message message;
    static const osr_type *const downs[] = {&osr_down_osr_type};
    osr_caller alias = monitored(self, of->mode, spawned, &pid);
    OSR_CHECK(self, arriving(self, alias, 2) == of->after_message);
    /* in mode reply the message has ended the monitor, too */
    bool had_monitor = osr_demonitor(self, osr_monitor_of(alias), true);
    OSR_CHECK(self, had_monitor == (of->mode != OSR_ALIAS_REPLY));
    OSR_CHECK(self, osr_unalias(self, alias) == (of->mode == OSR_ALIAS_EXPLICIT));

    alias = monitored(self, of->mode, spawned, &pid);
    OSR_CHECK(self, osr_demonitor(self, osr_monitor_of(alias), true));
    OSR_CHECK(self, arriving(self, alias, 1) == of->after_demonitor);

    alias = monitored(self, of->mode, spawned, &pid);
    tell(self, pid, DO_END, OSR_PID_NONE, OSR_REASON_SHUTDOWN);
    CHECK_OK(self, osr_receive_of(self, downs, 1, 10000, &message));
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, osr_ref_equal(down->monitor, osr_monitor_of(alias)));
    OSR_CHECK(self, down->tag == (spawned ? 0 : 7) && down->reason.code == OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, arriving(self, alias, 1) == of->after_down);
    osr_ref fired = osr_monitor_of(alias);
    OSR_CHECK(self, osr_alias_monitor(self, fired, OSR_ALIAS_REPLY, &alias) == OSR_ENOTFOUND);
}

/* process_SUITE:monitor_alias, spawn_monitor_alias, demonitor_aliasmonitor, down_aliasmonitor,
 * monitor_tag: each ends exactly with what its mode says. */
static osr_err monitor_alias_lifetimes(osr_self *self)
{
    for (size_t i = 0; i < sizeof(lifetimes) / sizeof(lifetimes[0]); i++) {
        expect_lifetime(self, &lifetimes[i], false);
        expect_lifetime(self, &lifetimes[i], true);
    }
    return OSR_OK;
}

/* ---- priority ---------------------------------------------------------------------------- */

OSR_MESSAGE(mix, 0x7411, (1, pid, pid), (2, u64, ref), (3, bool, asks));

#define MIXED 20

/* Sends marks 0 to 19 to the alias, every third one as one of priority if asked to, and ends. */
OSR_ENTRY(mixer, mix)
{
    osr_caller alias = {argument->pid, argument->ref};
    for (int64_t n = 0; n < MIXED; n++) {
        bool first = argument->asks && n % 3 == 0;
        osr_dest to = first ? osr_to_alias_priority(alias) : osr_to_alias(alias);
        CHECK_OK(self, mark_send(self, to, &(mark){.n = n}));
    }
    return OSR_OK;
}

/* All 20 wait, then they are taken. */
static void expect_order(osr_self *self, osr_caller alias, bool asks, bool overtakes)
{
    osr_pid pid;
    osr_ref monitor;
    const osr_process_info *info = NULL;
    static const osr_type *const downs[] = {&osr_down_osr_type};
    osr_message message;
    CHECK_OK(self, mixer_spawn(self, &(mix){alias.pid, alias.ref, asks},
                               OSR_SPAWN(.monitor = true, .ret_monitor = &monitor), &pid));
    CHECK_OK(self, osr_receive_of(self, downs, 1, 10000, &message)); /* comes after all of them */
    CHECK_OK(self, osr_info(self, osr_self_pid(self), 10000, &info));
    OSR_CHECK(self, info->work.queued == MIXED);
    for (int64_t n = 0; overtakes && n < MIXED; n += 3) {
        OSR_CHECK(self, next_mark(self) == n);
    }
    for (int64_t n = 0; n < MIXED; n++) {
        if (!overtakes || n % 3 != 0) {
            OSR_CHECK(self, next_mark(self) == n);
        }
    }
}

/* signal_SUITE:priority_messages_order, _alias_enable_disable: those of priority first, in their
 * order, then the others in theirs; without the receiver's consent or the sender's wish, and once
 * the receiver has withdrawn it, the plain order. */
static osr_err prio_order(osr_self *self)
{
    osr_caller plain;
    osr_caller consents;
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &plain));
    CHECK_OK(self, osr_alias_priority(self, OSR_ALIAS_EXPLICIT, &consents));
    expect_order(self, consents, true, true);
    expect_order(self, consents, false, false);
    expect_order(self, plain, true, false);
    OSR_CHECK(self, osr_unalias(self, consents));
    expect_order(self, plain, true, false);
    CHECK_OK(self, mark_send(self, osr_to_alias_priority(consents), &(mark){.n = 1}));
    CHECK_OK(self, osr_alias_priority(self, OSR_ALIAS_REPLY, &consents));
    CHECK_OK(self, mark_send(self, osr_to_alias_priority(consents), &(mark){.n = 2}));
    CHECK_OK(self, mark_send(self, osr_to_alias_priority(consents), &(mark){.n = 3}));
    OSR_CHECK(self, next_mark(self) == 2); /* once */
    expect_silence(self);
    return OSR_OK;
}

static void send_behind_many(osr_self *self, osr_caller alias, osr_pid busy)
{
    for (int64_t n = 1; n <= 200; n++) {
        CHECK_OK(self, order_send(self, osr_to(busy), &(order){.what = 99}));
    }
    CHECK_OK(self, mark_send(self, osr_to_alias_priority(alias), &(mark){.n = 77}));
}

OSR_ENTRY(selective, mark)
{
    osr_caller alias;
    CHECK_OK(self, osr_alias_priority(self, OSR_ALIAS_EXPLICIT, &alias));
    CHECK_OK(self, use_send(self, osr_to(argument->from), &(use){alias.pid, alias.ref, 0}));
    OSR_CHECK(self, next_mark(self) == 77); /* behind 200 others, or in front of them */
    return mark_send(self, osr_to(argument->from), &(mark){.n = 78});
}

/* A receive that waits for a type, and has passed over many others, takes one of priority. */
static osr_err prio_wakes_a_selective_receive(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    CHECK_OK(self, selective_spawn(self, &(mark){.from = osr_self_pid(self)}, NULL, &pid));
    CHECK_OK(self, osr_receive(self, 10000, &message));
    const use *told = OSR_AS(use, &message);
    OSR_CHECK(self, told != NULL);
    osr_caller alias = {told->pid, told->ref};
    send_behind_many(self, alias, pid);
    OSR_CHECK(self, next_mark(self) == 78);
    return OSR_OK;
}

static const conform_case cases[64] = {CASE(alias_reply_once), CASE(monitor_alias_lifetimes),
                                       CASE(prio_order), CASE(prio_wakes_a_selective_receive)};

int main(void)
{
    return run_conform("conform_aliases");
}
