/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/node.h"
#include "osier/nodes.h"
#include "tests/unit/process/process_kit.h"

/* Members and nodes as a process sees them: what the distribution tells is told by the test. */

static void tell_member(osr_node *node, const char *name, osr_member_state state, bool connected,
                        const char *labels)
{
    osri_member_view view = {.name = name,
                             .creation = 7,
                             .state = state,
                             .connected = connected,
                             .endpoint = "tcp://h:1",
                             .labels = labels};
    osri_node_member(node, &view);
}

static void expect_member(osr_self *self, const char *name, osr_member_state state, bool connected)
{
    osr_message message;
    CHECK_OK(self, osr_receive(self, 5000, &message));
    const osr_member *member = OSR_AS(osr_member, &message);
    OSR_CHECK(self, member != NULL && strcmp(member->name.at, name) == 0);
    OSR_CHECK(self, member->state == (uint32_t)state && member->connected == connected);
    OSR_CHECK(self, member->node == osri_node_id(name, 7));
}

static osr_err late_subscriber(osr_self *self)
{
    tell_member(self->node, "a@h", OSR_MEMBER_JOINED, false, "");
    tell_member(self->node, "b@h", OSR_MEMBER_JOINED, true, "");
    tell_member(self->node, "c@h", OSR_MEMBER_JOINED, false, "");
    tell_member(self->node, "a@h", OSR_MEMBER_LOST, false, "");
    CHECK_OK(self, osr_monitor_members(self, true));
    expect_member(self, "b@h", OSR_MEMBER_JOINED, true);
    expect_member(self, "c@h", OSR_MEMBER_JOINED, false);
    expect_silence(self);
    tell_member(self->node, "c@h", OSR_MEMBER_LEFT, false, "");
    expect_member(self, "c@h", OSR_MEMBER_LEFT, false);
    CHECK_OK(self, osr_monitor_members(self, false));
    tell_member(self->node, "b@h", OSR_MEMBER_LOST, false, "");
    expect_silence(self);
    return OSR_OK;
}

/* A late subscriber hears of each that is there now, then of each change, and after it has
 * unsubscribed of nothing. */
START_TEST(subscriber_hears_of_members)
{
    node_fixture_run(late_subscriber);
}
END_TEST

static osr_err both_subscriptions(osr_self *self)
{
    osri_peer peer = {.node = 3, .creation = 7, .name = "b@h"};
    osr_message message;
    CHECK_OK(self, osr_monitor_members(self, true));
    CHECK_OK(self, osr_monitor_nodes(self, true, false));
    CHECK_OK(self, osr_monitor_members(self, false));
    osri_node_peer_up(self->node, &peer);
    tell_member(self->node, "b@h", OSR_MEMBER_JOINED, true, "");
    CHECK_OK(self, osr_receive(self, 5000, &message));
    OSR_CHECK(self, OSR_AS(osr_nodeup, &message) != NULL);
    expect_silence(self);
    CHECK_OK(self, osr_monitor_members(self, true));
    expect_member(self, "b@h", OSR_MEMBER_JOINED, true);
    CHECK_OK(self, osr_monitor_nodes(self, false, false));
    osri_node_peer_down(self->node, &peer, "gone");
    tell_member(self->node, "b@h", OSR_MEMBER_LOST, false, "");
    expect_member(self, "b@h", OSR_MEMBER_LOST, false);
    return OSR_OK;
}

/* Members and nodes are subscribed to and given up one without the other. */
START_TEST(subscriptions_are_apart)
{
    node_fixture_run(both_subscriptions);
}
END_TEST

static void expect_names(osr_self *self, uint32_t kinds, const char *expected)
{
    const osr_node_list *list;
    char names[256] = "";
    size_t used = 0;
    CHECK_OK(self, osr_nodes(self, kinds, &list));
    for (uint32_t i = 0; i < list->nodes.count; i++) {
        used +=
            (size_t)snprintf(names + used, sizeof(names) - used, "%s ", list->nodes.at[i].name.at);
    }
    osr_free(self, (void *)(uintptr_t)list);
    OSR_CHECK(self, strcmp(names, expected) == 0);
}

