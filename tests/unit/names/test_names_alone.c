/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "osier/global.h"
#include "tests/unit/process/process_kit.h"

/* Cluster-wide names on a node that has no distribution. */

OSR_MESSAGE(result, 0x7021, (1, i32, error));
OSR_MESSAGE(claimer_options, 0x7020, (1, pid, parent));

OSR_ENTRY(claimer, claimer_options)
{
    osr_message message;
    result mine = {.error = (int32_t)osr_global_register(self, "one", osr_self_pid(self), NULL)};
    (void)result_send(self, osr_to(argument->parent), &mine);
    return osr_receive(self, OSR_FOREVER, &message);
}

#define CLAIMERS 20

static osr_err race(osr_self *self)
{
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    for (int round = 0; round < 20; round++) {
        osr_pid pids[CLAIMERS];
        unsigned won = 0;
        claimer_options options = {.parent = osr_self_pid(self)};
        for (int i = 0; i < CLAIMERS; i++) {
            CHECK_OK(self, claimer_spawn(self, &options, OSR_SPAWN(.link = false), &pids[i]));
        }
        for (int i = 0; i < CLAIMERS; i++) {
            osr_message message;
            CHECK_OK(self, osr_receive(self, 5000, &message));
            const result *theirs = OSR_AS(result, &message);
            OSR_CHECK(self, theirs->error == OSR_OK || theirs->error == OSR_ETAKEN);
            if (theirs->error == OSR_OK) {
                won++;
                OSR_CHECK(self, osr_pid_equal(osr_global_whereis(self, "one"), message.from));
            }
        }
        OSR_CHECK(self, won == 1);
        osr_pid winner = osr_global_whereis(self, "one");
        osr_ref monitor;
        osr_message message;
        CHECK_OK(self, osr_monitor(self, osr_to(winner), &monitor));
        for (int i = 0; i < CLAIMERS; i++) {
            CHECK_OK(self, osr_send_exit(self, pids[i], &kill));
        }
        CHECK_OK(self, osr_receive(self, 5000, &message));
        OSR_CHECK(self, OSR_AS(osr_down, &message) != NULL);
        OSR_CHECK(self, osr_pid_is_none(osr_global_whereis(self, "one")));
    }
    return OSR_OK;
}

/* Of many that want a name one gets it, and it is free again by its down message. */
START_TEST(one_of_many_gets_the_name)
{
    node_fixture_run(race);
}
END_TEST

static osr_err several(osr_self *self)
{
    osr_pid me = osr_self_pid(self), nobody = me;
    osr_str *names;
    size_t count;
    osr_message message;
    nobody.generation += 1000;
    CHECK_OK(self, osr_global_register(self, "b", me, NULL));
    CHECK_OK(self, osr_global_register(self, "a", me, NULL));
    OSR_CHECK(self, osr_global_register(self, "a", me, NULL) == OSR_ETAKEN);
    OSR_CHECK(self, osr_global_register(self, "", me, NULL) == OSR_EINVAL);
    OSR_CHECK(self, osr_global_register(self, "c", nobody, NULL) == OSR_ENOPROC);
    CHECK_OK(self, osr_global_names(self, &names, &count));
    OSR_CHECK(self, count == 2 && strcmp(names[0].at, "b") == 0 && strcmp(names[1].at, "a") == 0);
    osr_free(self, names);
    CHECK_OK(self, OSR_GLOBAL_SEND(note, self, "b", &(note){.n = 4}));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == 4);
    CHECK_OK(self, osr_global_unregister(self, "b"));
    OSR_CHECK(self, osr_global_unregister(self, "b") == OSR_ENOTFOUND);
    OSR_CHECK(self, OSR_GLOBAL_SEND(note, self, "b", &(note){.n = 5}) == OSR_ENOPROC);
    OSR_CHECK(self, osr_pid_is_none(osr_global_whereis(self, "b")));
    CHECK_OK(self, osr_global_register(self, "b", me, NULL));
    return OSR_OK;
}

/* A process may have several names; each is listed, sent to and taken back by itself. */
START_TEST(names_are_listed_sent_to_and_taken_back)
{
    node_fixture_run(several);
}
END_TEST

static void all(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, one_of_many_gets_the_name);
    tcase_add_test(tests, names_are_listed_sent_to_and_taken_back);
}

int main(void)
{
    Suite *suite = suite_create("cluster-wide names of one node");
    ADD_BOTH(suite, all);
    return run_suite(suite);
}
