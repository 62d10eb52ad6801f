/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "osier/info.h"
#include "lib/process/node.h"
#include "tests/unit/process/process_kit.h"

/* What tools see of processes: from outside, and from themselves. */

static atomic_bool enough;

OSR_ENTRY(waits, note)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

OSR_ENTRY(spins_on_a_message, note)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    while (!atomic_load(&enough)) {
    }
    return OSR_OK;
}

static osr_err snapshot_of_waiting(osr_self *self)
{
    osr_snapshot who;
    osr_pid pid;
    uint64_t before = osr_now(self);
    CHECK_OK(self,
             waits_spawn(self, &(note){0},
                         OSR_SPAWN(.name = "sleepy", .label = "a label", .link = true), &pid));
    CHECK_OK(self, osr_sleep(self, 20));
    CHECK_OK(self, osr_snapshot_of(self->node, pid, &who));
    OSR_CHECK(self, osr_pid_equal(who.pid, pid));
    OSR_CHECK(self, osr_pid_equal(who.parent, osr_self_pid(self)));
    OSR_CHECK(self, strcmp(who.name, "sleepy") == 0 && strcmp(who.label, "a label") == 0);
    OSR_CHECK(self, strcmp(who.body, "waits") == 0 && strcmp(who.handling, "") == 0);
    OSR_CHECK(self, who.state == OSR_PROCESS_WAITING && who.queued == 0 && who.handled == 0);
    /* coarse: it may lag, but it is a time of this process's life */
    OSR_CHECK(self, who.since_ns + UINT64_C(1000000000) >= before && who.since_ns <= osr_now(self));
    send_exit(self, pid, OSR_REASON_NORMAL);
    osr_unlink(self, pid);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    while (osr_is_alive(self, pid)) {
    }
    OSR_CHECK(self, osr_snapshot_of(self->node, pid, &who) == OSR_ENOPROC);
    return OSR_OK;
}

/* A snapshot says who waits since when; there is none of one that has ended. */
START_TEST(a_snapshot_says_who_it_is_and_what_it_does)
{
    node_fixture_run(snapshot_of_waiting);
}
END_TEST

static osr_err snapshot_of_stuck(osr_self *self)
{
    osr_snapshot who;
    osr_pid pid;
    atomic_store(&enough, false);
    CHECK_OK(self, spins_on_a_message_spawn(self, &(note){0}, NULL, &pid));
    note_send(self, osr_to(pid), &(note){0});
    note_send(self, osr_to(pid), &(note){0});
    do {
        CHECK_OK(self, osr_sleep(self, 1));
        CHECK_OK(self, osr_snapshot_of(self->node, pid, &who));
    } while (who.handled == 0);
    OSR_CHECK(self, who.state == OSR_PROCESS_RUNNING && strcmp(who.handling, "note") == 0);
    const osr_process_info *info;
    OSR_CHECK(self, osr_info(self, pid, 10, &info) == OSR_ETIMEDOUT);
    atomic_store(&enough, true);
    return OSR_OK;
}

/* A process in an endless handler is seen in it, and does not answer for itself. */
START_TEST(a_stuck_process_is_seen_from_outside)
{
    node_fixture_run(snapshot_of_stuck);
}
END_TEST

typedef struct seen {
    uint64_t count;
    uint32_t last_generation;
} seen;

static void count_one(void *context, const osr_snapshot *snapshot)
{
    seen *all = context;
    all->count += 1;
    all->last_generation = snapshot->pid.generation;
}

OSR_ENTRY(churns, note)
{
    for (int64_t i = 0; i < argument->n; i++) {
        osr_pid pid;
        char label[32];
        (void)snprintf(label, sizeof(label), "child %d", (int)i);
        CHECK_OK(self,
                 waits_spawn(self, argument, OSR_SPAWN(.label = label, .monitor = true), &pid));
        send_exit(self, pid, OSR_REASON_SHUTDOWN);
        OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    }
    return OSR_OK;
}

