/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <dirent.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "lib/core/heap.h"
#include "osier/info.h"
#include "osier/trace.h"
#include "tests/unit/process/process_kit.h"

/* Starting and stopping a node's threads. */

/* One test leaves threads behind on purpose. */
__attribute__((visibility("default"))) const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
    return "report_thread_leaks=0";
}

static osr_env env;
static atomic_int threads_left; /* that the environment will start */
static atomic_int helpers;      /* threads for osr_blocking() that were asked for */
static atomic_bool enough;
static uint64_t blocks_before;

static osr_err limited_thread_start(void *context, const char *name, void (*run)(void *argument),
                                    void *argument, void **ret_thread)
{
    if (atomic_fetch_sub(&threads_left, 1) <= 0) {
        return OSR_ELIMIT;
    }
    atomic_fetch_add(&helpers, strcmp(name, "osier-block") == 0);
    return osr_env_real()->thread_start(context, name, run, argument, ret_thread);
}

static osr_node *node_of(osr_node_options options)
{
    env = *osr_env_real();
    env.thread_start = limited_thread_start;
    threads_left = 100;
    atomic_store(&enough, false);
    atomic_store(&helpers, 0);
    options.name = "threads@host";
    options.env = &env;
    blocks_before = osri_heap_live_blocks();
    return node_fixture_own(&options);
}

static osr_node *node_new(uint32_t schedulers, osr_log_level level)
{
    return node_of(*OSR_NODE(.schedulers = schedulers, .log_level = level));
}

/* Where a thread cannot be started the node says so, and everything made before is taken down. */
START_TEST(a_start_that_fails_leaves_nothing)
{
    osr_node *node = node_new(2, OSR_LOG_ERROR);
    for (int i = 0; i < 3; i++) {
        threads_left = i;
        ck_assert_int_eq(osr_node_start(node), OSR_ELIMIT);
    }
    threads_left = 3;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_start(node), OSR_EINVAL);
    node_fixture_own_end(&node, 100);
}
END_TEST

/* A node starts once: not after it was stopped, nor one that was stopped before it started. */
START_TEST(a_stopped_node_does_not_start)
{
    osr_node *node = node_new(1, OSR_LOG_ERROR);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    osr_node_stop(node, 100);
    ck_assert_int_eq(osr_node_start(node), OSR_EINVAL);
    osr_node_free(&node);
    node = node_new(1, OSR_LOG_ERROR);
    osr_node_stop(node, 100);
    ck_assert_int_eq(osr_node_start(node), OSR_EINVAL);
    osr_node_free(&node);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}
END_TEST

/* A name that the distribution and the port mapper would refuse is no node's: nothing is made. */
START_TEST(a_bad_name_makes_no_node)
{
    static const char *const bad[] = {"",      "@",          "nohost", "a@",   "@h",
                                      "a@b@c", "a b@c",      "\n@x",   "a@h ", "a/b@h",
                                      "a:b@h", "\xc3\xa4@h", NULL};
    char longest[130];
    memset(longest, 'n', sizeof(longest));
    longest[1] = '@';
    longest[129] = '\0';
    blocks_before = osri_heap_live_blocks();
    osr_node *node = NULL;
    for (size_t i = 0; bad[i] != NULL; i++) {
        ck_assert_msg(osr_node_new(OSR_NODE(.name = bad[i]), &node) == OSR_EINVAL, "\"%s\"",
                      bad[i]);
    }
    ck_assert_int_eq(osr_node_new(OSR_NODE(.name = longest), &node), OSR_EINVAL);
    ck_assert_ptr_null(node);
    longest[128] = '\0';
    ck_assert_int_eq(osr_node_new(OSR_NODE(.name = longest), &node), OSR_OK);
    osr_node_free(&node);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}
END_TEST

static atomic_bool spinning;

OSR_ENTRY(spins, note)
{
    atomic_store(&spinning, true);
    while (!atomic_load(&enough)) {
    }
    return OSR_OK;
}

OSR_ENTRY(naps, note)
{
    return osr_sleep(self, 5);
}

/* Failing to make a spare thread uses none up: when threads can be had again, a scheduler is handed
 * over. */
START_TEST(spares_that_could_not_be_made_are_tried_again)
{
    osr_node *node = node_new(1, OSR_LOG_ERROR);
    osr_pid pid;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    threads_left = -1000; /* by the watch thread alone from here on */
    ck_assert_int_eq(osr_node_spawn(node, &spins_osr_entry, &(note){0}, NULL, NULL), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &naps_osr_entry, &(note){0}, NULL, &pid), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 300, NULL), OSR_ETIMEDOUT);
    atomic_store(&threads_left, 100);
    ck_assert_int_eq(osr_node_wait(node, pid, 10000, NULL), OSR_OK);
    atomic_store(&enough, true);
    node_fixture_own_end(&node, 1000);
}
END_TEST

