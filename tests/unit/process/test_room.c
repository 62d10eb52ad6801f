/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "lib/process/node.h"
#include "osier/info.h"
#include "osier/mailbox.h"
#include "tests/unit/process/process_kit.h"

/* Bounded mailboxes whose senders wait for room. */

OSR_MESSAGE(answered, 0x7102, (1, i64, n));
OSR_REQUEST(asked, 0x7103, answered, (1, i64, n));
OSR_MESSAGE(task, 0x7105, (1, pid, to), (2, i64, first), (3, i64, end), (4, pid, parent));

static osr_node_counters counts(osr_self *self)
{
    osr_node_counters counters;
    osr_node_count(osr_self_node(self), &counters);
    return counters;
}

static void bound_self(osr_self *self, uint64_t max, uint32_t wait_ms, osr_mailbox_policy otherwise)
{
    CHECK_OK(self, osr_mailbox_bound(self, OSR_MAILBOX(.messages_max = max, .wait_ms = wait_ms,
                                                       .policy = OSR_MAILBOX_SUSPEND,
                                                       .otherwise = otherwise)));
}

/* Sends its notes one after the other; ends with the error of the first that is not taken. */
OSR_ENTRY(sender, task)
{
    osr_err err = OSR_OK;
    for (int64_t i = argument->first; i < argument->end && err == OSR_OK; i++) {
        err = note_send(self, osr_to(argument->to), &(note){.n = i});
    }
    return err;
}

static osr_pid start_sender(osr_self *self, osr_pid to, int64_t first, int64_t end,
                            osr_ref *ret_monitor)
{
    osr_pid pid;
    CHECK_OK(self, sender_spawn(self, &(task){.to = to, .first = first, .end = end},
                                OSR_SPAWN(.monitor = true, .ret_monitor = ret_monitor), &pid));
    return pid;
}

/* Until it waits for room in that mailbox. */
static void until_waits(osr_self *self, osr_pid pid, osr_pid for_room_of)
{
    const osr_process_info *info;
    do {
        CHECK_OK(self, osr_yield(self));
        CHECK_OK(self, osr_info(self, pid, 10000, &info));
    } while (info->blocked_on != OSR_BLOCKED_MAILBOX);
    OSR_CHECK(self, osr_pid_equal(info->waits_for, for_room_of));
}

static bool is_note(void *context, const osr_message *message)
{
    (void)context;
    return OSR_AS(note, message) != NULL;
}

