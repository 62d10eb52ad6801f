/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdlib.h>

#include "osier/err.h"
#include "tests/sim/checker_state.h"

/* Groups and cluster-wide names: what a node, or a monitor, says of members is true in the end, and
 * names nobody whose end has been told; a name has one owner, and a loser that is told once. */

void checker_circle_fini(person_state *person)
{
    checker_free_values(&person->watched, sizeof(member_state));
}

/* ---- groups ------------------------------------------------------------------------------ */

static member_state *member_of(osri_map *map, osr_pid pid)
{
    member_state *member = checker_get_or_make(map, &pid, sizeof(pid), sizeof(*member));

    member->pid = pid;
    return member;
}

static uint32_t times(const osri_map *map, osr_pid pid)
{
    const member_state *member = osri_map_get(map, &pid, sizeof(pid));

    return member == NULL ? 0 : member->times;
}

static void forget_all(osri_map *map)
{
    checker_free_values(map, sizeof(member_state));
    *map = (osri_map){0};
}

static void on_watched(check *c, const event *e)
{
    person_state *me = checker_person(c, e->who);

    me->watch = e->y;
    me->watched_group = e->x;
    forget_all(&me->watched);
}

static void on_change(check *c, const event *e)
{
    person_state *me = checker_person(c, e->who);
    member_state *member = member_of(&me->watched, e->other);

    if (e->y != me->watch) {
        return;
    }
    broken(c, e->kind == EVENT_WENT && member->times == 0,
           "7: a monitor of a group that tells of one who left it and was not in it");
    member->times += e->kind == EVENT_CAME ? 1 : 0;
    member->times -= e->kind == EVENT_WENT && member->times > 0 ? 1 : 0;
}

void checker_circle_end(check *c, const person_state *me, const event *e)
{
    broken(c, me->watch != 0 && times(&me->watched, e->other) != 0,
           "7: a monitor of a group that tells of an end after it was told");
}

void checker_circle_nodedown(check *c, const person_state *me, const event *e)
{
    size_t cursor = 0;
    osri_map_entry at;

    broken(c, (e->wrong & WRONG_GROUP) != 0, "7: members of a lost node after its nodedown");
    broken(c, (e->wrong & WRONG_GLOBAL) != 0, "7: names of a lost node after its nodedown");
    while (osri_map_next(&me->watched, &cursor, &at)) {
        const member_state *member = at.value;
        broken(c, me->watch != 0 && member->times != 0 && member->pid.node == me->node[e->x],
               "7: a monitor of a group that tells of a lost node after its nodedown");
    }
}

/* Whether a view of a group, from a node, is what it should be, as far as this person goes. */
static void check_member(check *c, const person_state *who, uint64_t node, uint64_t group,
                         uint32_t seen, const char *what)
{
    uint32_t due = checker_is_within_reach(c, node, who->pid) ? who->member[group] : 0;

    broken_between(c, seen != due, (osr_pid){.node = node}, who->pid, what);
}

/* At the end. */
static void on_seen_all(check *c, const event *e)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&c->people, &cursor, &at)) {
        const person_state *who = at.value;
        check_member(c, who, e->who.node, e->x, times(&c->seen, who->pid),
                     "7: a group that is not what its members are");
    }
    cursor = 0;
    while (osri_map_next(&c->seen, &cursor, &at)) {
        const member_state *member = at.value;
        broken(c, checker_find_person(c, member->pid) == NULL,
               "7: somebody in a group whom nobody knows");
    }
    forget_all(&c->seen);
}

static void check_watcher(check *c, const person_state *me, const event *e)
{
    size_t cursor = 0;
    osri_map_entry at;

    if (me->watch == 0 || me->watched_group != e->x || me->pid.node != e->who.node ||
        !checker_is_within_reach(c, e->who.node, me->pid)) {
        return;
    }
    while (osri_map_next(&c->people, &cursor, &at)) {
        const person_state *who = at.value;
        check_member(c, who, me->pid.node, e->x, times(&me->watched, who->pid),
                     "7: a monitor of a group that has not told of all");
    }
}

static void check_watchers(check *c, const event *e)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&c->people, &cursor, &at)) {
        check_watcher(c, at.value, e);
    }
}

/* ---- names ------------------------------------------------------------------------------- */

