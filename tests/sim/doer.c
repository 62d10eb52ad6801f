/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "tests/sim/doer.h"

#include <stdio.h>
#include <stdlib.h>

void (*doer_heard)(osr_self *self, const osr_message *message);

OSR_ENTRY(doer, doer_options)
{
    osr_err err = OSR_OK;

    (void)osr_trap_exit(self, argument->traps);
    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        const doer_do *order = err == OSR_OK ? OSR_AS(doer_do, &message) : NULL;
        if (order != NULL) {
            ((doer_run *)(uintptr_t)order->run)(self, (void *)(uintptr_t)order->argument);
        } else if (err == OSR_OK && doer_heard != NULL) {
            doer_heard(self, &message);
        }
    }
    return err;
}
OSR_EXPORT(doer);

osr_pid doer_on(cluster *world, uint32_t host, const char *name)
{
    doer_options options = {.name = osr_str_of(name == NULL ? "" : name)};

    return cluster_spawn(world, host, &doer_osr_entry, &options, OSR_SPAWN(.name = name));
}

void doer_let(cluster *world, osr_pid doer, doer_run *run, void *argument)
{
    doer_do order = {.run = (uint64_t)(uintptr_t)run, .argument = (uint64_t)(uintptr_t)argument};
    cluster_node *at = cluster_by_id(world, doer.node);

    if (at == NULL || osr_node_send(at->node, osr_to(doer), &doer_do_osr_type, &order) != OSR_OK) {
        (void)fprintf(stderr, "doer_let: nobody there\n");
        abort();
    }
    (void)cluster_settle(world);
}
