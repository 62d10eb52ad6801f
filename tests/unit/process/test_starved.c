/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/message/codec.h"
#include "lib/process/signal.h"
#include "osier/info.h"
#include "osier/dynamic.h"
#include "osier/nodes.h"
#include "osier/osier.h"
#include "tests/unit/process/starved_kit.h"

/* Memory that cannot be had, at each site that one process meets: starved_kit.h. */

OSR_STRUCT(crumb, (1, i32, at), (2, str, text));
OSR_MESSAGE(feast, 0x7301, (1, bool, f1), (2, i8, f2), (3, i16, f3), (4, i32, f4), (5, i64, f5),
            (6, f64, f6), (7, str, f7), (8, bin, f8), (9, pid, f9), (10, ref, f10),
            (11, of(crumb), f11), (12, list(u64), f12), (13, list(str), f13), (14, list(bin), f14),
            (15, list(of(crumb)), f15), (16, u8, f16));
OSR_MESSAGE(bowl, 0x7302, (1, i64, n));
OSR_REQUEST(fill, 0x7303, bowl, (1, i64, by));
OSR_REQUEST(serve, 0x7304, feast, (1, i64, by));
OSR_MESSAGE(drop_it, 0x7305, (1, bool, well));

static const osr_type *const downs[] = {&osr_down_osr_type};

/* ---- the others in the scenarios --------------------------------------------------------- */

OSR_ENTRY(guest, note)
{
    osr_message message;
    for (;;) {
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        if (message.ref != 0) {
            (void)osr_reply_to(self, osr_caller_of(&message), message.type, message.body);
        }
    }
}

OSR_STATE(kitchen, (1, i64, n), (2, str, text));

OSR_ON_INIT(kitchen, note)
{
    state->n = argument == NULL ? 0 : argument->n;
    (void)osr_trap_exit(self, true);
    osr_continue(self);
    return OSR_OK;
}

OSR_ON_CONTINUE(kitchen)
{
    osr_idle_after(self, 5);
    return OSR_NOREPLY;
}

OSR_ON_IDLE(kitchen)
{
    return OSR_NOREPLY;
}

OSR_ON_CALL(kitchen, fill, bowl)
{
    reply->n = state->n += request->by;
    return OSR_REPLY;
}

OSR_ON_CALL(kitchen, serve, feast)
{
    reply->f7 = osr_str_of("soup, and what goes with it");
    reply->f11 = (crumb){.at = 3, .text = osr_str_of("bread")};
    return OSR_REPLY;
}

OSR_ON_INFO(kitchen, drop_it)
{
    if (!message->well) {
        osr_reason reason = osr_reason_custom("dropped");
        (void)osr_fail(self, &reason);
    }
    return OSR_STOP;
}

OSR_ON_TERMINATE(kitchen)
{
    state->n = 0;
}

OSR_SERVER(kitchen, OSR_INIT(note), OSR_CONTINUE, OSR_IDLE, OSR_CALL(fill), OSR_CALL(serve),
           OSR_INFO(drop_it), OSR_TERMINATE);
OSR_SUPERVISOR(street, .strategy = OSR_ONE_FOR_ALL, .intensity = 2,
               .children = OSR_CHILDREN(OSR_CHILD(kitchen, .name = "first"),
                                        OSR_CHILD(kitchen, OSR_ARGUMENT(kitchen, .n = 2),
                                                  .id = "second", .restart = OSR_TRANSIENT)));

static void count_up(void *argument)
{
    *(int *)argument += 1;
}

static void end_and_wait(osr_self *self, osr_pid pid)
{
    osr_ref monitor;
    osr_message message;
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    if (osr_monitor(self, osr_to(pid), &monitor) == OSR_OK) {
        for (int i = 0; i < 3 && osr_send_exit(self, pid, &kill) != OSR_OK; i++) {
        }
        (void)!osr_receive_of(self, downs, 1, 5000, &message);
        (void)osr_demonitor(self, monitor, true);
    }
}

/* ---- scenarios --------------------------------------------------------------------------- */

