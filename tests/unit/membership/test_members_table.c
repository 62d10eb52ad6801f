/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dist/membership/table.h"

/* What the table believes: the rows of dist/membership/PROTOCOL.md. We are "a@h", version 100. */

#define WALL_MS UINT64_C(1800000000000)

static const uint8_t key[OSRI_KEY_BYTES] = {1};
static osri_members table;
static osri_heard_member heard;
static osri_member contested;
static const osri_members_entry *entry;

static osri_member member(const char *name, uint64_t creation, uint64_t version,
                          osri_member_state state)
{
    return (osri_member){.name = name,
                         .creation = creation,
                         .version = version,
                         .state = state,
                         .endpoint = "tcp://h:1",
                         .labels = "",
                         .key = key};
}

static void setup(void)
{
    osri_member self = member("a@h", 1, 100, OSRI_MEMBER_JOINED);

    ck_assert_int_eq(osri_members_init(&table, 0, &self), OSR_OK);
}

static void teardown(void)
{
    osri_members_fini(&table);
}

static void hear(const char *from, const char *name, uint64_t creation, uint64_t version,
                 osri_member_state state, osri_heard_member expected)
{
    osri_member said = member(name, creation, version, state);
    osri_hearing hearing = {.source = 1, .peer = from, .wall_ms = WALL_MS};

    ck_assert_int_eq(osri_members_hear(&table, &hearing, &said, &heard, &entry, &contested),
                     OSR_OK);
    ck_assert_int_eq(heard, expected);
}

static void up(const char *name, uint64_t creation)
{
    osri_member peer = member(name, creation, 0, OSRI_MEMBER_JOINED);

    ck_assert_int_eq(osri_members_up(&table, &peer, &entry), OSR_OK);
}

static void expect(const char *name, uint64_t version, osri_member_state state)
{
    entry = osri_members_find(&table, name);
    ck_assert_ptr_nonnull(entry);
    ck_assert_uint_eq(entry->now.version, version);
    ck_assert_int_eq(entry->now.state, state);
}

/* What peers are still to be told, as "name version state " each. */
static void expect_told(uint64_t source, uint64_t *told, const char *expected)
{
    static osri_members_writer record;
    char text[256] = "";
    size_t used = 0;
    uint64_t from = *told;

    osri_members_begin(&record);
    ck_assert(!osri_members_tell(&table, source, told, &record));
    for (osri_list_link *l = osri_list_first(&table.entries); l != NULL;
         l = osri_list_next(&table.entries, l)) {
        const osri_members_entry *at = OSRI_LIST_ENTRY(l, osri_members_entry, link);
        if (at->changed > from && at->source != source && at->now.version != 0) {
            used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %llu %d ", at->name,
                                     (unsigned long long)at->now.version, (int)at->now.state);
        }
    }
    ck_assert_str_eq(text, expected);
    ck_assert_uint_eq(record.count == 0, expected[0] == '\0');
}

/* The greater version is believed; of the same version that somebody is gone. */
START_TEST(the_newer_word_is_believed)
{
    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_STALE);
    hear("b@h", "c@h", 3, 9, OSRI_MEMBER_LOST, OSRI_MEMBER_STALE);
    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_LOST, OSRI_MEMBER_NEWS);
    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_STALE);
    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_LEFT, OSRI_MEMBER_STALE);
    expect("c@h", 10, OSRI_MEMBER_LOST);
    hear("b@h", "c@h", 4, 11, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    expect("c@h", 11, OSRI_MEMBER_JOINED);
}
END_TEST

/* Who is said to be gone refutes it with a version above all that was said; so do we when another
 * creation has our name. An echo of our own word is none. */
START_TEST(we_refute_what_is_wrong_about_us)
{
    hear("b@h", "a@h", 1, 100, OSRI_MEMBER_JOINED, OSRI_MEMBER_STALE);
    hear("b@h", "a@h", 1, 99, OSRI_MEMBER_LOST, OSRI_MEMBER_STALE);
    hear("b@h", "a@h", 1, 100, OSRI_MEMBER_LOST, OSRI_MEMBER_REFUTED);
    expect("a@h", 101, OSRI_MEMBER_JOINED);
    hear("b@h", "a@h", 9, 500, OSRI_MEMBER_JOINED, OSRI_MEMBER_REFUTED);
    expect("a@h", 501, OSRI_MEMBER_JOINED);
    ck_assert_uint_eq(entry->now.creation, 1);
}
END_TEST

