/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/heap.h"
#include "lib/process/node.h"
#include "lib/scheduler/scheduler.h"

/* The timers of a process. A record is, at each moment, one of: live on a wheel; fired or cancelled
 * by another, its signal in the inbox of its process; free. Only its process starts it and gives it
 * back; whoever knows its reference may cancel it. */

#define TIMER_MS_MAX (UINT64_C(1) << 43) /* 278 years: its ns still fit */

static void hang(osri_relations *relations, osri_user_timer *user)
{
    user->previous = NULL;
    user->next = relations->timers;
    if (user->next != NULL) {
        user->next->previous = user;
    }
    relations->timers = user;
}

static void unhang(osri_relations *relations, osri_user_timer *user)
{
    if (user->previous != NULL) {
        user->previous->next = user->next;
    } else {
        relations->timers = user->next;
    }
    if (user->next != NULL) {
        user->next->previous = user->previous;
    }
}

static void give(osri_user_timer *user)
{
    osri_mutex_lock(&user->timer.wheel->mutex);
    osri_timer_give_locked(user);
    osri_mutex_unlock(&user->timer.wheel->mutex);
}

/* ---- messages that are sent later -------------------------------------------------------- */

static void later_free(osri_later *later)
{
    if (later != NULL) {
        osri_envelope_free(&later->message);
        osri_heap_strfree(later->to_name);
        osri_heap_strfree(later->to_node);
        osri_heap_free(later, sizeof(*later));
    }
}

static char *copy_text(const char *text, osr_err *err)
{
    char *copy = text == NULL ? NULL : osri_heap_strdup(text);
    if (text != NULL && copy == NULL) {
        *err = OSR_ENOMEM;
    }
    return copy;
}

static osr_err later_new(osr_self *self, osr_dest to, const osr_type *type, const void *message,
                         osri_later **ret_later)
{
    osri_later *later = osri_heap_zalloc(sizeof(*later));
    if (later == NULL) {
        return OSR_ENOMEM;
    }
    osr_err err = osri_signal_new(OSRI_SIGNAL_MESSAGE, osri_process_pid(self), 0, type, message,
                                  &later->message);
    later->node = self->node;
    later->to = to.pid;
    later->to_name = copy_text(to.alias != 0 ? NULL : to.name, &err);
    later->to_node = copy_text(to.node, &err);
    if (err == OSR_OK && to.alias != 0) {
        later->message->kind = OSRI_SIGNAL_REPLY;
        later->message->ref = to.alias;
    }
    if (err != OSR_OK) {
        later_free(later);
        return err;
    }
    later->message->counter = ++self->messages_numbered;
    OSRI_TRACED(self->node, osri_event_caused(self, later->message));
    *ret_later = later;
    return OSR_OK;
}

static void later_send(osri_later *later)
{
    osr_node *node = later->node;
    osri_route route = {.pid = later->to, .name = later->to_name, .node = later->to_node};
    (void)osri_signal_send(node, &route, &later->message);
    later_free(later);
    atomic_fetch_sub_explicit(&node->sending_later, 1, memory_order_seq_cst);
}

void osri_later_send_all(osri_later *newest)
{
    osri_later *oldest = NULL;
    while (newest != NULL) {
        osri_later *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest != NULL) {
        osri_later *next = oldest->next;
        later_send(oldest);
        oldest = next;
    }
}

/* ---- start ------------------------------------------------------------------------------- */

/* Under the wheel's lock; the last thing done with a record that is no longer live. */
static void push_to_owner_locked(osri_user_timer *user)
{
    const osri_scheduler *scheduler = OSRI_LIST_ENTRY(user->timer.wheel, osri_scheduler, wheel);
    osr_self *process = osri_table_at(scheduler->node, user->signal.to_slot);
    /* it is not refused: a process takes its timers back before it closes its inbox */
    (void)osri_process_push(process, (osri_envelope *)(void *)&user->signal);
}

static void user_timer_fired(osri_timer *timer)
{
    osri_user_timer *user = OSRI_LIST_ENTRY(timer, osri_user_timer, timer);
    osri_later *later = user->later;
    if (later != NULL) {
        user->later = NULL;
        user->signal.quiet = true;
        /* seq_cst: before its process can hear of it and end; osr_node_stop() looks afterwards */
        atomic_fetch_add_explicit(&later->node->sending_later, 1, memory_order_seq_cst);
        later->next = timer->wheel->expired;
        timer->wheel->expired = later;
    }
    push_to_owner_locked(user);
}

