/* SPDX-License-Identifier: Apache-2.0
 * SPDX-FileCopyrightText: The Osier authors */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/process/body.h"
#include "osier/osier.h"
#include "tests/support/node_fixture.h"

/* The contract of the generic server, on a real node: with two scheduler threads, and stepped. */

#define SOON 5000 /* ms: for what is certain to happen */

OSR_MESSAGE(box_value, 0x0f01, (1, i64, value));
OSR_REQUEST(box_add, 0x0f02, box_value, (1, i64, by));
OSR_REQUEST(box_later, 0x0f03, box_value, (1, pid, helper));
OSR_REQUEST(box_finish, 0x0f04, box_value, (1, u32, how));
OSR_REQUEST(box_sleep, 0x0f05, box_value, (1, u32, ms));
OSR_REQUEST(box_nobody, 0x0f06, box_value);
OSR_MESSAGE(box_text, 0x0f07, (1, str, text));
OSR_REQUEST(box_name, 0x0f08, box_text);
OSR_MESSAGE(box_put, 0x0f09, (1, i64, digit));
OSR_MESSAGE(box_watch, 0x0f0a, (1, pid, pid));
OSR_MESSAGE(box_idle_in, 0x0f0b, (1, u32, ms));
OSR_MESSAGE(box_unknown, 0x0f0c);
OSR_MESSAGE(box_order, 0x0f0d, (1, u32, how));
OSR_MESSAGE(answer_for, 0x0f0e, (1, pid, pid), (2, u64, ref), (3, i64, value));
OSR_MESSAGE(box_target, 0x0f0f, (1, pid, pid));
OSR_REQUEST(box_start_other, 0x0f10, box_value, (1, i64, value));
OSR_MESSAGE(box_event, 0x0f11, (1, u32, what), (2, u32, reason), (3, i64, value), (4, pid, pid));

typedef enum how {
    FINISH_NORMAL = 1,
    FINISH_ERROR,
    FINISH_CRASH,
    FINISH_CUSTOM,
} how;

typedef enum event {
    EVENT_TERMINATED = 1,
    EVENT_DOWN,
    EVENT_EXITED,
    EVENT_IDLE,
    EVENT_CONTINUED,
} event;

OSR_MESSAGE(box_options, 0x0f12, (1, i64, first), (2, pid, observer), (3, i32, init_error),
            (4, bool, trap), (5, u32, init_ms), (6, bool, continues), (7, bool, custom));
OSR_STATE(box, (1, i64, value), (2, pid, observer), (3, i64, digits));

/* A server whose state is a plain struct, and that has neither init nor end. */
typedef struct plain {
    int64_t calls;
} plain;

OSR_ON_CALL(plain, box_add, box_value)
{
    reply->value = ++state->calls;
    return OSR_REPLY;
}

OSR_SERVER(plain, OSR_CALL(box_add));

static void tell(osr_self *self, const box *state, event what, uint32_t reason, osr_pid pid)
{
    box_event message = {
        .what = (uint32_t)what, .reason = reason, .value = state->value, .pid = pid};
    (void)box_event_send(self, osr_to(state->observer), &message);
}

OSR_ON_INIT(box, box_options)
{
    if (argument == NULL) {
        return OSR_OK;
    }
    state->value = argument->first;
    state->observer = argument->observer;
    (void)osr_trap_exit(self, argument->trap);
    if (argument->init_ms != 0) {
        (void)osr_sleep(self, argument->init_ms);
    }
    if (argument->continues) {
        osr_continue(self);
    }
    if (argument->custom) {
        osr_reason reason = osr_reason_custom("no table");
        return osr_fail(self, &reason);
    }
    return (osr_err)argument->init_error;
}

OSR_ON_CONTINUE(box)
{
    tell(self, state, EVENT_CONTINUED, 0, osr_self_pid(self));
    return OSR_NOREPLY;
}

OSR_ON_CALL(box, box_add, box_value)
{
    reply->value = state->value += request->by;
    return OSR_REPLY;
}

OSR_ON_CALL(box, box_later, box_value)
{
    osr_caller caller = osr_current_caller(self);
    answer_for order = {.pid = caller.pid, .ref = caller.ref, .value = 42};
    (void)answer_for_send(self, osr_to(request->helper), &order);
    return OSR_NOREPLY;
}

