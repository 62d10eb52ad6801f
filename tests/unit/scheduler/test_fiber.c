/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/scheduler/fiber.h"

#include <check.h>
#include <execinfo.h>
#include <fenv.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/heap.h"
#include "lib/scheduler/stack.h"

static osri_stack_pool pool;
static osri_stack_cache cache;
static osri_fiber home; /* the test's own thread */

static void set_up(void)
{
    osri_stack_pool_init(&pool, NULL);
    osri_stack_cache_init(&cache, &pool);
    osri_fiber_thread(&home);
}

static void tear_down(void)
{
    osri_fiber_fini(&home);
    osri_stack_cache_fini(&cache);
    osri_stack_pool_fini(&pool);
    ck_assert_uint_eq(osri_heap_live_blocks(), 0);
}

static osri_stack *take(void)
{
    osri_stack *stack = NULL;

    ck_assert_int_eq(osri_stack_take(&cache, 0, &stack), OSR_OK);
    return stack;
}

typedef struct counter {
    osri_fiber *self;
    int steps;
    int wanted;
} counter;

static void count_steps(void *argument)
{
    counter *mine = argument;

    while (mine->steps < mine->wanted) {
        mine->steps++;
        osri_fiber_switch(mine->self, &home);
    }
}

/* A fiber goes on where it switched away, and is done only when its function returns. */
START_TEST(fiber_goes_on_where_it_left)
{
    osri_stack *stack = take();
    counter mine = {.wanted = 3};

    mine.self = osri_stack_start(stack, count_steps, &mine);
    for (int i = 1; i <= 3; i++) {
        osri_fiber_switch(&home, mine.self);
        ck_assert_int_eq(mine.steps, i);
        ck_assert(!osri_fiber_is_done(mine.self));
    }
    osri_fiber_switch(&home, mine.self);
    ck_assert(osri_fiber_is_done(mine.self));
    osri_stack_give(&cache, &stack);
    ck_assert_ptr_null(stack);
}
END_TEST

/* A stack whose fiber is done runs another function, as often as wanted. */
START_TEST(done_fiber_runs_again)
{
    osri_stack *stack = take();
    counter mine = {.wanted = 0};

    for (int i = 0; i < 1000; i++) {
        mine.wanted = i % 3;
        mine.steps = 0;
        mine.self = osri_stack_start(stack, count_steps, &mine);
        do {
            osri_fiber_switch(&home, mine.self);
        } while (!osri_fiber_is_done(mine.self));
        ck_assert_int_eq(mine.steps, i % 3);
    }
    osri_stack_give(&cache, &stack);
}
END_TEST

static void leave_a_large_frame(void *argument)
{
    counter *mine = argument;
    char frame[4096];

    memset(frame, 0x5a, sizeof(frame));
    mine->steps += frame[mine->steps] == 0x5a;
    osri_fiber_switch(mine->self, &home);
    ck_assert_int_eq(frame[0], 0); /* never reached */
}

/* A fiber that is given up in its middle leaves a stack on which others run. */
START_TEST(abandoned_stack_is_used_again)
{
    counter mine = {.wanted = 2};

    for (int i = 0; i < 100; i++) {
        osri_stack *stack = take();

        mine.steps = 0;
        mine.self = osri_stack_start(stack, i % 2 == 0 ? leave_a_large_frame : count_steps, &mine);
        osri_fiber_switch(&home, mine.self);
        ck_assert_int_eq(mine.steps, 1);
        osri_stack_give(&cache, &stack);
    }
}
END_TEST

/* init and fini work on a fiber of one's own too, also when it never ran. */
START_TEST(own_fiber_on_a_lent_stack)
{
    osri_stack *stack = take();
    counter mine = {.wanted = 1};
    osri_fiber own;

    osri_fiber_init(&own, stack, count_steps, &mine);
    osri_fiber_fini(&own);
    osri_fiber_init(&own, stack, count_steps, &mine);
    mine.self = &own;
    osri_fiber_switch(&home, &own);
    osri_fiber_switch(&home, &own);
    ck_assert(osri_fiber_is_done(&own));
    osri_fiber_fini(&own);
    osri_fiber_fini(&own);
    osri_stack_give(&cache, &stack);
}
END_TEST

