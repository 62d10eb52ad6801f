/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/alias.h"

#include "lib/core/assert.h"
#include "lib/process/node.h"

/* Aliases. A message to one travels as a reply does, with the alias's number, so that every part of
 * the system knows already what becomes of it where nobody waits for it any more. */

static osri_map *aliases_of(const osr_self *process)
{
    return process->relations == NULL || osri_map_count(&process->relations->aliases) == 0
               ? NULL
               : &process->relations->aliases;
}

/* What hangs in the map: the mode, and whether it takes messages of priority; never 0. */
#define TAKES_PRIORITY 0x10u

static void *value_of(uintptr_t mode)
{
    return (void *)mode;
}

static osr_alias_mode mode_of(const void *value)
{
    return (osr_alias_mode)((uintptr_t)value & ~(uintptr_t)TAKES_PRIORITY);
}

static osr_err add(osr_self *self, uintptr_t mode, uint64_t number)
{
    osri_relations *relations = osri_process_relations(self);
    if (relations == NULL) {
        return OSR_ENOMEM;
    }
    if (osri_map_count(&relations->aliases) >= self->node->relations_max) {
        return OSR_ELIMIT;
    }
    return osri_map_put_u64(&relations->aliases, number, value_of(mode), NULL);
}

static osr_err alias(osr_self *self, osr_alias_mode mode, uintptr_t priority, osr_caller *ret_alias)
{
    OSRI_ASSERT_SELF(self);
    if (mode != OSR_ALIAS_EXPLICIT && mode != OSR_ALIAS_REPLY) {
        return OSR_EINVAL;
    }
    uint64_t number = osri_reference_next(self->node) | OSRI_ALIAS_BIT;
    osr_err err = add(self, (uintptr_t)mode | priority, number);
    if (err == OSR_OK) {
        *ret_alias = (osr_caller){osri_process_pid(self), number};
    }
    return err;
}

osr_err osr_alias(osr_self *self, osr_alias_mode mode, osr_caller *ret_alias)
{
    return alias(self, mode, 0, ret_alias);
}

osr_err osr_alias_priority(osr_self *self, osr_alias_mode mode, osr_caller *ret_alias)
{
    return alias(self, mode, TAKES_PRIORITY, ret_alias);
}

osr_dest osr_to_alias_priority(osr_caller alias)
{
    alias.ref |= OSRI_ALIAS_PRIORITY_BIT;
    return osr_to_alias(alias);
}

static bool is_of_monitor(osr_alias_mode mode)
{
    return mode == OSR_ALIAS_EXPLICIT || mode == OSR_ALIAS_REPLY || mode == OSR_ALIAS_DEMONITOR;
}

osr_err osr_alias_monitor(osr_self *self, osr_ref monitor, osr_alias_mode mode,
                          osr_caller *ret_alias)
{
    OSRI_ASSERT_SELF(self);
    if (!is_of_monitor(mode)) {
        return OSR_EINVAL;
    }
    if (self->relations == NULL || monitor.node != self->node->id ||
        osri_map_get_u64(&self->relations->monitors, monitor.number) == NULL) {
        return OSR_ENOTFOUND;
    }
    uint64_t number = monitor.number | OSRI_ALIAS_BIT;
    osr_err err = add(self, (uintptr_t)mode, number);
    if (err == OSR_OK) {
        *ret_alias = (osr_caller){osri_process_pid(self), number};
    }
    return err;
}

osr_err osr_monitor_alias(osr_self *self, osr_dest to, uint64_t tag, osr_alias_mode mode,
                          osr_caller *ret_alias)
{
    OSRI_ASSERT_SELF(self);
    osr_ref monitor;
    if (!is_of_monitor(mode)) {
        return OSR_EINVAL;
    }
    osr_err err = osr_monitor_tagged(self, to, tag, &monitor);
    if (err != OSR_OK) {
        return err;
    }
    err = osr_alias_monitor(self, monitor, mode, ret_alias); /* before its answer is looked at */
    if (err != OSR_OK) {
        (void)osr_demonitor(self, monitor, true);
    }
    return err;
}

osr_ref osr_monitor_of(osr_caller alias)
{
    osr_ref monitor = {alias.pid.node, alias.ref & ~OSRI_ALIAS_BIT};
    return monitor;
}

bool osr_unalias(osr_self *self, osr_caller alias)
{
    OSRI_ASSERT_SELF(self);
    osri_map *aliases = aliases_of(self);
    return aliases != NULL && osr_pid_equal(alias.pid, osri_process_pid(self)) &&
           osri_map_remove_u64(aliases, alias.ref) != NULL;
}

osri_alias_taken osri_alias_take(osr_self *process, uint64_t reference)
{
    osri_map *aliases = aliases_of(process);
    uint64_t number = reference & ~OSRI_ALIAS_PRIORITY_BIT;
    void *value = aliases == NULL ? NULL : osri_map_get_u64(aliases, number);
    if (value == NULL) {
        return OSRI_ALIAS_OFF;
    }
    bool is_first = reference != number && ((uintptr_t)value & (uintptr_t)TAKES_PRIORITY) != 0;
    if (mode_of(value) == OSR_ALIAS_REPLY) {
        (void)osri_map_remove_u64(aliases, number);
        osr_ref monitor = {process->node->id, number & ~OSRI_ALIAS_BIT};
        (void)osr_demonitor(process, monitor, false); /* if it is one */
    }
    return is_first ? OSRI_ALIAS_FIRST : OSRI_ALIAS_PLAIN;
}

void osri_alias_monitor_ended(osr_self *process, uint64_t monitor)
{
    osri_map *aliases = aliases_of(process);
    uint64_t number = monitor | OSRI_ALIAS_BIT;
    void *mode = aliases == NULL ? NULL : osri_map_get_u64(aliases, number);
    if (mode != NULL && mode_of(mode) != OSR_ALIAS_EXPLICIT) {
        (void)osri_map_remove_u64(aliases, number);
    }
}
