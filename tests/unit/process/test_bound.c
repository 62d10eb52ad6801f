/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/process/signal.h"
#include "osier/info.h"
#include "osier/mailbox.h"
#include "osier/trace.h"
#include "tests/unit/process/process_kit.h"

/* Bounded mailboxes whose senders do not wait, and marks of long ones. Who waits: test_room.c. */

#define LIMIT 5

OSR_MESSAGE(answered, 0x7102, (1, i64, n));
OSR_REQUEST(asked, 0x7103, answered, (1, i64, n));
OSR_MESSAGE(heavy, 0x7104, (1, str, text));

static osr_node_counters counts(osr_self *self)
{
    osr_node_counters counters;
    osr_node_count(osr_self_node(self), &counters);
    return counters;
}

static void bound_self(osr_self *self, osr_mailbox_options options)
{
    options.size = sizeof(options);
    CHECK_OK(self, osr_mailbox_bound(self, &options));
}

static osr_err send_note(osr_self *self, osr_pid to, int64_t n)
{
    return note_send(self, osr_to(to), &(note){.n = n});
}

static void expect_notes(osr_self *self, int64_t first, int64_t end)
{
    osr_message message;
    for (int64_t i = first; i < end; i++) {
        CHECK_OK(self, osr_receive(self, 10000, &message));
        OSR_CHECK(self, OSR_AS(note, &message) != NULL && OSR_AS(note, &message)->n == i);
    }
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
}

OSR_ENTRY(sleeper, note)
{
    (void)argument;
    return osr_sleep(self, OSR_FOREVER);
}

/* ---- reject --------------------------------------------------------------------------------- */

static osr_err rejects(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    bound_self(self, (osr_mailbox_options){.messages_max = LIMIT, .policy = OSR_MAILBOX_REJECT});
    for (int64_t i = 0; i < LIMIT; i++) {
        CHECK_OK(self, send_note(self, me, i));
    }
    OSR_CHECK(self, send_note(self, me, 7) == OSR_EFULL);
    CHECK_OK(self, osr_register(self, "me", me));
    OSR_CHECK(self, note_send(self, osr_name("me", NULL), &(note){.n = 7}) == OSR_EFULL);
    OSR_CHECK(self, counts(self).dropped_full == 2 && counts(self).dropped_rejected == 2);
    expect_notes(self, 0, LIMIT);
    CHECK_OK(self, send_note(self, me, 8));
    expect_notes(self, 8, 9);
    return OSR_OK;
}

/* The sender of a message for which there is no room hears so, by pid and by name. */
START_TEST(a_full_mailbox_rejects)
{
    node_fixture_run(rejects);
}
END_TEST

static osr_err tries(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    note *built;
    bound_self(self, (osr_mailbox_options){.messages_max = 1, .policy = OSR_MAILBOX_REJECT});
    CHECK_OK(self, note_try_send(self, osr_to(me), &(note){.n = 0}));
    uint64_t sent = counts(self).messages_sent;
    OSR_CHECK(self, note_try_send(self, osr_to(me), &(note){.n = 1}) == OSR_EFULL);
    CHECK_OK(self, note_new(self, 0, &built));
    built->n = 1;
    OSR_CHECK(self, note_try_give(self, osr_to(me), &built) == OSR_EFULL);
    OSR_CHECK(self, built != NULL && built->n == 1);
    OSR_CHECK(self, note_try_send(self, osr_name("nobody", NULL), built) == OSR_ENOPROC);
    OSR_CHECK(self, counts(self).messages_sent == sent && counts(self).messages_dropped == 0);
    expect_notes(self, 0, 1);
    CHECK_OK(self, note_try_give(self, osr_to(me), &built));
    OSR_CHECK(self, built == NULL);
    expect_notes(self, 1, 2);
    return OSR_OK;
}

/* What is only tried stays with its sender, and nothing has been sent. */
START_TEST(a_message_that_is_tried_stays)
{
    node_fixture_run(tries);
}
END_TEST

/* Full for ever, and never of one mind about what is too much. */
OSR_ENTRY(fickle, note)
{
    const osr_type *types[] = {&other_note_osr_type};
    osr_message message;
    (void)argument;
    do {
        bound_self(self, (osr_mailbox_options){.messages_max = 1});
        bound_self(self, (osr_mailbox_options){.messages_max = 1, .policy = OSR_MAILBOX_REJECT});
    } while (osr_receive_of(self, types, 1, 0, &message) == OSR_ETIMEDOUT);
    return OSR_OK;
}

