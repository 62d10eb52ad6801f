/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <sched.h>
#include <stdio.h>

#include "lib/core/assert.h"
#include "lib/core/heap.h"
#include "lib/core/once.h"
#include "lib/scheduler/attend.h"
#include "lib/scheduler/scheduler.h"

/* The threads of a node: one worker a scheduler, spare workers, and the watch thread, which sees
 * turns that last.
 *
 * Sleeping without losing a wake-up: a worker sets `sleeping` (seq_cst), then looks for work once
 * more, then parks. Who makes work counts it in a run queue (seq_cst), then looks for a sleeper.
 * One of the two sees the other. A cleared mark and an unpark always go together, and a parker
 * keeps one token.
 *
 * The watch thread sleeps while every scheduler does, so an idle node costs nothing. */

#define WATCH_NS UINT64_C(2000000)
#define STUCK_LOOKS 5 /* times WATCH_NS: a turn this long is named and loses its scheduler */
#define SPARES_MAX 16

struct osri_threads {
    osri_mutex mutex;     /* OSRI_RANK_NODE */
    osri_worker *workers; /* guarded_by: mutex */
    uint32_t spare_count; /* guarded_by: mutex; made so far */
    uint32_t
        thread_count; /* names for threads; owner: who starts the node, then the watch thread */
    atomic_bool stopping;
    _Atomic(uint32_t) asleep; /* schedulers whose worker sleeps */
    atomic_bool watch_asleep;
    osr_parker *watch_parker;
    void *watch_thread;
    _Atomic(uint32_t) alone; /* workers that run a pinned process without a scheduler */
    osri_watched *watched;   /* of each scheduler; owner: watch thread */
};

/* ---- sleeping and waking --------------------------------------------------------------- */

static bool claim_sleeper(osri_scheduler *scheduler)
{
    /* seq_cst: see above */
    return atomic_load_explicit(&scheduler->sleeping, memory_order_seq_cst) &&
           atomic_exchange_explicit(&scheduler->sleeping, false, memory_order_seq_cst);
}

static void unpark_holder(osri_scheduler *scheduler)
{
    uintptr_t holder = atomic_load_explicit(&scheduler->holder, memory_order_acquire);
    osri_worker *worker = (osri_worker *)(holder & ~OSRI_IN_TURN);
    if (worker != NULL) {
        osri_worker_unpark(worker);
    }
}

void osri_threads_wake(osri_scheduler *scheduler)
{
    if (scheduler->node->threads != NULL && claim_sleeper(scheduler)) {
        unpark_holder(scheduler);
    }
}

void osri_threads_wake_one(osr_node *node)
{
    osri_threads *threads = node->threads;
    if (threads == NULL || atomic_load_explicit(&threads->asleep, memory_order_seq_cst) == 0) {
        return;
    }
    for (uint32_t i = 0; i < node->scheduler_count; i++) {
        if (claim_sleeper(&node->schedulers[i])) {
            unpark_holder(&node->schedulers[i]);
            return;
        }
    }
}

static void wake_watch(osr_node *node)
{
    osri_threads *threads = node->threads;
    if (atomic_load_explicit(&threads->watch_asleep, memory_order_seq_cst) &&
        atomic_exchange_explicit(&threads->watch_asleep, false, memory_order_seq_cst)) {
        node->env->unpark(node->env->context, threads->watch_parker);
    }
}

static uint64_t sleep_ns(osri_scheduler *scheduler)
{
    uint64_t due = osri_wheel_next_due(&scheduler->wheel);
    if (due == UINT64_MAX) {
        return OSR_PARK_FOREVER;
    }
    uint64_t now = osri_node_now(scheduler->node);
    return due <= now ? 0 : due - now;
}

/* ---- polling before a sleep ------------------------------------------------------------ */

/* A sleep and its wake cost two system calls and some 50 us, so a worker whose sleeps were short
 * looks for work for a while first (DESIGN.md D8). Polling that finds nothing, or whose yields are
 * slow because others need the processor, is paid for with sleeps without any. */

#define POLL_NS UINT64_C(200000)      /* how long it polls; and what a short sleep is */
#define POLL_YIELD_NS UINT64_C(50000) /* a yield that takes longer has helped somebody */
#define POLL_PAUSE_MAX 64             /* sleeps without polling after some that were in vain */

