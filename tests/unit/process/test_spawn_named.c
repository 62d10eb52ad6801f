/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/process/process_kit.h"

/* A process that is started under a name can be found, and signalled, before it has run. */

#define ROUNDS 3000

OSR_ENTRY(target, note)
{
    return osr_sleep(self, OSR_FOREVER);
}

/* Kills whoever has the name as soon as it can be found, once each. */
OSR_ENTRY(hunter, note)
{
    osr_pid last = OSR_PID_NONE;
    for (int64_t killed = 0; killed < ROUNDS;) {
        osr_pid pid = osr_whereis(self, "target");
        if (!osr_pid_is_none(pid) && !osr_pid_equal(pid, last)) {
            send_exit(self, pid, OSR_REASON_KILL);
            last = pid;
            killed += 1;
        }
        if (osr_yield(self) != OSR_OK) {
            return OSR_EEXIT;
        }
    }
    return OSR_OK;
}

static osr_err spawns(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, hunter_spawn(self, &(note){0}, OSR_SPAWN(.link = true), &pid));
    for (int i = 0; i < ROUNDS; i++) {
        osr_ref monitor;
        CHECK_OK(self,
                 target_spawn(self, &(note){0},
                              OSR_SPAWN(.name = "target", .monitor = true, .ret_monitor = &monitor),
                              &pid));
        OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    }
    return OSR_OK;
}

/* No signal to a name is lost between its registration and the first turn of its process. */
START_TEST(a_signal_to_a_name_that_was_just_registered_arrives)
{
    node_fixture_run(spawns);
}
END_TEST

static osr_err taken(osr_self *self)
{
    osr_pid first;
    osr_pid second;
    CHECK_OK(self, target_spawn(self, &(note){0}, OSR_SPAWN(.name = "target"), &first));
    OSR_CHECK(self, target_spawn(self, &(note){0}, OSR_SPAWN(.name = "target", .link = true),
                                 &second) == OSR_ETAKEN);
    OSR_CHECK(self, osr_is_alive(self, first));
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "target"), first));
    send_exit(self, first, OSR_REASON_KILL);
    return OSR_OK;
}

/* A spawn under a name that is taken starts nothing and leaves the name with its process. */
START_TEST(a_taken_name_starts_nothing)
{
    node_fixture_run(taken);
}
END_TEST

static void tests(TCase *tcase)
{
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, a_signal_to_a_name_that_was_just_registered_arrives);
    tcase_add_test(tcase, a_taken_name_starts_nothing);
}

int main(void)
{
    Suite *suite = suite_create("spawn_named");
    ADD_BOTH(suite, tests);
    return run_suite(suite);
}
