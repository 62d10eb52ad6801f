/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_JOURNAL_H
#define OSR_TESTS_SIM_JOURNAL_H

#include "tests/sim/cluster.h"

/* What happened to the people of a simulated cluster, in order; and the check, afterwards, of what
 * DESIGN.md §3 promises. */

/* wrong: HEARD it was for another pid; DOWN and EXITED the dead one still had its name. */
typedef enum event_kind {
    EVENT_BORN = 1,  /* who; other: parent, linked with it if x */
    EVENT_ENDED,     /* who */
    EVENT_CRASHED,   /* x: node id */
    EVENT_SYNCED,    /* who: from here on nodeups and messages are in its mailbox in order */
    EVENT_HEARD,     /* who; other: sender; x: number to the name, y: number to the pid (0: was
                        sent by name), z: session when it was sent (0: none) */
    EVENT_NODEUP,    /* who; x: host, y: session, z: node id */
    EVENT_NODEDOWN,  /* who; x: host */
    EVENT_MONITOR,   /* who; other: target (none: by name); x: reference, y: session, z: host */
    EVENT_DEMONITOR, /* who; x: reference; from here on it must not fire */
    EVENT_DOWN,      /* who; other; x: reference, y: reason code */
    EVENT_LINK,      /* who; other; y: session then */
    EVENT_UNLINK,    /* who; other */
    EVENT_EXITED,    /* who; other; y: reason code */
    EVENT_ANSWERED,  /* who; x: asked, y: answered */
} event_kind;

typedef struct event {
    uint64_t now_ns;
    event_kind kind;
    bool wrong;
    osr_pid who, other;
    uint64_t x, y, z;
} event;

typedef struct journal {
    event *events;
    size_t count, capacity;
    uint64_t hash;
} journal;

void journal_add(journal *book, event what);
void journal_fini(journal *book);

/* The first promise that was broken, or NULL. live: the cluster as it is at the end, all nodes
 * quiet. */
const char *journal_check(const journal *book, cluster *live, char ret_text[512]);

/* Prints all events to standard error. */
void journal_print(const journal *book);

#endif