static osr_err tries_the_fickle(osr_self *self)
{
    osr_pid pid;
    note *kept;
    int64_t in = 0;
    CHECK_OK(self, fickle_spawn(self, &(note){.n = 0}, OSR_SPAWN(.mailbox_max = 1), &pid));
    uint64_t before = counts(self).messages_sent;
    for (int64_t i = 0; i < 30000; i++) {
        CHECK_OK(self, note_new(self, 0, &kept));
        osr_err err = note_try_give(self, osr_to(pid), &kept);
        OSR_CHECK(self, err == OSR_OK || err == OSR_EFULL);
        OSR_CHECK(self, (err == OSR_OK) == (kept == NULL));
        in += err == OSR_OK;
        note_drop(self, &kept);
        CHECK_OK(self, osr_yield(self));
    }
    OSR_CHECK(self, counts(self).messages_sent - before == (uint64_t)in);
    watch(self, pid);
    send_exit(self, pid, OSR_REASON_KILL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    return OSR_OK;
}

/* What is told to be left is left, whatever the receiver thinks of meanwhile: it has not been
 * counted as sent, and can be dropped. */
START_TEST(a_message_that_is_tried_stays_while_the_policy_changes)
{
    node_fixture_run(tries_the_fickle);
}
END_TEST

/* Notes that a process which never receives has no room for. */
static void overfill(osr_self *self, osr_mailbox_policy policy, const osr_process_info **ret_info)
{
    osr_pid pid;
    CHECK_OK(self, sleeper_spawn(self, &(note){0},
                                 OSR_SPAWN(.link = true,
                                           .mailbox = OSR_MAILBOX(.messages_max = 1,
                                                                  .policy = policy, .wait_ms = 1)),
                                 &pid));
    for (int64_t i = 0; i < 3; i++) {
        (void)send_note(self, pid, i);
    }
    CHECK_OK(self, osr_info(self, pid, 10000, ret_info));
}

static osr_err drops_by_policy(osr_self *self)
{
    const osr_process_info *info;
    osr_trace *trace = NULL;
    osr_event event;
    CHECK_OK(self, osr_trace_start(osr_self_node(self),
                                   OSR_TRACE(.kinds = OSR_EVENT_BIT(OSR_EVENT_DROP), .limit = 1),
                                   &trace));
    overfill(self, OSR_MAILBOX_DROP_NEW, &info);
    OSR_CHECK(self, info->work.dropped_new == 2 && counts(self).dropped_new == 2);
    overfill(self, OSR_MAILBOX_REJECT, &info);
    OSR_CHECK(self, info->work.dropped_new == 0 && info->work.dropped_rejected == 2);
    OSR_CHECK(self, counts(self).dropped_rejected == 2);
    overfill(self, OSR_MAILBOX_DROP_OLD, &info);
    OSR_CHECK(self, info->work.dropped_old == 2 && counts(self).dropped_old == 2);
    overfill(self, OSR_MAILBOX_SUSPEND, &info);
    OSR_CHECK(self, info->work.dropped_waited == 2 && counts(self).dropped_waited == 2);
    OSR_CHECK(self, counts(self).dropped_full == 8 && counts(self).dropped_overflow == 0);
    unsigned events[OSR_DROP_WAITED + 1] = {0};
    while (osr_trace_read(trace, &event, 1) == 1) {
        events[event.code] += event.kind == OSR_EVENT_DROP;
    }
    osr_trace_stop(&trace);
    OSR_CHECK(self, events[OSR_DROP_NEW] == 2 && events[OSR_DROP_REJECTED] == 2);
    OSR_CHECK(self, events[OSR_DROP_OLD] == 2 && events[OSR_DROP_WAITED] == 2);
    OSR_CHECK(self, strcmp(osr_drop_name(OSR_DROP_WAITED), "waited") == 0);
    OSR_CHECK(self, strcmp(osr_drop_name(99), "unknown") == 0);
    return OSR_OK;
}

/* What a bound has no room for is counted by what became of it: of the node, of the process, and
 * in events. */
START_TEST(drops_are_counted_by_policy)
{
    node_fixture_run(drops_by_policy);
}
END_TEST

/* ---- drop old ------------------------------------------------------------------------------- */

static osr_err drops_old(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    osr_ref monitor;
    osr_message message;
    bound_self(self, (osr_mailbox_options){.messages_max = LIMIT, .policy = OSR_MAILBOX_DROP_OLD});
    CHECK_OK(self, osr_monitor(self, osr_name("nobody", NULL), &monitor)); /* a down */
    for (int64_t i = 0; i < 3 * LIMIT; i++) {
        CHECK_OK(self, send_note(self, me, i));
    }
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, OSR_AS(osr_down, &message) != NULL);
    expect_notes(self, 2 * LIMIT, 3 * LIMIT);
    OSR_CHECK(self, counts(self).dropped_full == 2 * LIMIT);
    OSR_CHECK(self, counts(self).dropped_old == 2 * LIMIT);
    return OSR_OK;
}

