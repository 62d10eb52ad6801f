/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/scheduler/scheduler.h"

#include <string.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"
#include "lib/core/once.h"

/* The turn. It takes what to run from, in this order: its own queue (every 64th turn the shared one
 * first, so that what comes from outside is never kept waiting; every other turn a process pinned
 * to the thread), the shared queue, the queues of others. */

#define TURNS_UNTIL_FAIR 64
#define PASS_NS UINT64_C(2000000) /* how long a turn is passed on */
#define TURNS_UNTIL_CLOCK 16

static _Thread_local osri_worker *worker_here;

/* A fiber may come back on another thread: see OSRI_OUT_OF_LINE. */
OSRI_OUT_OF_LINE osri_worker *osri_worker_here(void)
{
    return worker_here;
}

OSRI_OUT_OF_LINE void osri_worker_set_here(osri_worker *worker)
{
    worker_here = worker;
}

void osri_scheduler_init(osri_scheduler *scheduler, osr_node *node, uint32_t index)
{
    memset(scheduler, 0, sizeof(*scheduler));
    scheduler->node = node;
    scheduler->index = index;
    osri_run_queue_init(&scheduler->queue);
    osri_wheel_init(&scheduler->wheel, osri_node_now(node));
    scheduler->budget = OSRI_TURN_MESSAGES;
    scheduler->victim = index + 1;
}

void osri_scheduler_fini(osri_scheduler *scheduler)
{
    osri_wheel_fini(&scheduler->wheel);
}

void osri_worker_init(osri_worker *worker, osr_node *node, osri_scheduler *scheduler)
{
    memset(worker, 0, sizeof(*worker));
    worker->node = node;
    atomic_init(&worker->scheduler, scheduler);
    osri_run_queue_init(&worker->pinned);
    worker->fault =
        osri_fault_context_here(); /* of who makes it: the stepper's; a thread sets its own */
    osri_stack_cache_init(&worker->stacks, &node->stacks);
}

void osri_worker_hold(osri_worker *worker, osri_scheduler *scheduler)
{
    osri_run_queue_open_next(&scheduler->queue, &worker->next_user);
    atomic_store_explicit(&scheduler->holder, (uintptr_t)worker, memory_order_release);
}

void osri_worker_fini(osri_worker *worker)
{
    if (worker->last_stack != NULL) {
        osri_stack_give(&worker->stacks, &worker->last_stack);
    }
    osri_stack_cache_fini(&worker->stacks);
    osri_slot_cache_fini(worker->node, &worker->slots);
}

/* The scheduler that this thread holds. A worker in a turn may lose it right after; so whoever
 * pushes to it also looks whether its new holder has gone to sleep. */
static osri_scheduler *scheduler_of(const osri_worker *worker)
{
    osri_scheduler *scheduler = atomic_load_explicit(&worker->scheduler, memory_order_relaxed);
    if (scheduler == NULL) {
        return NULL;
    }
    uintptr_t holder = atomic_load_explicit(&scheduler->holder, memory_order_relaxed);
    return (holder & ~OSRI_IN_TURN) == (uintptr_t)worker ? scheduler : NULL;
}

static osri_scheduler *scheduler_here(const osr_node *node)
{
    const osri_worker *worker = osri_worker_of(node);
    return worker == NULL ? NULL : scheduler_of(worker);
}

/* worker: whose scheduler it is. */
static void ready_at(osri_worker *worker, osri_scheduler *scheduler, osr_self *process, bool is_new)
{
    osr_node *node = process->node;
    osri_process_set_state(process, OSR_PROCESS_READY);
    if (osri_process_home(process) != NULL) {
        osri_pinned_ready(process);
    } else if (scheduler != NULL) {
        bool was_busy = osri_run_queue_any(&scheduler->queue);
        if (is_new) {
            osri_run_queue_push_new(&scheduler->queue, &worker->next_user, process);
        } else {
            osri_run_queue_push_next(&scheduler->queue, &worker->next_user, process);
        }
        osri_threads_wake(scheduler);
        if (was_busy) { /* one alone runs here as soon as this turn ends */
            osri_threads_wake_one(node);
        }
    } else {
        osri_run_queue_push(&node->injected, process);
        osri_threads_wake_one(node);
    }
}

