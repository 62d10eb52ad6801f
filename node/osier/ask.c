/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "node/osier/ask.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/core/heap.h"
#include "node/shell/protocol.h"
#include "node/shell/text.h"
#include "osier/output.h"

/* An ask belongs to two: the thread that waits for it and the process that asks; the last one
 * frees it. */

#define GIVE_UP_MS 2000

struct osri_ask {
    osr_node *node;
    osr_pid pid;
    char *target;
    char *line;
    uint32_t timeout_ms;
    int wake_fd;
    bool waited; /* the process has ended, so that wake_fd gets nothing more of it */
    atomic_uint owners;
    /* release in finish: pairs with acquire in osri_ask_is_done; what follows is constant then */
    atomic_bool done;
    osr_err err;
    int status;
    osri_text text;
    osri_text complaint;
};

OSR_MESSAGE(osri_ask_argument, 0x38, (1, u64, address));
OSR_MESSAGE(osri_watch_argument, 0x39, (1, str, target), (2, i32, wake_fd));

static void wake(int fd, char what)
{
    ssize_t written = fd < 0 ? 0 : write(fd, &what, 1);
    (void)written; /* the pipe is full of wake-ups already */
}

static void unref(void *argument)
{
    osri_ask *ask = argument;
    /* acquire, release: the last one sees all that the other wrote */
    if (atomic_fetch_sub_explicit(&ask->owners, 1, memory_order_acq_rel) != 1) {
        return;
    }
    osri_text_fini(&ask->text);
    osri_text_fini(&ask->complaint);
    osri_heap_strfree(ask->target);
    osri_heap_strfree(ask->line);
    osri_heap_free(ask, sizeof(*ask));
}

static void finish(void *argument)
{
    osri_ask *ask = argument;
    int fd = ask->wake_fd;
    /* release: pairs with acquire in osri_ask_is_done */
    atomic_store_explicit(&ask->done, true, memory_order_release);
    unref(ask);
    wake(fd, 'D');
}

static osr_err request(osr_self *self, osri_ask *ask)
{
    osr_shell_command command = {.version = OSRI_SHELL_VERSION,
                                 .line = osr_str_of(ask->line),
                                 .leader = osr_group_leader(self)};
    const osr_shell_output *output = NULL;
    osr_err err = osr_shell_command_request(self, osr_name(OSRI_SHELL_NAME, ask->target), &command,
                                            ask->timeout_ms, &output);
    if (err != OSR_OK) {
        return err;
    }
    ask->status = output->status;
    osri_text_add_bytes(&ask->text, output->text.at, output->text.size);
    osri_text_add_bytes(&ask->complaint, output->complaint.at, output->complaint.size);
    return ask->text.cut || ask->complaint.cut ? OSR_ENOMEM : OSR_OK;
}

OSR_ENTRY(osri_asker, osri_ask_argument)
{
    osri_ask *ask = (osri_ask *)(uintptr_t)argument->address;
    osr_err err = osr_defer(self, finish, ask);
    if (err != OSR_OK) {
        ask->err = err;
        finish(ask);
        return OSR_OK;
    }
    ask->err = request(self, ask);
    return OSR_OK;
}

static osri_ask *ask_new(osr_node *node, const char *target, const char *line)
{
    osri_ask *ask = osri_heap_zalloc(sizeof(*ask));
    if (ask == NULL) {
        return NULL;
    }
    ask->node = node;
    ask->err = OSR_ESTOPPED;
    ask->target = osri_heap_strdup(target);
    ask->line = osri_heap_strdup(line);
    osri_text_init(&ask->text, OSR_MESSAGE_BYTES_MAX);
    osri_text_init(&ask->complaint, OSR_MESSAGE_BYTES_MAX);
    atomic_init(&ask->owners, 1);
    atomic_init(&ask->done, false);
    if (ask->target == NULL || ask->line == NULL) {
        unref(ask);
        return NULL;
    }
    return ask;
}