static bool has_work(const osri_worker *worker, const osri_scheduler *scheduler)
{
    return osri_scheduler_has_work(scheduler) || osri_run_queue_any(&worker->pinned) ||
           atomic_load_explicit(&worker->node->threads->stopping, memory_order_relaxed);
}

static void poll_in_vain(osri_worker *worker)
{
    worker->poll_penalty = worker->poll_penalty == 0               ? 1
                           : worker->poll_penalty < POLL_PAUSE_MAX ? worker->poll_penalty * 2
                                                                   : POLL_PAUSE_MAX;
    worker->poll_pause = worker->poll_penalty;
}

/* Whether there is work, or a timer is due, before the worker has to sleep. */
static bool poll_for_work(osri_worker *worker, osri_scheduler *scheduler)
{
    osr_node *node = worker->node;
    if (node->scheduler_count < 2 || worker->poll_pause > 0) {
        worker->poll_pause -= worker->poll_pause > 0;
        return false;
    }
    uint64_t begin = osri_node_now(node);
    uint64_t before = begin;
    while (before - begin < POLL_NS) {
        (void)osri_attend_poll(worker);
        for (int i = 0; i < 16; i++) {
            if (has_work(worker, scheduler)) {
                worker->poll_penalty = 0;
                return true;
            }
        }
        (void)sched_yield();
        uint64_t now = osri_node_tick(node);
        if (now - before > POLL_YIELD_NS) {
            break;
        }
        if (osri_wheel_next_due(&scheduler->wheel) <= now) {
            return true;
        }
        before = now;
    }
    poll_in_vain(worker);
    return has_work(worker, scheduler);
}

/* Whether nobody has woken the worker, and there is nothing to do. */
static bool may_sleep(const osri_worker *worker, const osri_scheduler *scheduler)
{
    /* seq_cst, all: see above */
    return atomic_load_explicit(&scheduler->sleeping, memory_order_seq_cst) &&
           !osri_scheduler_has_work(scheduler) && !osri_run_queue_any(&worker->pinned) &&
           !atomic_load_explicit(&worker->node->threads->stopping, memory_order_seq_cst);
}

/* Until something is due, or comes. False: something is due. */
static bool sleep_once(osri_worker *worker, osri_scheduler *scheduler, bool rests)
{
    osr_node *node = worker->node;
    uint64_t ns = sleep_ns(scheduler);
    if (ns == 0) {
        return false;
    }
    uint64_t begin = osri_node_now(node);
    bool brought = false;
    if (rests) {
        brought = osri_attend_rest(worker, ns);
    } else {
        node->env->park(node->env->context, worker->parker, ns);
    }
    uint64_t slept = osri_node_tick(node) - begin;
    if (brought) { /* the next message will end the next sleep: no need to poll */
        worker->poll_pause = 1;
    } else if (slept < POLL_NS) { /* polling would have paid */
        worker->poll_pause = 0;
    }
    return true;
}

static void sleep_until_work(osri_worker *worker, osri_scheduler *scheduler)
{
    osr_node *node = worker->node;
    osri_threads *threads = node->threads;
    bool rests = osri_attend_lie_down(worker);
    if (!rests) {
        osri_attend_stop(worker);
    }
    atomic_fetch_add_explicit(&threads->asleep, 1, memory_order_seq_cst);
    atomic_store_explicit(&scheduler->sleeping, true, memory_order_seq_cst);
    bool goes_on = may_sleep(worker, scheduler);
    while (goes_on) { /* what comes to the distribution alone, as ticks do, is slept through */
        goes_on = sleep_once(worker, scheduler, rests) && rests && osri_attend_is_here(worker) &&
                  may_sleep(worker, scheduler);
    }
    if (rests) {
        osri_attend_get_up(worker);
    }
    atomic_store_explicit(&scheduler->sleeping, false, memory_order_seq_cst);
    atomic_fetch_sub_explicit(&threads->asleep, 1, memory_order_seq_cst);
    wake_watch(node);
}

/* ---- workers --------------------------------------------------------------------------- */

/* Says whether the watch thread may give this worker a scheduler. False: one is under way. */
static bool offer(osri_worker *worker, bool is_spare)
{
    osri_threads *threads = worker->node->threads;
    osri_mutex_lock(&threads->mutex);
    bool may =
        !worker->promised && atomic_load_explicit(&worker->scheduler, memory_order_relaxed) == NULL;
    worker->is_spare = may && is_spare;
    osri_mutex_unlock(&threads->mutex);
    return may;
}

