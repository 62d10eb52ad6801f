/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/core/assert.h"
#include "lib/core/once.h"
#include "lib/process/body.h"
#include "lib/process/node.h"
#include "osier/trace.h"
#include "tests/unit/process/process_kit.h"

/* What a memory fault leaves behind: one line that names the process. Each in an OS process of its
 * own. */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

#ifndef SANITIZED

static volatile int depth_max = 1 << 20;
static volatile uintptr_t bad_address = 16;

static __attribute__((noinline)) int descend(int depth)
{
    volatile char frame[512];
    frame[0] = (char)depth;
    return depth > depth_max ? 0 : descend(depth + 1) + frame[0];
}

/* One frame that is larger than the whole stack and its guard. */
static __attribute__((noinline)) int leap(void)
{
    volatile char frame[120 << 10];
    int at = depth_max % 16; /* no optimiser knows that most of it is not used */
    frame[at] = 1;
    return frame[at];
}

static osr_err faulty_start(osr_self *self, void *state, const void *argument)
{
    (void)self;
    (void)state;
    (void)argument;
    return OSR_OK;
}

static osr_err faulty_message(osr_self *self, void *state, const osr_message *message)
{
    (void)state;
    const note *what = OSR_AS(note, message);
    if (what != NULL && what->n == 1) {
        return descend(0) == 0 ? OSR_EIO : OSR_OK;
    }
    if (what != NULL && what->n == 5) {
        return leap() == 0 ? OSR_EIO : OSR_OK;
    }
    if (what != NULL && what->n == 4) { /* as an overflow that ran over a canary and came back */
        memset((char *)self->stack->low - 64, 1, 64);
        osr_yield(self);
        return OSR_OK;
    }
    OSR_ASSERT(what == NULL || what->n != 3);
    *(volatile int *)bad_address = 1;
    return OSR_OK;
}

static const osri_body_ops faulty = {
    .name = "faulty_server", .start = faulty_start, .message = faulty_message};

static const char *flight; /* of the node */

static void fault_in_child(int64_t n)
{
    osr_node *node;
    osr_pid pid;
    struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    osr_catch_faults();
    osri_spawn spawn = {.ops = &faulty, .options = OSR_SPAWN(.label = "victim")};
    osr_err err =
        osr_node_new(OSR_NODE(.name = "fault@host", .schedulers = 1, .flight = flight), &node);
    if (n == 4) { /* as where the system has no guards to give */
        osri_stack_pool_fini(&node->stacks);
        osri_stack_pool_init(&node->stacks, &(osri_stack_options){.guard = OSRI_GUARD_CANARY});
    }
    if (err == OSR_OK && osr_node_start(node) == OSR_OK &&
        osri_spawn_body(node, NULL, &spawn, &pid) == OSR_OK) {
        (void)osr_node_send(node, osr_to(pid), &note_osr_type, &(note){.n = n});
        (void)!osr_node_wait(node, pid, 10000, NULL);
    }
    _exit(0);
}

/* What the child wrote to standard error, and how it ended. */
static int status_of_fault(int64_t n, char *ret_text, size_t bytes)
{
    int ends[2];
    int status = 0;
    size_t used = 0;
    ssize_t got;
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        (void)dup2(ends[1], STDERR_FILENO);
        fault_in_child(n);
    }
    close(ends[1]);
    while (used < bytes - 1 && (got = read(ends[0], ret_text + used, bytes - 1 - used)) > 0) {
        used += (size_t)got;
    }
    ret_text[used] = '\0';
    close(ends[0]);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    return status;
}

static void expect(const char *text, const char *part)
{
    ck_assert_msg(strstr(text, part) != NULL, "no \"%s\" in: %s", part, text);
}

