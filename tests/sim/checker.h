/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_CHECKER_H
#define OSR_TESTS_SIM_CHECKER_H

#include "tests/sim/journal.h"

/* Holds a journal against the promises of DESIGN.md §3, afterwards. At its end the cluster is taken
 * to be quiet: no fault is left, every silence has been noticed, everything sent has arrived. */

typedef struct checker_verdict {
    const char *promise; /* NULL: all were kept; else by its number and in words: "2: …"; "P: …" is
                            a goal of dist/PROTOCOL.md, or dist/names/PROTOCOL.md */
    size_t event;        /* the count of events: at the end */
    osr_pid who, other; /* at the end: whom it was made to, with regard to whom; may be none */
} checker_verdict;

/* The first promise that was broken. */
checker_verdict checker_check(const journal *book);

#endif
