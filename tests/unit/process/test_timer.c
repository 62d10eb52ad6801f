/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sched.h>
#include <stdatomic.h>

#include "lib/scheduler/scheduler.h"
#include "osier/node.h"
#include "tests/unit/process/process_kit.h"

/* Messages that are sent later, and timers that others cancel. */

OSR_MESSAGE(of_timer, 0x7021, (1, ref, timer));

static uint64_t dropped(osr_self *self)
{
    osr_node_counters counters;
    osr_node_count(osr_self_node(self), &counters);
    return counters.messages_dropped;
}

static int64_t next_note(osr_self *self)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(note, &message) != NULL);
    return OSR_AS(note, &message)->n;
}

static osr_err sends_later(osr_self *self)
{
    osr_ref timer;
    osr_dest me = osr_to(osr_self_pid(self));
    uint64_t start = osr_now(self);
    CHECK_OK(self, note_send_after(self, me, &(note){.n = 20}, 20, &timer));
    CHECK_OK(self, note_send_at(self, me, &(note){.n = 5}, start + UINT64_C(5000000), &timer));
    CHECK_OK(self, note_send_at(self, me, &(note){.n = 0}, 0, &timer));
    OSR_CHECK(self, next_note(self) == 0);
    OSR_CHECK(self, next_note(self) == 5);
    OSR_CHECK(self, osr_now(self) - start >= UINT64_C(5000000));
    OSR_CHECK(self, next_note(self) == 20);
    OSR_CHECK(self, osr_now(self) - start >= UINT64_C(20000000));
    OSR_CHECK(self, !osr_timer_cancel(self, timer, NULL));
    return OSR_OK;
}

/* A message comes when its time has come, not before, whatever the order of the sends. */
START_TEST(a_message_is_sent_at_its_time)
{
    node_fixture_run(sends_later);
}
END_TEST

static osr_err cancels_a_send(osr_self *self)
{
    osr_ref timer;
    uint64_t left = 0;
    CHECK_OK(self,
             note_send_after(self, osr_name("whoever", "else@where"), &(note){0}, 60000, &timer));
    OSR_CHECK(self, osr_timer_read(self, timer, &left) && left > 59000 && left <= 60000);
    OSR_CHECK(self, osr_timer_cancel(self, timer, &left) && left > 59000 && left <= 60000);
    OSR_CHECK(self, !osr_timer_read(self, timer, &left));
    return OSR_OK;
}

/* A send that is still to come is read and cancelled like any timer; its message is freed. */
START_TEST(a_later_send_can_be_cancelled)
{
    node_fixture_run(cancels_a_send);
}
END_TEST

static osr_err sends_to_a_name(osr_self *self)
{
    osr_ref timer;
    CHECK_OK(self, note_send_after(self, osr_name("comes", NULL), &(note){.n = 7}, 5, &timer));
    CHECK_OK(self, osr_register(self, "comes", osr_self_pid(self)));
    OSR_CHECK(self, next_note(self) == 7);
    return OSR_OK;
}

/* A name need not be registered before the time has come. */
START_TEST(a_name_is_looked_up_at_expiry)
{
    node_fixture_run(sends_to_a_name);
}
END_TEST

OSR_ENTRY(ends_at_once, note)
{
    (void)argument;
    return OSR_OK;
}

static osr_err sends_to_nobody(osr_self *self)
{
    osr_pid pid;
    osr_ref timer;
    CHECK_OK(self, ends_at_once_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &pid));
    (void)next_down(self);
    uint64_t before = dropped(self);
    CHECK_OK(self, note_send_after(self, osr_to(pid), &(note){0}, 1, &timer));
    CHECK_OK(self, note_send_after(self, osr_name("nobody", NULL), &(note){0}, 1, &timer));
    CHECK_OK(self, note_send_after(self, osr_to(osr_self_pid(self)), &(note){.n = 3}, 2, &timer));
    OSR_CHECK(self, next_note(self) == 3);
    OSR_CHECK(self, dropped(self) == before + 2);
    return OSR_OK;
}