static osr_next finish(osr_self *self, uint32_t how)
{
    osr_reason custom = osr_reason_custom("enough");
    osr_reason error = osr_reason_error(OSR_EIO);
    switch (how) {
    case FINISH_ERROR:
        (void)osr_fail(self, &error);
        break;
    case FINISH_CUSTOM:
        (void)osr_fail(self, &custom);
        break;
    case FINISH_CRASH:
        OSR_CHECK(self, how == 0);
        break;
    default:
        break;
    }
    return OSR_STOP;
}

OSR_ON_CALL(box, box_finish, box_value)
{
    reply->value = 7;
    return finish(self, request->how);
}

OSR_ON_CALL(box, box_sleep, box_value)
{
    (void)osr_sleep(self, request->ms);
    reply->value = request->ms; /* the request is valid across a suspension */
    return OSR_REPLY;
}

OSR_ON_CALL(box, box_name, box_text)
{
    reply->text = osr_str_of("a box");
    return OSR_REPLY;
}

OSR_ON_CALL(box, box_start_other, box_value)
{
    osr_pid pid;
    if (plain_start(self, NULL, NULL, &pid) == OSR_OK) {
        reply->value = request->value; /* read after a start inside the handler */
    }
    return OSR_REPLY;
}

OSR_ON_INFO(box, box_put)
{
    state->digits = state->digits * 10 + message->digit;
    state->value = state->digits;
    return OSR_NOREPLY;
}

OSR_ON_INFO(box, box_watch)
{
    osr_ref monitor;
    OSR_CHECK(self, osr_monitor(self, osr_to(message->pid), &monitor) == OSR_OK);
    OSR_CHECK(self, osr_link(self, message->pid) == OSR_OK);
    return OSR_NOREPLY;
}

OSR_ON_INFO(box, box_order)
{
    return finish(self, message->how);
}

OSR_ON_INFO(box, box_idle_in)
{
    osr_idle_after(self, message->ms);
    return OSR_NOREPLY;
}

OSR_ON_IDLE(box)
{
    tell(self, state, EVENT_IDLE, 0, osr_self_pid(self));
    return OSR_NOREPLY;
}

OSR_ON_INFO(box, osr_down)
{
    tell(self, state, EVENT_DOWN, message->reason.code, message->pid);
    return OSR_NOREPLY;
}

OSR_ON_INFO(box, osr_exited)
{
    tell(self, state, EVENT_EXITED, message->reason.code, message->from);
    return OSR_NOREPLY;
}

OSR_ON_TERMINATE(box)
{
    tell(self, state, EVENT_TERMINATED, reason->code, osr_self_pid(self));
}

OSR_SERVER(box, OSR_INIT(box_options), OSR_CALL(box_add), OSR_CALL(box_later), OSR_CALL(box_finish),
           OSR_CALL(box_sleep), OSR_CALL(box_name), OSR_CALL(box_start_other), OSR_INFO(box_put),
           OSR_INFO(box_watch), OSR_INFO(box_order), OSR_INFO(box_idle_in), OSR_INFO(osr_down),
           OSR_INFO(osr_exited), OSR_IDLE, OSR_CONTINUE, OSR_TERMINATE);
OSR_EXPORT_SERVER(box);

/* ---- what the tests say ---------------------------------------------------------------- */

static osr_pid start_box(osr_self *self, box_options options)
{
    osr_pid pid = OSR_PID_NONE;
    options.observer = osr_self_pid(self);
    osr_err err = box_start(self, &options, NULL, &pid);
    OSR_CHECK(self, err == OSR_OK);
    return pid;
}

static box_event next_event(osr_self *self)
{
    static const osr_type *const events[] = {&box_event_osr_type};
    osr_message message;
    osr_err err = osr_receive_of(self, events, 1, SOON, &message);
    OSR_CHECK(self, err == OSR_OK);
    return *OSR_AS(box_event, &message);
}

static osr_reason_code end_of(osr_self *self, osr_pid pid)
{
    static const osr_type *const downs[] = {&osr_down_osr_type};
    osr_ref monitor;
    osr_message message;
    OSR_CHECK(self, osr_monitor(self, osr_to(pid), &monitor) == OSR_OK);
    OSR_CHECK(self, osr_receive_of(self, downs, 1, SOON, &message) == OSR_OK);
    return (osr_reason_code)OSR_AS(osr_down, &message)->reason.code;
}

