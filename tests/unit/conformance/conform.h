/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#ifndef OSR_TESTS_CONFORM_H
#define OSR_TESTS_CONFORM_H

#include <stdio.h>

#include "osier/osier.h"
#include "tests/unit/process/process_kit.h"

/* Cases of Erlang/OTP's test suites, and what follows from its documentation, each on a node with
 * threads and on one that is stepped. */

typedef struct conform_case {
    const char *name;
    node_fixture_body *body;
} conform_case;

#define CASE(name_)                                                                                \
    {                                                                                              \
        .name = #name_, .body = name_                                                              \
    }

static const conform_case cases[64]; /* ends with one without a name */

/* The case of this index holds. */
START_TEST(conforms)
{
    node_fixture_run(cases[_i].body);
}
END_TEST

static inline void add_conform(Suite *suite, const char *kind, SFun set_up)
{
    for (int i = 0; cases[i].name != NULL; i++) {
        char name[128];
        (void)snprintf(name, sizeof(name), "%s, %s", cases[i].name, kind);
        TCase *one = tcase_create(name);
        tcase_add_checked_fixture(one, set_up, node_fixture_end);
        tcase_set_timeout(one, 60);
        tcase_add_loop_test(one, conforms, i, i + 1);
        suite_add_tcase(suite, one);
    }
}

static inline int run_conform(const char *name)
{
    Suite *suite = suite_create(name);
    add_conform(suite, "threads", node_fixture_threaded);
    add_conform(suite, "stepped", node_fixture_stepped);
    return run_suite(suite);
}

/* ---- the others ---------------------------------------------------------------------------- */

OSR_MESSAGE(mark, 0x7401, (1, i64, n), (2, pid, from));
OSR_MESSAGE(order, 0x7402, (1, u32, what), (2, pid, pid), (3, u32, code));

typedef enum what {
    DO_END = 1, /* with the reason of this code */
    DO_LINK,
    DO_SEND_EXIT,
    DO_TRAP,
    DO_ECHO,
} what;

/* Does as it is told, and answers each order with a mark of it. */
OSR_ENTRY(puppet, mark)
{
    for (;;) {
        osr_message message;
        osr_err err = osr_receive(self, OSR_FOREVER, &message);
        if (err != OSR_OK) {
            return err;
        }
        const order *told = OSR_AS(order, &message);
        const osr_exited *exited = OSR_AS(osr_exited, &message);
        if (exited != NULL) {
            mark_send(self, osr_to(argument->from), &(mark){.n = 1000 + exited->reason.code});
        }
        if (told == NULL) {
            continue;
        }
        osr_reason reason = osr_reason_of((osr_reason_code)told->code);
        switch (told->what) {
        case DO_END:
            return osr_fail(self, &reason);
        case DO_LINK:
            (void)!osr_link(self, told->pid);
            break;
        case DO_SEND_EXIT:
            (void)osr_send_exit(self, told->pid, &reason);
            break;
        case DO_TRAP:
            (void)osr_trap_exit(self, true);
            break;
        default:
            break;
        }
        mark_send(self, osr_to(message.from), &(mark){.n = told->what});
    }
}

static inline osr_pid a_puppet(osr_self *self, const osr_spawn_options *options)
{
    osr_pid pid;
    mark argument = {.from = osr_self_pid(self)};
    CHECK_OK(self, puppet_spawn(self, &argument, options, &pid));
    return pid;
}

/* The next mark's number, whatever else waits. */
static inline int64_t next_mark(osr_self *self)
{
    static const osr_type *const marks[] = {&mark_osr_type};
    osr_message message;
    CHECK_OK(self, osr_receive_of(self, marks, 1, 10000, &message));
    return OSR_AS(mark, &message)->n;
}

static inline void tell(osr_self *self, osr_pid pid, what what, osr_pid other, osr_reason_code code)
{
    order message = {.what = (uint32_t)what, .pid = other, .code = (uint32_t)code};
    CHECK_OK(self, order_send(self, osr_to(pid), &message));
    if (what != DO_END) {
        OSR_CHECK(self, next_mark(self) == (int64_t)what);
    }
}

/* The next down message's reason, whatever else waits. */
static inline uint32_t any_down(osr_self *self)
{
    static const osr_type *const downs[] = {&osr_down_osr_type};
    osr_message message;
    CHECK_OK(self, osr_receive_of(self, downs, 1, 10000, &message));
    return OSR_AS(osr_down, &message)->reason.code;
}

/* The reason with which a process ends. */
static inline uint32_t end_of(osr_self *self, osr_pid pid)
{
    (void)watch(self, pid);
    return any_down(self);
}

static inline osr_ref monitor_of(osr_self *self, osr_dest to)
{
    osr_ref monitor;
    CHECK_OK(self, osr_monitor(self, to, &monitor));
    return monitor;
}

/* The reason of the exit message that comes next. */
static inline uint32_t any_exit(osr_self *self)
{
    static const osr_type *const exits[] = {&osr_exited_osr_type};
    osr_message message;
    CHECK_OK(self, osr_receive_of(self, exits, 1, 10000, &message));
    return OSR_AS(osr_exited, &message)->reason.code;
}

#endif
