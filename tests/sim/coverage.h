/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_SIM_COVERAGE_H
#define OSR_TESTS_SIM_COVERAGE_H

#include "dist/link/state.h"
#include "osier/node.h"

/* What the seeds have reached: every kind of fault, every transition of the link's state table
 * (dist/PROTOCOL.md, "States"), every reason for which a message is dropped. */

#define FAULT_MAP(X)                                                                               \
    X(DELAY, "delay")                                                                              \
    X(STALL, "stall")                                                                              \
    X(CUT, "one-way cut")                                                                          \
    X(PARTITION, "partition")                                                                      \
    X(RESET, "reset")                                                                              \
    X(SUFFIX, "lost suffix")                                                                       \
    X(BOTH_DIAL, "duplicate dial")                                                                 \
    X(CRASH, "crash and restart")                                                                  \
    X(SILENT_CRASH, "silent crash and restart")                                                    \
    X(STOP, "goodbye and restart")                                                                 \
    X(DISCONNECT, "disconnect")                                                                    \
    X(PAUSE, "pause")                                                                              \
    X(SKEW, "clock skew")                                                                          \
    X(CALENDAR, "calendar off by a year")                                                          \
    X(MAPPER_DOWN, "mapper down")                                                                  \
    X(MAPPER_MUTE, "mapper mute")                                                                  \
    X(STRAY, "frame of an earlier session")                                                        \
    X(REPEAT, "frame twice")                                                                       \
    X(SKIP, "frame missing")                                                                       \
    X(GARBAGE, "garbage for a frame")                                                              \
    X(RECORD, "malformed record in a good frame")                                                  \
    X(HANDSHAKE, "garbage in a handshake")                                                         \
    X(STRANGER, "stranger")

typedef enum fault {
#define X(name, text) FAULT_##name,
    FAULT_MAP(X)
#undef X
        FAULTS,
} fault;

/* dropped_… of osr_node_counters */
#define DROP_MAP(X)                                                                                \
    X(noproc)                                                                                      \
    X(noconnection)                                                                                \
    X(ended)                                                                                       \
    X(late)                                                                                        \
    X(flushed)                                                                                     \
    X(full)

typedef enum drop {
#define X(name) DROP_##name,
    DROP_MAP(X)
#undef X
        DROPS,
} drop;

#define TRANSITIONS_MAX 64

typedef struct coverage {
    uint64_t faults[FAULTS];
    uint64_t drops[DROPS];
    uint64_t transitions[TRANSITIONS_MAX];
    uint64_t unlisted; /* transitions that the table does not have */
    int unlisted_phase, unlisted_event, unlisted_after, unlisted_down; /* the first of them */
    uint64_t seeds, events, born, signals, fragments, links, waits;
    uint64_t memberships, names, conflicts;
} coverage;

/* Of this OS process. */
extern coverage covered;

void coverage_fault(fault kind);
void coverage_drops(const osr_node_counters *counters);

/* A step of a link: what it was before, what it is now. actions: of the step. */
void coverage_step(osri_link_phase before, bool rearmed_before, const osri_link *after,
                   const osri_link_event *event, osr_err err, const osri_link_actions *actions);

void coverage_add(coverage *sum, const coverage *part);

/* Prints all of it. Returns whether everything was reached. */
bool coverage_print(const coverage *sum);

#endif
