/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "dist/identity/policy.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/core/heap.h"

/* roles.policy: what its lines mean, and what is said of a bad one. */

#define HEAD "# osier-roles-policy-1\n"

static osri_policy policy;

static void set_up(void)
{
    osri_policy_init(&policy);
}

static void tear_down(void)
{
    osri_policy_fini(&policy);
}

static void use(const char *text)
{
    osri_policy_rules *rules;
    char why[256];
    ck_assert_msg(osri_policy_rules_parse(text, "roles.policy", &rules, why, sizeof(why)) == OSR_OK,
                  "%s", why);
    osri_policy_replace(&policy, &rules);
    ck_assert_ptr_null(rules);
}

static bool spawns(const char *peer, const char *entry)
{
    return osri_policy_allows(&policy, OSRI_ROLE_SPAWN, peer, entry);
}

static bool reads(const char *peer)
{
    return osri_policy_allows(&policy, OSRI_ROLE_SHELL_READ, peer, NULL);
}

/* Without a file the certificate decides alone. */
START_TEST(no_policy_allows_all)
{
    ck_assert(osri_policy_allows(NULL, OSRI_ROLE_SPAWN, "a@h", "x"));
    ck_assert(spawns("a@h", "x"));
    ck_assert(reads("a@h"));
}
END_TEST

/* A file allows what it says and nothing else; an empty one nothing. */
START_TEST(what_no_rule_allows_is_refused)
{
    use(HEAD);
    ck_assert(!spawns("a@h", "x"));
    ck_assert(!reads("a@h"));
    use(HEAD "\n# who may what\n  spawn: a@h db_writer db_reader\r\nshell-read: b@h");
    ck_assert(spawns("a@h", "db_writer"));
    ck_assert(spawns("a@h", "db_reader"));
    ck_assert(!spawns("a@h", "db_write"));
    ck_assert(!spawns("a@h", "db_writers"));
    ck_assert(!spawns("a@h", NULL));
    ck_assert(!spawns("aa@h", "db_writer"));
    ck_assert(!spawns("b@h", "db_writer"));
    ck_assert(!osri_policy_allows(&policy, OSRI_ROLE_SUPERVISE, "a@h", "db_writer"));
    ck_assert(reads("b@h"));
    ck_assert(!reads("a@h"));
    ck_assert(!osri_policy_allows(&policy, OSRI_ROLE_SHELL_WRITE, "b@h", NULL));
}
END_TEST

/* A * stands for any characters, or none, anywhere. */
START_TEST(stars_stand_for_anything)
{
    use(HEAD "spawn: *@alpha db_*\nspawn: w*er*@h *\nsupervise: * a*b*c\nshell-write: *");
    ck_assert(spawns("x@alpha", "db_"));
    ck_assert(spawns("@alpha", "db_writer"));
    ck_assert(!spawns("x@alpha", "dbwriter"));
    ck_assert(!spawns("x@alphax", "db_writer"));
    ck_assert(spawns("worker7@h", "anything"));
    ck_assert(spawns("weer@h", "anything"));
    ck_assert(!spawns("worke@h", "anything"));
    ck_assert(osri_policy_allows(&policy, OSRI_ROLE_SUPERVISE, "a@h", "aXbXbXc"));
    ck_assert(!osri_policy_allows(&policy, OSRI_ROLE_SUPERVISE, "a@h", "aXcXb"));
    ck_assert(osri_policy_allows(&policy, OSRI_ROLE_SHELL_WRITE, "you@anywhere", NULL));
}
END_TEST

static const struct {
    const char *text;
    const char *says;
} bad[] = {
    {"", "p: line 1: not a policy of roles; it begins with \"# osier-roles-policy-1\""},
    {"spawn: * *\n", "p: line 1: not a policy"},
    {HEAD "spawn: * *\n\nspwan: * *\n", "p: line 4: \"spwan\" begins no rule; type spawn:,"},
    {HEAD "spawn * *\n", "p: line 2: \"spawn\" begins no rule"},
    {HEAD "join: *\n", "p: line 2: \"join\" begins no rule"},
    {HEAD "spawn:\n", "p: line 2: \"\" is no peer; type NAME@HOST"},
    {HEAD "shell-read: a/b\n", "p: line 2: \"a/b\" is no peer"},
    {HEAD "spawn: a@h\n", "p: line 2: no entry; type which ones"},
    {HEAD "spawn: a@h \x01\n", "p: line 2: \"\x01\" is no name of an entry"},
    {HEAD "shell-read: a@h b@h\n", "p: line 2: \"b@h\" is too much"},
};

