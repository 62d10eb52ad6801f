/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_OUTPUT_H
#define OSR_OUTPUT_H

#include "osier/process.h"

/* Output that appears where it was asked for.
 *
 * Each process has a group leader: the process that writes its output. Who starts a process passes
 * its own leader on, also to another node: by a spawn, a supervisor's child, osr_rpc(), or `osier
 * exec`. So
 *
 *     osr_printf(self, "worker %d is ready\n", number);
 *
 * in a process that was started from elsewhere is read there: on the standard output of the node
 * where it all began, or by the person who typed `osier exec NODE run worker`.
 *
 * A process without another leader has that of its node, registered as OSR_OUTPUT_NAME, which is
 * made when it is first looked for. It writes to standard output (by write(), so flush what
 * printf() holds), or to where osr_node_options.output leads. A program that registers another
 * process under that name has made it the node's leader.
 *
 * Any process can be a leader that answers one request:
 *
 *     OSR_ON_CALL(collector, osr_io_put, osr_io_done)          // self, state, request, reply
 *     {
 *         reply->error = collect(state, request->text.at, request->text.size);
 *         return OSR_REPLY;
 *     }
 *
 * Whoever prints waits for the answer: so nobody prints faster than is written, and what a process
 * says after it has printed is said after that. */

OSR_BEGIN_DECLS

#define OSR_OUTPUT_NAME "osier.output"

/* "Write this", text as it is; and that it has been, or the osr_err for which it has not. Sent as a
 * plain message it is written and not answered. */
OSR_MESSAGE(osr_io_done, 0x0d, (1, i32, error));
OSR_REQUEST(osr_io_put, 0x0c, osr_io_done, (1, str, text));

/* The group leader of this process; OSR_PID_NONE when it is its node's and cannot be made. Not a
 * suspension point. */
OSR_API osr_pid osr_group_leader(osr_self *self);

/* From now on `leader` is the group leader of a process of any node, also of this one itself, and
 * of what that starts later; OSR_PID_NONE: the leader of that process's node. It is a signal, so it
 * comes after all that this process has sent to the other before; on another node it may find
 * nobody. Not a suspension point.
 * Errors: OSR_ENOPROC process is of this node and does not live; OSR_ENOMEM; OSR_EEXIT. */
OSR_API OSR_MUST_CHECK osr_err osr_set_group_leader(osr_self *self, osr_pid process,
                                                    osr_pid leader);

/* Writes to the group leader, as printf() would, as one piece. Suspension point. What was received
 * or answered before stays lent.
 * Errors: OSR_ETERMINATED the leader has ended, its node is lost, or it does not take output: as in
 *   Erlang nobody else does, and whether it was written is not known; OSR_EIO, or what else the
 *   leader says: it could not write; OSR_EINVAL a format that cannot be printed, or over 16 MiB;
 *   OSR_ESELF this process is the leader; OSR_ENOMEM; OSR_EEXIT. */
OSR_API osr_err osr_printf(osr_self *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
OSR_API osr_err osr_vprintf(osr_self *self, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* Writes bytes as they are to some leader: osr_to(osr_group_leader(self)), or that of a node,
 * osr_name(OSR_OUTPUT_NAME, "store@host"). Suspension point. Errors as above. */
OSR_API osr_err osr_put(osr_self *self, osr_dest to, const char *text, size_t bytes);

OSR_END_DECLS
#endif