static osr_err snapshot_while_churning(osr_self *self)
{
    osr_ref monitor;
    osr_pid pid;
    seen all = {0};
    osr_message message;
    CHECK_OK(self, churns_spawn(self, &(note){.n = 2000},
                                OSR_SPAWN(.monitor = true, .ret_monitor = &monitor), &pid));
    while (osr_receive(self, 0, &message) == OSR_ETIMEDOUT) {
        all.count = 0;
        CHECK_OK(self, osr_processes(self->node, count_one, &all));
        OSR_CHECK(self, all.count >= 2 && all.count <= 4);
    }
    OSR_CHECK(self, OSR_AS(osr_down, &message)->reason.code == OSR_REASON_NORMAL);
    return OSR_OK;
}

/* Slots change hands while they are looked at; what is shown is somebody's, whole. */
START_TEST(snapshots_are_whole_while_slots_change_hands)
{
    node_fixture_run(snapshot_while_churning);
}
END_TEST

static osr_err print_start(osr_self *self, void *state, const void *argument)
{
    (void)self;
    (void)argument;
    *(int64_t *)state = 5;
    return OSR_OK;
}

static osr_err print_message(osr_self *self, void *state, const osr_message *message)
{
    (void)message;
    *(int64_t *)state = -1; /* in flux */
    osr_err err = osr_sleep(self, 40);
    *(int64_t *)state = 6;
    return err;
}

static void print_state(const void *state, char *ret_text, size_t bytes)
{
    (void)snprintf(ret_text, bytes, "%d", (int)*(const int64_t *)state);
}

static const osri_body_ops printable = {.name = "printable",
                                        .state_bytes = 8,
                                        .start = print_start,
                                        .message = print_message,
                                        .print = print_state};

static void expect_state(osr_self *self, osr_pid pid, const char *text)
{
    const osr_process_info *info;
    CHECK_OK(self, osr_info(self, pid, 5000, &info));
    OSR_CHECK(self, strcmp(info->value.at, text) == 0);
}

static osr_err info_between_callbacks(osr_self *self)
{
    osri_spawn spawn = {.ops = &printable, .options = OSR_SPAWN(.link = true)};
    osr_pid pid;
    const osr_process_info *info;
    CHECK_OK(self, osri_spawn_body(self->node, self, &spawn, &pid));
    CHECK_OK(self, osr_sleep(self, 2));
    expect_state(self, pid, "5");
    note_send(self, osr_to(pid), &(note){0});
    CHECK_OK(self, osr_sleep(self, 5));
    expect_state(self, pid, ""); /* its handler is in the middle */
    CHECK_OK(self, osr_sleep(self, 80));
    expect_state(self, pid, "6");
    CHECK_OK(self, osr_info(self, pid, 5000, &info));
    OSR_CHECK(self, info->relations.link_count == 1 &&
                        osr_pid_equal(info->relations.links.at[0], osr_self_pid(self)));
    osr_unlink(self, pid);
    CHECK_OK(self, osr_info(self, pid, 5000, &info));
    OSR_CHECK(self, info->relations.link_count == 0);
    return OSR_OK;
}

/* A state is printed only between callbacks; the lists are those of the moment. */
START_TEST(info_prints_the_state_between_callbacks_only)
{
    node_fixture_run(info_between_callbacks);
}
END_TEST

/* ---- osr_info -------------------------------------------------------------------------- */

/* Waits in the way that the message says. */
enum { WAIT_ANY = 1, WAIT_TYPES, WAIT_TIME, WAIT_CALL, WAIT_REQUESTS, WAIT_CODE };

OSR_REQUEST(never_answered, 0x7010, note);

static void wait_until_enough(void *argument)
{
    (void)argument;
    while (!atomic_load(&enough)) {
    }
}