static osr_err lists(osr_self *self)
{
    osri_peer visible = {.node = 3, .creation = 7, .name = "b@h", .os_pid = 42};
    osri_peer hidden = {.node = 4, .creation = 7, .name = "s@h", .hidden = true};
    const osr_node_list *list;
    tell_member(self->node, "a@h", OSR_MEMBER_JOINED, false, "worker\nzone=a\n");
    osri_node_peer_up(self->node, &visible);
    tell_member(self->node, "b@h", OSR_MEMBER_JOINED, true, "");
    osri_node_peer_up(self->node, &hidden);
    expect_names(self, OSR_NODES_VISIBLE, "b@h ");
    expect_names(self, OSR_NODES_HIDDEN, "s@h ");
    expect_names(self, OSR_NODES_CONNECTED, "b@h s@h ");
    expect_names(self, OSR_NODES_THIS, "test@host ");
    expect_names(self, OSR_NODES_KNOWN, "test@host b@h s@h a@h ");
    expect_names(self, 0, "");
    CHECK_OK(self, osr_nodes(self, OSR_NODES_KNOWN, &list));
    const osr_node_info *b = &list->nodes.at[1];
    const osr_node_info *a = &list->nodes.at[3];
    OSR_CHECK(self, b->connected && b->os_pid == 42 && strcmp(b->endpoint.at, "tcp://h:1") == 0);
    OSR_CHECK(self, !a->connected && a->node == osri_node_id("a@h", 7) && a->labels.count == 2);
    OSR_CHECK(self, osr_node_has_label(a, "worker") && osr_node_has_label(a, "zone"));
    OSR_CHECK(self, osr_node_has_label(a, "zone=a") && !osr_node_has_label(a, "zon"));
    OSR_CHECK(self, !osr_node_has_label(a, "zone=") && !osr_node_has_label(a, "work"));
    return OSR_OK; /* the list goes with the process */
}

/* Nodes are listed by kind: this one, then in the order of coming up, then those not connected. */
START_TEST(nodes_are_listed_by_kind)
{
    node_fixture_run(lists);
}
END_TEST

static osr_err chooses(osr_self *self)
{
    char name[OSR_NODE_NAME_BYTES];
    unsigned a = 0;
    unsigned b = 0;
    OSR_CHECK(self, osr_choose_node(self, "worker", name) == OSR_ENOTFOUND);
    tell_member(self->node, "a@h", OSR_MEMBER_JOINED, false, "worker\n");
    tell_member(self->node, "b@h", OSR_MEMBER_JOINED, true, "worker=fast\n");
    tell_member(self->node, "c@h", OSR_MEMBER_JOINED, true, "workers\n");
    for (int i = 0; i < 200; i++) {
        CHECK_OK(self, osr_choose_node(self, "worker", name));
        a += strcmp(name, "a@h") == 0;
        b += strcmp(name, "b@h") == 0;
    }
    OSR_CHECK(self, a + b == 200 && a > 10 && b > 10);
    tell_member(self->node, "b@h", OSR_MEMBER_LOST, false, "worker=fast\n");
    OSR_CHECK(self, osr_choose_node(self, "worker=fast", name) == OSR_ENOTFOUND);
    return OSR_OK;
}

/* Each member with the label is chosen now and then, and nobody else. */
START_TEST(a_label_chooses_among_its_members)
{
    node_fixture_run(chooses);
}
END_TEST

static osr_err without_distribution(osr_self *self)
{
    osr_ref monitor;
    OSR_CHECK(self, osr_monitor_node(self, "b@h", &monitor) == OSR_ENOTSUP);
    OSR_CHECK(self, osr_drain(self, true) == OSR_ENOTSUP);
    OSR_CHECK(self, osr_set_tick(self, 1000) == OSR_ENOTSUP);
    OSR_CHECK(self, osr_connect(self, "b@h") == OSR_ENOTSUP);
    OSR_CHECK(self, osr_disconnect(self, "b@h") == OSR_ENOTSUP);
    OSR_CHECK(self, !osr_demonitor_node(self, OSR_REF_NONE));
    expect_names(self, OSR_NODES_KNOWN, "test@host ");
    return OSR_OK;
}

/* A node that is alone knows itself. */
START_TEST(a_node_without_distribution)
{
    node_fixture_run(without_distribution);
}
END_TEST

OSR_ENTRY(hungry, note)
{
    const osr_node_list *list;
    for (;;) {
        osr_err err = osr_nodes(self, OSR_NODES_KNOWN, &list);
        if (err != OSR_OK) {
            return err;
        }
    }
}

static osr_err limited(osr_self *self)
{
    osr_pid pid;
    tell_member(self->node, "a@h", OSR_MEMBER_JOINED, false, "worker\n");
    CHECK_OK(self, hungry_spawn(self, &(note){.n = 1}, OSR_SPAWN(.memory_max = 64), &pid));
    (void)watch(self, pid);
    OSR_CHECK(self, next_down(self) == OSR_REASON_CRASH);
    return OSR_OK;
}

/* Lists count as memory of the process: more than its limit ends it, and nothing of it stays. */
START_TEST(lists_count_as_memory)
{
    node_fixture_run(limited);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, subscriber_hears_of_members);
    tcase_add_test(tests, subscriptions_are_apart);
    tcase_add_test(tests, nodes_are_listed_by_kind);
    tcase_add_test(tests, a_label_chooses_among_its_members);
    tcase_add_test(tests, a_node_without_distribution);
    tcase_add_test(tests, lists_count_as_memory);
}

int main(void)
{
    Suite *suite = suite_create("members");
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
