/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"
#include "osier/info.h"
#include "osier/mailbox.h"
#include "tests/unit/process/process_kit.h"

/* Random processes doing random things to each other on all cores, and the accounts afterwards:
 * each monitor and each link has fired exactly once, each message is received or dropped, nothing
 * is left. The seed is printed; STRESS_SEED sets it, STRESS_STEPS how much each process does,
 * STRESS_MESSAGES_MIN how many messages it must have come to. */

#define WORKERS 40
#define NAMES 8

OSR_MESSAGE(step, 0x7101, (1, u64, seed), (2, u64, steps));

static _Atomic uint64_t monitors_set, monitors_fired;
static _Atomic uint64_t links_set, links_fired;
static _Atomic uint64_t timers_set, timers_fired, timers_cancelled;
static _Atomic uint64_t faults; /* anything that must not be */

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Lives until it is told to exit, or ends by itself, in one of several ways. */
OSR_ENTRY(victim, step)
{
    osr_message message;
    uint64_t random = argument->seed | 1;
    for (uint64_t i = next_random(&random) % 8; i > 0; i--) {
        osr_err err = osr_receive(self, (uint32_t)(next_random(&random) % 3), &message);
        if (err != OSR_OK && err != OSR_ETIMEDOUT) {
            return err;
        }
        if (err == OSR_OK && message.ref != 0 && i % 2 == 0) {
            (void)osr_reply_to(self, osr_caller_of(&message), &note_osr_type, &(note){.n = 1});
        }
    }
    switch (next_random(&random) % 4) {
    case 0:
        return osr_receive(self, OSR_FOREVER, &message) == OSR_OK ? OSR_EIO : OSR_OK;
    case 1: {
        osr_reason reason = osr_reason_of(OSR_REASON_CUSTOM);
        osr_exit(self, &reason);
    }
    case 2:
        return OSR_EFAILED;
    default:
        return OSR_OK;
    }
}

typedef struct account {
    uint64_t random;
    uint64_t monitors, links, timers; /* that have not fired yet */
    osr_pid victims[16];              /* linked and monitored since they began */
    bool linked[16];                  /* whose exit has neither come nor been called off */
    uint32_t count;
    osr_pid dead; /* its own down, and so its exit, has been heard */
} account;

static void hear(account *own, const osr_message *message)
{
    if (OSR_AS(osr_down, message) != NULL) {
        own->monitors -= 1;
        if (OSR_AS(osr_down, message)->reason.code != OSR_REASON_NOPROC) {
            own->dead = OSR_AS(osr_down, message)->pid;
        } /* else it was already closed, and its exit may still be under way */
        atomic_fetch_add(&monitors_fired, 1);
    } else if (OSR_AS(osr_exited, message) != NULL) {
        for (int i = 0; i < 16; i++) {
            if (osr_pid_equal(own->victims[i], OSR_AS(osr_exited, message)->from)) {
                own->linked[i] = false;
            }
        }
        own->links -= 1;
        atomic_fetch_add(&links_fired, 1);
    } else if (OSR_AS(osr_timeout, message) != NULL) {
        own->timers -= 1;
        atomic_fetch_add(&timers_fired, 1);
    }
}

static void begin_victim(osr_self *self, account *own)
{
    osr_pid pid;
    osr_err err = victim_spawn(self, &(step){.seed = next_random(&own->random)},
                               OSR_SPAWN(.link = true, .monitor = true,
                                         .pinned = next_random(&own->random) % 8 == 0,
                                         .priority = (osr_priority)(next_random(&own->random) % 3)),
                               &pid);
    if (err != OSR_OK) {
        atomic_fetch_add(&faults, 1);
        return;
    }
    own->monitors += 1;
    own->links += 1;
    atomic_fetch_add(&monitors_set, 1);
    atomic_fetch_add(&links_set, 1);
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    own->linked[own->count % 16] = true;
    osr_pid *place = &own->victims[own->count++ % 16];
    if (!osr_pid_is_none(*place)) { /* nobody else would */
        (void)osr_send_exit(self, *place, &kill);
    }
    *place = pid;
}