/* What the arithmetic does: on x86-64 it obeys another register than fegetround() reads. */
static bool is_rounding_up(void)
{
    volatile double one = 1.0;
    volatile double tiny = 1e-30;
    volatile double sum = one + tiny;

    return sum > one;
}

static void round_upwards(void *argument)
{
    osri_fiber *self = argument;

    ck_assert(!is_rounding_up());
    fesetround(FE_UPWARD);
    osri_fiber_switch(self, &home);
    ck_assert_int_eq(fegetround(), FE_UPWARD);
    ck_assert(is_rounding_up());
    fesetround(FE_TONEAREST);
}

/* The rounding mode belongs to the fiber. */
START_TEST(rounding_mode_stays_with_the_fiber)
{
    osri_stack *stack = take();
    osri_fiber *fiber = &stack->fiber;

    osri_stack_start(stack, round_upwards, fiber);
    osri_fiber_switch(&home, fiber);
    ck_assert_int_eq(fegetround(), FE_TONEAREST);
    ck_assert(!is_rounding_up());
    osri_fiber_switch(&home, fiber);
    ck_assert(osri_fiber_is_done(fiber));
    osri_stack_give(&cache, &stack);
}
END_TEST

typedef struct registers {
    osri_fiber *self;
    unsigned long base;
    unsigned long sum;
    double real;
} registers;

/* More values live across the switch than there are callee-saved registers. */
static void keep_values(registers *mine, osri_fiber *from, osri_fiber *to)
{
    unsigned long a = mine->base + 1, b = a * 3, c = b * 5, d = c * 7, e = d * 11, f = e * 13;
    double x = (double)a / 3, y = (double)b / 7;

    for (int i = 0; i < 100; i++) {
        osri_fiber_switch(from, to);
        a++, b += a, c ^= b, d += c, e ^= d, f += e;
        x = x * 0.5 + (double)(a % 5), y += x;
    }
    mine->sum = a + b + c + d + e + f;
    mine->real = x + y;
}

static void keep_in_fiber(void *argument)
{
    registers *mine = argument;

    keep_values(mine, mine->self, &home);
}

/* Values that live in registers survive the switch on both sides. */
START_TEST(registers_survive)
{
    osri_stack *stack = take();
    registers inner = {.self = &stack->fiber, .base = 1000};
    registers outer = {.base = 1000};
    registers other = {.self = &stack->fiber, .base = 77};

    osri_stack_start(stack, keep_in_fiber, &inner);
    keep_values(&other, &home, inner.self);
    osri_fiber_switch(&home, inner.self);
    ck_assert(osri_fiber_is_done(inner.self));
    keep_values(&outer, &home, osri_stack_start(stack, keep_in_fiber, &other));
    ck_assert_uint_eq(inner.sum, outer.sum);
    ck_assert(inner.real == outer.real);
    osri_fiber_switch(&home, inner.self);
    osri_stack_give(&cache, &stack);
}
END_TEST

static void take_backtrace(void *argument)
{
    void *frames[64];

    *(int *)argument = backtrace(frames, 64);
}

/* A backtrace within a fiber ends at the fiber's first frame. */
START_TEST(backtrace_ends_in_the_fiber)
{
    osri_stack *stack = take();
    int depth = 0;

    osri_fiber_switch(&home, osri_stack_start(stack, take_backtrace, &depth));
    ck_assert_int_ge(depth, 2);
    ck_assert_int_le(depth, 10);
    osri_stack_give(&cache, &stack);
}
END_TEST

#define THREADS 4
#define TASKS 32
#define YIELDS 200

typedef struct task {
    osri_stack *stack;
    osri_fiber *resumer; /* written by the thread that resumes */
    pthread_t last;
    int yields;
    int runs;
    struct task *next;
} task;