static bool nothing_waits(osr_self *self)
{
    osr_message message;
    return osr_receive(self, 0, &message) == OSR_ETIMEDOUT;
}

/* ---- start ----------------------------------------------------------------------------- */

static osr_err start_waits_for_init(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){.first = 5, .init_ms = 20});
    box_value reply;
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 2}, &reply, SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 7);
    OSR_CHECK(self, nothing_waits(self));
    return OSR_OK;
}

/* init's error is the starter's; it gets no exit signal although it is linked, and the name is free
 * again. */
static osr_err failed_init_is_returned(osr_self *self)
{
    osr_pid pid;
    for (int trap = 0; trap < 2; ++trap) {
        (void)osr_trap_exit(self, trap == 1);
        box_options options = {.init_error = OSR_EADDRESS};
        OSR_CHECK(self, box_start(self, &options, OSR_SPAWN(.link = true, .name = "box"), &pid) ==
                            OSR_EADDRESS);
        OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "box")));
        OSR_CHECK(self, nothing_waits(self));
    }
    box_options custom = {.custom = true};
    OSR_CHECK(self, box_start(self, &custom, OSR_SPAWN(.link = true), &pid) == OSR_EFAILED);
    OSR_CHECK(self, nothing_waits(self));
    return OSR_OK;
}

static osr_err taken_name_is_refused(osr_self *self)
{
    osr_pid first, second = OSR_PID_NONE;
    box_options options = {.observer = osr_self_pid(self)};
    OSR_CHECK(self, box_start(self, &options, OSR_SPAWN(.name = "box"), &first) == OSR_OK);
    OSR_CHECK(self, box_start(self, &options, OSR_SPAWN(.name = "box"), &second) == OSR_ETAKEN);
    OSR_CHECK(self, osr_pid_equal(osr_whereis(self, "box"), first));
    OSR_CHECK(self, osr_pid_is_none(second));
    return OSR_OK;
}

static osr_err slow_start_is_killed(osr_self *self)
{
    osr_pid pid;
    box_options options = {.init_ms = 60000};
    OSR_CHECK(self,
              osr_server_start(self, &box_osr_server, &options,
                               OSR_SPAWN(.link = true, .name = "box"), 20, &pid) == OSR_ETIMEDOUT);
    OSR_CHECK(self, osr_pid_is_none(osr_whereis(self, "box")));
    OSR_CHECK(self, nothing_waits(self));
    return OSR_OK;
}

static osr_err monitored_start_keeps_the_monitor(osr_self *self)
{
    osr_pid pid;
    osr_ref monitor = OSR_REF_NONE;
    box_options options = {.observer = osr_self_pid(self)};
    OSR_CHECK(self, box_start(self, &options, OSR_SPAWN(.monitor = true, .ret_monitor = &monitor),
                              &pid) == OSR_OK);
    box_order order = {.how = FINISH_ERROR};
    (void)box_order_send(self, osr_to(pid), &order);
    OSR_CHECK(self, next_event(self).what == EVENT_TERMINATED);
    osr_message message;
    OSR_CHECK(self, osr_receive(self, SOON, &message) == OSR_OK);
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL && osr_ref_equal(down->monitor, monitor));
    OSR_CHECK(self, down->reason.error == OSR_EIO);
    return OSR_OK;
}

static osr_err start_needs_a_fitting_argument(osr_self *self)
{
    osr_pid pid;
    box_options options = {.first = 1};
    OSR_CHECK(self,
              osr_server_start(self, &plain_osr_server, &options, NULL, SOON, &pid) == OSR_EINVAL);
    OSR_CHECK(self, osr_server_start(self, &box_osr_server, &options, OSR_SPAWN(.node = "a@b"),
                                     SOON, &pid) == OSR_EINVAL);
    return OSR_OK;
}

static osr_err handler_may_start_servers(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){.first = 5});
    box_value reply;
    OSR_CHECK(self, box_start_other_call(self, osr_to(pid), &(box_start_other){.value = 99}, &reply,
                                         SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 99);
    return OSR_OK;
}

/* ---- calls ----------------------------------------------------------------------------- */

