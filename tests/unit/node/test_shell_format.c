/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/shell/format.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "node/shell/rows.h"

#define SECOND UINT64_C(1000000000)

static osri_text text;

static void set_up(void)
{
    osri_text_init(&text, 1024 * 1024);
}

static void tear_down(void)
{
    osri_text_fini(&text);
}

static osr_snapshot process(uint64_t node, uint32_t slot, osr_pid parent, const char *name)
{
    osr_snapshot snapshot = {.pid = {node, slot, 1}, .parent = parent};
    (void)snprintf(snapshot.name, sizeof(snapshot.name), "%s", name);
    (void)snprintf(snapshot.body, sizeof(snapshot.body), "gen_server");
    return snapshot;
}

static osri_tree_process in_tree(uint32_t node, uint32_t slot, osr_pid parent, const char *name)
{
    return (osri_tree_process){.snapshot = process(node + 1, slot, parent, name), .node = node};
}

/* Durations have two units at most. */
START_TEST(durations_read_well)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{0, "0ms"},
                 {999999999, "999ms"},
                 {SECOND, "1s"},
                 {59 * SECOND, "59s"},
                 {60 * SECOND, "1m0s"},
                 {3599 * SECOND, "59m59s"},
                 {3660 * SECOND, "1h1m"},
                 {86400 * SECOND * 4 + 3600 * SECOND * 7, "4d7h"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char printed[OSRI_DURATION_TEXT_BYTES];
        osri_format_duration(cases[i].ns, printed);
        ck_assert_str_eq(printed, cases[i].text);
    }
}
END_TEST

/* The table's columns are as wide as what stands in them. */
START_TEST(processes_are_a_table)
{
    osr_snapshot rows[] = {process(1, 2, OSR_PID_NONE, "counter"),
                           process(1, 30, OSR_PID_NONE, "")};
    rows[0].state = OSR_PROCESS_RUNNING;
    rows[0].since_ns = 5 * SECOND;
    (void)snprintf(rows[0].handling, sizeof(rows[0].handling), "counter_add");
    rows[1].queued = 12;
    rows[1].handled = 7;
    osri_format_processes(&text, rows, 2, 17 * SECOND);
    ck_assert_str_eq(
        osri_text_get(&text),
        "PID                     NAME    LABEL BODY       STATE   SINCE HANDLING    QUEUED "
        "HANDLED\n"
        "<0000000000000001.2.1>  counter -     gen_server running 12s   counter_add 0      0\n"
        "<0000000000000001.30.1> -       -     gen_server idle    -     -           12     7\n");
}
END_TEST

/* Names and labels with escapes and newlines stay one harmless cell. */
START_TEST(cells_are_escaped)
{
    osr_snapshot row = process(1, 2, OSR_PID_NONE, "\033]0;x\007");
    (void)snprintf(row.label, sizeof(row.label), "two\nlines");
    osri_format_processes(&text, &row, 1, 0);
    ck_assert_ptr_nonnull(strstr(osri_text_get(&text), " \\x1b]0;x\\x07 two\\nlines "));
    ck_assert_ptr_null(strchr(osri_text_get(&text), '\033'));
}
END_TEST

