/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/process/bound.h"

#include <stdio.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"

/* What there is room for in a bounded mailbox, and what becomes of the rest: bound.h. */

#define NO_MAX UINT64_MAX
#define MARK_HIGH_DEFAULT 10000
#define MARK_LOW_DEFAULT 1000
#define WAIT_MS_DEFAULT 5000
#define CREDIT_BYTES 4096 /* what a message of another node is reckoned with */
#define UNDER_WAY_BYTES_MAX (UINT64_C(32) * 1024 * 1024) /* over a bound; of all other nodes */

static uint32_t policy_of(const osri_limits *limits)
{
    return atomic_load_explicit(&limits->policy, memory_order_relaxed);
}

/* ---- counting ------------------------------------------------------------------------------ */

bool osri_bound_is_full(const osri_limits *limits)
{
    /* seq_cst: B3 */
    return atomic_load_explicit(&limits->messages, memory_order_seq_cst) >=
               atomic_load_explicit(&limits->messages_max, memory_order_relaxed) ||
           atomic_load_explicit(&limits->bytes, memory_order_seq_cst) >=
               atomic_load_explicit(&limits->bytes_max, memory_order_relaxed);
}

static void mark_counted(osri_limits *limits, osri_envelope *signal)
{
    signal->flags |= OSRI_ENVELOPE_COUNTED;
    atomic_fetch_add_explicit(&limits->bytes, osri_envelope_bytes(signal), memory_order_seq_cst);
}

/* Whether there is room for it or not. */
static void count_in_always(osri_limits *limits, osri_envelope *signal)
{
    atomic_fetch_add_explicit(&limits->messages, 1, memory_order_seq_cst);
    mark_counted(limits, signal);
}

bool osri_bound_count_in(osri_limits *limits, osri_envelope *signal)
{
    /* never more than the maximum, not for a moment: who sees it full may wait for room. seq_cst:
     * B3 */
    uint64_t messages = atomic_load_explicit(&limits->messages, memory_order_seq_cst);
    do {
        if (osri_bound_is_full(limits) ||
            messages >= atomic_load_explicit(&limits->messages_max, memory_order_relaxed)) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&limits->messages, &messages, messages + 1,
                                                    memory_order_seq_cst, memory_order_seq_cst));
    mark_counted(limits, signal);
    return true;
}

void osri_bound_count_out(osri_limits *limits, osri_envelope *signal)
{
    signal->flags &= (uint8_t)~OSRI_ENVELOPE_COUNTED;
    /* seq_cst: B3 */
    atomic_fetch_sub_explicit(&limits->bytes, osri_envelope_bytes(signal), memory_order_seq_cst);
    atomic_fetch_sub_explicit(&limits->messages, 1, memory_order_seq_cst);
}

/* ---- what other nodes are told ------------------------------------------------------------- */

static bool is_half_empty(const osri_limits *limits)
{
    return atomic_load_explicit(&limits->messages, memory_order_seq_cst) <=
               atomic_load_explicit(&limits->messages_max, memory_order_relaxed) / 2 &&
           atomic_load_explicit(&limits->bytes, memory_order_seq_cst) <=
               atomic_load_explicit(&limits->bytes_max, memory_order_relaxed) / 2;
}

static bool is_abroad(const osr_node *node, uint64_t from)
{
    return from != node->id && from != 0;
}

static void tell_room(osr_self *process, osri_limits *limits, osr_pid pid)
{
    osr_node *node = process->node;
    if (atomic_exchange_explicit(&limits->told, false, memory_order_seq_cst)) {
        node->remote->mailbox_room(node->remote_context, pid);
    }
}

/* There is no bound any more, which whoever keeps credit for it has to know. */
static void tell_lifted(osr_self *process, osri_limits *limits, osr_pid pid)
{
    osr_node *node = process->node;
    bool told = atomic_exchange_explicit(&limits->told, false, memory_order_seq_cst);
    if (atomic_exchange_explicit(&limits->known, false, memory_order_seq_cst) || told) {
        node->remote->mailbox_room(node->remote_context, pid);
    }
}

/* A message of another node has come to a mailbox whose senders are to wait. `told` is set after
 * the call, and then there is one more look: so who makes room either sees it set, or is seen. */