static void expect_note(osr_self *self, int64_t n)
{
    osr_message message;
    CHECK_OK(self, osr_receive_where(self, is_note, NULL, 10000, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == n);
}

static bool is_down(void *context, const osr_message *message)
{
    const osr_ref *monitor = context;
    const osr_down *down = OSR_AS(osr_down, message);
    return down != NULL && down->monitor.number == monitor->number;
}

static osr_reason down_of(osr_self *self, osr_ref monitor)
{
    osr_message message;
    CHECK_OK(self, osr_receive_where(self, is_down, &monitor, 10000, &message));
    return OSR_AS(osr_down, &message)->reason;
}

/* ---- waiting -------------------------------------------------------------------------------- */

#define SENDERS 8

static osr_err in_order(osr_self *self)
{
    osr_ref monitors[SENDERS];
    osr_pid me = osr_self_pid(self);
    bound_self(self, 1, 0, OSR_MAILBOX_DROP_NEW);
    CHECK_OK(self, note_send(self, osr_to(me), &(note){.n = -1}));
    for (int64_t i = 0; i < SENDERS; i++) {
        osr_pid pid = start_sender(self, me, 2 * i, 2 * i + 2, &monitors[i]);
        until_waits(self, pid, me);
    }
    expect_note(self, -1);
    for (int64_t i = 0; i < SENDERS; i++) { /* their second ones stand behind */
        expect_note(self, 2 * i);
    }
    for (int64_t i = 0; i < SENDERS; i++) {
        osr_message message;
        CHECK_OK(self, osr_receive_where(self, is_note, NULL, 10000, &message));
        OSR_CHECK(self, OSR_AS(note, &message)->n % 2 == 1);
    }
    for (int64_t i = 0; i < SENDERS; i++) {
        OSR_CHECK(self, down_of(self, monitors[i]).code == OSR_REASON_NORMAL);
    }
    OSR_CHECK(self, counts(self).messages_dropped == 0);
    return OSR_OK;
}

/* Senders wait for room, and come in in the order in which they came; nothing is lost. */
START_TEST(senders_wait_in_order)
{
    node_fixture_run(in_order);
}
END_TEST

static osr_err too_long(osr_self *self)
{
    osr_ref monitor;
    osr_pid me = osr_self_pid(self);
    bound_self(self, 1, 20, OSR_MAILBOX_DROP_NEW);
    CHECK_OK(self, note_send(self, osr_to(me), &(note){.n = 0}));
    (void)start_sender(self, me, 1, 2, &monitor);
    osr_reason reason = down_of(self, monitor);
    OSR_CHECK(self, reason.code == OSR_REASON_ERROR && reason.error == OSR_ETIMEDOUT);
    OSR_CHECK(self, counts(self).dropped_full == 1 && counts(self).dropped_waited == 1);
    expect_note(self, 0);
    CHECK_OK(self, note_send(self, osr_to(me), &(note){.n = 2}));
    expect_note(self, 2);
    return OSR_OK;
}

/* At most so long: then the message is dropped, and its sender knows. */
START_TEST(a_sender_does_not_wait_for_ever)
{
    node_fixture_run(too_long);
}
END_TEST

OSR_ENTRY(caller, task)
{
    answered reply;
    return asked_call(self, osr_to(argument->to), &(asked){.n = 1}, &reply,
                      (uint32_t)argument->end);
}

static osr_err calls(osr_self *self)
{
    osr_ref first, second;
    osr_pid pid;
    osr_message message;
    osr_pid me = osr_self_pid(self);
    bound_self(self, 1, 1, OSR_MAILBOX_DROP_NEW);
    CHECK_OK(self, note_send(self, osr_to(me), &(note){.n = 0}));
    CHECK_OK(self, caller_spawn(self, &(task){.to = me, .end = 30},
                                OSR_SPAWN(.monitor = true, .ret_monitor = &first), &pid));
    OSR_CHECK(self, down_of(self, first).error == OSR_ETIMEDOUT);
    CHECK_OK(self, caller_spawn(self, &(task){.to = me, .end = 20000},
                                OSR_SPAWN(.monitor = true, .ret_monitor = &second), &pid));
    until_waits(self, pid, me);
    expect_note(self, 0);
    CHECK_OK(self, osr_receive(self, 10000, &message));
    OSR_CHECK(self, OSR_AS(asked, &message) != NULL);
    CHECK_OK(self,
             osr_reply_to(self, osr_caller_of(&message), &answered_osr_type, &(answered){.n = 2}));
    OSR_CHECK(self, down_of(self, second).code == OSR_REASON_NORMAL);
    OSR_CHECK(self, counts(self).dropped_full == 1);
    return OSR_OK;
}

/* A call waits for room until its own deadline. */
START_TEST(a_call_waits_until_its_deadline)
{
    node_fixture_run(calls);
}
END_TEST

/* ---- who must not wait ---------------------------------------------------------------------- */

static osr_err to_oneself(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    bound_self(self, 1, 20000, OSR_MAILBOX_DROP_NEW);
    CHECK_OK(self, note_send(self, osr_to(me), &(note){.n = 0}));
    OSR_CHECK(self, note_send(self, osr_to(me), &(note){.n = 1}) == OSR_EFULL);
    OSR_CHECK(self, note_try_send(self, osr_to(me), &(note){.n = 1}) == OSR_EFULL);
    OSR_CHECK(self, counts(self).dropped_full == 1 && counts(self).dropped_waited == 1);
    expect_note(self, 0);
    return OSR_OK;
}

/* Nobody waits for room that he has to make himself. */
START_TEST(a_process_does_not_wait_for_itself)
{
    node_fixture_run(to_oneself);
}
END_TEST

/* Its mailbox is full; once it is told whom to send to, it sends, and ends with what comes of it.
 */
OSR_ENTRY(member, task)
{
    const osr_type *types[] = {&task_osr_type};
    const osr_type *exits[] = {&osr_exited_osr_type};
    osr_message message;
    (void)osr_trap_exit(self, true);
    CHECK_OK(self, osr_receive_of(self, types, 1, 20000, &message));
    osr_pid to = OSR_AS(task, &message)->to;
    bound_self(self, 1, 20000, OSR_MAILBOX_DROP_NEW);
    CHECK_OK(self, note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 0}));
    CHECK_OK(self, note_send(self, osr_to(argument->parent), &(note){.n = 0}));
    CHECK_OK(self, osr_receive_of(self, exits, 1, 20000, &message)); /* the others are full, too */
    return note_send(self, osr_to(to), &(note){.n = 1});
}

