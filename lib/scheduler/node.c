/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "lib/scheduler/scheduler.h"

/* The node as a whole: made, started, stepped, counted, waited for, stopped, freed. */

#define REFERENCES_BLOCK 4096
#define NAME_DEFAULT "nonode@nohost"

typedef struct waiter {
    osri_list_link link; /* in node->waiters */
    osr_pid pid;
    osr_parker *parker;
    bool ended;
    osr_ended how;
} waiter;

/* ---- numbers --------------------------------------------------------------------------- */

static osri_worker *worker_of(const osr_node *node)
{
    osri_worker *worker = osri_worker_here();
    return worker != NULL && worker->node == node ? worker : NULL;
}

void osri_count(osr_node *node, osri_counter counter)
{
    osri_worker *worker = worker_of(node);
    if (worker != NULL) { /* one writer: no need for an exchange */
        _Atomic(uint64_t) *value = &worker->counters.value[counter];
        uint64_t now = atomic_load_explicit(value, memory_order_relaxed);
        atomic_store_explicit(value, now + 1, memory_order_relaxed);
    } else {
        atomic_fetch_add_explicit(&node->outside.value[counter], 1, memory_order_relaxed);
    }
}

uint64_t osri_reference_next(osr_node *node)
{
    osri_worker *worker = worker_of(node);
    if (worker == NULL) {
        return atomic_fetch_add_explicit(&node->references, 1, memory_order_relaxed) + 1;
    }
    if (worker->reference_next == worker->reference_end) {
        worker->reference_next = 1 + atomic_fetch_add_explicit(&node->references, REFERENCES_BLOCK,
                                                               memory_order_relaxed);
        worker->reference_end = worker->reference_next + REFERENCES_BLOCK;
    }
    return worker->reference_next++;
}

void osr_node_count(osr_node *node, osr_node_counters *ret_counters)
{
    uint64_t total[OSRI_COUNTERS];
    for (int i = 0; i < OSRI_COUNTERS; i++) {
        total[i] = atomic_load_explicit(&node->outside.value[i], memory_order_relaxed);
        total[i] += atomic_load_explicit(&node->stepper->counters.value[i], memory_order_relaxed);
        osri_threads_count(node, (osri_counter)i, &total[i]);
    }
    ret_counters->spawned = total[OSRI_COUNT_SPAWNED];
    ret_counters->processes = total[OSRI_COUNT_SPAWNED] - total[OSRI_COUNT_ENDED];
    ret_counters->messages_sent = total[OSRI_COUNT_SENT];
    ret_counters->messages_received = total[OSRI_COUNT_RECEIVED];
    ret_counters->messages_dropped = total[OSRI_COUNT_DROPPED];
    ret_counters->messages_forwarded = total[OSRI_COUNT_FORWARDED];
}

/* ---- made and freed -------------------------------------------------------------------- */

static uint32_t cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : (uint32_t)count;
}

extern __attribute__((weak, visibility("hidden"))) const osr_entry *const __start_osr_entries[];
extern __attribute__((weak, visibility("hidden"))) const osr_entry *const __stop_osr_entries[];

static osr_err entries_init(osr_node *node)
{
    for (const osr_entry *const *at = __start_osr_entries; at != __stop_osr_entries; at++) {
        const osr_entry *known = osri_map_get(&node->entries, (*at)->name, strlen((*at)->name));
        if (known != NULL && known != *at) {
            osri_log_write(&node->log, OSR_LOG_ERROR, "entry %s is exported by %s:%u and by %s:%u",
                           known->name, known->file, (unsigned)known->line, (*at)->file,
                           (unsigned)(*at)->line);
            return OSR_ETYPE;
        }
        osr_err err = osri_map_put(&node->entries, (*at)->name, strlen((*at)->name),
                                   (void *)(uintptr_t)*at, NULL);
        if (err != OSR_OK) {
            return err;
        }
    }
    return OSR_OK;
}

static osr_err types_init(osr_node *node)
{
    char text[OSRI_TYPES_TEXT_BYTES] = "";
    osr_err err = osri_types_init(&node->types);
    if (err == OSR_OK) {
        err = osri_types_collect(&node->types, osri_types_here(), text);
    }
    if (err == OSR_ETYPE) {
        osri_log_write(&node->log, OSR_LOG_ERROR, "%s", text);
    }
    return err;
}