/* A send to a process that has ended, or to a name that nobody has, does nothing but count. */
START_TEST(a_later_send_to_nobody_is_dropped_and_counted)
{
    node_fixture_run(sends_to_nobody);
}
END_TEST

OSR_ENTRY(ends_when_told, note)
{
    osr_message message;
    (void)argument;
    return osr_receive(self, 20000, &message);
}

static osr_err outlives_its_receiver(osr_self *self)
{
    osr_pid pid;
    osr_ref timers[2];
    uint64_t left = 0;
    CHECK_OK(self, ends_when_told_spawn(self, &(note){0},
                                        OSR_SPAWN(.monitor = true, .name = "receiver"), &pid));
    CHECK_OK(self, note_send_after(self, osr_to(pid), &(note){0}, 60000, &timers[0]));
    CHECK_OK(self,
             note_send_after(self, osr_name("receiver", NULL), &(note){0}, 60000, &timers[1]));
    OSR_CHECK(self, osr_timer_read(self, timers[0], &left) && left > 50000);
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){0}));
    (void)next_down(self);
    left = 7;
    OSR_CHECK(self, !osr_timer_read(self, timers[0], &left));
    OSR_CHECK(self, !osr_timer_cancel(self, timers[0], &left) && left == 7);
    OSR_CHECK(self, osr_timer_read(self, timers[1], &left)); /* another may come to have it */
    OSR_CHECK(self, osr_timer_cancel(self, timers[1], &left) && left > 50000);
    return OSR_OK;
}

/* A send to a process that has ended meanwhile is none any more; one to its name still is. */
START_TEST(a_later_send_ends_with_its_receiver)
{
    node_fixture_run(outlives_its_receiver);
}
END_TEST

static osr_err sends_to_an_alias(osr_self *self)
{
    osr_caller aliases[2];
    osr_ref timer;
    osr_message message;
    CHECK_OK(self, osr_alias(self, OSR_ALIAS_EXPLICIT, &aliases[0]));
    CHECK_OK(self, osr_alias_priority(self, OSR_ALIAS_REPLY, &aliases[1]));
    CHECK_OK(self, note_send_after(self, osr_to_alias(aliases[0]), &(note){.n = 1}, 2, &timer));
    OSR_CHECK(self, next_note(self) == 1);
    OSR_CHECK(self, osr_sleep(self, 1) == OSR_OK); /* with nothing in work */
    CHECK_OK(self, note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 3}));
    CHECK_OK(self,
             note_send_after(self, osr_to_alias_priority(aliases[1]), &(note){.n = 2}, 1, &timer));
    while (atomic_load(&self->queued) < 2) {
        OSR_CHECK(self, osr_sleep(self, 1) == OSR_OK);
    }
    OSR_CHECK(self, next_note(self) == 2 && next_note(self) == 3);
    uint64_t before = dropped(self);
    OSR_CHECK(self, osr_unalias(self, aliases[0])); /* and the other has ended with its message */
    CHECK_OK(self, note_send_after(self, osr_to_alias(aliases[0]), &(note){.n = 4}, 1, &timer));
    CHECK_OK(self, note_send_after(self, osr_to_alias(aliases[1]), &(note){.n = 5}, 1, &timer));
    while (dropped(self) < before + 2) {
        OSR_CHECK(self, osr_receive(self, 1, &message) == OSR_ETIMEDOUT);
    }
    OSR_CHECK(self, note_send_after(self, osr_to_caller((osr_caller){osr_self_pid(self), 7}),
                                    &(note){0}, 1, &timer) == OSR_EINVAL);
    return OSR_OK;
}

/* What is sent later to an alias comes through it, as what is sent at once, or not at all. */
START_TEST(a_later_send_may_go_to_an_alias)
{
    node_fixture_run(sends_to_an_alias);
}
END_TEST

OSR_ENTRY(starts_and_tells, note)
{
    of_timer message;
    osr_message go;
    CHECK_OK(self, osr_timer_start(self, (uint64_t)argument->n, &message.timer));
    CHECK_OK(self, of_timer_send(self, osr_to(argument->from), &message));
    CHECK_OK(self, osr_receive(self, 20000, &go));
    OSR_CHECK(self, OSR_AS(note, &go) != NULL); /* and not the timeout */
    return OSR_OK;
}

