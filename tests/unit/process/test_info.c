/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "lib/process/info.h"
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
    osri_snapshot who;
    osr_pid pid;
    uint64_t before = osr_now(self);
    CHECK_OK(self,
             waits_spawn(self, &(note){0},
                         OSR_SPAWN(.name = "sleepy", .label = "a label", .link = true), &pid));
    CHECK_OK(self, osr_sleep(self, 20));
    CHECK_OK(self, osri_process_snapshot(self->node, pid, &who));
    OSR_CHECK(self, osr_pid_equal(who.pid, pid));
    OSR_CHECK(self, osr_pid_equal(who.parent, osr_self_pid(self)));
    OSR_CHECK(self, strcmp(who.name, "sleepy") == 0 && strcmp(who.label, "a label") == 0);
    OSR_CHECK(self, strcmp(who.body, "waits") == 0 && strcmp(who.handling, "") == 0);
    OSR_CHECK(self, who.state == OSRI_PROCESS_WAITING && who.queued == 0 && who.handled == 0);
    /* coarse: it may lag, but it is a time of this process's life */
    OSR_CHECK(self, who.since_ns + UINT64_C(1000000000) >= before && who.since_ns <= osr_now(self));
    send_exit(self, pid, OSR_REASON_NORMAL);
    osr_unlink(self, pid);
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    while (osr_is_alive(self, pid)) {
    }
    OSR_CHECK(self, osri_process_snapshot(self->node, pid, &who) == OSR_ENOPROC);
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
    osri_snapshot who;
    osr_pid pid;
    atomic_store(&enough, false);
    CHECK_OK(self, spins_on_a_message_spawn(self, &(note){0}, NULL, &pid));
    note_send(self, osr_to(pid), &(note){0});
    note_send(self, osr_to(pid), &(note){0});
    do {
        CHECK_OK(self, osr_sleep(self, 1));
        CHECK_OK(self, osri_process_snapshot(self->node, pid, &who));
    } while (who.handled == 0);
    OSR_CHECK(self, who.state == OSRI_PROCESS_RUNNING && strcmp(who.handling, "note") == 0);
    const osri_process_info *info;
    OSR_CHECK(self, osri_process_ask_info(self, pid, 10, &info) == OSR_ETIMEDOUT);
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

static void count_one(void *context, const osri_snapshot *snapshot)
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
        osri_node_snapshot(self->node, count_one, &all);
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
    const osri_process_info *info;
    CHECK_OK(self, osri_process_ask_info(self, pid, 5000, &info));
    OSR_CHECK(self, strcmp(info->state.at, text) == 0);
}

static osr_err info_between_callbacks(osr_self *self)
{
    osri_spawn spawn = {.ops = &printable, .options = OSR_SPAWN(.link = true)};
    osr_pid pid;
    const osri_process_info *info;
    CHECK_OK(self, osri_spawn_body(self->node, self, &spawn, &pid));
    CHECK_OK(self, osr_sleep(self, 2));
    expect_state(self, pid, "5");
    note_send(self, osr_to(pid), &(note){0});
    CHECK_OK(self, osr_sleep(self, 5));
    expect_state(self, pid, ""); /* its handler is in the middle */
    CHECK_OK(self, osr_sleep(self, 80));
    expect_state(self, pid, "6");
    CHECK_OK(self, osri_process_ask_info(self, pid, 5000, &info));
    OSR_CHECK(self, info->links.count == 1 && osr_pid_equal(info->links.at[0], osr_self_pid(self)));
    osr_unlink(self, pid);
    CHECK_OK(self, osri_process_ask_info(self, pid, 5000, &info));
    OSR_CHECK(self, info->links.count == 0);
    return OSR_OK;
}

/* A state is printed only between callbacks; the lists are those of the moment. */
START_TEST(info_prints_the_state_between_callbacks_only)
{
    node_fixture_run(info_between_callbacks);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, a_snapshot_says_who_it_is_and_what_it_does);
    tcase_add_test(tests, info_prints_the_state_between_callbacks_only);
}

int main(void)
{
    Suite *suite = suite_create("info");
    TCase *threads = tcase_create("threads");
    tcase_set_timeout(threads, 30);
    tcase_add_checked_fixture(threads, node_fixture_threaded, node_fixture_end);
    tcase_add_test(threads, a_stuck_process_is_seen_from_outside);
    tcase_add_test(threads, snapshots_are_whole_while_slots_change_hands);
    suite_add_tcase(suite, threads);
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