static osr_err schedulers_init(osr_node *node, uint32_t count)
{
    count = count > OSRI_SCHEDULERS_MAX ? OSRI_SCHEDULERS_MAX : count;
    node->schedulers = osri_heap_zalloc(count * sizeof(osri_scheduler));
    node->stepper = osri_heap_zalloc(sizeof(osri_worker));
    if (node->schedulers == NULL || node->stepper == NULL) {
        osri_heap_free(node->schedulers, count * sizeof(osri_scheduler));
        node->schedulers = NULL;
        return OSR_ENOMEM;
    }
    node->scheduler_count = count;
    for (uint32_t i = 0; i < count; i++) {
        osri_scheduler_init(&node->schedulers[i], node, i);
    }
    node->stepper->node = node;
    atomic_init(&node->stepper->scheduler, &node->schedulers[0]);
    return OSR_OK;
}

static void base_init(osr_node *node, const osr_node_options *options)
{
    node->env = options->env != NULL ? options->env : osr_env_real();
    node->creation = options->creation;
    while (node->creation == 0) {
        node->env->random(node->env->context, &node->creation, sizeof(node->creation));
    }
    node->id = osri_node_id(node->name, node->creation);
    node->started_ns = node->env->now_ns(node->env->context);
    osri_log_init(&node->log, node->name, options->log_level, NULL, NULL);
    osri_mutex_init(&node->registry_mutex, OSRI_RANK_REGISTRY);
    osri_list_init(&node->waiters);
    osri_run_queue_init(&node->injected);
    osri_stack_pool_init(&node->stacks, NULL);
}

osr_err osr_node_new(const osr_node_options *options_, osr_node **ret_node)
{
    static const osr_node_options defaults = {.size = sizeof(osr_node_options)};
    const osr_node_options *options = options_ != NULL ? options_ : &defaults;
    osr_node *node = osri_heap_zalloc(sizeof(*node));
    if (node == NULL) {
        return OSR_ENOMEM;
    }
    node->name = osri_heap_strdup(options->name != NULL ? options->name : NAME_DEFAULT);
    if (node->name == NULL) {
        osri_heap_free(node, sizeof(*node));
        return OSR_ENOMEM;
    }
    base_init(node, options);
    osr_err err = osri_table_init(node, options->processes_max != 0 ? options->processes_max
                                                                    : OSRI_PROCESSES_DEFAULT);
    if (err == OSR_OK) {
        err = types_init(node);
    }
    if (err == OSR_OK) {
        err = entries_init(node);
    }
    if (err == OSR_OK) {
        err = osri_blocking_pool_new(node);
    }
    if (err == OSR_OK) {
        err = schedulers_init(node, options->schedulers != 0 ? options->schedulers : cores());
    }
    if (err != OSR_OK) {
        osr_node_free(&node);
        return err;
    }
    *ret_node = node;
    return OSR_OK;
}

static void free_values(osri_map *map, size_t bytes)
{
    size_t cursor = 0;
    osri_map_entry at;
    while (osri_map_next(map, &cursor, &at)) {
        osri_heap_free(at.value, bytes);
    }
    osri_map_fini(map);
}

void osr_node_free(osr_node **node_)
{
    osr_node *node = *node_;
    *node_ = NULL;
    if (node == NULL) {
        return;
    }
    osri_threads_stop(node);
    osri_blocking_pool_free(node);
    for (uint32_t i = 0; i < node->scheduler_count; i++) {
        osri_scheduler_fini(&node->schedulers[i]);
    }
    osri_heap_free(node->schedulers, node->scheduler_count * sizeof(osri_scheduler));
    osri_heap_free(node->stepper, sizeof(*node->stepper));
    osri_stack_pool_fini(&node->stacks);
    osri_table_fini(node);
    osri_types_fini(&node->types);
    osri_map_fini(&node->entries);
    osri_map_fini(&node->names);
    osri_map_fini(&node->subscribers);
    free_values(&node->peers_up, sizeof(osri_peer));
    free_values(&node->ended, sizeof(osr_ended));
    osri_mutex_fini(&node->registry_mutex);
    osri_heap_strfree(node->name);
    osri_heap_free(node, sizeof(*node));
}