static void monitor_once_more(osr_self *self, account *own, osr_pid pid)
{
    osr_ref monitor;
    if (osr_monitor(self, osr_to(pid), &monitor) == OSR_OK) {
        own->monitors += 1;
        atomic_fetch_add(&monitors_set, 1);
        if (next_random(&own->random) % 4 == 0 && osr_demonitor(self, monitor, false)) {
            own->monitors -= 1;
            atomic_fetch_sub(&monitors_set, 1);
        }
    }
}

static void time_something(osr_self *self, account *own)
{
    osr_ref timer;
    if (osr_timer_start(self, next_random(&own->random) % 4, &timer) == OSR_OK) {
        own->timers += 1;
        atomic_fetch_add(&timers_set, 1);
        if (next_random(&own->random) % 2 == 0 && osr_timer_cancel(self, timer, NULL)) {
            own->timers -= 1;
            atomic_fetch_add(&timers_cancelled, 1);
        }
    }
}

static bool is_exit_of(void *context, const osr_message *message)
{
    const osr_exited *exited = OSR_AS(osr_exited, message);
    return exited != NULL && osr_pid_equal(exited->from, *(const osr_pid *)context);
}

/* Its exit is here already, or never comes, also when it is under way. */
static void unlink_one(osr_self *self, account *own, uint64_t at)
{
    osr_message message;
    osr_pid pid = own->victims[at];
    if (!own->linked[at] || osr_pid_equal(pid, own->dead)) {
        return;
    }
    own->linked[at] = false;
    if (osr_receive_where(self, is_exit_of, &pid, 0, &message) == OSR_OK) {
        hear(own, &message);
    } else {
        (void)osr_unlink(self, pid);
        own->links -= 1;
        atomic_fetch_sub(&links_set, 1);
    }
}

static void nothing(void *argument)
{
    (void)argument;
}

static void act(osr_self *self, account *own)
{
    uint64_t random = next_random(&own->random);
    osr_pid pid = own->victims[random / 64 % 16];
    osr_message message;
    osr_reason shutdown = osr_reason_of(random % 5 == 0 ? OSR_REASON_KILL : OSR_REASON_SHUTDOWN);
    char name[16];
    (void)snprintf(name, sizeof(name), "name%d", (int)(random / 1024 % NAMES));
    switch (random % 13) {
    case 0:
    case 1:
        begin_victim(self, own);
        break;
    case 2:
        monitor_once_more(self, own, pid);
        break;
    case 3:
        (void)osr_send_exit(self, pid, &shutdown);
        break;
    case 4:
        time_something(self, own);
        break;
    case 5: /* whose link has fired: one more exit, which says noproc */
        if (!osr_pid_is_none(own->dead) && osr_link(self, own->dead) == OSR_OK) {
            own->links += 1;
            atomic_fetch_add(&links_set, 1);
        }
        break;
    case 6:
        (void)!osr_register(self, name, random % 3 == 0 ? osr_self_pid(self) : pid);
        break;
    case 7:
        note_send(self, osr_name(name, NULL), &(note){.n = 1});
        (void)!osr_unregister(self, name);
        break;
    case 8:
        (void)!osri_request(self, osr_to(pid), &note_osr_type, &(note){.n = 2}, 2, &message, NULL);
        break;
    case 12:
        unlink_one(self, own, random / 64 % 16);
        break;
    case 9:
        (void)!osr_blocking(self, nothing, NULL);
        break;
    default:
        note_send(self, osr_to(pid), &(note){.n = 3});
        break;
    }
}

