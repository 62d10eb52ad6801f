/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "osier/err.h"
#include "osier/reason.h"
#include "tests/sim/checker_state.h"

/* What processes saw: messages in order and without holes, links and monitors that fire once, and
 * not before what they end. */

#define NS_PER_MS UINT64_C(1000000)
#define FREE_BYTES (UINT64_C(1024) * 1024)     /* may be queued for a node before a sender waits */
#define SPAWN_NS (UINT64_C(10600) * NS_PER_MS) /* until a spawn times out, on a slow clock */
#define SETUP_NS (UINT64_C(7400) * NS_PER_MS)  /* 7 s, on a slow clock */

person_state *checker_person(check *c, osr_pid pid)
{
    person_state *person = checker_get_or_make(&c->people, &pid, sizeof(pid), sizeof(person_state));

    person->pid = pid;
    return person;
}

void checker_person_free(person_state *person)
{
    checker_free_values(&person->heard, sizeof(from_state));
    checker_free_values(&person->told, sizeof(told_state));
    checker_free_values(&person->monitors, sizeof(monitor_state));
    checker_free_values(&person->links, sizeof(link_state));
    checker_circle_fini(person);
}

const person_state *checker_find_person(const check *c, osr_pid pid)
{
    return osri_map_get(&c->people, &pid, sizeof(pid));
}

static bool is_node_gone(const check *c, osr_pid pid)
{
    const node_state *node = checker_node(c, pid.node);

    return node == NULL || node->gone;
}

/* One that was never born ended before it did anything. */
static bool has_ended(const check *c, osr_pid pid)
{
    const person_state *person = checker_find_person(c, pid);

    return person == NULL || !person->born || person->ended;
}

static bool is_gone(const check *c, osr_pid pid)
{
    return has_ended(c, pid) || is_node_gone(c, pid);
}

bool checker_is_within_reach(const check *c, uint64_t node, osr_pid pid)
{
    return !is_gone(c, pid) &&
           (node == pid.node || checker_session(c, node, checker_host(c, pid.node)) != 0);
}

/* ---- messages ---------------------------------------------------------------------------- */

static void check_remote(check *c, const person_state *me, const event *e, uint64_t host)
{
    if (!me->synced) {
        return;
    }
    broken(c, !me->up[host] || me->node[host] != e->other.node,
           "6: a message outside its nodeup and nodedown");
    broken(c, e->z != 0 && e->z != me->session[host], "3: a message of another session");
    broken(c, me->lost[host] == me->session[host],
           "4: a message after the noconnection of its session");
}

/* Numbers count up by one as long as nothing can have been lost with a session. */
static void check_numbers(check *c, const person_state *me, const from_state *from, const event *e,
                          uint64_t session)
{
    bool same = from->by_pid != 0 && from->session == session;

    broken(c, e->x != 0 && e->x <= from->pair, "1: order, or twice");
    broken(c, e->y != 0 && e->y <= from->by_pid, "1: order by pid, or twice");
    broken(c, e->y != 0 && same && (session == 0 || me->synced) && e->y != from->by_pid + 1,
           "2: a hole");
    broken(c,
           e->z != 0 && e->w != 0 && e->w != (from->sent_in == e->z ? from->number_in_it + 1 : 1),
           "2: a hole since the session began");
}

static void on_heard(check *c, const event *e)
{
    person_state *me = checker_person(c, e->who);
    from_state *from = checker_get_or_make(&me->heard, &e->other, sizeof(e->other), sizeof(*from));
    bool local = e->who.node == e->other.node;
    uint64_t host = checker_host(c, e->other.node);
    uint64_t session = local || host == JOURNAL_HOST_UNKNOWN ? 0 : me->session[host];

    broken(c, host == JOURNAL_HOST_UNKNOWN, "8: a message from a node that nobody knows");
    broken(c, (e->wrong & WRONG_RECEIVER) != 0, "9: a message for another incarnation");
    broken(c, (e->wrong & WRONG_LOAD) != 0, "2: a message that is not what was sent");
    broken(c, from->told_end, "1: a message after the end of its sender");
    check_numbers(c, me, from, e, session);
    if (!local && host != JOURNAL_HOST_UNKNOWN) {
        check_remote(c, me, e, host);
    }
    from->pair = e->x != 0 ? e->x : from->pair;
    if (e->y != 0) {
        from->by_pid = e->y;
        from->session = session;
    }
    if (e->z != 0 && e->w != 0) {
        from->sent_in = e->z;
        from->number_in_it = e->w;
    }
}