/* info shows what the process says, or that it says nothing because it is busy. */
START_TEST(info_tells_a_busy_process)
{
    osr_snapshot row = process(1, 2, (osr_pid){1, 1, 1}, "counter");
    osr_pid links[] = {{1, 1, 1}, {2, 9, 1}};
    osr_str none = osr_str_of("");
    osr_process_info info = {.value = osr_str_of("counter{n: 5}"),
                             .name = none,
                             .label = none,
                             .body = osr_str_of("counter"),
                             .handling = none,
                             .state = OSR_PROCESS_WAITING,
                             .blocked_on = OSR_BLOCKED_CALL,
                             .for_ns = 5 * SECOND,
                             .waits_for = {2, 9, 1},
                             .waits_text = none};
    info.relations.links.at = links;
    info.relations.links.count = 2;
    info.relations.link_count = 3;
    osr_process_name name = {osr_str_of("st\x1bore"), osr_str_of("b@h")};
    osr_suspending held = {{1, 7, 1}, 2};
    osr_waiting_message waiting = {osr_str_of("note"), {1, 8, 1}, osr_str_of("note{n: 4}")};
    info.relations.names.at = &name;
    info.relations.names.count = info.relations.name_count = 1;
    info.relations.suspending.at = &held;
    info.relations.suspending.count = info.relations.suspending_count = 1;
    info.work.oldest.at = &waiting;
    info.work.oldest.count = 1;
    info.work.queued = 3;
    osri_format_info(&text, &info);
    ck_assert_ptr_nonnull(
        strstr(osri_text_get(&text), "monitors    -\n            st\\x1bore on b@h\n"));
    ck_assert_ptr_nonnull(
        strstr(osri_text_get(&text), "suspends    <0000000000000001.7.1>, 2 times\n"));
    ck_assert_ptr_nonnull(
        strstr(osri_text_get(&text),
               "messages    note{n: 4} from <0000000000000001.8.1>\n            and 2 more\n"));
    ck_assert_ptr_nonnull(
        strstr(osri_text_get(&text),
               "links       <0000000000000001.1.1> <0000000000000002.9.1>\n            and 1 more\n"
               "monitors    -\n"));
    ck_assert_ptr_nonnull(
        strstr(osri_text_get(&text),
               "state       waiting for 5s, blocked on call <0000000000000002.9.1>\n"));
    ck_assert_ptr_nonnull(strstr(osri_text_get(&text), "value       counter{n: 5}\n"));
    osri_text_fini(&text);
    (void)snprintf(row.handling, sizeof(row.handling), "busy_spin");
    row.since_ns = SECOND;
    osri_format_silent(&text, &row, 13 * SECOND);
    ck_assert_ptr_nonnull(
        strstr(osri_text_get(&text), "busy in the handler of busy_spin for 12s: "));
    ck_assert_ptr_null(strstr(osri_text_get(&text), "links  "));
}
END_TEST

/* Children stand below their parents, wherever they run; a parent nobody knows makes a root. */
START_TEST(the_tree_crosses_nodes)
{
    static const char *const nodes[] = {"a@h", "b@h"};
    osr_pid top = {1, 1, 1};
    osri_tree_process rows[] = {
        in_tree(0, 1, OSR_PID_NONE, "top"),
        in_tree(0, 2, top, "first"),
        in_tree(1, 5, top, "far"),
        in_tree(1, 6, (osr_pid){2, 5, 1}, "below"),
        in_tree(1, 7, (osr_pid){9, 9, 9}, "orphan"),
    };
    ck_assert_int_eq(osri_format_tree(&text, nodes, 2, rows, 5), OSR_OK);
    ck_assert_str_eq(osri_text_get(&text), "a@h\n"
                                           "  top <0000000000000001.1.1> idle\n"
                                           "    first <0000000000000001.2.1> idle\n"
                                           "    far <0000000000000002.5.1> idle on b@h\n"
                                           "      below <0000000000000002.6.1> idle on b@h\n"
                                           "b@h\n"
                                           "  orphan <0000000000000002.7.1> idle\n");
}
END_TEST

/* Another incarnation of a slot is not the parent. */
START_TEST(a_parent_is_found_by_its_whole_pid)
{
    static const char *const nodes[] = {"a@h"};
    osri_tree_process rows[] = {in_tree(0, 1, OSR_PID_NONE, "new"),
                                in_tree(0, 2, (osr_pid){1, 1, 9}, "child")};
    ck_assert_int_eq(osri_format_tree(&text, nodes, 1, rows, 2), OSR_OK);
    ck_assert_ptr_nonnull(strstr(osri_text_get(&text), "\n  child "));
}
END_TEST

/* Parents in a circle, as only a broken node would say, end the walk and are shown once each. */
START_TEST(a_circle_of_parents_is_shown_once)
{
    static const char *const nodes[] = {"a@h"};
    osri_tree_process rows[] = {in_tree(0, 1, (osr_pid){1, 2, 1}, "one"),
                                in_tree(0, 2, (osr_pid){1, 1, 1}, "two"),
                                in_tree(0, 3, (osr_pid){1, 3, 1}, "own")};
    ck_assert_int_eq(osri_format_tree(&text, nodes, 1, rows, 3), OSR_OK);
    ck_assert_str_eq(osri_text_get(&text), "a@h\n"
                                           "  own <0000000000000001.3.1> idle\n"
                                           "  one <0000000000000001.1.1> idle\n"
                                           "    two <0000000000000001.2.1> idle\n");
}
END_TEST