static osr_err spawns(osr_self *self)
{
    static int cleaned;
    osr_pid pid;
    osr_ref monitor;
    osr_err err =
        guest_spawn(self, &(note){.n = 1},
                    OSR_SPAWN(.name = "guest", .label = "the one that came", .link = true,
                              .monitor = true, .ret_monitor = &monitor, .stack_bytes = 32768,
                              .priority = OSR_PRIORITY_HIGH, .pinned = true, .exit_ms = 10),
                    &pid);
    if (err == OSR_OK) {
        (void)!osr_unlink(self, pid);
        end_and_wait(self, pid);
    }
    (void)!osr_defer(self, count_up, &cleaned);
    (void)!osr_defer(self, count_up, &cleaned);
    (void)osr_alloc(self, 100);
    osr_free(self, osr_alloc(self, 3000));
    return OSR_OK;
}

static osr_err sends_every_kind(osr_self *self)
{
    static const uint64_t numbers[] = {1, 2, UINT64_MAX};
    osr_message message;
    const void *kept = NULL;
    osr_bin *bin = NULL;
    uint8_t *data;
    if (osr_bin_alloc(300, &bin, &data) == OSR_OK) {
        osr_bin_unref(&bin);
    }
    if (osr_bin_new("0123456789", 10, &bin) != OSR_OK) {
        return OSR_OK;
    }
    const osr_str texts[] = {osr_str_of("one"), osr_str_of("")};
    osr_bin *const bins[] = {bin, NULL, bin};
    const crumb crumbs[] = {{1, osr_str_of("a")}, {2, osr_str_of("b")}};
    const feast all = {true,
                       -1,
                       -300,
                       70000,
                       INT64_MIN,
                       0.5,
                       osr_str_of("text"),
                       bin,
                       osr_self_pid(self),
                       {0},
                       {9, osr_str_of("nested")},
                       {numbers, 3},
                       {texts, 2},
                       {bins, 3},
                       {crumbs, 2},
                       255};
    (void)feast_send(self, osr_to(osr_self_pid(self)), &all);
    (void)feast_send(self, osr_to(osr_self_pid(self)), &all);
    (void)feast_send(self, osr_name("nobody", NULL), &all);
    osr_bin_unref(&bin);
    if (osr_receive(self, 10, &message) == OSR_OK) {
        (void)!osr_keep(self, &message, &kept);
    }
    while (osr_receive(self, 10, &message) == OSR_OK) {
    }
    return OSR_OK;
}

static osr_err calls(osr_self *self)
{
    osr_pid pid;
    bowl filled;
    const feast *served = NULL;
    if (kitchen_start(self, &(note){.n = 5}, OSR_SPAWN(.name = "kitchen"), &pid) != OSR_OK) {
        return OSR_OK;
    }
    (void)!fill_call(self, osr_to(pid), &(fill){.by = 1}, &filled, OSR_FOREVER);
    (void)!fill_call(self, osr_name("kitchen", NULL), &(fill){.by = 2}, &filled, OSR_FOREVER);
    if (serve_request(self, osr_to(pid), &(serve){.by = 1}, OSR_FOREVER, &served) == OSR_OK) {
        osr_free(self, (void *)(uintptr_t)served);
    }
    (void)!osr_sleep(self, 10);
    (void)!fill_call(self, osr_name("nobody", NULL), &(fill){.by = 2}, &filled, OSR_FOREVER);
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    (void)!osr_server_stop(self, osr_to(pid), &shutdown, OSR_FOREVER);
    end_and_wait(self, pid);
    return OSR_OK;
}

static osr_err relates(osr_self *self)
{
    osr_pid pids[12];
    osr_ref monitors[12];
    osr_message message;
    int count = 0;
    osr_reason custom = osr_reason_custom("a reason with a text that has to be copied");
    (void)osr_trap_exit(self, true);
    for (int i = 0; i < 12; i++) {
        if (guest_spawn(self, &(note){.n = i}, OSR_SPAWN(.link = i % 3 == 0), &pids[count]) ==
            OSR_OK) {
            (void)!osr_link(self, pids[count]);
            if (osr_monitor(self, osr_to(pids[count]), &monitors[count]) == OSR_OK && i % 4 == 0) {
                (void)osr_demonitor(self, monitors[count], true);
            }
            count += 1;
        }
    }
    (void)!osr_monitor(self, osr_name("nobody", NULL), &monitors[0]);
    for (int i = 0; i < count; i++) {
        if (i % 5 == 0) {
            (void)osr_unlink(self, pids[i]);
        }
        (void)osr_send_exit(self, pids[i], &custom);
    }
    while (osr_receive(self, 100, &message) == OSR_OK) {
    }
    for (int i = 0; i < count; i++) {
        end_and_wait(self, pids[i]);
    }
    return OSR_OK;
}

