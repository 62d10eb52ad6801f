/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_REQUEST_H
#define OSR_PROCESS_REQUEST_H

#include "lib/process/process.h"

/* Whom a request to `to` goes to: a name of this node is looked up. Errors: OSR_ENOPROC nobody has
 * the name; OSR_ESELF. */
OSR_MUST_CHECK osr_err osri_request_resolve(osr_self *self, osr_dest to, osri_route *ret_route);

/* Begins a request along a route that has been resolved; osr_await() takes the answer, or
 * osr_abandon() gives it up. Past the deadline it is not worth being served: it is dropped where it
 * is. On its own stack; not a suspension point. Errors: OSR_ENOMEM; OSR_EINVAL. */
OSR_MUST_CHECK osr_err osri_request_begin_to(osr_self *self, const osri_route *route,
                                             const osr_type *type, const void *request,
                                             uint64_t deadline_ns, osr_ref *ret_request);

/* The same to a process. Errors: as osri_request_begin(). */
OSR_MUST_CHECK osr_err osri_request_begin_until(osr_self *self, osr_dest to, const osr_type *type,
                                                const void *request, uint64_t deadline_ns,
                                                osr_ref *ret_request);

/* Of a request that was begun, to another node, and is not answered: asks what became of it, which
 * will be its answer (osri_remote_ops.withdraw). False: it is no such request. Owner. */
bool osri_request_withdraw(osr_self *self, osr_ref request);

/* What is left of a time, in ms, rounded up. */
uint32_t osri_left_ms(const osr_self *self, uint64_t deadline_ns);

#endif
