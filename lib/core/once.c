/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
/* The fault handler, and the budget of mappings for guards: what an OS process has once.
 *
 * Invariants
 *   I1  from the signal to the end only async-signal-safe functions are called and nothing is
 *   allocated.
 *   I2  `reporter` goes once from 0 to the id of the thread that writes the line. That thread ends
 *       the program; another one that faults meanwhile waits for this.
 *   I3  on_fault does not return: nothing resumes. */
#include "lib/core/once.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/core/log.h"

#define SIGNAL_STACK_BYTES (64u << 10)
#define MAP_COUNT_DEFAULT 65530u /* the kernel's own default */

typedef struct fault_signal {
    int number;
    const char *name;
    struct sigaction previous;
} fault_signal;

static fault_signal faults[] = {{.number = SIGSEGV, .name = "SIGSEGV"},
                                {.number = SIGBUS, .name = "SIGBUS"},
                                {.number = SIGFPE, .name = "SIGFPE"},
                                {.number = SIGILL, .name = "SIGILL"},
                                {.number = SIGABRT, .name = "SIGABRT"}};
#define FAULTS (sizeof(faults) / sizeof(faults[0]))

static _Thread_local osri_fault_context my_context;
static _Thread_local void *my_signal_stack;
static _Thread_local stack_t my_previous_stack;

static _Atomic long reporter;
static pthread_once_t install_once = PTHREAD_ONCE_INIT;

static _Atomic size_t guards_out;
static size_t guards_max;
static pthread_once_t guards_once = PTHREAD_ONCE_INIT;

/* A line under construction: always terminated, cut where full. */
typedef struct report {
    char text[768];
    size_t used;
} report;

static void put(report *line, const char *text)
{
    line->used +=
        osri_log_escape(line->text + line->used, sizeof(line->text) - 1 - line->used, text);
}

static void put_number(report *line, uint64_t value, unsigned base)
{
    char digits[24];
    size_t at = sizeof(digits) - 1;

    digits[at] = '\0';
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value > 0);
    put(line, digits + at);
}

static void put_process(report *line, const osri_fault_context *context)
{
    char pid[96] = "";

    context->process_print(context->process, pid, sizeof(pid));
    put(line, "process ");
    put(line, pid);
    if (context->name != NULL) {
        put(line, " \"");
        put(line, context->name);
        put(line, "\"");
    }
    if (context->handler != NULL) {
        put(line, " in handler ");
        put(line, context->handler);
    }
    if (context->message != NULL) {
        put(line, " (message ");
        put(line, context->message);
        put(line, ")");
    }
    put(line, ": ");
}

static void describe_process(void)
{
    if (my_context.describe != NULL && my_context.process != NULL) {
        my_context.describe(my_context.process, &my_context);
    }
}

static void begin_line(report *line)
{
    line->used = 0;
    describe_process();
    put(line, "osier: ");
    if (my_context.node != NULL) {
        put(line, "node ");
        put(line, my_context.node);
        put(line, ": ");
    }
    if (my_context.process_print != NULL) {
        put_process(line, &my_context);
    }
}

static void end_line(report *line)
{
    ssize_t written;

    line->text[line->used++] = '\n';
    written = write(STDERR_FILENO, line->text, line->used);
    (void)written; /* the line is lost, the signal is not */
    line->text[line->used - 1] = '\0';
    if (my_context.dump != NULL) {
        my_context.dump(my_context.owner, line->text);
    }
}

static void put_overflow(report *line, size_t stack_bytes)
{
    put(line, "stack overflow (stack of ");
    put_number(line, stack_bytes >> 10, 10);
    put(line, " KiB; raise it with .stack_bytes)");
}

static bool is_in_guard(const osri_fault_context *context, const void *address)
{
    uintptr_t low = (uintptr_t)context->stack_low;

    return (uintptr_t)address < low && (uintptr_t)address >= low - context->guard_bytes;
}

static void report_fault(const fault_signal *fault, const siginfo_t *info)
{
    report line;

    begin_line(&line);
    put(&line, fault->name);
    if (info->si_code > 0 &&
        info->si_code != SI_KERNEL) { /* the memory or the arithmetic, not a kill() */
        put(&line, " at 0x");
        put_number(&line, (uintptr_t)info->si_addr, 16);
        if (is_in_guard(&my_context, info->si_addr)) {
            put(&line, ": ");
            put_overflow(&line, my_context.stack_bytes);
        }
    }
    end_line(&line);
}

