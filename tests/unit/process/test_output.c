/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/process/node.h"
#include "osier/info.h"
#include "osier/output.h"
#include "osier/rpc.h"
#include "osier/server.h"
#include "tests/unit/process/process_kit.h"

/* Group leaders: who has which, and what printing to them does. */

OSR_MESSAGE(page, 0x7100, (1, pid, collector), (2, str, text));
OSR_MESSAGE(page_of, 0x7101, (1, str, text), (2, i32, error));
OSR_REQUEST(page_ask, 0x7102, page_of);

/* A leader: keeps what was printed, and says what it is told to say of it. */
typedef struct collector {
    char text[4096];
    int32_t error;
} collector;

OSR_ON_CALL(collector, osr_io_put, osr_io_done)
{
    size_t bytes = strlen(state->text);
    (void)snprintf(state->text + bytes, sizeof(state->text) - bytes, "%.*s",
                   (int)request->text.size, request->text.at);
    reply->error = state->error;
    return OSR_REPLY;
}
OSR_ON_CALL(collector, page_ask, page_of)
{
    reply->text = osr_str_of(state->text);
    return OSR_REPLY;
}
OSR_ON_INFO(collector, page_of)
{
    state->error = message->error;
    return OSR_NOREPLY;
}
OSR_SERVER(collector, OSR_CALL(osr_io_put), OSR_CALL(page_ask), OSR_INFO(page_of));

static osr_pid new_collector(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, collector_start(self, NULL, NULL, &pid));
    return pid;
}

static void expect_page(osr_self *self, osr_pid pid, const char *text)
{
    const page_of *got = NULL;
    CHECK_OK(self, page_ask_request(self, osr_to(pid), &(page_ask){0}, 5000, &got));
    OSR_CHECK(self, strcmp(got->text.at, text) == 0);
}

/* ---- printing ---------------------------------------------------------------------------- */

static osr_err prints(osr_self *self)
{
    static char longer[3000];
    osr_pid leader = new_collector(self);
    CHECK_OK(self, osr_set_group_leader(self, osr_self_pid(self), leader));
    OSR_CHECK(self, osr_pid_equal(osr_group_leader(self), leader));
    CHECK_OK(self, osr_printf(self, "%d and %s\n", 5, "five"));
    expect_page(self, leader, "5 and five\n");
    memset(longer, 'x', sizeof(longer) - 1);
    CHECK_OK(self, osr_printf(self, "%s", longer));
    const page_of *got = NULL;
    CHECK_OK(self, page_ask_request(self, osr_to(leader), &(page_ask){0}, 5000, &got));
    OSR_CHECK(self, strlen(got->text.at) == 11 + sizeof(longer) - 1);
    CHECK_OK(self, osr_put(self, osr_to(leader), "abc", 2));
    OSR_CHECK(self, strcmp(got->text.at + 11, longer) == 0); /* what was lent still is */
    CHECK_OK(self, page_of_send(self, osr_to(leader), &(page_of){.error = OSR_EFULL}));
    OSR_CHECK(self, osr_printf(self, "no") == OSR_EFULL);
    return OSR_OK;
}

/* Text of any length reaches the leader as one piece, and what that says of it comes back. */
START_TEST(text_is_written_by_the_group_leader)
{
    node_fixture_run(prints);
}
END_TEST

OSR_ENTRY(ends_at_once, note)
{
    (void)self;
    (void)argument;
    return OSR_OK;
}

OSR_ENTRY(deaf, note)
{
    osr_message message;
    (void)argument;
    return osr_receive(self, OSR_FOREVER, &message); /* takes the request and ends */
}

static osr_err terminated(osr_self *self)
{
    osr_pid me = osr_self_pid(self);
    osr_pid leader;
    CHECK_OK(self, ends_at_once_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &leader));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    CHECK_OK(self, osr_set_group_leader(self, me, leader));
    OSR_CHECK(self, osr_printf(self, "late\n") == OSR_ETERMINATED);
    CHECK_OK(self, deaf_spawn(self, &(note){0}, NULL, &leader));
    CHECK_OK(self, osr_set_group_leader(self, me, leader));
    OSR_CHECK(self, osr_printf(self, "unheard\n") == OSR_ETERMINATED);
    OSR_CHECK(self, osr_put(self, osr_name("nobody", NULL), "x", 1) == OSR_ETERMINATED);
    CHECK_OK(self, osr_set_group_leader(self, me, me));
    OSR_CHECK(self, osr_printf(self, "to myself\n") == OSR_ESELF);
    return OSR_OK;
}

/* A leader that is gone, or ends without an answer, is an error; nobody else writes. */
START_TEST(a_dead_leader_writes_nothing)
{
    node_fixture_run(terminated);
}
END_TEST

/* ---- who has which ----------------------------------------------------------------------- */

