/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <dlfcn.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "lib/process/backtrace.h"
#include "lib/process/process.h"
#include "tests/unit/process/process_kit.h"

/* A process that crashes tells where it was. */

#define TEXT_BYTES 4096

enum { CRASH_CHECK = 1, CRASH_EXIT, CRASH_CUSTOM, CRASH_LOW };

static __attribute__((noinline)) void crash_here(osr_self *self, int64_t how)
{
    if (how == 0) {
        return; /* so that compilers see no recursion without end below */
    }
    osr_reason reason =
        how == CRASH_CUSTOM ? osr_reason_custom("mine") : osr_reason_crash("on purpose");
    OSR_CHECK(self, how != CRASH_CHECK);
    osr_exit(self, &reason);
}

/* Calls itself `depth` times, each time with some room. */
static __attribute__((noinline)) void crash_deep(osr_self *self, int64_t how, int depth)
{
    volatile char room[64];
    memset((char *)room, depth, sizeof(room));
    if (depth == 0) {
        crash_here(self, how);
    } else {
        crash_deep(self, how, depth - 1);
    }
    room[0] = room[1]; /* so the call is none in place of this one */
}

static __attribute__((noinline)) void crash_low(osr_self *self)
{
    const char *here = __builtin_frame_address(0);
    size_t left = (size_t)(here - (const char *)self->stack->low);
    volatile char eaten[left - 10000];
    eaten[0] = 1;
    crash_here(self, CRASH_EXIT);
    eaten[0] = eaten[1];
}

OSR_ENTRY(crashes, note)
{
    if (argument->n == CRASH_LOW) {
        crash_low(self);
    }
    crash_deep(self, argument->n, argument->n == CRASH_EXIT ? 60 : 0);
    return OSR_OK;
}

/* What the down message of one that crashes says. */
static void crash(osr_self *self, int64_t how, osr_reason_code code, char ret_text[TEXT_BYTES])
{
    static const osr_type *const down[] = {&osr_down_osr_type};
    osr_pid pid;
    osr_message message;
    CHECK_OK(self, crashes_spawn(self, &(note){.n = how},
                                 OSR_SPAWN(.monitor = true, .stack_bytes = 1 << 18), &pid));
    CHECK_OK(self, osr_receive_of(self, down, 1, 20000, &message));
    const osr_reason *reason = &OSR_AS(osr_down, &message)->reason;
    OSR_CHECK(self, reason->code == (uint32_t)code);
    size_t bytes = osr_bin_size(reason->payload);
    OSR_CHECK(self, bytes < TEXT_BYTES);
    if (bytes != 0) {
        memcpy(ret_text, osr_bin_data(reason->payload), bytes);
    }
    ret_text[bytes] = '\0';
}

/* Whether one of the frames, each a line of the right form, is in crash_here(); how many there
 * are. */
static bool is_there(osr_self *self, const char *text, int *ret_lines)
{
    Dl_info file;
    bool found = false;
    OSR_CHECK(self, dladdr((const void *)(uintptr_t)crash_here, &file) != 0);
    const char *program = strrchr(file.dli_fname, '/');
    program = program != NULL ? program + 1 : file.dli_fname;
    uintptr_t begin = (uintptr_t)crash_here - (uintptr_t)file.dli_fbase;
    *ret_lines = 0;
    for (const char *line = text; *line != '\0'; line = strchr(line, '\n') + 1) {
        char name[64];
        uintmax_t at;
        OSR_CHECK(self, sscanf(line, "%63[^+]+0x%jx", name, &at) == 2);
        OSR_CHECK(self, strchr(line, '\n') != NULL);
        found = found || (strcmp(name, program) == 0 && at > begin && at < begin + 1500);
        *ret_lines += 1;
    }
    return found;
}

static osr_err failed_check(osr_self *self)
{
    char text[TEXT_BYTES];
    int lines;
    crash(self, CRASH_CHECK, OSR_REASON_CRASH, text);
    OSR_CHECK(self, is_there(self, text, &lines));
    OSR_CHECK(self, lines >= 3 && lines < OSRI_BACKTRACE_FRAMES); /* to the stack's first frame */
    return OSR_OK;
}

/* The reason of a failed check has the frames, from the check to the beginning of the process. */
START_TEST(a_failed_check_says_where)
{
    node_fixture_run(failed_check);
}
END_TEST

static osr_err deep_exit(osr_self *self)
{
    char text[TEXT_BYTES];
    int lines;
    crash(self, CRASH_EXIT, OSR_REASON_CRASH, text);
    OSR_CHECK(self, is_there(self, text, &lines));
    OSR_CHECK(self, lines == OSRI_BACKTRACE_FRAMES);
    return OSR_OK;
}

/* So has that of osr_exit() with a crash, at most 24 of them. */
START_TEST(a_deep_crash_says_its_innermost_frames)
{
    node_fixture_run(deep_exit);
}
END_TEST

static osr_err without(osr_self *self)
{
    char text[TEXT_BYTES];
    crash(self, CRASH_CUSTOM, OSR_REASON_CUSTOM, text);
    OSR_CHECK(self, strcmp(text, "") == 0);
    crash(self, CRASH_LOW, OSR_REASON_CRASH, text);
    OSR_CHECK(self, strcmp(text, "") == 0);
    return OSR_OK;
}

/* A reason of the user's own is left alone; near the end of its stack a crash is only told. */
START_TEST(what_is_no_crash_or_has_no_room_has_no_frames)
{
    node_fixture_run(without);
}
END_TEST

static void both(TCase *tests)
{
    tcase_add_test(tests, a_failed_check_says_where);
    tcase_add_test(tests, a_deep_crash_says_its_innermost_frames);
    tcase_add_test(tests, what_is_no_crash_or_has_no_room_has_no_frames);
}

int main(void)
{
    Suite *suite = suite_create("backtrace");
    ADD_BOTH(suite, both);
    return run_suite(suite);
}
