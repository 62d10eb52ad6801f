/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "job.h"

/* The job server: takes one job at a time, hands its chunks out to the workers that have
 * registered, and puts together what comes back.
 *
 * Invariants
 *   J1  a chunk's counts enter run->words at once, with its last part, and only from the worker and
 *       attempt that the plan says hold it; so each chunk is counted exactly once, whatever was
 *       begun twice.
 *   J2  worker i of the plan is workers[i].
 *   J3  a worker has at most CHUNKS_HELD_MAX chunks and one part under way, so nothing here grows
 *       without bound: the mailbox holds a part a worker. */

#define PATHS_MAX 65536

/* ---- requests --------------------------------------------------------------------------- */

OSR_ON_CALL(job, job_submit, job_answer)
{
    static const char busy[] =
        "the coordinator is counting for somebody else; try again when it has ended";
    if (state->run != NULL || request->paths.count == 0 || request->paths.count > PATHS_MAX) {
        reply->text =
            osr_str_of(state->run != NULL ? busy : "name 1 to 65536 files or directories");
        return OSR_REPLY;
    }
    run_preparation p = {.request = request, .run = calloc(1, sizeof(run))};
    if (p.run == NULL) {
        reply->text = osr_str_of(osr_err_text(OSR_ENOMEM));
        return OSR_REPLY;
    }
    p.run->started_ns = p.run->id = osr_now(self);
    osr_err err = osr_blocking(self, run_prepare, &p);
    if (err == OSR_OK && p.prepared) {
        err = run_begin(self, state, p.run, request->client);
        (void)snprintf(p.text, sizeof(p.text), "%s", osr_err_text(err));
    }
    if (err == OSR_OK && p.prepared) {
        reply->accepted = true;
        return OSR_REPLY;
    }
    run_free(p.run);
    reply->text = osr_str_of(p.text);
    (void)OSR_ANSWER(job_submit, self, osr_current_caller(self), reply);
    return OSR_NOREPLY;
}

OSR_ON_CALL(job, job_ask_workers, job_workers)
{
    for (uint32_t i = 0; i < state->worker_count; i++) {
        reply->workers += state->workers[i].alive;
    }
    reply->expected = state->expected;
    return OSR_REPLY;
}

/* ---- what comes back --------------------------------------------------------------------- */

/* A word of n letters takes n + 1 bytes of the file, and at most twice that in a line of counts. */
static uint64_t lines_max(const run *r, uint32_t number)
{
    return r->files.files[r->plan.chunks[number].file].bytes * 2 + PART_BYTES_MAX;
}

static bool keep_part(job_worker *worker, const chunk_part *part, uint64_t bytes_max)
{
    size_t bytes = osr_bin_size(part->lines);
    if (worker->chunk != part->number) {
        worker->bytes = 0;
        worker->chunk = part->number;
    }
    if (worker->bytes + bytes > bytes_max) {
        return false;
    }
    if (worker->room - worker->bytes < bytes) {
        size_t room = (worker->bytes + bytes) * 2;
        uint8_t *more = realloc(worker->lines, room);
        if (more == NULL) {
            return false;
        }
        worker->lines = more;
        worker->room = room;
    }
    if (bytes > 0) {
        memcpy(worker->lines + worker->bytes, osr_bin_data(part->lines), bytes);
    }
    worker->bytes += bytes;
    return true;
}

static void fail_chunk(osr_self *self, job *state, uint32_t index, const chunk_part *part)
{
    run *r = state->run;
    scan_file *file = &r->files.files[r->plan.chunks[part->number].file];
    if (file->problem == NULL) {
        file->problem = "could not be counted";
        job_tell(self, state, "cannot read %s: %s", file->path, part->problem.at);
        job_problem(r, "not all could be read: %s: %s", file->path, part->problem.at);
    }
    plan_done(&r->plan, index, part->number, false);
}

/* J1. */
static void commit(osr_self *self, job *state, uint32_t index, const chunk_part *part)
{
    job_worker *worker = &state->workers[index];
    run *r = state->run;
    if (part->problem.size > 0) {
        fail_chunk(self, state, index, part);
    } else if (counts_add_lines(r->words, worker->lines, worker->bytes)) {
        plan_done(&r->plan, index, part->number, true);
    } else {
        job_problem(r, "%s: its counts make no sense, or memory has run out", worker->node);
        r->phase = RUN_OVER;
    }
    worker->bytes = 0;
    if (worker->room > PART_BYTES_MAX * 16) {
        job_forget_lines(worker);
    }
}

static uint32_t find_worker(const job *state, osr_pid pid)
{
    for (uint32_t i = 0; i < state->worker_count; i++) {
        if (state->workers[i].alive && osr_pid_equal(state->workers[i].pid, pid)) {
            return i;
        }
    }
    return PLAN_NOBODY;
}