static void on_claims(check *c, const event *e)
{
    claim_state *claim = &checker_person(c, e->who)->claims[e->x];

    *claim = (claim_state){.began = c->verdict.event + 1};
    for (uint64_t host = 0; host < JOURNAL_HOSTS_MAX; host++) {
        claim->sessions[host] = checker_session(c, e->who.node, host);
    }
}

static void on_claimed(check *c, const event *e)
{
    claim_state *claim = &checker_person(c, e->who)->claims[e->x];

    if (e->y != OSR_OK) {
        *claim = (claim_state){0};
        return;
    }
    claim->has = true;
    claim->ended = c->verdict.event + 1;
    for (uint64_t host = 0; host < JOURNAL_HOSTS_MAX; host++) {
        if (checker_session(c, e->who.node, host) != claim->sessions[host]) {
            claim->sessions[host] = 0;
        }
    }
}

/* Whether their nodes were connected all the time that the later one took to get the name, and the
 * earlier one had it, or took the same time for it. */
static bool could_have_known(const check *c, const person_state *a, const person_state *b,
                             uint64_t name)
{
    const person_state *later = a->claims[name].began > b->claims[name].began ? a : b;
    const person_state *earlier = later == a ? b : a;
    uint64_t session = later->claims[name].sessions[checker_host(c, earlier->pid.node)];
    uint64_t theirs = earlier->claims[name].sessions[checker_host(c, later->pid.node)];
    bool had_it = earlier->claims[name].ended < later->claims[name].began;

    return session != 0 && (had_it || session == theirs);
}

/* Whether the loser's node can know what has become of the winner. A third node whose word is old
 * can take a name from somebody whose own node cannot know better. */
static bool knows_better(const check *c, uint64_t node, const person_state *winner, uint64_t name)
{
    const node_state *other = checker_node(c, winner->pid.node);

    return other != NULL && !other->gone && winner->claims[name].ended != 0 &&
           (winner->claims[name].has || node == other->id ||
            checker_session(c, node, other->host) != 0);
}

static void on_lost(check *c, const event *e)
{
    person_state *loser = checker_person(c, e->who);
    const person_state *winner = checker_find_person(c, e->other);

    broken(c, !loser->claims[e->x].has,
           "P: the loss of a name that was told twice, or to who had it not");
    if (winner != NULL && knows_better(c, e->who.node, winner, e->x)) {
        broken(c, could_have_known(c, loser, winner, e->x),
               "P: a name that was registered on two nodes that were connected");
    }
    loser->claims[e->x].has = false;
}

/* At the end. */
static void on_owner(check *c, const event *e)
{
    bool none = osr_pid_is_none(e->other);
    const person_state *owner = none ? NULL : checker_find_person(c, e->other);
    size_t cursor = 0;
    osri_map_entry at;

    broken(c, !none && !checker_is_within_reach(c, e->who.node, e->other),
           "7: a name of a dead process, or of a lost node");
    broken(c, !none && (owner == NULL || !owner->claims[e->x].has),
           "P: a name of somebody who does not have it");
    while (osri_map_next(&c->people, &cursor, &at)) {
        const person_state *who = at.value;
        bool has = who->claims[e->x].has && checker_is_within_reach(c, e->who.node, who->pid);
        broken_between(c, has && none, e->who, who->pid, "P: a name that a node does not know");
        broken_between(c, has && !none && who != owner, who->pid, e->other,
                       "P: a name with two owners, or a loser that was not told");
    }
}

void checker_circle_event(check *c, const event *e)
{
    switch (e->kind) {
    case EVENT_JOINED:
        checker_person(c, e->who)->member[e->x]++;
        break;
    case EVENT_LEFT:
        checker_person(c, e->who)->member[e->x]--;
        break;
    case EVENT_WATCHED:
        on_watched(c, e);
        break;
    case EVENT_CAME:
    case EVENT_WENT:
        on_change(c, e);
        break;
    case EVENT_SEEN:
        member_of(&c->seen, e->other)->times++;
        break;
    case EVENT_SEEN_ALL:
        on_seen_all(c, e);
        check_watchers(c, e);
        break;
    case EVENT_CLAIMS:
        on_claims(c, e);
        break;
    case EVENT_CLAIMED:
        on_claimed(c, e);
        break;
    case EVENT_GAVE_BACK:
        checker_person(c, e->who)->claims[e->x].has = false;
        break;
    case EVENT_LOST:
        on_lost(c, e);
        break;
    case EVENT_OWNER:
        on_owner(c, e);
        break;
    default:
        break;
    }
}