static void ready_here(osr_self *process, bool is_new)
{
    osri_worker *worker = osri_worker_of(process->node);
    ready_at(worker, worker == NULL ? NULL : scheduler_of(worker), process, is_new);
}

void osri_process_ready(osr_self *process)
{
    ready_here(process, false);
}

void osri_process_ready_by(const osr_self *self, osr_self *process)
{
    osri_worker *worker = osri_worker_of_running(self);
    ready_at(worker, scheduler_of(worker), process, false);
}

void osri_process_ready_new(osr_self *process)
{
    ready_here(process, true);
}

void osri_process_ready_later(osr_self *process)
{
    osr_node *node = process->node;
    osri_scheduler *scheduler = scheduler_here(node);
    osri_process_set_state(process, OSR_PROCESS_READY);
    osri_run_queue_push(scheduler != NULL ? &scheduler->queue : &node->injected, process);
    osri_threads_wake_one(node);
}

void osri_pinned_ready(osr_self *process)
{
    osri_worker *home = osri_process_home(process);
    osri_run_queue_push(&home->pinned, process);
    if (home->parker != NULL) {
        /* whatever it waits for: it looks at its queue before it sleeps, and keeps the token */
        osri_worker_unpark(home);
    }
}

osri_scheduler *osri_node_scheduler(osr_node *node)
{
    osri_scheduler *here = scheduler_here(node);
    return here != NULL ? here : &node->schedulers[0];
}

void osri_node_timer(osr_node *node, osri_timer *timer, uint64_t due_ns)
{
    osri_scheduler *scheduler = osri_node_scheduler(node);
    if (osri_timer_start(&scheduler->wheel, timer, due_ns)) {
        osri_threads_wake(scheduler);
    }
}

void osri_process_print(const void *process, char *ret_text, size_t bytes)
{
    char text[OSR_PID_TEXT_BYTES];
    osr_pid_print(osri_process_pid(process), text);
    size_t length = strnlen(text, bytes - 1);
    memcpy(ret_text, text, length);
    ret_text[length] = '\0';
}

/* ---- one process ----------------------------------------------------------------------- */

static osri_stack *stack_of(osri_worker *worker, osr_self *process)
{
    osri_stack *stack;
    if (osri_stack_take(&worker->stacks, process->stack_bytes, &stack) != OSR_OK) {
        stack = process->exiting ? worker->last_stack : NULL; /* it has only to clean up */
        worker->last_stack = process->exiting ? NULL : worker->last_stack;
    }
    if (stack == NULL) {
        return NULL;
    }
    osri_activation_begin(&stack->activation, process);
    (void)osri_stack_start(stack, osri_process_main, process);
    return stack;
}

/* Async-signal-safe: only looks at what the running process's thread wrote. */
void osri_process_describe(const void *process_, osri_fault_context *context)
{
    const osr_self *process = process_;
    const osr_type *type = atomic_load_explicit(&process->handling, memory_order_relaxed);
    context->name = osri_process_label(process);
    context->handler = process->ops != NULL ? process->ops->name : process->entry->name;
    context->message = type == NULL ? NULL : type->name;
    if (process->stack != NULL) {
        context->stack_low = process->stack->low;
        context->stack_bytes = process->stack->bytes;
        context->guard_bytes = process->stack->guard_bytes;
    }
    context->process_print = osri_process_print;
}

/* Takes the mark off. False: the watch thread has given the scheduler to another worker. */
static bool turn_mark_off(osri_worker *worker, osri_scheduler *scheduler)
{
    uintptr_t in_turn = (uintptr_t)worker | OSRI_IN_TURN;
    /* acquire: pairs with release of the watch thread, when it has taken the scheduler */
    return atomic_compare_exchange_strong_explicit(&scheduler->holder, &in_turn, (uintptr_t)worker,
                                                   memory_order_acq_rel, memory_order_acquire);
}

