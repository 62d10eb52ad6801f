/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "job.h"

/* What comes out of a job: two files, each written aside and then renamed, and a message to the
 * client. */

#define TOP_COUNT 10
#define TOP_BYTES_MAX 64 /* of a word in the message */

/* ---- files ------------------------------------------------------------------------------- */

static void write_words(FILE *out, const run *r)
{
    for (size_t i = 0; i < counts_different(r->words); i++) {
        (void)fprintf(out, "%" PRIu64 "\t", r->sorted[i]->count);
        (void)fwrite(r->sorted[i]->text, 1, r->sorted[i]->bytes, out);
        (void)fputc('\n', out);
    }
}

static void write_path(FILE *out, const char *path)
{
    for (; *path != '\0'; path++) {
        switch (*path) {
        case '\t':
            (void)fputs("\\t", out);
            break;
        case '\n':
            (void)fputs("\\n", out);
            break;
        case '\\':
            (void)fputs("\\\\", out);
            break;
        default:
            (void)fputc(*path, out);
        }
    }
}

static void write_chunks(FILE *out, const job *state)
{
    const run *r = state->run;
    for (uint32_t i = 0; i < r->plan.count; i++) {
        const plan_chunk *c = &r->plan.chunks[i];
        write_path(out, r->files.files[c->file].path);
        (void)fprintf(out, "\t%" PRIu64 "\t%" PRIu64, c->offset, c->length);
        if (c->state == PLAN_COUNTED) {
            const job_worker *worker = &state->workers[c->worker];
            (void)fprintf(out, "\t%s\t%" PRIu64, worker->node, worker->os_pid);
        } else {
            (void)fputs("\t-\t-", out);
        }
        (void)fprintf(out, "\t%" PRIu32 "\n", c->attempt);
    }
}

/* Opens DIRECTORY/NAME.tmp; *ret_path is that path. */
static FILE *open_aside(const char *directory, const char *name, char *ret_path, size_t bytes)
{
    int length = snprintf(ret_path, bytes, "%s/%s.tmp", directory, name);
    if (length < 0 || (size_t)length >= bytes) {
        errno = ENAMETOOLONG;
        return NULL;
    }
    return fopen(ret_path, "we");
}

static bool put_in_place(FILE *out, char *path)
{
    char final[PATH_MAX];
    (void)snprintf(final, sizeof(final), "%.*s", (int)(strlen(path) - strlen(".tmp")), path);
    bool fine = ferror(out) == 0 && fflush(out) == 0;
    fine = fclose(out) == 0 && fine;
    return fine && rename(path, final) == 0;
}

static bool write_both(const job *state, char *ret_path)
{
    const char *directory = state->run->directory;
    FILE *out = open_aside(directory, "words.tsv", ret_path, PATH_MAX);
    if (out == NULL) {
        return false;
    }
    write_words(out, state->run);
    if (!put_in_place(out, ret_path)) {
        return false;
    }
    out = open_aside(directory, "report.tsv", ret_path, PATH_MAX);
    if (out == NULL) {
        return false;
    }
    write_chunks(out, state);
    return put_in_place(out, ret_path);
}

void job_write(void *argument)
{
    const job *state = argument;
    run *r = state->run;
    char path[PATH_MAX];
    if (!counts_sort(r->words, &r->sorted)) {
        job_problem(r, "no memory to sort the words");
    } else if (plan_is_finished(&r->plan) && !write_both(state, path)) {
        job_problem(r, "cannot write %.300s: %s", path, strerrordesc_np(errno));
        (void)unlink(path);
    }
}

/* ---- the message ------------------------------------------------------------------------- */

static uint32_t ms_between(uint64_t from_ns, uint64_t to_ns)
{
    return to_ns > from_ns ? (uint32_t)((to_ns - from_ns) / 1000000) : 0;
}

static uint32_t fill_top(const run *r, top_word *rows)
{
    uint32_t count = 0;
    while (r->sorted != NULL && count < TOP_COUNT && count < counts_different(r->words)) {
        const counts_word *word = r->sorted[count];
        size_t bytes = word->bytes < TOP_BYTES_MAX ? word->bytes : TOP_BYTES_MAX;
        rows[count++] = (top_word){word->count, {word->text, (uint32_t)bytes}};
    }
    return count;
}

/* OS pids of several machines coincide, so the names have to be the same too. */
static bool is_row_of(const node_row *row, const job_worker *worker)
{
    return row->os_pid == worker->os_pid && strcmp(row->node.at, worker->node) == 0;
}

/* One row a node: its workers' chunks together. */
static uint32_t fill_nodes(osr_self *self, const job *state, node_row *rows)
{
    const run *r = state->run;
    uint32_t count = 0;
    rows[count++] = (node_row){.node = osr_str_of(osr_self_node_name(self)),
                               .os_pid = (uint64_t)getpid(),
                               .fate = osr_str_of("coordinator")};
    for (uint32_t i = 0; i < state->worker_count; i++) {
        const job_worker *worker = &state->workers[i];
        uint32_t at = 1;
        while (at < count && !is_row_of(&rows[at], worker)) {
            at++;
        }
        if (at == count) {
            rows[count++] = (node_row){.node = osr_str_of(worker->node), .os_pid = worker->os_pid};
        }
        bool killed = worker->os_pid == r->kill.os_pid && strcmp(worker->node, r->kill.node) == 0;
        const char *fate = killed ? "killed" : worker->alive ? "" : "lost";
        rows[at].fate = osr_str_of(fate);
        rows[at].chunks += r->plan.workers[i].counted;
    }
    return count;
}

void job_report(osr_self *self, const job *state)
{
    const run *r = state->run;
    top_word top[TOP_COUNT];
    node_row nodes[PLAN_WORKERS_MAX + 1];
    uint32_t top_count = fill_top(r, top);
    uint32_t node_count = fill_nodes(self, state, nodes);
    bool exact = r->plan.counted == r->plan.count && r->problem[0] == '\0';
    job_done done = {.exact = exact,
                     .text = osr_str_of(r->problem),
                     .files = r->files.count,
                     .bytes = r->files.bytes,
                     .words = counts_total(r->words),
                     .different = counts_different(r->words),
                     .chunks = r->plan.count,
                     .top = {top, top_count},
                     .nodes = {nodes, node_count},
                     .killed = osr_str_of(r->kill.story),
                     .find_ms = ms_between(r->started_ns, r->found_ns),
                     .gather_ms = ms_between(r->found_ns, r->gather_ns),
                     .count_ms = ms_between(r->gather_ns, r->count_ns),
                     .write_ms = ms_between(r->over_ns, r->finished_ns)};
    (void)job_done_send(self, osr_to(r->client), &done);
}