/* The newest stay, in order, and what the runtime sent stays too. */
START_TEST(a_full_mailbox_drops_the_oldest)
{
    node_fixture_run(drops_old);
}
END_TEST

/* While it looks for a type that does not come, everything has been passed over. */
OSR_ENTRY(picky, note)
{
    const osr_type *types[] = {&other_note_osr_type};
    osr_message message;
    bound_self(self, (osr_mailbox_options){.messages_max = 200, .policy = OSR_MAILBOX_DROP_OLD});
    CHECK_OK(self, note_send(self, osr_to(argument->from), &(note){.n = -1}));
    CHECK_OK(self, osr_receive_of(self, types, 1, 20000, &message));
    int64_t expected = argument->n - 199; /* other_note has pushed one more out */
    for (; expected < argument->n; expected++) {
        CHECK_OK(self, osr_receive(self, 10000, &message));
        OSR_CHECK(self, OSR_AS(note, &message)->n == expected);
    }
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    return OSR_OK;
}

static osr_err drops_from_index(osr_self *self)
{
    osr_pid pid;
    osr_ref monitor;
    osr_message message;
    CHECK_OK(self, picky_spawn(self, &(note){.n = 1000, .from = osr_self_pid(self)},
                               OSR_SPAWN(.monitor = true, .ret_monitor = &monitor), &pid));
    CHECK_OK(self, osr_receive(self, 10000, &message));
    for (int64_t i = 0; i < 1000; i++) {
        CHECK_OK(self, send_note(self, pid, i));
    }
    CHECK_OK(self, other_note_send(self, osr_to(pid), &(other_note){.n = 1}));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    return OSR_OK;
}

/* Also from a mailbox that is indexed, under a receive that waits. */
START_TEST(the_oldest_is_dropped_from_under_a_receive)
{
    node_fixture_run(drops_from_index);
}
END_TEST

/* ---- forward -------------------------------------------------------------------------------- */

OSR_ENTRY(forwarder, note)
{
    osr_message message;
    bound_self(self, (osr_mailbox_options){.messages_max = 2,
                                           .policy = OSR_MAILBOX_FORWARD,
                                           .overflow = argument->from});
    CHECK_OK(self, note_send(self, osr_to(osr_self_parent(self)), &(note){.n = -1}));
    const osr_type *types[] = {&osr_exited_osr_type};
    (void)osr_trap_exit(self, true);
    return osr_receive_of(self, types, 1, 20000, &message);
}

static osr_pid start_forwarder(osr_self *self, osr_pid overflow)
{
    osr_pid pid;
    osr_message message;
    CHECK_OK(self, forwarder_spawn(self, &(note){.from = overflow}, NULL, &pid));
    CHECK_OK(self, osr_receive(self, 10000, &message));
    return pid;
}

static osr_err forwards(osr_self *self)
{
    osr_ref request;
    osr_message message;
    osr_caller asker;
    osr_pid me = osr_self_pid(self);
    osr_pid pid = start_forwarder(self, me);
    for (int64_t i = 0; i < 5; i++) {
        CHECK_OK(self, send_note(self, pid, i));
    }
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == 2 && osr_pid_equal(message.from, me));
    expect_notes(self, 3, 5);
    CHECK_OK(self, asked_begin(self, osr_to(pid), &(asked){.n = 9}, &request));
    CHECK_OK(self, osr_receive(self, 10000, &message)); /* the answer is the overflow's to give */
    asker = osr_caller_of(&message);
    CHECK_OK(self, osr_reply_to(self, asker, &answered_osr_type, &(answered){.n = 10}));
    CHECK_OK(self, osr_await(self, request, 10000, &message, NULL));
    OSR_CHECK(self, OSR_AS(answered, &message)->n == 10);
    OSR_CHECK(self, counts(self).dropped_full == 0);
    send_exit(self, pid, OSR_REASON_KILL);
    return OSR_OK;
}

