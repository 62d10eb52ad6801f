/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/journal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/core/map.h"

/* The checker. It knows nothing of how links and sessions work: it goes through the journal as a
 * person would, and keeps for each process what it has been promised. */

typedef struct from_state { /* of one sender, at one receiver */
    uint64_t pair, by_pid;
    uint64_t session; /* in which by_pid arrived */
} from_state;

typedef struct monitor_state {
    osr_pid target;
    uint64_t session, host;
    bool over;
} monitor_state;

/* A link has two ends, and either can make it and take it back. */
typedef struct link_state {
    osr_pid other;
    uint64_t session;
    bool mine;       /* we made it: it must fire */
    uint32_t theirs; /* how often they did, or tried to: it may fire */
    bool uncertain;  /* they may have taken it back: it may fire */
} link_state;

typedef struct person_state {
    osr_pid pid;
    bool ended, synced;
    bool up[CLUSTER_NODES_MAX];
    uint64_t session[CLUSTER_NODES_MAX]; /* the last one, also when it is down */
    uint64_t node[CLUSTER_NODES_MAX];
    uint64_t lost[CLUSTER_NODES_MAX]; /* a session that noconnection has been heard of */
    osri_map heard;                   /* sender -> from_state */
    osri_map monitors;                /* reference -> monitor_state */
    osri_map links;                   /* pid -> link_state */
} person_state;

typedef struct check {
    osri_map people;  /* pid -> person_state */
    osri_map hosts;   /* node id -> host + 1 */
    osri_map crashed; /* node id -> non-NULL */
    cluster *live;
    const char *broken;
    const event *at;
} check;

void journal_add(journal *book, event what)
{
    uint64_t words[] = {what.now_ns,
                        (uint64_t)what.kind,
                        what.who.node,
                        what.who.slot,
                        what.who.generation,
                        what.other.node,
                        what.other.slot,
                        what.other.generation,
                        what.x,
                        what.y,
                        what.z,
                        what.wrong};

    if (book->count == book->capacity) {
        size_t capacity = book->capacity == 0 ? 4096 : book->capacity * 2;
        event *grown = osri_heap_realloc(book->events, book->capacity * sizeof(event),
                                         capacity * sizeof(event));
        if (grown == NULL) {
            abort();
        }
        book->events = grown;
        book->capacity = capacity;
    }
    book->events[book->count++] = what;
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        book->hash = (book->hash ^ words[i]) * UINT64_C(0x100000001b3);
        book->hash ^= book->hash >> 29;
    }
}

void journal_fini(journal *book)
{
    osri_heap_free(book->events, book->capacity * sizeof(event));
    *book = (journal){0};
}

void journal_print(const journal *book)
{
    static const char *const names[] = {"",      "born",   "ended",    "crashed", "synced",
                                        "heard", "nodeup", "nodedown", "monitor", "demonitor",
                                        "down",  "link",   "unlink",   "exited",  "answered"};

    for (size_t i = 0; i < book->count; i++) {
        const event *e = &book->events[i];
        (void)fprintf(
            stderr,
            "%6zu %10.6f %-9s %04x.%u.%u %04x.%u.%u %" PRIu64 " %" PRIx64 " %" PRIx64 "%s\n", i,
            (double)e->now_ns / 1e9, names[e->kind], (unsigned)(e->who.node >> 48), e->who.slot,
            e->who.generation, (unsigned)(e->other.node >> 48), e->other.slot, e->other.generation,
            e->x, e->y, e->z, e->wrong ? " WRONG" : "");
    }
}

/* ---- what is known ----------------------------------------------------------------------- */

static void *get_or_make(osri_map *map, const void *key, size_t key_bytes, size_t bytes)
{
    void *value = osri_map_get(map, key, key_bytes);

    if (value == NULL) {
        value = osri_heap_zalloc(bytes);
        if (value == NULL || osri_map_put(map, key, key_bytes, value, NULL) != OSR_OK) {
            abort();
        }
    }
    return value;
}

static person_state *person_of(check *c, osr_pid pid)
{
    person_state *person = get_or_make(&c->people, &pid, sizeof(pid), sizeof(person_state));

    person->pid = pid;
    return person;
}

static void free_values(osri_map *map, size_t bytes)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(map, &cursor, &at)) {
        osri_heap_free(at.value, bytes);
    }
    osri_map_fini(map);
}

