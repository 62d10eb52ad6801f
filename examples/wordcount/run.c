/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "job.h"

/* One job from its request to its end: find the files, wait for workers, hand out, wait for what
 * follows from the kill. run_go_on() is called after each event and does what there is to do
 * now. */

#define TICK_MS 100
#define GATHER_NS (UINT64_C(10) * 1000000000)
#define STARVE_NS (UINT64_C(15) * 1000000000)

/* ---- the run ----------------------------------------------------------------------------- */

void job_tell(osr_self *self, const job *state, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)job_event_send(self, osr_to(state->run->client), &(job_event){.text = osr_str_of(text)});
}

void job_problem(run *r, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (r->problem[0] == '\0') {
        (void)vsnprintf(r->problem, sizeof(r->problem), format, arguments);
    }
    va_end(arguments);
}

void run_free(run *r)
{
    if (r != NULL) {
        free(r->sorted);
        counts_free(&r->words);
        plan_fini(&r->plan);
        scan_fini(&r->files);
        free(r->directory);
        free(r);
    }
}

void job_forget_lines(job_worker *worker)
{
    free(worker->lines);
    worker->lines = NULL;
    worker->bytes = worker->room = 0;
}

void run_end(osr_self *self, job *state)
{
    (void)osr_timer_cancel(self, state->tick, NULL);
    (void)osr_demonitor(self, state->run->client_monitor, true);
    job_release(state);
}

void job_release(void *argument)
{
    job *state = argument;
    for (uint32_t i = 0; i < state->worker_count; i++) {
        job_forget_lines(&state->workers[i]);
    }
    run_free(state->run);
    state->run = NULL;
}

static void count_down_starvation(osr_self *self, run *r)
{
    uint64_t now = osr_now(self);
    if (plan_alive(&r->plan) > 0) {
        r->starved_ns = 0;
    } else if (r->starved_ns == 0) {
        r->starved_ns = now;
    } else if (now - r->starved_ns > STARVE_NS) {
        job_problem(r,
                    "there has been no worker for 15 s; start one on a node labelled " WORKER_LABEL
                    ", as in: osier demo down; osier demo up");
        r->phase = RUN_OVER;
    }
}

static void begin_counting(osr_self *self, job *state)
{
    run *r = state->run;
    bool late = osr_now(self) - r->started_ns > GATHER_NS;
    uint32_t alive = plan_alive(&r->plan);
    if (r->phase == RUN_GATHER && alive > 0 && (alive >= state->expected || late)) {
        r->phase = RUN_COUNT;
        r->gather_ns = osr_now(self);
        job_tell(self, state, "%u chunks for %u workers", r->plan.count, alive);
    }
}

static void hand_out(osr_self *self, job *state)
{
    run *r = state->run;
    uint32_t number;
    uint32_t worker;
    while (plan_hand_out(&r->plan, &number, &worker)) {
        const plan_chunk *c = &r->plan.chunks[number];
        chunk out = {.job = r->id,
                     .number = number,
                     .attempt = c->attempt,
                     .path = osr_str_of(r->files.files[c->file].path),
                     .offset = c->offset,
                     .length = c->length};
        (void)chunk_send(self, osr_to(state->workers[worker].pid), &out);
    }
}

void run_go_on(osr_self *self, job *state)
{
    run *r = state->run;
    if (r == NULL || r->phase == RUN_OVER) {
        return;
    }
    count_down_starvation(self, r);
    begin_counting(self, state);
    if (r->phase == RUN_COUNT) {
        hand_out(self, state);
        job_kill_when_due(self, state);
        hand_out(self, state);
        if (plan_is_finished(&r->plan) && r->count_ns == 0) {
            r->count_ns = osr_now(self);
        }
        if (plan_is_finished(&r->plan) && job_kill_is_over(self, state)) {
            r->phase = RUN_OVER;
        }
    }
    if (r->phase == RUN_OVER) {
        osr_continue(self);
    }
}

/* ---- the beginning ----------------------------------------------------------------------- */

static bool make_directory(const char *path, char *ret_text, size_t text_bytes)
{
    char part[4096];
    (void)snprintf(part, sizeof(part), "%s", path);
    for (char *slash = strchr(part + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(part, 0777);
        *slash = '/';
    }
    if (mkdir(part, 0777) != 0 && errno != EEXIST) {
        (void)snprintf(ret_text, text_bytes, "%s: %s; choose another with --out", path,
                       strerrordesc_np(errno));
        return false;
    }
    return true;
}

static bool scan_paths(run_preparation *p)
{
    for (uint32_t i = 0; i < p->request->paths.count; i++) {
        const char *path = p->request->paths.at[i].at;
        if (!scan_add(&p->run->files, path, p->text, sizeof(p->text))) {
            return false;
        }
    }
    return true;
}

void run_prepare(void *argument)
{
    run_preparation *p = argument;
    run *r = p->run;
    (void)snprintf(p->text, sizeof(p->text), "the coordinator has no memory left for this");
    r->directory = strdup(p->request->directory.at);
    r->words = counts_new();
    p->prepared = r->directory != NULL && r->words != NULL &&
                  make_directory(r->directory, p->text, sizeof(p->text)) && scan_paths(p) &&
                  plan_init(&r->plan, &r->files, p->request->kill);
}

static void line_up(job *state)
{
    job_forget_dead(state);
    for (uint32_t i = 0; i < state->worker_count; i++) {
        (void)plan_join(&state->run->plan, state->workers[i].pid.node);
    }
}

static void name_unreadable(osr_self *self, const job *state)
{
    run *r = state->run;
    for (size_t i = 0; i < r->files.count && r->files.unreadable > 0; i++) {
        const scan_file *file = &r->files.files[i];
        if (file->problem != NULL) {
            job_tell(self, state, "cannot read %s: %s", file->path, file->problem);
            job_problem(r, "not all could be read: %s: %s", file->path, file->problem);
        }
    }
}

osr_err run_begin(osr_self *self, job *state, run *r, osr_pid client)
{
    osr_err err = osr_monitor(self, osr_to(client), &r->client_monitor);
    if (err == OSR_OK) {
        err = osr_timer_start(self, TICK_MS, &state->tick);
    }
    if (err != OSR_OK) {
        return err;
    }
    r->client = client;
    r->found_ns = osr_now(self);
    state->run = r;
    line_up(state);
    job_tell(self, state, "%zu files, %llu bytes", r->files.count,
             (unsigned long long)r->files.bytes);
    name_unreadable(self, state);
    job_place(self, state, false);
    run_go_on(self, state);
    return OSR_OK;
}

void run_tick(osr_self *self, job *state)
{
    run *r = state->run;
    if (osr_timer_start(self, TICK_MS, &state->tick) != OSR_OK) {
        job_problem(r, "the coordinator's memory has run out");
        r->phase = RUN_OVER;
        osr_continue(self);
        return;
    }
    if (r->phase == RUN_GATHER) {
        job_place(self, state, osr_now(self) - r->started_ns > GATHER_NS);
    }
    job_show_progress(self, state);
    run_go_on(self, state);
}

void job_show_progress(osr_self *self, const job *state)
{
    const run *r = state->run;
    job_progress progress = {.done = r->plan.done,
                             .chunks = r->plan.count,
                             .bytes_done = r->plan.bytes_done,
                             .bytes = r->files.bytes,
                             .workers = plan_alive(&r->plan)};
    (void)job_progress_send(self, osr_to(r->client), &progress);
}