static osr_err cancels_anothers(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    uint64_t left = 0;
    note what = {.n = 60000, .from = osr_self_pid(self)};
    for (int outside = 0; outside < 2; outside++) {
        CHECK_OK(self, starts_and_tells_spawn(self, &what, OSR_SPAWN(.monitor = true), &pid));
        CHECK_OK(self, osr_receive(self, 5000, &message));
        osr_ref timer = OSR_AS(of_timer, &message)->timer;
        OSR_CHECK(self, osr_timer_read(self, timer, &left) && left > 59000 && left <= 60000);
        OSR_CHECK(self, outside ? osr_node_timer_cancel(osr_self_node(self), timer, &left)
                                : osr_timer_cancel(self, timer, &left));
        OSR_CHECK(self, left > 59000 && left <= 60000);
        OSR_CHECK(self, !osr_timer_cancel(self, timer, NULL));
        CHECK_OK(self, note_send(self, osr_to(pid), &what));
        OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    }
    return OSR_OK;
}

/* Who knows a timer's reference can cancel it, in a process or outside the node. */
START_TEST(a_timer_is_cancelled_by_another)
{
    node_fixture_run(cancels_anothers);
}
END_TEST

OSR_ENTRY(starts_many, note)
{
    osr_ref timer;
    for (int i = 0; i < 200; i++) {
        of_timer message;
        CHECK_OK(self, osr_timer_start(self, (uint64_t)i % 3, &message.timer));
        CHECK_OK(self, of_timer_send(self, osr_to(argument->from), &message));
        CHECK_OK(self, note_send_after(self, osr_to(argument->from), &(note){0}, 100000, &timer));
    }
    return OSR_OK; /* some live, some fired, some being cancelled */
}

static osr_err races_for_timers(osr_self *self)
{
    static const osr_type *const wanted[] = {&of_timer_osr_type};
    osr_pid pid;
    note what = {.from = osr_self_pid(self)};
    for (int i = 0; i < 20; i++) {
        CHECK_OK(self, starts_many_spawn(self, &what, OSR_SPAWN(.monitor = true), &pid));
        for (int k = 0; k < 200; k++) {
            osr_message message;
            CHECK_OK(self, osr_receive_of(self, wanted, 1, 5000, &message));
            (void)osr_timer_cancel(self, OSR_AS(of_timer, &message)->timer, NULL);
        }
        OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    }
    return OSR_OK;
}

/* Cancelled by another while they fire and while their process ends: all records come back, and no
 * message of a process that has ended is sent. */
START_TEST(a_cancel_races_with_expiry_and_end)
{
    node_fixture_run(races_for_timers);
}
END_TEST

static osr_err starts_again(osr_self *self)
{
    osr_ref timers[700];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 700; i++) {
            CHECK_OK(self, osr_timer_start(self, 60000, &timers[i]));
        }
        CHECK_OK(self, osr_yield(self)); /* may go on elsewhere: another thread's wheel */
        for (int i = 0; i < 700; i++) {
            uint64_t left;
            OSR_CHECK(self, osr_timer_cancel(self, timers[i], &left) && left > 50000);
        }
    }
    return OSR_OK;
}

static osr_err starts_again_run(osr_self *self, const void *argument)
{
    (void)argument;
    return starts_again(self);
}

/* The limit is the node's: records that lie at another wheel are used before it is reached. */
START_TEST(the_limit_is_reached_only_when_all_are_live)
{
    static const osr_entry entry = {.name = "again", .run = starts_again_run};
    osr_node *node = node_fixture_own(OSR_NODE(.timers_max = 1000, .schedulers = 4));
    osr_pid pid;
    osr_ended ended;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    for (int i = 0; i < 10; i++) {
        ck_assert_int_eq(osr_node_spawn(node, &entry, NULL, NULL, &pid), OSR_OK);
        ck_assert_int_eq(osr_node_wait(node, pid, 20000, &ended), OSR_OK);
        ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
    }
    node_fixture_own_end(&node, 1000);
}
END_TEST