static void check_fini(check *c)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&c->people, &cursor, &at)) {
        person_state *person = at.value;
        free_values(&person->heard, sizeof(from_state));
        free_values(&person->monitors, sizeof(monitor_state));
        free_values(&person->links, sizeof(link_state));
    }
    free_values(&c->people, sizeof(person_state));
    osri_map_fini(&c->hosts);
    osri_map_fini(&c->crashed);
}

static void broken(check *c, bool is_broken, const char *what)
{
    if (is_broken && c->broken == NULL) {
        c->broken = what;
    }
}

static bool is_gone(const check *c, osr_pid pid)
{
    const person_state *person = osri_map_get(&c->people, &pid, sizeof(pid));

    return person == NULL || person->ended || osri_map_get_u64(&c->crashed, pid.node) != NULL;
}

/* The host of a node's number, or CLUSTER_NODES_MAX. */
static uint64_t host_of(const check *c, uint64_t node)
{
    uintptr_t host = (uintptr_t)osri_map_get_u64(&c->hosts, node);

    return host == 0 ? CLUSTER_NODES_MAX : host - 1;
}

/* ---- one event --------------------------------------------------------------------------- */

static void check_remote(check *c, person_state *me, const event *e, uint64_t host)
{
    if (!me->synced || host >= CLUSTER_NODES_MAX) {
        broken(c, host >= CLUSTER_NODES_MAX, "a message from a node that nobody knows");
        return;
    }
    broken(c, !me->up[host] || me->node[host] != e->other.node,
           "6: a message outside its nodeup and nodedown");
    broken(c, e->z != 0 && e->z != me->session[host], "3: a message of another session");
    broken(c, me->lost[host] == me->session[host],
           "4: a message after the noconnection of its session");
}

static void on_heard(check *c, const event *e)
{
    person_state *me = person_of(c, e->who);
    from_state *from = get_or_make(&me->heard, &e->other, sizeof(e->other), sizeof(*from));
    bool local = e->who.node == e->other.node;
    uint64_t host = local ? 0 : host_of(c, e->other.node);
    uint64_t session = local || host >= CLUSTER_NODES_MAX ? 0 : me->session[host];

    broken(c, e->wrong, "a message for another incarnation");
    broken(c, e->x != 0 && e->x <= from->pair, "1: order, or twice");
    broken(c, e->y != 0 && e->y <= from->by_pid, "1: order by pid, or twice");
    if (e->y != 0 && from->by_pid != 0 && from->session == session && (local || me->synced)) {
        broken(c, e->y != from->by_pid + 1, "2: a hole");
    }
    if (!local) {
        check_remote(c, me, e, host);
    }
    from->pair = e->x != 0 ? e->x : from->pair;
    if (e->y != 0) {
        from->by_pid = e->y;
        from->session = session;
    }
}

static void on_node(check *c, const event *e)
{
    person_state *me = person_of(c, e->who);

    if (e->kind == EVENT_NODEUP) {
        broken(c, me->up[e->x], "6: nodeup of a node that is up");
        me->session[e->x] = e->y;
        me->node[e->x] = e->z;
    } else {
        broken(c, !me->up[e->x], "6: nodedown of a node that is not up");
    }
    me->up[e->x] = e->kind == EVENT_NODEUP;
}

/* noconnection while the node is up: the session is over, nothing of it follows. (Not so for a pid
 * of a node that was never introduced, or of an earlier incarnation.) */
static void note_lost(person_state *me, const event *e, uint64_t host)
{
    if (e->y == OSR_REASON_NOCONNECTION && host < CLUSTER_NODES_MAX && me->up[host] &&
        (osr_pid_is_none(e->other) || e->other.node == me->node[host])) {
        me->lost[host] = me->session[host];
    }
}

static void check_reason(check *c, const event *e)
{
    broken(c, e->wrong, "7: its name was still there when its end was told");
    broken(c,
           !osr_pid_is_none(e->other) && e->y != OSR_REASON_NOCONNECTION && !is_gone(c, e->other),
           "4: the end of a process that lives");
}

static void on_down(check *c, const event *e)
{
    person_state *me = person_of(c, e->who);
    monitor_state *monitor = osri_map_get_u64(&me->monitors, e->x);

    broken(c, monitor == NULL || monitor->over,
           "4: a monitor that fires twice, or after it was taken back");
    if (monitor != NULL) {
        monitor->over = true;
        note_lost(me, e, monitor->host);
    }
    check_reason(c, e);
}

static link_state *link_of(check *c, osr_pid mine, osr_pid other)
{
    link_state *link =
        get_or_make(&person_of(c, mine)->links, &other, sizeof(other), sizeof(*link));

    link->other = other;
    return link;
}