static void on_told(check *c, const event *e)
{
    told_state *told = checker_get_or_make(&checker_person(c, e->who)->told, &e->other,
                                           sizeof(e->other), sizeof(*told));

    *told = (told_state){.other = e->other, .by_pid = e->x, .session = e->z};
}

/* How long of its wait there was no session to wait for. */
static uint64_t without_session_ns(const node_state *node, const event *e)
{
    bool known = node != NULL && e->x < JOURNAL_HOSTS_MAX;
    uint64_t down_ns = known ? node->sessions[e->x].down_ns : 0;
    uint64_t since_ns = e->now_ns - down_ns;

    return since_ns < e->y ? since_ns : e->y;
}

static void on_waited(check *c, const event *e)
{
    const node_state *node = checker_node(c, e->who.node);
    bool slept = node != NULL && node->paused_ns > e->now_ns - e->y;

    broken(c, e->z < FREE_BYTES, "5: a sender that waited though less than 1 MiB was queued");
    broken(c,
           without_session_ns(node, e) > SETUP_NS && !slept &&
               checker_session(c, e->who.node, e->x) == 0,
           "5: a sender that waited for a connection longer than its setup may take");
}

/* ---- nodes ------------------------------------------------------------------------------- */

static void on_node(check *c, const event *e)
{
    person_state *me = checker_person(c, e->who);

    if (e->x >= JOURNAL_HOSTS_MAX) {
        broken(c, true, "8: nodeup of a node that nobody knows");
        return;
    }
    if (e->kind == EVENT_NODEUP) {
        broken(c, me->up[e->x], "6: nodeup of a node that is up");
        me->session[e->x] = e->y;
        me->node[e->x] = e->z;
    } else {
        broken(c, !me->up[e->x], "6: nodedown of a node that is not up");
        checker_circle_nodedown(c, me, e);
    }
    me->up[e->x] = e->kind == EVENT_NODEUP;
}

/* ---- links and monitors ------------------------------------------------------------------ */

/* noconnection while the node is up: the session is over, nothing of it follows. (Not so for a pid
 * of a node that was never introduced, or of an earlier incarnation.) */
static void note_lost(person_state *me, const event *e, uint64_t host)
{
    if (e->y == OSR_REASON_NOCONNECTION && host < JOURNAL_HOSTS_MAX && me->up[host] &&
        (osr_pid_is_none(e->other) || e->other.node == me->node[host])) {
        me->lost[host] = me->session[host];
    }
}

/* What the reason says of the one that has ended. A noproc may overtake what it sent
 * (lib/process/DESIGN.md). */
static void check_reason(check *c, person_state *me, const event *e)
{
    bool known = !osr_pid_is_none(e->other);
    bool ended = e->y != OSR_REASON_NOCONNECTION;

    broken(c, (e->wrong & WRONG_NAME) != 0, "7: its name was still there when its end was told");
    broken(c, (e->wrong & WRONG_TIMER) != 0, "7: its timer still ran when its end was told");
    broken(c, (e->wrong & WRONG_GROUP) != 0, "7: it was still in a group when its end was told");
    broken(c, (e->wrong & WRONG_GLOBAL) != 0,
           "7: its cluster-wide name was still there when its end was told");
    broken(c, known && ended && !is_gone(c, e->other), "4: the end of a process that lives");
    broken(c, known && ended && e->y != OSR_REASON_NOPROC && !has_ended(c, e->other),
           "9: a reason for what died with its node");
    if (known && ended && e->y != OSR_REASON_NOPROC) {
        from_state *from =
            checker_get_or_make(&me->heard, &e->other, sizeof(e->other), sizeof(*from));
        from->told_end = true;
    }
    if (known && ended) {
        checker_circle_end(c, me, e);
    }
}