static void tell_if_full(osr_self *process, osri_limits *limits, osr_pid to, uint64_t from)
{
    osr_node *node = process->node;
    if (!is_abroad(node, from) || node->remote == NULL || node->remote->mailbox_full == NULL ||
        !osri_bound_is_full(limits)) {
        return;
    }
    atomic_store_explicit(&limits->known, true, memory_order_seq_cst);
    node->remote->mailbox_full(node->remote_context, to, from);
    atomic_store_explicit(&limits->told, true, memory_order_seq_cst);
    if (is_half_empty(limits) || !osri_bound_is_on(process, to.generation)) {
        tell_room(process, limits, to);
    }
}

void osri_bound_await(osr_node *node, osr_pid pid)
{
    osr_self *process = pid.node != node->id ? NULL : osri_table_at(node, pid.slot);
    osri_limits *limits = process == NULL ? NULL : osri_limits_of(process);
    if (limits == NULL || !osri_bound_is_on(process, pid.generation)) {
        node->remote->mailbox_room(node->remote_context, pid);
        return;
    }
    /* seq_cst: as in tell_if_full() */
    atomic_store_explicit(&limits->told, true, memory_order_seq_cst);
    if (is_half_empty(limits) || !osri_bound_is_on(process, pid.generation)) {
        tell_room(process, limits, pid);
    }
}

static uint64_t left(const _Atomic(uint64_t) *counted, const _Atomic(uint64_t) *max)
{
    uint64_t most = atomic_load_explicit(max, memory_order_relaxed);
    uint64_t now = atomic_load_explicit(counted, memory_order_seq_cst);
    return most == NO_MAX ? NO_MAX : most > now ? most - now : 0;
}

bool osri_bound_room(osr_node *node, osr_pid pid, uint64_t *ret_messages)
{
    osr_self *process = pid.node != node->id ? NULL : osri_table_at(node, pid.slot);
    osri_limits *limits = process == NULL ? NULL : osri_limits_of(process);
    if (limits == NULL || !osri_bound_is_on(process, pid.generation) ||
        policy_of(limits) != OSR_MAILBOX_SUSPEND) {
        return false;
    }
    uint64_t messages = left(&limits->messages, &limits->messages_max);
    uint64_t bytes = left(&limits->bytes, &limits->bytes_max);
    if (bytes != NO_MAX) { /* how large they will be is not known */
        bytes = bytes == 0 ? 0 : 1 + bytes / CREDIT_BYTES;
    }
    *ret_messages = messages < bytes ? messages : bytes;
    return *ret_messages != NO_MAX; /* SUSPEND without a maximum never suspends */
}

/* ---- no room ------------------------------------------------------------------------------- */

void osri_bound_drop(osr_self *process, osri_envelope *signal, osr_drop why, bool tell)
{
    if (tell && signal->ref != 0 && signal->kind == OSRI_SIGNAL_MESSAGE) {
        osr_reason reason = osr_reason_error(OSR_EFULL);
        osri_request_refuse(process, signal->from, signal->ref, &reason);
    }
    atomic_fetch_add_explicit(&osri_limits_of(process)->dropped[why], 1, memory_order_relaxed);
    osri_message_dropped(process->node, osri_process_pid(process), why, signal);
    osri_envelope_free(&signal);
}

void osri_bound_push(osr_self *process, osr_pid to, osri_envelope *signal)
{
    osri_limits *limits = osri_limits_of(process);
    signal->to_slot = to.slot;
    signal->to_generation = to.generation;
    if (osri_process_push(process, signal)) {
        return;
    }
    if (osri_bound_is_counted(signal)) {
        osri_bound_count_out(limits, signal);
        osri_room_made(process, limits); /* of another life */
    }
    osri_signal_refuse(process->node, to, OSR_REASON_NOPROC, &signal);
}

/* Both parts of one setting: set_bound() clears `overflow` before it changes the node. */
static osr_pid overflow_pid(const osri_limits *limits)
{
    uint64_t packed, node;
    do {
        packed = atomic_load_explicit(&limits->overflow, memory_order_seq_cst);
        node = atomic_load_explicit(&limits->overflow_node, memory_order_seq_cst);
    } while (packed != atomic_load_explicit(&limits->overflow, memory_order_seq_cst));
    return (osr_pid){packed == 0 ? 0 : node, (uint32_t)(packed >> 32), (uint32_t)packed};
}

/* To another node, as if it had been sent there. Only what was sent here: a record cannot speak for
 * a process of a third node; and so two nodes do not pass it round. */
