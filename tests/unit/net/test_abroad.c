/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "osier/dynamic.h"
#include "osier/info.h"
#include "tests/sim/cluster.h"

/* Messages of every making, at processes of other nodes: given, shared, optional, of a type that
 * only one of the nodes knows. */

OSR_STRUCT(spot, (1, i32, x), (2, str, label));
OSR_UNION(figure, (1, of(spot), spot), (2, pid, who));
OSR_MESSAGE(drawing, 0x1300, (1, str, name), (2, list(of(spot)), spots), (3, opt(i64), size),
            (4, of(figure), figure), (5, opt(pid), painter));
OSR_MESSAGE(sink_options, 0x1301, (1, u32, number), (2, pid, here));

#define UNKNOWN_ID 0x13ff
#define SINKS 2

static cluster *world;
static atomic_uint drawings[SINKS];
static atomic_uint strangers[SINKS];

static bool is_right(const drawing *got)
{
    return strcmp(got->name.at, "house") == 0 && got->spots.count == 2 &&
           strcmp(got->spots.at[1].label.at, "door") == 0 && got->size.is_set &&
           got->size.value == -7 && got->figure.which == figure_is_who && got->painter.is_set &&
           osr_pid_equal(got->painter.value, got->figure.who);
}

static bool is_right_stranger(const osr_dynamic *got)
{
    osr_value whole, part;
    return got->type_id == UNKNOWN_ID &&
           osr_value_of(&osr_dynamic_osr_type, got, &whole) == OSR_OK &&
           osr_value_tagged(&whole, 9, &part) == OSR_OK && part.kind == OSR_VALUE_TEXT &&
           part.text.size == 3 && memcmp(part.text.at, "new", 3) == 0;
}

OSR_ENTRY(sink, sink_options)
{
    osr_message message;
    osr_err err = osr_receive(self, OSR_FOREVER, &message);
    while (err == OSR_OK) {
        const drawing *got = OSR_AS(drawing, &message);
        const osr_dynamic *stranger = OSR_AS(osr_dynamic, &message);
        if (got != NULL && is_right(got)) {
            atomic_fetch_add(&drawings[argument->number], 1);
        } else if (stranger != NULL && is_right_stranger(stranger)) {
            atomic_fetch_add(&strangers[argument->number], 1);
        }
        err = osr_receive(self, OSR_FOREVER, &message);
    }
    return err;
}

static drawing *draw(osr_self *self)
{
    drawing *message = NULL;
    spot *spots = NULL;
    OSR_CHECK(self, drawing_new(self, 256, &message) == OSR_OK);
    OSR_CHECK(self, osr_build_str(message, "house", 5, &message->name) == OSR_OK);
    OSR_CHECK(self, OSR_BUILD_LIST(message, message->spots, 2, spots) == OSR_OK);
    OSR_CHECK(self, osr_build_str(message, "door", 4, &spots[1].label) == OSR_OK);
    OSR_SET(message->size, -7);
    message->figure.which = figure_is_who;
    message->figure.who = osr_self_pid(self);
    OSR_SET(message->painter, osr_self_pid(self));
    return message;
}

static void send_stranger(osr_self *self, osr_dest to)
{
    osr_writer *writer = NULL;
    osr_any *message = NULL;
    OSR_CHECK(self, osr_writer_new(&writer) == OSR_OK);
    osr_write_struct(writer, 1);
    osr_write_tag(writer, 9);
    osr_write_text(writer, "new", 3);
    OSR_CHECK(self, osr_writer_end(&writer, osr_self_node(self), UNKNOWN_ID, &message) == OSR_OK);
    OSR_CHECK(self, osr_any_send(self, to, &message) == OSR_OK);
}

OSR_ENTRY(painter, sink_options)
{
    osr_dest here = osr_to(argument->here);
    osr_dest there = osr_name("sink", "n1@sim");
    osr_dest all[] = {there, here, there, here, there};
    drawing *message = draw(self);
    OSR_CHECK(self, drawing_send_all(self, all, 5, message) == OSR_OK);
    OSR_CHECK(self, drawing_give(self, there, &message) == OSR_OK);
    message = draw(self);
    OSR_CHECK(self, drawing_give(self, here, &message) == OSR_OK);
    send_stranger(self, there);
    send_stranger(self, here);
    return OSR_OK;
}