static osr_event events[64];

static osr_trace *trace_the_long(osr_node *node)
{
    osr_trace *trace = NULL;
    osr_event_kind kind = OSR_EVENT_LONG_SCHEDULE;
    ck_assert_int_eq(
        osr_trace_start(node, OSR_TRACE(.kinds = OSR_EVENT_BIT(kind), .limit = 1), &trace), OSR_OK);
    return trace;
}

/* How often it has been named since. Others may be, if the machine is busy. */
static size_t times_named(osr_trace *trace, osr_pid pid)
{
    size_t times = 0;
    size_t count = osr_trace_read(trace, events, 64);
    for (size_t i = 0; i < count; i++) {
        times += events[i].slot == pid.slot && events[i].generation == pid.generation;
    }
    return times;
}

static void expect_named(osr_trace *trace, osr_pid pid)
{
    size_t times = 0;
    while (times == 0) { /* the test's own limit ends this */
        (void)sched_yield();
        times = times_named(trace, pid);
    }
    ck_assert_uint_eq(times, 1);
}

/* Who holds the only scheduler is named once, also where no thread can be had to go on with it. */
START_TEST(a_turn_that_stops_everything_is_named)
{
    osr_node *node = node_new(1, OSR_LOG_ERROR);
    osr_pid stuck;
    osr_pid pid;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    osr_trace *trace = trace_the_long(node);
    threads_left = -1000; /* by the watch thread alone from here on */
    ck_assert_int_eq(osr_node_spawn(node, &spins_osr_entry, &(note){0}, NULL, &stuck), OSR_OK);
    expect_named(trace, stuck);
    ck_assert_int_eq(osr_node_spawn(node, &naps_osr_entry, &(note){0}, NULL, &pid), OSR_OK);
    int tried = atomic_load(&threads_left);
    while (atomic_load(&threads_left) > tried - 3) {
        (void)sched_yield();
    }
    atomic_store(&threads_left, 100);
    ck_assert_int_eq(osr_node_wait(node, pid, 10000, NULL), OSR_OK);
    ck_assert_uint_eq(times_named(trace, stuck), 0);
    osr_trace_stop(&trace);
    atomic_store(&enough, true);
    node_fixture_own_end(&node, 1000);
}
END_TEST

static atomic_bool go_on;

OSR_ENTRY(spins_a_while, note)
{
    (void)argument;
    atomic_store(&spinning, true);
    while (!atomic_load(&go_on)) {
    }
    return OSR_OK;
}

OSR_ENTRY(spins_when_told, note)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, OSR_FOREVER, &message));
    while (!atomic_load(&enough)) {
    }
    return OSR_OK;
}

/* Who is pinned to a thread that has lost its scheduler is named as well when its turn lasts, also
 * while all else sleeps. */
START_TEST(a_long_turn_on_a_thread_without_a_scheduler_is_named)
{
    osr_node *node = node_new(1, OSR_LOG_ERROR);
    osr_pid first;
    osr_pid second;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    atomic_store(&go_on, false);
    osr_trace *trace = trace_the_long(node);
    ck_assert_int_eq(osr_node_spawn(node, &spins_when_told_osr_entry, &(note){0},
                                    OSR_SPAWN(.pinned = true), &second),
                     OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &spins_a_while_osr_entry, &(note){0},
                                    OSR_SPAWN(.pinned = true), &first),
                     OSR_OK);
    expect_named(trace, first);
    ck_assert_int_eq(osr_node_send(node, osr_to(second), &note_osr_type, &(note){0}), OSR_OK);
    atomic_store(&go_on, true);
    expect_named(trace, second);
    osr_trace_stop(&trace);
    atomic_store(&enough, true);
    node_fixture_own_end(&node, 1000);
}
END_TEST

OSR_ENTRY(naps_for_ever, note)
{
    return osr_sleep(self, OSR_FOREVER);
}

/* A handler that never returns does not keep the stop, nor the free. */
START_TEST(stop_returns_although_a_handler_does_not)
{
    static osr_node *node; /* what stays behind is reachable */
    static osr_node *left;
    node = left = node_new(1, OSR_LOG_ERROR);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &spins_osr_entry, &(note){0}, NULL, NULL), OSR_OK);
    while (!atomic_load(&spinning)) {
    }
    ck_assert_int_eq(osr_node_spawn(node, &naps_osr_entry, &(note){0}, NULL, NULL), OSR_OK);
    osr_node_stop(node, 50);
    osr_node_free(&node);
    ck_assert_ptr_null(node);
    ck_assert_ptr_nonnull(left);
    atomic_store(&enough, true);
}
END_TEST

