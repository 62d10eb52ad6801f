/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sched.h>

#include "dist/net/state.h"

/* Who turns the distribution, and who waits where for what there is to do.
 *
 * The role of owner (net.c, I1) is wanted by two kinds of threads: the distribution's own, which
 * calls osri_net_turn() with time to wait, and at most one worker of the node, the attendant
 * (lib/scheduler/attend.c), which calls osri_net_rest() when it has nothing else to do. A message
 * from another node then reaches its process, and the answer the transport, without a hop between
 * two threads.
 *
 * Who sleeps where
 *   W1  In the transport's poll() at most one thread: whoever has the role, since poll() is the
 *       owner's. Before, it sets queue.sleeping.
 *   W2  On stand_by the own thread alone: while a worker attends, and while somebody else has the
 *       role.
 * Who wakes whom
 *   W3  Who sends pushes a command, then looks at queue.sleeping, and wakes the transport if it
 *       was set; who sleeps sets it, then looks for commands (command.c, I2). While nobody sleeps
 *       there, nobody is woken: the owner comes back by itself, or the attendant does, or it ends.
 *   W4  A worker that begins to attend says so (node->attendant), then looks at queue.sleeping; the
 *       own thread sets that, then looks whether somebody attends: one of the two sees the other,
 *       and the own thread leaves the transport to the worker.
 *   W5  Whoever ends the attendance, be it the worker or the watch thread because its turn lasts,
 *       first says so and then unparks the own thread. So the own thread takes over while all
 *       workers compute, at most two looks of the watch thread later, and at once where a worker
 *       knows itself to be busy.
 *   W6  The own thread that found the role taken parks. A worker that gives the role back and then
 *       sees nobody attend unparks it; a parker keeps one token, so that none is lost between the
 *       look and the sleep.
 *   W7  A worker in the transport is roused for work of another kind by a mark, then by the
 *       transport's wake(): a turn between may take the latter, but only a rest takes the mark. */

#define EVENTS_A_TURN 64
#define EVENTS_A_REST 1 /* what it was for may run now; the rest comes by the next call */
#define REST_TRIES 100  /* of a worker that wants to rest, until the role is free */

static bool take_role(osri_net *net)
{
    /* acquire: pairs with give_role; seq_cst: see W6 */
    return !atomic_load_explicit(&net->has_owner, memory_order_relaxed) &&
           !atomic_exchange_explicit(&net->has_owner, true, memory_order_seq_cst);
}

static void give_role(osri_net *net)
{
    /* release: pairs with take_role; seq_cst: see W6 */
    atomic_store_explicit(&net->has_owner, false, memory_order_seq_cst);
}

/* How long the transport may wait: until something is due. */
static uint64_t until_due_ns(const osri_net *net, uint64_t timeout_ns)
{
    uint64_t now_ns = osri_net_now(net);
    uint64_t left_ns = net->due_ns <= now_ns ? 0 : net->due_ns - now_ns;

    return left_ns < timeout_ns ? left_ns : timeout_ns;
}

/* ---- the distribution's own thread ------------------------------------------------------- */

/* Waits for what the transport brings, unless somebody attends. */
static bool wait_for_events(osri_net *net, uint64_t timeout_ns)
{
    bool any = false;

    if (!osri_command_sleep_begin(&net->queue)) {
        return true;
    }
    if (osri_node_is_attended(net->node)) { /* W4 */
        osri_command_sleep_end(&net->queue);
        return false;
    }
    any = osri_net_take_events(net, EVENTS_A_TURN, until_due_ns(net, timeout_ns));
    osri_command_sleep_end(&net->queue);
    return osri_net_work(net, EVENTS_A_TURN) || any;
}

bool osri_net_turn(osri_net *net, uint32_t timeout_ms)
{
    uint64_t timeout_ns = timeout_ms * OSRI_NS_PER_MS_NET;
    bool taken = take_role(net);
    bool any = false;

    if (taken) {
        any = osri_net_work(net, EVENTS_A_TURN);
        if (!any && timeout_ns > 0) {
            any = wait_for_events(net, timeout_ns);
        }
        give_role(net);
    }
    if (!any && timeout_ns > 0 && net->stand_by != NULL &&
        (!taken || osri_node_is_attended(net->node))) {
        net->env->park(net->env->context, net->stand_by, timeout_ns); /* W5, W6 */
    }
    return any;
}

/* ---- the worker that attends ------------------------------------------------------------- */

static bool was_roused(osri_net *net)
{
    /* seq_cst: who finds it false then waits in the transport, which rouse() wakes after it has
     * set it */
    return atomic_load_explicit(&net->roused, memory_order_seq_cst) &&
           atomic_exchange_explicit(&net->roused, false, memory_order_seq_cst);
}

static bool take_role_soon(osri_net *net)
{
    for (int tries = 0; tries < REST_TRIES; tries++) {
        if (take_role(net)) {
            return true;
        }
        (void)sched_yield(); /* the own thread is about to give it back, as we attend */
    }
    return false;
}

static osri_rest rest(osri_net *net, uint64_t timeout_ns)
{
    uint64_t began_ns;
    bool any = false;

    (void)osri_net_work(net, 0);
    began_ns = osri_net_now(net);
    if (osri_command_sleep_begin(&net->queue)) {
        if (!was_roused(net)) {
            any = osri_net_take_events(net, EVENTS_A_REST, until_due_ns(net, timeout_ns));
            (void)was_roused(net);
        }
        osri_command_sleep_end(&net->queue);
    }
    if (!any) {
        return OSRI_REST_QUIET;
    }
    bool waited = net->woke_ns - began_ns >= OSRI_NET_WAIT_NS;
    osri_session_flush_all(net);
    osri_lanes_settle(&net->lanes);
    return waited ? OSRI_REST_DONE : OSRI_REST_BUSY;
}

osri_rest osri_net_rest(void *context, uint64_t timeout_ns)
{
    osri_net *net = context;
    osri_rest done;

    if (!take_role_soon(net)) {
        return OSRI_REST_TAKEN;
    }
    done = rest(net, timeout_ns);
    give_role(net);
    if (!osri_node_is_attended(net->node)) { /* W6 */
        net->env->unpark(net->env->context, net->stand_by);
    }
    return done;
}

void osri_net_rouse(void *context, bool waits)
{
    osri_net *net = context;

    atomic_store_explicit(&net->roused, true, memory_order_seq_cst); /* see was_roused */
    if (waits) {
        net->transport->ops->wake(net->transport);
    }
}

void osri_net_attended(void *context, bool attended)
{
    osri_net *net = context;

    if (!attended) {
        net->env->unpark(net->env->context, net->stand_by); /* W5 */
    } else if (osri_command_wake(&net->queue)) {            /* W4 */
        net->transport->ops->wake(net->transport);
    }
}

/* ---- making and ending ------------------------------------------------------------------- */

osr_err osri_net_attend_init(osri_net *net)
{
    atomic_init(&net->has_owner, false);
    atomic_init(&net->roused, false);
    return net->options.attended ? net->env->parker_new(net->env->context, &net->stand_by) : OSR_OK;
}

void osri_net_attend_fini(osri_net *net)
{
    if (net->stand_by != NULL) {
        net->env->parker_free(net->env->context, net->stand_by);
    }
}

void osri_net_attend_end(osri_net *net)
{
    if (net->stand_by != NULL) {
        osri_node_attend_end(net->node);
        net->env->unpark(net->env->context, net->stand_by);
    }
}