/* The same messages arrive, as often as they were sent, on the sender's node and on another. */
START_TEST(messages_of_every_making_cross_nodes)
{
    cluster_options options = {.nodes = 2};
    world = cluster_new(1, &options);
    sink_options here = {.number = 0};
    sink_options there = {.number = 1};
    osr_pid at_home = cluster_spawn(world, 0, &sink_osr_entry, &here, NULL);
    (void)cluster_spawn(world, 1, &sink_osr_entry, &there, OSR_SPAWN(.name = "sink"));
    sink_options work = {.here = at_home};
    (void)cluster_spawn(world, 0, &painter_osr_entry, &work, NULL);
    (void)cluster_run(world, world->now_ns + 5000 * MS, NULL, NULL);
    ck_assert_uint_eq(atomic_load(&drawings[0]), 3);
    ck_assert_uint_eq(atomic_load(&drawings[1]), 4);
    ck_assert_uint_eq(atomic_load(&strangers[0]), 1);
    ck_assert_uint_eq(atomic_load(&strangers[1]), 1);
    cluster_free(&world);
}
END_TEST

static atomic_uint told;

static void expect_named_monitor(osr_self *self)
{
    const osr_process_info *info = NULL;
    osr_ref monitor;
    OSR_CHECK(self, osr_monitor(self, osr_name("sink", "n1@sim"), &monitor) == OSR_OK);
    OSR_CHECK(self, osr_info(self, osr_self_pid(self), 5000, &info) == OSR_OK);
    const osr_process_relations *known = &info->relations;
    OSR_CHECK(self, known->monitor_count == 0 && known->monitors.count == 0);
    OSR_CHECK(self, known->name_count == 1 && known->names.count == 1);
    OSR_CHECK(self, strcmp(known->names.at[0].name.at, "sink") == 0);
    OSR_CHECK(self, strcmp(known->names.at[0].node.at, "n1@sim") == 0);
}

OSR_ENTRY(asker, sink_options)
{
    const osr_process_info *info = NULL;
    osr_pid nobody = argument->here;
    osr_message up;
    nobody.generation += 1;
    OSR_CHECK(self, osr_monitor_nodes(self, true, false) == OSR_OK);
    OSR_CHECK(self, osr_connect(self, "n1@sim") == OSR_OK);
    OSR_CHECK(self, osr_receive(self, 5000, &up) == OSR_OK); /* its pids are known from now on */
    OSR_CHECK(self, osr_info(self, argument->here, 5000, &info) == OSR_OK);
    OSR_CHECK(self, osr_pid_equal(info->pid, argument->here) && strcmp(info->name.at, "sink") == 0);
    OSR_CHECK(self, info->state == OSR_PROCESS_WAITING && info->blocked_on == OSR_BLOCKED_MESSAGE);
    OSR_CHECK(self, info->for_ns < UINT64_C(60000000000)); /* a duration: clocks are not shared */
    OSR_CHECK(self, osr_info(self, nobody, 5000, &info) == OSR_ENOPROC);
    expect_named_monitor(self);
    atomic_fetch_add(&told, 1);
    return OSR_OK;
}

OSR_ENTRY(nosy, sink_options)
{
    const osr_process_info *info = NULL;
    osr_message up;
    OSR_CHECK(self, osr_monitor_nodes(self, true, false) == OSR_OK);
    OSR_CHECK(self, osr_connect(self, "n1@sim") == OSR_OK);
    OSR_CHECK(self, osr_receive(self, 5000, &up) == OSR_OK);
    OSR_CHECK(self, osr_info(self, argument->here, 5000, &info) == OSR_EPERM);
    OSR_CHECK(self, osr_info(self, argument->here, 5000, &info) == OSR_EPERM && info == NULL);
    OSR_CHECK(self, osr_info(self, osr_self_pid(self), 5000, &info) == OSR_OK);
    atomic_fetch_add(&told, 1);
    return OSR_OK;
}

/* Who may not read by a shell there learns nothing of processes of another node; of its own it
 * does. */