static osr_err times(osr_self *self)
{
    osr_ref timers[40];
    uint64_t left;
    osr_message message;
    for (uint64_t i = 0; i < 40; i++) {
        if (osr_timer_start(self, i * i, &timers[i]) == OSR_OK && i % 3 == 0) {
            (void)osr_timer_read(self, timers[i], &left);
            (void)osr_timer_cancel(self, timers[i], &left);
        }
        osr_ref later;
        osr_dest to = i % 2 == 0 ? osr_to(osr_self_pid(self)) : osr_name("nobody", "test@host");
        if (note_send_after(self, to, &(note){0}, i, &later) == OSR_OK && i % 5 == 0) {
            (void)osr_timer_cancel(self, later, &left);
        }
    }
    while (osr_receive(self, 2000, &message) == OSR_OK) {
    }
    (void)!osr_timer_start(self, 100000, &timers[0]); /* goes with the process */
    return OSR_OK;
}

static osr_err names(osr_self *self)
{
    osr_pid pid;
    if (guest_spawn(self, &(note){.n = 1}, NULL, &pid) != OSR_OK) {
        return OSR_OK;
    }
    for (int i = 0; i < 5; i++) {
        (void)!osr_register(self, "a name of some length", pid);
        (void)note_send(self, osr_name("a name of some length", NULL), &(note){.n = 1});
        (void)!osr_unregister(self, "a name of some length");
    }
    (void)!osr_register(self, "mine", osr_self_pid(self));
    (void)!osr_monitor_nodes(self, true, true);
    end_and_wait(self, pid);
    return OSR_OK;
}

static osr_err supervises(osr_self *self)
{
    osr_pid pid;
    osr_pid child;
    osr_child_counts counts;
    const osr_children *children;
    (void)osr_trap_exit(self, true);
    if (street_start(self, NULL, OSR_SPAWN(.link = true, .name = "street"), &pid) != OSR_OK) {
        return OSR_OK;
    }
    if (osr_supervisor_start_child(
            self, osr_to(pid), OSR_CHILD_OF(kitchen, OSR_ARGUMENT(kitchen, .n = 3), .id = "third"),
            OSR_FOREVER, &child) == OSR_OK) {
        (void)drop_it_send(self, osr_to(child), &(drop_it){.well = true});
    }
    (void)drop_it_send(self, osr_name("first", NULL), &(drop_it){.well = false});
    (void)!osr_sleep(self, 20);
    (void)!osr_supervisor_terminate_child(self, osr_to(pid), "second", OSR_FOREVER);
    (void)!osr_supervisor_restart_child(self, osr_to(pid), "second", OSR_FOREVER, &child);
    (void)!osr_supervisor_count_children(self, osr_to(pid), OSR_FOREVER, &counts);
    if (osr_supervisor_which_children(self, osr_to(pid), OSR_FOREVER, &children) == OSR_OK) {
        osr_free(self, (void *)(uintptr_t)children);
    }
    osr_reason shutdown = osr_reason_of(OSR_REASON_SHUTDOWN);
    (void)!osr_server_stop(self, osr_to(pid), &shutdown, OSR_FOREVER);
    end_and_wait(self, pid);
    return OSR_OK;
}

static osr_err asks(osr_self *self)
{
    osr_pid pid;
    const osr_process_info *info;
    int count = 0;
    if (kitchen_start(self, NULL, OSR_SPAWN(.link = true), &pid) != OSR_OK) {
        return OSR_OK;
    }
    (void)!osr_info(self, pid, OSR_FOREVER, &info);
    (void)osr_is_alive(self, pid);
    (void)!osr_blocking(self, count_up, &count);
    for (int i = 0; i < 2; i++) {
        if (osr_suspend(self, pid, OSR_FOREVER) == OSR_OK) {
            (void)osr_resume(self, pid);
        }
    }
    (void)!osr_suspend(self, pid, OSR_FOREVER); /* ends with this process at the latest */
    (void)osr_resume(self, pid);
    (void)osr_unlink(self, pid);
    end_and_wait(self, pid);
    (void)osr_is_alive(self, pid);
    return OSR_OK;
}

