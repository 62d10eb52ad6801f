/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WORDCOUNT_PLAN_H
#define OSR_WORDCOUNT_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "scan.h"

/* Who counts what: the rules of the job, without messages. Each chunk is waiting, held by one
 * worker, or done; it is done once, by the worker that holds it. */

#define CHUNKS_HELD_MAX 2
#define PLAN_WORKERS_MAX 64
#define PLAN_NOBODY UINT32_MAX

typedef enum plan_state { PLAN_WAITING = 0, PLAN_HELD, PLAN_COUNTED, PLAN_FAILED } plan_state;

typedef struct plan_chunk {
    uint64_t offset;
    uint64_t length;
    uint32_t file; /* index into the scan's files */
    uint32_t attempt;
    uint32_t worker; /* who holds it, or has done it */
    plan_state state;
} plan_chunk;

typedef struct plan_worker {
    uint64_t node; /* the id of its node: OS pids of several machines coincide */
    bool alive;
    bool doomed; /* its node is being killed: nothing of it counts any more */
    uint32_t held[CHUNKS_HELD_MAX];
    uint32_t held_count;
    uint32_t counted;
} plan_worker;

typedef struct plan {
    plan_chunk *chunks;
    uint32_t count;
    uint32_t handed_out; /* chunks that have been handed out at least once */
    uint32_t done;       /* counted or failed */
    uint32_t counted;
    uint64_t bytes_done;
    uint32_t next; /* none before it is waiting */
    bool kill_wanted;
    plan_worker workers[PLAN_WORKERS_MAX];
    uint32_t worker_count;
} plan;

/* Cuts the readable files into chunks. False: too many, or memory has run out. */
bool plan_init(plan *p, const scan *files, bool kill_wanted);
void plan_fini(plan *p);

/* A worker joins; its number, or PLAN_NOBODY when there are too many. */
uint32_t plan_join(plan *p, uint64_t node);

/* It is gone: what it holds waits again. Returns how many chunks that are. */
uint32_t plan_leave(plan *p, uint32_t worker);

/* Chooses a waiting chunk and the worker to hold it, which is the one with the least to do.
 * False: nothing to hand out now. */
bool plan_hand_out(plan *p, uint32_t *ret_chunk, uint32_t *ret_worker);

/* Whether what this worker says about this attempt counts. */
bool plan_holds(const plan *p, uint32_t worker, uint32_t chunk, uint32_t attempt);

/* A chunk that the worker holds is done. */
void plan_done(plan *p, uint32_t worker, uint32_t chunk, bool counted);

bool plan_is_finished(const plan *p);
uint32_t plan_alive(const plan *p);

/* When it is time for the kill: a worker whose node is to be killed, else PLAN_NOBODY. It is
 * time when a third of the chunks are done; with fewer than 3, before the last is handed out.
 * The victim holds a chunk, where one can be held; with 12 or more it has also counted one. */
uint32_t plan_victim(const plan *p);

/* Whether there are two nodes with workers, so that one may be killed. */
bool plan_may_kill(const plan *p);

/* The kill is decided: all workers of that OS process are doomed. Returns how many. */
uint32_t plan_doom(plan *p, uint64_t node);

#endif
