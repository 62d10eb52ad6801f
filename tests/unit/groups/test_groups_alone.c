/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "osier/group.h"
#include "tests/unit/process/process_kit.h"

/* Process groups on a node that has no distribution. */

OSR_MESSAGE(idler_options, 0x7010, (1, str, group));

OSR_ENTRY(idler, idler_options)
{
    osr_message message;
    osr_err err = argument->group.size == 0
                      ? OSR_OK
                      : osr_group_join(self, NULL, argument->group.at, osr_self_pid(self));
    return err == OSR_OK ? osr_receive(self, OSR_FOREVER, &message) : err;
}

static osr_pid idler(osr_self *self)
{
    osr_pid pid = OSR_PID_NONE;
    CHECK_OK(self, idler_spawn(self, &(idler_options){{0}}, NULL, &pid));
    return pid;
}

static void expect_members(osr_self *self, const char *scope, const char *group, size_t wanted)
{
    osr_pid *pids;
    size_t count;
    CHECK_OK(self, osr_group_members(self, scope, group, &pids, &count));
    OSR_CHECK(self, count == wanted && (pids == NULL) == (wanted == 0));
    osr_free(self, pids);
}

static osr_err members_in_order(osr_self *self)
{
    osr_pid a = idler(self), b = idler(self), *pids;
    size_t count;
    CHECK_OK(self, osr_group_join(self, NULL, "g", b));
    CHECK_OK(self, osr_group_join(self, NULL, "g", a));
    CHECK_OK(self, osr_group_join(self, NULL, "g", b));
    CHECK_OK(self, osr_group_members(self, NULL, "g", &pids, &count));
    OSR_CHECK(self, count == 3);
    OSR_CHECK(self,
              osr_pid_equal(pids[0], b) && osr_pid_equal(pids[1], a) && osr_pid_equal(pids[2], b));
    osr_free(self, pids);
    CHECK_OK(self, osr_group_local_members(self, NULL, "g", &pids, &count));
    OSR_CHECK(self, count == 3);
    osr_free(self, pids);
    expect_members(self, "other", "g", 0);
    return OSR_OK;
}

/* Members come in the order in which they joined; another scope knows nothing of them. */
START_TEST(members_come_in_order)
{
    node_fixture_run(members_in_order);
}
END_TEST

static osr_err names_of_groups(osr_self *self)
{
    osr_str *groups;
    size_t count;
    osr_pid me = osr_self_pid(self);
    osr_ref monitor;
    CHECK_OK(self, osr_group_names(self, "s", &groups, &count));
    OSR_CHECK(self, count == 0 && groups == NULL);
    CHECK_OK(self, osr_group_monitor(self, "s", "watched", &monitor));
    CHECK_OK(self, osr_group_join(self, "s", "zoo", me));
    CHECK_OK(self, osr_group_join(self, "s", "ant", me));
    CHECK_OK(self, osr_group_names(self, "s", &groups, &count));
    OSR_CHECK(self, count == 2 && strcmp(groups[0].at, "zoo") == 0 &&
                        strcmp(groups[1].at, "ant") == 0 && groups[1].size == 3);
    osr_free(self, groups);
    CHECK_OK(self, osr_group_leave(self, "s", "zoo", me));
    CHECK_OK(self, osr_group_names(self, "s", &groups, &count));
    OSR_CHECK(self, count == 1);
    return OSR_OK;
}

/* Groups are listed while they have members, oldest first; one that is only watched is not. */
START_TEST(groups_are_listed_while_they_have_members)
{
    node_fixture_run(names_of_groups);
}
END_TEST

static osr_err monitor_and_demonitor(osr_self *self)
{
    osr_pid a = idler(self), me = osr_self_pid(self);
    osr_ref first, second;
    osr_message message;
    CHECK_OK(self, osr_group_monitor(self, NULL, "g", &first));
    CHECK_OK(self, osr_group_monitor(self, NULL, "g", &second));
    OSR_CHECK(self, osr_group_demonitor(self, first));
    OSR_CHECK(self, !osr_group_demonitor(self, first));
    CHECK_OK(self, osr_group_join(self, NULL, "g", a));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_group_joined *joined = OSR_AS(osr_group_joined, &message);
    OSR_CHECK(self, joined != NULL && osr_ref_equal(joined->monitor, second));
    OSR_CHECK(self, joined->pids.count == 1 && osr_pid_equal(joined->pids.at[0], a));
    OSR_CHECK(self, strcmp(joined->scope.at, "default") == 0);
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    CHECK_OK(self, osr_send_exit(self, a, &kill));
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(osr_group_left, &message) != NULL);
    CHECK_OK(self, osr_group_join(self, NULL, "h", me));
    expect_silence(self);
    return OSR_OK;
}

/* Each monitor is ended by itself; a killed member leaves. */
START_TEST(monitors_end_one_by_one)
{
    node_fixture_run(monitor_and_demonitor);
}
END_TEST

static osr_err race(osr_self *self)
{
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    for (int i = 0; i < 300; i++) {
        osr_spawn_options options = {.size = sizeof(options), .monitor = true};
        osr_ref monitor;
        osr_pid pid;
        osr_message message;
        options.ret_monitor = &monitor;
        CHECK_OK(self, idler_spawn(self, &(idler_options){osr_str_of(i % 2 == 0 ? "g" : "")},
                                   &options, &pid));
        (void)osr_send_exit(self, pid, &kill);
        osr_err err = osr_group_join(self, NULL, "g", pid);
        OSR_CHECK(self, err == OSR_OK || err == OSR_ENOPROC);
        (void)osr_group_leave(self, NULL, "g", pid);
        CHECK_OK(self, osr_receive(self, 5000, &message));
        OSR_CHECK(self, OSR_AS(osr_down, &message) != NULL);
        expect_members(self, NULL, "g", 0);
    }
    return OSR_OK;
}

/* Joining, leaving and ending at once leave no membership behind once the end is known. */
START_TEST(leave_exit_race)
{
    node_fixture_run(race);
}
END_TEST

static void all(TCase *tests)
{
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, members_come_in_order);
    tcase_add_test(tests, groups_are_listed_while_they_have_members);
    tcase_add_test(tests, monitors_end_one_by_one);
    tcase_add_test(tests, leave_exit_race);
}

int main(void)
{
    Suite *suite = suite_create("process groups of one node");
    ADD_BOTH(suite, all);
    return run_suite(suite);
}
