/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_UNIT_SIM_JOURNALS_H
#define OSR_TESTS_UNIT_SIM_JOURNALS_H

#include <check.h>

#include "osier/err.h"
#include "osier/reason.h"
#include "tests/sim/checker.h"

/* Journals written by hand, to test the checker of simulated clusters. Each begins with two nodes,
 * A at host 0 and B at host 1, in session 77, and three people: ann and abe on A, bob on B. That
 * much breaks nothing; each test adds what breaks one promise. */

#define SECOND UINT64_C(1000000000)
#define A UINT64_C(0xa000000000000001)
#define A2 UINT64_C(0xa000000000000002) /* the same host, started again */
#define B UINT64_C(0xb000000000000001)
#define S 77
#define MONITOR 5 /* a reference */

extern const osr_pid ann, abe, bob;

extern journal book;
extern uint64_t now_ns;

#define ADD(...) journal_add(&book, (event){.now_ns = now_ns, __VA_ARGS__})
#define UP(node, number, peer) ADD(.kind = EVENT_UP, .x = (node), .y = (number), .z = (peer))
#define DOWNED(node, number, peer)                                                                 \
    ADD(.kind = EVENT_DOWNED, .x = (node), .y = (number), .z = (peer))
#define NODEUP(who_, host, number, node)                                                           \
    ADD(.kind = EVENT_NODEUP, .who = (who_), .x = (host), .y = (number), .z = (node))
#define NODEDOWN(who_, host) ADD(.kind = EVENT_NODEDOWN, .who = (who_), .x = (host))
#define HEARD(who_, from, ...) ADD(.kind = EVENT_HEARD, .who = (who_), .other = (from), __VA_ARGS__)
#define MONITORED(who_, target, session)                                                           \
    ADD(.kind = EVENT_MONITOR, .who = (who_), .other = (target), .x = MONITOR, .y = (session),     \
        .z = 1)
#define DOWN(who_, target, code)                                                                   \
    ADD(.kind = EVENT_DOWN, .who = (who_), .other = (target), .x = MONITOR, .y = (code))
#define ENDED(who_) ADD(.kind = EVENT_ENDED, .who = (who_))

/* Around each test. */
void set_up(void);
void tear_down(void);

/* The session ends, and everybody hears of it. */
void lose_session(void);
void renew_session(uint64_t number);

/* NULL: nothing is broken. */
void expect(const char *promise);

#endif
