/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "osier/node.h"
#include "tests/unit/process/process_kit.h"

/* Each limit at its value: the last that fits, the first that does not, and room again after one is
 * gone. */

#define LIMIT 5

/* Runs the body as a process of a node with these limits, until it ends. */
static osr_ended run_limited(osr_entry_run *body, const osr_spawn_options *spawn)
{
    osr_node *node =
        node_fixture_own(OSR_NODE(.names_max = LIMIT, .relations_max = LIMIT, .processes_max = 64,
                                  .schedulers = 1, .log_level = OSR_LOG_ERROR));
    osr_pid pid;
    osr_ended ended = {0};
    const osr_entry entry = {.name = "limited", .run = body};
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &entry, NULL, spawn, &pid), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 20000, &ended), OSR_OK);
    node_fixture_own_end(&node, 1000);
    return ended;
}

static void run_well(osr_entry_run *body)
{
    osr_ended ended = run_limited(body, NULL);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
}

static osr_err wait_for_end(osr_self *self, const void *argument)
{
    (void)argument;
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

static const osr_entry waiter = {.name = "waiter", .run = wait_for_end};

static void start_waiters(osr_self *self, osr_pid *ret_pids, int count)
{
    for (int i = 0; i < count; i++) {
        CHECK_OK(self, osr_spawn(self, &waiter, NULL, NULL, &ret_pids[i]));
    }
}

static osr_err many_names(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid pids[LIMIT + 1];
    char name[16];
    start_waiters(self, pids, LIMIT + 1);
    for (int i = 0; i < LIMIT; i++) {
        (void)snprintf(name, sizeof(name), "name%d", i);
        CHECK_OK(self, osr_register(self, name, pids[i]));
    }
    OSR_CHECK(self, osr_register(self, "more", pids[LIMIT]) == OSR_ELIMIT);
    OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "more")));
    OSR_CHECK(self, osr_register(self, "name0", pids[LIMIT]) == OSR_ETAKEN);
    CHECK_OK(self, osr_unregister(self, "name0"));
    CHECK_OK(self, osr_register(self, "more", pids[LIMIT]));
    return OSR_OK;
}

START_TEST(names_are_limited)
{
    run_well(many_names);
}
END_TEST

static osr_err many_links(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid pids[LIMIT + 1];
    start_waiters(self, pids, LIMIT + 1);
    for (int i = 0; i < LIMIT; i++) {
        CHECK_OK(self, osr_link(self, pids[i]));
    }
    CHECK_OK(self, osr_link(self, pids[0])); /* there is one already */
    OSR_CHECK(self, osr_link(self, pids[LIMIT]) == OSR_ELIMIT);
    OSR_CHECK(self,
              osr_spawn(self, &waiter, NULL, OSR_SPAWN(.link = true), &pids[0]) == OSR_ELIMIT);
    for (int i = 0; i < LIMIT; i++) {
        CHECK_OK(self, osr_unlink(self, pids[i]));
    }
    return OSR_OK;
}

OSR_ENTRY(linker, note)
{
    osr_message message;
    CHECK_OK(self, osr_link(self, argument->from));
    return osr_receive(self, OSR_FOREVER, &message);
}

static osr_err many_linkers(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid hub;
    osr_pid pid;
    osr_message message;
    start_waiters(self, &hub, 1);
    for (int i = 0; i < LIMIT; i++) {
        CHECK_OK(self, linker_spawn(self, &(note){.from = hub}, NULL, &pid));
        CHECK_OK(self, osr_yield(self)); /* it has its link before the next asks */
    }
    CHECK_OK(self, linker_spawn(self, &(note){.from = hub}, OSR_SPAWN(.monitor = true), &pid));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL && osr_pid_equal(down->pid, pid));
    OSR_CHECK(self, down->reason.code == OSR_REASON_ERROR && down->reason.error == OSR_ELIMIT);
    OSR_CHECK(self, osr_is_alive(self, hub));
    return OSR_OK;
}

START_TEST(who_cannot_be_linked_hears_of_the_limit)
{
    run_well(many_linkers);
}
END_TEST

START_TEST(links_are_limited)
{
    run_well(many_links);
}
END_TEST

static osr_err many_monitors(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid pid;
    osr_ref monitors[LIMIT], more;
    start_waiters(self, &pid, 1);
    for (int i = 0; i < LIMIT; i++) {
        CHECK_OK(self, osr_monitor(self, osr_to(pid), &monitors[i]));
    }
    OSR_CHECK(self, osr_monitor(self, osr_to(pid), &more) == OSR_ELIMIT);
    OSR_CHECK(self, osr_demonitor(self, monitors[2], true));
    CHECK_OK(self, osr_monitor(self, osr_to(pid), &more));
    return OSR_OK;
}

START_TEST(monitors_are_limited)
{
    run_well(many_monitors);
}
END_TEST

