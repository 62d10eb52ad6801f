/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sched.h>
#include <string.h>

#include "lib/core/barrier.h"
#include "lib/core/heap.h"
#include "lib/core/name.h"
#include "lib/scheduler/scheduler.h"

/* The node as a whole: made, started, stepped, freed. */

#define REFERENCES_BLOCK 4096
#define NAME_DEFAULT "nonode@nohost"

/* ---- numbers --------------------------------------------------------------------------- */

uint64_t osri_reference_next(osr_node *node)
{
    osri_worker *worker = osri_worker_of(node);
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

/* ---- made and freed -------------------------------------------------------------------- */

static uint32_t cores(void)
{
    cpu_set_t set;
    int count = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return count < 1 ? 1 : (uint32_t)count;
}

static osr_err parts_init(osr_node *node)
{
    char text[OSRI_PARTS_TEXT_BYTES] = "";
    osr_err err = osri_entries_init(&node->entries, text);
    if (err == OSR_OK) {
        err = osri_parts_init(&node->parts, text);
    }
    if (err == OSR_ETYPE) {
        osri_log_write(&node->log, OSR_LOG_ERROR, "%s", text);
    }
    return err;
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
        osri_heap_free(node->stepper, sizeof(osri_worker));
        node->schedulers = NULL;
        node->stepper = NULL;
        return OSR_ENOMEM;
    }
    node->scheduler_count = count;
    for (uint32_t i = 0; i < count; i++) {
        osri_scheduler_init(&node->schedulers[i], node, i);
    }
    osri_worker_init(node->stepper, node, &node->schedulers[0]);
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
    node->started_ns = osri_node_tick(node);
    osri_log_init(&node->log, node->name, options->log_level, NULL, NULL);
    node->output = options->output;
    node->output_context = options->output_context;
    node->names_max = options->names_max != 0 ? options->names_max : OSRI_PROCESSES_DEFAULT;
    node->relations_max =
        options->relations_max != 0 ? options->relations_max : OSRI_PROCESSES_DEFAULT;
    osri_mutex_init(&node->registry_mutex, OSRI_RANK_REGISTRY);
    osri_mutex_init(&node->room_mutex, OSRI_RANK_PROCESS);
    osri_list_init(&node->waiters);
    osri_list_init(&node->node_watches);
    osri_run_queue_init(&node->injected);
    osri_barrier_init();
    osri_stack_pool_init(&node->stacks, NULL);
}

osr_err osr_node_new(const osr_node_options *options_, osr_node **ret_node)
{
    osr_node_options given = {.size = sizeof(given)};
    const osr_node_options *options = &given;
    if (options_ != NULL) { /* of a program that knows fewer, perhaps */
        memcpy(&given, options_, options_->size < sizeof(given) ? options_->size : sizeof(given));
    }
    const char *name = options->name != NULL ? options->name : NAME_DEFAULT;
    if (osri_node_name_check(name, strlen(name)) != OSR_OK) {
        return OSR_EINVAL;
    }
    osr_node *node = osri_heap_zalloc(sizeof(*node));
    if (node == NULL) {
        return OSR_ENOMEM;
    }
    node->name = osri_heap_strdup(name);
    if (node->name == NULL) {
        osri_heap_free(node, sizeof(*node));
        return OSR_ENOMEM;
    }
    base_init(node, options);
    osr_err err = osri_table_init(node, options->processes_max != 0 ? options->processes_max
                                                                    : OSRI_PROCESSES_DEFAULT);
    osr_err recorder_err = osri_recorder_init(&node->recorder, options->flight);
    osr_err timers_err = osri_timer_table_init(&node->timers, options->timers_max);
    if (err == OSR_OK) {
        err = timers_err;
    }
    if (err == OSR_OK) {
        err = recorder_err;
    }
    if (err == OSR_OK) {
        err = types_init(node);
    }
    if (err == OSR_OK) {
        err = parts_init(node);
    }
    if (err == OSR_OK) {
        err = osri_blocking_pool_new(node, options->blocking_max);
    }
    if (err == OSR_OK) {
        err = osri_fd_watches_new(node, options->watches_max);
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
    if (osri_node_is_stuck(node)) {
        return; /* a thread that cannot be stopped still uses it */
    }
    osri_blocking_pool_free(node); /* first: its threads wake the others */
    osri_fd_watches_free(node);
    osri_threads_stop(node);
    for (uint32_t i = 0; i < node->scheduler_count; i++) {
        osri_scheduler_fini(&node->schedulers[i]);
    }
    osri_heap_free(node->schedulers, node->scheduler_count * sizeof(osri_scheduler));
    if (node->stepper != NULL) {
        osri_worker_fini(node->stepper);
        osri_heap_free(node->stepper, sizeof(*node->stepper));
    }
    osri_services_fini(node);
    osri_stack_pool_fini(&node->stacks);
    osri_timer_table_fini(&node->timers);
    osri_table_fini(node);
    osri_recorder_fini(&node->recorder);
    osri_types_fini(&node->types);
    osri_parts_fini(&node->parts);
    osri_map_fini(&node->entries);
    osri_map_fini(&node->names);
    osri_map_fini(&node->subscribers);
    free_values(&node->peers_up, sizeof(osri_peer));
    osri_members_end_all(node);
    osri_node_watches_end_all(node);
    free_values(&node->ended, sizeof(osr_ended));
    osri_mutex_fini(&node->registry_mutex);
    osri_mutex_fini(&node->room_mutex);
    osri_map_fini(&node->waiting_for_room);
    osri_heap_strfree(node->name);
    osri_heap_free(node, sizeof(*node));
}

/* ---- run ------------------------------------------------------------------------------- */

osr_err osr_node_start(osr_node *node)
{
    return node->stopped ? OSR_EINVAL : osri_threads_start(node);
}

bool osr_node_step(osr_node *node, uint64_t *ret_next_due_ns)
{
    osri_worker *worker = node->stepper;
    osri_worker *before = osri_worker_here();
    osri_worker_set_here(worker);
    osri_fiber_thread(&worker->fiber);
    (void)osri_node_tick(node);
    osri_scheduler *scheduler = &node->schedulers[0];
    osri_worker_hold(worker, scheduler);
    bool did = osri_scheduler_turn(worker);
    *ret_next_due_ns =
        did || osri_scheduler_has_work(scheduler) || osri_run_queue_any(&worker->pinned)
            ? osri_node_now(node)
            : osri_wheel_next_due(&scheduler->wheel);
    osri_fiber_fini(&worker->fiber);
    osri_worker_set_here(before);
    return did;
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