static void forward_abroad(osr_self *from, osr_pid to, osri_envelope *signal)
{
    osr_node *node = from->node;
    osri_route route = {.pid = to};
    if (is_abroad(node, signal->from.node)) {
        osri_bound_drop(from, signal, OSR_DROP_OVERFLOW, true);
        return;
    }
    osri_uncount(node, OSRI_COUNT_SENT); /* it is sent on, and counted there */
    (void)osri_signal_send(node, &route, &signal);
}

static osri_limits *overflow_of(osr_node *node, osr_pid to, osr_self **ret_process)
{
    *ret_process = osri_table_at(node, to.slot);
    return *ret_process != NULL && osri_bound_is_on(*ret_process, to.generation)
               ? osri_limits_of(*ret_process)
               : NULL;
}

/* One step only: so processes that forward to each other do not pass it round. */
static void forward(osr_self *from, const osri_limits *limits, osri_envelope *signal)
{
    osr_node *node = from->node;
    osr_pid to = overflow_pid(limits);
    osr_self *process;
    if (signal->kind == OSRI_SIGNAL_REPLY) { /* the alias is another's */
        signal->kind = OSRI_SIGNAL_MESSAGE;
        signal->ref = 0;
    }
    if (to.node != node->id && to.node != 0) {
        forward_abroad(from, to, signal);
        return;
    }
    osri_limits *next = overflow_of(node, to, &process);
    if (next != NULL && !osri_bound_count_in(next, signal)) {
        if (policy_of(next) != OSR_MAILBOX_DROP_OLD) {
            osri_bound_drop(from, signal, OSR_DROP_OVERFLOW, true);
            return;
        }
        count_in_always(next, signal);
    }
    if (process == NULL ||
        atomic_load_explicit(&process->generation, memory_order_relaxed) != to.generation) {
        osri_signal_refuse(node, to, OSR_REASON_NOPROC, &signal);
    } else {
        osri_bound_push(process, to, signal);
    }
}

/* There is no room, and nobody waits. The owner may change its policy meanwhile: who has acted on
 * one says which. */
static osr_err surplus(osr_self *process, osr_pid to, osri_limits *limits, uint32_t policy,
                       osri_envelope *signal)
{
    bool is_request = signal->kind == OSRI_SIGNAL_MESSAGE && signal->ref != 0;
    if (policy == OSR_MAILBOX_SUSPEND) {
        policy = atomic_load_explicit(&limits->otherwise, memory_order_relaxed);
    }
    switch ((osr_mailbox_policy)policy) {
    case OSR_MAILBOX_DROP_OLD: /* by its owner, when it sees the new one */
        count_in_always(limits, signal);
        osri_bound_push(process, to, signal);
        return OSR_OK;
    case OSR_MAILBOX_FORWARD:
        forward(process, limits, signal);
        return OSR_OK;
    case OSR_MAILBOX_REJECT:
        osri_bound_drop(process, signal, OSR_DROP_REJECTED, true);
        return is_request ? OSR_OK : OSR_EFULL; /* the caller hears it as the answer */
    case OSR_MAILBOX_DROP_NEW:
    case OSR_MAILBOX_SUSPEND:
    default:
        osri_bound_drop(process, signal, OSR_DROP_NEW, true);
        return OSR_OK;
    }
}

static bool is_far_over(const osri_limits *limits)
{
    uint64_t most = atomic_load_explicit(&limits->bytes_max, memory_order_relaxed);
    return atomic_load_explicit(&limits->bytes, memory_order_relaxed) >=
           (most == NO_MAX ? 0 : most) + UNDER_WAY_BYTES_MAX;
}

osr_err osri_bound_put(osr_self *process, osr_pid to, osri_envelope **signal_)
{
    osri_envelope *signal = *signal_;
    osri_limits *limits = osri_limits_of(process);
    uint64_t from = signal->from.node;
    bool suspends = policy_of(limits) == OSR_MAILBOX_SUSPEND;
    osr_err err = OSR_OK;
    *signal_ = NULL;
    if (osri_bound_count_in(limits, signal)) {
        osri_bound_push(process, to, signal);
    } else if (suspends && is_abroad(process->node, from) && !is_far_over(limits)) {
        count_in_always(limits, signal); /* it was under way when its sender was told to wait */
        osri_bound_push(process, to, signal);
    } else {
        err = surplus(process, to, limits, policy_of(limits), signal);
    }
    if (suspends) {
        tell_if_full(process, limits, to, from);
    }
    return err;
}