static osr_err codes(osr_self *self)
{
    static const crumb crumbs[] = {{1, {"a", 1}}, {2, {NULL, 0}}};
    feast all = {.f1 = true, .f7 = {"text", 4}, .f9 = osr_self_pid(self)};
    osri_buffer buffer = {0};
    osri_envelope *envelope = NULL;
    osr_bin *bin = NULL;
    all.f15.at = crumbs;
    all.f15.count = 2;
    if (osr_bin_new("abc", 3, &bin) != OSR_OK) {
        return OSR_OK;
    }
    all.f8 = bin;
    if (osri_encode(&feast_osr_type, &all, &buffer) == OSR_OK &&
        osri_decode(&feast_osr_type, buffer.at, buffer.size, &envelope) == OSR_OK) {
        osri_envelope_free(&envelope);
    }
    osr_bin_unref(&bin);
    osri_buffer_fini(&buffer);
    return OSR_OK;
}

static osr_err builds(osr_self *self)
{
    feast *dish = NULL;
    crumb *crumbs;
    osr_message message;
    osr_dest dests[3] = {osr_to(osr_self_pid(self)), osr_to(osr_self_pid(self)),
                         osr_name("nobody", NULL)};
    if (feast_new(self, 100, &dish) == OSR_OK) {
        (void)!osr_bin_new("bin", 3, &dish->f8);
        (void)!osr_build_str(dish, "soup", 4, &dish->f7);
        (void)!OSR_BUILD_LIST(dish, dish->f15, 2, crumbs);
        (void)feast_give(self, dests[0], &dish);
    }
    if (feast_new(self, 10, &dish) == OSR_OK) {
        feast_drop(self, &dish);
    }
    (void)!feast_new(self, 10, &dish); /* goes with the process */
    (void)feast_send_all(self, dests, 3, &(feast){.f7 = osr_str_of("for all")});
    while (osr_receive(self, 10, &message) == OSR_OK) {
    }
    return OSR_OK;
}

static osr_err sends_later(osr_self *self)
{
    osr_ref timer;
    osr_message message;
    osr_pid pid;
    osr_dest me = osr_to(osr_self_pid(self));
    if (bowl_send_after(self, me, &(bowl){.n = 1}, 50, &timer) == OSR_OK) {
        (void)osr_timer_cancel(self, timer, NULL);
    }
    (void)!bowl_send_after(self, me, &(bowl){.n = 2}, 5, &timer);
    (void)!bowl_send_at(self, osr_name("nobody", NULL), &(bowl){.n = 3}, 1, &timer);
    (void)!bowl_send_after(self, osr_name("later", NULL), &(bowl){.n = 4}, 8, &timer);
    (void)!bowl_send_after(self, me, &(bowl){.n = 5}, 100000, &timer); /* goes with it */
    if (guest_spawn(self, &(note){.n = 1}, OSR_SPAWN(.name = "later"), &pid) == OSR_OK) {
        osr_ref monitor;
        (void)!osr_monitor_tagged(self, osr_name("later", NULL), 9, &monitor);
        (void)!osr_sleep(self, 20);
        end_and_wait(self, pid);
    }
    while (osr_receive(self, 30, &message) == OSR_OK) {
    }
    return OSR_OK;
}

static osr_err writes(osr_self *self)
{
    char error[OSR_PARSE_TEXT_BYTES];
    osr_any *any = NULL;
    osr_writer *writer = NULL;
    osr_message message;
    osr_dest me = osr_to(osr_self_pid(self));
    if (osr_parse(osr_self_node(self), "bowl{n: 5}", &any, error) == OSR_OK) {
        (void)osr_any_send(self, me, &any);
    }
    if (osr_parse(osr_self_node(self), "feast{f7: \"a\", f13: [\"b\", \"c\"]}", &any, error) ==
        OSR_OK) {
        osr_any_free(&any);
    }
    for (uint32_t id = 0x7302; id < 0x7400; id += 0x80) { /* known, and not */
        if (osr_writer_new(&writer) == OSR_OK) {
            osr_write_struct(writer, 1);
            osr_write_tag(writer, 1);
            osr_write_signed(writer, 7);
            if (osr_writer_end(&writer, osr_self_node(self), id, &any) == OSR_OK) {
                (void)osr_any_send(self, me, &any);
            }
        }
    }
    while (osr_receive(self, 10, &message) == OSR_OK) {
        if (osr_any_copy(message.type, message.body, &any) == OSR_OK) {
            osr_any_free(&any);
        }
    }
    return OSR_OK;
}