/* Whether the session is with the target's incarnation. Of a name nothing says more. */
static bool is_with(const check *c, osr_pid me, osr_pid target, uint64_t session)
{
    const node_state *node = checker_node(c, target.node);
    uint64_t host = checker_host(c, me.node);

    return osr_pid_is_none(target) ||
           (node != NULL && host != JOURNAL_HOST_UNKNOWN && node->sessions[host].number == session);
}

/* A session that was up when it began, at our node, and still is, cannot have been lost. */
static bool stands(const check *c, osr_pid me, uint64_t host, uint64_t session)
{
    return session != 0 && checker_session(c, me.node, host) == session;
}

static void on_down(check *c, const event *e)
{
    person_state *me = checker_person(c, e->who);
    monitor_state *monitor = osri_map_get_u64(&me->monitors, e->x);

    broken(c, monitor == NULL || monitor->over,
           "4: a monitor that fires twice, or after it was taken back");
    if (monitor != NULL) {
        broken(c,
               e->y == OSR_REASON_NOCONNECTION &&
                   is_with(c, e->who, monitor->target, monitor->session) &&
                   stands(c, e->who, monitor->host, monitor->session),
               "4: noconnection of a session that stands");
        monitor->over = true;
        note_lost(me, e, monitor->host);
    }
    check_reason(c, me, e);
}

static link_state *link_of(check *c, osr_pid mine, osr_pid other)
{
    link_state *link = checker_get_or_make(&checker_person(c, mine)->links, &other, sizeof(other),
                                           sizeof(link_state));

    link->other = other;
    return link;
}

static void on_exited(check *c, const event *e)
{
    person_state *me = checker_person(c, e->who);
    link_state *link = link_of(c, e->who, e->other);

    broken(c, !link->mine && link->theirs == 0 && !link->uncertain,
           "4: an exit without a link, or twice");
    /* One that we made can end in an earlier session than the one in which they link us anew. */
    link->theirs -= !link->mine && link->theirs > 0 ? 1 : 0;
    link->uncertain = link->mine && link->uncertain;
    link->mine = false;
    note_lost(me, e, checker_host(c, e->other.node));
    check_reason(c, me, e);
}

static void on_link(check *c, const event *e)
{
    link_state *mine = link_of(c, e->who, e->other);

    mine->session = mine->mine ? mine->session : e->y;
    mine->mine = true;
    link_of(c, e->other, e->who)->theirs++;
}

static void on_unlink(check *c, const event *e)
{
    link_state *theirs = link_of(c, e->other, e->who);
    link_state *mine = link_of(c, e->who, e->other);

    /* What they made may still be on its way: it arrives after the unlink, and is a new link. */
    *mine = (link_state){.other = e->other, .uncertain = mine->uncertain || mine->theirs > 0};
    theirs->uncertain = theirs->uncertain || theirs->mine || theirs->theirs > 0;
}

static void on_monitor(check *c, const event *e)
{
    monitor_state *monitor = checker_get_or_make(&checker_person(c, e->who)->monitors, &e->x,
                                                 sizeof(e->x), sizeof(*monitor));

    monitor->target = e->other;
    monitor->session = e->y;
    monitor->host = e->z;
    monitor->over = e->kind == EVENT_DEMONITOR;
}

/* Everything that was under way has arrived: what the two ends of a link make of it is what each of
 * them did last. */
static void settle_links(person_state *me)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&me->links, &cursor, &at)) {
        link_state *link = at.value;
        if (link->uncertain) {
            *link = (link_state){.other = link->other, .theirs = 1};
        }
    }
}

static void on_settled(check *c)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&c->people, &cursor, &at)) {
        settle_links(at.value);
    }
}

static void on_spawned(check *c, const event *e)
{
    const node_state *node = checker_node(c, e->who.node);
    bool slept = node != NULL && node->paused_ns + SPAWN_NS > e->now_ns;

    broken(c, (e->y == OSR_ENOCONNECTION || e->y == OSR_ETIMEDOUT) && stands(c, e->who, e->x, e->z),
           "4: a spawn that nobody answered though its session stands");
    broken(c, e->y == OSR_ETIMEDOUT && !slept,
           "4: a spawn that the end of its session did not answer");
}