/* What there is no room for goes to the overflow process, as if it had been sent there. */
START_TEST(a_full_mailbox_forwards)
{
    node_fixture_run(forwards);
}
END_TEST

static osr_err forwards_in_vain(osr_self *self)
{
    osr_pid second = start_forwarder(self, osr_self_pid(self));
    osr_pid first = start_forwarder(self, second);
    for (int64_t i = 0; i < 6; i++) { /* 2 and 2 find room, and nobody passes on the rest */
        CHECK_OK(self, send_note(self, first, i));
    }
    OSR_CHECK(self, counts(self).dropped_full == 2 && counts(self).dropped_overflow == 2);
    const osr_process_info *info;
    CHECK_OK(self, osr_info(self, first, 10000, &info));
    OSR_CHECK(self, info->work.dropped_overflow == 2);
    expect_silence(self);
    watch(self, second);
    send_exit(self, second, OSR_REASON_KILL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    uint64_t before = counts(self).dropped_noproc;
    CHECK_OK(self, send_note(self, first, 6));
    OSR_CHECK(self, counts(self).dropped_noproc == before + 1);
    send_exit(self, first, OSR_REASON_KILL);
    return OSR_OK;
}

/* A message is forwarded once; where the overflow is full or gone it is dropped for that reason. */
START_TEST(what_is_forwarded_is_not_passed_round)
{
    node_fixture_run(forwards_in_vain);
}
END_TEST

/* ---- what is counted ------------------------------------------------------------------------ */

static osr_err downs_take_no_room(osr_self *self)
{
    osr_ref monitor;
    osr_message message;
    osr_pid me = osr_self_pid(self);
    bound_self(self, (osr_mailbox_options){.messages_max = 1, .policy = OSR_MAILBOX_REJECT});
    for (int i = 0; i < 3; i++) {
        CHECK_OK(self, osr_monitor(self, osr_name("nobody", NULL), &monitor));
    }
    OSR_CHECK(self, osr_receive(self, 10000, &message) == OSR_OK); /* two wait */
    CHECK_OK(self, send_note(self, me, 1));
    CHECK_OK(self, osr_monitor(self, osr_name("nobody", NULL), &monitor));
    OSR_CHECK(self, send_note(self, me, 2) == OSR_EFULL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_NOPROC);
    OSR_CHECK(self, next_down(self) == OSR_REASON_NOPROC);
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == 1);
    OSR_CHECK(self, next_down(self) == OSR_REASON_NOPROC);
    return OSR_OK;
}

/* What the runtime sends comes into a full mailbox, and fills none. */
START_TEST(signals_take_no_room)
{
    node_fixture_run(downs_take_no_room);
}
END_TEST

static osr_err own_types(osr_self *self)
{
    osr_message message;
    osr_dest me = osr_to(osr_self_pid(self));
    bound_self(self, (osr_mailbox_options){.messages_max = 1, .policy = OSR_MAILBOX_REJECT});
    CHECK_OK(self, send_note(self, osr_self_pid(self), 0));
    CHECK_OK(self, osr_timeout_send(self, me, &(osr_timeout){.timer = {0, 1}}));
    OSR_CHECK(self, send_note(self, osr_self_pid(self), 1) == OSR_EFULL);
    CHECK_OK(self, osr_receive(self, 10000, &message));
    CHECK_OK(self, send_note(self, osr_self_pid(self), 1)); /* the timeout takes no room */
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, OSR_AS(osr_timeout, &message) != NULL);
    expect_notes(self, 1, 2);
    return OSR_OK;
}

/* What behaviours tell each other in messages of Osier's own types is not bounded. */
START_TEST(own_types_take_no_room)
{
    node_fixture_run(own_types);
}
END_TEST

