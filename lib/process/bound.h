/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_PROCESS_BOUND_H
#define OSR_PROCESS_BOUND_H

#include "lib/core/list.h"
#include "lib/process/node.h"
#include "osier/mailbox.h"

/* Limits of what waits for a process (DESIGN.md D9): the messages and bytes of its mailbox, its
 * memory, and the marks of long ones. A process without any pays nothing: its open_generation is
 * its generation, its mailbox_flags are 0.
 *
 * Invariants
 *   B1  a message with OSRI_ENVELOPE_COUNTED is counted in the limits of the slot that it is for,
 *       once; who takes the mark off counts it out. So the counts balance over all lives of a slot,
 *       and nothing is ever reset.
 *   B2  limits belong to the slot and stay while the node lives: any thread may look at them.
 *   B3  a sender waits only while there is no room: it says so (`waiting`) and then looks for room
 *       once more, who makes room looks at `waiting` afterwards, all seq_cst.
 *   B4  a sender that waits stands in `senders` of the receiver and, by its pid, in the node's map
 *       of who waits; both change under room_mutex only, and it leaves before it does anything
 *       else. What it waits for has come when its `message` has been pushed by the one who made
 *       room: so the order among them is the order of their waiting.
 *   B5  nobody enters `senders` once the inbox is closed, and the end wakes who is there. */

#define OSRI_ENVELOPE_COUNTED (OSRI_ENVELOPE_OTHER << 1)

typedef struct osri_limits {
    /* writers: any thread */
    _Atomic(uint64_t) messages, bytes; /* counted, in inbox and mailbox */
    _Atomic(uint32_t) waiting;         /* senders; written under room_mutex */
    atomic_bool told;  /* a node has been told that it is full, and waits for room */
    atomic_bool known; /* nodes keep credit for it: told when there is no bound */

    /* writer: owner; readers: any thread (relaxed: each value alone means something) */
    _Atomic(uint64_t) messages_max, bytes_max; /* UINT64_MAX: none */
    _Atomic(uint32_t) policy, otherwise;       /* osr_mailbox_policy */
    _Atomic(uint32_t) wait_ms;
    _Atomic(uint64_t) overflow; /* slot and generation; 0 while overflow_node changes */
    _Atomic(uint64_t) overflow_node;

    osri_list senders; /* guarded by the node's room_mutex */

    /* of this life, but what comes between two; writers: any thread */
    _Atomic(uint64_t) dropped[OSRI_DROPS]; /* by osr_drop */

    /* owner */
    uint64_t memory_max; /* bytes; UINT64_MAX: none */
    uint64_t mark_high, mark_low;
} osri_limits;

/* Its limits, or NULL: it never had any. Threads: any. */
static inline osri_limits *osri_limits_of(const osr_self *process)
{
    /* acquire: pairs with the release in bound.c */
    return atomic_load_explicit(&process->limits, memory_order_acquire);
}

/* Whether messages to this life of the slot are to go through osri_bound_put() or
 * osri_bound_send(). Threads: any. */
static inline bool osri_bound_is_on(const osr_self *process, uint32_t generation)
{
    return atomic_load_explicit(&process->generation, memory_order_relaxed) == generation &&
           atomic_load_explicit(&process->open_generation, memory_order_relaxed) != generation &&
           osri_limits_of(process) != NULL; /* a slot where nobody lives has none, perhaps */
}

/* Ids of message types that only the runtime and its behaviours use (osier/message.h); the lowest
 * is that of dynamic values, which are anybody's. */
#define OSRI_TYPES_OWN_MAX 0xffu

/* Whether a bound is for it: what somebody sent, also to an alias. What behaviours tell each other
 * is not, since it is what an answer is: one may wait for it. */
static inline bool osri_bound_is_for(const osri_envelope *signal)
{
    bool is_own = signal->type != NULL && signal->type->id <= OSRI_TYPES_OWN_MAX &&
                  signal->type->id != OSR_DYNAMIC_ID;
    return !is_own && (signal->kind == OSRI_SIGNAL_MESSAGE ||
                       (signal->kind == OSRI_SIGNAL_REPLY && (signal->ref & OSRI_ALIAS_BIT) != 0));
}

static inline bool osri_bound_is_wanted(const osr_spawn_options *options)
{
    return options->mailbox != NULL || options->mailbox_max != 0 || options->memory_max != 0;
}

/* What a spawn asks for, where it wants limits, before the inbox is open. Errors: OSR_ENOMEM;
 * OSR_EINVAL. */
