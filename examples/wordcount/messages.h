/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_WORDCOUNT_MESSAGES_H
#define OSR_WORDCOUNT_MESSAGES_H

#include <osier/osier.h>

/* What the processes of the word count say to each other.
 *
 *     client ---- job_submit ----> job                 job_answer: accepted, or why not
 *     client <--- job_progress, job_event, job_done
 *     worker ---- worker_ready --> job
 *     worker <--- chunk ---------- job                 at most CHUNKS_HELD_MAX unanswered ones
 *     worker ---- chunk_part ----> job                 part_taken: go on, or drop this chunk */

#define JOB_NAME "job"        /* registered on the coordinator's node */
#define WORKER_LABEL "worker" /* of the nodes that workers are placed on */
#define PART_BYTES_MAX ((size_t)256 * 1024)

/* ---- worker and job ---------------------------------------------------------------------- */

OSR_MESSAGE(worker_options, 0x0501, (1, str, id));
OSR_MESSAGE(worker_ready, 0x0502, (1, pid, worker), (2, str, id), (3, str, node), (4, u64, os_pid));

OSR_MESSAGE(chunk, 0x0503, (1, u64, job), (2, u32, number), (3, u32, attempt), (4, str, path),
            (5, u64, offset), (6, u64, length));

/* A piece of a chunk's counts as counts_read() writes them. The last one makes it count, all at
 * once; its answer is the acknowledgement. With a problem the chunk could not be counted. */
OSR_MESSAGE(part_taken, 0x0504, (1, bool, wanted));
OSR_REQUEST(chunk_part, 0x0505, part_taken, (1, pid, worker), (2, u64, job), (3, u32, number),
            (4, u32, attempt), (5, bin, lines), (6, bool, last), (7, str, problem));

/* ---- client and job ---------------------------------------------------------------------- */

OSR_MESSAGE(job_answer, 0x0506, (1, bool, accepted), (2, str, text));
OSR_REQUEST(job_submit, 0x0507, job_answer, (1, pid, client), (2, list(str), paths),
            (3, str, directory), (4, bool, kill));

OSR_MESSAGE(job_progress, 0x0508, (1, u32, done), (2, u32, chunks), (3, u64, bytes_done),
            (4, u64, bytes), (5, u32, workers));
OSR_MESSAGE(job_event, 0x0509, (1, str, text));

OSR_STRUCT(top_word, (1, u64, count), (2, str, word));
OSR_STRUCT(node_row, (1, str, node), (2, u64, os_pid), (3, u32, chunks), (4, str, fate));
OSR_MESSAGE(job_done, 0x050a, (1, bool, exact), (2, str, text), (3, u64, files), (4, u64, bytes),
            (5, u64, words), (6, u64, different), (7, u32, chunks), (8, list(of(top_word)), top),
            (9, list(of(node_row)), nodes), (10, str, killed), (11, u32, find_ms),
            (12, u32, gather_ms), (13, u32, count_ms), (14, u32, write_ms));

OSR_MESSAGE(job_options, 0x050d, (1, u32, expected));

/* Which workers there are: for tools that wait until the cluster is complete. */
OSR_MESSAGE(job_workers, 0x050b, (1, u32, workers), (2, u32, expected));
OSR_REQUEST(job_ask_workers, 0x050c, job_workers);

/* ---- the client's own -------------------------------------------------------------------- */

OSR_MESSAGE(client_options, 0x050e, (1, str, coordinator), (2, list(str), paths),
            (3, str, directory), (4, bool, kill));
OSR_MESSAGE(wait_options, 0x050f, (1, str, coordinator), (2, u32, timeout_ms));

#endif
