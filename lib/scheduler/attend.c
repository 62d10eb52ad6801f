/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/scheduler/attend.h"

#include <sched.h>

/* Attending.
 *
 * Invariants
 *   I1  the distribution is called between enter() and leave() only, and enter() gives it out only
 *       while it is open: so it is called by nobody once osri_node_attend_end() has returned.
 *   I2  one worker attends at a time, the one that node->attendant names. Whoever writes that tells
 *       the distribution afterwards, which then looks for itself: two who write it may tell in
 *       either order.
 *   I3  the attendant comes back to the distribution soon or ends attending: itself before it
 *       sleeps elsewhere, when it loses its scheduler, and after TURNS turns or TURN_NS without a
 *       rest; while a turn lasts, by the watch thread. So nothing waits for an attendant that has
 *       other things to do.
 *   I4  a worker that rests has set `rests`, then `sleeping`, then looked for work; who makes work
 *       counts it, claims `sleeping`, then looks at `rests`, and rouses it there. One that reads an
 *       old value wakes it where it is not any more; but then the worker has looked for work since.
 *
 * Attending pays when what comes is one message at a time. A stream keeps two threads busy, so who
 * finds events there without waiting BUSY times in a row, or turns to run, leaves it to the
 * distribution's own thread for some sleeps. */

#define TURNS 8
#define TURN_NS UINT64_C(500000)
#define BUSY 16
#define PAUSE 8       /* sleeps elsewhere after being busy */
#define PAUSE_LONG 64 /* the same after attending in vain, or when the own thread was at it */

static const osri_remote_ops *enter(osr_node *node)
{
    /* seq_cst, both: pairs with osri_node_attend_end, which closes and then counts */
    atomic_fetch_add_explicit(&node->attending, 1, memory_order_seq_cst);
    if (atomic_load_explicit(&node->attendable, memory_order_seq_cst)) {
        return node->remote;
    }
    atomic_fetch_sub_explicit(&node->attending, 1, memory_order_release);
    return NULL;
}

static void leave(osr_node *node)
{
    /* release: pairs with the load in osri_node_attend_end */
    atomic_fetch_sub_explicit(&node->attending, 1, memory_order_release);
}

static osri_worker *attendant(const osr_node *node)
{
    return atomic_load_explicit(&node->attendant, memory_order_relaxed);
}

/* Whether the worker is the attendant, from now on if need be. */
static bool take_place(osri_worker *worker, const osri_remote_ops *remote)
{
    osri_worker *nobody = NULL;

    if (attendant(worker->node) == worker) {
        return true;
    }
    /* seq_cst: the distribution's own thread says that it sleeps and then looks here */
    if (!atomic_compare_exchange_strong_explicit(&worker->node->attendant, &nobody, worker,
                                                 memory_order_seq_cst, memory_order_relaxed)) {
        return false;
    }
    worker->attending.brought = false;
    remote->attended(worker->node->remote_context, true);
    return true;
}

bool osri_attend_lie_down(osri_worker *worker)
{
    osr_node *node = worker->node;
    osri_worker *now = attendant(node);
    const osri_remote_ops *remote;
    bool lies;

    /* acquire: pairs with osri_node_attend_begin */
    if ((now != NULL && now != worker) ||
        !atomic_load_explicit(&node->attendable, memory_order_acquire)) {
        return false;
    }
    if (worker->attending.pause > 0) {
        worker->attending.pause -= 1;
        return false;
    }
    remote = enter(node);
    if (remote == NULL) {
        return false;
    }
    lies = take_place(worker, remote);
    leave(node);
    if (lies) {
        /* seq_cst: see I4 */
        atomic_store_explicit(&worker->rests, true, memory_order_seq_cst);
    }
    return lies;
}

static void leave_it(osri_worker *worker, uint32_t sleeps)
{
    worker->attending.pause = worker->attending.brought ? sleeps : PAUSE_LONG;
    osri_attend_stop(worker);
}