/* One line of what happened, then the record, which says it again. */
static void expect_flight(const char *text)
{
    const char *line_end = strchr(text, '\n');
    ck_assert_ptr_nonnull(line_end);
    expect(line_end + 1,
           "osier: flight record of node fault@host: osier: node fault@host: process ");
    ck_assert_ptr_eq(strstr(line_end + 1, "osier: flight record"), line_end + 1);
    expect(line_end, " spawn <");
    expect(line_end, "faulty_server");
    ck_assert_str_eq(text + strlen(text) - strlen("end of the flight record\n"),
                     "end of the flight record\n");
}

/* A stack overflow names the process, its handler, the message, the size and the option that raises
 * it. */
START_TEST(a_stack_overflow_names_what_to_raise)
{
    char text[8192];
    int status = status_of_fault(1, text, sizeof(text));
    ck_assert(WIFSIGNALED(status));
    expect(text, "node fault@host: process ");
    expect(text, "\"victim\" in handler faulty_server (message note): ");
    expect(text, "stack overflow (stack of 64 KiB; raise it with .stack_bytes)");
    expect_flight(text);
}
END_TEST

/* However large the frame is that does not fit. */
START_TEST(a_large_frame_does_not_step_over_the_guard)
{
    char text[8192];
    int status = status_of_fault(5, text, sizeof(text));
    ck_assert(WIFSIGNALED(status));
    expect(text, "stack overflow (stack of 64 KiB; raise it with .stack_bytes)");
    expect_flight(text);
}
END_TEST

/* A bad pointer in a handler ends the node with one line and the same signal. */
START_TEST(a_bad_pointer_names_the_handler_and_the_message)
{
    char text[8192];
    int status = status_of_fault(2, text, sizeof(text));
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
    expect(text, "\"victim\" in handler faulty_server (message note): SIGSEGV at 0x10");
    expect_flight(text);
}
END_TEST

/* A failed assertion names the fact, and the process in whose turn it failed. */
START_TEST(a_failed_assertion_names_the_fact_and_the_process)
{
    char text[8192];
    int status = status_of_fault(3, text, sizeof(text));
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    expect(text, "\"victim\" in handler faulty_server (message note): assertion failed: what == ");
    expect_flight(text);
}
END_TEST

/* An overrun canary is found at the next switch, and says the same as a guard. */
START_TEST(an_overrun_canary_names_what_to_raise)
{
    char text[8192];
    int status = status_of_fault(4, text, sizeof(text));
    ck_assert(WIFSIGNALED(status));
    expect(text, "\"victim\" in handler faulty_server (message note): ");
    expect(text, "stack overflow (stack of 64 KiB; raise it with .stack_bytes)");
    expect_flight(text);
}
END_TEST

/* With a file for it the record goes there, with the processes, and one line to standard error. */
START_TEST(the_flight_record_goes_to_its_file)
{
    char path[] = "/tmp/osier-fault-XXXXXX";
    char text[8192];
    char record[16384];
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    flight = path;
    (void)status_of_fault(2, text, sizeof(text));
    ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    ssize_t got = read(fd, record, sizeof(record) - 1);
    ck_assert_int_gt(got, 0);
    record[got] = '\0';
    close(fd);
    unlink(path);
    expect(record, "osier: flight record of node fault@host: osier: node fault@host: process ");
    expect(record, " running handled=1 message=note\n");
}
END_TEST

#endif

int main(void)
{
#ifdef SANITIZED
    (void)printf("SKIP: a sanitizer takes the faults for itself\n");
    return 77;
#else
    Suite *suite = suite_create("fault");
    TCase *tests = tcase_create("fault");
    tcase_set_timeout(tests, 30);
    tcase_add_test(tests, a_stack_overflow_names_what_to_raise);
    tcase_add_test(tests, a_large_frame_does_not_step_over_the_guard);
    tcase_add_test(tests, a_bad_pointer_names_the_handler_and_the_message);
    tcase_add_test(tests, an_overrun_canary_names_what_to_raise);
    tcase_add_test(tests, the_flight_record_goes_to_its_file);
    tcase_add_test(tests, a_failed_assertion_names_the_fact_and_the_process);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
#endif
}