OSR_MUST_CHECK osr_err osri_bound_begin(osr_self *process, const osr_spawn_options *options);

/* The inbox of a process whose flags are not 0 is closed: who waits is told, and the slot has no
 * bound any more. Owner. */
void osri_bound_close(osr_self *process);

/* The node is freed. */
void osri_limits_free(osr_self *slot);

/* A message for a process whose bound is on, from somebody who does not wait; it has been counted
 * as sent. Takes it. Threads: any. Errors: OSR_EFULL it was rejected. */
osr_err osri_bound_put(osr_self *process, osr_pid to, osri_envelope **signal);

/* The same from a running process, which waits where the policy says so, at most until deadline_ns
 * (UINT64_MAX: as long as the receiver wants). On its own stack. Errors also: OSR_ETIMEDOUT;
 * OSR_EEXIT, which is left to the caller to pass on by osri_process_leave(). */
osr_err osri_bound_send(osr_self *self, osr_self *process, osr_pid to, osri_envelope **signal,
                        uint64_t deadline_ns);

/* The same without waiting; counts it as sent itself. Errors: OSR_EFULL: the message is left. */
osr_err osri_bound_try(osr_self *process, osr_pid to, osri_envelope **signal);

/* A message comes to the mailbox, whose flags are not 0; `is_first`: before all others. Takes it.
 * Owner. */
void osri_bound_arrived(osr_self *process, osri_envelope *message, bool is_first);

/* A message has left the mailbox, whose flags are not 0. Owner. */
void osri_bound_gone(osr_self *process, osri_envelope *message);

/* A message that was counted will not come to the mailbox, or has come too late for it. Threads:
 * any. */
static inline bool osri_bound_is_counted(const osri_envelope *signal)
{
    return (signal->flags & OSRI_ENVELOPE_COUNTED) != 0;
}
void osri_bound_forget(osr_self *process, osri_envelope *signal);

/* For the distribution. How many more messages there is room for in a mailbox whose senders are to
 * wait; false: it is none, or has ended. Threads: any. */
bool osri_bound_room(osr_node *node, osr_pid pid, uint64_t *ret_messages);

/* A node waits for room in it: mailbox_room() is called once half of it is free, also at once.
 * Threads: any. */
void osri_bound_await(osr_node *node, osr_pid pid);

/* Bytes that wait for it, against its memory limit. Owner. */
static inline uint64_t osri_bound_memory(const osr_self *process, uint64_t *ret_max)
{
    const osri_limits *limits = osri_limits_of(process);
    *ret_max = limits == NULL ? UINT64_MAX : limits->memory_max;
    return limits == NULL ? 0 : atomic_load_explicit(&limits->bytes, memory_order_relaxed);
}

/* Messages that this life's bound had no room for. Threads: any. */
static inline uint64_t osri_bound_dropped(const osr_self *process, osr_drop why)
{
    const osri_limits *limits = osri_limits_of(process);
    return limits == NULL ? 0 : atomic_load_explicit(&limits->dropped[why], memory_order_relaxed);
}

/* ---- what bound.c and room.c share -------------------------------------------------------- */

bool osri_bound_is_full(const osri_limits *limits);

/* Counts it in if there is room for it. */
bool osri_bound_count_in(osri_limits *limits, osri_envelope *signal);

/* Counts it out again, whose mark it takes off. */
void osri_bound_count_out(osri_limits *limits, osri_envelope *signal);

/* Drops it for want of room; who asked hears so, if `tell`. */
void osri_bound_drop(osr_self *process, osri_envelope *signal, osr_drop why, bool tell);

/* Pushes what has been counted in. */
void osri_bound_push(osr_self *process, osr_pid to, osri_envelope *signal);

/* Waits for room, then the message is in. As osri_bound_send(). */
osr_err osri_room_wait(osr_self *self, osr_self *process, osr_pid to, osri_envelope *signal,
                       uint64_t deadline_ns);

/* There may be room for those who wait. Threads: any. */
void osri_room_made(osr_self *process, osri_limits *limits);

/* The inbox is closed: wakes who waits. Owner. */
void osri_room_close(osr_self *process, osri_limits *limits);

/* ---- marks of long mailboxes ---------------------------------------------------------------- */

/* So many messages wait now. Owner. */
void osri_marks_grown(osr_self *process, uint64_t queued);
void osri_marks_shrunk(osr_self *process, uint64_t queued);

/* One process more, or less, asks to be told. */
void osri_marks_watch_locked(osr_node *node, bool on);

#endif