static void note_rest(osri_worker *worker, osri_rest rest)
{
    osri_attending *attending = &worker->attending;

    attending->turns = 0;
    attending->rested_ns = osri_node_now(worker->node);
    attending->brought |= rest == OSRI_REST_DONE;
    attending->busy = rest == OSRI_REST_BUSY ? attending->busy + 1 : 0;
    if (rest == OSRI_REST_TAKEN) {
        attending->pause = PAUSE_LONG;
        osri_attend_stop(worker);
    } else if (attending->busy >= BUSY) {
        attending->busy = 0;
        leave_it(worker, PAUSE_LONG);
    }
}

bool osri_attend_rest(osri_worker *worker, uint64_t ns)
{
    osr_node *node = worker->node;
    const osri_remote_ops *remote = enter(node);
    osri_rest rest = OSRI_REST_QUIET;

    if (remote != NULL) {
        rest = remote->rest(node->remote_context, ns);
        leave(node);
        note_rest(worker, rest);
    }
    return rest == OSRI_REST_DONE || rest == OSRI_REST_BUSY;
}

bool osri_attend_is_here(const osri_worker *worker)
{
    return attendant(worker->node) == worker;
}

void osri_attend_get_up(osri_worker *worker)
{
    atomic_store_explicit(&worker->rests, false, memory_order_seq_cst); /* see I4 */
}

bool osri_attend_poll(osri_worker *worker)
{
    return attendant(worker->node) == worker && osri_attend_rest(worker, 0);
}

void osri_worker_unpark(osri_worker *worker)
{
    osr_node *node = worker->node;
    bool here = worker == osri_worker_here();

    if (atomic_load_explicit(&worker->rests, memory_order_seq_cst)) { /* see I4 */
        const osri_remote_ops *remote = enter(node);
        if (remote != NULL) {
            remote->rouse(node->remote_context, !here);
            leave(node);
            return;
        }
    }
    if (!here) {
        node->env->unpark(node->env->context, worker->parker);
    }
}

void osri_attend_stop(osri_worker *worker)
{
    osr_node *node = worker->node;
    const osri_remote_ops *remote = attendant(node) == worker ? enter(node) : NULL;

    if (remote == NULL) {
        return;
    }
    /* seq_cst: the distribution's own thread looks here and then parks, and is unparked after */
    if (atomic_compare_exchange_strong_explicit(&node->attendant, &(osri_worker *){worker}, NULL,
                                                memory_order_seq_cst, memory_order_relaxed)) {
        remote->attended(node->remote_context, false);
    }
    leave(node);
}

void osri_attend_ran(osri_worker *worker)
{
    osri_attending *attending = &worker->attending;

    if (attendant(worker->node) == worker &&
        (++attending->turns >= TURNS ||
         osri_node_now(worker->node) - attending->rested_ns >= TURN_NS)) {
        leave_it(worker, PAUSE);
    }
}

void osri_node_attend_begin(osr_node *node)
{
    /* release: pairs with the acquire in osri_attend_lie_down; what begins is node->remote */
    atomic_store_explicit(&node->attendable, true, memory_order_release);
    osri_threads_wake_one(node); /* it would sleep elsewhere until there is something to do */
}

void osri_node_attend_end(osr_node *node)
{
    atomic_store_explicit(&node->attendable, false, memory_order_seq_cst); /* see enter */
    while (atomic_load_explicit(&node->attending, memory_order_seq_cst) != 0) {
        node->remote->rouse(node->remote_context, true);
        (void)sched_yield(); /* for the end of a rest */
    }
    atomic_store_explicit(&node->attendant, NULL, memory_order_seq_cst); /* nobody takes it now */
}

bool osri_node_is_attended(const osr_node *node)
{
    /* seq_cst: see take_place and osri_attend_stop */
    return atomic_load_explicit(&node->attendant, memory_order_seq_cst) != NULL;
}