OSR_ENTRY(waits_in_a_way, note)
{
    static const osr_type *const wanted[] = {&other_note_osr_type};
    osr_message message;
    note reply;
    osr_ref request;
    switch (argument->n) {
    case WAIT_ANY:
        return osr_receive(self, OSR_FOREVER, &message);
    case WAIT_TYPES:
        return osr_receive_of(self, wanted, 1, OSR_FOREVER, &message);
    case WAIT_TIME:
        return osr_sleep(self, 1000000);
    case WAIT_CALL:
        return never_answered_call(self, osr_to(argument->from), &(never_answered){0}, &reply,
                                   OSR_FOREVER);
    case WAIT_REQUESTS:
        CHECK_OK(self, never_answered_begin(self, osr_to(argument->from), &(never_answered){0},
                                            &request));
        return osr_await(self, request, OSR_FOREVER, &message, NULL);
    default:
        return osr_blocking(self, wait_until_enough, NULL);
    }
}

static const osr_process_info *info_of(osr_self *self, osr_pid pid)
{
    const osr_process_info *info = NULL;
    CHECK_OK(self, osr_info(self, pid, 10000, &info));
    return info;
}

/* Asks until it waits: it may still be on its way there. */
static const osr_process_info *waiting_info(osr_self *self, osr_pid pid)
{
    for (;;) {
        const osr_process_info *info = info_of(self, pid);
        if (info->blocked_on != OSR_BLOCKED_NOT) {
            return info;
        }
        CHECK_OK(self, osr_sleep(self, 1));
    }
}

static osr_pid one_that_waits(osr_self *self, int64_t how, osr_pid other)
{
    osr_pid pid;
    CHECK_OK(self, waits_in_a_way_spawn(self, &(note){.n = how, .from = other},
                                        OSR_SPAWN(.link = true), &pid));
    return pid;
}

static void expect_blocked(osr_self *self, int64_t how, osr_blocked_on on, const char *text)
{
    osr_pid nobody_answers = one_that_waits(self, WAIT_TYPES, OSR_PID_NONE);
    osr_pid pid = one_that_waits(self, how, nobody_answers);
    const osr_process_info *info = waiting_info(self, pid);
    OSR_CHECK(self, info->state == OSR_PROCESS_WAITING && info->blocked_on == (uint32_t)on);
    OSR_CHECK(self, strcmp(info->waits_text.at, text) == 0);
    bool calls = how == WAIT_CALL;
    OSR_CHECK(self, osr_pid_equal(info->waits_for, calls ? nobody_answers : OSR_PID_NONE));
    OSR_CHECK(self, info->work.stack_bytes > 0 && info->work.memory_bytes > info->work.stack_bytes);
}

static osr_err info_of_blocked(osr_self *self)
{
    atomic_store(&enough, false);
    expect_blocked(self, WAIT_ANY, OSR_BLOCKED_MESSAGE, "");
    expect_blocked(self, WAIT_TYPES, OSR_BLOCKED_TYPES, "other_note");
    expect_blocked(self, WAIT_TIME, OSR_BLOCKED_TIME, "");
    expect_blocked(self, WAIT_CALL, OSR_BLOCKED_CALL, "");
    expect_blocked(self, WAIT_REQUESTS, OSR_BLOCKED_REQUESTS, "");
    return OSR_OK;
}

/* Info names what a process is blocked on, and whose answer or which type it wants. */
START_TEST(info_names_what_a_process_is_blocked_on)
{
    node_fixture_run(info_of_blocked);
}
END_TEST

static osr_err info_of_blocking_code(osr_self *self)
{
    atomic_store(&enough, false);
    osr_pid pid = one_that_waits(self, WAIT_CODE, OSR_PID_NONE);
    OSR_CHECK(self, waiting_info(self, pid)->blocked_on == OSR_BLOCKED_CODE);
    atomic_store(&enough, true);
    return OSR_OK;
}

/* So does that of one whose code blocks a helper thread. */
START_TEST(info_names_blocking_code)
{
    node_fixture_run(info_of_blocking_code);
}
END_TEST

static osr_err info_says_how_long(osr_self *self)
{
    osr_pid pid = one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    (void)waiting_info(self, pid);
    (void)waiting_info(self, pid); /* being asked is no end of the wait, but it parks anew */
    uint64_t before = osr_now(self);
    CHECK_OK(self, osr_sleep(self, 60));
    const osr_process_info *info = info_of(self, pid);
    OSR_CHECK(self, info->state == OSR_PROCESS_WAITING);
    uint64_t at_most = osr_now(self) - before + UINT64_C(10000000000);
    OSR_CHECK(self, info->for_ns >= UINT64_C(50000000) && info->for_ns <= at_most);
    return OSR_OK;
}

