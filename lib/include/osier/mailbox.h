/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_MAILBOX_H
#define OSR_MAILBOX_H

#include "osier/process.h"

/* Bounded mailboxes, and news of long ones.
 *
 * A mailbox has no bound unless its process is given one, at its spawn
 *
 *     osr_spawn(self, &entry, &argument,
 *               OSR_SPAWN(.mailbox = OSR_MAILBOX(.messages_max = 1000,
 *                                                .policy = OSR_MAILBOX_SUSPEND)), &pid);
 *
 * or by itself later. Counted are messages that somebody has sent, to its pid, name or aliases,
 * from the moment of the send until they are received. What the runtime itself sends (downs, exits,
 * timeouts, nodeups, fds, answers to requests; all messages whose types are Osier's own) always
 * comes in and takes no room. A message that does not reach its receiver is counted
 * (osr_node_count(), osr_info()) with one reason: dropped_full where a bound is the reason, and by
 * what became of it in dropped_new, _rejected, _old, _overflow and _waited. A request that is
 * dropped for it is answered: its caller gets OSR_EFAILED, with a reason that says OSR_EFULL. */

OSR_BEGIN_DECLS

/* What becomes of a message for which there is no room. The numbers travel: append, never reuse. */
typedef enum osr_mailbox_policy {
    OSR_MAILBOX_DROP_NEW = 0, /* it is dropped, its sender learns nothing */
    OSR_MAILBOX_REJECT = 1,   /* it is dropped, the send returns OSR_EFULL */
    OSR_MAILBOX_DROP_OLD = 2, /* it comes in, and the oldest that waits is dropped when the receiver
                                 next has nothing to receive or a turn of its own; none of those
                                 that overtook (osr_alias_priority()) */
    OSR_MAILBOX_FORWARD = 3,  /* it goes to `overflow`, as if it had been sent there */
    OSR_MAILBOX_SUSPEND = 4,  /* its sender waits until there is room, first come first: at most
                                 wait_ms, or until the deadline of its call. After that, or where it
                                 would wait for itself, also by way of others that wait likewise,
                                 the message is dropped */
} osr_mailbox_policy;

typedef struct osr_mailbox_options {
    size_t size;           /* set by OSR_MAILBOX() */
    uint64_t messages_max; /* so many may wait; 0 = any number */
    uint64_t bytes_max;    /* nothing more comes in once so many wait (the last one may pass it, so
                              that any message can come): envelopes, bodies and bins; 0 = any */
    osr_mailbox_policy policy;
    osr_mailbox_policy otherwise; /* under OSR_MAILBOX_SUSPEND: for what is sent by who cannot wait:
                                     timers, ports, other threads, NAME_begin(), osr_reply_to() an
                                     alias. Any of the others */
    osr_pid overflow; /* of FORWARD: another process, of any node. Where that has no room itself
                         the message is dropped; one to an alias arrives as one to its pid. To
                         another node goes only what this one's processes have sent: what came from
                         elsewhere is dropped */
    uint32_t wait_ms; /* of SUSPEND, for senders of this node, 0 = 5,000; those of others wait
                         5,000. What these have under way when their node hears that there is no
                         room still comes in (up to 32 MiB over the bound); from then on they send
                         no more than there is room for, each node for itself */
    uint64_t mark_high, mark_low; /* of this mailbox: see osr_monitor_mailboxes(); 0 = 10,000 and
                                     1,000. Needs no messages_max */
} osr_mailbox_options;

#define OSR_MAILBOX(...)                                                                           \
    (&(const osr_mailbox_options){.size = sizeof(osr_mailbox_options), __VA_ARGS__})

/* Changes the bound of this process, from now on; NULL: none any more. What waits already stays,
 * and counts. Senders that wait come in where there is room now. Not a suspension point.
 * Errors: OSR_ENOMEM; OSR_EINVAL no such policy, SUSPEND as `otherwise`, FORWARD without an
 *   overflow process or to the process itself or to another node, or mark_low over mark_high:
 *   nothing has changed. */
OSR_API OSR_MUST_CHECK osr_err osr_mailbox_bound(osr_self *self,
                                                 const osr_mailbox_options *options);

/* A mailbox has grown to its high mark (is_long), or is down at its low mark again. */
OSR_MESSAGE(osr_mailbox_mark, 0x0b, (1, pid, pid), (2, bool, is_long), (3, u64, messages));

/* From now on this process gets an osr_mailbox_mark for every process of its node, also itself,
 * whose mailbox reaches its high mark, counting all that waits in it, and one when it is down at
 * its low mark; of one that ends between them no more is heard. One that is long already is told of
 * when the next message comes. While nobody asks, mailboxes are not looked at. Not a suspension
 * point. Errors: OSR_ENOMEM. */
OSR_API OSR_MUST_CHECK osr_err osr_monitor_mailboxes(osr_self *self, bool on);

OSR_END_DECLS
#endif