OSR_ENTRY(printer, page)
{
    OSR_CHECK(self, osr_pid_equal(osr_group_leader(self), argument->collector));
    return osr_printf(self, "%s ", argument->text.at);
}
OSR_EXPORT(printer);

OSR_ENTRY(parent_of_printer, page)
{
    osr_pid pid;
    CHECK_OK(self, printer_spawn(self, argument, OSR_SPAWN(.monitor = true), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    return OSR_OK;
}

static osr_err inherits(osr_self *self)
{
    osr_pid leader = new_collector(self);
    osr_pid pid;
    page what = {.collector = leader, .text = osr_str_of("child")};
    CHECK_OK(self, osr_set_group_leader(self, osr_self_pid(self), leader));
    CHECK_OK(self, printer_spawn(self, &what, OSR_SPAWN(.monitor = true), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    what.text = osr_str_of("grandchild");
    CHECK_OK(self, parent_of_printer_spawn(self, &what, OSR_SPAWN(.monitor = true), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    what.text = osr_str_of("named");
    CHECK_OK(self, osr_spawn_named(self, "printer", &page_osr_type, &what,
                                   OSR_SPAWN(.monitor = true), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    what.text = osr_str_of("called");
    CHECK_OK(self, osr_rpc(self, NULL, "printer", &page_osr_type, &what, 5000, NULL, NULL));
    expect_page(self, leader, "child grandchild named called ");
    return OSR_OK;
}

/* Every way to start a process passes the leader on. */
START_TEST(who_is_started_has_the_leader_of_who_starts)
{
    node_fixture_run(inherits);
}
END_TEST

OSR_ENTRY(waits_to_print, page)
{
    osr_message message;
    osr_err err = OSR_OK;
    while (err == OSR_OK && (err = osr_receive(self, 5000, &message)) == OSR_OK) {
        err = osr_printf(self, "%s", argument->text.at);
    }
    return err;
}

static osr_pid leader_of(osr_self *self, osr_pid pid)
{
    const osr_process_info *info = NULL;
    CHECK_OK(self, osr_info(self, pid, 5000, &info));
    return info->relations.group_leader;
}

static osr_err changes(osr_self *self)
{
    osr_pid first = new_collector(self);
    osr_pid second = new_collector(self);
    osr_pid pid, gone;
    page what = {.text = osr_str_of("x")};
    CHECK_OK(self, waits_to_print_spawn(self, &what, NULL, &pid));
    OSR_CHECK(self, osr_pid_is_none(leader_of(self, pid)));
    CHECK_OK(self, osr_set_group_leader(self, pid, first));
    OSR_CHECK(self, osr_pid_equal(leader_of(self, pid), first));
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){0}));
    CHECK_OK(self, osr_set_group_leader(self, second, first));
    CHECK_OK(self, osr_sleep(self, 50)); /* an idle server, whose relations are looked through */
    OSR_CHECK(self, osr_pid_equal(leader_of(self, second), first));
    expect_page(self, first, "x");
    CHECK_OK(self, osr_set_group_leader(self, pid, second));
    CHECK_OK(self, note_send(self, osr_to(pid), &(note){0}));
    OSR_CHECK(self, osr_is_alive(self, pid));
    CHECK_OK(self, osr_set_group_leader(self, pid, OSR_PID_NONE));
    OSR_CHECK(self, osr_pid_is_none(leader_of(self, pid)));
    CHECK_OK(self, ends_at_once_spawn(self, &(note){0}, OSR_SPAWN(.monitor = true), &gone));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    OSR_CHECK(self, osr_set_group_leader(self, gone, first) == OSR_ENOPROC);
    send_exit(self, pid, OSR_REASON_KILL);
    return OSR_OK;
}

/* Another process's leader is changed by a signal, in order, and stays while a server idles. */
START_TEST(the_leader_of_another_is_changed_in_order)
{
    node_fixture_run(changes);
}
END_TEST

/* ---- the node's own ---------------------------------------------------------------------- */

static int pipe_fds[2];
#define LONG_BYTES (200 * 1024)

static void *read_all(void *ret_bytes)
{
    static char buffer[65536];
    size_t *bytes = ret_bytes;
    ssize_t got;
    while ((got = read(pipe_fds[0], buffer, sizeof(buffer))) > 0) {
        *bytes += (size_t)got;
        if (buffer[got - 1] == '!') {
            break;
        }
    }
    return NULL;
}

static osr_err prints_to_stdout(osr_self *self)
{
    static char text[LONG_BYTES];
    osr_pid leader = osr_group_leader(self);
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, OSR_OUTPUT_NAME), leader));
    memset(text, 'y', sizeof(text));
    CHECK_OK(self, osr_put(self, osr_to(leader), text, sizeof(text)));
    CHECK_OK(self, osr_printf(self, "end!"));
    watch(self, leader);
    send_exit(self, leader, OSR_REASON_KILL);
    OSR_CHECK(self, next_down(self) == OSR_REASON_KILLED);
    OSR_CHECK(self, osr_put(self, osr_to(leader), "x", 1) == OSR_ETERMINATED);
    OSR_CHECK(self, !osr_pid_equal(osr_group_leader(self), leader)); /* another is made */
    (void)close(STDOUT_FILENO);
    OSR_CHECK(self, osr_printf(self, "x") == OSR_EIO);
    return OSR_OK;
}

/* The leader of a node writes all to standard output, is there again after its end, and says so
 * when it cannot write. */
START_TEST(the_leader_of_a_node_writes_to_standard_output)
{
    pthread_t reader;
    size_t bytes = 0;
    ck_assert_int_eq(pipe(pipe_fds), 0);
    ck_assert_int_ge(dup2(pipe_fds[1], STDOUT_FILENO), 0);
    ck_assert_int_eq(pthread_create(&reader, NULL, read_all, &bytes), 0);
    node_fixture_run(prints_to_stdout);
    ck_assert_int_eq(pthread_join(reader, NULL), 0);
    ck_assert_uint_eq(bytes, LONG_BYTES + 4);
}
END_TEST

OSR_ENTRY(prints_too_much, note)
{
    static const char text[LONG_BYTES];
    (void)argument;
    return osr_put(self, osr_name(OSR_OUTPUT_NAME, NULL), text, sizeof(text));
}

static osr_err starts_much(osr_self *self)
{
    osr_pid pid;
    CHECK_OK(self, prints_too_much_spawn(self, &(note){0}, NULL, &pid));
    return osr_sleep(self, 20);
}

/* Output that nobody reads keeps a node from nothing, and not from stopping. */
START_TEST(a_node_whose_output_nobody_reads_stops)
{
    ck_assert_int_eq(pipe(pipe_fds), 0);
    ck_assert_int_ge(dup2(pipe_fds[1], STDOUT_FILENO), 0);
    node_fixture_run(starts_much);
}
END_TEST

static osr_err replaces(osr_self *self)
{
    osr_pid mine = new_collector(self);
    osr_pid pid;
    page what = {.collector = mine, .text = osr_str_of("mine")};
    CHECK_OK(self, osr_register(self, OSR_OUTPUT_NAME, mine));
    CHECK_OK(self, printer_spawn(self, &what, OSR_SPAWN(.monitor = true), &pid));
    OSR_CHECK(self, next_down(self) == OSR_REASON_NORMAL);
    expect_page(self, mine, "mine ");
    return OSR_OK;
}

/* A program's own process under the name is the leader of the node. */
START_TEST(the_leader_of_a_node_can_be_another)
{
    node_fixture_run(replaces);
}
END_TEST

static char taken[64];

static osr_err take(void *context, const char *text, size_t bytes)
{
    size_t had = strlen(taken);
    ck_assert_ptr_eq(context, taken);
    (void)snprintf(taken + had, sizeof(taken) - had, "%.*s", (int)bytes, text);
    return had == 0 ? OSR_OK : OSR_EFULL;
}

OSR_ENTRY(prints_twice, note)
{
    (void)argument;
    OSR_CHECK(self, osr_printf(self, "one ") == OSR_OK);
    OSR_CHECK(self, osr_printf(self, "two") == OSR_EFULL);
    return OSR_OK;
}

/* An embedder says where the output of its node goes. */
START_TEST(output_goes_where_the_option_says)
{
    osr_node *node = node_fixture_own(OSR_NODE(.output = take, .output_context = taken));
    osr_ended ended = {0};
    osr_pid pid;
    ck_assert_int_eq(osr_node_start(node), OSR_OK);
    ck_assert_int_eq(osr_node_spawn(node, &prints_twice_osr_entry, &(note){0}, NULL, &pid), OSR_OK);
    ck_assert_int_eq(osr_node_wait(node, pid, 20000, &ended), OSR_OK);
    ck_assert_uint_eq(ended.code, OSR_REASON_NORMAL);
    ck_assert_str_eq(taken, "one two");
    node_fixture_own_end(&node, 1000);
}
END_TEST

static void tests(TCase *tcase)
{
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, text_is_written_by_the_group_leader);
    tcase_add_test(tcase, a_dead_leader_writes_nothing);
    tcase_add_test(tcase, who_is_started_has_the_leader_of_who_starts);
    tcase_add_test(tcase, the_leader_of_another_is_changed_in_order);
    tcase_add_test(tcase, the_leader_of_a_node_writes_to_standard_output);
    tcase_add_test(tcase, a_node_whose_output_nobody_reads_stops);
    tcase_add_test(tcase, the_leader_of_a_node_can_be_another);
}

int main(void)
{
    Suite *suite = suite_create("output");
    TCase *alone = tcase_create("alone");
    ADD_BOTH(suite, tests);
    tcase_set_timeout(alone, 60);
    tcase_add_test(alone, output_goes_where_the_option_says);
    suite_add_tcase(suite, alone);
    return run_suite(suite);
}