/* From here on the watch thread may take the scheduler. */
static void turn_mark_on(osri_worker *worker, osri_scheduler *scheduler)
{
    /* release: pairs with acquire of the watch thread */
    atomic_store_explicit(&scheduler->holder, (uintptr_t)worker | OSRI_IN_TURN,
                          memory_order_release);
}

/* What tools, the watch thread and the fault handler see of a process that begins to run. */
static void show_running(osri_worker *worker, osri_scheduler *scheduler, osr_self *process)
{
    osri_process_set_state(process, OSR_PROCESS_RUNNING);
    worker->fault->process = process;
    process->stack->activation.resumer = &worker->fiber;
    if (scheduler != NULL) {
        /* relaxed: hints for the watch thread */
        uint64_t turns = atomic_load_explicit(&scheduler->turns, memory_order_relaxed);
        atomic_store_explicit(&scheduler->turns, turns + 1, memory_order_relaxed);
        atomic_store_explicit(&scheduler->running, process, memory_order_relaxed);
    }
}

/* A process that gives its thread up has sent all that it sent. */
static inline void end_chain(osri_worker *worker)
{
    if (!osri_chain_is_empty(&worker->chain)) {
        osri_chain_flush(&worker->chain);
    }
    worker->chain.to = NULL;
}

/* Switches to it until somebody comes back: it, or another one that it passed the thread on to.
 * Afterwards worker->scheduler may be NULL. */
static void switch_to(osri_worker *worker, osri_scheduler *scheduler, osr_self *process)
{
    int32_t *budget = &process->stack->activation.budget;
    worker->turn_ns = osri_node_coarse(worker->node);
    osri_chain_set_off(&worker->chain, scheduler == NULL);
    if (scheduler == NULL) { /* a pinned process on a thread without one */
        *budget = OSRI_TURN_MESSAGES;
        osri_threads_run_alone(worker, process);
        osri_fiber_switch(&worker->fiber, &process->stack->fiber);
        osri_threads_run_alone(worker, NULL);
        return;
    }
    *budget = scheduler->budget;
    if (*budget == OSRI_TURN_MESSAGES) { /* a turn of its own */
        uint64_t queued = atomic_load_explicit(&process->queued, memory_order_relaxed);
        *budget = queued < OSRI_TURN_MESSAGES       ? OSRI_TURN_MESSAGES
                  : queued > OSRI_TURN_MESSAGES_MAX ? OSRI_TURN_MESSAGES_MAX
                                                    : (int32_t)queued;
    }
    turn_mark_on(worker, scheduler);
    osri_fiber_switch(&worker->fiber, &process->stack->fiber);
    if (turn_mark_off(worker, scheduler)) {
        scheduler->budget = worker->running->stack->activation.budget;
    } else {
        atomic_store_explicit(&worker->scheduler, NULL, memory_order_relaxed);
    }
}

/* After a switch away from it: an overrun ends the node in the name of the process that did it. */
static inline void check_stack(osri_worker *worker, const osr_self *process)
{
    if (process->stack->guard == OSRI_GUARD_CANARY && !osri_stack_is_intact(process->stack)) {
        worker->fault->process = process;
        osri_stack_check(process->stack);
    }
}

/* Runs it until it, or one that it passed the thread on to, suspends or returns: *process is then
 * that one. False: there is no memory for a stack. */
static bool run(osri_worker *worker, osri_scheduler *scheduler, osr_self **process_)
{
    osr_self *process = *process_;
    if (process->stack == NULL) {
        process->stack = stack_of(worker, process);
        if (process->stack == NULL) {
            return false;
        }
    }
    if (process->pinned) {
        process->relations->home = worker;
    }
    worker->running = process;
    show_running(worker, scheduler, process);
    switch_to(worker, scheduler, process);
    worker->fault->process = NULL;
    end_chain(worker); /* of one that has returned or left its frames */
    *process_ = worker->running;
    check_stack(worker, *process_);
    return true;
}