osr_err osri_bound_send(osr_self *self, osr_self *process, osr_pid to, osri_envelope **signal,
                        uint64_t deadline_ns)
{
    osri_limits *limits = osri_limits_of(process);
    if (policy_of(limits) != OSR_MAILBOX_SUSPEND) {
        return osri_bound_put(process, to, signal);
    }
    osri_envelope *message = *signal;
    *signal = NULL;
    /* seq_cst: B3; who waits is first */
    if (atomic_load_explicit(&limits->waiting, memory_order_seq_cst) == 0 &&
        osri_bound_count_in(limits, message)) {
        osri_bound_push(process, to, message);
        return OSR_OK;
    }
    if (deadline_ns == UINT64_MAX) {
        deadline_ns =
            osri_deadline(self, atomic_load_explicit(&limits->wait_ms, memory_order_relaxed));
    }
    return osri_room_wait(self, process, to, message, deadline_ns);
}

osr_err osri_bound_try(osr_self *process, osr_pid to, osri_envelope **signal)
{
    osri_limits *limits = osri_limits_of(process);
    uint32_t policy = policy_of(limits);
    /* seq_cst: B3 */
    bool is_in = atomic_load_explicit(&limits->waiting, memory_order_seq_cst) == 0 &&
                 osri_bound_count_in(limits, *signal);
    if (!is_in && (policy == OSR_MAILBOX_REJECT || policy == OSR_MAILBOX_SUSPEND)) {
        return OSR_EFULL;
    }
    osri_envelope *message = *signal;
    *signal = NULL;
    osri_count(process->node, OSRI_COUNT_SENT);
    OSRI_TRACED(process->node, osri_event_sent(process->node, to, message));
    if (!is_in) {
        return surplus(process, to, limits, policy, message);
    }
    osri_bound_push(process, to, message);
    return OSR_OK;
}

/* ---- the owner's side ---------------------------------------------------------------------- */

void osri_bound_forget(osr_self *process, osri_envelope *signal)
{
    osri_limits *limits = osri_limits_of(process);
    osri_bound_count_out(limits, signal);
    osri_room_made(process, limits);
}

/* What waits counts against the process's memory, too: one that has more than it may ends. */
static void check_memory(osr_self *process, const osri_limits *limits)
{
    uint64_t bytes = atomic_load_explicit(&limits->bytes, memory_order_relaxed);
    if (limits->memory_max == NO_MAX || process->exiting ||
        process->owned_bytes + bytes <= limits->memory_max) {
        return;
    }
    char text[96];
    (void)snprintf(text, sizeof(text),
                   "more memory than its limit of %u KiB (.memory_max), with what waits for it",
                   (unsigned)(limits->memory_max / 1024));
    osr_reason reason = osr_reason_crash(text);
    osri_process_set_reason(process, &reason);
    process->exiting = true;
    process->untrapped = true;
}

static bool drops_old(const osri_limits *limits)
{
    uint32_t policy = policy_of(limits);
    return policy == OSR_MAILBOX_DROP_OLD ||
           (policy == OSR_MAILBOX_SUSPEND &&
            atomic_load_explicit(&limits->otherwise, memory_order_relaxed) == OSR_MAILBOX_DROP_OLD);
}

/* Over the bound without the newest, which takes so many bytes. */
static bool is_over(const osri_limits *limits, uint64_t newest)
{
    return atomic_load_explicit(&limits->messages, memory_order_relaxed) >
               atomic_load_explicit(&limits->messages_max, memory_order_relaxed) ||
           atomic_load_explicit(&limits->bytes, memory_order_relaxed) - newest >=
               atomic_load_explicit(&limits->bytes_max, memory_order_relaxed);
}

/* Until there is room for the newest, which may go itself where more is under way. */
static void drop_oldest(osr_self *process, const osri_limits *limits, uint64_t newest)
{
    bool suspends = policy_of(limits) == OSR_MAILBOX_SUSPEND; /* what was under way may stay */
    osri_envelope *oldest = NULL;
    do {
        oldest = is_over(limits, newest)
                     ? osri_mailbox_take_oldest(&process->mailbox, OSRI_ENVELOPE_COUNTED)
                     : NULL;
        if (oldest != NULL) {
            osri_process_message_gone(process, oldest);
            osri_bound_drop(process, oldest, OSR_DROP_OLD, true);
        }
    } while (oldest != NULL && !suspends);
}

