/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/bound.h"
#include "lib/process/leader.h"
#include "lib/process/spawn.h"

/* Starting processes on this node. */

#define EXIT_MS_DEFAULT 1000

const osr_spawn_options osri_spawn_no_options = {.size = sizeof(osr_spawn_options)};

/* What is constant while it lives. */
static void identity_init(osr_self *process, const osri_plan *plan)
{
    const osr_spawn_options *options = plan->options;
    const osri_exported_body *body = plan->entry == NULL ? NULL : plan->entry->body;
    process->ops = body != NULL ? body->ops : plan->ops;
    if (process->ops == NULL) {
        process->entry = plan->entry;
    } else {
        process->configuration = body != NULL ? body->configuration : plan->configuration;
    }
    process->parent = plan->parent;
    process->pinned = options->pinned;
    process->priority =
        options->priority > OSR_PRIORITY_HIGH ? OSR_PRIORITY_NORMAL : options->priority;
    process->stack_bytes = options->stack_bytes;
    process->exit_ms = options->exit_ms != 0 ? options->exit_ms : EXIT_MS_DEFAULT;
    process->reports_end = plan->reports_end;
    process->label = NULL;
}

static void life_init(osr_self *process)
{
    osri_mailbox_init(&process->mailbox);
    process->current = process->reason = NULL;
    process->state_block = NULL;
    process->links = NULL;
    process->relations = NULL;
    process->idle = NULL;
    process->trims = 0;
    process->replies_came = false;
    process->owned_bytes = 0;
    process->stack = NULL;
    process->messages_numbered = 0;
    process->started = process->exiting = process->ending = process->untrapped = false;
    process->subscribed = process->clean = process->abandons = process->suspended = false;
    atomic_store_explicit(&process->wake.queued, false, memory_order_relaxed);
    atomic_store_explicit(&process->traps, false, memory_order_relaxed);
    atomic_store_explicit(&process->served, false, memory_order_relaxed);
    atomic_store_explicit(&process->handling, NULL, memory_order_relaxed);
    atomic_store_explicit(&process->queued, 0, memory_order_relaxed);
    atomic_store_explicit(&process->handled, 0, memory_order_relaxed);
    atomic_store_explicit(&process->open_generation,
                          atomic_load_explicit(&process->generation, memory_order_relaxed),
                          memory_order_relaxed);
    osri_process_set_state(process, OSR_PROCESS_READY);
}

/* What tools show of it: as long as osr_info can tell. */
static osr_err label_set(osr_self *process, const char *label)
{
    if (label == NULL || label[0] == '\0') {
        return OSR_OK;
    }
    char text[OSR_LABEL_BYTES];
    (void)snprintf(text, sizeof(text), "%s", label);
    process->label = osri_heap_strdup(text);
    return process->label == NULL ? OSR_ENOMEM : OSR_OK;
}

static osr_err furnish(osr_self *process, const osri_plan *plan)
{
    const osr_spawn_options *options = plan->options;
    size_t state_bytes = osri_process_state_bytes(process);
    if (state_bytes != 0) {
        process->state_block = osri_heap_zalloc(state_bytes);
        if (process->state_block == NULL) {
            return OSR_ENOMEM;
        }
    }
    if (options->pinned && osri_process_relations(process) == NULL) {
        return OSR_ENOMEM;
    }
    osr_err err = label_set(process, options->label);
    if (err == OSR_OK && !osr_pid_is_none(plan->leader)) {
        err = osri_leader_set(process, plan->leader);
    }
    if (err == OSR_OK && osri_bound_is_wanted(options)) {
        err = osri_bound_begin(process, options);
    }
    if (err != OSR_OK) {
        return err;
    }
    /* Open before anybody can find it by its name: what is sent there waits until it runs.
     * release: pairs with acquire in osri_process_push */
    atomic_store_explicit(&process->inbox, NULL, memory_order_release);
    return options->name == NULL ? OSR_OK
                                 : osri_name_register(process->node, options->name, process);
}

osr_err osri_spawn_prepare(osr_node *node, const osri_plan *plan, osr_self **ret_process)
{
    osri_envelope *argument = plan->argument;
    osr_self *process = NULL;
    osr_err err = plan->options->stack_bytes > OSRI_STACK_BYTES_MAX
                      ? OSR_EINVAL
                      : osri_table_take(node, &process);
    if (err != OSR_OK) {
        osri_envelope_free(&argument);
        return err;
    }
    identity_init(process, plan);
    life_init(process);
    process->argument = argument;
    err = furnish(process, plan);
    if (err != OSR_OK) {
        osri_spawn_undo(process);
        return err;
    }
    *ret_process = process;
    return OSR_OK;
}

void osri_spawn_run(osr_self *process)
{
    osri_count(process->node, OSRI_COUNT_SPAWNED);
    osr_event event = {.kind = OSR_EVENT_SPAWN,
                       .slot = process->slot,
                       .generation = osri_process_pid(process).generation,
                       .with.pid = process->parent,
                       .what = osri_process_body_name(process)};
    osri_event(process->node, &event);
    if (osr_pid_is_none(process->parent)) {
        /* relaxed, here and at the end: a number to look at */
        atomic_fetch_add_explicit(&process->node->roots, 1, memory_order_relaxed);
    }
    /* relaxed: each number once; in order for one spawner */
    uint64_t birth =
        atomic_fetch_add_explicit(&process->node->table.spawned, 1, memory_order_relaxed) + 1;
    /* release: pairs with acquire in fill(), info.c */
    atomic_store_explicit(&process->number, birth, memory_order_release);
    osri_process_ready_new(process);
}