static osr_err through_alias(osr_self *self)
{
    osr_caller alias, urgent;
    osr_message message;
    bound_self(self, (osr_mailbox_options){.messages_max = 2, .policy = OSR_MAILBOX_REJECT});
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &alias));
    CHECK_OK(self, osr_alias_priority(self, OSR_ALIAS_EXPLICIT, &urgent));
    CHECK_OK(self, note_send(self, osr_to_alias(alias), &(note){.n = 2}));
    CHECK_OK(self, note_send(self, osr_to_alias_priority(urgent), &(note){.n = 1}));
    OSR_CHECK(self, note_send(self, osr_to_alias(alias), &(note){.n = 3}) == OSR_EFULL);
    OSR_CHECK(self, note_try_send(self, osr_to_alias(urgent), &(note){.n = 3}) == OSR_EFULL);
    expect_notes(self, 1, 3);
    CHECK_OK(self, note_send(self, osr_to_alias(alias), &(note){.n = 4}));
    OSR_CHECK(self, osr_unalias(self, alias)); /* before it has come: it gives its place back */
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    CHECK_OK(self, send_note(self, osr_self_pid(self), 5));
    CHECK_OK(self, send_note(self, osr_self_pid(self), 6));
    expect_notes(self, 5, 7);
    OSR_CHECK(self, counts(self).dropped_late == 1);
    return OSR_OK;
}

/* An alias is no way round the bound; what finds it off gives its place back. */
START_TEST(aliases_are_bounded)
{
    node_fixture_run(through_alias);
}
END_TEST

static osr_err bytes(osr_self *self)
{
    static char text[2000];
    osr_message message;
    osr_dest me = osr_to(osr_self_pid(self));
    for (size_t i = 0; i + 1 < sizeof(text); i++) {
        text[i] = 'x';
    }
    const heavy one = {.text = osr_str_of(text)};
    bound_self(self, (osr_mailbox_options){.bytes_max = 5000, .policy = OSR_MAILBOX_REJECT});
    for (int i = 0; i < 3; i++) {
        CHECK_OK(self, heavy_send(self, me, &one)); /* the third passes the bound */
    }
    OSR_CHECK(self, heavy_send(self, me, &one) == OSR_EFULL);
    CHECK_OK(self, osr_receive(self, 10000, &message));
    CHECK_OK(self, heavy_send(self, me, &one));
    bound_self(self, (osr_mailbox_options){.bytes_max = 1, .policy = OSR_MAILBOX_DROP_OLD});
    CHECK_OK(self, heavy_send(self, me, &one)); /* pushes out all three */
    CHECK_OK(self, osr_yield(self));            /* when it is seen */
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    OSR_CHECK(self, counts(self).dropped_full == 4);
    return OSR_OK;
}

/* A bound in bytes. */
START_TEST(bytes_are_bounded)
{
    node_fixture_run(bytes);
}
END_TEST

OSR_ENTRY(small, note)
{
    osr_message message;
    const osr_type *types[] = {&other_note_osr_type};
    (void)argument;
    return osr_receive_of(self, types, 1, 20000, &message);
}

static osr_err much_waits(osr_self *self)
{
    osr_pid pid;
    osr_ref monitor;
    osr_message message;
    CHECK_OK(self, small_spawn(self, &(note){.n = 0},
                               OSR_SPAWN(.memory_max = 8, .monitor = true, .ret_monitor = &monitor),
                               &pid));
    for (int64_t i = 0; i < 8192 / 96; i++) {
        CHECK_OK(self, send_note(self, pid, i));
    }
    CHECK_OK(self, osr_receive(self, 10000, &message));
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL && down->reason.code == OSR_REASON_CRASH);
    return OSR_OK;
}

/* A process with more waiting than it may have memory ends. */
START_TEST(what_waits_counts_as_memory)
{
    node_fixture_run(much_waits);
}
END_TEST

/* ---- at run time ---------------------------------------------------------------------------- */

static osr_err changes(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    for (int64_t i = 0; i < 3; i++) {
        CHECK_OK(self, send_note(self, me, i));
    }
    bound_self(self, (osr_mailbox_options){.messages_max = 4, .policy = OSR_MAILBOX_REJECT});
    CHECK_OK(self, send_note(self, me, 3)); /* those that waited count */
    OSR_CHECK(self, send_note(self, me, 9) == OSR_EFULL);
    CHECK_OK(self, osr_mailbox_bound(self, NULL));
    CHECK_OK(self, send_note(self, me, 4));
    expect_notes(self, 0, 5);
    bound_self(self, (osr_mailbox_options){.messages_max = 1, .policy = OSR_MAILBOX_REJECT});
    CHECK_OK(self, send_note(self, me, 0));
    OSR_CHECK(self, send_note(self, me, 9) == OSR_EFULL);
    expect_notes(self, 0, 1);
    return OSR_OK;
}