/* Without a scheduler: runs what is pinned here, until the watch thread hands one over or the node
 * stops. While a pinned process runs, which may take long, no scheduler comes. */
static void wait_for_scheduler(osri_worker *worker)
{
    osri_threads *threads = worker->node->threads;
    const osr_env *env = worker->node->env;
    while (!atomic_load_explicit(&threads->stopping, memory_order_seq_cst) &&
           /* acquire: pairs with release in hand_over */
           atomic_load_explicit(&worker->scheduler, memory_order_acquire) == NULL) {
        bool is_idle = !osri_run_queue_any(&worker->pinned);
        if (!offer(worker, is_idle) || is_idle) {
            env->park(env->context, worker->parker, OSR_PARK_FOREVER);
        } else {
            (void)osri_worker_turn_pinned(worker);
        }
    }
}

static void worker_main(void *argument)
{
    osri_worker *worker = argument;
    osri_threads *threads = worker->node->threads;
    osri_worker_set_here(worker);
    osri_fiber_thread(&worker->fiber);
    worker->fault = osri_fault_context_here();
    worker->fault->node = worker->node->name;
    worker->fault->describe = osri_process_describe;
    worker->fault->owner = worker->node;
    worker->fault->dump = osri_flight_fault;
    while (!atomic_load_explicit(&threads->stopping, memory_order_seq_cst)) {
        osri_scheduler *scheduler = atomic_load_explicit(&worker->scheduler, memory_order_acquire);
        if (scheduler == NULL) {
            osri_attend_stop(worker);
            wait_for_scheduler(worker);
        } else if (osri_scheduler_turn(worker)) {
            osri_attend_ran(worker);
        } else if (!poll_for_work(worker, scheduler)) {
            /* the turn ran no process: the scheduler is still ours */
            sleep_until_work(worker, scheduler);
        }
    }
    osri_attend_stop(worker);
    osri_fiber_fini(&worker->fiber);
    osri_worker_set_here(NULL);
}

static osr_err worker_new(osr_node *node, osri_scheduler *scheduler, osri_worker **ret_worker)
{
    const osr_env *env = node->env;
    osri_worker *worker = osri_heap_alloc(sizeof(*worker));
    if (worker == NULL) {
        return OSR_ENOMEM;
    }
    osri_worker_init(worker, node, scheduler);
    osr_err err = env->parker_new(env->context, &worker->parker);
    if (err != OSR_OK) {
        osri_worker_fini(worker);
        osri_heap_free(worker, sizeof(*worker));
        return err;
    }
    if (scheduler != NULL) {
        osri_worker_hold(worker, scheduler);
    }
    *ret_worker = worker;
    return OSR_OK;
}

static void worker_free(osr_node *node, osri_worker *worker)
{
    node->env->parker_free(node->env->context, worker->parker);
    for (uint32_t i = 0; i < OSRI_COUNTERS; i++) {
        uint64_t value = atomic_load_explicit(&worker->counters.value[i], memory_order_relaxed);
        atomic_fetch_add_explicit(&node->outside.value[i], value, memory_order_relaxed);
    }
    osri_worker_fini(worker);
    osri_heap_free(worker, sizeof(*worker));
}

/* One with a scheduler, or a spare that one is promised to. */
static osr_err worker_add(osr_node *node, osri_scheduler *scheduler, osri_worker **ret_worker)
{
    osri_threads *threads = node->threads;
    osri_worker *worker;
    osr_err err = worker_new(node, scheduler, &worker);
    if (err != OSR_OK) {
        return err;
    }
    worker->promised = scheduler == NULL;
    char name[16];
    (void)snprintf(name, sizeof(name), "osier-run-%u", threads->thread_count++ % 1000);
    err = node->env->thread_start(node->env->context, name, worker_main, worker, &worker->thread);
    if (err != OSR_OK) {
        worker_free(node, worker);
        return err;
    }
    osri_mutex_lock(&threads->mutex);
    worker->next = threads->workers;
    threads->workers = worker;
    osri_mutex_unlock(&threads->mutex);
    if (ret_worker != NULL) {
        *ret_worker = worker;
    }
    return OSR_OK;
}

