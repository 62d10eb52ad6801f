/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdatomic.h>

#include "lib/process/node.h"
#include "tests/unit/process/process_kit.h"

/* What a process owns, and how it leaves. */

static atomic_int cleaned;

static void clean(void *argument)
{
    (void)argument;
    atomic_fetch_add(&cleaned, 1);
}

static void clean_and_leave(void *argument)
{
    osr_reason reason = osr_reason_crash("in a clean-up");
    atomic_fetch_add(&cleaned, 1);
    osr_exit(argument, &reason);
}

OSR_ENTRY(leaves_in_a_clean_up, note)
{
    CHECK_OK(self, osr_defer(self, clean, NULL));
    CHECK_OK(self, osr_defer(self, clean, NULL));
    CHECK_OK(self, osr_defer(self, clean_and_leave, self));
    CHECK_OK(self, osr_defer(self, clean, NULL));
    return OSR_OK;
}

static osr_err clean_ups_go_on(osr_self *self)
{
    osr_pid pid;
    atomic_store(&cleaned, 0);
    CHECK_OK(self, leaves_in_a_clean_up_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_CRASH);
    OSR_CHECK(self, atomic_load(&cleaned) == 4);
    return OSR_OK;
}

/* A clean-up that calls osr_exit() does not keep the others from running. */
START_TEST(clean_ups_go_on_after_one_that_exits)
{
    node_fixture_run(clean_ups_go_on);
}
END_TEST

OSR_ENTRY(never_leaves, note)
{
    osr_message message;
    CHECK_OK(self, osr_defer(self, clean, NULL));
    for (;;) {
        (void)!osr_receive(self, OSR_FOREVER, &message); /* does not look at errors */
    }
}

/* Two messages of one shared body: each is kept for itself. */
static osr_err keeps_twice(osr_self *self)
{
    osr_dest twice[2] = {osr_to(osr_self_pid(self)), osr_to(osr_self_pid(self))};
    const void *bodies[3];
    osr_message message;
    void *block = osr_alloc(self, 40);
    uint64_t owned = self->owned_bytes;
    OSR_CHECK(self, block != NULL);
    CHECK_OK(self, note_send_all(self, twice, 2, &(note){.n = 7}));
    for (int i = 0; i < 2; i++) {
        CHECK_OK(self, osr_receive(self, 5000, &message));
        CHECK_OK(self, osr_keep(self, &message, &bodies[i]));
    }
    note_send(self, twice[0], &(note){.n = 8});
    CHECK_OK(self, osr_receive(self, 5000, &message));
    CHECK_OK(self, osr_keep(self, &message, &bodies[2]));
    OSR_CHECK(self, bodies[0] == bodies[1] && bodies[0] != bodies[2]);
    osr_free(self, (void *)bodies[0]);
    OSR_CHECK(self, ((const note *)bodies[1])->n == 7);
    OSR_CHECK(self, self->owned_bytes > owned);
    osr_free(self, (void *)bodies[2]);
    osr_free(self, (void *)bodies[1]);
    OSR_CHECK(self, self->owned_bytes == owned);
    osr_free(self, block);
    OSR_CHECK(self, self->owned_bytes == 0);
    return OSR_OK;
}

START_TEST(messages_of_one_body_are_kept_and_freed_one_by_one)
{
    node_fixture_run(keeps_twice);
}
END_TEST

static osr_err abandoned(osr_self *self)
{
    osr_pid pid;
    atomic_store(&cleaned, 0);
    CHECK_OK(self,
             never_leaves_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true, .exit_ms = 20), &pid));
    CHECK_OK(self, osr_sleep(self, 5));
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_ABANDONED);
    OSR_CHECK(self, atomic_load(&cleaned) == 1);
    return OSR_OK;
}

/* One that does not leave within exit_ms of being told is abandoned, with its clean-ups run, also
 * where the clock stands still. */
START_TEST(one_that_does_not_leave_is_abandoned)
{
    node_fixture_run(abandoned);
}
END_TEST