OSR_ON_CALL(job, chunk_part, part_taken)
{
    run *r = state->run;
    uint32_t index = find_worker(state, request->worker);
    if (r == NULL || r->phase != RUN_COUNT || r->id != request->job ||
        !plan_holds(&r->plan, index, request->number, request->attempt)) {
        return OSR_REPLY; /* nobody waits for this any more */
    }
    if (!keep_part(&state->workers[index], request, lines_max(r, request->number))) {
        job_problem(r, "%s sends more than there is, or the coordinator's memory has run out",
                    state->workers[index].node);
        r->phase = RUN_OVER;
        osr_continue(self);
        return OSR_REPLY;
    }
    reply->wanted = true;
    if (request->last) {
        commit(self, state, index, request);
    }
    if (r->phase == RUN_OVER) {
        osr_continue(self);
    }
    run_go_on(self, state);
    return OSR_REPLY;
}

/* ---- workers and clients come and go ----------------------------------------------------- */

void job_forget_dead(job *state)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < state->worker_count; i++) {
        if (state->workers[i].alive) {
            state->workers[kept++] = state->workers[i];
        }
    }
    state->worker_count = kept;
}

static void copy_text(char *ret, size_t bytes, osr_str text)
{
    (void)snprintf(ret, bytes, "%.*s", (int)text.size, text.at == NULL ? "" : text.at);
}

OSR_ON_INFO(job, worker_ready)
{
    if (state->run == NULL) {
        job_forget_dead(state);
    }
    if (state->worker_count == PLAN_WORKERS_MAX) {
        osr_log_self(self, OSR_LOG_WARNING, "too many workers: one is left without work");
        return OSR_NOREPLY;
    }
    job_worker *worker = &state->workers[state->worker_count];
    *worker = (job_worker){.pid = message->worker, .os_pid = message->os_pid, .alive = true};
    copy_text(worker->id, sizeof(worker->id), message->id);
    copy_text(worker->node, sizeof(worker->node), message->node);
    if (osr_monitor(self, osr_to(worker->pid), &worker->monitor) != OSR_OK) {
        return OSR_NOREPLY;
    }
    state->worker_count++;
    if (state->run != NULL) {
        (void)plan_join(&state->run->plan, worker->pid.node);
        job_kill_worker_ready(self, state, worker);
    }
    run_go_on(self, state);
    return OSR_NOREPLY;
}

static void worker_down(osr_self *self, job *state, uint32_t index, const osr_reason *reason)
{
    job_worker *worker = &state->workers[index];
    worker->alive = false;
    job_forget_lines(worker);
    if (state->run == NULL) {
        return;
    }
    char why[128];
    osr_reason_print(reason, why, sizeof(why));
    uint32_t again = plan_leave(&state->run->plan, index);
    job_tell(self, state, "%s on %s is gone (%s); %u of its chunks are counted again elsewhere",
             worker->id, worker->node, why, again);
}

OSR_ON_INFO(job, osr_down)
{
    if (state->run != NULL && osr_ref_equal(state->run->client_monitor, message->monitor)) {
        osr_log_self(self, OSR_LOG_NOTICE, "the client has gone: the job is dropped");
        run_end(self, state);
        return OSR_NOREPLY;
    }
    for (uint32_t i = 0; i < state->worker_count; i++) {
        if (state->workers[i].alive && osr_ref_equal(state->workers[i].monitor, message->monitor)) {
            worker_down(self, state, i, &message->reason);
        }
    }
    run_go_on(self, state);
    return OSR_NOREPLY;
}

/* ---- the server -------------------------------------------------------------------------- */

OSR_ON_INIT(job, job_options)
{
    state->expected = argument->expected;
    osr_err err = osr_defer(self, job_release, state);
    return err == OSR_OK ? osr_monitor_nodes(self, true, false) : err;
}

OSR_ON_INFO(job, osr_nodeup)
{
    job_node_up(state, message);
    job_place(self, state, false);
    return OSR_NOREPLY;
}

OSR_ON_INFO(job, osr_nodedown)
{
    job_node_down(state, message);
    if (state->run != NULL) {
        job_kill_node_down(self, state, message);
        run_go_on(self, state);
    }
    return OSR_NOREPLY;
}

OSR_ON_INFO(job, osr_timeout)
{
    if (state->run == NULL || !osr_ref_equal(state->tick, message->timer)) {
        return OSR_NOREPLY;
    }
    run_tick(self, state);
    return OSR_NOREPLY;
}

/* A run is over. */
OSR_ON_CONTINUE(job)
{
    if (state->run == NULL || state->run->phase != RUN_OVER) {
        return OSR_NOREPLY;
    }
    state->run->over_ns = osr_now(self);
    job_show_progress(self, state);
    if (osr_blocking(self, job_write, state) == OSR_OK) {
        state->run->finished_ns = osr_now(self);
        job_report(self, state);
        run_end(self, state);
    }
    return OSR_NOREPLY;
}

OSR_SERVER(job, OSR_INIT(job_options), OSR_CALL(job_submit), OSR_CALL(job_ask_workers),
           OSR_CALL(chunk_part), OSR_INFO(worker_ready), OSR_INFO(osr_down), OSR_INFO(osr_nodeup),
           OSR_INFO(osr_nodedown), OSR_INFO(osr_timeout), OSR_CONTINUE);

const osr_server *const job_server = &job_osr_server;