void osri_bound_arrived(osr_self *process, osri_envelope *message, bool is_first)
{
    osri_limits *limits = NULL;
    uint64_t bytes = 0;
    bool makes_room = !is_abroad(process->node, message->from.node);
    if ((osri_mailbox_flags_of(process) & OSRI_MAILBOX_BOUND) != 0) {
        limits = osri_limits_of(process);
        bytes = osri_envelope_bytes(message);
        if (!osri_bound_is_counted(message) &&
            osri_bound_is_for(message)) { /* it was on its way when the bound came */
            count_in_always(limits, message);
        }
    }
    osri_process_put_in(process, message, is_first);
    if (limits != NULL) {
        if (drops_old(limits) && (makes_room || policy_of(limits) != OSR_MAILBOX_SUSPEND)) {
            drop_oldest(process, limits, bytes);
        }
        check_memory(process, limits);
    }
}

void osri_bound_gone(osr_self *process, osri_envelope *message)
{
    uint8_t flags = osri_mailbox_flags_of(process);
    if (osri_bound_is_counted(message)) {
        osri_limits *limits = osri_limits_of(process);
        osri_bound_forget(process, message);
        /* seq_cst: tell_if_full() */
        if (atomic_load_explicit(&limits->told, memory_order_seq_cst) && is_half_empty(limits)) {
            tell_room(process, limits, osri_process_pid(process));
        }
    }
    if ((flags & (OSRI_MAILBOX_MARKS | OSRI_MAILBOX_LONG)) != 0) {
        osri_marks_shrunk(process, atomic_load_explicit(&process->queued, memory_order_relaxed));
    }
}

/* ---- setting it ---------------------------------------------------------------------------- */

static osri_limits *limits_made(osr_self *process)
{
    osri_limits *limits = osri_limits_of(process);
    if (limits != NULL) {
        return limits;
    }
    limits = osri_heap_zalloc(sizeof(*limits));
    if (limits != NULL) {
        osri_list_init(&limits->senders);
        atomic_init(&limits->messages_max, NO_MAX);
        atomic_init(&limits->bytes_max, NO_MAX);
        limits->memory_max = NO_MAX;
        limits->mark_high = MARK_HIGH_DEFAULT;
        limits->mark_low = MARK_LOW_DEFAULT;
        /* release: pairs with the acquire in osri_limits_of() */
        atomic_store_explicit(&process->limits, limits, memory_order_release);
    }
    return limits;
}

static uint64_t or_none(uint64_t max)
{
    return max == 0 ? NO_MAX : max;
}

static void set_bound(osri_limits *limits, const osr_mailbox_options *options)
{
    uint64_t overflow = (uint64_t)options->overflow.slot << 32 | options->overflow.generation;
    uint32_t wait_ms = options->wait_ms == 0 ? WAIT_MS_DEFAULT : options->wait_ms;
    atomic_store_explicit(&limits->overflow, 0, memory_order_seq_cst); /* overflow_pid() */
    atomic_store_explicit(&limits->overflow_node, options->overflow.node, memory_order_seq_cst);
    atomic_store_explicit(&limits->overflow, overflow, memory_order_seq_cst);
    atomic_store_explicit(&limits->wait_ms, wait_ms, memory_order_relaxed);
    atomic_store_explicit(&limits->policy, (uint32_t)options->policy, memory_order_relaxed);
    atomic_store_explicit(&limits->otherwise, (uint32_t)options->otherwise, memory_order_relaxed);
    atomic_store_explicit(&limits->messages_max, or_none(options->messages_max),
                          memory_order_seq_cst);
    atomic_store_explicit(&limits->bytes_max, or_none(options->bytes_max), memory_order_seq_cst);
    limits->mark_high = options->mark_high == 0 ? MARK_HIGH_DEFAULT : options->mark_high;
    limits->mark_low = options->mark_low == 0 ? MARK_LOW_DEFAULT : options->mark_low;
    if (limits->mark_low > limits->mark_high) { /* only one of them was given */
        limits->mark_low = limits->mark_high / 2;
    }
}

