/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_CHECKER_STATE_H
#define OSR_TESTS_SIM_CHECKER_STATE_H

#include "lib/core/map.h"
#include "tests/sim/checker.h"

/* The inside of the checker, shared by checker.c (events, the end), checker_nodes.c (what nodes
 * saw), checker_people.c (what their people saw) and checker_circles.c (their groups and names). */

/* A session as one of its two nodes sees it. */
typedef struct session_state {
    uint64_t number;
    uint64_t up_ns;
    uint64_t down_ns; /* 0: it has not ended */
    bool up;
} session_state;

/* One incarnation. */
typedef struct node_state {
    uint64_t id, host, tick_ms;
    uint64_t paused_ns; /* was paused until then */
    bool gone;
    session_state sessions[JOURNAL_HOSTS_MAX]; /* the latest, by the peer's host */
} node_state;

typedef struct from_state { /* of one sender, at one receiver */
    uint64_t pair, by_pid;
    uint64_t session;               /* the receiver's, in which by_pid arrived */
    uint64_t sent_in, number_in_it; /* the sender's, and the number to the pid in it */
    bool told_end;                  /* the receiver knows that the sender has ended */
} from_state;

typedef struct told_state { /* of one receiver, by its sender, at the end */
    osr_pid other;
    uint64_t by_pid, session;
} told_state;

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

/* A process in a group, or as somebody sees it in one. */
typedef struct member_state {
    osr_pid pid;
    uint32_t times;
} member_state;

/* What somebody did to get a name, and what it has. */
typedef struct claim_state {
    uint64_t began, ended;                /* events; 0: not yet, or in vain */
    uint64_t sessions[JOURNAL_HOSTS_MAX]; /* of its node, up all the time of the claim; 0: none */
    bool has;
} claim_state;

typedef struct person_state {
    osr_pid pid;
    bool born, ended, synced;
    bool up[JOURNAL_HOSTS_MAX];
    uint64_t session[JOURNAL_HOSTS_MAX]; /* the last one, also when it is down */
    uint64_t node[JOURNAL_HOSTS_MAX];
    uint64_t lost[JOURNAL_HOSTS_MAX]; /* a session that noconnection has been heard of */
    osri_map heard;                   /* sender -> from_state */
    osri_map told;                    /* receiver -> told_state */
    osri_map monitors;                /* reference -> monitor_state */
    osri_map links;                   /* pid -> link_state */
    uint32_t member[JOURNAL_GROUPS];  /* how often it is */
    uint64_t watch, watched_group;    /* its monitor; 0: none */
    osri_map watched;                 /* pid -> member_state: as told by that */
    claim_state claims[JOURNAL_NAMES];
} person_state;

typedef struct check {
    osri_map people; /* pid -> person_state */
    osri_map nodes;  /* id -> node_state */
    osri_map forged; /* sessions in which somebody got what its peer never sent */
    node_state *current[JOURNAL_HOSTS_MAX]; /* the latest incarnation, dead or alive */
    osri_map seen;                          /* pid -> member_state: of a group, at a node */
    uint64_t cut_ns[JOURNAL_HOSTS_MAX][JOURNAL_HOSTS_MAX]; /* since when; 0: not */
    checker_verdict verdict;
} check;

/* Notes the first fact that should not be. */
static inline void broken(check *c, bool is_broken, const char *what)
{
    if (is_broken && c->verdict.promise == NULL) {
        c->verdict.promise = what;
    }
}

/* The same, between two processes. */
static inline void broken_between(check *c, bool is_broken, osr_pid who, osr_pid other,
                                  const char *what)
{
    if (is_broken && c->verdict.promise == NULL) {
        c->verdict.promise = what;
        c->verdict.who = who;
        c->verdict.other = other;
    }
}

/* The value of a key, made all zero where it is new. */
void *checker_get_or_make(osri_map *map, const void *key, size_t key_bytes, size_t bytes);
void checker_free_values(osri_map *map, size_t bytes);

/* ---- checker_nodes.c ---- */

/* NULL: nobody knows it. */
node_state *checker_node(const check *c, uint64_t id);
/* The host of a node, or JOURNAL_HOST_UNKNOWN. */
uint64_t checker_host(const check *c, uint64_t id);
/* The session that is up at a node with a peer's host; 0: none. */
uint64_t checker_session(const check *c, uint64_t id, uint64_t host);
void checker_node_event(check *c, const event *e);
void checker_nodes_end(check *c);

/* ---- checker_people.c ---- */

void checker_person_event(check *c, const event *e);
void checker_person_end(check *c, person_state *me);
void checker_person_free(person_state *person);

/* Of another node it is dead, or its node is, or the nodes have no session. */
bool checker_is_within_reach(const check *c, uint64_t node, osr_pid pid);
const person_state *checker_find_person(const check *c, osr_pid pid);
person_state *checker_person(check *c, osr_pid pid);

/* ---- checker_circles.c ---- */

void checker_circle_event(check *c, const event *e);
/* The end of a process, or of a session with a node, is told to somebody. */
void checker_circle_end(check *c, const person_state *me, const event *e);
void checker_circle_nodedown(check *c, const person_state *me, const event *e);
void checker_circle_fini(person_state *person);

#endif
