/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include "lib/core/once.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/core/assert.h"
#include "osier/env.h"
#include "tests/unit/core/child.h"

static void print_pid(const void *process, char *ret_text, size_t bytes)
{
    size_t length = strlen(process) + 1;

    memcpy(ret_text, process, length < bytes ? length : bytes);
}

static void describe(void)
{
    *osri_fault_context_here() = (osri_fault_context){.node = "store@host",
                                                      .process_print = print_pid,
                                                      .process = "<17.2>",
                                                      .name = "led\nger",
                                                      .handler = "ledger",
                                                      .message = "booking"};
}

/* The kernel reports it as a fault of the thread; written so that no compiler looks through. */
static void touch(uintptr_t address)
{
    volatile char *volatile place = (char *)address;

    *place = 1;
}

static void fault_in_process(void)
{
    osri_fault_install();
    osri_fault_thread_begin();
    describe();
    touch(0x40);
}

/* The line says node, process, name, handler, message, signal and address; then the signal
 * kills. */
START_TEST(fault_names_what_was_running)
{
    child_end end;

    child_run(fault_in_process, &end);
    ck_assert_int_eq(end.signal, SIGSEGV);
    child_assert_line(&end,
                      "osier: node store@host: process <17.2> \"led\\nger\" in handler ledger "
                      "(message booking): SIGSEGV at 0x40");
}
END_TEST

static void fault_outside(void)
{
    osri_fault_install();
    touch(0x50);
}

/* Where nothing is known the line still has the signal and the address. */
START_TEST(fault_outside_a_process)
{
    child_end end;

    child_run(fault_outside, &end);
    ck_assert_int_eq(end.signal, SIGSEGV);
    child_assert_line(&end, "osier: SIGSEGV at 0x50");
}
END_TEST

static void fault_in_guard(void)
{
    osri_fault_context *here = osri_fault_context_here();

    osri_fault_install();
    describe();
    here->name = NULL;
    here->stack_low = (void *)(uintptr_t)0x3000;
    here->stack_bytes = 65536;
    here->guard_bytes = 0x1000;
    touch(0x2fff);
}

static void fault_below_guard(void)
{
    osri_fault_context *here = osri_fault_context_here();

    osri_fault_install();
    here->stack_low = (void *)(uintptr_t)0x3000;
    here->guard_bytes = 0x1000;
    touch(0x1fff);
}

/* A fault in the guard is called a stack overflow, one beside it is not. */
START_TEST(fault_in_the_guard_is_a_stack_overflow)
{
    child_end end;

    child_run(fault_in_guard, &end);
    ck_assert_int_eq(end.signal, SIGSEGV);
    child_assert_line(&end, "osier: node store@host: process <17.2> in handler ledger (message "
                            "booking): SIGSEGV at 0x2fff: stack overflow (stack of 64 KiB; raise "
                            "it with .stack_bytes)");
    child_run(fault_below_guard, &end);
    child_assert_line(&end, "osier: SIGSEGV at 0x1fff");
}
END_TEST

static void say_previous(int number)
{
    ssize_t written = write(STDERR_FILENO, "previous\n", 9);

    (void)number;
    (void)written;
}

static void fault_with_previous(void)
{
    signal(SIGSEGV, say_previous);
    osri_fault_install();
    osri_fault_install(); /* the second does nothing: otherwise it would chain to itself */
    touch(0x60);
}

/* The handler that was there before is called after the line, and does not resume the program. */
START_TEST(previous_handler_is_called_and_nothing_resumes)
{
    child_end end;

    child_run(fault_with_previous, &end);
    ck_assert_int_eq(end.signal, SIGSEGV);
    ck_assert_str_eq(end.output, "osier: SIGSEGV at 0x60\nprevious\n");
}
END_TEST

static void abort_itself(void)
{
    osri_fault_install();
    describe();
    abort();
}

static void fail_assertion(void)
{
    volatile int rods = 2;

    osri_fault_install();
    OSR_ASSERT(rods == 2);
    OSR_ASSERT_DEBUG(rods == 2);
    OSR_ASSERT(rods == 3);
}

/* An abort is reported without an address; a failed assertion gives one line of its own. */
START_TEST(abort_and_assertion_give_one_line)
{
    child_end end;

    child_run(abort_itself, &end);
    ck_assert_int_eq(end.signal, SIGABRT);
    child_assert_line(&end, "osier: node store@host: process *(message booking): SIGABRT");
    child_run(fail_assertion, &end);
    ck_assert_int_eq(end.signal, SIGABRT);
    child_assert_line(&end, "osier: assertion failed: rods == 3 at *test_once.c:*");
}
END_TEST

static _Atomic int waiting;

static void fault_together(void *argument)
{
    (void)argument;
    describe();
    atomic_fetch_add(&waiting, 1);
    while (atomic_load(&waiting) < 3) {
    }
    touch(0x70);
}

static void fault_in_three_threads(void)
{
    const osr_env *env = osr_env_real();
    void *threads[3];

    osri_fault_install();
    for (int i = 0; i < 3; i++) {
        if (env->thread_start(env->context, "f", fault_together, NULL, &threads[i]) != OSR_OK) {
            _exit(1);
        }
    }
    env->thread_join(env->context, threads[0]);
}

/* Threads that fault at the same time give one line together. */
START_TEST(simultaneous_faults_give_one_line)
{
    child_end end;

    child_run(fault_in_three_threads, &end);
    ck_assert_int_eq(end.signal, SIGSEGV);
    child_assert_line(&end, "osier: node store@host: process *: SIGSEGV at 0x70");
}
END_TEST

/* The guards that may be made are limited, and what is released can be reserved again. */
START_TEST(guard_budget_is_bounded)
{
    size_t taken = 0;

    while (osri_guard_reserve(100)) {
        taken += 100;
        ck_assert_uint_lt(taken, 1u << 30);
    }
    ck_assert_uint_gt(taken, 0);
    osri_guard_release(100);
    ck_assert(osri_guard_reserve(100));
    ck_assert(!osri_guard_reserve(100));
    osri_guard_release(taken);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("once");
    TCase *tests = tcase_create("once");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, fault_names_what_was_running);
    tcase_add_test(tests, fault_outside_a_process);
    tcase_add_test(tests, fault_in_the_guard_is_a_stack_overflow);
    tcase_add_test(tests, previous_handler_is_called_and_nothing_resumes);
    tcase_add_test(tests, abort_and_assertion_give_one_line);
    tcase_add_test(tests, simultaneous_faults_give_one_line);
    tcase_add_test(tests, guard_budget_is_bounded);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