OSR_ENTRY(breeds, note)
{
    for (int64_t i = 0; i < 2; i++) {
        (void)!osr_spawn(self, &naps_osr_entry, argument, NULL, NULL);
        (void)osr_yield(self); /* does not look at errors */
        i = 0;
    }
    return OSR_OK;
}

/* Processes that spawn without end and do not look at errors are ended too. */
START_TEST(stop_ends_those_who_spawn_meanwhile)
{
    osr_node *node = node_new(2, OSR_LOG_ERROR);
    osr_node_counters counters;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(osr_node_spawn(node, &breeds_osr_entry, &(note){0}, NULL, NULL), OSR_OK);
    }
    osr_node_stop(node, 50);
    osr_node_count(node, &counters);
    ck_assert_uint_eq(counters.processes, 0);
    ck_assert_uint_eq(counters.messages_sent,
                      counters.messages_received + counters.messages_dropped);
    ck_assert_int_eq(osr_node_spawn(node, &naps_osr_entry, &(note){0}, NULL, NULL), OSR_ESTOPPED);
    osr_node_free(&node);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}
END_TEST

OSR_ENTRY(leaves_orphans, note)
{
    for (int i = 0; i < 10; i++) {
        CHECK_OK(self, naps_for_ever_spawn(self, argument, NULL, NULL));
    }
    return osr_sleep(self, 20);
}

/* Who has lost its parent and is linked to nobody is told to exit too, and not waited for until the
 * time is up. */
START_TEST(stop_ends_orphans_without_waiting_for_the_time_to_be_up)
{
    osr_node *node = node_new(2, OSR_LOG_ERROR);
    osr_pid pid;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &leaves_orphans_osr_entry, &(note){0}, NULL, &pid),
                     OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 10000, NULL), OSR_OK);
    node_fixture_own_end(&node, 600000); /* the test's own limit is less */
}
END_TEST

static void wait_for_enough(void *argument)
{
    (void)argument;
    while (!atomic_load(&enough)) {
    }
}

OSR_ENTRY(blocks, note)
{
    osr_err err = osr_blocking(self, wait_for_enough, NULL);
    OSR_CHECK(self, err == OSR_EEXIT);
    return err;
}

OSR_ENTRY(lets_go, note)
{
    osr_pid pid;
    note_send(self, osr_name("blocked", NULL), argument);
    CHECK_OK(self, osr_sleep(self, 20));
    atomic_store(&enough, true);
    (void)pid;
    return OSR_OK;
}

/* A process in osr_blocking() is told to exit when the blocking code has returned, and then ends.
 */
START_TEST(stop_waits_for_blocking_code)
{
    osr_node *node = node_new(1, OSR_LOG_ERROR);
    osr_node_counters counters;
    osr_ended ended;
    osr_pid pid;
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(
        osr_node_spawn(node, &blocks_osr_entry, &(note){0}, OSR_SPAWN(.name = "blocked"), &pid),
        OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 20, NULL), OSR_ETIMEDOUT);
    ck_assert_int_eq(osr_node_exit(node, pid, &reason), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &lets_go_osr_entry, &(note){0}, NULL, NULL), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 10000, &ended), OSR_OK);
    ck_assert_uint_eq(ended.code, OSR_REASON_SHUTDOWN);
    osr_node_stop(node, 1000);
    osr_node_count(node, &counters);
    ck_assert_uint_eq(counters.messages_sent,
                      counters.messages_received + counters.messages_dropped);
    osr_node_free(&node);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
}
END_TEST

#define BLOCKED_MAX 17

static osr_pid blocked[BLOCKED_MAX];
static atomic_int inside;
static sem_t entered, gate;

static void be_inside(void *argument)
{
    (void)argument;
    atomic_fetch_add(&inside, 1);
    (void)sem_post(&entered);
    (void)sem_wait(&gate);
}

OSR_ENTRY(is_inside, note)
{
    return osr_blocking(self, be_inside, NULL);
}

/* Ends once all of them are in osr_blocking(). */
OSR_ENTRY(sees_them_blocked, note)
{
    for (int64_t i = 0; i < argument->n;) {
        const osr_process_info *info;
        CHECK_OK(self, osr_info(self, blocked[i], 10000, &info));
        i += info->blocked_on == OSR_BLOCKED_CODE;
        CHECK_OK(self, osr_sleep(self, 1));
    }
    return OSR_OK;
}