/* ---- run ------------------------------------------------------------------------------- */

osr_err osr_node_start(osr_node *node)
{
    return osri_threads_start(node);
}

bool osr_node_step(osr_node *node, uint64_t *ret_next_due_ns)
{
    osri_worker *worker = node->stepper;
    osri_worker *before = osri_worker_here();
    osri_worker_set_here(worker);
    osri_fiber_thread(&worker->fiber);
    osri_scheduler *scheduler = &node->schedulers[0];
    atomic_store_explicit(&scheduler->holder, (uintptr_t)worker, memory_order_relaxed);
    bool did = osri_scheduler_turn(worker);
    *ret_next_due_ns = did || osri_scheduler_has_work(scheduler) ? osri_node_now(node)
                                                                 : osri_wheel_next_due(&scheduler->wheel);
    osri_fiber_fini(&worker->fiber);
    osri_worker_set_here(before);
    return did;
}

/* ---- ends that somebody outside waits for ---------------------------------------------- */

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

/* ---- stop ------------------------------------------------------------------------------ */

typedef struct stop_order {
    osr_node *node;
    osr_reason_code code;
    bool roots_only;
} stop_order;

osr_err osr_node_exit(osr_node *node, osr_pid pid, const osr_reason *reason)
{
    osri_envelope *signal;
    osr_err err = osri_signal_new(OSRI_SIGNAL_EXIT, OSR_PID_NONE, 0, &osr_reason_osr_type, reason, &signal);
    if (err != OSR_OK) {
        return err;
    }
    osri_route route = {.pid = pid};
    return osri_signal_send(node, &route, &signal);
}

static void stop_process(void *context, osr_self *process)
{
    const stop_order *order = context;
    osr_pid pid = osri_process_pid(process);
    if (order->roots_only && !osr_pid_is_none(process->parent)) {
        return;
    }
    osr_reason reason = osr_reason_of(order->code);
    (void)osr_node_exit(order->node, pid, &reason);
}

static uint64_t alive(osr_node *node)
{
    osri_mutex_lock(&node->table.mutex);
    uint64_t count = node->table.alive;
    osri_mutex_unlock(&node->table.mutex);
    return count;
}

/* Until nobody is left, or the deadline. A node that is stepped is stepped here, on its own time. */
static void drain(osr_node *node, uint64_t deadline_ns)
{
    while (alive(node) != 0 && osri_node_now(node) < deadline_ns) {
        uint64_t due;
        if (node->threads != NULL) {
            (void)usleep(1000);
        } else if (!osr_node_step(node, &due)) {
            return; /* nothing more happens by itself */
        }
    }
}

void osr_node_stop(osr_node *node, uint32_t timeout_ms)
{
    uint64_t deadline_ns = osri_node_now(node) + (uint64_t)timeout_ms * OSRI_TICK_NS;
    stop_order order = {node, OSR_REASON_SHUTDOWN, true};
    osri_table_visit(node, stop_process, &order);
    drain(node, deadline_ns);
    order = (stop_order){node, OSR_REASON_SHUTDOWN, false};
    osri_table_visit(node, stop_process, &order);
    drain(node, deadline_ns);
    order = (stop_order){node, OSR_REASON_KILL, false};
    osri_table_visit(node, stop_process, &order);
    drain(node, osri_node_now(node) + 1000 * OSRI_TICK_NS);
    osri_threads_stop(node); /* from here on nothing calls the distribution but its own threads */
    if (node->remote != NULL) {
        node->remote->close(node->remote_context);
        node->remote = NULL;
    }
}

const char *osr_node_name(const osr_node *node)
{
    return node->name;
}

uint64_t osr_node_id(const osr_node *node)
{
    return node->id;
}

uint64_t osr_node_creation(const osr_node *node)
{
    return node->creation;
}

osr_err osr_node_send(osr_node *node, osr_dest to, const osr_type *type, const void *message)
{
    osri_envelope *signal;
    osr_err err = osri_signal_new(OSRI_SIGNAL_MESSAGE, OSR_PID_NONE, 0, type, message, &signal);
    if (err != OSR_OK) {
        return err;
    }
    osri_route route = {.pid = to.pid, .name = to.name, .node = to.node};
    return osri_signal_send(node, &route, &signal);
}