#define RING 3

static osr_err circle(osr_self *self)
{
    osr_pid pids[RING];
    osr_ref monitors[RING];
    for (int i = 0; i < RING; i++) {
        CHECK_OK(self,
                 member_spawn(self, &(task){.parent = osr_self_pid(self)},
                              OSR_SPAWN(.monitor = true, .ret_monitor = &monitors[i]), &pids[i]));
    }
    for (int i = 0; i < RING; i++) {
        task whom = {.to = pids[(i + 1) % RING]};
        CHECK_OK(self, task_send(self, osr_to(pids[i]), &whom));
    }
    int refused = 0;
    for (int i = 0; i < RING; i++) {
        expect_note(self, 0);
    }
    for (int i = 0; i < RING; i++) {
        send_exit(self, pids[i], OSR_REASON_SHUTDOWN);
    }
    for (int i = 0; i < RING; i++) { /* one is refused and ends, and so the rest is freed */
        osr_reason reason = down_of(self, monitors[i]);
        refused += reason.code == OSR_REASON_ERROR && reason.error == OSR_EFULL;
        OSR_CHECK(self, reason.code == OSR_REASON_NORMAL || reason.error == OSR_EFULL);
    }
    OSR_CHECK(self, refused == 1);
    return OSR_OK;
}

/* Of a circle of processes that would wait for each other the last one is refused, at once. */
START_TEST(a_circle_is_not_closed)
{
    node_fixture_run(circle);
}
END_TEST

static osr_err cannot_wait(osr_self *self)
{
    osr_ref timer, request;
    osr_message message;
    osr_reason reason;
    osr_dest me = osr_to(osr_self_pid(self));
    bound_self(self, 1, 20000, OSR_MAILBOX_REJECT);
    CHECK_OK(self, note_send(self, me, &(note){.n = 0}));
    CHECK_OK(self, note_send_after(self, me, &(note){.n = 1}, 0, &timer));
    while (counts(self).dropped_full == 0) {
        CHECK_OK(self, osr_sleep(self, 1));
    }
    OSR_CHECK(self,
              osr_node_send(osr_self_node(self), me, &note_osr_type, &(note){.n = 1}) == OSR_EFULL);
    osr_pid other;
    CHECK_OK(self, member_spawn(self, &(task){.parent = osr_self_pid(self)},
                                OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = 1,
                                                                 .policy = OSR_MAILBOX_SUSPEND)),
                                &other));
    CHECK_OK(self, note_send(self, osr_to(other), &(note){.n = 0}));
    CHECK_OK(self, asked_begin(self, osr_to(other), &(asked){.n = 1}, &request));
    OSR_CHECK(self, osr_await(self, request, 10000, &message, &reason) == OSR_EFAILED);
    OSR_CHECK(self, reason.error == OSR_EFULL);
    OSR_CHECK(self, counts(self).dropped_full == 3);
    OSR_CHECK(self, counts(self).dropped_rejected == 2 && counts(self).dropped_new == 1);
    send_exit(self, other, OSR_REASON_KILL);
    expect_note(self, 0);
    return OSR_OK;
}