void osri_threads_count(osr_node *node, osri_counter counter, uint64_t *total)
{
    osri_threads *threads = node->threads;
    if (threads == NULL) {
        return;
    }
    osri_mutex_lock(&threads->mutex);
    for (osri_worker *worker = threads->workers; worker != NULL; worker = worker->next) {
        *total += atomic_load_explicit(&worker->counters.value[counter], memory_order_relaxed);
    }
    osri_mutex_unlock(&threads->mutex);
}

static uint64_t slots_of(const osri_worker *worker, bool given)
{
    return atomic_load_explicit(given ? &worker->slots.given : &worker->slots.taken,
                                memory_order_seq_cst);
}

uint64_t osri_workers_sum_slots(osr_node *node, bool given)
{
    osri_threads *threads = node->threads;
    uint64_t sum = slots_of(node->stepper, given);
    if (threads != NULL) {
        osri_mutex_lock(&threads->mutex);
        for (osri_worker *worker = threads->workers; worker != NULL; worker = worker->next) {
            sum += slots_of(worker, given);
        }
        osri_mutex_unlock(&threads->mutex);
    }
    return sum;
}

/* ---- the watch thread ------------------------------------------------------------------ */

static osri_worker *spare_take(osr_node *node)
{
    osri_threads *threads = node->threads;
    osri_mutex_lock(&threads->mutex);
    osri_worker *spare = threads->workers;
    while (spare != NULL && !spare->is_spare) {
        spare = spare->next;
    }
    bool may_add = spare == NULL && threads->spare_count < SPARES_MAX;
    if (spare != NULL) {
        spare->is_spare = false;
        spare->promised = true;
    }
    osri_mutex_unlock(&threads->mutex);
    if (may_add && worker_add(node, NULL, &spare) == OSR_OK) {
        osri_mutex_lock(&threads->mutex);
        threads->spare_count += 1;
        osri_mutex_unlock(&threads->mutex);
    }
    return spare;
}

static void spare_give_back(osr_node *node, osri_worker *spare)
{
    osri_mutex_lock(&node->threads->mutex);
    spare->promised = false;
    spare->is_spare = true;
    osri_mutex_unlock(&node->threads->mutex);
    node->env->unpark(node->env->context, spare->parker); /* it may have something pinned to run */
}

/* It is named once a turn. */
static void name_stuck(osr_node *node, osri_watched *watched, const osr_self *process,
                       osr_log_level level, const char *and_so)
{
    char pid[OSR_PID_TEXT_BYTES];
    if (watched->is_named) {
        return;
    }
    watched->is_named = true;
    osr_pid_print(osri_process_pid(process), pid);
    const osr_type *type = atomic_load_explicit(&process->handling, memory_order_relaxed);
    osr_event event = {.kind = OSR_EVENT_LONG_SCHEDULE,
                       .slot = process->slot,
                       .generation = osri_process_pid(process).generation,
                       .what = type == NULL ? NULL : type->name};
    osri_event(node, &event);
    osri_log_write(&node->log, level, "long_schedule: process %s runs for over %u ms%s%s; %s", pid,
                   (unsigned)(STUCK_LOOKS * WATCH_NS / OSRI_TICK_NS),
                   type == NULL ? "" : " in the handler of ", type == NULL ? "" : type->name,
                   and_so);
}

static void name_running(osri_scheduler *scheduler, osri_watched *watched, osr_log_level level,
                         const char *and_so)
{
    name_stuck(scheduler->node, watched,
               atomic_load_explicit(&scheduler->running, memory_order_relaxed), level, and_so);
}

/* Takes the scheduler from a worker that is in a turn, unless the turn ends first. */
static void hand_over(osri_scheduler *scheduler, osri_watched *watched)
{
    uintptr_t holder = atomic_load_explicit(&scheduler->holder, memory_order_acquire);
    if ((holder & OSRI_IN_TURN) == 0) {
        return;
    }
    osr_node *node = scheduler->node;
    osri_worker *spare = spare_take(node);
    if (spare == NULL) {
        name_running(scheduler, watched, OSR_LOG_WARNING,
                     "there is no thread that its scheduler could go on with, so what waits for "
                     "that waits until it returns");
        return;
    }
    osri_next_user *user = osri_run_queue_close_next(&scheduler->queue);
    /* acq_rel: acquire pairs with release in run(); release: pairs with the failed exchange there
     */
    if (!atomic_compare_exchange_strong_explicit(&scheduler->holder, &holder, (uintptr_t)spare,
                                                 memory_order_acq_rel, memory_order_relaxed)) {
        osri_run_queue_open_next(&scheduler->queue, user);
        spare_give_back(node, spare);
        return;
    }
    osri_run_queue_open_next(&scheduler->queue, &spare->next_user);
    osri_attend_stop((osri_worker *)(holder & ~OSRI_IN_TURN)); /* nobody watches it any more */
    osri_chain_turn_off(&((osri_worker *)(holder & ~OSRI_IN_TURN))->chain);
    name_running(scheduler, watched, OSR_LOG_INFO, "its scheduler goes on elsewhere");
    osri_mutex_lock(&node->threads->mutex);
    spare->promised = false;
    /* release: pairs with acquire in wait_for_scheduler */
    atomic_store_explicit(&spare->scheduler, scheduler, memory_order_release);
    osri_mutex_unlock(&node->threads->mutex);
    node->env->unpark(node->env->context, spare->parker);
}