/* It says since when: the question itself does not make it look busy. */
START_TEST(info_says_since_when_a_process_waits)
{
    node_fixture_run(info_says_how_long);
}
END_TEST

static osr_err info_counts(osr_self *self)
{
    osr_pid pid;
    osr_pid me = osr_self_pid(self);
    osr_ref monitor;
    CHECK_OK(self, waits_in_a_way_spawn(self, &(note){.n = WAIT_TYPES},
                                        OSR_SPAWN(.link = true, .name = "counted", .label = "five",
                                                  .monitor = true, .ret_monitor = &monitor,
                                                  .priority = OSR_PRIORITY_HIGH),
                                        &pid));
    for (int i = 0; i < 5; i++) {
        CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = i}));
    }
    const osr_process_info *info = info_of(self, pid); /* a signal: after the five */
    OSR_CHECK(self, info->work.queued == 5);
    OSR_CHECK(self, info->work.queued_bytes == 5 * (96 + sizeof(note)));
    OSR_CHECK(self, info->work.handled == 0 && info->work.reductions == 0);
    OSR_CHECK(self, strcmp(info->name.at, "counted") == 0 && strcmp(info->label.at, "five") == 0);
    OSR_CHECK(self, strcmp(info->body.at, "waits_in_a_way") == 0);
    OSR_CHECK(self, osr_pid_equal(info->pid, pid) && osr_pid_equal(info->parent, me));
    OSR_CHECK(self, info->priority == OSR_PRIORITY_HIGH && !info->traps);
    OSR_CHECK(self, info->relations.watcher_count == 1 &&
                        osr_pid_equal(info->relations.watchers.at[0], me));
    info = info_of(self, me); /* oneself */
    OSR_CHECK(self, info->state == OSR_PROCESS_RUNNING && info->relations.monitor_count == 1);
    OSR_CHECK(self, info->work.reductions >= info->work.handled + 6);
    OSR_CHECK(self, osr_info(self, OSR_PID_NONE, 1000, &info) == OSR_ENOPROC);
    return OSR_OK;
}

/* The counts are those of the moment, after all that the caller sent before. */
START_TEST(info_tells_who_it_is_and_what_it_has)
{
    node_fixture_run(info_counts);
}
END_TEST

static osr_err info_of_many_links(osr_self *self)
{
    for (int i = 0; i < 70; i++) {
        (void)one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    }
    const osr_process_info *info = info_of(self, osr_self_pid(self));
    OSR_CHECK(self, info->relations.link_count == 70 && info->relations.links.count == 64);
    return OSR_OK;
}

/* Of many links 64 are listed, and all are counted. */
START_TEST(info_lists_64_and_counts_all)
{
    node_fixture_run(info_of_many_links);
}
END_TEST

OSR_MESSAGE(long_note, 0x7011, (1, str, text));

static osr_err info_of_messages(osr_self *self)
{
    osr_pid pid = one_that_waits(self, WAIT_TYPES, OSR_PID_NONE);
    osr_pid me = osr_self_pid(self);
    char text[400];
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    OSR_CHECK(self, info_of(self, pid)->work.oldest.count == 0);
    for (int i = 0; i < 15; i++) {
        CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = i}));
    }
    CHECK_OK(self, long_note_send(self, osr_to(pid), &(long_note){osr_str_of(text)}));
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){.n = 99}));
    const osr_process_work *work = &info_of(self, pid)->work;
    const osr_waiting_message *oldest = work->oldest.at;
    OSR_CHECK(self, work->queued == 17 && work->oldest.count == 16);
    OSR_CHECK(self, strcmp(oldest[0].type.at, "note") == 0 && osr_pid_equal(oldest[0].from, me));
    OSR_CHECK(self, strncmp(oldest[0].text.at, "note{n: 0", 9) == 0);
    OSR_CHECK(self, strncmp(oldest[14].text.at, "note{n: 14", 10) == 0);
    OSR_CHECK(self, strcmp(oldest[15].type.at, "long_note") == 0 && oldest[15].text.size <= 255);
    OSR_CHECK(self, strncmp(oldest[15].text.at, "long_note{text: \"xxx", 20) == 0);
    return OSR_OK;
}

