/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "lib/process/leader.h"
#include "lib/process/spawn.h"

/* The group leader that a node makes for itself: osier/output.h.
 *
 * Invariants
 *   O1  there is at most one, because it has a name; who finds none makes one, and who loses that
 *       race takes the other's.
 *   O2  its writes wait for at most WAIT_MS, so that a node whose output nobody reads can be
 *       stopped: a pipe that says it has room takes PIECE_BYTES without blocking.
 * It is a child of the node itself, so osr_node_stop() ends it after those who may print while they
 * end. */

#define WAIT_MS 100
#define STALL_MS 10
#define PIECE_BYTES 4096
#define TURN_BYTES (64 * 1024) /* then it looks whether it is to exit */

typedef struct writing {
    const osr_node *node;
    const char *at;
    size_t left;
    osr_err err;
} writing;

/* Writes until there is no room for WAIT_MS. On a helper thread. */
static void write_out(writing *w, size_t bytes)
{
    struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};
    while (bytes > 0 && poll(&fd, 1, WAIT_MS) > 0) {
        ssize_t written = write(STDOUT_FILENO, w->at, bytes < PIECE_BYTES ? bytes : PIECE_BYTES);
        if (written > 0) {
            w->at += written;
            w->left -= (size_t)written;
            bytes -= (size_t)written;
        } else if (written < 0 && errno != EAGAIN && errno != EINTR) {
            w->err = OSR_EIO;
            return;
        }
    }
}

static void write_some(void *argument)
{
    writing *w = argument;
    if (w->node->output == NULL) {
        write_out(w, w->left < TURN_BYTES ? w->left : TURN_BYTES);
        return;
    }
    w->err = w->node->output(w->node->output_context, w->at, w->left);
    w->left = 0;
}

static osr_err output_begins(osr_self *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return OSR_OK;
}

static osr_err output_message(osr_self *self, void *state, const osr_message *message)
{
    (void)state;
    const osr_io_put *put = OSR_AS(osr_io_put, message);
    if (put == NULL) {
        return OSR_OK;
    }
    writing w = {.node = self->node, .at = put->text.at, .left = put->text.size};
    while (w.left > 0 && w.err == OSR_OK) {
        osr_err err = osr_blocking(self, write_some, &w);
        if (err == OSR_OK && w.left > 0) {
            err = osr_sleep(self, STALL_MS); /* of a node that is stepped, nobody else had a turn */
        }
        if (err != OSR_OK) {
            return err;
        }
    }
    osr_io_done done = {.error = (int32_t)w.err};
    return message->ref == 0
               ? OSR_OK
               : osr_reply_to(self, osr_caller_of(message), &osr_io_done_osr_type, &done);
}

static const osri_body_ops output_ops = {
    .name = "output", .start = output_begins, .message = output_message};

osr_pid osri_output_start(osr_node *node)
{
    osr_spawn_options options = {.size = sizeof(options), .name = OSR_OUTPUT_NAME};
    osri_plan plan = {
        .ops = &output_ops, .options = &options, .parent = osri_pid_of_node(node->id)};
    osr_self *process;
    osr_err err = osri_spawn_prepare(node, &plan, &process);
    while (err == OSR_ETAKEN) {
        osr_pid other = osri_node_registered(node, OSR_OUTPUT_NAME);
        if (!osr_pid_is_none(other)) {
            return other;
        }
        err = osri_spawn_prepare(node, &plan, &process); /* it has ended since */
    }
    if (err != OSR_OK) {
        return OSR_PID_NONE;
    }
    osr_pid pid = osri_process_pid(process);
    osri_spawn_run(process);
    return pid;
}
