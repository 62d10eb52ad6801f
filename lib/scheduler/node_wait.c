/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/heap.h"
#include "lib/scheduler/scheduler.h"

/* Ends that somebody outside waits for: told to who waits already, kept for who will ask. */

typedef struct waiter {
    osri_list_link link; /* in node->waiters */
    osr_pid pid;
    osr_parker *parker;
    bool ended;
    osr_ended how;
} waiter;

static waiter *waiter_of_locked(osr_node *node, osr_pid pid)
{
    for (osri_list_link *at = osri_list_first(&node->waiters); at != NULL;
         at = osri_list_next(&node->waiters, at)) {
        waiter *w = OSRI_LIST_ENTRY(at, waiter, link);
        if (osr_pid_equal(w->pid, pid) && !w->ended) {
            return w;
        }
    }
    return NULL;
}

static void keep_locked(osr_node *node, osr_pid pid, const osr_ended *how)
{
    osr_ended *kept = osri_heap_alloc(sizeof(*kept));
    if (kept == NULL) {
        return;
    }
    *kept = *how;
    if (osri_map_put(&node->ended, &pid, sizeof(pid), kept, NULL) != OSR_OK) {
        osri_heap_free(kept, sizeof(*kept));
        return;
    }
    size_t cursor = 0;
    osri_map_entry oldest;
    if (osri_map_count(&node->ended) > OSRI_ENDED_MAX &&
        osri_map_next(&node->ended, &cursor, &oldest)) {
        osri_heap_free(osri_map_remove(&node->ended, oldest.key, oldest.key_bytes), sizeof(*kept));
    }
}

void osri_node_ended(osr_node *node, osr_pid pid, const osr_reason *reason)
{
    osr_ended how = {.code = reason->code, .error = reason->error};
    osr_reason_print(reason, how.text, sizeof(how.text));
    osri_mutex_lock(&node->registry_mutex);
    waiter *w = waiter_of_locked(node, pid);
    if (w != NULL) {
        w->how = how;
        w->ended = true;
        node->env->unpark(node->env->context, w->parker);
    } else {
        keep_locked(node, pid, &how);
    }
    osri_mutex_unlock(&node->registry_mutex);
}

static bool is_ended_locked(osr_node *node, waiter *w)
{
    osr_ended *kept = osri_map_remove(&node->ended, &w->pid, sizeof(w->pid));
    if (kept != NULL) {
        w->how = *kept;
        w->ended = true;
        osri_heap_free(kept, sizeof(*kept));
    }
    return w->ended;
}

static osr_err wait_ended(osr_node *node, waiter *w, uint64_t deadline_ns)
{
    const osr_env *env = node->env;
    for (;;) {
        osri_mutex_lock(&node->registry_mutex);
        bool ended = is_ended_locked(node, w);
        osri_mutex_unlock(&node->registry_mutex);
        if (ended) {
            return OSR_OK;
        }
        uint64_t now = osri_node_now(node);
        if (now >= deadline_ns) {
            return OSR_ETIMEDOUT;
        }
        env->park(env->context, w->parker,
                  deadline_ns == UINT64_MAX ? OSR_PARK_FOREVER : deadline_ns - now);
    }
}

osr_err osr_node_wait(osr_node *node, osr_pid pid, uint32_t timeout_ms, osr_ended *ret_ended)
{
    const osr_env *env = node->env;
    if (node->threads == NULL) {
        return OSR_ENOTSUP;
    }
    waiter w = {.pid = pid};
    osr_err err = env->parker_new(env->context, &w.parker);
    if (err != OSR_OK) {
        return err;
    }
    osri_mutex_lock(&node->registry_mutex);
    osri_list_push_back(&node->waiters, &w.link);
    osri_mutex_unlock(&node->registry_mutex);
    uint64_t deadline_ns = timeout_ms == OSR_FOREVER
                               ? UINT64_MAX
                               : osri_node_now(node) + (uint64_t)timeout_ms * OSRI_TICK_NS;
    err = wait_ended(node, &w, deadline_ns);
    osri_mutex_lock(&node->registry_mutex);
    osri_list_remove(&w.link);
    osri_mutex_unlock(&node->registry_mutex);
    env->parker_free(env->context, w.parker);
    if (err == OSR_OK && ret_ended != NULL) {
        *ret_ended = w.how;
    }
    return err;
}