OSR_ENTRY(takes_its_time, note)
{
    osr_err err = osr_sleep(self, OSR_FOREVER);
    uint64_t until = osr_now(self) + UINT64_C(30000000);
    while (osr_now(self) < until) {
    }
    return err;
}

static osr_err not_abandoned(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, takes_its_time_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true, .exit_ms = 10),
                                        &pid));
    CHECK_OK(self, osr_sleep(self, 5));
    send_exit(self, pid, OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, next_down(self) == OSR_REASON_SHUTDOWN);
    return OSR_OK;
}

/* One that leaves late, but without asking again, ends with the reason it was given. */
START_TEST(one_that_leaves_late_is_not_abandoned)
{
    node_fixture_run(not_abandoned);
}
END_TEST

static osr_err late_cancel(osr_self *self)
{
    osr_ref timer;
    osr_message message;
    CHECK_OK(self, osr_timer_start(self, 1, &timer));
    uint64_t until = osr_now(self) + UINT64_C(8000000);
    while (osr_now(self) < until) { /* fires on the other thread, or is still live */
    }
    bool in_time = osr_timer_cancel(self, timer, NULL);
    osr_err err = osr_receive(self, 50, &message);
    OSR_CHECK(self, in_time ? err == OSR_ETIMEDOUT : err == OSR_OK);
    OSR_CHECK(self, !osr_timer_cancel(self, timer, NULL));
    return OSR_OK;
}

/* Where cancelling says that the timer has fired, its message comes. */
START_TEST(a_timer_that_could_not_be_cancelled_arrives)
{
    for (int i = 0; i < 20; i++) {
        node_fixture_run(late_cancel);
    }
}
END_TEST

static osr_err fired_but_unseen(osr_self *self)
{
    osr_ref timer;
    osr_message message;
    CHECK_OK(self, osr_timer_start(self, 1, &timer));
    osr_node *node = osr_self_node(self);
    /* what the wheel does when time has come, while we run */
    osri_user_timer *user = osri_timer_table_find(&node->timers, timer.number);
    (void)osri_wheel_advance(user->timer.wheel, osri_node_now(node) + UINT64_C(5000000));
    OSR_CHECK(self, !osr_timer_cancel(self, timer, NULL));
    CHECK_OK(self, osr_receive(self, 0, &message));
    OSR_CHECK(self, OSR_AS(osr_timeout, &message)->timer.number == timer.number);
    return OSR_OK;
}

/* A timer that has fired and waits in the inbox can no longer be cancelled, and is not lost by
 * trying. */
START_TEST(cancelling_a_fired_timer_does_not_lose_it)
{
    node_fixture_run(fired_but_unseen);
}
END_TEST

static osr_err reads_a_timer(osr_self *self)
{
    osr_ref timer, past, other;
    osr_message message;
    uint64_t left = 0;
    CHECK_OK(self, osr_timer_start(self, 60000, &timer));
    OSR_CHECK(self, osr_timer_read(self, timer, &left) && left > 59000 && left <= 60000);
    CHECK_OK(self, osr_timer_start_at(self, osr_now(self) + UINT64_C(5000000000), &other));
    OSR_CHECK(self, osr_timer_read(self, other, &left) && left > 4000 && left <= 5000);
    CHECK_OK(self, osr_timer_start_at(self, 0, &past));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(osr_timeout, &message)->timer.number == past.number);
    OSR_CHECK(self, !osr_timer_read(self, past, &left));
    OSR_CHECK(self, osr_timer_cancel(self, timer, NULL) && !osr_timer_read(self, timer, &left));
    return OSR_OK;
}

/* A timer can be asked for what is left of it, started for a time of the clock, and one for a time
 * that has passed fires. */
START_TEST(a_timer_tells_what_is_left)
{
    node_fixture_run(reads_a_timer);
}
END_TEST

static osr_err reuses_records(osr_self *self)
{
    osr_ref old, timer;
    CHECK_OK(self, osr_timer_start(self, 60000, &old));
    OSR_CHECK(self, osr_timer_cancel(self, old, NULL));
    for (int i = 0; i < 5000; i++) {
        CHECK_OK(self, osr_timer_start(self, 60000, &timer));
        OSR_CHECK(self, timer.number != old.number);
        OSR_CHECK(self, !osr_timer_cancel(self, old, NULL));
        OSR_CHECK(self, osr_timer_cancel(self, timer, NULL));
        old = timer;
    }
    return OSR_OK;
}