/* What comes from timers, from outside, and requests that are only begun take the other policy. */
START_TEST(who_cannot_wait_does_not)
{
    node_fixture_run(cannot_wait);
}
END_TEST

/* ---- ends ----------------------------------------------------------------------------------- */

static osr_err sender_ends(osr_self *self)
{
    osr_ref first, second;
    osr_pid me = osr_self_pid(self);
    bound_self(self, 1, 20000, OSR_MAILBOX_DROP_NEW);
    CHECK_OK(self, note_send(self, osr_to(me), &(note){.n = 0}));
    osr_pid killed = start_sender(self, me, 1, 2, &first);
    until_waits(self, killed, me);
    osr_pid other = start_sender(self, me, 2, 3, &second);
    until_waits(self, other, me);
    send_exit(self, killed, OSR_REASON_KILL);
    OSR_CHECK(self, down_of(self, first).code == OSR_REASON_KILLED);
    OSR_CHECK(self, counts(self).dropped_full == 1);
    expect_note(self, 0);
    expect_note(self, 2);
    OSR_CHECK(self, down_of(self, second).code == OSR_REASON_NORMAL);
    return OSR_OK;
}

/* Who waits and is killed leaves the line, and the next one comes in. */
START_TEST(a_sender_that_waits_may_end)
{
    node_fixture_run(sender_ends);
}
END_TEST

static osr_err receiver_ends(osr_self *self)
{
    osr_pid pid;
    osr_ref monitors[SENDERS];
    CHECK_OK(self,
             member_spawn(self, &(task){.parent = osr_self_pid(self)},
                          OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = 1, .wait_ms = 20000,
                                                           .policy = OSR_MAILBOX_SUSPEND)),
                          &pid));
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 0}));
    for (int i = 0; i < SENDERS; i++) {
        until_waits(self, start_sender(self, pid, i, i + 1, &monitors[i]), pid);
    }
    send_exit(self, pid, OSR_REASON_KILL);
    for (int i = 0; i < SENDERS; i++) { /* as if they had sent to one that is gone */
        OSR_CHECK(self, down_of(self, monitors[i]).code == OSR_REASON_NORMAL);
    }
    OSR_CHECK(self, counts(self).dropped_noproc == SENDERS);
    OSR_CHECK(self, counts(self).dropped_ended == 1);
    return OSR_OK;
}

/* The end of the receiver wakes all that wait. */
START_TEST(a_receiver_may_end)
{
    node_fixture_run(receiver_ends);
}
END_TEST

static osr_err more_room(osr_self *self)
{
    osr_ref monitors[2];
    osr_pid me = osr_self_pid(self);
    bound_self(self, 1, 20000, OSR_MAILBOX_DROP_NEW);
    CHECK_OK(self, note_send(self, osr_to(me), &(note){.n = 0}));
    for (int i = 0; i < 2; i++) {
        until_waits(self, start_sender(self, me, i + 1, i + 2, &monitors[i]), me);
    }
    CHECK_OK(self, osr_mailbox_bound(self, NULL));
    OSR_CHECK(self, down_of(self, monitors[0]).code == OSR_REASON_NORMAL);
    OSR_CHECK(self, down_of(self, monitors[1]).code == OSR_REASON_NORMAL);
    for (int i = 0; i < 3; i++) {
        expect_note(self, i);
    }
    return OSR_OK;
}

/* A bound that is lifted lets in who waits. */
START_TEST(a_wider_bound_lets_in)
{
    node_fixture_run(more_room);
}
END_TEST

/* ---- other nodes ---------------------------------------------------------------------------- */

static int full, room;

static void seen_full(void *context, osr_pid receiver, uint64_t from)
{
    (void)context;
    (void)receiver;
    full += from == 77;
}

static void seen_room(void *context, osr_pid receiver)
{
    (void)context;
    (void)receiver;
    room += 1;
}

static void arrive(osr_self *self, osr_pid to, int64_t n)
{
    osri_envelope *signal;
    osr_pid from = {77, 1, 1};
    CHECK_OK(self, osri_signal_new(OSRI_SIGNAL_MESSAGE, from, 0, &note_osr_type, &(note){.n = n},
                                   &signal));
    (void)osri_signal_deliver(osr_self_node(self), to, NULL, &signal);
}

