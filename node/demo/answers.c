/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <stdio.h>
#include <string.h>

#include "node/demo/cluster.h"
#include "osier/main.h"

/* Whether nodes answer: a link is asked for, which takes a handshake with the node itself. */

OSR_STRUCT(ask_nodes_argument, (1, u32, timeout_ms));

/* Of the one question that is asked at a time: an entry's argument is a message and carries no
 * pointers. */
static bool answered[OSRI_DEMO_MEMBERS];

static bool note(osr_str name)
{
    bool all = true;
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS; i++) {
        answered[i] |= strcmp(name.at, osri_demo_name(i)) == 0;
        all = all && answered[i];
    }
    return all;
}

OSR_ENTRY(ask_nodes, ask_nodes_argument)
{
    uint64_t deadline_ns = osr_now(self) + argument->timeout_ms * UINT64_C(1000000);
    osr_err err = osr_monitor_nodes(self, true, true);
    for (size_t i = 0; i < OSRI_DEMO_MEMBERS && err == OSR_OK; i++) {
        err = osr_connect(self, osri_demo_name(i));
    }
    while (err == OSR_OK && osr_now(self) < deadline_ns) {
        osr_message message;
        uint64_t left_ms = (deadline_ns - osr_now(self)) / 1000000;
        err = osr_receive(self, (uint32_t)left_ms, &message);
        const osr_nodeup *up = err == OSR_OK ? OSR_AS(osr_nodeup, &message) : NULL;
        if (up != NULL && note(up->name)) {
            break;
        }
    }
    return err == OSR_ETIMEDOUT ? OSR_OK : err;
}

bool osri_demo_ask(bool ret_answers[OSRI_DEMO_MEMBERS], uint32_t timeout_ms, char *ret_text)
{
    osr_node *node;
    memset(answered, 0, sizeof(answered));
    memset(ret_answers, 0, sizeof(answered));
    if (osr_client_open(OSR_CLIENT(.what = "demo", .log_level = OSR_LOG_ERROR), &node, ret_text,
                        OSRI_DEMO_TEXT_BYTES) != OSR_STATUS_OK) {
        return false;
    }
    osr_pid pid;
    osr_ended ended;
    ask_nodes_argument argument = {.timeout_ms = timeout_ms};
    osr_err err = osr_node_spawn(node, &ask_nodes_osr_entry, &argument, NULL, &pid);
    if (err == OSR_OK) {
        err = osr_node_wait(node, pid, timeout_ms + 1000, &ended);
    }
    osr_node_stop(node, 0);
    osr_node_free(&node);
    memcpy(ret_answers, answered, sizeof(answered));
    if (err != OSR_OK) {
        (void)snprintf(ret_text, OSRI_DEMO_TEXT_BYTES, "cannot ask the nodes: %s",
                       osr_err_text(err));
    }
    return err == OSR_OK;
}