/* A bound is set, lifted and set again while messages wait. */
START_TEST(a_bound_changes_at_run_time)
{
    node_fixture_run(changes);
}
END_TEST

static osr_err wrong(osr_self *self)
{
    osr_pid me = osr_self_pid(self), pid;
    const osr_mailbox_options *bad[] = {
        OSR_MAILBOX(.policy = (osr_mailbox_policy)5),
        OSR_MAILBOX(.policy = OSR_MAILBOX_SUSPEND, .otherwise = OSR_MAILBOX_SUSPEND),
        OSR_MAILBOX(.policy = OSR_MAILBOX_FORWARD),
        OSR_MAILBOX(.policy = OSR_MAILBOX_FORWARD, .overflow = me),
        OSR_MAILBOX(.mark_high = 5, .mark_low = 6),
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        OSR_CHECK(self, osr_mailbox_bound(self, bad[i]) == OSR_EINVAL);
    }
    OSR_CHECK(self,
              small_spawn(self, &(note){.n = 0}, OSR_SPAWN(.mailbox = bad[0]), &pid) == OSR_EINVAL);
    return OSR_OK;
}

/* Options that make no sense are refused, also at a spawn. */
START_TEST(wrong_options_are_refused)
{
    node_fixture_run(wrong);
}
END_TEST

static osr_err lives_on(osr_self *self)
{
    osr_pid pid, again;
    for (int i = 0; i < 300; i++) { /* slots are used again */
        CHECK_OK(self, small_spawn(self, &(note){.n = 0}, OSR_SPAWN(.mailbox_max = 1), &pid));
        watch(self, pid);
        CHECK_OK(self, send_note(self, pid, 0));
        CHECK_OK(self, send_note(self, pid, 1));
        send_exit(self, pid, OSR_REASON_KILL);
        OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
        CHECK_OK(self, small_spawn(self, &(note){.n = 0}, NULL, &again));
        watch(self, again);
        CHECK_OK(self, send_note(self, again, 0));
        CHECK_OK(self, send_note(self, again, 1));
        CHECK_OK(self, other_note_send(self, osr_to(again), &(other_note){.n = 1}));
        OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    }
    OSR_CHECK(self, counts(self).dropped_full == 300);
    OSR_CHECK(self, counts(self).dropped_ended == 300 + 600);
    return OSR_OK;
}

/* A bound goes with its process: who lives in the slot after it has none. */
START_TEST(a_bound_ends_with_its_process)
{
    node_fixture_run(lives_on);
}
END_TEST

/* ---- marks ---------------------------------------------------------------------------------- */

static osr_mailbox_mark next_mark(osr_self *self)
{
    const osr_type *types[] = {&osr_mailbox_mark_osr_type};
    osr_message message;
    CHECK_OK(self, osr_receive_of(self, types, 1, 20000, &message));
    return *OSR_AS(osr_mailbox_mark, &message);
}

/* Takes all notes once it is told to, then ends when told again. */
OSR_ENTRY(slow, note)
{
    const osr_type *notes[] = {&note_osr_type};
    const osr_type *others[] = {&other_note_osr_type};
    osr_message message;
    (void)argument;
    CHECK_OK(self, osr_receive_of(self, others, 1, 20000, &message));
    while (osr_receive_of(self, notes, 1, 0, &message) == OSR_OK) {
    }
    return osr_receive_of(self, others, 1, 20000, &message);
}

static void see_marks(osr_self *self, const osr_spawn_options *options, uint64_t high, uint64_t low)
{
    osr_pid pid;
    CHECK_OK(self, slow_spawn(self, &(note){.n = 0}, options, &pid));
    for (uint64_t i = 0; i < high + 10; i++) {
        CHECK_OK(self, send_note(self, pid, (int64_t)i));
    }
    osr_mailbox_mark mark = next_mark(self);
    OSR_CHECK(self, osr_pid_equal(mark.pid, pid) && mark.is_long && mark.messages == high);
    CHECK_OK(self, other_note_send(self, osr_to(pid), &(other_note){.n = 1}));
    mark = next_mark(self);
    OSR_CHECK(self, osr_pid_equal(mark.pid, pid) && !mark.is_long && mark.messages == low);
    CHECK_OK(self, other_note_send(self, osr_to(pid), &(other_note){.n = 1}));
}