/* Gives back the stack of a process that has returned or left its frames. */
static void stack_return(osri_worker *worker, osr_self *process)
{
    if (!osri_fiber_is_done(&process->stack->fiber)) {
        if (!process->abandons) {
            return;
        }
        osri_fiber_fini(&process->stack->fiber);
    }
    osri_activation_end(&process->stack->activation, process);
    if (worker->last_stack == NULL) { /* the first that comes back */
        worker->last_stack = process->stack;
        process->stack = NULL;
    } else {
        osri_stack_give(&worker->stacks, &process->stack);
    }
}

/* It ends; its clean-ups run on the worker's last stack. */
static void no_stack(osr_self *process)
{
    osr_reason reason = osr_reason_error(OSR_ENOMEM);
    osri_process_set_reason(process, &reason);
    if (process->exiting && osri_process_has_defers(process)) {
        char pid[OSR_PID_TEXT_BYTES];
        osr_pid_print(osri_process_pid(process), pid);
        osri_log_write(&process->node->log, OSR_LOG_ERROR,
                       "process %s%s%s ends without memory for a stack: what it deferred with "
                       "osr_defer() is not run",
                       pid, process->label != NULL ? " " : "", osri_process_label(process));
        process->clean = true;
    }
    process->exiting = true;
    process->untrapped = true;
}

static bool must_end(const osr_self *process)
{
    if (process->stack != NULL) {
        return false;
    }
    return process->ending ||
           (process->exiting && (process->clean || !osri_process_has_defers(process)));
}

/* Nothing to do: gives it up. False: something came meanwhile, it is still ours. */
static bool rest(osr_self *process)
{
    if (process->stack == NULL && process->relations != NULL && process->trims < OSRI_TRIMS_MAX) {
        osri_relations_trim(process);
    }
    osri_process_set_state(process,
                           process->stack == NULL ? OSR_PROCESS_IDLE : OSR_PROCESS_WAITING);
    return osri_process_park(process);
}

/* Something to do, but not now. */
static void requeue(osri_scheduler *scheduler, osr_self *process)
{
    osr_node *node = process->node;
    if (!osri_process_is_ending(process)) {
        osri_process_set_state(process, OSR_PROCESS_READY);
    }
    if (osri_process_home(process) != NULL) {
        osri_pinned_ready(process);
    } else if (scheduler != NULL) {
        osri_run_queue_push(&scheduler->queue, process);
    } else {
        osri_run_queue_push(&node->injected, process);
        osri_threads_wake_one(node);
    }
}

/* An end of many links, monitors or messages takes several turns. */
static void end_or_go_on(osri_scheduler *scheduler, osr_self *process)
{
    if (!osri_process_end(process)) {
        requeue(scheduler, process);
    }
}

/* Whether this worker may go on with it in this turn. */
static bool may_run(const osri_worker *worker, const osri_scheduler *scheduler,
                    const osr_self *process)
{
    if (osri_process_home(process) != NULL) {
        return osri_process_home(process) == worker && (scheduler == NULL || scheduler->budget > 0);
    }
    return scheduler != NULL && scheduler->budget > 0;
}

/* Takes the process through its turn; afterwards it is idle, queued or ended, and not ours. */
static void process_turn(osri_worker *worker, osri_scheduler *scheduler, osr_self *process)
{
    bool turn_over = false;
    if (osri_process_is_ending(process)) {
        end_or_go_on(scheduler, process);
        return;
    }
    for (;;) {
        osri_process_drain(process);
        if (must_end(process)) {
            end_or_go_on(scheduler, process);
            return;
        }
        if (!osri_process_is_ready(process)) {
            if (rest(process)) {
                return;
            }
            continue;
        }
        if (turn_over || !may_run(worker, scheduler, process)) {
            requeue(scheduler, process);
            return;
        }
        if (!run(worker, scheduler, &process)) {
            no_stack(process);
            continue;
        }
        turn_over = process->stack->activation.budget <= 0 ||
                    process->stack->activation.wait == OSRI_WAIT_TURN;
        stack_return(worker, process);
        scheduler = atomic_load_explicit(&worker->scheduler, memory_order_relaxed);
    }
}