void checker_person_event(check *c, const event *e)
{
    switch (e->kind) {
    case EVENT_BORN:
        checker_person(c, e->who)->born = true;
        if (e->x != 0) {
            link_of(c, e->who, e->other)->theirs++;
        }
        break;
    case EVENT_ENDED:
        checker_person(c, e->who)->ended = true;
        break;
    case EVENT_SYNCED:
        checker_person(c, e->who)->synced = true;
        break;
    case EVENT_HEARD:
        on_heard(c, e);
        break;
    case EVENT_TOLD:
        on_told(c, e);
        break;
    case EVENT_WAITED:
        on_waited(c, e);
        break;
    case EVENT_NODEUP:
    case EVENT_NODEDOWN:
        on_node(c, e);
        break;
    case EVENT_MONITOR:
    case EVENT_DEMONITOR:
        on_monitor(c, e);
        break;
    case EVENT_DOWN:
        on_down(c, e);
        break;
    case EVENT_LINK:
        on_link(c, e);
        break;
    case EVENT_UNLINK:
        on_unlink(c, e);
        break;
    case EVENT_EXITED:
        on_exited(c, e);
        break;
    case EVENT_ANSWERED:
        broken(c, e->y != e->x + 1, "1: an answer to another question");
        break;
    case EVENT_SETTLED:
        on_settled(c);
        break;
    case EVENT_SPAWNED:
        on_spawned(c, e);
        break;
    default:
        break;
    }
}

/* ---- the end ----------------------------------------------------------------------------- */

/* Whether what holds me and the target together must have ended. */
static bool must_have_fired(const check *c, const person_state *me, osr_pid target, uint64_t host,
                            uint64_t session)
{
    if (!osr_pid_is_none(target) && is_gone(c, target)) {
        return true;
    }
    return host < JOURNAL_HOSTS_MAX && host != checker_host(c, me->pid.node) && session != 0 &&
           !stands(c, me->pid, host, session);
}

static void check_relations(check *c, const person_state *me)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&me->monitors, &cursor, &at)) {
        const monitor_state *monitor = at.value;
        broken_between(c,
                       !monitor->over &&
                           must_have_fired(c, me, monitor->target, monitor->host, monitor->session),
                       me->pid, monitor->target, "4: a monitor that never fired");
    }
    cursor = 0;
    while (osri_map_next(&me->links, &cursor, &at)) {
        const link_state *link = at.value;
        broken_between(c,
                       link->mine && !link->uncertain &&
                           must_have_fired(c, me, link->other, checker_host(c, link->other.node),
                                           link->session),
                       me->pid, link->other, "4: a link that never fired");
    }
}

/* What was sent in a session that stands has arrived. */
static void check_told(check *c, const person_state *me)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&me->told, &cursor, &at)) {
        const told_state *told = at.value;
        const person_state *them = checker_find_person(c, told->other);
        const from_state *from =
            them == NULL ? NULL : osri_map_get(&them->heard, &me->pid, sizeof(me->pid));
        bool local = told->other.node == me->pid.node;
        bool whole = local || stands(c, me->pid, checker_host(c, told->other.node), told->session);

        broken_between(
            c, whole && !is_gone(c, told->other) && (from == NULL || from->by_pid != told->by_pid),
            me->pid, told->other, "2: what was sent in a session that stands has not arrived");
    }
}

static void check_nodes_seen(check *c, const person_state *me)
{
    for (uint64_t host = 0; me->synced && host < JOURNAL_HOSTS_MAX; host++) {
        uint64_t session = checker_session(c, me->pid.node, host);

        broken_between(c, me->up[host] != (session != 0), me->pid, OSR_PID_NONE,
                       "6: a nodeup or nodedown that never came");
        broken_between(c, me->up[host] && me->session[host] != session, me->pid, OSR_PID_NONE,
                       "6: nodeup of another session");
    }
}

void checker_person_end(check *c, person_state *me)
{
    if (!is_gone(c, me->pid)) {
        check_relations(c, me);
        check_told(c, me);
        check_nodes_seen(c, me);
    }
}