static osr_err marks(osr_self *self)
{
    const osr_mailbox_options *own = OSR_MAILBOX(.mark_high = 50, .mark_low = 7);
    const osr_type *types[] = {&osr_mailbox_mark_osr_type};
    osr_message message;
    osr_pid pid;
    CHECK_OK(self, osr_monitor_mailboxes(self, true));
    CHECK_OK(self, osr_monitor_mailboxes(self, true));
    see_marks(self, NULL, 10000, 1000);
    see_marks(self, OSR_SPAWN(.mailbox = own), 50, 7);
    CHECK_OK(self, osr_monitor_mailboxes(self, false));
    CHECK_OK(self, slow_spawn(self, &(note){.n = 0}, OSR_SPAWN(.mailbox = own), &pid));
    for (int64_t i = 0; i < 100; i++) {
        CHECK_OK(self, send_note(self, pid, i));
    }
    CHECK_OK(self, other_note_send(self, osr_to(pid), &(other_note){.n = 1}));
    OSR_CHECK(self, osr_receive_of(self, types, 1, 50, &message) == OSR_ETIMEDOUT);
    send_exit(self, pid, OSR_REASON_KILL);
    return OSR_OK;
}

/* One message at the high mark, one at the low one, while somebody asks. */
START_TEST(long_mailboxes_are_told_of)
{
    node_fixture_run(marks);
}
END_TEST

OSR_ENTRY(mark_watcher, note)
{
    osr_message message;
    CHECK_OK(self, osr_monitor_mailboxes(self, true));
    CHECK_OK(self, note_send(self, osr_to(argument->from), &(note){.n = 1}));
    return osr_receive(self, 20000, &message);
}

static osr_err watcher_ends(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    for (int i = 0; i < 3; i++) { /* the count of who asks comes back to none */
        CHECK_OK(self, mark_watcher_spawn(self, &(note){.from = osr_self_pid(self)}, NULL, &pid));
        CHECK_OK(self, osr_receive(self, 10000, &message));
        watch(self, pid);
        send_exit(self, pid, OSR_REASON_KILL);
        OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    }
    CHECK_OK(self, osr_monitor_mailboxes(self, true));
    see_marks(self, OSR_SPAWN(.mailbox = OSR_MAILBOX(.mark_high = 50, .mark_low = 7)), 50, 7);
    return OSR_OK;
}

/* Who asked and has ended is not told, and others are. */
START_TEST(who_asks_for_marks_may_end)
{
    node_fixture_run(watcher_ends);
}
END_TEST

static osr_err to_an_empty_slot(osr_self *self)
{
    osr_pid nobody = {osr_self_pid(self).node, 200, 1};
    osr_message message;
    CHECK_OK(self, note_send(self, osr_to(nobody), &(note){.n = 1}));
    CHECK_OK(self,
             osr_node_send(osr_self_node(self), osr_to(nobody), &note_osr_type, &(note){.n = 2}));
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
    return OSR_OK;
}

/* A message to the next life of a slot, where nobody lives yet, is dropped. */
START_TEST(message_to_an_empty_slot_is_dropped)
{
    node_fixture_run(to_an_empty_slot);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, a_full_mailbox_rejects);
    tcase_add_test(tests, drops_are_counted_by_policy);
    tcase_add_test(tests, a_message_that_is_tried_stays);
    tcase_add_test(tests, a_message_that_is_tried_stays_while_the_policy_changes);
    tcase_add_test(tests, a_full_mailbox_drops_the_oldest);
    tcase_add_test(tests, the_oldest_is_dropped_from_under_a_receive);
    tcase_add_test(tests, a_full_mailbox_forwards);
    tcase_add_test(tests, what_is_forwarded_is_not_passed_round);
    tcase_add_test(tests, signals_take_no_room);
    tcase_add_test(tests, own_types_take_no_room);
    tcase_add_test(tests, aliases_are_bounded);
    tcase_add_test(tests, bytes_are_bounded);
    tcase_add_test(tests, what_waits_counts_as_memory);
    tcase_add_test(tests, a_bound_changes_at_run_time);
    tcase_add_test(tests, wrong_options_are_refused);
    tcase_add_test(tests, a_bound_ends_with_its_process);
    tcase_add_test(tests, long_mailboxes_are_told_of);
    tcase_add_test(tests, who_asks_for_marks_may_end);
    tcase_add_test(tests, message_to_an_empty_slot_is_dropped);
}

int main(void)
{
    Suite *suite = suite_create("bound");
    ADD_BOTH(suite, add_tests);
    return run_suite(suite);
}