/* True for the one thread that is to write the line; false when it has done so already. Any other
 * thread stays here. */
static bool may_report(void)
{
    long self = syscall(SYS_gettid);
    long seen = 0;

    /* relaxed: nothing but the id itself is passed on */
    if (atomic_compare_exchange_strong_explicit(&reporter, &seen, self, memory_order_relaxed,
                                                memory_order_relaxed)) {
        return true;
    }
    while (seen != self) {
        pause();
    }
    return false;
}

static void call_previous(const fault_signal *fault, siginfo_t *info, void *machine)
{
    const struct sigaction *previous = &fault->previous;

    if ((previous->sa_flags & SA_SIGINFO) != 0) {
        previous->sa_sigaction(fault->number, info, machine);
    } else if (previous->sa_handler != SIG_DFL && previous->sa_handler != SIG_IGN) {
        previous->sa_handler(fault->number);
    }
}

static _Noreturn void die_of(int number)
{
    struct sigaction action = {.sa_handler = SIG_DFL};
    sigset_t only;

    sigaction(number, &action, NULL);
    sigemptyset(&only);
    sigaddset(&only, number);
    pthread_sigmask(SIG_UNBLOCK, &only, NULL);
    raise(number);
    _exit(128 + number);
}

static void on_fault(int number, siginfo_t *info, void *machine)
{
    for (size_t i = 0; i < FAULTS; i++) {
        if (faults[i].number == number) {
            if (may_report()) {
                report_fault(&faults[i], info);
            }
            call_previous(&faults[i], info, machine);
        }
    }
    die_of(number);
}

static void install(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

    action.sa_sigaction = on_fault;
    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < FAULTS; i++) {
        sigaddset(&action.sa_mask, faults[i].number);
    }
    for (size_t i = 0; i < FAULTS; i++) {
        sigaction(faults[i].number, NULL, &faults[i].previous);
        sigaction(faults[i].number, &action, NULL);
    }
}

osri_fault_context *osri_fault_context_here(void)
{
    return &my_context;
}

void osri_fault_install(void)
{
    pthread_once(&install_once, install);
}

void osri_fault_thread_begin(void)
{
    stack_t stack = {.ss_size = SIGNAL_STACK_BYTES};

    memset(&my_context, 0, sizeof(my_context)); /* also makes it exist before a handler needs it */
    stack.ss_sp =
        mmap(NULL, SIGNAL_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (stack.ss_sp == MAP_FAILED) {
        return;
    }
    if (sigaltstack(&stack, &my_previous_stack) != 0) {
        munmap(stack.ss_sp, SIGNAL_STACK_BYTES);
        return;
    }
    my_signal_stack = stack.ss_sp;
}

void osri_fault_thread_end(void)
{
    if (my_signal_stack != NULL) {
        sigaltstack(&my_previous_stack, NULL);
        munmap(my_signal_stack, SIGNAL_STACK_BYTES);
        my_signal_stack = NULL;
    }
}

_Noreturn void osri_fault_assert(const char *fact, const char *file, int line_number)
{
    report line;

    if (may_report()) {
        begin_line(&line);
        put(&line, "assertion failed: ");
        put(&line, fact);
        put(&line, " at ");
        put(&line, file);
        put(&line, ":");
        put_number(&line, (uint64_t)line_number, 10);
        end_line(&line);
    }
    abort();
}

_Noreturn void osri_fault_stack_overflow(size_t stack_bytes)
{
    report line;

    if (may_report()) {
        begin_line(&line);
        put_overflow(&line, stack_bytes);
        end_line(&line);
    }
    abort();
}

static void read_guards_max(void)
{
    FILE *file = fopen("/proc/sys/vm/max_map_count", "re");
    unsigned long count = MAP_COUNT_DEFAULT;

    if (file != NULL) {
        if (fscanf(file, "%lu", &count) != 1) {
            count = MAP_COUNT_DEFAULT;
        }
        fclose(file);
    }
    guards_max = count / 4;
}

bool osri_guard_reserve(size_t count)
{
    pthread_once(&guards_once, read_guards_max);
    /* relaxed: a counter only */
    if (atomic_fetch_add_explicit(&guards_out, count, memory_order_relaxed) + count <= guards_max) {
        return true;
    }
    osri_guard_release(count);
    return false;
}

void osri_guard_release(size_t count)
{
    atomic_fetch_sub_explicit(&guards_out, count, memory_order_relaxed);
}