static osr_err start_on(osri_scheduler *scheduler, osr_self *self, uint64_t at_ns,
                        osri_later *later, osri_user_timer **ret_timer, uint64_t *ret_number)
{
    bool is_next = false;
    osri_wheel *wheel = &scheduler->wheel;
    osri_user_timer *user;
    osri_mutex_lock(&wheel->mutex);
    osr_err err = osri_timer_take_locked(&self->node->timers, wheel, &user);
    if (err == OSR_OK) {
        user->signal.kind = OSRI_SIGNAL_TIMEOUT;
        user->signal.quiet = false;
        user->signal.to_slot = self->slot;
        user->signal.to_generation = atomic_load_explicit(&self->generation, memory_order_relaxed);
        user->timer.fire = user_timer_fired;
        user->later = later;
        *ret_timer = user;
        *ret_number = user->signal.ref;
        is_next = osri_timer_start_locked(wheel, &user->timer, at_ns);
    }
    osri_mutex_unlock(&wheel->mutex);
    if (is_next) {
        osri_threads_wake(scheduler);
    }
    return err;
}

/* On the wheel of this thread; on another's where all records are in use here. */
static osr_err start(osr_self *self, uint64_t at_ns, osri_later *later, osr_ref *ret_timer)
{
    osr_node *node = self->node;
    osri_relations *relations = osri_process_relations(self);
    if (relations == NULL) {
        return OSR_ENOMEM;
    }
    osri_scheduler *scheduler = osri_node_scheduler(node);
    osri_user_timer *user;
    uint64_t number;
    osr_err err = start_on(scheduler, self, at_ns, later, &user, &number);
    for (uint32_t i = 0; err == OSR_ELIMIT && i < node->scheduler_count; i++) {
        scheduler = &node->schedulers[i];
        err = start_on(scheduler, self, at_ns, later, &user, &number);
    }
    if (err != OSR_OK) {
        return err;
    }
    /* ours: should it have fired already, nobody else sees that before we look at our inbox */
    hang(relations, user);
    *ret_timer = (osr_ref){node->id, number};
    return OSR_OK;
}

static uint64_t after(const osr_self *self, uint64_t ms)
{
    ms = ms > TIMER_MS_MAX ? TIMER_MS_MAX : ms;
    return osri_node_now(self->node) + ms * OSRI_TICK_NS;
}

osr_err osr_timer_start_at(osr_self *self, uint64_t at_ns, osr_ref *ret_timer)
{
    return start(self, at_ns, NULL, ret_timer);
}

osr_err osr_timer_start(osr_self *self, uint64_t ms, osr_ref *ret_timer)
{
    return start(self, after(self, ms), NULL, ret_timer);
}

osr_err osri_send_at(osr_self *self, osr_dest to, const osr_type *type, const void *message,
                     uint64_t at_ns, osr_ref *ret_timer)
{
    if (self->exiting) {
        *ret_timer = OSR_REF_NONE;
        return OSR_OK; /* its sends go nowhere (DESIGN.md D5) */
    }
    osri_later *later;
    bool is_answer = to.alias != 0 && (to.alias & OSRI_ALIAS_BIT) == 0;
    osr_err err = is_answer ? OSR_EINVAL : later_new(self, to, type, message, &later);
    if (err != OSR_OK) {
        return err;
    }
    osri_process_unchain(self); /* what was sent before goes before; and see sends_later() */
    err = start(self, at_ns, later, ret_timer);
    if (err != OSR_OK) {
        later_free(later);
    }
    return err;
}

osr_err osri_send_after(osr_self *self, osr_dest to, const osr_type *type, const void *message,
                        uint64_t ms, osr_ref *ret_timer)
{
    return osri_send_at(self, to, type, message, after(self, ms), ret_timer);
}

/* ---- cancel, read ------------------------------------------------------------------------ */

/* Which lock is held depends on what was found: more than the analysis can follow. */
static osri_user_timer *find_and_lock(osr_node *node, osr_ref timer) OSR_NO_THREAD_SAFETY;
static bool cancel(osr_node *node, osr_self *self, osr_ref timer,
                   uint64_t *ret_remaining_ms) OSR_NO_THREAD_SAFETY;
bool osr_timer_read(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms) OSR_NO_THREAD_SAFETY;

/* Whether it is to be sent to a process of this node that has ended. Under the wheel's lock. */
static bool is_to_nobody_locked(const osr_node *node, const osri_user_timer *user)
{
    const osri_later *later = user->later;
    if (later == NULL || later->to_name != NULL || later->to_node != NULL ||
        later->to.node != node->id) {
        return false;
    }
    const osr_self *process = osri_table_at(node, later->to.slot);
    /* relaxed: who has heard of its end sees it */
    return process == NULL ||
           atomic_load_explicit(&process->generation, memory_order_relaxed) !=
               later->to.generation ||
           atomic_load_explicit(&process->inbox, memory_order_relaxed) == OSRI_INBOX_CLOSED;
}