static osr_err call_errors_say_what_happened(osr_self *self)
{
    box_value reply;
    box_add add = {.by = 1};
    osr_pid pid = start_box(self, (box_options){0});
    OSR_CHECK(self,
              box_add_call(self, osr_name("nobody", NULL), &add, &reply, SOON) == OSR_ENOPROC);
    OSR_CHECK(self,
              box_add_call(self, osr_to(osr_self_pid(self)), &add, &reply, SOON) == OSR_ESELF);
    OSR_CHECK(self, box_sleep_call(self, osr_to(pid), &(box_sleep){.ms = 200}, &reply, 5) ==
                        OSR_ETIMEDOUT);
    OSR_CHECK(self, box_finish_call(self, osr_to(pid), &(box_finish){.how = FINISH_CRASH}, &reply,
                                    SOON) == OSR_EFAILED);
    OSR_CHECK(self, end_of(self, pid) == OSR_REASON_NOPROC);
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &add, &reply, SOON) == OSR_ENOPROC);
    return OSR_OK;
}

/* The reply to a call that has timed out is never seen, not as a message and not by the next
 * call. */
static osr_err late_reply_is_dropped(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){.first = 10});
    box_value reply = {0};
    OSR_CHECK(self, box_sleep_call(self, osr_to(pid), &(box_sleep){.ms = 50}, &reply, 5) ==
                        OSR_ETIMEDOUT);
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 1}, &reply, SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 11);
    OSR_CHECK(self, nothing_waits(self));
    return OSR_OK;
}

OSR_ENTRY(answerer, box_target)
{
    osr_message message;
    osr_err err = osr_receive(self, SOON, &message);
    const answer_for *order = err == OSR_OK ? OSR_AS(answer_for, &message) : NULL;
    if (order == NULL) {
        return OSR_EFAILED;
    }
    osr_caller caller = {order->pid, order->ref};
    box_value reply = {.value = order->value};
    return OSR_ANSWER(box_later, self, caller, &reply);
}

static osr_err another_process_may_answer(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    osr_pid helper;
    box_target none = {.pid = OSR_PID_NONE};
    OSR_CHECK(self, answerer_spawn(self, &none, NULL, &helper) == OSR_OK);
    box_value reply;
    OSR_CHECK(self, box_later_call(self, osr_to(pid), &(box_later){.helper = helper}, &reply,
                                   SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 42);
    return OSR_OK;
}

/* A request left for later is answered by a failure when the server ends. */
static osr_err deferred_request_fails_with_its_server(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    osr_pid helper = start_box(self, (box_options){0}); /* drops the order: nobody answers */
    box_order order = {.how = FINISH_NORMAL};
    box_value reply;
    OSR_CHECK(self, box_later_call(self, osr_to(pid), &(box_later){.helper = helper}, &reply, 20) ==
                        OSR_ETIMEDOUT);
    (void)box_order_send(self, osr_to(pid), &order);
    OSR_CHECK(self, box_later_call(self, osr_to(pid), &(box_later){.helper = helper}, &reply,
                                   SOON) != OSR_ETIMEDOUT);
    return OSR_OK;
}

static osr_err unknown_request_fails_at_once(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){.first = 3});
    box_value reply;
    box_nobody request = {0};
    box_unknown unknown = {0};
    for (int i = 0; i < 3; ++i) {
        OSR_CHECK(self, box_nobody_call(self, osr_to(pid), &request, &reply, SOON) == OSR_EFAILED);
        (void)box_unknown_send(self, osr_to(pid), &unknown);
    }
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 0}, &reply, SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 3);
    return OSR_OK;
}

static osr_err reply_of_any_length_is_kept(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    const box_text *text = NULL;
    box_name request = {0};
    OSR_CHECK(self, box_name_request(self, osr_to(pid), &request, SOON, &text) == OSR_OK);
    (void)osr_yield(self);
    OSR_CHECK(self, strcmp(text->text.at, "a box") == 0);
    osr_free(self, (void *)(uintptr_t)text);
    return OSR_OK;
}

static osr_err messages_are_taken_in_order(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    for (int64_t digit = 1; digit <= 9; ++digit) {
        box_put put = {.digit = digit};
        (void)box_put_send(self, osr_to(pid), &put);
    }
    box_value reply;
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 0}, &reply, SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 123456789);
    return OSR_OK;
}

static osr_err plain_struct_is_a_state(osr_self *self)
{
    osr_pid pid;
    box_value reply;
    OSR_CHECK(self, plain_start(self, NULL, NULL, &pid) == OSR_OK);
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 0}, &reply, SOON) == OSR_OK);
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 0}, &reply, SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 2);
    return OSR_OK;
}

/* ---- info, idle, continue -------------------------------------------------------------- */