osr_err osri_ask_start(osr_node *node, const char *target, const char *line, uint32_t timeout_ms,
                       int wake_fd, osri_ask **ret_ask)
{
    osri_ask *ask = ask_new(node, target, line);
    if (ask == NULL) {
        return OSR_ENOMEM;
    }
    ask->timeout_ms = timeout_ms;
    ask->wake_fd = wake_fd;
    atomic_store_explicit(&ask->owners, 2, memory_order_relaxed); /* nobody else knows it yet */
    osri_ask_argument argument = {.address = (uint64_t)(uintptr_t)ask};
    osr_err err = osr_node_spawn(node, &osri_asker_osr_entry, &argument, OSR_SPAWN(.label = "ask"),
                                 &ask->pid);
    if (err != OSR_OK) {
        unref(ask);
        unref(ask);
        return err;
    }
    *ret_ask = ask;
    return OSR_OK;
}

bool osri_ask_is_done(const osri_ask *ask)
{
    return atomic_load_explicit(&ask->done, memory_order_acquire); /* acquire: pairs with finish */
}

void osri_ask_wait(osri_ask *ask, osri_ask_result *ret_result)
{
    osr_err err = ask->waited ? OSR_OK : osr_node_wait(ask->node, ask->pid, OSR_FOREVER, NULL);
    ask->waited = true;
    *ret_result =
        (osri_ask_result){.err = err == OSR_OK && osri_ask_is_done(ask) ? ask->err : OSR_EFAILED,
                          .status = ask->status,
                          .text = osri_text_get(&ask->text),
                          .text_bytes = ask->text.bytes,
                          .complaint = osri_text_get(&ask->complaint),
                          .complaint_bytes = ask->complaint.bytes};
}

void osri_ask_free(osri_ask **ask)
{
    if (*ask != NULL) {
        osr_reason kill = osr_reason_of(OSR_REASON_KILL);
        if (!(*ask)->waited && osr_node_exit((*ask)->node, (*ask)->pid, &kill) == OSR_OK) {
            osr_err ended = osr_node_wait((*ask)->node, (*ask)->pid, GIVE_UP_MS, NULL);
            (void)ended; /* if it has not, it ends with the node */
        }
        unref(*ask);
        *ask = NULL;
    }
}

void osri_ask_explain(osr_err err, const char *target, uint32_t timeout_ms, char *ret_text,
                      size_t text_bytes)
{
    switch (err) {
    case OSR_ENOCONNECTION:
        (void)snprintf(
            ret_text, text_bytes,
            "no connection to %s: it does not run, cannot be reached, or is of another cluster; "
            "osier nodes --check lists who answers",
            target);
        break;
    case OSR_ETIMEDOUT:
        (void)snprintf(ret_text, text_bytes, "%s has not answered within %u s", target,
                       timeout_ms / 1000);
        break;
    case OSR_ENOPROC:
        (void)snprintf(ret_text, text_bytes,
                       "%s runs no shell service: it was not started by osr_main()", target);
        break;
    default:
        (void)snprintf(ret_text, text_bytes, "%s: %s", target, osr_err_text(err));
        break;
    }
}

/* ---- the connection -------------------------------------------------------------------- */

OSR_ENTRY(osri_watcher, osri_watch_argument)
{
    const char *target = argument->target.at;
    osr_err err = osr_monitor_nodes(self, true, true);
    while (err == OSR_OK) {
        osr_message message;
        err = osr_receive(self, OSR_FOREVER, &message);
        const osr_nodedown *down = err == OSR_OK ? OSR_AS(osr_nodedown, &message) : NULL;
        if (down != NULL && strcmp(down->name.at, target) == 0) {
            wake(argument->wake_fd, 'L');
            break;
        }
    }
    return OSR_OK;
}

osr_err osri_ask_watch(osr_node *node, const char *target, int wake_fd)
{
    osri_watch_argument argument = {.target = osr_str_of(target), .wake_fd = wake_fd};
    osr_pid pid;
    return osr_node_spawn(node, &osri_watcher_osr_entry, &argument, OSR_SPAWN(.label = "watch"),
                          &pid);
}
