/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/process/node.h"
#include "tests/unit/process/process_kit.h"

/* Subscriptions to nodes that come and go. */

static osri_peer peer_of(uint64_t id, const char *name, bool hidden)
{
    osri_peer peer = {.node = id, .creation = 1, .os_pid = 100 + id, .hidden = hidden};
    memcpy(peer.name, name, strlen(name) + 1);
    memcpy(peer.labels, "zone=a\ndisk\n", 13);
    return peer;
}

static void expect_up(osr_self *self, const char *name)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_nodeup *up = OSR_AS(osr_nodeup, &message);
    OSR_CHECK(self, up != NULL && strcmp(up->name.at, name) == 0);
    OSR_CHECK(self, up->labels.count == 2 && strncmp(up->labels.at[0].at, "zone=a", 6) == 0);
}

static void expect_down(osr_self *self, const char *name, const char *reason)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_nodedown *down = OSR_AS(osr_nodedown, &message);
    OSR_CHECK(self, down != NULL && strcmp(down->name.at, name) == 0);
    OSR_CHECK(self, strcmp(down->reason.at, reason) == 0);
}

static osr_err late_subscriber(osr_self *self)
{
    osri_peer a = peer_of(1, "a@host", false);
    osri_peer b = peer_of(2, "b@host", false);
    osri_peer secret = peer_of(3, "c@host", true);
    osri_node_peer_up(self->node, &b);
    osri_node_peer_up(self->node, &secret);
    osri_node_peer_up(self->node, &a);
    CHECK_OK(self, osr_monitor_nodes(self, true, false));
    expect_up(self, "b@host");
    expect_up(self, "a@host");
    osri_node_peer_down(self->node, &secret, "unseen");
    osri_node_peer_down(self->node, &b, "connection_closed");
    osri_node_peer_up(self->node, &b);
    expect_down(self, "b@host", "connection_closed");
    expect_up(self, "b@host");
    expect_silence(self);
    CHECK_OK(self, osr_monitor_nodes(self, false, false));
    osri_node_peer_down(self->node, &a, "unseen");
    osri_node_peer_down(self->node, &b, "unseen");
    expect_silence(self);
    return OSR_OK;
}

/* A late subscriber hears of each visible node that is up, in the order in which they came, then of
 * each change, and of nothing after it has unsubscribed. */
START_TEST(a_late_subscriber_misses_nothing)
{
    node_fixture_run(late_subscriber);
}
END_TEST

static osr_err hidden_too(osr_self *self)
{
    osri_peer secret = peer_of(3, "c@host", true);
    CHECK_OK(self, osr_monitor_nodes(self, true, true));
    osri_node_peer_up(self->node, &secret);
    expect_up(self, "c@host");
    osri_node_peer_down(self->node, &secret, "bye");
    expect_down(self, "c@host", "bye");
    return OSR_OK; /* still subscribed: goes with the process */
}

/* Who asks for them hears of hidden nodes too; a subscription goes with its process. */
START_TEST(hidden_nodes_on_request)
{
    node_fixture_run(hidden_too);
}
END_TEST

static osr_err order_with_messages(osr_self *self)
{
    osri_peer a = peer_of(1, "a@host", false);
    osr_message message;
    CHECK_OK(self, osr_monitor_nodes(self, true, false));
    note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 1});
    osri_node_peer_up(self->node, &a);
    note_send(self, osr_to(osr_self_pid(self)), &(note){.n = 2});
    osri_node_peer_down(self->node, &a, "gone");
    CHECK_OK(self, osr_receive(self, 0, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == 1);
    expect_up(self, "a@host");
    CHECK_OK(self, osr_receive(self, 0, &message));
    OSR_CHECK(self, OSR_AS(note, &message)->n == 2);
    expect_down(self, "a@host", "gone");
    return OSR_OK;
}

/* A nodeup stands before what the same thread delivers after it, a nodedown behind what it
 * delivered before. */
START_TEST(nodeup_first_nodedown_last)
{
    node_fixture_run(order_with_messages);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, a_late_subscriber_misses_nothing);
    tcase_add_test(tests, hidden_nodes_on_request);
    tcase_add_test(tests, nodeup_first_nodedown_last);
}

int main(void)
{
    Suite *suite = suite_create("peers");
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
