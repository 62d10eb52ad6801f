/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "osier/global.h"
#include "osier/group.h"
#include "tests/sim/people_state.h"

/* What people do together: they join and leave groups, watch them, and take cluster-wide names. */

_Static_assert(JOURNAL_NAMES == JOURNAL_GROUPS, "one list of both");

static const char *const circles[JOURNAL_GROUPS] = {"choir", "dance", "elders"};

/* ---- what they do ------------------------------------------------------------------------ */

static void join_or_leave(person *me, uint32_t group)
{
    bool leaves = me->member[group] > 0 && person_dice(me, 3) != 0;
    osr_err err = leaves ? osr_group_leave(me->self, NULL, circles[group], me->pid)
                         : osr_group_join(me->self, NULL, circles[group], me->pid);

    if (err == OSR_OK) {
        me->member[group] += leaves ? -1 : 1;
        people_note(
            (event){.kind = leaves ? EVENT_LEFT : EVENT_JOINED, .who = me->pid, .x = group});
        everybody.counts.memberships++;
    }
}

static void watch(person *me, uint32_t group)
{
    if (!osr_ref_is_none(me->watch)) {
        (void)osr_group_demonitor(me->self, me->watch);
        me->watch = OSR_REF_NONE;
    } else if (osr_group_monitor(me->self, NULL, circles[group], &me->watch) != OSR_OK) {
        return;
    }
    people_note((event){.kind = EVENT_WATCHED, .who = me->pid, .x = group, .y = me->watch.number});
}

static void take_name(person *me, uint32_t name)
{
    osr_global_policy policy = person_dice(me, 8) == 0 ? OSR_GLOBAL_KILL : OSR_GLOBAL_NOTIFY;
    osr_err err;

    people_note((event){.kind = EVENT_CLAIMS, .who = me->pid, .x = name});
    err = osr_global_register(me->self, circles[name], me->pid,
                              OSR_GLOBAL(.weight = person_dice(me, 3), .on_conflict = policy));
    me->owns[name] = err == OSR_OK;
    everybody.counts.names += err == OSR_OK ? 1 : 0;
    people_note((event){.kind = EVENT_CLAIMED, .who = me->pid, .x = name, .y = (uint64_t)err});
}

/* Unless it has lost it, and is about to hear of that. */
static void give_name_back(person *me, uint32_t name)
{
    if (osr_pid_equal(osr_global_whereis(me->self, circles[name]), me->pid) &&
        osr_global_unregister(me->self, circles[name]) == OSR_OK) {
        me->owns[name] = false;
        people_note((event){.kind = EVENT_GAVE_BACK, .who = me->pid, .x = name});
    }
}

void person_meet(person *me)
{
    uint32_t which = (uint32_t)person_dice(me, JOURNAL_GROUPS);

    everybody.counts.signals++;
    switch (person_dice(me, 4)) {
    case 0:
        watch(me, which);
        break;
    case 1:
        if (me->owns[which]) {
            give_name_back(me, which);
        } else {
            take_name(me, which);
        }
        break;
    default:
        join_or_leave(me, which);
        break;
    }
}

/* ---- what they hear ---------------------------------------------------------------------- */

static void heard_change(const person *me, event_kind kind, osr_ref monitor, const osr_pid *pids,
                         uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        people_note((event){.kind = kind, .who = me->pid, .other = pids[i], .y = monitor.number});
    }
}

static void heard_conflict(person *me, const osr_global_conflict *conflict)
{
    for (uint32_t i = 0; i < JOURNAL_NAMES; i++) {
        if (strcmp(conflict->name.at, circles[i]) == 0) {
            me->owns[i] = false;
            everybody.counts.conflicts++;
            people_note(
                (event){.kind = EVENT_LOST, .who = me->pid, .other = conflict->winner, .x = i});
        }
    }
}

bool person_heard_circle(person *me, const osr_message *message)
{
    const osr_group_joined *joined = OSR_AS(osr_group_joined, message);
    const osr_group_left *left = OSR_AS(osr_group_left, message);
    const osr_global_conflict *conflict = OSR_AS(osr_global_conflict, message);

    if (joined != NULL) {
        heard_change(me, EVENT_CAME, joined->monitor, joined->pids.at, joined->pids.count);
    } else if (left != NULL) {
        heard_change(me, EVENT_WENT, left->monitor, left->pids.at, left->pids.count);
    } else if (conflict != NULL) {
        heard_conflict(me, conflict);
    }
    return joined != NULL || left != NULL || conflict != NULL;
}

/* ---- what is left of others -------------------------------------------------------------- */

/* pid none: any of the node. */
static bool is_one(osr_pid pid, uint64_t node, osr_pid at)
{
    return osr_pid_is_none(pid) ? at.node == node : osr_pid_equal(pid, at);
}

uint32_t person_left_in_circles(person *me, uint64_t node, osr_pid pid)
{
    uint32_t wrong = 0;

    for (uint32_t i = 0; i < JOURNAL_GROUPS; i++) {
        osr_pid *pids = NULL;
        size_t count = 0;
        (void)!osr_group_members(me->self, NULL, circles[i], &pids, &count);
        for (size_t k = 0; k < count; k++) {
            wrong |= is_one(pid, node, pids[k]) ? WRONG_GROUP : 0;
        }
        osr_free(me->self, pids);
        wrong |= is_one(pid, node, osr_global_whereis(me->self, circles[i])) ? WRONG_GLOBAL : 0;
    }
    return wrong;
}

/* ---- the end ----------------------------------------------------------------------------- */

static void see_group(osr_self *self, uint32_t group)
{
    osr_pid me = osr_self_pid(self);
    osr_pid *pids = NULL;
    size_t count = 0;

    if (osr_group_members(self, NULL, circles[group], &pids, &count) != OSR_OK) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        people_note((event){.kind = EVENT_SEEN, .who = me, .other = pids[i], .x = group});
    }
    people_note((event){.kind = EVENT_SEEN_ALL, .who = me, .x = group});
    osr_free(self, pids);
}

/* Writes down what its node makes of it all. */
OSR_ENTRY(census, person_options)
{
    (void)argument;
    for (uint32_t i = 0; i < JOURNAL_GROUPS; i++) {
        see_group(self, i);
        people_note((event){.kind = EVENT_OWNER,
                            .who = osr_self_pid(self),
                            .other = osr_global_whereis(self, circles[i]),
                            .x = i});
    }
    return OSR_OK;
}

void people_count(void)
{
    static const person_options none;
    cluster *world = everybody.world;

    for (uint32_t host = 0; host < world->options.nodes; host++) {
        (void)cluster_spawn(world, host, &census_osr_entry, &none, NULL);
    }
}