START_TEST(info_of_another_node_needs_the_role)
{
    for (uint32_t may = 0; may < 2; may++) {
        cluster_options options = {.nodes = 2,
                                   .roles = OSRI_ROLE_JOIN | (may == 0 ? 0 : OSRI_ROLE_SHELL_READ)};
        atomic_store(&told, 0);
        world = cluster_new(1, &options);
        sink_options there = {.number = 1};
        osr_pid pid = cluster_spawn(world, 1, &sink_osr_entry, &there, OSR_SPAWN(.name = "sink"));
        sink_options work = {.here = pid};
        (void)cluster_spawn(world, 0, may == 0 ? &nosy_osr_entry : &asker_osr_entry, &work, NULL);
        (void)cluster_run(world, world->now_ns + 5000 * MS, NULL, NULL);
        ck_assert_uint_eq(atomic_load(&told), 1);
        cluster_free(&world);
    }
}
END_TEST

/* A process tells another node what it is and waits for; one that monitors by name, whom. */
START_TEST(info_crosses_nodes)
{
    cluster_options options = {.nodes = 2};
    world = cluster_new(1, &options);
    sink_options there = {.number = 1};
    osr_pid pid = cluster_spawn(world, 1, &sink_osr_entry, &there, OSR_SPAWN(.name = "sink"));
    sink_options who = {.here = pid};
    (void)cluster_spawn(world, 0, &asker_osr_entry, &who, NULL);
    (void)cluster_run(world, world->now_ns + 5000 * MS, NULL, NULL);
    ck_assert_uint_eq(atomic_load(&told), 1);
    cluster_free(&world);
}
END_TEST

/* ---- deadlines ------------------------------------------------------------------------- */

OSR_MESSAGE(counted, 0x1302, (1, u32, requests));
OSR_REQUEST(ask_count, 0x1303, counted);
OSR_MESSAGE(pause, 0x1304, (1, u32, ms));

/* Counts requests; sleeps when told to. */
OSR_ENTRY(counting, sink_options)
{
    counted reply = {0};
    osr_message message;
    osr_err err = OSR_OK;
    (void)argument;
    while (err == OSR_OK) {
        err = osr_receive(self, OSR_FOREVER, &message);
        const pause *rest = err == OSR_OK ? OSR_AS(pause, &message) : NULL;
        if (rest != NULL) {
            err = osr_sleep(self, rest->ms);
        } else if (err == OSR_OK) {
            reply.requests += 1;
            err = osr_reply_to(self, osr_caller_of(&message), &counted_osr_type, &reply);
        }
    }
    return err;
}

OSR_ENTRY(impatient, sink_options)
{
    osr_dest there = osr_name("counting", "n1@sim");
    counted reply;
    (void)argument;
    OSR_CHECK(self, ask_count_call(self, there, &(ask_count){0}, &reply, OSR_FOREVER) == OSR_OK);
    OSR_CHECK(self, pause_send(self, there, &(pause){.ms = 500}) == OSR_OK);
    OSR_CHECK(self, ask_count_call(self, there, &(ask_count){0}, &reply, 100) == OSR_ETIMEDOUT);
    OSR_CHECK(self, ask_count_call(self, there, &(ask_count){0}, &reply, 5000) == OSR_OK);
    OSR_CHECK(self, reply.requests == 2);
    atomic_fetch_add(&told, 1);
    return OSR_OK;
}

/* What is left of a deadline goes with a request to another node, which drops it when it has
 * passed; one that never passes does not end the session. */
START_TEST(deadlines_cross_nodes)
{
    cluster_options options = {.nodes = 2};
    osr_node_counters counters;
    sink_options nothing = {0};
    world = cluster_new(1, &options);
    (void)cluster_spawn(world, 1, &counting_osr_entry, &nothing, OSR_SPAWN(.name = "counting"));
    (void)cluster_spawn(world, 0, &impatient_osr_entry, &nothing, NULL);
    (void)cluster_run(world, world->now_ns + 9000 * MS, NULL, NULL);
    ck_assert_uint_eq(atomic_load(&told), 1);
    osr_node_count(world->nodes[1].node, &counters);
    ck_assert_uint_eq(counters.dropped_expired, 1);
    cluster_free(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("abroad");
    TCase *tcase = tcase_create("abroad");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, messages_of_every_making_cross_nodes);
    tcase_add_test(tcase, info_crosses_nodes);
    tcase_add_test(tcase, info_of_another_node_needs_the_role);
    tcase_add_test(tcase, deadlines_cross_nodes);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