/* A run queue of tasks; a thread gets only those that another one had last. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    task *first; /* guarded_by: mutex, as all that follows */
    task **end;
    int unfinished;
} queue = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void enqueue(task *ready, int finished)
{
    pthread_mutex_lock(&queue.mutex);
    if (ready != NULL) {
        ready->next = NULL;
        *queue.end = ready;
        queue.end = &ready->next;
    }
    queue.unfinished -= finished;
    pthread_cond_broadcast(&queue.changed);
    pthread_mutex_unlock(&queue.mutex);
}

static task *find_foreign_locked(void)
{
    for (task **at = &queue.first; *at != NULL; at = &(*at)->next) {
        task *found = *at;

        if (found->runs == 0 || !pthread_equal(found->last, pthread_self())) {
            *at = found->next;
            queue.end = found->next == NULL ? at : queue.end;
            return found;
        }
    }
    return NULL;
}

static task *dequeue(void)
{
    task *ready;

    pthread_mutex_lock(&queue.mutex);
    while ((ready = find_foreign_locked()) == NULL && queue.unfinished > 0) {
        pthread_cond_wait(&queue.changed, &queue.mutex);
    }
    pthread_mutex_unlock(&queue.mutex);
    return ready;
}

static void wander(void *argument)
{
    task *mine = argument;
    volatile char frame[256];

    for (int i = 0; i < YIELDS; i++) {
        frame[i % 256] = (char)i;
        mine->yields++;
        osri_fiber_switch(&mine->stack->fiber, mine->resumer);
        ck_assert_int_eq(frame[i % 256], (char)i);
    }
}

static void *resume_tasks(void *argument)
{
    osri_fiber thread_home;
    task *ready;

    osri_fiber_thread(&thread_home);
    while ((ready = dequeue()) != NULL) {
        ready->last = pthread_self();
        ready->runs++;
        ready->resumer = &thread_home;
        osri_fiber_switch(&thread_home, &ready->stack->fiber);
        if (!osri_fiber_is_done(&ready->stack->fiber)) {
            enqueue(ready, 0);
        } else if (ready->yields == YIELDS) { /* once more, on the same stack */
            osri_stack_start(ready->stack, wander, ready);
            enqueue(ready, 0);
        } else {
            enqueue(NULL, 1);
        }
    }
    osri_fiber_fini(&thread_home);
    return argument;
}

/* Fibers are resumed by four threads in turn, thousands of times, and each keeps its frames. */
START_TEST(fibers_migrate_between_threads)
{
    static task tasks[TASKS];
    pthread_t threads[THREADS];

    queue.end = &queue.first;
    queue.unfinished = TASKS;
    for (int i = 0; i < TASKS; i++) {
        tasks[i].stack = take();
        osri_stack_start(tasks[i].stack, wander, &tasks[i]);
        enqueue(&tasks[i], 0);
    }
    for (int i = 0; i < THREADS; i++) {
        ck_assert_int_eq(pthread_create(&threads[i], NULL, resume_tasks, NULL), 0);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    for (int i = 0; i < TASKS; i++) {
        ck_assert_int_eq(tasks[i].yields, 2 * YIELDS);
        ck_assert_int_eq(tasks[i].runs, 2 * YIELDS + 2); /* each on another thread than the last */
        osri_stack_give(&cache, &tasks[i].stack);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fiber");
    TCase *tests = tcase_create("fiber");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, fiber_goes_on_where_it_left);
    tcase_add_test(tests, done_fiber_runs_again);
    tcase_add_test(tests, abandoned_stack_is_used_again);
    tcase_add_test(tests, own_fiber_on_a_lent_stack);
    tcase_add_test(tests, rounding_mode_stays_with_the_fiber);
    tcase_add_test(tests, registers_survive);
    tcase_add_test(tests, backtrace_ends_in_the_fiber);
    tcase_add_test(tests, fibers_migrate_between_threads);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
