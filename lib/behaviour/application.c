/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "osier/application.h"

#include "lib/behaviour/behaviour.h"

osr_err osr_node_start_app(osr_node *node, const osr_app *app, uint32_t timeout_ms,
                           osr_pid *ret_pid)
{
    osri_spawn spawn = {.ops = &osri_supervisor_ops,
                        .configuration = &app->supervisor,
                        .options = OSR_SPAWN(.name = app->name, .label = app->name)};
    return osri_behaviour_start_outside(node, &spawn, timeout_ms, ret_pid);
}
