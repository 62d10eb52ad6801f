/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/process/body.h"
#include "lib/process/node.h"
#include "osier/mailbox.h"
#include "osier/nodes.h"
#include "osier/osier.h"
#include "tests/unit/process/starved_kit.h"

/* Memory that cannot be had where most programs never come: processes that are started by request,
 * monitors of nodes, full mailboxes, mailboxes with an index. */

OSR_MESSAGE(bowl, 0x7302, (1, i64, n));
OSR_REQUEST(fill, 0x7303, bowl, (1, i64, by));

static const osr_type *const downs[] = {&osr_down_osr_type};

OSR_ENTRY(guest, note)
{
    osr_message message;
    osr_err err = OSR_OK;
    (void)argument;
    while (err == OSR_OK) {
        err = osr_receive(self, OSR_FOREVER, &message);
        if (err == OSR_OK && message.ref != 0) {
            osr_caller caller = osr_caller_of(&message);
            for (int i = 0;
                 i < 3 && osr_reply_to(self, caller, &bowl_osr_type, &(bowl){.n = 1}) == OSR_ENOMEM;
                 i++) {
            }
        } else if (err == OSR_OK) {
            err = osr_sleep(self, 3);
        }
    }
    return err;
}
OSR_EXPORT(guest);

static void end_and_wait(osr_self *self, osr_pid pid)
{
    osr_ref monitor;
    osr_message message;
    osr_reason kill = osr_reason_of(OSR_REASON_KILL);
    for (int i = 0; i < 3 && osr_send_exit(self, pid, &kill) != OSR_OK; i++) {
    }
    if (osr_monitor(self, osr_to(pid), &monitor) == OSR_OK) {
        (void)!osr_receive_of(self, downs, 1, 5000, &message);
        (void)osr_demonitor(self, monitor, true);
    }
}

static void empty(osr_self *self)
{
    osr_message message;
    while (osr_receive(self, 10, &message) == OSR_OK) {
    }
}

/* ---- another node, which is never there -------------------------------------------------- */

static osr_node *here;

static void far_send(void *context, const osri_route *route, osri_envelope **signal)
{
    (void)context;
    osri_signal_return(here, route->pid, OSR_REASON_NOCONNECTION, signal);
}

static bool far_try_send(void *context, const osri_route *route, osri_envelope **signal,
                         osri_sender *sender)
{
    (void)sender;
    far_send(context, route, signal);
    return true;
}

static osr_err far_connect(void *context, const char *node, bool asked)
{
    (void)context;
    (void)asked;
    return strcmp(node, "no@h") == 0 ? OSR_ENOCONNECTION : OSR_OK;
}

static size_t far_links(void *context, osr_link_status *ret_links, size_t max)
{
    (void)context;
    for (size_t i = 0; i < 2 && i < max; i++) {
        ret_links[i] = (osr_link_status){.name = "far@h"};
    }
    return 2;
}

static const osri_remote_ops far = {
    .send = far_send, .try_send = far_try_send, .connect = far_connect, .links = far_links};

static void see_link(void *context, const osr_link_status *status)
{
    (void)status;
    *(int *)context += 1;
}

/* ---- scenarios --------------------------------------------------------------------------- */

static osr_err spawns_by_request(osr_self *self)
{
    const osr_mailbox_options *bound = OSR_MAILBOX(.messages_max = 5);
    osr_pid pid;
    osr_ref request;
    osr_message message;
    static const osr_type *const replies[] = {&osr_spawn_reply_osr_type};
    here = self->node;
    for (int i = 0; i < 2; i++) { /* here, and where it is refused */
        const osr_spawn_options *options =
            OSR_SPAWN(.node = i == 0 ? NULL : "far@h", .name = "named", .label = "a label",
                      .link = i == 1, .monitor = true, .mailbox = bound);
        self->node->remote = i == 0 ? NULL : &far;
        if (osr_spawn_named(self, "guest", &note_osr_type, &(note){.n = 1}, options, &pid) ==
            OSR_OK) {
            end_and_wait(self, pid);
        }
        if (osri_spawn_request_async(self, "guest", &note_osr_type, &(note){.n = 2}, options,
                                     &request) == OSR_OK &&
            osr_receive_of(self, replies, 1, 100, &message) == OSR_OK &&
            OSR_AS(osr_spawn_reply, &message)->error == OSR_OK) {
            end_and_wait(self, OSR_AS(osr_spawn_reply, &message)->pid);
        }
    }
    self->node->remote = NULL;
    pid = osr_whereis(self, "named"); /* started, and its answer was lost */
    if (!osr_pid_is_none(pid)) {
        end_and_wait(self, pid);
    }
    return OSR_OK;
}

