/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/heap.h"
#include "lib/scheduler/scheduler.h"

/* Helper threads for code that blocks: made on demand, up to the node's .blocking_max; the rest
 * waits in a queue. A node that is stepped has no threads: the code runs at once, in the step. */

#define HELPERS_DEFAULT 16

typedef struct job {
    struct job *next;
    osr_self *process;
    osri_envelope *wake; /* made beforehand, so that nothing can fail at the end */
    void (*run)(void *argument);
    void *argument;
} job;

typedef struct helper {
    struct helper *next; /* all helpers */
    osri_blocking_pool *pool;
    osr_parker *parker;
    void *thread;
    bool waits; /* guarded_by: pool->mutex */
} helper;

struct osri_blocking_pool {
    osr_node *node;
    osri_mutex mutex;      /* OSRI_RANK_BLOCKING */
    job *first, *last;     /* guarded_by: mutex */
    helper *helpers;       /* guarded_by: mutex */
    uint32_t helper_count; /* guarded_by: mutex */
    uint32_t helpers_max;
    bool stopping; /* guarded_by: mutex */
};

osr_err osri_blocking_pool_new(osr_node *node, uint32_t helpers_max)
{
    osri_blocking_pool *pool = osri_heap_zalloc(sizeof(*pool));
    if (pool == NULL) {
        return OSR_ENOMEM;
    }
    osri_mutex_init(&pool->mutex, OSRI_RANK_BLOCKING);
    pool->node = node;
    pool->helpers_max = helpers_max != 0 ? helpers_max : HELPERS_DEFAULT;
    node->blocking = pool;
    return OSR_OK;
}

/* The push is the last thing done with the process: whoever takes the signal may end it. It cannot
 * have ended before, since it does not go on without this signal. */
static void done(osr_self *process, osri_envelope *wake)
{
    if (!osri_process_push(process, wake)) {
        osri_envelope_free(&wake);
    }
}

static osr_err wake_new(const osr_self *process, osri_envelope **ret_wake)
{
    osr_pid pid = osri_process_pid(process);
    osr_err err = osri_signal_new(OSRI_SIGNAL_WAKE, pid, 0, NULL, NULL, ret_wake);
    if (err == OSR_OK) {
        (*ret_wake)->to_slot = pid.slot;
        (*ret_wake)->to_generation = pid.generation;
    }
    return err;
}

static job *job_take_locked(osri_blocking_pool *pool)
{
    job *work = pool->first;
    if (work != NULL) {
        pool->first = work->next;
        if (pool->first == NULL) {
            pool->last = NULL;
        }
    }
    return work;
}

static void helper_main(void *argument)
{
    helper *me = argument;
    osri_blocking_pool *pool = me->pool;
    const osr_env *env = pool->node->env;
    for (;;) {
        osri_mutex_lock(&pool->mutex);
        job *work = job_take_locked(pool);
        bool stopping = pool->stopping;
        me->waits = work == NULL;
        osri_mutex_unlock(&pool->mutex);
        if (work != NULL) {
            work->run(work->argument);
            osr_self *process = work->process;
            osri_envelope *wake = work->wake;
            osri_heap_free(work, sizeof(*work));
            done(process, wake);
        } else if (stopping) {
            return;
        } else {
            env->park(env->context, me->parker, OSR_PARK_FOREVER);
        }
    }
}

static osr_err helper_add(osri_blocking_pool *pool)
{
    const osr_env *env = pool->node->env;
    helper *me = osri_heap_zalloc(sizeof(*me));
    if (me == NULL) {
        return OSR_ENOMEM;
    }
    me->pool = pool;
    osr_err err = env->parker_new(env->context, &me->parker);
    if (err == OSR_OK) {
        err = env->thread_start(env->context, "osier-block", helper_main, me, &me->thread);
    }
    if (err != OSR_OK) {
        env->parker_free(env->context, me->parker);
        osri_heap_free(me, sizeof(*me));
        return err;
    }
    osri_mutex_lock(&pool->mutex);
    me->next = pool->helpers;
    pool->helpers = me;
    osri_mutex_unlock(&pool->mutex);
    return OSR_OK;
}

/* Queues the job and says who is to be woken, or that one more helper is wanted. */
static helper *job_put(osri_blocking_pool *pool, job *work, bool *ret_add)
{
    osri_mutex_lock(&pool->mutex);
    if (pool->last != NULL) {
        pool->last->next = work;
    } else {
        pool->first = work;
    }
    pool->last = work;
    helper *idle = pool->helpers;
    while (idle != NULL && !idle->waits) {
        idle = idle->next;
    }
    if (idle != NULL) {
        idle->waits = false;
    }
    *ret_add = idle == NULL && pool->helper_count < pool->helpers_max;
    pool->helper_count += *ret_add ? 1 : 0;
    osri_mutex_unlock(&pool->mutex);
    return idle;
}

/* Takes back a job that no helper can be found for; false when one has taken it already. */
static bool job_take_back(osri_blocking_pool *pool, job *work)
{
    bool found = false;
    osri_mutex_lock(&pool->mutex);
    pool->helper_count -= 1;
    job *previous = NULL;
    for (job *at = pool->first; at != NULL && pool->helpers == NULL; at = at->next) {
        if (at == work) {
            *(previous == NULL ? &pool->first : &previous->next) = at->next;
            pool->last = at->next == NULL ? previous : pool->last;
            found = true;
            break;
        }
        previous = at;
    }
    osri_mutex_unlock(&pool->mutex);
    return found;
}

/* Takes *work, except on errors. */
static osr_err submit(osr_node *node, job *work)
{
    bool add;
    helper *idle = job_put(node->blocking, work, &add);
    if (idle != NULL) {
        node->env->unpark(node->env->context, idle->parker);
    }
    osr_err err = add ? helper_add(node->blocking) : OSR_OK;
    return err != OSR_OK && job_take_back(node->blocking, work) ? err : OSR_OK;
}

osr_err osri_blocking_run(osr_self *process, void (*run)(void *argument), void *argument)
{
    osri_envelope *wake;
    osr_err err = wake_new(process, &wake);
    if (err != OSR_OK) {
        return err;
    }
    if (process->node->threads == NULL) {
        run(argument);
        done(process, wake);
        return OSR_OK;
    }
    job *work = osri_heap_zalloc(sizeof(*work));
    if (work == NULL) {
        osri_envelope_free(&wake);
        return OSR_ENOMEM;
    }
    work->process = process;
    work->wake = wake;
    work->run = run;
    work->argument = argument;
    err = submit(process->node, work);
    if (err != OSR_OK) {
        osri_envelope_free(&wake);
        osri_heap_free(work, sizeof(*work));
    }
    return err;
}

void osri_blocking_pool_free(osr_node *node)
{
    osri_blocking_pool *pool = node->blocking;
    if (pool == NULL) {
        return;
    }
    const osr_env *env = node->env;
    osri_mutex_lock(&pool->mutex);
    pool->stopping = true;
    osri_mutex_unlock(&pool->mutex);
    helper *next;
    for (helper *at = pool->helpers; at != NULL; at = next) {
        next = at->next;
        env->unpark(env->context, at->parker);
        env->thread_join(env->context, at->thread);
        env->parker_free(env->context, at->parker);
        osri_heap_free(at, sizeof(*at));
    }
    osri_mutex_fini(&pool->mutex);
    osri_heap_free(pool, sizeof(*pool));
    node->blocking = NULL;
}