static osr_err many_aliases(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid pid;
    osr_caller aliases[LIMIT], more;
    osr_ref monitor;
    start_waiters(self, &pid, 1);
    for (int i = 0; i < LIMIT; i++) {
        CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &aliases[i]));
    }
    OSR_CHECK(self, osr_alias(self, OSR_ALIAS_REPLY, &more) == OSR_ELIMIT);
    for (int i = 0; i < LIMIT + 1; i++) {
        OSR_CHECK(self, osr_monitor_alias(self, osr_to(pid), 0, OSR_ALIAS_REPLY, &more) ==
                            OSR_ELIMIT); /* leaves no monitor */
    }
    OSR_CHECK(self, osr_unalias(self, aliases[2]));
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_REPLY, &more));
    CHECK_OK(self, osr_monitor(self, osr_to(pid), &monitor));
    return OSR_OK;
}

START_TEST(aliases_are_limited)
{
    run_well(many_aliases);
}
END_TEST

static osr_err many_processes(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid pid, last;
    int count = 1; /* this one */
    while (osr_spawn(self, &waiter, NULL, NULL, &pid) == OSR_OK) {
        last = pid;
        count += 1;
    }
    OSR_CHECK(self, count == 64);
    OSR_CHECK(self, osr_spawn(self, &waiter, NULL, NULL, &pid) == OSR_ELIMIT);
    osr_ref monitor;
    osr_message message;
    osr_reason reason = osr_reason_of(OSR_REASON_KILL);
    CHECK_OK(self, osr_monitor(self, osr_to(last), &monitor));
    CHECK_OK(self, osr_send_exit(self, last, &reason));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    while (osr_spawn(self, &waiter, NULL, NULL, &pid) == OSR_ELIMIT) { /* its slot comes after */
        CHECK_OK(self, osr_yield(self));
    }
    return OSR_OK;
}

START_TEST(more_processes_than_pids_are_refused)
{
    osr_node *node = NULL;
    ck_assert_int_eq(osr_node_new(OSR_NODE(.processes_max = UINT32_MAX), &node), OSR_EINVAL);
    ck_assert_ptr_null(node);
    ck_assert_int_eq(osr_node_new(OSR_NODE(.processes_max = (1u << 27) + 1), &node), OSR_EINVAL);
    ck_assert_int_eq(osr_node_new(OSR_NODE(.processes_max = 1u << 27), &node), OSR_OK);
    osr_node_free(&node);
}
END_TEST

START_TEST(processes_are_limited)
{
    run_well(many_processes);
}
END_TEST

static osr_err too_much_memory(osr_self *self, const void *argument)
{
    (void)argument;
    for (int i = 0; i < 100; i++) { /* what is given back does not count */
        osr_free(self, osr_alloc(self, 6000));
    }
    OSR_CHECK(self, osr_alloc(self, 6000) != NULL);
    (void)osr_alloc(self, 3000); /* over 8 KiB */
    OSR_CHECK(self, false);
    return OSR_OK;
}

/* A process that would own more than its limit crashes there, and what it owned is given back. */
START_TEST(memory_is_limited)
{
    osr_ended ended = run_limited(too_much_memory, OSR_SPAWN(.memory_max = 8));
    ck_assert_uint_eq(ended.code, OSR_REASON_CRASH);
    ck_assert_ptr_nonnull(strstr(ended.text, "more memory than its limit of 8 KiB"));
}
END_TEST

static osr_err enough_memory(osr_self *self, const void *argument)
{
    (void)argument;
    OSR_CHECK(self, osr_alloc(self, 8000) != NULL);
    return OSR_OK;
}

START_TEST(memory_up_to_the_limit_is_had)
{
    osr_ended ended = run_limited(enough_memory, OSR_SPAWN(.memory_max = 8));
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
}
END_TEST

OSR_MESSAGE(counted, 0x7101, (1, i64, n));
OSR_MESSAGE(answered, 0x7102, (1, i64, n));
OSR_REQUEST(asked, 0x7103, answered, (1, i64, n));

static uint64_t dropped_full(osr_self *self)
{
    osr_node_counters counters;
    osr_node_count(osr_self_node(self), &counters);
    return counters.dropped_full;
}

static void send_counted(osr_self *self, osr_pid to, int64_t first, int64_t end)
{
    for (int64_t i = first; i < end; i++) {
        CHECK_OK(self, counted_send(self, osr_to(to), &(counted){.n = i}));
    }
}

static void receive_counted(osr_self *self, int64_t first, int64_t end)
{
    osr_message message;
    for (int64_t i = first; i < end; i++) {
        CHECK_OK(self, osr_receive(self, 5000, &message));
        OSR_CHECK(self, OSR_AS(counted, &message) != NULL);
        OSR_CHECK(self, OSR_AS(counted, &message)->n == i);
    }
    OSR_CHECK(self, osr_receive(self, 0, &message) == OSR_ETIMEDOUT);
}

