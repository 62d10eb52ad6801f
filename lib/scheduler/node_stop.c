/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/info.h"
#include "lib/scheduler/scheduler.h"

/* Stopping a node: roots first, so that supervisors end their children; then everybody; then kill.
 * A process that does not come to a suspension point cannot be ended: its thread, and with it the
 * node's memory, is left where it is. */

#define KILL_MS 1000
#define KILL_EVERY_MS 20
#define LOOK_MS 1

typedef struct stop_order {
    osr_node *node;
    osr_reason_code code;
    bool roots_only;
} stop_order;

osr_err osr_node_exit(osr_node *node, osr_pid pid, const osr_reason *reason)
{
    osri_envelope *signal;
    osr_err err =
        osri_signal_new(OSRI_SIGNAL_EXIT, OSR_PID_NONE, 0, &osr_reason_osr_type, reason, &signal);
    if (err != OSR_OK) {
        return err;
    }
    osri_route route = {.pid = pid};
    return osri_signal_send(node, &route, &signal);
}

static void stop_process(void *context, osr_self *process, uint64_t number)
{
    const stop_order *order = context;
    osr_snapshot who;
    if (osr_snapshot_of(order->node, osri_process_pid(process), &who) != OSR_OK ||
        (order->roots_only && !osr_pid_is_none(who.parent))) {
        return; /* it has ended; number is of no use, since pids are not used twice */
    }
    (void)number;
    osr_reason reason = osr_reason_of(order->code);
    (void)osr_node_exit(order->node, who.pid, &reason);
}

/* One look at whether they are gone. False: nothing more happens by itself. A node that is stepped
 * is stepped here, on its own time, which may stand still. */
static bool wait_a_moment(osr_node *node, osr_parker *parker)
{
    uint64_t due;
    if (node->threads == NULL) {
        return osr_node_step(node, &due);
    }
    if (parker != NULL) {
        node->env->park(node->env->context, parker, LOOK_MS * OSRI_TICK_NS);
    }
    return true;
}

static uint64_t roots(osr_node *node)
{
    return atomic_load_explicit(&node->roots, memory_order_relaxed);
}

/* Until there is nobody left to wait for, the deadline, or nothing more happens. Whether all are
 * gone. */
static bool drain(osr_node *node, osr_parker *parker, uint64_t (*left)(osr_node *node),
                  uint64_t deadline_ns)
{
    bool goes_on = true;
    while (left(node) != 0 && osri_node_now(node) < deadline_ns && goes_on) {
        goes_on = wait_a_moment(node, parker);
    }
    return osri_table_alive(node) == 0;
}

/* Kills again and again: what was being spawned when we looked is there now. */
/* Processes, and sends of some that may have ended, which still need the distribution. */
static uint64_t unfinished(osr_node *node)
{
    uint64_t alive = osri_table_alive(node);
    return alive + atomic_load_explicit(&node->sending_later, memory_order_seq_cst);
}

static bool kill_all(osr_node *node, osr_parker *parker)
{
    stop_order order = {node, OSR_REASON_KILL, false};
    bool gone = false;
    for (uint32_t ms = 0; ms < KILL_MS && !gone; ms += KILL_EVERY_MS) {
        (void)osri_table_visit(node, stop_process, &order);
        gone = drain(node, parker, unfinished, osri_node_now(node) + KILL_EVERY_MS * OSRI_TICK_NS);
    }
    return gone;
}

static void name_left(void *context, const osr_snapshot *left)
{
    const osr_node *node = context;
    char pid[OSR_PID_TEXT_BYTES];
    osr_pid_print(left->pid, pid);
    osri_log_write(&node->log, OSR_LOG_ERROR,
                   "process %s %s%s%s does not end%s%s: the node's memory is left", pid, left->body,
                   left->label[0] != '\0' ? " " : "", left->label,
                   left->handling[0] != '\0' ? ", in the handler of " : "", left->handling);
}

static bool end_processes(osr_node *node, osr_parker *parker, uint32_t timeout_ms)
{
    uint64_t deadline_ns = osri_node_now(node) + timeout_ms * OSRI_TICK_NS;
    stop_order order = {node, OSR_REASON_SHUTDOWN, true};
    (void)osri_table_visit(node, stop_process, &order);
    bool gone = drain(node, parker, roots, deadline_ns); /* orphans are for the next step */
    osri_table_close(node);
    gone = gone && unfinished(node) == 0; /* from here on the answer holds */
    if (!gone) {
        order.roots_only = false;
        (void)osri_table_visit(node, stop_process, &order);
        gone = drain(node, parker, unfinished, deadline_ns) || kill_all(node, parker);
    }
    return gone;
}

void osr_node_stop(osr_node *node, uint32_t timeout_ms)
{
    node->stopped = true;
    osr_parker *parker = NULL; /* without one we look all the time */
    (void)!node->env->parker_new(node->env->context, &parker);
    bool gone = end_processes(node, parker, timeout_ms);
    node->env->parker_free(node->env->context, parker);
    if (!gone) {
        (void)!osr_processes(node, name_left, node);
    }
    if (node->remote != NULL) {
        node->remote->close(node->remote_context);
        node->remote = NULL;
    }
    if (gone) {
        osri_blocking_pool_free(node); /* first: a helper may still be about to wake a worker */
        osri_fd_watches_free(node);
        osri_threads_stop(node);
    } else {
        osri_threads_let_go(node);
    }
}

bool osri_node_is_stuck(osr_node *node)
{
    return node->threads != NULL && osri_table_alive(node) != 0;
}