/* Its turn lasts: what lies in `next` is not to wait for its end. */
static void share_next(osri_scheduler *scheduler)
{
    if (!osri_run_queue_any(&scheduler->queue)) {
        return;
    }
    osri_next_user *user = osri_run_queue_close_next(&scheduler->queue);
    if (user != NULL) {
        osri_run_queue_share_next(&scheduler->queue);
        osri_run_queue_open_next(&scheduler->queue, user);
    }
    osri_threads_wake_one(scheduler->node);
}

/* Whether it is time to do something about a turn that lasts, again and again while it does. */
static bool is_stuck(osri_watched *watched)
{
    watched->looks = watched->looks + 1 < STUCK_LOOKS ? watched->looks + 1 : 0;
    return watched->looks == 0;
}

/* Whether it is in the same turn as when we looked before. */
static bool lasts(osri_watched *watched, uint64_t turns, bool in_turn)
{
    if (in_turn && turns == watched->turns) {
        return true;
    }
    *watched = (osri_watched){.turns = turns};
    return false;
}

static void watch_scheduler(osri_threads *threads, osri_scheduler *scheduler)
{
    osri_watched *watched = &threads->watched[scheduler->index];
    uint64_t turns = atomic_load_explicit(&scheduler->turns, memory_order_relaxed);
    uintptr_t holder = atomic_load_explicit(&scheduler->holder, memory_order_relaxed);
    if (!lasts(watched, turns, (holder & OSRI_IN_TURN) != 0)) {
        return;
    }
    osri_attend_stop((osri_worker *)(holder & ~OSRI_IN_TURN));
    share_next(scheduler);
    if (is_stuck(watched)) {
        hand_over(scheduler, watched);
    }
}

/* What is pinned keeps its thread, so all that can be done is to say so. */
static void watch_alone(osri_worker *worker)
{
    const osr_self *process = atomic_load_explicit(&worker->alone, memory_order_relaxed);
    uint64_t turns = atomic_load_explicit(&worker->alone_turns, memory_order_relaxed);
    if (lasts(&worker->alone_watched, turns, process != NULL) && is_stuck(&worker->alone_watched)) {
        name_stuck(worker->node, &worker->alone_watched, process, OSR_LOG_INFO,
                   "what is pinned to the same thread waits until it returns");
    }
}

static void watch_workers(osri_threads *threads)
{
    osri_mutex_lock(&threads->mutex);
    osri_worker *worker = threads->workers; /* they stay as long as this thread */
    osri_mutex_unlock(&threads->mutex);
    for (; worker != NULL; worker = worker->next) {
        osri_chain_watch(&worker->chain);
        watch_alone(worker);
    }
}

void osri_threads_run_alone(osri_worker *worker, osr_self *process)
{
    osri_threads *threads = worker->node->threads;
    /* relaxed: hints for the watch thread */
    atomic_store_explicit(&worker->alone, process, memory_order_relaxed);
    if (process == NULL) {
        atomic_fetch_sub_explicit(&threads->alone, 1, memory_order_seq_cst);
        return;
    }
    uint64_t turns = atomic_load_explicit(&worker->alone_turns, memory_order_relaxed);
    atomic_store_explicit(&worker->alone_turns, turns + 1, memory_order_relaxed);
    /* seq_cst: the watch thread sees it before it sleeps, or we see its mark */
    atomic_fetch_add_explicit(&threads->alone, 1, memory_order_seq_cst);
    wake_watch(worker->node);
}

