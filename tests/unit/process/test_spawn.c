/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/heap.h"
#include "lib/process/node.h"
#include "tests/unit/process/process_kit.h"

/* Spawns that fail, slots that are used up, and what a process starts with. */

OSR_ENTRY(waits, note)
{
    osr_message message;
    return osr_receive(self, OSR_FOREVER, &message);
}

OSR_ENTRY(returns, note)
{
    return OSR_OK;
}

static osr_node *small_node(uint32_t processes_max)
{
    return node_fixture_own(
        OSR_NODE(.name = "small@host", .processes_max = processes_max, .log_level = OSR_LOG_ERROR));
}

static void step_all(osr_node *node)
{
    uint64_t due;
    while (osr_node_step(node, &due)) {
    }
}

/* The table takes as many processes as it was made for, not one more, and one again when one has
 * ended. */
START_TEST(the_table_has_a_limit)
{
    osr_node *node = small_node(3);
    osr_pid pid;
    osr_reason reason = osr_reason_of(OSR_REASON_SHUTDOWN);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(osr_node_spawn(node, &waits_osr_entry, &(note){0}, NULL, &pid), OSR_OK);
    }
    ck_assert_int_eq(osr_node_spawn(node, &waits_osr_entry, &(note){0}, NULL, NULL), OSR_ELIMIT);
    step_all(node);
    ck_assert_int_eq(osr_node_exit(node, pid, &reason), OSR_OK);
    step_all(node);
    ck_assert_int_eq(osr_node_spawn(node, &waits_osr_entry, &(note){0}, NULL, NULL), OSR_OK);
    node_fixture_own_end(&node, 0);
}
END_TEST

/* A slot whose generations are used up is never given out again, and its last pid stays dead. */
START_TEST(a_slot_without_generations_is_retired)
{
    osr_node *node = small_node(2);
    osr_pid last;
    osr_pid other;
    osr_snapshot who;
    ck_assert_int_eq(osr_node_spawn(node, &returns_osr_entry, &(note){0}, NULL, NULL), OSR_OK);
    step_all(node);
    atomic_store(&osri_table_at(node, 0)->generation, UINT32_MAX);
    ck_assert_int_eq(osr_node_spawn(node, &returns_osr_entry, &(note){0}, NULL, &last), OSR_OK);
    ck_assert_uint_eq(last.generation, UINT32_MAX);
    step_all(node);
    ck_assert_int_eq(osr_snapshot_of(node, last, &who), OSR_ENOPROC);
    for (uint32_t i = 1; i < 5; i++) {
        ck_assert_int_eq(osr_node_spawn(node, &returns_osr_entry, &(note){0}, NULL, &other),
                         OSR_OK);
        ck_assert_uint_eq(other.slot, 1);
        ck_assert_uint_eq(other.generation, i);
        step_all(node);
    }
    node_fixture_own_end(&node, 0);
}
END_TEST

static osr_err refused_spawns(osr_self *self)
{
    osr_pid pid;
    OSR_CHECK(self, osr_spawn(self, &returns_osr_entry, NULL, NULL, &pid) == OSR_EINVAL);
    OSR_CHECK(self, returns_spawn(self, &(note){0}, OSR_SPAWN(.stack_bytes = UINT32_MAX), &pid) ==
                        OSR_EINVAL);
    OSR_CHECK(self, returns_spawn(self, &(note){0}, OSR_SPAWN(.name = ""), &pid) == OSR_EINVAL);
    CHECK_OK(self, waits_spawn(self, &(note){0}, OSR_SPAWN(.name = "one", .link = true), &pid));
    OSR_CHECK(self, waits_spawn(self, &(note){0}, OSR_SPAWN(.name = "one", .link = true), &pid) ==
                        OSR_ETAKEN);
    return OSR_OK;
}

/* A spawn that cannot be is refused, leaving no process and no name behind. */
START_TEST(a_spawn_that_cannot_be_is_refused)
{
    node_fixture_run(refused_spawns);
}
END_TEST

static osr_err body_start(osr_self *self, void *state, const void *argument)
{
    (void)self;
    *(int64_t *)state = argument == NULL ? 7 : ((const note *)argument)->n;
    return OSR_OK;
}

static osr_err body_message(osr_self *self, void *state, const osr_message *message)
{
    note_send(self, osr_to(message->from), &(note){.n = *(int64_t *)state});
    return OSR_OK;
}

static const osri_body_ops body_ops = {
    .name = "body", .state_bytes = sizeof(int64_t), .start = body_start, .message = body_message};
static const osri_exported_body exported = {&body_ops, NULL};
static const osr_entry behaviour = {"behaviour", &note_osr_type, NULL,
                                    __FILE__,    __LINE__,       &exported};

static osr_err spawns_behaviour(osr_self *self)
{
    osr_pid pid;
    osr_message message;
    CHECK_OK(self, osr_spawn(self, &behaviour, &(note){.n = 3}, OSR_SPAWN(.link = true), &pid));
    note_send(self, osr_to(pid), &(note){.n = 0});
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == 3);
    return OSR_OK;
}

/* osr_spawn() starts an entry that stands for a behaviour. */
START_TEST(an_entry_may_be_a_behaviour)
{
    node_fixture_run(spawns_behaviour);
}
END_TEST

static osr_err related(osr_self *self)
{
    osr_ref first;
    osr_ref second;
    osr_pid pid;
    (void)osr_trap_exit(self, true);
    CHECK_OK(self, returns_spawn(self, &(note){0},
                                 OSR_SPAWN(.monitor = true, .ret_monitor = &first), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    CHECK_OK(self,
             returns_spawn(self, &(note){0},
                           OSR_SPAWN(.link = true, .monitor = true, .ret_monitor = &second), &pid));
    OSR_CHECK(self, first.number != second.number);
    OSR_CHECK(self, next_exit(self) == OSR_REASON_NORMAL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    expect_silence(self);
    return OSR_OK;
}

/* Link and monitor of a spawn fire once each, also when the child ends at once. */
START_TEST(spawn_relations_fire_once)
{
    node_fixture_run(related);
}
END_TEST

static osr_err many_generations(osr_self *self)
{
    osr_pid first;
    CHECK_OK(self, returns_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &first));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    osr_pid pid = first;
    for (int i = 0; i < 3000; i++) {
        CHECK_OK(self, returns_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &pid));
        OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
        OSR_CHECK(self, !osr_pid_equal(pid, first));
    }
    OSR_CHECK(self, !osr_is_alive(self, first));
    return OSR_OK;
}

/* A pid is never used twice while slots are used again and again. */
START_TEST(no_pid_is_used_twice)
{
    node_fixture_run(many_generations);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, a_spawn_that_cannot_be_is_refused);
    tcase_add_test(tests, an_entry_may_be_a_behaviour);
    tcase_add_test(tests, spawn_relations_fire_once);
    tcase_add_test(tests, no_pid_is_used_twice);
}

int main(void)
{
    Suite *suite = suite_create("spawn");
    TCase *tests = tcase_create("table");
    tcase_add_test(tests, the_table_has_a_limit);
    tcase_add_test(tests, a_slot_without_generations_is_retired);
    suite_add_tcase(suite, tests);
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
