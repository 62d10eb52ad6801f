/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_CORE_ONCE_H
#define OSR_CORE_ONCE_H

#include <stdbool.h>
#include <stddef.h>

/* What there is only one of in an OS process, whatever the number of nodes: the fault handler, and
 * the budget of memory mappings that guards may use.
 *
 * After a memory fault, a stack overflow or a failed assertion nothing resumes: one line is written
 * to standard error,
 *   osier: node NAME: process PID "name" in handler X (message Y): SIGSEGV at 0x…
 * with what is known of it, then the signal takes its course. */

/* What the thread is doing, for that line. The strings are lent as long as they stand here; NULL is
 * "not known". The owner thread alone writes; its signal handler reads. */
typedef struct osri_fault_context {
    const char *node;
    /* Fills in the fields below from `process` when they are needed: a switch then costs one store.
     * Async-signal-safe. NULL: they stand here already. */
    void (*describe)(const void *process, struct osri_fault_context *context);
    const void *process; /* the one that runs; NULL: none */
    /* Prints its pid: async-signal-safe, always terminates. NULL: no process runs. */
    void (*process_print)(const void *process, char *ret_text, size_t bytes);
    const char *name;      /* registered name */
    const char *handler;   /* e.g. "counter" */
    const char *message;   /* type of the message in work */
    const void *stack_low; /* lowest usable byte of the lent stack; NULL: the thread's own */
    size_t stack_bytes;
    size_t guard_bytes; /* below stack_low */
    /* Writes what else is known of `owner`, after the line, which it is given without its newline.
     * Async-signal-safe. NULL: nothing is. */
    void (*dump)(const void *owner, const char *line);
    const void *owner;
} osri_fault_context;

/* The calling thread's context, all zero at first. Never keep the pointer across a fiber switch:
 * the fiber may come back on another thread. */
osri_fault_context *osri_fault_context_here(void);

/* Catches SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT for the whole OS process. What was installed
 * before is called after the line; when there was nothing, or it returns, the default action ends
 * the program with the same signal. For osr_main and tests: libraries do not change dispositions.
 * Once; later calls do nothing. Threads: any. */
void osri_fault_install(void);

/* Gives the calling thread an alternate signal stack, without which a stack overflow could not be
 * reported; `end` takes it back before the thread ends, on the same thread. osr_env_real's threads
 * do both. Out of memory leaves the thread without one. */
void osri_fault_thread_begin(void);
void osri_fault_thread_end(void);

/* End the program now: one line, then SIGABRT. */
_Noreturn void osri_fault_assert(const char *fact, const char *file, int line);
_Noreturn void osri_fault_stack_overflow(size_t stack_bytes);

/* Takes `count` guards made by mprotect (two mappings each) from the OS process's budget, a quarter
 * of vm.max_map_count, or nothing and false. Threads: any. */
bool osri_guard_reserve(size_t count);
void osri_guard_release(size_t count);

#endif
