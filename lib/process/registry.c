/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <string.h>

#include "lib/core/heap.h"
#include "lib/process/leader.h"
#include "lib/process/node.h"

/* Names of this node: one name a process, one process a name. A name is gone before anyone can
 * learn of its process's end (DESIGN.md §3, promise 7). */

static osr_pid pid_of_name_locked(const osr_node *node, const char *name)
{
    osr_self *process = osri_map_get(&node->names, name, strlen(name));
    return process == NULL ? OSR_PID_NONE : osri_process_pid(process);
}

osr_pid osri_node_registered(osr_node *node, const char *name)
{
    osri_mutex_lock(&node->registry_mutex);
    osr_pid pid = pid_of_name_locked(node, name);
    osri_mutex_unlock(&node->registry_mutex);
    return pid;
}

osr_pid osri_node_whereis(osr_node *node, const char *name)
{
    osr_pid pid = osri_node_registered(node, name);
    if (osr_pid_is_none(pid) && strcmp(name, OSR_OUTPUT_NAME) == 0) {
        pid = osri_output_start(node);
    }
    return pid;
}

static osr_err add_locked(osr_node *node, const char *name, osr_self *process)
{
    size_t bytes = strlen(name);
    if (process->name != NULL || osri_map_get(&node->names, name, bytes) != NULL) {
        return OSR_ETAKEN;
    }
    if (osri_map_count(&node->names) >= node->names_max) {
        return OSR_ELIMIT;
    }
    char *copy = osri_heap_strdup(name);
    if (copy == NULL || osri_map_put(&node->names, name, bytes, process, NULL) != OSR_OK) {
        osri_heap_strfree(copy);
        return OSR_ENOMEM;
    }
    process->name = copy;
    osri_event_named(node, OSR_EVENT_REGISTER, osri_process_pid(process), name, 0);
    /* seq_cst: with the closed inbox, see osri_name_release() */
    atomic_store_explicit(&process->named, true, memory_order_seq_cst);
    return OSR_OK;
}

static char *take_name_locked(osr_node *node, osr_self *process)
{
    char *name = process->name;
    process->name = NULL;
    atomic_store_explicit(&process->named, false, memory_order_relaxed);
    if (name != NULL) {
        osri_event_pair(node, OSR_EVENT_UNREGISTER, osri_process_pid(process), OSR_PID_NONE, 0);
        (void)osri_map_remove(&node->names, name, strlen(name));
    }
    return name;
}

/* Reserved: what Erlang answers for nobody, and what looks like a pid to people and the shell. */
static osr_err check_name(const char *name)
{
    size_t bytes = strlen(name);
    bool is_reserved = strcmp(name, "undefined") == 0 || name[0] == '<';
    return bytes == 0 || bytes > OSRI_NAME_BYTES_MAX || is_reserved ? OSR_EINVAL : OSR_OK;
}

osr_err osri_name_register(osr_node *node, const char *name, osr_self *process)
{
    osr_err err = check_name(name);
    if (err != OSR_OK) {
        return err;
    }
    osri_mutex_lock(&node->registry_mutex);
    err = add_locked(node, name, process);
    osri_mutex_unlock(&node->registry_mutex);
    return err;
}

/* Most processes have no name, and their end takes no lock for it. One that is given a name by
 * another process while it ends: the other sets `named` and then looks at the inbox, the end closes
 * the inbox and then looks at `named`, both seq_cst; so one of the two takes the name away again.
 * */
void osri_name_release(osr_node *node, osr_self *process)
{
    if (!atomic_load_explicit(&process->named, memory_order_seq_cst)) {
        return;
    }
    osri_mutex_lock(&node->registry_mutex);
    char *name = take_name_locked(node, process);
    osri_mutex_unlock(&node->registry_mutex);
    osri_heap_strfree(name);
}

void osri_name_copy(osr_self *process, char ret_name[OSRI_NAME_BYTES_MAX + 1])
{
    ret_name[0] = '\0';
    if (!atomic_load_explicit(&process->named, memory_order_relaxed)) {
        return;
    }
    osri_mutex_lock(&process->node->registry_mutex);
    if (process->name != NULL) {
        memcpy(ret_name, process->name, strlen(process->name) + 1);
    }
    osri_mutex_unlock(&process->node->registry_mutex);
}

/* Whether this life of the slot goes on. The generation is read last: as long as it is the same,
 * state and inbox are not of a later process of the slot. */
bool osri_process_lives(const osr_self *process, uint32_t generation)
{
    /* acquire: keeps it before the generation; seq_cst: see osri_name_release() */
    return atomic_load_explicit(&process->state, memory_order_acquire) != OSR_PROCESS_EXITING &&
           atomic_load_explicit(&process->inbox, memory_order_seq_cst) != OSRI_INBOX_CLOSED &&
           atomic_load_explicit(&process->generation, memory_order_relaxed) == generation;
}

static osr_err register_other(osr_node *node, const char *name, osr_pid pid)
{
    osr_self *process = pid.node == node->id ? osri_table_at(node, pid.slot) : NULL;
    if (process == NULL) {
        return OSR_ENOPROC;
    }
    osri_mutex_lock(&node->registry_mutex);
    osr_err err = OSR_ENOPROC;
    char *late = NULL;
    if (osri_process_lives(process, pid.generation)) {
        err = add_locked(node, name, process);
    }
    if (err == OSR_OK && !osri_process_lives(process, pid.generation)) {
        late = take_name_locked(node, process);
        err = OSR_ENOPROC;
    }
    osri_mutex_unlock(&node->registry_mutex);
    osri_heap_strfree(late);
    return err;
}

osr_err osr_register(osr_self *self, const char *name, osr_pid pid)
{
    osr_err err = check_name(name);
    return err != OSR_OK ? err : register_other(self->node, name, pid);
}

osr_err osr_unregister(osr_self *self, const char *name)
{
    osr_node *node = self->node;
    char *copy = NULL;
    osri_mutex_lock(&node->registry_mutex);
    osr_self *process = osri_map_get(&node->names, name, strlen(name));
    if (process != NULL) {
        copy = take_name_locked(node, process);
    }
    osri_mutex_unlock(&node->registry_mutex);
    osri_heap_strfree(copy);
    return process == NULL ? OSR_ENOTFOUND : OSR_OK;
}

osr_pid osr_whereis(const osr_self *self, const char *name)
{
    return osri_node_whereis(self->node, name);
}
