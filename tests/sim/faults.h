/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_FAULTS_H
#define OSR_TESTS_SIM_FAULTS_H

#include "tests/sim/coverage.h"
#include "tests/sim/stranger.h"

/* What goes wrong in a simulated cluster, at random, and what mends it again. */

#define UNDO_MAX 64

typedef struct undo {
    bool due;
    uint64_t due_ns;
    fault kind;
    uint32_t from, to;
} undo;

typedef struct faults {
    cluster *world;
    undo undos[UNDO_MAX];
    stranger stranger;
    uint64_t mapper_failed; /* before it went down */
    uint64_t done[FAULTS];
} faults;

/* One fault; time may pass. */
void faults_do(faults *of);

/* Mends what has lasted long enough; all: whatever is broken. */
void faults_mend(faults *of, bool all);

/* The number of faults so far, and of their kinds. */
uint64_t faults_count(const faults *of, uint64_t *ret_kinds);

#endif