static osr_err tell_nodes(osr_self *self)
{
    osr_pid me = osr_self_pid(self), pid;
    full = room = 0;
    bound_self(self, 4, 20000, OSR_MAILBOX_DROP_NEW);
    for (int64_t i = 0; i < 3; i++) {
        arrive(self, me, i);
    }
    OSR_CHECK(self, full == 0);
    arrive(self, me, 3);
    arrive(self, me, 4); /* was under way, and comes in */
    OSR_CHECK(self, full == 2 && room == 0 && counts(self).dropped_full == 0);
    expect_note(self, 0);
    expect_note(self, 1);
    OSR_CHECK(self, room == 0);
    expect_note(self, 2);
    OSR_CHECK(self, room == 1);
    expect_note(self, 3);
    expect_note(self, 4);
    OSR_CHECK(self, room == 1);
    for (int64_t i = 0; i < 4; i++) {
        arrive(self, me, i);
    }
    OSR_CHECK(self, full == 3 && room == 1);
    CHECK_OK(self, osr_mailbox_bound(self, NULL)); /* there is room at once */
    OSR_CHECK(self, room == 2);
    for (int64_t i = 0; i < 4; i++) {
        expect_note(self, i);
    }
    CHECK_OK(self, member_spawn(self, &(task){.parent = me},
                                OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = 1,
                                                                 .policy = OSR_MAILBOX_SUSPEND)),
                                &pid));
    arrive(self, pid, 0);
    OSR_CHECK(self, full == 4 && room == 2);
    watch(self, pid);
    send_exit(self, pid, OSR_REASON_KILL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    OSR_CHECK(self, room == 3);
    return OSR_OK;
}

static osri_remote_ops remote_ops;

/* A node whose message fills a mailbox, or finds it full, is told; and once when half of it is free
 * again, or the process has ended. */
START_TEST(other_nodes_are_told)
{
    remote_ops = (osri_remote_ops){.mailbox_full = seen_full, .mailbox_room = seen_room};
    osr_node *node = node_fixture_node();
    node->remote = &remote_ops;
    node_fixture_run(tell_nodes);
    node->remote = NULL;
}
END_TEST

/* ---- everything at once --------------------------------------------------------------------- */

#define WORKERS 16
#define STEPS 1500

static _Atomic(uint64_t) pids[WORKERS]; /* slot and generation */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static osr_pid any_worker(osr_self *self, uint64_t *random)
{
    uint64_t packed = atomic_load(&pids[next_random(random) % WORKERS]);
    return packed == 0
               ? osr_self_pid(self)
               : (osr_pid){osr_self_pid(self).node, (uint32_t)(packed >> 32), (uint32_t)packed};
}

static osr_mailbox_options random_bound(osr_self *self, uint64_t *random)
{
    osr_mailbox_options options = {.size = sizeof(options)};
    options.messages_max = next_random(random) % 6;
    options.bytes_max = next_random(random) % 4 == 0 ? 500 : 0;
    options.policy = (osr_mailbox_policy)(next_random(random) % 5);
    options.otherwise = (osr_mailbox_policy)(next_random(random) % 4);
    options.overflow = any_worker(self, random);
    options.wait_ms = 1 + (uint32_t)(next_random(random) % 20);
    options.mark_high = 5;
    return options;
}

