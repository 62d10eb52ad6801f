/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_PEOPLE_STATE_H
#define OSR_TESTS_SIM_PEOPLE_STATE_H

#include "tests/sim/people.h"

/* The inside of the people, shared by people.c (their life, what happens to them), people_act.c
 * (what they do) and people_circles.c (groups and cluster-wide names). */

#define KNOWN_MAX 48
#define MONITORS_MAX 8

OSR_MESSAGE(person_options, 0x1100, (1, u32, slot),
            (2, bool, linked)); /* slot PEOPLE_SLOTS: no name */
OSR_MESSAGE(person_talk, 0x1101, (1, u64, pair), (2, u64, by_pid), (3, pid, to), (4, u64, session),
            (5, u64, sent_ns), (6, u64, in_session), (7, bin, load));
OSR_MESSAGE(person_ask, 0x1102, (1, u64, number));
OSR_MESSAGE(person_answer, 0x1103, (1, u64, number));
OSR_MESSAGE(person_marker, 0x1104);
OSR_MESSAGE(person_stop, 0x1105);

typedef struct known {
    osr_pid pid;
    uint64_t sent; /* to this pid */
    uint64_t session, sent_in_session;
    bool linked;
} known;

typedef struct person {
    osr_self *self;
    osr_pid pid;
    uint32_t host;
    bool stop;
    bool told;
    bool relinked;
    uint32_t turns;
    uint64_t pairs[CLUSTER_NODES_MAX][PEOPLE_SLOTS];
    uint32_t next_up[CLUSTER_NODES_MAX]; /* index of the session whose nodeup comes next */
    uint64_t unsure[CLUSTER_NODES_MAX];  /* a session in which one message may be missing: its
                                            sender had to wait */
    known known[KNOWN_MAX];
    uint32_t known_count;
    osr_ref monitors[MONITORS_MAX];
    uint32_t member[JOURNAL_GROUPS]; /* how often */
    osr_ref watch;                   /* of a group */
    bool owns[JOURNAL_NAMES];        /* cluster-wide */
} person;

/* What everybody may know of a process. */
typedef struct facts {
    osr_caller alias;
    osr_ref timer; /* runs as long as it lives */
} facts;

uint64_t person_dice(person *me, uint64_t bound);
const char *person_name_of_slot(uint32_t slot);

/* The host whose latest incarnation this is, or CLUSTER_NODES_MAX. */
uint32_t person_host_of_node(uint64_t node);

/* The session that this node has with a host; 0: none. */
uint64_t person_session(const person *me, uint32_t host);

/* NULL: itself, nobody, or one too many. */
known *person_know(person *me, osr_pid pid);

/* NULL: nobody knows. */
const facts *person_facts(osr_pid pid);

/* What the load of a message is filled with: depends on its size and number. */
const uint8_t *person_pattern(size_t bytes, uint64_t number);
#define PATTERN_BYTES 100000 /* the longest load */

/* A send that was begun then took its time. */
typedef struct waited_key {
    osr_pid who;
    uint64_t began_ns;
} waited_key;

/* How much it counts for while it waits for its node: at least that much. */
uint64_t person_bytes(const person_talk *words);

/* Does something at random. */
void person_act(person *me);

/* Links with some that it knows. */
void person_relink(person *me);

/* Does something with groups or cluster-wide names. */
void person_meet(person *me);

/* Whether the message was about those. */
bool person_heard_circle(person *me, const osr_message *message);

/* What a process, or a whole node (pid none), still has of those, as this person's node sees it. */
uint32_t person_left_in_circles(person *me, uint64_t node, osr_pid pid);

/* Writes down what it has sent, for good. */
void person_tell_sent(person *me);

#endif