OSR_ENTRY(worker, step)
{
    account own = {.random = argument->seed | 1};
    osr_message message;
    (void)osr_trap_exit(self, true);
    begin_victim(self, &own);
    for (int i = 1; i < 16; i++) {
        own.victims[i] = own.victims[0];
    }
    for (uint64_t i = 0; i < argument->steps; i++) {
        act(self, &own);
        while (osr_receive(self, 0, &message) == OSR_OK) {
            hear(&own, &message);
        }
    }
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    while (own.monitors != 0 || own.links != 0 || own.timers != 0) {
        for (int i = 0; i < 16; i++) {
            (void)osr_send_exit(self, own.victims[i], &kill);
        }
        osr_err err = osr_receive(self, 5000, &message);
        if (err != OSR_OK) { /* something never fired */
            osr_log_self(self, OSR_LOG_ERROR, "%d monitors, %d links, %d timers have not fired",
                         (int)own.monitors, (int)own.links, (int)own.timers);
            return err;
        }
        hear(&own, &message);
    }
    return osr_receive_of(self, (const osr_type *const[]){&osr_down_osr_type, &osr_exited_osr_type},
                          2, 5, &message) == OSR_ETIMEDOUT
               ? OSR_OK
               : OSR_EFAILED; /* something fired twice */
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static void check_accounts(osr_node *node, uint64_t blocks_before)
{
    osr_node_counters counters;
    osr_node_count(node, &counters);
    osr_node_free(&node);
    (void)printf("%llu messages, %llu links, %llu monitors, %llu timers\n",
                 (unsigned long long)counters.messages_sent,
                 (unsigned long long)atomic_load(&links_set),
                 (unsigned long long)atomic_load(&monitors_set),
                 (unsigned long long)atomic_load(&timers_set));
    (void)fflush(stdout);
    ck_assert_uint_ge(counters.messages_sent, from_environment("STRESS_MESSAGES_MIN", 1000));
    ck_assert_uint_eq(counters.processes, 0);
    ck_assert_uint_eq(counters.messages_sent,
                      counters.messages_received + counters.messages_dropped);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks_before);
    ck_assert_uint_eq(atomic_load(&faults), 0);
    ck_assert_uint_eq(atomic_load(&monitors_set), atomic_load(&monitors_fired));
    ck_assert_uint_eq(atomic_load(&links_set), atomic_load(&links_fired));
    ck_assert_uint_eq(atomic_load(&timers_set),
                      atomic_load(&timers_fired) + atomic_load(&timers_cancelled));
}

/* Everybody does everything to everybody: each link, monitor and timer fires exactly once, no
 * message is lost. */
START_TEST(random_lives_leave_accounts_that_balance)
{
    osr_node *node;
    osr_pid pids[WORKERS];
    uint64_t blocks_before = osri_heap_live_blocks();
    uint64_t seed = from_environment("STRESS_SEED", (uint64_t)time(NULL) * 2654435761u);
    uint64_t steps = from_environment("STRESS_STEPS", 5000);
    (void)printf("seed %llu\n", (unsigned long long)seed);
    (void)fflush(stdout);
    ck_assert_int_eq(
        osr_node_new(OSR_NODE(.name = "stress@host", .schedulers = 4, .log_level = OSR_LOG_ERROR),
                     &node),
        OSR_OK);
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    for (int i = 0; i < WORKERS; i++) {
        step argument = {.seed = next_random(&seed), .steps = steps};
        ck_assert_int_eq(osr_node_spawn(node, &worker_osr_entry, &argument, NULL, &pids[i]),
                         OSR_OK);
    }
    for (int i = 0; i < WORKERS; i++) {
        osr_ended ended;
        ck_assert_int_eq(osr_node_wait(node, pids[i], 600000, &ended), OSR_OK);
        ck_assert_msg(ended.code == OSR_REASON_NORMAL, "a worker ended: %s", ended.text);
    }
    osr_node_stop(node, 2000);
    check_accounts(node, blocks_before);
}
END_TEST

/* ---- memory that cannot be had --------------------------------------------------------- */