static void on_exited(check *c, const event *e)
{
    link_state *link = link_of(c, e->who, e->other);

    broken(c, !link->mine && link->theirs == 0 && !link->uncertain,
           "4: an exit without a link, or twice");
    /* One that we made can end in an earlier session than the one in which they link us anew. */
    link->theirs -= !link->mine && link->theirs > 0 ? 1 : 0;
    link->uncertain = link->mine && link->uncertain;
    link->mine = false;
    note_lost(person_of(c, e->who), e, host_of(c, e->other.node));
    check_reason(c, e);
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

    *link_of(c, e->who, e->other) = (link_state){.other = e->other};
    theirs->uncertain = theirs->uncertain || theirs->mine || theirs->theirs > 0;
}

static void on_monitor(check *c, const event *e)
{
    monitor_state *monitor =
        get_or_make(&person_of(c, e->who)->monitors, &e->x, sizeof(e->x), sizeof(*monitor));

    monitor->target = e->other;
    monitor->session = e->y;
    monitor->host = e->z;
    monitor->over = e->kind == EVENT_DEMONITOR;
}

static void on_event(check *c, const event *e)
{
    switch (e->kind) {
    case EVENT_BORN:
        (void)person_of(c, e->who);
        if (e->x != 0) {
            link_of(c, e->who, e->other)->theirs++;
        }
        break;
    case EVENT_ENDED:
        person_of(c, e->who)->ended = true;
        break;
    case EVENT_CRASHED:
        (void)!osri_map_put_u64(&c->crashed, e->x, c, NULL);
        break;
    case EVENT_SYNCED:
        person_of(c, e->who)->synced = true;
        break;
    case EVENT_HEARD:
        on_heard(c, e);
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
        broken(c, e->y != e->x + 1, "an answer to another question");
        break;
    }
}

/* ---- the end ----------------------------------------------------------------------------- */

/* Whether what holds me and the target together must have ended. */
static bool must_have_fired(check *c, const person_state *me, osr_pid target, uint64_t host,
                            uint64_t session)
{
    cluster_node *mine = cluster_by_id(c->live, me->pid.node);
    uint64_t now;

    if (!osr_pid_is_none(target) && is_gone(c, target)) {
        return true;
    }
    if (mine == NULL || host >= CLUSTER_NODES_MAX || host == mine->host) {
        return false;
    }
    now = osri_net_session_of(mine->net, c->live->nodes[host].name);
    return session != 0 && now != session;
}

static void check_end_of(check *c, person_state *me)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (osri_map_next(&me->monitors, &cursor, &at)) {
        const monitor_state *monitor = at.value;
        broken(c,
               !monitor->over &&
                   must_have_fired(c, me, monitor->target, monitor->host, monitor->session),
               "4: a monitor that never fired");
    }
    cursor = 0;
    while (osri_map_next(&me->links, &cursor, &at)) {
        const link_state *link = at.value;
        broken(c,
               link->mine && !link->uncertain &&
                   must_have_fired(c, me, link->other, host_of(c, link->other.node), link->session),
               "4: a link that never fired");
    }
}

static void check_end(check *c)
{
    size_t cursor = 0;
    osri_map_entry at;

    while (c->broken == NULL && osri_map_next(&c->people, &cursor, &at)) {
        person_state *me = at.value;
        if (!is_gone(c, me->pid)) {
            check_end_of(c, me);
        }
        if (c->broken != NULL) {
            c->at = NULL;
        }
    }
}

/* Every nodeup names a host; and a node that never was up anywhere is known by its people. */
static void learn_hosts(check *c, const journal *book)
{
    for (size_t i = 0; i < book->count; i++) {
        const event *e = &book->events[i];
        if (e->kind == EVENT_NODEUP) {
            (void)!osri_map_put_u64(&c->hosts, e->z, (void *)(uintptr_t)(e->x + 1), NULL);
        }
    }
}

const char *journal_check(const journal *book, cluster *live, char ret_text[512])
{
    check c = {.live = live};
    size_t i = 0;

    learn_hosts(&c, book);
    while (i < book->count && c.broken == NULL) {
        c.at = &book->events[i++];
        on_event(&c, c.at);
    }
    if (c.broken == NULL) {
        check_end(&c);
    }
    if (c.broken != NULL) {
        (void)snprintf(ret_text, 512, "%s (event %zu)", c.broken,
                       c.at == NULL ? book->count : i - 1);
    }
    check_fini(&c);
    return c.broken == NULL ? NULL : ret_text;
}