/* A reference is that of one timer for ever, though records are used again and again. */
START_TEST(an_old_reference_cancels_nothing)
{
    node_fixture_run(reuses_records);
}
END_TEST

static osr_err reaches_the_limit(osr_self *self)
{
    static osr_ref all[2048];
    osr_ref more;
    for (int i = 0; i < 2048; i++) {
        CHECK_OK(self, osr_timer_start(self, 60000, &all[i]));
    }
    OSR_CHECK(self, osr_timer_start(self, 60000, &more) == OSR_ELIMIT);
    OSR_CHECK(self, osr_timer_cancel(self, all[1000], NULL));
    CHECK_OK(self, osr_timer_start(self, 60000, &more));
    return OSR_OK;
}

static osr_err limit_run(osr_self *self, const void *argument)
{
    (void)argument;
    return reaches_the_limit(self);
}

/* The limit of live timers gives an error, and room again when one is cancelled. */
START_TEST(timers_are_limited)
{
    osr_node *node = node_fixture_own(OSR_NODE(.timers_max = 2000, .schedulers = 1));
    osr_pid pid;
    osr_ended ended;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    static const osr_entry entry = {.name = "limit", .run = limit_run};
    ck_assert_int_eq(osr_node_spawn(node, &entry, NULL, NULL, &pid), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 20000, &ended), OSR_OK);
    ck_assert_msg(ended.code == OSR_REASON_NORMAL, "%s", ended.text);
    node_fixture_own_end(&node, 1000);
}
END_TEST

static osr_err many_blocks(osr_self *self)
{
    void *blocks[100];
    osr_message message;
    const void *kept[10];
    for (int i = 0; i < 10; i++) {
        note_send(self, osr_to(osr_self_pid(self)), &(note){.n = i});
        CHECK_OK(self, osr_receive(self, 0, &message));
        CHECK_OK(self, osr_keep(self, &message, &kept[i]));
        OSR_CHECK(self, osr_keep(self, &message, &kept[i]) == OSR_EINVAL);
    }
    for (int i = 0; i < 100; i++) {
        blocks[i] = osr_alloc(self, (size_t)i + 1);
        OSR_CHECK(self, blocks[i] != NULL && (uintptr_t)blocks[i] % 16 == 0);
    }
    for (int i = 0; i < 100; i += 2) {
        osr_free(self, blocks[i]);
    }
    for (int i = 1; i < 10; i += 2) {
        OSR_CHECK(self, ((const note *)kept[i])->n == i);
        osr_free(self, (void *)(uintptr_t)kept[i]);
    }
    osr_free(self, NULL);
    return OSR_OK; /* the rest goes with the process: the fixture counts */
}

/* Memory and kept messages are freed in any order, and what is left goes with the process. */
START_TEST(what_is_not_freed_goes_with_the_process)
{
    node_fixture_run(many_blocks);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, clean_ups_go_on_after_one_that_exits);
    tcase_add_test(tests, messages_of_one_body_are_kept_and_freed_one_by_one);
    tcase_add_test(tests, one_that_does_not_leave_is_abandoned);
    tcase_add_test(tests, a_timer_tells_what_is_left);
    tcase_add_test(tests, an_old_reference_cancels_nothing);
    tcase_add_test(tests, timers_are_limited);
    tcase_add_test(tests, cancelling_a_fired_timer_does_not_lose_it);
    tcase_add_test(tests, what_is_not_freed_goes_with_the_process);
}

int main(void)
{
    Suite *suite = suite_create("own");
    TCase *threaded = tcase_create("threads");
    tcase_add_checked_fixture(threaded, node_fixture_threaded, node_fixture_end);
    tcase_add_test(threaded, a_timer_that_could_not_be_cancelled_arrives);
    tcase_add_test(threaded, one_that_leaves_late_is_not_abandoned);
    suite_add_tcase(suite, threaded);
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
