/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#define CHUNKS_MAX UINT32_C(100000000)
#define FEW_CHUNKS 3   /* below this a third cannot be counted before the kill */
#define MANY_CHUNKS 12 /* from here on everybody has counted something */

/* ---- chunks ------------------------------------------------------------------------------ */

static uint64_t chunks_in(const scan *files, uint64_t chunk_bytes)
{
    uint64_t count = 0;
    for (size_t i = 0; i < files->count; i++) {
        uint64_t bytes = files->files[i].bytes;
        count += bytes / chunk_bytes + (bytes % chunk_bytes != 0);
    }
    return count;
}

bool plan_init(plan *p, const scan *files, bool kill_wanted)
{
    memset(p, 0, sizeof(*p));
    p->kill_wanted = kill_wanted;
    uint64_t chunk_bytes = scan_chunk_bytes(files->bytes);
    uint64_t count = chunks_in(files, chunk_bytes);
    p->chunks = count <= CHUNKS_MAX ? calloc((size_t)count + 1, sizeof(*p->chunks)) : NULL;
    if (p->chunks == NULL) {
        return false;
    }
    for (size_t i = 0; i < files->count; i++) {
        uint64_t bytes = files->files[i].bytes;
        for (uint64_t at = 0; at < bytes; at += chunk_bytes) {
            plan_chunk *c = &p->chunks[p->count++];
            c->file = (uint32_t)i;
            c->offset = at;
            c->length = bytes - at < chunk_bytes ? bytes - at : chunk_bytes;
            c->worker = PLAN_NOBODY;
        }
    }
    return true;
}

void plan_fini(plan *p)
{
    free(p->chunks);
    memset(p, 0, sizeof(*p));
}

bool plan_is_finished(const plan *p)
{
    return p->done == p->count;
}

/* ---- workers ----------------------------------------------------------------------------- */

uint32_t plan_join(plan *p, uint64_t node)
{
    if (p->worker_count == PLAN_WORKERS_MAX) {
        return PLAN_NOBODY;
    }
    p->workers[p->worker_count] = (plan_worker){.node = node, .alive = true};
    return p->worker_count++;
}

uint32_t plan_leave(plan *p, uint32_t worker)
{
    plan_worker *w = &p->workers[worker];
    uint32_t lost = w->held_count;
    for (uint32_t i = 0; i < lost; i++) {
        plan_chunk *c = &p->chunks[w->held[i]];
        c->state = PLAN_WAITING;
        c->worker = PLAN_NOBODY;
        p->next = w->held[i] < p->next ? w->held[i] : p->next;
    }
    w->held_count = 0;
    w->alive = false;
    return lost;
}

static bool is_working(const plan_worker *w)
{
    return w->alive && !w->doomed;
}

uint32_t plan_alive(const plan *p)
{
    uint32_t alive = 0;
    for (uint32_t i = 0; i < p->worker_count; i++) {
        alive += is_working(&p->workers[i]);
    }
    return alive;
}

/* ---- handing out ------------------------------------------------------------------------- */

static bool is_before_kill(const plan *p)
{
    return p->kill_wanted && p->count < FEW_CHUNKS && p->handed_out + 1 >= p->count;
}

static uint32_t least_busy(const plan *p)
{
    uint32_t best = PLAN_NOBODY;
    for (uint32_t i = 0; i < p->worker_count; i++) {
        const plan_worker *w = &p->workers[i];
        bool has_room = is_working(w) && w->held_count < CHUNKS_HELD_MAX;
        if (has_room && (best == PLAN_NOBODY || w->held_count < p->workers[best].held_count)) {
            best = i;
        }
    }
    return best;
}

bool plan_hand_out(plan *p, uint32_t *ret_chunk, uint32_t *ret_worker)
{
    while (p->next < p->count && p->chunks[p->next].state != PLAN_WAITING) {
        p->next++;
    }
    uint32_t worker = least_busy(p);
    if (p->next == p->count || worker == PLAN_NOBODY || is_before_kill(p)) {
        return false;
    }
    plan_chunk *c = &p->chunks[p->next];
    plan_worker *w = &p->workers[worker];
    p->handed_out += c->attempt == 0;
    c->attempt += 1;
    c->state = PLAN_HELD;
    c->worker = worker;
    w->held[w->held_count++] = p->next;
    *ret_chunk = p->next++;
    *ret_worker = worker;
    return true;
}

bool plan_holds(const plan *p, uint32_t worker, uint32_t chunk, uint32_t attempt)
{
    if (worker >= p->worker_count || chunk >= p->count || !is_working(&p->workers[worker])) {
        return false;
    }
    const plan_chunk *c = &p->chunks[chunk];
    return c->state == PLAN_HELD && c->worker == worker && c->attempt == attempt;
}

void plan_done(plan *p, uint32_t worker, uint32_t chunk, bool counted)
{
    plan_worker *w = &p->workers[worker];
    plan_chunk *c = &p->chunks[chunk];
    uint32_t at = 0;
    while (w->held[at] != chunk) {
        at++;
    }
    w->held[at] = w->held[--w->held_count];
    w->counted += counted;
    c->state = counted ? PLAN_COUNTED : PLAN_FAILED;
    p->done += 1;
    p->counted += counted;
    p->bytes_done += c->length;
}

/* ---- the kill ---------------------------------------------------------------------------- */

bool plan_may_kill(const plan *p)
{
    uint64_t first = 0;
    for (uint32_t i = 0; i < p->worker_count; i++) {
        if (is_working(&p->workers[i])) {
            if (first != 0 && p->workers[i].node != first) {
                return true;
            }
            first = p->workers[i].node;
        }
    }
    return false;
}

uint32_t plan_victim(const plan *p)
{
    bool few = p->count < FEW_CHUNKS;
    bool due = few ? is_before_kill(p) : p->done * UINT64_C(3) >= p->count;
    if (!p->kill_wanted || !due) {
        return PLAN_NOBODY;
    }
    uint32_t best = PLAN_NOBODY;
    for (uint32_t i = 0; i < p->worker_count; i++) {
        const plan_worker *w = &p->workers[i];
        bool fits = is_working(w) && (few || w->held_count > 0) &&
                    (p->count < MANY_CHUNKS || w->counted > 0);
        if (fits && (best == PLAN_NOBODY || w->held_count > p->workers[best].held_count)) {
            best = i;
        }
    }
    return best;
}

uint32_t plan_doom(plan *p, uint64_t node)
{
    uint32_t doomed = 0;
    for (uint32_t i = 0; i < p->worker_count; i++) {
        if (p->workers[i].node == node && is_working(&p->workers[i])) {
            p->workers[i].doomed = true;
            doomed++;
        }
    }
    p->kill_wanted = false;
    return doomed;
}