static osr_err send_to_self(osr_self *self, const void *argument)
{
    (void)argument;
    send_counted(self, osr_self_pid(self), 0, LIMIT);
    receive_counted(self, 0, LIMIT);
    OSR_CHECK(self, dropped_full(self) == 0);
    send_counted(self, osr_self_pid(self), 0, LIMIT + 2);
    receive_counted(self, 0, LIMIT);
    OSR_CHECK(self, dropped_full(self) == 2);
    send_counted(self, osr_self_pid(self), 7, 8); /* there is room again */
    receive_counted(self, 7, 8);
    return OSR_OK;
}

/* Of what is sent to a process, as many as its bound wait, the oldest ones, in order. */
START_TEST(messages_that_wait_are_limited)
{
    osr_ended ended = run_limited(send_to_self, OSR_SPAWN(.mailbox_max = LIMIT));
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
}
END_TEST

static osr_err wait_for_exit_signal(osr_self *self, const void *argument)
{
    (void)argument;
    const osr_type *types[] = {&osr_exited_osr_type};
    osr_message message;
    (void)osr_trap_exit(self, true);
    send_counted(self, osr_self_parent(self), 0, 1);
    CHECK_OK(self, osr_receive_of(self, types, 1, 20000, &message));
    receive_counted(self, 0, LIMIT);
    return OSR_OK;
}

static const osr_entry exit_waiter = {.name = "exit waiter", .run = wait_for_exit_signal};

static osr_err fill_other(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid pid;
    osr_ref monitor, request;
    osr_message message;
    osr_reason refused;
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    CHECK_OK(self,
             osr_spawn(self, &exit_waiter, NULL,
                       OSR_SPAWN(.mailbox_max = LIMIT, .monitor = true, .ret_monitor = &monitor),
                       &pid));
    CHECK_OK(self, osr_receive(self, 5000, &message)); /* it is ready */
    send_counted(self, pid, 0, LIMIT);
    CHECK_OK(self, asked_begin(self, osr_to(pid), &(asked){.n = 1}, &request));
    OSR_CHECK(self, osr_await(self, request, 5000, &message, &refused) == OSR_EFAILED);
    OSR_CHECK(self, refused.code == OSR_REASON_ERROR && refused.error == OSR_EFULL);
    OSR_CHECK(self, dropped_full(self) == 1);
    CHECK_OK(self, osr_send_exit(self, pid, &shutdown));
    CHECK_OK(self, osr_receive(self, 20000, &message));
    OSR_CHECK(self, OSR_AS(osr_down, &message)->reason.code == OSR_REASON_NORMAL);
    return OSR_OK;
}

/* A full mailbox refuses a request at once, and no exit signal. */
START_TEST(a_full_mailbox_refuses_requests_but_no_signals)
{
    run_well(fill_other);
}
END_TEST

static osr_err tags(osr_self *self, const void *argument)
{
    (void)argument;
    osr_pid pid;
    osr_ref tagged, plain;
    osr_message message;
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    start_waiters(self, &pid, 1);
    CHECK_OK(self, osr_monitor_tagged(self, osr_to(pid), 4711, &tagged));
    CHECK_OK(self, osr_monitor(self, osr_to(pid), &plain));
    CHECK_OK(self, osr_send_exit(self, pid, &reason));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(self, osr_receive(self, 5000, &message));
        const osr_down *down = OSR_AS(osr_down, &message);
        OSR_CHECK(self, down != NULL && down->reason.code == OSR_REASON_SHUTDOWN);
        OSR_CHECK(self, down->tag == (down->monitor.number == tagged.number ? 4711u : 0u));
    }
    CHECK_OK(self, osr_monitor_tagged(self, osr_to(pid), 4712, &tagged)); /* dead by now */
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL && down->reason.code == OSR_REASON_NOPROC && down->tag == 4712);
    return OSR_OK;
}

/* A down message brings the watcher's tag back, whatever it says. */
START_TEST(down_brings_the_tag)
{
    run_well(tags);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("limits");
    TCase *tests = tcase_create("limits");
    tcase_add_test(tests, names_are_limited);
    tcase_add_test(tests, links_are_limited);
    tcase_add_test(tests, who_cannot_be_linked_hears_of_the_limit);
    tcase_add_test(tests, monitors_are_limited);
    tcase_add_test(tests, aliases_are_limited);
    tcase_add_test(tests, processes_are_limited);
    tcase_add_test(tests, more_processes_than_pids_are_refused);
    tcase_add_test(tests, memory_is_limited);
    tcase_add_test(tests, memory_up_to_the_limit_is_had);
    tcase_add_test(tests, messages_that_wait_are_limited);
    tcase_add_test(tests, a_full_mailbox_refuses_requests_but_no_signals);
    tcase_add_test(tests, down_brings_the_tag);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