/* A version that lies so far ahead that its member could not refute it is not believed. */
START_TEST(a_version_from_the_future_is_dropped)
{
    uint64_t day_ahead = (WALL_MS + 86400000) << 16;

    hear("b@h", "c@h", 3, day_ahead + 1, OSRI_MEMBER_LOST, OSRI_MEMBER_STALE);
    ck_assert_ptr_null(osri_members_find(&table, "c@h"));
    hear("b@h", "a@h", 3, day_ahead + 1, OSRI_MEMBER_LOST, OSRI_MEMBER_STALE);
    expect("a@h", 100, OSRI_MEMBER_JOINED);
    hear("b@h", "c@h", 3, day_ahead, OSRI_MEMBER_LOST, OSRI_MEMBER_NEWS);
}
END_TEST

/* Others cannot say that a connected peer is gone: it is told of it instead. */
START_TEST(a_connected_peer_is_not_gone_by_hearsay)
{
    up("b@h", 2);
    hear("b@h", "b@h", 2, 50, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    hear("c@h", "b@h", 2, 50, OSRI_MEMBER_LOST, OSRI_MEMBER_CONTESTED);
    ck_assert_uint_eq(contested.version, 50);
    ck_assert_int_eq(contested.state, OSRI_MEMBER_LOST);
    expect("b@h", 50, OSRI_MEMBER_JOINED);
    hear("c@h", "b@h", 7, 60, OSRI_MEMBER_JOINED, OSRI_MEMBER_CONTESTED);
    hear("c@h", "b@h", 2, 49, OSRI_MEMBER_LOST, OSRI_MEMBER_STALE);
    hear("b@h", "b@h", 2, 61, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    hear("c@h", "b@h", 2, 62, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
}
END_TEST

/* A peer that comes back without having heard that it was said to be lost hears it, and its next
 * word is believed. */
START_TEST(a_peer_that_comes_back_refutes)
{
    up("b@h", 2);
    hear("b@h", "b@h", 2, 50, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    ck_assert_ptr_nonnull(osri_members_down(&table, "b@h", OSRI_MEMBER_LOST));
    expect("b@h", 50, OSRI_MEMBER_LOST);
    up("b@h", 2);
    hear("b@h", "b@h", 2, 50, OSRI_MEMBER_JOINED, OSRI_MEMBER_CONTESTED);
    ck_assert_int_eq(contested.state, OSRI_MEMBER_LOST);
    hear("b@h", "b@h", 2, 51, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    expect("b@h", 51, OSRI_MEMBER_JOINED);
}
END_TEST

/* A restart whose clock has gone back has a smaller version: it is told, and raises it. */
START_TEST(a_restart_with_an_earlier_clock_is_contested)
{
    up("b@h", 2);
    hear("b@h", "b@h", 2, 50, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    ck_assert_ptr_nonnull(osri_members_down(&table, "b@h", OSRI_MEMBER_LOST));
    up("b@h", 8);
    hear("b@h", "b@h", 8, 40, OSRI_MEMBER_JOINED, OSRI_MEMBER_CONTESTED);
    hear("b@h", "b@h", 8, 51, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    ck_assert_uint_eq(osri_members_find(&table, "b@h")->now.creation, 8);
}
END_TEST

/* A peer that disconnects on purpose is still there; one that said goodbye has left. */
START_TEST(a_goodbye_is_not_a_loss)
{
    up("b@h", 2);
    hear("b@h", "b@h", 2, 50, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    ck_assert_ptr_nonnull(osri_members_down(&table, "b@h", OSRI_MEMBER_JOINED));
    expect("b@h", 50, OSRI_MEMBER_JOINED);
    ck_assert_ptr_null(osri_members_down(&table, "b@h", OSRI_MEMBER_LOST));
    up("b@h", 2);
    ck_assert_ptr_nonnull(osri_members_down(&table, "b@h", OSRI_MEMBER_LEFT));
    expect("b@h", 50, OSRI_MEMBER_LEFT);
}
END_TEST

/* Where nobody answers the member is said to be lost, once for each start of it. */
START_TEST(a_member_that_does_not_answer_is_told_once)
{
    uint64_t told = 0;

    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    expect_told(2, &told, "a@h 100 1 c@h 10 1 ");
    ck_assert_ptr_nonnull(osri_members_failed(&table, "c@h", false));
    expect("c@h", 10, OSRI_MEMBER_LOST);
    expect_told(2, &told, "c@h 10 3 ");
    ck_assert_ptr_null(osri_members_failed(&table, "c@h", false));
    hear("b@h", "c@h", 3, 11, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS); /* it has refuted */
    expect_told(2, &told, "c@h 11 1 ");
    ck_assert_ptr_nonnull(osri_members_failed(&table, "c@h", false));
    expect("c@h", 11, OSRI_MEMBER_JOINED);
    ck_assert_int_eq(osri_members_state(osri_members_find(&table, "c@h")), OSRI_MEMBER_LOST);
    expect_told(2, &told, "");
    hear("b@h", "c@h", 4, 12, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS); /* started again */
    expect_told(2, &told, "c@h 12 1 ");
    ck_assert_ptr_nonnull(osri_members_failed(&table, "c@h", false));
    expect_told(2, &told, "c@h 12 3 ");
}
END_TEST

/* Who refuses us is lost for us, and nobody is told; news of it, or a session, make up for that. */
START_TEST(a_refusal_is_a_private_matter)
{
    uint64_t told = 0;

    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    expect_told(2, &told, "a@h 100 1 c@h 10 1 ");
    ck_assert_ptr_nonnull(osri_members_failed(&table, "c@h", true));
    ck_assert_ptr_null(osri_members_failed(&table, "c@h", true));
    ck_assert_ptr_null(osri_members_failed(&table, "x@h", true));
    ck_assert_ptr_null(osri_members_failed(&table, "a@h", false));
    ck_assert_int_eq(osri_members_state(osri_members_find(&table, "c@h")), OSRI_MEMBER_LOST);
    expect("c@h", 10, OSRI_MEMBER_JOINED);
    expect_told(2, &told, "");
    hear("b@h", "c@h", 3, 11, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    ck_assert_int_eq(osri_members_state(osri_members_find(&table, "c@h")), OSRI_MEMBER_JOINED);
    ck_assert_ptr_nonnull(osri_members_failed(&table, "c@h", true));
    up("c@h", 3);
    ck_assert_ptr_nonnull(osri_members_down(&table, "c@h", OSRI_MEMBER_JOINED));
    ck_assert_int_eq(osri_members_state(osri_members_find(&table, "c@h")), OSRI_MEMBER_JOINED);
}
END_TEST

/* A session is told what has changed since it was told last, but not what it brought itself, and
 * not of a peer that has not spoken. */
START_TEST(each_is_told_what_is_new_to_it)
{
    uint64_t told = 0, other = 0;

    expect_told(1, &told, "a@h 100 1 ");
    up("b@h", 2);
    expect_told(1, &told, "");
    hear("b@h", "c@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    expect_told(1, &told, "");
    expect_told(2, &other, "a@h 100 1 c@h 10 1 ");
    osri_members_drain(&table, true);
    osri_members_drain(&table, true);
    expect_told(1, &told, "a@h 101 1 ");
    expect_told(1, &told, "");
}
END_TEST

/* A full table forgets who is gone longest; where nobody is gone, newcomers are not taken, but
 * whoever connects is. */
START_TEST(the_table_is_bounded)
{
    char name[32];

    for (int i = 0; i < OSRI_MEMBERS_MAX - 1; i++) {
        (void)snprintf(name, sizeof(name), "n%d@h", i);
        hear("b@h", name, 3, 10, i == 5 ? OSRI_MEMBER_LOST : OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    }
    hear("b@h", "x@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_NEWS);
    ck_assert_ptr_null(osri_members_find(&table, "n5@h"));
    hear("b@h", "y@h", 3, 10, OSRI_MEMBER_JOINED, OSRI_MEMBER_STALE);
    ck_assert_uint_eq(table.dropped, 1);
    up("y@h", 3);
    ck_assert_ptr_nonnull(osri_members_find(&table, "y@h"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("members_table");
    TCase *tests = tcase_create("members_table");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, the_newer_word_is_believed);
    tcase_add_test(tests, we_refute_what_is_wrong_about_us);
    tcase_add_test(tests, a_version_from_the_future_is_dropped);
    tcase_add_test(tests, a_connected_peer_is_not_gone_by_hearsay);
    tcase_add_test(tests, a_peer_that_comes_back_refutes);
    tcase_add_test(tests, a_restart_with_an_earlier_clock_is_contested);
    tcase_add_test(tests, a_goodbye_is_not_a_loss);
    tcase_add_test(tests, a_member_that_does_not_answer_is_told_once);
    tcase_add_test(tests, a_refusal_is_a_private_matter);
    tcase_add_test(tests, each_is_told_what_is_new_to_it);
    tcase_add_test(tests, the_table_is_bounded);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