void osri_spawn_undo(osr_self *process)
{
    osri_name_release(process->node, process);
    osri_process_close(process);
    osri_relations_free(process);
    osri_envelope_free(&process->argument);
    osri_heap_free(process->state_block, osri_process_state_bytes(process));
    process->state_block = NULL;
    osri_table_give(process);
}

static osr_err relate(osr_self *parent, osr_self *child, const osr_spawn_options *options)
{
    osr_err err = OSR_OK;
    osr_pid child_pid = osri_process_pid(child);
    osr_pid parent_pid = osri_process_pid(parent);
    if (options->link) {
        err = osri_link_add(child, parent_pid);
    }
    uint64_t number = 0;
    if (err == OSR_OK && options->monitor) {
        number = osri_reference_next(parent->node);
        err = osri_watcher_add(child, parent_pid, number);
        if (err == OSR_OK) {
            err = osri_monitor_add(parent, child_pid, NULL, NULL, 0, number);
        }
    }
    if (err == OSR_OK && options->link) {
        err = osri_link_add(parent, child_pid);
        if (err != OSR_OK && options->monitor) {
            osr_ref monitor = {parent->node->id, number};
            (void)osr_demonitor(parent, monitor, true);
        }
    }
    if (err == OSR_OK && options->ret_monitor != NULL) {
        options->ret_monitor->node = parent->node->id;
        options->ret_monitor->number = number;
    }
    return err;
}

static osr_err start(osr_node *node, osr_self *self, const osri_plan *what, osr_pid *ret_pid)
{
    osr_self *process;
    osr_err err = osri_spawn_prepare(node, what, &process);
    if (err == OSR_OK && self != NULL) {
        osri_process_flush(node); /* the new one may tell others of what was sent before */
        err = relate(self, process, what->options);
        if (err != OSR_OK) {
            osri_spawn_undo(process);
        }
    }
    if (err != OSR_OK) {
        return err;
    }
    osr_pid pid = osri_process_pid(process);
    osri_spawn_run(process);
    if (ret_pid != NULL) {
        *ret_pid = pid;
    }
    return OSR_OK;
}

static osr_err copy_argument(const osr_type *type, const void *argument,
                             osri_envelope **ret_envelope)
{
    *ret_envelope = NULL;
    if (type == NULL || argument == NULL) {
        return OSR_OK;
    }
    return osri_envelope_new(type, argument, ret_envelope);
}

/* A raw body may count on its argument. */
static osr_err entry_argument(const osr_entry *entry, const void *argument,
                              osri_envelope **ret_envelope)
{
    if (entry->run != NULL && entry->argument != NULL && argument == NULL) {
        return OSR_EINVAL;
    }
    return copy_argument(entry->argument, argument, ret_envelope);
}

osr_err osri_spawn_body(osr_node *node, osr_self *self, const osri_spawn *spawn, osr_pid *ret_pid)
{
    osri_plan what = {.ops = spawn->ops,
                      .configuration = spawn->configuration,
                      .options = spawn->options == NULL ? &osri_spawn_no_options : spawn->options,
                      .parent = spawn->parent,
                      .leader = self == NULL ? OSR_PID_NONE : osri_leader_here(self),
                      .reports_end = self == NULL};
    if (osr_pid_is_none(what.parent) && self != NULL) {
        what.parent = osri_process_pid(self);
    }
    if (self != NULL && self->exiting) {
        return OSR_EEXIT;
    }
    osr_err err = copy_argument(spawn->argument_type, spawn->argument, &what.argument);
    return err != OSR_OK ? err : start(node, self, &what, ret_pid);
}

osr_err osr_node_spawn(osr_node *node, const osr_entry *entry, const void *argument,
                       const osr_spawn_options *options, osr_pid *ret_pid)
{
    osri_plan what = {.entry = entry,
                      .options = options == NULL ? &osri_spawn_no_options : options,
                      .reports_end = true};
    if (what.options->link || what.options->monitor || what.options->node != NULL) {
        return OSR_EINVAL;
    }
    osr_err err = entry_argument(entry, argument, &what.argument);
    return err != OSR_OK ? err : start(node, NULL, &what, ret_pid);
}

bool osri_spawn_is_remote(const osr_self *self, const osr_spawn_options *options)
{
    return options != NULL && options->node != NULL && options->node[0] != '\0' &&
           strcmp(options->node, self->node->name) != 0;
}

osr_err osr_spawn(osr_self *self, const osr_entry *entry, const void *argument,
                  const osr_spawn_options *options, osr_pid *ret_pid)
{
    if (self->exiting) {
        return OSR_EEXIT;
    }
    if (osri_spawn_is_remote(self, options)) {
        return osr_spawn_named(self, entry->name, entry->argument, argument, options, ret_pid);
    }
    osri_plan what = {.entry = entry,
                      .options = options == NULL ? &osri_spawn_no_options : options,
                      .parent = osri_process_pid(self),
                      .leader = osri_leader_here(self)};
    osr_err err = entry_argument(entry, argument, &what.argument);
    return err != OSR_OK ? err : start(self->node, self, &what, ret_pid);
}