static osr_err downs_and_exits_are_infos(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){.trap = true});
    osr_pid dead = start_box(self, (box_options){0});
    box_watch watch = {.pid = dead};
    (void)box_watch_send(self, osr_to(pid), &watch);
    box_value reply;
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 0}, &reply, SOON) == OSR_OK);
    (void)box_order_send(self, osr_to(dead), &(box_order){.how = FINISH_ERROR});
    uint32_t seen = 0;
    for (int i = 0; i < 3; ++i) { /* the end of `dead`, and what the other hears of it */
        box_event got = next_event(self);
        OSR_CHECK(self, osr_pid_equal(got.pid, dead));
        OSR_CHECK(self, got.reason == OSR_REASON_ERROR);
        seen |= 1u << got.what;
    }
    OSR_CHECK(self, seen == (1u << EVENT_TERMINATED | 1u << EVENT_DOWN | 1u << EVENT_EXITED));
    OSR_CHECK(self, osr_is_alive(self, pid));
    return OSR_OK;
}

static osr_err idle_comes_after_silence(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    (void)box_idle_in_send(self, osr_to(pid), &(box_idle_in){.ms = 10});
    OSR_CHECK(self, next_event(self).what == EVENT_IDLE);
    OSR_CHECK(self, osr_sleep(self, 50) == OSR_OK);
    OSR_CHECK(self, nothing_waits(self)); /* once */
    return OSR_OK;
}

static osr_err any_message_cancels_idle(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    (void)box_idle_in_send(self, osr_to(pid), &(box_idle_in){.ms = 30});
    (void)box_put_send(self, osr_to(pid), &(box_put){.digit = 1});
    OSR_CHECK(self, osr_sleep(self, 80) == OSR_OK);
    OSR_CHECK(self, nothing_waits(self));
    return OSR_OK;
}

static osr_err continue_comes_before_messages(osr_self *self)
{
    (void)start_box(self, (box_options){.continues = true});
    OSR_CHECK(self, next_event(self).what == EVENT_CONTINUED);
    OSR_CHECK(self, nothing_waits(self));
    return OSR_OK;
}

/* ---- the end --------------------------------------------------------------------------- */

static osr_err stop_replies_then_ends(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    osr_ref monitor;
    OSR_CHECK(self, osr_monitor(self, osr_to(pid), &monitor) == OSR_OK);
    box_value reply = {0};
    OSR_CHECK(self, box_finish_call(self, osr_to(pid), &(box_finish){.how = FINISH_CUSTOM}, &reply,
                                    SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 7);
    OSR_CHECK(self, next_event(self).reason == OSR_REASON_CUSTOM);
    osr_message message;
    OSR_CHECK(self, osr_receive(self, SOON, &message) == OSR_OK);
    const osr_down *down = OSR_AS(osr_down, &message);
    OSR_CHECK(self, down != NULL && down->reason.code == OSR_REASON_CUSTOM);
    OSR_CHECK(self, strcmp(down->reason.text.at, "enough") == 0);
    return OSR_OK;
}

/* terminate runs after a stop and a crash, with the reason. */
static osr_err terminate_runs_after_stop_and_crash(osr_self *self)
{
    static const struct {
        how how;
        osr_reason_code reason;
    } ends[] = {{FINISH_NORMAL, OSR_REASON_NORMAL},
                {FINISH_ERROR, OSR_REASON_ERROR},
                {FINISH_CRASH, OSR_REASON_CRASH}};
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); ++i) {
        osr_pid pid = start_box(self, (box_options){0});
        (void)box_order_send(self, osr_to(pid), &(box_order){.how = ends[i].how});
        box_event got = next_event(self);
        OSR_CHECK(self, got.what == EVENT_TERMINATED);
        OSR_CHECK(self, got.reason == (uint32_t)ends[i].reason);
    }
    return OSR_OK;
}

static osr_err exit_with(osr_self *self, osr_pid pid, osr_reason_code code)
{
    osr_reason reason = osr_reason_of(code);
    return osr_send_exit(self, pid, &reason);
}

/* On an exit signal that is not trapped, and on kill, it does not run. */
static osr_err terminate_does_not_run_when_killed(osr_self *self)
{
    for (int trap = 0; trap < 2; ++trap) {
        osr_pid pid = start_box(self, (box_options){.trap = trap == 1});
        OSR_CHECK(self, exit_with(self, pid, trap == 1 ? OSR_REASON_KILL : OSR_REASON_SHUTDOWN) ==
                            OSR_OK);
        (void)end_of(self, pid);
        OSR_CHECK(self, nothing_waits(self));
    }
    return OSR_OK;
}

