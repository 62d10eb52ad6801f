/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The person's side of a job. On a terminal one line shows the progress and is overwritten;
 * elsewhere it is a line every now and then. */

#define SUBMIT_MS 600000 /* finding the files is part of it */
#define ASK_MS 2000
#define RETRY_MS 50
#define PLAIN_EVERY_NS (UINT64_C(500) * 1000000)

/* ---- printing ---------------------------------------------------------------------------- */

typedef struct screen {
    bool is_terminal;
    bool has_progress; /* a line that is to be overwritten */
    uint64_t shown_ns;
    uint32_t shown_done;
} screen;

static bool is_terminal(void)
{
    const char *term = getenv("TERM");
    return isatty(STDOUT_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

static void clear_progress(screen *s)
{
    if (s->has_progress) {
        (void)fputs("\r\033[K", stdout);
        s->has_progress = false;
    }
}

/* Names of files are in it: nothing of them reaches the terminal as a command. */
static void put_text(FILE *out, osr_str text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        unsigned char byte = (unsigned char)text.at[i];
        (void)fputc(byte < 0x20 || byte == 0x7f ? '?' : byte, out);
    }
}

static void put_line(screen *s, osr_str text)
{
    clear_progress(s);
    put_text(stdout, text);
    (void)fputc('\n', stdout);
    (void)fflush(stdout);
}

static void put_progress(screen *s, uint64_t now_ns, const job_progress *p)
{
    bool due = s->is_terminal || now_ns - s->shown_ns >= PLAIN_EVERY_NS || p->done == p->chunks;
    if (!due || (!s->is_terminal && p->done == s->shown_done)) {
        return;
    }
    clear_progress(s);
    (void)printf("%" PRIu32 " of %" PRIu32 " chunks, %.1f of %.1f MB, %" PRIu32 " workers%s",
                 p->done, p->chunks, (double)p->bytes_done / 1e6, (double)p->bytes / 1e6,
                 p->workers, s->is_terminal ? "" : "\n");
    (void)fflush(stdout);
    s->has_progress = s->is_terminal;
    s->shown_ns = now_ns;
    s->shown_done = p->done;
}

static void put_tables(const job_done *done)
{
    (void)printf("\n%10s  word\n", "count");
    for (uint32_t i = 0; i < done->top.count; i++) {
        (void)printf("%10" PRIu64 "  ", done->top.at[i].count);
        put_text(stdout, done->top.at[i].word);
        (void)fputc('\n', stdout);
    }
    (void)printf("\n%10s %8s  node\n", "OS process", "chunks");
    for (uint32_t i = 0; i < done->nodes.count; i++) {
        const node_row *row = &done->nodes.at[i];
        (void)printf("%10" PRIu64 " %8" PRIu32 "  ", row->os_pid, row->chunks);
        put_text(stdout, row->node);
        (void)printf("%s", row->fate.size > 0 ? ", " : "");
        put_text(stdout, row->fate);
        (void)fputc('\n', stdout);
    }
}

static void put_summary(const job_done *done, const client_options *options)
{
    if (done->killed.size > 0) {
        (void)printf("\nkilled: ");
        put_text(stdout, done->killed);
        (void)fputc('\n', stdout);
    }
    (void)printf(
        "\ntime: %.3f s to find the files, %.3f s to gather workers, %.3f s to count, %.3f s to "
        "write\n",
        done->find_ms / 1e3, done->gather_ms / 1e3, done->count_ms / 1e3, done->write_ms / 1e3);
    (void)printf("%" PRIu64 " words, %" PRIu64 " different, in %" PRIu64 " files of %" PRIu64
                 " bytes\n",
                 done->words, done->different, done->files, done->bytes);
    put_text(stdout, options->directory);
    (void)printf("/words.tsv has the words, report.tsv who counted what\n");
    if (done->exact) {
        (void)printf("exact: each of the %" PRIu32 " chunks was counted once\n", done->chunks);
    }
}

static void complain(osr_str text)
{
    (void)fflush(stdout);
    (void)fputs("wordcount: ", stderr);
    put_text(stderr, text);
    (void)fputc('\n', stderr);
}

/* ---- a job ------------------------------------------------------------------------------- */

static osr_err submit(osr_self *self, const client_options *options)
{
    job_submit request = {
        .client = osr_self_pid(self), .directory = options->directory, .kill = options->kill};
    request.paths.at = options->paths.at;
    request.paths.count = options->paths.count;
    const job_answer *answer;
    osr_err err = job_submit_request(self, osr_name(JOB_NAME, options->coordinator.at), &request,
                                     SUBMIT_MS, &answer);
    if (err != OSR_OK) {
        (void)fprintf(stderr, "wordcount: no coordinator at %s: %s; start one: osier demo up\n",
                      options->coordinator.at, osr_err_text(err));
        return OSR_ENOCONNECTION;
    }
    if (!answer->accepted) {
        complain(answer->text);
        err = OSR_EINVAL;
    }
    osr_free(self, (void *)(uintptr_t)answer);
    return err;
}

static osr_err finish(screen *s, const job_done *done, const client_options *options)
{
    clear_progress(s);
    put_tables(done);
    put_summary(done, options);
    if (!done->exact) {
        complain(done->text);
    }
    (void)fflush(stdout);
    return done->exact ? OSR_OK : OSR_EFAILED;
}

/* Prints what the job tells until it has ended. */
static osr_err follow(osr_self *self, screen *s, const client_options *options)
{
    osr_message message;
    osr_err err;
    while ((err = osr_receive(self, OSR_FOREVER, &message)) == OSR_OK) {
        const job_event *event = OSR_AS(job_event, &message);
        const job_progress *progress = OSR_AS(job_progress, &message);
        const job_done *done = OSR_AS(job_done, &message);
        if (event != NULL) {
            put_line(s, event->text);
        } else if (progress != NULL) {
            put_progress(s, osr_now(self), progress);
        } else if (done != NULL) {
            return finish(s, done, options);
        } else if (OSR_AS(osr_down, &message) != NULL) {
            clear_progress(s);
            complain(
                osr_str_of("the coordinator is gone; start again: osier demo down; osier demo up"));
            return OSR_ENOCONNECTION;
        }
    }
    return err;
}

osr_err client_run(osr_self *self, const client_options *options)
{
    screen s = {.is_terminal = is_terminal()};
    osr_err err = submit(self, options);
    if (err != OSR_OK) {
        return err;
    }
    osr_ref monitor;
    err = osr_monitor(self, osr_name(JOB_NAME, options->coordinator.at), &monitor);
    return err == OSR_OK ? follow(self, &s, options) : err;
}

osr_err client_wait(osr_self *self, const wait_options *options)
{
    uint64_t deadline_ns = osr_now(self) + options->timeout_ms * UINT64_C(1000000);
    osr_dest job = osr_name(JOB_NAME, options->coordinator.at);
    job_workers answer = {0};
    osr_err err = OSR_ETIMEDOUT;
    while (osr_now(self) < deadline_ns && err != OSR_EEXIT) {
        err = job_ask_workers_call(self, job, &(job_ask_workers){0}, &answer, ASK_MS);
        if (err == OSR_OK && answer.workers >= answer.expected) {
            return OSR_OK;
        }
        err = osr_sleep(self, RETRY_MS);
    }
    (void)fprintf(stderr,
                  "wordcount: only %" PRIu32 " of %" PRIu32 " workers have registered at %s\n",
                  answer.workers, answer.expected, options->coordinator.at);
    return OSR_ENOCONNECTION;
}