/* ---- from one process to the next ------------------------------------------------------- */

/* A process that is about to suspend looks into `next` itself. When one lies there that has only to
 * be resumed, it passes the thread on to it, fiber to fiber; the one that goes on parks the one
 * that stepped aside (osri_process_arrive), for until the switch its stack is in use.
 *
 * Signals other than messages, stacks to be lent, ends and pinned processes are the scheduler's own
 * business: they take the way over its fiber. */

static bool is_passable(osr_self *process)
{
    if (process->stack == NULL || osri_process_home(process) != NULL || process->exiting) {
        return false;
    }
    osri_wait wait = process->stack->activation.wait;
    return (wait == OSRI_WAIT_MESSAGE || wait == OSRI_WAIT_REPLY) &&
           /* acquire: as in osri_process_push */
           atomic_load_explicit(&process->inbox, memory_order_acquire) == NULL &&
           osri_process_has_come(process);
}

/* The process to go on with, or NULL. The turn's mark stays on: nothing of the scheduler but its
 * queue is touched, which may be another's at any moment. */
static osr_self *take_passable(osri_worker *worker, osri_scheduler *scheduler)
{
    osr_self *process = osri_run_queue_take_next(&scheduler->queue, &worker->next_user);
    if (process == NULL || is_passable(process)) {
        return process;
    }
    osri_run_queue_push_next(&scheduler->queue, &worker->next_user, process);
    osri_threads_wake(scheduler); /* whose it may be by now, and asleep since it found nothing */
    return NULL;
}

/* A turn that is passed on for long, or while a timer is due, would keep the rest waiting. */
static bool may_pass(const osri_worker *worker, osri_scheduler *scheduler)
{
    uint64_t now = osri_node_coarse(worker->node);
    return now - worker->turn_ns < PASS_NS && osri_wheel_next_due(&scheduler->wheel) > now;
}

void osri_process_step_aside(osr_self *self)
{
    osri_worker *worker = osri_worker_of_running(self);
    osri_scheduler *scheduler = scheduler_of(worker);
    osr_self *process = NULL;
    end_chain(worker);
    osri_activation *activation = &self->stack->activation;
    activation->resumer = NULL;
    if (scheduler != NULL && osri_process_home(self) == NULL &&
        activation->wait != OSRI_WAIT_TURN && activation->budget > 1 &&
        may_pass(worker, scheduler)) {
        process = take_passable(worker, scheduler);
    }
    if (process == NULL) {
        osri_fiber_switch(&self->stack->fiber, &worker->fiber);
        return;
    }
    worker->aside = self;
    worker->running = process;
    process->stack->activation.budget = activation->budget - 1;
    show_running(worker, scheduler, process);
    osri_fiber_pass(&self->stack->fiber, &process->stack->fiber, &worker->fiber);
}

void osri_process_arrive(osr_self *self)
{
    osri_worker *worker = osri_worker_of_running(self);
    osr_self *aside = worker->aside;
    if (aside == NULL) {
        return;
    }
    worker->aside = NULL;
    check_stack(worker, aside);
    /* It looked at its mailbox just before: only what has come since can make it ready. */
    bool is_ready = atomic_load_explicit(&aside->inbox, memory_order_relaxed) != NULL;
    if (!is_ready) {
        osri_process_arm_deadline(aside);
    }
    if (is_ready || !rest(aside)) {
        osri_process_ready_later(aside);
    }
}

/* ---- what to run ----------------------------------------------------------------------- */

static osr_self *steal(osri_scheduler *scheduler)
{
    osr_node *node = scheduler->node;
    for (uint32_t i = 0; i < node->scheduler_count; i++) {
        osri_scheduler *victim = &node->schedulers[scheduler->victim % node->scheduler_count];
        osr_self *process = victim == scheduler ? NULL : osri_run_queue_pop_listed(&victim->queue);
        if (process != NULL) {
            return process;
        }
        scheduler->victim += 1;
    }
    return NULL;
}