static void act(osr_self *self, uint64_t *random)
{
    osr_message message;
    osr_ref ref;
    answered reply;
    osr_dest to = osr_to(any_worker(self, random));
    osr_mailbox_options options = random_bound(self, random);
    const note one = {.n = 1};
    switch (next_random(random) % 12) {
    case 0:
        (void)!osr_mailbox_bound(self, &options);
        break;
    case 1:
        (void)!note_send_after(self, to, &one, next_random(random) % 2, &ref);
        break;
    case 2:
        (void)!note_try_send(self, to, &one);
        break;
    case 3:
        (void)!asked_call(self, to, &(asked){.n = 1}, &reply, 3);
        break;
    case 4:
        if (asked_begin(self, to, &(asked){.n = 1}, &ref) == OSR_OK && *random % 2 == 0) {
            (void)osr_abandon(self, ref);
        }
        break;
    case 5:
        (void)osr_node_send(osr_self_node(self), to, &note_osr_type, &one);
        break;
    case 6:
        (void)!osr_monitor_mailboxes(self, next_random(random) % 2 == 0);
        break;
    case 7:
        for (int i = 0; i < 8 && osr_receive(self, 0, &message) == OSR_OK; i++) {
            if (message.ref != 0 && OSR_AS(asked, &message) != NULL) {
                (void)osr_reply_to(self, osr_caller_of(&message), &answered_osr_type,
                                   &(answered){.n = 1});
            }
        }
        break;
    default:
        (void)note_send(self, to, &one);
        break;
    }
}

/* Ends now and then, in the middle of everything. */
OSR_ENTRY(worker, task)
{
    uint64_t random = (uint64_t)argument->first | 1;
    osr_pid me = osr_self_pid(self);
    atomic_store(&pids[argument->end], (uint64_t)me.slot << 32 | me.generation);
    uint64_t steps = next_random(&random) % STEPS;
    for (uint64_t i = 0; i < steps && osr_yield(self) == OSR_OK; i++) {
        act(self, &random);
    }
    return OSR_OK;
}

static uint64_t seed;

static osr_err all_at_once(osr_self *self)
{
    uint64_t random = seed;
    osr_ref monitors[WORKERS];
    osr_pid started[WORKERS];
    for (int round = 0; round < 4; round++) {
        for (int64_t i = 0; i < WORKERS; i++) {
            osr_mailbox_options options = random_bound(self, &random);
            options.policy = (osr_mailbox_policy)(options.policy % 3);
            options.otherwise = OSR_MAILBOX_DROP_NEW;
            CHECK_OK(self,
                     worker_spawn(self, &(task){.first = (int64_t)next_random(&random), .end = i},
                                  OSR_SPAWN(.mailbox = &options, .monitor = true,
                                            .ret_monitor = &monitors[i]),
                                  &started[i]));
        }
        for (int i = 0; i < WORKERS / 4; i++) {
            send_exit(self, started[next_random(&random) % WORKERS], OSR_REASON_KILL);
        }
        for (int i = 0; i < WORKERS; i++) {
            osr_message message;
            CHECK_OK(self, osr_receive_where(self, is_down, &monitors[i], 600000, &message));
        }
    }
    OSR_CHECK(self, osri_map_count(&self->node->waiting_for_room) == 0);
    return OSR_OK;
}

/* All policies, changed at random, by processes that send to each other and end: nobody waits for
 * ever, and the fixture finds each message received or dropped for one reason. */
START_TEST(accounts_balance_under_every_policy)
{
    const char *text = getenv("ROOM_SEED");
    seed = (text != NULL ? strtoull(text, NULL, 10) : (uint64_t)time(NULL) * 2654435761u) | 1;
    (void)printf("ROOM_SEED=%llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    node_fixture_run(all_at_once);
}
END_TEST

static void add_tests(TCase *tests)
{
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, senders_wait_in_order);
    tcase_add_test(tests, a_sender_does_not_wait_for_ever);
    tcase_add_test(tests, a_call_waits_until_its_deadline);
    tcase_add_test(tests, a_process_does_not_wait_for_itself);
    tcase_add_test(tests, a_circle_is_not_closed);
    tcase_add_test(tests, who_cannot_wait_does_not);
    tcase_add_test(tests, a_sender_that_waits_may_end);
    tcase_add_test(tests, a_receiver_may_end);
    tcase_add_test(tests, a_wider_bound_lets_in);
    tcase_add_test(tests, other_nodes_are_told);
    tcase_add_test(tests, accounts_balance_under_every_policy);
}

int main(void)
{
    Suite *suite = suite_create("room");
    ADD_BOTH(suite, add_tests);
    return run_suite(suite);
}
