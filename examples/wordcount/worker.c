/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "count.h"
#include "messages.h"

/* A worker: counts chunks for the job that its supervisor's node runs, one after the other. It
 * is started by that supervisor, from another node, by its exported name.
 *
 * Reading and counting block, so they run on a helper thread: the node goes on answering
 * meanwhile. The counts go back in parts, each of which waits for its answer, so that a worker
 * never has more than one under way. */

#define PART_MS 60000

OSR_STATE(wordcount_worker, (1, u64, chunks), (2, u64, words));

/* ---- counting a chunk -------------------------------------------------------------------- */

typedef struct task {
    const chunk *what;
    counts *words;
    const char *problem;
} task;

static ssize_t read_file(void *context, void *ret_bytes, size_t bytes, uint64_t offset)
{
    const int *fd = context;
    ssize_t got;
    do {
        got = pread(*fd, ret_bytes, bytes, (off_t)offset);
    } while (got < 0 && errno == EINTR);
    return got;
}

static const char *count_file(task *t, int fd)
{
    struct stat status;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
        return "no longer a regular file";
    }
    switch (counts_chunk(t->words, t->what->offset, t->what->length, read_file, &fd)) {
    case COUNTS_OK:
        return NULL;
    case COUNTS_UNREADABLE:
        return strerrordesc_np(errno);
    case COUNTS_SHORTER:
        return "became shorter while it was counted";
    case COUNTS_NO_MEMORY:
    default:
        return "too many words for this worker's memory";
    }
}

static void count(void *argument)
{
    task *t = argument;
    t->words = counts_new();
    int fd = open(t->what->path.at, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0) {
        t->problem = strerrordesc_np(errno);
        return;
    }
    t->problem = t->words == NULL ? "out of memory" : count_file(t, fd);
    (void)close(fd);
}

/* ---- giving the counts back -------------------------------------------------------------- */

/* Where the job is: on the node of the supervisor that started this worker. */
static osr_dest job_of(osr_self *self)
{
    return osr_name(JOB_NAME, osr_node_name_of(self, osr_self_parent(self)));
}

static osr_err send_part(osr_self *self, chunk_part *part, bool *ret_wanted)
{
    part_taken answer;
    osr_err err = chunk_part_call(self, job_of(self), part, &answer, PART_MS);
    osr_bin_unref(&part->lines);
    *ret_wanted = err == OSR_OK && answer.wanted;
    return err;
}

/* Lends `bytes` (PART_BYTES_MAX) from the caller. */
static osr_err send_counts(osr_self *self, chunk_part *part, const counts *words, uint8_t *bytes)
{
    counts_cursor cursor = {0, 0};
    bool wanted = true;
    osr_err err = OSR_OK;
    while (err == OSR_OK && wanted && !part->last) {
        size_t used = counts_read(words, &cursor, bytes, PART_BYTES_MAX);
        part->last = used < PART_BYTES_MAX;
        err = osr_bin_new(bytes, used, &part->lines);
        if (err == OSR_OK) {
            err = send_part(self, part, &wanted);
        }
    }
    return err;
}

static osr_err deliver(osr_self *self, const task *done)
{
    const chunk *what = done->what;
    chunk_part part = {.worker = osr_self_pid(self),
                       .job = what->job,
                       .number = what->number,
                       .attempt = what->attempt};
    if (done->problem != NULL) {
        bool wanted;
        part.last = true;
        part.problem = osr_str_of(done->problem);
        return send_part(self, &part, &wanted);
    }
    uint8_t *bytes = osr_alloc(self, PART_BYTES_MAX);
    if (bytes == NULL) {
        return OSR_ENOMEM;
    }
    osr_err err = send_counts(self, &part, done->words, bytes);
    osr_free(self, bytes);
    return err;
}

/* ---- the server -------------------------------------------------------------------------- */

OSR_ON_INIT(wordcount_worker, worker_options)
{
    worker_ready ready = {.worker = osr_self_pid(self),
                          .id = argument->id,
                          .node = osr_str_of(osr_self_node_name(self)),
                          .os_pid = (uint64_t)getpid()};
    return worker_ready_send(self, job_of(self), &ready);
}

OSR_ON_INFO(wordcount_worker, chunk)
{
    task t = {.what = message};
    osr_err err = osr_blocking(self, count, &t);
    if (err == OSR_OK) {
        state->chunks += 1;
        state->words += t.problem == NULL ? counts_total(t.words) : 0;
        err = deliver(self, &t);
    }
    counts_free(&t.words);
    if (err != OSR_OK) { /* the job does not answer: end, so that it hears of it */
        osr_reason reason = osr_reason_error(err);
        (void)osr_fail(self, &reason);
        return OSR_STOP;
    }
    return OSR_NOREPLY;
}

OSR_SERVER(wordcount_worker, OSR_INIT(worker_options), OSR_INFO(chunk));
OSR_EXPORT_SERVER(wordcount_worker);