static osr_err begins(osr_self *self)
{
    osr_pid pid;
    osr_ref requests[4];
    osr_message reply;
    size_t count = 0;
    size_t index;
    if (kitchen_start(self, NULL, NULL, &pid) != OSR_OK) {
        return OSR_OK;
    }
    for (int i = 0; i < 4; i++) {
        osr_dest to = i == 2 ? osr_name("nobody", NULL) : osr_to(pid);
        count += fill_begin(self, to, &(fill){.by = i}, &requests[count]) == OSR_OK;
    }
    if (count > 0) {
        (void)!osr_await_any(self, requests, count, OSR_FOREVER, &index, &reply, NULL);
        (void)osr_abandon(self, requests[count - 1]);
        (void)!osr_await(self, requests[0], OSR_FOREVER, &reply, NULL);
    }
    end_and_wait(self, pid); /* with what is still asked */
    return OSR_OK;
}

static osr_err has_aliases(osr_self *self)
{
    osr_pid pid;
    osr_caller aliases[4];
    osr_message message;
    if (guest_spawn(self, &(note){.n = 1}, NULL, &pid) != OSR_OK) {
        return OSR_OK;
    }
    for (int i = 0; i < 4; i++) {
        osr_alias_mode mode = i % 2 == 0 ? OSR_ALIAS_EXPLICIT : OSR_ALIAS_REPLY;
        osr_err err = i == 0   ? osr_alias(self, mode, &aliases[i])
                      : i == 1 ? osr_alias_priority(self, mode, &aliases[i])
                               : osr_monitor_alias(self, osr_to(pid), 7, mode, &aliases[i]);
        if (err == OSR_OK) {
            (void)note_send(self, osr_to_alias(aliases[i]), &(note){.n = i});
            (void)note_send(self, osr_to_alias_priority(aliases[i]), &(note){.n = i});
            (void)(i == 0 && osr_unalias(self, aliases[i]));
        }
    }
    end_and_wait(self, pid);
    while (osr_receive(self, 10, &message) == OSR_OK) {
    }
    return OSR_OK;
}

static osr_err hears_of_nodes(osr_self *self)
{
    osr_node *node = osr_self_node(self);
    osri_peer peer = {.node = 3, .creation = 7, .name = "b@h", .labels = "x\n"};
    osri_member_view member = {.name = "b@h",
                               .creation = 7,
                               .state = OSR_MEMBER_JOINED,
                               .endpoint = "tcp://h:1",
                               .labels = "x\ny=1\n"};
    char name[OSR_NODE_NAME_BYTES];
    const osr_node_list *list;
    osr_message message;
    osri_node_member(node, &member);
    (void)!osr_monitor_members(self, true);
    (void)!osr_monitor_nodes(self, true, true);
    osri_node_peer_up(node, &peer);
    member.connected = true;
    osri_node_member(node, &member);
    if (osr_nodes(self, OSR_NODES_KNOWN, &list) == OSR_OK) {
        osr_free(self, (void *)(uintptr_t)list);
    }
    (void)!osr_choose_node(self, "y", name);
    osri_node_peer_down(node, &peer, "gone");
    (void)!osr_monitor_members(self, false);
    while (osr_receive(self, 10, &message) == OSR_OK) {
    }
    return OSR_OK;
}

static const starved_scenario scenarios[] = {{"aliases", has_aliases},
                                             {"begins", begins},
                                             {"nodes", hears_of_nodes},
                                             {"builds", builds},
                                             {"later", sends_later},
                                             {"writes", writes},
                                             {"spawns", spawns},
                                             {"sends", sends_every_kind},
                                             {"calls", calls},
                                             {"relates", relates},
                                             {"times", times},
                                             {"names", names},
                                             {"supervises", supervises},
                                             {"asks", asks},
                                             {"codes", codes}};

int main(void)
{
    return starved_run("starved", scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