OSR_ENTRY(stranger, box_target)
{
    return exit_with(self, argument->pid, OSR_REASON_SHUTDOWN);
}

/* A server that traps exits ends with its parent's reason, and goes on after anybody else's. */
static osr_err parents_exit_ends_a_trapping_server(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){.trap = true});
    osr_pid other;
    box_target who = {.pid = pid};
    OSR_CHECK(self, stranger_spawn(self, &who, NULL, &other) == OSR_OK);
    box_event got = next_event(self);
    OSR_CHECK(self, got.what == EVENT_EXITED && osr_pid_equal(got.pid, other));
    OSR_CHECK(self, exit_with(self, pid, OSR_REASON_SHUTDOWN) == OSR_OK);
    got = next_event(self);
    OSR_CHECK(self, got.what == EVENT_TERMINATED && got.reason == OSR_REASON_SHUTDOWN);
    OSR_CHECK(self, end_of(self, pid) != OSR_REASON_NORMAL);
    return OSR_OK;
}

/* Somebody cannot end a server by sending it a message that looks like an exit. */
static osr_err forged_exit_is_only_a_message(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){.trap = true, .first = 1});
    osr_exited forged = {.from = osr_self_pid(self), .reason = {.code = OSR_REASON_SHUTDOWN}};
    (void)osr_exited_send(self, osr_to(pid), &forged);
    OSR_CHECK(self, next_event(self).what == EVENT_EXITED);
    OSR_CHECK(self, osr_is_alive(self, pid));
    return OSR_OK;
}

static osr_err server_stop_waits_for_the_end(osr_self *self)
{
    osr_pid pid = start_box(self, (box_options){0});
    osr_reason reason = osr_reason_custom("done with it");
    OSR_CHECK(self, osr_server_stop(self, osr_to(pid), &reason, SOON) == OSR_OK);
    OSR_CHECK(self, next_event(self).reason == OSR_REASON_CUSTOM);
    OSR_CHECK(self, osr_server_stop(self, osr_to(pid), &reason, SOON) == OSR_ENOPROC);
    OSR_CHECK(self, osr_server_stop(self, osr_name("nobody", NULL), &reason, SOON) == OSR_ENOPROC);
    pid = start_box(self, (box_options){0});
    (void)box_order_send(self, osr_to(pid), &(box_order){.how = FINISH_ERROR});
    OSR_CHECK(self, osr_server_stop(self, osr_to(pid), &reason, SOON) != OSR_OK);
    return OSR_OK;
}

/* ---- exported -------------------------------------------------------------------------- */

static osr_err exported_server_starts_by_name(osr_self *self)
{
    box_options options = {.first = 8, .observer = osr_self_pid(self)};
    osr_pid pid;
    OSR_CHECK(self,
              osr_spawn_named(self, "box", &box_options_osr_type, &options, NULL, &pid) == OSR_OK);
    osr_message message;
    OSR_CHECK(self, osr_receive(self, SOON, &message) == OSR_OK);
    OSR_CHECK(self, OSR_AS(osr_started, &message) != NULL && osr_pid_equal(message.from, pid));
    box_value reply;
    OSR_CHECK(self, box_add_call(self, osr_to(pid), &(box_add){.by = 1}, &reply, SOON) == OSR_OK);
    OSR_CHECK(self, reply.value == 9);
    return OSR_OK;
}

static osr_err nothing(osr_self *self)
{
    (void)self;
    return OSR_OK;
}

/* ---- from outside ---------------------------------------------------------------------- */

/* A thread outside the node starts a server and gets init's error, the name's, or the pid. */
START_TEST(outside_start_returns_what_init_returned)
{
    osr_node *node = node_fixture_node();
    osr_pid pid = OSR_PID_NONE;
    box_options options = {.first = 1};
    ck_assert_int_eq(osr_node_start_server(node, &box_osr_server, &options,
                                           OSR_SPAWN(.name = "box"), SOON, &pid),
                     OSR_OK);
    ck_assert(!osr_pid_is_none(pid));
    ck_assert_int_eq(osr_node_start_server(node, &box_osr_server, &options,
                                           OSR_SPAWN(.name = "box"), SOON, &pid),
                     OSR_ETAKEN);
    ck_assert_int_eq(
        osr_node_start_server(node, &box_osr_server, &options, OSR_SPAWN(.link = true), SOON, &pid),
        OSR_EINVAL);
    node_fixture_run(nothing);
}
END_TEST