/* The oldest 16 messages of a mailbox are shown, by type, sender and text, which is cut. */
START_TEST(info_shows_the_oldest_messages)
{
    node_fixture_run(info_of_messages);
}
END_TEST

static osr_err info_of_names_and_suspensions(osr_self *self)
{
    osr_ref monitor;
    osr_pid me = osr_self_pid(self);
    osr_pid first = one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    osr_pid second = one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    CHECK_OK(self, osr_monitor(self, osr_to(first), &monitor));
    CHECK_OK(self, osr_suspend(self, second, 5000));
    CHECK_OK(self, osr_suspend(self, first, 5000));
    CHECK_OK(self, osr_suspend(self, first, 5000));
    const osr_process_relations *known = &info_of(self, me)->relations;
    OSR_CHECK(self, known->monitor_count == 1 && known->name_count == 0);
    OSR_CHECK(self, known->suspending_count == 2 && known->suspending.count == 2);
    OSR_CHECK(self, osr_pid_equal(known->suspending.at[0].pid, second) &&
                        known->suspending.at[0].times == 1);
    OSR_CHECK(self, osr_pid_equal(known->suspending.at[1].pid, first) &&
                        known->suspending.at[1].times == 2);
    CHECK_OK(self, osr_resume(self, second));
    OSR_CHECK(self, info_of(self, me)->relations.suspending_count == 1);
    return OSR_OK;
}

/* Whom it suspends, how often, in the order in which it began. */
START_TEST(info_shows_whom_it_suspends)
{
    node_fixture_run(info_of_names_and_suspensions);
}
END_TEST

typedef struct order_seen {
    osr_pid wanted[3];
    int next;
} order_seen;

static void check_order(void *context, const osr_snapshot *snapshot)
{
    order_seen *order = context;
    if (order->next < 3 && osr_pid_equal(snapshot->pid, order->wanted[order->next])) {
        order->next += 1;
    }
}

static osr_err processes_in_order(osr_self *self)
{
    order_seen order = {.next = 0};
    osr_pid gone = one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    order.wanted[0] = one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    osr_unlink(self, gone);
    send_exit(self, watch(self, gone), OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    order.wanted[1] = one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    order.wanted[2] = one_that_waits(self, WAIT_ANY, OSR_PID_NONE);
    CHECK_OK(self, osr_processes(osr_self_node(self), check_order, &order));
    OSR_CHECK(self, order.next == 3);
    return OSR_OK;
}

/* Processes are listed in the order they were started in, whatever slots they have. */
START_TEST(processes_are_listed_in_creation_order)
{
    node_fixture_run(processes_in_order);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, info_names_what_a_process_is_blocked_on);
    tcase_add_test(tests, info_says_since_when_a_process_waits);
    tcase_add_test(tests, info_tells_who_it_is_and_what_it_has);
    tcase_add_test(tests, info_lists_64_and_counts_all);
    tcase_add_test(tests, info_shows_the_oldest_messages);
    tcase_add_test(tests, info_shows_whom_it_suspends);
    tcase_add_test(tests, processes_are_listed_in_creation_order);
    tcase_add_test(tests, a_snapshot_says_who_it_is_and_what_it_does);
    tcase_add_test(tests, info_prints_the_state_between_callbacks_only);
}

int main(void)
{
    Suite *suite = suite_create("info");
    TCase *threads = tcase_create("threads");
    tcase_set_timeout(threads, 30);
    tcase_add_checked_fixture(threads, node_fixture_threaded, node_fixture_end);
    tcase_add_test(threads, info_names_blocking_code);
    tcase_add_test(threads, a_stuck_process_is_seen_from_outside);
    tcase_add_test(threads, snapshots_are_whole_while_slots_change_hands);
    suite_add_tcase(suite, threads);
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