static bool all_asleep(const osr_node *node)
{
    return atomic_load_explicit(&node->threads->asleep, memory_order_seq_cst) ==
               node->scheduler_count &&
           atomic_load_explicit(&node->threads->alone, memory_order_seq_cst) == 0;
}

static void watch_main(void *argument)
{
    osr_node *node = argument;
    osri_threads *threads = node->threads;
    const osr_env *env = node->env;
    while (!atomic_load_explicit(&threads->stopping, memory_order_seq_cst)) {
        /* Marked only for a sleep without an end: a nap that every wake of a worker cut short would
         * take short turns for stuck ones. */
        bool is_idle = all_asleep(node);
        if (is_idle) {
            atomic_store_explicit(&threads->watch_asleep, true, memory_order_seq_cst);
            is_idle = all_asleep(node);
        }
        env->park(env->context, threads->watch_parker, is_idle ? OSR_PARK_FOREVER : WATCH_NS);
        atomic_store_explicit(&threads->watch_asleep, false, memory_order_seq_cst);
        (void)osri_node_tick(node);
        for (uint32_t i = 0; i < node->scheduler_count; i++) {
            watch_scheduler(threads, &node->schedulers[i]);
        }
        watch_workers(threads);
    }
}

/* ---- start and stop -------------------------------------------------------------------- */

static void threads_free(osr_node *node)
{
    osri_threads *threads = node->threads;
    node->threads = NULL;
    node->env->parker_free(node->env->context, threads->watch_parker);
    osri_heap_free(threads->watched, node->scheduler_count * sizeof(osri_watched));
    osri_mutex_fini(&threads->mutex);
    osri_heap_free(threads, sizeof(*threads));
}

static osr_err threads_new(osr_node *node)
{
    osri_threads *threads = osri_heap_zalloc(sizeof(*threads));
    if (threads == NULL) {
        return OSR_ENOMEM;
    }
    osri_mutex_init(&threads->mutex, OSRI_RANK_NODE);
    node->threads = threads;
    threads->watched = osri_heap_zalloc(node->scheduler_count * sizeof(osri_watched));
    if (threads->watched == NULL ||
        node->env->parker_new(node->env->context, &threads->watch_parker) != OSR_OK) {
        threads_free(node);
        return OSR_ENOMEM;
    }
    return OSR_OK;
}

osr_err osri_threads_start(osr_node *node)
{
    if (node->env->thread_start == NULL) {
        return OSR_ENOTSUP;
    }
    if (node->threads != NULL) {
        return OSR_EINVAL;
    }
    osr_err err = threads_new(node);
    for (uint32_t i = 0; err == OSR_OK && i < node->scheduler_count; i++) {
        err = worker_add(node, &node->schedulers[i], NULL);
    }
    if (err == OSR_OK) {
        err = node->env->thread_start(node->env->context, "osier-watch", watch_main, node,
                                      &node->threads->watch_thread);
    }
    if (err != OSR_OK && node->threads != NULL) {
        osri_threads_stop(node);
    }
    return err;
}

void osri_threads_let_go(osr_node *node)
{
    osri_threads *threads = node->threads;
    const osr_env *env = node->env;
    if (threads == NULL) {
        return;
    }
    atomic_store_explicit(&threads->stopping, true, memory_order_seq_cst);
    if (threads->watch_thread != NULL) { /* before the workers: it makes them */
        env->unpark(env->context, threads->watch_parker);
        env->thread_join(env->context, threads->watch_thread);
        threads->watch_thread = NULL;
    }
    for (osri_worker *worker = threads->workers; worker != NULL; worker = worker->next) {
        env->unpark(env->context, worker->parker);
    }
}

void osri_threads_stop(osr_node *node)
{
    osri_threads *threads = node->threads;
    const osr_env *env = node->env;
    if (threads == NULL) {
        return;
    }
    osri_threads_let_go(node);
    osri_worker *next;
    for (osri_worker *worker = threads->workers; worker != NULL; worker = next) {
        next = worker->next;
        env->thread_join(env->context, worker->thread);
        worker_free(node, worker);
    }
    threads->workers = NULL;
    for (uint32_t i = 0; i < node->scheduler_count; i++) {
        osri_run_queue_open_next(&node->schedulers[i].queue, NULL);
        atomic_store_explicit(&node->schedulers[i].holder, (uintptr_t)0, memory_order_release);
    }
    threads_free(node);
}