static void check_blocking_limit(uint32_t blocking_max, int expected)
{
    osr_node *node = node_of(
        *OSR_NODE(.schedulers = 1, .blocking_max = blocking_max, .log_level = OSR_LOG_ERROR));
    osr_pid seer;
    atomic_store(&inside, 0);
    (void)sem_init(&entered, 0, 0);
    (void)sem_init(&gate, 0, 0);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    for (int i = 0; i <= expected; i++) {
        ck_assert_int_eq(osr_node_spawn(node, &is_inside_osr_entry, &(note){0}, NULL, &blocked[i]),
                         OSR_OK);
    }
    note all = {.n = expected + 1};
    ck_assert_int_eq(osr_node_spawn(node, &sees_them_blocked_osr_entry, &all, NULL, &seer), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, seer, 30000, NULL), OSR_OK);
    ck_assert_int_eq(atomic_load(&helpers), expected);
    for (int i = 0; i < expected; i++) {
        (void)sem_wait(&entered);
    }
    ck_assert_int_eq(atomic_load(&inside), expected);
    for (int i = 0; i <= expected; i++) {
        (void)sem_post(&gate);
    }
    for (int i = 0; i <= expected; i++) {
        ck_assert_int_eq(osr_node_wait(node, blocked[i], 10000, NULL), OSR_OK);
    }
    ck_assert_int_eq(atomic_load(&inside), expected + 1);
    node_fixture_own_end(&node, 1000);
}

/* So much blocking code runs at once as the node has threads for, and what is more waits for one;
 * without the option these are 16. */
START_TEST(blocking_code_has_as_many_threads_as_the_node_says)
{
    check_blocking_limit(2, 2);
    check_blocking_limit(0, 16);
}
END_TEST

/* Entries of a folder of /proc. */
static int entries(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    ck_assert_ptr_nonnull(folder);
    while (readdir(folder) != NULL) {
        count += 1;
    }
    (void)closedir(folder);
    return count;
}

static void do_nothing(void *argument)
{
    (void)argument;
}

/* Leaves something of each kind to the stop. */
OSR_ENTRY(leaves_much, note)
{
    osr_ref timer;
    osr_message message;
    osr_pid pid = OSR_PID_NONE;
    if (argument->n > 0) {
        (void)!osr_spawn(self, &leaves_much_osr_entry, &(note){.n = argument->n - 1},
                         OSR_SPAWN(.link = argument->n % 2 == 0),
                         &pid); /* the node may be stopping */
    }
    CHECK_OK(self, osr_timer_start(self, 60000, &timer));
    osr_err err = osr_blocking(self, do_nothing, NULL);
    if (err != OSR_OK) {
        return err;
    }
    note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 1});
    err = osr_receive(self, 5000, &message);
    return err == OSR_OK ? osr_receive(self, OSR_FOREVER, &message) : err;
}

/* A hundred lives of a node leave no thread, no file and no memory. */
START_TEST(a_hundred_starts_and_stops_leave_nothing)
{
    int threads = 0;
    int files = 0;
    for (int i = 0; i < 100; i++) {
        osr_pid pid;
        osr_node *node = node_new(1 + (uint32_t)i % 4, OSR_LOG_ERROR);
        ck_assert_int_eq(osr_node_start(node), OSR_OK);
        for (int n = 0; n < i % 7; n++) {
            ck_assert_int_eq(
                osr_node_spawn(node, &leaves_much_osr_entry, &(note){.n = n}, NULL, &pid), OSR_OK);
        }
        node_fixture_own_end(&node, 1000);
        if (i == 0) { /* the first makes what the program keeps */
            threads = entries("/proc/self/task");
            files = entries("/proc/self/fd");
        }
    }
    ck_assert_int_eq(entries("/proc/self/task"), threads);
    ck_assert_int_eq(entries("/proc/self/fd"), files);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *tests = tcase_create("threads");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_start_that_fails_leaves_nothing);
    tcase_add_test(tests, a_stopped_node_does_not_start);
    tcase_add_test(tests, a_bad_name_makes_no_node);
    tcase_add_test(tests, blocking_code_has_as_many_threads_as_the_node_says);
    tcase_add_test(tests, a_hundred_starts_and_stops_leave_nothing);
    tcase_add_test(tests, spares_that_could_not_be_made_are_tried_again);
    tcase_add_test(tests, a_turn_that_stops_everything_is_named);
    tcase_add_test(tests, a_long_turn_on_a_thread_without_a_scheduler_is_named);
    tcase_add_test(tests, stop_returns_although_a_handler_does_not);
    tcase_add_test(tests, stop_ends_those_who_spawn_meanwhile);
    tcase_add_test(tests, stop_waits_for_blocking_code);
    tcase_add_test(tests, stop_ends_orphans_without_waiting_for_the_time_to_be_up);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