/* ---- an alarm that is still firing ---------------------------------------------------------- */

static atomic_bool is_held, is_released, has_passed;
static bool was_released, has_waited;

/* A wheel that fires keeps its lock until it is done: here until somebody has not waited for that,
 * or for so long that nobody will. */
static void fires_slowly(void *argument)
{
    osri_wheel *wheel = argument;
    const osr_env *env = osr_env_real();
    osri_mutex_lock(&wheel->mutex);
    atomic_store(&is_held, true);
    uint64_t until = env->now_ns(env->context) + UINT64_C(200000000);
    while (!atomic_load(&has_passed) && env->now_ns(env->context) < until) {
        (void)sched_yield();
    }
    atomic_store(&is_released, true);
    osri_mutex_unlock(&wheel->mutex);
}

/* Its alarm has fired on another wheel, as it has seen, and waits once more. */
static osr_err waits_again_run(osr_self *self, const void *argument)
{
    osri_alarm *alarm = &self->stack->activation.alarm;
    osr_message message;
    (void)argument;
    alarm->timer.wheel = &self->node->schedulers[1].wheel;
    while (!atomic_load(&is_held)) {
        (void)sched_yield();
    }
    has_waited = osr_receive(self, 1, &message) == OSR_ETIMEDOUT;
    return OSR_OK;
}

static osr_err passes_run(osr_self *self, const void *argument)
{
    (void)self;
    (void)argument;
    was_released = atomic_load(&is_released);
    atomic_store(&has_passed, true);
    return OSR_OK;
}

/* An alarm is hung on another wheel only when the one that fires it is done with it: else that one
 * may wake the next process of the slot, or touch what has been given back. */
START_TEST(an_alarm_is_armed_anew_when_it_has_fired_completely)
{
    static const osr_entry waits_again = {.name = "waits_again", .run = waits_again_run};
    static const osr_entry passes = {.name = "passes", .run = passes_run};
    const osr_env *env = osr_env_real();
    osr_node *node;
    osr_node_counters counters;
    uint64_t due_ns;
    void *thread;
    ck_assert_int_eq(osr_node_new(OSR_NODE(.schedulers = 2), &node), OSR_OK); /* it is stepped */
    ck_assert_int_eq(osr_node_spawn(node, &waits_again, NULL, NULL, NULL), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &passes, NULL, NULL, NULL), OSR_OK);
    ck_assert_int_eq(
        env->thread_start(env->context, "fires", fires_slowly, &node->schedulers[1].wheel, &thread),
        OSR_OK);
    do { /* the test's own limit ends this */
        (void)osr_node_step(node, &due_ns);
        osr_node_count(node, &counters);
    } while (counters.processes != 0);
    env->thread_join(env->context, thread);
    osr_node_stop(node, 1000);
    osr_node_free(&node);
    ck_assert(was_released && has_waited);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, a_message_is_sent_at_its_time);
    tcase_add_test(tests, a_later_send_can_be_cancelled);
    tcase_add_test(tests, a_name_is_looked_up_at_expiry);
    tcase_add_test(tests, a_later_send_to_nobody_is_dropped_and_counted);
    tcase_add_test(tests, a_later_send_ends_with_its_receiver);
    tcase_add_test(tests, a_later_send_may_go_to_an_alias);
    tcase_add_test(tests, a_timer_is_cancelled_by_another);
    tcase_add_test(tests, a_cancel_races_with_expiry_and_end);
}

int main(void)
{
    Suite *suite = suite_create("timer");
    TCase *limit = tcase_create("limit");
    tcase_add_test(limit, the_limit_is_reached_only_when_all_are_live);
    suite_add_tcase(suite, limit);
    TCase *alarm = tcase_create("alarm");
    tcase_set_timeout(alarm, 60);
    tcase_add_test(alarm, an_alarm_is_armed_anew_when_it_has_fired_completely);
    suite_add_tcase(suite, alarm);
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