/* A chain as long as there are processes needs no stack; its indentation stops growing. */
START_TEST(a_long_chain_of_parents_is_walked)
{
    enum { LENGTH = 50000 };
    static const char *const nodes[] = {"a@h"};
    osri_tree_process *rows = calloc(LENGTH, sizeof(*rows));
    ck_assert_ptr_nonnull(rows);
    for (uint32_t i = 0; i < LENGTH; i++) {
        rows[i] = in_tree(0, i + 1, i == 0 ? OSR_PID_NONE : (osr_pid){1, i, 1}, "p");
    }
    osri_text_fini(&text);
    osri_text_init(&text, 16 * 1024 * 1024);
    ck_assert_int_eq(osri_format_tree(&text, nodes, 1, rows, LENGTH), OSR_OK);
    size_t lines = 0;
    for (const char *at = osri_text_get(&text); (at = strchr(at, '\n')) != NULL; at++) {
        lines++;
    }
    ck_assert_uint_eq(lines, LENGTH + 1);
    ck_assert(!text.cut);
    free(rows);
}
END_TEST

/* A snapshot that travels arrives as it was. */
START_TEST(rows_travel_whole)
{
    osr_snapshot sent = process(1, 2, (osr_pid){3, 4, 5}, "counter");
    osr_snapshot came;
    sent.state = OSR_PROCESS_WAITING;
    sent.queued = 3;
    sent.handled = 4;
    osri_shell_row row = osri_row_of(&sent);
    osri_row_read(&row, &came);
    ck_assert_mem_eq(&sent, &came, sizeof(sent));
}
END_TEST

/* One whose texts are longer than ours have room for is cut. */
START_TEST(long_texts_of_others_are_cut)
{
    char name[500];
    osri_shell_row row = {.name = {name, sizeof(name)}};
    osr_snapshot came;
    memset(name, 'x', sizeof(name));
    osri_row_read(&row, &came);
    ck_assert_uint_eq(strlen(came.name), sizeof(came.name) - 1);
    ck_assert_str_eq(came.label, "");
}
END_TEST

/* A process says what its bound had no room for, where there was something. */
START_TEST(info_tells_what_was_dropped)
{
    osr_str none = osr_str_of("");
    osr_process_info info = {.pid = {1, 2, 3},
                             .name = none,
                             .label = none,
                             .body = none,
                             .handling = none,
                             .waits_text = none,
                             .value = none};
    osri_format_info(&text, &info);
    ck_assert_ptr_null(strstr(osri_text_get(&text), "dropped"));
    info.work.dropped_rejected = 7;
    info.work.dropped_waited = 9;
    osri_format_info(&text, &info);
    ck_assert_ptr_nonnull(strstr(osri_text_get(&text), "dropped     7 rejected, 9 waited\n"));
}
END_TEST

/* A link is six lines; a name of another's making stays on one. */
START_TEST(a_link_tells_what_passed_and_waits)
{
    osr_link_status link = {.name = "n1\nx",
                            .connected = true,
                            .bytes_sent = 3,
                            .frames_sent = 4,
                            .messages_sent = 1,
                            .signals_sent = 2,
                            .fragments_sent = 5,
                            .messages_received = 11,
                            .queued_bytes = 21,
                            .unacknowledged_bytes = 22,
                            .window_bytes = 23,
                            .senders_waiting = 24,
                            .dropped_full = 31,
                            .dropped_lost = 32,
                            .dropped_too_large = 33,
                            .dropped_type = 34,
                            .round_trip_ns = 1234567};
    osri_format_link(&text, &link);
    ck_assert_str_eq(
        osri_text_get(&text),
        "n1\\nx connected\n"
        "  sent     1 messages, 2 signals; 3 bytes in 4 frames, 5 of them fragments\n"
        "  received 11 messages, 0 signals; 0 bytes in 0 frames, 0 of them fragments\n"
        "  waiting  21 bytes here, 22 unacknowledged of 23 at most; 24 senders\n"
        "  dropped  31 link full, 32 lost with a connection, 33 too large, 34 of a type in "
        "conflict\n"
        "  round trip 1.234 ms\n");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shell_format");
    TCase *tests = tcase_create("shell_format");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, durations_read_well);
    tcase_add_test(tests, processes_are_a_table);
    tcase_add_test(tests, cells_are_escaped);
    tcase_add_test(tests, info_tells_a_busy_process);
    tcase_add_test(tests, the_tree_crosses_nodes);
    tcase_add_test(tests, a_parent_is_found_by_its_whole_pid);
    tcase_add_test(tests, a_circle_of_parents_is_shown_once);
    tcase_add_test(tests, a_long_chain_of_parents_is_walked);
    tcase_add_test(tests, rows_travel_whole);
    tcase_add_test(tests, long_texts_of_others_are_cut);
    tcase_add_test(tests, a_link_tells_what_passed_and_waits);
    tcase_add_test(tests, info_tells_what_was_dropped);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