OSR_ENTRY(small_scenario, step)
{
    static const osr_type *const down[] = {&osr_down_osr_type};
    osr_message message;
    osr_ref monitor;
    osr_ref timer;
    osr_pid pid;
    const void *kept;
    (void)osr_trap_exit(self, true);
    osr_err err = victim_spawn(
        self, argument, OSR_SPAWN(.link = true, .name = "victim", .label = "v", .mailbox_max = 9),
        &pid);
    if (err == OSR_OK) {
        err = osr_monitor(self, osr_to(pid), &monitor);
        if (err == OSR_OK) {
            osr_reason kill = osr_reason_of(OSR_REASON_KILL);
            while (osr_send_exit(self, pid, &kill) != OSR_OK) {
            }
            err = osr_receive_of(self, down, 1, 5000, &message);
            atomic_fetch_add(&faults,
                             err != OSR_OK && err != OSR_EEXIT); /* promised, whatever failed */
        }
    }
    if (osr_timer_start(self, 1, &timer) == OSR_OK && osr_receive(self, 100, &message) == OSR_OK) {
        (void)!osr_keep(self, &message, &kept);
    }
    (void)!osr_monitor_nodes(self, true, true);
    (void)!osr_monitor_mailboxes(self, true);
    (void)!osr_mailbox_bound(self, OSR_MAILBOX(.messages_max = 9, .mark_high = 1));
    (void)!osri_request(self, osr_name("nobody", NULL), &note_osr_type, &(note){.n = 2}, 2,
                        &message, NULL);
    (void)!osr_blocking(self, nothing, NULL);
    (void)osr_alloc(self, 10);
    (void)!osr_defer(self, nothing, NULL);
    note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 3});
    return err;
}

static void step_until_ended(osr_node *node, osr_pid pid)
{
    osr_snapshot snapshot;
    uint64_t due_ns;
    while (osr_snapshot_of(node, pid, &snapshot) == OSR_OK) {
        (void)osr_node_step(node, &due_ns);
    }
}

/* The whole life of a node, in which the nth allocation fails. Whether it was reached. */
static bool live_without(uint64_t nth, bool threads)
{
    osr_node *node = NULL;
    osr_pid pid;
    uint64_t blocks_before = osri_heap_live_blocks();
    osri_heap_fail_after(nth, false);
    osr_err err = osr_node_new(
        OSR_NODE(.name = "poor@host", .schedulers = 1, .creation = 1, .log_level = OSR_LOG_ERROR),
        &node);
    if (err == OSR_OK && threads) {
        err = osr_node_start(node);
    }
    if (err == OSR_OK) {
        err = osr_node_spawn(node, &small_scenario_osr_entry, &(step){.seed = 8}, NULL, &pid);
        if (err == OSR_OK && threads) {
            (void)!osr_node_wait(node, pid, 10000, NULL);
        } else if (err == OSR_OK) {
            step_until_ended(node, pid);
        }
        osr_node_stop(node, 1000);
    }
    if (node != NULL) {
        osr_node_counters counters;
        osr_node_count(node, &counters);
        ck_assert_uint_eq(counters.processes, 0);
        ck_assert_uint_eq(counters.messages_sent,
                          counters.messages_received + counters.messages_dropped);
    }
    osr_node_free(&node);
    bool reached = osri_heap_has_failed();
    osri_heap_fail_after(0, false);
    ck_assert_msg(osri_heap_live_blocks() == blocks_before, "allocation %llu: %lld blocks are left",
                  (unsigned long long)nth, (long long)(osri_heap_live_blocks() - blocks_before));
    ck_assert_msg(atomic_load(&faults) == 0, "allocation %llu: a down message is lost",
                  (unsigned long long)nth);
    return reached;
}

/* Each allocation fails once: nothing crashes, nothing is left, no down message is lost. */
START_TEST(every_allocation_may_fail)
{
    uint64_t nth = 1;
    while (live_without(nth, _i == 1)) {
        nth += 1;
    }
    ck_assert_uint_gt(nth, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stress");
    TCase *tests = tcase_create("stress");
    tcase_set_timeout(tests, 900);
    tcase_add_test(tests, random_lives_leave_accounts_that_balance);
    if (getenv("STRESS_STEPS") == NULL) {
        tcase_add_loop_test(tests, every_allocation_may_fail, 0, 2);
    }
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
