/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/unit/net/person.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "osier/nodes.h"

#define MONITORS_MAX 8

typedef struct person {
    char name[32];
    osr_ref monitors[MONITORS_MAX];
    unsigned count;
    uint64_t connection; /* of the last nodeup */
} person;

static const char *state_name(uint32_t state)
{
    return state == OSR_MEMBER_JOINED ? "joined" : state == OSR_MEMBER_LEFT ? "left" : "lost";
}

static void heard(person *me, const osr_message *message)
{
    const osr_nodeup *up = OSR_AS(osr_nodeup, message);
    const osr_nodedown *down = OSR_AS(osr_nodedown, message);
    const osr_member *member = OSR_AS(osr_member, message);

    if (up != NULL) {
        actor_trace_add("%s nodeup %s%s", me->name, up->name.at, up->hidden ? " hidden" : "");
        me->connection = up->connection;
    } else if (down != NULL) {
        if (osr_ref_is_none(down->monitor) && down->connection != me->connection) {
            actor_trace_add("%s mistakes the connection", me->name);
        }
        actor_trace_add("%s %s %s %s", me->name,
                        osr_ref_is_none(down->monitor) ? "nodedown" : "lost", down->name.at,
                        down->reason.at);
    } else if (member != NULL) {
        actor_trace_add("%s member %s %s%s%s%s%s", me->name, member->name.at,
                        state_name(member->state), member->connected ? " connected" : "",
                        member->draining ? " draining" : "", member->labels.count > 0 ? " " : "",
                        member->labels.count > 0 ? member->labels.at[0].at : "");
    } else {
        actor_trace_add("%s heard %s", me->name, message->type->name);
    }
}

static osr_err list(osr_self *self, const person *me, uint32_t kinds)
{
    const osr_node_list *nodes;
    char text[512];
    size_t used = 0;
    osr_err err = osr_nodes(self, kinds, &nodes);

    if (err != OSR_OK) {
        return err;
    }
    for (uint32_t i = 0; i < nodes->nodes.count; i++) {
        used +=
            (size_t)snprintf(text + used, sizeof(text) - used, " %s", nodes->nodes.at[i].name.at);
    }
    actor_trace_add("%s sees%s", me->name, used == 0 ? " nobody" : text);
    osr_free(self, (void *)(uintptr_t)nodes);
    return OSR_OK;
}

static osr_err spawn(osr_self *self, const person *me, const char *node)
{
    actor_options argument = {.name = osr_str_of("child")};
    osr_spawn_options options = {.size = sizeof(options), .node = node};
    osr_pid pid;
    osr_err err =
        osr_spawn_named(self, "actor", &actor_options_osr_type, &argument, &options, &pid);

    actor_trace_add("%s spawned %s", me->name, osr_err_name(err));
    return OSR_OK;
}

static osr_err monitor(osr_self *self, person *me, const char *node)
{
    osr_err err = me->count == MONITORS_MAX
                      ? OSR_ELIMIT
                      : osr_monitor_node(self, node, &me->monitors[me->count]);

    me->count += err == OSR_OK ? 1 : 0;
    if (err != OSR_OK) {
        actor_trace_add("%s refused %s", me->name, osr_err_name(err));
    }
    return OSR_OK;
}

static osr_err obey(osr_self *self, person *me, const person_do *order)
{
    switch ((person_deed)order->deed) {
    case PERSON_CONNECT:
        return osr_connect(self, order->node.at);
    case PERSON_DISCONNECT:
        return osr_disconnect(self, order->node.at);
    case PERSON_MONITOR:
        return monitor(self, me, order->node.at);
    case PERSON_DEMONITOR:
        actor_trace_add("%s demonitored %d", me->name,
                        osr_demonitor_node(self, me->monitors[--me->count]));
        return OSR_OK;
    case PERSON_WATCH:
        return osr_monitor_nodes(self, order->number != 2, order->number == 1);
    case PERSON_MEMBERS:
        return osr_monitor_members(self, order->number != 2);
    case PERSON_DRAIN:
        return osr_drain(self, order->number != 2);
    case PERSON_LIST:
        return list(self, me, order->number);
    case PERSON_TICK:
        if (osr_set_tick(self, order->number) != OSR_OK) {
            actor_trace_add("%s refused a tick", me->name);
        }
        return OSR_OK;
    case PERSON_SPAWN:
        return spawn(self, me, order->node.at);
    case PERSON_END:
        break;
    }
    return OSR_EINVAL;
}

OSR_ENTRY(person_body, person_options)
{
    person me = {.count = 0};
    osr_err err = OSR_OK;

    (void)snprintf(me.name, sizeof(me.name), "%s", argument->name.at);
    while (err == OSR_OK) {
        osr_message message;
        const person_do *order;
        err = osr_receive(self, OSR_FOREVER, &message);
        order = err == OSR_OK ? OSR_AS(person_do, &message) : NULL;
        if (order != NULL && order->deed == PERSON_END) {
            return OSR_OK;
        }
        if (order != NULL) {
            err = obey(self, &me, order);
        } else if (err == OSR_OK) {
            heard(&me, &message);
        }
    }
    if (err != OSR_EEXIT) {
        actor_trace_add("%s failed %s", me.name, osr_err_name(err));
    }
    return err;
}

osr_pid person_on(cluster *world, uint32_t host, const char *name)
{
    person_options options = {.name = osr_str_of(name)};

    return cluster_spawn(world, host, &person_body_osr_entry, &options, OSR_SPAWN(.name = name));
}

void person_does(cluster *world, osr_pid pid, person_deed deed, const char *node, uint32_t number)
{
    cluster_node *at = cluster_by_id(world, pid.node);
    person_do order = {
        .deed = deed, .node = osr_str_of(node == NULL ? "" : node), .number = number};

    ck_assert_ptr_nonnull(at);
    ck_assert_int_eq(osr_node_send(at->node, osr_to(pid), &person_do_osr_type, &order), OSR_OK);
}
