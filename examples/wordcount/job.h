/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WORDCOUNT_JOB_H
#define OSR_WORDCOUNT_JOB_H

#include "count.h"
#include "messages.h"
#include "plan.h"
#include "scan.h"

/* The job server's state; inside the coordinator. */

#define NAME_BYTES 136 /* of a node; longer ones do not exist */

/* A node with WORKER_LABEL, up now or before. The child that belongs to it is "worker-NUMBER". */
typedef struct job_node {
    char name[NAME_BYTES];
    uint32_t number; /* 0: its child has not been started yet */
    bool up;
    bool placed; /* the supervisor has been asked for it since the node came up */
} job_node;

/* A worker process. Its index is that in the plan of the run. */
typedef struct job_worker {
    osr_pid pid;
    osr_ref monitor;
    char id[32];
    char node[NAME_BYTES];
    uint64_t os_pid;
    bool alive;
    bool killed;
    uint8_t *lines; /* what has come of the chunk that it delivers now */
    size_t bytes, room;
    uint32_t chunk; /* that chunk */
} job_worker;

typedef enum run_phase { RUN_GATHER = 0, RUN_COUNT, RUN_OVER } run_phase;

/* What became of the kill. */
typedef struct run_kill {
    uint64_t at_ns; /* 0: not yet */
    uint64_t os_pid;
    char node[NAME_BYTES];
    uint32_t unrestarted; /* children that do not run elsewhere yet */
    bool seen_down;
    char story[512];
} run_kill;

/* One job, from job_submit to job_done. */
typedef struct run {
    uint64_t id;
    run_phase phase;
    osr_pid client;
    osr_ref client_monitor;
    char *directory;
    scan files;
    plan plan;
    counts *words;
    const counts_word **sorted; /* at the end */
    run_kill kill;
    uint64_t started_ns, found_ns, gather_ns, count_ns, over_ns, finished_ns; /* each phase's end */
    uint64_t starved_ns; /* since when there is no worker; 0: there is one */
    uint32_t reported_done;
    char problem[512]; /* the first thing that makes it fail */
} run;

typedef struct job {
    uint32_t expected; /* workers to begin with */
    uint32_t numbered; /* children started so far */
    job_node nodes[PLAN_WORKERS_MAX];
    uint32_t node_count;
    job_worker workers[PLAN_WORKERS_MAX];
    uint32_t worker_count;
    osr_ref tick;
    run *run; /* NULL: idle */
} job;

/* The server; job.c. */
extern const osr_server *const job_server;

/* ---- run.c: one job from its request to its end -------------------------------------------- */

/* Finding the files, for osr_blocking(). With prepared unset, text says why in one line. */
typedef struct run_preparation {
    const job_submit *request;
    run *run;
    bool prepared;
    char text[1024];
} run_preparation;
void run_prepare(void *preparation);

/* The run becomes the server's; on an error it stays the caller's. */
osr_err run_begin(osr_self *self, job *state, run *r, osr_pid client);

/* After each event: does what there is to do now. */
void run_go_on(osr_self *self, job *state);
void run_tick(osr_self *self, job *state);
void run_end(osr_self *self, job *state);
void run_free(run *r);

/* Tells the client a line. */
void job_tell(osr_self *self, const job *state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

void job_show_progress(osr_self *self, const job *state);

/* Notes what makes the job fail; the first one wins. */
void job_problem(run *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Frees all that hangs on the state. */
void job_release(void *state);
void job_forget_lines(job_worker *worker);
void job_forget_dead(job *state);

/* ---- place.c: children on the labelled nodes ----------------------------------------------- */

void job_node_up(job *state, const osr_nodeup *up);
void job_node_down(job *state, const osr_nodedown *down);

/* Starts a child on each node that has none, once `expected` nodes are there or when `now` is
 * set. */
void job_place(osr_self *self, job *state, bool now);

/* ---- kill.c: the demonstration of a node's end --------------------------------------------- */

/* Decides on the kill when it is time; hears of what follows from it. */
void job_kill_when_due(osr_self *self, job *state);
void job_kill_node_down(osr_self *self, job *state, const osr_nodedown *down);
void job_kill_worker_ready(osr_self *self, job *state, const job_worker *worker);

/* Whether nothing is to be waited for any more; gives up on a restart that does not come. */
bool job_kill_is_over(osr_self *self, job *state);

/* ---- report.c: what comes out -------------------------------------------------------------- */

/* Sorts the words and writes DIRECTORY/words.tsv and report.tsv, for osr_blocking(). */
void job_write(void *state);

/* Tells the client how it ended. */
void job_report(osr_self *self, const job *state);

#endif