/* On threads the reason of an init that fails before anybody asks is not lost. */
START_TEST(outside_start_sees_a_failed_init)
{
    for (int i = 0; i < 20; ++i) {
        osr_pid pid = OSR_PID_NONE;
        box_options options = {.init_error = OSR_EADDRESS};
        ck_assert_int_eq(
            osr_node_start_server(node_fixture_node(), &box_osr_server, &options, NULL, SOON, &pid),
            OSR_EADDRESS);
        ck_assert(osr_pid_is_none(pid));
    }
}
END_TEST

/* The state of a server whose state is declared can be printed; a plain one prints as nothing. */
START_TEST(declared_state_is_printed)
{
    ck_assert(box_osr_server.ops->print != NULL);
    ck_assert_ptr_nonnull(box_osr_server.state->name);
    ck_assert_ptr_null(plain_osr_server.state->name);
    box state = {.value = 5};
    char text[200];
    (void)osr_print(box_osr_server.state, &state, text, sizeof(text));
    ck_assert_ptr_nonnull(strstr(text, "value: 5"));
}
END_TEST

/* Each body is a test of its name, run on both kinds of node. */
static const struct {
    const char *name;
    node_fixture_body *body;
} bodies[] = {
#define BODY(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    BODY(start_waits_for_init),
    BODY(failed_init_is_returned),
    BODY(taken_name_is_refused),
    BODY(slow_start_is_killed),
    BODY(monitored_start_keeps_the_monitor),
    BODY(start_needs_a_fitting_argument),
    BODY(handler_may_start_servers),
    BODY(call_errors_say_what_happened),
    BODY(late_reply_is_dropped),
    BODY(another_process_may_answer),
    BODY(deferred_request_fails_with_its_server),
    BODY(unknown_request_fails_at_once),
    BODY(reply_of_any_length_is_kept),
    BODY(messages_are_taken_in_order),
    BODY(plain_struct_is_a_state),
    BODY(downs_and_exits_are_infos),
    BODY(idle_comes_after_silence),
    BODY(any_message_cancels_idle),
    BODY(continue_comes_before_messages),
    BODY(stop_replies_then_ends),
    BODY(terminate_runs_after_stop_and_crash),
    BODY(terminate_does_not_run_when_killed),
    BODY(parents_exit_ends_a_trapping_server),
    BODY(forged_exit_is_only_a_message),
    BODY(server_stop_waits_for_the_end),
    BODY(exported_server_starts_by_name),
#undef BODY
};

/* The body of this index behaves as its name says. */
START_TEST(body)
{
    node_fixture_run(bodies[_i].body);
}
END_TEST

static void add_cases(Suite *suite, const char *kind, SFun set_up)
{
    for (int i = 0; i < (int)(sizeof(bodies) / sizeof(bodies[0])); ++i) {
        char name[96];
        (void)snprintf(name, sizeof(name), "%s, %s", bodies[i].name, kind);
        TCase *one = tcase_create(name);
        tcase_add_checked_fixture(one, set_up, node_fixture_end);
        tcase_set_timeout(one, 60);
        tcase_add_loop_test(one, body, i, i + 1);
        suite_add_tcase(suite, one);
    }
}

int main(void)
{
    Suite *suite = suite_create("server");
    add_cases(suite, "threads", node_fixture_threaded);
    add_cases(suite, "stepped", node_fixture_stepped);
    TCase *outside = tcase_create("outside");
    tcase_add_checked_fixture(outside, node_fixture_threaded, node_fixture_end);
    tcase_add_test(outside, outside_start_returns_what_init_returned);
    tcase_add_test(outside, outside_start_sees_a_failed_init);
    tcase_add_test(outside, declared_state_is_printed);
    suite_add_tcase(suite, outside);
    TCase *outside_stepped = tcase_create("outside, stepped");
    tcase_add_checked_fixture(outside_stepped, node_fixture_stepped, node_fixture_end);
    tcase_add_test(outside_stepped, outside_start_returns_what_init_returned);
    suite_add_tcase(suite, outside_stepped);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
