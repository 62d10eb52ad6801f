/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PORT_H
#define OSR_PORT_H

#include "osier/node.h"

/* Ports: how threads that are not Osier's — of a GUI, a library, an event loop — take part. A port
 * has a pid: processes send to it, call it, monitor and link it as they do a process; it ends when
 * it is closed, when an exit signal reaches it, or when its node stops.
 *
 *     osr_port *port;
 *     osr_port_open(node, OSR_PORT(.name = "screen"), &port);
 *     OSR_PORT_SEND(port, osr_to(pid), draw, &(draw){.for_whom = osr_port_pid(port)});
 *     while (osr_port_receive(port, 1000, &message) == OSR_OK) { … }
 *     osr_port_close(&port);
 *
 * Threads: all functions may be called by any thread that is not one of a node's, several at a
 * time, except where one says otherwise; never by a process: they block the thread. Nothing here
 * is a suspension point. Signals that one thread sends through a port keep their order.
 *
 * Before the node is started a port can be opened and send; what it sends is acted on later. On a
 * node that is stepped it can do that, and receive with timeout 0, between two steps. Once the node
 * has stopped everything returns OSR_ESTOPPED. A port may be closed after that, also when the node
 * has been freed; nothing else may be under way then. */

OSR_BEGIN_DECLS

typedef struct osr_port osr_port;

typedef struct osr_port_options {
    size_t size;        /* set by OSR_PORT() */
    const char *name;   /* registers the port under this name; NULL = none */
    const char *label;  /* shown by tools; copied, cut to 31 bytes */
    uint32_t queue_max; /* messages that wait to be received; what comes then is dropped and
                           counted, a request among them refused; 0 = 10,000 */
} osr_port_options;

#define OSR_PORT(...) (&(const osr_port_options){.size = sizeof(osr_port_options), __VA_ARGS__})

/* Opens a port; options NULL = all defaults.
 * Ownership: close with osr_port_close().
 * Errors: OSR_ENOMEM; OSR_ELIMIT no process slot or file descriptor is left; OSR_ETAKEN the name;
 *   OSR_EINVAL the name may not be one (osr_register()); OSR_ESTOPPED the node is stopping. */
OSR_API OSR_MUST_CHECK osr_err osr_port_open(osr_node *node, const osr_port_options *options,
                                             osr_port **ret_port);

/* Closes it and sets the pointer to NULL; NULL is accepted. Who monitors it hears normal, after
 * all it has sent; who called it and has no answer hears noproc or normal. Messages that were not
 * received are freed.
 * Threads: no other may be using the port. */
OSR_API void osr_port_close(osr_port **port);

/* Its pid, for as long as it lives: to be sent to processes, which answer to it. */
OSR_API osr_pid osr_port_pid(const osr_port *port);

/* Sends a copy, as NAME_send(). Does not wait.
 * Errors: OSR_ENOPROC an unregistered bare name of this node; OSR_ENOMEM; OSR_EINVAL over 16 MiB;
 *   OSR_ESTOPPED the port has ended. */
OSR_API osr_err osr_port_send(osr_port *port, osr_dest to, const osr_type *type,
                              const void *message);

/* The same, typed: OSR_PORT_SEND(port, osr_to(pid), draw, &message). */
#define OSR_PORT_SEND(port, to, type, message)                                                     \
    osr_port_send((port), (to), &type##_osr_type, 1 ? (message) : (const type *)NULL)

/* Sends a request and waits for its reply, which must be a plain value (no str, bin or list in it).
 * Errors: OSR_ETIMEDOUT, after which a late reply is dropped; OSR_ENOPROC the process does not
 *   exist or ended before; OSR_ENOCONNECTION; OSR_EFAILED it ended or did not answer; OSR_ETYPE
 *   another type came back; OSR_EINVAL the reply's type is not plain; OSR_ENOMEM; OSR_ESTOPPED;
 *   OSR_ENOTSUP the node has no threads (it is stepped, or not started yet). */
OSR_API OSR_MUST_CHECK osr_err osr_port_call(osr_port *port, osr_dest to, const osr_type *type,
                                             const void *request, uint32_t timeout_ms,
                                             void *ret_reply);

/* The same, typed: OSR_PORT_CALL(port, to, counter_add, &request, &reply, 1000). */
#define OSR_PORT_CALL(port, to, type, request, reply, timeout_ms)                                  \
    osr_port_call((port), (to), &type##_osr_type, 1 ? (request) : (const type *)NULL,              \
                  (timeout_ms), 1 ? (reply) : (type##_osr_reply *)NULL)

/* Answers a request that was received (osr_caller_of()); once. Does not wait.
 * Errors: OSR_ENOMEM it is still unanswered; OSR_EINVAL over 16 MiB; OSR_ESTOPPED. */
OSR_API osr_err osr_port_reply(osr_port *port, osr_caller caller, const osr_type *type,
                               const void *reply);

/* The oldest message; waits at most timeout_ms (0: looks only; OSR_FOREVER).
 * Ownership: what it holds is lent until the next receive on this port.
 * Threads: one at a time receives.
 * Errors: OSR_ETIMEDOUT; OSR_ESTOPPED the port has ended and nothing is left; OSR_ENOMEM;
 *   OSR_ENOTSUP a timeout on a node without threads. */
OSR_API OSR_MUST_CHECK osr_err osr_port_receive(osr_port *port, uint32_t timeout_ms,
                                                osr_message *ret_message);

/* A file descriptor that is readable while there is something to receive, or the port has ended:
 * for poll() and the like. It is the port's: neither read nor close it. */
OSR_API int osr_port_fd(const osr_port *port);

/* Messages dropped because queue_max waited already. */
OSR_API uint64_t osr_port_dropped(osr_port *port);

OSR_END_DECLS
#endif