static osr_self *from_shared(osri_scheduler *scheduler)
{
    scheduler->turns_until_fair = TURNS_UNTIL_FAIR;
    return osri_run_queue_pop_listed(&scheduler->node->injected);
}

/* One from `next` goes on with the budget that is left; with none left it waits like everybody. */
static osr_self *from_own(osri_worker *worker, osri_scheduler *scheduler, bool *ret_inherits)
{
    osri_next_user *user = &worker->next_user;
    osr_self *process = osri_run_queue_pop(&scheduler->queue, user, ret_inherits);
    if (process != NULL && *ret_inherits && scheduler->budget <= 0) {
        osri_run_queue_push(&scheduler->queue, process);
        process = osri_run_queue_pop(&scheduler->queue, user, ret_inherits);
    }
    return process;
}

static osr_self *from_pinned(osri_worker *worker)
{
    worker->was_pinned = !worker->was_pinned;
    return worker->was_pinned ? osri_run_queue_pop_listed(&worker->pinned) : NULL;
}

static osr_self *next_process(osri_worker *worker, osri_scheduler *scheduler)
{
    bool inherits = false;
    osr_self *process = from_pinned(worker);
    if (process == NULL && scheduler->turns_until_fair-- == 0) {
        process = from_shared(scheduler);
    }
    if (process == NULL) {
        process = from_own(worker, scheduler, &inherits);
    }
    if (process == NULL) {
        process = from_shared(scheduler);
    }
    if (process == NULL) {
        process = steal(scheduler);
    }
    if (process == NULL) {
        process = osri_run_queue_pop_listed(&worker->pinned);
    }
    if (!inherits) {
        scheduler->budget = OSRI_TURN_MESSAGES;
    }
    return process;
}

bool osri_scheduler_has_work(const osri_scheduler *scheduler)
{
    const osr_node *node = scheduler->node;
    if (osri_run_queue_any(&node->injected) || osri_run_queue_any(&scheduler->queue)) {
        return true;
    }
    for (uint32_t i = 0; i < node->scheduler_count; i++) {
        if (osri_run_queue_any_listed(&node->schedulers[i].queue)) {
            return true;
        }
    }
    return false;
}

static uint64_t advance_timers(osri_scheduler *scheduler)
{
    uint64_t due = osri_wheel_next_due(&scheduler->wheel);
    if (due == UINT64_MAX) {
        return 0;
    }
    /* The clock costs as much as a short turn: while nothing is near, the coarse one will do. It
     * may lag, so the real one is read now and then all the same. */
    if (osri_node_coarse(scheduler->node) + OSRI_COARSE_LAG_NS < due &&
        scheduler->turns_until_clock-- != 0) {
        return 0;
    }
    scheduler->turns_until_clock = TURNS_UNTIL_CLOCK;
    uint64_t now = osri_node_tick(scheduler->node);
    return now < due ? 0 : osri_wheel_advance(&scheduler->wheel, now);
}

bool osri_scheduler_turn(osri_worker *worker)
{
    osri_scheduler *scheduler = atomic_load_explicit(&worker->scheduler, memory_order_relaxed);
    uint64_t fired = advance_timers(scheduler);
    osr_self *process = next_process(worker, scheduler);
    if (process == NULL) {
        return fired != 0;
    }
    process_turn(worker, scheduler, process);
    if (atomic_load_explicit(&worker->scheduler, memory_order_relaxed) == scheduler) {
        scheduler->budget -=
            1; /* so that those who wake each other without messages use it up too */
    }
    return true;
}

bool osri_worker_turn_pinned(osri_worker *worker)
{
    osr_self *process = osri_run_queue_pop_listed(&worker->pinned);
    if (process != NULL) {
        process_turn(worker, NULL, process);
    }
    return process != NULL;
}