static bool is_overflow(const osr_self *process, osr_pid overflow)
{
    return !osr_pid_is_none(overflow) &&
           (overflow.node != process->node->id || overflow.slot != process->slot);
}

static osr_err check_options(const osr_self *process, const osr_mailbox_options *options)
{
    bool forwards =
        options->policy == OSR_MAILBOX_FORWARD ||
        (options->policy == OSR_MAILBOX_SUSPEND && options->otherwise == OSR_MAILBOX_FORWARD);
    bool marks_cross = options->mark_high != 0 && options->mark_low > options->mark_high;
    return (unsigned)options->policy > OSR_MAILBOX_SUSPEND ||
                   (unsigned)options->otherwise >= OSR_MAILBOX_SUSPEND || marks_cross ||
                   (forwards && !is_overflow(process, options->overflow))
               ? OSR_EINVAL
               : OSR_OK;
}

/* Senders look from now on. */
static void turn_on(osr_self *process)
{
    uint32_t generation = atomic_load_explicit(&process->generation, memory_order_relaxed);
    /* relaxed: a sender that does not see it yet has its message counted on arrival */
    atomic_fetch_or_explicit(&process->mailbox_flags, OSRI_MAILBOX_BOUND, memory_order_relaxed);
    atomic_store_explicit(&process->open_generation, ~generation, memory_order_relaxed);
}

osr_err osri_bound_begin(osr_self *process, const osr_spawn_options *options)
{
    const osr_mailbox_options *mailbox = options->mailbox;
    osr_mailbox_options shortest = {.messages_max = options->mailbox_max};
    mailbox = mailbox == NULL ? &shortest : mailbox;
    osr_err err = check_options(process, mailbox);
    if (err != OSR_OK) {
        return err;
    }
    osri_limits *limits = limits_made(process);
    if (limits == NULL) {
        return OSR_ENOMEM;
    }
    set_bound(limits, mailbox);
    limits->memory_max = options->memory_max == 0 ? NO_MAX : options->memory_max * UINT64_C(1024);
    turn_on(process);
    return OSR_OK;
}

static void count_waiting(void *context, osri_envelope *message)
{
    if (osri_bound_is_for(message) && !osri_bound_is_counted(message)) {
        count_in_always(context, message);
    }
}

osr_err osr_mailbox_bound(osr_self *self, const osr_mailbox_options *options)
{
    static const osr_mailbox_options none = {.size = sizeof(osr_mailbox_options)};
    OSRI_ASSERT_SELF(self);
    options = options == NULL ? &none : options;
    osr_err err = check_options(self, options);
    if (err != OSR_OK) {
        return err;
    }
    osri_limits *limits = limits_made(self);
    if (limits == NULL) {
        return OSR_ENOMEM;
    }
    osri_process_drain(self); /* what has come waits already */
    set_bound(limits, options);
    turn_on(self);
    osri_mailbox_visit(&self->mailbox, count_waiting, limits);
    osri_room_made(self, limits);
    if (options->policy != OSR_MAILBOX_SUSPEND) {
        tell_lifted(self, limits, osri_process_pid(self));
    } else if (is_half_empty(limits)) {
        tell_room(self, limits, osri_process_pid(self));
    }
    return OSR_OK;
}

void osri_bound_close(osr_self *process)
{
    /* its slot's flag stays */
    atomic_fetch_and_explicit(&process->mailbox_flags, OSRI_MAILBOX_MARKS, memory_order_relaxed);
    osri_limits *limits = osri_limits_of(process);
    if (limits != NULL) {
        static const osr_mailbox_options none = {.size = sizeof(osr_mailbox_options)};
        osri_room_close(process, limits);
        set_bound(limits, &none);
        limits->memory_max = NO_MAX;
        for (int i = 0; i < OSRI_DROPS; i++) {
            atomic_store_explicit(&limits->dropped[i], 0, memory_order_relaxed);
        }
        atomic_store_explicit(&process->open_generation,
                              atomic_load_explicit(&process->generation, memory_order_relaxed),
                              memory_order_seq_cst); /* before `told`: tell_if_full() */
        tell_lifted(process, limits, osri_process_pid(process));
    }
}

void osri_limits_free(osr_self *slot)
{
    osri_limits *limits = osri_limits_of(slot);
    osri_heap_free(limits, limits == NULL ? 0 : sizeof(*limits));
}
