/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_DEMO_CLUSTER_H
#define OSR_DEMO_CLUSTER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* The demo's nodes as processes of the operating system. What runs is written to a file below
 * the runtime directory, so that one command may start them and another end them. A process is
 * known by its pid and the time of its start: a pid that has been given to somebody else is left
 * alone. Threads: one at a time. Functions that return false have written one line to ret_text. */

#define OSRI_DEMO_MEMBERS 4
#define OSRI_DEMO_TEXT_BYTES 1024

typedef struct osri_demo_process {
    pid_t pid;           /* 0: none */
    uint64_t start_time; /* in ticks since boot */
} osri_demo_process;

typedef struct osri_demo_cluster {
    char directory[PATH_MAX / 2]; /* of the state and the logs */
    int stop_fd;                  /* readable when this program is told to stop; -1: it just ends */
    bool tied;                    /* what is started ends with this program, however it ends */
    osri_demo_process members[OSRI_DEMO_MEMBERS];
} osri_demo_cluster;

/* "coordinator@localhost", "worker1@localhost", …; static. */
const char *osri_demo_name(size_t member);

/* Finds the directory, makes it if needed, and reads which members run. */
bool osri_demo_load(osri_demo_cluster *cluster, char *ret_text);

/* How many members run. */
size_t osri_demo_running(const osri_demo_cluster *cluster);

/* Starts the members that do not run, and waits until all are up and the workers have
 * registered, at most 20 s. When that fails, what it has started is stopped. Stops early, with
 * "interrupted", when stop_fd is readable. */
bool osri_demo_start(osri_demo_cluster *cluster, char *ret_text);

/* Ends all members: asks them to, and kills those that are left after grace_ms. */
void osri_demo_stop(osri_demo_cluster *cluster, uint32_t grace_ms);

/* ---- process.c --------------------------------------------------------------------------- */

typedef struct osri_demo_spawn {
    const char *const *arguments; /* of `wordcount`; the first is its command, NULL ends */
    const char *log;              /* a file for its output; NULL: that of this program */
    int ready_fd;                 /* open in it as descriptor 3; -1: none */
    bool tied;
} osri_demo_spawn;

/* Starts the program `wordcount` beside this one. */
bool osri_demo_spawn_process(const osri_demo_spawn *what, osri_demo_process *ret_process,
                             char *ret_text);

/* Whether it runs still; also takes its end over when it is our child. */
bool osri_demo_is_running(const osri_demo_process *process);

/* Waits for the end of a child: its exit status; -1 when stop_fd became readable first. */
int osri_demo_wait(const osri_demo_process *child, int stop_fd);

/* When the process started, 0 when there is none (or only its remains). */
uint64_t osri_demo_start_time(pid_t pid);

uint64_t osri_demo_now_ms(void);

/* ---- answers.c --------------------------------------------------------------------------- */

/* Asks each node for a link, and notes which gave one within timeout_ms. */
bool osri_demo_ask(bool ret_answers[OSRI_DEMO_MEMBERS], uint32_t timeout_ms, char *ret_text);

#endif