static osr_err watches_nodes(osr_self *self)
{
    osr_ref monitors[4];
    osr_err errs[4];
    int seen = 0;
    here = self->node;
    self->node->remote = &far;
    for (int i = 0; i < 4; i++) {
        errs[i] = osr_monitor_node(self, i == 3 ? "no@h" : "far@h", &monitors[i]);
    }
    if (errs[1] == OSR_OK) {
        (void)osr_demonitor_node(self, monitors[1]);
    }
    (void)!osr_node_links(self->node, see_link, &seen);
    osri_node_unreachable(self->node, "far@h", "a test");
    self->node->remote = NULL;
    empty(self);
    return OSR_OK;
}

static osr_err fills_mailboxes(osr_self *self)
{
    osr_pid pid;
    bowl *built;
    const osr_mailbox_options *bound =
        OSR_MAILBOX(.messages_max = 1, .policy = OSR_MAILBOX_SUSPEND, .wait_ms = 2);
    if (guest_spawn(self, &(note){0}, OSR_SPAWN(.mailbox = bound), &pid) != OSR_OK) {
        return OSR_OK;
    }
    for (int i = 0; i < 4; i++) {
        (void)bowl_send(self, osr_to(pid), &(bowl){.n = i});
        (void)!bowl_try_send(self, osr_to(pid), &(bowl){.n = i});
        if (bowl_new(self, 0, &built) == OSR_OK) {
            (void)!bowl_try_give(self, osr_to(pid), &built);
            bowl_drop(self, &built);
        }
    }
    end_and_wait(self, pid);
    return OSR_OK;
}

/* More links than fit into what a process with few has. */
static osr_err has_many_links(osr_self *self)
{
    osr_pid pids[24];
    size_t count = 0;
    (void)osr_trap_exit(self, true);
    for (int64_t i = 0; i < 24; i++) {
        count +=
            guest_spawn(self, &(note){.n = i}, OSR_SPAWN(.link = true), &pids[count]) == OSR_OK;
    }
    for (size_t i = 0; i < count; i++) {
        end_and_wait(self, pids[i]);
    }
    empty(self);
    return OSR_OK;
}

static osr_err asks_by_name(osr_self *self)
{
    static const char *const nodes[] = {"poor@host", NULL};
    osr_pid pid;
    osr_ref request;
    osr_message reply;
    bowl bowls[2];
    osr_err errs[2];
    if (guest_spawn(self, &(note){0}, OSR_SPAWN(.name = "guest"), &pid) != OSR_OK) {
        return OSR_OK;
    }
    if (fill_begin(self, osr_name("guest", "poor@host"), &(fill){.by = 1}, &request) == OSR_OK) {
        (void)!osr_await(self, request, OSR_FOREVER, &reply, NULL);
    }
    here = self->node;
    self->node->remote = &far;
    if (fill_begin(self, osr_name("guest", "far@h"), &(fill){.by = 1}, &request) == OSR_OK) {
        (void)!osr_await(self, request, OSR_FOREVER, &reply, NULL);
    }
    self->node->remote = NULL;
    (void)!fill_multi_call(self, nodes, 2, "guest", &(fill){.by = 2}, bowls, errs, 5000);
    end_and_wait(self, pid);
    return OSR_OK;
}

#define KINDS 40
#define MANY 600

/* More than a receive by type looks through without an index, and of many types. */
static osr_err receives_by_type(osr_self *self)
{
    static osr_type types[KINDS];
    const osr_type *last[] = {&types[KINDS - 1]};
    osr_message message;
    for (uint32_t i = 0; i < KINDS; i++) {
        types[i] = note_osr_type;
        types[i].id = 0x7340 + i;
    }
    for (uint32_t i = 0; i < MANY; i++) {
        (void)osri_send(self, osr_to(osr_self_pid(self)), &types[i % KINDS], &(note){.n = i});
    }
    while (osr_receive_of(self, last, 1, 0, &message) == OSR_OK) {
    }
    for (uint32_t i = 0; i < MANY; i++) { /* with the index there */
        (void)osri_send(self, osr_to(osr_self_pid(self)), &types[i % 2], &(note){.n = i});
    }
    while (osr_receive_of(self, last, 1, 0, &message) == OSR_OK) {
    }
    empty(self);
    return OSR_OK;
}

static const starved_scenario scenarios[] = {
    {"by request", spawns_by_request}, {"nodes", watches_nodes},  {"full", fills_mailboxes},
    {"links", has_many_links},         {"by name", asks_by_name}, {"by type", receives_by_type}};

int main(void)
{
    return starved_run("starved_rarely", scenarios, sizeof(scenarios) / sizeof(scenarios[0]));
}