/* Each names the line of the first bad rule. */
START_TEST(bad_rule_is_named_by_its_line)
{
    osri_policy_rules *rules = NULL;
    char why[256] = "";
    uint64_t blocks = osri_heap_live_blocks();
    ck_assert_int_eq(osri_policy_rules_parse(bad[_i].text, "p", &rules, why, sizeof(why)),
                     OSR_EPROTO);
    ck_assert_msg(strncmp(why, bad[_i].says, strlen(bad[_i].says)) == 0, "%s", why);
    ck_assert_ptr_null(rules);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
}
END_TEST

/* More rules than there may be are refused, not cut. */
START_TEST(too_many_rules_are_refused)
{
    static char text[OSRI_POLICY_RULES_MAX * 2 + 128];
    osri_policy_rules *rules;
    char why[256];
    size_t used = (size_t)snprintf(text, sizeof(text), HEAD "spawn: *");
    for (int i = 0; i < OSRI_POLICY_RULES_MAX; i++) {
        used += (size_t)snprintf(text + used, sizeof(text) - used, " x");
    }
    use(text);
    ck_assert(spawns("a@h", "x"));
    (void)snprintf(text + used, sizeof(text) - used, " x");
    ck_assert_int_eq(osri_policy_rules_parse(text, "p", &rules, why, sizeof(why)), OSR_EPROTO);
    ck_assert_ptr_nonnull(strstr(why, "more than 1024 rules"));
}
END_TEST

/* A file that others may write is not believed. */
START_TEST(file_that_others_may_write_is_refused)
{
    char path[] = "/tmp/osier-policy-XXXXXX", why[512];
    osri_policy_rules *rules;
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_gt(write(fd, HEAD, sizeof(HEAD) - 1), 0);
    ck_assert_int_eq(fchmod(fd, 0664), 0);
    ck_assert_int_eq(osri_policy_rules_load(path, &rules, why, sizeof(why)), OSR_EPERM);
    ck_assert_ptr_nonnull(strstr(why, "writable by others (mode 0664)"));
    ck_assert_int_eq(fchmod(fd, 0644), 0);
    ck_assert_int_eq(osri_policy_rules_load(path, &rules, why, sizeof(why)), OSR_OK);
    osri_policy_rules_free(&rules);
    close(fd);
    unlink(path);
    ck_assert_int_eq(osri_policy_rules_load(path, &rules, why, sizeof(why)), OSR_ENOTFOUND);
}
END_TEST

/* Whichever allocation fails, the error is reported and nothing leaks. */
START_TEST(memory_runs_out)
{
    osri_policy_rules *rules = NULL;
    char why[256];
    osr_err err = OSR_ENOMEM;
    uint64_t blocks = osri_heap_live_blocks();
    for (uint64_t nth = 1; err != OSR_OK; nth++) {
        ck_assert_uint_lt(nth, 10);
        osri_heap_fail_after(nth, false);
        err = osri_policy_rules_parse(HEAD "spawn: * *\n", "p", &rules, why, sizeof(why));
        osri_heap_fail_after(0, false);
        ck_assert(err == OSR_OK || err == OSR_ENOMEM);
    }
    osri_policy_rules_free(&rules);
    ck_assert_uint_eq(osri_heap_live_blocks(), blocks);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("policy");
    TCase *all = tcase_create("all");
    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_add_test(all, no_policy_allows_all);
    tcase_add_test(all, what_no_rule_allows_is_refused);
    tcase_add_test(all, stars_stand_for_anything);
    tcase_add_loop_test(all, bad_rule_is_named_by_its_line, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(all, too_many_rules_are_refused);
    tcase_add_test(all, file_that_others_may_write_is_refused);
    tcase_add_test(all, memory_runs_out);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