/* The live timer of that reference with its wheel's lock taken; NULL, and no lock, for none. */
static osri_user_timer *find_and_lock(osr_node *node, osr_ref timer)
{
    osri_user_timer *user =
        timer.node != node->id ? NULL : osri_timer_table_find(&node->timers, timer.number);
    if (user == NULL) {
        return NULL;
    }
    osri_wheel *wheel = user->timer.wheel;
    osri_mutex_lock(&wheel->mutex);
    if (user->timer.live && user->signal.ref == timer.number) {
        return user;
    }
    osri_mutex_unlock(&wheel->mutex);
    return NULL;
}

static void put_remaining(osr_node *node, uint64_t due_ns, uint64_t *ret_remaining_ms)
{
    if (ret_remaining_ms != NULL) {
        uint64_t now = osri_node_now(node);
        *ret_remaining_ms = due_ns <= now ? 0 : (due_ns - now + OSRI_TICK_NS - 1) / OSRI_TICK_NS;
    }
}

static bool is_of(const osri_user_timer *user, const osr_self *self)
{
    return user->signal.to_slot == self->slot &&
           user->signal.to_generation ==
               atomic_load_explicit(&self->generation, memory_order_relaxed);
}

/* self NULL: from outside the node. A timer of another goes to its process, which gives it back. */
static bool cancel(osr_node *node, osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms)
{
    osri_user_timer *user = find_and_lock(node, timer);
    if (user == NULL) {
        return false; /* it has fired: its message has come or will come */
    }
    osri_wheel *wheel = user->timer.wheel;
    osri_later *later = user->later;
    uint64_t due_ns = user->timer.due_ns;
    bool is_over = is_to_nobody_locked(node, user);
    (void)osri_timer_cancel_locked(&user->timer);
    user->later = NULL;
    if (self != NULL && is_of(user, self)) {
        unhang(self->relations, user);
        osri_timer_give_locked(user);
    } else {
        user->signal.quiet = true;
        push_to_owner_locked(user);
    }
    osri_mutex_unlock(&wheel->mutex);
    later_free(later);
    if (!is_over) {
        put_remaining(node, due_ns, ret_remaining_ms);
    }
    return !is_over;
}

bool osr_timer_cancel(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms)
{
    return cancel(self->node, self, timer, ret_remaining_ms);
}

bool osr_node_timer_cancel(osr_node *node, osr_ref timer, uint64_t *ret_remaining_ms)
{
    return cancel(node, NULL, timer, ret_remaining_ms);
}

bool osr_timer_read(osr_self *self, osr_ref timer, uint64_t *ret_remaining_ms)
{
    osri_user_timer *user = find_and_lock(self->node, timer);
    if (user == NULL) {
        return false;
    }
    uint64_t due_ns = user->timer.due_ns;
    bool is_over = is_to_nobody_locked(self->node, user);
    osri_mutex_unlock(&user->timer.wheel->mutex);
    if (!is_over) {
        put_remaining(self->node, due_ns, ret_remaining_ms);
    }
    return !is_over;
}

/* ---- fired, ended ------------------------------------------------------------------------ */

void osri_timer_fired(osr_self *process, osri_envelope *signal)
{
    osri_user_timer *user = (osri_user_timer *)(void *)signal;
    osr_timeout message = {.timer = {process->node->id, user->signal.ref}};
    bool quiet = user->signal.quiet;
    unhang(process->relations, user);
    give(user);
    if (!quiet) {
        OSRI_TRACED(process->node,
                    osri_event_on_demand(process->node, OSR_EVENT_TIMER, osri_process_pid(process),
                                         message.timer.number));
        osri_process_tell(process, &osr_timeout_osr_type, &message);
    }
}

void osri_timer_refused(osri_envelope *signal)
{
    give((osri_user_timer *)(void *)signal);
}

void osri_timers_end_all(osr_self *process)
{
    osri_relations *relations = process->relations;
    while (relations != NULL && relations->timers != NULL) {
        osri_user_timer *user = relations->timers;
        osri_wheel *wheel = user->timer.wheel;
        osri_later *later = NULL;
        relations->timers = user->next;
        osri_mutex_lock(&wheel->mutex);
        /* one that has fired comes back when the inbox is closed */
        if (osri_timer_cancel_locked(&user->timer)) {
            later = user->later;
            user->later = NULL;
            osri_timer_give_locked(user);
        }
        osri_mutex_unlock(&wheel->mutex);
        later_free(later);
    }
}
