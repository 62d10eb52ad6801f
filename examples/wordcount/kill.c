/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "job.h"

/* The demonstration: a worker's node is ended by SIGKILL in the middle of its work, and the job
 * goes on. From the decision on nothing of the victim counts any more, so what it holds is
 * really done again. */

#define RESTART_NS (UINT64_C(15) * 1000000000)

static double ms_since(osr_self *self, uint64_t then_ns)
{
    return (double)(osr_now(self) - then_ns) / 1e6;
}

/* ---- the deed ---------------------------------------------------------------------------- */

/* "worker1@localhost" as a person may have typed it: with its host or without. */
static bool names_node(const char *typed, const char *node)
{
    size_t bytes = strlen(typed);
    return bytes > 0 && strncmp(typed, node, bytes) == 0 &&
           (node[bytes] == '\0' || node[bytes] == '@');
}

/* Whether that process of this machine was started as the node: its command line names it. */
static bool is_node(uint64_t os_pid, const char *node)
{
    char path[64];
    char line[4096];
    (void)snprintf(path, sizeof(path), "/proc/%llu/cmdline", (unsigned long long)os_pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return false;
    }
    ssize_t bytes = read(fd, line, sizeof(line) - 1);
    (void)close(fd);
    const char *end = line + (bytes > 0 ? bytes : 0);
    line[end - line] = '\0';
    for (const char *word = line; word < end; word += strlen(word) + 1) {
        const char *next = word + strlen(word) + 1;
        if ((strcmp(word, "--name") == 0 && next < end && names_node(next, node)) ||
            (strncmp(word, "--name=", 7) == 0 && names_node(word + 7, node))) {
            return true;
        }
    }
    return false;
}

static void give_up(osr_self *self, job *state, const char *why)
{
    state->run->plan.kill_wanted = false;
    job_problem(state->run, "no node was killed: %s", why);
    job_tell(self, state, "%s", state->run->problem);
}

static void execute(osr_self *self, job *state, const job_worker *victim)
{
    run *r = state->run;
    run_kill *k = &r->kill;
    uint32_t held = r->plan.workers[victim - state->workers].held_count;
    k->at_ns = osr_now(self);
    k->os_pid = victim->os_pid;
    (void)snprintf(k->node, sizeof(k->node), "%s", victim->node);
    k->unrestarted = plan_doom(&r->plan, victim->pid.node);
    if (kill((pid_t)victim->os_pid, SIGKILL) != 0) {
        job_problem(r, "cannot kill %s: %s", k->node, strerrordesc_np(errno));
    }
    (void)snprintf(k->story, sizeof(k->story),
                   "%s (OS process %llu) by SIGKILL %.0f ms after the start, with %u of %u chunks "
                   "counted and %u in its hands",
                   k->node, (unsigned long long)k->os_pid, (double)(k->at_ns - r->started_ns) / 1e6,
                   r->plan.done, r->plan.count, held);
    job_tell(self, state, "killed %s", k->story);
}

void job_kill_when_due(osr_self *self, job *state)
{
    run *r = state->run;
    uint32_t index = plan_victim(&r->plan);
    if (index == PLAN_NOBODY) {
        return;
    }
    job_worker *victim = &state->workers[index];
    if (!plan_may_kill(&r->plan)) {
        give_up(self, state, "only one node with workers is left; start the others: osier demo up");
    } else if (!is_node(victim->os_pid, victim->node)) {
        give_up(self, state, "its OS process is not on this machine");
    } else {
        for (uint32_t i = 0; i < state->worker_count; i++) {
            state->workers[i].killed |= state->workers[i].pid.node == victim->pid.node;
        }
        execute(self, state, victim);
    }
}

/* ---- what follows ------------------------------------------------------------------------ */

static void add_to_story(run_kill *k, const char *text)
{
    size_t used = strlen(k->story);
    (void)snprintf(k->story + used, sizeof(k->story) - used, "; %s", text);
}

void job_kill_node_down(osr_self *self, job *state, const osr_nodedown *down)
{
    run_kill *k = &state->run->kill;
    if (k->at_ns == 0 || k->seen_down || strcmp(down->name.at, k->node) != 0) {
        job_tell(self, state, "nodedown %s (%s)", down->name.at, down->reason.at);
        return;
    }
    char text[256];
    (void)snprintf(text, sizeof(text), "nodedown %s (%s) %.1f ms after the kill", k->node,
                   down->reason.at, ms_since(self, k->at_ns));
    k->seen_down = true;
    add_to_story(k, text);
    job_tell(self, state, "%s", text);
}

/* The child of a worker that was killed runs again, on another node. */
void job_kill_worker_ready(osr_self *self, job *state, const job_worker *worker)
{
    run_kill *k = &state->run->kill;
    for (uint32_t i = 0; i < state->worker_count; i++) {
        job_worker *old = &state->workers[i];
        if (old == worker || !old->killed || strcmp(old->id, worker->id) != 0) {
            continue;
        }
        char text[256];
        (void)snprintf(text, sizeof(text), "%s restarted on %s %.1f ms after the kill", worker->id,
                       worker->node, ms_since(self, k->at_ns));
        old->killed = false;
        k->unrestarted -= 1;
        add_to_story(k, text);
        job_tell(self, state, "%s", text);
        return;
    }
    job_tell(self, state, "%s started on %s", worker->id, worker->node);
}

bool job_kill_is_over(osr_self *self, job *state)
{
    const run_kill *k = &state->run->kill;
    if (state->run->plan.kill_wanted) {
        return false;
    }
    if (k->at_ns == 0 || (k->seen_down && k->unrestarted == 0)) {
        return true;
    }
    if (osr_now(self) - k->at_ns < RESTART_NS) {
        return false;
    }
    job_problem(state->run, "what ran on %s was not restarted elsewhere within 15 s", k->node);
    return true;
}
